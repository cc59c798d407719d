"""Activations: one function of each value by itself, for arrays of any shape."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from npseg import arguments
from npseg.backend import Array, array_module, fused
from npseg.chunks import Chunk, chunks
from npseg.memory import empty
from npseg.workers import share_out


class ActivationCache(NamedTuple):
    """What a backward pass needs.

    Attributes
    ----------
    y : array
        The output, from which the derivative follows.
    """

    y: Array


def relu_forward(x: Array, *, out: Array | None = None) -> tuple[Array, ActivationCache]:
    """Keep what is positive: ``max(x, 0)``. A NaN stays one.

    Parameters
    ----------
    x : array of any shape, float32 or float64
        The values.
    out : array like x, optional
        Where to write y, such as x itself; a new array unless given.

    Returns
    -------
    y : array like x
        The values, those below 0 made 0.
    cache : ActivationCache
        For :func:`relu_backward`.

    Raises
    ------
    ValueError
        If out has another shape than x.
    TypeError
        If x is not a float32 or float64 array, or out of another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> relu_forward(np.array([-1.0, 0, 2]))[0]
    array([0., 0., 2.])
    """
    arguments.arrays("relu_forward", x=x)
    y = _into("relu_forward", out, x)
    share_out(lambda chunk: _clip(x[chunk], y[chunk]), chunks(x.shape, x))
    return y, ActivationCache(y)


@fused
def _clip(x: Array, y: Array) -> None:
    xp = array_module(x)
    xp.clip(x, 0, xp.inf, out=y)


def relu_backward(dout: Array, cache: ActivationCache, *, out: Array | None = None) -> Array:
    """Let the gradient through where the output is positive; at the kink, 0, the derivative is 0.

    Where the output is 0 nothing comes through, however large: neither infinity nor NaN.

    Parameters
    ----------
    dout : array like x
        Gradient with respect to the output.
    cache : ActivationCache
        From :func:`relu_forward`.
    out : array like x, optional
        Where to write dx, such as dout itself; a new array unless given.

    Returns
    -------
    dx : array like x
        Gradient with respect to x.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = relu_forward(np.array([-1.0, 0, 2]))
    >>> relu_backward(np.array([5.0, 6, 7]), cache)
    array([0., 0., 7.])
    """
    cache = arguments.kept("relu_backward", cache, ActivationCache)
    arguments.gradient("relu_backward", dout, cache.y.shape, str(cache.y.dtype), y=cache.y)
    y, dx = cache.y, _into("relu_backward", out, dout)
    bits = f"int{8 * y.dtype.itemsize}"

    def let_through(chunk: Chunk) -> None:
        _keep(dout[chunk].view(bits), y[chunk], dx[chunk].view(bits))

    share_out(let_through, chunks(y.shape, y))
    return dx


@fused
def _keep(bits: Array, y: Array, kept: Array) -> None:
    """Keep all bits of a gradient, or none: multiplied by 0, an infinite one would be NaN."""
    array_module(bits).bitwise_and(bits, -(y > 0).astype(bits.dtype), out=kept)


def tanh_forward(x: Array) -> tuple[Array, ActivationCache]:
    """Take the hyperbolic tangent.

    Parameters
    ----------
    x : array of any shape, float32 or float64
        The values.

    Returns
    -------
    y : array like x
        Their hyperbolic tangents, from -1 to 1.
    cache : ActivationCache
        For :func:`tanh_backward`.

    Raises
    ------
    TypeError
        If x is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> tanh_forward(np.array([0.0, 100]))[0]
    array([0., 1.])
    """
    arguments.arrays("tanh_forward", x=x)
    xp, y = array_module(x), empty(x.shape, x)
    share_out(lambda chunk: xp.tanh(x[chunk], out=y[chunk]), chunks(x.shape, x))
    return y, ActivationCache(y)


def tanh_backward(dout: Array, cache: ActivationCache) -> Array:
    """Multiply the gradient with the derivative, ``1 - y²``.

    Parameters
    ----------
    dout : array like x
        Gradient with respect to the output.
    cache : ActivationCache
        From :func:`tanh_forward`.

    Returns
    -------
    dx : array like x
        Gradient with respect to x.

    Raises
    ------
    ValueError
        If dout has not the output's shape.
    TypeError
        If dout has not the output's dtype.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = tanh_forward(np.array([0.0, 100]))
    >>> tanh_backward(np.array([5.0, 6]), cache)
    array([5., 0.])
    """
    cache = arguments.kept("tanh_backward", cache, ActivationCache)
    arguments.gradient("tanh_backward", dout, cache.y.shape, str(cache.y.dtype), y=cache.y)
    xp, y, dx = array_module(dout), cache.y, empty(dout.shape, dout)
    share_out(lambda chunk: xp.multiply(dout[chunk], 1 - y[chunk] ** 2, out=dx[chunk]), chunks(y.shape, y))
    return dx


def _into(op: str, out: Array | None, like: Array) -> Array:
    """Return the array to write to: the one given, which must be like another, or a new one."""
    if out is None:
        return empty(like.shape, like)
    arguments.arrays(op, x=like, out=out)
    arguments.same_shape(op, "out", out, like.shape, "the input")
    _refuse_unwritable(op, out, like)
    return out


def _refuse_unwritable(op: str, out: Array, like: Array) -> None:
    """Refuse what cannot be written to, or what would change the input before it is read."""
    if not isinstance(out, np.ndarray):
        return
    if not out.flags.writeable:
        raise ValueError(f"{op}: out is read-only; give an array that can be written to, or none")
    same = out.ctypes.data == like.ctypes.data and out.strides == like.strides
    if not same and np.may_share_memory(out, like):
        raise ValueError(
            f"{op}: out overlaps with the input; give the input itself, or an array apart from it"
        )
