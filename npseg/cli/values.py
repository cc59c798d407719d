"""What the words after a flag mean: sizes, paddings, names; what is none of them is refused in argparse's way."""

from __future__ import annotations

import argparse
import ast
from typing import Any


def names(text: str) -> list[str]:
    """Read names with commas between them.

    Examples
    --------
    >>> names("im2col, winograd")
    ['im2col', 'winograd']
    """
    return [name.strip() for name in text.split(",")]


def size(text: str) -> int | tuple[int, ...]:
    """Read one number for all axes, or one for each.

    Examples
    --------
    >>> size("4"), size("4x5")
    (4, (4, 5))
    """
    try:
        numbers = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 4 or 4x5") from None
    return numbers[0] if len(numbers) == 1 else numbers


def tile(text: str) -> int | str | None:
    """Read a number of pixels, or the words auto and none.

    Examples
    --------
    >>> tile("256"), tile("auto"), tile("none")
    (256, 'auto', None)
    """
    if text in ("auto", "none"):
        return None if text == "none" else text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no tile; write a number of pixels, auto or none")
    return int(text)


def padding(text: str) -> Any:
    """Read a padding: the word, one number, one for each axis, or before:after.

    Examples
    --------
    >>> padding("same"), padding("1"), padding("1x2"), padding("1:2x0")
    ('same', 1, (1, 2), ((1, 2), (0, 0)))
    """
    if text in ("same", "valid"):
        return text
    try:
        pairs = [tuple(int(p) for p in part.split(":")) for part in text.lower().split("x")]
    except ValueError:
        pairs = [()]
    if any(len(pair) not in (1, 2) for pair in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is no padding; write 1, 1x2, 1:2 or 1:2x0:1")
    if all(len(pair) == 1 for pair in pairs):
        return pairs[0][0] if len(pairs) == 1 else tuple(pair[0] for pair in pairs)
    return tuple(pair if len(pair) == 2 else pair * 2 for pair in pairs)


def restriction(text: str) -> tuple[str, Any]:
    """Read an option and what it is restricted to: a Python value, or a word.

    Examples
    --------
    >>> restriction("kernel_size=[1, 3]"), restriction("padding=symmetric")
    (('kernel_size', [1, 3]), ('padding', 'symmetric'))
    """
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is no restriction; write stride=1")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return name, value
