"""The slope of a curve, by differences, and whether there is one.

The curve is ``t -> ⟨dout, y(t)⟩``. Its slopes to the right and to the left of 0 differ by a little wherever it is
curved, and the more so the longer the step: by ``h y''``, a straight line in h. What is left over at step 0 is a
kink. Two steps, h and 2 h, tell the two apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npseg.backend import Array

#: An output is taken to be off by a hundred roundings: it may itself be a sum of many terms.
_UNCERTAINTY = 100 * float(np.finfo(np.float64).eps)


class Slopes(NamedTuple):
    """The slopes of a curve at 0.

    Attributes
    ----------
    central : float
        The mean of the two below: the derivative, but for an error in the step squared.
    left, right : float
        The slopes on either side.
    kink : float
        By how much they differ beyond what curvature explains.
    rounding : float
        How much of any of these may be rounding.
    """

    central: float
    left: float
    right: float
    kink: float
    rounding: float


def slopes(curve: Callable[[float], Array], dout: Array, step: float) -> Slopes:
    """Differentiate ``⟨dout, curve(t)⟩`` at t = 0.

    Parameters
    ----------
    curve : callable
        From a number to an array, float64.
    dout : array of the same shape
        What the curve's values are weighted with.
    step : float
        Length of the step; a second one is twice as long.

    Returns
    -------
    Slopes
        The slopes, and what they can be trusted for.

    References
    ----------
    Chainer's ``gradient_check.py`` fits a parabola to five points for the same purpose.

    Examples
    --------
    A curve that is only bent, and one that has a kink:

    >>> dout = np.ones(())
    >>> bent, folded = slopes(np.exp, dout, 1e-5), slopes(np.abs, dout, 1e-5)
    >>> round(bent.central, 9), abs(bent.kink) <= bent.rounding
    (1.0, True)
    >>> (folded.left, folded.right), round(folded.kink, 9)
    ((-1.0, 1.0), 2.0)
    """
    y = curve(0.0)
    left, right = _one_sided(curve, y, dout, step)
    far_left, far_right = _one_sided(curve, y, dout, 2 * step)
    kink = abs(2 * (right - left) - (far_right - far_left))
    size = float((abs(dout) * (abs(y) + abs(curve(step)))).sum())
    return Slopes((left + right) / 2, left, right, kink, _UNCERTAINTY * size / step)


def _one_sided(curve: Callable[[float], Array], y: Array, dout: Array, step: float) -> tuple[float, float]:
    """Return the slopes to the left and to the right; subtracted before they are summed, to lose no digits."""
    left = (dout * (y - curve(-step))).sum() / step
    right = (dout * (curve(step) - y)).sum() / step
    return float(left), float(right)
