"""The networks, one file for each system, and the names under which the command line and checkpoints know them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from npseg.layers import Container
from npseg.networks.fcn import FCN

#: Each takes the number of classes, then its settings by name.
NETWORKS: dict[str, Callable[..., Container]] = {
    "fcn32s": partial(FCN, head="32s"),
    "fcn16s": partial(FCN, head="16s"),
    "fcn8s": partial(FCN, head="8s"),
}


def make(name: str, classes: int, **settings: Any) -> Container:
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
    Container
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
    if name not in NETWORKS:
        raise ValueError(f"network {name!r}: choose one of {', '.join(map(repr, NETWORKS))}")
    try:
        return NETWORKS[name](classes, **settings)
    except TypeError as error:
        raise ValueError(f"network {name!r}: {error}") from None


__all__ = ["FCN", "NETWORKS", "make"]
