"""Ctrl-C that waits until a step is done, so that a run can be saved between two of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C, after its state was saved."""


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of a step; pressed a second time, it stops at once.

    Only the main thread receives signals; elsewhere nothing is changed, and neither is it where Ctrl-C is ignored, as
    a shell has it for what a script starts in the background.

    Yields
    ------
    callable
        Says whether it was pressed.

    Examples
    --------
    >>> with interrupts() as interrupted:
    ...     signal.raise_signal(signal.SIGINT)  # what Ctrl-C does
    ...     interrupted()
    True
    """
    pressed = threading.Event()
    elsewhere = threading.current_thread() is not threading.main_thread()
    if elsewhere or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield pressed.is_set
        return

    def note(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
