"""What the files of mistakes have in common: the record, and a case whose arguments are a little different."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments
from npseg.check.oracle.cases import Answer, Case, answer

#: What a computation may run into whose arguments do not go together.
IMPOSSIBLE = (ValueError, IndexError, TypeError, KeyError, AttributeError)


class Mistake(NamedTuple):
    """One way to go wrong.

    Attributes
    ----------
    words : str
        Completes "this is what one gets if ...".
    compute : callable
        Takes a case, returns the wrong answer: all results, or those that differ from the right ones.
    """

    words: str
    compute: Callable[[Case], Answer]


def instead(reference: str, **changes: Callable[[Case], Any]) -> Callable[[Case], Answer]:
    """Return the mistake of computing with other arguments: each is a function of the case."""

    def compute(case: Case) -> Answer:
        return answer(reference, changed(case, **{name: make(case) for name, make in changes.items()}))

    return compute


def changed(case: Case, **changes: Any) -> Case:
    """Return a case with some arguments or options changed."""
    arguments = {name: changes.get(name, value) for name, value in case.arguments.items()}
    options = {name: changes.get(name, value) for name, value in case.options.items()}
    return replace(case, arguments=arguments, options=options)


def axes_of(case: Case) -> int:
    """Return how many spatial axes there are."""
    return int(case.arguments["x"].ndim) - 2


def each(case: Case, name: str) -> tuple[int, ...]:
    """Return an option as one number for each axis."""
    value = case.arguments[name] if name in case.arguments else case.options[name]
    if value is None:  # the stride of a pooling
        return each(case, "kernel_size")
    return tuple(int(v) for v in np.broadcast_to(value, axes_of(case)))


def pairs(case: Case) -> tuple[tuple[int, int], ...]:
    """Return the padding as (before, after) of each axis."""
    return arguments.padding_pairs("mistake", case.options["padding"], axes_of(case))


def padded(x: Any, sides: Any, **how: Any) -> Any:
    """Return images with a border."""
    return np.pad(x, [(0, 0), (0, 0), *sides], **how)


def flipped(w: Any, axes: tuple[int, ...] | None = None) -> Any:
    """Return weights back to front, on all spatial axes or on some."""
    return np.flip(w, axes or tuple(range(2, w.ndim)))


def refuse(that: bool) -> None:
    """Say that a mistake cannot be made in this case."""
    if that:
        raise ValueError("no such mistake here")
