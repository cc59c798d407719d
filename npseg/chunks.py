"""Large arrays a chunk at a time: what one pass has written the next one finds in the cache.

An operation that goes over its arrays several times waits for the memory each time, unless it takes a chunk through
all of its passes before it turns to the next: some planes, or some rows of one. Its results then go straight to
where they belong, and what stands between them is no larger than a chunk. The cores share out the chunks.

Where a chunk ends depends on nothing but shapes, so the bits are the same on any number of threads. On a device the
whole array is one chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, TypeAlias

from npseg import workers
from npseg.backend import Array
from npseg.workers import parts

#: Which part of an array a chunk is: ``array[chunk]`` is a view of it.
Chunk: TypeAlias = tuple[Any, ...]

#: Elements in a chunk: few enough for several arrays of them to stay in the cache, enough to keep a core busy.
SIZE = 2**18


def chunks(shape: Sequence[int], like: Array, *, each: int = 1) -> list[Chunk]:
    """Cut an array into chunks, in row-major order.

    Parameters
    ----------
    shape : sequence of int
        Its shape, or that of its leading axes, if only these may be cut.
    like : array
        An array of the library that computes.
    each : int
        Elements to count for each place of the shape.

    Returns
    -------
    list of tuple
        For each chunk what to index with, to find it in an array of this shape, or of more axes. Together they are
        the array, and none has more than ``SIZE`` elements, if the shape lets it.

    Examples
    --------
    >>> import numpy as np
    >>> chunks((2, 3), np.zeros(1), each=SIZE // 2)  # doctest: +NORMALIZE_WHITESPACE
    [(slice(0, 1, None), slice(0, 1, None), Ellipsis), (slice(0, 1, None), slice(1, 3, None), Ellipsis),
     (slice(1, 2, None), slice(0, 1, None), Ellipsis), (slice(1, 2, None), slice(1, 3, None), Ellipsis)]
    >>> chunks((2, 3), np.zeros(1))
    [(slice(0, 2, None), Ellipsis)]
    """
    if not workers.in_pieces(like) or not shape:
        return [(*(slice(None) for _ in shape), ...)]
    inner = [each * prod(shape[axis + 1 :]) for axis in range(len(shape))]
    # The first axis of whose places a chunk can hold several; on those before it, it holds one.
    cut = next((axis for axis, elements in enumerate(inner) if elements <= SIZE), len(shape) - 1)
    places = max(1, SIZE // max(1, inner[cut]))
    several = parts(shape[cut], max(1, -(-shape[cut] // places)))
    one = [[slice(n, n + 1) for n in range(length)] for length in shape[:cut]]
    return [(*chunk, ...) for chunk in product(*one, several)]
