"""A forward pass on planes without pixels, step by step: in each layer's place stands its size formula."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from npseg import arguments, kinds
from npseg.geometry import Ints
from npseg.layers import Container, Layer, MaxPool, Switches
from npseg.planes.plane import Plane
from npseg.planes.shapes import shape_above


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
    >>> from npseg.layers import ReLU
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
