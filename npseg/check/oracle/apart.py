"""Other people's code in a process of its own, which can be ended from outside.

The code runs with all the rights of whoever starts it: a process of its own keeps a loop without end, a crash or an
``exit`` away from the grader, and is no protection against malice. What comes back is JSON, never a pickle.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

#: Seconds beyond the time limit in which a process may start, shrink what it found, and write it down.
GRACE = 30.0

#: Bytes of an answer; more is none.
MOST = 10**7


def run_apart(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Have the `worker` do something in another process.

    Parameters
    ----------
    request : dict
        What JSON can hold: what to load, and how to check it.
    seconds : float
        Time limit of the check; the process has :data:`GRACE` more, and is then ended with all that it started.

    Returns
    -------
    dict
        Verdicts under their names, or why there are none: under "unloaded" or "refused", as the worker says, or
        under "error" if it came to no end.
    """
    with tempfile.TemporaryDirectory(prefix="npseg-check-") as folder:
        answer = Path(folder, "verdicts.json")
        code = [sys.executable, "-m", "npseg.check.oracle.worker", str(answer)]
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                code,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            ) as process:
                try:
                    process.communicate(json.dumps(request).encode(), timeout=seconds + GRACE)
                except subprocess.TimeoutExpired:
                    return {"error": f"hangs: it had to be ended after {seconds + GRACE:g} s"}
                finally:
                    _end(process)
            if process.returncode < 0:
                return {
                    "error": f"crashes: its process was ended by {signal.Signals(-process.returncode).name}"
                }
            if not answer.exists() or answer.stat().st_size > MOST:
                return {"error": f"ends its process without an answer{_last_line(errors)}"}
        try:
            found = json.loads(answer.read_text(encoding="utf-8"))
        except ValueError:
            return {"error": "writes over the file of the verdicts"}
        return found if isinstance(found, dict) else {"error": "writes over the file of the verdicts"}


def _last_line(errors: IO[bytes]) -> str:
    """Return the last thing that was said on standard error, in brackets."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 1000))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return f" ({lines[-1][:200]})" if lines else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # there is nothing left of it
    process.wait()
