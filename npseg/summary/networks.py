"""Networks to look at, whose weights take no memory."""

from __future__ import annotations

from typing import Any

from npseg import backend, networks
from npseg.networks import Network
from npseg.planes import Blank


def blank(name: str, classes: int, **settings: Any) -> Network:
    """Make a published network to look at: its weights take no memory.

    Parameters
    ----------
    name, classes, settings
        As of :func:`npseg.networks.make`; as published unless given.

    Returns
    -------
    Network
        As of :func:`weightless`.

    Examples
    --------
    >>> network = blank("fcn32s", 21)
    >>> sum(p.size for p in network.params.values())
    134346581
    """
    return weightless(name, classes, **{**networks.model(name).published, **settings})


def weightless(name: str, classes: int, **settings: Any) -> Network:
    """Make a network whose weights take no memory: where they would be drawn, they are 0.

    Parameters
    ----------
    name, classes, settings
        As of :func:`npseg.networks.make`.

    Returns
    -------
    Network
        The network. Its large weights are one number, seen many times, and cannot be written to.

    Examples
    --------
    >>> network = weightless("fcn32s", 4, width=64)
    >>> network.params["to_score.fc6.w"].nbytes, network.params["to_score.fc6.w"].strides
    (411041792, (0, 0, 0, 0))
    """
    with backend.use("numpy"):
        return networks.make(name, classes, **settings, seed=Blank(settings.get("dtype", "float32")))
