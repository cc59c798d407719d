"""Networks to look at: of any size, made of planes that take no memory."""

from __future__ import annotations

from typing import Any

from npseg import backend, networks
from npseg.networks.network import Network
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
        As of :func:`npseg.networks.make`; a ``seed`` changes nothing.

    Returns
    -------
    Network
        The network, on NumPy. Its large weights are one number, seen many times, and cannot be written to.

    Examples
    --------
    >>> network = weightless("fcn32s", 4, width=64)
    >>> network.params["to_score.fc6.w"].nbytes, network.params["to_score.fc6.w"].strides
    (411041792, (0, 0, 0, 0))
    """
    settings["seed"] = Blank(settings.get("dtype", "float32"))
    with backend.use("numpy"):  # a plane of zeros takes no memory there
        return networks.make(name, classes, **settings)
