"""Convolution with a connection table: each map reads some of the maps below, not all of them."""

from __future__ import annotations

import numpy as np

from npseg import arguments, backend, kinds, room
from npseg.backend import Array
from npseg.layers.convolution import Conv, check_room, sizes
from npseg.layers.layer import Layer
from npseg.ops.conv import conv_backward


class SparseConv(Conv):
    """Convolution with square kernels, one for each connection that a table lists; biases 0.

    Maps that read different maps cannot all learn the same, and there are fewer weights. The arithmetic is that of a
    full convolution whose other kernels are 0: multiplying with zeros in one large product takes less time than
    picking maps for many small ones.

    Parameters
    ----------
    channels_in, channels_out : int
        Maps before and after.
    kernel_size : int
        Taps on each of the two axes.
    table : (K, 2) integer array
        The connections: from which map before, to which map after, as Torch's tables have it. It is a buffer, and so
        is kept with the weights.
    padding : int
        As in :func:`npseg.conv_forward`.
    rng : numpy.random.Generator or None
        Source of the initial weights, of deviation ``1 / sqrt(fan_in)``, each map by the connections that it has;
        None makes them 0.
    dtype : str
        "float32" or "float64".

    Raises
    ------
    ValueError
        If the table is no list of pairs, names a map that there is not, or a connection twice.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998, table I.
    LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998, section 4.6: the deviation.

    Examples
    --------
    Two maps, of which the second reads both:

    >>> layer = SparseConv(2, 2, 3, table=[(0, 0), (0, 1), (1, 1)], padding=1, rng=np.random.default_rng(0))
    >>> layer.params["w"].shape
    (3, 3, 3)
    >>> layer.forward(np.zeros((1, 2, 4, 4), "float32")).shape
    (1, 2, 4, 4)
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel_size: int,
        *,
        table: Array,
        padding: int = 0,
        rng: np.random.Generator | None,
        dtype: str = "float32",
    ) -> None:
        Layer.__init__(self)
        channels_in, channels_out, kernel_size = sizes("SparseConv", channels_in, channels_out, kernel_size)
        self.padding = arguments.integer("SparseConv", "padding", padding)
        arguments.float_type("SparseConv", dtype)
        self.kernel_size, self.stride, self.dilation = kernel_size, 1, 1
        self.maps = (channels_out, channels_in)
        connections = _connections(table, channels_in, channels_out)
        check_room("SparseConv", (channels_out, channels_in, kernel_size, kernel_size), rng)
        fan_in = np.bincount(connections[:, 1], minlength=channels_out)[connections[:, 1]] * kernel_size**2
        shape = (len(connections), kernel_size, kernel_size)
        w = np.zeros(shape) if rng is None else rng.standard_normal(shape) / np.sqrt(fan_in)[:, None, None]
        xp = backend.current()
        self.buffers["table"] = xp.asarray(connections)
        self.params = {"w": xp.asarray(w, dtype), "b": xp.zeros(channels_out, dtype)}

    def forward(self, x: Array) -> Array:
        """Convolve."""
        w = self._weights["w"]
        below, above = self.buffers["table"].T
        full = backend.array_module(w).zeros((*self.maps, *w.shape[1:]), w.dtype)
        full[above, below] = w
        return self._convolve(x, full)

    def backward(self, dout: Array) -> Array:
        """Return dx; leave dw and db, of what is learned."""
        dx, dfull, db = conv_backward(dout, self._recall())
        below, above = self.buffers["table"].T
        self._leave(w=dfull[above, below], b=db)
        return dx


def random_table(channels_in: int, channels_out: int, fan_in: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a connection table: each map after reads ``fan_in`` maps before.

    Parameters
    ----------
    channels_in, channels_out : int
        Maps before and after.
    fan_in : int
        Connections of each map after.
    rng : numpy.random.Generator
        What draws.

    Returns
    -------
    (channels_out * fan_in, 2) int array
        From which map before, to which map after.

    Raises
    ------
    ValueError
        If there are not so many maps.

    Examples
    --------
    >>> random_table(16, 64, 8, np.random.default_rng(0)).shape
    (512, 2)
    """
    op = "random_table"
    channels_in, channels_out = arguments.integers(op, 1, channels_in=channels_in, channels_out=channels_out)
    kinds.instance(op, "rng", rng, np.random.Generator, "a numpy.random.Generator")
    fan_in = arguments.integer(op, "fan_in", fan_in, 1)
    room.check(op, "the maps, channels_in for each of channels_out", (channels_out, channels_in), np.empty(0))
    if fan_in > channels_in:
        raise ValueError(f"random_table: fan_in={fan_in}, but there are {channels_in} maps to read")
    maps = rng.permuted(np.tile(np.arange(channels_in), (channels_out, 1)), axis=1)[:, :fan_in]
    return np.stack([np.sort(maps).ravel(), np.repeat(np.arange(channels_out), fan_in)], axis=1)


def _connections(table: Array, channels_in: int, channels_out: int) -> np.ndarray:
    """Check a connection table."""
    try:
        pairs = np.asarray(table)
    except (TypeError, ValueError):  # rows of several lengths
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"SparseConv: table of shape {pairs.shape}, {pairs.dtype}; (K, 2) whole numbers are needed"
        )
    if (pairs < 0).any() or (pairs >= (channels_in, channels_out)).any():
        raise ValueError(
            f"SparseConv: table reaches from map {pairs[:, 0].min()} to {pairs[:, 0].max()} before, and from "
            f"{pairs[:, 1].min()} to {pairs[:, 1].max()} after; there are {channels_in} and {channels_out}"
        )
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise ValueError("SparseConv: table has a connection twice")
    return pairs.astype(np.int32)
