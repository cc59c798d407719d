"""Many images on one page, small, each under the colours of its labels: to see in a glance what hundreds hold.

The pictures are shrunk as they come, so that a page of large photographs takes the memory of a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from npseg import arguments, kinds
from npseg.draw.label_maps import Picture, check_pair, overlay, refuse_colourless
from npseg.draw.legends import VOID, classes_and_colors, classes_in, font_of, legend_of, printable, strip_of

_CELL, _GAP, _CAPTION = 300, 12, 20  # pixels
_INK, _PALE = (40, 40, 40), (105, 105, 105)


class _Small(NamedTuple):
    """A picture shrunk to its place on the page."""

    name: str
    image: Image.Image
    labels: NDArray[Any]


class ContactSheet:
    """A page of overlays in rows, with their names, and a legend beneath.

    Parameters
    ----------
    title : str
        What stands on top.
    classes : sequence of str
        The names of the classes.
    colors : array of uint8, shape (classes, 3)
        Their colours.
    most : int, optional
        Pictures on the page; of more that are added, so many are kept, evenly spread over all of them.
    alpha : float, default 0.55
        How much of the colour is mixed in.

    Raises
    ------
    ValueError, TypeError
        If there is not one colour for each name, or ``most`` or ``alpha`` is out of range.

    Examples
    --------
    >>> sheet = ContactSheet("two meadows", ["grass"], [(150, 200, 90)])
    >>> for name in ("a", "b"):
    ...     sheet.add(name, np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint8))
    >>> len(sheet), sheet.page(columns=2).width
    (2, 636)
    """

    def __init__(
        self,
        title: str,
        classes: Sequence[str],
        colors: ArrayLike,
        *,
        most: int | None = None,
        alpha: float = 0.55,
    ) -> None:
        op = "contact sheet"
        self.title = printable(kinds.instance(op, "title", title, str, "a string"))
        self.classes, self.colors = classes_and_colors(op, classes, colors)
        self.most = None if most is None else arguments.integer(op, "most", most, 1)
        self.alpha = arguments.probability(op, "alpha", alpha)
        self.added = 0
        self._small: list[_Small] = []
        self._every = 1  # of those that are added, one in so many is kept

    def __len__(self) -> int:
        return len(self._chosen())

    def add(self, name: str, image: Picture, labels: NDArray[Any]) -> None:
        """Put an image with its labels on the page.

        Parameters
        ----------
        name : str
            What stands beneath it.
        image : ndarray of uint8, shape (H, W, 3)
            The image.
        labels : ndarray of integers, shape (H, W)
            A class for each pixel, or 255 for void.

        Raises
        ------
        TypeError, ValueError
            As :func:`npseg.draw.overlay`.
        """
        name = printable(kinds.instance("contact sheet", "name", name, str, "a string"))
        check_pair("contact sheet", image, labels)
        refuse_colourless(labels, len(self.colors))
        self.added += 1
        if (self.added - 1) % self._every:
            return
        if self.most is not None and len(self._small) == 2 * self.most:
            self._small, self._every = self._small[::2], 2 * self._every
            if (self.added - 1) % self._every:
                return
        scale = _CELL / max(image.shape[:2])
        size = tuple(max(1, round(length * scale)) for length in image.shape[1::-1])
        nearest = Image.Resampling.NEAREST
        small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS if scale < 1 else nearest)
        ids = Image.fromarray(np.asarray(labels, np.uint8)).resize(size, nearest)
        shown = overlay(np.asarray(small), np.asarray(ids), self.colors, alpha=self.alpha)
        self._small.append(_Small(name, Image.fromarray(shown), np.unique(labels)))

    def page(self, *, columns: int = 5) -> Image.Image:
        """Return the page.

        Parameters
        ----------
        columns : int
            Pictures a row, at most.

        Raises
        ------
        ValueError
            If nothing was added, or ``columns`` is below 1.
        TypeError
            If ``columns`` is no whole number.
        """
        columns = arguments.integer("contact sheet", "columns", columns, 1)
        chosen = self._chosen()
        if not chosen:
            raise ValueError("contact sheet: it has no picture yet; add one")
        columns = min(columns, len(chosen))
        rows = [chosen[k : k + columns] for k in range(0, len(chosen), columns)]
        heights = [max(small.image.height for small in row) + _CAPTION for row in rows]
        width = _GAP + columns * (_CELL + _GAP)
        occurring = classes_in(small.labels for small in chosen) - {VOID}  # where the image stays as it is
        legend = strip_of(legend_of(self.classes, self.colors, occurring), width, size=14)
        top = 44
        page = Image.new(
            "RGB", (max(width, legend.width), top + sum(heights) + _GAP * len(rows) + legend.height), "white"
        )
        draw = ImageDraw.Draw(page)
        draw.text((_GAP, top // 2), self.title, fill=_INK, font=font_of(17), anchor="lm")
        y = top
        for row, height in zip(rows, heights, strict=True):
            for column, small in enumerate(row):
                x = _GAP + column * (_CELL + _GAP)
                above = y + height - _CAPTION - small.image.height
                page.paste(small.image, (x + (_CELL - small.image.width) // 2, above))
                name = _fitting(small.name, _CELL)
                draw.text((x + _CELL // 2, y + height - 8), name, fill=_PALE, font=font_of(12), anchor="mm")
            y += height + _GAP
        page.paste(legend, (_GAP - 7, y))  # its own margin is 7
        return page

    def _chosen(self) -> list[_Small]:
        """Return what the page will show."""
        count = len(self._small)
        if self.most is None or count <= self.most:
            return self._small
        return [self._small[int(k)] for k in np.linspace(0, count - 1, self.most).round()]


def _fitting(name: str, width: int) -> str:
    """Return the name, or as much of its end as there is room for."""
    font = font_of(12)
    while font.getlength(name) > width and len(name) > 2:
        name = "…" + name[2:]
    return name
