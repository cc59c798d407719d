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

import npseg

#: Seconds beyond the time limit in which a process may start, shrink what it found, and write it down.
GRACE = 30.0

#: Bytes of an answer; more is none.
MOST = 10**7

#: Runs the worker of the npseg that lies in a folder, whatever is called npseg where the process is started; what it
#: loads may lie there.
_START = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import npseg.check.oracle.worker
sys.path[0] = ""
npseg.check.oracle.worker.main(*sys.argv[1:])
"""


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

    Raises
    ------
    ChildProcessError
        If the worker did not get as far as the code.
    """
    with tempfile.TemporaryDirectory(prefix="npseg-check-") as folder:
        answer, begun = Path(folder, "verdicts.json"), Path(folder, "begun")
        root = str(Path(npseg.__file__).parent.parent)
        code = [sys.executable, "-P", "-c", _START, root, str(answer), str(begun)]
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                code,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            ) as process:
                late = False
                try:
                    process.communicate(json.dumps(request).encode(), timeout=seconds + GRACE)
                except subprocess.TimeoutExpired:
                    late = True
                finally:
                    _end(process)
            if not begun.exists():
                why = _last_line(errors)
                raise ChildProcessError(
                    f"the process that is to run the code does not get as far as that{why}"
                )
            if late:
                return {"error": f"hangs: it had to be ended after {seconds + GRACE:g} s"}
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
