"""What all networks have in common: how they learn from a batch, and under which name they are known.

A network turns images into scores of the same height and width. It is made of layers by hand, and writes its own
``forward`` and ``backward``: there is no automatic differentiation. What it learns from is the cross entropy of its
scores, unless it says otherwise in its own :meth:`Network.learn`, as one does whose loss is a sum of several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from npseg import arguments
from npseg.backend import Array
from npseg.layers import Container
from npseg.ops.loss import cross_entropy_backward, cross_entropy_forward

#: Mean and deviation of red, green and blue, in intensities from 0 to 1.
Colors = tuple[tuple[float, float, float], tuple[float, float, float]]


class Network(Container):
    """A network for semantic segmentation: (N, 3, H, W) images in, (N, classes, H, W) scores out.

    Attributes
    ----------
    losses : int
        Of how many cross entropies its loss is the sum.
    factors : dict of str to float
        By what planes are multiplied before layers read them, by the names of these layers; 1 for those not named.

    Examples
    --------
    The least that a network has to say is how its layers run:

    >>> import numpy as np
    >>> from npseg.layers import Conv
    >>> class OneLayer(Network):
    ...     def __init__(self, classes):
    ...         super().__init__(conv=Conv(3, classes, 3, padding=1, rng=np.random.default_rng(0)))
    ...
    ...     def forward(self, x):
    ...         return self.layers["conv"].forward(x)
    ...
    ...     def backward(self, dout):
    ...         return self.layers["conv"].backward(dout)
    >>> network = OneLayer(4)
    >>> loss = network.learn(np.zeros((1, 3, 8, 8), "float32"), np.zeros((1, 8, 8), int))
    >>> round(float(loss), 3), sorted(network.grads)
    (1.386, ['conv.b', 'conv.w'])
    """

    losses = 1
    factors: Mapping[str, float] = MappingProxyType({})

    def learn(
        self, x: Array, labels: Array, *, weight: Array | None = None, reduction: str = "mean"
    ) -> Array:
        """Run forward and backward on a batch: leave the gradients of all parameters, return the loss.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Normalised images.
        labels : (N, H, W) integer array
            Their classes; 255 is void.
        weight : (classes,) array, optional
            Of each class in the loss.
        reduction : {"mean", "sum"}
            What becomes of the losses of the pixels. A network whose loss is one of its own may know the mean alone.

        Returns
        -------
        0-d array
            The loss: the cross entropy of the scores, averaged over the pixels, or their sum.
        """
        scores = self.forward(x)
        loss, cache = cross_entropy_forward(scores, labels, weight=weight, reduction=reduction)
        self.backward(cross_entropy_backward(None, cache))
        return loss


@dataclass(frozen=True)
class Model:
    """A network under the name that the command line knows it by.

    Parameters
    ----------
    build : callable
        Takes the number of classes, then the network's settings by name.
    published : dict
        The settings with which it is the published network.
    width : int
        The width at which it trains on a laptop, where it is no wider than ``published``.
    small : callable
        What else is set at a width that trains on a laptop: from the width to settings.
    mean_and_std : pair of triples of float, or None
        What its images are normalised by, in intensities from 0 to 1; None for the mean and the deviation of the
        images that it is trained on.
    classes : int
        Of the data set that it was published with: PASCAL VOC's 21 unless given.
    recipes : dict of str to dict
        How it was trained, by the names that ``npseg train --recipe`` knows, "paper" above all: fields of
        :class:`npseg.training.Settings`.

    Examples
    --------
    >>> from npseg.networks import NETWORKS
    >>> NETWORKS["fcn8s"].published["width"], NETWORKS["fcn8s"].at_width(8)
    (64, {'width': 8, 'fc': 64})
    >>> NETWORKS["fcn32s"].recipes["paper"]["batch_size"]
    20
    """

    build: Callable[..., Network]
    published: Mapping[str, Any]
    width: int
    small: Callable[[int], dict[str, Any]] = field(default=lambda width: {})
    mean_and_std: Colors | None = None
    classes: int = 21
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> Callable[..., Network]:
        """What builds it: models of one kind, such as FCN's heads, take the same settings."""
        kind: Callable[..., Network] = getattr(self.build, "func", self.build)
        return kind

    def __call__(self, classes: int, **settings: Any) -> Network:
        """Build the network."""
        return self.build(classes, **settings)

    def at_width(self, width: int | None = None) -> dict[str, Any]:
        """Return the settings with which it trains on a laptop, at a width of one's own or at its default one."""
        width = arguments.integer("network", "width", self.width if width is None else width, 1)
        return {"width": width, **self.small(width)}
