"""Ask a candidate and a reference the same questions, and keep the smallest that they answer differently.

Answers count as equal within rounding, since a candidate may add up in another order. What is found wrong is said of
the first thing that is wrong: that the candidate fails, returns nothing, writes into its inputs, or that its answer
has another shape, other values or another dtype.
"""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Callable
from textwrap import indent
from typing import Any, TypeAlias

import hypothesis
import numpy as np

from npseg.backend import to_numpy
from npseg.check.questions import Question

#: Seconds after which a smaller case is no longer looked for.
PATIENCE = 5.0

#: How far, relative to 1 or to the answer, rounding may lead apart.
ROUNDING = 1e-9

#: What is wrong, in a line, and lines that show it.
Finding: TypeAlias = tuple[str, list[str]]


class _DiffersError(Exception):
    """A case in which candidate and reference differ."""


class _EnoughError(BaseException):
    """Time is up: what was found has to do. Not an Exception, which hypothesis would take for a finding."""


class Trial:
    """Runs the cases, and keeps the last that failed: the smallest, since hypothesis only goes on to smaller ones.

    Parameters
    ----------
    candidate : callable
        Who is asked.
    reference : str
        What the right answers are called.
    pose : callable
        Makes a :class:`Question` of a case.
    strict : bool
        Whether the dtype must be the reference's too.
    """

    def __init__(
        self,
        candidate: Callable[..., Any],
        reference: str,
        pose: Callable[[Any], Question],
        *,
        strict: bool,
    ) -> None:
        self.candidate, self.reference, self.pose, self.strict = candidate, reference, pose, strict
        self.cases, self.failure = 0, ""
        self.until = time.monotonic() + PATIENCE

    def run(self, strategy: Any, examples: int, seed: int) -> tuple[int, str]:
        """Run the cases that a strategy draws; return how many, and what went wrong in the smallest, if anything."""

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
        )
        @hypothesis.given(strategy)
        def trial(case: Any) -> None:
            self.one(case)

        try:
            trial()
        except (_DiffersError, _EnoughError):
            pass
        except hypothesis.errors.Flaky:
            self.failure = "answers differently when it is asked the same thing twice\n" + self.failure
        return self.cases, self.failure

    def one(self, case: Any) -> None:
        """Ask both, and compare."""
        if self.failure and time.monotonic() > self.until:
            raise _EnoughError
        question = self.pose(case)
        try:
            wanted = question.reference()
        except ValueError:
            hypothesis.reject()  # a geometry that does not fit
        self.cases += not self.failure
        finding = self.judge(question, wanted)
        if finding:
            head, details = finding
            self.failure = "\n".join([head, *(_shown(n, v) for n, v in question.shown.items()), *details])
            raise _DiffersError

    def judge(self, question: Question, wanted: Any) -> Finding | None:
        """Ask the candidate, and say what is wrong with its answer, if anything is."""
        before = copy.deepcopy(question.candidate)
        given, options = copy.deepcopy(question.candidate)
        try:
            answer = self.candidate(*given, **options)
        except (Exception, SystemExit) as error:  # who exits must not take the grader along
            return f"fails with {type(error).__name__}: {error}{self.where(error)}", []
        if answer is None:
            return "nothing yet: it returned None", []
        if not _same((given, options), before):
            return "writes into what it is given; it should leave that as it was", []
        if not isinstance(wanted, tuple):
            wanted, answer = (wanted,), (answer[0] if self.is_pair(answer) else answer,)
        if not isinstance(answer, tuple | list) or len(answer) != len(wanted):
            return f"returns {type(answer).__name__}; {len(wanted)} results are wanted", []
        for i, (got, want) in enumerate(zip(answer, wanted)):
            finding = self.compare(got, want, f"result {i} " if len(wanted) > 1 else "")
            if finding:
                return finding
        return None

    def is_pair(self, answer: Any) -> bool:
        """Say whether an answer is y with its cache, as the operations return it."""
        return self.reference.endswith("_forward") and isinstance(answer, tuple) and len(answer) == 2

    def compare(self, got: Any, want: Any, which: str) -> Finding | None:
        """Say what is wrong with one result, if anything is: its shape, its values or its dtype."""
        if want is None or got is None:
            return None if got is want else (f"{which}is {got!r}; wanted is {want!r}", [])
        got, want = _plain(got), _plain(want)
        shown = [_shown("it returns", got, ""), _shown("wanted is", want, "")]
        if got.dtype.kind not in "biuf":
            return f"{which}is no array of numbers", shown
        if got.shape != want.shape:
            return f"{which}has shape {got.shape}; wanted is {want.shape}", shown
        apart = _apart(got, want)
        if len(apart):
            at = tuple(int(i) for i in apart[0])
            place = f"at {list(at)} " if at else ""
            found = f"  first difference: {place}{got[at]:.6g}, not {want[at]:.6g}"
            return f"{which}is not {self.reference}", [*shown, found]
        if got.dtype != want.dtype and self.strict:
            return f"{which}is {got.dtype}; wanted is {want.dtype}: what comes in goes out", []
        return None

    def where(self, error: BaseException) -> str:
        """Say in which line of the candidate an error arose, and what stands there."""
        file = getattr(getattr(self.candidate, "__code__", None), "co_filename", None)
        lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        return f", in line {lines[-1].lineno}: {lines[-1].line}" if lines else ""


def _same(a: Any, b: Any) -> bool:
    """Compare arguments, arrays by value."""
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, tuple | list):
        return all(map(_same, a, b))
    if isinstance(a, dict):
        return all(_same(a[key], b[key]) for key in a)
    return True


def _plain(result: Any) -> np.ndarray[Any, Any]:
    """Make an array of a result: of a number, a list, a sparse matrix, an array of another library."""
    if hasattr(result, "toarray"):
        result = result.toarray()
    try:
        return np.asarray(
            to_numpy(result) if hasattr(result, "shape") and not isinstance(result, np.generic) else result
        )
    except ValueError:  # rows of different lengths
        return np.array(None, object)


def _apart(got: np.ndarray[Any, Any], want: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the places where two arrays differ by more than rounding."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(got.astype(float) - want.astype(float))
    far = ~(distance <= ROUNDING * np.maximum(1, np.abs(want)))
    return np.argwhere(far & (got != want) & ~((got != got) & (want != want)))


def _shown(name: str, value: Any, equals: str = " =") -> str:
    """Write a value under its name, an array below it."""
    text = np.array2string(value, threshold=200) if isinstance(value, np.ndarray) else str(value)
    return f"  {name}{equals} {text}" if "[" not in text else f"  {name}{equals}\n{indent(text, '    ')}"
