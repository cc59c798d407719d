"""What users write, turned into what the code uses; and the messages when it cannot be.

Every public operation is a door, and this is the doorkeeper: an int for a stride becomes one for each axis, a
padding becomes (before, after) pairs, arrays are looked at for type, dtype, rank and channels. Behind the door
nothing is checked again. Each function takes the operation's name first and each message starts with it, then
says what was given, what is needed, and where it helps what to write instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from npseg import room
from npseg.backend import Array, array_module, one_library
from npseg.geometry import Ints, Pairs, times

T = TypeVar("T")

FLOATS = ("float32", "float64")

#: The largest size, stride, padding ...: pixels are counted in 32 bits.
LARGEST = 2**31 - 1

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
        _refuse_subclasses(op, name, a)
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


def spatial(op: str, name: str, a: Array, leading: str = "N, C") -> int:
    """Return the number of spatial axes behind two leading ones: 1, 2 or 3, none of them empty.

    Parameters
    ----------
    op, name : str
        The operation and the argument, for the message.
    a : array
        Of shape (N, C, *spatial), or a weight (C_out, C_in, *kernel).
    leading : str
        What the first two axes are, for the message.
    """
    if not 3 <= a.ndim <= 5:
        hint = f"; for a single image write {name}[None]" if 1 < a.ndim < 3 else ""
        raise ValueError(
            f"{op}: {name} has shape {a.shape}; ({leading}, *spatial) with one, two or three spatial axes "
            f"is needed{hint}"
        )
    if 0 in a.shape[1:]:
        raise ValueError(f"{op}: {name} has shape {a.shape}; only the first axis, the images, may be empty")
    return int(a.ndim - 2)


def integer(op: str, name: str, value: object, minimum: int = 0, maximum: float = LARGEST) -> int:
    """Return a whole number that is at least ``minimum``, and at most ``maximum``."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {name}={value!r} is not a whole number")
    try:
        number = operator.index(value)
    except TypeError:  # an array has __index__, but only one whole number in it is one
        raise TypeError(f"{op}: {name}={value!r} is not a whole number") from None
    if number < minimum:
        raise ValueError(f"{op}: {name}={value!r} must be at least {minimum}")
    if number > maximum:
        raise ValueError(f"{op}: {name}={value!r} must be at most {maximum}")
    return number


def integers(op: str, minimum: int, **values: object) -> list[int]:
    """Return whole numbers, all of them at least ``minimum``."""
    return [integer(op, name, value, minimum) for name, value in values.items()]


def choice(op: str, name: str, value: object, known: Iterable[str]) -> str:
    """Return one of the words that are known."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{op}: {name}={value!r}; choose one of {', '.join(map(repr, known))}")
    return value


def generator(op: str, seed: Any) -> np.random.Generator:
    """Return the generator of a seed: a whole number that is not negative, several of them, or a generator itself."""
    try:
        if isinstance(seed, np.random.Generator) or not isinstance(seed, bool | str | None):
            return np.random.default_rng(seed)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{op}: seed={seed!r}; a whole number from 0 on is needed, or a numpy.random.Generator")


def whole_numbers(op: str, name: str, a: Any) -> None:
    """Check that an argument is an array of whole numbers, such as labels."""
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "iu":
        kind = a.dtype if isinstance(a, np.ndarray) else f"a {type(a).__name__}"
        raise TypeError(
            f"{op}: {name} is {kind}; an array of whole numbers is needed: {name}.astype('uint8')"
        )


def float_type(op: str, dtype: Any) -> None:
    """Check that a layer's dtype is one that the operations compute in."""
    try:
        known = dtype is not None and np.dtype(dtype).name in FLOATS
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"{op}: dtype={dtype!r}; 'float32' or 'float64' is needed")


def axes(op: str, name: str, value: int | Sequence[int], n: int, *, minimum: int = 1) -> Ints:
    """Return one whole number for each spatial axis, from an int for all of them or exactly one each.

    Examples
    --------
    >>> axes("conv_forward", "stride", 2, n=3)
    (2, 2, 2)
    >>> axes("conv_forward", "stride", (1, 2, 3), n=2)
    Traceback (most recent call last):
    ...
    ValueError: conv_forward: stride=(1, 2, 3) has 3 entries; give one int, or one for each of the 2 spatial axes
    """
    if not _is_sequence(value):
        return (integer(op, name, value, minimum),) * n
    if len(value) != n:  # type: ignore[arg-type]
        raise ValueError(
            f"{op}: {name}={value!r} has {_entries(value)}; give one int, or one for each of the {n} spatial axes"
        )
    return tuple(integer(op, name, v, minimum) for v in value)  # type: ignore[union-attr]


