"""The record of a session as a picture: who is faster, by how much, and how time grows.

Time is a ratio here, so that its axis is logarithmic, and a bar begins at 1: twice as fast reaches as far to the
left as twice as slow to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import isqrt
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, NullLocator

from npseg.bench.contenders import AUTO, PYTORCH, TEXTBOOK
from npseg.bench.growth import BOTH
from npseg.bench.report import over, reference, unique
from npseg.bench.rows import Row
from npseg.bench.session import Record

#: From top to bottom.
_PARTS = ("steps", "layers", "growth")

_FASTER, _SLOWER, _QUIET, _INK, _PALE = "#1f5fa8", "#cf7a30", "0.55", "0.15", "0.9"
_METHODS = ("#1f5fa8", "#2a8f5b", "#7a4fa3", "#b5475d", "#3b8ea5", "#6b7a2f")

#: Where the axis of ratios may have its ticks; over more than ``_WIDE``-fold there is room for whole powers alone.
_POWERS = (0.01, 0.1, 1, 10, 100)
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_WIDE = 100

#: Inches: of a bar, of all that stands around those of a part, and of the curves.
_BAR, _FRAME, _CURVES = 0.24, 0.85, 2.9

#: Points: of the legend, between the curves and their titles.
_LEGEND = 20

#: Titles of the panels.
_TITLES = {
    "step": "whole steps",
    "labels": "whole steps",
    "forward": "layers, forward",
    "backward": "backward",
}


def picture(record: Record) -> Figure:
    """Draw a bar for each layer and step, and a curve for each contender as a convolution grows.

    Parameters
    ----------
    record : dict
        Of a :class:`npseg.bench.session.Session`.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("bench.png")`` writes it.
    """
    parts = {part: [row for row in record["rows"] if row["part"] == part] for part in _PARTS}
    parts = {part: rows for part, rows in parts.items() if rows}
    heights = [_height(part, rows) for part, rows in parts.items()]
    figure = Figure(
        figsize=(11, sum(heights) + 0.6), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08)
    )
    FigureCanvasAgg(figure)
    figure.suptitle(_title(record), x=0.01, ha="left", fontsize=10, color=_INK)
    bands = figure.add_gridspec(len(parts), 1, height_ratios=heights)
    for place, (part, rows) in enumerate(parts.items()):
        draw = _draw_curves if part == "growth" else _draw_bars
        draw(bands[place], rows)
    return figure


def best(rows: Sequence[Row]) -> Row:
    """Return npseg's own row: of the method that layers use, or else of the fastest.

    Examples
    --------
    >>> rows = [{"contender": "im2col", "ms": 3}, {"contender": "winograd", "ms": 2}, {"contender": "PyTorch", "ms": 1}]
    >>> best(rows)["contender"]
    'winograd'
    """
    ours = [row for row in rows if row["contender"] not in (PYTORCH, TEXTBOOK)]
    return next(
        (row for row in ours if row["contender"] == AUTO), min(ours, key=lambda row: float(row["ms"]))
    )


def _height(part: str, rows: Sequence[Row]) -> float:
    return _CURVES if part == "growth" else _FRAME + _BAR * len(unique(row["name"] for row in rows))


def _title(record: Record) -> str:
    m, n = record["machine"], record["settings"]["threads"]
    against = f"PyTorch {m['pytorch']}" if m["pytorch"] else "textbook NumPy"
    return f"npseg {m['npseg']} against {against} on {m['processor']}, {n} thread{'s' if n > 1 else ''}"


def _draw_bars(band: Any, rows: Sequence[Row]) -> None:
    """Draw a panel for forward and one for backward, or one for steps of both kinds."""
    whom, names = reference(rows), unique(row["name"] for row in rows)
    titles = unique(_TITLES[row["pass"]] for row in rows)
    panels = band.subgridspec(1, len(titles)).subplots(sharex=True, sharey=True, squeeze=False)[0]
    legend = f"time over {whom}'s: left of the line is faster"
    if any(row["contender"] == TEXTBOOK != whom for row in rows):
        legend += "      ○ textbook NumPy"
    drawn = [1.0]
    for axes, title in zip(panels, titles, strict=True):
        _frame(axes, title)
        axes.grid(axis="x", color=_PALE)
        axes.axvline(1, color=_INK, linewidth=0.9, zorder=3)
        axes.set_xlabel(legend, fontsize=8, color=_QUIET)
        shown = [row for row in rows if _TITLES[row["pass"]] == title]
        for place, name in enumerate(names):
            drawn += _draw_bar(axes, place, [row for row in shown if row["name"] == name], whom)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    _ratio_axis(panels[0], drawn)


def _draw_bar(axes: Axes, place: int, rows: Sequence[Row], whom: str) -> list[float]:
    """Draw a bar from 1 to npseg's ratio, a ring where textbook NumPy is, and the number in the margin.

    Return the ratios that were drawn.
    """
    ours = best(rows)
    value = over(ours, whom) or 1
    color = _FASTER if value <= 1 else _SLOWER
    axes.barh(place, value - 1, left=1, height=0.62, color=color)
    rings = [over(row, whom) or 1 for row in rows if row["contender"] == TEXTBOOK != whom]
    for ring in rings:
        axes.plot(ring, place, "o", markersize=4, markerfacecolor="white", color=_QUIET)
    label = f"{value:.2f} {_method(ours, rows)}"
    axes.text(1.01, place, label, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=color)
    return [value, *rings]


def _method(ours: Row, rows: Sequence[Row]) -> str:
    """Name the method, if there were several to choose from and it is not the one that layers choose."""
    several = len({row["contender"] for row in rows} - {PYTORCH, TEXTBOOK}) > 1
    return str(ours["contender"]) if several and ours["contender"] != AUTO else ""


def _ratio_axis(axes: Axes, ratios: Sequence[float]) -> None:
    """Leave room for the labels on both sides of what is drawn."""
    low, high = min(*ratios, 0.7) / 1.2, max(*ratios, 1.4) * 1.2
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(_POWERS if high / low > _WIDE else _TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")


def _draw_curves(band: Any, rows: Sequence[Row]) -> None:
    """Draw a panel for each series, with a curve for each contender: of npseg's only for what layers choose."""
    series, everybody = (unique(row[key] for row in rows) for key in ("series", "contender"))
    methods = [who for who in everybody if who not in (PYTORCH, TEXTBOOK)]
    methods = [AUTO] if AUTO in methods else methods
    others = {TEXTBOOK: _QUIET, PYTORCH: _SLOWER}
    colors = {who: others[who] for who in others if who in everybody} | dict(zip(methods, cycle(_METHODS)))
    panels = band.subgridspec(1, len(series)).subplots(sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, series, strict=True):
        grown = [row for row in rows if row["series"] == name]
        _frame(axes, f"3×3 convolution: {name}", pad=_LEGEND)
        axes.grid(axis="y", color=_PALE)
        axes.set(xscale="log", yscale="log")
        for who in colors:
            points = [(row["value"], row["ms"]) for row in grown if row["contender"] == who]
            x, y = zip(*points, strict=True) if points else ((), ())
            axes.plot(x, y, "o-", color=colors[who], markersize=3, linewidth=1.4, label=who)
        values = unique(row["value"] for row in grown)
        axes.set_xticks(values, [f"{isqrt(v)}²" if name == "pixels" else f"{v}" for v in values])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
    panels[0].set_ylabel(f"ms, {BOTH}", fontsize=8, color=_QUIET)
    legend = panels[0].legend(
        loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=len(colors), frameon=False, fontsize=8,
        labelcolor="linecolor",
    )  # fmt: skip
    legend.set_in_layout(False)  # it may stand over the next panels, too


def _frame(axes: Axes, title: str, *, pad: float | None = None) -> None:
    """Leave only what helps to read; so many points stay free beneath the title."""
    axes.set_title(title, loc="left", fontsize=9.5, color=_INK, pad=pad)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("0.7")
