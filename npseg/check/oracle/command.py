"""What ``npseg check`` and ``npseg vectors`` do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from npseg.check.oracle.apart import run_apart
from npseg.check.oracle.folders import as_csv, grade_folder, portable, table
from npseg.files import replacing

#: Files that are written only where their folder is.
_FILES = ("json", "csv")


def check(given: dict[str, Any]) -> int:
    """Check a function, a folder of submissions, or what came back for golden vectors; say what was found.

    Parameters
    ----------
    given : dict
        The flags that were given.

    Returns
    -------
    int
        Exit status: 0 if all passed, otherwise 1.

    Raises
    ------
    ValueError
        If the flags make no sense.
    """
    for name in _FILES:
        path = given.get(name)
        if path is not None and str(path) != "-" and not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent} for {path.name}")
    given = dict(given)
    given["only"] = dict(given.pop("only", ()))
    written = {name: given.pop(name, None) for name in _FILES}
    if "outputs" in given:
        return _outputs(given, written["json"])
    if "report" in given:
        return _report(given, written)
    if written["csv"] is not None or "exercises" in given or "vectors" in given:
        raise ValueError("--csv and --exercises go with --report, --vectors with --outputs")
    return _one(given, written["json"])


def vectors(given: dict[str, Any]) -> int:
    """Write golden vectors, and say where."""
    from npseg.check.oracle.vectors import write_vectors

    given = dict(given)
    given["only"] = dict(given.pop("only", ()))
    folder = given.pop("out")
    try:
        files = write_vectors(given.pop("reference"), folder, **given)
    except ImportError as error:
        raise ValueError(str(error)) from None
    print(f"{len(files) // 2} cases, as .npz and as .json, and vectors.json in {folder}")
    return 0


def _one(given: dict[str, Any], json_path: Path | None) -> int:
    """Check one function, in a process of its own."""
    target, reference = given.pop("target", None), given.pop("reference", None)
    if target is None or reference is None:
        raise ValueError(
            "name a function and what it is held against: npseg check my.py:my_conv --as conv_forward"
        )
    request = {"target": target, "reference": reference, "options": portable(given)}
    found = run_apart(request, float(given.get("seconds", 60.0)))
    for why in ("unloaded", "refused"):
        if why in found:
            raise ValueError(found[why])
    if "error" in found:
        found = {
            target: {
                "candidate": target,
                "reference": reference,
                "passed": False,
                "message": f"{target}: {found['error']}",
            }
        }
    verdict = next(iter(found.values()))
    _say(str(verdict["message"]), verdict, json_path)
    return 0 if verdict["passed"] is True else 1


def _outputs(given: dict[str, Any], json_path: Path | None) -> int:
    from npseg.check.oracle.outputs import judge_outputs

    strangers = set(given) - {"outputs", "vectors", "only"}
    if strangers or given["only"]:
        raise ValueError(
            f"--outputs judges what is there; leave out {', '.join(sorted(strangers)) or '--only'}"
        )
    verdict = judge_outputs(given["outputs"], given.get("vectors"))
    _say(str(verdict), verdict.as_dict() | {"message": str(verdict)}, json_path)
    return 0 if verdict.passed else 1


def _report(given: dict[str, Any], written: dict[str, Path | None]) -> int:
    """Check a folder of submissions."""
    folder, target = given.pop("report"), given.pop("target", None)
    exercises = given.pop("exercises", None)
    begun: list[str] = []
    with tqdm(unit="submission", leave=False, disable=None) as bar:

        def show(name: str) -> None:
            if not begun:  # once nothing is left to be refused
                said = f"running the code in {folder}, with your rights, each file in a process of its own"
                bar.write(said, file=sys.stderr)
            begun.append(name)
            bar.set_description(name)
            bar.update()

        if exercises is not None and not given["only"]:
            del given["only"]
        marks = grade_folder(
            folder, target, given.pop("reference", None), exercises=exercises, progress=show, **given
        )
    if written["csv"] is not None:
        with replacing(written["csv"]) as file:
            file.write(as_csv(marks).encode())
    passed = all(mark.passed for mark in marks)
    said = table(marks)
    if not (passed or written["csv"] or written["json"]):
        said = f"{said}\nThe whole verdicts, with the smallest case that fails: --csv FILE"
    _say(said, [mark.__dict__ for mark in marks], written["json"])
    return 0 if passed else 1


def _say(words: str, record: Any, json_path: Path | None) -> None:
    """Print the words, and write the record; or print the record alone."""
    text = json.dumps(record, indent=1, ensure_ascii=False)
    if str(json_path) == "-":
        print(text)
        return
    print(words)
    if json_path is not None:
        with replacing(json_path) as file:
            file.write(text.encode())
