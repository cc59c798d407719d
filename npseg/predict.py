"""Whole images: from a photograph to the scores, probabilities and labels of its pixels.

A large image goes through the network in tiles (:mod:`npseg.tiles`), so that the memory it takes is that of a tile:
what is asked for is made of each tile's scores at once, and only that is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from npseg import arguments, backend, kinds
from npseg.backend import Array
from npseg.data.normalization import Normalization
from npseg.layers import Container
from npseg.tiles import cut


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

    Notes
    -----
    The three methods take the same arguments. ``tile`` is how an image is cut: ``"auto"``, the default, cuts what
    would take too much memory whole; a number is that of pixels from one tile to the next, rounded up to a multiple
    of the network's total stride; None does not cut. In tiles the scores are those of the whole image, exactly where
    the network's arithmetic is exact, and otherwise within rounding. See :func:`npseg.tiles.cut`.

    Examples
    --------
    >>> from npseg.networks import make
    >>> half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    >>> labeller = Labeller(make("fcn8s", 2, width=2, fc=8), half, ("a", "b"), np.zeros((2, 3), np.uint8))
    >>> labeller.labels(np.zeros((30, 41, 3), np.uint8)).shape
    (30, 41)
    >>> labeller.labels(np.zeros((600, 41, 3), np.uint8), tile=64).shape
    (600, 41)
    """

    network: Container
    normalization: Normalization
    classes: tuple[str, ...]
    colors: np.ndarray

    def scores(self, image: np.ndarray, *, tile: int | str | None = "auto", progress: bool = True) -> Array:
        """Return the score of each class at each pixel.

        Parameters
        ----------
        image : (H, W, 3) uint8 array
            A photograph in RGB, of any size.
        tile : int, "auto" or None
            How to cut it.
        progress : bool
            Show a bar, where there is more than one tile.

        Returns
        -------
        (n, H, W) array
            Scores (logits), of the library and dtype of the network's weights.

        Raises
        ------
        ValueError
            If image is not of this shape, tile is below 1, or the network's images cannot be cut.
        TypeError
            If image is not uint8, or tile is none of these.
        """
        return self._each_tile(lambda scores: scores, image, tile, progress)

    def probabilities(
        self, image: np.ndarray, *, tile: int | str | None = "auto", progress: bool = True
    ) -> np.ndarray:
        """Return the probability of each class at each pixel, (n, H, W): the softmax of the scores."""
        p: np.ndarray = self._each_tile(softmax, image, tile, progress)
        return p

    def labels(
        self, image: np.ndarray, *, tile: int | str | None = "auto", progress: bool = True
    ) -> np.ndarray:
        """Return the most probable class of each pixel, (H, W) uint8."""
        labels: np.ndarray = self._each_tile(_most_probable, image, tile, progress)
        return labels

    def _each_tile(
        self, make: Callable[[Array], Array], image: np.ndarray, tile: int | str | None, progress: bool
    ) -> Any:
        """Run each tile through the network, make something of its scores, and put that together."""
        kinds.image("label", "image", image)
        kinds.instance("label", "network", self.network, Container, "a network")
        kinds.instance("label", "normalization", self.normalization, Normalization, "a Normalization")
        arguments.flag("label", "progress", progress)
        self.network.evaluate()
        like = next(iter(self.network.params.values()))
        xp, size = backend.array_module(like), image.shape[:2]
        tiles = cut(self.network, size, tile, dtype=like.dtype)

        whole = None
        # None: hidden where standard error is no terminal.
        hidden = None if progress and len(tiles) > 1 else True
        for read, keep, put in tqdm(tiles, unit="tile", leave=False, disable=hidden):
            x = xp.asarray(self.normalization.apply(image[read])[None], like.dtype)
            made = make(self.network.forward(x)[0, :, *keep])
            if len(tiles) == 1:
                return made
            if whole is None:
                whole = backend.array_module(made).empty((*made.shape[:-2], *size), made.dtype)
            whole[..., *put] = made
            del made  # it would lie beside all that the next tile needs
        return whole


def softmax(scores: Array) -> np.ndarray:
    """Return the probabilities of the classes, on the host.

    Parameters
    ----------
    scores : (n, H, W) array
        Scores (logits).

    Examples
    --------
    >>> softmax(np.log([[[1.0]], [[3.0]]])).ravel()
    array([0.25, 0.75])
    """
    arguments.arrays("softmax", scores=scores)
    if scores.ndim < 1 or not len(scores):
        raise ValueError(
            f"softmax: scores have shape {scores.shape}; (n, H, W), of at least one class, is needed"
        )
    p = scores - scores.max(axis=0)
    backend.array_module(p).exp(p, out=p)
    p /= p.sum(axis=0)
    return backend.to_numpy(p)


def _most_probable(scores: Array) -> np.ndarray:
    """Return the class of the highest score, on the host."""
    return backend.to_numpy(scores.argmax(axis=0).astype(np.uint8))
