"""Which shapes fit each other.

Images and weights, vectors and channels, an output and its gradient; and what indices and labels may point to.
"""

from __future__ import annotations

import numpy as np

from npseg.arguments.types import arrays, refuse_subclasses
from npseg.backend import Array, one_library
from npseg.geometry import Ints, times


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


def per_channel(values: Array, n: int) -> Array:
    """Shape one value for each channel so that it meets (N, C, *spatial) with n spatial axes."""
    return values.reshape(-1, *(1,) * n)


def but_channels(a: Array) -> tuple[int, ...]:
    """Return all axes of (N, C, *spatial) but the channels': those that a sum for each channel runs over."""
    return (0, *range(2, a.ndim))


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


def indices(op: str, given: Array, x: Array, size: Ints) -> None:
    """Check flat indices into planes of spatial size ``size``: whole numbers, one for each value of x, in range.

    Indices on a device were checked once, on the host; here that would stop the device at every step.
    """
    _refuse_fractions(op, "indices", given)
    one_library(op, x=x, indices=given)
    same_shape(op, "indices", given, x.shape, "x")
    pixels = int(np.prod(size))
    if isinstance(given, np.ndarray) and given.size and not (given.min() >= 0 and given.max() < pixels):
        worst = given.max() if given.max() >= pixels else given.min()
        raise ValueError(
            f"{op}: indices hold {worst}, which lies outside the output plane {times(size)} (0 to {pixels - 1})"
        )


def labels(op: str, given: Array, logits: Array, ignore_index: int) -> None:
    """Check the labels of scores (N, C, ...): whole numbers, each a class or ``ignore_index``; a stranger is named.

    Labels on a device were checked once, on the host, by the loader.
    """
    _refuse_fractions(op, "labels", given)
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


def _refuse_fractions(op: str, name: str, given: Array) -> None:
    """Refuse indices or labels that are no array of whole numbers, on the host or on a device."""
    refuse_subclasses(op, name, given)
    if getattr(getattr(given, "dtype", None), "kind", "") not in ("i", "u"):
        raise TypeError(
            f"{op}: {name} are {getattr(given, 'dtype', type(given).__name__)}; whole numbers are needed"
        )
