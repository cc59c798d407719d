"""Convolution and its transpose, with their weights: the layers that most of a network is made of."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from npseg import arguments, backend, room
from npseg.backend import Array
from npseg.geometry import Grid
from npseg.layers.layer import Layer
from npseg.methods.choose import where_it_serves
from npseg.ops.conv import conv_backward, conv_forward
from npseg.ops.conv_transpose import conv_transpose_backward, conv_transpose_forward
from npseg.ops.resize import bilinear_kernel


class Conv(Layer):
    """Convolution with square kernels; He's initial weights unless told otherwise, biases 0.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels before and after.
    kernel_size : int
        Taps on each of the two axes.
    stride, padding, dilation : int
        As in :func:`npseg.conv_forward`.
    bias : bool
        Whether there is one; before a batch norm it would be of no use.
    rng : numpy.random.Generator or None
        Source of the initial weights; None makes them 0, as the paper's score layers are.
    deviation : float, optional
        Standard deviation of the initial weights; He's ``sqrt(2 / fan_in)`` unless given.
    dtype : str
        "float32" or "float64".

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If an argument is of another kind.

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
        dilation: int = 1,
        bias: bool = True,
        rng: np.random.Generator | None,
        deviation: float | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        op = type(self).__name__
        channels_in, channels_out, kernel_size = sizes(op, channels_in, channels_out, kernel_size)
        self.kernel_size, self.padding = kernel_size, arguments.integer(op, "padding", padding)
        self.stride, self.dilation = arguments.integers(op, 1, stride=stride, dilation=dilation)
        arguments.float_type(op, dtype)
        shape = (channels_out, channels_in, kernel_size, kernel_size)
        he = sqrt(2 / prod(shape[1:]))
        self.params["w"] = _initial(op, shape, rng, he if deviation is None else deviation, dtype)
        if arguments.flag(op, "bias", bias):
            self.params["b"] = backend.current().zeros(channels_out, dtype)

    def forward(self, x: Array) -> Array:
        """Convolve."""
        return self._convolve(x, self._weights["w"])

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dw and db, of what is learned."""
        dx, dw, db = conv_backward(dout, self._recall())
        self._leave(w=dw, b=db)
        return dx

    def _convolve(self, x: Array, w: Array) -> Array:
        """Convolve with these kernels, and remember it."""
        how = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        method = where_it_serves(self.method, w.shape[2:], (self.stride,) * 2, (self.dilation,) * 2)
        y, cache = conv_forward(x, w, self._weights.get("b"), **how, method=method)
        self._remember(cache)
        return y

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(
            kernel=self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
        )


class ConvTranspose(Layer):
    """Transposed convolution with square kernels; initial weights such that variances stay, biases 0.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels before and after.
    kernel_size : int
        Taps on each of the two axes.
    stride, padding : int
        As in :func:`npseg.conv_transpose_forward`.
    bias : bool
        Whether there is one; before a batch norm it would be of no use.
    rng : numpy.random.Generator or None
        Source of the initial weights; None makes them 0.
    deviation : float, optional
        Standard deviation of the initial weights; He's ``sqrt(2 / fan_in)`` unless given, where as many values
        come in as reach a pixel: ``channels_in * kernel_size**2 / stride**2``.
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
    >>> layer = ConvTranspose(8, 4, 2, stride=2, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((1, 8, 16, 24), "float32")).shape
    (1, 4, 32, 48)
    >>> layer.params["w"].shape
    (8, 4, 2, 2)
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
        deviation: float | None = None,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        op = type(self).__name__
        channels_in, channels_out, kernel_size = sizes(op, channels_in, channels_out, kernel_size)
        self.kernel_size, self.padding = kernel_size, arguments.integer(op, "padding", padding)
        self.stride = stride = arguments.integer(op, "stride", stride, 1)
        arguments.float_type(op, dtype)
        shape = (channels_in, channels_out, kernel_size, kernel_size)
        he = sqrt(2 / channels_in) * stride / kernel_size
        self.params["w"] = _initial(op, shape, rng, he if deviation is None else deviation, dtype)
        if arguments.flag(op, "bias", bias):
            self.params["b"] = backend.current().zeros(channels_out, dtype)

    def forward(self, x: Array) -> Array:
        """Convolve with the transpose."""
        w, b = self._weights["w"], self._weights.get("b")
        method = where_it_serves(self.method, w.shape[2:], (self.stride,) * 2, (1, 1))
        y, cache = conv_transpose_forward(x, w, b, stride=self.stride, padding=self.padding, method=method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dw and db, of what is learned."""
        dx, dw, db = conv_transpose_backward(dout, self._recall())
        self._leave(w=dw, b=db)
        return dx

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places up."""
        return below.up(kernel=self.kernel_size, stride=self.stride, padding=self.padding)


class BilinearUpsampling(ConvTranspose):
    """A transposed convolution that starts as bilinear upsampling of each channel by itself, and learns on.

    Parameters
    ----------
    channels : int
        Channels before and after.
    factor : int
        How many times larger the output is: the stride; the kernel has twice as many taps.
    padding : int
        Pixels cropped from each end.
    learned : bool
        Whether it learns on; otherwise its weights are no parameters and stay as they are.
    dtype : str
        "float32" or "float64".

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If an argument is of another kind.

    References
    ----------
    Long, Shelhamer & Darrell 2015, section 3.3.

    Examples
    --------
    >>> layer = BilinearUpsampling(1, 2, padding=1, dtype="float64")
    >>> layer.forward(np.array([[[[4.0, 4.0, 8.0]]]]))[0, 0, 0]
    array([2.25, 3.  , 3.  , 3.75, 5.25, 4.5 ])
    """

    def __init__(
        self, channels: int, factor: int, *, padding: int = 0, learned: bool = True, dtype: str = "float32"
    ) -> None:
        channels, factor = arguments.integers("BilinearUpsampling", 1, channels=channels, factor=factor)
        arguments.flag("BilinearUpsampling", "learned", learned)
        super().__init__(
            channels, channels, 2 * factor, stride=factor, padding=padding, bias=False, rng=None, dtype=dtype
        )
        w = np.zeros(self.params["w"].shape)
        w[range(channels), range(channels)] = bilinear_kernel(factor)
        self.params["w"] = backend.current().asarray(w, dtype)
        if not learned:
            self.freeze()


def sizes(op: str, channels_in: object, channels_out: object, kernel_size: object) -> list[int]:
    """Return the channels and the kernel's size, all of them at least 1."""
    given = {"channels_in": channels_in, "channels_out": channels_out, "kernel_size": kernel_size}
    return arguments.integers(op, 1, **given)


def check_room(op: str, shape: tuple[int, ...], rng: np.random.Generator | None) -> None:
    """Refuse what is no source of weights, and more weights than there is memory for."""
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"{op}: rng={rng!r}; a numpy.random.Generator is needed, or None for weights of 0")
    if type(rng) in (np.random.Generator, type(None)):  # others draw numbers that take no memory
        room.check(f"{op}, a layer", "w, by channels_in, channels_out and kernel_size", shape, np.empty(0))


def _initial(
    op: str, shape: tuple[int, ...], rng: np.random.Generator | None, deviation: float, dtype: str
) -> Array:
    """Draw initial weights; without a generator they are 0."""
    deviation = arguments.real(op, "deviation", deviation)
    check_room(op, shape, rng)
    w = np.zeros(shape) if rng is None else rng.standard_normal(shape) * deviation
    return backend.current().asarray(w, dtype)
