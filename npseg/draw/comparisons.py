"""Pictures of how well label maps fit: the image, the truth, the prediction, and where the two differ.

Figures are made with matplotlib's object interface, which keeps no list of open figures and changes no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from npseg import kinds
from npseg.draw.label_maps import Picture, blend, check_pair, colorize, overlay
from npseg.draw.legends import (
    VOID,
    VOID_COLOR,
    Color,
    classes_in,
    legend_height,
    legend_of,
    place_legend,
    printable,
)

_ERROR_COLOR: Color = (220, 20, 60)
_COLUMNS = ("image", "truth", "prediction", "errors")
_PANEL, _GAP, _TITLE, _CAPTION = 2.4, 0.07, 0.3, 0.26  # inches


def comparison(
    images: Sequence[Picture],
    truths: Sequence[NDArray[Any]],
    predictions: Sequence[NDArray[Any]],
    classes: Sequence[str],
    colors: ArrayLike,
    *,
    captions: Sequence[str] | None = None,
) -> Figure:
    """Draw a row for each image: the image, the truth, the prediction, and where the two differ.

    Parameters
    ----------
    images : sequence of ndarray of uint8, each of shape (H, W, 3)
        The images; their sizes may differ.
    truths, predictions : sequence of ndarray of integers, each of shape (H, W)
        Their label maps.
    classes : sequence of str
        The names of the classes.
    colors : array of uint8, shape (classes, 3)
        The colour of each class.
    captions : sequence of str, optional
        What stands beneath each row.

    Returns
    -------
    matplotlib.figure.Figure
        ``figure.savefig("comparison.png")`` writes it. The legend has the classes that occur.

    Raises
    ------
    TypeError, ValueError
        As :func:`overlay`, or if there is not one truth and one prediction for each image.

    Examples
    --------
    >>> image, truth = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    >>> figure = comparison([image], [truth], [truth], ["sky"], [(128, 128, 128)])
    >>> [axes.get_title() for axes in figure.axes]
    ['image', 'truth', 'prediction', 'errors']
    """
    op = "comparison"
    images, truths = (
        kinds.listed(op, n, a, f"a list of {n}") for n, a in (("images", images), ("truths", truths))
    )
    predictions = kinds.listed(op, "predictions", predictions, "a list of label maps")
    if captions is not None:
        captions = kinds.members(op, "captions", captions, str, "a list of strings")
    if not len(images) == len(truths) == len(predictions) > 0:
        raise ValueError(
            "comparison: needs one truth and one prediction for each image, and at least one image; "
            f"got {len(images)} images, {len(truths)} truths, {len(predictions)} predictions"
        )
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"comparison: {len(captions)} captions for {len(images)} images; one each is needed")
    for i, (image, truth, prediction) in enumerate(zip(images, truths, predictions)):
        check_pair(op, image, truth, f"images[{i}]", f"truths[{i}]")
        check_pair(op, image, prediction, f"images[{i}]", f"predictions[{i}]")
    rows = [
        (image, colorize(truth, colors), colorize(prediction, colors), _errors(image, truth, prediction))
        for image, truth, prediction in zip(images, truths, predictions)
    ]
    entries = [*legend_of(classes, colors, classes_in([*truths, *predictions])), ("wrong", _ERROR_COLOR)]
    lines = [] if captions is None else ["\n".join(map(printable, c.split("\n"))) for c in captions]
    return _grid(rows, _COLUMNS, entries, lines)


def labels(
    image: Picture,
    prediction: NDArray[Any],
    truth: NDArray[Any] | None = None,
    *,
    classes: Sequence[str],
    colors: ArrayLike,
) -> Figure:
    """Draw an image beside its labels, and where the truth is known, beside that and where the two differ.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        The image.
    prediction : ndarray of integers, shape (H, W)
        A class for each pixel, or 255 for void.
    truth : ndarray of integers, shape (H, W), optional
        The true labels; void where they are 255.
    classes : sequence of str
        The names of the classes.
    colors : array of uint8, shape (classes, 3)
        The colour of each class.

    Returns
    -------
    matplotlib.figure.Figure
        A row as of :func:`comparison`, with the share of the pixels that are right among those that are not void;
        without the truth the image, the prediction, and the one laid over the other.

    Raises
    ------
    TypeError, ValueError
        As :func:`overlay`.

    Examples
    --------
    >>> image, prediction = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    >>> truth = prediction.copy()
    >>> truth[0] = 1
    >>> figure = labels(image, prediction, truth, classes=["sky", "cat"], colors=[(0, 90, 200), (220, 120, 0)])
    >>> [axes.get_title() for axes in figure.axes]
    ['image', 'truth', 'prediction: 75.0 % right', 'errors: 25.0 % wrong']
    """
    check_pair("labels", image, prediction, labelled="prediction")
    if truth is None:
        row = (image, colorize(prediction, colors), overlay(image, prediction, colors))
        return _grid(
            [row], ("image", "labels", "overlay"), legend_of(classes, colors, classes_in([prediction]))
        )
    check_pair("labels", image, truth, labelled="truth")
    figure = comparison([image], [truth], [prediction], classes, colors)
    counted = truth != VOID
    if counted.any():
        right = 100 * float(np.mean(prediction[counted] == truth[counted]))
        for axes, text in zip(
            figure.axes[2:], (f"{right:.1f} % right", f"{100 - right:.1f} % wrong"), strict=True
        ):
            axes.set_title(f"{axes.get_title()}: {text}", fontsize=10, pad=5)
    return figure


def _grid(
    rows: Sequence[Sequence[Picture]],
    titles: Sequence[str],
    entries: Sequence[tuple[str, Color]],
    captions: Sequence[str] = (),
) -> Figure:
    """Place panels of one width, each row as high as its image needs, and one legend beneath them all."""
    width = _GAP + len(titles) * (_PANEL + _GAP)
    panels = [_PANEL * row[0].shape[0] / row[0].shape[1] for row in rows]
    below = legend_height(entries, width)
    between = _GAP + (_CAPTION if captions else 0)
    height = _TITLE + sum(panels) + between * len(rows) + below
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    bottom = height - _TITLE
    for number, (row, panel) in enumerate(zip(rows, panels, strict=True)):
        bottom -= panel
        for column, picture in enumerate(row):
            left = _GAP + column * (_PANEL + _GAP)
            axes = figure.add_axes((left / width, bottom / height, _PANEL / width, panel / height))
            axes.imshow(picture, aspect="auto")
            axes.set_axis_off()
            if row is rows[0]:
                axes.set_title(titles[column], fontsize=10, pad=5)
        if captions:
            name = captions[number]
            figure.text(
                _GAP / width,
                (bottom - 0.05) / height,
                name,
                fontsize=9,
                color="0.35",
                va="top",
                parse_math=False,
            )
        bottom -= between
    place_legend(figure, entries)
    return figure


def _errors(image: Picture, truth: NDArray[Any], prediction: NDArray[Any]) -> Picture:
    """Show the image in pale grey, the wrong pixels in a strong colour, and void in its own."""
    gray = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    picture = blend(gray, np.full_like(image, 255), 0.65)
    picture[truth != prediction] = _ERROR_COLOR
    picture[truth == VOID] = VOID_COLOR
    return picture
