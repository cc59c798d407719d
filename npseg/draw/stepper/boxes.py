"""What a picture is put together from: boxes, which know their size before they are drawn.

A box is a line of text, a grid of cells (:mod:`grids`), or other boxes side by side. All lengths are in inches, from
the top left. What does not fit onto a page is drawn smaller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from matplotlib import get_data_path
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import ImageFont

INK, GRAY = "#1d2530", "#5c6672"

POINT = 1 / 72  # inches

_CAPITAL = 0.365  # half the height of a figure, in parts of the font's size
_WIDEST, _HIGHEST = 15.0, 12.0  # inches; what is larger is scaled down
_MARGIN = 0.22


class Sheet:
    """A figure to draw on.

    Parameters
    ----------
    width, height : float
        Its size, in inches as the boxes count them.
    """

    def __init__(self, width: float, height: float) -> None:
        self.scale = scale(width, height)
        self.figure = Figure(figsize=(width * self.scale, height * self.scale), dpi=100, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        color: str = INK,
        bold: bool = False,
        align: str = "left",
        turned: bool = False,
        name: str = "",
    ) -> None:
        """Write a line with its middle at the height y; turned, it runs upwards from y."""
        if turned:
            x, where, angle = x + _CAPITAL * size * POINT, "left", 90.0
        else:
            y, where, angle = y + _CAPITAL * size * POINT, align, 0.0
        self.axes.text(
            x, y, text, fontsize=size * self.scale, color=color, weight="bold" if bold else "normal", ha=where,
            va="baseline", rotation=angle, rotation_mode="anchor", family="DejaVu Sans", parse_math=False,
            usetex=False, label=name,
        )  # fmt: skip

    def lines(self, segments: Sequence[Sequence[tuple[float, float]]], *, color: str, width: float) -> None:
        """Draw straight lines."""
        self.axes.add_collection(
            LineCollection(segments, colors=color, linewidths=width * self.scale), autolim=False
        )


class Box(NamedTuple):
    """Something to draw: how wide and high it is, and what draws it from its top left corner."""

    width: float
    height: float
    draw: Callable[[Sheet, float, float], None]


def scale(width: float, height: float) -> float:
    """Return by how much a drawing is made smaller to fit onto a page."""
    return min(1.0, _WIDEST / width, _HIGHEST / height)


def figure(box: Box) -> Figure:
    """Draw a box on a page of its own."""
    sheet = Sheet(box.width + 2 * _MARGIN, box.height + 2 * _MARGIN)
    box.draw(sheet, _MARGIN, _MARGIN)
    return sheet.figure


def beside(boxes: Iterable[Box], *, gap: float = 0.3, align: float = 0.5) -> Box:
    """Put boxes side by side; ``align`` 0 sets them at the top, 0.5 in the middle, 1 at the bottom."""
    items = list(boxes)
    height = max(box.height for box in items)

    def draw(sheet: Sheet, left: float, top: float) -> None:
        for box in items:
            box.draw(sheet, left, top + align * (height - box.height))
            left += box.width + gap

    return Box(sum(box.width for box in items) + gap * (len(items) - 1), height, draw)


def below(boxes: Iterable[Box], *, gap: float = 0.3, align: float = 0.0) -> Box:
    """Put boxes below each other; ``align`` 0 sets them at the left, 0.5 in the middle."""
    items = list(boxes)
    width = max(box.width for box in items)

    def draw(sheet: Sheet, left: float, top: float) -> None:
        for box in items:
            box.draw(sheet, left + align * (width - box.width), top)
            top += box.height + gap

    return Box(width, sum(box.height for box in items) + gap * (len(items) - 1), draw)


def line(text: str, *, size: float = 9.0, color: str = INK, bold: bool = False) -> Box:
    """Make a line of text a box."""
    height = 1.35 * size * POINT

    def draw(sheet: Sheet, left: float, top: float) -> None:
        sheet.text(left, top + height / 2, text, size=size, color=color, bold=bold)

    return Box(length(text, size, bold=bold), height, draw)


def heading(name: str, note: str, color: str, *, size: float = 10.0) -> Box:
    """Write a name in bold, and beside it a note in grey."""
    parts = [line(name, size=size, color=color, bold=True), line(note, size=0.9 * size, color=GRAY)]
    return beside(parts, gap=0.007 * size)


def paragraph(text: str, width: float, *, size: float = 9.0, color: str = INK) -> Box:
    """Write a text in as many lines as it needs."""
    return below((line(part, size=size, color=color) for part in wrapped(text, width, size)), gap=0.02)


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Break a text into lines: behind a semicolon or a colon if that will do, else where its sums can be broken."""
    lines: list[str] = []
    for given in text.splitlines():
        lines.append("")
        for part in re.split(r"(?<=[;:]) ", given):
            fits = length(part, size) <= width
            for piece in [part] if fits else re.split(r" (?=[+=])|(?<=\),) |(?<=\w,) (?![^\[]*\])", part):
                joined = f"{lines[-1]} {piece}" if lines[-1] else piece
                if lines[-1] and length(joined, size) > width:
                    lines.append(piece)
                else:
                    lines[-1] = joined
    return lines


@lru_cache(maxsize=4096)
def length(text: str, size: float, *, bold: bool = False) -> float:
    """Return how long a text is, in inches, and a little more: on a screen letters take whole pixels."""
    return 1.05 * _font(bold).getlength(text) / 100 * size * POINT


@lru_cache(maxsize=2)
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", name)), 100)
