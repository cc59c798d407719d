"""The fastest method for each shape, by a rule that is written down.

The rule looks at shapes and dtype alone: the same shapes are computed in the same way, to the same bits, on every run
and on any number of threads.

* Kernels of 3x3 taps at stride 1, in float32, from 16 channels and 32 tiles of 4x4 pixels on: ``winograd4``. Fewer
  channels do not pay for the transforms, fewer tiles not for that of the kernels. Never in float64, which is asked for
  to be exact.
* Up through a transposed convolution, or back through a convolution, by a kernel that is a whole number of strides
  long, and not dilated: ``subpixel``; unless there is so much less below than above that stamping is less work.
* Everything else: ``im2col``.

The three maps take what :func:`npseg.methods.im2col.correlate` takes, and pass it on.
"""

from __future__ import annotations

from math import prod
from typing import Any

from npseg.backend import Array
from npseg.geometry import Ints
from npseg.methods import im2col, subpixel, winograd
from npseg.methods.pooling import argmax, mean, put, spread, take

__all__ = [
    "argmax",
    "correlate",
    "correlate_adjoint_w",
    "correlate_adjoint_x",
    "mean",
    "put",
    "spread",
    "take",
]

#: Channels, below and above, from which Winograd's transforms pay.
CHANNELS = 16

#: Tiles in the batch from which it pays to transform the kernels.
TILES = 32

_WINOGRAD = winograd.Winograd(4)


def correlate(x: Array, w: Array, size: Ints, **steps: Any) -> Array:
    """Go down, by Winograd's method or im2col."""
    method = _WINOGRAD if _winograd_pays(x, w.shape, size, **steps) else im2col
    return method.correlate(x, w, size, **steps)


def correlate_adjoint_x(y: Array, w: Array, size: Ints, **steps: Any) -> Array:
    """Go up, by Winograd's method, sub-pixels or im2col."""
    if _winograd_pays(y, w.shape, size, **steps):
        return _WINOGRAD.correlate_adjoint_x(y, w, size, **steps)
    method = subpixel if _gathering_pays(w.shape, **steps) else im2col
    return method.correlate_adjoint_x(y, w, size, **steps)


def correlate_adjoint_w(x: Array, y: Array, size: Ints, **steps: Any) -> Array:
    """Find the kernels' gradient, by Winograd's method or im2col."""
    shape = y.shape[1], x.shape[1] // steps["groups"], *size
    method = _WINOGRAD if _winograd_pays(x, shape, y.shape[2:], **steps) else im2col
    return method.correlate_adjoint_w(x, y, size, **steps)


def _winograd_pays(like: Array, w_shape: Ints, made: Ints, *, stride: Ints, dilation: Ints, **_: Any) -> bool:
    """Say whether F(4x4, 3x3) is the quickest, and accurate enough, for planes of the size ``made``."""
    above, below, *kernel = w_shape
    tiles = len(like) * prod(-(-n // _WINOGRAD.tile) for n in made)
    return (
        like.dtype == "float32"
        and len(kernel) == 2
        and _WINOGRAD.serves(tuple(kernel), stride, dilation)
        and min(above, below) >= CHANNELS
        and tiles >= TILES
    )


def _gathering_pays(w_shape: Ints, *, stride: Ints, dilation: Ints, groups: int, **_: Any) -> bool:
    """Say whether taps are not parted, all phases are of one kind, and gathering is less work than stamping.

    Gathered are taps / stride values of each channel above, stamped are all taps of each channel below; an addition in
    place costs about twice a copy.
    """
    above, below, *kernel = w_shape
    if not subpixel.serves(tuple(kernel), stride, dilation) or any(k % s for k, s in zip(kernel, stride)):
        return False
    return above // groups * prod(k // s for k, s in zip(kernel, stride)) <= 2 * below * prod(kernel)
