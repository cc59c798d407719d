"""Cropping: a part of the image. As a matrix it is E, and its backward Eᵀ is zero padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from npseg import arguments
from npseg.backend import Array
from npseg.geometry import Ints, times
from npseg.memory import zeros


class CropCache(NamedTuple):
    """What :func:`crop_backward` needs of the forward pass.

    Attributes
    ----------
    shape : tuple of int
        The input's.
    part : tuple of slice
        The spatial part that was kept.
    size : tuple of int
        Its size.
    dtype : str
        The input's.
    """

    shape: Ints
    part: tuple[slice, ...]
    size: Ints
    dtype: str


def crop_forward(x: Array, offset: int | Sequence[int], size: int | Sequence[int]) -> tuple[Array, CropCache]:
    """Cut a part out of each image.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images with one, two or three spatial axes.
    offset : int, or one per axis
        First pixel kept.
    size : int, or one per axis
        Pixels kept.

    Returns
    -------
    y : (N, C, *size) array of x's dtype
        The part; a view of x.
    cache : CropCache
        For :func:`crop_backward`.

    Raises
    ------
    ValueError
        If the part does not lie inside the image.
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> crop_forward(np.array([[[1.0, 2, 3, 4]]]), 1, 2)[0]
    array([[[2., 3.]]])
    """
    op = "crop_forward"
    arguments.arrays(op, x=x)
    n = arguments.spatial(op, "x", x)
    first = arguments.axes(op, "offset", offset, n, minimum=0)
    size = arguments.axes(op, "size", size, n)
    if any(o + s > i for o, s, i in zip(first, size, x.shape[2:])):
        raise ValueError(f"{op}: {times(size)} from offset {first} does not lie inside {times(x.shape[2:])}")
    part = tuple(slice(o, o + s) for o, s in zip(first, size))
    return x[:, :, *part], CropCache(x.shape, part, size, str(x.dtype))


def crop_backward(dout: Array, cache: CropCache) -> Array:
    """Pad the gradient with zeros.

    Parameters
    ----------
    dout : (N, C, *size) array
        Gradient with respect to the output.
    cache : CropCache
        From :func:`crop_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x: ``Eᵀ dout``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = crop_forward(np.array([[[1.0, 2, 3, 4]]]), 1, 2)
    >>> crop_backward(np.array([[[5.0, 6]]]), cache)
    array([[[0., 5., 6., 0.]]])
    """
    cache = arguments.kept("crop_backward", cache, CropCache)
    arguments.gradient("crop_backward", dout, (*cache.shape[:2], *cache.size), cache.dtype)
    dx = zeros(cache.shape, dout)
    dx[:, :, *cache.part] = dout
    return dx
