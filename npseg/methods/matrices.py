"""The explicit matrices, as sparse arrays.

Everything in the lecture is one theorem. Cutting windows out is a matrix S of zeros and ones, and a
convolution is

    C = kron(W, I) @ kron(I, S)

where kron(I, S) cuts windows out of every channel, and kron(W, I) combines channels and taps in the same way
for every window. Pooling is S too, with all but one 1 of each window struck out (P), or with the taps of each
window added and divided (A). Every way up is the transpose of one of these.

Here they are for the user to look at; :mod:`npseg.methods.entries` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

from npseg import arguments, windows
from npseg.backend import Array, current
from npseg.geometry import Window
from npseg.methods.entries import (
    averaging,
    convolution,
    cutting,
    interpolation,
    kron,
    refuse_large,
    selection,
    winners,
)


def conv_matrix(
    w: Array,
    input_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Write a convolution out as a matrix C: ``C @ x.ravel()`` is the output, ``C.T`` the transpose.

    Parameters
    ----------
    w : (C_out, C_in/groups, *kernel) array, float32 or float64
        The kernels.
    input_size : int, or one per axis
        Spatial size of the input, P pixels in all.
    stride, dilation : int, or one per axis
        As in :func:`npseg.conv_forward`.
    padding : int, or one per axis, or a (before, after) pair per axis, or "same" or "valid"
        As in :func:`npseg.conv_forward`.
    groups : int
        As in :func:`npseg.conv_forward`.

    Returns
    -------
    (C_out*L, C_in*P) sparse array in CSR form, with int32 indices
        ``L`` is the number of windows; channels before pixels, as in ``x.ravel()``.

    Raises
    ------
    ValueError
        If the kernel does not fit, or the matrix would take over 2 GiB.
    TypeError
        If w is not a float32 or float64 array.

    References
    ----------
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", section 4.1.

    Examples
    --------
    The lecture's, kernel (x, y, z) = (2, 3, 5), on a signal padded by hand:

    >>> import numpy as np
    >>> conv_matrix(np.array([[[2.0, 3, 5]]]), 6, stride=2).toarray()
    array([[2., 3., 5., 0., 0., 0.],
           [0., 0., 2., 3., 5., 0.]])
    """
    op = "conv_matrix"
    arguments.arrays(op, w=w)
    n = arguments.spatial(op, "w", w, "C_out, C_in/groups")
    groups = arguments.integer(op, "groups", groups, 1)
    if w.shape[0] % groups or 0 in w.shape:
        raise ValueError(
            f"{op}: groups={groups} does not divide the channels of w {w.shape}, or there are none"
        )
    size = arguments.axes(op, "input_size", input_size, n)
    window = windows.sliding(op, size, w.shape[2:], stride=stride, padding=padding, dilation=dilation)
    return arguments.named(op, lambda: convolution(w, window, groups))


