"""Layers: an operation together with its parameters, and what it must remember between forward and backward.

A layer has ``forward(x)`` and ``backward(dout)``; the latter returns the gradient of the input and leaves those
of the parameters in ``grads``, under the names they have in ``params``. There is no graph and no automatic
differentiation: whoever puts layers together, a :class:`Sequential` or a network with skips, also writes down
in which order their backward passes run.

``train(rng)`` and ``evaluate()`` switch between the two ways of running. Only a layer that trains remembers
anything, so that labelling a large image takes no more memory than its largest layer; or one that is asked to,
``evaluate(remember=True)``, for the gradient of the network as it labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, prod, sqrt
from typing import Any

import numpy as np

from npseg import backend
from npseg.backend import Array
from npseg.geometry import Grid
from npseg.methods.choose import method as find_method
from npseg.methods.choose import where_it_serves
from npseg.ops.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from npseg.ops.conv import conv_backward, conv_forward
from npseg.ops.conv_transpose import conv_transpose_backward, conv_transpose_forward
from npseg.ops.dropout import dropout_backward, dropout_forward
from npseg.ops.norm import batch_norm_backward, batch_norm_forward
from npseg.ops.pool import max_pool_backward, max_pool_forward
from npseg.ops.resize import bilinear_kernel


class Layer:
    """What all layers have in common.

    Attributes
    ----------
    params, grads : dict of str to array
        What is learned, and its gradients from the last backward pass.
    buffers : dict of str to array
        What is kept but not learned: running statistics.
    training : bool
        Whether the layer trains.
    remembering : bool
        Whether a forward pass remembers what the backward pass needs.
    method : str
        The method that the layer's operation is computed by.

    Examples
    --------
    A layer of one's own: twice its input.

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


class Container(Layer):
    """Layers under names; their parameters are found under ``layer.parameter``.

    Parameters
    ----------
    **layers : Layer
        The layers. A subclass says in which order they run.

    Examples
    --------
    >>> block = Container(conv=Conv(3, 8, 3, rng=None), norm=BatchNorm(8))
    >>> sorted(block.params)
    ['conv.b', 'conv.w', 'norm.beta', 'norm.gamma']
    """

    def __init__(self, **layers: Layer) -> None:
        self.layers = layers
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
    >>> net = Sequential(conv=Conv(3, 8, 3, padding=1, rng=np.random.default_rng(0)), relu=ReLU())
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


class Conv(Layer):
    """Convolution with square kernels; He's initial weights, biases 0.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels before and after.
    kernel_size : int
        Taps on each of the two axes.
    stride, padding : int
        As in :func:`npseg.conv_forward`.
    bias : bool
        Whether there is one; before a batch norm it would be of no use.
    rng : numpy.random.Generator or None
        Source of the initial weights; None makes them 0, as the paper's score layers are.
    dtype : str
        "float32" or "float64".

    References
    ----------
    He et al., "Delving deep into rectifiers", 2015: deviation ``sqrt(2 / fan_in)``.

    Examples
    --------
    >>> layer = Conv(3, 8, 3, stride=2, padding=1, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((1, 3, 32, 48), "float32")).shape
    (1, 8, 16, 24)
    >>> layer.backward(np.ones((1, 8, 16, 24), "float32")).shape, layer.grads["w"].shape
    ((1, 3, 32, 48), (8, 3, 3, 3))
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rng: np.random.Generator | None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        shape = (channels_out, channels_in, kernel_size, kernel_size)
        w = np.zeros(shape) if rng is None else rng.standard_normal(shape) * sqrt(2 / prod(shape[1:]))
        self.params["w"] = backend.current().asarray(w, dtype)
        if bias:
            self.params["b"] = backend.current().zeros(channels_out, dtype)

    def forward(self, x: Array) -> Array:
        """Convolve."""
        w, b = self.params["w"], self.params.get("b")
        method = where_it_serves(self.method, w.shape[2:], (self.stride,) * 2)
        y, cache = conv_forward(x, w, b, stride=self.stride, padding=self.padding, method=method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dw and db."""
        dx, self.grads["w"], db = conv_backward(dout, self._recall())
        if db is not None:
            self.grads["b"] = db
        return dx

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=self.kernel_size, stride=self.stride, padding=self.padding)


