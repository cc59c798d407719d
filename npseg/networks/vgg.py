"""VGG-16: the trunk that most of the networks share, layer by layer, under the names of its paper.

Five blocks of 3x3 convolutions, each ended by a max pooling, with more channels in each block; then three fully
connected layers, the first two of which, fc6 and fc7, the segmentation networks run as convolutions.

References
----------
Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, table 1, column D.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from npseg import arguments, kinds
from npseg.layers import BatchNorm, Conv, Layer, MaxPool, ReLU
from npseg.networks.network import Colors

#: Convolutions in each of the five blocks, and their channels as multiples of the first block's.
BLOCKS = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))

#: Mean and deviation of ImageNet's colours, by which the images were normalised that torchvision's VGG learned from.
IMAGENET: Colors = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Trunk:
    """Makes VGG's layers, at any width.

    Parameters
    ----------
    width : int
        Channels of the first block; VGG's is 64.
    batch_norm : bool
        Normalise after each convolution.
    rng : numpy.random.Generator
        Source of the initial weights.
    dtype : str
        "float32" or "float64".

    Examples
    --------
    >>> trunk = Trunk(64, False, np.random.default_rng(0), "float32")
    >>> [name for name, layer in trunk.block(1)]
    ['conv1_1', 'conv1_1_relu', 'conv1_2', 'conv1_2_relu', 'pool1']
    """

    width: int
    batch_norm: bool
    rng: np.random.Generator
    dtype: str

    def __post_init__(self) -> None:
        arguments.integer("Trunk", "width", self.width, 1)
        arguments.flag("Trunk", "batch_norm", self.batch_norm)
        kinds.instance("Trunk", "rng", self.rng, np.random.Generator, "a numpy.random.Generator")
        arguments.float_type("Trunk", self.dtype)

    def conv(
        self, name: str, channels: tuple[int, int], kernel: int, padding: int
    ) -> Iterator[tuple[str, Layer]]:
        """Yield a convolution with what follows it, and their names."""
        bias = not self.batch_norm
        yield name, Conv(*channels, kernel, padding=padding, bias=bias, rng=self.rng, dtype=self.dtype)
        if self.batch_norm:
            yield f"{name}_norm", BatchNorm(channels[1], dtype=self.dtype)
        yield f"{name}_relu", ReLU(in_place=True)

    def block(self, number: int, *, padding: int = 1) -> Iterator[tuple[str, Layer]]:
        """Yield the layers of a block, 1 to 5, and their names; ``padding`` is that of its first convolution."""
        depth, multiple = BLOCKS[arguments.integer("Trunk", "number", number, 1, len(BLOCKS)) - 1]
        before = 3 if number == 1 else self.width * BLOCKS[number - 2][1]
        for i in range(1, depth + 1):
            yield from self.conv(
                f"conv{number}_{i}", (before, self.width * multiple), 3, padding if i == 1 else 1
            )
            before = self.width * multiple
        yield f"pool{number}", MaxPool(2, ceil_mode=True)


def torchvision_names(*, batch_norm: bool = False) -> dict[str, str]:
    """Return torchvision's names of VGG-16's layers, by ours.

    torchvision counts all layers of a list, ReLUs, norms and poolings too.

    Examples
    --------
    >>> names = torchvision_names()
    >>> names["conv1_1"], names["conv1_2"], names["conv2_1"], names["conv5_3"], names["fc6"], names["fc7"]
    ('features.0', 'features.2', 'features.5', 'features.28', 'classifier.0', 'classifier.3')
    >>> torchvision_names(batch_norm=True)["conv5_3_norm"]
    'features.41'
    """
    arguments.flag("torchvision_names", "batch_norm", batch_norm)
    names, count = {}, 0
    for block, (depth, _) in enumerate(BLOCKS, start=1):
        for i in range(1, depth + 1):
            names[f"conv{block}_{i}"] = f"features.{count}"
            if batch_norm:
                names[f"conv{block}_{i}_norm"] = f"features.{count + 1}"
            count += 3 if batch_norm else 2
        count += 1
    return names | {"fc6": "classifier.0", "fc7": "classifier.3"}
