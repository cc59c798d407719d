"""A network followed through without any numbers: how large each layer's plane is, and what its units see.

The forward pass of a network is code, skips, crops and sums and all. So it is run, but on planes that have a shape, a
dtype and a place in the image, and no pixels; and in place of each layer stands its size formula. That takes the
memory and time of nothing, at any width, and it holds for every network that is made of layers, since it asks
nobody in which order they run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import singledispatch
from math import prod
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, kinds, windows
from npseg.backend import array_module
from npseg.geometry import Grid, Ints
from npseg.layers import (
    BatchNorm,
    Container,
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


class Plane(np.ndarray[Any, Any]):
    """A plane without pixels: an array that is 0 everywhere and takes no memory, but knows where its units lie.

    Attributes
    ----------
    grid : Grid
        Step, origin and field of its units in the image.

    Examples
    --------
    >>> image = Plane.of((1, 3, 4096, 4096), "float32")
    >>> image.nbytes, image.strides
    (201326592, (0, 0, 0, 0))
    >>> (image[:, :, ::2] + 1).shape
    (1, 3, 2048, 4096)
    """

    grid: Grid

    @classmethod
    def of(cls, shape: Ints, dtype: Any, grid: Grid | None = None) -> Plane:
        """Make a plane; without a grid, it is the image's."""
        try:
            plane = np.broadcast_to(np.zeros((), dtype), shape).view(cls)
        except (
            TypeError,
            ValueError,
        ) as error:  # no dtype, no shape, or one that is larger than any array can be
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(
                f"Plane: a plane cannot have dtype={dtype!r} and shape={shape!r}, as its input would need: {error}"
            ) from None
        plane.grid = Grid() if grid is None else kinds.instance("Plane", "grid", grid, Grid, "a Grid")
        return plane

    def __array_finalize__(self, source: Any) -> None:
        """Leave a part of a plane on the plane's grid."""
        self.grid = getattr(source, "grid", Grid())

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Make of sums and products of planes a plane again, whose units see what the terms' do."""
        shapes = (getattr(one, "shape", ()) for one in inputs)
        return Plane.of(np.broadcast_shapes(*shapes), self.dtype, _widest(inputs))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Make of planes put together, as by ``np.concatenate``, a plane whose units see what theirs do."""
        result = super().__array_function__(function, types, inputs, options)
        if not isinstance(result, np.ndarray):
            return result
        return Plane.of(result.shape, result.dtype, _widest(inputs))


class Blank(np.random.Generator):
    """Draws numbers that are 0 and take no memory: a seed for networks of which only the shapes are wanted.

    Parameters
    ----------
    dtype : str
        Of what it draws.

    Examples
    --------
    >>> from npseg.networks import make
    >>> network = make("fcn8s", 21, width=64, seed=Blank("float32"))
    >>> network.params["to_score.fc6.w"].strides
    (0, 0, 0, 0)
    """

    def __init__(self, dtype: str) -> None:
        arguments.float_type("Blank", dtype)
        super().__init__(np.random.PCG64(0))
        self.dtype = dtype

    def standard_normal(self, size: Any) -> Any:  # type: ignore[override]
        """Return a plane."""
        return Plane.of(size, self.dtype)


class Step(NamedTuple):
    """One layer of a forward pass.

    Attributes
    ----------
    name : str
        The layer's, such as ``"to_pool3.conv1_2"``.
    layer : Layer
        The layer.
    below, above : Plane
        Its input and its output.

    Examples
    --------
    >>> Step("relu", ReLU(), *2 * [Plane.of((1, 8, 4, 4), "float32")]).above.shape
    (1, 8, 4, 4)
    """

    name: str
    layer: Layer
    below: Plane
    above: Plane


def follow(network: Layer, shape: Ints, dtype: Any = "float32") -> tuple[Plane, list[Step]]:
    """Follow images through a network.

    Parameters
    ----------
    network : Layer
        A network, or a single layer. It is left as it is; layers of kinds not known here run on zeros.
    shape : tuple of int
        (N, C, *spatial), of the images.
    dtype : dtype
        Theirs.

    Returns
    -------
    Plane
        What the network makes of them.
    list of Step
        The layers, in the order in which they run.

    Raises
    ------
    ValueError
        If the images are too small for a layer, or there is no such shape or dtype.
    TypeError
        If the network is none.

    Examples
    --------
    >>> from npseg.networks import FCN
    >>> scores, steps = follow(FCN(21, width=1, fc=1), (1, 3, 500, 500))
    >>> scores.shape, steps[0].name, steps[0].above.shape
    ((1, 21, 500, 500), 'to_pool3.conv1_1', (1, 1, 500, 500))
    >>> coarse = next(step.above for step in steps if step.name == "to_score.score_fr")
    >>> coarse.shape, int(coarse.grid.field), int(coarse.grid.step)
    ((1, 21, 16, 16), 404, 32)
    """
    op = "follow"
    kinds.instance(op, "network", network, Layer, "a network or a layer")
    arguments.float_type(op, dtype)
    if not isinstance(shape, tuple | list) or not 3 <= len(shape) <= 5:
        raise ValueError(f"{op}: shape={shape!r}; (N, C, *spatial) is needed")
    arguments.axes(op, "shape", shape, len(shape), minimum=0)
    steps: list[Step] = []

    def stand_in(name: str, layer: Layer) -> Callable[..., Plane]:
        def forward(x: Plane, *switches: Switches) -> Plane:
            y = Plane.of(shape_above(layer, x, *switches), x.dtype, layer.grid(x.grid))
            steps.append(Step(name, layer, x, y))
            return y

        return forward

    return _twin("", network, stand_in).forward(Plane.of(shape, dtype)), steps


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


def _twin(name: str, layer: Layer, stand_in: Callable[[str, Layer], Any]) -> Layer:
    """Return a copy of a network in which stand-ins run in the layers' place; the arrays are shared."""
    twin: Any = copy.copy(layer)
    if isinstance(layer, Container):
        twin.layers = {
            key: _twin(f"{name}.{key}" if name else key, inner, stand_in)
            for key, inner in layer.layers.items()
        }
    else:
        twin.forward = stand_in(name, layer)
    if isinstance(layer, MaxPool):
        twin.forward_with_switches = lambda x: _with_switches(x, twin.forward(x))
    return twin  # type: ignore[no-any-return]


def _with_switches(below: Plane, above: Plane) -> tuple[Plane, Switches]:
    """Return a pooling's output with switches that say nothing but how large its input was."""
    return above, Switches(Plane.of(above.shape, "int32", above.grid), below.shape[2:])


def _widest(inputs: Any) -> Grid:
    """Return the grid of those planes, in nested lists of inputs, whose units see most."""

    def grids(inputs: Any) -> Iterator[Grid]:
        for one in inputs:
            if isinstance(one, Plane):
                yield one.grid
            elif isinstance(one, list | tuple):
                yield from grids(one)

    return max(grids(inputs), key=lambda grid: grid.field)
