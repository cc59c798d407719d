"""Transposed convolution as a convolution of the small plane: no stamps, no overlaps to add up.

Gather instead of scattering. With stride s, pixel s·j + r of the large plane is reached by the taps r, r + s, r + 2s
and so on, and by no others: the pixels of each phase r are a correlation, at stride 1, of the small plane with every
s-th tap of the kernel, turned round. Each phase has ceil((kernel - r) / s) taps, so that on each axis there are two
kinds of phases at most, with one tap more and with one less; those of a kind are made together, as if they were
channels, and interleaved afterwards ("pixel shuffle").

The arithmetic is that of im2col, on the transposed side. In the other direction, and for the gradient of the
kernels, there is nothing to win, and im2col serves; what is refused going up is refused going down, too, since a
convolution goes up in its backward pass.

References
----------
Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016, and "Real-time single image and video
super-resolution using an efficient sub-pixel convolutional neural network", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from npseg.backend import Array
from npseg.geometry import Ints, Pairs, Window, times
from npseg.memory import empty, zeros
from npseg.methods import im2col
from npseg.methods.columns import crop
from npseg.methods.im2col import argmax, correlate_adjoint_w, mean, put, spread, take
from npseg.workers import parts, share_out

__all__ = [
    "argmax",
    "correlate",
    "correlate_adjoint_w",
    "correlate_adjoint_x",
    "mean",
    "put",
    "serves",
    "spread",
    "take",
]


def serves(kernel: Ints, stride: Ints, dilation: Ints) -> bool:
    """Say whether kernels are such as this method is for: their taps not parted.

    Examples
    --------
    >>> serves((3, 3), (2, 2), (1, 1)), serves((3, 3), (2, 2), (2, 1))
    (True, False)
    """
    return set(dilation) == {1}


def correlate(x: Array, w: Array, size: Ints, **steps: Any) -> Array:
    """Multiply the kernels with the columns, as im2col does."""
    _refuse(w.shape[2:], steps["stride"], steps["dilation"])
    return im2col.correlate(x, w, size, **steps)


def correlate_adjoint_x(
    y: Array,
    w: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Correlate y with the taps of each kind of phase, and interleave the phases."""
    _refuse(w.shape[2:], stride, dilation)
    window = Window(size, y.shape[2:], w.shape[2:], stride, padding, dilation)
    kinds = [(kind, _pixels(y, w, kind, groups)) for kind in _kinds(w.shape[2:], stride)]
    blocks = tuple(-(-n // s) for n, s in zip(window.reach, stride))
    x = empty((len(y), groups * w.shape[1], *size), y)

    def interleave(channels: slice) -> None:
        """Lay the phases down side by side in each block of stride x stride pixels."""
        shape = *x[:, channels].shape[:2], *(n for pair in zip(blocks, stride) for n in pair)
        padded = zeros(shape, y)
        for kind, pixels in kinds:
            some = pixels[:, channels]
            places = (at for n, phases in zip(some.shape[2::2], kind.phases) for at in (slice(n), phases))
            padded[:, :, *places] = some
        x[:, channels] = crop(padded.reshape(*shape[:2], *(n * s for n, s in zip(blocks, stride))), window)

    share_out(interleave, parts(x.shape[1], like=x), x)
    return x


def _refuse(kernel: Ints, stride: Ints, dilation: Ints) -> None:
    if not serves(kernel, stride, dilation):
        raise ValueError(
            f"method 'subpixel' serves kernels without dilation; this one has {times(dilation)}: use method='auto'"
        )


class Kind(NamedTuple):
    """Phases with equally many taps.

    Attributes
    ----------
    phases : tuple of slice
        The phases, from 0 to the stride, on each axis.
    taps : tuple of int
        How many taps each of them has.
    stride : tuple of int
        Phases that there are, on each axis.
    """

    phases: tuple[slice, ...]
    taps: Ints
    stride: Ints


def _kinds(kernel: Ints, stride: Ints) -> Iterator[Kind]:
    """Go through the kinds of phases: on each axis, those with a tap more and those with a tap less.

    Examples
    --------
    >>> [kind.taps for kind in _kinds((3, 4), (2, 2))]
    [(2, 2), (1, 2)]
    """
    on_axes = []
    for k, s in zip(kernel, stride):
        taps, more = divmod(k, s)
        on_axes.append([(slice(0, more), taps + 1), (slice(more, s), taps)])
    for kind in product(*on_axes):
        phases, taps = zip(*kind)
        if all(taps) and all(p.start < p.stop for p in phases):  # what no tap reaches stays 0
            yield Kind(phases, taps, stride)


def _pixels(y: Array, w: Array, kind: Kind, groups: int) -> Array:
    """Return the pixels of a kind of phases: (N, C, *(blocks, phases) for each axis)."""
    axes, below = len(kind.taps), groups * w.shape[1]
    kernels = _turned(w, kind, groups)
    size = tuple(o + t - 1 for o, t in zip(y.shape[2:], kind.taps))
    around = tuple((t - 1, t - 1) for t in kind.taps)
    ones = (1,) * axes
    pixels = im2col.correlate(y, kernels, size, stride=ones, padding=around, dilation=ones, groups=groups)
    phases = tuple(p.stop - p.start for p in kind.phases)
    pixels = pixels.reshape(len(y), below, *phases, *size)
    return pixels.transpose(0, 1, *(n for a in range(axes) for n in (2 + axes + a, 2 + a)))


def _turned(w: Array, kind: Kind, groups: int) -> Array:
    """Return the taps of a kind of phases, turned round: (C_below * phases, C_above / groups, *taps)."""
    above, below, *kernel = w.shape
    axes = len(kernel)
    taps = tuple(-(-k // s) for k, s in zip(kernel, kind.stride))
    whole = w
    if any(k % s for k, s in zip(kernel, kind.stride)):
        whole = zeros((above, below, *(t * s for t, s in zip(taps, kind.stride))), w)
        whole[:, :, *map(slice, kernel)] = w
    # Tap s·q + r is the q-th of phase r.
    by_phase = whole.reshape(above, below, *(n for pair in zip(taps, kind.stride) for n in pair))
    some = by_phase[:, :, *(at for t, phases in zip(kind.taps, kind.phases) for at in (slice(t), phases))]
    turned = some[:, :, *(slice(None, None, -1 if axis % 2 == 0 else 1) for axis in range(2 * axes))]
    turned = turned.reshape(groups, above // groups, *turned.shape[1:])
    order = (0, 2, *range(4, 4 + 2 * axes, 2), 1, *range(3, 3 + 2 * axes, 2))
    return turned.transpose(order).reshape(-1, above // groups, *kind.taps)
