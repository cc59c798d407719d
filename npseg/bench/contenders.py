"""Who competes on a layer: npseg by each method, textbook NumPy, and PyTorch where it is installed.

All take the same arrays and the same options, and before anything is timed, their answers must agree.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npseg
from npseg import backend
from npseg.backend import Array
from npseg.bench import textbook
from npseg.bench.timing import Passes, answers
from npseg.methods.choose import METHODS

#: The names of the others, and of npseg where there are no methods to choose among.
NPSEG, TEXTBOOK, PYTORCH = "npseg", "textbook", "PyTorch"

#: The method that layers use unless told otherwise.
AUTO = "auto"

#: Methods that are there to be understood: hundreds of times slower, and timed only when asked for by name.
SLOW = ("loops", "matrix")

#: By how much answers may differ, relative to the largest value.
TOLERANCE = 1e-3


def pytorch() -> ModuleType | None:
    """Return the module that runs PyTorch, or None where it is not installed, or cannot use the device in use."""
    if not importlib.util.find_spec("torch"):
        return None
    torch = importlib.import_module("npseg.bench.pytorch")
    return torch if torch.has(backend.device()) else None


def methods_named(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the methods to time: those named, or all but the slow ones.

    Raises
    ------
    ValueError
        If there is none of a name.

    Examples
    --------
    >>> methods_named(["im2col", "loops"])
    ('im2col', 'loops')
    """
    if names is None:
        return tuple(name for name in METHODS if name not in SLOW)
    for name in names:
        if name not in METHODS:
            raise ValueError(f"methods: there is no method {name!r}; choose among {', '.join(METHODS)}")
    return tuple(names)


def contenders(
    operation: str, arrays: Sequence[NDArray[Any]], options: Mapping[str, Any], methods: Sequence[str]
) -> dict[str, Passes]:
    """Return all who can do an operation, with their passes, forward and backward.

    Parameters
    ----------
    operation : str
        ``npseg.<operation>_forward``, and its like.
    arrays : sequence of array
        Its arrays.
    options : mapping
        Its further arguments.
    methods : sequence of str
        The methods of npseg that may compete. One that refuses the shapes is left out, and so is one that pools
        by the same functions as another.

    Returns
    -------
    dict of str to passes
        ``forward`` and ``backward``, by the contender's name.

    Raises
    ------
    ValueError
        If their answers differ.

    Examples
    --------
    >>> x = np.array([[[[-1, 2.0]]]], "float32")
    >>> list(contenders("relu", [x], {}, methods=["im2col"]))[:2]
    ['npseg', 'textbook']
    """
    by_the_book = getattr(textbook, f"{operation}_forward"), getattr(textbook, f"{operation}_backward")
    y = by_the_book[0](*arrays, **options)[0]
    dout = np.random.default_rng(1).standard_normal(y.shape, np.float32)

    forward, backward = getattr(npseg, f"{operation}_forward"), getattr(npseg, f"{operation}_backward")
    found: dict[str, Passes] = {}
    xp = backend.current()
    ours = [xp.asarray(a) for a in arrays], xp.asarray(dout)
    if "method" in inspect.signature(forward).parameters:
        for method in _distinct(operation, methods):
            passes = _pair(forward, backward, ours[0], {**options, "method": method}, ours[1])
            if _serves(passes):
                found[method] = passes
    else:
        found[NPSEG] = _pair(forward, backward, ours[0], options, ours[1])
    found[TEXTBOOK] = _pair(*by_the_book, arrays, options, dout)
    torch = pytorch()
    if torch is not None:
        found[PYTORCH] = torch.passes(operation, arrays, options, dout)
    _check_that_they_agree(operation, found)
    return found


def difference(ours: Any, theirs: Any) -> float:
    """Return the largest difference of two arrays, relative to the largest value.

    Examples
    --------
    >>> difference([1.0, 4.0], [1.0, 5.0])
    0.2
    """
    a, b = (np.asarray(_on_the_host(x), float) for x in (ours, theirs))
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), np.finfo(np.float32).tiny))


def check_agreement(what: str, who: str, ours: Any, whom: str, theirs: Any) -> None:
    """Refuse to time two that do not compute the same.

    Raises
    ------
    ValueError
        If they differ by more than ``TOLERANCE``, or one is not a number.
    """
    apart = difference(ours, theirs)
    if not apart <= TOLERANCE:
        raise ValueError(
            f"{what}: {who} and {whom} differ by {apart:.1e} of the largest value; their times would mean nothing"
        )


def _on_the_host(x: Any) -> Any:
    """Bring an array or a tensor to the host, from wherever it is."""
    if hasattr(x, "detach"):
        return x.detach().cpu()
    return backend.to_numpy(x) if hasattr(x, "get") else x


def _pair(
    forward: Any, backward: Any, arrays: Sequence[Array], options: Mapping[str, Any], dout: Any
) -> Passes:
    """Return the passes of a pair of functions, the second of which takes the cache that the first returns."""
    return {
        "forward": lambda _: forward(*arrays, **options),
        "backward": lambda result: backward(dout, result[1]),
    }


def _distinct(operation: str, methods: Sequence[str]) -> list[str]:
    """Return the methods that differ: of those that pool and unpool by the same functions, the first."""
    if operation in ("conv", "conv_transpose"):
        return list(methods)
    firsts = {METHODS[method].put: method for method in reversed(methods)}
    return [method for method in methods if method in firsts.values()]


def _serves(passes: Passes) -> bool:
    """Say whether a method takes these shapes: one that does not refuses them."""
    try:
        passes["forward"](None)
    except ValueError:
        return False
    return True


def _check_that_they_agree(operation: str, found: Mapping[str, Passes]) -> None:
    """Hold everybody's output and gradients against the textbook's."""
    expected = _values(found[TEXTBOOK])
    for who, passes in found.items():
        for value, right in zip(_values(passes), expected, strict=True):
            check_agreement(operation, who, value, TEXTBOOK, right)


def _values(passes: Passes) -> list[Any]:
    """Return the output, and the gradients."""
    results = answers(passes)
    gradients = results["backward"]
    return [results["forward"][0], *(gradients if isinstance(gradients, tuple) else (gradients,))]
