"""Images enlarged or shrunk together with their labels, so that things are met in more sizes than they were taken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from npseg import room
from npseg.data.dataset import Bytes


def random_scale(rng: np.random.Generator, lowest: float, highest: float) -> float:
    """Draw a factor; as many enlarge by some ratio as shrink by it, where the range is even (its logarithm is uniform).

    Examples
    --------
    >>> 0.5 <= random_scale(np.random.default_rng(0), 0.5, 2) <= 2
    True
    """
    return math.exp(rng.uniform(math.log(lowest), math.log(highest)))


def rescaled(image: Bytes, labels: Bytes, factor: float) -> tuple[Bytes, Bytes]:
    """Return an image and its labels, both enlarged by a factor.

    Parameters
    ----------
    image : array of uint8, shape (H, W, 3)
        Interpolated linearly; where it shrinks, averaged over what falls together.
    labels : array of uint8, shape (H, W)
        Each new pixel has the label of the nearest old one, since there is nothing between two classes.
    factor : float
        Of height and width, which are rounded and stay 1 at least.

    Examples
    --------
    >>> image, labels = rescaled(np.zeros((4, 6, 3), np.uint8), np.eye(4, 6, dtype=np.uint8), 0.5)
    >>> image.shape, labels.shape
    ((2, 3, 3), (2, 3))
    """
    height, width = (max(1, round(length * factor)) for length in labels.shape)
    if (height, width) == labels.shape:
        return image, labels
    room.check("jitter", f"an image enlarged {factor:g} times", (height, width, 3), labels)
    picture = _interpolated(image, height, width)
    ids = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return picture, np.asarray(ids)


def shrunk(image: Bytes, longest: int) -> Bytes:
    """Return an image whose longer side is no longer than a number of pixels.

    Parameters
    ----------
    image : array of uint8, shape (H, W, 3)
        Averaged over what falls together; left as it is, if it is not larger.
    longest : int
        Pixels of the longer side.

    Examples
    --------
    >>> shrunk(np.zeros((30, 40, 3), np.uint8), 20).shape, shrunk(np.zeros((3, 4, 3), np.uint8), 20).shape
    ((15, 20, 3), (3, 4, 3))
    """
    factor = longest / max(image.shape[:2])
    if factor >= 1:
        return image
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    return _interpolated(image, height, width)


def nearest(maps: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return maps of labels, or of probabilities, at another size: of each pixel, what the nearest one has.

    Parameters
    ----------
    maps : array, shape (..., h, w)
        The maps.
    size : (int, int)
        Their new height and width.

    Examples
    --------
    >>> nearest(np.array([[1, 2]]), (2, 5))
    array([[1, 1, 2, 2, 2],
           [1, 1, 2, 2, 2]])
    """
    if maps.shape[-2:] == size:
        return maps
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(size, maps.shape[-2:]))
    return maps[..., rows[:, None], columns]


def _interpolated(image: Bytes, height: int, width: int) -> Bytes:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
