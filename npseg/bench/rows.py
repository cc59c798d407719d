"""What was measured, as rows: one for each contender and pass.

A row is a plain dict, as it stands in the JSON:

====================  ==================================================================================
``part``              "layers", "steps" or "growth"
``name``              what was run
``pass``              "forward", "backward", "step", "labels" or "forward + backward"
``contender``         a method of npseg, "npseg" where there is none to choose, "textbook" or "PyTorch"
``ms``                median of the rounds, in milliseconds
``ms_rounds``         each round
``to_pytorch``        median of the rounds' ratios to PyTorch's time; None where it is not installed
``to_textbook``       likewise
``gflops``            billions of operations a second, counted as in the definition; None where few are made
``of_sgemm``          the same as a share of what this machine's matrix product makes
``gbs``               gigabytes a second, if each array is read or written once; None where that is not counted
``of_copy``           the same as a share of what copying an array makes
``peak_mib``          memory at the peak of the call, beyond its inputs; None of PyTorch and on a device, unseen
====================  ==================================================================================

Rows of growth have ``series`` and ``value`` besides: what grows, and how large it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from npseg import backend
from npseg.bench.contenders import PYTORCH, TEXTBOOK
from npseg.bench.timing import Passes, Times, peak_memory, take_turns

Row: TypeAlias = dict[str, Any]


class Job(NamedTuple):
    """Something to measure.

    Attributes
    ----------
    part, name : str
        As in the rows.
    measure : callable
        Takes the seconds that it may last, and returns the rows.
    """

    part: str
    name: str
    measure: Callable[[float], list[Row]]


def compete(
    part: str,
    name: str,
    contenders: Mapping[str, Passes],
    seconds: float,
    gflop: Mapping[str, float],
    gbytes: Mapping[str, float] | None = None,
    **more: Any,
) -> list[Row]:
    """Measure contenders against each other: first the memory that each needs, then the time.

    If none of them is npseg, whose methods may all have refused the shapes, there is nothing to measure.

    Parameters
    ----------
    part, name : str
        As in the rows.
    contenders : dict of str to passes
        Who, and what each does.
    seconds : float
        How long the timing should take.
    gflop : dict of str to float
        Billions of operations of each pass; 0 where few are made.
    gbytes : dict of str to float, optional
        Gigabytes that each pass has to read and to write, at the least.
    **more
        Further entries of each row.
    """
    if not set(contenders) - {TEXTBOOK, PYTORCH}:
        return []
    peaks: dict[str, dict[str, int]] = {}
    if backend.current() is np:
        peaks = {who: peak_memory(passes) for who, passes in contenders.items() if who != PYTORCH}
    return rows(part, name, take_turns(contenders, seconds), peaks, gflop, gbytes, **more)


def rows(
    part: str,
    name: str,
    times: Times,
    peaks: Mapping[str, Mapping[str, int]],
    gflop: Mapping[str, float],
    gbytes: Mapping[str, float] | None = None,
    **more: Any,
) -> list[Row]:
    """Make the rows of what was timed together.

    Parameters
    ----------
    part, name, gflop, gbytes, **more
        As for :func:`compete`.
    times : dict of str to dict of str to array
        From :func:`npseg.bench.timing.take_turns`.
    peaks : dict of str to dict of str to int
        Bytes at the peak, by contender and pass; without PyTorch's, which cannot be seen, and empty on a device.

    Examples
    --------
    >>> times = {"im2col": {"forward": np.array([0.02, 0.03])}, "PyTorch": {"forward": np.array([0.01, 0.01])}}
    >>> ours, theirs = rows("layers", "conv", times, {"im2col": {"forward": 2**20}}, {"forward": 1.0})
    >>> ours["ms"], ours["to_pytorch"], ours["to_textbook"], ours["gflops"], ours["peak_mib"]
    (25.0, 2.5, None, 40.0, 1.0)
    """
    made = []
    for who, passes in times.items():
        for step, seconds in passes.items():
            median = float(np.median(seconds))
            peak = peaks[who][step] / 2**20 if who in peaks else None
            made.append(
                {
                    "part": part,
                    "name": name,
                    "pass": step,
                    "contender": who,
                    "ms": 1e3 * median,
                    "ms_rounds": (1e3 * seconds).tolist(),
                    "to_pytorch": _ratio(times, who, step, PYTORCH),
                    "to_textbook": _ratio(times, who, step, TEXTBOOK),
                    "gflops": gflop[step] / median or None,
                    "gbs": gbytes[step] / median if gbytes else None,
                    "peak_mib": peak,
                }
                | more
            )
    return made


def _ratio(times: Times, who: str, step: str, whom: str) -> float | None:
    return float(np.median(times[who][step] / times[whom][step])) if whom in times else None
