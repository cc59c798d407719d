"""Judge what a kernel has made of golden vectors.

Beside each ``case_000.json`` lies what came back: ``case_000.out.npz``, ``.npy`` or ``.json``. Nothing of it is taken
on trust: no pickle is read, an array's header is looked at before its data, and one of another shape is not read.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from npseg import kinds
from npseg.check.oracle.arrays import differences
from npseg.check.oracle.ranges import Ranges
from npseg.check.oracle.vectors import CONTENTS
from npseg.check.oracle.verdict import Failure, Verdict

#: Bytes that a file of JSON may have for each number that is wanted, and over all.
_A_NUMBER, _A_FILE = 64, 10_000


class _Unfit(Exception):
    """What is wrong with a file."""


def judge_outputs(outputs: str | Path, vectors: str | Path | None = None) -> Verdict:
    """Judge answers to golden vectors.

    Parameters
    ----------
    outputs : path
        Folder with a file for each case: ``case_000.out.npz`` with arrays named as the answers are (y; or dx, dw, db),
        ``case_000.out.npy`` where there is one answer only, or ``case_000.out.json``: for each name nested lists, or
        {"shape": [...], "values": [...]} with the values in row-major order.
    vectors : path, optional
        Folder that :func:`write_vectors` has written; the same unless given.

    Returns
    -------
    Verdict
        Of a failure, the smallest case: that with the fewest numbers.

    Raises
    ------
    ValueError
        If the folder of vectors is none, or a file of it is damaged.
    TypeError
        If there is anything but a path.

    Examples
    --------
    >>> import tempfile
    >>> from npseg.check import write_vectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_vectors("relu_forward", Path(folder, "v"), count=2, axes=1)
    ...     for case in Path(folder, "v").glob("case_*.npz"):
    ...         x = np.load(case)["x"]
    ...         np.save(case.with_suffix(".out.npy"), np.maximum(x, 0))
    ...     print(judge_outputs(Path(folder, "v")).headline)
    v: passed, 2 cases like relu_forward
    """
    outputs = kinds.path("judge_outputs", "outputs", outputs)
    vectors = outputs if vectors is None else kinds.path("judge_outputs", "vectors", vectors)
    contents = _contents(vectors)
    ranges, failures, sizes = Ranges(), list[Failure](), list[tuple[int, int]]()
    for name in contents["cases"]:
        arguments, wanted, allowed = _read_case(vectors, name)
        ranges.note({n: _tuples(v) for n, v in arguments.items()})
        try:
            got = _answers(outputs, name, wanted)
            failure = _compared(got, wanted, allowed, contents["reference"])
        except _Unfit as unfit:
            failure = Failure(str(unfit))
        if failure:
            numbers = sum(a.size for a in arguments.values() if isinstance(a, np.ndarray))
            sizes.append((numbers, len(failures)))
            what = f"{name} {failure.what}"
            failures.append(Failure(what, arguments, failure.returned, failure.wanted, failure.difference))
    notes = [f"tolerance  {contents['tolerance']}"]
    if failures:
        smallest = failures[min(sizes)[1]]
        more = f" ({len(failures)} of {len(contents['cases'])} cases fail; this is the smallest)"
        smallest = Failure(
            smallest.what + more, smallest.arguments, smallest.returned, smallest.wanted, smallest.difference
        )
        return Verdict(outputs.name, contents["reference"], len(contents["cases"]), smallest)
    return Verdict(
        outputs.name, contents["reference"], len(contents["cases"]), None, ranges.said(), tuple(notes)
    )


def _contents(folder: Path) -> dict[str, Any]:
    """Read the table of contents, or say that it is none."""
    path = folder / CONTENTS
    if not path.is_file():
        raise ValueError(
            f"{folder} has no {CONTENTS}; write the vectors with npseg vectors, or name their folder"
        )
    contents = _read_record(path)
    names = contents.get("cases") if isinstance(contents, dict) else None
    whole = isinstance(names, list) and all(
        isinstance(contents.get(key), str) for key in ("reference", "tolerance")
    )
    if not whole or not all(
        isinstance(n, str) and n.startswith("case_") and n[5:].isdecimal() for n in names or ()
    ):
        raise ValueError(f"{path} is no table of golden vectors")
    return dict(contents)


def _read_case(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Read a case: its arguments, its answers, and by how much another may differ from them."""
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"{folder / CONTENTS} lists {name}, and there is no {path}")
    record = _read_record(path)
    try:
        arguments = {n: _numbers(v) for n, v in record["inputs"].items()}
        wanted = {n: _numbers(v) for n, v in record["answers"].items()}
        allowed = float(record["allowed_error"])
        parameters = dict(record["parameters"])
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} is no case of golden vectors, or damaged: {error!r}") from None
    if not wanted or not 0 <= allowed < math.inf:
        raise ValueError(f"{path} is no case of golden vectors: it has no answers, or allows no error")
    return arguments | parameters, wanted, allowed


