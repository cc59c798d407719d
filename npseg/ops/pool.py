"""Pooling: one value for each window, the largest or the average.

Max pooling is a matrix P with a single 1 in each row, at the window's winner: forward takes the winners up,
``P x``, and backward puts the gradient down to where they stood, ``Pᵀ dout``. Average pooling is a matrix A, and
its backward Aᵀ shares the gradient out. :mod:`npseg.ops.unpool` is the same four maps, the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from npseg import arguments, room, windows
from npseg.backend import Array
from npseg.geometry import Window
from npseg.methods.choose import method as find_method


class MaxPoolCache(NamedTuple):
    """What :func:`max_pool_backward` needs of the forward pass, and max unpooling of its pooling.

    Attributes
    ----------
    indices : (N, C, *out) int array
        The winners, as flat indices into the unpadded input plane of their image and channel.
    window : Window
        The windows, from the input (below) to the output (above).
    dtype : str
        The input's.
    method : str
        The method that computed, and will.
    """

    indices: Array
    window: Window
    dtype: str
    method: str


class AvgPoolCache(NamedTuple):
    """What :func:`avg_pool_backward` needs of the forward pass.

    Attributes
    ----------
    planes : (N, C)
        Images and channels.
    window : Window
        The windows, from the input (below) to the output (above).
    include_padding : bool
        Whether the divisor counts the padding.
    divisor : float or None
        Divisor in place of the count.
    dtype : str
        The input's.
    method : str
        The method that computed, and will.
    """

    planes: tuple[int, int]
    window: Window
    include_padding: bool
    divisor: float | None
    dtype: str
    method: str


def max_pool_forward(
    x: Array,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    method: str = "im2col",
) -> tuple[Array, MaxPoolCache]:
    """Take the largest pixel of each window.

    The border never wins, not even against -inf. Of equal pixels the first in row-major order wins, and a NaN
    wins over all.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images with one, two or three spatial axes.
    kernel_size : int, or one per axis
        Size of a window.
    stride : int, or one per axis, optional
        Pixels from one window to the next; the kernel's size unless given.
    padding : int, or one per axis, or a (before, after) pair per axis
        Border around the image; each window must hold at least one real pixel.
    dilation : int, or one per axis
        Pixels from one place of the window to the next; 1 is none.
    ceil_mode : bool
        Round the output's size up: a last window may hang over the end.
    method : str
        How to compute: "loops", "matrix", or any other name of :func:`npseg.conv_forward`'s, which are one here.

    Returns
    -------
    y : (N, C, *out) array of x's dtype
        The winners' values.
    cache : MaxPoolCache
        For :func:`max_pool_backward`; ``cache.indices`` says where the winners stood.

    Raises
    ------
    ValueError
        If the window does not fit, or one holds only padding.
    TypeError
        If x is not a float32 or float64 array.

    See Also
    --------
    npseg.max_unpool_forward : puts values back to where the winners stood.

    Examples
    --------
    The lecture's:

    >>> import numpy as np
    >>> x = np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]]])
    >>> y, cache = max_pool_forward(x, 2)
    >>> y[0, 0]
    array([[5., 6.],
           [7., 8.]])
    >>> cache.indices[0, 0]
    array([[ 5,  2],
           [12, 15]], dtype=int32)
    """
    op = "max_pool_forward"
    maps = find_method(op, method, x)
    arguments.arrays(op, x=x)
    arguments.spatial(op, "x", x)
    window = windows.pooling(
        op, x.shape[2:], kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    room.for_windows(op, window, x, images=len(x), below=x.shape[1], above=x.shape[1])
    if method != "loops":  # which needs no table
        room.for_indices(op, window, x)
    y, indices = arguments.named(op, lambda: maps.argmax(x, window.out, kernel=window.kernel, **window.steps))
    return y, MaxPoolCache(indices, window, str(x.dtype), method)


def max_pool_backward(dout: Array, cache: MaxPoolCache) -> Array:
    """Carry a gradient back to the winners, adding up where one pixel has won several windows.

    Parameters
    ----------
    dout : (N, C, *out) array
        Gradient with respect to the output.
    cache : MaxPoolCache
        From :func:`max_pool_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``Pᵀ dout``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = max_pool_forward(np.array([[[1.0, 3, 2]]]), 2, stride=1)
    >>> max_pool_backward(np.array([[[10.0, 1]]]), cache)
    array([[[ 0., 11.,  0.]]])
    """
    op = "max_pool_backward"
    cache = arguments.kept(op, cache, MaxPoolCache)
    arguments.gradient(op, dout, cache.indices.shape, cache.dtype, indices=cache.indices)
    return find_method(op, cache.method).put(dout, cache.indices, cache.window.size)


def avg_pool_forward(
    x: Array,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
    method: str = "im2col",
) -> tuple[Array, AvgPoolCache]:
    """Take the average of each window.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images with one, two or three spatial axes; with ``method="loops"`` also an object array.
    kernel_size, stride, padding, ceil_mode, method
        As in :func:`max_pool_forward`; the border counts as zeros.
    count_include_pad : bool
        Divide by the places inside the padded image, or else by the real pixels only. What hangs over the
        padding, in ceil mode, is never counted.
    divisor_override : float, optional
        Divide by this instead: any number but zero.

    Returns
    -------
    y : (N, C, *out) array of x's dtype
        The averages.
    cache : AvgPoolCache
        For :func:`avg_pool_backward`.

    Raises
    ------
    ValueError
        If the window does not fit, or one holds only padding, or the divisor is 0.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0, 2, 3, 4, 5]]])
    >>> avg_pool_forward(x, 2, padding=1)[0]
    array([[[0.5, 2.5, 4.5]]])
    >>> avg_pool_forward(x, 2, padding=1, count_include_pad=False)[0]
    array([[[1. , 2.5, 4.5]]])
    """
    op = "avg_pool_forward"
    maps = find_method(op, method, x)
    arguments.arrays(op, exact=method == "loops", x=x)
    arguments.spatial(op, "x", x)
    window = windows.pooling(
        op, x.shape[2:], kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode
    )
    room.for_windows(op, window, x, images=len(x), below=x.shape[1], above=x.shape[1])
    include = arguments.flag(op, "count_include_pad", count_include_pad)
    divisor = arguments.divisor(op, divisor_override)
    y = arguments.named(
        op, lambda: maps.mean(x, window.out, **window.blocks, include_padding=include, divisor=divisor)
    )
    return y, AvgPoolCache(x.shape[:2], window, include, divisor, str(x.dtype), method)


def avg_pool_backward(dout: Array, cache: AvgPoolCache) -> Array:
    """Share a gradient out over the pixels of each window.

    Parameters
    ----------
    dout : (N, C, *out) array
        Gradient with respect to the output.
    cache : AvgPoolCache
        From :func:`avg_pool_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``Aᵀ dout``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = avg_pool_forward(np.ones((1, 1, 4)), 2)
    >>> avg_pool_backward(np.array([[[2.0, 4]]]), cache)
    array([[[1., 1., 2., 2.]]])
    """
    op = "avg_pool_backward"
    planes, window, include, divisor, dtype, method = arguments.kept(op, cache, AvgPoolCache)
    arguments.gradient(op, dout, (*planes, *window.out), dtype)
    spread = find_method(op, method, dout).spread
    return spread(dout, window.size, **window.blocks, include_padding=include, divisor=divisor)
