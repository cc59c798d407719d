"""How good a labelling is: the confusion matrix, and the four figures of Long et al. made from it.

Count first, divide last. Each image gives a matrix of counts, ``matrix[truth, prediction]``; the matrices of
a whole set are summed, and only the sum is turned into figures. (The mean of the figures of single images is
another number: there, one pixel of a class in one image weighs as much as a whole image of it in the next.)

Conventions differ over a class that does not occur. Here, as in FCN's ``score.py``: absent from the truth and
from the prediction, it is left out of the mean IoU; absent from the truth but predicted somewhere, its IoU is
0. The mean accuracy is over the classes that the truth contains. That 0 is as large after one stray pixel as after
a thousand, so where few images judge, epochs are told apart by the mean over the classes that the truth contains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npseg import arguments, kinds

_FIGURES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_iou": "mean IoU",
    "frequency_weighted_iou": "frequency weighted IoU",
}


class Metrics(NamedTuple):
    """The four figures of a confusion matrix, and the IoU of each class; all are fractions in [0, 1].

    Attributes
    ----------
    pixel_accuracy : float
        The share of pixels that are right.
    mean_accuracy : float
        The share that is right of each class, averaged over the classes in the truth.
    mean_iou : float
        Intersection over union, averaged over the classes in the truth or the prediction.
    frequency_weighted_iou : float
        Intersection over union, weighted by how many pixels of the truth belong to the class.
    iou : ndarray of float64, shape (classes,)
        Intersection over union of each class; nan for one that occurs in neither.

    Examples
    --------
    >>> found = metrics(np.array([[3, 1], [2, 4]]))
    >>> found.pixel_accuracy, found.iou.round(3)
    (0.7, array([0.5  , 0.571]))
    """

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float
    iou: NDArray[np.float64]


def confusion_matrix(
    labels: NDArray[Any], prediction: NDArray[Any], classes: int, *, ignore_index: int = 255
) -> NDArray[np.int64]:
    """Count the pixels of each true class that were given each class.

    Parameters
    ----------
    labels : ndarray of integers, any shape
        The truth: a class in 0 ... classes - 1, or `ignore_index` for void.
    prediction : ndarray of integers, the same shape
        The class given to each pixel. Where the truth is void it is not looked at.
    classes : int
        The number of classes.
    ignore_index : int, default 255
        The label of void pixels, which are not counted.

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        ``matrix[i, j]`` pixels of class i were called j. Matrices of several images add up.

    Raises
    ------
    TypeError
        If either array does not hold integers.
    ValueError
        If the shapes differ, or a counted pixel has a label or a prediction that is no class.

    Examples
    --------
    >>> truth = np.array([[0, 0, 1], [1, 1, 255]])
    >>> confusion_matrix(truth, np.array([[0, 1, 1], [1, 1, 0]]), 2)
    array([[1, 1],
           [0, 3]])
    """
    _check_arrays(labels, prediction)
    classes = arguments.integer("confusion_matrix", "classes", classes, 1, 2**16)
    arguments.integer("confusion_matrix", "ignore_index", ignore_index, -(2**63), 2**64 - 1)
    counted = labels != ignore_index
    _check_values("labels", labels, counted, classes, f"or {ignore_index} for void")
    _check_values("prediction", prediction, counted, classes, "wherever the truth is not void")
    truth, given = labels[counted].astype(np.int64), prediction[counted].astype(np.int64)
    cells = np.bincount(classes * truth + given, minlength=classes * classes)
    return cells.astype(np.int64, copy=False).reshape(classes, classes)


def metrics(matrix: ArrayLike) -> Metrics:
    """Turn a confusion matrix into pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU.

    Parameters
    ----------
    matrix : array of counts, shape (classes, classes)
        Rows are the truth, columns the prediction; usually the sum over a whole set.

    Returns
    -------
    Metrics
        A figure with nothing to average over (an empty matrix of counts) is nan.

    Raises
    ------
    ValueError
        If the matrix is not square, or a count is negative.

    References
    ----------
    J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
    section 5, "Metrics".

    Examples
    --------
    >>> figures = metrics([[3, 1], [2, 4]])
    >>> figures.pixel_accuracy, round(figures.mean_iou, 6)
    (0.7, 0.535714)
    """
    try:
        counts = np.asarray(matrix)
    except ValueError:  # rows of several lengths
        counts = np.empty(0, object)
    if counts.dtype.kind not in "iuf":
        raise TypeError(f"metrics: matrix is {matrix!r}; a square array of counts is needed")
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise ValueError(
            f"metrics: needs a square matrix of counts, as confusion_matrix gives it; this one has shape "
            f"{counts.shape}{' and negative entries' if (counts < 0).any() else ''}"
        )
    right, truth, given = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    iou = ratio(right, truth + given - right)
    present = truth > 0
    return Metrics(
        pixel_accuracy=float(ratio(right.sum(), truth.sum())),
        mean_accuracy=_mean(ratio(right, truth)),
        mean_iou=_mean(iou),
        frequency_weighted_iou=float(ratio(truth[present] @ iou[present], truth.sum())),
        iou=iou,
    )


def mean_iou_of_present(matrix: ArrayLike) -> float:
    """Return the mean IoU over the classes that the truth contains, by which the best epoch is chosen.

    Pixels that are called by the name of an absent class still count, as missing from the class that they are of.

    Parameters
    ----------
    matrix : array of counts, shape (classes, classes)
        Rows are the truth, columns the prediction.

    Returns
    -------
    float
        A fraction in [0, 1]; nan if nothing is counted.

    Raises
    ------
    ValueError
        If the matrix is not square, or a count is negative.

    Examples
    --------
    >>> strays = [[3, 0, 1], [0, 4, 0], [0, 0, 0]]  # one pixel is called by the name of a class that is not there
    >>> mean_iou_of_present(strays), round(metrics(strays).mean_iou, 3)
    (0.875, 0.583)
    """
    iou = metrics(matrix).iou
    return _mean(iou[np.asarray(matrix).sum(axis=1) > 0])


def summary(figures: Metrics) -> str:
    """Write the four figures below each other, in percent.

    Examples
    --------
    >>> print(summary(metrics([[3, 1], [2, 4]])))
    pixel accuracy            70.0
    mean accuracy             70.8
    mean IoU                  53.6
    frequency weighted IoU    54.3
    """
    return "\n".join(f"{title:24}{percent(getattr(figures, field)):>6}" for field, title in _FIGURES.items())


def report(columns: Mapping[str, Metrics], classes: Sequence[str]) -> str:
    """Set several results side by side, in percent, as a small table of text.

    Parameters
    ----------
    columns : mapping of str to Metrics
        What each column is called, and its figures.
    classes : sequence of str
        The names of the classes, in the order of their numbers.

    Returns
    -------
    str
        A line for each of the four figures, then one for each class; "–" stands where there is no figure.

    Raises
    ------
    ValueError
        If a column has another number of classes.

    Examples
    --------
    >>> print(report({"network": metrics([[3, 1], [2, 4]])}, ["sky", "road"]))
                            network
    pixel accuracy             70.0
    mean accuracy              70.8
    mean IoU                   53.6
    frequency weighted IoU     54.3
    <BLANKLINE>
    IoU of sky                 50.0
    IoU of road                57.1
    """
    classes = kinds.members("report", "classes", classes, str, "a list of names")
    columns = kinds.mapping("report", "columns", columns, Metrics, "a dict of Metrics")
    for name, column in columns.items():
        if len(column.iou) != len(classes):
            raise ValueError(
                f"report: column {name!r} has {len(column.iou)} classes, there are {len(classes)} names"
            )
    rows = {title: [getattr(c, field) for c in columns.values()] for field, title in _FIGURES.items()}
    rows |= {f"IoU of {name}": [c.iou[k] for c in columns.values()] for k, name in enumerate(classes)}
    margin = max(map(len, rows))
    lines = [_line("", columns, columns, margin)]
    lines += [_line(title, map(percent, values), columns, margin) for title, values in rows.items()]
    lines.insert(1 + len(_FIGURES), "")
    return "\n".join(lines)


def _line(title: str, cells: Any, columns: Mapping[str, Metrics], margin: int) -> str:
    """Align the cells to the right, under the names of their columns."""
    return title.ljust(margin) + "".join(
        f"  {cell:>{max(len(name), 5)}}" for cell, name in zip(cells, columns, strict=True)
    )


def percent(value: float) -> str:
    """Write a fraction in percent, and a figure that there is none of as a dash."""
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    """Divide, with nan for 0 / 0, and no warning: an absent class is no mistake."""
    quotient: NDArray[np.float64] = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), np.nan)
    np.divide(part, whole, out=quotient, where=np.asarray(whole) > 0)
    return quotient


def _mean(values: NDArray[np.float64]) -> float:
    """Average what is not nan; unlike nanmean, without a warning where everything is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _check_arrays(labels: NDArray[Any], prediction: NDArray[Any]) -> None:
    for name, array in (("labels", labels), ("prediction", prediction)):
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"confusion_matrix: {name} is a {type(array).__name__}; an array of integers is needed"
            )
        if array.dtype.kind not in "iu":
            raise TypeError(
                f"confusion_matrix: {name} must hold integers, not {array.dtype}; take the argmax of scores, "
                "or write .astype(np.int64)"
            )
    if labels.shape != prediction.shape:
        raise ValueError(
            f"confusion_matrix: labels {labels.shape} and prediction {prediction.shape} must have one shape"
        )


def _check_values(
    name: str, array: NDArray[Any], counted: NDArray[np.bool_], classes: int, further: str
) -> None:
    outside = counted & ((array < 0) | (array >= classes))
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"confusion_matrix: {name} holds {array[place]} at {place}; "
            f"needed is a class in 0 ... {classes - 1}, {further}"
        )
