"""Whether there is room: what an operation will take, worked out from the sizes before any of it is taken.

A padding of a million, a stride of two thousand million: nothing is wrong with the numbers, and yet the arrays that
they ask for fit into no machine. An operating system promises such memory all the same, and ends the process once it
is touched. So the sizes are known first, and what exceeds all the memory that this machine has is refused, with what
it would have taken.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path

import numpy as np

from npseg.backend import Array
from npseg.geometry import Window, times

#: Where Linux says how much a container may have.
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


@cache
def memory() -> int:
    """Return the bytes of memory that this machine has, or the container in it.

    Examples
    --------
    >>> memory() > 2**20
    True
    """
    most = 2**63 - 1  # where nobody says
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return min(most, int(_CONTAINER.read_text()))
    except (AttributeError, OSError, ValueError):  # another system, or a container without a limit, "max"
        return most


def check(op: str, what: str, shape: Sequence[int], like: Array, itemsize: int | None = None) -> None:
    """Refuse an array for which this machine has no memory.

    Parameters
    ----------
    op, what : str
        The operation and what the array is, with the arguments that made it so large, for the message.
    shape : sequence of int
        Its shape.
    like : array
        An array of its library and dtype; a device says by itself what does not fit.
    itemsize : int, optional
        Bytes of a number, if it is of another dtype.

    Raises
    ------
    ValueError
        Saying what it would take, and what there is.

    Examples
    --------
    >>> check("nearest_unpool_forward", "the output of scale=1000000", (1, 64, 10**6, 10**6), np.zeros(1))
    Traceback (most recent call last):
    ...
    ValueError: nearest_unpool_forward: the output of scale=1000000, 1x64x1000000x1000000, would take 476,837.2 GiB, ...
    """
    # Of no images one is counted: what is laid out for each is laid out all the same.
    needed = prod(max(1, n) for n in shape) * (like.dtype.itemsize if itemsize is None else itemsize)
    if needed > memory() and type(like) is np.ndarray:  # a plane without pixels takes none
        raise ValueError(
            f"{op}: {what}, {times(shape)}, would take {needed / 2**30:,.1f} GiB, and this machine has "
            f"{memory() / 2**30:,.1f} GiB; give smaller numbers, or fewer images at once"
        )


def for_windows(op: str, window: Window, like: Array, *, images: int, below: int, above: int) -> None:
    """Refuse planes, and what is laid out between them, for which this machine has no memory.

    Parameters
    ----------
    op : str
        The operation.
    window : Window
        The windows that join the planes.
    like : array
        An array of their library and dtype.
    images, below, above : int
        Images, and the channels of the plane below and of that above.

    Examples
    --------
    >>> window = Window.down((4,), (1,), stride=(10**9,), padding=((10**9, 10**9),))
    >>> window.out
    (3,)
    >>> for_windows("conv_forward", window, np.zeros(1), images=1, below=64, above=1)
    Traceback (most recent call last):
    ...
    ValueError: conv_forward: what the windows reach of the input and its padding ((1000000000, 1000000000),), ...
    """
    kernel, out = window.kernel, window.out
    geometry = f"kernel {times(kernel)}, stride {times(window.stride)} and padding {window.padding}"
    check(op, f"the values of all windows, by {geometry}", (images, above, *out), like)
    check(op, f"the pixels below the windows, by {geometry}", (images, below, *window.size), like)
    check(
        op,
        f"what the windows reach of the input and its padding {window.padding}, by stride {times(window.stride)}",
        (below, *window.reach),
        like,
    )
    check(op, f"one row of windows, by {geometry}", (below, *kernel, *out[1:]), like)


def for_indices(op: str, window: Window, like: Array) -> None:
    """Refuse windows whose table of indices this machine has no memory for, or that one could not count.

    Examples
    --------
    >>> window = Window.down((2**16, 2**16), (2, 2), stride=(2, 2), padding=((0, 0), (0, 0)))
    >>> for_indices("max_pool_forward", window, np.zeros(1))
    Traceback (most recent call last):
    ...
    ValueError: max_pool_forward: an input plane of 65536x65536 has 4294967296 pixels, and an index counts up to ...
    """
    if prod(window.size) >= 2**31:
        raise ValueError(
            f"{op}: an input plane of {times(window.size)} has {prod(window.size)} pixels, and an index counts up to "
            f"{2**31 - 1}; give smaller images"
        )
    what = f"the indices of kernel_size={times(window.kernel)} with padding {window.padding}"
    check(op, what, (prod(window.kernel), prod(window.out)), like, 4)
