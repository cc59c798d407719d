"""How a candidate is called: as npseg's operations are, with plain arrays, channels last, or as PyTorch's are.

A signature makes positional and keyword arguments of a case that is already in the candidate's library, and makes of
what comes back an answer in npseg's layout. A function of one's own does the same in between: it is called with the
candidate and with what npseg's operation takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from npseg.check.oracle.arrays import Library
from npseg.check.oracle.cases import Case, base_of, forward_of, is_backward, run_forward


class Call(NamedTuple):
    """One call of a candidate.

    Attributes
    ----------
    arguments, keywords
        What it is called with.
    case : Case
        What these were made of, in the candidate's library.
    """

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    case: Case


class Signature:
    """As npseg's own operations are called; a backward pass with a cache of npseg's.

    Attributes
    ----------
    name : str
        What users write.
    only : mapping
        Restrictions that hold for whoever is called in this way.
    array_library : str
        The arrays that it takes, unless others are asked for.
    brief : bool
        Whether the defaults are npseg's, so that an option may be left out.
    fixed : tuple of str
        Options that npseg's operations do not have, and which are always the same.
    """

    name = "npseg"
    array_library = "numpy"
    brief = True
    fixed: tuple[str, ...] = ()
    only: Mapping[str, Any] = MappingProxyType({})

    def check(self, op: str, reference: str, library: Library) -> None:
        """Refuse what cannot be called in this way."""
        if is_backward(reference) and (library.name not in ("numpy", "cupy") or "16" in library.dtype):
            raise ValueError(
                f"{op}: a cache of npseg's holds float32 or float64 arrays of NumPy's or CuPy's; for "
                f"{library.dtype} of {library.name} give signature='arrays', which hands over the arguments themselves"
            )

    def call(self, reference: str, case: Case) -> Call:
        """Return what the candidate is called with."""
        if is_backward(reference):
            return Call((case.dout, run_forward(reference, case)[1]), {}, case)
        options = dict(case.options)
        if "rng" in options:
            options["rng"] = np.random.default_rng(options["rng"])
        return Call(tuple(case.arguments.values()), options, case)

    def result(self, reference: str, answer: Any, call: Call) -> Any:
        """Return the answer as npseg would return it."""
        return answer

    def suits(self, reference: str, case: Case) -> bool:
        """Say whether who is called in this way can be asked for a case."""
        return True

    def called(self, name: str) -> str:
        """Return what one of npseg's arguments is called here."""
        return name

    def lacks(self, reference: str) -> frozenset[str]:
        """Return what npseg's operation takes, and nobody who is called in this way."""
        return frozenset()

    def order(self, reference: str) -> tuple[str, ...]:
        """Return npseg's names of what the forward pass takes by position."""
        parameters = inspect.signature(forward_of(reference)).parameters.values()
        return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)

    def leading(self, reference: str) -> int:
        """Return how many arguments there are before those."""
        return 0


class Arrays(Signature):
    """As npseg's forward passes; a backward pass with ``dout`` and then what the forward pass is called with."""

    name = "arrays"

    def check(self, op: str, reference: str, library: Library) -> None:
        """Refuse nothing."""

    def call(self, reference: str, case: Case) -> Call:
        """Return what the candidate is called with."""
        arguments, options, _ = super().call("", case)
        return Call((case.dout, *arguments) if is_backward(reference) else arguments, options, case)

    def leading(self, reference: str) -> int:
        """Return 1 of a backward pass, for dout."""
        return int(is_backward(reference))

    def suits(self, reference: str, case: Case) -> bool:
        """Say whether the gradient follows from the arguments: not where half of the values are dropped at random."""
        return not is_backward(reference) or case.arguments.get("p", 0) in (0, 1)


class ChannelsLast(Arrays):
    """Images as (N, *spatial, C), weights as (*kernel, C_in, C_out), those of a transposed convolution the other way.

    That is, the first two axes of a weight array go last, in reverse; the same array serves both here, too.
    """

    name = "channels_last"
    _IMAGES = ("x", "y", "dout", "dx", "logits", "indices")

    def check(self, op: str, reference: str, library: Library) -> None:
        """Refuse what has columns or matrices, for which there is no such layout."""
        if base_of(reference) in ("im2col", "col2im", "conv_matrix"):
            raise ValueError(f"{op}: {reference} has no layout with channels last; adapt it by a function")

    def call(self, reference: str, case: Case) -> Call:
        """Return what the candidate is called with."""
        arguments = {name: self._there(name, value) for name, value in case.arguments.items()}
        return (
            super()
            .call(reference, Case(arguments, case.options, self._there("dout", case.dout)))
            ._replace(case=case)
        )

    def result(self, reference: str, answer: Any, call: Call) -> Any:
        """Return the answer with channels first; of a forward pass y, of a backward pass (dx, dw, ...)."""
        if isinstance(answer, tuple | list):
            first = "dx" if is_backward(reference) else "y"
            return type(answer)([self._back(n, a) for n, a in zip((first, "dw", "other"), answer)])
        return self._back("dx", answer)

    def _there(self, name: str, value: Any) -> Any:
        if name == "w":
            return _transposed(value, (*range(2, value.ndim), 1, 0))
        if name in self._IMAGES and getattr(value, "ndim", 0) > 2:
            return _transposed(value, (0, *range(2, value.ndim), 1))
        return value

    def _back(self, name: str, value: Any) -> Any:
        axes = getattr(value, "ndim", 0)
        if name == "dw" and axes > 2:
            return _transposed(value, (axes - 1, axes - 2, *range(axes - 2)))
        if name in self._IMAGES and axes > 2:
            return _transposed(value, (0, axes - 1, *range(1, axes - 1)))
        return value


def _transposed(array: Any, axes: tuple[int, ...]) -> Any:
    """Lay an array out anew, with its axes in another order; PyTorch calls that permute."""
    if hasattr(array, "permute"):
        return array.permute(axes).contiguous()
    moved = array.transpose(axes)
    return moved.copy() if hasattr(moved, "copy") else moved
