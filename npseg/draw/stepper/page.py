"""The steps as a page: tables and lists that can be read as they are, and a script that walks through them.

Everything is in the HTML: each plane is a table with its coordinates, each step a list item with its arithmetic, so
that a page without its script, such as an untrusted notebook's, loses nothing but the walking. The script
(``steps.js``) finds the cells of a step by the numbers that the item carries, lights them, and fills the result in.
Nothing is asked of the network.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from npseg.draw.stepper.notation import written
from npseg.draw.stepper.planes import Plane, Table
from npseg.draw.stepper.products import Drawing
from npseg.draw.stepper.walk import Step, absent, dashes, entries, read, result, shape
from npseg.geometry import times

if TYPE_CHECKING:
    from npseg.draw.stepper.steps import Steps

#: Largest matrix that is put beside the steps, in cells.
LARGEST_MATRIX = 2500

_VIEWS = {
    "gather": "Gather: what each cell of {target} adds up",
    "scatter": "Scatter: where each cell of {source} goes",
    "matrix": "Matrix: {target} = {matrix} {source}",
}


def page(steps: Steps) -> str:
    """Return a whole page with the steps on it."""
    title = f"{steps.drawing.operation}, step by step"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: clamp(1rem, 4vw, 2rem); font-family: system-ui, sans-serif; }}
</style>
<body>
<h1>{escape(title)}</h1>
{fragment(steps)}
</body>
</html>
"""


def fragment(steps: Steps) -> str:
    """Return the steps as a piece of HTML that can stand in any page, any number of times."""
    drawing = steps.drawing
    matrix = _matrix(drawing)
    return "\n".join(
        [
            f'<div class="npseg-steps" data-view="{steps.order}" role="group" tabindex="0" '
            f'aria-label="{escape(drawing.operation)}, step by step" data-lm-suppress-shortcuts="true">',
            f"<style>{_asset('steps.css')}</style>",
            f'<p class="formula">{"<br>".join(map(escape, drawing.formula.splitlines()))}</p>',
            '<div class="planes">',
            _plane(drawing.source, "source", drawing),
            "" if drawing.kernel is None else _plane(drawing.kernel, "kernel", drawing),
            _plane(drawing.target._replace(cells=result(drawing)), "target", drawing),
            matrix,
            "</div>",
            _legend(drawing, matrix),
            *(_list(steps.view(view)) for view in steps.views if view != "matrix" or matrix),
            f"<script>{_asset('steps.js')}</script>",
            "</div>",
        ]
    )


def _plane(plane: Plane, role: str, drawing: Drawing) -> str:
    """Write a plane as tables, one for each sheet, with the coordinates of rows and columns."""
    texts = [escape(written(value)) for value in plane.cells.flat]
    kinds = ["" if inside else plane.border for inside in plane.inside]
    if role == "source":
        texts = ["–" if none else text for text, none in zip(texts, absent(drawing))]
        kinds = [f"{kind} unread".strip() if lost else kind for kind, lost in zip(kinds, _unread(drawing))]
    begins = ""
    if role == "target" and drawing.start is not None:
        begins = f' data-begins="{"|".join(escape(written(v)) for v in drawing.start.flat)}"'
    return "".join(
        [
            f'<figure class="{role}"{begins}><figcaption><b>{escape(plane.name)}</b> {_size(plane)}</figcaption>',
            *(
                f'<div class="sheets">{"".join(_sheet(plane, *sheet, texts, kinds) for sheet in row)}</div>'
                for row in plane.rows()
            ),
            "</figure>",
        ]
    )


def _unread(drawing: Drawing) -> np.ndarray[Any, Any]:
    """Say which cells of the source hold something that nobody asks for."""
    return ~(read(drawing) | absent(drawing))


