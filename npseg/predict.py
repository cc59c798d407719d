"""Whole images: from a photograph to the scores, probabilities and labels of its pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from npseg import backend
from npseg.backend import Array
from npseg.data.normalization import Normalization
from npseg.layers import Container


class Labeller(NamedTuple):
    """A trained network with all that is needed to label an image.

    Attributes
    ----------
    network : Container
        The network; it is switched to running without training.
    normalization : Normalization
        How its input is normalised.
    classes : tuple of str
        The classes' names.
    colors : (n, 3) uint8 array
        Their colours.

    Examples
    --------
    >>> from npseg.networks import make
    >>> half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    >>> labeller = Labeller(make("fcn8s", 2, width=2, fc=8), half, ("a", "b"), np.zeros((2, 3), np.uint8))
    >>> labeller.labels(np.zeros((30, 41, 3), np.uint8)).shape
    (30, 41)
    """

    network: Container
    normalization: Normalization
    classes: tuple[str, ...]
    colors: np.ndarray

    def scores(self, image: np.ndarray) -> Array:
        """Return the score of each class at each pixel.

        Parameters
        ----------
        image : (H, W, 3) uint8 array
            A photograph in RGB, of any size.

        Returns
        -------
        (n, H, W) array
            Scores (logits), of the library and dtype of the network's weights.
        """
        self.network.evaluate()
        like = next(iter(self.network.params.values()))
        x = backend.array_module(like).asarray(self.normalization.apply(image)[None], like.dtype)
        return self.network.forward(x)[0]

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of each class at each pixel, (n, H, W): the softmax of the scores."""
        scores = backend.to_numpy(self.scores(image))
        p: np.ndarray = np.exp(scores - scores.max(axis=0))
        p /= p.sum(axis=0)
        return p

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Return the most probable class of each pixel, (H, W) uint8."""
        labels: np.ndarray = backend.to_numpy(self.scores(image).argmax(axis=0)).astype(np.uint8)
        return labels
