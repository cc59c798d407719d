"""Bilinear resizing on one axis: between which two pixels each output pixel lies, and how near to each."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from npseg.backend import Array
from npseg.geometry.sizes import refuse_no_flag, refuse_no_library, refuse_steps


def bilinear_taps(
    size: int, out: int, *, align_corners: bool, xp: ModuleType = np
) -> tuple[Array, Array, Array]:
    """Return the two pixels between which each output pixel of a bilinear resizing lies, on one axis.

    Parameters
    ----------
    size, out : int
        Pixels before and after.
    align_corners : bool
        Lay the centres of the corner pixels over each other; otherwise the corners of the planes.

    Returns
    -------
    lower, upper : (out,) int32 array
        The pixels on either side; the same one at the border, which is replicated.
    fraction : (out,) float64 array
        The weight of the upper one.

    Examples
    --------
    >>> bilinear_taps(2, 4, align_corners=False)[2]
    array([0.  , 0.25, 0.75, 0.  ])
    """
    refuse_no_library(xp)
    refuse_no_flag("align_corners", align_corners)
    refuse_steps(size=size, out=out)
    at = xp.arange(out, dtype=xp.float64)
    if align_corners:
        source = at * ((size - 1) / max(1, out - 1))
    else:
        source = xp.clip((at + 0.5) * (size / out) - 0.5, 0, size - 1)
    lower = xp.floor(source).astype(xp.int32)
    return lower, xp.minimum(lower + 1, size - 1), source - lower
