"""Convolution as one product of matrices: the kernels, laid down as rows, times the windows, laid down as columns.

Its adjoint is the transposed kernels times what lies above, which gives columns again, and these are put back where
their windows were cut out. The gradient of the kernels is what lies above times the columns.

Columns are K times as large as the image. So they are made a few megabytes at a time, of some images or of some rows
of windows, and the products go straight to where they belong. The cores share out the blocks; where a single one
holds the whole batch, as deep in a network with its small maps and large kernels, they share out the kernels, so that
each of these is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from npseg.backend import Array, array_module
from npseg.geometry import Ints, Pairs, Window
from npseg.memory import empty, zeros
from npseg.methods.blocks import Block, at_a_time, cut_into_blocks
from npseg.methods.columns import add_back, crop, cut, pad
from npseg.methods.pooling import argmax, mean, put, spread, take
from npseg.workers import PIECES, parts, share_out

__all__ = [
    "argmax",
    "correlate",
    "correlate_adjoint_w",
    "correlate_adjoint_x",
    "mean",
    "put",
    "spread",
    "take",
]

#: Bytes of columns made at a time: few enough to stay in the cache, enough to keep the processor busy.
BLOCK = 4 * 2**20

#: How many times as large as the kernels the columns may be to be made all at once.
TIMES = 4

#: Columns from which a product is worth being made for one image alone.
WIDE = 64


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
    """Multiply the kernels with the columns: ``y = W im2col(x)``."""
    window = Window(x.shape[2:], size, w.shape[2:], stride, padding, dilation)
    y = empty((len(x), len(w), *size), x)
    above, kernels = _grouped(y, groups), w.reshape(groups, len(w) // groups, -1)

    def multiply(block: Block, cols: Array, part: slice = slice(None)) -> None:
        _product(kernels[:, part], cols, above[block.images, :, part, block.rows])

    blocks, small = _blocks(x, window, w.nbytes), _is_small(x, window, w.nbytes)
    if len(blocks) == 1:  # then it is the kernels that are shared out
        cols = _columns(x, window, blocks[0], groups)
        pieces = parts(kernels.shape[1], like=x)
        share_out(lambda part: multiply(blocks[0], cols, part), pieces, x, small=small)
    else:
        share_out(lambda block: multiply(block, _columns(x, window, block, groups)), blocks, x, small=small)
    return y


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
    """Multiply with the transposed kernels and put the columns back: ``x = col2im(Wᵀ y)``."""
    window = Window(size, y.shape[2:], w.shape[2:], stride, padding, dilation)
    x = empty((len(y), groups * w.shape[1], *size), y)
    below, above = _grouped(x, groups), _grouped(y, groups)
    kernels = w.reshape(groups, len(w) // groups, w.shape[1], -1).transpose(0, 2, 3, 1)

    def put_back(images: slice, part: slice) -> None:
        """Make some channels of some images, a block of windows at a time."""
        some = kernels[:, part]
        rows_of_w = some.reshape(groups, -1, some.shape[3])
        count, channels = len(above[images]), groups * some.shape[1]
        padded = zeros((channels, count, *window.reach), y)
        for rows, block, view in _row_blocks(padded, window):
            cols = empty((*rows_of_w.shape[:2], count * prod(block.out)), y)
            _multiply(rows_of_w, _side_by_side(above[images, :, :, rows]), out=cols)
            add_back(cols.reshape(channels, *window.kernel, count, *block.out), block, view)
        cropped = crop(padded, window).reshape(groups, -1, count, *size)
        below[images, :, part] = array_module(y).moveaxis(cropped, 2, 0)

    together = len(_blocks(x, window, w.nbytes)) <= 1
    images = parts(len(y), 1 if together else len(y))
    channels = parts(w.shape[1], -(-PIECES // max(1, len(images))), y)
    small = _is_small(x, window, w.nbytes)
    share_out(lambda piece: put_back(*piece), list(product(images, channels)), y, small=small)
    return x


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
    """Multiply what lies above with the columns: ``w = y im2col(x)ᵀ``."""
    window = Window(x.shape[2:], y.shape[2:], size, stride, padding, dilation)
    above = _grouped(y, groups)
    w = empty((groups, y.shape[1] // groups, x.shape[1] // groups * prod(size)), x)

    def multiply(block: Block, cols: Array, into: Array, part: slice = slice(None)) -> None:
        left = _side_by_side(above[block.images, :, part, block.rows])
        _multiply(left, cols.swapaxes(1, 2), out=into[:, part])

    def add_up(blocks: list[Block]) -> Array:
        total, term = empty(w.shape, x), empty(w.shape, x)
        for number, block in enumerate(blocks):
            multiply(block, _columns(x, window, block, groups), term if number else total)
            if number:
                total += term
        return total

    blocks, small = _blocks(x, window, w.nbytes), _is_small(x, window, w.nbytes)
    if len(blocks) == 1:
        cols = _columns(x, window, blocks[0], groups)
        share_out(lambda part: multiply(blocks[0], cols, w, part), parts(w.shape[1], like=x), x, small=small)
    else:
        w[...] = 0
        runs = [blocks[part] for part in parts(len(blocks), like=x)]
        for total in share_out(add_up, runs, x, small=small):
            w += total
    return w.reshape(y.shape[1], x.shape[1] // groups, *size)


def _blocks(x: Array, window: Window, bytes_of_kernels: int) -> list[Block]:
    """Cut a batch into blocks whose columns fill the cache; not at all, where the kernels are nearly as large as these.

    They are then read, or made, only once.
    """
    size = _bytes_of_columns(x, window)
    if size <= TIMES * bytes_of_kernels:
        return cut_into_blocks(len(x), window.out[0], 0, BLOCK, like=x)
    if window.pointwise and prod(window.out) >= WIDE:
        size = max(size, len(x) * at_a_time(BLOCK, x))  # an image is its own columns, if it is taken alone
    return cut_into_blocks(len(x), window.out[0], size, BLOCK, like=x)


def _is_small(x: Array, window: Window, bytes_of_kernels: int) -> bool:
    """Say whether all of it is done sooner than another thread is awake."""
    return _bytes_of_columns(x, window) + bytes_of_kernels < 2 * BLOCK


def _bytes_of_columns(x: Array, window: Window) -> int:
    return int(x.dtype.itemsize) * len(x) * int(x.shape[1]) * prod(window.kernel) * prod(window.out)


def _columns(x: Array, window: Window, block: Block, groups: int) -> Array:
    """Return the columns of a block, (groups, C*K / groups, windows)."""
    images = x[block.images]
    if len(images) == 1 and window.pointwise:  # each window is a pixel: x itself
        return images[0, :, block.rows].reshape(groups, x.shape[1] // groups, -1)
    below = window.rows(block.rows)
    cols = empty((x.shape[1], *window.kernel, len(images), *below.out), x)

    def work(channels: slice) -> None:
        cut(pad(images[:, channels].swapaxes(0, 1), below), below, out=cols[channels])

    share_out(work, parts(x.shape[1], -(-cols.nbytes // BLOCK), x), x)
    return cols.reshape(groups, x.shape[1] // groups * prod(window.kernel), -1)


def _grouped(planes: Array, groups: int) -> Array:
    """View planes (N, C, *spatial) as (N, groups, C / groups, *spatial)."""
    return planes.reshape(len(planes), groups, planes.shape[1] // groups, *planes.shape[2:])


def _side_by_side(planes: Array) -> Array:
    """Lay images (N, groups, C, *spatial) side by side: (groups, C, N * pixels)."""
    images, groups, channels, *size = planes.shape
    if images == 1:
        return planes[0].reshape(groups, channels, prod(size))
    return array_module(planes).moveaxis(planes, 0, 2).reshape(groups, channels, images * prod(size))


def _product(kernels: Array, cols: Array, above: Array) -> None:
    """Multiply, straight into the plane above (N, groups, C, *spatial) if it is that of one image."""
    images, groups, channels, *size = above.shape
    if images == 1:
        _multiply(kernels, cols, out=above[0].reshape(groups, channels, prod(size)))
        return
    together = (kernels @ cols).reshape(groups, channels, images, *size)
    above[...] = array_module(above).moveaxis(together, 2, 0)


def _multiply(a: Array, b: Array, out: Array) -> None:
    """Multiply the matrices of two stacks; of a stack of one, the matrix itself.

    CuPy hands a matrix that lies transposed to BLAS as it is, but a stack of them it copies first.
    """
    matmul = array_module(a).matmul
    if len(out) == 1:
        matmul(a[0], b[0], out=out[0])
    else:
        matmul(a, b, out=out)


def _row_blocks(padded: Array, window: Window) -> Iterator[tuple[slice, Window, Array]]:
    """Cut the windows' rows so that their columns fill a block, and find what these reach of the plane.

    Yields
    ------
    rows : slice
        Windows' rows, on the first spatial axis.
    block : Window
        These windows alone.
    view : (C, N, *reach) array
        The part of ``padded`` that they reach.
    """
    channels, images = padded.shape[:2]
    bytes_per_row = channels * images * prod(window.kernel) * prod(window.out[1:]) * padded.dtype.itemsize
    step = max(1, at_a_time(BLOCK, padded) // max(1, bytes_per_row))
    for first in range(0, window.out[0], step):
        rows = slice(first, min(first + step, window.out[0]))
        block = replace(window, out=(rows.stop - first, *window.out[1:]))
        start = first * window.stride[0]
        yield rows, block, padded[:, :, start : start + block.reach[0]]
