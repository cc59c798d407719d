"""Weights for classes that are rare: without them, a small class is cheapest to learn by never naming it."""

from __future__ import annotations

import numpy as np

from npseg import arguments, kinds
from npseg.data import VOID, Dataset


def class_weights(dataset: Dataset, power: float = 1.0) -> np.ndarray:
    """Weigh each class by how much rarer it is than the median class.

    Parameters
    ----------
    dataset : Dataset
        The training images.
    power : float
        1 balances the classes by the median of their frequencies; 0 leaves them as they are; in between, as a
        root does, it helps the rare ones without letting them drown the others.

    Returns
    -------
    (n,) float64 array
        ``(median / frequency) ** power``, where a class's frequency is its share of the pixels, void left out, of
        the images in which it occurs; 1 for a class that never occurs.

    Raises
    ------
    ValueError
        If no pixel of the dataset has a class.

    References
    ----------
    Eigen & Fergus, "Predicting depth, surface normals and semantic labels with a common multi-scale convolutional
    architecture", 2015, section 6.3.2; Badrinarayanan, Kendall & Cipolla, "SegNet", 2017.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> class_weights(Scenes(2, size=(32, 32)), 0)
    array([1., 1., 1., 1.])
    """
    kinds.dataset("class_weights", "dataset", dataset, "classes")
    power = arguments.real("class_weights", "power", power)
    classes = len(dataset.classes)
    pixels, pixels_where_present = np.zeros(classes), np.zeros(classes)
    for i in range(len(dataset)):
        labels = dataset[i][1]
        counts = np.bincount(labels[labels != VOID], minlength=classes)
        pixels += counts
        pixels_where_present += (counts > 0) * counts.sum()
    present = pixels > 0
    if not present.any():
        raise ValueError("class_weights: no pixel of the dataset has a class; all are void")
    frequency = pixels[present] / pixels_where_present[present]
    weights = np.ones(classes)
    weights[present] = (np.median(frequency) / frequency) ** power
    return weights
