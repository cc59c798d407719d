"""A picture of many labellings of the same images: a column for each image, a row for each who labelled it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from npseg import kinds
from npseg.draw.label_maps import Picture, check_pair, colorize
from npseg.draw.legends import classes_in, legend_height, legend_of, place_legend, printable

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
        If there is no image, not one map for each image, images of several sizes, or a label without a colour.
    TypeError
        If the images are not of uint8, or there is anything else in place of an argument.

    Examples
    --------
    >>> import numpy as np
    >>> image, truth = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    >>> figure = side_by_side([image, image], {"truth": [truth, truth]}, ["sky"], [(128, 128, 128)])
    >>> len(figure.axes)
    4
    """
    op = "side_by_side"
    images = kinds.listed(op, "images", images, "a list of images")
    if not images:
        raise ValueError(f"{op}: there is no image")
    maps = _maps(op, maps, images)
    rows = {"image": images} | {name: [colorize(m, colors) for m in own] for name, own in maps.items()}
    entries = legend_of(classes, colors, classes_in(m for own in maps.values() for m in own))

    panel = _PANEL * images[0].shape[0] / images[0].shape[1]
    width = _MARGIN + len(images) * (_PANEL + _GAP)
    height = _GAP + len(rows) * (panel + _GAP) + legend_height(entries, width)
    figure = Figure(figsize=(width, height), dpi=100)
    for i, (name, pictures) in enumerate(rows.items()):
        bottom = height - (i + 1) * (panel + _GAP)
        figure.text(
            0.1 / width,
            (bottom + panel / 2) / height,
            printable(name),
            fontsize=10,
            va="center",
            parse_math=False,
        )
        for j, one in enumerate(pictures):
            left = _MARGIN + j * (_PANEL + _GAP)
            axes = figure.add_axes((left / width, bottom / height, _PANEL / width, panel / height))
            axes.imshow(one, aspect="auto")
            axes.set_axis_off()
    place_legend(figure, entries)
    return figure


def _maps(op: str, maps: Any, images: list[Any]) -> dict[str, list[NDArray[Any]]]:
    """Return the label maps of each name, one for each image and as large."""
    maps = kinds.mapping(op, "maps", maps, None, "a dict of names and lists of label maps")
    if not maps:
        raise ValueError(
            f"{op}: maps is empty; the truth is needed, or what a network has made of the images"
        )
    lists = {
        name: kinds.listed(op, f"maps[{name!r}]", own, "a list of label maps") for name, own in maps.items()
    }
    for name, own in lists.items():
        if len(own) != len(images):
            raise ValueError(f"{op}: {name} has {len(own)} label maps for {len(images)} images")
        for i, (image, one) in enumerate(zip(images, own)):
            check_pair(op, image, one, f"images[{i}]", f"maps[{name!r}][{i}]")
            if image.shape != images[0].shape:
                raise ValueError(
                    f"{op}: images[{i}] is {image.shape} and images[0] {images[0].shape}; one size is needed"
                )
    return lists
