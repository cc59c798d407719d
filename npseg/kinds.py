"""What kind of thing an argument is: a layer, a dataset, the path of a file, a list, a dict.

Python finds out only where such an argument is used, deep inside, and then speaks of an attribute that somebody lacks.
Here it is looked at at the door, as :mod:`npseg.arguments` looks at numbers and arrays; and what is refused is named.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from npseg.arguments import is_array
from npseg.backend import Array

T = TypeVar("T")

#: What a dataset has at the least; see :class:`npseg.data.Dataset` for the rest.
PAIRS = ("__len__", "__getitem__")


def instance(op: str, name: str, value: Any, kind: type[T], needed: str) -> T:
    """Return a thing of a kind, or refuse it.

    Examples
    --------
    >>> instance("until", "name", 3, str, "a name")
    Traceback (most recent call last):
    ...
    TypeError: until: name is 3, an int; a name is needed
    """
    if not isinstance(value, kind):
        raise TypeError(f"{op}: {name} is {_shown(value)}; {needed} is needed")
    return value


def members(op: str, name: str, values: Any, kind: type[T], needed: str) -> list[T]:
    """Return the members of a list, each of one kind; a text is no list of its letters.

    Examples
    --------
    >>> members("report", "classes", ("sky", 1), str, "a list of names")
    Traceback (most recent call last):
    ...
    TypeError: report: classes holds 1, an int; a list of names is needed
    """
    for value in (found := listed(op, name, values, needed)):
        if not isinstance(value, kind):
            raise TypeError(f"{op}: {name} holds {_shown(value)}; {needed} is needed")
    return found


def listed(op: str, name: str, values: Any, needed: str) -> list[Any]:
    """Return the members of a list of anything."""
    if isinstance(values, str | bytes | type) or not isinstance(values, Iterable):
        raise TypeError(f"{op}: {name} is {_shown(values)}; {needed} is needed")
    try:
        return list(values)
    except TypeError:  # an array of no axes has what makes it iterable, and is not
        raise TypeError(f"{op}: {name} is {_shown(values)}; {needed} is needed") from None


def mapping(op: str, name: str, value: Any, kind: type[T] | None, needed: str) -> dict[str, T]:
    """Return a dict by names, whose values are of one kind, or anything.

    Examples
    --------
    >>> mapping("two_stage", "network", "deconvnet", None, "a dict of settings")
    Traceback (most recent call last):
    ...
    TypeError: two_stage: network is 'deconvnet', a str; a dict of settings is needed
    """
    found: dict[str, T] = dict(instance(op, name, value, Mapping, needed))  # type: ignore[type-abstract]
    members(op, name, list(found), str, f"{needed}, by names,")
    if kind is not None:
        members(op, name, list(found.values()), kind, needed)
    return found


def arrays(op: str, name: str, value: Any, needed: str = "a dict of arrays by name") -> dict[str, Array]:
    """Return a dict of arrays by their names.

    Examples
    --------
    >>> arrays("spelled", "weights", {"conv.w": 3})
    Traceback (most recent call last):
    ...
    TypeError: spelled: weights has 3, an int, for 'conv.w'; a dict of arrays by name is needed
    """
    found: dict[str, Array] = mapping(op, name, value, None, needed)
    for key, array in found.items():
        if not is_array(array):
            raise TypeError(f"{op}: {name} has {_shown(array)}, for {key!r}; {needed} is needed")
    return found


def function(op: str, name: str, value: Any) -> None:
    """Refuse what cannot be called.

    Examples
    --------
    >>> function("gradients", "forward", 3)
    Traceback (most recent call last):
    ...
    TypeError: gradients: forward is 3, an int; a function is needed: its name, without brackets
    """
    if not callable(value):
        raise TypeError(f"{op}: {name} is {_shown(value)}; a function is needed: its name, without brackets")


def path(op: str, name: str, value: Any) -> Path:
    """Return a path: a text, or what Python makes one of; not yet whether there is a file.

    Examples
    --------
    >>> path("read_image", "path", 3)
    Traceback (most recent call last):
    ...
    TypeError: read_image: path is 3, an int; the path of a file or a folder is needed
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{op}: {name} is {_shown(value)}; the path of a file or a folder is needed")
    if "\0" in os.fspath(value):
        raise ValueError(f"{op}: {name}={os.fspath(value)!r} holds a character that no path may have")
    return Path(value)


def dataset(op: str, name: str, value: Any, *needed: str) -> None:
    """Refuse what is no dataset, or lacks what is needed of one.

    Examples
    --------
    >>> dataset("batches", "dataset", ["image.png"], "names")
    Traceback (most recent call last):
    ...
    TypeError: batches: dataset is a list without names; a dataset is needed: see npseg.data.Dataset
    """
    missing = [member for member in (*PAIRS, *needed) if not hasattr(value, member)]
    if missing or isinstance(value, type | np.ndarray):
        without = f" without {', '.join(missing)}" if missing else ""
        raise TypeError(
            f"{op}: {name} is a {type(value).__name__}{without}; a dataset is needed: see npseg.data.Dataset"
        )


def image(op: str, name: str, value: Any) -> None:
    """Refuse what is no image, uint8 (H, W, 3)."""
    dtype = getattr(value, "dtype", None)
    if not isinstance(value, np.ndarray) or dtype != np.uint8:
        raise TypeError(f"{op}: {name} is {dtype or type(value).__name__}; an array of uint8 is needed")
    if value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
        raise ValueError(f"{op}: {name} has shape {value.shape}; (H, W, 3), in RGB, is needed")


def planes(op: str, name: str, value: Any) -> None:
    """Refuse what is no array (N, C, H, W), of whatever dtype; N may be 0.

    Examples
    --------
    >>> planes("split", "x", np.zeros((3, 4)))
    Traceback (most recent call last):
    ...
    ValueError: split: x has shape (3, 4); (N, C, H, W) is needed, where only N, the images, may be 0
    """
    if not is_array(value):
        raise TypeError(f"{op}: {name} is {_shown(value)}; an array is needed")
    if value.ndim != 4 or 0 in value.shape[1:]:
        raise ValueError(
            f"{op}: {name} has shape {value.shape}; (N, C, H, W) is needed, where only N, the images, may be 0"
        )


def _shown(value: Any) -> str:
    """Show a thing with its type, on one line and not at length."""
    text = " ".join(repr(value).split())
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    return f"{text if len(text) < 60 else text[:57] + '...'}, {article} {kind}"
