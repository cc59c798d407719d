"""Networks of comparable cost: each as wide as makes its arithmetic come nearest to a budget.

The cost of a network is that of an image's forward pass as it trains, in multiply-adds, counted off its layers. It
grows with the width, if not smoothly: channels are whole numbers, and each layout has its own share of layers whose
size no width changes. So costs are only comparable, and the table shows what they came to.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf, log
from typing import Any, NamedTuple

from npseg import arguments, networks
from npseg.geometry import Ints
from npseg.networks.weightless import weightless
from npseg.summary import summarize

#: The largest width that is tried.
WIDEST = 2**16


class Entrant(NamedTuple):
    """A network that takes part.

    Attributes
    ----------
    name : str
        Its name in :data:`npseg.networks.NETWORKS`.
    settings : dict
        The network's settings, its width among them.
    parameters : int
        What it learns.
    multiply_adds : int
        Of one image's forward pass.

    Examples
    --------
    >>> enter("fcn32s", 4, (96, 128), width=2).settings
    {'width': 2, 'fc': 16}
    """

    name: str
    settings: dict[str, Any]
    parameters: int
    multiply_adds: int


def enter(name: str, classes: int, size: Ints, *, width: int | None = None) -> Entrant:
    """Enter a network at a width: by default, that at which it trains on a laptop.

    Parameters
    ----------
    name : str
        Of the network.
    classes : int
        Classes to tell apart.
    size : tuple of int
        Rows and columns of the images that it trains on.
    width : int, optional
        The network's.

    Raises
    ------
    ValueError
        If there is no such network, or a number is out of range.
    TypeError
        If a number is not whole.

    Examples
    --------
    >>> enter("fcn8s", 4, (96, 128), width=8).parameters
    441412
    """
    if width is not None:
        width = arguments.integer("enter", "width", width, 1, WIDEST)
    settings = networks.model(name).at_width(width)
    rows = summarize(weightless(name, classes, **settings), size)
    return Entrant(
        name, settings, sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    )


def at_cost(name: str, classes: int, size: Ints, cost: int, *, widest: int = 256) -> Entrant:
    """Enter a network at the width whose cost comes nearest to a number of multiply-adds, as a ratio.

    Parameters
    ----------
    name, classes, size
        As of :func:`enter`.
    cost : int
        Multiply-adds of an image's forward pass.
    widest : int
        The largest width that is tried.

    Raises
    ------
    ValueError, TypeError
        As :func:`enter`.

    Examples
    --------
    >>> goal = enter("fcn8s", 4, (96, 128), width=8)
    >>> at_cost("fcn32s", 4, (96, 128), goal.multiply_adds).settings["width"]
    8
    """
    cost = arguments.integer("at_cost", "cost", cost, 1, inf)
    widest = arguments.integer("at_cost", "widest", widest, 1, WIDEST)

    def of(width: int) -> Entrant:
        return enter(name, classes, size, width=width)

    wide = bisect_left(range(1, widest), cost, key=lambda width: of(width).multiply_adds) + 1
    return min(
        (of(width) for width in {max(1, wide - 1), wide}), key=lambda e: abs(log(e.multiply_adds) - log(cost))
    )
