"""The program: one command of many is run, and what is wrong with its input is said in one line.

The line goes to standard error, with exit status 2. Ctrl-C ends with 130, after a training run has saved its state.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from npseg import __version__, backend
from npseg.cli import images, operations, oracle, training
from npseg.cli.parser import Parser

#: What declares each command, in the order of the help.
COMMANDS = (
    training.add_demo,
    images.add_data,
    training.add_train,
    images.add_evaluate,
    training.add_compare,
    images.add_predict,
    images.add_export,
    operations.add_summary,
    operations.add_explain,
    operations.add_gradcheck,
    operations.add_accuracy,
    oracle.add_check,
    oracle.add_vectors,
    operations.add_bench,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``npseg``; those that the program was started with unless given.

    Returns
    -------
    int
        Exit status: 0, 1 if a check fails, 2 for bad input, 130 for Ctrl-C.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, with 0; and with 2 if the words are not as the help says.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what is no text
            stream.reconfigure(errors="backslashreplace")
    given = make_parser().given(sys.argv[1:] if argv is None else argv)
    command, run, threads = given.pop("command"), given.pop("run"), given.pop("threads", None)
    try:
        # A command without the flag has nothing to compute on a device.
        library = given.pop("backend", "numpy") or backend.current().__name__
        with backend.threads(threads), backend.use(library):
            return run(**given) or 0
    except BrokenPipeError:  # whoever reads the output has seen enough; Python must not try to flush the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, FloatingPointError, MemoryError) as error:
        # A function of the command's name says the name itself.
        print(f"npseg {command}: {one_line(error).removeprefix(f'{command}: ')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"npseg {command}: stopped{f'; {stop}' if str(stop) else ''}", file=sys.stderr)
        return 130


def make_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="npseg", description="Semantic segmentation in pure NumPy.")
    parser.add_argument("--version", action="version", version=f"npseg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser


def one_line(error: Exception) -> str:
    r"""Return an error's message, with the lines of its list, if it has one, in one.

    Examples
    --------
    >>> one_line(ValueError("2 files are wrong:\n  a.png: is missing\n  b.png: is empty"))
    '2 files are wrong: a.png: is missing; b.png: is empty'
    >>> one_line(PermissionError(13, "Permission denied", "run/checkpoint.npz"))
    'run/checkpoint.npz: Permission denied'
    """
    said = str(error)
    if isinstance(error, OSError) and error.strerror:  # without its number, which only helps to look it up
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    head, *rest = said.splitlines() or [type(error).__name__]
    return " ".join([head, "; ".join(line.strip() for line in rest)]).strip()
