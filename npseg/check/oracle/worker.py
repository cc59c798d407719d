"""What runs in a process apart, started by `apart`, with a request on standard input.

It loads somebody's code, checks it, and writes the verdicts as JSON; what the code prints goes nowhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from npseg.check.oracle.against import against
from npseg.check.oracle.loading import graded, load, load_module
from npseg.files import replacing


def verdicts(request: dict[str, Any]) -> dict[str, Any]:
    """Return the verdicts that are asked for, under their names.

    Where there are none, "unloaded" says why the code cannot be had, or "refused" what is wrong with the request.

    Parameters
    ----------
    request : dict
        "target" with "reference" and "options" of :func:`npseg.check.against`, or "file" with "exercises".
    """
    graded_file = request.get("exercises")
    try:
        found: Any = load_module(request["file"]) if graded_file else load(request["target"])
    except ValueError as error:
        return {"unloaded": str(error)}
    try:
        if graded_file:
            return graded(Path(graded_file), found)
        options = dict(request["options"])
        if ":" in str(options.get("signature", "")):
            options["signature"] = load(options["signature"])
        verdict = against(found, request["reference"], **options)
    except (ValueError, TypeError, ImportError) as error:
        return {"refused": str(error)}
    return {verdict.name: verdict.as_dict() | {"message": str(verdict)}}


def main(answer: str, begun: str) -> None:
    """Read the request, do it, and write the answer, whole or not at all.

    Parameters
    ----------
    answer : str
        The file of the verdicts.
    begun : str
        A file to be made before somebody's code is loaded: what goes wrong from then on is likely that code's.
    """
    request = json.load(sys.stdin, object_hook=_with_tuples)
    Path(begun).touch()
    found = verdicts(request)
    with replacing(answer) as file:
        file.write(json.dumps(found).encode())


def _with_tuples(read: dict[str, Any]) -> Any:
    """Return tuples, which JSON does not know."""
    return tuple(read["tuple"]) if set(read) == {"tuple"} else read
