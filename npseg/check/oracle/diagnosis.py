"""Which usual mistake answers as the candidate does.

On one small case many mistakes look alike. So the candidate is asked further cases, and a mistake is named only if it
explains the case that was found and nearly all of those further ones in which it makes a difference.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from npseg.check.oracle.arrays import differences, on_host
from npseg.check.oracle.cases import Answer, Case, revalued
from npseg.check.oracle.judge import Judge, Wrong
from npseg.check.oracle.mistakes import MISTAKES, Mistake
from npseg.check.oracle.questions import Operation
from npseg.check.oracle.trial import for_each

#: Further cases that are asked, and seconds after which no more are.
FURTHER, PATIENCE = 200, 5.0

#: Cases in which a mistake must make a difference, and the share of them that it must explain.
LEAST, SHARE = 3, 0.9

#: What a mistake may run into where it cannot be made.
IMPOSSIBLE = (ValueError, IndexError, TypeError, KeyError, AttributeError)


class Heard(NamedTuple):
    """A case, the right answer, and the candidate's; None where it failed."""

    case: Case
    wanted: Answer
    got: Answer | None


def diagnose(judge: Judge, about: Operation, case: Case, axes: int | None, seed: int) -> str:
    """Return in words which mistake explains a candidate's answers, or "" if none does."""
    mistakes = MISTAKES.get(about.reference, ())
    first = _hear(judge, about, case)
    if first is None or not mistakes:
        return ""
    failed = first.got is None  # then all are suspects, and what counts are the cases that it does answer
    suspects = [m for m in mistakes if failed or _explains(m, first, about)]
    if not suspects:
        return ""
    further: list[Heard] = []
    rng = np.random.default_rng(seed)

    until = time.monotonic() + PATIENCE

    def listen(drawn: Case) -> None:
        if time.monotonic() > until:
            return
        heard = _hear(judge, about, about.rounded(revalued(drawn, rng)))
        if heard:
            further.append(heard)

    for_each(about.strategy(axes), FURTHER, seed + 1, listen)
    best, share, telling = "", 0.0, 0
    for mistake in suspects:
        found = [e for heard in further if (e := _explains(mistake, heard, about)) is not None]
        if len(found) >= LEAST and sum(found) / len(found) > share:
            best, share, telling = mistake.words, sum(found) / len(found), len(found)
    if share < SHARE:
        return ""
    explained = f"so in {round(share * telling)} of {telling} further cases where that matters"
    return f"{'where it answers, ' if failed else ''}this is what one gets if {best} ({explained})"


def _hear(judge: Judge, about: Operation, case: Case) -> Heard | None:
    """Ask the candidate; None if the case is none."""
    try:
        wanted = about.wanted(case)
    except ValueError:
        return None
    try:
        got = judge.ask(case)
    except Wrong:
        return Heard(case, wanted, None)
    return Heard(case, wanted, got)


def _explains(mistake: Mistake, heard: Heard, about: Operation) -> bool | None:
    """Say whether a mistake gives the candidate's answer; None where there is no telling."""
    try:
        with np.errstate(all="ignore"):
            mistaken = mistake.compute(heard.case)
    except IMPOSSIBLE:
        return None
    wanted, allowed = heard.wanted, about.allowed(heard.case)
    if all(_alike(mistaken[name], wanted[name], allowed) for name in mistaken):
        return None
    if heard.got is None:
        return None
    # Indices need not be returned, and where y is wrong there is no telling what they should be.
    expected = {
        n: a for n, a in (wanted | mistaken).items() if n != "indices" or (n in mistaken and n in heard.got)
    }
    return all(_alike(heard.got.get(name), expected[name], allowed) for name in expected)


def _alike(a: Any, b: Any, allowed: float) -> bool:
    if a is None or b is None:
        return a is b
    a, b = on_host(a), on_host(b)
    return a.shape == b.shape and a.dtype.kind in "biuf" and not len(differences(a, b, allowed))
