"""The cores at work: one task for many pieces, on as many threads as there are cores.

NumPy lets go of Python's lock inside its long calls, so threads share out copies, sums and matrix products alike.
The pieces do not depend on how many threads there are, and their results come back in order, so that neither do
the bits. While the threads work, BLAS is held to one thread in each of them: left alone, every one of them would
start as many threads again as there are cores, and these get into each other's way. That limit holds for the whole
process, and is lifted when the last piece is done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_taken = threading.Lock()


def share_out(task: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Do a task for each piece, several at once.

    Parameters
    ----------
    task : callable
        What to do with a piece. What it shares out itself, it does alone.
    pieces : sequence
        The pieces, which must be independent of each other.

    Returns
    -------
    list
        The results, in the pieces' order.

    Examples
    --------
    >>> share_out(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    # One caller at a time: two that set and lift BLAS's limit in turn could leave it set for good.
    if len(pieces) < 2 or _cores() < 2 or not _taken.acquire(blocking=False):
        return [task(piece) for piece in pieces]
    try:
        with _blas().limit(limits=1, user_api="blas"):
            submit = _pool(os.getpid()).submit
            # Each in a copy of the caller's context, where NumPy keeps what it does about an overflow.
            futures = [submit(copy_context().run, task, piece) for piece in pieces]
            wait(futures)  # all of them, even if one has failed: they work under BLAS's limit
            return [future.result() for future in futures]
    finally:
        _taken.release()


@cache
def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked child needs its own."""
    return ThreadPoolExecutor(_cores(), thread_name_prefix="npseg")


@cache
def _blas() -> ThreadpoolController:
    """Return the handle on the BLAS libraries that are loaded; finding them takes milliseconds."""
    return ThreadpoolController()