class BilinearUpsampling(Layer):
    """A transposed convolution that starts as bilinear upsampling of each channel by itself, and learns on.

    Parameters
    ----------
    channels : int
        Channels before and after.
    factor : int
        How many times larger the output is: the stride; the kernel has twice as many taps.
    padding : int
        Pixels cropped from each end.
    dtype : str
        "float32" or "float64".

    References
    ----------
    Long, Shelhamer & Darrell 2015, section 3.3.

    Examples
    --------
    >>> layer = BilinearUpsampling(1, 2, padding=1, dtype="float64")
    >>> layer.forward(np.array([[[[4.0, 4.0, 8.0]]]]))[0, 0, 0]
    array([2.25, 3.  , 3.  , 3.75, 5.25, 4.5 ])
    """

    def __init__(self, channels: int, factor: int, *, padding: int = 0, dtype: str = "float32") -> None:
        super().__init__()
        self.factor, self.padding = factor, padding
        w = np.zeros((channels, channels, 2 * factor, 2 * factor))
        w[range(channels), range(channels)] = bilinear_kernel(factor)
        self.params["w"] = backend.current().asarray(w, dtype)

    def forward(self, x: Array) -> Array:
        """Upsample."""
        w = self.params["w"]
        method = where_it_serves(self.method, w.shape[2:], (self.factor,) * 2)
        y, cache = conv_transpose_forward(x, w, stride=self.factor, padding=self.padding, method=method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dw."""
        dx, self.grads["w"], _ = conv_transpose_backward(dout, self._recall())
        return dx

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places up."""
        return below.up(kernel=2 * self.factor, stride=self.factor, padding=self.padding)


class MaxPool(Layer):
    """Max pooling.

    Parameters
    ----------
    kernel_size : int
        Size of a window, and pixels from one to the next.
    ceil_mode : bool
        Let the last window hang over the end, so that no pixel is lost.

    Examples
    --------
    >>> MaxPool(2, ceil_mode=True).forward(np.array([[[1.0, 7.0, 3.0]]]))
    array([[[7., 3.]]])
    """

    def __init__(self, kernel_size: int, *, ceil_mode: bool = False) -> None:
        super().__init__()
        self.kernel_size, self.ceil_mode = kernel_size, ceil_mode

    def forward(self, x: Array) -> Array:
        """Take the winners."""
        y, cache = max_pool_forward(x, self.kernel_size, ceil_mode=self.ceil_mode, method=self.method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Give the gradient to the winners."""
        return max_pool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=self.kernel_size, stride=self.kernel_size)


class BatchNorm(Layer):
    """Batch normalisation with scale, shift and running statistics.

    Parameters
    ----------
    channels : int
        Channels of the input.
    momentum : float
        Weight of a new batch in the running statistics.
    dtype : str
        "float32" or "float64".

    Examples
    --------
    >>> layer = BatchNorm(1, dtype="float64")
    >>> layer.forward(np.array([[[1.0, 3.0, 1.0, 3.0]]])).round(3)
    array([[[-1.,  1., -1.,  1.]]])
    >>> layer.buffers["running_mean"]
    array([0.2])
    """

    def __init__(self, channels: int, *, momentum: float = 0.1, dtype: str = "float32") -> None:
        super().__init__()
        self.momentum = momentum
        xp = backend.current()
        self.params = {"gamma": xp.ones(channels, dtype), "beta": xp.zeros(channels, dtype)}
        self.buffers = {"running_mean": xp.zeros(channels, dtype), "running_var": xp.ones(channels, dtype)}

    def forward(self, x: Array) -> Array:
        """Normalise; while training, keep the new running statistics."""
        y, cache = batch_norm_forward(
            x, **self.params, **self.buffers, training=self.training, momentum=self.momentum
        )
        if self.training:
            self.buffers = {"running_mean": cache.running_mean, "running_var": cache.running_var}
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dgamma and dbeta."""
        dx, self.grads["gamma"], self.grads["beta"] = batch_norm_backward(dout, self._recall())
        return dx


class ReLU(Layer):
    """Keep what is positive.

    Parameters
    ----------
    in_place : bool
        Write over the input, and in backward over the gradient: for a layer that stands between others, none of
        which reads again what it has handed on, as after a convolution or a batch norm.

    Examples
    --------
    >>> layer = ReLU()
    >>> layer.forward(np.array([-1.0, 2.0])), layer.backward(np.array([5.0, 5.0]))
    (array([0., 2.]), array([0., 5.]))
    """

    def __init__(self, *, in_place: bool = False) -> None:
        super().__init__()
        self.in_place = in_place

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


class Dropout(Layer):
    """While training, drop values with probability p.

    Parameters
    ----------
    p : float
        Probability of being dropped.

    Examples
    --------
    What stays is scaled up, so that the mean stays; when not training, everything does.

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
        self.p = p
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


def named(layers: Sequence[tuple[str, Layer]]) -> Sequential:
    """Put layers one after the other from a list of names and layers.

    Examples
    --------
    >>> list(named([("conv", Conv(3, 8, 3, rng=None)), ("relu", ReLU())]).layers)
    ['conv', 'relu']
    """
    return Sequential(**dict(layers))
