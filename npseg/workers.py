"""The cores at work: one task for many pieces, on several threads.

NumPy lets go of Python's lock inside its long calls, so threads share out copies, sums and matrix products alike.
Which thread does which piece is left to chance, but the pieces are the same however many threads there are, and
their results come back in order; so the bits do not depend on the number of threads.

While pieces are worked on, BLAS is held to one thread: left alone, every worker's product would start as many threads
again as there are cores, and these get into each other's way. That limit holds for the whole process, also for what
the caller's other threads compute meanwhile, and is lifted when the last piece is done.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from npseg.backend import Array, array_module, current, thread_count

Piece = TypeVar("Piece")
Result = TypeVar("Result")

#: Pieces that work is cut into, where nothing else says how many: a fixed number, more than most machines have cores.
PIECES = 4

#: Set in a thread while it works on a piece.
_here = threading.local()


def share_out(
    task: Callable[[Piece], Result], pieces: Sequence[Piece], like: Array = None, *, small: bool = False
) -> list[Result]:
    """Do a task for each piece, several at once.

    Parameters
    ----------
    task : callable
        What to do with a piece. What it shares out itself, it does alone.
    pieces : sequence
        The pieces, which must be independent of each other.
    like : array, optional
        One of those that are worked on, or of the library in use unless given: a device's kernels run one after the
        other, whoever asks for them, and one thread does.
    small : bool
        Whether it is too little work to wake another thread for.

    Returns
    -------
    list
        The results, in the pieces' order.

    Examples
    --------
    >>> share_out(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    if getattr(_here, "busy", False) or (current() if like is None else array_module(like)) is not np:
        return [task(piece) for piece in pieces]
    with _blas(os.getpid()).held_to_one_thread():
        helpers = 0 if small else min(thread_count(), len(pieces)) - 1
        if helpers < 1:
            return [task(piece) for piece in pieces]
        return _together(task, pieces, helpers)


def in_pieces(like: Array) -> bool:
    """Say whether work on an array is cut into pieces: on the host, for its cores and for its caches.

    A device has one thread to feed it, no cache that would keep a piece, and its price for each call.

    Examples
    --------
    >>> in_pieces(np.zeros(3))
    True
    """
    return array_module(like) is np


def parts(length: int, pieces: int = PIECES, like: Array = None) -> list[slice]:
    """Cut a length into so many parts, or as many as it has places.

    For an array like which nothing is cut into pieces it stays whole.

    Examples
    --------
    >>> parts(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    if not in_pieces(like):
        pieces = 1
    cuts = [length * piece // max(1, pieces) for piece in range(pieces + 1)]
    return [slice(first, last) for first, last in pairwise(cuts) if first < last]


def _together(task: Callable[[Piece], Result], pieces: Sequence[Piece], helpers: int) -> list[Result]:
    """Work on the pieces, this thread and its helpers; each takes the next one when it is done with its last."""
    results: list[Any] = [None] * len(pieces)
    waiting = deque(range(len(pieces)))

    def work() -> None:
        _here.busy = True
        try:
            while waiting:
                try:
                    number = waiting.popleft()
                except IndexError:  # another was quicker
                    return
                results[number] = task(pieces[number])
        finally:
            _here.busy = False

    submit = _pool(os.getpid(), helpers).submit
    # Each in a copy of the caller's context, where NumPy keeps what it does about an overflow.
    futures = [submit(copy_context().run, work) for _ in range(helpers)]
    try:
        work()
    finally:
        wait(futures)  # all of them, even if one has failed: they work under BLAS's limit
    for future in futures:
        future.result()
    return results


@cache
def _pool(process: int, helpers: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked child needs its own."""
    return ThreadPoolExecutor(helpers, thread_name_prefix="npseg")


class _Blas:
    """The BLAS libraries that are loaded, held to one thread while anybody asks for it."""

    def __init__(self) -> None:
        self._controller = ThreadpoolController()  # finding the libraries takes milliseconds
        self._lock = threading.Lock()
        self._asking = 0
        self._limit: Any = None

    @contextmanager
    def held_to_one_thread(self) -> Iterator[None]:
        """Hold BLAS to one thread; the first who asks sets the limit, the last who is done lifts it."""
        with self._lock:
            if self._asking == 0:
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
                if self._asking == 0:
                    self._limit.restore_original_limits()


@cache
def _blas(process: int) -> _Blas:
    """Return the handle on BLAS of a process; a forked child must not wait for the lock of its parent's."""
    return _Blas()
