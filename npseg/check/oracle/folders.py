"""A folder of submissions: each file in a process of its own, and a table of who passes what."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npseg import arguments, kinds
from npseg.check.oracle.apart import run_apart

#: Characters of a verdict's first line that a table has room for.
_WIDEST = 100

#: How a line of a verdict begins that names a mistake.
_KNOWN = ("  this is what one gets if ", "  this looks like ", "  where it answers, ", "  does it take ")


@dataclass(frozen=True)
class Mark:
    """How one function of one submission did.

    Attributes
    ----------
    submission : str
        The file, without its folder.
    exercise : str
        The function.
    passed : bool
        Whether it did.
    message : str
        The verdict, or why there is none.

    Examples
    --------
    >>> Mark("ada.py", "my_conv", True, "my_conv: passed").passed
    True
    >>> Mark("bob.py", "my_relu", False, "my_relu: is not relu_forward").reason
    'is not relu_forward'
    """

    submission: str
    exercise: str
    passed: bool
    message: str

    @property
    def reason(self) -> str:
        """Why it did not pass, in a line: the first of the verdict, and what it says of the mistake."""
        if self.passed:
            return ""
        first, *lines = self.message.strip().splitlines() or [""]
        said = first.removeprefix(f"{self.exercise}: ")
        said = said if len(said) <= _WIDEST else f"{said[: _WIDEST - 3]}..."
        known = [line.strip().partition(" (so in ")[0] for line in lines if line.startswith(_KNOWN)]
        return "; ".join([said, *known])


def grade_folder(
    folder: str | Path,
    function: str | None = None,
    reference: str | None = None,
    *,
    exercises: str | Path | None = None,
    seconds: float = 60.0,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> list[Mark]:
    """Check each Python file of a folder. It runs their code, with your rights, in a process for each.

    Parameters
    ----------
    folder : path
        Of the submissions; each ``*.py`` in it is one.
    function, reference : str
        What each is to have, and which operation it is held against; two functions, "forward,backward", as a pair.
    exercises : path, optional
        In place of these, a teacher's file, such as those in ``notebooks/exercises``: its blank functions are taken
        from the submissions, all else is as the teacher has it.
    seconds : float
        Time limit for each submission.
    progress : callable, optional
        Told the name of each submission before it runs.
    **options
        Of :func:`npseg.check.against`.

    Returns
    -------
    list of Mark
        For each submission and exercise.

    Raises
    ------
    ValueError
        If there are no submissions, or it is not said what to check, or that makes no sense.
    ChildProcessError
        If the process that is to run a submission does not get as far as that.
    TypeError
        If there is anything else in place of an argument.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "ada.py").write_text("def my_relu(x): return x.clip(0)")
    ...     _ = Path(folder, "bob.py").write_text("def my_relu(x): return abs(x)")
    ...     marks = grade_folder(folder, "my_relu", "relu_forward")
    >>> print(table(marks))
    submission  my_relu
    ada.py      passed
    bob.py      -
    2 submissions: my_relu 1 of 2
      bob.py  my_relu  is not relu_forward
    """
    op = "grade_folder"
    folder = kinds.path(op, "folder", folder)
    for name, text in (("function", function), ("reference", reference)):
        if text is not None:
            kinds.instance(op, name, text, str, "a string")
    if exercises is not None:
        exercises = kinds.path(op, "exercises", exercises)
    arguments.positive(op, "seconds", seconds)
    if progress is not None:
        kinds.function(op, "progress", progress)
    files = sorted(path for path in folder.glob("*.py") if path.is_file())
    if not files:
        raise ValueError(f"the folder {folder} has no *.py in it, and so no submissions")
    if exercises is None and (function is None or reference is None):
        raise ValueError("name the function and the operation, or give a file of exercises")
    if exercises is not None and not exercises.is_file():
        raise ValueError(f"exercises: there is no file {exercises}")
    marks = []
    for path in files:
        if progress:
            progress(path.name)
        if exercises is not None:
            request: dict[str, Any] = {"file": str(path), "exercises": str(exercises)}
        else:
            settings = options | {"seconds": seconds}
            request = {"target": f"{path}:{function}", "reference": reference, "options": portable(settings)}
        marks += list(_marks(path.name, run_apart(request, seconds), function))
    return marks


def _marks(submission: str, found: dict[str, Any], function: str | None) -> Iterator[Mark]:
    """Make marks of what a worker says, or refuse what it refuses for all."""
    if "refused" in found:
        raise ValueError(found["refused"])
    for why in ("error", "unloaded"):
        if why in found:
            yield Mark(submission, function or "", False, str(found[why]))
            return
    for name, verdict in found.items():
        yield Mark(submission, function or name, bool(verdict.get("passed")), str(verdict.get("message", "")))


def table(marks: list[Mark]) -> str:
    """Lay out who passes what; "-" is what was not passed, and below it says why not.

    Examples
    --------
    >>> print(table([Mark("ada.py", "my_conv", True, ""), Mark("bob.py", "my_conv", False, "my_conv: hangs")]))
    submission  my_conv
    ada.py      passed
    bob.py      -
    2 submissions: my_conv 1 of 2
      bob.py  my_conv  hangs
    """
    exercises = list(dict.fromkeys(m.exercise for m in marks if m.exercise))
    submissions = list(dict.fromkeys(m.submission for m in marks))
    passed = {(m.submission, m.exercise) for m in marks if m.passed}
    rows = [("submission", *exercises)]
    rows += [(s, *("passed" if (s, e) in passed else "-" for e in exercises)) for s in submissions]
    sums = ", ".join(
        f"{e} {sum((s, e) in passed for s in submissions)} of {len(submissions)}" for e in exercises
    )
    count = f"{len(submissions)} submission{'s' * (len(submissions) != 1)}: {sums}"
    failed = [(m.submission, m.exercise, m.reason) for m in marks if not m.passed]
    return "\n".join([*_columns(rows), count, *(f"  {line}" for line in _columns(failed))])


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Write rows so that their cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def as_csv(marks: list[Mark]) -> str:
    """Return the marks as CSV, one to a line.

    Examples
    --------
    >>> print(as_csv([Mark("ada.py", "my_conv", True, "fine")]).strip())
    submission,exercise,passed,message
    ada.py,my_conv,True,fine
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("submission", "exercise", "passed", "message"))
    for mark in marks:
        writer.writerow((mark.submission, mark.exercise, mark.passed, _no_formula(mark.message)))
    return file.getvalue()


def _no_formula(text: str) -> str:
    """Keep a spreadsheet from taking what a submission says for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def portable(value: Any) -> Any:
    """Write a value so that JSON keeps tuples apart from lists."""
    if isinstance(value, dict):
        return {name: portable(v) for name, v in value.items()}
    if isinstance(value, tuple):
        return {"tuple": [portable(v) for v in value]}
    return [portable(v) for v in value] if isinstance(value, list) else value
