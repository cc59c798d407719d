"""Pooling, tap by tap: one tap of all windows is one strided slice of the image.

The five maps of a method (see :mod:`npseg.methods`) for the methods that are to be fast.
"""

from __future__ import annotations

from math import prod

from npseg.backend import Array, array_module
from npseg.geometry import Ints, Pairs, Window
from npseg.methods.columns import crop, pad
from npseg.workers import parts, share_out


def argmax(x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Find each window's winner by going through the taps: a later one wins only if it is larger, or NaN."""
    xp = array_module(x)
    window = Window(x.shape[2:], out, kernel, stride, padding, dilation)
    index = window.index(xp)
    windows = prod(out)
    # The border is -inf and never larger than anything; a window starts from its first real pixel.
    first = (index >= 0).argmax(axis=0).astype(xp.int32).reshape(out)
    indices = xp.empty((*x.shape[:2], *out), xp.int32)

    def work(images: slice) -> None:
        padded = pad(x[images], window, fill=-xp.inf)
        best = xp.full(indices[images].shape, -xp.inf, x.dtype)
        winner = xp.broadcast_to(first, best.shape).copy()
        for number, (_, read) in enumerate(window.taps()):
            value = padded[:, :, *read].copy()  # read four times below, and strided only once
            wins = ~(value <= best) & (best == best)
            xp.copyto(best, value, where=wins)
            xp.copyto(winner, number, where=wins)
        indices[images] = index.reshape(-1)[winner * windows + xp.arange(windows).reshape(out)]

    share_out(work, parts(len(x)))
    return indices


def take(x: Array, indices: Array) -> Array:
    """Carry values up from their pixels: the matrix P."""
    planes = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    flat = indices.reshape(*indices.shape[:2], prod(indices.shape[2:]))
    return array_module(x).take_along_axis(planes, flat, axis=2).reshape(indices.shape)


def put(y: Array, indices: Array, size: Ints) -> Array:
    """Carry values down to their pixels, adding up where two meet: the transpose of P."""
    xp = array_module(y)
    planes, pixels = prod(y.shape[:2]), prod(size)
    x = xp.zeros(planes * pixels, y.dtype)
    # In int64: all planes together may hold more than 2**31 pixels.
    first = pixels * xp.arange(planes, dtype=xp.int64)[:, None]
    places = first + indices.reshape(planes, prod(y.shape[2:])).astype(xp.int64)
    xp.add.at(x, places.reshape(-1), y.reshape(-1))
    return x.reshape(*y.shape[:2], *size)


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
    """Average each window, tap by tap: the matrix A."""
    window = Window(x.shape[2:], out, kernel, stride, padding, (1,) * len(out))
    padded = pad(x, window)
    y = array_module(x).zeros((*x.shape[:2], *out), x.dtype)
    for _, read in window.taps():
        y += padded[:, :, *read]
    y /= window.divisor(include_padding=include_padding, override=divisor, like=x)
    return y


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
    """Share out what each window holds, tap by tap: the transpose of A."""
    window = Window(size, y.shape[2:], kernel, stride, padding, (1,) * len(size))
    shares = y / window.divisor(include_padding=include_padding, override=divisor, like=y)
    padded = array_module(y).zeros((*y.shape[:2], *window.reach), y.dtype)
    for _, read in window.taps():
        padded[:, :, *read] += shares
    return crop(padded, window)
