"""What goes wrong in convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from npseg.check.oracle.cases import Answer, Case, answer
from npseg.check.oracle.mistakes.mistake import (
    Mistake,
    axes_of,
    changed,
    each,
    flipped,
    instead,
    padded,
    pairs,
    refuse,
)

OP = "conv_forward"


def _size_only(name: str) -> Any:
    """Return the mistake of taking an option for the size of the output, and not for the places that are read."""

    def compute(case: Case) -> Answer:
        y, dense = answer(OP, case)["y"], answer(OP, changed(case, **{name: 1}))["y"]
        return {"y": dense[(slice(None), slice(None), *(slice(n) for n in y.shape[2:]))]}

    return compute


def _with_border(mode: str) -> Any:
    def compute(case: Case) -> Answer:
        x = padded(case.arguments["x"], pairs(case), mode=mode)
        return answer(OP, changed(case, x=x, padding=0))

    return compute


def _rounded_up(case: Case) -> Answer:
    """Count a last window that hangs over the end, and let it see zeros there."""
    spans = [d * (k - 1) + 1 for k, d in zip(case.arguments["w"].shape[2:], each(case, "dilation"))]
    room = [n + a + b - s for n, (a, b), s in zip(case.arguments["x"].shape[2:], pairs(case), spans)]
    more = [-r % s for r, s in zip(room, each(case, "stride"))]
    return answer(OP, changed(case, padding=tuple((a, b + m) for (a, b), m in zip(pairs(case), more))))


def _one_window_short(case: Case) -> Answer:
    return {"y": answer(OP, case)["y"][(slice(None), slice(None), *[slice(-1)] * axes_of(case))]}


def _bias_at_every_tap(case: Case) -> Answer:
    refuse(case.arguments["b"] is None)
    w = case.arguments["w"]
    return answer(OP, changed(case, b=case.arguments["b"] * w[0].size))


def _last_channel_only(case: Case) -> Answer:
    w = case.arguments["w"].copy()
    w[:, :-1] = 0
    return answer(OP, changed(case, w=w))


def _interleaved_below(case: Case) -> Any:
    """Let channel c belong to group c mod groups."""
    x, groups = case.arguments["x"], case.options["groups"]
    return np.concatenate([x[:, g::groups] for g in range(groups)], axis=1)


def _interleaved_above(case: Case) -> Answer:
    w, groups = case.arguments["w"], case.options["groups"]
    kernels = np.arange(len(w)).reshape(-1, groups).T.ravel()
    y = np.empty_like(y_right := answer(OP, changed(case, w=w[kernels], b=None))["y"])
    y[:, kernels] = y_right
    return {"y": y if case.arguments["b"] is None else y + _per_channel(case)}


def _shuffled_above(case: Case) -> Answer:
    """Store the channels of all groups in turn: the first of each, then the second of each."""
    y, groups = answer(OP, case)["y"], case.options["groups"]
    n, channels, *size = y.shape
    return {"y": y.reshape(n, groups, channels // groups, *size).swapaxes(1, 2).reshape(y.shape)}


def _per_channel(case: Case) -> Any:
    return case.arguments["b"].reshape(-1, *[1] * axes_of(case))


def _images_for_channels(case: Case) -> Answer:
    y = answer(OP, changed(case, b=None))["y"]
    y = y.swapaxes(0, 1).reshape(y.shape)
    return {"y": y if case.arguments["b"] is None else y + _per_channel(case)}


def _transposed_planes(case: Case) -> Answer:
    y = answer(OP, case)["y"]
    return {"y": y.swapaxes(-1, -2)}


def _square_kernel(case: Case) -> Any:
    """Look at as many taps on each axis as the first one has; where that is more than there are, nothing comes out."""
    w = case.arguments["w"].copy()
    k = w.shape[2]
    refuse(min(w.shape[2:]) < k)
    seen = np.zeros_like(w)
    part = (slice(None), slice(None), *[slice(k)] * axes_of(case))
    seen[part] = w[part]
    return seen


def swapped_kernel(case: Case) -> Any:
    """Exchange the last two axes of the kernel."""
    refuse(axes_of(case) < 2)
    return case.arguments["w"].swapaxes(-1, -2)


def reversed_option(name: str) -> Any:
    """Return what gives an option's axes in reverse."""
    return lambda case: each(case, name)[::-1]


