"""Each pass of each operation, laid out for drawing.

Every function here runs the operation itself, which checks what it is given and says by its cache which windows it
has used, and lists the products behind what came out. Where cells are symbols the operation runs on zeros in their
place: its checks and windows do not depend on the values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from npseg import arguments, windows
from npseg.backend import to_numpy
from npseg.draw.stepper import formulas
from npseg.draw.stepper.products import (
    Canvas,
    Drawing,
    Plane,
    Table,
    box,
    canvas,
    meetings,
    pairs,
    refuse_many,
    surrounded,
)
from npseg.geometry import Window, times
from npseg.methods.columns import col2im, im2col
from npseg.methods.matrices import resize_bilinear_matrix
from npseg.ops.conv import ConvCache, conv_backward, conv_forward
from npseg.ops.conv_transpose import ConvTransposeCache, conv_transpose_backward, conv_transpose_forward
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

Cells: TypeAlias = np.ndarray[Any, Any]


def cells(name: str, given: Any, leading: int = 2) -> Cells:
    """Take what a user gives, numbers or symbols, as an object array.

    Parameters
    ----------
    name : str
        What it is called, for the message.
    given : array, or nested lists
        With one or two axes it is one plane, and gets ``leading`` axes before it.
    leading : int
        2 for images and kernels, 1 for columns.

    Raises
    ------
    TypeError
        If there is something else in it, or the rows are of different lengths.
    ValueError
        If there is nothing in it, or more than anybody could look at.
    """
    if given is None:
        raise TypeError(f"steps: {name} is needed")
    refuse_many(prod(getattr(given, "shape", ())), f"cells of {name}")
    array = np.array(to_numpy(given) if hasattr(given, "dtype") else given, dtype=object)
    if not array.size:
        raise ValueError(f"steps: there is nothing to step through: {name} is empty")
    for at, value in np.ndenumerate(array):
        if isinstance(value, str) and value.isprintable():
            continue
        if isinstance(value, bool | np.bool_) or not isinstance(
            value, int | float | np.integer | np.floating
        ):
            raise TypeError(
                f"steps: {name} holds {value!r}; numbers or symbols (strings), in rows of one length, are needed"
            )
        try:
            array[at] = float(value)
        except OverflowError:
            raise ValueError(f"steps: {name} holds a number that is larger than any float") from None
    return array[(None,) * leading] if 1 <= array.ndim <= 4 - leading - (leading == 1) else array


def numbers(values: Cells) -> Cells:
    """Return floats to compute with: the cells, or zeros if one is a symbol."""
    return np.zeros(values.shape) if symbolic(values) else values.astype(np.float64)


def _whole(name: str, given: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return indices as whole numbers."""
    values = cells(name, given)
    if symbolic(values) or any(v != v or abs(v) > arguments.LARGEST or v % 1 for v in values.flat):
        raise ValueError(f"steps: {name}={given!r}; whole numbers, places in the output plane, are needed")
    return values.astype(np.int64)


def symbolic(*arrays: Cells | None) -> bool:
    """Say whether any cell is a symbol."""
    return any(isinstance(v, str) for a in arrays if a is not None for v in a.flat)


def convolution(
    name: str, x: Any, w: Any = None, b: Any = None, *, dout: Any = None, wrt: str = "x", **options: Any
) -> Drawing:
    """Lay out a convolution, a transposed one, or one of the gradients of either."""
    transposed = name.startswith("conv_transpose")
    x, w = cells("x", x), cells("w", w)
    forward: Callable[..., Any] = conv_transpose_forward if transposed else conv_forward
    wrt = arguments.choice(name, "wrt", wrt, ("x", "w", "b"))
    if b is None and wrt == "b":
        b = np.zeros(w.shape[1] * int(options.get("groups", 1)) if transposed else len(w))
    b = None if b is None else cells("b", b, leading=0)
    y, cache = forward(numbers(x), numbers(w), None if b is None else numbers(b), **options)
    formula = formulas.up(cache.window) if transposed else formulas.down(cache.window)
    if not name.endswith("_backward"):
        output = None if symbolic(x, w, b) else y
        return _of_three(name, formula, {"x": x, "w": w, "y": y}, "y", cache, transposed, b, output)

    dout, result = cells("dout", dout), f"d{wrt}"
    backward: Callable[..., Any] = conv_transpose_backward if transposed else conv_backward
    gradient = dict(zip("xwb", backward(numbers(dout), cache)))[wrt]
    title = f"{name}, {result}"
    if wrt == "b":
        channel = np.arange(dout.size) // prod(dout.shape[2:]) % dout.shape[1]
        source, target = Plane.of("dout", dout, x.ndim - 2), Plane.of("db", np.zeros(dout.shape[1]), 1)
        output = None if symbolic(dout) else gradient
        return Drawing(title, formula, "1", source, target, np.arange(dout.size), channel, output=output)
    arrays = {"x": x, "w": w, "dout": dout}
    del arrays[wrt]
    output = None if symbolic(*arrays.values()) else gradient
    return _of_three(title, formula, arrays | {result: gradient}, result, cache, transposed, None, output)


