"""From a case to a question: what a candidate is called with, what the right answer is, and how it is written out.

Of an operation, the options that a candidate does not take are held at their defaults and not handed to it.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import npseg
from npseg import arguments
from npseg.check.oracle.arrays import TOLERANCES, Library, on_host, rounded
from npseg.check.oracle.candidates import Adapted
from npseg.check.oracle.cases import Answer, Case, answer, base_of, forward_of, is_backward, results_of
from npseg.check.oracle.domains import DOMAINS, SHAPES, calls
from npseg.check.oracle.draws import WORDS
from npseg.check.oracle.fitting import Fit, fit
from npseg.check.oracle.signatures import Call

#: What counts pixels, channels and the like, from 1 or from 0 on; in a case that can be looked at, no more than this.
_POSITIVE = (
    *("channels", "filters", "groups", "kernel_size", "stride", "dilation", "scale", "factor", "input_size"),
    *("output_size", "size"),
)
_COUNTS = ("images", "channels", "filters", "groups")
_NOT_NEGATIVE = ("images", "padding", "output_padding", "offset")
MOST = 256

#: What is said of an option that the candidate is not given, since it has its default value.
LEFT_OUT = " (left out)"


@dataclass(frozen=True)
class Operation:
    """How a candidate is asked about an operation.

    Attributes
    ----------
    reference : str
        The operation.
    candidate : Adapted
        Who is asked.
    arrays : Library
        In which arrays.
    only : dict
        Restrictions of the domain.
    fit : Fit
        What the candidate takes, and how; all else is held at one value and not handed over.
    tolerance : float
        Largest error, relative to the largest sum of the sizes of the terms.
    """

    reference: str
    candidate: Adapted
    arrays: Library
    only: Mapping[str, Any]
    fit: Fit
    tolerance: float
    strict = True

    def strategy(self, axes: int | None) -> Any:
        """Return what draws cases."""
        suits, reference = self.candidate.signature.suits, self.reference
        return calls(reference, axes, self.only).filter(lambda case: suits(reference, case))

    def rounded(self, case: Case) -> Case:
        """Return the case as the candidate's dtype holds it."""
        return case.floats(lambda a: rounded(a, self.arrays.dtype))

    def call(self, case: Case) -> Call:
        """Return what the candidate is called with: new arrays each time."""
        omitted = self.fit.omitted
        kept = replace(
            case,
            arguments={n: v for n, v in case.arguments.items() if n not in omitted},
            options={n: v for n, v in case.options.items() if n not in omitted | self.left_out(case)},
        )
        return self.fit.hand(self.candidate.signature.call(self.reference, kept.map(self.arrays.given)))

    def wanted(self, case: Case, given: Any = None) -> Answer:
        """Return the right answer; of dropout, to what the candidate has kept."""
        if self.reference == "dropout_forward" and given is not None:
            return {"y": _kept(case, on_host(given))}
        return answer(self.reference, case)

    def results(self, raw: Any) -> dict[str, Any]:
        """Name what a candidate has returned; of a forward pass it may be y alone, or y and a cache.

        Raises
        ------
        ValueError
            If there are more or fewer results than there should be.
        """
        names = results_of(self.reference)
        if len(names) == 1:
            if isinstance(raw, tuple) and len(raw) == 2 and self.reference.endswith("_forward"):
                return {"y": raw[0]} | self._indices(raw[1])
            return {names[0]: raw}
        if not isinstance(raw, tuple | list) or len(raw) != len(names):
            raise ValueError(
                f"returns {type(raw).__name__}; {len(names)} results are wanted: {', '.join(names)}"
            )
        return dict(zip(names, raw))

    def _indices(self, cache: Any) -> dict[str, Any]:
        """Return the indices of a max pooling's winners, if that is what comes second."""
        found = getattr(cache, "indices", cache)
        found = cache if callable(found) else found  # PyTorch's tensors have a method of that name
        if self.reference != "max_pool_forward" or on_host(found).dtype.kind not in "iu":
            return {}
        return {"indices": found}

    def scale(self, case: Case) -> float:
        """Return the largest sum of the sizes of the terms: the answer for absolute values, at least 1."""
        answers = (answer(self.reference, which) for which in (case, case.floats(np.abs)))
        results = (
            np.abs(on_host(result)) for found in answers for result in found.values() if result is not None
        )
        return max(float(result.max(initial=1)) for result in results)

    def allowed(self, case: Case) -> float:
        """Return how far an answer may lie from the right one."""
        return self.tolerance * self.scale(case)

    def dtype(self, name: str) -> str | None:
        """Return the dtype that a result must have; None if any will do."""
        return None if name == "indices" else self.arrays.dtype

    def shown(self, case: Case) -> dict[str, Any]:
        """Return what a case consists of, as it is written out."""
        out = self.left_out(case)
        return {
            f"{name}{LEFT_OUT}" if name in out else name: value
            for name, value in case.values.items()
            if name not in self.fit.omitted
        }

    def left_out(self, case: Case) -> frozenset[str]:
        """Return the options of a brief case that have their defaults, and that the candidate has a default for."""
        if not (case.brief and self.candidate.signature.brief):
            return frozenset()
        parameters = inspect.signature(forward_of(self.reference)).parameters
        able = self.candidate.defaults
        return frozenset(n for n, v in case.options.items() if n in able and _alike(v, parameters[n].default))

    def others(self, case: Case) -> Case | None:
        """Return a case of the same shapes with other values, to be asked in between."""
        return case.floats(lambda a: rounded(1 + a, self.arrays.dtype))

    @property
    def repeats(self) -> bool:
        """Whether the same question has the same answer."""
        return self.reference != "dropout_forward"

    def untried(self, chosen: Collection[str]) -> Iterator[str]:
        """Say what was not tried, except for what was chosen to be held, and which parameters nobody has filled."""
        signature, name = self.candidate.signature, self.candidate.name
        left_out = self.fit.omitted - signature.lacks(self.reference) - {*chosen}
        left = [signature.called(n) for n in _parameters("", self.reference, {}) if n in left_out]
        if left:
            yield f"not tried: {', '.join(left)}, which {name} does not take"
        for parameter in self.fit.unfilled:
            yield f"never given: {parameter}, a parameter of {name} that {self.reference} knows nothing of"


