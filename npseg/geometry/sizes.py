"""Sizes, one for each spatial axis: how they are written, and what is refused in their place."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

#: One number for each spatial axis.
Ints: TypeAlias = tuple[int, ...]
#: ``(before, after)`` for each spatial axis.
Pairs: TypeAlias = tuple[tuple[int, int], ...]

_SEQUENCES, _INT = (tuple, list), {int}  # made once: every window is looked at


def times(sizes: Sequence[int]) -> str:
    """Write sizes as people do.

    Examples
    --------
    >>> times((3, 4))
    '3x4'
    """
    if not isinstance(sizes, Sequence | np.ndarray) or np.ndim(sizes) < 1:
        raise TypeError(f"times: sizes={sizes!r}; a sequence of sizes is needed")
    return "x".join(map(str, sizes))


def same_or_all(values: Sequence[object]) -> str:
    """Write per-axis values as one where they are the same, as users mostly give them."""
    flat = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    return str(flat[0]) if len(set(flat)) == 1 else str(tuple(values))


def whole(values: Any, count: int) -> bool:
    """Say whether values are so many whole numbers."""
    if not isinstance(values, _SEQUENCES) or len(values) != count:
        return False
    kinds = set(map(type, values))
    return kinds == _INT or all(issubclass(kind, np.integer) for kind in kinds - _INT)


def refuse_strange(padding: Pairs, **values: Ints) -> None:
    """Refuse anything but pairs for the padding, and one whole number for each axis."""
    if not isinstance(padding, _SEQUENCES) or not padding or not all(whole(pair, 2) for pair in padding):
        raise ValueError(f"padding={padding!r}; for each axis a pair (before, after) is needed")
    for name, given in values.items():
        least = 1 if name in ("kernel", "stride", "dilation") else 0
        if not whole(given, len(padding)) or min(given) < least:
            raise ValueError(
                f"{name}={given!r}; a tuple is needed, of a whole number from {least} on for each of the "
                f"{len(padding)} axes"
            )


def refuse_steps(**values: int) -> None:
    """Refuse anything but whole numbers that 32 bits count, from 1 on but for the padding: below 0 it crops."""
    for name, given in values.items():
        least = -(2**31) if name == "padding" else 1
        if not whole((given,), 1) or not least <= given < 2**31:
            raise ValueError(f"{name}={given!r}; a whole number from {least} to {2**31 - 1} is needed")


def refuse_no_flag(name: str, value: bool) -> None:
    """Refuse anything but a truth value."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={value!r}; True or False is needed")


def refuse_no_library(xp: ModuleType) -> None:
    """Refuse anything but a module that makes arrays."""
    if not hasattr(xp, "arange"):
        raise TypeError(f"xp={xp!r}; an array library is needed: numpy or cupy")
