"""A picture of what one unit of a network sees: where its gradient arrives, and the fields outlined on it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from npseg.draw.fields import SHARE, Field, field_of
from npseg.geometry import times
from npseg.layers import Layer

# In inches: the page, and the image plane on it.
_WIDTH, _HEIGHT, _SIDE, _LEFT, _BELOW = 6.4, 6.85, 4.5, 0.75, 1.7
_ORANGE, _GRAY, _INK = "#d95f02", "0.35", "0.15"
_STRENGTH = LinearSegmentedColormap.from_list("strength", ["#dde8f3", "#8fb6d9", "#3b78b5", "#0b2a55"])


def receptive_field(
    network: Layer,
    size: int | Sequence[int],
    unit: int | Sequence[int] | None = None,
    *,
    layer: str | None = None,
    channels: int = 3,
    draws: int = 8,
    seed: int = 0,
) -> Figure:
    """Draw what a unit of a network sees of the image, by theory and by gradient.

    Parameters
    ----------
    network, size, unit, layer, channels, draws, seed
        As of :func:`field_of`, which returns the numbers.

    Returns
    -------
    matplotlib.figure.Figure
        The plane of the image, the darker the more gradient arrives (the scale is that of the square root), and
        white where none does. On it the theoretical field, the pixels with any gradient, the smallest square that
        holds 95 % of it, and the unit's centre. ``figure.savefig("field.png")`` writes it.

    Raises
    ------
    ValueError, TypeError
        As :func:`field_of`.

    Examples
    --------
    >>> from npseg.layers import Conv
    >>> figure = receptive_field(Conv(3, 4, 5, padding=2, rng=np.random.default_rng(0)), 9)
    >>> print(figure.legends[0].get_texts()[0].get_text())
    theoretical: 5x5 px
    """
    found = field_of(network, size, unit, layer=layer, channels=channels, draws=draws, seed=seed)
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_LEFT / _WIDTH, _BELOW / _HEIGHT, _SIDE / _WIDTH, _SIDE / _HEIGHT))
    _scale(axes, _plane(axes, found))
    _outlines(axes, found)

    def write(text: str, height: float, size: float, color: str) -> None:
        figure.text(_LEFT / _WIDTH, height / _HEIGHT, text, fontsize=size, color=color)

    top = _BELOW + _SIDE
    whose = f"a unit of {layer}" if layer else f"an output unit of {type(network).__name__}"
    write(f"What {whose} sees", top + 0.34, 12, _INK)
    place = f"unit {list(found.unit)} of {times(found.plane)}, in an image of {times(found.strength.shape)}"
    write(place, top + 0.13, 9, _GRAY)
    if found.stand_ins:
        names = ", ".join(found.stand_ins)
        write(fill(f"The weights of {names} are all 0; random ones stand in for them.", 84), 0.1, 8, _GRAY)
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(_LEFT / _WIDTH, (_BELOW - 0.52) / _HEIGHT),
        borderaxespad=0,
        borderpad=0,
        handlelength=2.2,
        labelspacing=0.5,
        fontsize=9.5,
        labelcolor=_INK,
        frameon=False,
    )
    return figure


def _plane(axes: Axes, found: Field) -> AxesImage:
    """Show the strength on the plane of the image, with room for a field that reaches beyond."""
    size = found.strength.shape
    axes.add_patch(_rectangle([(0, n - 1) for n in size], facecolor="white", edgecolor="0.55", linewidth=0.8))
    picture = axes.imshow(
        np.ma.masked_equal(found.strength / found.strength.max(), 0),
        cmap=_STRENGTH,
        norm=PowerNorm(0.5, 0, 1),
        interpolation="nearest",
        zorder=2,
    )
    ends = [(min(first, 0), max(last, n - 1)) for (first, last), n in zip(found.theoretical, size)]
    reach = 0.53 * max(last - first + 1 for first, last in ends)
    row, column = (sum(pair) / 2 for pair in ends)
    axes.set_xlim(column - reach, column + reach)
    axes.set_ylim(row + reach, row - reach)
    axes.set_facecolor("0.92")
    axes.set_xlabel("column of the image (grey: beyond it)", fontsize=9, color=_GRAY)
    axes.set_ylabel("row", fontsize=9, color=_GRAY)
    axes.tick_params(labelsize=8, colors=_GRAY, length=2)
    axes.locator_params(integer=True, nbins=8)
    axes.spines[:].set_visible(False)
    return picture


def _scale(axes: Axes, picture: AxesImage) -> None:
    """Say beside the plane how strong which colour is."""
    bar = axes.figure.colorbar(picture, cax=axes.inset_axes((1.04, 0, 0.035, 1)))
    bar.set_ticks([1, 1 / 2, 1 / 4, 1 / 10, 1 / 100, 0], labels=["1", "1/2", "1/4", "1/10", "1/100", "> 0"])
    bar.set_label("gradient, as a share of the strongest (square root)", fontsize=9, color=_GRAY)
    bar.ax.tick_params(which="both", labelsize=8, colors=_GRAY, length=0)
    bar.outline.set_visible(False)


def _outlines(axes: Axes, found: Field) -> None:
    """Outline the fields and mark the unit, each labelled for the legend."""
    row, column = found.centre
    half = (found.effective - 1) / 2
    square = [(row - half, row + half), (column - half, column + half)]
    theory, seen, held = found.theoretical_size, found.measured_size, found.effective
    for box, label, style in (
        (found.theoretical, f"theoretical: {times(theory)} px", {"edgecolor": _ORANGE, "linewidth": 1.8}),
        (
            found.measured,
            f"measured: {times(seen)} px get any gradient",
            {"edgecolor": "0.1", "linestyle": ":"},
        ),
        (
            square,
            f"effective: {held}x{held} px hold {100 * SHARE:.0f} % of it",
            {"edgecolor": _INK, "linestyle": "--"},
        ),
    ):
        axes.add_patch(
            _rectangle(box, label=label, facecolor="none", zorder=4, **{"linewidth": 1.2, **style})
        )
    axes.plot(
        [column],
        [row],
        "+",
        color=_ORANGE,
        markersize=9,
        markeredgewidth=1.8,
        zorder=5,
        label="the unit's centre",
    )


def _rectangle(box: Sequence[tuple[float, float]], **style: Any) -> Rectangle:
    """Outline whole pixels, from the first to the last row and column."""
    (top, bottom), (left, right) = box
    return Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1, **style)
