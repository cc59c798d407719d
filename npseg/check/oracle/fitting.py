"""Which of an operation's arguments a candidate takes: by position, by name, or not at all.

A candidate says what it takes by its parameters. Leading arguments go by position, whatever their names there, so that
a bias arrives whether it is called b or bias; only a place that has the name of another argument is left to that one.
All else goes by name. What the candidate does not take is held at its default; which that is, and which parameters of
the candidate were never given anything, is said in the verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from inspect import Parameter

from npseg.check.oracle.candidates import Adapted
from npseg.check.oracle.signatures import Call

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Fit:
    """How an operation's arguments are handed to a candidate.

    Attributes
    ----------
    order : tuple of str
        npseg's names of what a call has by position, after a gradient that may come first.
    by_name : dict of str
        Those of them that go by name, and the candidate's name.
    omitted : frozenset of str
        What is not handed over.
    renamed : dict of str
        What need not be taken and goes by position, to a parameter of another name, and that name.
    unfilled : tuple of str
        Parameters of the candidate that are never given anything.
    """

    order: tuple[str, ...] = ()
    by_name: Mapping[str, str] = field(default_factory=dict)
    omitted: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    unfilled: tuple[str, ...] = ()

    def hand(self, call: Call) -> Call:
        """Return a call with what the candidate takes, where it takes it."""
        first = len(call.arguments) - len(self.order)
        values = dict(zip(self.order, call.arguments[first:]))
        placed = [value for name, value in values.items() if name not in self.by_name]
        named = {word: values[name] for name, word in self.by_name.items()}
        options = {name: value for name, value in call.keywords.items() if name not in self.omitted}
        return Call((*call.arguments[:first], *placed), named | options, call.case)


def fit(candidate: Adapted, reference: str, names: Collection[str], optional: Collection[str]) -> Fit:
    """Return how an operation's arguments are handed to a candidate.

    Parameters
    ----------
    candidate : Adapted
        Whose parameters count; if it does not say which it has, it is given everything.
    reference : str
        The operation.
    names : collection of str
        The arguments of the operation's forward pass.
    optional : collection of str
        Those that a candidate need not take.
    """
    if candidate.parameters is None:
        return Fit()
    signature = candidate.signature
    called = {name: signature.called(name) for name in (*names, *signature.fixed)}
    kinds = {p.kind for p in candidate.parameters}
    free = [p.name for p in candidate.parameters if p.kind in _BY_POSITION]
    words = {p.name for p in candidate.parameters if p.kind in _BY_NAME}
    filled = set(free[: signature.leading(reference)])
    del free[: signature.leading(reference)]
    order = signature.order(reference)
    by_name: dict[str, str] = {}
    renamed: dict[str, str] = {}
    omitted: set[str] = set()
    for name in order:
        word, place = called[name], free[0] if free else None
        foreign = place is not None and place != word and place in called.values() and name in optional
        elsewhere = word in words and word not in free
        there = place is not None or Parameter.VAR_POSITIONAL in kinds or name not in optional
        if there and not foreign and not elsewhere:
            if place not in (None, word) and name in optional:
                renamed[name] = str(place)
            filled.update(free[:1])
            del free[:1]
        elif word in words or Parameter.VAR_KEYWORD in kinds:
            by_name[name] = word
        else:
            omitted.add(name)
    for name in called.keys() - {*order}:
        needless = name in optional or name in signature.fixed
        if needless and called[name] not in words and Parameter.VAR_KEYWORD not in kinds:
            omitted.add(name)
        filled.add(called[name])
    filled.update(by_name.values())
    own = [p.name for p in candidate.parameters if p.kind in (*_BY_POSITION, *_BY_NAME)]
    return Fit(
        tuple(name for name in order if name not in omitted),
        by_name,
        frozenset(omitted),
        renamed,
        tuple(name for name in own if name not in filled),
    )
