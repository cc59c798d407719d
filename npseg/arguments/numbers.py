"""One number, one truth value, one word of those that are known, or the seed of a generator."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

#: The largest size, stride, padding ...: pixels are counted in 32 bits.
LARGEST = 2**31 - 1

#: The largest float, which a whole number may exceed.
MOST = sys.float_info.max


def integer(op: str, name: str, value: object, minimum: int = 0, maximum: float = LARGEST) -> int:
    """Return a whole number that is at least ``minimum``, and at most ``maximum``."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {name}={value!r} is not a whole number")
    try:
        number = operator.index(value)
    except TypeError:  # an array has __index__, but only one whole number in it is one
        raise TypeError(f"{op}: {name}={value!r} is not a whole number") from None
    if number < minimum:
        raise ValueError(f"{op}: {name}={value!r} must be at least {minimum}")
    if number > maximum:
        raise ValueError(f"{op}: {name}={value!r} must be at most {maximum}")
    return number


def integers(op: str, minimum: int, **values: object) -> list[int]:
    """Return whole numbers, all of them at least ``minimum``."""
    return [integer(op, name, value, minimum) for name, value in values.items()]


def real(op: str, name: str, value: object) -> float:
    """Return a real number, finite, and so is a float of it."""
    number = _number(op, name, value)
    if not abs(number) <= MOST:
        raise ValueError(f"{op}: {name}={value!r} must be finite")
    return float(number)


def positive(op: str, name: str, value: object) -> float:
    """Return a number above 0."""
    number = real(op, name, value)
    if not number > 0:
        raise ValueError(f"{op}: {name}={value!r} must be positive")
    return number


def probability(op: str, name: str, value: object) -> float:
    """Return a number from 0 to 1."""
    number = real(op, name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{op}: {name}={value!r} must lie between 0 and 1")
    return number


def divisor(op: str, value: object) -> float | None:
    """Return an average pooling's divisor, whole if it is: any finite number but zero, or None."""
    if value is None:
        return None
    number = _number(op, "divisor_override", value)
    if not 0 < abs(number) <= MOST:
        raise ValueError(f"{op}: divisor_override={value!r}; any number but zero is needed, and finite")
    return number


def flag(op: str, name: str, value: object) -> bool:
    """Return a truth value; a number or a string in its place is more likely an argument out of order."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{op}: {name}={value!r}; True or False is needed")
    return bool(value)


def choice(op: str, name: str, value: object, known: Iterable[str]) -> str:
    """Return one of the words that are known."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{op}: {name}={value!r}; choose one of {', '.join(map(repr, known))}")
    return value


def generator(op: str, seed: Any) -> np.random.Generator:
    """Return the generator of a seed: a whole number that is not negative, several of them, or a generator itself."""
    try:
        if isinstance(seed, np.random.Generator) or not isinstance(seed, bool | str | None):
            return np.random.default_rng(seed)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{op}: seed={seed!r}; a whole number from 0 on is needed, or a numpy.random.Generator")


def _number(op: str, name: str, value: object) -> int | float:
    """Return a real number as Python's own, whole or not."""
    number = value.item() if isinstance(value, np.number) else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | float):
        raise TypeError(f"{op}: {name}={value!r} is not a number")
    return number
