"""What one unit of a network sees of the image, in theory and in fact.

The theoretical receptive field follows from kernels and strides alone: the square of pixels that can reach the unit
at all. How much each of them does is a matter of gradients: put a gradient at the unit, run the backward pass, and
look where it arrives. Pixels in the middle reach the unit on many more paths than those at the rim, so most of the
gradient lies in a square a good deal smaller: the effective receptive field.

References
----------
Luo, Li, Urtasun & Zemel, "Understanding the effective receptive field in deep convolutional neural networks", 2016.
Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", 2015, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, kinds, room
from npseg.backend import array_module, to_numpy
from npseg.geometry import Grid, Ints, Pairs, times
from npseg.layers import Container, Layer

Plane = np.ndarray[Any, np.dtype[np.float64]]

#: Images beyond which an average changes no more.
MOST_DRAWS = 10_000

#: How much of the gradient lies in the effective receptive field.
SHARE = 0.95


class Field(NamedTuple):
    """What a unit sees. Pixels are counted from 0 at the top left of the image, rows before columns.

    Attributes
    ----------
    unit, plane : tuple of int
        The unit, and the size of the plane that it is one of.
    centre : tuple of float
        Where it lies in the image.
    theoretical : tuple of (first, last)
        The rows and the columns that can reach it; below 0 or beyond the image they lie in the padding.
    measured : tuple of (first, last)
        The rows and the columns where any gradient arrives.
    effective : int
        Width of the smallest square around the centre that holds 95 % of the gradient.
    strength : (H, W) float64 array
        The share of the gradient that arrives at each pixel.
    stand_ins : tuple of str
        Layers for whose weights, all of them 0, random ones have stood in.

    Examples
    --------
    >>> Field((4,), (9,), (4.0,), ((2, 6),), ((2, 6),), 3, np.ones(9) / 9).theoretical_size
    (5,)
    """

    unit: Ints
    plane: Ints
    centre: tuple[float, ...]
    theoretical: Pairs
    measured: Pairs
    effective: int
    strength: Plane
    stand_ins: tuple[str, ...] = ()

    @property
    def theoretical_size(self) -> Ints:
        """Rows and columns of the theoretical field."""
        return tuple(last - first + 1 for first, last in self.theoretical)

    @property
    def measured_size(self) -> Ints:
        """Rows and columns of the measured field."""
        return tuple(last - first + 1 for first, last in self.measured)


def field_of(
    network: Layer,
    size: int | Sequence[int],
    unit: int | Sequence[int] | None = None,
    *,
    layer: str | None = None,
    channels: int = 3,
    draws: int = 8,
    seed: int = 0,
) -> Field:
    """Find what a unit of a network sees, by theory and by gradient.

    The gradient is that of the network as it labels: without dropout, and with the running statistics. Max pooling
    and ReLU let it through here and there only, which depends on the image; so its absolute value is averaged over
    random images, and over random directions of the unit's channels. The network is left as it was.

    Parameters
    ----------
    network : Layer
        A network, a :class:`~npseg.layers.Sequential` or a single layer.
    size : int, or one per axis
        Rows and columns of the image.
    unit : int, or one per axis, optional
        Row and column of the unit in its plane; the one in the middle unless given.
    layer : str, optional
        The layer that the unit belongs to, such as ``"to_pool3.conv1_2"``, instead of the network's last. Of an
        FCN it is a layer of the trunk.
    channels : int
        Channels of the image.
    draws : int
        Random images to average over, 10000 at the most.
    seed : int
        Seed of the images and directions.

    Returns
    -------
    Field
        Where nothing arrives because the weights of layers are all 0, as those of the score layers before any
        training, random ones stand in for them, and ``stand_ins`` names these layers.

    Raises
    ------
    ValueError
        If there is no such layer or unit, the image is too small, or no gradient arrives.
    TypeError
        If the network is none, or sizes are not whole numbers.

    Examples
    --------
    Three convolutions of 3x3 see 7x7 pixels; two, with a pooling by 2 in between, see 8x8.

    >>> from npseg.layers import Conv, MaxPool, Sequential
    >>> rng = np.random.default_rng(0)
    >>> one, two, three = (Conv(3, 3, 3, padding=1, rng=rng) for _ in range(3))
    >>> field = field_of(Sequential(one=one, two=two, three=three), 15)
    >>> field.theoretical, field.measured
    (((4, 10), (4, 10)), ((4, 10), (4, 10)))
    >>> net = Sequential(one=one, pool=MaxPool(2), two=two)
    >>> field_of(net, 16).theoretical_size, field_of(net, 16, layer="pool").theoretical_size
    ((8, 8), (4, 4))
    """
    op = "receptive_field"
    path = _path(op, network, layer)
    shape = (1, arguments.integer(op, "channels", channels, 1), *arguments.axes(op, "size", size, 2))
    room.check(op, f"an image of size={size!r} with channels={channels}", shape, np.zeros(1))
    draws = arguments.integer(op, "draws", draws, 1, MOST_DRAWS)
    arguments.generator(op, seed)
    with _as_it_was(path):
        path.evaluate(remember=True)
        path.compute_by("im2col")  # others, Winograd's, leave rounding where no gradient arrives
        plane = tuple(path.forward(_image(path, shape, np.random.default_rng(seed))).shape[2:])
        unit = _unit(op, unit, plane)
        stand_ins: tuple[str, ...] = ()
        strength = _strength(path, shape, unit, draws, seed)
        if not strength.any():
            stand_ins = _lend_weights(path, np.random.default_rng(seed))
            strength = _strength(path, shape, unit, draws, seed)
    if not strength.any():
        raise ValueError(
            f"{op}: no gradient of unit {unit} arrives at the image, which leaves nothing to measure"
        )
    grid = path.grid(Grid())
    centre = tuple(float(grid.origin + u * grid.step) for u in unit)
    return Field(
        unit=unit,
        plane=plane,
        centre=centre,
        theoretical=tuple(path.sees(u, u) for u in unit),
        measured=_box(strength),
        effective=_width(strength, centre),
        strength=strength / strength.sum(),
        stand_ins=stand_ins,
    )


def _path(op: str, network: Layer, layer: str | None) -> Layer:
    """Return the layers from the image to the unit's."""
    kinds.instance(op, "network", network, Layer, "a network or a layer")
    if layer is None:
        return network
    if not hasattr(network, "until"):
        raise ValueError(
            f"{op}: layer={layer!r}, but a {type(network).__name__} has no path of layers to cut"
        )
    path: Layer = arguments.named(op, lambda: network.until(layer))
    return path


