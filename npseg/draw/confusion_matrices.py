"""A confusion matrix as a picture: which class was taken for which.

Each row is one class of the truth and adds up to 100 %, so that rare classes show as clearly as common ones; what
stands on the diagonal is right, and a dark cell off it is a mistake that the network often makes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from npseg import kinds
from npseg.draw.legends import font_of, printable

_MAP = "Blues"
_MOST_NUMBERS = 32  # above that many classes a cell has no room for a number
_MOST = 1e100  # sums of more would be infinite
_TITLE, _SHARES, _LEAST = 0.5, 1.0, 4.2  # inches
_SAID = "rows: the truth; columns: what it was called\nin % of the row's pixels"


def confusion(matrix: ArrayLike, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix, each row in percent of the pixels of its class.

    Parameters
    ----------
    matrix : array of counts, shape (classes, classes)
        Rows are the truth, columns the prediction, as :func:`npseg.training.confusion_matrix` counts them.
    classes : sequence of str
        The names of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("confusion.png")`` writes it. A class that the truth does not contain has an empty row.

    Raises
    ------
    ValueError
        If the matrix is not (classes, classes), or holds anything but counts.
    TypeError
        If the classes are not strings.

    Examples
    --------
    >>> figure = confusion([[3, 1], [2, 4]], ["sky", "road"])
    >>> [text.get_text() for text in figure.axes[0].texts[:4]]
    ['75', '25', '33', '67']
    """
    classes = list(map(printable, kinds.members("confusion", "classes", classes, str, "a list of strings")))
    n = len(classes)
    counts = _counts(matrix, n)
    pixels = counts.sum(axis=1)
    share = 100 * np.divide(counts, pixels[:, None], out=np.zeros_like(counts), where=pixels[:, None] > 0)
    cell = 0.42 if n <= _MOST_NUMBERS else 0.18
    names = max(font_of(13).getlength(name) for name in classes) / 100 + 0.15  # inches, at 9 points
    width, height = max(names + n * cell + _SHARES, _LEAST), _TITLE + names + n * cell + 0.1
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((names / width, 0.1 / height, n * cell / width, n * cell / height))
    axes.imshow(share, cmap=_MAP, vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(n), classes, rotation=90, fontsize=9, parse_math=False)
    axes.set_yticks(range(n), classes, fontsize=9, parse_math=False)
    axes.tick_params(length=0, labeltop=True, labelbottom=False, colors="0.25")
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    figure.text(0.1 / width, 1 - 0.1 / height, _SAID, fontsize=9, color="0.25", va="top")
    for k in range(n):  # what is right, for the eye to follow
        axes.add_patch(
            Rectangle((k - 0.46, k - 0.46), 0.92, 0.92, fill=False, edgecolor="0.6", linewidth=0.6)
        )
    if n <= _MOST_NUMBERS:
        for row, column in np.argwhere(share >= 0.5).tolist():
            ink = "white" if share[row, column] > 55 else "0.2"
            number = f"{share[row, column]:.0f}"
            axes.text(column, row, number, ha="center", va="center", fontsize=8, color=ink)
    for row, of_all in enumerate(100 * pixels / max(pixels.sum(), 1)):
        text = f"{of_all:.1f} %" if of_all else "–"
        axes.text(n - 0.35, row, text, ha="left", va="center", fontsize=8, color="0.45")
    axes.text(n - 0.35, -0.75, "of all pixels", ha="left", va="center", fontsize=8, color="0.45")
    return figure


def _counts(matrix: ArrayLike, classes: int) -> NDArray[np.float64]:
    """Return the counts of so many classes as floats."""
    try:
        counts = np.asarray(matrix)
    except ValueError:  # rows of several lengths
        counts = np.empty(0, object)
    if counts.shape != (classes, classes) or not classes:
        raise ValueError(f"confusion: the matrix is {counts.shape}, and there are {classes} names of classes")
    if counts.dtype.kind not in "iuf" or not ((counts >= 0) & (counts < _MOST)).all():
        raise ValueError(f"confusion: matrix={matrix!r}; an array of counts, 0 or more, is needed")
    return counts.astype(np.float64)
