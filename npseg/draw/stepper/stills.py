"""The steps as pictures: one of them, all beside each other, or one after the other.

A still shows one step: what meets what, the matrix where it is small, and the arithmetic spelled out. A filmstrip
shows the source and the result at every step, and the kernel once, unless it is an image that each step reads
elsewhere. An animation is the stills in a row.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from npseg import arguments
from npseg.draw.stepper import boxes
from npseg.draw.stepper.boxes import Box
from npseg.draw.stepper.notation import written
from npseg.draw.stepper.scene import Scene

if TYPE_CHECKING:
    from npseg.draw.stepper.steps import Steps

#: Steps in a filmstrip; of a longer walk some are chosen.
MOST_FRAMES = 24

_MOST_CELLS = 3000  # in a filmstrip; with more, fewer steps
_NARROWEST = 4.6  # inches, so that the arithmetic has room
_MOST_LINES = 8  # of arithmetic
_DPI, _COLORS = 120, 128  # of an animation
_PAUSE, _LAST_PAUSE = 1000, 3000  # milliseconds


def still(steps: Steps, step: int = -1) -> Figure:
    """Draw one step.

    Parameters
    ----------
    steps : Steps
        The walk.
    step : int
        Which; the last unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Source, kernel, result and, up to 24 rows and 36 columns, the matrix. The text in each cell has the cell's
        name as its label.

    Raises
    ------
    ValueError
        If there is no such step, or there are more cells than can be read.
    TypeError
        If the step is no whole number.

    Examples
    --------
    >>> from npseg.draw.stepper.steps import steps
    >>> figure = still(steps("conv", list("abcd"), list("xyz"), stride=2, padding=1))
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_label() == "y[1]"]
    ['bx+cy+dz']
    """
    return _still(Scene(steps), _number(steps, step))


def filmstrip(steps: Steps, *, columns: int | None = None) -> Figure:
    """Draw all steps beside and below each other; of more than 24 an even choice.

    Parameters
    ----------
    steps : Steps
        The walk.
    columns : int, optional
        Steps in a row; what fits a page best unless given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are more cells than can be read, or ``columns`` is below 1.
    """
    if columns is not None:
        columns = arguments.integer("filmstrip", "columns", columns, 1)
    scene = Scene(steps, coordinates=False)
    count = min(len(steps), MOST_FRAMES, max(1, _MOST_CELLS // scene.count))
    chosen = np.linspace(0, len(steps) - 1, count).round().astype(int).tolist()
    frames = [[_frame(scene, i, stacked) for i in chosen] for stacked in (True, False)]
    body = min(
        (
            _strip(scene, arranged, across)
            for arranged in frames
            for across in ([columns] if columns else range(1, count + 1))
        ),
        key=lambda box: max(box.width / 2, box.height),
    )
    page = _Page(steps, body, scene.legend)
    of_all = "" if count == steps.total else f" of {steps.total}"
    title = page.title(f"{steps.order}, {count}{of_all} steps")
    return boxes.figure(boxes.below([title, body, page.formula()], gap=0.25))


def animation(steps: Steps) -> bytes:
    """Make a GIF that shows one step after the other, for a second each, and begins again.

    Parameters
    ----------
    steps : Steps
        The walk.

    Returns
    -------
    bytes
        The content of a file.
    """
    scene = Scene(steps)
    bar = tqdm(range(len(steps)), desc="drawing", unit="step", leave=False, disable=None)
    indexed = _indexed([_pixels(_still(scene, i)) for i in bar])
    pauses = [_PAUSE] * (len(indexed) - 1) + [_LAST_PAUSE]
    content = io.BytesIO()
    indexed[0].save(content, "GIF", save_all=True, append_images=indexed[1:], duration=pauses, loop=0)
    return content.getvalue()


def _number(steps: Steps, step: int) -> int:
    """Return the number of a step, counted from the first."""
    number = arguments.integer("still", "step", step, -arguments.LARGEST)
    if not -len(steps) <= number < len(steps):
        raise ValueError(f"still: step={step}: there are {len(steps)} steps, 0 to {len(steps) - 1}")
    return number % len(steps)


def _still(scene: Scene, i: int) -> Figure:
    """Draw a step: title, planes, matrix, arithmetic."""
    steps = scene.steps
    as_product = steps.order == "matrix" and scene.has_matrix
    body = scene.product(i) if as_product else _planes_and_matrix(scene, i)
    page = _Page(steps, body, "" if as_product else scene.legend)
    title = page.title(f"{steps.order}, step {i + 1} of {steps.total}")
    head = boxes.below([title, page.formula()], gap=0.06)
    return boxes.figure(boxes.below([head, body, page.arithmetic(i)]))


class _Page:
    """What is written above and below a picture, in letters of the same size however large the picture is."""

    def __init__(self, steps: Steps, body: Box, legend: str) -> None:
        self._steps, self._legend = steps, legend
        self._width = max(body.width, _NARROWEST)
        self._scale = boxes.scale(body.width, body.height)

    def title(self, note: str) -> Box:
        return boxes.heading(self._steps.drawing.operation, note, boxes.INK, size=13 / self._scale)

    def formula(self) -> Box:
        """Write the size formula, and what the looks of the cells mean."""
        text, size = f"{self._steps.drawing.formula}\n{self._legend}", 8.5 / self._scale
        return boxes.paragraph(text.strip(), self._width, size=size, color=boxes.GRAY)

    def arithmetic(self, i: int) -> Box:
        """Write a step's arithmetic, in the room that the longest step needs."""
        size, steps = 10 / self._scale, self._steps
        most = min(_MOST_LINES, max(len(boxes.wrapped(step.text, self._width, size)) for step in steps))
        lines = boxes.wrapped(steps[i].text, self._width, size)
        if len(lines) > most:
            lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
        lines += [""] * (most - len(lines))
        text = boxes.below((boxes.line(part, size=size) for part in lines), gap=0.03)
        return text._replace(width=max(text.width, self._width))


