"""Fully convolutional networks: FCN-32s, 16s and 8s, and 8s at once.

A classifier's last layers, run as convolutions, give a coarse map of class scores, one for every 32 pixels.
FCN-32s enlarges it 32 times with a transposed convolution that starts as bilinear interpolation. That is blurred,
so FCN-16s first enlarges it twice and adds the scores that a 1x1 convolution reads off the finer pool4, and
FCN-8s does so again with pool3: deep layers know *what*, shallow ones *where*. Each of them starts from the one
before; FCN-8s at once learns all of it together, which takes features of about one size: those of pool4 and pool3,
larger in VGG than fc7's, are scaled down before scores are read off them. The skips make the network a graph
with two places where paths meet, and its backward, below, is written out by hand: where forward adds, backward
hands the same gradient to both; where forward reads a plane twice, backward adds two gradients.

References
----------
Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.
Shelhamer, Long & Darrell, the same title, TPAMI 2017: all at once.
Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015: the trunk.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from npseg import arguments, backend
from npseg.backend import Array
from npseg.geometry import Grid
from npseg.layers import BilinearUpsampling, Conv, Dropout, Layer, Scale, Sequential, named
from npseg.networks.network import Model, Network
from npseg.networks.vgg import Trunk
from npseg.ops.crop import crop_backward, crop_forward

#: Padding of the first convolution in the paper's networks, so that even a single pixel survives the 7x7 fc6.
PAPER_PADDING = 100

#: By what FCN-8s at once multiplies the features that its skips read.
SCALES = {"pool4": 0.01, "pool3": 0.0001}

HEADS = ("32s", "16s", "8s")


class FCN(Network):
    """A fully convolutional network with VGG-16's layout.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    head : {"8s", "16s", "32s"}
        How fine the finest map of scores is, in pixels of the image.
    at_once : bool
        Scale what the skips read, pool4 by 0.01 and pool3 by 0.0001, so that they can learn from the first step on.
    width : int
        Channels of the first block, from which all others follow; VGG's is 64.
    fc : int, optional
        Channels of fc6 and fc7; ``64 * width`` unless given, as VGG's 4096.
    batch_norm : bool
        Normalise after each convolution but the score layers; the paper's networks, which start from trained
        weights, do not.
    dropout : float
        Probability of being dropped after fc6 and fc7.
    paper_padding : bool
        Pad the first convolution by 100 and fc6 not at all, as the paper does, and crop the scores; otherwise pad
        every convolution by half its kernel, which keeps small images small.
    learned_upsampling : bool
        Let the upsampling learn on from bilinear. In the published networks it stays; the paper's text lets those
        before the last one learn.
    seed : int
        Seed of the initial weights.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Attributes
    ----------
    crops : dict of str to int
        By how much each plane is cropped: the pool4 and pool3 scores, and at the end the scores over the image.
    factors : dict of str to float
        By what the planes are multiplied that the skips' score layers read, by the names of these.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> network = FCN(4, width=4, fc=16)
    >>> network.evaluate()
    >>> network.forward(np.zeros((1, 3, 33, 47), "float32")).shape
    (1, 4, 33, 47)
    """

    def __init__(
        self,
        classes: int,
        *,
        head: str = "8s",
        at_once: bool = False,
        width: int = 16,
        fc: int | None = None,
        batch_norm: bool = True,
        dropout: float = 0.5,
        paper_padding: bool = False,
        learned_upsampling: bool = True,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        arguments.choice("FCN", "head", head, HEADS)
        classes, width = arguments.integers("FCN", 1, classes=classes, width=width)
        fc = arguments.integer("FCN", "fc", 64 * width if fc is None else fc, 1)
        arguments.probability("FCN", "dropout", dropout)
        for name, value in (
            ("at_once", at_once),
            ("batch_norm", batch_norm),
            ("paper_padding", paper_padding),
            ("learned_upsampling", learned_upsampling),
        ):
            arguments.flag("FCN", name, value)
        self.head = head
        trunk = Trunk(width, batch_norm, arguments.generator("FCN", seed), dtype)

        def score(channels: int) -> Conv:
            return Conv(channels, classes, 1, rng=None, dtype=dtype)

        def upsampling(factor: int) -> BilinearUpsampling:
            padding = 0 if paper_padding else factor // 2
            return BilinearUpsampling(
                classes, factor, padding=padding, learned=learned_upsampling, dtype=dtype
            )

        def skip(pool: str, channels: int) -> dict[str, Layer]:
            scale: dict[str, Layer] = {f"scale_{pool}": Scale(SCALES[pool])} if at_once else {}
            return {**scale, f"score_{pool}": score(channels)}

        first = PAPER_PADDING if paper_padding else 1
        to_pool3 = named([*trunk.block(1, padding=first), *trunk.block(2), *trunk.block(3)])
        to_pool4 = named([*trunk.block(4)])
        to_score = named(
            [
                *trunk.block(5),
                *trunk.conv("fc6", (8 * width, fc), 7, 0 if paper_padding else 3),
                ("drop6", Dropout(dropout)),
                *trunk.conv("fc7", (fc, fc), 1, 0),
                ("drop7", Dropout(dropout)),
                ("score_fr", score(fc)),
            ]
        )
        layers: dict[str, Layer] = {"to_pool3": to_pool3, "to_pool4": to_pool4, "to_score": to_score}
        if head != "32s":
            layers |= {"upscore2": upsampling(2), **skip("pool4", 8 * width)}
        if head == "8s":
            layers |= {"upscore_pool4": upsampling(2), **skip("pool3", 4 * width)}
        layers["upscore"] = upsampling(int(head[:-1]))
        super().__init__(**layers)
        self.factors = {
            f"score_{pool}": factor for pool, factor in SCALES.items() if f"scale_{pool}" in layers
        }
        self._lay_over()
        self.compute_by(method)
        self.train(backend.generator(seed))

    def _lay_over(self) -> None:
        """Find by how much each plane must be cropped to lie over the next: the paper's 19; 5, 27; 5, 9, 31."""
        pool3 = self.layers["to_pool3"].grid(Grid())
        pool4 = self.layers["to_pool4"].grid(pool3)
        scores = self.layers["to_score"].grid(pool4)
        self.crops: dict[str, int] = {}
        if "upscore2" in self.layers:
            scores = self.layers["upscore2"].grid(scores)
            self.crops["pool4"] = pool4.offset_of(scores)
        if "upscore_pool4" in self.layers:
            scores = self.layers["upscore_pool4"].grid(scores)
            self.crops["pool3"] = pool3.offset_of(scores)
        self.crops["image"] = self.layers["upscore"].grid(scores).offset_of(Grid())

    def until(self, name: str) -> Sequential:
        """Return the layers from the image to the one named, such as ``"to_pool3.conv1_2"``: of the trunk.

        Raises
        ------
        ValueError
            If the trunk has no such layer. What comes after it is where the paths meet.
        """
        trunk = ("to_pool3", "to_pool4", "to_score")
        return Sequential(**{part: self.layers[part] for part in trunk}).until(name)

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the image that pixels of the scores see, on one axis.

        Followed is the deepest path, whose units see all that those of the skips do.
        """
        first, last = first + self.crops["image"], last + self.crops["image"]
        for name, layer in reversed(self.layers.items()):
            if not name.startswith(("scale_", "score_")):
                first, last = layer.sees(first, last)
        return first, last

    def _skip(self, pool: str) -> Sequential:
        """Return the layers that read scores off a finer plane."""
        names = (f"scale_{pool}", f"score_{pool}")
        return Sequential(**{name: self.layers[name] for name in names if name in self.layers})

    def forward(self, x: Array) -> Array:
        """Return the scores of the classes at each pixel.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Images of any size.

        Returns
        -------
        (N, classes, H, W) array
            Scores (logits).
        """
        layers, crops = self.layers, self.crops
        pool3 = layers["to_pool3"].forward(x)
        pool4 = layers["to_pool4"].forward(pool3)
        scores = layers["to_score"].forward(pool4)
        sum4 = sum3 = None
        if self.head != "32s":
            skip = self._skip("pool4").forward(pool4)
            scores, sum4 = _add(layers["upscore2"].forward(scores), skip, crops["pool4"])
        if self.head == "8s":
            skip = self._skip("pool3").forward(pool3)
            scores, sum3 = _add(layers["upscore_pool4"].forward(scores), skip, crops["pool3"])
        scores, crop = crop_forward(layers["upscore"].forward(scores), crops["image"], x.shape[2:])
        self._remember((sum4, sum3, crop))
        return scores

    def backward(self, dout: Array) -> Array:
        """Carry the gradient of the scores back to the image, and leave those of all parameters.

        Parameters
        ----------
        dout : (N, classes, H, W) array
            Gradient with respect to the scores.

        Returns
        -------
        (N, 3, H, W) array
            Gradient with respect to the image.
        """
        layers = self.layers
        sum4, sum3, crop = self._recall()
        dscores = layers["upscore"].backward(crop_backward(dout, crop))
        dpool3 = dpool4 = None
        if self.head == "8s":
            dscores, dskip = _add_backward(dscores, sum3)
            dpool3 = self._skip("pool3").backward(dskip)
            dscores = layers["upscore_pool4"].backward(dscores)
        if self.head != "32s":
            dscores, dskip = _add_backward(dscores, sum4)
            dpool4 = self._skip("pool4").backward(dskip)
            dscores = layers["upscore2"].backward(dscores)
        # pool4 and pool3 were each read twice: by the layers above them and by their score layers.
        dpool4 = _both(layers["to_score"].backward(dscores), dpool4)
        dpool3 = _both(layers["to_pool4"].backward(dpool4), dpool3)
        return layers["to_pool3"].backward(dpool3)


def _add(scores: Array, skip: Array, offset: int) -> tuple[Array, tuple[Any, Any]]:
    """Lay a skip, cropped by its offset, over the scores, and add what lies over each other.

    The paper's planes are padded, so that the skip is the larger one; otherwise the scores are, by a pixel at most.
    """
    size = tuple(min(have, there - offset) for have, there in zip(scores.shape[2:], skip.shape[2:]))
    scores, crop_scores = crop_forward(scores, 0, size)
    skip, crop_skip = crop_forward(skip, offset, size)
    return scores + skip, (crop_scores, crop_skip)


def _add_backward(dout: Array, crops: tuple[Any, Any]) -> tuple[Array, Array]:
    """Hand the gradient of a sum to both of its terms."""
    return crop_backward(dout, crops[0]), crop_backward(dout, crops[1])


def _both(through: Array, skip: Array | None) -> Array:
    """Add the gradients of a plane that was read once or twice."""
    return through if skip is None else through + skip


#: As published: VGG's width, no batch norm, the first convolution padded by 100, upsampling bilinear.
_PUBLISHED = {"width": 64, "batch_norm": False, "paper_padding": True, "learned_upsampling": False}

#: The paper's recipe for VGG, as far as it is given, and that of the authors' published files, whose loss is a sum
#: over the one image of a step. No flips, crops or other augmentation; the rate stays.
_TRAINED = {"schedule": "constant", "weight_decay": 5e-4, "bias_rate": 2.0, "bias_decay": 0.0, "flip": False}
_PAPER = _TRAINED | {"batch_size": 20, "momentum": 0.9}
_REPOSITORY = _TRAINED | {"batch_size": 1, "momentum": 0.99, "reduction": "sum"}


def _recipes(head: str, at_once: bool = False) -> dict[str, dict[str, Any]]:
    """Return both; with each skip that is added to a trained network, the rate is divided by 100."""
    skips = 0 if at_once else HEADS.index(head)
    return {
        "paper": _PAPER | {"lr": 1e-4 / 100**skips},
        "repository": _REPOSITORY | {"lr": 1e-10 / 100**skips},
    }


_VARIANTS: dict[str, dict[str, Any]] = {
    **{f"fcn{head}": {"head": head} for head in HEADS},
    "fcn8s-at-once": {"head": "8s", "at_once": True},
}

MODELS = {
    name: Model(
        partial(FCN, **variant),
        published=_PUBLISHED,
        width=16,
        small=lambda width: {"fc": 8 * width},
        recipes=_recipes(**variant),
    )
    for name, variant in _VARIANTS.items()
}
