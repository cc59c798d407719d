"""What the scenes play in: the sky at some time of the day, hills behind one another, and tufts of grass.

A time of the day is four colours; it tints everything, so that the same cat, meadow or tree has other pixels
in every scene, and the evening sky has those of a grey-blue cat.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from npseg.data.canvas import Canvas
from npseg.data.dataset import Bytes
from npseg.data.outlines import Points, oval, place
from npseg.data.trees import random_green


class Daytime(NamedTuple):
    """Colours 0 ... 255 of the sky's top, its foot and its clouds, and the light as factors; all in RGB."""

    zenith: tuple[int, int, int]
    haze: tuple[int, int, int]
    cloud: tuple[int, int, int]
    light: tuple[float, float, float]


DAYTIMES = (
    Daytime((86, 150, 224), (190, 222, 242), (250, 250, 250), (1.06, 1.03, 0.96)),  # noon
    Daytime((120, 170, 215), (225, 228, 215), (252, 246, 236), (1.08, 1.0, 0.88)),  # morning
    Daytime((150, 160, 172), (205, 208, 208), (226, 226, 226), (0.86, 0.9, 0.92)),  # overcast
    Daytime((104, 112, 154), (240, 184, 134), (236, 164, 146), (0.98, 0.8, 0.72)),  # sunset
    Daytime((70, 84, 128), (176, 150, 168), (128, 120, 150), (0.74, 0.72, 0.86)),  # dusk
)

# Clouds are soft: the sky is painted on few samples and stretched.
_SKY_SAMPLES = (24, 32)
_PUFFS = 5
# How far below the horizon a hill begins and ends (behind the next one), how hazy it is, and what grows there.
_HILLS = ((0.0, 0.25, 0.45, "lawn"), (0.05, 0.35, 0.2, "lawn"), (0.16, 0.7, 0.0, "grass"))


def draw_sky(rng: np.random.Generator, aspect: float, daytime: Daytime) -> Image.Image:
    """Return a sky with up to four clouds, small, to be stretched over a picture of this aspect ratio."""
    zenith, haze, cloud = np.array(daytime[:3], float)
    y, x = np.meshgrid(*(np.linspace(0, end, n) for end, n in zip((1, aspect), _SKY_SAMPLES)), indexing="ij")
    sky = zenith + np.clip(1.6 * y, 0, 1)[:, :, None] * (haze - zenith)
    clear = _clear_of_clouds(rng, x, y, aspect)[:, :, None]
    return Image.fromarray((cloud + clear * (sky - cloud)).astype(np.uint8))


def _clear_of_clouds(
    rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64], aspect: float
) -> NDArray[np.float64]:
    """Return how much of the sky is seen through clouds of a few puffs each: 0 ... 1, of the shape of x."""
    n = rng.integers(0, 5)
    centers = np.repeat(rng.uniform((0, 0.03), (aspect, 0.4), (n, 2)), _PUFFS, axis=0)
    px, py = (centers + rng.normal(0, (0.11, 0.02), centers.shape)).T[:, :, None, None]
    radius = rng.uniform(0.05, 0.1, len(centers))[:, None, None]
    distance = ((x - px) / (1.5 * radius)) ** 2 + ((y - py) / (0.6 * radius)) ** 2
    clear: NDArray[np.float64] = np.prod(1 - 0.8 * np.clip(1.6 - 1.6 * distance, 0, 1), axis=0)
    return clear


def draw_hills(
    canvas: Canvas, rng: np.random.Generator, horizon: float, daytime: Daytime, label: int
) -> None:
    """Cover the canvas from the horizon (in picture heights) down, with three hills, the far ones hazy."""
    green, haze = random_green(rng), np.array(daytime.haze)
    for rise, foot, distance, texture in _HILLS:
        hill = _hill(rng, horizon + rise, horizon + foot, canvas.aspect)
        canvas.cover([hill], green + distance * (haze - green), label, texture, rng)


def _hill(rng: np.random.Generator, top: float, foot: float, aspect: float) -> Points:
    x = np.linspace(-0.05, aspect + 0.05, 40)
    waves = [rng.uniform(0.005, 0.03) * np.sin(f * x + rng.uniform(0, 2 * np.pi)) for f in (2.5, 5.0, 9.0)]
    ridge = np.stack([x, top + np.sum(waves, axis=0)], axis=1)
    return np.concatenate([ridge, [(aspect + 0.1, foot), (-0.1, foot)]])


def draw_tuft(canvas: Canvas, rng: np.random.Generator, at: tuple[float, float], label: int) -> None:
    """Draw a tuft of high grass, to hide somebody's feet."""
    x = np.linspace(-0.14, 0.14, 7)
    tips = np.stack([1.2 * x, -rng.uniform(0.1, 0.2, x.size)], axis=1)
    blades = [np.array([(0.6 * root - 0.03, 0), tip, (0.6 * root + 0.03, 0)]) for root, tip in zip(x, tips)]
    canvas.cover(place([oval(0, 0, 0.14, 0.05), *blades], at, 1), random_green(rng), label, "grass", rng)


def under_light(image: Bytes, rng: np.random.Generator, daytime: Daytime) -> Bytes:
    """Return the picture as a camera takes it: the light's tint, an exposure, a colour cast, and noise."""
    gain = np.array(daytime.light) * rng.uniform(0.85, 1.1) * rng.uniform(0.95, 1.05, 3)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(2, 5))
    exposed = image * gain.astype(np.float32) + noise
    return np.clip(exposed, 0, 255, out=exposed).astype(np.uint8)
