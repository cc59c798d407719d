"""The explicit matrices at work: downwards ``M @ x``, upwards literally ``M.T @ y``.

The method to read beside the lecture, and an independent witness for the fast ones. There is one map without a
matrix of its own: the gradient of the weights is what lies above times the windows, ``dw = dout (S x)ᵀ``.

A weight that is exactly 0 is no entry of a sparse matrix, so that a NaN or an infinity under it is not passed on,
as it is by the other methods.
"""

from __future__ import annotations

from math import prod
from typing import Any

from npseg.backend import Array, array_module
from npseg.geometry import Ints, Pairs, Window
from npseg.methods.entries import averaging, convolution, cutting, selection, winners


def correlate(
    x: Array,
    w: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply with the matrix: ``y = C x``."""
    window = Window(x.shape[2:], size, w.shape[2:], stride, padding, dilation)
    matrix = _remembered(memo, w, window, groups)
    return (matrix @ _as_columns(x, 1)).T.reshape(len(x), len(w), *size)


def correlate_adjoint_x(
    y: Array,
    w: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply with its transpose: ``x = Cᵀ y``."""
    window = Window(size, y.shape[2:], w.shape[2:], stride, padding, dilation)
    matrix = _remembered(memo, w, window, groups)
    return (matrix.T @ _as_columns(y, 1)).T.reshape(len(y), groups * w.shape[1], *size)


def correlate_adjoint_w(
    x: Array,
    y: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply what lies above with the windows: ``w = y (S x)ᵀ``, for the images one after the other."""
    window = Window(x.shape[2:], y.shape[2:], size, stride, padding, dilation)
    cut = cutting(window, x.shape[1], x)
    above, below = y.shape[1] // groups, x.shape[1] // groups
    w = array_module(x).zeros((groups, above, below * prod(size)), x.dtype)
    for image, dout in zip(x, y):
        cols = (cut @ image.reshape(-1)).reshape(groups, below * prod(size), -1)
        w += dout.reshape(groups, above, -1) @ cols.swapaxes(1, 2)
    return w.reshape(y.shape[1], below, *size)


def argmax(
    x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> tuple[Array, Array]:
    """Find each window's winner among its columns, laid out in full."""
    indices = winners(x, Window(x.shape[2:], out, kernel, stride, padding, dilation))
    return take(x, indices), indices


def take(x: Array, indices: Array) -> Array:
    """Carry values up from their pixels: ``P @ x``."""
    return (selection(indices, x.shape[2:], x.dtype).csr() @ x.reshape(-1)).reshape(indices.shape)


def put(y: Array, indices: Array, size: Ints) -> Array:
    """Carry values down to their pixels, adding up where two meet: ``P.T @ y``."""
    return (selection(indices, size, y.dtype).csr().T @ y.reshape(-1)).reshape(*y.shape[:2], *size)


def mean(
    x: Array,
    out: Ints,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include_padding: bool,
    divisor: float | None,
) -> Array:
    """Average each window: ``A @ x`` with A divided last, so that whole numbers are summed exactly."""
    window = Window(x.shape[2:], out, kernel, stride, padding, (1,) * len(out))
    sums = averaging(window, include_padding, 1, x).csr() @ _as_columns(x, 2)
    y = sums.T.reshape(*x.shape[:2], *out)
    return y / window.divisor(include_padding=include_padding, override=divisor, like=x)


def spread(
    y: Array,
    size: Ints,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include_padding: bool,
    divisor: float | None,
) -> Array:
    """Share out what each window holds: ``A.T @ y``, divided first."""
    window = Window(size, y.shape[2:], kernel, stride, padding, (1,) * len(size))
    shares = y / window.divisor(include_padding=include_padding, override=divisor, like=y)
    sums = averaging(window, include_padding, 1, y).csr().T @ _as_columns(shares, 2)
    return sums.T.reshape(*y.shape[:2], *size)


def _remembered(memo: dict[str, Any] | None, w: Array, window: Window, groups: int) -> Array:
    """Return C, the one that forward has made where there is one."""
    if memo is None:
        return convolution(w, window, groups)
    if "C" not in memo:
        memo["C"] = convolution(w, window, groups)
    return memo["C"]


def _as_columns(x: Array, leading: int) -> Array:
    """Lay down what stands behind the leading axes as columns: each image (1), or each plane (2)."""
    return x.reshape(prod(x.shape[:leading]), prod(x.shape[leading:])).T
