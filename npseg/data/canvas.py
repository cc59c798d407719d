"""Two canvases painted at once: the picture that is seen, and the class of everything in it.

Coordinates are in picture heights: y runs from 0 to 1, x from 0 to the aspect ratio, so a scene looks the
same at every size. Both canvases have several samples to a pixel. The picture is averaged down, which smooths
its edges; the classes are compared, and a pixel whose samples disagree is void, since it truly is neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw

from npseg.data import textures
from npseg.data.dataset import VOID, Bytes
from npseg.data.outlines import Silhouette, bounds, place

#: Samples to a pixel along each axis.
SAMPLES = 2
#: How bright a thing is at its top and at its bottom: the light comes from above.
TOP_LIGHT, BOTTOM_LIGHT = 1.2, 0.85

# The unfinished picture is dim, as if all light were neutral, which leaves room for highlights.
_DIM = textures.NEUTRAL / 255
_DIMMED = [round(level * _DIM) for level in range(256)] * 3
_BRIGHTENED = [min(round(level / _DIM), 255) for level in range(256)] * 3


class Canvas:
    """A picture and its labels while they are painted.

    Parameters
    ----------
    size : (int, int)
        Height and width of the finished picture, in pixels.
    background : PIL.Image.Image
        What is seen behind everything, of any size.
    label : int
        The class of the background.

    Attributes
    ----------
    aspect : float
        The width in picture heights.

    Examples
    --------
    >>> canvas = Canvas((4, 8), Image.new("RGB", (1, 1), "blue"), label=7)
    >>> right = np.array([(1.1, 0), (2, 0), (2, 1), (1.1, 1)])
    >>> canvas.cover([right], (9, 9, 9), 1, "fur", np.random.default_rng(0))
    >>> image, labels = canvas.finished()
    >>> labels[0].tolist()
    [7, 7, 7, 7, 1, 1, 1, 1]
    >>> image[0, 0].tolist()
    [0, 0, 255]
    """

    def __init__(self, size: tuple[int, int], background: Image.Image, label: int) -> None:
        height, width = size
        self.aspect = width / height
        self._scale = height * SAMPLES
        self._picture = background.point(_DIMMED).resize(
            (width * SAMPLES, height * SAMPLES), Image.Resampling.BILINEAR
        )
        self._labels = Image.new("L", self._picture.size, label)

    def cover(
        self,
        parts: Silhouette,
        color: ArrayLike,
        label: int,
        texture: str,
        rng: np.random.Generator,
        marks: list[tuple[Silhouette, ArrayLike]] | None = None,
    ) -> None:
        """Put a textured thing in front of all that is there.

        Parameters
        ----------
        parts : silhouette
            Where it is, in picture heights.
        color : array_like, shape (3,)
            Its own colour, 0 ... 255 in RGB.
        label : int
            Its class.
        texture : str
            The name of a texture of `npseg.data.textures`.
        rng : numpy.random.Generator
            Chooses the piece of the texture.
        marks : list of (silhouette, color), optional
            Patches of other colours, cut off at its outline and textured with it.
        """
        box = self._box(parts)
        if box is None:
            return
        left, top, right, bottom = box
        paint = Image.new("RGB", (right - left, bottom - top), _ink(color))
        for mark, ink in marks or []:
            self._polygons(paint, mark, (left, top), _ink(ink))
        light = textures.cut(texture, self._scale, (bottom - top, right - left), rng)
        mask = self._mask(parts, box)
        self._picture.paste(_lit(paint, light), box, mask)
        self._labels.paste(label, box, mask)

    def fill(self, parts: Silhouette, color: ArrayLike) -> None:
        """Paint smooth details on a thing that is there; they belong to its class."""
        self._polygons(self._picture, parts, (0, 0), _ink(np.asarray(color) * _DIM))

    def shade(self, parts: Silhouette, strength: float) -> None:
        """Cast a shadow that takes away the fraction `strength` of the light."""
        box = self._box(parts)
        if box is not None:
            self._picture.paste((0, 0, 0), box, self._mask(parts, box, round(255 * strength)))

    def finished(self) -> tuple[Bytes, Bytes]:
        """Return the image, uint8 (H, W, 3), and the labels, uint8 (H, W) with void on the outlines."""
        samples = np.asarray(self._labels)
        labels = samples[::SAMPLES, ::SAMPLES].copy()
        mixed = np.zeros(labels.shape, bool)
        for i, j in np.ndindex(SAMPLES, SAMPLES):
            mixed |= samples[i::SAMPLES, j::SAMPLES] != labels
        labels[mixed] = VOID
        return np.asarray(self._picture.reduce(SAMPLES).point(_BRIGHTENED)), labels

    def _box(self, parts: Silhouette) -> tuple[int, int, int, int] | None:
        """Return the samples that the parts reach, as (left, top, right, bottom); None if all are outside."""
        left, top, right, bottom = (round(edge * self._scale) for edge in bounds(parts))
        width, height = self._picture.size
        box = max(left - 1, 0), max(top - 1, 0), min(right + 1, width), min(bottom + 1, height)
        return box if box[0] < box[2] and box[1] < box[3] else None

    def _mask(self, parts: Silhouette, box: tuple[int, int, int, int], level: int = 255) -> Image.Image:
        left, top, right, bottom = box
        mask = Image.new("L", (right - left, bottom - top))
        self._polygons(mask, parts, (left, top), level)
        return mask

    def _polygons(
        self, image: Image.Image, parts: Silhouette, origin: tuple[int, int], ink: int | tuple[int, ...]
    ) -> None:
        brush = ImageDraw.Draw(image)
        # Pillow counts from the centre of a sample, geometry from its edge: they are half a sample apart.
        at = -origin[0] - 0.5, -origin[1] - 0.5
        for part in place(parts, at, self._scale):
            brush.polygon(part.ravel().tolist(), fill=ink)


def _ink(color: ArrayLike) -> tuple[int, ...]:
    return tuple(np.clip(color, 0, 255).astype(int).tolist())


def _lit(paint: Image.Image, light: Bytes) -> Image.Image:
    """Return the paint under the light of a texture, with a brighter top."""
    rows = np.arange(len(light), dtype=np.float32)[:, None] / len(light)
    level = np.minimum(light * (TOP_LIGHT + rows * (BOTTOM_LIGHT - TOP_LIGHT)), 255).astype(np.uint8)
    gray = Image.fromarray(level)
    return ImageChops.multiply(paint, Image.merge("RGB", (gray, gray, gray)))
