"""Which colour is which: the table of class colours, and the legend beneath a picture.

A legend has the classes that occur, and void, the label 255, which has a neutral colour of its own. Beneath a figure
matplotlib draws it; beneath a page of pixels it is a strip, drawn by Pillow with the same letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib import get_data_path
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from npseg import kinds

Color: TypeAlias = tuple[int, int, int]

VOID = 255
VOID_COLOR: Color = (224, 224, 192)

_LINE, _ABOVE, _GAP = 0.2, 0.15, 0.07  # inches: of a line of the legend, above the lines, and to the picture


def classes_and_colors(op: str, classes: Any, colors: ArrayLike) -> tuple[list[str], NDArray[np.uint8]]:
    """Return the names of the classes and the table of their colours, one each."""
    names, table = kinds.members(op, "classes", classes, str, "a list of strings"), color_table(colors)
    if len(table) != len(names):
        raise ValueError(
            f"{op}: there are {len(names)} names of classes and {len(table)} colours: one each, please"
        )
    return list(map(printable, names)), table


def color_table(given: ArrayLike, name: str = "colors") -> NDArray[np.uint8]:
    """Return colours as a table of bytes, (classes, 3)."""
    try:
        table = np.asarray(given)
    except ValueError:  # rows of several lengths
        table = np.empty(0)
    if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iu":
        raise ValueError(f"{name} are {given!r}; whole numbers of shape (classes, 3) are needed")
    if table.size and not (table.min() >= 0 and table.max() <= 255):
        raise ValueError(f"{name} are {given!r}; whole numbers from 0 to 255 are needed")
    return table.astype(np.uint8)


def named(classes: Sequence[str], colors: ArrayLike) -> list[tuple[str, Color]]:
    """Return the entries of a legend of all classes."""
    names, table = classes_and_colors("legend", classes, colors)
    return [(name, (int(r), int(g), int(b))) for name, (r, g, b) in zip(names, table)]


def legend_of(classes: Sequence[str], colors: ArrayLike, occurring: Iterable[int]) -> list[tuple[str, Color]]:
    """List the names and colours of the classes that occur, void among them."""
    entries = {**dict(enumerate(named(classes, colors))), VOID: ("void", VOID_COLOR)}
    return [entries[k] for k in sorted(occurring)]


def classes_in(maps: Iterable[NDArray[Any]]) -> set[int]:
    """Return the classes that occur in label maps."""
    return set(np.concatenate([np.unique(m) for m in maps]).tolist())


def legend_height(entries: Sequence[tuple[str, Color]], width: float) -> float:
    """Return how high the legend of a figure of this width is, in inches."""
    return _ABOVE + _LINE * -(-len(entries) // _across(entries, width))


def place_legend(figure: Figure, entries: Sequence[tuple[str, Color]]) -> None:
    """Say beneath a figure which colour is which."""
    width, height = figure.get_size_inches()
    patches = [
        Patch(facecolor=(r / 255, g / 255, b / 255), edgecolor="0.6", linewidth=0.5, label=name)
        for name, (r, g, b) in entries
    ]
    legend = figure.legend(
        handles=patches,
        ncols=min(_across(entries, width), len(patches)),
        loc="upper center",
        bbox_to_anchor=(0.5, (legend_height(entries, width) + _GAP) / height),
        fontsize=9,
        handlelength=1.3,
        handleheight=1.1,
        columnspacing=1.8,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _across(entries: Sequence[tuple[str, Color]], width: float) -> int:
    """Return how many entries stand in a line: a letter is about 0.08 inches wide, all around it takes 0.6."""
    return max(1, int(width / (0.6 + 0.08 * max(len(name) for name, _ in entries))))


def strip_of(entries: Sequence[tuple[str, Color]], width: int, *, size: int | None = None) -> Image.Image:
    """Write the legend in as many lines as the width asks for, in letters of so many pixels, or that suit it."""
    size = size or min(max(13, width // 45), 40)
    font = font_of(size)
    margin, swatch = size // 2, size
    places, x, y = [], margin, margin
    for text, _ in entries:
        step = swatch + margin + int(font.getlength(text)) + 1
        if x > margin and x + step + margin > width:
            x, y = margin, y + size + margin
        places.append((x, y))
        width, x = max(width, x + step + margin), x + step + 3 * margin
    strip = Image.new("RGB", (width, y + size + margin), "white")
    draw = ImageDraw.Draw(strip)
    for (text, color), (x, y) in zip(entries, places, strict=True):
        draw.rectangle((x, y, x + swatch - 1, y + swatch - 1), fill=color, outline=(150, 150, 150))
        draw.text((x + swatch + margin, y + size // 2), text, fill=(40, 40, 40), font=font, anchor="lm")
    return strip


def printable(text: str) -> str:
    r"""Return a text with all that has no letter written out: control characters, and bytes that are no text.

    Examples
    --------
    >>> printable("cat\n")
    'cat\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Return the letters that pictures are labelled with, of a size in pixels."""
    return ImageFont.truetype(str(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)
