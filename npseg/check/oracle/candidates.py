"""Who is asked: a candidate in whichever form it is handed over, with its name and how it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from npseg.check.oracle.cases import is_backward
from npseg.check.oracle.pytorch import Torch
from npseg.check.oracle.signatures import Arrays, ChannelsLast, Signature


class Adapted(NamedTuple):
    """A candidate with its name, and how it is called.

    Attributes
    ----------
    function : callable
        Who is asked.
    signature : Signature
        How.
    name : str
        What it is called in a verdict.
    code : code object or None
        Where it is written, for the line in which it fails.
    takes : frozenset of str or None
        Names of its parameters; None if it takes anything, or does not say.
    defaults : frozenset of str
        Those of them that can be left out.
    """

    function: Callable[..., Any]
    signature: Signature
    name: str
    code: Any
    takes: frozenset[str] | None
    defaults: frozenset[str] = frozenset()

    @property
    def axes(self) -> int | None:
        """The number of axes that its name ends in, as PyTorch's do: conv2d."""
        found = re.search(r"(?<=[1-3])d$", self.name) if self.signature.name == "torch" else None
        return int(self.name[found.start() - 1]) if found else None


def adapt(op: str, candidate: Any, signature: Any, reference: str) -> Adapted:
    """Return a candidate with what is needed to call it.

    Parameters
    ----------
    op : str
        Who asks, for messages.
    candidate : callable, or (forward, backward)
        Of a pair, backward gets the cache that its own forward returned.
    signature : str or callable
        A name, or a function that is called with the candidate and what npseg takes.
    reference : str
        The operation.
    """
    if isinstance(candidate, tuple):
        if len(candidate) != 2 or not all(map(callable, candidate)) or not is_backward(reference):
            raise TypeError(
                f"{op}: a pair is (forward, backward), two functions, held against a ..._backward"
            )
        forward, backward = candidate

        def gradient(dout: Any, *arguments: Any, **options: Any) -> Any:
            return backward(dout, forward(*arguments, **options)[1])

        return Adapted(
            gradient, Arrays(), _name(backward), _code(backward), _takes(forward), _defaults(forward)
        )
    if not callable(candidate):
        raise TypeError(f"{op}: {candidate!r} is no function; give the function itself, without brackets")
    if callable(signature):
        function = partial(signature, candidate)
        return Adapted(
            function, Arrays(), _name(candidate), _code(candidate), _takes(function), _defaults(function)
        )
    how = named(op, signature)
    return Adapted(
        candidate, how, _name(candidate), _code(candidate), _takes(candidate), _defaults(candidate)
    )


def named(op: str, signature: str) -> Signature:
    """Return the signature of a name."""
    known = {kind.name: kind for kind in (Signature, Arrays, ChannelsLast, Torch)}
    if not isinstance(signature, str) or signature not in known:
        raise ValueError(
            f"{op}: signature={signature!r}; choose one of {', '.join(known)}, or give a function"
        )
    return known[signature]()


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _code(function: Any) -> Any:
    return getattr(function, "__code__", None)


def _takes(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of a function's parameters, unless it takes any or, written in C, does not say."""
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return frozenset(parameters)


def _defaults(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of the parameters that a function has defaults for."""
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return frozenset()
    return frozenset(name for name, p in parameters.items() if p.default is not p.empty)