def _of_three(
    name: str,
    formula: str,
    arrays: dict[str, Cells],
    result: str,
    cache: ConvCache | ConvTransposeCache,
    transposed: bool,
    b: Cells | None,
    output: Cells | None,
) -> Drawing:
    """Lay out a convolution's three arrays, of which two meet in the third, the result."""
    x_name, w_name, y_name = {"y": ("x", "w", "y"), "dx": ("dx", "w", "dout"), "dw": ("x", "dw", "dout")}[
        result
    ]
    below, above = (y_name, x_name) if transposed else (x_name, y_name)
    upwards, n = result == below, len(cache.window.size)
    arrays = arrays | {result: np.zeros(arrays[result].shape, object)}
    around = canvas(cache.window, padded=not upwards)
    planes = {
        below: surrounded(below, arrays[below], around, "cropped" if upwards else "padding"),
        w_name: Plane.of(w_name, arrays[w_name], n),
        above: Plane.of(above, arrays[above], n),
    }
    rows = meetings(around, cache.window, len(arrays[below]), arrays[w_name].shape, cache.groups)
    table = dict(zip((below, w_name, above), rows))
    source, kernel = {"y": ("x", "w"), "dx": ("dout", "w"), "dw": ("dout", "x")}[result]
    return Drawing(
        name,
        formula,
        "(S x)" if result == "dw" else "Cᵀ" if upwards else "C",
        planes[source],
        planes[result],
        table[source],
        table[result],
        planes[kernel],
        table[kernel],
        start=None if b is None else np.broadcast_to(b.reshape(-1, *(1,) * n), planes[result].cells.shape),
        output=output,
    )


def columns(name: str, x: Any, size: Any = None, *, kernel_size: Any, **options: Any) -> Drawing:
    """Lay out im2col, or its transpose col2im."""
    upwards = name == "col2im"
    x = cells("cols" if upwards else "x", x, leading=1 if upwards else 2)
    if upwards:
        y = col2im(numbers(x), size, kernel_size, **options)
    else:
        y = im2col(numbers(x), kernel_size, **options)
    image = y if upwards else x
    window = _window(name, image, kernel_size, options)
    around = canvas(window, padded=not upwards)
    images, channels = image.shape[:2]
    below, above = pairs(around, images * channels)
    taps, windows = around.index.shape
    plane, at = above // windows, above % windows
    tap = np.tile(np.arange(taps), len(above) // taps)
    column = (plane * taps + tap) * windows + at
    step = plane // channels * windows + at
    if upwards:
        source, target = Plane.of("cols", x, 2), surrounded("x", np.zeros(y.shape, object), around, "cropped")
    else:
        source, target = surrounded("x", x, around), Plane.of("cols", np.zeros(y.shape), 2)
    sources, targets = (column, below) if upwards else (below, column)
    order = np.argsort(step, kind="stable")
    return Drawing(
        name, formulas.down(window), "Sᵀ" if upwards else "S", source, target, sources[order], targets[order],
        windows=step[order], output=None if symbolic(x) else y,
    )  # fmt: skip


def _window(op: str, image: Cells, kernel_size: Any, options: dict[str, Any]) -> Window:
    """Return the windows of im2col, which keeps no cache that would tell."""
    steps = {"stride": 1, "padding": 0, "dilation": 1} | options
    return windows.sliding(op, image.shape[2:], kernel_size, **steps)


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


def max_unpooling(
    name: str, x: Any, kernel_size: Any, *, indices: Any, dout: Any = None, **options: Any
) -> Drawing:
    """Lay out max unpooling, or its backward."""
    x = cells("x", x)
    places = _whole("indices", indices)
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
    output = None if symbolic(dout) else dx
    return Drawing(name, formula, up, source, target, at_y, at_x, output=output, **more)


#: Each pass that can be drawn, and what lays it out.
PASSES: dict[str, Callable[..., Drawing]] = {
    "conv": convolution,
    "conv_transpose": convolution,
    "im2col": columns,
    "col2im": columns,
    "max_pool": max_pooling,
    "avg_pool": average_pooling,
    "max_unpool": max_unpooling,
    "nearest_unpool": nearest_unpooling,
    "bed_of_nails_unpool": bed_of_nails,
    "resize_bilinear": resizing,
    "conv_backward": convolution,
    "conv_transpose_backward": convolution,
    "max_pool_backward": max_pooling,
    "avg_pool_backward": average_pooling,
    "max_unpool_backward": max_unpooling,
    "nearest_unpool_backward": nearest_unpooling,
    "bed_of_nails_unpool_backward": bed_of_nails,
    "resize_bilinear_backward": resizing,
}
