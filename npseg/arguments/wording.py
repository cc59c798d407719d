"""How messages are put: names listed, and an error under the name of the operation that a user called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def named(op: str, make: Callable[[], T]) -> T:
    """Run ``make``, and put the operation's name before the message of its ValueError."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{op}: {error}") from None


def listed(names: Sequence[str], most: int = 5) -> str:
    """List names, but not all hundred of them.

    Examples
    --------
    >>> listed(["w", "b", "gamma"], most=2)
    'w, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
