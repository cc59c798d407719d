"""Dropout: while training, forget each value with probability p, and scale up the others to make up for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from npseg import arguments
from npseg.backend import Array, array_module
from npseg.chunks import chunks
from npseg.memory import empty
from npseg.workers import share_out


class DropoutCache(NamedTuple):
    """What :func:`dropout_backward` needs of the forward pass.

    Attributes
    ----------
    mask : array or None
        ``1 / (1 - p)`` where a value was kept, 0 where it was dropped; None where all were kept.
    shape : tuple of int
        The input's.
    dtype : str
        The input's.
    """

    mask: Array | None
    shape: tuple[int, ...]
    dtype: str


def dropout_forward(x: Array, p: float, *, rng: Any, training: bool = True) -> tuple[Array, DropoutCache]:
    """Drop each value with probability p, and divide the others by ``1 - p``.

    Parameters
    ----------
    x : array of any shape, float32 or float64
        The values.
    p : float
        Probability of being dropped, in [0, 1].
    rng : Generator or None
        Source of the randomness, such as ``npseg.backend.generator(seed)``; not asked unless training.
    training : bool
        Otherwise nothing is dropped and x is returned as it is.

    Returns
    -------
    y : array like x
        Its mean over the randomness is x.
    cache : DropoutCache
        For :func:`dropout_backward`.

    Raises
    ------
    ValueError
        If p is not a probability.
    TypeError
        If x is not a float32 or float64 array, or rng is no Generator while training.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 10
    (the scaling while training, "inverted" dropout).

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = dropout_forward(np.ones(1000), 0.5, rng=np.random.default_rng(0))
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]
    """
    op = "dropout_forward"
    arguments.arrays(op, x=x)
    p = arguments.probability(op, "p", p)
    if not arguments.flag(op, "training", training) or p == 0:
        return x, DropoutCache(None, x.shape, str(x.dtype))
    xp, mask, y = array_module(x), empty(x.shape, x), empty(x.shape, x)
    if not isinstance(rng, xp.random.Generator):
        raise TypeError(
            f"{op}: rng={rng!r}; a Generator is needed, of {xp.__name__} as x is: rng=npseg.backend.generator(seed)"
        )
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    for chunk in chunks(x.shape, x):  # one after the other, as the generator's numbers come
        kept = rng.random(x[chunk].shape, dtype=x.dtype) >= p
        xp.multiply(kept, scale, out=mask[chunk])
        xp.multiply(x[chunk], mask[chunk], out=y[chunk])
    return y, DropoutCache(mask, x.shape, str(x.dtype))


def dropout_backward(dout: Array, cache: DropoutCache) -> Array:
    """Drop and scale the gradient as the values were.

    Parameters
    ----------
    dout : array like x
        Gradient with respect to the output.
    cache : DropoutCache
        From :func:`dropout_forward`.

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
    >>> y, cache = dropout_forward(np.ones(4), 0.5, rng=np.random.default_rng(0))
    >>> bool((dropout_backward(np.ones(4), cache) == y).all())
    True
    """
    cache = arguments.kept("dropout_backward", cache, DropoutCache)
    arguments.gradient("dropout_backward", dout, cache.shape, cache.dtype, mask=cache.mask)
    if cache.mask is None:
        return dout
    xp, mask, dx = array_module(dout), cache.mask, empty(dout.shape, dout)
    share_out(lambda chunk: xp.multiply(dout[chunk], mask[chunk], out=dx[chunk]), chunks(dx.shape, dx))
    return dx
