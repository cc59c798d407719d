"""What all layers have in common: forward, backward, and what is remembered between the two."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

from npseg.backend import Array
from npseg.geometry import Grid
from npseg.methods.choose import method as find_method


class Layer:
    """What all layers have in common.

    Attributes
    ----------
    params, grads : dict of str to array
        What is learned, and its gradients from the last backward pass.
    buffers : dict of str to array
        What is kept but not learned: running statistics, and weights that are fixed.
    training : bool
        Whether the layer trains.
    remembering : bool
        Whether a forward pass remembers what the backward pass needs.
    method : str
        The method that the layer's operation is computed by.

    Examples
    --------
    A layer of one's own: twice its input.

    >>> import numpy as np
    >>> from npseg.layers import Sequential
    >>> class Double(Layer):
    ...     def forward(self, x):
    ...         return 2 * x
    ...
    ...     def backward(self, dout):
    ...         return 2 * dout
    >>> Sequential(a=Double(), b=Double()).forward(np.array([1.0, 2.0]))
    array([4., 8.])
    """

    method = "auto"

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.training = self.remembering = True
        self._remembered: Any = None

    def forward(self, x: Array) -> Array:
        """Return the layer's output."""
        raise NotImplementedError

    def backward(self, dout: Array) -> Array:
        """Return the gradient of the input; leave those of the parameters in ``grads``."""
        raise NotImplementedError

    def train(self, rng: Any = None) -> None:
        """Switch to training; ``rng`` is the Generator of the layers that draw, such as dropout."""
        self.training = self.remembering = True

    def evaluate(self, *, remember: bool = False) -> None:
        """Switch to running without training; ``remember`` keeps what backward needs all the same."""
        self.training, self.remembering = False, remember
        self._remembered = None

    def compute_by(self, method: str) -> None:
        """Choose the method: "auto", or a name in ``npseg.methods.choose.METHODS``.

        Where one that is for some kernels only does not serve, "im2col" does.

        Raises
        ------
        ValueError
            If there is none of that name.
        """
        find_method(type(self).__name__, method)
        self.method = method

    def freeze(self) -> None:
        """Keep all that is learned as it is: parameters become buffers, of the same names."""
        self.buffers |= self.params
        self.params, self.grads = {}, {}

    def take(self) -> Any:
        """Take what the last forward pass remembered, so that the layer can run again before its backward.

        Examples
        --------
        Where a network runs a layer twice, it gives back what belongs to the run whose backward is next:

        >>> import numpy as np
        >>> from npseg.layers import ReLU
        >>> relu, taken = ReLU(), []
        >>> for x in (np.array([-1.0, 2.0]), np.array([3.0, -4.0])):
        ...     y = relu.forward(x)
        ...     taken.append(relu.take())
        >>> relu.give(taken[0])
        >>> relu.backward(np.array([5.0, 5.0]))
        array([0., 5.])
        """
        remembered, self._remembered = self._remembered, None
        return remembered

    def give(self, taken: Any) -> None:
        """Give back what was taken: the next backward pass is that of its forward pass."""
        self._remembered = taken

    def grid(self, below: Grid) -> Grid:
        """Return where the output's units lie in the image, from where the input's do."""
        return below

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the first and the last unit of the input that units ``first`` to ``last`` see, on one axis.

        Planes are taken to go on beyond their borders: a unit below 0 lies in the padding.
        """
        # A unit sees what lies less than half its field from its centre.
        step, origin, field = self.grid(Grid())
        return floor(origin + first * step - field / 2) + 1, ceil(origin + last * step + field / 2) - 1

    @property
    def _weights(self) -> dict[str, Array]:
        """What the layer computes with, learned or fixed."""
        return self.params | self.buffers

    def _leave(self, **grads: Array | None) -> None:
        """Leave the gradients of what is learned."""
        self.grads |= {name: d for name, d in grads.items() if name in self.params}

    def _remember(self, cache: Any) -> None:
        self._remembered = cache if self.remembering else None

    def _recall(self) -> Any:
        if self._remembered is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward: nothing to go back through; call forward first, once for each "
                "backward, while training (layer.train())"
            )
        cache, self._remembered = self._remembered, None
        return cache
