"""Every operation by its definition, in nested loops: the witness that the other methods are held against.

Slow on purpose, and alone on purpose: nothing of npseg is imported here, and even the formula of which tap
reads which pixel is written out again, so that a mistake elsewhere cannot repeat itself in its own test.

A *meeting* is a triple (pixel i, tap k, window o) such that tap k of window o reads pixel i. Convolution and
both of its adjoints are one and the same walk over all meetings:

    y[o] += x[i] * w[k]        x[i] += y[o] * w[k]        w[k] += x[i] * y[o]

The sums are Python's, so that anything that can be added and multiplied will do: floats, integers, fractions,
or symbols in an object array, which come out as the lecture prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Array = np.ndarray[Any, Any]
Term = tuple[Ints, Any]

#: More products than this would take over an hour.
MOST_PRODUCTS = 2 * 10**9


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
    """Slide the kernels over x: ``y[o] = sum of x[i] * w[k]`` over all meetings."""
    shape = (len(x), len(w), *size)
    planes = len(x) * prod(w.shape[:2])
    meetings = _meetings(x.shape[2:], w.shape[2:], size, stride, padding, dilation, planes)
    return _sum(
        shape,
        x.dtype,
        (
            ((n, above, *o), x[n, below, *i] * w[above, c, *k])
            for n, above, below, c in _channels(len(x), w, groups)
            for i, k, o in meetings
        ),
    )


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
    """Stamp the kernels down: ``x[i] = sum of y[o] * w[k]`` over all meetings."""
    shape = (len(y), groups * w.shape[1], *size)
    planes = len(y) * prod(w.shape[:2])
    meetings = _meetings(size, w.shape[2:], y.shape[2:], stride, padding, dilation, planes)
    return _sum(
        shape,
        y.dtype,
        (
            ((n, below, *i), y[n, above, *o] * w[above, c, *k])
            for n, above, below, c in _channels(len(y), w, groups)
            for i, k, o in meetings
        ),
    )


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
    """Find what each tap has seen: ``w[k] = sum of x[i] * y[o]`` over all meetings."""
    w = np.empty((y.shape[1], x.shape[1] // groups, *size), x.dtype)
    planes = len(x) * prod(w.shape[:2])
    meetings = _meetings(x.shape[2:], size, y.shape[2:], stride, padding, dilation, planes)
    return _sum(
        w.shape,
        x.dtype,
        (
            ((above, c, *k), x[n, below, *i] * y[n, above, *o])
            for n, above, below, c in _channels(len(x), w, groups)
            for i, k, o in meetings
        ),
    )


def argmax(
    x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Find each window's winner: the first largest pixel, or the first that is not a number."""
    winners = np.full((*x.shape[:2], *out), -1, np.int32)
    meetings = _meetings(x.shape[2:], kernel, out, stride, padding, dilation, prod(x.shape[:2]))
    pixels = _pixel_numbers(x.shape[2:])
    for n, c in product(range(x.shape[0]), range(x.shape[1])):
        best: dict[Ints, Any] = {}
        for i, _, o in meetings:
            value = x[n, c, *i]
            beaten = o not in best or value > best[o] or (value != value and best[o] == best[o])
            if beaten:
                best[o] = value
                winners[n, c, *o] = pixels[i]
    return winners


def take(x: Array, indices: Array) -> Array:
    """Carry values up from their pixels: ``y[o] = x[indices[o]]``, the matrix P."""
    y = np.empty(indices.shape, x.dtype)
    for n, c, *o in np.ndindex(*indices.shape):
        y[n, c, *o] = x[n, c].flat[int(indices[n, c, *o])]
    return y


