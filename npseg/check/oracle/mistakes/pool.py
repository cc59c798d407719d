"""What goes wrong in pooling, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npseg.check.oracle.cases import Answer, Case, answer, run_forward
from npseg.check.oracle.mistakes.conv import reversed_option
from npseg.check.oracle.mistakes.mistake import Mistake, changed, each, instead, padded, pairs

MAX, AVG = "max_pool_forward", "avg_pool_forward"
ALL = (slice(None), slice(None))


def _with_fill(fill: float) -> Any:
    """Pool an image with a border of some number, which may win."""

    def compute(case: Case) -> Answer:
        y = run_forward(MAX, case)[0]
        sides = [
            (before, after + stride * 2 * k)
            for (before, after), stride, k in zip(
                pairs(case), each(case, "stride"), each(case, "kernel_size")
            )
        ]
        x = padded(case.arguments["x"], sides, constant_values=fill)
        wide = run_forward(MAX, changed(case, x=x, padding=0))[0]
        return {"y": wide[(*ALL, *(slice(n) for n in y.shape[2:]))]}

    return compute


def _smallest(case: Case) -> Answer:
    return {"y": -run_forward(MAX, changed(case, x=-case.arguments["x"]))[0]}


def _mean(case: Case) -> Answer:
    options = {name: case.options[name] for name in ("stride", "padding", "ceil_mode")}
    return answer(AVG, Case(case.arguments, options))


def _windows(case: Case) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Give each window of a pooling, with the numbers of the pixels that it sees."""
    index = run_forward(_op(case), case)[1].window.index()
    out = run_forward(_op(case), case)[0].shape[2:]
    for number, place in enumerate(np.ndindex(*out)):
        yield place, [int(i) for i in index[:, number] if i >= 0]


def _op(case: Case) -> str:
    return MAX if "dilation" in case.options else AVG


def _last_of_ties(case: Case) -> Any:
    """Return indices of the last of the largest."""
    y, cache = run_forward(MAX, case)
    indices = cache.indices.copy()
    flat = case.arguments["x"].reshape(*y.shape[:2], -1)
    for place, seen in _windows(case):
        for plane in np.ndindex(*y.shape[:2]):
            best = max(seen, key=lambda i: (flat[(*plane, i)], i))
            indices[(*plane, *place)] = best
    return indices


def _padded_width(case: Case) -> Answer:
    """Count the winners in the padded plane."""
    _, cache = run_forward(MAX, case)
    size = case.arguments["x"].shape[2:]
    where = np.unravel_index(cache.indices, size)
    wide = tuple(n + before + after for n, (before, after) in zip(size, pairs(case)))
    moved = tuple(at + before for at, (before, _) in zip(where, pairs(case)))
    return {"indices": np.ravel_multi_index(moved, wide)}


def _padded_stride(case: Case) -> Answer:
    """Count from the unpadded corner, but in rows of the padded width."""
    _, cache = run_forward(MAX, case)
    size = case.arguments["x"].shape[2:]
    wide = tuple(n + before + after for n, (before, after) in zip(size, pairs(case)))
    return {"indices": np.ravel_multi_index(np.unravel_index(cache.indices, size), wide)}


def _in_window(case: Case) -> Answer:
    """Count the winners in their windows."""
    _, cache = run_forward(MAX, case)
    index, indices = cache.window.index(), cache.indices.copy()
    flat = indices.reshape(*indices.shape[:2], -1)
    for number in range(flat.shape[2]):
        for plane in np.ndindex(*flat.shape[:2]):
            flat[(*plane, number)] = int(np.flatnonzero(index[:, number] == flat[(*plane, number)])[0])
    return {"indices": flat.reshape(indices.shape)}


def _column_major(case: Case) -> Answer:
    _, cache = run_forward(MAX, case)
    size = case.arguments["x"].shape[2:]
    return {"indices": np.ravel_multi_index(np.unravel_index(cache.indices, size), size, order="F")}


def scattered(values: Any, indices: Any, size: tuple[int, ...], how: str = "add") -> Any:
    """Put values to flat indices: adding, overwriting, or keeping the first."""
    x = np.zeros((*values.shape[:2], int(np.prod(size))))
    for n, c, *o in np.ndindex(*values.shape):
        to = (n, c, int(indices[(n, c, *o)]))
        if how == "add":
            x[to] += values[(n, c, *o)]
        elif how == "last" or not x[to]:
            x[to] = values[(n, c, *o)]
    return x.reshape(*values.shape[:2], *size)


def _assigned(case: Case) -> Answer:
    """Let the last window keep a pixel that several have chosen."""
    indices = run_forward(MAX, case)[1].indices
    return {"dx": scattered(case.dout, indices, case.arguments["x"].shape[2:], "last")}


def _to_the_last(case: Case) -> Answer:
    return {"dx": scattered(case.dout, _last_of_ties(case), case.arguments["x"].shape[2:])}


