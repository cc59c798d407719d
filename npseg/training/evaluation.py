"""How good a network is on a dataset: one confusion matrix over all of its images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from tqdm import tqdm

from npseg import arguments, kinds
from npseg.data import VOID, Dataset
from npseg.training.metrics import confusion_matrix
from npseg.workers import share_out

#: Images that are shared out among the cores at a time.
AT_ONCE = 8


class Labels(Protocol):
    """Whatever labels an image: a network's :class:`npseg.predict.Labeller`, or a simpler classifier."""

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Return the class of each pixel, (H, W), of an image (H, W, 3); several threads may ask at once."""


def evaluate(labeller: Labels, dataset: Dataset, *, progress: bool = True) -> np.ndarray:
    """Label all images of a dataset and count, for each true class, what its pixels were called.

    Parameters
    ----------
    labeller : object with a method ``labels(image)``
        The classifier. Nothing of it is changed; it is asked for several images at once.
    dataset : Dataset
        Images and their true labels.
    progress : bool
        Show a bar.

    Returns
    -------
    (n, n) int64 array
        The confusion matrix, rows for the truth, for :func:`npseg.training.metrics`.

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
    kinds.dataset("evaluate", "dataset", dataset, "classes")
    classes = len(dataset.classes)
    return sum(each_confusion(labeller, dataset, progress=progress), np.zeros((classes, classes), np.int64))


def each_confusion(labeller: Labels, dataset: Dataset, *, progress: bool = True) -> Iterator[np.ndarray]:
    """Label all images of a dataset, as `evaluate` does, and count for each image by itself.

    Parameters
    ----------
    labeller, dataset, progress
        As for `evaluate`.

    Yields
    ------
    (n, n) int64 array
        The confusion matrix of an image, in the dataset's order.

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
    >>> [matrix.shape for matrix in each_confusion(AllSky(), Scenes(2, size=(32, 32)), progress=False)]
    [(4, 4), (4, 4)]
    """
    kinds.dataset("evaluate", "dataset", dataset, "classes")
    if len(dataset) == 0:
        raise ValueError("evaluate: the dataset holds no image")
    if not callable(getattr(labeller, "labels", None)):
        raise TypeError(
            f"evaluate: labeller is a {type(labeller).__name__}; an object with a method labels(image) is needed"
        )
    arguments.flag("evaluate", "progress", progress)
    classes = len(dataset.classes)

    def count(number: int) -> np.ndarray:
        image, truth = dataset[number]
        return confusion_matrix(truth, labeller.labels(image), classes, ignore_index=VOID)

    off = None if progress else True  # None: off where standard error is no terminal
    with tqdm(total=len(dataset), desc="evaluate", unit="image", leave=False, disable=off) as bar:
        for start in range(0, len(dataset), AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, len(dataset)))
            yield from share_out(count, numbers)
            bar.update(len(numbers))
