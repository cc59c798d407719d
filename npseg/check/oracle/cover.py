"""Which of many cases to keep, so that few of them cover the geometries.

A case has features: of each option what kind of value it has, of each array how its sizes compare. Cases are taken one
after the other, each time the one that brings most pairs of features that no case before has had.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from npseg.check.oracle.cases import Case


def features(case: Case) -> frozenset[str]:
    """Return what is particular about a case.

    Examples
    --------
    >>> case = Case({"x": np.zeros((1, 2, 4, 5))}, {"stride": (1, 2), "b": None})
    >>> sorted(features(case))
    ['b None', 'one image', 'stride differs', 'x oblong', 'x with 2 axes']
    """
    found: set[str] = set()
    for name, value in case.values.items():
        if isinstance(value, np.ndarray):
            found |= _of_array(name, value)
        elif isinstance(value, tuple):
            found.add(_of_axes(name, value))
        else:
            found.add(f"{name} {value}")
    if len(next(iter(case.arguments.values()))) == 1:
        found.add("one image")
    return frozenset(found)


def _of_array(name: str, value: np.ndarray[Any, Any]) -> set[str]:
    size = value.shape[2:]
    if not size:
        return {f"{name} given"}
    shape = "oblong" if len(set(size)) > 1 else "square"
    small = {f"{name} one pixel"} if set(size) == {1} else set()
    return {f"{name} with {len(size)} axes", f"{name} {shape}" if len(size) > 1 else f"{name} line"} | small


def _of_axes(name: str, value: tuple[Any, ...]) -> str:
    if any(isinstance(part, tuple) and len(set(part)) > 1 for part in value):
        return f"{name} uneven"
    return f"{name} differs" if len(set(value)) > 1 else f"{name} alike"


def covering(cases: Sequence[Case], count: int) -> list[Case]:
    """Return so many cases: each time the one that brings most pairs of features which none before has had."""
    pairs = [set(combinations(sorted(features(case)), 2)) for case in cases]
    left, chosen, covered = list(range(len(cases))), list[int](), set[Any]()
    while left and len(chosen) < count:
        best = max(left, key=lambda i: (len(pairs[i] - covered), -i))
        left.remove(best)
        chosen.append(best)
        covered |= pairs[best]
    return [cases[i] for i in chosen]