def _numbers(written: Any) -> np.ndarray[Any, Any]:
    """Return an array of numbers, as a case has them."""
    array: np.ndarray[Any, Any] = _array(written)
    if array.dtype.kind not in "biuf":
        raise ValueError("other things than numbers")
    return array


def _read_record(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def _answers(folder: Path, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Read what came back for a case."""
    paths = [path for kind in ("npz", "npy", "json") if (path := folder / f"{name}.out.{kind}").is_file()]
    if not paths:
        raise _Unfit(f"is not there: {name}.out.npz, .npy or .json is wanted")
    path = paths[0]
    try:
        if path.suffix == ".json":
            return _from_json(path, wanted)
        if path.suffix == ".npy":
            with open(path, "rb") as file:
                return {next(iter(wanted)): _from_npy(file, path.name, next(iter(wanted.values())))}
        with zipfile.ZipFile(path) as archive:
            found = {}
            for key in (key for key in wanted if f"{key}.npy" in archive.namelist()):
                with archive.open(f"{key}.npy") as member:
                    found[key] = _from_npy(member, key, wanted[key])
            return found
    except _Unfit:
        raise
    except Exception as error:  # over damaged bytes, zipfile and NumPy raise a dozen kinds
        raise _Unfit(f"cannot be read: {path.name}: {error}") from None


def _from_npy(file: IO[bytes], name: str, wanted: Any) -> Any:
    """Read an array, once its header says that it has the right shape and holds numbers."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, column_major, dtype = reader(file)
    if shape != wanted.shape:
        raise _Unfit(f"has {name} of shape {shape}; wanted is {wanted.shape}")
    if dtype.kind not in "biuf":
        raise _Unfit(f"has {name} of dtype {dtype}, which are no numbers")
    data = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if column_major else "C")


def _from_json(path: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Read arrays written as nested lists, or as shape and values."""
    most = _A_FILE + _A_NUMBER * sum(a.size for a in wanted.values())
    if path.stat().st_size > most:
        raise _Unfit(f"cannot be read: {path.name} has more than {most} bytes")
    read = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        read = {next(iter(wanted)): read}
    return {name: _array(read[name]) for name in wanted if name in read}


def _array(written: Any) -> Any:
    if isinstance(written, dict):
        return np.asarray(written["values"]).reshape(written["shape"])
    return np.asarray(written)


def _compared(got: dict[str, Any], wanted: dict[str, Any], allowed: float, reference: str) -> Failure | None:
    """Hold the answers to one case against the right ones; of max pooling the indices only if there are any."""
    for name, want in wanted.items():
        if name not in got:
            if name == "indices":
                continue
            return Failure(f"has no {name}", wanted=want)
        one = got[name]
        if one.shape != want.shape or one.dtype.kind not in "biuf":
            return Failure(f"has {name} of shape {one.shape}; wanted is {want.shape}")
        apart = differences(one, want, allowed)
        if len(apart):
            at = tuple(int(i) for i in apart[0])
            difference = f"{name} at {list(at)} {one[at]:.6g}, not {want[at]:.6g}"
            return Failure(f"is not {reference}", returned=one, wanted=want, difference=difference)
    return None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
