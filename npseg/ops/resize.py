"""Bilinear resizing: each output pixel lies between two input pixels on each axis, and takes a share of both.

As a matrix it is R, the Kronecker product of one matrix for each axis with two weights a row; forward applies
these one after the other, and backward their transposes. It replicates the border, and so differs there from
FCN's upsampling by a transposed convolution with :func:`bilinear_kernel`, which fades towards zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from npseg import arguments, room
from npseg.backend import Array, array_module
from npseg.geometry import Ints
from npseg.methods.entries import kept_interpolation


class ResizeBilinearCache(NamedTuple):
    """What :func:`resize_bilinear_backward` needs of the forward pass.

    Attributes
    ----------
    shape : tuple of int
        The input's.
    size : tuple of int
        Spatial size of the output.
    dtype : str
        The input's.
    align_corners : bool
        As given.
    """

    shape: Ints
    size: Ints
    dtype: str
    align_corners: bool


def resize_bilinear_forward(
    x: Array, size: int | Sequence[int], *, align_corners: bool = False
) -> tuple[Array, ResizeBilinearCache]:
    """Resize images bilinearly (linearly with one spatial axis, trilinearly with three).

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images.
    size : int, or one per axis
        Spatial size of the output, in pixels.
    align_corners : bool
        Lay the centres of the corner pixels over each other; otherwise the corners of the images.

    Returns
    -------
    y : (N, C, *size) array of x's dtype
        The resized images.
    cache : ResizeBilinearCache
        For :func:`resize_bilinear_backward`.

    Raises
    ------
    ValueError
        If a size is below 1.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> resize_bilinear_forward(np.array([[[1.0, 2]]]), 4)[0]
    array([[[1.  , 1.25, 1.75, 2.  ]]])
    """
    op = "resize_bilinear_forward"
    arguments.arrays(op, x=x)
    n = arguments.spatial(op, "x", x)
    size = arguments.axes(op, "size", size, n)
    align = arguments.flag(op, "align_corners", align_corners)
    room.check(op, f"the output of size={size}", (*x.shape[:2], *size), x)
    # Two weights of each pixel, with their indices.
    room.check(op, f"the weights of size={size}", (max(size),), x, 128)
    y = x
    for axis, matrix in enumerate(_matrices(x.shape[2:], size, align, x), start=2):
        y = _along(matrix, y, axis)
    return y, ResizeBilinearCache(x.shape, size, str(x.dtype), align)


def resize_bilinear_backward(dout: Array, cache: ResizeBilinearCache) -> Array:
    """Give the gradient back to the pixels, each its share.

    Parameters
    ----------
    dout : (N, C, *size) array
        Gradient with respect to the output.
    cache : ResizeBilinearCache
        From :func:`resize_bilinear_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``Rᵀ dout``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = resize_bilinear_forward(np.array([[[1.0, 2]]]), 4)
    >>> resize_bilinear_backward(np.array([[[1.0, 0, 4, 0]]]), cache)
    array([[[2., 3.]]])
    """
    op = "resize_bilinear_backward"
    shape, size, dtype, align = arguments.kept(op, cache, ResizeBilinearCache)
    arguments.gradient(op, dout, (*shape[:2], *size), dtype)
    dx = dout
    for axis, matrix in enumerate(_matrices(shape[2:], size, align, dout), start=2):
        dx = _along(matrix.T, dx, axis)
    return dx


def bilinear_kernel(factor: int, *, size: int | None = None) -> np.ndarray:
    """Return the kernel with which a transposed convolution of stride ``factor`` upsamples bilinearly.

    Parameters
    ----------
    factor : int
        How many times larger the output is.
    size : int, optional
        Taps on each axis; ``2 * factor`` unless given, ``2 * factor - 1`` being the odd one of the same kind.

    Returns
    -------
    (size, size) float64 array
        Each of its ``factor**2`` phases sums to 1.

    Raises
    ------
    ValueError
        If the factor is below 1, or the size is neither 2 factor nor 2 factor - 1.

    References
    ----------
    Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", 2015, section 3.3,
    and ``surgery.py`` of their code.

    Examples
    --------
    >>> bilinear_kernel(2)[0] * 16
    array([1., 3., 3., 1.])
    """
    op = "bilinear_kernel"
    factor = arguments.integer(op, "factor", factor, 1)
    size = 2 * factor if size is None else arguments.integer(op, "size", size, 1)
    if size not in (2 * factor, 2 * factor - 1):
        raise ValueError(f"{op}: size={size}; factor {factor} needs {2 * factor} or {2 * factor - 1} taps")
    room.check(op, f"the kernel of factor={factor}", (size, size), np.zeros(0))
    line = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
    return np.outer(line, line)


def _matrices(before: Ints, after: Ints, align_corners: bool, like: Array) -> list[Array]:
    """Return the matrix of each axis, of the library and dtype of ``like``."""
    dtype, xp = str(like.dtype), array_module(like)
    return [kept_interpolation(size, out, align_corners, dtype, xp) for size, out in zip(before, after)]


def _along(matrix: Array, x: Array, axis: int) -> Array:
    """Apply a matrix to one axis of an array."""
    lines = x.swapaxes(0, axis)
    result = matrix @ lines.reshape(lines.shape[0], -1)
    return result.reshape(matrix.shape[0], *lines.shape[1:]).swapaxes(0, axis)
