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
    parameters : tuple of inspect.Parameter or None
        What it takes; None if, written in C, it does not say.
    """

    function: Callable[..., Any]
    signature: Signature
    name: str
    code: Any
    parameters: tuple[inspect.Parameter, ...] | None

    @property
    def defaults(self) -> frozenset[str]:
        """Names of its parameters that can be left out."""
        return frozenset(p.name for p in self.parameters or () if p.default is not p.empty)

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

        dout = inspect.Parameter("dout", inspect.Parameter.POSITIONAL_ONLY)
        takes = _parameters(forward)
        return Adapted(
            gradient, Arrays(), _name(backward), _code(backward), None if takes is None else (dout, *takes)
        )
    if not callable(candidate):
        raise TypeError(f"{op}: {candidate!r} is no function; give the function itself, without brackets")
    if callable(signature):
        function = partial(signature, candidate)
        return Adapted(function, Arrays(), _name(candidate), _code(candidate), _parameters(function))
    how = named(op, signature)
    return Adapted(candidate, how, _name(candidate), _code(candidate), _parameters(candidate))


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


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...] | None:
    """Return a function's parameters, unless, written in C, it does not say which it has."""
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None
