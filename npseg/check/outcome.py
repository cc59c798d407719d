"""What a gradient check found: a report that reads like a table, and the errors that carry it.

A wrong gradient and a kink are two different findings. The first is a bug in the backward pass. The second is
a point where the function has no gradient, only a slope on either side, and says nothing about the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Comparison(NamedTuple):
    """The derivative along one random direction, by the backward pass and by differences.

    Attributes
    ----------
    argument : str
        The array that was moved.
    analytic : float
        What the backward pass says.
    numeric : float
        What central differences say.
    left, right : float
        The slopes on either side.
    error : float
        The distance of analytic from numeric, relative to the size of the gradient.
    kink : bool
        Whether left and right differ by more than curvature and rounding explain.

    Examples
    --------
    >>> wrong = Comparison("x", analytic=3.0, numeric=2.0, left=2.0, right=2.0, error=0.5, kink=False)
    >>> wrong.argument, wrong.error
    ('x', 0.5)
    """

    argument: str
    analytic: float
    numeric: float
    left: float
    right: float
    error: float
    kink: bool


@dataclass(frozen=True)
class Report:
    """What a gradient check found.

    Attributes
    ----------
    operation : str
        The operation, with the settings it ran under.
    comparisons : tuple of Comparison
        One for each argument and direction.
    tolerance : float
        Largest relative error that passes.
    seed : int
        Of the upstream gradient and the directions: the same seed repeats the check.

    Examples
    --------
    >>> good = Comparison("x", analytic=2.0, numeric=2.0, left=2.0, right=2.0, error=3e-11, kink=False)
    >>> print(Report("double_forward", (good,), tolerance=1e-6, seed=0))
    double_forward: passed (tolerance 1e-06, seed 0)
      x  3.0e-11
    """

    operation: str
    comparisons: tuple[Comparison, ...]
    tolerance: float
    seed: int

    @property
    def errors(self) -> dict[str, float]:
        """The largest relative error of each argument."""
        largest: dict[str, float] = {}
        for c in self.comparisons:
            largest[c.argument] = max(c.error, largest.get(c.argument, 0.0))
        return largest

    @property
    def error(self) -> float:
        """The largest relative error of all."""
        return max(self.errors.values())

    @property
    def wrong(self) -> tuple[Comparison, ...]:
        """The comparisons in which the gradient is wrong, and no kink is to blame."""
        return tuple(c for c in self.comparisons if not c.kink and not c.error <= self.tolerance)

    @property
    def kinks(self) -> tuple[Comparison, ...]:
        """The comparisons that met a kink."""
        return tuple(c for c in self.comparisons if c.kink)

    @property
    def passed(self) -> bool:
        """Whether every gradient is right, and none had to be left open because of a kink."""
        return not self.wrong and not self.kinks

    def __str__(self) -> str:
        width = max(map(len, self.errors))
        verdict = "passed" if self.passed else "FAILED" if self.wrong else "at a kink"
        lines = [f"  {name:{width}}  {error:.1e}" for name, error in self.errors.items()]
        title = f"{self.operation}: {verdict} (tolerance {self.tolerance:.3g}, seed {self.seed})"
        return "\n".join([title, *lines])


class CheckError(AssertionError):
    """A check that did not pass.

    Attributes
    ----------
    report : Report or None
        What was found; None if there was nothing to compare, such as a gradient of the wrong shape.

    Examples
    --------
    Whatever a check finds, a test need know only this one:

    >>> import numpy as np
    >>> from npseg import check
    >>> try:
    ...     check.gradients(lambda x: (2 * x, None), lambda dout, cache: dout, np.array([1.0, 2.0]))
    ... except check.CheckError as error:
    ...     print(type(error).__name__, list(error.report.errors))
    GradientError ['x']
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


class GradientError(CheckError):
    """A backward pass is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg import check
    >>> try:
    ...     check.gradients(lambda x: (x**3, x), lambda dout, x: 3 * x * dout, np.array([1.0, 2.0]))
    ... except check.GradientError as error:
    ...     print(error.report.passed)
    False
    """


class KinkError(CheckError):
    """The arrays lie at a kink, where there is no gradient; says nothing about the backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import npseg
    >>> try:
    ...     npseg.check.gradients(npseg.relu_forward, npseg.relu_backward, np.array([-1.0, 0.0, 3.0]))
    ... except npseg.check.KinkError as error:
    ...     print(len(error.report.wrong), len(error.report.kinks) > 0)
    0 True
    """


def judge(report: Report) -> Report:
    """Return a report that passed; raise the others.

    Raises
    ------
    GradientError
        If a gradient is wrong.
    KinkError
        If none is, but at least one met a kink.
    """
    if report.wrong:
        c = report.wrong[0]
        raise GradientError(
            f"{report.operation}: the gradient with respect to {c.argument} is wrong: along a random direction "
            f"backward gives {c.analytic:.9g}, differences give {c.numeric:.9g}; relative error {c.error:.1e}, "
            f"tolerance {report.tolerance:.3g}, seed {report.seed}",
            report,
        )
    if report.kinks:
        c = report.kinks[0]
        raise KinkError(
            f"{report.operation}: {c.argument} lies at a kink: along a random direction the slope is "
            f"{c.left:.9g} on one side and {c.right:.9g} on the other, and backward gives {c.analytic:.9g}; "
            f"relative error {c.error:.1e}, seed {report.seed}. There is no gradient to check here: draw the "
            "values so that none are tied or zero",
            report,
        )
    return report
