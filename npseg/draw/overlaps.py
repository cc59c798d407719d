"""A picture of how often a transposed convolution writes each pixel: the checkerboard, on a board or as bars."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from npseg.draw.stamps import Counts, by_axis, counts_of, geometry_of, in_words, windows_of
from npseg.geometry import Window, times

_GRAY, _INK = "0.35", "0.15"
_COUNTS = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#c6d9ec", "#6b9fd0", "#2a65a5", "#0b2a55"])
_CELL, _BOARD, _LEGIBLE = 0.42, 5.0, 0.16  # inches: a cell and a board at most, a cell with a number at least
_MOST = 1000  # pixels of the output, on an axis
_MARGIN, _GAP, _BARS, _LEAST_WIDTH = 0.35, 0.08, 0.5, 4.8  # inches


def overlap(
    size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: object = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Figure:
    """Draw how often a transposed convolution writes each pixel of its output.

    Parameters
    ----------
    size, kernel_size, stride, padding, output_padding, dilation
        As of :func:`overlap_counts`, which returns the numbers; with one or two axes.

    Returns
    -------
    matplotlib.figure.Figure
        With two axes a board of the output's pixels, and beside it the counts of its rows and columns, whose
        products they are; with one axis a bar for each pixel. The title says whether they are even.
        ``figure.savefig("overlap.png")`` writes it.

    Raises
    ------
    ValueError, TypeError
        As :func:`npseg.conv_transpose_forward`, or if there are three axes, or more pixels than can be told apart.

    References
    ----------
    Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts", Distill 2016.

    Examples
    --------
    >>> for kernel_size in 3, 4:
    ...     print(overlap((3, 3), kernel_size, stride=2, padding=1).texts[0].get_text())
    written 1, 2 or 4 times: a checkerboard, since
    stride 2 does not divide kernel 3
    every pixel is written 4 times, fewer at the
    border
    """
    window = windows_of(
        size, kernel_size, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    if len(window.size) > 2:
        raise ValueError(
            f"overlap: size={size!r} has three axes, which no page shows; overlap_counts counts them"
        )
    if max(window.size) > _MOST:
        raise ValueError(
            f"overlap: the output of size={size!r}, {times(window.size)}, is too large to draw (at most {_MOST} "
            "pixels on an axis); overlap_counts counts them"
        )
    return _strip(window) if len(window.size) == 1 else _board(window)


class _Page:
    """A page that is measured in inches from its top left, under a title."""

    def __init__(self, window: Window, width: float, height: float) -> None:
        self.width = max(width, _LEAST_WIDTH)
        # A letter of DejaVu Sans is about 0.55 times as wide as it is high.
        title = wrap(in_words(window), int((self.width - 2 * _MARGIN) / 0.083))
        sizes = wrap(geometry_of(window), int((self.width - 2 * _MARGIN) / 0.068))
        beneath = 0.22 + 0.22 * len(title) + 0.06
        self.top = beneath + 0.17 * len(sizes) + 0.15
        self.height = self.top + height + _MARGIN
        self.figure = Figure(figsize=(self.width, self.height), dpi=100, facecolor="white")
        FigureCanvasAgg(self.figure)
        for lines, top, size, color in ((title, 0.22, 11.5, _INK), (sizes, beneath, 9, _GRAY)):
            self.figure.text(
                _MARGIN / self.width,
                1 - top / self.height,
                "\n".join(lines),
                va="top",
                fontsize=size,
                color=color,
            )

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Make room for a drawing; ``top`` is counted from beneath the title."""
        bottom = self.height - self.top - top - height
        return self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )


def _board(window: Window) -> Figure:
    """Draw the board of counts, and along its sides the bars of the rows and columns that it is the product of."""
    rows, columns = by_axis(window)
    counts = counts_of(window)
    cell = min(_CELL, _BOARD / max(counts.shape))
    down, across = cell * len(rows), cell * len(columns)
    left, top = _MARGIN + _BARS + _GAP, _BARS + _GAP
    numbers = cell >= _LEGIBLE
    page = _Page(window, left + across + (_MARGIN if numbers else 0.9), top + down)
    _bars(page.axes(left, 0, across, _BARS), columns, cell)
    _bars(page.axes(_MARGIN, top, _BARS, down), rows, cell, sideways=True)
    board = page.axes(left, top, across, down)
    picture = board.imshow(counts, cmap=_COUNTS, vmin=0, vmax=max(1, counts.max()), aspect="auto")
    board.set_xticks(np.arange(1, len(columns)) - 0.5)
    board.set_yticks(np.arange(1, len(rows)) - 0.5)
    board.tick_params(length=0, labelbottom=False, labelleft=False)
    board.grid(color="0.85", linewidth=0.5 if numbers else 0.2)
    board.spines[:].set_color("0.6")
    if numbers:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if count > 0.55 * counts.max() else _INK
            _number(board, column, row, int(count), cell, color=color, va="center_baseline")
    else:
        bar = page.figure.colorbar(picture, cax=page.axes(left + across + 0.2, top, 0.14, min(down, 2)))
        bar.set_ticks(_few(counts))
        bar.ax.tick_params(labelsize=8, colors=_GRAY, length=0)
        bar.outline.set_edgecolor("0.6")
    return page.figure


def _strip(window: Window) -> Figure:
    """Draw a bar for each pixel of the one axis that there is."""
    (counts,) = by_axis(window)
    cell = min(_CELL, 7 / len(counts))
    page = _Page(window, 2 * _MARGIN + cell * len(counts), 1.9)
    axes = page.axes(_MARGIN, 0, cell * len(counts), 1.5)
    _bars(axes, counts, cell)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color("0.6")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("pixel of the output", fontsize=9, color=_GRAY)
    axes.tick_params(labelbottom=True, labelsize=8, colors=_GRAY)
    if cell < _LEGIBLE:
        axes.set_yticks(_few(counts))
        axes.tick_params(labelleft=True)
    return page.figure


def _bars(axes: Axes, counts: Counts, cell: float, *, sideways: bool = False) -> None:
    """Draw counts as bars that stand up, or lie down towards the left, numbered where there is room."""
    room = 1.0
    if cell >= _LEGIBLE:
        room = 1.5
        for place, count in enumerate(counts.tolist()):
            end = count + 0.06 * room * max(1, counts.max())
            if sideways:
                _number(axes, end, place, count, cell, ha="right", va="center_baseline")
            else:
                _number(axes, place, end, count, cell, va="baseline")
    (axes.barh if sideways else axes.bar)(range(len(counts)), counts, 0.86, color="#6b9fd0")
    most = room * max(1, counts.max())
    axes.set_xlim(*((most, 0) if sideways else (-0.5, len(counts) - 0.5)))
    axes.set_ylim(*((len(counts) - 0.5, -0.5) if sideways else (0, most)))
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.spines[:].set_visible(False)


def _number(axes: Axes, x: float, y: float, count: int, cell: float, **style: Any) -> None:
    """Write a count in digits that fit into its cell."""
    size = min(10, 72 * cell * min(0.5, 1.25 / len(str(count))))
    axes.text(x, y, str(count), **{"ha": "center", "fontsize": size, "color": _GRAY, **style})


def _few(counts: Counts) -> list[int]:
    """Return the counts that occur, or some whole numbers if they are many."""
    values = sorted(set(counts.ravel().tolist()))
    return (
        values
        if len(values) <= 6
        else [int(v) for v in MaxNLocator(5, integer=True).tick_values(0, values[-1])]
    )
