"""The host's cores: how many threads share the work, as many as there are cores, or as ``threads(n)`` says."""

from __future__ import annotations

import os

import numpy as np

_threads: int | None = None


class threads:
    """Choose how many threads share the work on the host; the results do not depend on it, to the last bit.

    As a plain call it stays chosen; as a context manager it is undone at the end of the block. While they work,
    BLAS is held to one thread in each of them, in the whole process, and then left as it was found.

    Parameters
    ----------
    n : int or None
        How many; None for as many as the process may use cores.

    Raises
    ------
    ValueError, TypeError
        If it is not a whole number of at least 1.

    Examples
    --------
    >>> with threads(1):
    ...     thread_count()
    1
    """

    def __init__(self, n: int | None) -> None:
        global _threads
        if (n is not None and not isinstance(n, int | np.integer)) or isinstance(n, bool):
            raise TypeError(f"threads: {n!r} is not a whole number")
        if n is not None and n < 1:
            raise ValueError(f"threads: {n} must be at least 1")
        self._before, _threads = _threads, n

    def __enter__(self) -> threads:
        return self

    def __exit__(self, *exception: object) -> None:
        global _threads
        _threads = self._before


def thread_count() -> int:
    """Return how many threads share the work on the host.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    return _threads or cores()


def cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
