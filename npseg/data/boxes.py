"""Boxes around objects, found in a label map or drawn near those.

A label map says which class each pixel has, not which pixels are one object; here an object is what hangs together of
a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from npseg import arguments, kinds, room
from npseg.data.dataset import VOID, Bytes

#: Pixels that an object has at the least; what hangs together of fewer is passed over.
LEAST = 100

#: Bytes that a box takes in a list of them.
BYTES = 100


class Box(NamedTuple):
    """A box in an image: rows from ``top`` up to ``bottom``, columns from ``left`` up to ``right``, in pixels.

    Examples
    --------
    >>> box = Box(2, 3, 6, 11)
    >>> box.height, box.width, np.zeros((20, 20))[box.part].shape
    (4, 8, (4, 8))
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return max(0, self.bottom - self.top)

    @property
    def width(self) -> int:
        """Columns."""
        return max(0, self.right - self.left)

    @property
    def part(self) -> tuple[slice, slice]:
        """Its place in the image, rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, size: Sequence[int]) -> Box:
        """Return what of it lies in an image of so many rows and columns."""
        rows_and_columns = kinds.listed("Box", "size", size, "(rows, columns)")[:2]
        height, width = arguments.axes("Box", "size", rows_and_columns, 2)
        return Box(max(0, self.top), max(0, self.left), min(self.bottom, height), min(self.right, width))

    def squared(self, factor: float) -> Box:
        """Return the square around its middle whose side is its longer one, enlarged by a factor."""
        half = arguments.real("Box", "factor", factor) * max(self.height, self.width) / 2
        row, column = (self.top + self.bottom) / 2, (self.left + self.right) / 2
        return Box(floor(row - half), floor(column - half), ceil(row + half), ceil(column + half))

    def overlap(self, other: Box) -> float:
        """Return the intersection over union of two boxes."""
        kinds.instance("Box", "other", other, Box, "a Box")
        top, left = max(self.top, other.top), max(self.left, other.left)
        both = Box(top, left, min(self.bottom, other.bottom), min(self.right, other.right))
        shared = both.height * both.width
        return shared / (self.height * self.width + other.height * other.width - shared)


def objects(
    labels: Bytes, *, background: int = 0, least: int = LEAST
) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """Go through the objects of a label map: all that hangs together of each class but the background.

    Parameters
    ----------
    labels : (H, W) uint8 array
        The classes; 255 is void.
    background : int
        The class that has no objects.
    least : int
        Pixels of an object at the least.

    Yields
    ------
    box : Box
        The smallest around it.
    mask : (H, W) bool array
        Its pixels. Those that touch at a corner only are not one object.

    Examples
    --------
    >>> labels = np.zeros((4, 8), np.uint8)
    >>> labels[1:3, 1:3], labels[2:, 5:] = 1, 2
    >>> [box for box, mask in objects(labels, least=4)]
    [Box(top=1, left=1, bottom=3, right=3), Box(top=2, left=5, bottom=4, right=8)]
    """
    arguments.whole_numbers("objects", "labels", labels)
    if labels.ndim != 2:
        raise ValueError(f"objects: labels have shape {labels.shape}; (H, W) is needed")
    background = arguments.integer("objects", "background", background, 0, VOID)
    least = arguments.integer("objects", "least", least)
    for label in np.unique(labels):
        if label in (background, VOID):
            continue
        pieces, _ = ndimage.label(labels == label)
        for number, (rows, columns) in enumerate(ndimage.find_objects(pieces), start=1):
            mask = pieces == number
            if mask.sum() >= least:
                yield Box(rows.start, columns.start, rows.stop, columns.stop), mask


def jittered(boxes: Sequence[Box], count: int, rng: np.random.Generator) -> list[Box]:
    """Draw boxes near others, where there is no generator of proposals: each side moved by up to a quarter.

    Parameters
    ----------
    boxes : sequence of Box
        The objects'.
    count : int
        How many for each.
    rng : numpy.random.Generator
        What draws.

    Examples
    --------
    >>> near = jittered([Box(0, 0, 40, 40)], 3, np.random.default_rng(0))
    >>> len(near), all(box.overlap(Box(0, 0, 40, 40)) > 0.25 for box in near)
    (3, True)
    """
    boxes = kinds.members("jittered", "boxes", boxes, Box, "a list of Boxes")
    count = arguments.integer("jittered", "count", count)
    kinds.instance("jittered", "rng", rng, np.random.Generator, "a numpy.random.Generator")
    room.check("jittered", f"count={count} boxes for each", (len(boxes), count), np.empty(0), BYTES)
    moved = []
    for box in boxes:
        reach = np.array([box.height, box.width, box.height, box.width]) / 4
        moved += [Box(*map(int, box + rng.uniform(-reach, reach).round())) for _ in range(count)]
    return moved