def im2col_matrix(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    channels: int = 1,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
) -> Array:
    """Write im2col out as a matrix S of zeros and ones; its transpose is col2im.

    Parameters
    ----------
    input_size, kernel_size : int, or one per axis
        Of the input, P pixels, and of a window, K taps. At least one of the two says how many axes there are.
    channels : int
        Channels C of the input.
    stride, padding, dilation
        As in :func:`npseg.im2col`.

    Returns
    -------
    (C*K*L, C*P) sparse array in CSR form, float64, with int32 indices

    Raises
    ------
    ValueError
        If the window does not fit, or the matrix would take over 2 GiB.

    Examples
    --------
    >>> im2col_matrix(4, 3, stride=2, padding=1).toarray().astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 0, 0],
           [1, 0, 0, 0],
           [0, 0, 1, 0],
           [0, 1, 0, 0],
           [0, 0, 0, 1]])
    """
    op = "im2col_matrix"
    n = arguments.rank(op, input_size=input_size, kernel_size=kernel_size)
    size = arguments.axes(op, "input_size", input_size, n)
    channels = arguments.integer(op, "channels", channels, 1)
    window = windows.sliding(op, size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    return arguments.named(op, lambda: cutting(window, channels, current().empty(0)))


def max_pool_matrix(
    x: Array,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Array:
    """Write max pooling out as a matrix P, one 1 a row, at the winner; its transpose is max unpooling.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        The images, whose pixels decide who wins.
    kernel_size, stride, padding, dilation, ceil_mode
        As in :func:`npseg.max_pool_forward`.

    Returns
    -------
    (N*C*L, N*C*P) sparse array in CSR form, of x's dtype, with int32 indices

    Raises
    ------
    ValueError
        If the window does not fit, or holds only padding.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool_matrix(np.array([[[1.0, 3, 2, 0]]]), 2).toarray()
    array([[0., 1., 0., 0.],
           [0., 0., 1., 0.]])
    """
    op = "max_pool_matrix"
    arguments.arrays(op, x=x)
    arguments.spatial(op, "x", x)
    window = windows.pooling(
        op,
        x.shape[2:],
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    return arguments.named(op, lambda: selection(winners(x, window), window.size, x.dtype).csr())


def avg_pool_matrix(
    input_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: float | None = None,
) -> Array:
    """Write average pooling out as a matrix A.

    Parameters
    ----------
    input_size : int, or one per axis
        Spatial size of the input, P pixels in all.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in :func:`npseg.avg_pool_forward`.

    Returns
    -------
    (L, P) sparse array in CSR form, float64, with int32 indices

    Raises
    ------
    ValueError
        If the window does not fit, or holds only padding, or the divisor is 0.

    Examples
    --------
    >>> avg_pool_matrix(4, 2).toarray()
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]])
    """
    op = "avg_pool_matrix"
    n = arguments.rank(op, input_size=input_size, kernel_size=kernel_size)
    window = windows.pooling(
        op,
        arguments.axes(op, "input_size", input_size, n),
        kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
    )
    override = arguments.divisor(op, divisor_override)
    include = arguments.flag(op, "count_include_pad", count_include_pad)
    return arguments.named(op, lambda: averaging(window, include, override, current().empty(0)).csr())


def nearest_unpool_matrix(input_size: int | Sequence[int], scale: int | Sequence[int]) -> Array:
    """Write nearest-neighbour unpooling out as a matrix: K times the transpose of average pooling.

    Parameters
    ----------
    input_size, scale : int, or one per axis
        Spatial size of the input, L pixels in all, and how many times each is repeated.

    Returns
    -------
    (P, L) sparse array in CSR form, float64, with int32 indices

    Raises
    ------
    ValueError
        If an argument is below 1, or the matrix would take over 2 GiB.

    Examples
    --------
    >>> nearest_unpool_matrix(2, 2).toarray().astype(int)
    array([[1, 0],
           [1, 0],
           [0, 1],
           [0, 1]])
    """
    op = "nearest_unpool_matrix"
    window = _unpooling_window(op, input_size, scale)
    units, pixels = prod(window.out), prod(window.size)
    arguments.named(op, lambda: refuse_large(pixels, 8, (pixels, units)))
    return averaging(window, True, 1, current().empty(0)).T.csr()


def bed_of_nails_matrix(input_size: int | Sequence[int], scale: int | Sequence[int]) -> Array:
    """Write bed-of-nails unpooling out as a matrix: the transpose of taking every s-th pixel.

    Parameters
    ----------
    input_size, scale : int, or one per axis
        Spatial size of the input, L pixels in all, and the size of the block whose first pixel gets the value.

    Returns
    -------
    (P, L) sparse array in CSR form, float64, with int32 indices

    Raises
    ------
    ValueError
        If an argument is below 1, or the matrix would take over 2 GiB.

    Examples
    --------
    >>> bed_of_nails_matrix(2, 2).toarray().astype(int)
    array([[1, 0],
           [0, 0],
           [0, 1],
           [0, 0]])
    """
    op = "bed_of_nails_matrix"
    window = _unpooling_window(op, input_size, scale)
    units, pixels = prod(window.out), prod(window.size)
    arguments.named(op, lambda: refuse_large(units, 8, (pixels, units)))
    nails = window.first(current()).reshape(1, 1, -1)
    return selection(nails, window.size, "float64").T.csr()


def resize_bilinear_matrix(
    input_size: int | Sequence[int], size: int | Sequence[int], *, align_corners: bool = False
) -> Array:
    """Write bilinear resizing out as a matrix R, the Kronecker product of its axes' matrices.

    Parameters
    ----------
    input_size, size : int, or one per axis
        Spatial size before, P pixels, and after, Q pixels.
    align_corners : bool
        As in :func:`npseg.resize_bilinear_forward`.

    Returns
    -------
    (Q, P) sparse array in CSR form, float64, with int32 indices

    Raises
    ------
    ValueError
        If a size is below 1, or the matrix would take over 2 GiB.

    Examples
    --------
    >>> resize_bilinear_matrix(2, 4).toarray()
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    op = "resize_bilinear_matrix"
    n = arguments.rank(op, input_size=input_size, size=size)
    before = arguments.axes(op, "input_size", input_size, n)
    after = arguments.axes(op, "size", size, n)
    align_corners = arguments.flag(op, "align_corners", align_corners)
    arguments.named(op, lambda: refuse_large(prod(after) * 2**n, 8, (prod(after), prod(before))))
    axes = (interpolation(i, o, align_corners, "float64", current()) for i, o in zip(before, after))
    return reduce(kron, axes).csr()


def _unpooling_window(op: str, input_size: int | Sequence[int], scale: int | Sequence[int]) -> Window:
    """Return the blocks of an unpooling by a whole factor: windows side by side."""
    n = arguments.rank(op, input_size=input_size, scale=scale)
    return windows.blocks(op, arguments.axes(op, "input_size", input_size, n), scale)
