"""One step as it is drawn: the planes with their numbers, the cells that meet lit, and the matrix.

Going down, cells of the result stay empty until they are written; coming up, they hold what has arrived so far. How
much room each cell takes is decided by all steps together, so that the pictures of a walk have the same size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from npseg.draw.stepper import boxes, grids, matrices
from npseg.draw.stepper.boxes import Box
from npseg.draw.stepper.grids import Cell, Look, Room
from npseg.draw.stepper.notation import Value, written
from npseg.draw.stepper.planes import Plane, Table
from npseg.draw.stepper.walk import absent, dashes, entries, read, shape
from npseg.geometry import times

if TYPE_CHECKING:
    from npseg.draw.stepper.steps import Steps

#: More cells than this in one picture cannot be read.
MOST_CELLS = 6000


class Scene:
    """What a walk has to show, step by step, as boxes to arrange.

    Parameters
    ----------
    steps : Steps
        The walk.
    font : float
        Size of the numbers.
    side : float
        Side of a cell in inches, if its number needs no more.
    coordinates : bool
        Whether rows and columns are numbered.

    Raises
    ------
    ValueError
        If there are more cells than can be read.
    """

    def __init__(
        self, steps: Steps, *, font: float = 10.0, side: float = 0.36, coordinates: bool = True
    ) -> None:
        self.steps, self.drawing = steps, steps.drawing
        planes = (self.drawing.source, self.drawing.target, self.drawing.kernel)
        self.count = sum(plane.cells.size for plane in planes if plane is not None)
        if self.count > MOST_CELLS:
            raise ValueError(
                f"{self.drawing.operation}: {self.count} cells are too many for a picture (at most {MOST_CELLS}); "
                "take a smaller image, or fewer channels"
            )
        self._font, self._side, self._coordinates = font, side, coordinates
        self._scattered = steps.order == "scatter"

    @cached_property
    def has_matrix(self) -> bool:
        """Whether the matrix is small enough to be shown."""
        return matrices.is_small(self.drawing)

    @property
    def weighs_with_image(self) -> bool:
        """Whether the products weigh with an image, as for a kernel's gradient: each step takes other cells of it."""
        kernel = self.drawing.kernel
        return kernel is not None and not kernel.name.endswith("w")

    @cached_property
    def legend(self) -> str:
        """What the looks of the cells mean, of those that occur."""
        drawing, (_, looks) = self.drawing, self._source
        again = any(self._again(i, target) for i, step in enumerate(self.steps) for target in step.targets)
        meanings = {
            dashes(drawing): absent(drawing).any(),
            "struck through: never read": any(look.struck for look in looks),
            "struck through: cropped": not drawing.target.inside.all(),
            "darker: adds to what is there already": again,
        }
        return "; ".join(meaning for meaning, occurs in meanings.items() if occurs)

    def source(self, i: int) -> Box:
        """Draw what is read, with the cells of a step lit."""
        step, texts, looks = self.steps[i], *self._source
        looks = _lit(_lit(looks, step.seen, grids.SEEN), step.sources, grids.LIT_SOURCE)
        return self._plane(self.drawing.source, texts, looks, self._room(texts), grids.SOURCE)

    def kernel(self, taps: Iterable[int] | None = None) -> list[Box]:
        """Draw the kernel, if there is one, with some taps lit, or all of them."""
        plane = self.drawing.kernel
        if plane is None:
            return []
        texts = [written(value) for value in plane.cells.flat]
        looks = [grids.PLAIN if inside else grids.BORDER for inside in plane.inside]
        looks = _lit(looks, range(len(looks)) if taps is None else taps, grids.LIT_TAP)
        return [self._plane(plane, texts, looks, self._room(texts), grids.KERNEL)]

    def target(self, i: int) -> Box:
        """Draw the result as it stands after a step."""
        texts, looks = self._result(i)
        return self._plane(self.drawing.target, texts, looks, self._target_room, grids.TARGET)

    def matrix(self, i: int) -> Box:
        """Write the matrix under its name, with the row or the column of a step lit."""
        rows, columns = self._crossing(i)
        written_out = matrices.written_out(
            self.drawing, self._entries, rows=rows, columns=columns, view=self.steps.order
        )
        return boxes.below([self._matrix_name, written_out], gap=0.08)

    def product(self, i: int) -> Box:
        """Draw the result as the matrix times what is read, both as columns."""
        rows, columns = self._crossing(i)
        texts, looks = self._result(i)
        x_texts, x_looks = self._source
        x_looks = _lit(x_looks, self.steps[i].sources, grids.LIT_SOURCE)
        drawing, start = self.drawing, self.drawing.start
        b_texts = [] if start is None else [written(value) for value in start.flat]
        heights = [grids.room(t, font=matrices.FONT, least=matrices.SIDE).height for t in (x_texts, b_texts)]
        high = max(self._target_room.height if self._target_room.height > self._side else 0, *heights)
        matrix = matrices.written_out(
            drawing, self._entries, rows=rows, columns=columns, labelled=False, least=high
        )
        parts = [
            _column(drawing.target, texts, looks, rows, grids.TARGET, high),
            _sign("="),
            boxes.below([self._matrix_name, matrix], gap=0.08),
            _column(drawing.source, x_texts, x_looks, columns, grids.SOURCE, high),
        ]
        if start is not None:
            b = drawing.target._replace(name="b")
            parts += [_sign("+"), _column(b, b_texts, [grids.PLAIN] * len(b_texts), rows, boxes.INK, high)]
        return boxes.beside(parts, gap=0.2)

    @cached_property
    def _entries(self) -> matrices.Entries:
        return entries(self.drawing)

    @property
    def _matrix_name(self) -> Box:
        return boxes.heading(self.drawing.matrix, times(shape(self.drawing)), grids.KERNEL)

    @cached_property
    def _source(self) -> tuple[list[str], list[Look]]:
        """What is written in the source's cells, and how they look when they are not lit."""
        plane, nothing, asked = self.drawing.source, absent(self.drawing), read(self.drawing)
        texts = ["–" if none else written(value) for value, none in zip(plane.cells.flat, nothing)]
        looks = [
            grids.STRUCK if not (used or none) else grids.PLAIN if inside else grids.BORDER
            for inside, used, none in zip(plane.inside, asked, nothing)
        ]
        return texts, looks

    @cached_property
    def _held(self) -> list[dict[int, Value]]:
        """What the cells of the result hold after each step, as far as the steps have come to them."""
        held: list[dict[int, Value]] = []
        for step in self.steps:
            held.append({**(held[-1] if held else {}), **dict(zip(step.targets, step.values))})
        return held

    def _result(self, i: int) -> tuple[list[str], list[Look]]:
        """Return what is written in the result's cells after a step, and how they look."""
        drawing, step, held = self.drawing, self.steps[i], self._held[i]
        texts, looks = [], []
        for target, inside in enumerate(drawing.target.inside):
            waiting = written(drawing.begins(target)) if self._scattered else ""
            texts.append(written(held[target]) if target in held else waiting)
            plain = grids.PLAIN if target in held else grids.WAITING
            looks.append(plain if inside else grids.STRUCK)
        again = [target for target in step.targets if self._again(i, target)]
        return texts, _lit(_lit(looks, step.targets, grids.LIT_TARGET), again, grids.LIT_AGAIN)

    def _again(self, i: int, target: int) -> bool:
        """Say whether a step adds to what earlier ones have brought."""
        return self._scattered and i > 0 and self._held[i - 1].get(target, 0) != 0

    @cached_property
    def _target_room(self) -> Room:
        values = {written(value) for step in self.steps for value in step.values}
        if self._scattered and self.drawing.start is not None:
            values |= {written(value) for value in self.drawing.start.flat}
        return self._room(values)

    def _room(self, texts: Iterable[str]) -> Room:
        return grids.room(texts, font=self._font, least=self._side)

    def _crossing(self, i: int) -> tuple[set[int], set[int]]:
        """Return the rows and the columns of the matrix that a step is about."""
        step = self.steps[i]
        return _numbers(self.drawing.target, step.targets), _numbers(self.drawing.source, step.sources)

    def _plane(
        self, plane: Plane, texts: Sequence[str], looks: Sequence[Look], room: Room, color: str
    ) -> Box:
        """Draw the sheets of a plane under its name."""
        rows = [
            boxes.beside([self._sheet(plane, *sheet, texts, looks, room) for sheet in row], gap=0.2)
            for row in plane.rows()
        ]
        name = boxes.heading(plane.name, times(plane.size), color)
        return boxes.below([name, boxes.below(rows, gap=0.14)], gap=0.06)

    def _sheet(
        self,
        plane: Plane,
        label: str,
        numbers: Table,
        texts: Sequence[str],
        looks: Sequence[Look],
        room: Room,
    ) -> Box:
        """Draw one sheet of a plane, with its coordinates, negative before pixel 0."""
        cells = {
            (r, c): Cell(texts[cell], looks[cell], plane.call(cell))
            for r, row in enumerate(numbers.tolist())
            for c, cell in enumerate(row)
        }
        height, width = numbers.shape
        rows = columns = list[Cell]()
        if self._coordinates:
            columns = [_coordinate(k, plane.origin[-1]) for k in range(width)]
            rows = [_coordinate(k, plane.origin[-2]) for k in range(height)] if len(plane.size) > 1 else []
        box = grids.grid((height, width), cells, room, rows=rows, columns=columns)
        return boxes.below([boxes.line(label, size=8, color=boxes.GRAY), box], gap=0.03) if label else box