def _planes_and_matrix(scene: Scene, i: int) -> Box:
    """Put source, kernel, result and matrix beside or below each other, whichever fits a page better."""
    source, kernel, target = scene.source(i), scene.kernel(scene.steps[i].taps), scene.target(i)
    matrix = [scene.matrix(i)] if scene.has_matrix else []
    planes = [
        boxes.beside([source, *kernel, _arrow("→"), target], gap=0.32),
        boxes.below([source, *kernel, target], gap=0.22),
    ]
    return min(
        (arrange([part, *matrix], gap=0.45) for part in planes for arrange in (boxes.beside, boxes.below)),
        key=lambda box: max(box.width / 1.7, box.height),
    )


def _strip(scene: Scene, frames: Sequence[Box], across: int) -> Box:
    """Arrange frames, so many in a row, and the kernel before them."""
    rows = [frames[k : k + across] for k in range(0, len(frames), across)]
    strip = boxes.below((boxes.beside(row, gap=0.45, align=0) for row in rows), gap=0.45)
    once = [] if scene.weighs_with_image else scene.kernel()
    return boxes.beside([*once, strip], gap=0.6, align=0.5 if len(rows) == 1 else 0)


def _frame(scene: Scene, i: int, stacked: bool) -> Box:
    """Draw one step of a filmstrip: what is read, and the result below or beside it."""
    caption = boxes.heading(f"{i + 1}", _subject(scene.steps, i), boxes.INK)
    with_it = scene.kernel(scene.steps[i].taps) if scene.weighs_with_image else []
    read = boxes.beside([scene.source(i), *with_it], gap=0.2)
    if stacked:
        picture = boxes.below([read, _arrow("↓"), scene.target(i)], gap=0.06, align=0.5)
    else:
        picture = boxes.beside([read, _arrow("→"), scene.target(i)], gap=0.15)
    return boxes.below([caption, picture], gap=0.12, align=0.5)


def _subject(steps: Steps, i: int) -> str:
    """Say in a few words what a step is about."""
    step, target = steps[i], steps.drawing.target
    if ": " in step.text:
        return step.text.split(": ")[0]
    name, value = target.call(step.targets[0]), written(step.values[0])
    return f"{name} = {value}" if len(value) < 12 else name


def _arrow(text: str) -> Box:
    return boxes.line(text, size=15, color=boxes.GRAY)


def _pixels(figure: Figure) -> Image.Image:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI, pil_kwargs={"compress_level": 1})
    return Image.open(content).convert("RGB")


def _indexed(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Reduce all frames to one palette: the colours that occur most often, for the others the nearest of them.

    Pillow's own reduction is not as exact: white comes out grey, and flat colours flicker.
    """
    pixels = [np.asarray(frame).astype(np.int32) @ (1 << 16, 1 << 8, 1) for frame in frames]
    colors, counts = np.unique(np.stack(pixels), return_counts=True)
    chosen = colors[np.argsort(-counts, kind="stable")[:_COLORS]]
    parts, palette = (np.stack([c >> 16, c >> 8 & 255, c & 255], axis=-1) for c in (colors, chosen))
    nearest = np.square(parts[:, None] - palette).sum(axis=-1).argmin(axis=1).astype(np.uint8)
    images = [Image.fromarray(nearest[np.searchsorted(colors, frame)]) for frame in pixels]
    for image in images:
        image.putpalette(palette.astype(np.uint8).tobytes())
    return images
