"""What :func:`npseg.check.against` calls an operation with: geometries that hypothesis draws, and shrinks.

A domain draws the arguments of one operation: shapes first, then an option for each keyword, then arrays of small
whole numbers, on which every sum is exact. An option that is held fixed is drawn as what it is held at, and the rest
of the geometry fits itself around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg

#: Pixels on an axis that a window does not fill, by the number of axes.
_ROOM = {1: 6, 2: 3, 3: 2}


class Case(NamedTuple):
    """One call.

    Attributes
    ----------
    arguments : dict
        What comes by position, under its name.
    options : dict
        What comes by keyword.
    """

    arguments: dict[str, Any]
    options: dict[str, Any]


class Draw:
    """Draws what is not held fixed.

    Parameters
    ----------
    draw : callable
        Of a composite strategy.
    axes : int or None
        Spatial axes; 1 to 3 if None.
    fixed : mapping
        Options that are held, under their names.
    """

    def __init__(self, draw: Callable[..., Any], axes: int | None, fixed: Mapping[str, Any]) -> None:
        self.draw, self.fixed = draw, fixed
        self.axes = axes or draw(st.sampled_from((1, 2, 3)))

    def option(self, name: str, strategy: st.SearchStrategy[Any]) -> Any:
        """Draw an option, or return what it is held at."""
        return self.fixed[name] if name in self.fixed else self.draw(strategy)

    def each(self, strategy: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
        """Draw one number for all axes, or one for each."""
        return st.one_of(strategy, st.tuples(*[strategy] * self.axes)) if self.axes > 1 else strategy

    def sides(self, most: int = 2) -> st.SearchStrategy[Any]:
        """Draw a padding: a number, one for each axis, or a (before, after) pair for each."""
        one = st.integers(0, most)
        return st.one_of(self.each(one), st.tuples(*[st.tuples(one, one)] * self.axes))

    def spatial(self, least: int = 1, most: int = 3) -> tuple[int, ...]:
        """Draw a spatial size."""
        return tuple(self.draw(st.integers(least, most)) for _ in range(self.axes))

    def size_for(self, kernel: Any, dilation: Any = 1) -> tuple[int, ...]:
        """Draw the size of a plane into which a dilated kernel fits."""
        spans = (
            d * (k - 1) + 1
            for k, d in zip(np.broadcast_to(kernel, self.axes), np.broadcast_to(dilation, self.axes))
        )
        return tuple(self.draw(st.integers(int(s), int(s) + _ROOM[self.axes])) for s in spans)

    def array(self, *shape: int) -> np.ndarray[Any, Any]:
        """Draw whole numbers, held in floats."""
        values: np.ndarray[Any, Any] = self.draw(
            hnp.arrays(np.float64, shape, elements=st.integers(-4, 4), fill=st.nothing())
        )
        return values

    def planes(self, *size: int) -> np.ndarray[Any, Any]:
        """Draw one or two images of one or two channels."""
        return self.array(self.draw(st.integers(1, 2)), self.draw(st.integers(1, 2)), *size)


def conv(d: Draw) -> Case:
    """Draw a convolution whose kernel fits."""
    kernel, dilation = d.spatial(), d.option("dilation", d.each(st.integers(1, 2)))
    groups = d.option("groups", st.integers(1, 2))
    below, above = (groups * d.draw(st.integers(1, 2)) for _ in range(2))
    x = d.array(d.draw(st.integers(1, 2)), below, *d.size_for(kernel, dilation))
    b = d.option("b", st.sampled_from((None, "drawn")))
    options = {
        "stride": d.option("stride", d.each(st.integers(1, 3))),
        "padding": d.option("padding", d.sides()),
        "dilation": dilation,
        "groups": groups,
    }
    w = d.array(above, below // groups, *kernel)
    return Case({"x": x, "w": w, "b": d.array(above) if b == "drawn" else b}, options)


def conv_transpose(d: Draw) -> Case:
    """Draw a transposed convolution; where nothing would be left of its output, the case is given up."""
    groups = d.option("groups", st.integers(1, 2))
    above, below = (groups * d.draw(st.integers(1, 2)) for _ in range(2))
    x = d.array(d.draw(st.integers(1, 2)), above, *d.spatial(1, 3))
    b = d.option("b", st.sampled_from((None, "drawn")))
    options = {
        "stride": d.option("stride", d.each(st.integers(1, 3))),
        "padding": d.option("padding", d.sides(1)),
        "output_padding": d.option("output_padding", st.integers(0, 1)),
        "output_size": d.option("output_size", st.none()),
        "dilation": d.option("dilation", d.each(st.integers(1, 2))),
        "groups": groups,
    }
    w = d.array(above, below // groups, *d.spatial())
    return Case({"x": x, "w": w, "b": d.array(below) if b == "drawn" else b}, options)


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
    images, channels = d.draw(st.integers(1, 2)), d.draw(st.integers(1, 2))
    cols = d.array(images, channels * shape[1], shape[2])
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
    """Draw a max unpooling, some places twice."""
    x, scale = d.planes(*d.spatial()), d.option("kernel_size", d.each(st.integers(1, 3)))
    size = [int(s) * i for s, i in zip(np.broadcast_to(scale, d.axes), x.shape[2:])]
    indices = d.draw(hnp.arrays(np.int64, x.shape, elements=st.integers(0, prod(size) - 1)))
    return Case({"x": x, "indices": indices, "kernel_size": scale}, {})


def unpool(d: Draw) -> Case:
    """Draw an unpooling into blocks."""
    return Case({"x": d.planes(*d.spatial()), "scale": d.option("scale", d.each(st.integers(1, 3)))}, {})


def pointwise(d: Draw) -> Case:
    """Draw an array."""
    return Case({"x": d.planes(*d.spatial())}, {})


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
    "relu": pointwise,
}


@st.composite
def calls(draw: Callable[..., Any], reference: str, axes: int | None, fixed: Mapping[str, Any]) -> Case:
    """Draw a call of an operation; of a backward, a gradient and the cache of a forward."""
    d = Draw(draw, axes, fixed)
    base = reference.removesuffix("_forward").removesuffix("_backward")
    case = DOMAINS[base](d)
    if not reference.endswith("_backward"):
        return case
    try:
        y, cache = getattr(npseg, f"{base}_forward")(*case.arguments.values(), **case.options)
    except ValueError:
        reject()
    return Case({"dout": d.array(*y.shape), "cache": cache}, {})


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
