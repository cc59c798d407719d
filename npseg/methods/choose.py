"""The names of the methods."""

from __future__ import annotations

from types import ModuleType

from npseg.methods import im2col, loops, matrix

#: Every method that an operation can be asked for; the tests run on each of them.
METHODS: dict[str, ModuleType] = {"loops": loops, "matrix": matrix, "im2col": im2col}


def method(op: str, name: str) -> ModuleType:
    """Return the module of the method that an operation was asked for.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"{op}: method={name!r}; choose one of {', '.join(map(repr, METHODS))}")
    return METHODS[name]
