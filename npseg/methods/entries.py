"""Sparse matrices from lists of their entries.

Of each entry it is known what stands where: the index table of the windows says it of S, P and A, and
two entries and their places make one of a Kronecker product. The array library turns the lists into sparse arrays.

The matrices are sparse, yet as large as the images they act on: one that would not fit is refused, with the
size that it would have had.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

from npseg.backend import Array, array_module, sparse_matrix
from npseg.geometry import Ints, Window, bilinear_taps, times

#: Bytes that a matrix may take.
LARGEST = 2 * 2**30


class Entries(NamedTuple):
    """A sparse matrix as a list of its entries; those at one place add up.

    Attributes
    ----------
    values, rows, cols : (n,) array
        What stands where.
    shape : (int, int)
        Rows and columns of the matrix.
    """

    values: Array
    rows: Array
    cols: Array
    shape: tuple[int, int]

    @property
    def T(self) -> Entries:
        """The transpose."""
        return Entries(self.values, self.cols, self.rows, self.shape[::-1])

    def csr(self) -> Array:
        """Return it as a sparse array in CSR form with int32 indices, of the library of its values."""
        xp = array_module(self.values)
        places = self.rows.astype(xp.int32), self.cols.astype(xp.int32)
        return sparse_matrix(xp)((self.values, places), shape=self.shape)


def convolution(w: Array, window: Window, groups: int) -> Array:
    """Return C = kron(W, I) @ kron(I, S)."""
    windows = prod(window.out)
    shape = (len(w) * windows, w.shape[1] * groups * prod(window.size))
    # A product of sparse matrices keeps a sum and an index for each column while it is made.
    refuse_large(w.size * windows, w.dtype.itemsize, shape, beside=shape[1] * (w.dtype.itemsize + 4))
    cut = cutting(window, w.shape[1] * groups, w)
    return kron(_weights(w, groups), _identity(windows, w)).csr() @ cut


def _weights(w: Array, groups: int) -> Entries:
    """Return W, a row for each output channel, block-diagonal when there are groups."""
    xp = array_module(w)
    above, taps = len(w), prod(w.shape[1:])
    rows = xp.repeat(xp.arange(above, dtype=xp.int32), taps)
    cols = (rows // (above // groups)) * taps + xp.tile(xp.arange(taps, dtype=xp.int32), above)
    return Entries(w.reshape(-1), rows, cols, (above, groups * taps))


def cutting(window: Window, channels: int, like: Array) -> Array:
    """Return kron(I, S): one row for each tap of each window, a 1 where it reads."""
    taps, windows, pixels = prod(window.kernel), prod(window.out), prod(window.size)
    refuse_large(channels * taps * windows, 8, (channels * taps * windows, channels * pixels))
    xp = array_module(like)
    index = window.index(xp).reshape(-1)
    rows = xp.flatnonzero(index >= 0).astype(xp.int32)
    cut = Entries(xp.ones(len(rows), like.dtype), rows, index[rows], (taps * windows, pixels))
    return kron(_identity(channels, like), cut).csr()


def averaging(window: Window, include_padding: bool, divisor: float | None, like: Array) -> Entries:
    """Return A: one row for each window, 1 / divisor wherever it reads."""
    shape = (prod(window.out), prod(window.size))
    refuse_large(prod(window.kernel) * shape[0], 8, shape)
    xp = array_module(like)
    index = window.index(xp)
    taps, windows = xp.nonzero(index >= 0)
    ones = xp.ones(window.out, like.dtype)
    weights = ones / window.divisor(include_padding=include_padding, override=divisor, like=ones)
    return Entries(weights.reshape(-1)[windows], windows, index[taps, windows], shape)


def selection(indices: Array, size: Ints, dtype: Any) -> Entries:
    """Return P: one row for each index, one 1 in it; images and channels are blocks on the diagonal."""
    xp = array_module(indices)
    planes, pixels = prod(indices.shape[:2]), prod(size)
    refuse_large(indices.size, 8, (indices.size, planes * pixels))
    columns = pixels * xp.arange(planes)[:, None] + indices.reshape(planes, prod(indices.shape[2:]))
    rows = xp.arange(indices.size)
    return Entries(xp.ones(indices.size, dtype), rows, columns.reshape(-1), (indices.size, planes * pixels))


def winners(x: Array, window: Window) -> Array:
    """Return the flat index of each window's winner: its first largest pixel, or its first NaN."""
    xp = array_module(x)
    # Without images, the table of the windows is made all the same.
    cells = max(1, prod(x.shape[:2])) * prod(window.kernel) * prod(window.out)
    refuse_large(cells, x.dtype.itemsize, (prod(x.shape[:2]) * prod(window.out), x.size))
    index = window.index(xp)
    inside = index >= 0
    # (N, C, K, L); the padding reads some pixel, for nothing
    cols = x.reshape(*x.shape[:2], prod(window.size))[:, :, index]
    nan = inside & (cols != cols)
    value = xp.where(inside & ~nan, cols, -xp.inf)
    largest = inside & (value == value.max(axis=2, keepdims=True))
    first = xp.where(nan.any(axis=2), nan.argmax(axis=2), largest.argmax(axis=2))
    return index[first, xp.arange(index.shape[1])].reshape(*x.shape[:2], *window.out)


def interpolation(size: int, out: int, align_corners: bool, dtype: str, xp: ModuleType) -> Entries:
    """Return the (out, size) matrix that resizes one axis bilinearly, two weights a row."""
    lower, upper, fraction = bilinear_taps(size, out, align_corners=align_corners, xp=xp)
    rows = xp.arange(out, dtype=xp.int32)
    weights = xp.concatenate([1 - fraction, fraction]).astype(dtype)
    return Entries(weights, xp.concatenate([rows, rows]), xp.concatenate([lower, upper]), (out, size))


@lru_cache(maxsize=64)
def kept_interpolation(size: int, out: int, align_corners: bool, dtype: str, xp: ModuleType) -> Array:
    """Return that matrix as a sparse array, made once: a network resizes between the same few sizes over and over."""
    return interpolation(size, out, align_corners, dtype, xp).csr()


def _identity(n: int, like: Array) -> Entries:
    """Return I, of the library and dtype of ``like``."""
    xp = array_module(like)
    diagonal = xp.arange(n, dtype=xp.int32)
    return Entries(xp.ones(n, like.dtype), diagonal, diagonal, (n, n))


def kron(a: Entries, b: Entries) -> Entries:
    """Return the Kronecker product: in the place of each entry of a, that entry times all of b."""
    return Entries(
        (a.values[:, None] * b.values).reshape(-1),
        (a.rows[:, None] * b.shape[0] + b.rows).reshape(-1),
        (a.cols[:, None] * b.shape[1] + b.cols).reshape(-1),
        (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]),
    )


def refuse_large(entries: int, itemsize: int, shape: tuple[int, int], *, beside: int = 0) -> None:
    """Refuse a matrix that would take too much, with what is needed ``beside`` it to make it."""
    needed = entries * (itemsize + 4) + 4 * (shape[0] + 1) + beside
    if needed > LARGEST or max(entries, *shape) >= 2**31:
        raise ValueError(
            f"the matrix, {times(shape)} with {entries:,} entries, would take {needed / 2**30:.1f} GiB, more than "
            f"{LARGEST / 2**30:.0f} GiB; use method='im2col', or a smaller input"
        )
