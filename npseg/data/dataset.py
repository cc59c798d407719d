"""What a dataset is: images with the class of every pixel, read by index.

Training, evaluation and drawing ask nothing else of a dataset than the protocol below, so a dataset of your
own is any class with these members; nothing has to be inherited. A pixel that nobody could name, as on the
outlines of PASCAL VOC, has the label ``VOID`` and counts neither in the loss nor in the metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npseg import kinds

#: The label of a pixel that counts nowhere.
VOID = 255

#: An image (H, W, 3), a map of labels (H, W), or colours (n, 3).
Bytes: TypeAlias = NDArray[np.uint8]


class Dataset(Protocol):
    """Pairs of an image and its labels, with the names and colours of the classes.

    ``len(d)`` counts the pairs, and ``d[i]`` for ``0 <= i < len(d)`` is one of them: the image, uint8
    (H, W, 3) in RGB, and the labels, uint8 (H, W), each the id of a class or ``VOID``.

    Examples
    --------
    Whatever has these five is a dataset; no base class is needed.

    >>> class Gray:
    ...     classes, colors, names = ("gray",), np.full((1, 3), 128, np.uint8), ["one"]
    ...
    ...     def __len__(self):
    ...         return 1
    ...
    ...     def __getitem__(self, index):
    ...         return np.full((4, 6, 3), 128, np.uint8), np.zeros((4, 6), np.uint8)
    >>> dataset: Dataset = Gray()
    >>> image, labels = dataset[0]
    >>> image.shape, labels.shape
    ((4, 6, 3), (4, 6))
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; the position is the id."""

    @property
    def colors(self) -> Bytes:
        """The colour of each class, uint8 (n, 3) in RGB."""

    @property
    def names(self) -> Sequence[str]:
        """The name of each pair, for messages and file names."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Bytes, Bytes]: ...


def check_not_empty(dataset: Dataset, *needed: str) -> None:
    """Refuse a dataset without images, or without what is needed of one.

    Raises
    ------
    ValueError
        If there is not even one.
    """
    kinds.dataset("data", "dataset", dataset, *needed)
    if len(dataset) == 0:
        raise ValueError("the dataset is empty; needs at least one image")


class InMemory:
    """A dataset whose pairs are kept once they were read: for a small one that is gone through many times.

    Parameters
    ----------
    dataset : Dataset
        Where the pairs come from.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> kept = InMemory(Scenes(2, size=(32, 32)))
    >>> kept[1] is kept[1]
    True
    """

    def __init__(self, dataset: Dataset) -> None:
        kinds.dataset("InMemory", "dataset", dataset, "classes", "colors", "names")
        self.classes, self.colors, self.names = dataset.classes, dataset.colors, dataset.names
        self._dataset = dataset
        self._pairs: dict[int, tuple[Bytes, Bytes]] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int, /) -> tuple[Bytes, Bytes]:
        if index not in self._pairs:
            self._pairs[index] = self._dataset[index]
        return self._pairs[index]
