"""The record of a session as tables: plain text for the terminal, Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from npseg.bench.contenders import PYTORCH, TEXTBOOK
from npseg.bench.growth import BOTH
from npseg.bench.rows import Row
from npseg.bench.session import Record

#: The columns of the plain table: heading, width, and the entry of a row as text.
COLUMNS: tuple[tuple[str, int, Callable[[Row], str]], ...] = (
    ("ms", 9, lambda row: number(row["ms"])),
    ("/PyTorch", 9, lambda row: ratio(row["to_pytorch"])),
    ("/textbook", 10, lambda row: ratio(row["to_textbook"])),
    ("GFLOP/s", 8, lambda row: number(row["gflops"]) if row["gflops"] else ""),
    ("sgemm", 7, lambda row: f"{row['of_sgemm']:.0%}" if row["of_sgemm"] else ""),
    ("copy", 7, lambda row: f"{row['of_copy']:.0%}" if row["of_copy"] else ""),
    ("MiB", 8, lambda row: "" if row["peak_mib"] is None else number(row["peak_mib"])),
)

#: Below this share of the cores that it has threads for, a product of matrices has been disturbed.
BUSY = 0.85

#: Columns that the names of contenders, indented, take.
_NAMES = 14


def heading(record: Record) -> str:
    """Return some lines on the machine and the settings.

    Parameters
    ----------
    record : dict
        Of a :class:`npseg.bench.session.Session`.
    """
    m, s = record["machine"], record["settings"]
    cores = f"{m['cores']} core{'s' if m['cores'] > 1 else ''}"
    versions = f"npseg {m['npseg']}, Python {m['python']}, NumPy {m['numpy']} with {m['blas']}"
    torch = f"PyTorch {m['pytorch']}" if m["pytorch"] else "PyTorch is not installed"
    threads = f"{s['threads']} thread{'s' if s['threads'] > 1 else ''} for everybody"
    device = ""
    if m["device"]:
        device = f"{m['device']}, by its own clock, with CuPy {m['cupy']}; textbook NumPy on "
        torch += (
            ", without TF32, cuDNN choosing by its rules" if m["pytorch"] else ", or cannot use this device"
        )
    lines = [
        f"{device}{m['processor']}, {cores}, {m['simd']}, {m['system']}",
        f"{versions}; {torch}",
        f"{threads}; sgemm {m['sgemm_gflops']:.0f} GFLOP/s, copying {m['copy_gbs']:.0f} GB/s; {allocator(record)}",
    ]
    hoped_for = min(m["cores"], s["threads"])
    if not m["device"] and m["sgemm_cores"] < BUSY * hoped_for:
        lines.append(
            f"SOMETHING ELSE IS RUNNING: of {hoped_for} cores the product had {m['sgemm_cores']:.1f}. Threads that "
            "wait for each other suffer most, PyTorch's first of all: these ratios mean little"
        )
    return "\n".join(lines)


def allocator(record: Record) -> str:
    """Say what the allocator does with memory that is no longer needed."""
    given = {name: value for name, value in record["machine"]["allocator"].items() if value is not None}
    if not given:
        return "allocator as it is: large arrays are given back to the system, and fetched anew"
    return "allocator: " + " ".join(f"{name}={value}" for name, value in given.items())


def text(record: Record) -> str:
    """Return the tables of all that was measured, in plain text.

    Parameters
    ----------
    record : dict
        Of a :class:`npseg.bench.session.Session`.
    """
    tables = []
    for part, title in (("layers", "Layers, batch 4, float32"), ("steps", "Whole steps, float32")):
        rows = [row for row in record["rows"] if row["part"] == part]
        if rows:
            tables.append("\n".join([title, *_passes_side_by_side(rows)]))
    growing = [row for row in record["rows"] if row["part"] == "growth"]
    if growing:
        title = f"Growth of a 3×3 convolution, {BOTH}, in ms"
        tables.append("\n".join([title, *_series(growing)]))
    return "\n\n".join(tables)


def markdown(*records: Record) -> str:
    """Return tables of ratios in Markdown: to PyTorch's time, or to textbook NumPy's where there is no PyTorch.

    Parameters
    ----------
    *records : dict
        Of one session, or of several that differ in their settings, such as the allocator's: each cell then has
        a value of each, in this order.

    Returns
    -------
    str
        A line for each name and pass; the fastest of npseg's methods is bold.
    """
    tables = []
    for part in ("layers", "steps", "growth"):
        rows = [[row for row in record["rows"] if row["part"] == part] for record in records]
        if any(rows):
            tables.append("\n".join(_markdown_table(rows)))
    return "\n\n".join(tables)


def number(value: float) -> str:
    """Write a number with three digits that matter.

    Examples
    --------
    >>> [number(v) for v in (0.01234, 1.234, 12.34, 1234.5)]
    ['0.012', '1.23', '12.3', '1234']
    """
    return f"{value:.{3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def ratio(value: float | None) -> str:
    """Write a ratio with two decimals, or nothing."""
    return "" if value is None else f"{value:.2f}"


def unique(values: Iterable[Any]) -> list[Any]:
    """Return each value once, in the order of their first appearance."""
    return list(dict.fromkeys(values))


def reference(rows: Sequence[Row]) -> str:
    """Return whose time is 1: PyTorch's, or the textbook's where there is no PyTorch."""
    return PYTORCH if any(row["contender"] == PYTORCH for row in rows) else TEXTBOOK


def over(row: Row, whom: str) -> float | None:
    """Return the row's time as a multiple of somebody's."""
    value: float | None = row["to_pytorch" if whom == PYTORCH else "to_textbook"]
    return value


def _passes_side_by_side(rows: Sequence[Row]) -> Iterator[str]:
    """Write a block for each name: a line for each contender, with its passes beside each other."""
    passes = unique(row["pass"] for row in rows)
    columns = [column for column in COLUMNS if any(column[2](row) for row in rows)]
    if {"forward", "backward"} == set(passes):
        width = sum(size for _, size, _ in columns)
        yield " " * _NAMES + "".join(name.center(width) for name in passes).rstrip()
    else:
        passes = [None]
    yield (" " * _NAMES + "".join(head.rjust(width) for head, width, _ in columns) * len(passes)).rstrip()
    for name in unique(row["name"] for row in rows):
        yield name
        named = [row for row in rows if row["name"] == name]
        for who in unique(row["contender"] for row in named):
            cells = [
                entry(row).rjust(width)
                for step in passes
                for row in named
                if row["contender"] == who and step in (None, row["pass"])
                for _, width, entry in columns
            ]
            yield f"  {who}".ljust(_NAMES) + "".join(cells).rstrip()


def _series(rows: Sequence[Row]) -> Iterator[str]:
    """Write a small table for each series: a line for each size, a column for each contender."""
    everybody = unique(row["contender"] for row in rows)
    names = max(len(row["name"]) for row in rows) + 2
    width = max(map(len, everybody)) + 3
    yield " " * names + "".join(who.rjust(width) for who in everybody)
    for name in unique(row["name"] for row in rows):
        ms = {row["contender"]: number(row["ms"]) for row in rows if row["name"] == name}
        yield name.ljust(names) + "".join(ms.get(who, "").rjust(width) for who in everybody)


def _markdown_table(records: Sequence[Sequence[Row]]) -> Iterator[str]:
    """Write the rows of one part, of each session."""
    rows = [row for session in records for row in session]
    whom = reference(rows)
    others = [who for who in unique(row["contender"] for row in rows) if who != whom]
    yield f"| | | {whom}, ms | {' | '.join(others)} |"
    yield "|---|---|" + "---|" * (len(others) + 1)
    for name, step in unique((row["name"], row["pass"]) for row in rows):
        here = [
            {row["contender"]: row for row in session if (row["name"], row["pass"]) == (name, step)}
            for session in records
        ]
        times = " / ".join(number(found[whom]["ms"]) for found in here if whom in found)
        cells = [_ratios(here, who, whom) for who in others]
        yield f"| {name} | {step} | {times} | {' | '.join(cells)} |"


def _ratios(sessions: Sequence[dict[str, Row]], who: str, whom: str) -> str:
    """Write a contender's ratio in each session, in bold where no method of npseg was faster."""
    cells = []
    for found in sessions:
        if who in found:
            ours = {
                name: over(row, whom) or 0 for name, row in found.items() if name not in (PYTORCH, TEXTBOOK)
            }
            value = ratio(over(found[who], whom))
            cells.append(f"**{value}**" if who == min(ours, key=lambda name: ours[name]) else value)
    return " / ".join(cells)
