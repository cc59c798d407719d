"""Grids of cells, written and lit: what the stills, the filmstrips and the pictures of matrices are made of.

Three colours have the same meaning everywhere: blue is what is read, amber the kernel, green the result. Where a cell
is lit it is tinted, has a heavy edge and its figures are bold, so that it also shows in print without colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from matplotlib.collections import PolyCollection

from npseg.draw.stepper.boxes import GRAY, INK, POINT, Box, Sheet, length

SOURCE, KERNEL, TARGET = "#0b6fb8", "#b35c00", "#0a7a5a"
FAINT, LINE, RULE = "#66707c", "#c3cad3", "#8a94a1"

#: A grid's coordinates, row and column.
Place: TypeAlias = tuple[int, int]

_LONGEST, _TERMS = 11, 9  # signs in a cell without a break, and in each line if there are more
_LABELS = 7.5  # font size of coordinates


class Look(NamedTuple):
    """How a cell looks: its colours, the width of its edge in points, and whether it is struck through."""

    fill: str = "#ffffff"
    edge: str = LINE
    ink: str = INK
    width: float = 0.7
    struck: bool = False


PLAIN = Look()
BORDER = Look("#f3f4f6", "#d9dde3", FAINT, 0.6)
WAITING = PLAIN._replace(ink=FAINT)
STRUCK = BORDER._replace(struck=True)
LIT_SOURCE = Look("#c9e1f5", SOURCE, INK, 1.7)
SEEN = Look("#eaf3fb", SOURCE, GRAY, 0.9)
LIT_TAP = Look("#fbe0c0", KERNEL, INK, 1.7)
LIT_TARGET = Look("#d3f0e5", TARGET, INK, 1.7)
LIT_AGAIN = Look("#83cdb2", TARGET, INK, 1.7)  # something was there already: it adds up


class Cell(NamedTuple):
    """A cell of a grid: what is written in it, how it looks, and the name that its text carries as its label."""

    text: str
    look: Look = PLAIN
    name: str = ""


class Room(NamedTuple):
    """The room that each cell of a grid takes: width and height, and the size of the font."""

    width: float
    height: float
    font: float


def room(texts: Iterable[str], *, font: float = 10.0, least: float = 0.36) -> Room:
    """Return the room in which every one of these texts fits."""
    width, rows = 0.0, 1
    for text in set(texts):
        lines = _broken(text)
        width = max(width, *(length(part, font, bold=True) for part in lines))
        rows = max(rows, len(lines))
    return Room(max(least, width + 0.13), max(least, rows * 1.15 * font * POINT + 0.12), font)


def grid(
    shape: Place,
    cells: Mapping[Place, Cell],
    size: Room,
    *,
    rows: Sequence[Cell] = (),
    columns: Sequence[Cell] = (),
    turned: bool = False,
    dots: bool = False,
    breaks: Sequence[Mapping[int, float]] = ({}, {}),
) -> Box:
    """Draw a grid of cells.

    Parameters
    ----------
    shape : (rows, columns)
        How many there are.
    cells : dict of (row, column) to Cell
        What is in them; where nothing is given nothing is drawn.
    size : Room
        Of each cell.
    rows, columns : sequence of Cell
        Labels to the left and above, of which only text and ink count.
    turned : bool
        Write the labels above upwards.
    dots : bool
        Leave a faint dot where there is no cell.
    breaks : two of dict of int to float
        Lines across above these rows, and down before these columns, of these widths in points.

    Returns
    -------
    Box
    """
    height, width = shape
    left = max((length(label.text, _LABELS) for label in rows), default=0.0) + (0.08 if rows else 0)
    longest = max((length(label.text, _LABELS) for label in columns), default=0.0)
    above = (longest + 0.08 if turned else 0.17) if columns else 0.0

    def draw(sheet: Sheet, x: float, y: float) -> None:
        x, y = x + left, y + above
        corner = {place: (x + place[1] * size.width, y + place[0] * size.height) for place in cells}
        _rectangles(sheet, list(corner.values()), size, [cell.look for cell in cells.values()])
        struck = [corner[place] for place, cell in cells.items() if cell.look.struck]
        if struck:
            _strike(sheet, struck, size)
        if dots:
            _dot(sheet, [place for place in _all(shape) if place not in cells], x, y, size)
        _rule(sheet, breaks, shape, x, y, size)
        for place, cell in cells.items():
            _write(sheet, cell, corner[place], size)
        for i, label in enumerate(rows):
            middle = y + (i + 0.5) * size.height
            sheet.text(x - 0.07, middle, label.text, size=_LABELS, color=label.look.ink, align="right")
        for i, label in enumerate(columns):
            middle, lift = x + (i + 0.5) * size.width, 0.06 if turned else 0.09
            sheet.text(
                middle,
                y - lift,
                label.text,
                size=_LABELS,
                color=label.look.ink,
                align="center",
                turned=turned,
            )

    return Box(left + width * size.width, above + height * size.height, draw)


def _all(shape: Place) -> list[Place]:
    return [(i, j) for i in range(shape[0]) for j in range(shape[1])]


def _broken(text: str) -> list[str]:
    """Break a long sum of symbols behind its signs, for a cell with several lines; numbers are never so long."""
    if len(text) <= _LONGEST:
        return [text]
    lines = [""]
    for term in re.findall(r"[^+−]*[+−]?", text):
        if lines[-1] and len(lines[-1]) + len(term) > _TERMS:
            lines.append("")
        lines[-1] += term
    return lines


def _rectangles(
    sheet: Sheet, places: Sequence[tuple[float, float]], room: Room, looks: Sequence[Look]
) -> None:
    """Draw rectangles of one size, those with the heaviest edges on top."""
    order = sorted(range(len(looks)), key=lambda i: looks[i].width)
    corners = [
        [(x, y), (x + room.width, y), (x + room.width, y + room.height), (x, y + room.height)]
        for x, y in (places[i] for i in order)
    ]
    ordered = [looks[i] for i in order]
    sheet.axes.add_collection(
        PolyCollection(
            corners,
            facecolors=[look.fill for look in ordered],
            edgecolors=[look.edge for look in ordered],
            linewidths=[look.width * sheet.scale for look in ordered],
            joinstyle="miter",
        ),
        autolim=False,
    )


def _write(sheet: Sheet, cell: Cell, corner: tuple[float, float], size: Room) -> None:
    """Write what is in a cell, in its middle."""
    lines = _broken(cell.text)
    step = 1.15 * size.font * POINT
    x, y = corner[0] + size.width / 2, corner[1] + size.height / 2 - step * (len(lines) - 1) / 2
    for i, text in enumerate(lines):
        if text:
            sheet.text(
                x, y + i * step, text, size=size.font, color=cell.look.ink, bold=cell.look.width > 1.5,
                align="center", name=cell.name,
            )  # fmt: skip


def _strike(sheet: Sheet, corners: Sequence[tuple[float, float]], size: Room) -> None:
    segments = [[(x, y + size.height), (x + size.width, y)] for x, y in corners]
    sheet.lines(segments, color="#ccd1d8", width=0.8)


def _dot(sheet: Sheet, places: Sequence[Place], x: float, y: float, size: Room) -> None:
    sheet.axes.plot(
        [x + (j + 0.5) * size.width for _, j in places],
        [y + (i + 0.5) * size.height for i, _ in places],
        linestyle="none", marker=".", markersize=2.2 * sheet.scale, color=RULE, markeredgewidth=0,
    )  # fmt: skip


def _rule(
    sheet: Sheet, breaks: Sequence[Mapping[int, float]], shape: Place, x: float, y: float, size: Room
) -> None:
    """Draw the lines between blocks."""
    right, bottom = x + shape[1] * size.width, y + shape[0] * size.height
    for i, width in breaks[0].items():
        at = y + i * size.height
        sheet.lines([[(x, at), (right, at)]], color=RULE, width=width)
    for j, width in breaks[1].items():
        at = x + j * size.width
        sheet.lines([[(at, y), (at, bottom)]], color=RULE, width=width)
