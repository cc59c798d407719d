"""Every operation of npseg under the gradient check, by every method that computes it, on the library in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from npseg import kinds
from npseg.backend import current
from npseg.check.cases import Case, every_case
from npseg.check.gradients import gradients
from npseg.check.outcome import Report


class Row(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    operation : str
        The operation, and which case of it.
    method : str
        The method that computed; "" where there is only one.
    argument : str
        What the gradient is taken with respect to.
    error : float
        Its largest relative error.

    Examples
    --------
    >>> Row("relu_forward", "", "x", 2e-11).argument
    'x'
    """

    operation: str
    method: str
    argument: str
    error: float


def gradcheck(*, progress: Callable[[str], None] | None = None) -> list[Row]:
    """Check the gradients of every operation, in the arrays of the library in use: on a device, those of the device.

    There ``loops``, which is for the host, is left out; so is nothing else. The differences are taken in float64 where
    the arrays lie, and a number at a time comes back.

    Parameters
    ----------
    progress : callable, optional
        Told the name of each check before it runs.

    Returns
    -------
    list of Row
        One for each operation, method and argument.

    Raises
    ------
    GradientError
        If a gradient is wrong.
    TypeError
        If progress is no function.

    Examples
    --------
    >>> rows = gradcheck()
    >>> max(row.error for row in rows) < 1e-6
    True
    """
    if progress is not None:
        kinds.function("gradcheck", "progress", progress)
    rows = []
    for case, method, check in _checks():
        if progress:
            progress(_title(case, method))
        rows += [Row(case.name, method, argument, error) for argument, error in check().errors.items()]
    return rows


def every_operation() -> Iterator[tuple[str, Callable[[], Report]]]:
    """Give the name of each check, and a function that runs it and returns its report.

    Examples
    --------
    >>> checks = dict(every_operation())
    >>> checks["relu"]().passed
    True
    """
    for case, method, check in _checks():
        yield _title(case, method), check


def report(rows: list[Row]) -> str:
    """Lay the rows out as a table.

    Examples
    --------
    >>> print(report([Row("conv", "im2col", "x", 3.1e-11), Row("conv", "im2col", "w", 2e-12)]))
    operation  method  argument  relative error
    conv       im2col  x                3.1e-11
    conv       im2col  w                2.0e-12
    2 gradients; the largest error is 3.1e-11
    """
    for row in kinds.listed("report", "rows", rows, "a list of rows"):
        kinds.instance("report", "rows", row, Row, "a list of what gradcheck returns")
    lines = [(row.operation, row.method, row.argument, f"{row.error:.1e}") for row in rows]
    table = [("operation", "method", "argument", "relative error"), *lines]
    a, b, c, d = (max(map(len, column)) for column in zip(*table))
    largest = max((row.error for row in rows), default=0.0)
    return "\n".join(
        [
            *(f"{i:{a}}  {j:{b}}  {k:{c}}  {error:>{d}}" for i, j, k, error in table),
            f"{len(rows)} gradients; the largest error is {largest:.1e}",
        ]
    )


def _checks() -> Iterator[tuple[Case, str, Callable[[], Report]]]:
    """Give each case with each of its methods, and what runs the check."""
    for case in (case.in_library(current()) for case in every_case()):
        for method in case.methods:
            chosen = {"method": method} if method else {}
            settings = {**case.settings, **chosen}
            yield case, method, partial(gradients, case.forward, case.backward, *case.arrays, **settings)


def _title(case: Case, method: str) -> str:
    return f"{case.name} [{method}]" if method else case.name
