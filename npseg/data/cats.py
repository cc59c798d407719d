"""The cats of the scenes: four poses, many coats, fur, and a face.

A pose is drawn around (0, 0), where the cat touches the ground, one unit tall; `draw_cat` puts it into the
picture, mirrored or not. Some coats are as brown as trunks and some as grey-blue as the evening sky, so that
a pixel's colour alone does not tell a cat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from npseg.data.canvas import Canvas
from npseg.data.outlines import Points, Silhouette, closed_curve, limb, oval, place

#: Points that a limb bends along.
Line: TypeAlias = list[tuple[float, float]]
#: Patches on the fur, each with its colour.
Marks: TypeAlias = list[tuple[Silhouette, ArrayLike]]
#: Carries parts from a cat's own coordinates into the picture.
Placing: TypeAlias = Callable[[Silhouette], Silhouette]


class Pose(NamedTuple):
    """How a cat holds itself, around (0, 0) on the ground, one unit tall."""

    tail: Silhouette
    body: Silhouette
    head: tuple[float, float]
    markings: dict[str, list[Silhouette]]  # of each pattern, on the body
    away: bool = False  # seen from behind: no face


class Coat(NamedTuple):
    """What a cat wears: the colours of fur and markings, in RGB, and the pattern of the markings."""

    fur: tuple[int, int, int]
    marks: tuple[int, int, int]
    pattern: str = "plain"


def _stripes(*lines: Line) -> list[Silhouette]:
    return [limb(line, 0.07, 0.03) for line in lines]


def _markings(
    stripes: list[Silhouette], white: Silhouette, patches: Silhouette
) -> dict[str, list[Silhouette]]:
    return {"plain": [], "tabby": stripes, "tuxedo": [white], "calico": [patches]}


def _body(x: tuple[float, ...], y: tuple[float, ...]) -> Points:
    return closed_curve(np.stack([x, y], axis=1))


def _sitting(tail: Line, markings: dict[str, list[Silhouette]], away: bool = False) -> Pose:
    return Pose(limb(tail, 0.12, 0.09), [_PEAR, *_PAWS], (0, -0.72), markings, away)


def _leg(hip: float, foot: float) -> Silhouette:
    return [
        *limb([(hip, -0.42), (0.5 * (hip + foot) + 0.02, -0.2), (foot, -0.05)], 0.19, 0.1),
        oval(foot + 0.03, -0.045, 0.075, 0.045),
    ]


_HEAD = [
    oval(0, 0, 0.2, 0.165),
    *(np.array([(s * 0.19, -0.02), (s * 0.17, -0.27), (s * 0.02, -0.13)]) for s in (-1, 1)),
]
_INNER_EARS = [np.array([(s * 0.16, -0.09), (s * 0.155, -0.21), (s * 0.08, -0.14)]) for s in (-1, 1)]
_FACE_MARKINGS = _markings(
    [limb([(x, -0.17), (0.8 * x, -0.08)], 0.035, 0.02) for x in (-0.07, 0, 0.07)],
    [oval(0, 0.1, 0.1, 0.09), *limb([(0, 0.05), (0, -0.08)], 0.06, 0.02)],
    [oval(-0.14, -0.1, 0.13, 0.15)],
)
_NAPE_MARKINGS = {**_FACE_MARKINGS, "tuxedo": []}
_PEAR = _body(
    (-0.25, -0.29, -0.22, -0.12, 0.12, 0.22, 0.29, 0.25),
    (0, -0.14, -0.36, -0.6, -0.6, -0.36, -0.14, 0),
)
_BARREL = _body(
    (-0.48, -0.4, -0.1, 0.24, 0.44, 0.46, 0.3, -0.1, -0.36),
    (-0.42, -0.6, -0.57, -0.6, -0.66, -0.46, -0.3, -0.34, -0.3),
)
_LOAF = _body((-0.5, -0.55, -0.38, -0.05, 0.26, 0.46, 0.44), (0, -0.22, -0.47, -0.52, -0.48, -0.22, 0))
_PAWS = [oval(x, -0.03, 0.1, 0.05) for x in (-0.1, 0.1)]
_FEET = [oval(x, -0.05, 0.12, 0.07) for x in (-0.38, -0.2, 0.22, 0.36)]

POSES = (
    _sitting(  # looking at us
        [(0.2, -0.06), (0.42, -0.08), (0.47, -0.24), (0.36, -0.34)],
        _markings(
            _stripes(*([(s * 0.3, y), (s * 0.12, y + 0.04)] for y in (-0.42, -0.31, -0.2) for s in (-1, 1))),
            [oval(0, -0.47, 0.1, 0.14), *_PAWS],
            [oval(0.2, -0.2, 0.14, 0.14), oval(-0.15, -0.42, 0.1, 0.1)],
        ),
    ),
    _sitting(  # looking into the picture
        [(0, -0.05), (0.3, -0.03), (0.46, -0.14), (0.42, -0.3)],
        _markings(
            _stripes(*([(-0.22, y), (0, y - 0.06), (0.22, y)] for y in (-0.46, -0.34, -0.22, -0.1))),
            _PAWS,
            [oval(-0.12, -0.2, 0.16, 0.14), oval(0.15, -0.42, 0.1, 0.1)],
        ),
        away=True,
    ),
    Pose(  # walking
        limb([(-0.4, -0.52), (-0.58, -0.62), (-0.58, -0.86), (-0.68, -0.98)], 0.11, 0.08),
        [_BARREL, *_leg(-0.36, -0.46), *_leg(-0.28, -0.22), *_leg(0.26, 0.16), *_leg(0.32, 0.4)],
        (0.46, -0.7),
        _markings(
            _stripes(*([(x, -0.68), (x + 0.03, -0.42)] for x in (-0.36, -0.24, -0.12, 0, 0.12))),
            [oval(0.4, -0.46, 0.08, 0.14), *_FEET],
            [oval(-0.3, -0.52, 0.16, 0.1), oval(0.12, -0.42, 0.1, 0.12)],
        ),
    ),
    Pose(  # lying like a loaf
        limb([(-0.4, -0.06), (-0.6, -0.05), (-0.68, -0.16), (-0.6, -0.24)], 0.12, 0.09),
        [_LOAF, oval(0.26, -0.035, 0.14, 0.06)],
        (0.28, -0.56),
        _markings(
            _stripes(*([(x, -0.58), (x + 0.03, -0.28)] for x in (-0.44, -0.31, -0.18, -0.05))),
            [oval(0.28, -0.3, 0.13, 0.14), oval(0.26, -0.03, 0.13, 0.05)],
            [oval(-0.3, -0.34, 0.18, 0.12), oval(0.04, -0.16, 0.12, 0.12)],
        ),
    ),
)

COATS = (
    Coat((216, 132, 58), (160, 84, 30), "tabby"),
    Coat((52, 48, 50), (235, 232, 225), "tuxedo"),
    Coat((62, 56, 56), (40, 36, 38)),
    Coat((138, 138, 142), (88, 88, 94), "tabby"),
    Coat((228, 224, 214), (200, 190, 175)),
    Coat((228, 222, 210), (196, 120, 56), "calico"),
    Coat((120, 94, 66), (74, 56, 40), "tabby"),
    Coat((112, 110, 82), (70, 72, 50), "tabby"),
    Coat((98, 104, 84), (230, 226, 214), "tuxedo"),
    Coat((128, 144, 168), (96, 110, 138)),
    Coat((150, 160, 178), (240, 240, 240), "tuxedo"),
    Coat((222, 190, 140), (176, 140, 92), "tabby"),
)
_IRISES = ((196, 208, 70), (120, 190, 110), (236, 180, 60), (130, 190, 220))
_NOSE = (205, 130, 130)
_PUPIL = (25, 22, 25)


def draw_cat(
    canvas: Canvas, rng: np.random.Generator, at: tuple[float, float], height: float, label: int
) -> None:
    """Draw a cat in a random pose and coat.

    Parameters
    ----------
    canvas : Canvas
        What to draw on.
    rng : numpy.random.Generator
        Chooses the pose, the coat and the colour of the eyes.
    at : (float, float)
        Where it touches the ground, in picture heights.
    height : float
        From the ground to the tips of its ears when it sits, in picture heights.
    label : int
        The class it belongs to.
    """
    pose = POSES[rng.integers(len(POSES))]
    coat = COATS[rng.integers(len(COATS))]
    facing = int(rng.choice((-1, 1)))

    def put(parts: Silhouette) -> Silhouette:
        return place(parts, at, height, facing)

    def put_head(parts: Silhouette) -> Silhouette:
        return put(place(parts, pose.head, 1))

    def cover(parts: Silhouette, marks: Marks) -> None:
        canvas.cover(parts, coat.fur, label, "fur", rng, marks)

    canvas.shade([oval(*at, 0.6 * height, 0.07 * height)], 0.4)
    cover(put(pose.tail), [])
    under_chin = put_head([oval(0, 0.06, 0.2, 0.165)]), 0.75 * np.array(coat.fur)
    cover(put(pose.body), [(put(parts), coat.marks) for parts in pose.markings[coat.pattern]] + [under_chin])
    on_head = _NAPE_MARKINGS if pose.away else _FACE_MARKINGS
    cover(put_head(_HEAD), [(put_head(parts), coat.marks) for parts in on_head[coat.pattern]])
    if not pose.away:
        _draw_face(canvas, put_head, _IRISES[rng.integers(len(_IRISES))])


def _draw_face(canvas: Canvas, put: Placing, iris: tuple[int, int, int]) -> None:
    canvas.fill(put(_INNER_EARS), _NOSE)
    canvas.fill(put([oval(x, -0.015, 0.05, 0.046) for x in (-0.085, 0.085)]), iris)
    canvas.fill(put([oval(x, -0.015, 0.02, 0.04) for x in (-0.085, 0.085)]), _PUPIL)
    canvas.fill(put([np.array([(-0.03, 0.05), (0.03, 0.05), (0, 0.085)])]), _NOSE)
