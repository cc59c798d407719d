"""Every network, so small that a test can run it: settings by name, and an image that is large enough for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npseg.networks import Network, make


class Tiny(NamedTuple):
    """Settings of a tiny network, the size of an image for it, and rate and steps to learn two scenes by heart."""

    settings: dict[str, Any]
    size: tuple[int, int] = (32, 40)
    rate: float = 0.03
    steps: int = 40


_FCN = {"width": 2, "fc": 4, "dropout": 0.0}

#: A network that joins ``npseg.networks.NETWORKS`` joins here, too; its dropout is 0.
TINY = {
    "sliding-window": Tiny({"width": 2}, rate=0.01),  # without batch norm
    "full-resolution": Tiny({"width": 2}),
    "fcn32s": Tiny(_FCN),
    "fcn16s": Tiny(_FCN),
    "fcn8s": Tiny(_FCN),
    "fcn8s-at-once": Tiny(_FCN),
    "deconvnet": Tiny({"width": 2, "fc": 16, "input_size": 64}, (64, 72), steps=80),
    "segnet": Tiny({"width": 2}),
    "segnet-basic": Tiny({"width": 2}),
    "unet": Tiny({"width": 2, "dropout": 0.0}),
    "farabet": Tiny({"width": 2, "fc": 32}, rate=0.01),
    "cnn1": Tiny({"width": 2, "step": 8}, rate=0.01),
    "rcnn2": Tiny({"width": 2, "step": 8}, rate=0.01),
    "rcnn3": Tiny({"width": 2, "step": 8}, rate=0.01),
}

CLASSES = 3


def tiny(name: str, **settings: Any) -> Network:
    """Make the tiny network of this name."""
    return make(name, CLASSES, **(TINY[name].settings | settings))


def scattered(network: Network, seed: int = 0) -> Network:
    """Give a network random weights everywhere: layers that start at 0, too, let gradients through."""
    rng = np.random.default_rng(seed)
    for p in network.params.values():
        p += 0.2 * rng.standard_normal(p.shape).astype(p.dtype)
    return network


def batch(name: str, dtype: str = "float32", *, images: int = 2, seed: int = 7) -> tuple[Any, Any]:
    """Draw images and labels for the tiny network of this name, a few pixels void."""
    rng, size = np.random.default_rng(seed), TINY[name].size
    labels = rng.integers(CLASSES, size=(images, *size))
    labels[rng.random(labels.shape) < 0.1] = 255
    return rng.standard_normal((images, 3, *size)).astype(dtype), labels
