"""What goes wrong in transposed convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from npseg.check.oracle.cases import Answer, Case, answer
from npseg.check.oracle.mistakes.conv import first_of, reversed_option, swapped_kernel
from npseg.check.oracle.mistakes.mistake import (
    Mistake,
    axes_of,
    changed,
    each,
    flipped,
    instead,
    pairs,
    refuse,
)

OP = "conv_transpose_forward"
ALL = (slice(None), slice(None))


def _extra(case: Case) -> tuple[Any, tuple[int, ...]]:
    """Return the output without its output padding and without the bias, and how much there is of it."""
    full = answer(OP, changed(case, output_padding=0, padding=0, b=None))["y"]
    kept = [(before, n - after) for n, (before, after) in zip(full.shape[2:], pairs(case))]
    refuse(any(first > end for first, end in kept))
    return full[(*ALL, *(slice(first, end) for first, end in kept))], each(case, "output_padding")


def _with_bias(case: Case, y: Any) -> Answer:
    b = case.arguments["b"]
    return {"y": y if b is None else y + b.reshape(-1, *[1] * axes_of(case))}


def _cropped(case: Case, full: Any) -> Answer:
    """Crop the sum of all stamps by the padding, and add the bias."""
    kept = (slice(before, n - after) for n, (before, after) in zip(full.shape[2:], pairs(case)))
    return _with_bias(case, full[(*ALL, *kept)])


def _output_padding_before(case: Case) -> Answer:
    """Move the output by the output padding: what is there more of is at the beginning."""
    full = answer(OP, changed(case, output_padding=0, padding=0, b=None))["y"]
    return _cropped(case, np.pad(full, [(0, 0), (0, 0), *((e, 0) for e in each(case, "output_padding"))]))


def _zeros(where: str) -> Any:
    """Put zeros on one side of the output, before the bias is added."""

    def compute(case: Case) -> Answer:
        y, extra = _extra(case)
        sides = [(e, 0) if where == "before" else (0, e) for e in extra]
        return _with_bias(case, np.pad(y, [(0, 0), (0, 0), *sides]))

    return compute


def _zeros_without_bias(case: Case) -> Answer:
    y, extra = _extra(case)
    return {"y": np.pad(_with_bias(case, y)["y"], [(0, 0), (0, 0), *((0, e) for e in extra)])}


def _cropped_input(case: Case) -> Answer:
    """Take the padding off the input, where each pixel stands for stride pixels of the output."""
    x, sides = case.arguments["x"], pairs(case)
    kept = tuple(slice(before, n - after) for n, (before, after) in zip(x.shape[2:], sides))
    return answer(OP, changed(case, x=np.ascontiguousarray(x[ALL + kept]), padding=0))


def _padding_pads(case: Case) -> Answer:
    """Pad the input as a convolution would."""
    x = np.pad(case.arguments["x"], [(0, 0), (0, 0), *pairs(case)])
    return answer(OP, changed(case, x=x, padding=0))


def _stuffed(case: Case) -> Answer:
    """Convolve the input, zeros between its pixels, with the padding as given, not with kernel - 1 - padding."""
    refuse(case.options["groups"] != 1 or max(each(case, "output_padding")) > 0)
    x, w, b = (case.arguments[n] for n in ("x", "w", "b"))
    steps = each(case, "stride")
    stuffed = np.zeros((*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], steps))))
    stuffed[(*ALL, *(slice(None, None, s) for s in steps))] = x
    options = {"padding": pairs(case), "dilation": case.options["dilation"]}
    inner = Case({"x": stuffed, "w": flipped(w.swapaxes(0, 1)), "b": b}, {"stride": 1, "groups": 1} | options)
    return answer("conv_forward", inner)


def _overwritten(case: Case) -> Answer:
    """Let each stamp replace what lies beneath it: the last that covers a pixel counts."""
    x, w, groups = case.arguments["x"], case.arguments["w"], case.options["groups"]
    full = np.zeros_like(answer(OP, changed(case, b=None, padding=0))["y"])
    steps, taps = each(case, "stride"), each(case, "dilation")
    for i in np.ndindex(*x.shape[2:]):
        ends = (p * s + d * (k - 1) + 1 for p, s, d, k in zip(i, steps, taps, w.shape[2:]))
        place = tuple(slice(p * s, end, d) for p, s, end, d in zip(i, steps, ends, taps))
        split = zip(np.split(x[ALL + i], groups, axis=1), np.split(w, groups))
        stamps = [np.einsum("nc,cd...->nd...", values, kernels) for values, kernels in split]
        full[ALL + place] = np.concatenate(stamps, axis=1)
    return _cropped(case, full)


def _interleaved(case: Case) -> Any:
    x, groups = case.arguments["x"], case.options["groups"]
    return np.concatenate([x[:, g::groups] for g in range(groups)], axis=1)


def _without_bias(case: Case) -> Answer:
    refuse(case.arguments["b"] is None)
    return answer(OP, changed(case, b=None))


def _doubled_crop(where: str) -> Any:
    def compute(case: Case) -> Any:
        return tuple((a + b, 0) if where == "before" else (0, a + b) for a, b in pairs(case))

    return compute


MISTAKES = (
    Mistake(
        "the kernel is flipped: as if the convolution of a zero-stuffed image did not need it flipped",
        instead(OP, w=lambda c: flipped(c.arguments["w"])),
    ),
    Mistake(
        "output_padding is put on the left: rows are given back before, not after", _output_padding_before
    ),
    Mistake("output_padding is put on the left, as zeros", _zeros("before")),
    Mistake("output_padding adds zeros, where there is a sum of stamps", _zeros("after")),
    Mistake("output_padding adds zeros that not even the bias reaches", _zeros_without_bias),
    Mistake("output_padding is ignored", instead(OP, output_padding=lambda c: 0)),
    Mistake("padding crops before the stride: pixels of the input, not of the output", _cropped_input),
    Mistake("padding pads the input, and does not crop the output", _padding_pads),
    Mistake("the zero-stuffed input is padded by padding, not by kernel - 1 - padding", _stuffed),
    Mistake("the padding is ignored", instead(OP, padding=lambda c: 0)),
    Mistake(
        "padding crops at the beginning only",
        instead(OP, padding=lambda c: tuple((a, 0) for a, _ in pairs(c))),
    ),
    Mistake(
        "padding crops at the end only", instead(OP, padding=lambda c: tuple((0, b) for _, b in pairs(c)))
    ),
    Mistake("all of the padding is cropped at the beginning", instead(OP, padding=_doubled_crop("before"))),
    Mistake("all of the padding is cropped at the end", instead(OP, padding=_doubled_crop("after"))),
    Mistake(
        "the padding before and after is exchanged",
        instead(OP, padding=lambda c: tuple((b, a) for a, b in pairs(c))),
    ),
    Mistake("the stride is ignored", instead(OP, stride=lambda c: 1)),
    Mistake("stamps overwrite each other where they should add up", _overwritten),
    Mistake(
        "the weight's channel axes are exchanged, as a convolution has them",
        instead(OP, w=lambda c: c.arguments["w"].swapaxes(0, 1)),
    ),
    Mistake("the kernel's axes are exchanged", instead(OP, w=swapped_kernel)),
    Mistake("the dilation is ignored", instead(OP, dilation=lambda c: 1)),
    Mistake(
        "the dilation is off by one: it counts the pixels between taps",
        instead(OP, dilation=lambda c: tuple(d + 1 for d in each(c, "dilation"))),
    ),
    Mistake("the bias is forgotten", _without_bias),
    Mistake("the axes of the stride are exchanged", instead(OP, stride=reversed_option("stride"))),
    Mistake("the first axis' stride is used for all", instead(OP, stride=first_of("stride"))),
    Mistake("groups take every other channel of the input", instead(OP, x=_interleaved)),
)
