"""Ask a candidate about the cases that a strategy draws, and keep the smallest that it fails.

Hypothesis draws, and where a case fails tries smaller ones, until nothing smaller fails or patience is at an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import hypothesis

from npseg.check.oracle.cases import Case
from npseg.check.oracle.judge import Judge, Wrong
from npseg.check.oracle.mistakes.mistake import IMPOSSIBLE
from npseg.check.oracle.questions import LEFT_OUT, Operation
from npseg.check.oracle.ranges import Ranges
from npseg.check.oracle.shrinking import shrink
from npseg.check.oracle.verdict import Failure

#: Seconds after which hypothesis no longer looks for a smaller case, and those in which it is then looked for by steps.
PATIENCE, STEPS = 3.0, 5.0

#: Seconds that a call may take when there is one already that hangs.
SHORT = 1.0


class _DiffersError(Exception):
    """A case in which candidate and reference differ."""


class _EnoughError(BaseException):
    """Time is up: what was found has to do. Not an Exception, which hypothesis would take for a finding."""


class Trial:
    """Runs the cases, and keeps the last that failed: the smallest, since hypothesis only goes on to smaller ones.

    Parameters
    ----------
    judge : Judge
        Asks the candidate.
    seconds : float
        After which no further cases are begun.

    Attributes
    ----------
    cases : int
        How many were run before one failed.
    failure : Failure or None
        What is wrong in the smallest.
    case : object
        That one.
    timed_out : bool
        Whether there would have been more cases.
    refused : str
        Why the reference has refused a case, if it has.
    """

    def __init__(self, judge: Judge, seconds: float) -> None:
        self.judge, self.until, self.patience = judge, time.monotonic() + seconds, float("inf")
        self.cases, self.timed_out, self.ranges = 0, False, Ranges()
        self.failure: Failure | None = None
        self.case: Any = None
        self.refused = ""

    def run(self, strategy: Any, examples: int, seed: int) -> None:
        """Run the cases that a strategy draws."""
        try:
            for_each(strategy, examples, seed, self.one, shrink=True)
        except _EnoughError:
            self.timed_out = self.failure is None
        except (_DiffersError, hypothesis.errors.Unsatisfiable):
            pass
        except hypothesis.errors.Flaky:
            assert self.failure is not None
            what = "depends on leftover state: asked the same thing twice, it answers differently"
            what = f"{what}\n  {self.failure.what}"
            self.failure, self.case = replace(self.failure, what=what), None

    def shrink(self, axes: int | None) -> None:
        """Look step by step for smaller cases than hypothesis has found, of the same failure."""
        about, found = self.judge.about, self.failure
        if found is None or self.case is None or found.hangs or not isinstance(about, Operation):
            return
        until = time.monotonic() + STEPS

        def fails(case: Case) -> bool:
            if time.monotonic() > until:
                raise _EnoughError
            case = about.rounded(case)
            try:
                if about.candidate.signature.suits(about.reference, case):
                    self.judge.judge(case, about.wanted(case))
            except IMPOSSIBLE:  # what is left does not fit together
                return False
            except Wrong as wrong:
                if wrong.failure.kind != found.kind:
                    return False
                self.failure, self.case = wrong.failure, case
                return True
            return False

        with suppress(_EnoughError):
            shrink(self.case, about.reference, about.only, axes, fails)

    def one(self, case: Any) -> None:
        """Ask about one case."""
        begun = self.cases or self.refused  # however little time there is, one case is looked at
        if begun and time.monotonic() > (self.patience if self.failure else self.until):
            raise _EnoughError
        case = self.judge.about.rounded(case)
        try:
            wanted = self.judge.about.wanted(case)
        except ValueError as why:  # a geometry that does not fit
            self.refused = str(why)
            hypothesis.reject()
        try:
            self.judge.judge(case, wanted)
        except Wrong as wrong:
            if self.failure is None:
                self.patience = time.monotonic() + PATIENCE
                self.cases += 1
            if wrong.failure.hangs:
                self.judge.seconds = min(self.judge.seconds, SHORT)
            self.failure, self.case = wrong.failure, case
            raise _DiffersError from None
        if self.failure is None:
            self.cases += 1
            shown = self.judge.about.shown(case)
            axes = {"axes": case.axes} if isinstance(case, Case) else {}
            self.ranges.note(axes | {name.removesuffix(LEFT_OUT): value for name, value in shown.items()})


def for_each(
    strategy: Any, examples: int, seed: int, do: Callable[[Any], None], *, shrink: bool = False
) -> None:
    """Call a function with each case that a strategy draws; with smaller ones when it raises, if it is to shrink."""
    phases = [hypothesis.Phase.generate, *([hypothesis.Phase.shrink] if shrink else [])]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=phases,
        report_multiple_bugs=False,
        print_blob=False,
    )
    @hypothesis.given(strategy)
    def trial(case: Any) -> None:
        do(case)

    trial()
