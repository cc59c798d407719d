"""How long a training will take, told once its first steps have been timed."""

from __future__ import annotations

import time
from collections.abc import Callable

#: The first step makes tables and buffers that later ones use again, and is not counted; so many after it are.
WARM_UP, TIMED = 1, 5


class Clock:
    """Times the first steps and says what they come to.

    Parameters
    ----------
    steps : int
        Steps that lie ahead.
    first : int
        Those of the first epoch. Where it has ended, what it took says more than a few steps.
    now : callable, optional
        The time in seconds.

    Examples
    --------
    >>> times = iter([3.0, 8.0])  # after the first step and after five more
    >>> clock = Clock(606, 101, now=lambda: next(times))
    >>> [said for said in (clock.tick() for _ in range(10)) if said]
    ['about 10 minutes of training ahead (606 steps, 1.00 s each), and the validation']
    """

    def __init__(self, steps: int, first: int, *, now: Callable[[], float] = time.perf_counter) -> None:
        self._steps, self._first, self._now = steps, first, now
        self._done, self._began = 0, 0.0

    def tick(self) -> str:
        """Count a step that has ended; return the estimate once, when there is one, and nothing otherwise."""
        self._done += 1
        if self._done == WARM_UP:
            self._began = self._now()
        if self._done != WARM_UP + TIMED or self._first <= self._done:
            return ""
        each = (self._now() - self._began) / TIMED
        ahead = span((self._steps - self._done) * each)
        return f"about {ahead} of training ahead ({self._steps} steps, {each:.2f} s each), and the validation"


def span(seconds: float) -> str:
    """Write a span of time as one would say it.

    Examples
    --------
    >>> span(8), span(100), span(60 * 42), span(3600 * 5.2)
    ('8 seconds', '100 seconds', '42 minutes', '5 hours 12 minutes')
    >>> span(1)
    '1 second'
    """
    if seconds < 119.5:
        return f"{seconds:.0f} second" + "s" * (round(seconds) != 1)
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours {minutes % 60} minutes"
