"""The order in which a drawing is told: from the table of products to steps with their arithmetic.

*Gather* goes through the cells of the result and says what each adds up: a step is a row of the matrix. *Scatter*
goes through the cells that are read and says where each goes: a step is a column. Convolution is mostly told by
gathering and its transpose by scattering (each pixel stamps its kernel, and overlaps add up), but both are sums over
the same table, so that either can be told both ways. The view *matrix* gathers, beside the matrix as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from npseg.draw.stepper.notation import Product, Value, added, spelled_out, written
from npseg.draw.stepper.planes import Table
from npseg.draw.stepper.products import Drawing


class Step(NamedTuple):
    """One step of a walk through an operation.

    Attributes
    ----------
    text : str
        The arithmetic, spelled out.
    targets : tuple of int
        Flat cells of the result that are written, on its canvas.
    values : tuple of numbers or symbols
        What they hold after this step.
    sources, taps : tuple of int
        Flat cells that are read: of the source on its canvas, and of the kernel.
    seen : tuple of int
        Cells of the source that are looked at and not taken: max pooling's losers.
    """

    text: str
    targets: tuple[int, ...]
    values: tuple[Value, ...]
    sources: tuple[int, ...]
    taps: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()


def views(drawing: Drawing) -> tuple[str, ...]:
    """Return the views in which a pass can be told; a maximum cannot be scattered."""
    return ("gather", "matrix") if _is_maximum(drawing) else ("gather", "scatter", "matrix")


def keys(drawing: Drawing, view: str) -> Table:
    """Return what the steps of a view go through: flat cells of the result or the source, or windows."""
    if _by_window(drawing, view):
        return np.unique(_column(drawing, view))
    return np.flatnonzero((drawing.source if view == "scatter" else drawing.target).inside)


def walk(drawing: Drawing, view: str, most: int) -> list[Step]:
    """Return the steps of a view, the first ``most`` of them.

    Parameters
    ----------
    drawing : Drawing
        The pass.
    view : {"gather", "scatter", "matrix"}
        The order.
    most : int
        Steps to make.

    Returns
    -------
    list of Step
    """
    chosen = keys(drawing, view)[:most]
    column = _column(drawing, view)
    if view != "scatter" and column is drawing.targets:
        return [_gathered(drawing, int(key), rows) for key, rows in _grouped(column, chosen)]
    held: dict[int, Value] = {}
    heads = _window_head if column is drawing.windows else _source_head
    return [
        _scattered(drawing, heads(drawing, int(key)), int(key), rows, held)
        for key, rows in _grouped(column, chosen)
    ]


def result(drawing: Drawing) -> np.ndarray[Any, Any]:
    """Add up all products: what every cell of the result's canvas holds at the end, in the canvas's shape."""
    total = [drawing.begins(target) for target in range(drawing.target.cells.size)]
    for row, target in enumerate(drawing.targets.tolist()):
        total[target] = added([total[target], drawing.product(row).result])
    cells = np.empty(drawing.target.cells.shape, object)
    cells.ravel()[:] = total
    return cells


def entries(drawing: Drawing) -> dict[tuple[int, int], Value]:
    """Return the entries of the matrix, by row and column, that are not nothing; borders have neither.

    Returns
    -------
    dict of (row, column) to number or symbol
        Rows are the cells of the result, columns those of the source, flat and without their borders.
    """
    row_of, column_of = (np.cumsum(plane.inside) - 1 for plane in (drawing.target, drawing.source))
    real = drawing.target.inside[drawing.targets] & drawing.source.inside[drawing.sources]
    parts: dict[tuple[int, int], list[Value]] = {}
    for i in np.flatnonzero(real):
        place = int(row_of[drawing.targets[i]]), int(column_of[drawing.sources[i]])
        parts.setdefault(place, []).append(drawing.product(int(i))._replace(value=1.0).result)
    return {place: added(values) for place, values in parts.items()}


def shape(drawing: Drawing) -> tuple[int, int]:
    """Return how many rows and columns the matrix has, borders left out."""
    return int(drawing.target.inside.sum()), int(drawing.source.inside.sum())


def absent(drawing: Drawing) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which cells of the source's canvas are nothing: a maximum does not look there, an average does not count.

    Elsewhere a border holds zeros, which are added up like any other number.
    """
    inside = drawing.source.inside
    if drawing.matrix not in ("P", "A"):
        return np.zeros_like(inside)
    outside: np.ndarray[Any, np.dtype[np.bool_]] = ~inside & ~read(drawing)
    return outside


