"""Batch normalisation: each channel by its mean and its deviation over all images and pixels.

What is normalised is then scaled and shifted by what is learned. The backward pass is short once it is seen as a
projection: whatever part of the gradient would only shift or only scale the channel cannot change the output, and is
taken out.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from npseg import arguments
from npseg.backend import Array, array_module
from npseg.chunks import Chunk, chunks
from npseg.memory import empty
from npseg.workers import share_out

#: Pixels that an inner product adds up one after the other; the sums of such rows are added in pairs.
ROW = 2**13


class BatchNormCache(NamedTuple):
    """What :func:`batch_norm_backward` needs of the forward pass, and the new running statistics.

    Attributes
    ----------
    x : (N, C, ...) array
        The input.
    mean, scale : (C,) array
        What it was normalised by: the mean, and ``1 / sqrt(var + eps)``.
    gamma : (C,) array or None
        As given.
    has_beta : bool
        Whether beta was given.
    training : bool
        Whether the batch's own statistics were used.
    running_mean, running_var : (C,) array or None
        The running statistics after this batch: new arrays if it was learned from, or else as given.
    """

    x: Array
    mean: Array
    scale: Array
    gamma: Array | None
    has_beta: bool
    training: bool
    running_mean: Array | None
    running_var: Array | None

    @property
    def xhat(self) -> Array:
        """The normalised input, (N, C, ...)."""
        return (self.x - _channelwise(self.mean, self.x)) * _channelwise(self.scale, self.x)


def batch_norm_forward(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache]:
    """Normalise each channel, then scale and shift it.

    ``y = gamma * (x - mean) / sqrt(var + eps) + beta``

    Parameters
    ----------
    x : (N, C, ...) array, float32 or float64
        Images, with any number of further axes.
    gamma, beta : (C,) array of x's dtype, or None
        Scale and shift; 1 and 0 if None.
    running_mean, running_var : (C,) array of x's dtype, optional
        Running statistics; what stands in for the batch's own when not training.
    training : bool
        Normalise by the batch's own mean and (biased) variance. Otherwise by the running ones.
    momentum : float
        Weight of this batch in the new running statistics, in [0, 1].
    eps : float
        Added to the variance.

    Returns
    -------
    y : (N, C, ...) array of x's dtype
        The output.
    cache : BatchNormCache
        For :func:`batch_norm_backward`; ``cache.running_mean`` and ``cache.running_var`` are the new running
        statistics, the latter of the unbiased variance. The arrays given are not changed.

    Raises
    ------
    ValueError
        If shapes do not fit, a channel has a single value while training, or there are no running statistics
        to use.
    TypeError
        If the arrays are not all float32 or all float64.

    References
    ----------
    Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = batch_norm_forward(np.array([[1.0], [3]]), None, None, eps=0)
    >>> y.ravel()
    array([-1.,  1.])
    """
    op = "batch_norm_forward"
    arguments.arrays(op, x=x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var)
    arguments.channel_vectors(
        op, x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var
    )
    momentum = arguments.probability(op, "momentum", momentum)
    if arguments.real(op, "eps", eps) < 0:
        raise ValueError(f"{op}: eps={eps!r} must not be negative")
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{op}: give running_mean and running_var together, or neither")
    training = arguments.flag(op, "training", training)

    xp, values = array_module(x), x.size // x.shape[1]
    mean, var = _statistics(op, x, running_mean, running_var, training)
    learning = training and values > 0  # without images nothing is learned
    y, scale = empty(x.shape, x), xp.empty(x.shape[1], x.dtype)

    def normalise(channels: Chunk) -> None:
        given, centred = x[:, *channels], y[:, *channels]
        if learning:
            mean[channels] = given.mean(axis=arguments.but_channels(x))
        xp.subtract(given, _channelwise(mean[channels], x), out=centred)
        if learning:  # in a second pass: E[x²] - E[x]² would cancel
            var[channels] = _inner(centred, centred) / values
        scale[channels] = 1 / xp.sqrt(var[channels] + x.dtype.type(eps))
        factor = scale[channels] if gamma is None else scale[channels] * gamma[channels]
        xp.multiply(centred, _channelwise(factor, x), out=centred)
        if beta is not None:
            xp.add(centred, _channelwise(beta[channels], x), out=centred)

    share_out(normalise, _channels(x))
    if learning and running_mean is not None and running_var is not None:
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * (var * (values / (values - 1)))
    return y, BatchNormCache(x, mean, scale, gamma, beta is not None, training, running_mean, running_var)


def batch_norm_backward(dout: Array, cache: BatchNormCache) -> tuple[Array, Array | None, Array | None]:
    """Carry a gradient back through batch normalisation.

    Parameters
    ----------
    dout : (N, C, ...) array
        Gradient with respect to the output.
    cache : BatchNormCache
        From :func:`batch_norm_forward`.

    Returns
    -------
    dx : (N, C, ...) array
        Gradient with respect to x. While training, mean and variance depend on x too:
        ``dx = gamma * scale * (dout - mean(dout) - xhat * mean(dout * xhat))``.
    dgamma, dbeta : (C,) array or None
        Gradients with respect to gamma and beta; None where these were.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    The gradient of a channel's sum is zero: the output's mean does not depend on x.

    >>> import numpy as np
    >>> y, cache = batch_norm_forward(np.array([[1.0], [3]]), None, None)
    >>> batch_norm_backward(np.ones((2, 1)), cache)[0].ravel()
    array([0., 0.])
    """
    x, mean, scale, gamma, has_beta, training, _, _ = arguments.kept(
        "batch_norm_backward", cache, BatchNormCache
    )
    arguments.gradient("batch_norm_backward", dout, x.shape, str(x.dtype), x=x)
    xp, values = array_module(x), max(1, x.size // x.shape[1])
    sum_dout, sum_xhat = xp.empty_like(scale), xp.empty_like(scale)
    factor = scale if gamma is None else gamma * scale
    dx = empty(x.shape, x)

    def back(channels: Chunk) -> None:
        given, into = dout[:, *channels], dx[:, *channels]
        xp.subtract(x[:, *channels], _channelwise(mean[channels], x), out=into)
        sum_dout[channels] = given.sum(axis=arguments.but_channels(x))
        sum_xhat[channels] = scale[channels] * _inner(given, into)
        if training:
            # From x - mean to xhat * mean(dout * xhat), and so on as the formula says, in one array.
            xp.multiply(into, _channelwise(scale[channels] * sum_xhat[channels] / values, x), out=into)
            xp.subtract(given, into, out=into)
            xp.subtract(into, _channelwise(sum_dout[channels] / values, x), out=into)
            given = into
        xp.multiply(given, _channelwise(factor[channels], x), out=into)

    share_out(back, _channels(x))
    return dx, None if gamma is None else sum_xhat, sum_dout if has_beta else None


def _statistics(
    op: str, x: Array, running_mean: Array | None, running_var: Array | None, training: bool
) -> tuple[Array, Array]:
    """Return the mean and variance to normalise by: the running ones, or, while training, room for the batch's own."""
    if training:
        if x.size == x.shape[1]:
            raise ValueError(
                f"{op}: x {x.shape} has one value a channel, whose variance is 0; give a larger batch"
            )
        xp = array_module(x)
        return xp.zeros(x.shape[1], x.dtype), xp.zeros(x.shape[1], x.dtype)
    if running_mean is None or running_var is None:
        raise ValueError(f"{op}: training=False needs running_mean and running_var")
    return running_mean, running_var


def _channelwise(values: Array, x: Array) -> Array:
    """Shape one value for each channel so that it meets x."""
    return arguments.per_channel(values, x.ndim - 2)


def _channels(x: Array) -> list[Chunk]:
    """Cut the channels into chunks, each with all images."""
    return chunks(x.shape[1:2], x, each=x.size // x.shape[1])


def _inner(a: Array, b: Array) -> Array:
    """Return each channel's inner product of two arrays."""
    rows = 2  # the first axis of a row
    while prod(a.shape[rows:]) > ROW and rows < a.ndim - 1:
        rows += 1
    shape = (*a.shape[:2], prod(a.shape[2:rows]), prod(a.shape[rows:]))
    a, b = a.reshape(shape), b.reshape(shape)
    products = array_module(a).matmul(a[..., None, :], b[..., :, None])
    return products.sum(axis=(0, 2, 3, 4))
