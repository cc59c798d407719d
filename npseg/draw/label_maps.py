"""Pictures of label maps: in their colours, over their image, and beside the truth.

A label map becomes a picture by looking every pixel up in the table of class colours. Over the image it shows
what was found where; beside the truth, with the wrong pixels marked, it shows how well. Void, the label 255,
has a neutral colour of its own. Figures are made with matplotlib's object interface, which keeps no list of
open figures and changes no global state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib import get_data_path
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from npseg import arguments, kinds

Color: TypeAlias = tuple[int, int, int]
Picture: TypeAlias = NDArray[np.uint8]

_VOID = 255
_VOID_COLOR: Color = (224, 224, 192)
_ERROR_COLOR: Color = (220, 20, 60)
_COLUMNS = ("image", "truth", "prediction", "errors")
_PANEL, _GAP, _TITLE, _LINE = 2.4, 0.07, 0.3, 0.2  # inches, in the figure of a comparison


def colorize(labels: NDArray[Any], colors: ArrayLike, *, void_color: Color = _VOID_COLOR) -> Picture:
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
    table = np.concatenate([_colors(colors), _colors([void_color], "void_color")])
    void = len(table) - 1
    refuse_colourless(labels, void)
    picture: Picture = table[np.where(labels == _VOID, void, labels)]
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
    mixed = _mix(image, colorize(labels, colors), alpha)
    mixed[labels == _VOID] = image[labels == _VOID]
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
    shares = [(float(np.mean(labels == k)), entry) for k, entry in enumerate(_named(classes, colors))]
    shares = sorted((s for s in shares if s[0]), reverse=True)
    strip = _strip([(f"{name} {100 * share:.1f} %", color) for share, (name, color) in shares], picture.width)
    page = Image.new("RGB", (strip.width, picture.height + strip.height), "white")
    page.paste(picture, ((page.width - picture.width) // 2, 0))
    page.paste(strip, (0, picture.height))
    return page


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
        captions = [
            "\n".join(map(printable, c.split("\n")))
            for c in kinds.members(op, "captions", captions, str, "a list of strings")
        ]
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
    entries = [*legend_of(classes, colors, *truths, *predictions), ("wrong", _ERROR_COLOR)]
    return _grid(rows, _COLUMNS, entries, captions)


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
        return _grid([row], ("image", "labels", "overlay"), legend_of(classes, colors, prediction))
    check_pair("labels", image, truth, labelled="truth")
    figure = comparison([image], [truth], [prediction], classes, colors)
    counted = truth != _VOID
    if counted.any():
        right = 100 * float(np.mean(prediction[counted] == truth[counted]))
        for axes, text in zip(
            figure.axes[2:], (f"{right:.1f} % right", f"{100 - right:.1f} % wrong"), strict=True
        ):
            axes.set_title(f"{axes.get_title()}: {text}", fontsize=10, pad=5)
    return figure


def legend_of(classes: Sequence[str], colors: ArrayLike, *maps: NDArray[Any]) -> list[tuple[str, Color]]:
    """List the names and colours of the classes that occur."""
    occurring = set(np.concatenate([np.unique(m) for m in maps]).tolist())
    entries = {**dict(enumerate(_named(classes, colors))), _VOID: ("void", _VOID_COLOR)}
    return [entries[k] for k in sorted(occurring)]


def classes_and_colors(op: str, classes: Any, colors: ArrayLike) -> tuple[list[str], NDArray[np.uint8]]:
    """Return the names of the classes and the table of their colours, one each."""
    names, table = kinds.members(op, "classes", classes, str, "a list of strings"), _colors(colors)
    if len(table) != len(names):
        raise ValueError(
            f"{op}: there are {len(names)} names of classes and {len(table)} colours: one each, please"
        )
    return list(map(printable, names)), table


def _named(classes: Sequence[str], colors: ArrayLike) -> list[tuple[str, Color]]:
    names, table = classes_and_colors("legend", classes, colors)
    return [(name, (int(r), int(g), int(b))) for name, (r, g, b) in zip(names, table)]


def _grid(
    rows: Sequence[Sequence[Picture]],
    titles: Sequence[str],
    entries: Sequence[tuple[str, Color]],
    captions: Sequence[str] | None = None,
) -> Figure:
    """Place panels of one width, each row as high as its image needs, and one legend beneath them all."""
    width = _GAP + len(titles) * (_PANEL + _GAP)
    panels = [_PANEL * row[0].shape[0] / row[0].shape[1] for row in rows]
    below = legend_height(entries, width)
    between = _GAP + (_LINE + 0.06 if captions else 0)
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


def legend_height(entries: Sequence[tuple[str, Color]], width: float) -> float:
    """Return how high the legend of a figure of this width is, in inches."""
    return 0.15 + _LINE * -(-len(entries) // _across(entries, width))


def place_legend(figure: Figure, entries: Sequence[tuple[str, Color]]) -> None:
    """Say beneath a figure which colour is which."""
    width, height = figure.get_size_inches()
    patches = [
        Patch(facecolor=(r / 255, g / 255, b / 255), edgecolor="0.6", linewidth=0.5, label=name)
        for name, (r, g, b) in entries
    ]
    legend = figure.legend(
        handles=patches,
        ncols=min(_across(entries, width), len(patches)),
        loc="upper center",
        bbox_to_anchor=(0.5, (legend_height(entries, width) + _GAP) / height),
        fontsize=9,
        handlelength=1.3,
        handleheight=1.1,
        columnspacing=1.8,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _across(entries: Sequence[tuple[str, Color]], width: float) -> int:
    """Return how many entries stand in a line: a letter is about 0.08 inches wide, all around it takes 0.6."""
    return max(1, int(width / (0.6 + 0.08 * max(len(name) for name, _ in entries))))


def legend_strip(
    classes: Sequence[str], colors: ArrayLike, occurring: Iterable[int], width: int
) -> Image.Image:
    """Draw a legend of the classes that occur, at least so many pixels wide, for beneath a page."""
    entries = {**dict(enumerate(_named(classes, colors))), _VOID: ("void", _VOID_COLOR)}
    return _strip([entries[k] for k in sorted(occurring)], width, size=14)


def printable(text: str) -> str:
    r"""Return a text with all that has no letter written out: control characters, and bytes that are no text.

    Examples
    --------
    >>> printable("cat\n")
    'cat\\n'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Return the letters that pictures are labelled with, of a size in pixels."""
    return ImageFont.truetype(str(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)


def _strip(entries: Sequence[tuple[str, Color]], width: int, *, size: int | None = None) -> Image.Image:
    """Write the legend in as many lines as the width asks for, in letters that suit the image."""
    size = size or min(max(13, width // 45), 40)
    font = font_of(size)
    margin, swatch = size // 2, size
    places, x, y = [], margin, margin
    for text, _ in entries:
        step = swatch + margin + int(font.getlength(text)) + 1
        if x > margin and x + step + margin > width:
            x, y = margin, y + size + margin
        places.append((x, y))
        width, x = max(width, x + step + margin), x + step + 3 * margin
    strip = Image.new("RGB", (width, y + size + margin), "white")
    draw = ImageDraw.Draw(strip)
    for (text, color), (x, y) in zip(entries, places, strict=True):
        draw.rectangle((x, y, x + swatch - 1, y + swatch - 1), fill=color, outline=(150, 150, 150))
        draw.text((x + swatch + margin, y + size // 2), text, fill=(40, 40, 40), font=font, anchor="lm")
    return strip


def _errors(image: Picture, truth: NDArray[Any], prediction: NDArray[Any]) -> Picture:
    """Show the image in pale grey, the wrong pixels in a strong colour, and void in its own."""
    gray = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    picture = _mix(gray, np.full_like(image, 255), 0.65)
    picture[truth != prediction] = _ERROR_COLOR
    picture[truth == _VOID] = _VOID_COLOR
    return picture


def _mix(below: NDArray[Any], above: NDArray[Any], alpha: float) -> Picture:
    mixed: Picture = np.rint((1 - alpha) * below + alpha * above).astype(np.uint8)
    return mixed


def _colors(given: ArrayLike, name: str = "colors") -> NDArray[np.uint8]:
    """Return colours as a table of bytes, (classes, 3)."""
    try:
        table = np.asarray(given)
    except ValueError:  # rows of several lengths
        table = np.empty(0)
    if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iu":
        raise ValueError(f"{name} are {given!r}; whole numbers of shape (classes, 3) are needed")
    if table.size and not (table.min() >= 0 and table.max() <= 255):
        raise ValueError(f"{name} are {given!r}; whole numbers from 0 to 255 are needed")
    return table.astype(np.uint8)


def refuse_colourless(labels: NDArray[Any], colors: int) -> None:
    """Refuse a label that is neither void nor one of so many colours."""
    outside = (labels != _VOID) & ((labels < 0) | (labels >= colors))
    if outside.any():
        raise ValueError(
            f"label {labels[outside][0]} has no colour: there are {colors} colours, and {_VOID} is void"
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
