"""Convolution: slide the kernels over the image, and at each place sum up what they see.

As everywhere in this field, "convolution" means correlation: the kernel is not flipped. As a matrix it is C,
the matrix of :func:`npseg.conv_matrix`. Its backward goes up through Cᵀ, so that the gradient with respect to
the input *is* a transposed convolution of ``dout``, with the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from npseg import arguments, room, windows
from npseg.backend import Array
from npseg.geometry import Window
from npseg.methods.choose import method as find_method


class ConvCache(NamedTuple):
    """What :func:`conv_backward` needs of the forward pass.

    Attributes
    ----------
    x, w : array
        Input and weights.
    has_bias : bool
        Whether b was given.
    window : Window
        The windows, from the input (below) to the output (above).
    groups : int
        Groups of channels.
    method : str
        The method that computed, and will.
    memo : dict
        What the method has left for its adjoints.
    """

    x: Array
    w: Array
    has_bias: bool
    window: Window
    groups: int
    method: str
    memo: dict[str, Any]


def conv_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    method: str = "im2col",
) -> tuple[Array, ConvCache]:
    """Convolve images with kernels.

    Parameters
    ----------
    x : (N, C_in, *spatial) array, float32 or float64
        Images with one, two or three spatial axes; with ``method="loops"`` also an object array.
    w : (C_out, C_in/groups, *kernel) array of x's dtype
        Kernels.
    b : (C_out,) array of x's dtype, optional
        Bias, added to each output channel.
    stride : int, or one per axis
        Pixels from one window to the next.
    padding : int, or one per axis, or a (before, after) pair per axis, or "same" or "valid"
        Zeros around the image. "same", for stride 1, keeps its size; the odd zero goes after.
    dilation : int, or one per axis
        Pixels from one tap of the kernel to the next; 1 is none.
    groups : int
        The channels are cut into this many groups, which do not see each other.
    method : str
        How to compute: "im2col", "matrix" or "loops"; "subpixel", "winograd" or "winograd4", which refuse what they are
        not for; or "auto", the fastest for the shapes, to within float32's rounding.

    Returns
    -------
    y : (N, C_out, *out) array of x's dtype
        ``out = floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1`` on each axis.
    cache : ConvCache
        For :func:`conv_backward`.

    Raises
    ------
    ValueError
        If shapes do not fit together, the dilated kernel does not fit into the padded input, or memory is short.
    TypeError
        If the arrays are not all float32 or all float64.

    See Also
    --------
    conv_backward : its gradients.
    npseg.conv_transpose_forward : its transpose.

    References
    ----------
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", relationships 1-6 and 15.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[7.0, 11, 13, 17]]])
    >>> w = np.array([[[2.0, 3, 5]]])
    >>> y, cache = conv_forward(x, w, stride=2, padding=1)
    >>> y
    array([[[ 76., 146.]]])
    """
    op = "conv_forward"
    maps = find_method(op, method, x)
    arguments.arrays(op, exact=method == "loops", x=x, w=w, b=b)
    n = arguments.spatial(op, "x", x)
    groups = arguments.integer(op, "groups", groups, 1)
    arguments.channels(op, x, w, b, groups)
    window = windows.sliding(op, x.shape[2:], w.shape[2:], stride=stride, padding=padding, dilation=dilation)
    room.for_windows(op, window, x, images=len(x), below=x.shape[1], above=len(w))

    memo: dict[str, Any] = {}
    y = arguments.named(
        op, lambda: maps.correlate(x, w, window.out, **window.steps, groups=groups, memo=memo)
    )
    if b is not None:
        y += arguments.per_channel(b, n)
    return y, ConvCache(x, w, b is not None, window, groups, method, memo)


def conv_backward(dout: Array, cache: ConvCache) -> tuple[Array, Array, Array | None]:
    """Carry a gradient back through a convolution.

    Parameters
    ----------
    dout : (N, C_out, *out) array
        Gradient with respect to the output.
    cache : ConvCache
        From :func:`conv_forward`.

    Returns
    -------
    dx : (N, C_in, *spatial) array
        Gradient with respect to x: ``Cᵀ dout``, a transposed convolution.
    dw : (C_out, C_in/groups, *kernel) array
        Gradient with respect to w.
    db : (C_out,) array or None
        Gradient with respect to b; None when there was none.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype, or cache is not of :func:`conv_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = conv_forward(np.array([[[7.0, 11, 13, 17]]]), np.array([[[2.0, 3, 5]]]), stride=2, padding=1)
    >>> dx, dw, db = conv_backward(np.array([[[7.0, 11]]]), cache)
    >>> dx
    array([[[21., 57., 33., 55.]]])
    """
    op = "conv_backward"
    x, w, has_bias, window, groups, method, memo = arguments.kept(op, cache, ConvCache)
    maps = find_method(op, method)
    arguments.gradient(op, dout, (len(x), len(w), *window.out), str(x.dtype), x=x)

    dx = maps.correlate_adjoint_x(dout, w, window.size, **window.steps, groups=groups, memo=memo)
    dw = maps.correlate_adjoint_w(x, dout, window.kernel, **window.steps, groups=groups, memo=memo)
    db = dout.sum(axis=arguments.but_channels(dout)) if has_bias else None
    return dx, dw, db
