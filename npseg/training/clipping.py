"""Gradients that are too long, shortened: one bad batch must not throw the weights far away."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping

from npseg import arguments, kinds
from npseg.backend import Array, array_module
from npseg.chunks import chunks


def clip_by_norm(grads: Mapping[str, Array], most: float) -> dict[str, Array]:
    """Scale all gradients by one factor, so that together they are at most so long.

    Parameters
    ----------
    grads : mapping of str to array
        The gradients by the names of their parameters; they are not changed.
    most : float
        The greatest length allowed: that of one vector which holds them all.

    Returns
    -------
    dict of str to array
        The gradients times ``most / max(length, most)``: where they are no longer than that, the same bits. Their
        direction stays. Nothing is brought to the host.

    Raises
    ------
    ValueError
        If `most` is not positive.

    References
    ----------
    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> grads = {"w": np.array([3.0, 0.0]), "b": np.array([4.0])}
    >>> {name: g.tolist() for name, g in clip_by_norm(grads, 2.5).items()}
    {'w': [1.5, 0.0], 'b': [2.0]}
    """
    kinds.arrays("clip_by_norm", "grads", grads)
    arguments.positive("clip_by_norm", "most", most)
    if not grads:
        return {}
    xp = array_module(next(iter(grads.values())))
    # In float64, since the square of a float32 may be too large, or too small, for another.
    squares = [
        xp.square(g[chunk], dtype="float64").sum() for g in grads.values() for chunk in chunks(g.shape, g)
    ]
    length = functools.reduce(operator.add, squares) ** 0.5
    factor = most / xp.maximum(length, most)
    return {name: g * factor.astype(g.dtype) for name, g in grads.items()}
