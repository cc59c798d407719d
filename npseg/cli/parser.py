"""The parser: an argument that is wrong is said in one line, with exit status 2."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and name the command that they are about."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end the program."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")

    def given(self, words: Sequence[str]) -> dict[str, Any]:
        """Return what the words say: each flag's value by its name."""
        for word in words:
            # Argparse takes --flag=-- for a flag without a value, and goes on.
            if re.fullmatch("--[a-z].*=--", word):
                self.error(f"{word}: '--' is no value")
        arguments, strange = self.parse_known_args(words)
        if strange:
            self.prog += f" {arguments.command}"
            self.error(f"unrecognized arguments: {' '.join(strange)}")
        return vars(arguments)


def add_command(
    commands: Any, name: str, run: Callable[..., int | None], what: str
) -> argparse.ArgumentParser:
    """Add a command, and the flag that each of them has.

    Parameters
    ----------
    commands : object
        What ``add_subparsers`` returned.
    name : str
        The command's name.
    run : callable
        Does the command's work. It is called with what was given, by the flags' names, and returns the exit status;
        None is 0.
    what : str
        What the command does, for the help.

    Returns
    -------
    ArgumentParser
        The command's own, for further flags.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}."
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        default=argparse.SUPPRESS,
        help="that share the work; default: one a core",
    )
    return parser
