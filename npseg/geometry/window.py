"""Windows: which pixels of the plane below each unit of the plane above reads.

The plane *below*, of spatial size ``size``, is the one the windows are cut out of; the plane *above*, of size
``out``, has one unit for each window. Going down the network's resolution (convolution, pooling) one knows the plane
below and asks for the one above; going up (transposed convolution, unpooling) it is the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from npseg.backend import Array, array_module
from npseg.geometry.sizes import (
    Ints,
    Pairs,
    refuse_no_flag,
    refuse_no_library,
    refuse_strange,
    same_or_all,
    times,
    whole,
)


def smallest_size(out: Ints, kernel: Ints, *, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """Return the smallest plane below that has ``out`` windows; it may come out empty, where padding is large.

    Examples
    --------
    >>> smallest_size((2,), (3,), stride=(2,), padding=((1, 1),), dilation=(1,))
    (3,)
    """
    refuse_strange(padding, out=out, kernel=kernel, stride=stride, dilation=dilation)
    return tuple(
        s * (o - 1) + d * (k - 1) + 1 - sum(p)
        for o, k, s, p, d in zip(out, kernel, stride, padding, dilation)
    )


@dataclass(frozen=True)
class Window:
    """The windows that join a plane below to a plane above.

    Attributes
    ----------
    size : tuple of int
        Spatial size of the plane below, the one with the pixels.
    out : tuple of int
        Spatial size of the plane above: one unit for each window.
    kernel, stride, dilation : tuple of int
        Taps of a window, pixels from one window to the next, pixels from one tap to the next.
    padding : tuple of (before, after)
        Zeros around the plane below.

    Examples
    --------
    The lecture's strided convolution, seen from below and from above:

    >>> Window.down((4, 4), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1))).out
    (2, 2)
    >>> Window.up((2, 2), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), output_padding=(1, 1)).size
    (4, 4)
    """

    size: Ints
    out: Ints
    kernel: Ints
    stride: Ints
    padding: Pairs
    dilation: Ints

    @classmethod
    def down(
        cls,
        size: Ints,
        kernel: Ints,
        *,
        stride: Ints,
        padding: Pairs,
        dilation: Ints | None = None,
        ceil_mode: bool = False,
    ) -> Window:
        """Find the plane above: ``floor((size + padding - span) / stride) + 1`` windows on each axis.

        Parameters
        ----------
        size, kernel, stride, padding, dilation
            As the attributes; dilation 1, which is none, unless given.
        ceil_mode : bool
            Round up instead of down: a last window may hang over the end, as long as it starts inside the
            input or its left padding.

        Raises
        ------
        ValueError
            If the dilated kernel does not fit into the padded plane, or there is not one whole number for each axis.

        References
        ----------
        Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", relationships 1-7 and 15.
        """
        dilation = (1,) * len(padding) if dilation is None else dilation
        refuse_no_flag("ceil_mode", ceil_mode)
        refuse_strange(padding, size=size, kernel=kernel, stride=stride, dilation=dilation)
        out = []
        for i, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation):
            room = before + i + after - (d * (k - 1) + 1)
            windows = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (windows - 1) * s >= before + i:
                windows -= 1
            out.append(windows)
        if min(out) < 1:
            padded = [before + i + after for i, (before, after) in zip(size, padding)]
            raise ValueError(
                f"kernel {times(kernel)} with dilation {same_or_all(dilation)} does not fit into the padded "
                f"input {times(padded)} (input {times(size)}, padding {same_or_all(padding)})"
            )
        return cls(tuple(size), tuple(out), kernel, stride, padding, dilation)

    @classmethod
    def up(
        cls,
        out: Ints,
        kernel: Ints,
        *,
        stride: Ints,
        padding: Pairs,
        dilation: Ints | None = None,
        output_padding: Ints | None = None,
    ) -> Window:
        """Find the plane below: ``stride * (out - 1) + span - padding + output_padding`` pixels on each axis.

        Parameters
        ----------
        out, kernel, stride, padding, dilation
            As the attributes.
        output_padding : tuple of int, optional
            Further pixels at the end of each axis. Several sizes below have the same size above when the
            stride leaves a remainder; this says which one is meant.

        Raises
        ------
        ValueError
            If nothing is left of the plane below, or there is not one whole number for each axis.

        References
        ----------
        Dumoulin & Visin, relationships 8-14 (their *a* is ``output_padding``).
        """
        dilation = (1,) * len(padding) if dilation is None else dilation
        extra = (0,) * len(padding) if output_padding is None else output_padding
        refuse_strange(padding, output_padding=extra)
        least = smallest_size(out, kernel, stride=stride, padding=padding, dilation=dilation)
        size = tuple(i + e for i, e in zip(least, extra))
        if min(size) < 1:
            raise ValueError(
                f"the output would be {times(size)}: padding {same_or_all(padding)} crops all that "
                f"kernel {times(kernel)} makes of the input {times(out)}"
            )
        return cls(size, tuple(out), kernel, stride, padding, dilation)

    @property
    def steps(self) -> dict[str, Any]:
        """Stride, padding and dilation, as the methods take them."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def blocks(self) -> dict[str, Any]:
        """Kernel, stride and padding, as the methods' averages take them: undilated."""
        return {"kernel": self.kernel, "stride": self.stride, "padding": self.padding}

    @property
    def span(self) -> Ints:
        """Pixels from a window's first tap to its last, both included: ``dilation * (kernel - 1) + 1``."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    @property
    def reach(self) -> Ints:
        """Size of the padded plane that the windows together cover, filled up to a whole number of groups."""
        return tuple(
            s * (o - 1) + d * (-(-k // g) * g - 1) + 1
            for o, s, d, k, g in zip(self.out, self.stride, self.dilation, self.kernel, self.group)
        )

    @property
    def group(self) -> Ints:
        """How many neighbouring taps never meet: over all windows, taps less than a stride apart read other pixels.

        Where a dilation parts the taps, or a stride is longer than the kernel, each is a group of its own.
        """
        return tuple(
            s if d == 1 and s <= k else 1 for s, d, k in zip(self.stride, self.dilation, self.kernel)
        )

    @property
    def pointwise(self) -> bool:
        """Whether each window is one pixel, and each pixel a window, in the same order."""
        one_by_one = set(self.kernel) == set(self.stride) == {1} and not any(map(any, self.padding))
        return one_by_one and self.size == self.out

    def rows(self, rows: slice) -> Window:
        """Return the windows of some rows alone, on the first spatial axis: rows of the padding are cut off."""
        if not (isinstance(rows, slice) and whole((rows.start, rows.stop), 2) and rows.step is None):
            raise TypeError(f"rows={rows!r}; a slice with its first row and its last is needed")
        (before, after), *others = self.padding
        padding = ((before - rows.start * self.stride[0], after), *others)
        return replace(self, out=(rows.stop - rows.start, *self.out[1:]), padding=padding)

    def positions(self, axis: int, xp: ModuleType = np) -> Array:
        """Return the coordinate that each tap of each window reads on one axis.

        Parameters
        ----------
        axis : int
            The spatial axis.
        xp : module
            The array library to make it in.

        Returns
        -------
        (kernel, out) int32 array
            Below 0 or at ``size`` and above, it lies in the padding.

        Examples
        --------
        >>> window = Window.down((4,), (3,), stride=(2,), padding=((1, 1),))
        >>> window.positions(0)
        array([[-1,  1],
               [ 0,  2],
               [ 1,  3]], dtype=int32)
        """
        if not isinstance(axis, int) or not 0 <= axis < len(self.size):
            raise ValueError(f"axis={axis!r}; the windows have {len(self.size)} spatial axes, counted from 0")
        refuse_no_library(xp)
        taps = xp.arange(self.kernel[axis], dtype=xp.int32) * self.dilation[axis]
        starts = xp.arange(self.out[axis], dtype=xp.int32) * self.stride[axis] - self.padding[axis][0]
        return taps[:, None] + starts

    def index(self, xp: ModuleType = np) -> Array:
        """Return the table of indices: the flat pixel that each tap of each window reads.

        Taps and windows are counted in row-major order; the index is that of the *unpadded* plane below.

        Returns
        -------
        (K, L) int32 array
            ``K = prod(kernel)`` taps, ``L = prod(out)`` windows; -1 where a tap lies in the padding.

        Examples
        --------
        >>> Window.down((4,), (3,), stride=(2,), padding=((1, 1),)).index()
        array([[-1,  1],
               [ 0,  2],
               [ 1,  3]], dtype=int32)
        """
        rank = len(self.size)
        flat, inside = 0, True
        for axis, size in enumerate(self.size):
            # (k, o) of this axis stands at places axis and rank + axis of (k0, k1, ..., o0, o1, ...)
            shape = [1] * (2 * rank)
            shape[axis], shape[rank + axis] = self.kernel[axis], self.out[axis]
            positions = self.positions(axis, xp).reshape(shape)
            flat = flat * size + positions
            inside = inside & (positions >= 0) & (positions < size)
        return xp.where(inside, flat, -1).reshape(prod(self.kernel), prod(self.out)).astype(xp.int32)

    def first(self, xp: ModuleType = np) -> Array:
        """Return the first row of :meth:`index` alone: the pixel that each window's first tap reads, (L,) int32."""
        return replace(self, kernel=(1,) * len(self.kernel)).index(xp)[0]

    def taps(self) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
        """Go through the taps of a window, each with what it reads of the padded plane.

        Yields
        ------
        tap : tuple of int
            The tap, in row-major order.
        read : tuple of slice
            The pixels of the padded plane, of size ``reach``, that this tap reads, one for each window.
        """
        for tap in product(*map(range, self.kernel)):
            yield (
                tap,
                tuple(
                    slice(k * d, k * d + s * (o - 1) + 1, s)
                    for k, d, s, o in zip(tap, self.dilation, self.stride, self.out)
                ),
            )

    def groups(self) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """Go through the taps of a window in groups that never meet, each with what it reads of the padded plane.

        Yields
        ------
        taps : tuple of slice
            The group's taps; the last group of an axis may have fewer than ``group``.
        read : tuple of slice
            Pixels of the padded plane, ``out * group`` on each axis: cut into pieces of ``group``, there is a piece
            for each window, and a pixel in it for each tap.
        """
        starts = [range(0, k, g) for k, g in zip(self.kernel, self.group)]
        for first in product(*starts):
            yield (
                tuple(slice(t, min(t + g, k)) for t, g, k in zip(first, self.group, self.kernel)),
                tuple(
                    slice(t * d, t * d + s * (o - 1) + g, s // g)
                    for t, g, d, s, o in zip(first, self.group, self.dilation, self.stride, self.out)
                ),
            )

    def inner(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Say which pixels the windows can see, and where these lie in the padded plane.

        Returns
        -------
        pixels, places : tuple of slice
            ``padded[places] = x[pixels]`` fills a padded plane of size ``reach``; the other way round,
            ``x[pixels] = padded[places]`` crops it.
        """
        pixels, places = [], []
        for size, reach, (before, _) in zip(self.size, self.reach, self.padding):
            first = max(0, -before)
            last = max(first, min(size, reach - before))
            pixels.append(slice(first, last))
            places.append(slice(before + first, before + last))
        return tuple(pixels), tuple(places)

    def divisor(self, *, include_padding: bool, override: float | None, like: Array) -> Array | float:
        """Return what average pooling divides each window by.

        Parameters
        ----------
        include_padding : bool
            Count the declared padding; what hangs over beyond it, in ceil mode, is never counted.
        override : float, optional
            Divide by this instead.
        like : array
            An array of the library and dtype wanted.

        Returns
        -------
        float or array of shape ``out``
            The override, or the places of each window that count.
        """
        if override is not None:
            return override
        refuse_no_flag("include_padding", include_padding)
        xp = array_module(like)
        if getattr(getattr(like, "dtype", None), "kind", "") != "f":
            raise TypeError(f"like is a {type(like).__name__}; a float array is needed")
        count = xp.ones(self.out, like.dtype)
        for axis, (size, pads) in enumerate(zip(self.size, self.padding)):
            before, after = pads if include_padding else (0, 0)
            positions = self.positions(axis, xp)
            counted = ((positions >= -before) & (positions < size + after)).sum(axis=0)
            count *= counted.reshape([-1 if a == axis else 1 for a in range(len(self.out))]).astype(
                like.dtype
            )
        return count
