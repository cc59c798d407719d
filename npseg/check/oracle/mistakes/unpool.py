"""What goes wrong where values are put back: in unpooling, and where columns become an image again."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import npseg
from npseg.check.oracle.cases import Answer, Case, answer
from npseg.check.oracle.mistakes.mistake import Mistake, each, instead, pairs, refuse
from npseg.check.oracle.mistakes.pool import scattered

OP = "max_unpool_forward"


def _size(case: Case) -> tuple[int, ...]:
    return tuple(answer(OP, case)["y"].shape[2:])


def _put(how: str) -> Any:
    return lambda case: {"y": scattered(case.arguments["x"], case.arguments["indices"], _size(case), how)}


def _averaged(case: Case) -> Answer:
    x, indices = case.arguments["x"], case.arguments["indices"]
    counts = scattered(np.ones_like(x), indices, _size(case))
    return {"y": answer(OP, case)["y"] / np.maximum(counts, 1)}


def _elsewhere(number: Any) -> Any:
    """Put values to other flat indices: ``number(indices, size, case)``; those beyond the plane are lost."""

    def compute(case: Case) -> Answer:
        size = _size(case)
        to = number(case.arguments["indices"], size, case)
        inside = (to >= 0) & (to < prod(size))
        values = np.where(inside, case.arguments["x"], 0)
        return {"y": scattered(values, np.where(inside, to, 0), size)}

    return compute


def _column_major(indices: Any, size: tuple[int, ...], case: Case) -> Any:
    return np.ravel_multi_index(np.unravel_index(indices, size, order="F"), size)


def _padded_width(indices: Any, size: tuple[int, ...], case: Case) -> Any:
    """Take the indices for those of the padded plane."""
    wide = tuple(n + before + after for n, (before, after) in zip(size, pairs(case)))
    where = np.unravel_index(indices, wide)
    inside = np.logical_and.reduce(
        [(at - b >= 0) & (at - b < n) for at, (b, _), n in zip(where, pairs(case), size)]
    )
    moved = tuple(np.clip(at - b, 0, n - 1) for at, (b, _), n in zip(where, pairs(case), size))
    return np.where(inside, np.ravel_multi_index(moved, size), -1)


def _default_width(indices: Any, size: tuple[int, ...], case: Case) -> Any:
    """Take the indices for those of a plane of the default size."""
    refuse(case.options["output_size"] is None)
    least = npseg.max_unpool_forward(
        case.arguments["x"],
        np.zeros_like(indices),
        case.arguments["kernel_size"],
        stride=case.options["stride"],
        padding=case.options["padding"],
    )[0].shape[2:]
    refuse(bool((indices >= prod(least)).any()))
    where = np.unravel_index(indices, least)
    inside = np.logical_and.reduce([at < n for at, n in zip(where, size)])
    return np.where(inside, np.ravel_multi_index(where, size, mode="clip"), -1)


def _corner(case: Case) -> Answer:
    """Put each value at the first pixel of its block, whatever its index says."""
    x, y = case.arguments["x"], np.zeros_like(answer(OP, case)["y"])
    places = np.ix_(*(np.arange(n) * s for n, s in zip(x.shape[2:], each(case, "stride"))))
    y[(slice(None), slice(None), *places)] = x
    return {"y": y}


def _everywhere(case: Case) -> Answer:
    """Repeat each value all over its block."""
    y, _ = npseg.nearest_unpool_forward(case.arguments["x"], case.arguments["kernel_size"])
    return {"y": y}


MISTAKES = (
    Mistake(
        "repeated indices overwrite: the last value of a place is kept, and they are not added up",
        _put("last"),
    ),
    Mistake("of repeated indices the first value is kept, and they are not added up", _put("first")),
    Mistake("values that go to one place are averaged", _averaged),
    Mistake("indices are read in the padded plane", _elsewhere(_padded_width)),
    Mistake("indices are read in a plane of the default size", _elsewhere(_default_width)),
    Mistake("indices are read column by column", _elsewhere(_column_major)),
    Mistake("indices are counted from 1", _elsewhere(lambda indices, size, case: indices - 1)),
    Mistake("output_size is ignored", instead(OP, output_size=lambda c: None)),
    Mistake("the padding is ignored", instead(OP, padding=lambda c: 0)),
    Mistake("the stride is ignored, and is the window's size", instead(OP, stride=lambda c: None)),
    Mistake("indices are ignored: each value goes to the first pixel of its block", _corner),
    Mistake("indices are ignored: each value fills its block", _everywhere),
)


def _literal_two(case: Case) -> Answer:
    """Add up blocks of 2, whatever the scale."""
    scale = each(case, "scale")
    dx = np.zeros_like(case.arguments["x"])
    for tap in np.ndindex(*[min(2, s) for s in scale]):
        dx += case.dout[(slice(None), slice(None), *(slice(t, None, s) for t, s in zip(tap, scale)))]
    return {"dx": dx}


def _block_mean(case: Case) -> Answer:
    return {"dx": answer("nearest_unpool_backward", case)["dx"] / prod(each(case, "scale"))}


def _first_of_block(case: Case) -> Answer:
    steps = (slice(None, None, s) for s in each(case, "scale"))
    return {"dx": case.dout[(slice(None), slice(None), *steps)]}


NEAREST_GRADIENT_MISTAKES = (
    Mistake("the scale is a literal 2", _literal_two),
    Mistake("the gradient of a block is averaged, and not added up", _block_mean),
    Mistake("only the first pixel of a block counts", _first_of_block),
)


def _columns(how: str) -> Any:
    """Lay columns back, with a mistake: the first pixels of the padded plane are kept, or taps overwrite."""

    def compute(case: Case) -> Answer:
        cols, size, kernel = case.arguments.values()
        axes = len(size)
        sides = npseg.arguments.padding_pairs("mistake", case.options["padding"], axes)
        index = npseg.im2col(
            np.arange(prod(n + a + b for n, (a, b) in zip(size, sides)), dtype=float).reshape(
                1, 1, *(n + a + b for n, (a, b) in zip(size, sides))
            ),
            kernel,
            stride=case.options["stride"],
            dilation=case.options["dilation"],
        )[0].astype(int)
        wide = tuple(n + a + b for n, (a, b) in zip(size, sides))
        planes = cols.reshape(len(cols), -1, *index.shape)
        image = np.zeros((*planes.shape[:2], prod(wide)))
        for tap in range(len(index)):
            if how == "overwritten":
                image[:, :, index[tap]] = planes[:, :, tap]
            else:
                image[:, :, index[tap]] += planes[:, :, tap]
        image = image.reshape(*image.shape[:2], *wide)
        first = [0 if how == "uncropped before" else a for a, _ in sides]
        return {"y": image[(slice(None), slice(None), *(slice(f, f + n) for f, n in zip(first, size)))]}

    return compute


COLUMN_MISTAKES = (
    Mistake("where windows overlap, the last tap is assigned, not added", _columns("overwritten")),
    Mistake(
        "the padding is not cropped before: the first pixels of the padded plane are kept",
        _columns("uncropped before"),
    ),
    Mistake("the padding is ignored", instead("col2im", padding=lambda c: 0)),
)