def put(y: Array, indices: Array, size: Ints) -> Array:
    """Carry values down to their pixels, adding up where two meet: the transpose of P."""
    places = list(np.ndindex(*size))
    return _sum(
        (*y.shape[:2], *size),
        y.dtype,
        (((n, c, *places[int(indices[n, c, *o])]), y[n, c, *o]) for n, c, *o in np.ndindex(*y.shape)),
    )


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
    """Average each window: ``y[o] = (sum of x[i]) / divisor of o``, the matrix A."""
    ones = (1,) * len(kernel)
    meetings = _meetings(x.shape[2:], kernel, out, stride, padding, ones, prod(x.shape[:2]))
    y = _sum(
        (*x.shape[:2], *out),
        x.dtype,
        (
            ((n, c, *o), x[n, c, *i])
            for n, c in product(range(x.shape[0]), range(x.shape[1]))
            for i, _, o in meetings
        ),
    )
    for n, c, *o in np.ndindex(*y.shape):
        count = divisor or _places(tuple(o), x.shape[2:], kernel, stride, padding, include_padding)
        y[n, c, *o] = _over(y[n, c, *o], count)
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
    """Share out what each window holds: ``x[i] = sum of y[o] / divisor of o``, the transpose of A."""
    ones = (1,) * len(kernel)
    meetings = _meetings(size, kernel, y.shape[2:], stride, padding, ones, prod(y.shape[:2]))
    counts = {
        o: divisor or _places(o, size, kernel, stride, padding, include_padding) for _, _, o in meetings
    }
    return _sum(
        (*y.shape[:2], *size),
        y.dtype,
        (
            ((n, c, *i), _over(y[n, c, *o], counts[o]))
            for n, c in product(range(y.shape[0]), range(y.shape[1]))
            for i, _, o in meetings
        ),
    )


def _meetings(
    size: Sequence[int],
    kernel: Sequence[int],
    out: Sequence[int],
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    planes: int,
) -> list[tuple[Ints, Ints, Ints]]:
    """List all (i, k, o) such that tap k of window o reads pixel i, to be gone through once for each plane."""
    _refuse_hours(planes * prod(kernel) * prod(out))
    meetings = []
    for o, k in product(np.ndindex(*out), np.ndindex(*kernel)):
        i = tuple(
            window * s + tap * d - before
            for window, tap, s, d, (before, _) in zip(o, k, stride, dilation, padding)
        )
        if all(0 <= place < length for place, length in zip(i, size)):
            meetings.append((i, k, o))
    return meetings


def _channels(images: int, w: Array, groups: int) -> Iterator[tuple[int, int, int, int]]:
    """Go through the channels that a weight joins: (image, channel above, channel below, its place in w)."""
    above_per_group = max(1, w.shape[0] // groups)
    for n, above, c in product(range(images), range(w.shape[0]), range(w.shape[1])):
        yield n, above, (above // above_per_group) * w.shape[1] + c, c


def _sum(shape: Ints, dtype: Any, terms: Iterable[Term]) -> Array:
    """Add up (place, value) terms. A sum starts from its first value; a place that none reaches is 0."""
    totals: dict[Ints, Any] = {}
    for place, value in terms:
        totals[place] = totals[place] + value if place in totals else value
    result = np.zeros(shape, dtype)
    for place, total in totals.items():
        result[place] = total
    return result


def _places(
    o: Ints, size: Sequence[int], kernel: Ints, stride: Ints, padding: Pairs, include_padding: bool
) -> int:
    """Count the places of window o inside the plane, with its declared padding or without."""
    count = 1
    for window, length, k, s, (before, after) in zip(o, size, kernel, stride, padding):
        low, high = (-before, length + after) if include_padding else (0, length)
        count *= sum(low <= window * s + tap - before < high for tap in range(k))
    return count


def _over(total: Any, count: float) -> Any:
    """Divide; by one, leave as it is: a symbol need not know how to divide."""
    return total if count == 1 else total / count


def _pixel_numbers(size: Sequence[int]) -> dict[Ints, int]:
    """Return the number of each pixel of a plane, in row-major order."""
    return {i: number for number, i in enumerate(np.ndindex(*size))}


def _refuse_hours(products: int) -> None:
    if products > MOST_PRODUCTS:
        raise ValueError(
            f"method 'loops' would compute {products:,} products one by one, which takes about "
            f"{products / MOST_PRODUCTS:.0f} hours; use method='im2col'"
        )
