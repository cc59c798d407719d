"""Local normalisation: each pixel against the neighbourhood that it stands in.

Two steps, each with the map A of average pooling, here of windows that overlap and keep the plane its size. First
the mean of the neighbourhood is subtracted, ``v = x - A x``; then what is left is divided by its deviation there,
``y = v / sqrt(A v² + eps)``. Light and shade go, edges and texture stay, as strong in the shade as in the light. At
the border the average is that of the pixels that there are. Since a window is a product of lines, A runs along one
axis after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from npseg import arguments, room, windows
from npseg.backend import Array, array_module
from npseg.geometry import Window
from npseg.methods.choose import method as find_method


class LocalNormCache(NamedTuple):
    """What :func:`local_norm_backward` needs of the forward pass.

    Attributes
    ----------
    centred : (N, C, *spatial) array
        The input without its local mean: v.
    scale : (N, C, *spatial) array
        What that was multiplied by: ``1 / sqrt(A v² + eps)``.
    lines : tuple of Window
        The neighbourhoods on each axis.
    method : str
        The method that computed, and will.
    """

    centred: Array
    scale: Array
    lines: tuple[Window, ...]
    method: str


def local_norm_forward(
    x: Array, size: int, *, eps: float = 1e-5, method: str = "im2col"
) -> tuple[Array, LocalNormCache]:
    """Normalise each pixel by the mean and the deviation of its neighbourhood, channel by channel.

    ``v = x - A x;  y = v / sqrt(A v² + eps)``, where A averages over the ``size`` pixels around each, on each axis.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images with one, two or three spatial axes.
    size : int
        Pixels of a neighbourhood, on each axis: an odd number, the pixel itself in the middle.
    eps : float
        Added to the variance, so that flat parts stay flat: what deviates by less than its root is noise. For
        intensities from 0 to 1, 1e-5 is about one grey level of 256.
    method : str
        How to average, as in :func:`npseg.avg_pool_forward`.

    Returns
    -------
    y : (N, C, *spatial) array of x's dtype
        The output.
    cache : LocalNormCache
        For :func:`local_norm_backward`.

    Raises
    ------
    ValueError
        If size is even or below 1, or eps is not above 0.
    TypeError
        If x is not a float32 or float64 array.

    References
    ----------
    Jarrett, Kavukcuoglu, Ranzato & LeCun, "What is the best multi-stage architecture for object recognition?",
    2009, section 2: subtractive and divisive normalisation (there with Gaussian weights, and over all channels).
    Farabet, Couprie, Najman & LeCun, "Learning hierarchical features for scene labeling", 2013: 15x15.

    Examples
    --------
    A step of 1 and a step of 100 look alike:

    >>> import numpy as np
    >>> local_norm_forward(np.array([[[0.0, 0, 1, 1]], [[0, 0, 100, 100]]]), 3)[0].round(3)[:, 0]
    array([[ 0.   , -1.225,  1.225,  0.   ],
           [ 0.   , -1.225,  1.225,  0.   ]])
    """
    op = "local_norm_forward"
    find_method(op, method, x)
    arguments.arrays(op, x=x)
    axes = arguments.spatial(op, "x", x)
    if arguments.integer(op, "size", size, 1) % 2 == 0:
        raise ValueError(f"{op}: size={size} has no middle; give an odd number, such as {size + 1}")
    if not arguments.real(op, "eps", eps) > 0:
        raise ValueError(f"{op}: eps={eps!r} must be above 0, which is what flat parts are divided by")

    lines = tuple(_line(op, x, size, axis) for axis in range(axes))
    x = x - x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)  # no matter, but for the digits of A x
    centred = x - arguments.named(op, lambda: _average(x, lines, method))
    variance = _average(centred * centred, lines, method)
    scale = 1 / array_module(x).sqrt(variance + x.dtype.type(eps))
    return centred * scale, LocalNormCache(centred, scale, lines, method)


def local_norm_backward(dout: Array, cache: LocalNormCache) -> Array:
    """Carry a gradient back through local normalisation.

    Parameters
    ----------
    dout : (N, C, *spatial) array
        Gradient with respect to the output.
    cache : LocalNormCache
        From :func:`local_norm_forward`.

    Returns
    -------
    dx : (N, C, *spatial) array
        Gradient with respect to x. With ``g = dout * scale``, through the numerator and through the deviation:
        ``dv = g - v Aᵀ(g v scale²)``; then through the mean, ``dx = dv - Aᵀ dv``.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    Brighter all over is no change:

    >>> import numpy as np
    >>> y, cache = local_norm_forward(np.array([[[0.0, 0, 1, 1]]]), 3)
    >>> abs(local_norm_backward(np.array([[[4.0, 3, 2, 1]]]), cache).sum()) < 1e-12
    np.True_
    """
    centred, scale, lines, method = arguments.kept("local_norm_backward", cache, LocalNormCache)
    arguments.gradient("local_norm_backward", dout, centred.shape, str(centred.dtype), centred=centred)
    dnumerator = dout * scale
    dcentred = dnumerator - centred * _average_adjoint(dnumerator * centred * scale * scale, lines, method)
    return dcentred - _average_adjoint(dcentred, lines, method)


def _line(op: str, x: Array, size: int, axis: int) -> Window:
    """Return the neighbourhoods on one axis: windows that are a single pixel wide on the others."""
    along = [1] * (x.ndim - 2)
    along[axis] = size
    padding = tuple((n // 2, n // 2) for n in along)
    window = windows.pooling(op, x.shape[2:], along, stride=1, padding=padding)
    room.for_windows(op, window, x, images=len(x), below=x.shape[1], above=x.shape[1])
    return window


def _average(x: Array, lines: tuple[Window, ...], method: str) -> Array:
    """Average over the pixels that there are around each: A x."""
    mean: Callable[..., Array] = find_method("local_norm_forward", method).mean
    for line in lines:
        x = mean(x, line.out, **line.blocks, include_padding=False, divisor=None)
    return x


def _average_adjoint(x: Array, lines: tuple[Window, ...], method: str) -> Array:
    """Share out over the pixels around each: Aᵀ x."""
    spread: Callable[..., Array] = find_method("local_norm_backward", method).spread
    for line in reversed(lines):
        x = spread(x, line.size, **line.blocks, include_padding=False, divisor=None)
    return x
