"""The loss of a segmentation: cross entropy at every pixel that has a label.

The scores (logits) of the classes become probabilities by the softmax, and the loss is minus the logarithm of
the true class's. Put together the two have a gradient of rare beauty: probability minus truth.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npseg import arguments
from npseg.backend import Array, array_module, one_library
from npseg.chunks import Chunk, chunks
from npseg.memory import empty
from npseg.workers import share_out


class CrossEntropyCache(NamedTuple):
    """What :func:`cross_entropy_backward` needs of the forward pass.

    Attributes
    ----------
    logits : (N, C, ...) array
        The scores.
    peak, mass : (N, ...) array
        Each pixel's largest score, and the sum of ``exp(logits - peak)`` over its classes.
    truth : (N, ...) int array
        The class of each pixel; some class where it is void.
    counted : (N, ...) bool array
        Whether the pixel is not void.
    counts : (N, ...) array
        Weight of each pixel: that of its class, 0 where it is void.
    spread : (C,) array or None
        What label smoothing adds to the weight of each class's -log p, in a pixel that is not void.
    smoothing : float
        As given.
    total : 0-d array or None
        What the sum was divided by; None for "none" and "sum".
    reduction : str
        As given.
    """

    logits: Array
    peak: Array
    mass: Array
    truth: Array
    counted: Array
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
    ignore_index = arguments.integer(op, "ignore_index", ignore_index, -(2**63), 2**64 - 1)
    arguments.labels(op, labels, logits, ignore_index)
    arguments.choice(op, "reduction", reduction, ("mean", "sum", "none"))
    smoothing = arguments.probability(op, "label_smoothing", label_smoothing)

    xp = array_module(logits)
    counted = _counted(labels, ignore_index)
    truth = xp.where(counted, labels, 0).astype("uint8" if classes <= 256 else "int64")
    counts = counted.astype(logits.dtype) if weight is None else weight[truth] * counted
    share = (1 - smoothing) * counts
    spread = _spread(logits, weight, smoothing)
    peak, mass, loss = (xp.empty(labels.shape, logits.dtype) for _ in range(3))

    def measure(pixels: Chunk) -> None:
        scores = logits[_all_classes(pixels)]
        peak[pixels] = scores.max(axis=1)  # taken off, so that no exponential overflows
        scores = scores - peak[pixels][:, None]
        mass[pixels] = xp.exp(scores).sum(axis=1)
        log_mass = xp.log(mass[pixels])
        true = xp.take_along_axis(scores, truth[pixels][:, None], axis=1)[:, 0]
        # What does not count may be as improbable as it likes: 0 * inf is 0 here.
        nll = xp.where(share[pixels] == 0, 0, log_mass - true)
        loss[pixels] = share[pixels] * nll
        if spread is not None:
            weights = _across_classes(spread, labels) * counted[pixels][:, None]
            log_p = xp.where(weights == 0, 0, scores - log_mass[:, None])
            loss[pixels] -= (weights * log_p).sum(axis=1)

    share_out(measure, chunks(labels.shape, logits, each=classes))
    total = counts.sum() if reduction == "mean" else None
    if reduction != "none":
        loss = loss.sum()
    if total is not None:
        loss = loss * _inverse(total)
    cache = CrossEntropyCache(logits, peak, mass, truth, counted, counts, spread, smoothing, total, reduction)
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
    logits, peak, mass, truth, counted, counts, spread, smoothing, total, reduction = arguments.kept(
        op, cache, CrossEntropyCache
    )
    xp = array_module(logits)
    factor = _upstream(op, dout, logits, truth.shape if reduction == "none" else ())
    if total is not None:
        factor = _inverse(total) * factor

    # (sum of the target) * probability - target, the target being what each -log p was weighted with
    classes = _across_classes(xp.arange(logits.shape[1], dtype=truth.dtype), truth)
    shares, smoothed = (1 - smoothing) * counts * factor, counted * factor
    dlogits = empty(logits.shape, logits)

    def differ(pixels: Chunk) -> None:
        into, share = dlogits[_all_classes(pixels)], shares[pixels][:, None]
        target, sum_of_target = (classes == truth[pixels][:, None]) * share, share
        if spread is not None:
            smooth = smoothed[pixels][:, None]
            target += _across_classes(spread, truth) * smooth
            sum_of_target = share + spread.sum() * smooth
        xp.exp(logits[_all_classes(pixels)] - peak[pixels][:, None], out=into)
        xp.multiply(into, sum_of_target / mass[pixels][:, None], out=into)
        xp.subtract(into, target, out=into)

    share_out(differ, chunks(truth.shape, logits, each=logits.shape[1]))
    return dlogits


def _spread(logits: Array, weight: Array | None, smoothing: float) -> Array | None:
    """Return what each class's -log p weighs in any pixel that is not void; None without smoothing."""
    if not smoothing:
        return None
    classes = logits.shape[1]
    weights = array_module(logits).ones(classes, logits.dtype) if weight is None else weight
    return weights * (smoothing / classes)


def _upstream(op: str, dout: Any, logits: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient with respect to the loss, in the logits' dtype: 1 unless given, a number, or an array."""
    if not hasattr(dout, "shape") or isinstance(dout, np.generic):
        # A number stays one: an array of it would have to be moved to the device.
        return logits.dtype.type(1 if dout is None else arguments.real(op, "dout", dout))
    if not arguments.is_array(dout) or dout.ndim or dout.dtype.kind not in "iuf":
        arguments.gradient(op, dout, shape, str(logits.dtype), logits=logits)
    one_library(op, dout=dout, logits=logits)
    return dout.astype(logits.dtype)


def _counted(labels: Array, ignore_index: int) -> Array:
    """Return which pixels are not void: all of them, where the labels' dtype does not have that number."""
    known = np.iinfo(labels.dtype)
    if known.min <= ignore_index <= known.max:
        counted: Array = labels != ignore_index
        return counted
    return array_module(labels).ones(labels.shape, bool)


def _all_classes(pixels: Chunk) -> Chunk:
    """Index the scores (N, C, ...) of pixels (N, ...)."""
    images, *places = pixels
    return (images, slice(None), *places)


def _across_classes(values: Array, pixels: Array) -> Array:
    """Shape one value for each class so that it meets the scores (N, C, ...) of pixels (N, ...)."""
    return arguments.per_channel(values, pixels.ndim - 1)


def _inverse(total: Array) -> Array:
    """Return 1 / total, and 0 for a total of 0: where nothing counts, there is no loss."""
    return (total != 0) / (total + (total == 0))
