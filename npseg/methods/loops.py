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
    channels = _channels(len(x), w.shape, groups)
    meetings = _meetings(x.shape[2:], w.shape[2:], size, stride, padding, dilation, len(channels))
    return _sum(
        shape,
        x.dtype,
        (
            ((n, above, *o), x[n, below, *i] * w[above, c, *k])
            for i, k, o in meetings
            for n, above, below, c in channels
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
    channels = _channels(len(y), w.shape, groups)
    meetings = _meetings(size, w.shape[2:], y.shape[2:], stride, padding, dilation, len(channels))
    return _sum(
        shape,
        y.dtype,
        (
            ((n, below, *i), y[n, above, *o] * w[above, c, *k])
            for i, k, o in meetings
            for n, above, below, c in channels
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
    shape = (y.shape[1], x.shape[1] // groups, *size)
    channels = _channels(len(x), shape, groups)
    meetings = _meetings(x.shape[2:], size, y.shape[2:], stride, padding, dilation, len(channels))
    return _sum(
        shape,
        x.dtype,
        (
            ((above, c, *k), x[n, below, *i] * y[n, above, *o])
            for i, k, o in meetings
            for n, above, below, c in channels
        ),
    )


def argmax(
    x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> tuple[Array, Array]:
    """Find each window's winner: the first largest pixel, or the first that is not a number."""
    winners = np.empty((*x.shape[:2], *out), np.int32)
    best: dict[Ints, Any] = {}
    planes = list(np.ndindex(*x.shape[:2]))
    for i, _, o in _meetings(x.shape[2:], kernel, out, stride, padding, dilation, len(planes)):
        for plane in planes:
            window, value = (*plane, *o), x[(*plane, *i)]
            first = window not in best
            if first or value > best[window] or (value != value and best[window] == best[window]):
                best[window] = value
                winners[window] = _number(i, x.shape[2:])
    return take(x, winners), winners


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
        (((n, c, *o), x[n, c, *i]) for i, _, o in meetings for n, c in np.ndindex(*x.shape[:2])),
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
        o: divisor or _places(o, size, kernel, stride, padding, include_padding)
        for o in np.ndindex(*y.shape[2:])
    }
    return _sum(
        (*y.shape[:2], *size),
        y.dtype,
        (
            ((n, c, *i), _over(y[n, c, *o], counts[o]))
            for i, _, o in meetings
            for n, c in np.ndindex(*y.shape[:2])
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
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Go through all (i, k, o) such that tap k of window o reads pixel i, unless that would take hours.

    ``planes`` is how many products there are at each meeting.
    """
    products = max(1, planes) * prod(kernel) * prod(out)  # without images, the walk is as long
    if products > MOST_PRODUCTS:
        raise ValueError(
            f"method 'loops' would compute {products:,} products one by one, which takes about "
            f"{products / MOST_PRODUCTS:.0f} hours; use method='im2col'"
        )
    return _walk(size, kernel, out, stride, padding, dilation)


def _walk(
    size: Sequence[int],
    kernel: Sequence[int],
    out: Sequence[int],
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
) -> Iterator[tuple[Ints, Ints, Ints]]:
    for o in np.ndindex(*out):
        for k in np.ndindex(*kernel):
            i = tuple(
                window * s + tap * d - before
                for window, tap, s, d, (before, _) in zip(o, k, stride, dilation, padding)
            )
            if all(0 <= place < length for place, length in zip(i, size)):
                yield i, k, o


def _channels(images: int, w_shape: Ints, groups: int) -> list[tuple[int, int, int, int]]:
    """List the channels that a weight joins: (image, channel above, channel below, its place in w)."""
    channels_above, in_group, *_ = w_shape
    above_per_group = channels_above // groups
    return [
        (n, above, (above // above_per_group) * in_group + c, c)
        for n, above, c in product(range(images), range(channels_above), range(in_group))
    ]


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


def _number(i: Ints, size: Sequence[int]) -> int:
    """Return the number of a pixel of a plane, in row-major order."""
    number = 0
    for place, length in zip(i, size):
        number = number * length + place
    return number