def _to_all(divided: bool) -> Any:
    """Give every one of several largest the gradient, or a share of it."""

    def compute(case: Case) -> Answer:
        x = case.arguments["x"]
        flat, dx = x.reshape(*x.shape[:2], -1), np.zeros((*x.shape[:2], int(np.prod(x.shape[2:]))))
        for place, seen in _windows(case):
            for plane in np.ndindex(*x.shape[:2]):
                largest = max(flat[(*plane, i)] for i in seen)
                winners = [i for i in seen if flat[(*plane, i)] == largest]
                for i in winners:
                    dx[(*plane, i)] += case.dout[(*plane, *place)] / (len(winners) if divided else 1)
        return {"dx": dx.reshape(x.shape)}

    return compute


def _shares_assigned(case: Case) -> Answer:
    """Let the last average that a pixel is part of replace what came before."""
    cache = run_forward(AVG, case)[1]
    window = cache.window
    shares = case.dout / window.divisor(
        include_padding=cache.include_padding, override=cache.divisor, like=case.dout
    )
    x = np.zeros((*case.dout.shape[:2], *window.reach))
    for _, read in window.taps():
        x[(*ALL, *read)] = shares
    pixels, places = window.inner()
    dx = np.zeros_like(case.arguments["x"])
    dx[pixels] = x[places]
    return {"dx": dx}


def _undivided(case: Case) -> Answer:
    """Give each pixel all of the gradient, not its share."""
    return answer("avg_pool_backward", changed(case, divisor_override=1))


def _first_kernel(case: Case) -> Any:
    return each(case, "kernel_size")[0]


def _fixed_stride(case: Case) -> Any:
    return each(case, "stride")


MAX_MISTAKES = (
    Mistake("the border is 0, and wins where all pixels are negative", _with_fill(0.0)),
    Mistake("ties go to the last of the largest", lambda c: {"indices": _last_of_ties(c)}),
    Mistake("indices are counted in the padded plane", _padded_width),
    Mistake("indices are counted in rows of the padded width", _padded_stride),
    Mistake("indices are counted within the window", _in_window),
    Mistake("indices are counted column by column", _column_major),
    Mistake(
        "the stride is 1 where none is given, and not the window",
        instead(MAX, stride=lambda c: c.options["stride"] or 1),
    ),
    Mistake("the stride is ignored, and is the window's size", instead(MAX, stride=lambda c: None)),
    Mistake("the stride is ignored, and is 1", instead(MAX, stride=lambda c: 1)),
    Mistake("ceil_mode is ignored", instead(MAX, ceil_mode=lambda c: False)),
    Mistake("the size is always rounded up", instead(MAX, ceil_mode=lambda c: True)),
    Mistake("the padding is ignored", instead(MAX, padding=lambda c: 0)),
    Mistake(
        "the padding before and after is exchanged",
        instead(MAX, padding=lambda c: tuple((b, a) for a, b in pairs(c))),
    ),
    Mistake(
        "all of the padding comes after",
        instead(MAX, padding=lambda c: tuple((0, a + b) for a, b in pairs(c))),
    ),
    Mistake("the dilation is ignored", instead(MAX, dilation=lambda c: 1)),
    Mistake(
        "the dilation is off by one: it counts the pixels between taps",
        instead(MAX, dilation=lambda c: tuple(d + 1 for d in each(c, "dilation"))),
    ),
    Mistake(
        "the window's axes are exchanged",
        instead(MAX, kernel_size=reversed_option("kernel_size"), stride=_fixed_stride),
    ),
    Mistake("the axes of the stride are exchanged", instead(MAX, stride=reversed_option("stride"))),
    Mistake(
        "the first axis' window is used for all",
        instead(MAX, kernel_size=_first_kernel, stride=_fixed_stride),
    ),
    Mistake("the smallest is taken", _smallest),
    Mistake("the mean is taken", _mean),
)

AVG_MISTAKES = (
    Mistake("the padding is not counted where it should be", instead(AVG, count_include_pad=lambda c: False)),
    Mistake("the padding is counted where it should not be", instead(AVG, count_include_pad=lambda c: True)),
    Mistake("divisor_override is ignored", instead(AVG, divisor_override=lambda c: None)),
    Mistake("windows are summed, and not divided", instead(AVG, divisor_override=lambda c: 1)),
    Mistake("the stride is ignored, and is the window's size", instead(AVG, stride=lambda c: None)),
    Mistake("ceil_mode is ignored", instead(AVG, ceil_mode=lambda c: False)),
    Mistake("the padding is ignored", instead(AVG, padding=lambda c: 0)),
)

MAX_GRADIENT_MISTAKES = (
    Mistake(
        "repeated indices overwrite: where windows overlap, the last one's gradient is assigned, not added",
        _assigned,
    ),
    Mistake("ties go to the last of the largest", _to_the_last),
    Mistake("all of several largest get the gradient", _to_all(divided=False)),
    Mistake("several largest share the gradient", _to_all(divided=True)),
    Mistake("the padding is ignored", instead("max_pool_backward", padding=lambda c: 0)),
)

AVG_GRADIENT_MISTAKES = (
    Mistake("where windows overlap, the last one's share is assigned, not added", _shares_assigned),
    Mistake("the gradient is not divided", _undivided),
    Mistake(
        "the padding is not counted where it should be",
        instead("avg_pool_backward", count_include_pad=lambda c: False),
    ),
    Mistake(
        "the padding is counted where it should not be",
        instead("avg_pool_backward", count_include_pad=lambda c: True),
    ),
)
