"""Local response normalisation: each value is divided by the energy of the channels around it.

AlexNet's, by which a channel that responds strongly holds its neighbours down. Pixels do not see each other.
"""

from __future__ import annotations

from typing import NamedTuple

from npseg import arguments
from npseg.backend import Array, array_module


class LRNCache(NamedTuple):
    """What :func:`lrn_backward` needs of the forward pass.

    Attributes
    ----------
    x : (N, C, ...) array
        The input.
    energy : (N, C, ...) array
        ``k + alpha / size * (sum of x² around each channel)``.
    size : int
        Channels in the neighbourhood.
    alpha, beta : float
        As given.
    """

    x: Array
    energy: Array
    size: int
    alpha: float
    beta: float


def lrn_forward(
    x: Array, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array, LRNCache]:
    """Divide each value by the energy of the channels around it.

    ``y_c = x_c / (k + alpha / size * sum of x_j² over the size channels j around c) ** beta``

    Parameters
    ----------
    x : (N, C, ...) array, float32 or float64
        Images, with any number of further axes.
    size : int
        Channels in a neighbourhood, the channel itself in the middle; of an even number, one more before it.
    alpha, beta, k : float
        Constants of the formula; alpha is divided by size, as in Caffe and PyTorch.

    Returns
    -------
    y : (N, C, ...) array of x's dtype
        The output.
    cache : LRNCache
        For :func:`lrn_backward`.

    Raises
    ------
    ValueError
        If x has no channels, or size is below 1.
    TypeError
        If x is not a float32 or float64 array.

    References
    ----------
    Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural networks", 2012,
    section 3.3 (there alpha is not divided).

    Examples
    --------
    >>> import numpy as np
    >>> lrn_forward(np.array([[1.0, 1, 1]]), 3, alpha=3, beta=1, k=0)[0]
    array([[0.5       , 0.33333333, 0.5       ]])
    """
    op = "lrn_forward"
    arguments.arrays(op, x=x)
    arguments.channel_vectors(op, x)
    size = arguments.integer(op, "size", size, 1)
    alpha, beta, k = (arguments.real(op, n, v) for n, v in (("alpha", alpha), ("beta", beta), ("k", k)))
    energy = k + alpha / size * _neighbours(x * x, size // 2, (size - 1) // 2)
    return x * energy**-beta, LRNCache(x, energy, size, alpha, beta)


def lrn_backward(dout: Array, cache: LRNCache) -> Array:
    """Carry a gradient back through local response normalisation.

    Parameters
    ----------
    dout : (N, C, ...) array
        Gradient with respect to the output.
    cache : LRNCache
        From :func:`lrn_forward`.

    Returns
    -------
    dx : (N, C, ...) array
        Gradient with respect to x: through the numerator, and through the energies of all neighbours.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = lrn_forward(np.array([[1.0, 1, 1]]), 1, alpha=1, beta=1, k=1)
    >>> lrn_backward(np.array([[1.0, 2, 3]]), cache)  # the derivative of x / (1 + x²) is 0 at 1
    array([[0., 0., 0.]])
    """
    x, energy, size, alpha, beta = arguments.kept("lrn_backward", cache, LRNCache)
    arguments.gradient("lrn_backward", dout, x.shape, str(x.dtype), x=x)
    scale = energy**-beta
    # The output, divided, and not x times a power that may be too small a number for the dtype.
    denergy = -beta * dout * (x * scale / energy)
    # A channel counts in the energies of those whose neighbourhood it is in: the window mirrored.
    return dout * scale + 2 * alpha / size * x * _neighbours(denergy, (size - 1) // 2, size // 2)


def _neighbours(x: Array, before: int, after: int) -> Array:
    """Sum over the channels from ``before`` below each channel to ``after`` above it."""
    channels = x.shape[1]
    total = array_module(x).zeros_like(x)
    for shift in range(-min(before, channels - 1), min(after, channels - 1) + 1):
        into = slice(max(0, -shift), channels - max(0, shift))
        total[:, into] += x[:, into.start + shift : into.stop + shift]
    return total
