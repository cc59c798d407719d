"""From a case to a question: what a candidate is called with, what the right answer is, and how it is written out.

Of an operation, the options that a candidate does not take are held at their defaults and not handed to it, as are
those that the caller holds at a value.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import npseg
from npseg.check.domains import DOMAINS, Case, calls


class Question(NamedTuple):
    """One call.

    Attributes
    ----------
    shown : dict
        The arguments under their names, as they are written out.
    candidate : (tuple, dict)
        What the candidate is called with.
    reference : callable
        Returns the answer that is wanted.
    """

    shown: dict[str, Any]
    candidate: tuple[tuple[Any, ...], dict[str, Any]]
    reference: Callable[[], Any]


def of_operation(
    op: str, candidate: Callable[..., Any], reference: str, axes: int | None, only: dict[str, Any]
) -> tuple[Any, Callable[[Any], Question]]:
    """Return what draws calls of an operation, and what puts one as a question."""
    operation = getattr(npseg, reference, None)
    if _base(reference) not in DOMAINS or operation is None:
        known = ", ".join(name for name in npseg.__all__ if _base(name) in DOMAINS)
        raise ValueError(f"{op}: reference={reference!r}; choose one of {known}")
    backward = reference.endswith("_backward")  # its cases are those of the forward
    parameters = inspect.signature(
        getattr(npseg, f"{_base(reference)}_forward") if backward else operation
    ).parameters
    strangers = [name for name in only if name not in parameters]
    if strangers:
        raise ValueError(
            f"{op}: only={strangers[0]!r} is no option of {reference}; it has {', '.join(parameters)}"
        )
    taken = inspect.signature(candidate).parameters
    if not backward and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
        only = {name: value for name, value in defaults.items() if name not in taken} | only

    def pose(case: Case) -> Question:
        given = {name: value for name, value in case.arguments.items() if name not in only}
        options = {name: value for name, value in case.options.items() if name not in only}
        shown = {name: value for name, value in (given | options).items() if name != "cache"}

        def ask() -> Any:
            answer = operation(*case.arguments.values(), **case.options)
            return answer[0] if reference.endswith("_forward") else answer

        return Question(shown, (tuple(given.values()), options), ask)

    return calls(reference, axes, only), pose


def _base(name: str) -> str:
    return name.removesuffix("_forward").removesuffix("_backward")


def of_function(candidate: Callable[..., Any], reference: Callable[..., Any]) -> Callable[[Any], Question]:
    """Return what puts a tuple of arguments as a question."""
    names = list(inspect.signature(candidate).parameters)

    def pose(case: tuple[Any, ...]) -> Question:
        shown = {names[i] if i < len(names) else f"argument {i}": value for i, value in enumerate(case)}
        return Question(shown, (case, {}), lambda: reference(*copy.deepcopy(case)))

    return pose
