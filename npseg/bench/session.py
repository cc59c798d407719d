"""A session of measuring: what is run, under which settings, and the record of it that the JSON holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from npseg import arguments, backend, kinds
from npseg.bench import growth, layers, machine, steps
from npseg.bench.contenders import methods_named
from npseg.bench.rows import Job, Row

#: What can be measured, and what makes its jobs.
JOBS = {"layers": layers.jobs, "steps": steps.jobs, "growth": growth.jobs}
PARTS = tuple(JOBS)

#: Seconds of measuring per row, and height of the matrices whose product is the machine's measure.
SECONDS, QUICK_SECONDS = 3.0, 0.05
SGEMM, QUICK_SGEMM = 2048, 512

#: Bytes of the array whose copying is the memory's.
COPY, QUICK_COPY = 2**28, 2**22

#: ``date``, ``settings``, ``machine`` and ``rows``; see :mod:`npseg.bench.rows`.
Record: TypeAlias = dict[str, Any]


class Session:
    """What is to be measured, and what has been.

    Parameters
    ----------
    parts : sequence of str
        Of ``PARTS``.
    only : str
        Leave out what has not this in its name. Case does not matter, and ×, →, ² may be written x, ->, ^2.
    methods : sequence of str, optional
        npseg's methods to time; all but the slow ones unless given.
    threads : int, optional
        For everybody; as many as npseg uses unless given.
    seconds : float, optional
        Of measuring per row; 3 unless given, and a twentieth of one if quick.
    quick : bool
        Small sizes.

    Attributes
    ----------
    jobs : list of Job
        What is to be measured.
    record : dict
        What has been, ready for JSON.

    Raises
    ------
    ValueError
        If nothing is left to measure, there is no such part or method, or a number is out of its range.
    TypeError
        If there is anything else in place of an argument.

    Examples
    --------
    >>> session = Session(["layers"], only="relu", seconds=0.001, quick=True)
    >>> for _ in session.measure():
    ...     pass
    >>> [row["contender"] for row in session.record["rows"]][:2]
    ['npseg', 'npseg']
    """

    def __init__(
        self,
        parts: Sequence[str] = PARTS,
        *,
        only: str = "",
        methods: Sequence[str] | None = None,
        threads: int | None = None,
        seconds: float | None = None,
        quick: bool = False,
    ) -> None:
        op = "bench"
        if not kinds.listed(op, "parts", parts, "a list of parts"):
            raise ValueError(f"{op}: parts={parts!r} is empty; give some of {', '.join(PARTS)}")
        for part in parts:
            arguments.choice(op, "parts", part, PARTS)
        kinds.instance(op, "only", only, str, "a string")
        arguments.flag(op, "quick", quick)
        if methods is not None:
            methods = kinds.members(op, "methods", methods, str, "a list of strings")
        if threads is not None:
            threads = arguments.integer(op, "threads", threads, 1)
        self.threads = backend.thread_count() if threads is None else threads
        self.seconds = (QUICK_SECONDS if quick else SECONDS) if seconds is None else seconds
        self.quick = quick
        arguments.positive(op, "seconds", self.seconds)
        chosen = methods_named(methods)
        self.jobs = [job for job in _all_jobs(parts, chosen, quick) if _plain(only) in _plain(job.name)]
        if not self.jobs:
            raise ValueError(f"nothing among {', '.join(parts)} has {only!r} in its name")
        self.record: Record = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": {
                "parts": list(parts),
                "only": only,
                "methods": list(chosen),
                "threads": self.threads,
                "seconds": self.seconds,
                "quick": quick,
            },
            "machine": {},
            "rows": [],
        }

    def measure(self) -> Iterator[Job]:
        """Do the jobs; each is yielded before it is done, and its rows are in the record after."""
        with machine.equal_threads(self.threads):
            product = machine.sgemm(QUICK_SGEMM if self.quick else SGEMM, self.seconds / 3)
            self.record["machine"] = machine.describe() | {
                "sgemm_gflops": product.gflops,
                "sgemm_cores": product.cores,
                "copy_gbs": machine.copy(QUICK_COPY if self.quick else COPY, self.seconds / 3),
            }
            for job in self.jobs:
                yield job
                self.record["rows"] += [self._share(row) for row in job.measure(self.seconds)]

    def _share(self, row: Row) -> Row:
        """Add what share a row makes of the machine's matrix product, and of the copying of an array."""
        m = self.record["machine"]
        return row | {
            "of_sgemm": row["gflops"] and row["gflops"] / m["sgemm_gflops"],
            "of_copy": row["gbs"] and row["gbs"] / m["copy_gbs"],
        }


def _all_jobs(parts: Sequence[str], methods: Sequence[str], quick: bool) -> Iterator[Job]:
    for part, jobs in JOBS.items():
        if part in parts:
            yield from jobs(methods, quick=quick)


def _plain(name: str) -> str:
    """Write a name as it is typed."""
    return name.lower().replace("×", "x").replace("→", "->").replace("²", "^2")
