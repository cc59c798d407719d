"""The size formula of each kind of layer: from the shape of its input to that of its output.

A network's containers are not among them: in which order their layers run is known to nobody but their code.
"""

from __future__ import annotations

import copy
from functools import singledispatch
from math import prod
from typing import Any

from npseg import windows
from npseg.backend import array_module
from npseg.geometry import Ints
from npseg.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Layer,
    LocalNorm,
    LocalResponseNorm,
    MaxPool,
    MaxUnpool,
    Merge,
    NearestUnpool,
    PyramidDown,
    PyramidUp,
    ReLU,
    Scale,
    ShiftedMaxPool,
    SparseConv,
    Switches,
    Tanh,
    ZeroPad,
)
from npseg.planes.plane import Plane


@singledispatch
def shape_above(layer: Layer, x: Plane, *switches: Switches) -> Ints:
    """Return the shape of a layer's output; of a kind of layer that is not known here, by running it.

    An unpooling is given the switches of its pooling, too.

    Examples
    --------
    >>> shape_above(MaxPool(2, ceil_mode=True), Plane.of((4, 8, 5, 6), "float32"))
    (4, 8, 3, 3)
    """
    xp = array_module(*layer.params.values())
    shape: Ints = copy.copy(layer).forward(xp.zeros(x.shape, x.dtype), *switches).shape
    return shape


@shape_above.register(ReLU)
@shape_above.register(Tanh)
@shape_above.register(BatchNorm)
@shape_above.register(Dropout)
@shape_above.register(Scale)
@shape_above.register(LocalResponseNorm)
@shape_above.register(LocalNorm)
def _(layer: Layer, x: Plane) -> Ints:
    return tuple(x.shape)


@shape_above.register
def _(layer: Conv, x: Plane) -> Ints:
    w = (layer.params | layer.buffers)["w"].shape
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    return (len(x), w[0], *windows.sliding("Conv", x.shape[2:], w[2:], **how).out)


@shape_above.register
def _(layer: SparseConv, x: Plane) -> Ints:
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    kernel = layer.kernel_size
    return (len(x), layer.maps[0], *windows.sliding("SparseConv", x.shape[2:], kernel, **how).out)


@shape_above.register
def _(layer: ConvTranspose, x: Plane) -> Ints:
    w = (layer.params | layer.buffers)["w"].shape
    how: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": 1}
    return (len(x), w[1], *windows.stamping(type(layer).__name__, x.shape[2:], w[2:], **how).size)


@shape_above.register
def _(layer: ZeroPad, x: Plane) -> Ints:
    return (*x.shape[:2], *(layer.before + n + layer.after for n in x.shape[2:]))


@shape_above.register
def _(layer: PyramidDown, x: Plane) -> Ints:
    return (*x.shape[:2], *(-(-n // 2) for n in x.shape[2:]))


@shape_above.register
def _(layer: PyramidUp, x: Plane) -> Ints:
    return (*x.shape[:2], *(2 * n for n in x.shape[2:]))


@shape_above.register
def _(layer: NearestUnpool, x: Plane) -> Ints:
    return (*x.shape[:2], *(layer.scale * n for n in x.shape[2:]))


@shape_above.register
def _(layer: MaxPool, x: Plane) -> Ints:
    how: dict[str, Any] = {"stride": layer.stride, "dilation": layer.dilation, "ceil_mode": layer.ceil_mode}
    return (*x.shape[:2], *windows.pooling("MaxPool", x.shape[2:], layer.kernel_size, **how).out)


@shape_above.register
def _(layer: MaxUnpool, x: Plane, switches: Switches) -> Ints:
    return (*x.shape[:2], *switches.size)


@shape_above.register
def _(layer: ShiftedMaxPool, x: Plane) -> Ints:
    stride = layer.kernel_size // layer.shifts
    out = windows.pooling("ShiftedMaxPool", x.shape[2:], layer.kernel_size, stride=stride).out
    return (len(x) * layer.shifts**2, x.shape[1], *(n // layer.shifts for n in out))


@shape_above.register
def _(layer: Merge, x: Plane) -> Ints:
    factor = prod(layer.shifts)
    return (len(x) // factor**2, x.shape[1], *(factor * n for n in x.shape[2:]))
