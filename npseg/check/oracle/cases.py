"""One call of an operation, and what npseg answers to it.

A case is always that of a forward pass; a backward pass adds the gradient that flows in. So whoever is asked for a
gradient can be given what they need for it: a cache of npseg's, or the arguments themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

import npseg

#: Results under their names: ``y`` of a forward pass, ``dx`` and further gradients of a backward one.
Answer: TypeAlias = dict[str, Any]

#: The results of backward passes that return more than dx.
_GRADIENTS = {
    "conv": ("dx", "dw", "db"),
    "conv_transpose": ("dx", "dw", "db"),
    "batch_norm": ("dx", "dgamma", "dbeta"),
}


#: Operations whose numbers are not free: variances and weights are positive, what is dropped is 0.
CONSTRAINED = ("batch_norm", "cross_entropy", "dropout")


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes
    ----------
    arguments : dict
        What the forward pass takes by position, under its name.
    options : dict
        What it takes by keyword.
    dout : array or None
        Of a backward pass, the gradient that flows in.
    brief : bool
        Whether options that have their default values are left out.
    """

    arguments: dict[str, Any]
    options: dict[str, Any]
    dout: Any = None
    brief: bool = False

    def map(self, change: Callable[[Any], Any]) -> Case:
        """Return the case with all of its values changed."""
        arguments, options = (
            {name: change(value) for name, value in group.items()} for group in (self.arguments, self.options)
        )
        return replace(self, arguments=arguments, options=options, dout=change(self.dout))

    def floats(self, change: Callable[[Any], Any]) -> Case:
        """Return the case with its float arrays changed."""
        return self.map(lambda value: np.asarray(change(value)) if is_floats(value) else value)

    @property
    def axes(self) -> int:
        """How many spatial axes there are."""
        named = "size" if "cols" in self.arguments else "input_size"
        size = self.arguments.get(named)
        return next(iter(self.arguments.values())).ndim - 2 if size is None else len(size)

    @property
    def values(self) -> dict[str, Any]:
        """All that the case consists of, under its name."""
        return ({"dout": self.dout} if self.dout is not None else {}) | self.arguments | self.options


def revalued(case: Case, rng: np.random.Generator) -> Case:
    """Return a case of the same geometry with other values: hypothesis likes zeros, which hide much."""
    unit = rng.choice((1, 3))
    return case.floats(lambda a: rng.integers(-4, 5, a.shape) / unit)


def is_floats(value: Any) -> bool:
    """Say whether a value is a float array of NumPy's."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def base_of(reference: str) -> str:
    """Return the name of an operation without its direction.

    Examples
    --------
    >>> base_of("conv_backward")
    'conv'
    """
    return reference.removesuffix("_forward").removesuffix("_backward")


def is_backward(reference: str) -> bool:
    """Say whether a name is that of a backward pass."""
    return reference.endswith("_backward")


def forward_of(reference: str) -> Callable[..., Any]:
    """Return the pass whose arguments a case holds: of a backward pass, its forward."""
    name = f"{base_of(reference)}_forward" if is_backward(reference) else reference
    passed: Callable[..., Any] = getattr(npseg, name)
    return passed


def results_of(reference: str) -> tuple[str, ...]:
    """Return the names of what an operation returns.

    Examples
    --------
    >>> results_of("conv_backward")
    ('dx', 'dw', 'db')
    """
    return _GRADIENTS.get(base_of(reference), ("dx",)) if is_backward(reference) else ("y",)


def run_forward(reference: str, case: Case) -> Any:
    """Run the forward pass of a case; of a random one with a fresh generator from the case's seed."""
    options = dict(case.options)
    if "rng" in options:
        options["rng"] = np.random.default_rng(options["rng"])
    return forward_of(reference)(*case.arguments.values(), **options)


def answer(reference: str, case: Case) -> Answer:
    """Return what npseg answers; of max pooling the indices too.

    Raises
    ------
    ValueError
        If the geometry of the case does not fit.
    """
    result = run_forward(reference, case)
    if not is_backward(reference):
        if not reference.endswith("_forward"):
            return {"y": result}
        y, cache = result
        return {"y": y, "indices": cache.indices} if reference == "max_pool_forward" else {"y": y}
    gradients = getattr(npseg, reference)(case.dout, result[1])
    names = results_of(reference)
    return dict(zip(names, gradients if len(names) > 1 else (gradients,)))
