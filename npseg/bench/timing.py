"""How contenders are timed: in one process, in turns, in an order drawn anew each round; medians count.

A machine is faster in one second than in the next, so times that are to be compared are taken side by side. In each
round every contender has a turn. A turn is several calls, if they are short, and its time is their median without
the first: that one finds the caches full of somebody else's arrays, and the threads of another library, which go
on asking for work for some milliseconds, still awake. A ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npseg import backend, memory

#: What a contender does, by name and in order: each pass is given what the one before it has returned.
Passes: TypeAlias = Mapping[str, Callable[[Any], Any]]

#: Seconds of each round, by contender and pass.
Times: TypeAlias = dict[str, dict[str, NDArray[np.float64]]]

#: How often each contender has its turn.
ROUNDS = 7


def take_turns(contenders: Mapping[str, Passes], seconds: float, *, rounds: int = ROUNDS) -> Times:
    """Time all contenders, one after the other, round after round.

    Parameters
    ----------
    contenders : dict of str to passes
        Who, and what each does.
    seconds : float
        How long all this should take; a single call that lasts longer than its turn is finished all the same.
    rounds : int
        How often each has a turn.

    Returns
    -------
    dict of str to dict of str to (rounds,) array
        Seconds, by contender and pass.

    Examples
    --------
    >>> times = take_turns({"sum": {"forward": lambda _: sum(range(100))}}, seconds=0.01, rounds=3)
    >>> times["sum"]["forward"].shape
    (3,)
    """
    turn = seconds / (rounds * len(contenders))
    order = np.random.default_rng(0)
    times: dict[str, list[dict[str, float]]] = {who: [] for who in contenders}
    for _ in range(rounds):
        for who in order.permutation(list(contenders)):
            times[who].append(_turn(contenders[who], turn))
    return {
        who: {name: np.array([turn[name] for turn in turns]) for name in contenders[who]}
        for who, turns in times.items()
    }


def peak_memory(passes: Passes) -> dict[str, int]:
    """Return how many bytes each pass needs at its peak, beyond what was there when it began.

    The result counts, and so do what is kept for the next pass and the workspaces that npseg lends from call to
    call. Only allocations that NumPy and Python make are seen.

    Examples
    --------
    >>> peak_memory({"forward": lambda _: np.ones(1000, "float32")})["forward"] // 1000
    4
    """
    peaks, given = {}, None
    tracemalloc.start()
    try:
        for name, run in passes.items():
            memory.release()  # what an earlier call has left would be lent again, and not be counted
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            given = run(given)
            peaks[name] = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return peaks


def answers(passes: Passes) -> dict[str, Any]:
    """Run all passes once, and return what each has returned.

    Examples
    --------
    >>> answers({"forward": lambda _: 2, "backward": lambda y: y + 1})
    {'forward': 2, 'backward': 3}
    """
    results: dict[str, Any] = {}
    given = None
    for name, run in passes.items():
        given = results[name] = run(given)
    return results


def _turn(passes: Passes, seconds: float) -> dict[str, float]:
    """Call a contender until its time is up; return the median of each pass without the first call."""
    end = perf_counter() + seconds
    calls = [_call(passes)]
    while perf_counter() < end:
        calls.append(_call(passes))
    return {name: float(np.median([call[name] for call in calls[1:] or calls])) for name in passes}


def _call(passes: Passes) -> dict[str, float]:
    """Time each pass of one call; what it was given is let go of when the clock stands."""
    times: dict[str, float] = {}
    given = None
    for name, run in passes.items():
        given, times[name] = backend.timed(partial(run, given))
    return times
