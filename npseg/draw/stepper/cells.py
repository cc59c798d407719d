"""What a user gives to step through, numbers or symbols, as cells to draw and as numbers to compute with."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import numpy as np

from npseg import arguments
from npseg.backend import to_numpy
from npseg.draw.stepper.products import refuse_many

Cells: TypeAlias = np.ndarray[Any, Any]


def cells(name: str, given: Any, leading: int = 2) -> Cells:
    """Take what a user gives, numbers or symbols, as an object array.

    Parameters
    ----------
    name : str
        What it is called, for the message.
    given : array, or nested lists
        With one or two axes it is one plane, and gets ``leading`` axes before it.
    leading : int
        2 for images and kernels, 1 for columns.

    Raises
    ------
    TypeError
        If there is something else in it, or the rows are of different lengths.
    ValueError
        If there is nothing in it, or more than anybody could look at.
    """
    if given is None:
        raise TypeError(f"steps: {name} is needed")
    refuse_many(prod(getattr(given, "shape", ())), f"cells of {name}")
    array = np.array(to_numpy(given) if hasattr(given, "dtype") else given, dtype=object)
    if not array.size:
        raise ValueError(f"steps: there is nothing to step through: {name} is empty")
    for at, value in np.ndenumerate(array):
        if isinstance(value, str) and value.isprintable():
            continue
        if isinstance(value, bool | np.bool_) or not isinstance(
            value, int | float | np.integer | np.floating
        ):
            raise TypeError(
                f"steps: {name} holds {value!r}; numbers or symbols (strings), in rows of one length, are needed"
            )
        try:
            array[at] = float(value)
        except OverflowError:
            raise ValueError(f"steps: {name} holds a number that is larger than any float") from None
    return array[(None,) * leading] if 1 <= array.ndim <= 4 - leading - (leading == 1) else array


def numbers(values: Cells) -> Cells:
    """Return floats to compute with: the cells, or zeros if one is a symbol."""
    return np.zeros(values.shape) if symbolic(values) else values.astype(np.float64)


def whole(name: str, given: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return indices as whole numbers."""
    values = cells(name, given)
    if symbolic(values) or any(v != v or abs(v) > arguments.LARGEST or v % 1 for v in values.flat):
        raise ValueError(f"steps: {name}={given!r}; whole numbers, places in the output plane, are needed")
    return values.astype(np.int64)


def symbolic(*arrays: Cells | None) -> bool:
    """Say whether any cell is a symbol."""
    return any(isinstance(v, str) for a in arrays if a is not None for v in a.flat)
