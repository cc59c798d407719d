"""Convolutions, laid out for drawing: forward, transposed, all their gradients, and the columns of im2col.

All of them are one table, of every pixel, tap and window that meet; they differ in what is summed into. Each function
runs the operation itself, which checks what it is given and says by its cache which windows it has used.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from npseg import arguments, windows
from npseg.draw.stepper import formulas
from npseg.draw.stepper.cells import Cells, cells, numbers, symbolic
from npseg.draw.stepper.planes import Plane
from npseg.draw.stepper.products import Drawing, canvas, meetings, pairs, surrounded
from npseg.geometry import Window
from npseg.methods.columns import col2im, im2col
from npseg.ops.conv import ConvCache, conv_backward, conv_forward
from npseg.ops.conv_transpose import ConvTransposeCache, conv_transpose_backward, conv_transpose_forward


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
    title, size = f"{name}, {result}", gradient.shape[2:] or gradient.shape
    formula = formulas.of_backward(formula, result, size)
    if wrt == "b":
        return _of_bias(title, formula, dout, gradient)
    arrays = {"x": x, "w": w, "dout": dout}
    del arrays[wrt]
    output = None if symbolic(*arrays.values()) else gradient
    return _of_three(title, formula, arrays | {result: gradient}, result, cache, transposed, None, output)


def _of_bias(name: str, formula: str, dout: Cells, gradient: Cells) -> Drawing:
    """Lay out the gradient of a bias: the sum of each channel."""
    channel = np.arange(dout.size) // prod(dout.shape[2:]) % dout.shape[1]
    source, target = Plane.of("dout", dout, dout.ndim - 2), Plane.of("db", np.zeros(dout.shape[1]), 1)
    output = None if symbolic(dout) else gradient
    return Drawing(name, formula, "1", source, target, np.arange(dout.size), channel, output=output)


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
