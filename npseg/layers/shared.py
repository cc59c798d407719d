"""Layers that run on several inputs before they go back: the same weights, whose gradients add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from npseg.backend import Array
from npseg.layers.containers import Sequential, leaves
from npseg.layers.layer import Layer


class Shared(Sequential):
    """Layers one after the other that run on several planes, of one size or of many, with the same weights.

    A layer remembers one forward pass. So after each plane what the layers remember is taken, and given back before
    the backward pass of that plane.

    Examples
    --------
    The gradient of weights that are used twice is the sum of two:

    >>> import numpy as np
    >>> from npseg.layers import Conv
    >>> net = Shared(conv=Conv(1, 1, 1, rng=np.random.default_rng(0), dtype="float64"))
    >>> planes = [np.full((1, 1, 2, 2), 1.0), np.full((1, 1, 1, 1), 10.0)]
    >>> [y.shape for y in net.forward(planes)]
    [(1, 1, 2, 2), (1, 1, 1, 1)]
    >>> douts = net.backward([np.ones_like(x) for x in planes])
    >>> net.grads["conv.w"].item(), net.grads["conv.b"].item()
    (14.0, 5.0)
    """

    def forward(self, xs: Sequence[Array]) -> list[Array]:
        """Run the layers on each plane."""
        ys, memories = [], []
        for x in xs:
            ys.append(super().forward(x))
            memories.append([layer.take() for layer in self])
        self._remember(memories)
        return ys

    def backward(self, douts: Sequence[Array]) -> list[Array]:
        """Run the backward passes of each plane; leave the sums of the gradients."""
        sums, dxs = GradientSums(layer for _, layer in leaves(self)), []
        for dout, memories in zip(douts, self._recall()):
            for layer, memory in zip(self, memories):
                layer.give(memory)
            dxs.append(super().backward(dout))
            sums.add()
        sums.leave()
        return dxs


class GradientSums:
    """Gradients of layers that run several times: each backward leaves those of its own run, and they add up.

    Parameters
    ----------
    layers : iterable of Layer
        Layers, none of them a container.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg.layers import Conv
    >>> layer = Conv(1, 1, 1, rng=None, dtype="float64")
    >>> sums = GradientSums([layer])
    >>> for dout in (np.full((1, 1, 1, 1), 2.0), np.full((1, 1, 1, 1), 3.0)):
    ...     y = layer.forward(np.ones((1, 1, 1, 1)))
    ...     dx = layer.backward(dout)
    ...     sums.add()
    >>> sums.leave()
    >>> layer.grads["w"].item(), layer.grads["b"].item()
    (5.0, 5.0)
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = list(layers)
        self.totals: list[dict[str, Array]] = [{} for _ in self.layers]

    def add(self) -> None:
        """Add what the last backward pass has left."""
        for layer, total in zip(self.layers, self.totals):
            for name, d in layer.grads.items():
                total[name] = total[name] + d if name in total else d

    def leave(self) -> None:
        """Leave the sums as the layers' gradients."""
        for layer, total in zip(self.layers, self.totals):
            layer.grads = total