def _legend(drawing: Drawing, matrix: str) -> str:
    """Say what the looks of the cells mean, of those that occur, and what is left out."""
    rows, columns = shape(drawing)
    meanings = {
        dashes(drawing): absent(drawing).any(),
        f"hatched: {drawing.source.name} is never read there": _unread(drawing).any(),
        "struck through: cropped": drawing.target.border == "cropped" and not drawing.target.inside.all(),
        f"{drawing.matrix}, {rows}x{columns}, is too large to be shown": not matrix,
    }
    text = "; ".join(meaning for meaning, occurs in meanings.items() if occurs)
    return f'<p class="legend">{escape(text)}</p>' if text else ""


def _size(plane: Plane) -> str:
    """Write a plane's size, and what is drawn around it."""
    around = {"padding": ", with its padding", "cropped": ", and what is cropped"}[plane.border]
    return times(plane.extent) + ("" if plane.inside.all() else around)


def _sheet(plane: Plane, label: str, cells: Table, texts: list[str], kinds: list[str]) -> str:
    """Write one sheet as a table."""
    rows = [
        "".join(
            [
                f"<tr>{_heading(plane, -2, i) if len(plane.size) > 1 else ''}",
                *(f"<td{_class(kinds[cell])}>{texts[cell]}" for cell in row),
            ]
        )
        for i, row in enumerate(cells)
    ]
    corner = "<th>" if len(plane.size) > 1 else ""
    header = "".join(_heading(plane, -1, i, "col") for i in range(cells.shape[1]))
    caption = f"<caption>{label}</caption>" if label else ""
    return f"<table>{caption}<thead><tr>{corner}{header}<tbody>{''.join(rows)}</table>"


def _heading(plane: Plane, axis: int, i: int, scope: str = "row") -> str:
    """Write a row's or a column's coordinate, negative in the border before pixel 0."""
    return f'<th scope="{scope}">{written(i - plane.origin[axis])}'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _matrix(drawing: Drawing) -> str:
    """Write the matrix as a table, under the source's values and beside the result's; "" if it is too large."""
    target, source = shape(drawing)
    if target * source > LARGEST_MATRIX:
        return ""
    values = entries(drawing)
    width = drawing.source.size[-1]
    height = drawing.target.size[-1]
    head = "".join(f'<th scope="col">{escape(written(v))}' for v in drawing.source.array.flat)
    rows = [
        f'{"<tbody>" if r % height == 0 else ""}<tr><th scope="row">'
        + "".join(f"<td>{escape(written(values[r, c])) if (r, c) in values else ''}" for c in range(source))
        for r in range(target)
    ]
    name = escape(f"{drawing.target.name} = {drawing.matrix} {drawing.source.name}")
    groups = '<colgroup span="1"></colgroup>' + f'<colgroup span="{width}"></colgroup>' * (source // width)
    return (
        f'<figure class="matrix"><figcaption><b>{escape(drawing.matrix)}</b> {target}x{source}: {name}</figcaption>'
        f"<table>{groups}<thead><tr><th>{head}{''.join(rows)}</table></figure>"
    )


def _list(steps: Steps) -> str:
    """Write all steps of a view as a list, each item with the cells that it lights."""
    title = _VIEWS[steps.order].format(
        target=steps.drawing.target.name, source=steps.drawing.source.name, matrix=steps.drawing.matrix
    )
    count = steps.excerpt or f"{len(steps)} steps"
    items = "".join(map(_item, steps))
    return (
        f'<details open data-view="{steps.order}"><summary>{escape(title)} ({count})</summary>'
        f"<ol>{items}</ol></details>"
    )


def _item(step: Step) -> str:
    lit = {
        "t": step.targets,
        "v": map(written, step.values),
        "s": step.sources,
        "k": step.taps,
        "l": step.seen,
    }
    data = "".join(
        f' data-{key}="{escape(separator.join(map(str, cells)))}"'
        for key, cells in lit.items()
        for separator in ("|" if key == "v" else " ",)
        if cells
    )
    return f"<li{data}>{escape(step.text)}"


@cache
def _asset(name: str) -> str:
    """Return a file that stands beside this one."""
    return (files("npseg.draw.stepper") / name).read_text(encoding="utf-8").strip()
