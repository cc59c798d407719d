"""Memory that is lent out and comes back: large arrays without the price of new ones.

When a large array dies, its memory goes back to the operating system; the next one gets fresh pages, which are
faulted in one by one and filled with zeros, and that costs more than most of what is computed in them. A network
makes arrays of the same few sizes over and over, so the memory of one is kept and lent to the next: ``empty``
is ``numpy.empty`` over such memory, and when the last view of the array is gone, so is the loan.

No more is ever held than was once in use at the same time; what exceeds that is given back, the longest unused
first. So the peak of a program is what it would be without, and its layers and steps share their workspaces without
knowing of each other.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from functools import cache
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from npseg.backend import Array, array_module

#: Bytes from which an array is worth a loan; smaller ones the C library keeps at hand by itself.
LARGE = 2**17

#: Loans begin at multiples of so many bytes: a line of the cache, and a register of the widest instructions.
ALIGNMENT = 64


def empty(shape: tuple[int, ...], like: Array, dtype: Any = None) -> Array:
    """Return an array whose values are not set, as ``numpy.empty`` does.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    like : array
        An array of the library wanted; a GPU's library lends memory by itself.
    dtype : dtype, optional
        That of ``like`` unless given.

    Returns
    -------
    array
        In row-major order.

    Examples
    --------
    >>> empty((2, 3), np.zeros(1, "float32")).dtype
    dtype('float32')
    """
    xp: ModuleType = array_module(like)
    try:
        dtype = np.dtype(like.dtype if dtype is None else dtype)
        bytes_needed = prod(shape) * dtype.itemsize
        if xp is not np or bytes_needed < LARGE or dtype.hasobject:
            return xp.empty(shape, dtype)
        return _lender(os.getpid()).lend(shape, dtype, bytes_needed)
    except (TypeError, ValueError, AttributeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(
            f"empty: shape={shape!r}, like a {type(like).__name__}, dtype={dtype!r}: {error}"
        ) from None


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return an array of zeros, over the memory of :func:`empty`.

    Examples
    --------
    >>> zeros((2,), np.zeros(1))
    array([0., 0.])
    """
    array = empty(shape, like)
    array[...] = 0
    return array


def release() -> None:
    """Give all memory that is not lent out back to the system.

    Examples
    --------
    >>> release()
    """
    _lender(os.getpid()).release()


class _Lender:
    """Keeps what comes back, and lends it again.

    Attributes
    ----------
    lent, most : int
        Bytes that are lent out, and the most that ever were.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[np.ndarray] = []  # the longest unused first
        # An array may die at any moment, even while this thread holds the lock; appending needs none.
        self._returned: deque[np.ndarray] = deque()
        self.lent = self.most = 0

    def lend(self, shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> np.ndarray:
        """Return an array over memory that was used before, or over new memory."""
        with self._lock:
            self._take_back()
            memory = self._fitting(size + ALIGNMENT)
            self.lent += memory.nbytes
            self.most = max(self.most, self.lent)
            self._give_up(self.lent + sum(m.nbytes for m in self._free) - self.most)
        offset = -memory.ctypes.data % ALIGNMENT
        # Over a memoryview, so that views of the array keep the array alive, and not the bare memory.
        array = np.frombuffer(memory.data, dtype, prod(shape), offset)
        weakref.finalize(array, self._returned.append, memory).atexit = False
        return array.reshape(shape)

    def release(self) -> None:
        """Forget what is not lent out."""
        with self._lock:
            self._take_back()
            self._free.clear()
            self.most = self.lent

    def _take_back(self) -> None:
        while self._returned:
            memory = self._returned.popleft()
            self.lent -= memory.nbytes
            self._free.append(memory)

    def _fitting(self, size: int) -> np.ndarray:
        """Return the smallest memory that is free and large enough, but not twice as large; or new memory."""
        fitting = [number for number, m in enumerate(self._free) if size <= m.nbytes < 2 * size]
        if not fitting:
            return np.empty(size, np.uint8)
        return self._free.pop(min(fitting, key=lambda number: self._free[number].nbytes))

    def _give_up(self, surplus: int) -> None:
        """Give memory back to the system until no surplus is left."""
        while surplus > 0 and self._free:
            surplus -= self._free.pop(0).nbytes


@cache
def _lender(process: int) -> _Lender:
    """Return the lender of a process; a forked child must not wait for the lock of its parent's."""
    return _Lender()
