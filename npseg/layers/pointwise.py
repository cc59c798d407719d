"""The layers that leave a plane its size: nonlinearities, normalisation and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from npseg import arguments, backend, room
from npseg.backend import Array
from npseg.layers.layer import Layer
from npseg.ops.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from npseg.ops.dropout import dropout_backward, dropout_forward
from npseg.ops.norm import batch_norm_backward, batch_norm_forward, lrn_backward, lrn_forward


class BatchNorm(Layer):
    """Batch normalisation with scale, shift and running statistics.

    Parameters
    ----------
    channels : int
        Channels of the input.
    momentum : float
        Weight of a new batch in the running statistics.
    shift : float
        Initial shift, of all channels.
    dtype : str
        "float32" or "float64".

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm(1, dtype="float64")
    >>> layer.forward(np.array([[[1.0, 3.0, 1.0, 3.0]]])).round(3)
    array([[[-1.,  1., -1.,  1.]]])
    >>> layer.buffers["running_mean"]
    array([0.2])
    """

    def __init__(
        self, channels: int, *, momentum: float = 0.1, shift: float = 0.0, dtype: str = "float32"
    ) -> None:
        super().__init__()
        channels = arguments.integer("BatchNorm", "channels", channels, 1)
        arguments.float_type("BatchNorm", dtype)
        room.check("BatchNorm", "gamma, of channels", (channels,), np.empty(0))
        self.momentum = arguments.probability("BatchNorm", "momentum", momentum)
        shift = arguments.real("BatchNorm", "shift", shift)
        xp = backend.current()
        self.params = {"gamma": xp.ones(channels, dtype), "beta": xp.full(channels, shift, dtype)}
        self.buffers = {"running_mean": xp.zeros(channels, dtype), "running_var": xp.ones(channels, dtype)}

    def forward(self, x: Array) -> Array:
        """Normalise; while training, keep the new running statistics."""
        y, cache = batch_norm_forward(x, **self._weights, training=self.training, momentum=self.momentum)
        if self.training:
            self.buffers |= {"running_mean": cache.running_mean, "running_var": cache.running_var}
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dgamma and dbeta, of what is learned."""
        dx, dgamma, dbeta = batch_norm_backward(dout, self._recall())
        self._leave(gamma=dgamma, beta=dbeta)
        return dx


class LocalResponseNorm(Layer):
    """Local response normalisation: each value divided by the energy of the channels around it.

    Parameters
    ----------
    size : int
        Channels in a neighbourhood.
    alpha, beta, k : float
        Constants of :func:`npseg.lrn_forward`.

    Raises
    ------
    ValueError
        If the size is below 1.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> LocalResponseNorm(3, alpha=3, beta=1, k=0).forward(np.array([[1.0, 1, 1]])).round(3)
    array([[0.5  , 0.333, 0.5  ]])
    """

    def __init__(self, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = arguments.integer("LocalResponseNorm", "size", size, 1)
        self.alpha, self.beta, self.k = (
            arguments.real("LocalResponseNorm", name, value)
            for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
        )

    def forward(self, x: Array) -> Array:
        """Normalise."""
        y, cache = lrn_forward(x, self.size, alpha=self.alpha, beta=self.beta, k=self.k)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Go back through the value, and through the energies that it is part of."""
        return lrn_backward(dout, self._recall())


class ReLU(Layer):
    """Keep what is positive.

    Parameters
    ----------
    in_place : bool
        Write over the input, and in backward over the gradient: for a layer that stands between others, none of
        which reads again what it has handed on, as after a convolution or a batch norm.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ReLU()
    >>> layer.forward(np.array([-1.0, 2.0])), layer.backward(np.array([5.0, 5.0]))
    (array([0., 2.]), array([0., 5.]))
    """

    def __init__(self, *, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = arguments.flag("ReLU", "in_place", in_place)

    def forward(self, x: Array) -> Array:
        """Rectify."""
        y, cache = relu_forward(x, out=x if self.in_place else None)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Let the gradient through where the output is positive."""
        return relu_backward(dout, self._recall(), out=dout if self.in_place else None)


class Tanh(Layer):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Tanh()
    >>> layer.forward(np.zeros(1)), layer.backward(np.ones(1))
    (array([0.]), array([1.]))
    """

    def forward(self, x: Array) -> Array:
        """Squash."""
        y, cache = tanh_forward(x)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Multiply with the derivative."""
        return tanh_backward(dout, self._recall())


class Scale(Layer):
    """Multiply by a number, which is not learned.

    Parameters
    ----------
    factor : float
        The number.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Scale(0.5)
    >>> layer.forward(np.array([1.0, 3.0])), layer.backward(np.array([1.0, 1.0]))
    (array([0.5, 1.5]), array([0.5, 0.5]))
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = arguments.real("Scale", "factor", factor)

    def forward(self, x: Array) -> Array:
        """Multiply."""
        arguments.arrays("Scale", x=x)
        self._remember(self.factor)
        return self.factor * x

    def backward(self, dout: Array) -> Array:
        """Multiply the gradient by the same."""
        arguments.arrays("Scale", dout=dout)
        return self._recall() * dout


class Dropout(Layer):
    """While training, drop values with probability p.

    Parameters
    ----------
    p : float
        Probability of being dropped.

    Raises
    ------
    ValueError
        If p is no probability.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    What stays is scaled up, so that the mean stays; when not training, everything does.

    >>> import numpy as np
    >>> layer = Dropout(0.5)
    >>> layer.train(np.random.default_rng(0))
    >>> sorted(set(layer.forward(np.ones(100)).tolist()))
    [0.0, 2.0]
    >>> layer.evaluate()
    >>> layer.forward(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = arguments.probability("Dropout", "p", p)
        self.rng: Any = None

    def train(self, rng: Any = None) -> None:
        """Switch to training, drawing from ``rng``; from the one before, if None."""
        super().train()
        self.rng = self.rng if rng is None else rng

    def forward(self, x: Array) -> Array:
        """Drop."""
        y, cache = dropout_forward(x, self.p, rng=self.rng, training=self.training)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Drop the same of the gradient."""
        return dropout_backward(dout, self._recall())
