"""Smaller cases than one that fails: fewer images and channels, smaller planes and kernels, options at their defaults.

Hypothesis shrinks the numbers that it has drawn, and does not know that some of them are the sizes of arrays that must
shrink together. So what it ends with is taken further here, by what the axes mean: g groups of c channels below and f
filters above, n images. A smaller case need not fail with the numbers that are left of a larger one; others are tried.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from npseg.check.oracle.cases import CONSTRAINED, Case, base_of, forward_of, is_floats, run_forward
from npseg.check.oracle.draws import WORDS
from npseg.check.oracle.mistakes.mistake import changed

#: What the axes of an array mean; what follows is spatial.
_AXES = {
    **dict.fromkeys(("x", "logits", "indices"), ("n", "c")),
    **dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "weight"), ("c",)),
    "labels": ("n",),
}
_GROUPED = {
    "conv": {"x": ("n", "gc"), "w": ("gf", "c"), "b": ("gf",)},
    "conv_transpose": {"x": ("n", "gc"), "w": ("gc", "f"), "b": ("gf",)},
    "conv_matrix": {"w": ("gf", "c")},
}

#: By what name a size is restricted.
_NAMES = {"n": "images", "c": "channels", "f": "filters", "g": "groups"}

#: How often other numbers are tried in a smaller case, and from how many on they are not tried one by one.
_TIMES, _FEW = 3, 100


def shrink(
    case: Case,
    reference: str,
    only: Mapping[str, Any],
    axes: int | None,
    fails: Callable[[Case], bool],
) -> Case:
    """Return the smallest case that still fails, as far as one step at a time leads to it.

    Parameters
    ----------
    case : Case
        One that fails.
    reference : str
        The operation.
    only, axes
        Restrictions, as of :func:`npseg.check.against`.
    fails : callable
        Says whether a case does; it may raise when there is no more time.
    """
    step: Case | None = case
    while step is not None:
        case = step
        steps = (
            other
            for smaller in _smaller(case, reference, only, axes)
            for other in _valued(smaller, reference)
        )
        step = next(filter(fails, steps), None)
    return case if base_of(reference) in CONSTRAINED else _simplest(case, fails)


def _smaller(case: Case, reference: str, only: Mapping[str, Any], axes: int | None) -> Iterator[Case]:
    """Go through the cases that are smaller in one way, those first by which most is gained."""
    meaning: Any = _GROUPED.get(base_of(reference), _AXES)
    arrays = {n: a for n, a in case.values.items() if isinstance(a, np.ndarray) and n in meaning}
    if axes is None and not any(isinstance(part, tuple) for held in only.values() for part in _choices(held)):
        yield from _flatter(case, arrays, meaning)
    groups = case.options.get("groups", 1)
    for letter in "ngfc":
        if _NAMES[letter] not in only:
            yield from _fewer(case, letter, arrays, meaning, groups)
    yield from _narrower(case, {n: a for n, a in arrays.items() if n != "w"}, meaning)
    if "kernel_size" not in only:
        yield from _narrower(case, {n: a for n, a in arrays.items() if n == "w"}, meaning)
    yield from _plainer(case, reference, only)


def _choices(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [held]


def _flatter(case: Case, arrays: Any, meaning: Any) -> Iterator[Case]:
    """Leave the last spatial axis out."""
    count = max((a.ndim - len(meaning[n]) for n, a in arrays.items()), default=1)
    if count > 1:
        short = case.map(lambda v: v[:-1] if isinstance(v, tuple) and len(v) == count else v)
        yield changed(short, **{n: a[..., 0] for n, a in arrays.items() if a.ndim > len(meaning[n])})


def _fewer(case: Case, letter: str, arrays: Any, meaning: Any, groups: int) -> Iterator[Case]:
    """Leave out images, groups, or of each group channels or filters."""
    places = {n: i for n in arrays for i, label in enumerate(meaning[n]) if letter in label}
    tables = {
        n: np.arange(arrays[n].shape[axis]).reshape(groups if "g" in meaning[n][axis] else 1, -1)
        for n, axis in places.items()
    }
    rows, columns = next((table.shape for table in tables.values()), (1, 1))
    for kept in _parts(rows if letter == "g" else columns):
        part = (kept,) if letter == "g" else (slice(None), kept)
        few = {n: arrays[n].take(tables[n][part].ravel(), axis) for n, axis in places.items()}
        options = {"groups": kept.stop - kept.start} if letter == "g" else {}
        yield changed(case, **few, **options)


def _narrower(case: Case, arrays: Any, meaning: Any) -> Iterator[Case]:
    """Leave out rows or columns of planes, or of a kernel."""
    wide = {n: a for n, a in arrays.items() if a.ndim > len(meaning[n])}
    sizes = next((a.shape[len(meaning[n]) :] for n, a in wide.items()), ())
    for axis, size in enumerate(sizes):
        for kept in _parts(size):
            cut = {n: a[(*[slice(None)] * (len(meaning[n]) + axis), kept)] for n, a in wide.items()}
            yield changed(case, **cut)


def _plainer(case: Case, reference: str, only: Mapping[str, Any]) -> Iterator[Case]:
    """Put one option to its default, or make a number of it smaller."""
    parameters = inspect.signature(forward_of(reference)).parameters
    for name, value in (case.arguments | case.options).items():
        word = WORDS.get(str(only.get(name)))
        if name == "rng" or (name in only and word is None):
            continue
        default = parameters[name].default
        if str(value) == str(default):
            continue
        for other in [*([] if default is inspect.Parameter.empty else [default]), *_less(value)]:
            if word is None or word(other):
                yield changed(case, **{name: other})


def _less(value: Any) -> Iterator[Any]:
    """Make whole numbers smaller, one at a time; of several that are alike make one."""
    if isinstance(value, tuple):
        if len({str(part) for part in value}) == 1 and len(value) > 1:
            yield value[0]
        for i, part in enumerate(value):
            yield from ((*value[:i], less, *value[i + 1 :]) for less in _less(part))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from (n for n in (0, 1, value - 1) if 0 <= n < value)


def _parts(size: int) -> list[slice]:
    """Return halves, and all but one at either end; one is not taken apart."""
    half = size // 2
    parts = ((0, half), (half, size), (0, size - 1), (1, size))
    return [slice(*part) for part in dict.fromkeys(parts)] if size > 1 else []


def _valued(case: Case, reference: str) -> Iterator[Case]:
    """Return a case, its gradient in the shape that it needs, as it is and with other numbers."""
    if case.dout is not None:
        try:
            y = run_forward(reference, case)[0]
        except (ValueError, TypeError, IndexError):
            return  # it does not fit together
        case = replace(case, dout=np.resize(case.dout, y.shape))
    yield case
    if base_of(reference) in CONSTRAINED:
        return
    rng, unit = np.random.default_rng(0), _unit(case)
    for _ in range(_TIMES):
        yield case.floats(lambda a: rng.integers(-4, 5, a.shape) * unit)


def _unit(case: Case) -> float:
    """Return 1 if all numbers are whole, else a third."""
    floats = [a for a in case.values.values() if is_floats(a)]
    return 1.0 if all((a == np.round(a)).all() for a in floats) else 1 / 3


def _simplest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Make zeros and ones of as many numbers as may be so."""
    unit = _unit(case)
    for name in [n for n, a in case.values.items() if is_floats(a) and a.size <= _FEW]:
        for place in np.ndindex(case.values[name].shape):
            for simple in (0.0, unit):
                old = case.values[name]
                if old[place] == simple:
                    break
                new = old.copy()
                new[place] = simple
                other = replace(case, dout=new) if name == "dout" else changed(case, **{name: new})
                if fails(other):
                    case = other
                    break
    return case
