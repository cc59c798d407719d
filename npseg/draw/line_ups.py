"""A picture of many labellings of the same images: a column for each image, a row for each who labelled it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from npseg.draw.label_maps import Picture, colorize, legend_height, legend_of, place_legend

_PANEL, _GAP, _MARGIN = 2.3, 0.06, 1.35  # inches


def side_by_side(
    images: Sequence[Picture],
    maps: Mapping[str, Sequence[NDArray[Any]]],
    classes: Sequence[str],
    colors: ArrayLike,
) -> Figure:
    """Draw images, and beneath each what everyone made of it.

    Parameters
    ----------
    images : sequence of ndarray of uint8, each of shape (H, W, 3)
        The images, of one size.
    maps : mapping of str to sequence of ndarray of integers, each of shape (H, W)
        For each name the label maps of all images: the truth, and the networks'.
    classes : sequence of str
        The names of the classes.
    colors : array of uint8, shape (classes, 3)
        The colour of each class.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("side_by_side.png")`` writes it. The legend has the classes that occur.

    Raises
    ------
    ValueError
        If there is no image, not one map for each image, or a label without a colour.

    Examples
    --------
    >>> import numpy as np
    >>> image, truth = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    >>> figure = side_by_side([image, image], {"truth": [truth, truth]}, ["sky"], [(128, 128, 128)])
    >>> len(figure.axes)
    4
    """
    for name, own in maps.items():
        if len(own) != len(images):
            raise ValueError(f"side_by_side: {name} has {len(own)} label maps for {len(images)} images")
    if not images:
        raise ValueError("side_by_side: there is no image")
    rows = {"image": list(images)} | {name: [colorize(m, colors) for m in own] for name, own in maps.items()}
    entries = legend_of(classes, colors, *(m for own in maps.values() for m in own))

    panel = _PANEL * images[0].shape[0] / images[0].shape[1]
    width = _MARGIN + len(images) * (_PANEL + _GAP)
    height = _GAP + len(rows) * (panel + _GAP) + legend_height(entries, width)
    figure = Figure(figsize=(width, height), dpi=100)
    for i, (name, pictures) in enumerate(rows.items()):
        bottom = height - (i + 1) * (panel + _GAP)
        figure.text(0.1 / width, (bottom + panel / 2) / height, name, fontsize=10, va="center")
        for j, one in enumerate(pictures):
            left = _MARGIN + j * (_PANEL + _GAP)
            axes = figure.add_axes((left / width, bottom / height, _PANEL / width, panel / height))
            axes.imshow(one, aspect="auto")
            axes.set_axis_off()
    place_legend(figure, entries)
    return figure
