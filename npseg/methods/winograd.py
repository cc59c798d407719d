"""Winograd's convolution: fewer multiplications for 3x3 kernels, by way of polynomials.

Two neighbouring outputs of a kernel of three taps are six products of window and kernel, taken one by one. But a
correlation is a product of two polynomials read backwards, and a polynomial is known by its values at a few points,
where the product is that of the values: one multiplication a point. So take the window to the points (``Bᵀ d``), take
the kernel there (``G g``), multiply, and read the outputs off (``Aᵀ``): four multiplications in place of six. On a
plane the same is done along both axes:

    Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A

An m x m tile of outputs needs (m + 2)² multiplications in place of 9 m²: F(2x2, 3x3) 2.25 times fewer, F(4x4, 3x3) 4
times fewer. The sums over channels turn the multiplications at each point into a product of matrices, and laid out as
long vectors the transforms are products of matrices too, ``kron(Bᵀ, Bᵀ)`` times all tiles at once. So all the work is
left to BLAS, but for cutting the tiles out and laying them down.

At stride 1 the transpose of a correlation is one with the kernel turned round, and the gradient of the kernel is
the same algorithm read backwards: ``Gᵀ [(A dY Aᵀ) ∘ (Bᵀ d B)] G``.

The price is accuracy. F(2x2) adds and halves, and is as exact as any sum; F(4x4) multiplies by numbers from 1/24 to
5, and loses about one decimal digit in float32.

References
----------
Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016; Winograd, "Arithmetic complexity of
computations", 1980.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from npseg.backend import Array, array_module
from npseg.geometry import Ints, Pairs, Window, times
from npseg.memory import empty, zeros
from npseg.methods import pooling
from npseg.methods.blocks import Block, cut_into_blocks
from npseg.methods.points import (
    PIECE,
    kernels_from_points,
    kernels_to_points,
    multiply,
    multiply_and_add,
    to_planes,
    to_points,
)
from npseg.workers import PIECES, parts, share_out

#: Taps of a kernel, on each axis.
TAPS = 3

#: Bytes of tiles that are at the points together where the kernels are large, which are then read once for all of
#: them; the workers share out the channels and the points.
BLOCK = 4 * PIECE

#: Bytes of kernels, at the points, that each worker can have at hand, so that it does its own tiles from end to end.
AT_HAND = 2 * 2**20

#: Aᵀ, Bᵀ and G of F(2x2, 3x3) (the points 0, 1, -1 and infinity) and F(4x4, 3x3) (also 2 and -2), by tile size.
TRANSFORMS: dict[int, tuple[Sequence[Sequence[float]], ...]] = {
    2: (
        [[1, 1, 1, 0], [0, 1, -1, -1]],
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    ),
    4: (
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
    ),
}


class Winograd:
    """The method, for tiles of one size.

    Parameters
    ----------
    tile : {2, 4}
        Outputs of a tile on each axis.
    """

    argmax = staticmethod(pooling.argmax)
    take = staticmethod(pooling.take)
    put = staticmethod(pooling.put)
    mean = staticmethod(pooling.mean)
    spread = staticmethod(pooling.spread)

    def __init__(self, tile: int) -> None:
        self.tile = tile

    @staticmethod
    def serves(kernel: Ints, stride: Ints, dilation: Ints) -> bool:
        """Say whether kernels are such as these methods are for.

        Examples
        --------
        >>> Winograd.serves((3, 3), (1, 1), (1, 1)), Winograd.serves((3, 3), (2, 2), (1, 1))
        (True, False)
        """
        return set(kernel) == {TAPS} and set(stride) == set(dilation) == {1}

    def correlate(
        self,
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
        """Take windows and kernels to the points, multiply there, and read the outputs off."""
        self._refuse(w.shape[2:], stride, dilation)
        outputs_at, windows_at, kernels_at = self._transforms(x)
        below, above = self._tiles(x.shape[2:], padding, size)
        kernels = kernels_to_points(kernels_at, w, groups)
        y = empty((len(x), len(w), *size), x)

        def work(tiles: Block) -> None:
            windows = to_points(windows_at, x, below, tiles)
            to_planes(outputs_at, multiply(kernels, windows), y, above, tiles)

        if kernels.nbytes <= AT_HAND:
            share_out(work, _blocks(x, len(w), below, PIECE, PIECES), x)
        else:
            for tiles in _blocks(x, len(w), below, BLOCK, 1):
                work(tiles)
        return y

    def correlate_adjoint_x(
        self,
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
        """Correlate with the kernels turned round, their channels exchanged."""
        self._refuse(w.shape[2:], stride, dilation)
        above, below = len(w) // groups, w.shape[1]
        turned = w[:, :, *(slice(None, None, -1) for _ in size)].reshape(groups, above, below, *w.shape[2:])
        turned = turned.swapaxes(1, 2).reshape(groups * below, above, *w.shape[2:])
        # A window reached before pixels 0 as far as it was padded; the stamps that reach pixel 0 begin as far after.
        around = tuple((TAPS - 1 - before, TAPS - 1 - after) for before, after in padding)
        return self.correlate(
            y, turned, size, stride=stride, padding=around, dilation=dilation, groups=groups
        )

    def correlate_adjoint_w(
        self,
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
        """Take the tiles of both planes to the points, multiply there, and read the kernels off."""
        self._refuse(size, stride, dilation)
        outputs_at, windows_at, kernels_at = self._transforms(x)
        below, above = self._tiles(x.shape[2:], padding, y.shape[2:])
        shape = len(windows_at), groups, y.shape[1] // groups, x.shape[1] // groups

        def add_up(blocks: Sequence[Block]) -> Array:
            kernels = (empty if blocks else zeros)(shape, x)
            for number, tiles in enumerate(blocks):
                windows = to_points(windows_at, x, below, tiles)
                outputs = to_points(outputs_at.T, y, above, tiles)
                multiply_and_add(outputs, windows, kernels, first=number == 0)
            return kernels

        if prod(shape) * x.dtype.itemsize <= AT_HAND:
            blocks = _blocks(x, y.shape[1], below, PIECE, PIECES)
            runs = [blocks[part] for part in parts(len(blocks), like=x)] or [blocks]
            kernels, *others = share_out(add_up, runs, x)
            for other in others:
                kernels += other
        else:
            kernels = add_up(_blocks(x, y.shape[1], below, BLOCK, 1))
        return kernels_from_points(kernels_at, kernels, size)

    def _refuse(self, kernel: Ints, stride: Ints, dilation: Ints) -> None:
        if not self.serves(kernel, stride, dilation):
            raise ValueError(
                f"Winograd's methods serve kernels of {TAPS} taps on each axis at stride 1 without dilation; this one "
                f"is {times(kernel)} at stride {times(stride)} with dilation {times(dilation)}: use method='auto'"
            )

    def _transforms(self, like: Array) -> list[Array]:
        """Return Aᵀ, Bᵀ and G for all axes at once, as matrices of the library and dtype of ``like``."""
        xp, axes = array_module(like), like.ndim - 2
        return [_for_all_axes(self.tile, name, axes, str(like.dtype), xp) for name in range(3)]

    def _tiles(self, size: Ints, padding: Pairs, out: Ints) -> tuple[Window, Window]:
        """Return the windows that are cut out of the plane below, and the tiles of the plane above that they make."""
        axes, tile = len(size), self.tile
        count = tuple(-(-o // tile) for o in out)
        steps, no_padding, ones = (tile,) * axes, ((0, 0),) * axes, (1,) * axes
        below = Window(size, count, (tile + TAPS - 1,) * axes, steps, padding, ones)
        return below, Window(out, count, steps, steps, no_padding, ones)


@cache
def _for_all_axes(tile: int, which: int, axes: int, dtype: str, xp: ModuleType) -> Array:
    """Return the Kronecker product of a transform with itself, once for each axis; moved to a device only once."""
    matrix = np.array(TRANSFORMS[tile][which])
    return xp.asarray(reduce(np.kron, [matrix] * axes), dtype)


def _blocks(x: Array, channels: int, window: Window, largest: int, pieces: int) -> list[Block]:
    """Cut the tiles of a batch into blocks; ``channels`` are those of the other plane, which may be more than x has."""
    size = len(x) * max(x.shape[1], channels) * prod(window.kernel) * prod(window.out) * x.dtype.itemsize
    return cut_into_blocks(len(x), window.out[0], size, largest, pieces, like=x)
