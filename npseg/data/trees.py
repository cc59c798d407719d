"""The trees of the scenes: round ones, conifers, poplars and bushes.

Their greens come from the same range as the meadow's, so that only the texture, the outline and the
surroundings tell leaves from grass. A trunk belongs to its tree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npseg.data.canvas import Canvas
from npseg.data.outlines import Silhouette, limb, oval, place

_BARKS = ((104, 78, 54), (88, 74, 62), (124, 100, 76), (150, 146, 138))
_LUSH, _DRY, _BLUISH = np.array([(92, 142, 54), (150, 142, 72), (60, 112, 78)], float)


class Tree(NamedTuple):
    """A tree one unit tall that stands on (0, 0)."""

    crown: Silhouette
    trunk: Silhouette
    texture: str = "leaves"


def random_green(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the colour of something that grows, lush, dry or bluish: RGB, float64 (3,)."""
    bend = rng.uniform(-1, 1)
    other = _DRY if bend > 0 else _BLUISH
    green: NDArray[np.float64] = (_LUSH + abs(bend) * (other - _LUSH)) * rng.uniform(0.75, 1.15)
    return green


def draw_tree(
    canvas: Canvas, rng: np.random.Generator, at: tuple[float, float], height: float, label: int
) -> None:
    """Draw a tree of a random kind.

    Parameters
    ----------
    canvas : Canvas
        What to draw on.
    rng : numpy.random.Generator
        Chooses the kind, its shape and its colours.
    at : (float, float)
        Where it stands, in picture heights.
    height : float
        In picture heights; a bush grows to less than half of it.
    label : int
        The class it belongs to.
    """
    tree = _KINDS[rng.integers(len(_KINDS))](rng)
    facing = int(rng.choice((-1, 1)))
    canvas.shade([oval(*at, 0.3 * height, 0.03 * height)], 0.35)
    trunk, crown = place(tree.trunk, at, height, facing), place(tree.crown, at, height, facing)
    canvas.cover(trunk, _BARKS[rng.integers(len(_BARKS))], label, "bark", rng)
    canvas.cover(crown, random_green(rng), label, tree.texture, rng)


def _round(rng: np.random.Generator) -> Tree:
    lobes = rng.uniform((-0.24, -0.84, 0.12), (0.24, -0.46, 0.17), (9, 3)).tolist()
    return Tree([oval(0, -0.64, 0.24, 0.24), *(oval(x, y, r, r) for x, y, r in lobes)], _TRUNK)


def _poplar(rng: np.random.Generator) -> Tree:
    lean = rng.uniform(-0.03, 0.03)
    return Tree([oval(lean, -0.56, 0.16, 0.44), oval(0, -0.4, 0.19, 0.27)], _TRUNK)


def _bush(rng: np.random.Generator) -> Tree:
    tops = rng.uniform(0.12, 0.26, 4).tolist()
    return Tree([oval(x, -0.12, 0.17, top) for x, top in zip((-0.24, -0.08, 0.08, 0.24), tops)], _STUMP)


def _conifer(rng: np.random.Generator) -> Tree:
    spread = rng.uniform(0.85, 1.25)
    return Tree([tier * (spread, 1) for tier in _TIERS], _TRUNK, "needles")


def _tier(top: float, wide: float) -> NDArray[np.float64]:
    """Return one storey of a conifer: a triangle whose lower edge sags to either side."""
    half = [(0, top), (wide, top + 0.34), (0.5 * wide, top + 0.3), (0, top + 0.36)]
    return np.array(half + [(-x, y) for x, y in half[2:0:-1]])


_TRUNK = limb([(0, -0.55), (0.015, -0.3), (0, 0)], 0.08, 0.12)
_STUMP = limb([(0, -0.1), (0, 0)], 0.1, 0.1)
_TIERS = [_tier(top, wide) for top, wide in ((-0.42, 0.27), (-0.62, 0.22), (-0.82, 0.17), (-1.0, 0.11))]
_KINDS = (_round, _round, _conifer, _poplar, _bush)