def _lit(looks: Sequence[Look], cells: Iterable[int], lit: Look) -> list[Look]:
    """Give some cells another look, in the border a lighter one; what was struck through stays so."""
    changed = list(looks)
    for cell in cells:
        border = looks[cell].struck or looks[cell].fill == grids.BORDER.fill
        changed[cell] = lit._replace(width=0.9 if border else lit.width, struck=looks[cell].struck)
    return changed


def _numbers(plane: Plane, cells: Iterable[int]) -> set[int]:
    """Count cells without the border, as the rows and columns of the matrix are counted."""
    inside = plane.inside
    number = np.cumsum(inside) - 1
    return {int(number[cell]) for cell in cells if inside[cell]}


def _coordinate(k: int, origin: int) -> Cell:
    return Cell(written(k - origin), grids.WAITING)


def _column(
    plane: Plane, texts: Sequence[str], looks: Sequence[Look], lit: Collection[int], color: str, high: float
) -> Box:
    """Draw all cells of a plane but the border below each other, with their names."""
    inside = np.flatnonzero(plane.inside).tolist()
    cells = {(row, 0): Cell(texts[cell], looks[cell], plane.call(cell)) for row, cell in enumerate(inside)}
    size = grids.room(texts, font=matrices.FONT, least=0.36)._replace(height=high)
    rows = matrices.names(plane, lit, color)
    return boxes.below(
        [boxes.heading(plane.name, "", color), grids.grid((len(inside), 1), cells, size, rows=rows)], gap=0.08
    )


def _sign(text: str) -> Box:
    return boxes.line(text, size=14, color=boxes.GRAY)
