"""Unpooling: from one value for each window back to an image, and nothing is learned.

Each way up is the transpose of a way down. Max unpooling, ``Pᵀ``, puts values back to where max pooling's
winners stood. Bed of nails, ``Dᵀ``, puts each at the first pixel of its block: max unpooling with the winner
always there. Nearest-neighbour unpooling, ``K Aᵀ``, fills the block. The backward passes go down again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from npseg import arguments, room, windows
from npseg.backend import Array, array_module
from npseg.geometry import Ints, Window, smallest_size, times
from npseg.methods.choose import method as find_method


class MaxUnpoolCache(NamedTuple):
    """What :func:`max_unpool_backward` needs of the forward pass; so does :func:`bed_of_nails_unpool_backward`.

    Attributes
    ----------
    indices : (N, C, *spatial) int array
        Where each value went, as flat indices into the output plane.
    size : tuple of int
        Spatial size of the output.
    dtype : str
        The input's.
    method : str
        The method that computed, and will.
    """

    indices: Array
    size: Ints
    dtype: str
    method: str


class NearestUnpoolCache(NamedTuple):
    """What :func:`nearest_unpool_backward` needs of the forward pass.

    Attributes
    ----------
    planes : (N, C)
        Images and channels.
    window : Window
        The blocks, from the output (below) to the input (above).
    dtype : str
        The input's.
    method : str
        The method that computed, and will.
    """

    planes: tuple[int, int]
    window: Window
    dtype: str
    method: str


def max_unpool_forward(
    x: Array,
    indices: Array,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    output_size: int | Sequence[int] | None = None,
    method: str = "im2col",
) -> tuple[Array, MaxUnpoolCache]:
    """Put values to where the winners of a max pooling stood, and zeros elsewhere.

    Values that go to one place add up, so that this is exactly the transpose of the pooling.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        The values; with ``method="loops"`` also an object array.
    indices : (N, C, *spatial) int array
        Flat indices into each output plane, such as ``cache.indices`` of :func:`npseg.max_pool_forward`.
    kernel_size, stride, padding
        Those of the pooling.
    output_size : int, or one per axis, optional
        Spatial size of the output, that of the pooling's input. Give it wherever the pooling had a remainder:
        the indices are flat, and mean other pixels in a plane of another width.
    method : str
        How to compute: "loops", "matrix", or any other name of :func:`npseg.conv_forward`'s, which are one here.

    Returns
    -------
    y : (N, C, *out) array of x's dtype
        ``out = stride * (size - 1) + kernel - padding`` on each axis, unless given.
    cache : MaxUnpoolCache
        For :func:`max_unpool_backward`.

    Raises
    ------
    ValueError
        If an index lies outside the output, or the output size is not one that pooling maps to x's.
    TypeError
        If x is not a float array, or the indices are not whole numbers.

    References
    ----------
    Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014; Noh, Hong & Han,
    "Learning deconvolution network for semantic segmentation", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> indices = np.array([[[[5, 2], [12, 15]]]])
    >>> max_unpool_forward(np.array([[[[1.0, 2], [3, 4]]]]), indices, 2)[0][0, 0]
    array([[0., 0., 2., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 0.],
           [3., 0., 0., 4.]])
    """
    op = "max_unpool_forward"
    maps = find_method(op, method, x)
    arguments.arrays(op, exact=method == "loops", x=x)
    n = arguments.spatial(op, "x", x)
    kernel = arguments.axes(op, "kernel_size", kernel_size, n)
    size = _unpooled_size(op, x.shape[2:], kernel, stride, padding, output_size)
    arguments.indices(op, indices, x, size)
    room.check(op, "the output, by kernel_size, stride and output_size", (*x.shape[:2], *size), x)
    y = arguments.named(op, lambda: maps.put(x, indices, size))
    return y, MaxUnpoolCache(indices, size, str(x.dtype), method)


def max_unpool_backward(dout: Array, cache: MaxUnpoolCache) -> Array:
    """Take the gradient up from where the values went.

    Parameters
    ----------
    dout : (N, C, *out) array
        Gradient with respect to the output.
    cache : MaxUnpoolCache
        From :func:`max_unpool_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``P dout``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = max_unpool_forward(np.array([[[1.0, 2]]]), np.array([[[1, 2]]]), 2)
    >>> max_unpool_backward(np.array([[[1.0, 2, 3, 4]]]), cache)
    array([[[2., 3.]]])
    """
    return _take("max_unpool_backward", dout, cache)


def bed_of_nails_unpool_forward(
    x: Array, scale: int | Sequence[int], *, method: str = "im2col"
) -> tuple[Array, MaxUnpoolCache]:
    """Put each value at the first pixel of its block, and zeros elsewhere.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        The values; with ``method="loops"`` also an object array.
    scale : int, or one per axis
        Size of a block.
    method : str
        How to compute: "loops", "matrix", or any other name of :func:`npseg.conv_forward`'s, which are one here.

    Returns
    -------
    y : (N, C, *out) array of x's dtype
        ``out = scale * size`` on each axis.
    cache : MaxUnpoolCache
        For :func:`bed_of_nails_unpool_backward`.

    Raises
    ------
    ValueError
        If the scale is below 1.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> bed_of_nails_unpool_forward(np.array([[[[1.0, 2], [3, 4]]]]), 2)[0][0, 0]
    array([[1., 0., 2., 0.],
           [0., 0., 0., 0.],
           [3., 0., 4., 0.],
           [0., 0., 0., 0.]])
    """
    op = "bed_of_nails_unpool_forward"
    maps = find_method(op, method, x)
    window = _blocks(op, x, scale, method)
    xp = array_module(x)
    room.for_indices(op, window, x)
    nails = xp.broadcast_to(window.first(xp).reshape(window.out), x.shape)
    y = arguments.named(op, lambda: maps.put(x, nails, window.size))
    return y, MaxUnpoolCache(nails, window.size, str(x.dtype), method)


def bed_of_nails_unpool_backward(dout: Array, cache: MaxUnpoolCache) -> Array:
    """Take the gradient up from the first pixel of each block.

    Parameters
    ----------
    dout : (N, C, *out) array
        Gradient with respect to the output.
    cache : MaxUnpoolCache
        From :func:`bed_of_nails_unpool_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``D dout``, every s-th pixel.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = bed_of_nails_unpool_forward(np.array([[[1.0, 2]]]), 2)
    >>> bed_of_nails_unpool_backward(np.array([[[1.0, 2, 3, 4]]]), cache)
    array([[[1., 3.]]])
    """
    return _take("bed_of_nails_unpool_backward", dout, cache)


def nearest_unpool_forward(
    x: Array, scale: int | Sequence[int], *, method: str = "im2col"
) -> tuple[Array, NearestUnpoolCache]:
    """Repeat each value all over its block.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        The values; with ``method="loops"`` also an object array.
    scale : int, or one per axis
        Size of a block.
    method : str
        How to compute: "loops", "matrix", or any other name of :func:`npseg.conv_forward`'s, which are one here.

    Returns
    -------
    y : (N, C, *out) array of x's dtype
        ``out = scale * size`` on each axis.
    cache : NearestUnpoolCache
        For :func:`nearest_unpool_backward`.

    Raises
    ------
    ValueError
        If the scale is below 1.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_unpool_forward(np.array([[[[1.0, 2], [3, 4]]]]), 2)[0][0, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.],
           [3., 3., 4., 4.],
           [3., 3., 4., 4.]])
    """
    op = "nearest_unpool_forward"
    maps = find_method(op, method, x)
    window = _blocks(op, x, scale, method)
    y = arguments.named(
        op, lambda: maps.spread(x, window.size, **window.blocks, include_padding=True, divisor=1)
    )
    return y, NearestUnpoolCache(x.shape[:2], window, str(x.dtype), method)


def nearest_unpool_backward(dout: Array, cache: NearestUnpoolCache) -> Array:
    """Add up the gradient of each block.

    Parameters
    ----------
    dout : (N, C, *out) array
        Gradient with respect to the output.
    cache : NearestUnpoolCache
        From :func:`nearest_unpool_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``K A dout``, average pooling without the division.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = nearest_unpool_forward(np.array([[[1.0, 2]]]), 2)
    >>> nearest_unpool_backward(np.array([[[1.0, 2, 3, 4]]]), cache)
    array([[[3., 7.]]])
    """
    op = "nearest_unpool_backward"
    planes, window, dtype, method = arguments.kept(op, cache, NearestUnpoolCache)
    arguments.gradient(op, dout, (*planes, *window.size), dtype)
    return find_method(op, method, dout).mean(
        dout, window.out, **window.blocks, include_padding=True, divisor=1
    )


def _take(op: str, dout: Array, cache: MaxUnpoolCache) -> Array:
    """Take a gradient up from where values were put."""
    cache = arguments.kept(op, cache, MaxUnpoolCache)
    indices, size = cache.indices, cache.size
    arguments.gradient(op, dout, (*indices.shape[:2], *size), cache.dtype, indices=indices)
    return find_method(op, cache.method).take(dout, indices)


def _blocks(op: str, x: Array, scale: int | Sequence[int], method: str) -> Window:
    """Return the blocks that values are unpooled to: windows side by side, without a border."""
    arguments.arrays(op, exact=method == "loops", x=x)
    arguments.spatial(op, "x", x)
    window = windows.blocks(op, x.shape[2:], scale)
    room.check(op, f"the output of scale={scale}", (*x.shape[:2], *window.size), x)
    return window


def _unpooled_size(
    op: str,
    size: Ints,
    kernel: Ints,
    stride: int | Sequence[int] | None,
    padding: object,
    output_size: int | Sequence[int] | None,
) -> Ints:
    """Return the spatial size of max unpooling's output: as asked for, if pooling maps that to ``size``."""
    n = len(size)
    steps = kernel if stride is None else arguments.axes(op, "stride", stride, n)
    pairs = arguments.padding_pairs(op, padding, n)
    default = smallest_size(size, kernel, stride=steps, padding=pairs, dilation=(1,) * n)
    wanted = default if output_size is None else arguments.axes(op, "output_size", output_size, n)
    # Below the default lies what ceil mode has rounded up, above it what the floor has rounded down.
    if min(wanted) < 1 or not all(d - s < got < d + s for d, got, s in zip(default, wanted, steps)):
        ranges = " by ".join(f"{max(1, d - s + 1)} to {d + s - 1}" for d, s in zip(default, steps))
        raise ValueError(f"{op}: output_size={times(wanted)} cannot be had; {ranges} can")
    return wanted
