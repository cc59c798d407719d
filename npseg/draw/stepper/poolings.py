"""Poolings, unpoolings and bilinear resizing, laid out for drawing.

Each is a map of one plane onto another without weights, and its backward the transpose of it: the same table of cells
that meet, read the other way. Each function runs the operation itself, whose cache says which cells those are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from npseg.draw.stepper import formulas
from npseg.draw.stepper.cells import Cells, cells, numbers, symbolic, whole
from npseg.draw.stepper.planes import Plane, Table, box
from npseg.draw.stepper.products import Canvas, Drawing, canvas, pairs, refuse_many, surrounded
from npseg.geometry import Window, times
from npseg.methods.matrices import resize_bilinear_matrix
from npseg.ops.pool import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from npseg.ops.resize import resize_bilinear_backward, resize_bilinear_forward
from npseg.ops.unpool import (
    MaxUnpoolCache,
    bed_of_nails_unpool_backward,
    bed_of_nails_unpool_forward,
    max_unpool_backward,
    max_unpool_forward,
    nearest_unpool_backward,
    nearest_unpool_forward,
)


def max_pooling(name: str, x: Any, kernel_size: Any, *, dout: Any = None, **options: Any) -> Drawing:
    """Lay out max pooling, or its backward."""
    x = cells("x", x)
    if symbolic(x):
        raise TypeError(f"{name}: x holds symbols, and symbols have no largest; give numbers")
    y, cache = max_pool_forward(numbers(x), kernel_size, **options)
    formula = formulas.down(cache.window, ceil_mode=bool(options.get("ceil_mode", False)))
    around = canvas(cache.window, padded=not name.endswith("_backward"))
    plane = surrounded("x", x, around)
    winners = _on_canvas(plane, cache.indices), np.arange(y.size)
    more = {}
    if not name.endswith("_backward"):
        below, above = pairs(around, x.shape[0] * x.shape[1])
        more["seen"] = np.stack([above, below], axis=1)[plane.inside[below]]
    back = partial(max_pool_backward, cache=cache)
    return _there_or_back(name, formula, ("P", "Pᵀ"), x, y, winners, back, dout, around, **more)


def average_pooling(name: str, x: Any, kernel_size: Any, *, dout: Any = None, **options: Any) -> Drawing:
    """Lay out average pooling, or its backward; places that are not counted are left out."""
    x = cells("x", x)
    y, cache = avg_pool_forward(numbers(x), kernel_size, **options)
    window = cache.window
    formula = formulas.down(window, ceil_mode=bool(options.get("ceil_mode", False)))
    around = canvas(window, padded=not name.endswith("_backward"))
    plane = surrounded("x", x, around)
    below, above = pairs(around, x.shape[0] * x.shape[1])
    counted = (_declared(plane, window) if cache.include_padding else plane.inside)[below]
    divisor = window.divisor(include_padding=cache.include_padding, override=cache.divisor, like=np.zeros(1))
    shares = (1 / np.broadcast_to(divisor, window.out)).ravel()[above[counted] % prod(window.out)]
    back = partial(avg_pool_backward, cache=cache)
    table = below[counted], above[counted]
    return _there_or_back(
        name, formula, ("A", "Aᵀ"), x, y, table, back, dout, around, shares=shares, divides=True
    )


def max_unpooling(
    name: str, x: Any, kernel_size: Any, *, indices: Any, dout: Any = None, **options: Any
) -> Drawing:
    """Lay out max unpooling, or its backward."""
    x = cells("x", x)
    places = whole("indices", indices)
    y, cache = max_unpool_forward(numbers(x), places, kernel_size, **options)
    formula = f"out = {times(cache.size)}, the plane that the indices point into"
    return _nails(name, formula, ("Pᵀ", "P"), x, y, cache, partial(max_unpool_backward, cache=cache), dout)


def bed_of_nails(name: str, x: Any, scale: Any, *, dout: Any = None, **options: Any) -> Drawing:
    """Lay out bed-of-nails unpooling, or its backward."""
    x = cells("x", x)
    y, cache = bed_of_nails_unpool_forward(numbers(x), scale, **options)
    formula = formulas.scaled(x.shape[2:], tuple(b // a for a, b in zip(x.shape[2:], cache.size)))
    back = partial(bed_of_nails_unpool_backward, cache=cache)
    return _nails(name, formula, ("Dᵀ", "D"), x, y, cache, back, dout)


def nearest_unpooling(name: str, x: Any, scale: Any, *, dout: Any = None, **options: Any) -> Drawing:
    """Lay out nearest-neighbour unpooling, or its backward."""
    x = cells("x", x)
    y, cache = nearest_unpool_forward(numbers(x), scale, **options)
    formula = formulas.scaled(cache.window.out, cache.window.kernel)
    below, above = pairs(canvas(cache.window, padded=False), x.shape[0] * x.shape[1])
    back = partial(nearest_unpool_backward, cache=cache)
    return _there_or_back(name, formula, ("K Aᵀ", "K A"), x, y, (above, below), back, dout)


def resizing(name: str, x: Any, size: Any, *, dout: Any = None, **options: Any) -> Drawing:
    """Lay out bilinear resizing, or its backward."""
    x = cells("x", x)
    y, cache = resize_bilinear_forward(numbers(x), size, **options)
    refuse_many(2 ** (x.ndim - 2) * y.size)
    weights = resize_bilinear_matrix(x.shape[2:], cache.size, **options).tocoo()
    weights.eliminate_zeros()
    plane = np.arange(x.shape[0] * x.shape[1])[:, None]
    targets, sources = ((plane * n + at).ravel() for n, at in zip(weights.shape, weights.coords))
    shares = np.broadcast_to(weights.data, (plane.size, weights.nnz)).ravel()
    back = partial(resize_bilinear_backward, cache=cache)
    formula = f"out = {times(cache.size)}, as asked for"
    return _there_or_back(name, formula, ("R", "Rᵀ"), x, y, (sources, targets), back, dout, shares=shares)


def _there_or_back(
    name: str,
    formula: str,
    matrices: tuple[str, str],
    x: Cells,
    y: Cells,
    table: tuple[Table, Table],
    back: Callable[[Cells], Cells],
    dout: Any,
    around: Canvas | None = None,
    **more: Any,
) -> Drawing:
    """Lay out a map from x to y, or, if the pass is a backward, its transpose from dout to dx.

    ``table`` holds the cells of x and of y that meet; ``around`` the canvas of x, if it has one.
    """
    n, (down, up), (at_x, at_y) = x.ndim - 2, matrices, table

    def plane(name: str, values: Cells, border: str) -> Plane:
        return Plane.of(name, values, n) if around is None else surrounded(name, values, around, border)

    if not name.endswith("_backward"):
        source, target = plane("x", x, "padding"), Plane.of("y", np.zeros(y.shape), n)
        output = None if symbolic(x) else y
        return Drawing(name, formula, down, source, target, at_x, at_y, output=output, **more)

    dout = cells("dout", dout)
    dx = back(numbers(dout))
    source, target = Plane.of("dout", dout, n), plane("dx", np.zeros(x.shape), "cropped")
    output, formula = None if symbolic(dout) else dx, formulas.of_backward(formula, "dx", x.shape[2:])
    return Drawing(name, formula, up, source, target, at_y, at_x, output=output, **more)


def _nails(
    name: str,
    formula: str,
    matrices: tuple[str, str],
    x: Cells,
    y: Cells,
    cache: MaxUnpoolCache,
    back: Callable[[Cells], Cells],
    dout: Any,
) -> Drawing:
    """Lay out an unpooling that puts each value at one place."""
    refuse_many(y.size, "cells of the result")
    places = _on_canvas(Plane.of("y", y, x.ndim - 2), cache.indices)
    return _there_or_back(name, formula, matrices, x, y, (np.arange(x.size), places), back, dout)


def _on_canvas(plane: Plane, indices: Cells) -> Table:
    """Turn flat indices into the unpadded planes into flat cells of the canvas."""
    inside = np.flatnonzero(plane.inside).reshape(*indices.shape[:2], -1)
    flat = indices.reshape(*indices.shape[:2], -1).astype(np.int64)
    return np.take_along_axis(inside, flat, axis=2).ravel()


def _declared(plane: Plane, window: Window) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which cells of the canvas are pixels or declared padding; ceil mode may hang over beyond."""
    declared = np.zeros(plane.cells.shape, bool)
    ends = tuple(before + size + after for size, (before, after) in zip(window.size, window.padding))
    declared[box((0,) * len(ends), ends)] = True
    return declared.ravel()
