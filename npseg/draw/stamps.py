"""How often a transposed convolution writes each pixel: the checkerboard, before a single weight is learned.

Every input pixel stamps its kernel into the output, a stride further on each time. Where the stride divides the
kernel, all pixels but those near the border are under equally many stamps. Where it does not, some are written more
often than their neighbours, and that pattern is seen in what the network makes. Rows and columns go their own ways,
so in two dimensions the counts are a multiplication table: that of the row times that of the column.

References
----------
Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts", Distill 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from npseg import arguments, room, windows
from npseg.geometry import Window, times

Counts = np.ndarray[Any, np.dtype[np.int64]]


def overlap_counts(
    size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: object = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Counts:
    """Count how often a transposed convolution writes each pixel of its output.

    Parameters
    ----------
    size : int, or one per axis
        Spatial size of the input. All ints mean a single axis: for a square write ``(4, 4)``.
    kernel_size, stride, padding, output_padding, dilation
        As in :func:`npseg.conv_transpose_forward`.

    Returns
    -------
    int64 array of the output's spatial size
        What a transposed convolution of ones with a kernel of ones would be.

    Raises
    ------
    ValueError, TypeError
        As :func:`npseg.conv_transpose_forward`.

    Examples
    --------
    >>> overlap_counts(3, 3, stride=2)
    array([1, 1, 2, 1, 2, 1, 1])
    >>> overlap_counts((2, 2), 3, stride=2)
    array([[1, 1, 2, 1, 1],
           [1, 1, 2, 1, 1],
           [2, 2, 4, 2, 2],
           [1, 1, 2, 1, 1],
           [1, 1, 2, 1, 1]])
    """
    window = windows_of(
        size, kernel_size, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    return counts_of(window)


def windows_of(
    size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: object,
    output_padding: int | Sequence[int],
    dilation: int | Sequence[int],
) -> Window:
    """Return the windows that join the input, above, to the output, below."""
    op = "overlap"
    n = arguments.rank(
        op,
        size=size,
        kernel_size=kernel_size,
        stride=stride,
        output_padding=output_padding,
        dilation=dilation,
    )
    window = windows.stamping(
        op,
        arguments.axes(op, "size", size, n),
        kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    room.check(op, f"the counts of size={size!r} by stride={stride!r}", window.size, np.empty(0, np.int64))
    for kernel, out, span in zip(window.kernel, window.out, window.span):
        what = f"the places of all stamps of kernel_size={kernel_size!r}"
        room.check(op, what, (kernel, max(out, 2 * span + 1)), np.empty(0), 16)
    return window


def by_axis(window: Window) -> list[Counts]:
    """Count how many taps of all windows read each coordinate, axis by axis."""
    counts = []
    for axis, size in enumerate(window.size):
        at = window.positions(axis)
        counts.append(np.bincount(at[(at >= 0) & (at < size)], minlength=size))
    return counts


def counts_of(window: Window) -> Counts:
    """Count how many taps of all windows read each pixel: the product of the counts of its coordinates."""
    counts: Counts = reduce(np.multiply.outer, by_axis(window))
    return counts


def _pattern(window: Window, axis: int) -> Counts:
    """Return the counts of one stride's pixels on one axis, far from any border."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    span = window.span[axis]
    wide = Window.up((2 * span + 1,), (kernel,), stride=(stride,), padding=((0, 0),), dilation=(dilation,))
    return by_axis(wide)[0][stride * span :][:stride]


def in_words(window: Window) -> str:
    """Say whether the counts are even, and if not, why."""
    values = sorted(set(counts_of(window).ravel().tolist()))
    patterns = [_pattern(window, axis) for axis in range(len(window.size))]
    uneven = [axis for axis, pattern in enumerate(patterns) if np.ptp(pattern)]
    if len(values) == 1:
        return f"every pixel is written {_how_often(values)}"
    if not uneven:
        if values[-1] < prod(int(pattern[0]) for pattern in patterns):
            return f"written {_how_often(values)}: even, but all of it lies near the border"
        return f"every pixel is written {_how_often(values[-1:])}, fewer at the border"
    axis = min(uneven, key=lambda axis: patterns[axis].min())
    what = "stripes" if len(window.size) > len(uneven) else "a checkerboard"
    if len(window.size) == 1:
        what = "an uneven rhythm"
    if not patterns[axis].all():
        what = "with gaps"
    return f"written {_how_often(values)}: {what}, since {_why(window, axis)}"


def _why(window: Window, axis: int) -> str:
    """Say what makes an axis uneven."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    if stride > kernel:
        return f"stride {stride} is longer than kernel {kernel}"
    if dilation > 1:
        return f"stride {stride} spreads kernel {kernel} with dilation {dilation} unevenly"
    return f"stride {stride} does not divide kernel {kernel}"


def _how_often(values: Sequence[int]) -> str:
    if len(values) > 4:
        return f"{values[0]} to {values[-1]} times"
    words = ", ".join(map(str, values[:-1])) + (" or " if values[1:] else "") + str(values[-1])
    return "once" if words == "1" else f"{words} times"


def geometry_of(window: Window) -> str:
    """Write down the sizes and the steps."""
    steps = [f"kernel {times(window.kernel)}", f"stride {times(window.stride)}"]
    if set(window.dilation) != {1}:
        steps.append(f"dilation {times(window.dilation)}")
    if set(window.padding) != {(0, 0)}:
        pads = [str(before) if before == after else f"({before},{after})" for before, after in window.padding]
        steps.append(f"padding {'x'.join(pads)}")
    return f"input {times(window.out)}, output {times(window.size)}: {', '.join(steps)}"
