"""Tiles of planes, taken to the points of Winograd's algorithm and back: what :mod:`npseg.methods.winograd` is made of.

A transform is one product of a small matrix with all tiles, laid out as long rows, one for each pixel of a tile.
Everything goes through the channels in pieces, which the workers share out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from npseg import workers
from npseg.backend import Array, array_module
from npseg.geometry import Ints, Window
from npseg.memory import empty
from npseg.methods.blocks import Block
from npseg.methods.columns import bordered, views
from npseg.workers import parts, share_out

#: Bytes of tiles, at the points, that a worker takes there and back at a time: few enough to stay in its cache, and so
#: many that each of its calls takes long enough for the others not to wait for Python's lock.
PIECE = 4 * 2**20

#: Pieces that the points are cut into for the workers.
POINTS = 12

#: Columns of a product of a small matrix with long rows that are multiplied at a time: OpenBLAS is up to twice as
#: quick at many narrow products as at one that is wide and flat.
STRIP = 256


def to_points(transform: Array, planes: Array, window: Window, tiles: Block) -> Array:
    """Cut tiles out of planes (N, C, *size), and take them to the points: (points, C, tiles)."""
    some = window.rows(tiles.rows)
    images = planes[tiles.images]
    count = len(images) * prod(some.out)
    values = empty((len(transform), planes.shape[1], count), planes)

    def work(channels: slice) -> None:
        padded = bordered(images[:, channels].swapaxes(0, 1), some)
        cut = empty((*some.kernel, *padded.shape[:2], *some.out), planes)
        cut[...] = views(padded, some)
        _transform(transform, cut.reshape(prod(some.kernel), -1), _in_rows(values[:, channels]))

    share_out(work, _pieces(values), values)
    return values


def to_planes(transform: Array, values: Array, planes: Array, window: Window, tiles: Block) -> None:
    """Take values at the points (points, C, tiles) back to tiles, and lay these down on planes (N, C, *size)."""
    rows = slice(tiles.rows.start * window.stride[0], tiles.rows.stop * window.stride[0])
    images = planes[tiles.images, :, rows]

    def work(channels: slice) -> None:
        some = values[:, channels]
        laid = empty((len(transform), some.shape[1] * some.shape[2]), planes)
        _transform(transform, _in_rows(some), laid)
        into = images[:, channels].swapaxes(0, 1)
        laid = laid.reshape(*window.kernel, *into.shape[:2], -1, *window.out[1:])
        for section, place in _sections(into, window.stride):
            place[...] = laid[section]

    share_out(work, _pieces(values), values)


def _sections(planes: Array, tile: Ints) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Go through planes (C, N, *size) by whole tiles, and by what is left of tiles that hang over an end.

    Yields
    ------
    section : tuple of slice
        The section of tiles laid out as (*tile, C, N, *tiles).
    place : array
        A view of the planes laid out in the same way.
    """
    axes = len(tile)
    # On each axis, whole tiles and a rest: (pixels of a tile, its tiles, pixels of the plane).
    cuts = []
    for size, t in zip(planes.shape[2:], tile):
        whole = size // t
        rest = (slice(size - whole * t), slice(whole, whole + 1), slice(whole * t, size))
        cuts.append([(slice(t), slice(0, whole), slice(whole * t)), rest])
    for cut in product(*cuts):
        inside, tiles, pixels = zip(*cut)
        place = planes[:, :, *pixels]
        if place.size:
            pieces = [n for i, t in zip(inside, tiles) for n in (t.stop - t.start, i.stop)]
            order = (*range(3, 2 * axes + 2, 2), 0, 1, *range(2, 2 * axes + 2, 2))
            yield (
                (*inside, slice(None), slice(None), *tiles),
                place.reshape(*place.shape[:2], *pieces).transpose(order),
            )


def kernels_to_points(transform: Array, w: Array, groups: int) -> Array:
    """Take kernels to the points: (points, groups, C_out / groups, C_in / groups)."""
    values = empty((len(transform), *w.shape[:2]), w)

    def work(channels: slice) -> None:
        taps = array_module(w).ascontiguousarray(w[channels].reshape(-1, prod(w.shape[2:])).T)
        _transform(transform, taps, _in_rows(values[:, channels]))

    share_out(work, _pieces(values), values)
    return values.reshape(len(transform), groups, len(w) // groups, w.shape[1])


def kernels_from_points(transform: Array, values: Array, kernel: Ints) -> Array:
    """Read kernels off their values at the points: the transpose of :func:`kernels_to_points`."""
    points, groups, above, below = values.shape
    values = values.reshape(points, groups * above, below)
    w = empty((groups * above, below, *kernel), values)

    def work(channels: slice) -> None:
        taps = empty((prod(kernel), w[channels, :].shape[0] * below), values)
        _transform(transform.T, _in_rows(values[:, channels]), taps)
        w[channels] = taps.T.reshape(-1, below, *kernel)

    share_out(work, _pieces(values), values)
    return w


def multiply(kernels: Array, windows: Array) -> Array:
    """Multiply at each point, summing over the channels: (points, C_out, tiles)."""
    points, groups, above, below = kernels.shape
    windows = windows.reshape(points, groups, below, -1)
    products = empty((points, groups, above, windows.shape[3]), windows)

    def work(some: slice) -> None:
        array_module(windows).matmul(kernels[some], windows[some], out=products[some])

    share_out(work, parts(points, POINTS, windows), windows)
    return products.reshape(points, groups * above, -1)


def multiply_and_add(outputs: Array, windows: Array, kernels: Array, *, first: bool) -> None:
    """Multiply at each point, summing over the tiles, and add to the kernels; the first product makes them."""
    points, groups, above, below = kernels.shape
    outputs = outputs.reshape(points, groups, above, -1)
    windows = windows.reshape(points, groups, below, -1).swapaxes(2, 3)

    def work(some: slice) -> None:
        if first:
            array_module(windows).matmul(outputs[some], windows[some], out=kernels[some])
        else:
            kernels[some] += outputs[some] @ windows[some]

    share_out(work, parts(points, POINTS, windows), windows)


def _transform(matrix: Array, columns: Array, out: Array) -> None:
    """Multiply a small matrix with long rows: in narrow strips on the host, on a device all at once."""
    xp = array_module(columns)
    whole = columns.shape[1] - columns.shape[1] % STRIP if workers.in_pieces(columns) else 0
    if whole:
        xp.matmul(matrix, _strips(columns[:, :whole]), out=_strips(out[:, :whole]))
    if whole < columns.shape[1]:
        xp.matmul(matrix, columns[:, whole:], out=out[:, whole:])


def _strips(rows: Array) -> Array:
    """View rows (n, strips * STRIP) as (strips, n, STRIP)."""
    return rows.reshape(len(rows), -1, STRIP).swapaxes(0, 1)


def _in_rows(values: Array) -> Array:
    """View values (points, C, tiles) as one long row for each point."""
    return values.reshape(len(values), values.shape[1] * values.shape[2])


def _pieces(values: Array) -> list[slice]:
    """Cut the channels of values (points, C, ...) into pieces for the workers."""
    return parts(values.shape[1], -(-values.nbytes // PIECE), values)
