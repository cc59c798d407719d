"""An array as it is drawn: cells, of which some surround it, cut into sheets of rows and columns.

The plane below is drawn with what surrounds it: the padding that windows read, or what a transposed convolution
stamps and then crops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from npseg.geometry import Ints

Table: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


class Plane(NamedTuple):
    """An array as it is drawn: its cells, and which of them surround it.

    Attributes
    ----------
    name : str
        What the operation calls it.
    cells : object array
        Numbers and symbols, (N, C, *canvas) or, of a kernel, (C_out, C_in, *kernel).
    size : tuple of int
        Spatial size without what surrounds it.
    origin : tuple of int
        Where pixel 0 stands on each spatial axis of the canvas.
    border : str
        What the surrounding cells are: "padding" or "cropped".
    """

    name: str
    cells: np.ndarray[Any, Any]
    size: Ints
    origin: Ints
    border: str = "padding"

    @classmethod
    def of(cls, name: str, cells: np.ndarray[Any, Any], axes: int) -> Plane:
        """Take an array as it is, with so many spatial axes."""
        return cls(name, cells.astype(object), cells.shape[cells.ndim - axes :], (0,) * axes)

    @property
    def inside(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which cells are no border, flat."""
        inside = np.zeros(self.cells.shape, bool)
        inside[box(self.origin, self.size)] = True
        return inside.ravel()

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The cells without the border."""
        pixels: np.ndarray[Any, Any] = self.cells[box(self.origin, self.size)]
        return pixels

    @property
    def extent(self) -> Ints:
        """The size without the border, with channels and images only where there are several."""
        return (*self.cells.shape[self._said : -len(self.size)], *self.size)

    @property
    def _said(self) -> int:
        """The first axis worth mention: of channels and images those of which there is one are not."""
        lead = self.cells.ndim - len(self.size)
        return next((i for i in range(lead) if self.cells.shape[i] > 1), lead)

    def place(self, cell: int) -> Ints:
        """Return the coordinates of a flat cell as the operation counts them: negative before pixel 0."""
        at = np.unravel_index(cell, self.cells.shape)
        lead = len(at) - len(self.size)
        return tuple(int(i) for i in at[:lead]) + tuple(int(i) - o for i, o in zip(at[lead:], self.origin))

    def call(self, cell: int) -> str:
        """Name a cell: ``x[0, 1]``, with channel and image only where there are several."""
        place = self.place(cell)[self._said :]
        return f"{self.name}[{', '.join(str(i).replace('-', '−') for i in place)}]"

    def sheets(self) -> Iterator[tuple[str, Table]]:
        """Cut the array into sheets of rows and columns.

        Yields
        ------
        label : str
            Which channel, kernel, image or depth it is, where there are several.
        cells : (H, W) int array
            The flat cells that lie on the sheet; a plane with one axis is one row.
        """
        lead = self.cells.ndim - len(self.size)
        names = ("image", "channel")[:lead] if not self.name.endswith("w") else ("kernel", "channel")
        depth = self.cells.shape[lead:-2]
        rows = self.cells.shape[-2] if len(self.size) > 1 else 1
        flat = np.arange(self.cells.size).reshape(-1, rows, self.cells.shape[-1])
        for sheet, at in zip(flat, np.ndindex(*self.cells.shape[:lead], *depth)):
            coordinates = zip(names, at, self.cells.shape)
            label = [f"{name} {i}" for name, i, count in coordinates if count > 1]
            label += [f"depth {i - self.origin[0]}" for i in at[lead:]]
            yield ", ".join(label).replace("-", "−"), sheet

    def rows(self) -> list[list[tuple[str, Table]]]:
        """Arrange the sheets in rows: channels below each other; images, depths and a kernel's channels beside."""
        sheets = list(self.sheets())
        lead = self.cells.shape[: self.cells.ndim - len(self.size)]
        order = np.arange(len(sheets)).reshape(*(*lead, 1, 1)[:2], -1)
        if not self.name.endswith("w"):
            order = order.swapaxes(0, 1)
        return [[sheets[k] for k in row.flat] for row in order]


def box(origin: Ints, size: Ints) -> tuple[Any, ...]:
    """Return the index of the pixels in a canvas."""
    return (..., *(slice(o, o + s) for o, s in zip(origin, size)))
