"""Layers put together: under names, and one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from npseg import kinds
from npseg.backend import Array
from npseg.geometry import Grid
from npseg.layers.layer import Layer


class Container(Layer):
    """Layers under names; their parameters are found under ``layer.parameter``.

    Parameters
    ----------
    **layers : Layer
        The layers. A subclass says in which order they run.

    Examples
    --------
    >>> from npseg.layers import BatchNorm, Conv
    >>> block = Container(conv=Conv(3, 8, 3, rng=None), norm=BatchNorm(8))
    >>> sorted(block.params)
    ['conv.b', 'conv.w', 'norm.beta', 'norm.gamma']
    """

    def __init__(self, **layers: Layer) -> None:
        self.layers = kinds.mapping(type(self).__name__, "layers", layers, Layer, "a layer")
        self.training = self.remembering = True
        self._remembered = None

    @property
    def params(self) -> dict[str, Array]:  # type: ignore[override]
        """All parameters."""
        return self._gather("params")

    @property
    def grads(self) -> dict[str, Array]:  # type: ignore[override]
        """All gradients."""
        return self._gather("grads")

    @property
    def buffers(self) -> dict[str, Array]:  # type: ignore[override]
        """All that is kept but not learned."""
        return self._gather("buffers")

    def train(self, rng: Any = None) -> None:
        """Switch all layers to training."""
        super().train(rng)
        for layer in self.layers.values():
            layer.train(rng)

    def evaluate(self, *, remember: bool = False) -> None:
        """Switch all layers to running without training; ``remember`` keeps what backward needs all the same."""
        super().evaluate(remember=remember)
        for layer in self.layers.values():
            layer.evaluate(remember=remember)

    def compute_by(self, method: str) -> None:
        """Choose the method of all layers."""
        super().compute_by(method)
        for layer in self.layers.values():
            layer.compute_by(method)

    def freeze(self) -> None:
        """Keep all that the layers have learned as it is."""
        for layer in self.layers.values():
            layer.freeze()

    def take(self) -> Any:
        """Take what all layers remembered of the last forward pass."""
        return super().take(), [layer.take() for layer in self.layers.values()]

    def give(self, taken: Any) -> None:
        """Give back to all layers what was taken."""
        own, of_layers = taken
        super().give(own)
        for layer, one in zip(self.layers.values(), of_layers):
            layer.give(one)

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the units of the input that units of the output see; a subclass says by which paths."""
        raise NotImplementedError

    def _gather(self, kind: str) -> dict[str, Array]:
        return {
            f"{name}.{key}": array
            for name, layer in self.layers.items()
            for key, array in getattr(layer, kind).items()
        }


class Sequential(Container):
    """Layers one after the other, in the order of their names.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg.layers import Conv, ReLU
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(conv=Conv(3, 8, 3, padding=1, rng=rng), relu=ReLU())
    >>> net.forward(np.zeros((1, 3, 4, 4), "float32")).shape
    (1, 8, 4, 4)
    >>> sorted(net.params)
    ['conv.b', 'conv.w']
    """

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())

    def forward(self, x: Array) -> Array:
        """Run the layers, first to last."""
        for layer in self:
            x = layer.forward(x)
        return x

    def backward(self, dout: Array) -> Array:
        """Run their backward passes, last to first."""
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return dout

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the layers."""
        for layer in self:
            below = layer.grid(below)
        return below

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Follow what units see back through the layers, last to first."""
        for layer in reversed(self.layers.values()):
            first, last = layer.sees(first, last)
        return first, last

    def until(self, name: str) -> Sequential:
        """Return the layers up to the one named: the same layers, not copies.

        Parameters
        ----------
        name : str
            A layer's name, or ``"block.layer"`` for one inside of a Sequential.

        Raises
        ------
        ValueError
            If there is none of this name; the message has the names that there are.
        """
        kinds.instance("until", "name", name, str, "the name of a layer")
        first, _, inside = name.partition(".")
        if first not in self.layers:
            raise ValueError(f"there is no layer {first!r} among {', '.join(self.layers)}")
        last = self.layers[first]
        if inside:
            if not isinstance(last, Sequential):
                raise ValueError(
                    f"layer {first!r} is a {type(last).__name__}, with no layer {inside!r} inside"
                )
            last = last.until(inside)
        names = list(self.layers)
        before = {key: self.layers[key] for key in names[: names.index(first)]}
        return Sequential(**before, **{first: last})


def named(layers: Sequence[tuple[str, Layer]]) -> Sequential:
    """Put layers one after the other from a list of names and layers.

    Examples
    --------
    >>> from npseg.layers import Conv, ReLU
    >>> list(named([("conv", Conv(3, 8, 3, rng=None)), ("relu", ReLU())]).layers)
    ['conv', 'relu']
    """
    needed = "a list of pairs of a name and a layer"
    pairs = [
        tuple(kinds.listed("named", "layers", one, needed))
        for one in kinds.listed("named", "layers", layers, needed)
    ]
    if any(len(pair) != 2 or not isinstance(pair[0], str) for pair in pairs):
        raise ValueError(f"named: layers={pairs!r}; {needed} is needed")
    return Sequential(**dict(pairs))


def leaves(layer: Layer, name: str = "") -> Iterator[tuple[str, Layer]]:
    """Go through the layers inside of a layer that are no containers, with their full names; through itself, if it is.

    Parameters
    ----------
    layer : Layer
        A layer, or layers put together.
    name : str
        Its own name.

    Examples
    --------
    >>> from npseg.layers import Conv, ReLU
    >>> net = Sequential(block=Sequential(conv=Conv(3, 8, 3, rng=None), relu=ReLU()), score=Conv(8, 2, 1, rng=None))
    >>> [name for name, layer in leaves(net)]
    ['block.conv', 'block.relu', 'score']
    """
    if isinstance(layer, Container):
        for key, inner in layer.layers.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, layer
