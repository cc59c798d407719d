"""The two passes under check: what they are called with, and what can be seen wrong without differences.

A gradient must have the shape and the dtype of its array, and be finite. A pass must leave its inputs alone. And
all that backward knows of the forward pass must stand in the cache, and stay there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npseg.backend import Array, array_module
from npseg.check.outcome import GradientError


@dataclass(frozen=True)
class Call:
    """A forward pass with all that it is called with.

    Attributes
    ----------
    forward : callable
        The pass.
    arrays : tuple
        Its positional arguments.
    kwargs : dict
        Its settings.
    names : tuple of str
        Those of the positional arguments.
    """

    forward: Callable[..., tuple[Array, Any]]
    arrays: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    names: tuple[str, ...]

    def __str__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.kwargs.items() if not hasattr(v, "dtype"))
        return getattr(self.forward, "__name__", "forward") + (f"({settings})" if settings else "")

    @property
    def differentiated(self) -> list[int]:
        """Which of the arguments are float arrays."""
        return [i for i, a in enumerate(self.arrays) if is_float(a)]

    def run(self) -> tuple[Array, Any]:
        """Return the output and the cache."""
        result = self.forward(*self.arrays, **self.kwargs)
        if not isinstance(result, tuple) or len(result) != 2 or not is_float(result[0]):
            raise TypeError(f"{self}: forward must return (y, cache), where y is a float array")
        return result

    def in_double(self) -> Call:
        """Return the same call in float64."""
        kwargs = {key: double(value) for key, value in self.kwargs.items()}
        return replace(self, arrays=tuple(map(double, self.arrays)), kwargs=kwargs)

    def elsewhere(self) -> Call:
        """Return the call at another point of the same kind: each array from back to front."""
        arrays = tuple(a[(slice(None, None, -1),) * a.ndim] if is_float(a) else a for a in self.arrays)
        return replace(self, arrays=arrays)

    def moved(self, i: int, by: Array) -> Array:
        """Return the output after a step in argument i."""
        arrays = (*self.arrays[:i], self.arrays[i] + by, *self.arrays[i + 1 :])
        return replace(self, arrays=arrays).run()[0]


def backward_pass(
    call: Call, backward: Callable[[Array, Any], Any], rng: np.random.Generator, tolerance: float
) -> tuple[Array, list[Any]]:
    """Run both passes; return the upstream gradient drawn for it, and the gradient of each argument.

    Raises
    ------
    GradientError
        If something is wrong already.
    """
    before = [_copy(a) for a in call.arrays]
    y, cache = call.run()
    _refuse_changes(call, before, "forward")
    call.elsewhere().run()  # whatever it leaves outside the cache now belongs to another point

    dout = draw(y, rng)
    upstream = dout.copy()
    found = [_copy(gradient) for gradient in _aligned(call, backward(dout, cache))]
    _refuse_changes(call, before, "backward")
    if not same(dout, upstream):
        raise GradientError(f"{call}: backward changes dout")
    for name, array, gradient in zip(call.names, call.arrays, found):
        _refuse_gradient(call, name, array, gradient)
    _refuse_another(call, found, _aligned(call, backward(dout, cache)), tolerance)
    return dout, found


def is_float(a: Any) -> bool:
    """Tell whether a is a float array, of whatever library and width."""
    return hasattr(a, "dtype") and a.dtype.kind == "f"


def double(a: Any) -> Any:
    """Return a float array in float64, and anything else as it is."""
    return a.astype(np.float64) if is_float(a) else a


def stream(seed: int) -> np.random.Generator:
    """Return a generator of the checks' own.

    The arrays under check are often drawn from ``default_rng(0)`` themselves. Were dout the same numbers as x, the
    gradient ``xᵀ dout`` would be symmetric, and its transposition go unseen.
    """
    return np.random.default_rng([seed, 231])


def draw(like: Array, rng: np.random.Generator) -> Array:
    """Draw a normal array of another's shape and dtype."""
    return array_module(like).asarray(rng.standard_normal(like.shape), like.dtype)


def same(a: Array, b: Array) -> bool:
    """Tell whether two arrays hold the same values, counting nan as one."""
    return bool(((a == b) | ((a != a) & (b != b))).all())


def norm(a: Array) -> float:
    """Return the Euclidean norm of all entries."""
    return math.sqrt(float((double(a) ** 2).sum()))


def rms(a: Array) -> float:
    """Return the root mean square of the entries; 0 if there are none."""
    return norm(a) / math.sqrt(max(1, a.size))


def _copy(a: Any) -> Any:
    return a.copy() if hasattr(a, "copy") else a


def _aligned(call: Call, gradients: Any) -> list[Any]:
    """Return one gradient for each argument, whether backward left out those that have none or not."""
    given = list(gradients) if isinstance(gradients, tuple | list) else [gradients]
    if len(given) == len(call.arrays):
        return given
    takers = [i for i, a in enumerate(call.arrays) if a is None or is_float(a)]
    if len(given) != len(takers):
        wanted = ", ".join(call.names[i] for i in takers)
        raise ValueError(
            f"{call}: backward returns {len(given)} gradients; {len(takers)} are needed, of {wanted}"
        )
    aligned = dict(zip(takers, given))
    return [aligned.get(i) for i in range(len(call.arrays))]


def _refuse_changes(call: Call, before: list[Any], which: str) -> None:
    for name, array, kept in zip(call.names, call.arrays, before):
        if hasattr(array, "dtype") and not same(array, kept):
            raise GradientError(f"{call}: {which} changes its input {name}")


def _refuse_gradient(call: Call, name: str, array: Any, gradient: Any) -> None:
    """Refuse what cannot be the gradient of the array."""
    what = f"{call}: the gradient with respect to {name}"
    if not is_float(array):
        if gradient is not None:
            raise GradientError(f"{what} must be None, since {name} is no float array")
    elif gradient is None:
        raise GradientError(f"{what} is missing")
    elif not hasattr(gradient, "dtype"):
        raise GradientError(f"{what} is a {type(gradient).__name__}, no array")
    elif gradient.shape != array.shape:
        raise GradientError(f"{what} has shape {gradient.shape}; {name} has {array.shape}")
    elif gradient.dtype != array.dtype:
        raise GradientError(f"{what} is {gradient.dtype}; {name} is {array.dtype}")
    elif not array_module(gradient).isfinite(gradient).all():
        raise GradientError(f"{what} is not finite everywhere")


def _refuse_another(call: Call, first: list[Any], second: list[Any], tolerance: float) -> None:
    """Refuse a backward pass that gives another gradient when called again: it has used up its cache."""
    for i in call.differentiated:
        if norm(second[i] - first[i]) > tolerance * norm(first[i]):
            raise GradientError(
                f"{call}: called again with the same cache, backward gives another gradient with respect to "
                f"{call.names[i]}"
            )
