"""Which usual mistake answers as the candidate does.

On one small case many mistakes look alike. So the candidate is asked further cases, and a mistake is named only if it
explains the case that was found, unless it cannot be made in that one, and nearly all of those further ones in which
it makes a difference.
"""

from __future__ import annotations

import time
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

import numpy as np
from hypothesis.errors import Unsatisfiable

from npseg.check.oracle.arrays import TOLERANCES, differences, on_host
from npseg.check.oracle.cases import CONSTRAINED, Answer, Case, base_of, revalued
from npseg.check.oracle.judge import Judge, Wrong
from npseg.check.oracle.mistakes import MISTAKES, Mistake
from npseg.check.oracle.mistakes.mistake import IMPOSSIBLE
from npseg.check.oracle.questions import Operation
from npseg.check.oracle.trial import for_each
from npseg.check.oracle.verdict import Failure

#: Further cases that are asked, to see whether there are answers at all fewer, and seconds after which no more are.
FURTHER, FEW, PATIENCE = 200, 20, 5.0

#: Cases in which a mistake must make a difference, and the share of them that it must explain.
LEAST, SHARE = 3, 0.9


class Heard(NamedTuple):
    """A case, the right answer, and the candidate's; None where it failed."""

    case: Case
    wanted: Answer
    got: Answer | None


def diagnose(judge: Judge, about: Operation, case: Case, axes: int | None, seed: int) -> str:
    """Return in words which mistake explains a candidate's answers, or "" if none does."""
    first = _hear(judge, about, case)
    if first is None:
        return ""
    failed = first.got is None  # then all are suspects, and what counts are the cases that it does answer
    suspects = [m for m in MISTAKES.get(about.reference, ()) if failed or _is_suspect(m, first, about)]
    narrow = not failed and _share_of_terms(first, about) <= max(t for t, _ in TOLERANCES.values())
    if not suspects and not narrow:
        return ""
    further = _further(judge, about, axes, seed)
    best, share, telling = "", 0.0, 0
    for mistake in suspects:
        found = [e for heard in further if (e := _explains(mistake, heard, about)) is not None]
        if len(found) >= LEAST and sum(found) / len(found) > share:
            best, share, telling = mistake.words, sum(found) / len(found), len(found)
    if share < SHARE:
        return _narrowness([first, *further], about) if narrow else ""
    explained = f"so in {round(share * telling)} of {telling} further cases where that matters"
    return f"{'where it answers, ' if failed else ''}this is what one gets if {best} ({explained})"


def hint(judge: Judge, about: Operation, failure: Failure, axes: int | None, seed: int) -> str:
    """Ask of a candidate that raises whether it is meant for some numbers of axes only, or for another argument."""
    if not failure.what.startswith("fails"):
        return ""
    counts = (1, 2, 3) if axes is None else ()
    able = {n: [heard.got is not None for heard in _further(judge, about, n, seed, FEW)] for n in counts}
    answered = [n for n, answers in able.items() if any(answers)]
    if answered and any(len(answers) >= LEAST and not any(answers) for answers in able.values()):
        numbers = " or ".join(map(str, answered))
        return f"does it take {numbers} axes only? {', then '.join(f'--axes {n}' for n in answered)}"
    given = [f"{place} is given {name}, by its position" for name, place in about.fit.renamed.items()]
    return "; ".join(given)


def _further(
    judge: Judge, about: Operation, axes: int | None, seed: int, count: int | None = None
) -> list[Heard]:
    """Ask the candidate further cases, of more numbers than hypothesis likes, as long as there is patience."""
    further: list[Heard] = []
    rng, until = np.random.default_rng(seed), time.monotonic() + PATIENCE
    free = base_of(about.reference) not in CONSTRAINED

    def listen(drawn: Case) -> None:
        if time.monotonic() > until:
            return
        heard = _hear(judge, about, about.rounded(revalued(drawn, rng) if free else drawn))
        if heard:
            further.append(heard)

    with suppress(Unsatisfiable):  # by this number of axes
        for_each(about.strategy(axes), FURTHER if count is None else count, seed + 1, listen)
    return further


def _narrowness(answers: list[Heard], about: Operation) -> str:
    """Name a smaller dtype than the candidate's, if its answers are as wrong as by computing in that, and not more."""
    shares = [
        share for heard in answers if heard.got and (share := _share_of_terms(heard, about)) > about.tolerance
    ]
    smaller = [
        d
        for d, (most, _) in TOLERANCES.items()
        if most > about.tolerance and max(shares, default=inf) <= most
    ]
    if len(shares) < LEAST or not smaller:
        return ""
    words = f"half precision ({smaller[0]})" if "16" in smaller[0] else f"single precision ({smaller[0]})"
    bits = TOLERANCES[smaller[0]][1].partition(" ")[0]
    return (
        f"this looks like {words} inside: in {len(shares)} of {len(answers)} cases it is off, and never by more than "
        f"by the rounding to {bits} bits"
    )


def _share_of_terms(heard: Heard, about: Operation) -> float:
    """Return the largest error of an answer as a share of the largest sum of the sizes of the terms."""
    errors = [0.0]
    for name, wanted in heard.wanted.items():
        got = (heard.got or {}).get(name)
        if name == "indices" or wanted is None:
            continue
        got, wanted = on_host(got), on_host(wanted)
        if got.shape != wanted.shape or got.dtype.kind != "f" or not np.isfinite(got).all():
            return inf
        errors.append(float(np.abs(got - wanted).max(initial=0)))
    return max(errors) / about.scale(heard.case)


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


def _is_suspect(mistake: Mistake, first: Heard, about: Operation) -> bool:
    """Say whether a mistake explains the case that was found, or cannot be made in that one."""
    return bool(_explains(mistake, first, about)) or _mistaken(mistake, first.case) is None


def _mistaken(mistake: Mistake, case: Case) -> Answer | None:
    """Return what one gets by a mistake; None where it cannot be made."""
    try:
        with np.errstate(all="ignore"):
            return mistake.compute(case)
    except IMPOSSIBLE:
        return None


def _explains(mistake: Mistake, heard: Heard, about: Operation) -> bool | None:
    """Say whether a mistake gives the candidate's answer; None where there is no telling."""
    mistaken = _mistaken(mistake, heard.case)
    if mistaken is None:
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
