"""How a training went: the loss that it lowered, and the figures that it raised.

Two panels over the same epochs. The name and the last value of each curve stand at its end, where a reader
looks for them, and a ring marks the best mean IoU: that is the network one keeps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from npseg import arguments, kinds

Points: TypeAlias = list[tuple[float, float]]

_FRACTIONS = ("pixel_accuracy", "mean_iou", "mean_iou_of_present")
_LARGEST = 1e100  # of a loss; axes of more overflow
_BLUE, _GREEN, _GRAY = "#1f5fa8", "#2a8f5b", "0.35"


def curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the training loss, and pixel accuracy and mean IoU of the validation, over the epochs.

    Parameters
    ----------
    history : sequence of dict
        One for each epoch, with ``"epoch"`` and, as far as known, ``"loss"``, ``"pixel_accuracy"`` and
        ``"mean_iou"`` (fractions in [0, 1]). What is missing, None or nan leaves no point. The ring marks the epoch
        with the highest ``"mean_iou_of_present"``, or else ``"mean_iou"``.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("curves.png")`` writes it.

    Raises
    ------
    ValueError
        If the history is empty, or a figure cannot be drawn: a fraction that is none, an epoch that is not finite.
    TypeError
        If an epoch is no dict of numbers.

    Examples
    --------
    >>> figure = curves([{"epoch": 1, "loss": 1.4, "mean_iou": 0.2}, {"epoch": 2, "loss": 0.9}])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['training loss', 'validation, %']
    """
    history = _checked(history)
    figure = Figure(figsize=(8.8, 3.2), dpi=100, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    loss = _points(history, "loss")
    accuracy, iou = _points(history, "pixel_accuracy", 100), _points(history, "mean_iou", 100)
    _frame(left, "training loss", history)
    _curve(left, loss, f"{loss[-1][1]:.3g}" if loss else "", _BLUE, 0)
    left.set_ylim(0, 1.08 * max((y for _, y in loss), default=1.0) or 1.0)
    _frame(right, "validation, %", history)
    # Two names that end at the same height would cover each other; the accuracy is the higher one.
    apart = 5 if accuracy and iou and accuracy[-1][1] - iou[-1][1] < 8 else 0
    _curve(right, accuracy, f"pixel accuracy {accuracy[-1][1]:.1f}" if accuracy else "", _GREEN, apart)
    _curve(right, iou, f"mean IoU {iou[-1][1]:.1f}" if iou else "", _BLUE, -apart)
    _ring(right, [h for h in history if "mean_iou" in h])
    right.set_ylim(0, 102)
    return figure


def _checked(history: Any) -> list[dict[str, float]]:
    """Return the figures of each epoch that can be drawn: what is None or not finite leaves no point."""
    epochs = kinds.listed("curves", "history", history, "a list of dicts, one for each epoch")
    if not epochs:
        raise ValueError("curves: the history is empty; it needs a dict for each epoch")
    return [_figures(f"history[{i}]", epoch) for i, epoch in enumerate(epochs)]


def _figures(which: str, epoch: Any) -> dict[str, float]:
    op = "curves"
    kinds.mapping(op, which, epoch, None, "a dict with 'epoch', and 'loss' or the like,")
    figures = {}
    for key in ("epoch", "loss", *_FRACTIONS):
        value, name = epoch.get(key), f"{which}[{key!r}]"
        if key == "epoch" or not _nothing(value):
            figures[key] = (arguments.probability if key in _FRACTIONS else arguments.real)(op, name, value)
            if abs(figures[key]) > _LARGEST:
                raise ValueError(f"{op}: {name}={value!r}; there is no room for more than {_LARGEST:g}")
    return figures


def _nothing(value: Any) -> bool:
    """Say whether a figure is missing: None, nan, or the infinity that a training ends in."""
    return value is None or (isinstance(value, float | np.floating) and not math.isfinite(value))


def _points(history: Sequence[Mapping[str, float]], key: str, scale: float = 1) -> Points:
    return [(h["epoch"], scale * h[key]) for h in history if key in h]


def _frame(axes: Axes, title: str, history: Sequence[Mapping[str, float]]) -> None:
    """Leave only what helps to read the curves: two quiet axes and pale lines across."""
    axes.set_title(title, loc="left", fontsize=10, color="0.15")
    axes.set_xlabel("epoch", fontsize=9, color=_GRAY)
    axes.tick_params(labelsize=8, colors=_GRAY, length=0)
    axes.grid(axis="y", color="0.92")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("0.7")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    epochs = [h["epoch"] for h in history]
    room = max(0.5, 0.03 * (max(epochs) - min(epochs)))
    axes.set_xlim(min(epochs) - room, max(epochs) + room)


def _curve(axes: Axes, points: Points, label: str, color: str, lift: float) -> None:
    """Draw a curve, and its label beside its last point."""
    if not points:
        return
    axes.plot(*zip(*points, strict=True), color=color, linewidth=1.6, solid_capstyle="round")
    axes.plot(*points[-1], "o", color=color, markersize=4)
    axes.annotate(
        label, points[-1], (7, lift), textcoords="offset points", va="center", fontsize=9, color=color
    )


def _ring(axes: Axes, history: Sequence[Mapping[str, float]]) -> None:
    """Mark the best epoch, on the curve of the mean IoU."""
    if history:
        best = max(history, key=lambda h: h.get("mean_iou_of_present", h["mean_iou"]))
        point = best["epoch"], 100 * best["mean_iou"]
        axes.plot(*point, "o", color=_BLUE, markersize=9, markerfacecolor="none", markeredgewidth=1.2)
