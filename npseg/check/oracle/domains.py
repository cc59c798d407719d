"""The operations that candidates can be held against, and what each is called with.

A domain draws the arguments of one operation: shapes first, then its options, then arrays; what does not fit together
is given up later, when npseg refuses it. Here are those with windows, and at the end the table of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

import npseg
from npseg.check.oracle import planes
from npseg.check.oracle.cases import Case, base_of, is_backward, run_forward
from npseg.check.oracle.draws import Draw


def conv(d: Draw) -> Case:
    """Draw a convolution whose kernel fits."""
    kernel, dilation = d.kernel(), d.option("dilation", d.each(st.integers(1, 2)))
    groups = d.count("groups")
    below, above = groups * d.count("channels"), groups * d.count("filters")
    x = d.array(d.count("images"), below, *d.size_for(kernel, dilation))
    options = {
        "stride": d.option("stride", d.each(st.integers(1, 3))),
        "padding": d.option("padding", d.sides()),
        "dilation": dilation,
        "groups": groups,
    }
    w = d.array(above, below // groups, *kernel)
    return Case({"x": x, "w": w, "b": _bias(d, above)}, options)


def conv_transpose(d: Draw) -> Case:
    """Draw a transposed convolution; where nothing would be left of its output, the case is given up."""
    groups = d.count("groups")
    above, below = groups * d.count("channels"), groups * d.count("filters")
    x = d.array(d.count("images"), above, *d.spatial(1, 3))
    options = {
        "stride": d.option("stride", d.each(st.integers(1, 3))),
        "padding": d.option("padding", d.sides(1)),
        "output_padding": d.option("output_padding", d.each(st.integers(0, 1))),
        "output_size": d.option("output_size", st.none()),
        "dilation": d.option("dilation", d.each(st.integers(1, 2))),
        "groups": groups,
    }
    w = d.array(above, below // groups, *d.kernel())
    return Case({"x": x, "w": w, "b": _bias(d, below)}, options)


def im2col(d: Draw) -> Case:
    """Draw windows that are cut out."""
    kernel, options = _windows(d)
    x = d.planes(*d.size_for(kernel, options["dilation"]))
    return Case({"x": x, "kernel_size": kernel}, options)


def col2im(d: Draw) -> Case:
    """Draw columns that are laid back."""
    kernel, options = _windows(d)
    size = d.size_for(kernel, options["dilation"])
    shape = npseg.im2col(np.zeros((1, 1, *size)), kernel, **options).shape
    cols = d.array(d.count("images"), d.count("channels") * shape[1], shape[2])
    return Case({"cols": cols, "size": size, "kernel_size": kernel}, options)


def conv_matrix(d: Draw) -> Case:
    """Draw a convolution that is written out."""
    case = conv(d)
    x, w, _ = case.arguments.values()
    return Case({"w": w, "input_size": x.shape[2:]}, case.options)


def max_pool(d: Draw) -> Case:
    """Draw a max pooling; where a window holds only padding, the case is given up."""
    kernel = d.option("kernel_size", d.each(st.integers(1, 3)))
    dilation = d.option("dilation", d.each(st.integers(1, 2)))
    x = d.planes(*d.size_for(kernel, dilation))
    return Case({"x": x, "kernel_size": kernel}, {**_pooling(d), "dilation": dilation})


def avg_pool(d: Draw) -> Case:
    """Draw an average pooling."""
    kernel = d.option("kernel_size", d.each(st.integers(1, 3)))
    options = {
        "count_include_pad": d.option("count_include_pad", st.booleans()),
        "divisor_override": d.option("divisor_override", st.sampled_from((None, 2))),
    }
    return Case({"x": d.planes(*d.size_for(kernel)), "kernel_size": kernel}, _pooling(d) | options)


def max_unpool(d: Draw) -> Case:
    """Draw a max unpooling, some places twice, unless ``only`` says that indices are "distinct"."""
    kernel = d.option("kernel_size", d.each(st.integers(1, 3)))
    stride = d.option("stride", st.one_of(st.none(), d.each(st.integers(1, 3))))
    padding = d.option("padding", d.sides(1))
    x = d.planes(*d.spatial())
    steps = np.broadcast_to(kernel if stride is None else stride, d.axes)
    least = npseg.geometry.smallest_size(
        x.shape[2:],
        tuple(np.broadcast_to(kernel, d.axes).tolist()),
        stride=tuple(steps.tolist()),
        padding=npseg.arguments.padding_pairs("max_unpool_forward", padding, d.axes),
        dilation=(1,) * d.axes,
    )
    larger = st.tuples(*[st.integers(max(1, n), max(1, n + int(s) - 1)) for n, s in zip(least, steps)])
    size = d.option("output_size", st.one_of(st.none(), larger))
    pixels = prod(least if size is None else np.broadcast_to(size, d.axes).tolist())
    if pixels < 1 or min(least) < 1:
        reject()
    indices = _places(d, x.shape, pixels)
    options = {"stride": stride, "padding": padding, "output_size": size}
    return Case({"x": x, "indices": indices, "kernel_size": kernel}, options)


def _places(d: Draw, shape: tuple[int, ...], pixels: int) -> np.ndarray[Any, Any]:
    """Draw an index for each value; distinct ones of a plane as the beginning of a permutation."""
    if d.only.get("indices") != "distinct":
        return d.whole(shape, pixels - 1)
    values, images = prod(shape[2:]), prod(shape[:2])
    if values > pixels:
        reject()
    orders = [d.draw(st.permutations(range(pixels)))[:values] for _ in range(images)]
    return np.array(orders, np.int64).reshape(shape)


def unpool(d: Draw) -> Case:
    """Draw an unpooling into blocks."""
    return Case({"x": d.planes(*d.spatial()), "scale": d.option("scale", d.each(st.integers(1, 3)))}, {})


#: The operations that candidates can be held against, and what they are called with.
DOMAINS: dict[str, Callable[[Draw], Case]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "im2col": im2col,
    "col2im": col2im,
    "conv_matrix": conv_matrix,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "max_unpool": max_unpool,
    "nearest_unpool": unpool,
    "bed_of_nails_unpool": unpool,
    "resize_bilinear": planes.resize_bilinear,
    "crop": planes.crop,
    "relu": planes.pointwise,
    "tanh": planes.pointwise,
    "dropout": planes.dropout,
    "batch_norm": planes.batch_norm,
    "lrn": planes.lrn,
    "local_norm": planes.local_norm,
    "cross_entropy": planes.cross_entropy,
}

#: What can be restricted besides an operation's own options.
SHAPES = {
    **dict.fromkeys(
        ("conv", "conv_transpose", "conv_matrix"), ("kernel_size", "images", "channels", "filters")
    ),
    "max_unpool": ("images", "channels", "indices"),
}


@st.composite
def calls(draw: Callable[..., Any], reference: str, axes: int | None, only: Mapping[str, Any]) -> Case:
    """Draw a call of an operation; of a backward pass with a gradient of the output's shape."""
    d = Draw(draw, axes, only)
    case = replace(DOMAINS[base_of(reference)](d), brief=draw(st.sampled_from((False, True, True))))
    if not is_backward(reference):
        return case
    try:
        y, _ = run_forward(reference, case)
    except ValueError:
        reject()
    return replace(case, dout=d.array(*y.shape))


def _bias(d: Draw, channels: int) -> Any:
    """Draw a bias, or none."""
    b = d.option("b", st.sampled_from((None, "drawn")))
    return d.array(channels) if isinstance(b, str) else b


def _windows(d: Draw) -> tuple[Any, dict[str, Any]]:
    kernel = d.option("kernel_size", d.each(st.integers(1, 3)))
    return kernel, {
        "stride": d.option("stride", d.each(st.integers(1, 3))),
        "padding": d.option("padding", d.sides()),
        "dilation": d.option("dilation", d.each(st.integers(1, 2))),
    }


def _pooling(d: Draw) -> dict[str, Any]:
    return {
        "stride": d.option("stride", st.one_of(st.none(), d.each(st.integers(1, 3)))),
        "padding": d.option("padding", d.sides(1)),
        "ceil_mode": d.option("ceil_mode", st.booleans()),
    }
