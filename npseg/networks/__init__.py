"""The networks, one file for each system, and the names under which the command line and checkpoints know them."""

from __future__ import annotations

import inspect
from typing import Any

from npseg import arguments
from npseg.networks import deconvnet, farabet, fcn, full_resolution, pinheiro, segnet, sliding_window, unet
from npseg.networks.deconvnet import DeconvNet
from npseg.networks.farabet import Farabet
from npseg.networks.fcn import FCN
from npseg.networks.full_resolution import FullResolution
from npseg.networks.network import Model, Network
from npseg.networks.pinheiro import RecurrentCNN
from npseg.networks.segnet import SegNet, SegNetBasic
from npseg.networks.sliding_window import SlidingWindow
from npseg.networks.unet import UNet

#: By the names under which the command line and checkpoints know them.
NETWORKS: dict[str, Model] = {
    **sliding_window.MODELS,
    **full_resolution.MODELS,
    **fcn.MODELS,
    **deconvnet.MODELS,
    **segnet.MODELS,
    **unet.MODELS,
    **farabet.MODELS,
    **pinheiro.MODELS,
}


def make(name: str, classes: int, **settings: Any) -> Network:
    """Build a network by its name.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    classes : int
        Classes to tell apart.
    **settings
        The network's own, such as ``width``.

    Returns
    -------
    Network
        The network, with its initial weights.

    Raises
    ------
    ValueError
        If there is no network of that name, it has no such setting, or one is out of range.

    Examples
    --------
    >>> network = make("fcn32s", 4, width=2, fc=8)
    >>> sum(p.size for p in network.params.values())
    86622
    """
    build = model(name)
    arguments.integer(f"network {name!r}", "classes", classes, 1)
    known = [n for n in inspect.signature(build.build).parameters if n != "classes"]
    strange = [n for n in settings if n not in known]
    if strange:
        raise ValueError(
            f"network {name!r}: has no {', '.join(strange)}; its settings are {', '.join(known)}"
        )
    try:
        return build(classes, **settings)
    except TypeError as error:
        raise ValueError(f"network {name!r}: {error}") from None


def model(name: str) -> Model:
    """Look a network up by its name.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> model("fcn8s").published["width"]
    64
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise ValueError(f"network {name!r}: choose one of {', '.join(map(repr, NETWORKS))}")
    return NETWORKS[name]


__all__ = [
    "FCN",
    "NETWORKS",
    "DeconvNet",
    "Farabet",
    "FullResolution",
    "Model",
    "Network",
    "RecurrentCNN",
    "SegNet",
    "SegNetBasic",
    "SlidingWindow",
    "UNet",
    "make",
    "model",
]
