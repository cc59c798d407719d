"""What the cases have covered: for each argument, its shapes or values, from where to where."""

from __future__ import annotations

from typing import Any

import numpy as np


class Ranges:
    """Takes note of cases, and says what there was.

    Examples
    --------
    >>> ranges = Ranges()
    >>> ranges.note({"x": np.zeros((1, 2, 5)), "stride": 1, "padding": ((0, 1),)})
    >>> ranges.note({"x": np.zeros((2, 2, 4, 9)), "stride": (3, 2), "padding": 0})
    >>> ranges.said()["x"]
    'arrays (1…2, 2, 4…9 on each axis)'
    >>> ranges.said()["stride"], ranges.said()["padding"]
    ('1…3; one for each axis', '0…1; uneven')
    """

    def __init__(self) -> None:
        self.seen: dict[str, list[Any]] = {}

    def note(self, values: dict[str, Any]) -> None:
        """Take note of a case: its arguments under their names."""
        for name, value in values.items():
            kept = value.shape if isinstance(value, np.ndarray) else value
            self.seen.setdefault(name, []).append((isinstance(value, np.ndarray), kept))

    def said(self) -> dict[str, str]:
        """Return the ranges in words."""
        return {name: "; ".join(_words(seen)) for name, seen in self.seen.items()}


def _words(seen: list[Any]) -> list[str]:
    shapes = [value for is_array, value in seen if is_array]
    others = [value for is_array, value in seen if not is_array]
    said = [_arrays(shapes)] if shapes else []
    whole = [value for value in others if _numbers(value)]
    if whole:
        said.append(_range([n for value in whole for n in _numbers(value)]))
        if any(isinstance(value, tuple) and len({str(v) for v in value}) > 1 for value in whole):
            said.append("one for each axis")
        if any(
            isinstance(v, tuple) and len(set(v)) > 1
            for value in whole
            if isinstance(value, tuple)
            for v in value
        ):
            said.append("uneven")
    rest = {str(value) for value in others if not _numbers(value)}
    return said + ([" or ".join(sorted(rest)[:6])] if rest else [])


def _arrays(shapes: list[tuple[int, ...]]) -> str:
    """Write the shapes of arrays: the first two axes, and all further ones together."""
    heads = [
        _range([shape[i] for shape in shapes if len(shape) > i])
        for i in (0, 1)
        if len(max(shapes, key=len)) > i
    ]
    tails = [n for shape in shapes for n in shape[2:]]
    return f"arrays ({', '.join([*heads, f'{_range(tails)} on each axis'] if tails else heads)})"


def _numbers(value: Any) -> list[int]:
    """Return the whole numbers that a value consists of; none if it has others."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | np.integer):
        return [int(value)]
    if isinstance(value, tuple | list) and value:
        parts = [_numbers(v) for v in value]
        return [n for part in parts for n in part] if all(parts) else []
    return []


def _range(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}…{high}"
