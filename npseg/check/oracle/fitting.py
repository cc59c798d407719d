"""Which of an operation's arguments a candidate takes: by position, by name, or not at all.

A candidate says what it takes by its parameters. Leading arguments go by position, whatever their names there, so that
a bias arrives whether it is called b or bias; only a place that has the name of another argument is left to that one.
All else goes by name. What the candidate does not take is held at its default; which that is, and which parameters of
the candidate were never given anything, is said in the verdict.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
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
    places : tuple of str
        What goes by position or, without a place of its own, by name: npseg's names, in order.
    by_name : dict of str
        Those of them that go by name, and the name.
    omitted : frozenset of str
        What is not handed over.
    renamed : dict of str
        What can be left out and is given by position, and the candidate's name for it, where that is another.
    unfilled : tuple of str
        Parameters of the candidate that are never given anything.
    """

    places: tuple[str, ...] = ()
    by_name: tuple[tuple[str, str], ...] = ()
    omitted: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    unfilled: tuple[str, ...] = ()

    def hand(self, call: Call) -> Call:
        """Return a call with what the candidate takes, where it takes it."""
        names, named = dict(self.by_name), dict(zip(reversed(self.places), reversed(call.arguments)))
        rest = len(call.arguments) - len(self.places)
        keywords = {key: value for key, value in call.keywords.items() if key not in self.omitted}
        return Call(
            (*call.arguments[:rest], *(named[name] for name in self.places if name not in names)),
            {names[name]: named[name] for name in self.places if name in names} | keywords,
            call.case,
        )


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
    parameters, signature = candidate.parameters, candidate.signature
    if parameters is None:
        return Fit()
    called = {name: signature.called(name) for name in names}
    kinds = {p.kind for p in parameters}
    given = [p.name for p in parameters if p.kind in _BY_POSITION][: signature.leading(reference)]
    free = [p.name for p in parameters if p.kind in _BY_POSITION][len(given) :]
    own = [p.name for p in parameters if p.kind in (*_BY_POSITION, *_BY_NAME) and p.name not in given]

    def takes(name: str) -> bool:
        return Parameter.VAR_KEYWORD in kinds or any(
            p.name == name and p.kind in _BY_NAME for p in parameters
        )

    order = signature.order(reference)
    filled, by_name, omitted, renamed = set[str](), dict[str, str](), set[str](), dict[str, str]()
    for name in order:
        place = free[0] if free else None
        only_by_name = called[name] in own and called[name] not in free
        if only_by_name or (place != called[name] and place in called.values() and name in optional):
            fits = False
        else:
            fits = place is not None or Parameter.VAR_POSITIONAL in kinds or name not in optional
        if fits:
            filled.update(free[:1])
            if place not in (None, called[name]) and name in optional:
                renamed[name] = str(place)
            del free[:1]
        elif takes(called[name]):
            by_name[name] = called[name]
        else:
            omitted.add(name)
    for name in (n for n in (*names, *signature.fixed) if n not in order):
        filled.add(called.get(name, name))
        if not takes(called.get(name, name)) and (name in optional or name in signature.fixed):
            omitted.add(name)
    filled.update(by_name.values())
    return Fit(
        tuple(name for name in order if name not in omitted),
        tuple(by_name.items()),
        frozenset(omitted),
        tuple(renamed.items()),
        tuple(name for name in own if name not in filled),
    )
