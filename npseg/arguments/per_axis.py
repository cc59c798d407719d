"""One number for each spatial axis, or a pair of them: sizes, strides, paddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from npseg.arguments.numbers import integer
from npseg.geometry import Ints, Pairs


def axes(op: str, name: str, value: int | Sequence[int], n: int, *, minimum: int = 1) -> Ints:
    """Return one whole number for each spatial axis, from an int for all of them or exactly one each.

    Examples
    --------
    >>> axes("conv_forward", "stride", 2, n=3)
    (2, 2, 2)
    >>> axes("conv_forward", "stride", (1, 2, 3), n=2)
    Traceback (most recent call last):
    ...
    ValueError: conv_forward: stride=(1, 2, 3) has 3 entries; give one int, or one for each of the 2 spatial axes
    """
    if not _is_sequence(value):
        return (integer(op, name, value, minimum),) * n
    if len(value) != n:
        raise ValueError(
            f"{op}: {name}={value!r} has {_entries(value)}; give one int, or one for each of the {n} spatial axes"
        )
    return tuple(integer(op, name, v, minimum) for v in value)


def rank(op: str, **values: int | Sequence[int]) -> int:
    """Return the number of axes that the longest of the values names; one where all are ints."""
    axes = max((len(v) for v in values.values() if _is_sequence(v)), default=1)
    if not 1 <= axes <= 3:
        given = " and ".join(f"{name}={value!r}" for name, value in values.items() if _is_sequence(value))
        raise ValueError(f"{op}: {given} name {axes} axes; one, two or three are needed")
    return axes


def padding_pairs(op: str, value: object, n: int) -> Pairs:
    """Return the padding as (before, after) for each spatial axis.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    value : int, or one per axis, or a (before, after) pair per axis
        What the user wrote.
    n : int
        Number of spatial axes.

    Examples
    --------
    >>> padding_pairs("conv_forward", 1, n=2)
    ((1, 1), (1, 1))
    >>> padding_pairs("conv_forward", ((1, 2), 0), n=2)
    ((1, 2), (0, 0))
    """
    if not _is_sequence(value):
        p = integer(op, "padding", value)
        return ((p, p),) * n
    if len(value) != n:
        hint = f"; for uneven padding write padding=({tuple(value)},)" if n == 1 and len(value) == 2 else ""
        raise ValueError(
            f"{op}: padding={value!r} has {_entries(value)}; give an int, or for each of the {n} spatial axes "
            f"an int or a (before, after) pair{hint}"
        )
    return tuple(_pair(op, value, p) for p in value)


def _pair(op: str, whole: object, value: object) -> tuple[int, int]:
    """Return one axis's padding; ``whole`` is what was given for all of them."""
    if not _is_sequence(value):
        p = integer(op, "padding", value)
        return p, p
    if len(value) != 2:
        raise ValueError(f"{op}: padding={whole!r}: {value!r} is not a (before, after) pair")
    before, after = value
    return integer(op, "padding", before), integer(op, "padding", after)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell a sequence from a single number: a text is none, nor is an array of no axes."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _entries(values: Sequence[Any]) -> str:
    return "1 entry" if len(values) == 1 else f"{len(values)} entries"
