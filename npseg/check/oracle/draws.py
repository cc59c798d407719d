"""How geometries are drawn: options of which some may be restricted, and arrays of small whole numbers.

On whole numbers every sum is exact, and a small case can be followed by hand. Now and then all of them are divided by
three, which no binary number is, so that it shows who computes in a smaller dtype than he returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

#: Pixels on an axis that a window does not fill, by the number of axes.
_ROOM = {1: 6, 2: 3, 3: 2}

#: Numbers in an array that still can be drawn one by one.
_MOST = 10_000

#: What a word in ``only`` lets pass.
WORDS: dict[str, Callable[[Any], bool]] = {
    "symmetric": lambda value: all(before == after for before, after in _pairs(value)),
    "square": lambda value: len({str(part) for part in _parts(value)}) == 1,
}


class Draw:
    """Draws what is not held fixed.

    Parameters
    ----------
    draw : callable
        Of a composite strategy.
    axes : int or None
        Spatial axes; 1 to 3 if None.
    only : mapping
        Restrictions of options, under their names: a value, a list of values to choose from, or one of the words
        "symmetric" (before and after alike) and "square" (all axes alike).
    """

    def __init__(self, draw: Callable[..., Any], axes: int | None, only: Mapping[str, Any]) -> None:
        self.draw, self.only = draw, only
        self.axes = axes or draw(st.sampled_from((1, 2, 3)))
        self.unit = draw(st.sampled_from((1, 1, 3)))

    def option(self, name: str, strategy: st.SearchStrategy[Any]) -> Any:
        """Draw an option, as far as it is free."""
        if name not in self.only:
            return self.draw(strategy)
        held = self.only[name]
        if isinstance(held, str) and held in WORDS:
            return self.draw(strategy.filter(WORDS[held]))
        value = self.draw(st.sampled_from(held)) if isinstance(held, list) else held
        if isinstance(value, tuple) and len(value) != self.axes:
            reject()  # it is for another number of axes
        return value

    def each(self, strategy: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
        """Draw one number for all axes, or one for each."""
        return st.one_of(strategy, st.tuples(*[strategy] * self.axes)) if self.axes > 1 else strategy

    def sides(self, most: int = 2) -> st.SearchStrategy[Any]:
        """Draw a padding: a number, one for each axis, or a (before, after) pair for each."""
        one = st.integers(0, most)
        return st.one_of(self.each(one), st.tuples(*[st.tuples(one, one)] * self.axes))

    def spatial(self, least: int = 1, most: int = 3) -> tuple[int, ...]:
        """Draw a spatial size."""
        return tuple(self.draw(st.integers(least, most)) for _ in range(self.axes))

    def kernel(self) -> tuple[int, ...]:
        """Draw the spatial size of a weight array; ``only`` holds it by the name kernel_size."""
        size = self.option("kernel_size", st.tuples(*[st.integers(1, 3)] * self.axes))
        return tuple(int(k) for k in np.broadcast_to(size, self.axes))

    def count(self, name: str, most: int = 2) -> int:
        """Draw how many images or channels there are."""
        return int(self.option(name, st.integers(1, most)))

    def size_for(self, kernel: Any, dilation: Any = 1) -> tuple[int, ...]:
        """Draw the size of a plane into which a dilated kernel fits."""
        spans = (
            d * (k - 1) + 1
            for k, d in zip(np.broadcast_to(kernel, self.axes), np.broadcast_to(dilation, self.axes))
        )
        return tuple(self.draw(st.integers(int(s), int(s) + _ROOM[self.axes])) for s in spans)

    def array(self, *shape: int, least: int = -4, most: int = 4) -> np.ndarray[Any, Any]:
        """Draw whole numbers, or thirds, held in floats."""
        if prod(shape) > _MOST:
            reject()
        values: np.ndarray[Any, Any] = self.draw(
            hnp.arrays(np.float64, shape, elements=st.integers(least, most), fill=st.nothing())
        )
        return np.asarray(values / self.unit)

    def planes(self, *size: int) -> np.ndarray[Any, Any]:
        """Draw some images of some channels."""
        return self.array(self.count("images"), self.count("channels"), *size)

    def whole(self, shape: tuple[int, ...], most: int) -> np.ndarray[Any, Any]:
        """Draw indices or labels, 0 to ``most``."""
        values: np.ndarray[Any, Any] = self.draw(
            hnp.arrays(np.int64, shape, elements=st.integers(0, most), fill=st.nothing())
        )
        return values


def _parts(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    """Return (before, after) of each axis."""
    return [tuple(part) if isinstance(part, tuple | list) else (part, part) for part in _parts(value)]
