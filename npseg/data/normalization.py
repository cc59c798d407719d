"""The mean and the spread of a dataset's colours, and images brought to mean 0 and deviation 1 by them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npseg import kinds
from npseg.data.dataset import Bytes, Dataset, check_not_empty


class Normalization(NamedTuple):
    """The mean and the standard deviation that images are normalised by.

    Parameters
    ----------
    mean, std : array of float64, shape (3,)
        Of red, green and blue, in intensities from 0 to 1.

    Examples
    --------
    >>> half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    >>> half.apply(np.array([[[0, 255, 0]]], np.uint8)).ravel().tolist()
    [-1.0, 1.0, -1.0]
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def apply(self, image: Bytes) -> NDArray[np.float32]:
        """Return an image, uint8 (H, W, 3), as float32 (3, H, W): (intensity - mean) / std."""
        kinds.image("Normalization", "image", image)
        for name, values in self._asdict().items():
            if not isinstance(values, np.ndarray) or values.shape != (3,) or values.dtype.kind not in "iuf":
                raise ValueError(f"Normalization: {name} is {values!r}; an array of three numbers is needed")
        scale = (1 / (255 * self.std)).astype(np.float32)
        shift = (-self.mean / self.std).astype(np.float32)
        normalized: NDArray[np.float32] = (
            image.transpose(2, 0, 1) * scale[:, None, None] + shift[:, None, None]
        )
        return np.ascontiguousarray(normalized)


def mean_and_std(dataset: Dataset) -> Normalization:
    """Measure mean and standard deviation of each channel, over all pixels of all images.

    Parameters
    ----------
    dataset : Dataset
        The training images.

    Returns
    -------
    Normalization
        In intensities from 0 to 1. The deviation is 1/255 at least, so that a channel without any can be
        divided by it.

    Raises
    ------
    ValueError
        If the dataset is empty.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> mean, std = mean_and_std(Scenes(4, size=(32, 32)))
    >>> bool((0 < mean).all() and (mean < 1).all() and (std < 0.5).all())
    True
    """
    check_not_empty(dataset, "names")
    counts = np.zeros((3, 256), np.int64)  # how often each level occurs: exact, however many images
    for i in range(len(dataset)):
        image, _ = dataset[i]
        counts += [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(image, 2, 0)]
    share = counts / counts.sum(axis=1, keepdims=True)
    levels = np.arange(256) / 255
    mean = share @ levels
    variance = (share * (levels - mean[:, None]) ** 2).sum(axis=1)
    return Normalization(mean, np.maximum(np.sqrt(variance), 1 / 255))
