"""What is wrong with an answer: the first thing that is.

That the candidate fails, hangs or returns nothing; that it writes into its inputs; that a result has another shape,
other values or another dtype; and that it does not stand by its answer, because it hands out one and the same array
or computes with what an earlier call has left behind.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from npseg.check.oracle.arrays import differences, dtype_of, on_host, same
from npseg.check.oracle.candidates import Adapted
from npseg.check.oracle.cases import Answer
from npseg.check.oracle.limits import TooLongError, at_most
from npseg.check.oracle.questions import Function, Operation
from npseg.check.oracle.verdict import Failure


class Wrong(Exception):
    """What is wrong with an answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Judge:
    """Asks a candidate, and judges its answers.

    Parameters
    ----------
    candidate : Adapted
        Who is asked.
    about : Operation or Function
        What it is asked, and what the right answers are.
    reference : str
        What the right answers are called.
    seconds : float
        How long a call may take.
    """

    def __init__(
        self, candidate: Adapted, about: Operation | Function, reference: str, seconds: float
    ) -> None:
        self.candidate, self.about, self.reference, self.seconds = candidate, about, reference, seconds

    def judge(self, case: Any, wanted: Answer) -> None:
        """Ask the candidate about a case, the right answer to which is known.

        Raises
        ------
        Wrong
            If something is wrong with its answer.
        """
        _litter(wanted)
        results = self.ask(case)
        if not self.about.repeats:
            wanted = self.about.wanted(case, results["y"])
        self.compare(case, results, wanted)
        if self.about.repeats:
            self.ask_again(case, results)

    def ask(self, case: Any) -> dict[str, Any]:
        """Return the candidate's results under their names.

        Raises
        ------
        Wrong
            If there are none.
        """
        call, untouched = self.about.call(case), self.about.call(case)
        try:
            with at_most(self.seconds):
                answer = self.candidate.function(*call.arguments, **call.keywords)
                if isinstance(self.about, Operation):
                    answer = self.candidate.signature.result(self.reference, answer, call)
        except TooLongError:
            raise Wrong(self.found(case, f"hangs: it has not answered within {self.seconds:g} s")) from None
        except (Exception, SystemExit) as error:  # who exits must not take the grader along
            what = f"fails with {type(error).__name__}: {error}{self.where(error)}"
            raise Wrong(self.found(case, what)) from None
        if answer is None:
            raise Wrong(self.found(case, "nothing yet: it returned None"))
        if not same(call.arguments, untouched.arguments) or not same(call.keywords, untouched.keywords):
            raise Wrong(self.found(case, "writes into what it is given; it should leave that as it was"))
        try:
            return self.about.results(answer)
        except ValueError as error:
            raise Wrong(self.found(case, str(error))) from None

    def compare(self, case: Any, results: dict[str, Any], wanted: Answer) -> None:
        """Hold results against the right ones."""
        for name in wanted:
            if name in results or name != "indices":
                self.compare_one(
                    case, name if len(wanted) > 1 and name != "y" else "", results.get(name), wanted[name]
                )
        for name, got in results.items():
            needed = self.about.dtype(name)
            if got is not None and needed and dtype_of(got) != needed:
                which = f"{name} " if len(results) > 1 else ""
                what = f"{which}is {dtype_of(got)}; wanted is {needed}: what comes in goes out"
                raise Wrong(self.found(case, what))

    def compare_one(self, case: Any, name: str, got: Any, want: Any) -> None:
        """Hold one result against the right one: that it is there, an array, its shape, its values."""
        which = f"{name} " if name else ""
        if want is None or got is None:
            if got is want:
                return
            raise Wrong(self.found(case, f"{which}is {_in_words(got)}; wanted is {_in_words(want)}"))
        got, want = on_host(got), on_host(want)
        failure = self.found(case, "", returned=got, wanted=want)
        if got.dtype.kind not in "biuf":
            raise Wrong(replace(failure, what=f"{which}is no array of numbers"))
        if got.shape != want.shape:
            raise Wrong(replace(failure, what=f"{which}has shape {got.shape}; wanted is {want.shape}"))
        apart = differences(got, want, 0.0 if same(got, want) else self.about.allowed(case))
        if len(apart):
            at = tuple(int(i) for i in apart[0])
            place = f"at {list(at)} " if at else ""
            difference = f"{place}{got[at]:.6g}, not {want[at]:.6g}"
            raise Wrong(replace(failure, what=f"{which}is not {self.reference}", difference=difference))

    def ask_again(self, case: Any, results: dict[str, Any]) -> None:
        """Ask something else and then the same: the answers must stay what they were."""
        before = {name: on_host(value).copy() for name, value in results.items() if value is not None}
        other = self.about.others(case)
        if other is not None:
            with suppress(Wrong):  # what it makes of this is asked when this is the case
                self.ask(other)
            if not same(before, {name: on_host(results[name]) for name in before}):
                what = "changes its answer when it is called again: it hands out one and the same array"
                raise Wrong(self.found(case, what))
        again = self.ask(case)
        allowed = self.about.allowed(case)
        for name, value in before.items():
            second = on_host(again.get(name))
            if second.shape != value.shape or len(differences(second, value, allowed)):
                what = "depends on leftover state: asked the same again, after another call, it answers differently"
                raise Wrong(self.found(case, what, returned=second, wanted=value))

    def found(self, case: Any, what: str, **more: Any) -> Failure:
        """Return what is wrong in a case."""
        return Failure(what, self.about.shown(case), **more)

    def where(self, error: BaseException) -> str:
        """Say in which line of the candidate an error arose, and what stands there."""
        file = getattr(self.candidate.code, "co_filename", None)
        lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        return f", in line {lines[-1].lineno}: {lines[-1].line}" if lines else ""


def _in_words(value: Any) -> str:
    return (
        "None"
        if value is None
        else f"an array of shape {value.shape}"
        if hasattr(value, "shape")
        else repr(value)
    )


def _litter(wanted: Answer) -> None:
    """Leave NaN in memory of the answers' sizes, which is what numpy.empty is likely to get next."""
    arrays = [
        np.full(np.shape(a), np.nan) for a in wanted.values() if a is not None and not hasattr(a, "toarray")
    ]
    del arrays
