"""Superpixels: pieces of an image that look alike are labelled as one.

A network's labels are blurred where the image is sharp. Pieces of the image, none of which crosses an edge, are not;
so the probabilities of all pixels of a piece are averaged, and the piece gets the class that is most probable on the
whole. The pieces are those of Felzenszwalb and Huttenlocher, by scikit-image, which is an extra:
``pip install 'npseg[superpixels]'``.

References
----------
Farabet, Couprie, Najman & LeCun, "Learning hierarchical features for scene labeling", TPAMI 2013, section 4.1.
Felzenszwalb & Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npseg import arguments, kinds
from npseg.predict import Labeller


def pieces(image: np.ndarray, *, scale: float = 100.0, sigma: float = 0.8, min_size: int = 20) -> np.ndarray:
    """Cut an image into superpixels.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        A photograph in RGB.
    scale : float
        The larger, the larger the pieces: Felzenszwalb and Huttenlocher's k.
    sigma : float
        Deviation of the Gaussian that smooths the image first, in pixels.
    min_size : int
        Pixels of the smallest piece.

    Returns
    -------
    (H, W) int array
        The number of each pixel's piece, from 0.

    Raises
    ------
    ValueError
        If scikit-image is not installed, or a number is out of range.
    TypeError
        If the image is not uint8, or something is no number.

    Examples
    --------
    >>> image = np.zeros((20, 20, 3), np.uint8)
    >>> image[:, 10:] = 255
    >>> pieces(image, sigma=0)[0]  # doctest: +SKIP
    array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    """
    op = "pieces"
    scale, sigma = arguments.real(op, "scale", scale), arguments.real(op, "sigma", sigma)
    if not (scale > 0 and sigma >= 0):
        raise ValueError(f"{op}: scale={scale} must be positive, and sigma={sigma} must not be negative")
    min_size = arguments.integer(op, "min_size", min_size, 1)
    kinds.image(op, "image", image)
    numbers: np.ndarray = felzenszwalb()(image, scale=scale, sigma=sigma, min_size=min_size, channel_axis=-1)
    return numbers


def average(probabilities: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Give each pixel the mean of its piece.

    Parameters
    ----------
    probabilities : (n, H, W) array
        Of each class at each pixel, as :meth:`npseg.predict.Labeller.probabilities` returns them.
    pieces : (H, W) int array
        The number of each pixel's piece, not below 0: from :func:`pieces` or from elsewhere.

    Returns
    -------
    (n, H, W) array of probabilities' dtype
        One distribution for each piece; ``average(...).argmax(0)`` is its label.

    Raises
    ------
    ValueError
        If the two are not of one size, or a number is below 0.
    TypeError
        If the numbers are not whole, or the probabilities no floats.

    Examples
    --------
    Two pixels are sure, the third is outvoted:

    >>> p = np.array([[[0.9, 0.9, 0.3, 0.2]], [[0.1, 0.1, 0.7, 0.8]]])
    >>> average(p, np.array([[0, 0, 0, 1]])).argmax(0)
    array([[0, 0, 0, 1]])
    """
    if not isinstance(pieces, np.ndarray) or pieces.dtype.kind not in "iu":
        given = getattr(pieces, "dtype", type(pieces).__name__)
        raise TypeError(f"average: pieces are {given}; whole numbers are needed")
    if not isinstance(probabilities, np.ndarray) or probabilities.dtype.kind != "f":
        given = getattr(probabilities, "dtype", type(probabilities).__name__)
        raise TypeError(f"average: probabilities are {given}; a float array is needed")
    if probabilities.ndim != 3 or not len(probabilities) or probabilities.shape[1:] != pieces.shape:
        raise ValueError(
            f"average: probabilities have shape {probabilities.shape} and pieces {pieces.shape}; "
            "(n, H, W) and (H, W) are needed"
        )
    if pieces.size and pieces.min() < 0:
        raise ValueError(f"average: pieces have the number {pieces.min()}; they count from 0")
    if pieces.size and pieces.max() >= pieces.size:  # numbers with gaps: as many sums as pieces, no more
        pieces = np.unique(pieces, return_inverse=True)[1].reshape(pieces.shape)
    numbers = pieces.ravel().astype(np.int64)
    count = np.maximum(np.bincount(numbers), 1)
    means = [np.bincount(numbers, weights=p.ravel()) / count for p in probabilities]
    return np.stack([mean[pieces] for mean in means]).astype(probabilities.dtype)


def labels(labeller: Labeller, image: np.ndarray, *, tile: int | str | None = "auto") -> np.ndarray:
    """Return the class of each pixel that is most probable for its piece.

    Parameters
    ----------
    labeller : Labeller
        A trained network.
    image : (H, W, 3) uint8 array
        A photograph in RGB, of any size.
    tile : int, "auto" or None
        As of :meth:`npseg.predict.Labeller.labels`.

    Returns
    -------
    (H, W) uint8 array
        The labels.

    Raises
    ------
    ValueError
        If scikit-image is not installed, or the image cannot be labelled.

    Examples
    --------
    >>> labels(labeller, image)  # doctest: +SKIP
    """
    kinds.instance("labels", "labeller", labeller, Labeller, "a npseg.predict.Labeller")
    cut = pieces(image)
    best: np.ndarray = average(labeller.probabilities(image, tile=tile), cut).argmax(0).astype(np.uint8)
    return best


def felzenszwalb() -> Callable[..., Any]:
    """Return scikit-image's function, or say how to install it.

    Raises
    ------
    ValueError
        If scikit-image is not installed.

    Examples
    --------
    >>> felzenszwalb().__name__  # doctest: +SKIP
    'felzenszwalb'
    """
    try:
        from skimage.segmentation import felzenszwalb as function
    except ImportError:
        raise ValueError("superpixels need scikit-image: pip install 'npseg[superpixels]'") from None
    return function  # type: ignore[no-any-return]
