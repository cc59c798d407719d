"""The textures of the scenes: grass, leaves, needles, bark and fur, drawn stroke by stroke, once.

A texture is a periodic tile of light: each sample says how bright the thing's own colour is there, `NEUTRAL`
being as it is. A scene cuts what it needs from the tile at a random place, which costs next to nothing; the
thousands of strokes are paid for once a process and a size of picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from npseg.data.dataset import Bytes
from npseg.data.outlines import Levels, Points

#: The side of a tile, in picture heights.
SIDE = 1.5
#: The level that leaves a colour as it is.
NEUTRAL = 150

#: n strokes: where they start, where they end, how light they are, and one width for all.
Strokes: TypeAlias = tuple[Points, Points, Levels, float]


def cut(name: str, scale: int, size: tuple[int, int], rng: np.random.Generator) -> Bytes:
    """Cut a piece out of a texture, at a random place.

    Parameters
    ----------
    name : {"lawn", "grass", "leaves", "needles", "bark", "fur"}
        Which texture.
    scale : int
        Samples to a picture height.
    size : (int, int)
        Height and width of the piece, in samples.
    rng : numpy.random.Generator
        Chooses the place.

    Returns
    -------
    array of uint8, shape size
        Light; `NEUTRAL` leaves a colour as it is.

    Examples
    --------
    >>> cut("fur", 96, (20, 30), np.random.default_rng(0)).shape
    (20, 30)
    """
    tile = _tile(name, scale)
    top, left = rng.integers(len(tile), size=2)
    rows, columns = top + np.arange(size[0]), left + np.arange(size[1])
    piece: Bytes = tile.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")
    return piece


@lru_cache(maxsize=32)
def _tile(name: str, scale: int) -> Bytes:
    starts, ends, light, width = _STROKES[name](np.random.default_rng(list(name.encode())))
    samples = round(SIDE * scale)
    tile = Image.new("L", (samples, samples), NEUTRAL)
    brush = ImageDraw.Draw(tile)
    pixels = max(1, round(width * scale))
    lines = _wrapped(np.hstack([starts, ends]))
    levels = np.clip(NEUTRAL * light, 0, 255).astype(int).tolist()
    for copies, level in zip((lines * scale).tolist(), levels):
        for line in copies:
            brush.line(line, fill=level, width=pixels)
    return np.asarray(tile)


def _wrapped(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every line four times, so that what leaves the tile on one side comes in on the other."""
    corners = np.minimum(lines[:, :2], lines[:, 2:])
    lines = lines + np.tile(corners % SIDE - corners, 2)
    shifts = np.array([(x, y, x, y) for x in (0, SIDE) for y in (0, SIDE)])
    copies: NDArray[np.float64] = lines[:, None, :] - shifts
    return copies


def _strokes(
    n: int, length: float, angle: float, spread: float, width: float, light: tuple[float, float]
) -> Callable[[np.random.Generator], Strokes]:
    """Return a maker of n random strokes around one direction, in degrees clockwise from the right."""

    def make(rng: np.random.Generator) -> Strokes:
        starts = rng.uniform(0, SIDE, (n, 2))
        directions = np.radians(rng.normal(angle, spread, n))
        reach = length * rng.uniform(0.6, 1.3, n)[:, None]
        ends = starts + reach * np.stack([np.cos(directions), np.sin(directions)], axis=1)
        return starts, ends, rng.uniform(*light, n), width

    return make


_STROKES = {
    "lawn": _strokes(9000, 0.025, -90, 15, 0.006, (0.75, 1.25)),
    "grass": _strokes(6000, 0.07, -90, 15, 0.008, (0.6, 1.35)),
    "leaves": _strokes(7000, 0.022, 45, 60, 0.022, (0.5, 1.5)),
    "needles": _strokes(9000, 0.03, 90, 40, 0.007, (0.45, 1.45)),
    "bark": _strokes(4000, 0.08, 90, 6, 0.01, (0.6, 1.3)),
    "fur": _strokes(9000, 0.03, 90, 30, 0.006, (0.86, 1.14)),
}