def rank(op: str, **values: int | Sequence[int]) -> int:
    """Return the number of axes that the longest of the values names; one where all are ints."""
    axes = max((len(v) for v in values.values() if _is_sequence(v)), default=1)  # type: ignore[arg-type]
    if not 1 <= axes <= 3:
        given = " and ".join(f"{name}={value!r}" for name, value in values.items() if _is_sequence(value))
        raise ValueError(f"{op}: {given} name {axes} axes; one, two or three are needed")
    return axes


def padding_pairs(op: str, value: object, n: int) -> Pairs:
    """Return the padding as (before, after) for each spatial axis.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    value : int, or one per axis, or a (before, after) pair per axis
        What the user wrote.
    n : int
        Number of spatial axes.

    Examples
    --------
    >>> padding_pairs("conv_forward", 1, n=2)
    ((1, 1), (1, 1))
    >>> padding_pairs("conv_forward", ((1, 2), 0), n=2)
    ((1, 2), (0, 0))
    """
    if not _is_sequence(value):
        p = integer(op, "padding", value)
        return ((p, p),) * n
    values: Sequence[Any] = value  # type: ignore[assignment]
    if len(values) != n:
        hint = f"; for uneven padding write padding=({tuple(values)},)" if n == 1 and len(values) == 2 else ""
        raise ValueError(
            f"{op}: padding={value!r} has {_entries(value)}; give an int, or for each of the {n} spatial axes "
            f"an int or a (before, after) pair{hint}"
        )
    return tuple(_pair(op, value, p) for p in values)


def channels(op: str, x: Array, w: Array, b: Array | None, groups: int, *, transposed: bool = False) -> int:
    """Check that input, weight and bias have channels that fit; return the number of output channels.

    A convolution's weight is (C_out, C_in/groups, *kernel), that of its transpose (C_in, C_out/groups,
    *kernel): the same array, read from the other side.
    """
    names = "C_in, C_out/groups" if transposed else "C_out, C_in/groups"
    spatial(op, "w", w, names)
    if w.ndim != x.ndim or 0 in w.shape:
        raise ValueError(
            f"{op}: w has shape {w.shape}; ({names}, *kernel) with {x.ndim - 2} kernel axes is needed"
        )
    if w.shape[0] % groups:
        raise ValueError(f"{op}: groups={groups} does not divide the {w.shape[0]} channels of w {w.shape}")
    below, above = w.shape[1] * groups, w.shape[0]
    needed, out = (above, below) if transposed else (below, above)
    if x.shape[1] != needed:
        raise ValueError(
            f"{op}: x has {x.shape[1]} channels (shape {x.shape}), but w {w.shape} with groups={groups} "
            f"takes {needed}"
        )
    if b is not None and b.shape != (out,):
        raise ValueError(f"{op}: b has shape {b.shape}; ({out},), one for each output channel, is needed")
    return int(out)


def channel_vectors(op: str, x: Array, *, name: str = "x", **vectors: Array | None) -> None:
    """Check that x is (N, C, ...) with C at least 1, and that each vector holds one value for each channel."""
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise ValueError(
            f"{op}: {name} has shape {x.shape}; (N, C, ...) is needed, where only N, the images, may be 0"
        )
    for key, v in vectors.items():
        if v is not None and v.shape != (x.shape[1],):
            raise ValueError(
                f"{op}: {key} has shape {v.shape}; ({x.shape[1]},), one for each channel of {name}, is needed"
            )


def real(op: str, name: str, value: object) -> float:
    """Return a real number, finite."""
    number = value.item() if isinstance(value, np.number) else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | float):
        raise TypeError(f"{op}: {name}={value!r} is not a number")
    if not abs(number) < float("inf"):
        raise ValueError(f"{op}: {name}={value!r} must be finite")
    return float(number)


def probability(op: str, name: str, value: object) -> float:
    """Return a number from 0 to 1."""
    number = real(op, name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{op}: {name}={value!r} must lie between 0 and 1")
    return number


def per_channel(values: Array, n: int) -> Array:
    """Shape one value for each channel so that it meets (N, C, *spatial) with n spatial axes."""
    return values.reshape(-1, *(1,) * n)


def same_shape(op: str, name: str, a: Array, shape: tuple[int, ...], like: str) -> None:
    """Check that an array has the shape of another, such as ``dout`` that of the output."""
    if a.shape != tuple(shape):
        raise ValueError(f"{op}: {name} has shape {a.shape}; {tuple(shape)}, that of {like}, is needed")


def gradient(op: str, dout: Array, shape: tuple[int, ...], dtype: str, **kept: Array | None) -> None:
    """Check that ``dout`` has the shape and the dtype of the output, and the library of what forward has kept."""
    arrays(op, exact=dtype == "object" or None, dout=dout)
    one_library(op, dout=dout, **kept)
    same_shape(op, "dout", dout, shape, "the output")
    if dout.dtype != dtype:
        raise TypeError(
            f"{op}: dout is {dout.dtype} but the output was {dtype}; make them one dtype: dout.astype('{dtype}')"
        )


def kept(op: str, cache: object, kind: type[T]) -> T:
    """Return the cache of the forward pass, if it is one."""
    if not isinstance(cache, kind):
        forward = op.replace("_backward", "_forward")
        raise TypeError(
            f"{op}: cache is a {type(cache).__name__}; the {kind.__name__} that {forward} has returned is needed"
        )
    return cache


def named(op: str, make: Callable[[], T]) -> T:
    """Run ``make``, and put the operation's name before the message of its ValueError."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{op}: {error}") from None


def flag(op: str, name: str, value: object) -> bool:
    """Return a truth value; a number or a string in its place is more likely an argument out of order."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{op}: {name}={value!r}; True or False is needed")
    return bool(value)


