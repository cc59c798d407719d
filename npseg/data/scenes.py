"""Scenes to learn from without downloading anything: cats in a meadow, labelled as in the CS231n lecture.

Every scene is drawn from its number alone, so a dataset of a million scenes takes no room, and two people
see the same ones. Colour settles little: trees are as green as the grass, cats as brown as trunks or as blue
as the evening, and the light changes from scene to scene. Texture, shape and surroundings settle the rest,
and those are what a convolutional network has to learn.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import partial

import numpy as np

from npseg import arguments, room
from npseg.data.canvas import Canvas
from npseg.data.cats import draw_cat
from npseg.data.dataset import Bytes
from npseg.data.landscape import DAYTIMES, draw_hills, draw_sky, draw_tuft, under_light
from npseg.data.palettes import SCENE_CLASSES, SCENE_COLORS
from npseg.data.trees import draw_tree

GRASS, CAT, TREE, SKY = range(len(SCENE_CLASSES))

_SMALLEST = 32


class Scenes:
    """A dataset of drawn scenes: a meadow under the sky, trees, and one or two cats.

    Parameters
    ----------
    count : int
        How many scenes.
    size : (int, int)
        Height and width in pixels, 32 at least. A scene keeps its contents at every size of one aspect ratio,
        apart from the grain of the textures.
    seed : int
        Another seed gives other scenes: take one for training, one for validation, one for the test.

    Attributes
    ----------
    classes : tuple of str
        ``("grass", "cat", "tree", "sky")``.
    colors : array of uint8, shape (4, 3)
        Their colours in RGB.
    names : sequence of str
        A name for each scene, of its seed and number.

    Raises
    ------
    ValueError
        If the count or the seed is negative, or the size too small.

    Notes
    -----
    ``scenes[i]`` is an image, uint8 (H, W, 3), and its labels, uint8 (H, W). A pixel into which two classes
    reach is void, 255.

    Examples
    --------
    >>> scenes = Scenes(500, size=(96, 128), seed=7)
    >>> image, labels = scenes[499]
    >>> image.shape, labels.shape
    ((96, 128, 3), (96, 128))
    >>> [scenes.classes[k] for k in np.unique(labels) if k != 255]
    ['grass', 'cat', 'tree', 'sky']
    """

    def __init__(self, count: int, *, size: tuple[int, int] = (96, 128), seed: int = 0) -> None:
        count = arguments.integer("Scenes", "count", count)
        seed = arguments.integer("Scenes", "seed", seed, 0, math.inf)
        height, width = arguments.axes("Scenes", "size", size, 2)
        size = height, width
        room.check("Scenes", f"a scene of size={size}", (*size, 3), np.empty(0))
        if min(size) < _SMALLEST:
            raise ValueError(f"Scenes: size {size[0]}x{size[1]}; needs at least {_SMALLEST} pixels each way")
        self._count, self._size, self._seed = count, size, seed
        self.classes = SCENE_CLASSES
        self.colors = SCENE_COLORS

    @property
    def names(self) -> Sequence[str]:
        """The name of each scene, of its seed and number."""
        return [f"scene-{self._seed}-{i:05d}" for i in range(self._count)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Bytes, Bytes]:
        index = operator.index(index)
        if not 0 <= index < self._count:
            raise IndexError(f"scene {index} of {self._count}")
        return _draw(np.random.default_rng([self._seed, index]), self._size)


def _draw(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Bytes, Bytes]:
    daytime = DAYTIMES[rng.integers(len(DAYTIMES))]
    horizon = rng.uniform(0.38, 0.6)
    canvas = Canvas(size, draw_sky(rng, size[1] / size[0], daytime), SKY)
    draw_hills(canvas, rng, horizon, daytime, GRASS)
    _populate(canvas, rng, horizon)
    image, labels = canvas.finished()
    return under_light(image, rng, daytime), labels


def _populate(canvas: Canvas, rng: np.random.Generator, horizon: float) -> None:
    """Put trees, cats and tufts onto the meadow, the far ones first."""
    things = []
    for _ in range(rng.integers(2, 5)):
        y = rng.uniform(horizon + 0.04, 0.86)
        height = rng.uniform(0.35, 0.5) + 0.7 * (y - horizon) / (1 - horizon)
        things.append(
            (y, partial(draw_tree, at=(rng.uniform(0, canvas.aspect), y), height=height, label=TREE))
        )
    for side in rng.permutation((0.3, 0.7))[: rng.integers(1, 3)]:
        x, y = canvas.aspect * (side + rng.uniform(-0.12, 0.12)), rng.uniform(0.8, 0.97)
        things.append((y, partial(draw_cat, at=(x, y), height=rng.uniform(0.42, 0.66), label=CAT)))
        if rng.random() < 0.4:
            things.append((y, partial(draw_tuft, at=(x + rng.normal(0, 0.15), y + 0.03), label=GRASS)))
    for _, draw in sorted(things, key=operator.itemgetter(0)):
        draw(canvas, rng)
