"""A time limit for one call, in the process that makes it.

An alarm of the operating system interrupts whatever Python runs: a loop without end, a lock that is never released. It
cannot interrupt compiled code; for that, `apart` has a process that can be ended from outside.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TooLongError(BaseException):
    """Time is up. Not an Exception, which the candidate might catch and go on."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt the block after so many seconds.

    Where there are no alarms (on Windows, and outside of the main thread) the block takes what it takes.

    Raises
    ------
    TooLongError
        In the midst of what is running then.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    pending, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, pending)
        signal.signal(signal.SIGALRM, before)