def divisor(op: str, value: object) -> float | None:
    """Return an average pooling's divisor: any number but zero, or None."""
    if value is None:
        return None
    number = value.item() if isinstance(value, np.number) else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | float):
        raise TypeError(f"{op}: divisor_override={value!r} is not a number")
    if number == 0 or number != number:
        raise ValueError(f"{op}: divisor_override={value!r}; any number but zero is needed")
    return number


def indices(op: str, given: Array, x: Array, size: Ints) -> None:
    """Check flat indices into planes of spatial size ``size``: whole numbers, one for each value of x, in range.

    Indices on a device were checked once, on the host; here that would stop the device at every step.
    """
    _refuse_subclasses(op, "indices", given)
    if getattr(getattr(given, "dtype", None), "kind", "") not in ("i", "u"):
        raise TypeError(
            f"{op}: indices are {getattr(given, 'dtype', type(given).__name__)}; whole numbers are needed"
        )
    one_library(op, x=x, indices=given)
    same_shape(op, "indices", given, x.shape, "x")
    pixels = int(np.prod(size))
    if isinstance(given, np.ndarray) and given.size and not (given.min() >= 0 and given.max() < pixels):
        worst = given.max() if given.max() >= pixels else given.min()
        raise ValueError(
            f"{op}: index {worst} lies outside the output plane {times(size)} (0 to {pixels - 1})"
        )


def labels(op: str, given: Array, logits: Array, ignore_index: int) -> None:
    """Check the labels of scores (N, C, ...): whole numbers, each a class or ``ignore_index``; a stranger is named.

    Labels on a device were checked once, on the host, by the loader.
    """
    _refuse_subclasses(op, "labels", given)
    if getattr(getattr(given, "dtype", None), "kind", "") not in ("i", "u"):
        raise TypeError(
            f"{op}: labels are {getattr(given, 'dtype', type(given).__name__)}; whole numbers are needed"
        )
    one_library(op, logits=logits, labels=given)
    same_shape(op, "labels", given, (len(logits), *logits.shape[2:]), "the logits without their class axis")
    if isinstance(given, np.ndarray):
        classes = logits.shape[1]
        stranger = ((given < 0) | (given >= classes)) & (given != ignore_index)
        if stranger.any():
            where = tuple(int(i) for i in np.argwhere(stranger)[0])
            raise ValueError(
                f"{op}: label {given[where]} at {where} is neither a class (0 to {classes - 1}) "
                f"nor ignore_index={ignore_index}"
            )


def listed(names: Sequence[str], most: int = 5) -> str:
    """List names, but not all hundred of them.

    Examples
    --------
    >>> listed(["w", "b", "gamma"], most=2)
    'w, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def is_array(a: object) -> bool:
    """Tell arrays, of NumPy or of a device, from what merely has their attributes: sparse matrices, tables, tensors."""
    return isinstance(a, np.ndarray | np.generic) or array_module(a) is not np


def _refuse_subclasses(op: str, name: str, a: object) -> None:
    """Refuse arrays that do not compute as arrays do."""
    if isinstance(a, np.ma.MaskedArray):
        raise TypeError(f"{op}: {name} is a masked array, whose mask would be ignored; give {name}.filled(0)")
    if isinstance(a, np.matrix):
        raise TypeError(
            f"{op}: {name} is a np.matrix, whose * is no product of elements; give np.asarray({name})"
        )


def _is_sequence(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _entries(value: object) -> str:
    count = len(value)  # type: ignore[arg-type]
    return "1 entry" if count == 1 else f"{count} entries"


def _pair(op: str, whole: object, value: object) -> tuple[int, int]:
    if not _is_sequence(value):
        p = integer(op, "padding", value)
        return p, p
    if len(value) != 2:  # type: ignore[arg-type]
        raise ValueError(f"{op}: padding={whole!r}: {value!r} is not a (before, after) pair")
    pair: Sequence[object] = value  # type: ignore[assignment]
    return integer(op, "padding", pair[0]), integer(op, "padding", pair[1])
