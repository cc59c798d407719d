"""What ``npseg explain`` draws: an operation of a given geometry, on numbers or letters of our own choosing.

Who asks what a transposed convolution does with stride 2 and padding 1 has a geometry in mind and no image. So the
cells are counted through: the input 1, 2, 3, ..., the kernel likewise, or a, b, c, ... and x, y, z. Where numbers
compete, in max pooling, they are shuffled, always in the same way.
"""

from __future__ import annotations

import inspect
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

import npseg
from npseg import arguments
from npseg.draw import Steps, steps
from npseg.draw.stepper.passes import PASSES
from npseg.draw.stepper.products import refuse_many
from npseg.geometry import Ints, times

#: What each operation needs to be told besides the size of its input; everything else has a default.
NEEDED = dict.fromkeys(PASSES, "kernel") | {
    "nearest_unpool": "scale",
    "bed_of_nails_unpool": "scale",
    "resize_bilinear": "size",
}

#: The letters that symbols begin with, and the name before their number where there are more than letters.
_LETTERS = {"x": ("abcdefghijklmnopqrst", "x"), "w": ("xyz", "w"), "dout": ("pqrstuvw", "d")}

#: What the mark of our own pages is, which may be written over.
_OURS = b'class="npseg-steps"'


def explain(
    operation: str,
    input_size: Ints,
    *,
    channels: int = 1,
    filters: int = 1,
    symbols: bool = False,
    view: str | None = None,
    **options: Any,
) -> Steps:
    """Step through an operation of a given geometry.

    Parameters
    ----------
    operation : str
        As for :func:`npseg.draw.steps`.
    input_size : tuple of int
        Spatial size of the forward pass's input; of col2im, that of its output.
    channels, filters : int
        Channels of the input, and, of a convolution, of the output.
    symbols : bool
        Letters instead of numbers.
    view : str, optional
        As for :func:`npseg.draw.steps`.
    **options
        ``kernel``, ``scale`` or ``size``, as the operation needs, and its own options.

    Returns
    -------
    npseg.draw.Steps

    Raises
    ------
    ValueError
        If something needed is missing, an option is none of the operation's, or the geometry does not fit.
    TypeError
        If a size is no whole number.

    Examples
    --------
    >>> print(explain("conv", (4,), kernel=3, stride=2, padding=1, symbols=True))
    out = floor((size + padding − dilation·(kernel − 1) − 1) / stride) + 1
    length: floor((4 + 1 + 1 − 1·(3 − 1) − 1) / 2) + 1 = floor(3 / 2) + 1 = 2
    y[0] = 0·x + a·y + b·z = ay+bz
    y[1] = b·x + c·y + d·z = bx+cy+dz
    """
    op = "explain"
    arguments.choice(op, "operation", operation, PASSES)
    base = operation.removesuffix("_backward")
    input_size = arguments.axes(op, "input_size", input_size, arguments.rank(op, input_size=input_size))
    channels = arguments.integer(op, "channels", channels, 1)
    filters = arguments.integer(op, "filters", filters, 1)
    arguments.flag(op, "symbols", symbols)
    if NEEDED[base] not in options:
        raise ValueError(f"{operation} needs --{NEEDED[base]}")
    _refuse_foreign(operation, options if filters == 1 else {**options, "filters": filters})
    if "kernel" in options:
        options["kernel"] = arguments.axes(op, "kernel", options["kernel"], len(input_size))

    x = _counted("x", (1, channels, *input_size), symbols, shuffled=base == "max_pool")
    if base.startswith("conv"):
        options["w"] = _counted("w", _weight_shape(base, channels, filters, options), symbols)
    elif "kernel" in options:
        options["kernel_size"] = options.pop("kernel")
    if base == "col2im":
        x = _counted("x", npseg.im2col(np.zeros(x.shape), **options).shape, symbols)
        options["size"] = input_size
    if base == "max_unpool":
        options["indices"] = _switches(x.shape, **options)
    if operation != base:
        forward = {key: value for key, value in options.items() if key != "wrt"}
        options["dout"] = _counted("dout", steps(base, x, **forward).output.shape, symbols)
    return steps(operation, x, view=view, **options)


def _refuse_foreign(operation: str, options: dict[str, Any]) -> None:
    """Refuse options that the operation does not have, under the names of their flags."""
    base = operation.removesuffix("_backward")
    forward = getattr(npseg, base if base in ("im2col", "col2im") else f"{base}_forward")
    known = {NEEDED[base], *inspect.signature(forward).parameters}
    if base.startswith("conv"):
        known |= {"filters", "wrt"} if operation != base else {"filters"}
    foreign = [f"--{name.replace('_', '-')}" for name in sorted(options.keys() - known)]
    if foreign:
        raise ValueError(f"{operation} has no {', '.join(foreign)}")


def write(walk: Steps, path: Path) -> None:
    """Write the page, over an older one of ours, but over nothing else.

    Raises
    ------
    ValueError
        If there is another file.
    """
    if path.exists() and not (path.suffix == ".html" and _OURS in path.read_bytes()):
        raise ValueError(f"{path} is there already, and is none of npseg's pages; give another --output")
    walk.save(path)


def _counted(
    name: str, shape: tuple[int, ...], symbols: bool, *, shuffled: bool = False
) -> np.ndarray[Any, Any]:
    """Fill an array with 1, 2, 3, ..., or with letters."""
    count = prod(shape)
    refuse_many(count, f"cells of {name}")
    if symbols:
        letters, prefix = _LETTERS[name]
        cells = list(letters[:count]) if count <= len(letters) else [f"{prefix}{i}" for i in range(count)]
        return np.array(cells, object).reshape(shape)
    values = np.arange(1.0, count + 1)
    return (np.random.default_rng(231).permutation(values) if shuffled else values).reshape(shape)


def _weight_shape(base: str, channels: int, filters: int, options: dict[str, Any]) -> tuple[int, ...]:
    """Return the shape of a convolution's, or its transpose's, weights; ``kernel`` is taken out of the options."""
    kernel = options.pop("kernel")
    groups = arguments.integer("explain", "groups", options.get("groups", 1), 1)
    below, above = (filters, channels) if base == "conv_transpose" else (channels, filters)
    if below % groups or above % groups:
        raise ValueError(f"explain: groups={groups} must divide both --channels and --filters")
    return above, below // groups, *kernel


def _switches(shape: tuple[int, ...], **options: Any) -> np.ndarray[Any, Any]:
    """Return where a max pooling of shuffled numbers, to this shape, has found its winners."""
    planes, pooled = shape[:2], shape[2:]
    size = options.pop("output_size", None)
    if size is None:
        zeros = np.zeros(shape)
        size = npseg.max_unpool_forward(zeros, zeros.astype(int), **options)[0].shape[2:]
    x = _counted(
        "x", (*planes, *arguments.axes("explain", "output_size", size, len(pooled))), False, shuffled=True
    )
    indices: np.ndarray[Any, Any] = npseg.max_pool_forward(x, **options)[1].indices
    if indices.shape != shape:
        raise ValueError(
            f"explain: output_size={times(x.shape[2:])} is pooled to {times(indices.shape[2:])} by this kernel and "
            f"stride, and input_size is {times(pooled)}"
        )
    return indices