def _unit(op: str, unit: int | Sequence[int] | None, plane: Ints) -> Ints:
    """Return the unit's place in its plane."""
    if unit is None:
        return tuple((n - 1) // 2 for n in plane)
    place = arguments.axes(op, "unit", unit, len(plane), minimum=0)
    if any(u >= n for u, n in zip(place, plane)):
        raise ValueError(
            f"{op}: unit={unit!r} lies outside its plane of {times(plane)} units, counted from 0"
        )
    return place


@contextmanager
def _as_it_was(network: Layer) -> Iterator[None]:
    """Lend a network out, and take it back with the modes, gradients, weights and statistics that it had."""
    before = [(layer, dict(vars(layer))) for _, layer in _inside(network)]
    for layer, attributes in before:
        if "grads" in attributes:
            layer.grads = {}
    try:
        yield
    finally:
        for layer, attributes in before:
            vars(layer).clear()
            vars(layer).update(attributes)


def _inside(layer: Layer, name: str = "") -> Iterator[tuple[str, Layer]]:
    """Go through a layer and all layers inside, with their names."""
    yield name, layer
    if isinstance(layer, Container):
        for key, inner in layer.layers.items():
            yield from _inside(inner, f"{name}.{key}" if name else key)


def _lend_weights(network: Layer, rng: np.random.Generator) -> tuple[str, ...]:
    """Put random weights where all are 0; return the names of these layers."""
    lent = []
    for name, layer in _inside(network):
        w = None if isinstance(layer, Container) else layer.params.get("w")
        if w is not None and not w.any():
            drawn = rng.standard_normal(w.shape) * sqrt(2 / prod(w.shape[1:]))
            layer.params = {**layer.params, "w": array_module(w).asarray(drawn, w.dtype)}
            lent.append(name or type(layer).__name__)
    return tuple(lent)


def _image(network: Layer, shape: Ints, rng: np.random.Generator) -> Any:
    """Draw an image of the library and dtype of the network's weights."""
    like = next(iter(network.params.values()), np.empty(0))
    return array_module(like).asarray(rng.standard_normal(shape), like.dtype)


def _strength(network: Layer, shape: Ints, unit: Ints, draws: int, seed: int) -> Plane:
    """Add up the gradients that arrive at each pixel, by their absolute values."""
    rng = np.random.default_rng(seed)
    strength = np.zeros(shape[2:])
    for _ in range(draws):
        y = network.forward(_image(network, shape, rng))
        dout = np.zeros(y.shape)
        dout[0, :, unit[0], unit[1]] = rng.standard_normal(y.shape[1])
        dx = network.backward(array_module(y).asarray(dout, y.dtype))
        strength += abs(to_numpy(dx)[0].astype(float)).sum(axis=0)
    return strength


def _box(strength: Plane) -> Pairs:
    """Return the first and last row, and column, where there is anything."""
    seen = (np.flatnonzero(strength.any(axis=1 - axis)) for axis in (0, 1))
    return tuple((int(places[0]), int(places[-1])) for places in seen)


def _width(strength: Plane, centre: tuple[float, ...]) -> int:
    """Return the width of the smallest square around the centre that holds SHARE of what there is."""
    rows, columns = (abs(np.arange(n) - c) for n, c in zip(strength.shape, centre))
    away = np.maximum(rows[:, None], columns).ravel()
    order = away.argsort()
    held = strength.ravel()[order].cumsum()
    return int(2 * away[order][np.searchsorted(held, SHARE * held[-1])]) + 1
