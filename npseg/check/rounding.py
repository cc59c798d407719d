"""How exact every operation is in float32: held against float64, by the definition where there is one.

The unit is that of float32's last place, 2⁻²³ of the largest value of a result. Rounding the result alone costs half a
unit, and a sum of n products some more, up to about the root of n. What costs much more has lost digits on the way:
to a difference of large numbers, or to a method that multiplies by large ones. So the same calls are made on data
that are scaled well, and on data that are not.

Float32 is that of the library in use, and so of a device; float64 is the host's, where the definition runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array, array_module, current, to_numpy
from npseg.check.cases import Case, every_case
from npseg.check.passes import is_float

#: How data are spoiled: what is done to each array of the call, with a generator for what is drawn.
DATA: Mapping[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "plain": lambda a, rng: a,
    "x 2^40": lambda a, rng: a * 2.0**40,
    "x 2^-40": lambda a, rng: a * 2.0**-40,
    "mixed": lambda a, rng: a * 2.0 ** rng.integers(-12, 13, a.shape),
    "+ 1000": lambda a, rng: a + 1000,
}


class Row(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    operation, method : str
        The operation; the method that computed, "" where there is only one.
    errors : dict of str to float
        For each kind of data the largest error of the output and of all gradients, over all cases of the operation,
        in units of the last place.

    Examples
    --------
    >>> Row("relu", "", {"plain": 0.0}).errors["plain"]
    0.0
    """

    operation: str
    method: str
    errors: dict[str, float]


def accuracy(*, progress: Callable[[str], None] | None = None, seed: int = 231) -> list[Row]:
    """Measure the error of every operation in float32, forward and backward, by each of its methods.

    Parameters
    ----------
    progress : callable, optional
        Told the name of each operation before it runs.
    seed : int
        Of the data.

    Returns
    -------
    list of Row
        One for each operation and method.

    Raises
    ------
    ValueError, TypeError
        If the seed is no whole number from 0 on, or progress no function.

    Examples
    --------
    >>> rows = accuracy()
    >>> max(row.errors["plain"] for row in rows if row.operation == "relu")
    0.0
    """
    seed = arguments.integer("accuracy", "seed", seed, 0, inf)
    if progress is not None:
        kinds.function("accuracy", "progress", progress)
    rows: dict[tuple[str, str], Row] = {}
    for case in every_case(seed):
        operation = case.name.partition(",")[0]
        if operation == "dropout":
            continue  # it draws another mask for each dtype, and has nothing to round but a product
        for method in case.in_library(current()).methods:
            if progress:
                progress(f"{case.name} [{method}]" if method else case.name)
            row = rows.setdefault((operation, method), Row(operation, method, dict.fromkeys(DATA, 0.0)))
            for kind in DATA:
                error = _error(case, method, kind, np.random.default_rng(seed))
                row.errors[kind] = max(row.errors[kind], error)
    return list(rows.values())


def report(rows: list[Row]) -> str:
    """Lay the rows out as a table.

    Examples
    --------
    >>> print(report([Row("tanh", "", dict.fromkeys(DATA, 0.25))]))
    operation  method  plain  x 2^40  x 2^-40  mixed  + 1000
    tanh                0.25    0.25     0.25   0.25    0.25
    """
    lines = [
        ("operation", "method", *DATA),
        *((row.operation, row.method, *(f"{row.errors[kind]:.3g}" for kind in DATA)) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        for line in lines
    )


def _error(case: Case, method: str, kind: str, rng: np.random.Generator) -> float:
    """Return the largest error of one call's results, in units of the last place."""
    spoil = DATA[kind]
    arrays = (spoil(a, rng).astype("float32") if is_float(a) else a for a in case.arrays)
    case = case._replace(arrays=tuple(arrays))
    there = case.in_library(current())
    y, cache = _forward(there, "float32", {"method": method} if method else {})
    exact, witness = _forward(case, "float64", {"method": "loops"} if method else {})
    dout = rng.standard_normal(y.shape).astype("float32")
    got = (y, *_gradients(there, dout, cache, like=y))
    want = (exact, *_gradients(case, dout, witness, like=exact))
    return max(units(to_numpy(a), to_numpy(b)) for a, b in zip(got, want))


def _forward(case: Case, dtype: str, how: dict[str, str]) -> tuple[Array, Any]:
    """Return a call's output and cache, computed in a dtype."""
    arrays = (a.astype(dtype) if is_float(a) else a for a in case.arrays)
    settings = {key: a.astype(dtype) if is_float(a) else a for key, a in case.settings.items()}
    output, cache = case.forward(*arrays, **settings, **how)
    return output, cache


def _gradients(case: Case, dout: np.ndarray, cache: Any, like: Array) -> list[Array]:
    """Return a call's gradients, those that there are; its output is of the library and dtype of ``like``."""
    found = case.backward(array_module(like).asarray(dout, like.dtype), cache)
    return [g for g in (found if isinstance(found, tuple) else (found,)) if g is not None]


def units(got: np.ndarray, want: np.ndarray) -> float:
    """Return the largest distance of two arrays, in units of float32's last place of the largest value.

    Parameters
    ----------
    got : float32 array
        A result.
    want : float64 array
        What it should be.

    Examples
    --------
    >>> units(np.float32([1, 2]), np.array([1 + 2.0**-23, 2.0]))
    0.5
    """
    if not np.isfinite(got).all():
        return np.inf
    largest = float(abs(want).max(initial=0))
    return float(abs(got - want).max(initial=0)) / (2.0**-23 * largest) if largest else float(got.any())
