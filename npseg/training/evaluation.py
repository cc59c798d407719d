"""How good a network is on a dataset: one confusion matrix over all of its images."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from npseg.data import VOID, Dataset
from npseg.training.metrics import confusion_matrix


class Labels(Protocol):
    """Whatever labels an image: a network's :class:`npseg.predict.Labeller`, or a simpler classifier."""

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Return the class of each pixel, (H, W), of an image (H, W, 3)."""


def evaluate(labeller: Labels, dataset: Dataset, *, progress: bool = True) -> np.ndarray:
    """Label all images of a dataset and count, for each true class, what its pixels were called.

    Parameters
    ----------
    labeller : object with a method ``labels(image)``
        The classifier. Nothing of it is changed.
    dataset : Dataset
        Images and their true labels.
    progress : bool
        Show a bar.

    Returns
    -------
    (n, n) int64 array
        The confusion matrix, rows for the truth, for :func:`npseg.training.metrics.metrics`.

    Raises
    ------
    ValueError
        If the dataset holds no image.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> class AllSky:
    ...     def labels(self, image):
    ...         return np.full(image.shape[:2], 3)
    >>> evaluate(AllSky(), Scenes(2, size=(32, 32)), progress=False)[:, :3].any()
    np.False_
    """
    if len(dataset) == 0:
        raise ValueError("evaluate: the dataset holds no image")
    total = np.zeros((len(dataset.classes),) * 2, np.int64)
    numbers: Any = tqdm(
        range(len(dataset)), desc="evaluate", unit="image", leave=False, disable=None if progress else True
    )
    for i in numbers:
        image, truth = dataset[i]
        total += confusion_matrix(truth, labeller.labels(image), len(dataset.classes), ignore_index=VOID)
    return total
