"""Outlines from which the scenes' cats, trees and hills are cut: polygons, and nothing but polygons.

An outline is an array (n, 2) of points (x, y), y pointing down as in images; a *silhouette* is a list of
outlines whose union is meant. Since everything is points, placing a silhouette is one line of arithmetic.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: An outline, or any points: (n, 2).
Points: TypeAlias = NDArray[np.float64]
#: One number a point: (n,).
Levels: TypeAlias = NDArray[np.float64]
Silhouette: TypeAlias = list[Points]

_ANGLES = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CIRCLE: Points = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)

# Catmull-Rom: between the second and the third of four points, at these fractions of the way.
_T = np.linspace(0, 1, 5, endpoint=False)[:, None]
_CATMULL_ROM = 0.5 * np.hstack(
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, _T**3 - _T**2]
)


def oval(x: float, y: float, rx: float, ry: float) -> Points:
    """Return an ellipse around (x, y) with half axes `rx` and `ry`."""
    return _CIRCLE * (rx, ry) + (x, y)


def closed_curve(points: ArrayLike) -> Points:
    """Return a smooth outline through the points and back to the first.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        The points, in order around the outline.

    Returns
    -------
    array of float64, shape (5 n, 2)
        The Catmull-Rom spline; each given point lies on it.

    Examples
    --------
    >>> closed_curve([(0, 0), (1, 0), (1, 1), (0, 1)])[::5].tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    p = np.asarray(points, float)
    neighbours = np.stack([np.roll(p, shift, axis=0) for shift in (1, 0, -1, -2)], axis=1)
    curve: Points = (_CATMULL_ROM @ neighbours).reshape(-1, 2)
    return curve


def limb(points: ArrayLike, start: float, end: float) -> Silhouette:
    """Return a bent, tapering limb with round ends: a leg, a tail, a trunk, a stripe.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Its middle line, n at least 2.
    start, end : float
        Its width at the first and at the last point.

    Returns
    -------
    list of outline
        The limb itself, and an oval at either end.
    """
    p = np.asarray(points, float)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    windows = np.stack([padded[:-3], padded[1:-2], padded[2:-1], padded[3:]], axis=1)
    middle = np.concatenate([(_CATMULL_ROM @ windows).reshape(-1, 2), p[-1:]])
    along = np.gradient(middle, axis=0)
    across = along[:, ::-1] * (-1, 1) / np.hypot(*along.T)[:, None]
    half = across * np.linspace(start, end, len(middle))[:, None] / 2
    side = np.concatenate([middle + half, (middle - half)[::-1]])
    first, last = (_CIRCLE * width / 2 + point for width, point in ((start, p[0]), (end, p[-1])))
    return [side, first, last]


def place(parts: Silhouette, at: tuple[float, float], scale: float, facing: int = 1) -> Silhouette:
    """Return the parts scaled, mirrored left to right where `facing` is -1, and moved from (0, 0) to `at`."""
    return [part * (scale * facing, scale) + at for part in parts]


def bounds(parts: Silhouette) -> tuple[float, float, float, float]:
    """Return the box around the parts: left, top, right, bottom."""
    points = np.concatenate(list(parts))
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    return left, top, right, bottom
