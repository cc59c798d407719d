"""How time grows: one 3×3 convolution, forward and backward, with ever more pixels, channels and images.

What is linear in the number of operations doubles where these double. Time that grows faster has met the end of a
cache; time that grows slower has paid for something that does not depend on the size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from npseg.bench.contenders import contenders
from npseg.bench.layers import Layer, conv
from npseg.bench.rows import Job, Row, compete
from npseg.bench.timing import Passes, answers

#: What both passes together are called.
BOTH = "forward + backward"

#: What grows, from a convolution of 64 to 64 channels on 4 images of 64².
SERIES: dict[str, Mapping[int, Layer]] = {
    "pixels": {n * n: conv(3, 64, 64, n) for n in (16, 32, 64, 128, 256)},
    "channels": {n: conv(3, n, n, 64) for n in (8, 16, 32, 64, 128, 256)},
    "batch": {n: conv(3, 64, 64, 64, batch=n) for n in (1, 2, 4, 8, 16)},
}
QUICK: dict[str, Mapping[int, Layer]] = {
    "pixels": {n * n: conv(3, 4, 4, n) for n in (8, 16)},
    "channels": {n: conv(3, n, n, 8) for n in (2, 4)},
    "batch": {n: conv(3, 4, 4, 8, batch=n) for n in (1, 2)},
}


def jobs(methods: Sequence[str], *, quick: bool = False) -> Iterator[Job]:
    """Yield what there is to measure.

    Parameters
    ----------
    methods : sequence of str
        npseg's methods to time.
    quick : bool
        Small sizes.
    """
    for series, layers in (QUICK if quick else SERIES).items():
        for value, layer in layers.items():
            yield _job(series, value, layer, methods)


def _job(series: str, value: int, layer: Layer, methods: Sequence[str]) -> Job:
    name = f"{series}: {layer.name}, batch {layer.batch}"

    def measure(seconds: float) -> list[Row]:
        found = contenders(layer.operation, layer.arrays(), layer.options, methods)
        whole = {who: _together(passes) for who, passes in found.items()}
        return compete("growth", name, whole, seconds, {BOTH: 3 * layer.gflop}, series=series, value=value)

    return Job("growth", name, measure)


def _together(passes: Passes) -> Passes:
    """Return all passes as one."""

    def both(_: Any) -> Any:
        return answers(passes)

    return {BOTH: both}