@dataclass(frozen=True)
class Function:
    """How a candidate is asked about another function: with tuples of arguments, as they are."""

    reference: Callable[..., Any]
    names: tuple[str, ...]
    strict = False
    repeats = True

    def rounded(self, case: Any) -> Any:
        """Return the case itself."""
        return case

    def call(self, case: Any) -> Call:
        """Return what the candidate is called with."""
        return Call(copy.deepcopy(case), {}, Case({}, {}))

    def wanted(self, case: Any, given: Any = None) -> Answer:
        """Return the right answer."""
        found = self.reference(*copy.deepcopy(case))
        return {f"result {i}": r for i, r in enumerate(found)} if isinstance(found, tuple) else {"y": found}

    def results(self, raw: Any) -> dict[str, Any]:
        """Name what the candidate has returned."""
        return {f"result {i}": r for i, r in enumerate(raw)} if isinstance(raw, tuple) else {"y": raw}

    def allowed(self, case: Any) -> float | None:
        """Return None: what counts is the size of each number."""
        return None

    def dtype(self, name: str) -> None:
        """Return None: any dtype will do."""

    def shown(self, case: Any) -> dict[str, Any]:
        """Return the arguments under the candidate's names for them."""
        return {self.names[i] if i < len(self.names) else f"argument {i}": v for i, v in enumerate(case)}

    def others(self, case: Any) -> None:
        """Return None: what else might be asked is not known."""


