"""Large images cut into tiles, such that each pixel gets the scores that it would get in the whole image.

A pixel's score depends on what its unit sees and on nothing else. Where all of that lies inside a tile, the tile
will do; at the tile's rim, where the network sees zeros in place of the image, it will not. So tiles overlap, and of
each the part is kept that sees no inner edge. At the image's own border the tile ends where the image does, and the
zeros are the same.

For the units of a tile to be the image's, pooling windows and crops included, it has to start at a multiple of the
network's total stride. And all tiles have one size, so that one way of computing serves them all: a size that leaves
the remainder, divided by the stride, that the image's leaves, for then the last tile too starts at a multiple.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015, section 2: the
"overlap-tile strategy".
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise, product
from math import isqrt, lcm, prod
from typing import Any, NamedTuple

from npseg import arguments, kinds
from npseg.geometry import Ints, times
from npseg.layers import Layer
from npseg.planes import follow

#: Bytes of the largest plane of a tile, unless told otherwise. A layer at work holds a handful of that size.
LARGEST_PLANE = 512 * 2**20

#: An image of so many pixels is not cut, unless told otherwise: such a tile would be hardly more than its rim.
SMALL = 512 * 512

#: More tiles than this nobody would wait for.
MOST = 1_000_000


class Tile(NamedTuple):
    """A part of an image that runs through the network by itself.

    Attributes
    ----------
    read : tuple of slice
        Its place in the image, rows and columns.
    keep : tuple of slice
        The part of its scores that are the whole image's.
    put : tuple of slice
        The place of that part in the image.

    Examples
    --------
    >>> Tile((slice(0, 96),), (slice(0, 64),), (slice(0, 64),)).keep
    (slice(0, 64, None),)
    """

    read: tuple[slice, ...]
    keep: tuple[slice, ...]
    put: tuple[slice, ...]


class Rim(NamedTuple):
    """What of a tile sees its inner edges, on one axis of an image.

    Attributes
    ----------
    stride : int
        The network's total stride: tiles start at multiples of it.
    before : int
        Pixels at the tile's beginning that see beyond it.
    width : int
        By how much a tile is larger than what it adds: the pixels at both ends that see beyond it, and as many more
        as let the last tile end with the image.

    Examples
    --------
    >>> Rim(32, 218, 436)
    Rim(stride=32, before=218, width=436)
    """

    stride: int
    before: int
    width: int

    @classmethod
    def of(cls, network: Layer, stride: int, size: int) -> Rim:
        """Find it, from what the network's units see: pixel by pixel, by bisection.

        Raises
        ------
        ValueError
            If what the units see does not repeat with the stride.
        """
        kinds.instance("Rim", "network", network, Layer, "a network or a layer")
        stride, size = arguments.integers("Rim", 1, stride=stride, size=size)
        first, last = network.sees(0, 0)
        if network.sees(stride, stride) != (first + stride, last + stride):
            raise ValueError(
                f"{type(network).__name__}: pixel 0 sees {first} to {last}, but pixel {stride} not the same "
                f"{stride} further on, so that images cannot be cut at multiples of the stride; give tile=None"
            )
        before = bisect_left(range(stride - first), 0, key=lambda p: network.sees(p, p)[0])
        end = size % stride + stride * (max(0, last) // stride + 2)
        after = end - bisect_left(range(end), end, key=lambda p: network.sees(p, p)[1])
        return cls(stride, before, before + after + (size - before - after) % stride)

    def cut(self, size: int, step: int) -> list[tuple[slice, slice, slice]]:
        """Cut an axis: what each tile reads, keeps of it, and where that is put.

        Parameters
        ----------
        size : int
            Pixels of the axis.
        step : int
            Pixels from one tile to the next, at the most.
        """
        size, step = arguments.integers("Rim", 1, size=size, step=step)
        blocks = (size - self.width) // self.stride  # a whole number: that is what the width is rounded for
        count = -(-blocks // max(1, step // self.stride))
        if count < 2:
            return [(slice(0, size),) * 3]
        _refuse_many(count, step, size)
        step = -(-blocks // count) * self.stride  # as many tiles, but smaller and alike
        starts = [*range(0, size - self.width - step, step), size - self.width - step]
        ends = [0, *(start + self.before for start in starts[1:]), size]
        return [
            (slice(start, start + self.width + step), slice(a - start, b - start), slice(a, b))
            for start, (a, b) in zip(starts, pairwise(ends))
        ]


def _refuse_many(count: int, step: int, *size: int) -> None:
    """Refuse more tiles than anybody would wait for."""
    if count > MOST:
        raise ValueError(
            f"label: an image of size {times(size)} is {count} tiles with {step} pixels from one to the next (at most "
            f"{MOST}); give a larger tile"
        )


def cut(network: Layer, size: Ints, tile: int | str | None = "auto", *, dtype: Any = "float32") -> list[Tile]:
    """Cut an image into tiles.

    Parameters
    ----------
    network : Layer
        The network that will label them.
    size : tuple of int
        Rows and columns of the image.
    tile : int, "auto" or None
        Pixels from one tile to the next, on each axis, at the most; rounded up to a multiple of the total stride.
        What a tile reads is larger, by what its units see. None does not cut; "auto" cuts where the largest plane
        would otherwise take more than ``LARGEST_PLANE``, if the network says what its units see.
    dtype : dtype
        Of the images.

    Returns
    -------
    list of Tile
        What they read has one size for all, what they put covers the image once.

    Raises
    ------
    ValueError
        If tile is below 1 or so small that there are a million, or the network's images cannot be cut.
    TypeError
        If tile is none of these, or the network is none.

    Examples
    --------
    >>> from npseg.layers import Conv, Sequential
    >>> net = Sequential(a=Conv(3, 3, 3, padding=1, rng=None), b=Conv(3, 3, 3, padding=1, rng=None))
    >>> for tile in cut(net, (1, 10), 4):
    ...     print(*(axis[1] for axis in tile))
    slice(0, 7, None) slice(0, 5, None) slice(0, 5, None)
    slice(3, 10, None) slice(2, 7, None) slice(5, 10, None)
    """
    kinds.instance("label", "network", network, Layer, "a network or a layer")
    size = arguments.axes("label", "size", size, 2)
    arguments.float_type("label", dtype)
    auto = isinstance(tile, str) and tile == "auto"
    if tile is not None and not auto:
        tile = arguments.integer("label", "tile", tile, 1)
    whole = [Tile(*3 * (tuple(slice(0, n) for n in size),))]
    if tile is None or (auto and prod(size) <= SMALL):
        return whole

    try:
        rims, area = _rims(network, size, dtype)
    except NotImplementedError as reason:
        if auto:
            return whole
        raise ValueError(
            f"label: tile={tile}, but images cannot be cut for a {type(network).__name__}: "
            f"{str(reason) or 'it does not say what its units see (sees)'}; give tile=None"
        ) from None

    stride = rims[0].stride
    if auto:
        side = area // min(*size, isqrt(area))  # of an image that is narrow, a tile may be long
        steps = [max(stride, side - rim.width) for rim in rims]
    else:
        steps = [-(-int(tile) // stride) * stride] * len(size)
    axes = [rim.cut(n, step) for rim, n, step in zip(rims, size, steps)]
    _refuse_many(prod(map(len, axes)), max(steps), *size)
    return [Tile(*zip(*pieces)) for pieces in product(*axes)]


def _rims(network: Layer, size: Ints, dtype: Any) -> tuple[list[Rim], int]:
    """Find the rim on each axis, and how many pixels a tile may have for its largest plane to fit.

    Raises
    ------
    NotImplementedError
        If the network does not say what its units see, or its scores are not of the image's size.
    """
    part = tuple(min(n, isqrt(SMALL)) for n in size)  # of the image, and as good as all of it
    scores, planes = follow(network, (1, 3, *part), dtype)
    stride = lcm(*(step.above.grid.step.numerator for step in planes))
    rims = [Rim.of(network, stride, n) for n in size]
    if scores.shape[2:] != part:
        raise NotImplementedError(f"its scores are {times(scores.shape[2:])} for an image of {times(part)}")
    return rims, int(LARGEST_PLANE * prod(part) / max(step.above.nbytes for step in planes))
