"""Images enlarged or shrunk together with their labels, so that things are met in more sizes than they were taken."""

from __future__ import annotations

import math

import numpy as np
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
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    ids = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(picture), np.asarray(ids)
