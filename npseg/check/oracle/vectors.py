"""Golden vectors: inputs, parameters and right answers as files, for kernels that Python cannot call.

Each case is written twice, as an archive of arrays (``case_000.npz``) and as JSON (``case_000.json``), which has the
parameters, too. All parameters are written out, one number for each spatial axis and padding as (before, after), so
that whoever reads them needs no rules. ``vectors.json`` is the table of contents.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npseg import __version__, arguments, kinds
from npseg.check.oracle.arrays import TOLERANCES, Library, rounded
from npseg.check.oracle.candidates import Adapted
from npseg.check.oracle.cases import CONSTRAINED, Answer, Case, base_of, revalued
from npseg.check.oracle.cover import covering
from npseg.check.oracle.signatures import Arrays

if TYPE_CHECKING:
    from npseg.check.oracle.questions import Operation

#: Cases that are written, at the most.
MOST = 10_000

#: Cases that are drawn for each that is kept.
DRAWN = 10

#: Options that are one number for each axis.
_EACH = ("stride", "dilation", "kernel_size", "scale", "output_padding", "output_size", "offset", "size")

CONTENTS = "vectors.json"


def write_vectors(
    reference: str,
    folder: str | Path,
    *,
    count: int = 50,
    axes: int | None = None,
    only: Mapping[str, Any] | None = None,
    dtype: str = "float64",
    seed: int = 0,
) -> list[Path]:
    """Write cases of an operation with their answers, chosen to cover its geometries.

    Parameters
    ----------
    reference : str
        The operation, such as "conv_forward".
    folder : path
        To be made; it must not be there yet, or be empty. It comes to be with all its files or not at all.
    count : int
        Cases to write, 10000 at the most; ten times as many are drawn, to choose from.
    axes, only
        Restrictions, as of :func:`npseg.check.against`.
    dtype : {"float64", "float32", "float16", "bfloat16"}
        To which the inputs are rounded, and by which the answers will be judged; the answers are float64.
    seed : int
        Of what is drawn.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        If there is no such operation, restriction or dtype, or the folder has something in it.
    TypeError
        If there is anything else in place of an argument.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_vectors("conv_forward", Path(folder, "vectors"), count=2, axes=1)
    ...     [file.name for file in files]
    ['case_000.json', 'case_000.npz', 'case_001.json', 'case_001.npz', 'vectors.json']
    """
    op = "vectors"
    folder = kinds.path(op, "folder", folder)
    try:
        from npseg.check.oracle.questions import about_operation
    except ImportError:
        raise ImportError(f"{op}: the cases are drawn by hypothesis: pip install 'npseg[oracle]'") from None
    count = arguments.integer(op, "count", count, 1, MOST)
    seed = arguments.integer(op, "seed", seed, 0, inf)
    kinds.instance(op, "reference", reference, str, "a string")
    if axes is not None:
        axes = arguments.integer(op, "axes", axes, 1, 3)
    if only is not None:
        kinds.mapping(op, "only", only, None, "a dict")
    nobody = Adapted(len, Arrays(), "nobody", None, None)
    library = Library(dtype=dtype)
    if (
        isinstance(dtype, str) and dtype == "bfloat16"
    ):  # which NumPy has not; the files hold its values as float32
        library = Library(dtype="float32")
    about = about_operation(op, nobody, reference, library, dict(only or {}), None)
    if base_of(reference) in ("dropout", "conv_matrix"):
        raise ValueError(
            f"{op}: {reference} is random or has no array for an answer, and so no golden vectors"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{op}: {folder} is already there; give another folder")
    cases = _cases(about, dtype, axes, count, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(temporary, about, dtype, cases, seed)
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sorted(folder.iterdir())


def _cases(
    about: Operation, dtype: str, axes: int | None, count: int, seed: int
) -> list[tuple[Case, Answer]]:
    from npseg.check.oracle.trial import for_each

    found: list[tuple[Case, Answer]] = []
    rng = np.random.default_rng(seed)

    def keep(case: Case) -> None:
        case = case if base_of(about.reference) in CONSTRAINED else revalued(case, rng)
        case = case.floats(lambda a: rounded(a, dtype))
        with suppress(ValueError):  # of a geometry that does not fit
            answer = about.wanted(case)
            results = (result for result in answer.values() if result is not None)
            if any(np.any(result) for result in results):  # by zeros nothing is seen
                found.append((case, answer))

    for_each(about.strategy(axes), DRAWN * count, seed, keep)
    answers = {id(case): answer for case, answer in found}
    return [(case, answers[id(case)]) for case in covering([case for case, _ in found], count)]


def _write(folder: Path, about: Operation, dtype: str, cases: list[tuple[Case, Answer]], seed: int) -> None:
    """Write all files of a set."""
    names = []
    for number, (case, answer) in enumerate(cases):
        name = f"case_{number:03}"
        names.append(name)
        inputs = {n: v for n, v in case.values.items() if isinstance(v, np.ndarray)}
        outputs = {n: np.asarray(v) for n, v in answer.items() if v is not None}
        record = {
            "parameters": parameters(about.reference, case),
            "inputs": {n: _as_json(v) for n, v in inputs.items()},
            "answers": {n: _as_json(v) for n, v in outputs.items()},
            "allowed_error": about.allowed(case) / about.tolerance * TOLERANCES[dtype][0],
        }
        (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
        held = "float32" if dtype == "bfloat16" else dtype
        arrays = {n: v.astype(held) if v.dtype.kind == "f" else v for n, v in inputs.items()}
        np.savez(
            folder / f"{name}.npz",
            allow_pickle=False,
            **arrays,
            **{f"answer_{n}": v for n, v in outputs.items()},
        )
    contents = {
        "reference": about.reference,
        "npseg": __version__,
        "dtype": dtype,
        "seed": seed,
        "tolerance": f"{TOLERANCES[dtype][0]:g} of the largest sum of the sizes of the terms: {TOLERANCES[dtype][1]}",
        "cases": names,
    }
    (folder / CONTENTS).write_text(json.dumps(contents, indent=1, ensure_ascii=False), encoding="utf-8")


def parameters(reference: str, case: Case) -> dict[str, Any]:
    """Return all that is no array, written out for each axis."""
    first = next(iter(case.arguments.values()))
    axes = len(case.arguments["size"]) if "cols" in case.arguments else first.ndim - 2
    given = {n: v for n, v in (case.arguments | case.options).items() if not isinstance(v, np.ndarray)}
    written: dict[str, Any] = {"axes": axes}
    for name, value in given.items():
        if name == "stride" and value is None:
            value = case.arguments["kernel_size"]
        if name == "padding":
            written[name] = [list(pair) for pair in arguments.padding_pairs("vectors", value, axes)]
        elif name in _EACH and value is not None and base_of(reference) != "lrn":
            written[name] = [int(v) for v in np.broadcast_to(value, axes)]
        else:
            written[name] = value
    return written


def _as_json(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Write an array as its shape and its values in row-major order."""
    return {"shape": list(array.shape), "values": array.ravel().tolist()}
