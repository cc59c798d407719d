"""Transposed convolution: each pixel stamps its kernel onto a larger plane, and overlaps add up.

As a matrix it is Cᵀ, the transpose of a convolution with the same weights, stride, padding and dilation; so it
goes from that convolution's output back to the size of its input. ``padding`` crops what the stamps made, as
the convolution's padding had enlarged its input. ``output_padding`` says *which* of the sizes that the
convolution maps to this one is meant; it pads nothing. And its backward goes down through C: the gradient with
respect to the input *is* a convolution of ``dout``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from npseg import arguments, room, windows
from npseg.backend import Array
from npseg.geometry import Window
from npseg.methods.choose import method as find_method


class ConvTransposeCache(NamedTuple):
    """What :func:`conv_transpose_backward` needs of the forward pass.

    Attributes
    ----------
    x, w : array
        Input and weights.
    has_bias : bool
        Whether b was given.
    window : Window
        The windows of the convolution that this transposes: from the output (below) to the input (above).
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


def conv_transpose_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    output_padding: int | Sequence[int] = 0,
    output_size: int | Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    method: str = "im2col",
) -> tuple[Array, ConvTransposeCache]:
    """Apply the transpose of a convolution.

    Parameters
    ----------
    x : (N, C_in, *spatial) array, float32 or float64
        Images with one, two or three spatial axes; with ``method="loops"`` also an object array.
    w : (C_in, C_out/groups, *kernel) array of x's dtype
        Kernels: the very array of the convolution from C_out to C_in channels that this transposes.
    b : (C_out,) array of x's dtype, optional
        Bias, added to each output channel.
    stride : int, or one per axis
        Pixels of the output from one stamp to the next.
    padding : int, or one per axis, or a (before, after) pair per axis
        Pixels cropped from the ends of the output.
    output_padding : int, or one per axis
        Pixels given back at the end, below max(stride, dilation): first those that ``padding`` cropped, then
        zeros. Below the stride, the pair with the forward convolution is an exact transpose.
    output_size : int, or one per axis, optional
        The output's spatial size, in place of ``output_padding``.
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
        ``out = stride * (size - 1) + dilation * (kernel - 1) + 1 - padding + output_padding`` on each axis.
    cache : ConvTransposeCache
        For :func:`conv_transpose_backward`.

    Raises
    ------
    ValueError
        If shapes do not fit together, nothing is left of the output, its size cannot be had, or memory is short.
    TypeError
        If the arrays are not all float32 or all float64.

    See Also
    --------
    npseg.conv_forward : what it is the transpose of.
    npseg.conv_matrix : the matrix that is transposed.

    References
    ----------
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", relationships 8-14.

    Examples
    --------
    The lecture's kernel (x, y, z) = (2, 3, 5) on (a, b) = (7, 11): [ax, ay, az+bx, by, bz].

    >>> import numpy as np
    >>> y, cache = conv_transpose_forward(np.array([[[7.0, 11]]]), np.array([[[2.0, 3, 5]]]), stride=2)
    >>> y
    array([[[14., 21., 57., 33., 55.]]])
    """
    op = "conv_transpose_forward"
    maps = find_method(op, method, x)
    arguments.arrays(op, exact=method == "loops", x=x, w=w, b=b)
    n = arguments.spatial(op, "x", x)
    groups = arguments.integer(op, "groups", groups, 1)
    arguments.channels(op, x, w, b, groups, transposed=True)
    window = windows.stamping(
        op,
        x.shape[2:],
        w.shape[2:],
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        output_size=output_size,
        dilation=dilation,
    )
    room.for_windows(op, window, x, images=len(x), below=groups * w.shape[1], above=len(w))

    memo: dict[str, Any] = {}
    y = arguments.named(
        op, lambda: maps.correlate_adjoint_x(x, w, window.size, **window.steps, groups=groups, memo=memo)
    )
    if b is not None:
        y += arguments.per_channel(b, n)
    return y, ConvTransposeCache(x, w, b is not None, window, groups, method, memo)


def conv_transpose_backward(dout: Array, cache: ConvTransposeCache) -> tuple[Array, Array, Array | None]:
    """Carry a gradient back through a transposed convolution.

    Parameters
    ----------
    dout : (N, C_out, *out) array
        Gradient with respect to the output.
    cache : ConvTransposeCache
        From :func:`conv_transpose_forward`.

    Returns
    -------
    dx : (N, C_in, *spatial) array
        Gradient with respect to x: ``C dout``, a convolution.
    dw : (C_in, C_out/groups, *kernel) array
        Gradient with respect to w: that of the convolution with input and output exchanged.
    db : (C_out,) array or None
        Gradient with respect to b; None when there was none.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.array([[[2.0, 3, 5]]])
    >>> y, cache = conv_transpose_forward(np.array([[[7.0, 11]]]), w, stride=2, padding=1, output_padding=1)
    >>> dx, dw, db = conv_transpose_backward(np.array([[[7.0, 11, 13, 17]]]), cache)
    >>> dx
    array([[[ 76., 146.]]])
    """
    op = "conv_transpose_backward"
    x, w, has_bias, window, groups, method, memo = arguments.kept(op, cache, ConvTransposeCache)
    maps = find_method(op, method)
    arguments.gradient(op, dout, (len(x), groups * w.shape[1], *window.size), str(x.dtype), x=x)

    dx = maps.correlate(dout, w, window.out, **window.steps, groups=groups, memo=memo)
    dw = maps.correlate_adjoint_w(dout, x, window.kernel, **window.steps, groups=groups, memo=memo)
    db = dout.sum(axis=arguments.but_channels(dout)) if has_bias else None
    return dx, dw, db
