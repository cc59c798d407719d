"""Tables that say which colour of a drawn mask means which class.

A table is a text file with a line for each colour: ``name,r,g,b`` with commas; ``r g b name`` with blanks, as CamVid's
``label_colors.txt`` has it; or ``name:r,g,b::``, as CVAT's ``labelmap.txt`` does. A first line of titles is passed
over. Classes are numbered as they appear. Several colours of one name are one class, drawn in the first of them, and a
colour whose name is "void" counts nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from npseg import arguments, kinds
from npseg.data.dataset import VOID, Bytes
from npseg.files import read_text, replacing

#: A line of a table: three numbers and a name, in either order, or as CVAT writes it.
_NAME_FIRST = re.compile(r"\s*(?P<name>[^,]+?)\s*,\s*(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+)\s*")
_LABELMAP = re.compile(r"\s*(?P<name>[^:]+?)\s*:(?P<r>\d+),(?P<g>\d+),(?P<b>\d+):.*")
_NAME_LAST = re.compile(r"\s*(?P<r>\d+)\s+(?P<g>\d+)\s+(?P<b>\d+)\s+(?P<name>\S.*?)\s*")


class ColorTable:
    """What each colour of a mask stands for.

    Parameters
    ----------
    rows : iterable of (name, r, g, b)
        A row for each colour, 0 ... 255.
    source : str
        Where the rows come from, for messages.

    Attributes
    ----------
    classes : tuple of str
        The names of the classes; the position is the id.
    colors : array of uint8, shape (n, 3)
        The first colour of each class.
    rows : list of (name, r, g, b)
        The rows as given.

    Raises
    ------
    ValueError
        If there is no class, too many for an 8-bit id, or a colour has two names or is no colour.

    Examples
    --------
    >>> table = ColorTable([("road", 128, 64, 128), ("void", 0, 0, 0), ("marking", 255, 255, 255)])
    >>> table.classes
    ('road', 'marking')
    >>> table.ids(np.array([[[255, 255, 255], [0, 0, 0], [128, 64, 128]]], np.uint8)).tolist()
    [[1, 255, 0]]
    """

    def __init__(self, rows: Iterable[Sequence[str | int]], source: str = "the table of colours") -> None:
        self.source = source
        self.rows = _rows(rows, source)
        names = [name for name, *_ in self.rows if name.lower() != "void"]
        self.classes = tuple(dict.fromkeys(names))
        first: dict[str, tuple[int, ...]] = {}
        meaning: dict[int, int] = {}
        for name, *color in self.rows:
            first.setdefault(name, tuple(color))
            label = VOID if name.lower() == "void" else self.classes.index(name)
            if meaning.setdefault(_code(np.array(color)).item(), label) != label:
                raise ValueError(
                    f"{source}: {_shown(color)} is {name} and another class; needs one name a colour"
                )
        if not 0 < len(self.classes) <= VOID:
            raise ValueError(
                f"{source}: the rows have {len(self.classes)} classes; needs 1 to {VOID}, a colour each"
            )
        self.colors: Bytes = np.array([first[name] for name in self.classes], np.uint8)
        self._codes = np.array(sorted(meaning))
        self._labels = np.array([meaning[code] for code in sorted(meaning)], np.uint8)

    def ids(self, mask: Bytes) -> Bytes:
        """Return the class of each pixel, uint8 (H, W), of a mask (H, W, 3) in RGB.

        Raises
        ------
        ValueError
            If the mask has a colour that is in no row, naming the most frequent of them.
        """
        kinds.image("ColorTable", "mask", mask)
        codes = _code(mask)
        places = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        unknown = self._codes[places] != codes
        if unknown.any():
            raise ValueError(self._unknown(codes[unknown]))
        labels: Bytes = self._labels[places]
        return labels

    def _unknown(self, codes: NDArray[np.integer]) -> str:
        found, counts = np.unique(codes, return_counts=True)
        commonest = np.argsort(-counts, kind="stable")[:3]
        shown = ", ".join(f"{_shown(_levels(found[k]))} ({counts[k]} pixels)" for k in commonest)
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        many = "; so many come from smoothed edges or JPEG: draw the masks without" if len(found) > 20 else ""
        return f"has colours that {self.source} does not name: {shown}{more}{many}"


def _rows(rows: Iterable[Sequence[str | int]], source: str) -> list[tuple[str, int, int, int]]:
    """Return the rows of a table, each a name and three levels; all else is refused."""
    found = []
    needed = "a list of rows (name, r, g, b)"
    for row in kinds.listed("ColorTable", "rows", rows, needed):
        name, *color = kinds.listed("ColorTable", "rows", row, needed) or [None]
        if not isinstance(name, str) or len(color) != 3:
            raise ValueError(f"{source}: rows hold {row!r}; needs (name, r, g, b)")
        try:
            r, g, b = (arguments.integer(source, "rows", level, 0, 255) for level in color)
        except (TypeError, ValueError):
            raise ValueError(f"{source}: {name} has the colour {color}; needs levels from 0 to 255") from None
        found.append((name, r, g, b))
    return found


def read_colors(path: str | os.PathLike[str]) -> ColorTable:
    r"""Read a table of colours from a file; see the top of this module.

    Parameters
    ----------
    path : path-like
        Lines ``name,r,g,b``, ``r g b name`` or ``name:r,g,b::``.

    Returns
    -------
    ColorTable
        What it says.

    Raises
    ------
    ValueError
        If the file is missing, or a line is none of these, naming the line; or as `ColorTable`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "classes.csv").write_text("name,r,g,b\nbackground,0,0,0\ncell,255,255,255\n")
    ...     read_colors(Path(folder, "classes.csv")).classes
    ('background', 'cell')
    """
    file = kinds.path("read_colors", "path", path)
    if not file.exists() or file.is_dir():
        raise ValueError(f"{file}: is missing; needs a table of colours, with lines name,r,g,b")
    rows = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = next(
            filter(None, (kind.fullmatch(line) for kind in (_NAME_FIRST, _NAME_LAST, _LABELMAP))), None
        )
        if found:
            rows.append((found["name"], int(found["r"]), int(found["g"]), int(found["b"])))
        elif rows or re.search(r"\d", line):  # what stands before the first row and has no digit is titles
            raise ValueError(
                f"{file}: line {number} is {line.strip()!r}; needs name,r,g,b, as sky,128,128,128"
            )
    return ColorTable(rows, str(file))


def write_colors(path: str | os.PathLike[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Write a table of colours, a line ``name,r,g,b`` for each.

    Parameters
    ----------
    path : path-like
        Where to; a file that is there already is replaced.
    rows : iterable of (name, r, g, b)
        The colours.

    Raises
    ------
    ValueError
        If a row is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_colors(f"{folder}/classes.csv", [("background", 0, 0, 0), ("cell", 255, 255, 255)])
    ...     print(Path(folder, "classes.csv").read_text(), end="")
    name,r,g,b
    background,0,0,0
    cell,255,255,255
    """
    lines = ["name,r,g,b", *(",".join(map(str, row)) for row in _rows(rows, "write_colors"))]
    with replacing(kinds.path("write_colors", "path", path)) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def colors_of(mask: Bytes) -> dict[tuple[int, int, int], int]:
    """Count the pixels of each colour of a mask (H, W, 3)."""
    found, counts = np.unique(_code(mask), return_counts=True)
    return {_levels(code): int(count) for code, count in zip(found, counts)}


def _code(colors: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return red, green and blue as one number."""
    r, g, b = np.moveaxis(colors.astype(np.int32), -1, 0)
    code: NDArray[np.int32] = r << 16 | g << 8 | b
    return code


def _levels(code: int) -> tuple[int, int, int]:
    return int(code) >> 16, int(code) >> 8 & 255, int(code) & 255


def _shown(color: Iterable[int]) -> str:
    return ",".join(map(str, color))