def dashes(drawing: Drawing) -> str:
    """Say what the dashes mean that stand for cells which are nothing."""
    return f"–: no pixel, and {'never the largest' if drawing.matrix == 'P' else 'not counted'}"


def read(drawing: Drawing) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which cells of the source's canvas are read, by a sum or by a comparison."""
    cells = np.arange(drawing.source.cells.size)
    return np.isin(cells, drawing.sources) | np.isin(cells, drawing.seen[:, 1])


def _is_maximum(drawing: Drawing) -> bool:
    return len(drawing.seen) > 0 and drawing.matrix == "P"


def _by_window(drawing: Drawing, view: str) -> bool:
    """Say whether a step is a window: of im2col going down, of col2im going up."""
    return drawing.windows is not None and view == ("gather" if drawing.matrix == "S" else "scatter")


def _column(drawing: Drawing, view: str) -> Table:
    """Return the column of the table by which its rows make up steps."""
    if _by_window(drawing, view):
        assert drawing.windows is not None
        return drawing.windows
    return drawing.sources if view == "scatter" else drawing.targets


def _grouped(column: Table, chosen: Table) -> Iterator[tuple[int, Table]]:
    """Yield each key with the rows in which it stands, in the table's order."""
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    first, last = (np.searchsorted(ordered, chosen, side=side) for side in ("left", "right"))
    for key, a, b in zip(chosen, first, last):
        yield key, order[a:b]


def _gathered(drawing: Drawing, target: int, rows: Table) -> Step:
    """Add up all that goes to one cell of the result."""
    products = [drawing.product(int(row)) for row in rows]
    start = drawing.begins(target)
    value = added([start, *(p.result for p in products)])
    sources = _each(drawing.sources, rows)
    seen = drawing.seen[drawing.seen[:, 0] == target, 1] if _is_maximum(drawing) else ()
    lost = tuple(int(s) for s in seen if int(s) not in sources)
    name = drawing.target.call(target)
    if _is_maximum(drawing):
        among = ", ".join(written(drawing.source.cells.flat[s]) for s in seen)
        text = f"{name} = max({among}) = {written(value)}, at {drawing.source.call(sources[0])}"
    elif not products:
        text = f"{name} = {written(value)}: nothing comes here"
    else:
        text = " = ".join(dict.fromkeys([name, _sum(start, products), written(value)]))
    return Step(text, (target,), (value,), sources, _taps(drawing, rows), lost)


def _scattered(drawing: Drawing, head: str, key: int, rows: Table, held: dict[int, Value]) -> Step:
    """Carry one cell that is read, or one window, to all the cells that it goes to."""
    inside = drawing.target.inside
    parts, cropped = [], 0
    for row in rows:
        target, product = int(drawing.targets[row]), drawing.product(int(row))
        before = held.get(target, drawing.begins(target))
        held[target] = added([before, product.result])
        if inside[target]:
            line = [drawing.target.call(target), _sum(before, [product]), written(held[target])]
            parts.append(" = ".join(dict.fromkeys(line)))
        else:
            cropped += 1
    if cropped:
        parts.append(f"{cropped} outside, cropped")
    targets = _each(drawing.targets, rows)
    sources = _each(drawing.sources, rows) or (key,)
    text = f"{head}: {'; '.join(parts) or 'goes nowhere'}"
    return Step(text, targets, tuple(held[t] for t in targets), sources, _taps(drawing, rows))


def _source_head(drawing: Drawing, source: int) -> str:
    return f"{drawing.source.call(source)} = {written(drawing.source.cells.flat[source])}"


def _window_head(drawing: Drawing, window: int) -> str:
    return f"window {window}"


def _sum(start: Value, products: list[Product]) -> str:
    """Write what was there before, if anything, and what comes to it."""
    text = spelled_out(products)
    return text if start == 0 else f"{written(start)} + {text}".replace("+ −", "− ")


def _each(column: Table, rows: Table) -> tuple[int, ...]:
    """Return the different cells in some rows of a column, in order."""
    return tuple(dict.fromkeys(column[rows].tolist()))


def _taps(drawing: Drawing, rows: Table) -> tuple[int, ...]:
    return () if drawing.taps is None else _each(drawing.taps, rows)