def first_of(name: str) -> Any:
    """Return what uses the first axis' number for all."""
    return lambda case: each(case, name)[0]


def last_of(name: str) -> Any:
    """Return what uses the last axis' number for all."""
    return lambda case: each(case, name)[-1]


def _without_bias(case: Case) -> Answer:
    refuse(case.arguments["b"] is None)
    return answer(OP, changed(case, b=None))


MISTAKES = (
    Mistake(
        "the kernel is flipped: a convolution in the mathematicians' sense",
        instead(OP, w=lambda c: flipped(c.arguments["w"])),
    ),
    Mistake("the stride is ignored", instead(OP, stride=lambda c: 1)),
    Mistake("the stride counts for the size only, and windows lie one pixel apart", _size_only("stride")),
    Mistake("the padding is ignored", instead(OP, padding=lambda c: 0)),
    Mistake(
        "the padding is counted in the size, but the image is not moved: all of it comes after",
        instead(OP, padding=lambda c: tuple((0, a + b) for a, b in pairs(c))),
    ),
    Mistake(
        "all of the padding comes before",
        instead(OP, padding=lambda c: tuple((a + b, 0) for a, b in pairs(c))),
    ),
    Mistake("padding is put before only", instead(OP, padding=lambda c: tuple((a, 0) for a, _ in pairs(c)))),
    Mistake("padding is put after only", instead(OP, padding=lambda c: tuple((0, b) for _, b in pairs(c)))),
    Mistake(
        "the padding before and after is exchanged",
        instead(OP, padding=lambda c: tuple((b, a) for a, b in pairs(c))),
    ),
    Mistake(
        "the padding before is used after, too",
        instead(OP, padding=lambda c: tuple((a, a) for a, _ in pairs(c))),
    ),
    Mistake("the axes of the padding are exchanged", instead(OP, padding=lambda c: pairs(c)[::-1])),
    Mistake("the border repeats the edge, and is not 0", _with_border("edge")),
    Mistake("the border mirrors the image, and is not 0", _with_border("symmetric")),
    Mistake("the border wraps around, and is not 0", _with_border("wrap")),
    Mistake("the dilation is ignored", instead(OP, dilation=lambda c: 1)),
    Mistake("the dilation counts for the size only, and taps lie one pixel apart", _size_only("dilation")),
    Mistake(
        "the dilation is off by one: it counts the pixels between taps",
        instead(OP, dilation=lambda c: tuple(d + 1 for d in each(c, "dilation"))),
    ),
    Mistake("the bias is forgotten", _without_bias),
    Mistake("the bias is added at every tap", _bias_at_every_tap),
    Mistake("the kernel's axes are exchanged", instead(OP, w=swapped_kernel)),
    Mistake(
        "the weight's channel axes are exchanged, as a transposed convolution has them",
        instead(OP, w=lambda c: c.arguments["w"].swapaxes(0, 1)),
    ),
    Mistake(
        "the kernel is flipped on the first axis", instead(OP, w=lambda c: flipped(c.arguments["w"], (2,)))
    ),
    Mistake(
        "the kernel is flipped on the last axis", instead(OP, w=lambda c: flipped(c.arguments["w"], (-1,)))
    ),
    Mistake("the axes of the stride are exchanged", instead(OP, stride=reversed_option("stride"))),
    Mistake("the first axis' stride is used for all", instead(OP, stride=first_of("stride"))),
    Mistake("the last axis' stride is used for all", instead(OP, stride=last_of("stride"))),
    Mistake("the axes of the dilation are exchanged", instead(OP, dilation=reversed_option("dilation"))),
    Mistake("the first axis' dilation is used for all", instead(OP, dilation=first_of("dilation"))),
    Mistake("the first axis' kernel size is used for all", instead(OP, w=_square_kernel)),
    Mistake("channels overwrite each other: only the last is seen", _last_channel_only),
    Mistake("groups take every other channel of the input", instead(OP, x=_interleaved_below)),
    Mistake("groups take every other kernel: kernel c sees group c mod groups", _interleaved_above),
    Mistake("groups are interleaved: their channels of the output take turns", _shuffled_above),
    Mistake("the output is reshaped over the wrong axes: images for channels", _images_for_channels),
    Mistake("the output's planes are transposed", _transposed_planes),
    Mistake("the size is rounded up, and not down", _rounded_up),
    Mistake("the last window of each axis is missing", _one_window_short),
)
