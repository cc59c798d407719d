"""The loss of a segmentation: cross entropy at every pixel that has a label.

The scores (logits) of the classes become probabilities by the softmax, and the loss is minus the logarithm of
the true class's. Put together the two have a gradient of rare beauty: probability minus truth.
"""

from __future__ import annotations

from typing import NamedTuple

from npseg import arguments
from npseg.backend import Array, array_module


class CrossEntropyCache(NamedTuple):
    """What :func:`cross_entropy_backward` needs of the forward pass.

    Attributes
    ----------
    log_p : (N, C, ...) array
        Logarithms of the classes' probabilities.
    truth : (N, ...) int array
        The class of each pixel; some class where it is void.
    counts : (N, ...) array
        Weight of each pixel: that of its class, 0 where it is void.
    spread : (N, C, ...) array or None
        What label smoothing adds to the weight of each class's -log p.
    smoothing : float
        As given.
    total : 0-d array or None
        What the sum was divided by; None for "none" and "sum".
    reduction : str
        As given.
    """

    log_p: Array
    truth: Array
    counts: Array
    spread: Array | None
    smoothing: float
    total: Array | None
    reduction: str


def cross_entropy_forward(
    logits: Array,
    labels: Array,
    *,
    weight: Array | None = None,
    ignore_index: int = 255,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Array, CrossEntropyCache]:
    """Measure how improbable the labels are under the scores.

    With ``p = softmax(logits)``, label y and ``e = label_smoothing``, a pixel's loss is
    ``(1 - e) * weight[y] * -log p[y] + e / C * sum over classes c of weight[c] * -log p[c]``.

    Parameters
    ----------
    logits : (N, C, ...) array, float32 or float64
        Scores of the C classes, for any number of further axes.
    labels : (N, ...) array of whole numbers
        Classes, 0 to C - 1, or ``ignore_index`` for void.
    weight : (C,) array of the logits' dtype, optional
        Weight of each class.
    ignore_index : int
        The label of pixels that do not count.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of ``weight[y]`` over the pixels that count.
    label_smoothing : float
        Share of the truth that is spread evenly over all classes, in [0, 1].

    Returns
    -------
    loss : 0-d array of the logits' dtype; (N, ...) for "none"
        The loss; 0 if no pixel counts.
    cache : CrossEntropyCache
        For :func:`cross_entropy_backward`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a label is neither a class nor ``ignore_index``: named, with its place.
    TypeError
        If the logits are not float32 or float64, or the labels not whole numbers.

    Examples
    --------
    Knowing nothing costs log C:

    >>> import numpy as np
    >>> loss, cache = cross_entropy_forward(np.zeros((1, 4, 2)), np.array([[3, 255]]))
    >>> bool(np.isclose(loss, np.log(4)))
    True
    """
    op = "cross_entropy_forward"
    arguments.arrays(op, logits=logits, weight=weight)
    arguments.channel_vectors(op, logits, name="logits", weight=weight)
    classes = logits.shape[1]
    ignore_index = arguments.integer(op, "ignore_index", ignore_index, minimum=-(2**63))
    arguments.labels(op, labels, classes, (len(logits), *logits.shape[2:]), ignore_index)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{op}: reduction={reduction!r}; choose one of 'mean', 'sum', 'none'")
    smoothing = arguments.probability(op, "label_smoothing", label_smoothing)

    xp = array_module(logits)
    log_p = _log_softmax(logits)
    counted = labels != ignore_index
    truth = xp.where(counted, labels, 0)
    counts = counted.astype(logits.dtype) if weight is None else weight[truth] * counted
    spread = _spread(counted, weight, logits) * (smoothing / classes) if smoothing else None

    nll = -xp.take_along_axis(log_p, truth[:, None], axis=1)[:, 0]
    # What does not count may be as improbable as it likes: 0 * inf is 0 here.
    share = (1 - smoothing) * counts
    loss = share * xp.where(share == 0, 0, nll)
    if spread is not None:
        loss = loss - (spread * xp.where(spread == 0, 0, log_p)).sum(axis=1)

    total = counts.sum() if reduction == "mean" else None
    if reduction != "none":
        loss = loss.sum()
    if total is not None:
        loss = loss * _inverse(total)
    cache = CrossEntropyCache(log_p, truth, counts, spread, smoothing, total, reduction)
    return xp.asarray(loss, logits.dtype), cache


def cross_entropy_backward(dout: Array | None = None, cache: CrossEntropyCache | None = None) -> Array:
    """Return the gradient with respect to the logits: probability minus truth, for each pixel that counts.

    Parameters
    ----------
    dout : 0-d array or float, or (N, ...) array for "none", optional
        Gradient with respect to the loss; 1 unless given.
    cache : CrossEntropyCache
        From :func:`cross_entropy_forward`.

    Returns
    -------
    dlogits : (N, C, ...) array
        Gradient with respect to the logits.

    Raises
    ------
    ValueError
        If dout has not the loss's shape.
    TypeError
        If there is no cache, or dout is an array of another dtype than the loss.

    Examples
    --------
    >>> import numpy as np
    >>> loss, cache = cross_entropy_forward(np.zeros((1, 2)), np.array([1]))
    >>> cross_entropy_backward(cache=cache)
    array([[ 0.5, -0.5]])
    """
    op = "cross_entropy_backward"
    if cache is None:
        raise TypeError(f"{op}: the cache of cross_entropy_forward is needed")
    log_p, truth, counts, spread, smoothing, total, reduction = cache
    xp = array_module(log_p)
    factor: Array = 1 if dout is None else dout
    if not hasattr(factor, "ndim"):
        factor = arguments.real(op, "dout", factor)
    elif factor.ndim:
        arguments.gradient(op, factor, truth.shape if reduction == "none" else (), str(log_p.dtype))
        factor = factor[:, None]
    factor = xp.asarray(factor, log_p.dtype)
    if total is not None:
        factor = factor * _inverse(total)

    # (sum of the target) * probability - target, the target being what each -log p was weighted with
    classes = arguments.per_channel(xp.arange(log_p.shape[1]), truth.ndim - 1)
    share = ((1 - smoothing) * counts)[:, None]
    target = (classes == truth[:, None]) * share
    if spread is not None:
        target += spread
        share = share + spread.sum(axis=1, keepdims=True)
    dlogits = xp.exp(log_p)
    dlogits *= share
    dlogits -= target
    dlogits *= factor
    return dlogits


def _log_softmax(logits: Array) -> Array:
    """Return log p, shifted by the largest logit so that no exponential overflows."""
    xp = array_module(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    shifted -= xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _spread(counted: Array, weight: Array | None, like: Array) -> Array:
    """Return each class's weight at every pixel that counts, (N, C, ...)."""
    xp = array_module(like)
    weight = xp.ones(like.shape[1], like.dtype) if weight is None else weight
    return arguments.per_channel(weight, like.ndim - 2) * counted[:, None]


def _inverse(total: Array) -> Array:
    """Return 1 / total, and 0 for a total of 0: where nothing counts, there is no loss."""
    return (total != 0) / (total + (total == 0))
