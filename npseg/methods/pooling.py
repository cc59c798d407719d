"""Pooling, tap by tap: one tap of all windows is one strided slice of the image.

The five maps of a method (see :mod:`npseg.methods`) for the methods that are to be fast. The planes are taken a few
at a time, so that what one tap leaves behind is in the cache for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod
from types import ModuleType

from npseg.backend import Array, array_module, fused
from npseg.chunks import Chunk, chunks
from npseg.geometry import Ints, Pairs, Window
from npseg.memory import empty
from npseg.methods.columns import bordered, crop, inside
from npseg.workers import share_out


def argmax(
    x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> tuple[Array, Array]:
    """Find each window's winner by going through the taps: a later one wins only if it is larger, or NaN."""
    xp = array_module(x)
    window = Window(x.shape[2:], out, kernel, stride, padding, dilation)
    index, first = _tables(window, xp)
    y = empty((*x.shape[:2], *out), x)
    indices = empty(y.shape, x, "int32")

    def search(planes: Chunk) -> None:
        best, winner = y[planes], indices[planes]
        values = _taps(bordered(x[planes], window, fill=-xp.inf), window)
        best[...], winner[...] = next(values), first
        for pixel, value in zip(index[1:], values):
            _challenge(best, winner, value.copy(), pixel)  # strided, and slow to read more than once

    share_out(search, _planes(x), x)
    return y, indices


@fused
def _challenge(best: Array, winner: Array, value: Array, pixel: Array) -> None:
    """Let another value of each window win if it is larger, or NaN, with the pixel that it was read from."""
    xp = array_module(best)
    wins = ~(value <= best) & (best == best)
    xp.maximum(best, value, out=best)
    # Of two pixels, the later tap's has the larger index.
    xp.maximum(winner, wins * pixel, out=winner)


@lru_cache(maxsize=16)
def _tables(window: Window, xp: ModuleType) -> tuple[Array, Array]:
    """Return the pixel that each tap of each window reads, and each window's first real pixel; made once.

    The border is -inf and never larger than anything; a window starts from its first real pixel.
    """
    index = window.index(xp).reshape(-1, *window.out)
    return index, xp.where(index < 0, prod(window.size), index).min(axis=0)


def take(x: Array, indices: Array) -> Array:
    """Carry values up from their pixels: the matrix P."""
    xp, y = array_module(x), empty(indices.shape, x)

    def gather(planes: Chunk) -> None:
        y[planes] = xp.take(x[planes], _places(indices[planes], prod(x.shape[2:])))  # of all planes, flat

    share_out(gather, _planes(x), x)
    return y


def put(y: Array, indices: Array, size: Ints) -> Array:
    """Carry values down to their pixels, adding up where two meet: the transpose of P."""
    xp, x = array_module(y), empty((*y.shape[:2], *size), y)

    def scatter(planes: Chunk) -> None:
        below = x[planes]
        below[...] = 0
        places = _places(indices[planes], prod(size))
        xp.add.at(below.reshape(-1), places.reshape(-1), y[planes].reshape(-1))

    share_out(scatter, _planes(x), x)
    return x


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
    count = window.divisor(include_padding=include_padding, override=divisor, like=x)
    y = empty((*x.shape[:2], *out), x)

    def add_up(planes: Chunk) -> None:
        values = _taps(bordered(x[planes], window), window)
        total = next(values).copy()
        for value in values:
            total += value.copy()  # strided, and slow to compute with
        y[planes] = total / count

    share_out(add_up, _planes(x), x)
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
    count = window.divisor(include_padding=include_padding, override=divisor, like=y)
    x = empty((*y.shape[:2], *size), y)

    def lay_down(planes: Chunk) -> None:
        shares, below = y[planes] / count, x[planes]
        below[...] = 0
        padded = bordered(below, window)
        for tap in _taps(padded, window):
            if kernel == stride:  # windows side by side share no pixel
                tap[...] = shares
            else:
                tap[...] += shares
        if not inside(window):
            below[...] = crop(padded, window)

    share_out(lay_down, _planes(x), x)
    return x


def _planes(x: Array) -> list[Chunk]:
    """Cut images (N, C, *spatial) into chunks of whole planes."""
    return chunks(x.shape[:2], x, each=prod(x.shape[2:]))


def _taps(padded: Array, window: Window) -> Iterator[Array]:
    """Go through the taps, each with a view of what all windows' taps read."""
    for _, read in window.taps():
        yield padded[:, :, *read]


def _places(indices: Array, pixels: int) -> Array:
    """Turn flat indices into each plane into those into all planes, one after the other."""
    xp, planes = array_module(indices), indices.shape[:2]
    # In int64: all planes together may hold more than 2**31 pixels.
    places = indices.astype(xp.int64)
    places += pixels * xp.arange(prod(planes)).reshape(*planes, *(1 for _ in indices.shape[2:]))
    return places
