"""A classifier that sees nothing but a pixel's own colour: what a network must beat to have learned to *see*."""

from __future__ import annotations

import numpy as np

from npseg import kinds
from npseg.data import VOID, Dataset


class ColorClassifier:
    """Call each pixel by the class that its colour mostly had in the training images.

    Red, green and blue are each cut into 16 levels. A colour that never occurred is called by the most frequent
    class.

    Parameters
    ----------
    dataset : Dataset
        The training images.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> scenes = Scenes(4, size=(32, 32))
    >>> ColorClassifier(scenes).labels(scenes[0][0]).shape
    (32, 32)
    """

    def __init__(self, dataset: Dataset) -> None:
        kinds.dataset("ColorClassifier", "dataset", dataset, "classes")
        classes = len(dataset.classes)
        counts = np.zeros((16**3, classes), np.int64)
        for i in range(len(dataset)):
            image, labels = dataset[i]
            seen = labels != VOID
            cells = _cells(image)[seen] * classes + labels[seen]
            counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
        self._table = counts.argmax(axis=1).astype(np.uint8)
        self._table[counts.sum(axis=1) == 0] = counts.sum(axis=0).argmax()

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Return the class of each pixel, (H, W) uint8, of an image (H, W, 3) uint8."""
        kinds.image("ColorClassifier", "image", image)
        labels: np.ndarray = self._table[_cells(image)]
        return labels


def _cells(image: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's colour cell, (H, W), 0 to 4095."""
    red, green, blue = np.moveaxis(image.astype(np.int64) // 16, 2, 0)
    cells: np.ndarray = red * 256 + green * 16 + blue
    return cells
