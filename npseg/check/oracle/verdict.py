"""What the oracle says: that all is well, over which cases, or the smallest case in which it is not.

As text, as HTML for Jupyter, and as numbers and lists for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from textwrap import indent
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Failure:
    """The smallest case in which a candidate was found wrong.

    Attributes
    ----------
    what : str
        What is wrong, in a line.
    arguments : dict
        The case: all that the operation is called with.
    returned, wanted : array or None
        Both answers, as far as there are any.
    difference : str
        Where they first part.
    diagnosis : str
        The usual mistake that gives the same answers, if one does.
    hint : str
        What to try, where the candidate may not be meant for such cases.

    Examples
    --------
    >>> print(Failure("is not relu_forward", {"x": -1.0}, returned=-1.0, wanted=0.0, difference="-1, not 0"))
    is not relu_forward
      x = -1.0
      it returns -1.0
      wanted is 0.0
      first difference: -1, not 0
    """

    what: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    returned: Any = None
    wanted: Any = None
    difference: str = ""
    diagnosis: str = ""
    hint: str = ""

    @property
    def kind(self) -> str:
        """What is wrong, without its numbers."""
        return " ".join(self.what.split()[: 3 if self.what.startswith("fails") else 2])

    @property
    def hangs(self) -> bool:
        """Whether there was no answer in time."""
        return self.what.startswith("hangs")

    def __str__(self) -> str:
        lines = [self.what, *(_shown(name, value) for name, value in self.arguments.items())]
        if self.returned is not None:
            lines += [_shown("it returns", self.returned, ""), _shown("wanted is", self.wanted, "")]
        if self.difference:
            lines.append(f"  first difference: {self.difference}")
        lines += [f"  {said}" for said in (self.diagnosis, self.hint) if said]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "what": self.what,
            "arguments": {name: plain(value) for name, value in self.arguments.items()},
            "returned": plain(self.returned),
            "wanted": plain(self.wanted),
            "difference": self.difference,
            "diagnosis": self.diagnosis,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Verdict:
    """What :func:`against` found.

    Attributes
    ----------
    name, reference : str
        The candidate, and what it was held against.
    cases : int
        Cases that were run.
    failure : Failure or None
        The smallest failing case, if one failed.
    ranges : dict of str
        What was covered: for each argument, from where to where.
    notes : tuple of str
        What else is to be said: the tolerance, or that time was up.

    Examples
    --------
    >>> print(Verdict("my_conv", "conv_forward", 100))
    my_conv: passed, 100 cases like conv_forward
    >>> print(Verdict("my_conv", "conv_forward", 3, Failure("returns nothing")))
    my_conv: returns nothing
    """

    name: str
    reference: str
    cases: int
    failure: Failure | None = None
    ranges: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no case failed."""
        return self.failure is None

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        if self.failure:
            return f"{self.name}: {self.failure.what}"
        return f"{self.name}: passed, {self.cases} cases like {self.reference}"

    def __str__(self) -> str:
        if self.failure:
            return f"{self.name}: {self.failure}"
        width = max(map(len, self.ranges), default=0)
        table = [f"  {name:{width}}  {said}" for name, said in self.ranges.items()]
        return "\n".join([self.headline, *table, *(f"  {note}" for note in self.notes)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head, _, rest = str(self).partition("\n")
        mark, color = ("✓", "#1a8f6a") if self.passed else ("✗", "#d0453a")
        body = (
            f'<pre style="margin: .4em 0 0 1.4em; background: none; font-family: monospace">{escape(rest)}</pre>'
            if rest
            else ""
        )
        return (
            f'<div style="border-left: 4px solid {color}; padding: .3em .8em">'
            f'<b style="color: {color}">{mark}</b> {escape(head)}{body}</div>'
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold.

        Examples
        --------
        >>> Verdict("my_conv", "conv_forward", 100).as_dict()["passed"]
        True
        """
        return {
            "candidate": self.name,
            "reference": self.reference,
            "passed": self.passed,
            "cases": self.cases,
            "ranges": dict(self.ranges),
            "notes": list(self.notes),
            "failure": self.failure and self.failure.as_dict(),
        }


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: arrays as lists, what is no number as text."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _shown(name: str, value: Any, equals: str = " =") -> str:
    """Write a value under its name, an array below it."""
    text = np.array2string(value, threshold=200) if isinstance(value, np.ndarray) else str(value)
    return f"  {name}{equals} {text}" if "[" not in text else f"  {name}{equals}\n{indent(text, '    ')}"
