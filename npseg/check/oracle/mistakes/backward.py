"""What goes wrong in the gradients of convolutions; each mistake is in one of dx, dw, db, and the others are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npseg.check.oracle.cases import Answer, Case, answer
from npseg.check.oracle.mistakes.mistake import Mistake, axes_of, changed, flipped, refuse


def _spoiled(reference: str, name: str, spoil: Callable[[Any, Case], Any]) -> Callable[[Case], Answer]:
    """Return the mistake of doing something to one right gradient."""

    def compute(case: Case) -> Answer:
        right = answer(reference, case)
        refuse(right[name] is None)
        return right | {name: spoil(right[name], case)}

    return compute


def _with_other_weights(reference: str, other: Callable[[Any], Any]) -> Callable[[Case], Answer]:
    """Return the mistake of computing dx with other weights."""

    def compute(case: Case) -> Answer:
        w = case.arguments["w"]
        refuse(other(w).shape != w.shape)
        return answer(reference, case) | {"dx": answer(reference, changed(case, w=other(w)))["dx"]}

    return compute


def _one_image(reference: str) -> Callable[[Case], Answer]:
    """Return the mistake of not adding up over images: the last one's dw is assigned."""

    def compute(case: Case) -> Answer:
        x = np.zeros_like(case.arguments["x"])
        x[-1] = case.arguments["x"][-1]
        return answer(reference, case) | {"dw": answer(reference, changed(case, x=x))["dw"]}

    return compute


def _first_image_bias(db: Any, case: Case) -> Any:
    return case.dout[-1].sum(axis=tuple(range(1, axes_of(case) + 1)))


def _mistakes(reference: str) -> tuple[Mistake, ...]:
    return (
        Mistake("dx uses the kernel flipped once more", _with_other_weights(reference, flipped)),
        Mistake("dw comes out flipped", _spoiled(reference, "dw", lambda dw, c: flipped(dw))),
        Mistake("dw is that of the last image only", _one_image(reference)),
        Mistake("dw is averaged over the images", _spoiled(reference, "dw", lambda dw, c: dw / len(c.dout))),
        Mistake(
            "db is averaged over pixels and images",
            _spoiled(reference, "db", lambda db, c: db * len(db) / c.dout.size),
        ),
        Mistake("db is averaged over the images", _spoiled(reference, "db", lambda db, c: db / len(c.dout))),
        Mistake("db is that of the last image only", _spoiled(reference, "db", _first_image_bias)),
        Mistake(
            "dx uses the weight's channel axes exchanged",
            _with_other_weights(reference, lambda w: w.swapaxes(0, 1)),
        ),
        Mistake(
            "dw has its channel axes exchanged", _spoiled(reference, "dw", lambda dw, c: dw.swapaxes(0, 1))
        ),
        Mistake(
            "dw has its kernel axes exchanged", _spoiled(reference, "dw", lambda dw, c: dw.swapaxes(-1, -2))
        ),
        Mistake(
            "dx is divided by the number of images", _spoiled(reference, "dx", lambda dx, c: dx / len(dx))
        ),
        Mistake(
            "dx and dw have the wrong sign",
            lambda c: (r := answer(reference, c)) | {"dx": -r["dx"], "dw": -r["dw"]},
        ),
    )


CONV_MISTAKES = _mistakes("conv_backward")
TRANSPOSE_MISTAKES = _mistakes("conv_transpose_backward")
