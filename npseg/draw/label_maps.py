"""Pictures of label maps: in their colours, and over their image.

A label map becomes a picture by looking every pixel up in the table of class colours. Over the image it shows what was
found where. Void, the label 255, has a neutral colour of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from npseg import arguments
from npseg.draw.legends import VOID, VOID_COLOR, Color, color_table, named, strip_of

Picture: TypeAlias = NDArray[np.uint8]


def colorize(labels: NDArray[Any], colors: ArrayLike, *, void_color: Color = VOID_COLOR) -> Picture:
    """Give every pixel the colour of its class.

    Parameters
    ----------
    labels : ndarray of integers, shape (H, W)
        A class for each pixel, or 255 for void.
    colors : array of uint8, shape (classes, 3)
        The colour of each class: red, green, blue.
    void_color : tuple of int, default (224, 224, 192)
        The colour of void, by default PASCAL VOC's.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    ValueError
        If there is a label without a colour.

    Examples
    --------
    >>> colorize(np.array([[0, 1, 255]]), [(0, 0, 0), (128, 0, 0)]).tolist()
    [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]
    """
    arguments.whole_numbers("colorize", "labels", labels)
    table = np.concatenate([color_table(colors), color_table([void_color], "void_color")])
    void = len(table) - 1
    refuse_colourless(labels, void)
    picture: Picture = table[np.where(labels == VOID, void, labels)]
    return picture


def overlay(image: Picture, labels: NDArray[Any], colors: ArrayLike, *, alpha: float = 0.55) -> Picture:
    """Lay the colours of the classes over the image; where the label is void the image stays as it is.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        The image.
    labels : ndarray of integers, shape (H, W)
        A class for each pixel, or 255 for void.
    colors : array of uint8, shape (classes, 3)
        The colour of each class.
    alpha : float, default 0.55
        How much of the colour is mixed in, from 0 (the image alone) to 1 (the colour alone).

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    TypeError
        If the image is not of uint8.
    ValueError
        If image and labels do not fit each other or have no pixels, or there is a label without a colour.

    Examples
    --------
    >>> overlay(np.zeros((1, 2, 3), np.uint8), np.array([[0, 255]]), [(200, 100, 0)], alpha=0.5).tolist()
    [[[100, 50, 0], [0, 0, 0]]]
    """
    check_pair("overlay", image, labels)
    alpha = arguments.probability("overlay", "alpha", alpha)
    mixed = blend(image, colorize(labels, colors), alpha)
    mixed[labels == VOID] = image[labels == VOID]
    return mixed


def overlay_with_legend(
    image: Picture, labels: NDArray[Any], classes: Sequence[str], colors: ArrayLike, *, alpha: float = 0.55
) -> Image.Image:
    """Lay the classes over the image, and beneath it say which colour is which, and how much of it there is.

    Parameters
    ----------
    image, labels, colors, alpha
        As for :func:`overlay`.
    classes : sequence of str
        The names of the classes.

    Returns
    -------
    PIL.Image.Image
        The overlay, pixel for pixel, above a strip with the classes that occur, the largest first. It is as
        wide as the image, or wider where a name would not fit.

    Raises
    ------
    TypeError, ValueError
        As :func:`overlay`.

    Examples
    --------
    >>> meadow = np.zeros((20, 300, 3), np.uint8), np.zeros((20, 300), np.uint8)
    >>> overlay_with_legend(*meadow, ["grass"], [(150, 200, 90)]).width
    300
    """
    picture = Image.fromarray(overlay(image, labels, colors, alpha=alpha))
    shares = [(float(np.mean(labels == k)), entry) for k, entry in enumerate(named(classes, colors))]
    shares = sorted((s for s in shares if s[0]), reverse=True)
    strip = strip_of(
        [(f"{name} {100 * share:.1f} %", color) for share, (name, color) in shares], picture.width
    )
    page = Image.new("RGB", (strip.width, picture.height + strip.height), "white")
    page.paste(picture, ((page.width - picture.width) // 2, 0))
    page.paste(strip, (0, picture.height))
    return page


def blend(below: NDArray[Any], above: NDArray[Any], alpha: float) -> Picture:
    """Mix two pictures: of the one above so much as alpha says, from 0 to 1."""
    mixed: Picture = np.rint((1 - alpha) * below + alpha * above).astype(np.uint8)
    return mixed


def refuse_colourless(labels: NDArray[Any], colors: int) -> None:
    """Refuse a label that is neither void nor one of so many colours."""
    outside = (labels != VOID) & ((labels < 0) | (labels >= colors))
    if outside.any():
        raise ValueError(
            f"label {labels[outside][0]} has no colour: there are {colors} colours, and {VOID} is void"
        )


def check_pair(
    op: str, image: NDArray[Any], labels: NDArray[Any], pictured: str = "image", labelled: str = "labels"
) -> None:
    """Check that an image and its labels, under the names that the user knows them by, lie over each other."""
    arguments.whole_numbers(op, pictured, image)
    arguments.whole_numbers(op, labelled, labels)
    if image.dtype != np.uint8:
        raise TypeError(
            f"{op}: {pictured} must hold uint8, 0 to 255, not {image.dtype}; before normalising it does"
        )
    if image.ndim != 3 or image.shape != (*labels.shape, 3):
        raise ValueError(
            f"{op}: {pictured} {image.shape} and {labelled} {labels.shape} do not fit: needed are (H, W, 3) and (H, W)"
        )
    if not labels.size:
        raise ValueError(f"{op}: {pictured} {image.shape} has no pixels; one at least is needed")
