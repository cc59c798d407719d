"""How good a labelling is for each class: what is found of it, how much of what is called so is right, and both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npseg import kinds
from npseg.training.metrics import metrics, percent, ratio


class PerClass(NamedTuple):
    """The figures of each class, fractions in [0, 1]; nan where there is nothing to divide by.

    Attributes
    ----------
    iou : (n,) float64 array
        Intersection over union.
    recall : (n,) float64 array
        The share of the class's pixels that are called so; the class's accuracy.
    precision : (n,) float64 array
        The share of the pixels called so that are of the class.
    share : (n,) float64 array
        The class's share of all pixels of the truth.

    Examples
    --------
    >>> per_class([[3, 1], [2, 4]]).recall.round(2)
    array([0.75, 0.67])
    """

    iou: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    share: NDArray[np.float64]


def per_class(matrix: ArrayLike) -> PerClass:
    """Turn a confusion matrix into the figures of each class.

    Parameters
    ----------
    matrix : array of counts, shape (classes, classes)
        Rows are the truth, columns the prediction.

    Returns
    -------
    PerClass
        Of each class.

    Raises
    ------
    ValueError
        If the matrix is not square, or a count is negative.

    Examples
    --------
    >>> figures = per_class([[3, 1], [2, 4]])
    >>> figures.precision.tolist(), figures.share.tolist()
    ([0.6, 0.8], [0.4, 0.6])
    """
    iou = metrics(matrix).iou
    counts = np.asarray(matrix)
    right, truth, called = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return PerClass(iou, ratio(right, truth), ratio(right, called), ratio(truth, truth.sum()))


def class_table(matrix: ArrayLike, classes: Sequence[str]) -> str:
    """Set out the figures of each class, in percent.

    Parameters
    ----------
    matrix : array of counts, shape (classes, classes)
        Rows are the truth, columns the prediction.
    classes : sequence of str
        The names of the classes.

    Returns
    -------
    str
        A line for each class; "–" stands where there is no figure.

    Examples
    --------
    >>> print(class_table([[3, 1], [2, 4]], ["sky", "road"]))
    class      IoU   recall  precision   of all pixels
    sky       50.0     75.0       60.0            40.0
    road      57.1     66.7       80.0            60.0
    """
    classes = kinds.members("class_table", "classes", classes, str, "a list of names")
    if len(classes) != (rows := len(metrics(matrix).iou)):
        raise ValueError(
            f"class_table: {len(classes)} classes, and the matrix has {rows}; one name each is needed"
        )
    margin = max(5, *map(len, classes))
    lines = [f"{'class':{margin}}{'IoU':>9}{'recall':>9}{'precision':>11}{'of all pixels':>16}"]
    for name, iou, recall, precision, share in zip(classes, *per_class(matrix)):
        cells = f"{percent(iou):>9}{percent(recall):>9}{percent(precision):>11}{percent(share):>16}"
        lines.append(f"{name:{margin}}{cells}")
    return "\n".join(lines)
