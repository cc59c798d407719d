"""Pictures of the matrices behind the operations.

Every operation that can be stepped through is, in what it reads, a matrix: a row for each cell of the result, a
column for each cell that is read. Here it stands with its entries written out, or, where they are too many to be
read, as coloured squares. Lines between the rows of the plane and between the channels show its structure: a
convolution's is a Toeplitz matrix of blocks that are Toeplitz matrices themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from npseg.draw.stepper import boxes, grids
from npseg.draw.stepper.boxes import Box
from npseg.draw.stepper.grids import Cell, Look, Place
from npseg.draw.stepper.notation import Value, written
from npseg.draw.stepper.passes import lay_out
from npseg.draw.stepper.planes import Plane
from npseg.draw.stepper.products import Drawing
from npseg.draw.stepper.walk import entries, shape
from npseg.geometry import times

#: The entries of a matrix by row and column.
Entries: TypeAlias = Mapping[Place, Value]

#: Rows and columns of the largest matrix whose entries are written.
LARGEST = (24, 36)

#: Side of a cell with an entry, in inches, and size of its font.
SIDE, FONT = 0.27, 8.5

#: More entries than this are not drawn.
MOST_ENTRIES = 100_000

_ENTRY = Look("#fdf1e1", "#ffffff", boxes.INK, 0.7)
_LIT_ROW, _LIT_COLUMN = Look("#e3f4ed", "#e3f4ed", grids.RULE, 0), Look("#e1eef9", "#e1eef9", grids.RULE, 0)
_WHOLE = 7.5  # inches, of a matrix of coloured squares
_MOST_COLOURS = 24  # in the legend


def matrix(operation: str, x: Any, w: Any = None, **options: Any) -> Figure:
    """Draw the matrix of an operation, or of the backward of one.

    Parameters
    ----------
    operation, x, w, **options
        As for :func:`npseg.draw.steps`; symbols too.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("matrix.png")`` writes it. Up to 24 rows and 36 columns the entries are written out, and
        each row and column is labelled with its cell; in a larger matrix each square's colour is its entry. Thin
        lines stand between the rows of a plane, heavy lines between channels.

    Raises
    ------
    ValueError
        If there is no such pass, the operation refuses its input, or the entries are too many to draw.
    TypeError
        If a cell is neither a number nor a symbol, or an option is not the operation's.

    See Also
    --------
    steps : one row or column of it after another.
    npseg.conv_matrix : the same as a sparse array.

    Examples
    --------
    >>> figure = matrix("conv", list("abcd"), list("xyz"), stride=2, padding=1)
    >>> [text.get_text() for text in figure.axes[0].texts][:2]
    ['C: 2x4, 5 of 8 entries are not 0', 'y = C x, conv']
    """
    drawing = lay_out(operation, x, w, **options)
    if len(drawing.sources) > MOST_ENTRIES:
        raise ValueError(
            f"matrix: {len(drawing.sources)} entries are too many to draw (at most {MOST_ENTRIES}); "
            "take a smaller image, or fewer channels"
        )
    values = entries(drawing)
    rows, columns = shape(drawing)
    there = sum(value != 0 for value in values.values())
    title = f"{drawing.matrix}: {rows}x{columns}, {there} of {rows * columns} entries are not 0"
    note = f"{drawing.target.name} = {drawing.matrix} {drawing.source.name}, {drawing.operation}"
    head = [boxes.line(title, size=11, bold=True), boxes.line(note, color=boxes.GRAY)]
    body = [written_out(drawing, values)] if is_small(drawing) else _coloured(drawing, values)
    return boxes.figure(boxes.below([boxes.below(head, gap=0.04), *body], gap=0.22))


def is_small(drawing: Drawing) -> bool:
    """Say whether the matrix is small enough to be written out."""
    return all(count <= most for count, most in zip(shape(drawing), LARGEST))


def written_out(
    drawing: Drawing,
    values: Entries,
    *,
    rows: Collection[int] = (),
    columns: Collection[int] = (),
    view: str = "gather",
    labelled: bool = True,
    least: float = SIDE,
) -> Box:
    """Write the entries of a matrix.

    Parameters
    ----------
    drawing : Drawing
        The pass.
    values : dict of (row, column) to number or symbol
        Its entries.
    rows, columns : collection of int
        The rows and the columns that meet in a step: the entries where they cross are lit.
    view : str
        In "scatter" a step is a column of the matrix, otherwise a row; it is tinted.
    labelled : bool
        Whether rows and columns carry the names of their cells.
    least : float
        Height of a row, in inches, at the least.
    """
    height, width = shape(drawing)
    cells = {
        (r, c): Cell(
            written(value),
            grids.LIT_TAP if r in rows and c in columns else _ENTRY,
            f"{drawing.matrix}[{r}, {c}]",
        )
        for (r, c), value in values.items()
        if value != 0
    }
    band, look = (columns, _LIT_COLUMN) if view == "scatter" else (rows, _LIT_ROW)
    crossed = [(r, c) for r in range(height) for c in range(width) if (c if view == "scatter" else r) in band]
    cells = {place: Cell("·", look) for place in crossed if place not in cells} | cells
    size = grids.room((cell.text for cell in cells.values()), font=FONT, least=SIDE)
    size = size._replace(height=max(size.height, least))
    return grids.grid(
        (height, width),
        cells,
        size,
        rows=names(drawing.target, rows, grids.TARGET) if labelled else (),
        columns=names(drawing.source, columns, grids.SOURCE) if labelled else (),
        turned=True,
        dots=True,
        breaks=(_breaks(drawing.target), _breaks(drawing.source)),
    )


def names(plane: Plane, lit: Collection[int], color: str) -> list[Cell]:
    """Return labels with the names of a plane's cells, without the border's; those lit have the colour."""
    look = Look(ink=color)
    return [
        Cell(plane.call(int(cell)), look if i in lit else Look(ink=boxes.GRAY))
        for i, cell in enumerate(np.flatnonzero(plane.inside))
    ]


def _breaks(plane: Plane) -> dict[int, float]:
    """Return where in a column of all cells a row, a depth and a channel end, with the widths of the lines."""
    count, block = int(plane.inside.sum()), 1
    breaks: dict[int, float] = {}
    for n, size in enumerate(reversed(plane.size)):
        block *= size
        # Where there are many blocks, their lines must not hide what is in them.
        width = 1.2 if n == len(plane.size) - 1 else 0.5 if count <= 24 * block else 0.2
        breaks |= dict.fromkeys(range(0, count + 1, block), width)
    return breaks


def _coloured(drawing: Drawing, values: Entries) -> list[Box]:
    """Draw each entry as a square of its colour, and what the colours mean."""
    height, width = shape(drawing)
    present = {place: value for place, value in values.items() if value != 0}
    colours = _colours(present.values())
    side = min(0.2, _WHOLE / max(height, width))
    # Squares of less than a pixel are still seen by their edges.
    looks = {value: Look(colour, colour, boxes.INK, 0.25) for value, colour in colours.items()}
    cells = {place: Cell("", looks[value]) for place, value in present.items()}
    squares = grids.grid(
        (height, width),
        cells,
        grids.Room(side, side, 1),
        breaks=(_breaks(drawing.target), _breaks(drawing.source)),
    )
    named = (f"{plane.name}, {times(plane.extent)}" for plane in (drawing.target, drawing.source))
    note = "rows: {}; columns: {}; both in row-major order".format(*named)
    room = max(squares.width, 4.5)
    legend = [_legend(looks, room)] if looks else []
    return [squares, *legend, boxes.paragraph(note, room, size=8, color=boxes.GRAY)]


def _colours(values: Collection[Value]) -> dict[Value, str]:
    """Give each number a colour by its size, or each symbol one of its own in the alphabet's order, light to dark."""
    symbols = any(isinstance(value, str) for value in values)
    different: list[Any] = sorted(set(values), key=written if symbols else None)
    sizes = list(range(len(different))) if symbols else different
    spread = sizes[-1] - sizes[0] if sizes else 0
    # A single entry gets the middle of the scale.
    at = [(size - sizes[0]) / spread if spread else 0.5 for size in sizes]
    return {value: to_hex(colormaps["viridis"](0.92 * (1 - where))) for value, where in zip(different, at)}


def _legend(looks: Mapping[Value, Look], width: float) -> Box:
    """Say which colour is which entry: all of them, or some from the least to the largest."""
    values = list(looks)
    if len(values) > _MOST_COLOURS:
        values = [values[i] for i in np.linspace(0, len(values) - 1, 9).astype(int)]
    rows: list[list[Box]] = [[]]
    for value in values:
        swatch = grids.grid((1, 1), {(0, 0): Cell("", looks[value])}, grids.Room(0.16, 0.16, 1))
        entry = boxes.beside([swatch, boxes.line(written(value))], gap=0.07)
        if rows[-1] and sum(box.width + 0.22 for box in (*rows[-1], entry)) > width:
            rows.append([])
        rows[-1].append(entry)
    return boxes.below((boxes.beside(row, gap=0.22) for row in rows), gap=0.06)