def about_operation(
    op: str,
    candidate: Adapted,
    reference: str,
    library: Library,
    only: dict[str, Any],
    tolerance: float | None,
) -> Operation:
    """Return how a candidate is asked about an operation, or refuse what cannot be."""
    parameters = _parameters(op, reference, only)
    library.check(op)
    candidate.signature.check(op, reference, library)
    own = {n: v for n, v in candidate.signature.only.items() if n in parameters or n in _shapes(reference)}
    only = own | only
    held = {n for n in only if n in parameters and _is_fixed(only[n])}
    optional = {n for n, p in parameters.items() if _optional(p)} | held
    cached = is_backward(reference) and candidate.signature.name == "npseg"
    fitting = Fit() if cached else fit(candidate, reference, tuple(parameters), optional)
    omitted = fitting.omitted & parameters.keys()
    only |= {n: parameters[n].default for n in omitted if n not in held}
    chosen = TOLERANCES[library.dtype][0] if tolerance is None else tolerance
    return Operation(reference, candidate, library, only, fitting, chosen)


def about_function(candidate: Adapted, reference: Callable[..., Any]) -> Function:
    """Return how a candidate is asked about a function."""
    return Function(reference, tuple(inspect.signature(candidate.function).parameters))


def _parameters(op: str, reference: str, only: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of the forward pass, or refuse an unknown operation or restriction."""
    if base_of(reference) not in DOMAINS or not hasattr(npseg, reference):
        known = ", ".join(name for name in npseg.__all__ if base_of(name) in DOMAINS)
        raise ValueError(f"{op}: reference={reference!r}; choose one of {known}")
    own = inspect.signature(forward_of(reference)).parameters
    parameters = {n: p for n, p in own.items() if n not in ("method", "out")}
    free = (*parameters, *_shapes(reference))
    strangers = [name for name in only if name not in free]
    if strangers:
        raise ValueError(f"{op}: only={strangers[0]!r} is no option of {reference}; it has {', '.join(free)}")
    _refuse_values(op, only, {n for n, p in parameters.items() if p.default is None})
    return parameters


def _refuse_values(op: str, only: Mapping[str, Any], may_be_none: set[str]) -> None:
    """Refuse restrictions to values that no case could have, or none that is small."""
    for name, restriction in only.items():
        values = restriction if isinstance(restriction, list) else [restriction]
        if not values:
            raise ValueError(f"{op}: only={name!r} may have no value; give some to choose from")
        for value in values:
            if isinstance(value, str) and value in (*WORDS, "same", "valid"):
                continue
            if value is None and name in may_be_none:
                continue
            if name in _POSITIVE or name in _NOT_NEGATIVE:
                for number in [value] if name in _COUNTS else _flat(value):
                    arguments.integer(op, f"only[{name!r}]", number, int(name in _POSITIVE), MOST)


def _flat(value: Any) -> Iterator[Any]:
    """Go through the numbers in a number, a tuple, or a tuple of pairs."""
    if isinstance(value, tuple) and value:
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _shapes(reference: str) -> tuple[str, ...]:
    return SHAPES.get(base_of(reference), ("images", "channels"))


def _optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty


def _is_fixed(restriction: Any) -> bool:
    return not isinstance(restriction, list) and not (isinstance(restriction, str) and restriction in WORDS)


def _alike(value: Any, default: Any) -> bool:
    """Say whether an option has its default value; 1 is not True."""
    return type(value) is type(default) and not isinstance(value, np.ndarray) and bool(value == default)


def _kept(case: Case, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return dropout's output where it is not 0, as it should be; all of it where nothing is to be dropped."""
    x: np.ndarray[Any, Any]
    x, p = case.arguments["x"], case.arguments["p"] if case.options.get("training", True) else 0.0
    if p == 1 or y.shape != x.shape:
        return np.zeros_like(x)
    return x / (1 - p) * (1 if p == 0 else y != 0)
