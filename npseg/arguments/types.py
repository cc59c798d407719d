"""What an array is: of which library and dtype, and whether it is one at all."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from npseg import room
from npseg.backend import Array, array_module, one_library

T = TypeVar("T")

FLOATS = ("float32", "float64")

#: The arrays that may be None; every other is needed.
OPTIONAL = ("b", "gamma", "beta", "running_mean", "running_var", "weight")


def arrays(op: str, *, exact: bool | None = None, **named: Array | None) -> None:
    """Check that all are arrays of one library and one dtype, float32 or float64.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    exact : bool, optional
        Whether object arrays are admitted too: Python ints, fractions, symbols. None where no method would take them.
    **named : array or None
        The arrays under the names that the user knows them by; None is passed over.

    Raises
    ------
    TypeError
        Naming the argument, what it is, and the ``astype`` that mends it.
    """
    given: dict[str, Array] = {k: a for k, a in named.items() if a is not None or k not in OPTIONAL}
    for name, a in given.items():
        if not is_array(a):
            raise TypeError(
                f"{op}: {name} is a {type(a).__name__}; an array is needed: np.asarray({name}, float)"
            )
        refuse_subclasses(op, name, a)
        if a.dtype not in FLOATS and not (exact and a.dtype == object):
            raise TypeError(
                f"{op}: {name} has dtype {a.dtype}; float32 or float64 is needed: {name}.astype('float32')"
                + (", or an object array with method='loops'" if a.dtype == object and exact is False else "")
            )
        room.check(op, name, a.shape, a)
    one_library(op, **given)
    first = next(iter(given))
    for name, a in given.items():
        if a.dtype != given[first].dtype:
            raise TypeError(
                f"{op}: {first} is {given[first].dtype} but {name} is {a.dtype}; "
                f"make them one dtype: {name}.astype('{given[first].dtype}')"
            )


def float_type(op: str, dtype: Any) -> None:
    """Check that a layer's dtype is one that the operations compute in."""
    try:
        known = dtype is not None and np.dtype(dtype).name in FLOATS
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"{op}: dtype={dtype!r}; 'float32' or 'float64' is needed")


def whole_numbers(op: str, name: str, a: Any) -> None:
    """Check that an argument is an array of whole numbers, such as labels."""
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "iu":
        kind = a.dtype if isinstance(a, np.ndarray) else f"a {type(a).__name__}"
        raise TypeError(
            f"{op}: {name} is {kind}; an array of whole numbers is needed: {name}.astype('uint8')"
        )


def is_array(a: object) -> bool:
    """Tell arrays, of NumPy or of a device, from what merely has their attributes: sparse matrices, tables, tensors."""
    return isinstance(a, np.ndarray | np.generic) or array_module(a) is not np


def refuse_subclasses(op: str, name: str, a: object) -> None:
    """Refuse arrays that do not compute as arrays do."""
    if isinstance(a, np.ma.MaskedArray):
        raise TypeError(f"{op}: {name} is a masked array, whose mask would be ignored; give {name}.filled(0)")
    if isinstance(a, np.matrix):
        raise TypeError(
            f"{op}: {name} is a np.matrix, whose * is no product of elements; give np.asarray({name})"
        )


def kept(op: str, cache: object, kind: type[T]) -> T:
    """Return the cache of the forward pass, if it is one."""
    if not isinstance(cache, kind):
        forward = op.replace("_backward", "_forward")
        raise TypeError(
            f"{op}: cache is a {type(cache).__name__}; the {kind.__name__} that {forward} has returned is needed"
        )
    return cache
