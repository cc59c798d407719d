"""Fully convolutional without downsampling: 3x3 convolutions one after the other, each at the image's resolution.

The lecture's second idea. Nothing is computed twice, and no pixel is lost. But each layer widens what a unit sees by
two pixels only, 1 + 2 L after L layers, and each costs as much as the first, D x D x 9 products for each pixel of the
image. What networks that go down and up again save is on the page of the site: "Full resolution".

References
----------
Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", 2015, section 3: the composition
of layers that the receptive field follows from. No paper is tied to the network itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from npseg import arguments, backend
from npseg.layers import BatchNorm, Conv, Layer, ReLU, named
from npseg.layers.containers import Sequential
from npseg.networks.network import Model, Network

#: Convolutions that there may be; more are a slip of the pen.
DEEPEST = 1000


class FullResolution(Network, Sequential):
    """3x3 convolutions of stride 1, padded by 1: planes of D x H x W all the way, and scores at the end.

    The lecture draws D x H x W and writes neither D nor how many layers there are. Chosen are D = 64, VGG-16's at
    full resolution, and L = 8. Each plane is padded, as drawn, so that near the border it is another function than a
    sliding window of 17x17.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels of each plane: D.
    depth : int
        Convolutions, the last of which gives the scores: L.
    batch_norm : bool
        Normalise after each convolution but the last.
    seed : int
        Seed of the initial weights.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg.geometry import Grid
    >>> network = FullResolution(4, width=2, depth=5)
    >>> network.forward(np.zeros((1, 3, 30, 41), "float32")).shape, network.grid(Grid()).field
    ((1, 4, 30, 41), Fraction(11, 1))
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        depth: int = 8,
        batch_norm: bool = True,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("FullResolution", 1, classes=classes, width=width)
        depth = arguments.integer("FullResolution", "depth", depth, 1, DEEPEST)
        arguments.flag("FullResolution", "batch_norm", batch_norm)
        rng = arguments.generator("FullResolution", seed)

        def block(number: int) -> Iterator[tuple[str, Layer]]:
            below = 3 if number == 1 else width
            yield f"conv{number}", Conv(below, width, 3, padding=1, bias=not batch_norm, rng=rng, dtype=dtype)
            if batch_norm:
                yield f"norm{number}", BatchNorm(width, dtype=dtype)
            yield f"relu{number}", ReLU(in_place=True)

        layers = [layer for number in range(1, depth) for layer in block(number)]
        score = Conv(width if depth > 1 else 3, classes, 3, padding=1, rng=rng, dtype=dtype)
        super().__init__(**named([*layers, ("score", score)]).layers)
        self.compute_by(method)
        self.train(backend.generator(seed))


#: Published by nobody; the lecture's, with the D and L that its class says.
_PUBLISHED = {"width": 64, "depth": 8, "batch_norm": False}

MODELS = {"full-resolution": Model(FullResolution, published=_PUBLISHED, width=16)}
