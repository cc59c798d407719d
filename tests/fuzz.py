"""Hostile arguments for every operation: what the fuzz test draws.

For each argument there are values that fit, values on the edge, and values that no one should give. Most calls are
sound but for one argument or two, so that they come past the first check.
"""

import inspect

import numpy as np
from hypothesis import strategies as st

import npseg

HUGE = (2**15, 10**6, 2**31 - 1, 2**31, 2**32, 2**63, 10**400)
STRANGE = (
    *(None, True, "", "x", b"1", 1.5, float("nan"), float("inf"), -1, -(2**63), 1 + 2j, object, ...),
    *((), [], {}, {1, 2}, [[1]], (1, 2, 3, 4), ((1, 2),), (None, 1), ("a", "b"), range(3), slice(2), print),
    *(
        np.float64(2),
        np.int8(2),
        np.array(2),
        np.array([1, 2]),
        np.array([[1]]),
        np.array("x"),
        np.datetime64(1, "s"),
    ),
)
DTYPES = (
    "float32",
    "float64",
    "float16",
    "int64",
    "uint8",
    "bool",
    "complex64",
    "object",
    "U3",
    "S3",
    ">f8",
    "M8[s]",
)
#: Words for what several arguments make together.
TOGETHER = {"input", "output", "arrays", "cache", "index", "label", "window", "windows", "matrix", "plane"}
VALUES = (0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan, 3.4e38, 1e-40, -7.0)


class Lookalike:
    """Has an array's attributes and is none."""

    dtype, ndim, shape, size = np.dtype("float32"), 3, (1, 1, 4), 4


@st.composite
def arrays(draw, shape, dtype=None):
    """Draw an array of a shape; its values, and how it lies in memory, are as they may be."""
    dtype = draw(st.sampled_from(("float32", "float64"))) if dtype is None else dtype
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    with np.errstate(all="ignore"):
        a = rng.choice(VALUES[: draw(st.sampled_from((5, 9, len(VALUES))))], shape).astype(dtype)
    layout = draw(st.sampled_from(("C", "Fortran", "gaps", "backwards", "read-only", "broadcast")))
    if layout == "Fortran":
        return np.asfortranarray(a)
    if layout == "gaps" and a.ndim:
        return np.repeat(a, 2, axis=-1)[..., ::2]
    if layout == "backwards" and a.ndim:
        return a[..., ::-1]
    if layout == "broadcast" and a.ndim and a.shape[0]:
        return np.broadcast_to(a[:1], a.shape)
    a.flags.writeable = layout != "read-only"
    return a


@st.composite
def strange_arrays(draw):
    """Draw what may stand where an array should: other ranks, dtypes, sizes of 0, other kinds of object."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(
            st.sampled_from((*STRANGE, Lookalike(), [[[1.0, 2.0]]], np.ma.masked_array([[[1.0]]], True)))
        )
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=6)))
    if kind < 6:
        return draw(arrays(shape, draw(st.sampled_from(("float32", "float64")))))
    if kind == 6:  # large, and made of one number
        return np.broadcast_to(
            np.float32(1), draw(st.sampled_from(((1, 1, 10**9), (2, 3, 10**5, 10**5), (10**9, 1, 2))))
        )
    return np.zeros(shape, draw(st.sampled_from(DTYPES)))


def numbers(low=0, high=4):
    """Draw a number for all axes or one each; seldom one that nobody should give."""
    one = st.integers(low, high)
    each = st.lists(one, min_size=1, max_size=3).map(tuple)
    pairs = st.lists(st.tuples(one, one), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        one,
        one,
        one,
        each,
        pairs,
        st.sampled_from(HUGE),
        st.sampled_from(HUGE).map(lambda n: (n, 1)),
        st.sampled_from(STRANGE),
    )


def flags():
    return st.one_of(st.booleans(), st.sampled_from(STRANGE))


def floats():
    return st.one_of(st.floats(0, 1), st.floats(), st.sampled_from((*STRANGE, *HUGE)))


#: What is drawn for an argument of each name; an array's shape is the operation's (see SHAPES).
ARGUMENTS = {
    **dict.fromkeys(
        ("stride", "dilation", "groups", "kernel_size", "scale", "channels", "factor"), numbers(1)
    ),
    **dict.fromkeys(("padding", "output_padding", "offset"), numbers(0, 2)),
    **dict.fromkeys(("size", "input_size", "output_size"), numbers(1, 6)),
    **dict.fromkeys(("ceil_mode", "count_include_pad", "align_corners", "training"), flags()),
    **dict.fromkeys(
        ("divisor_override", "p", "momentum", "eps", "alpha", "beta_", "k", "label_smoothing"), floats()
    ),
    "method": st.one_of(
        st.sampled_from(("im2col", "matrix", "loops", "subpixel", "winograd", "winograd4", "auto")),
        st.sampled_from(STRANGE),
    ),
    "ignore_index": st.one_of(st.integers(-3, 300), st.sampled_from((*HUGE, *STRANGE))),
    "reduction": st.one_of(st.sampled_from(("mean", "sum", "none")), st.sampled_from(STRANGE)),
    "rng": st.one_of(st.builds(np.random.default_rng, st.integers(0, 9)), st.sampled_from(STRANGE)),
}

#: Names of array arguments, each with its axes: N images, C channels, A and B a weight's, S spatial, K a kernel's.
SHAPES = {
    **dict.fromkeys(("x", "logits", "indices", "out"), "NCS"),
    **dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "weight"), "C"),
    **{"w": "BCK", "b": "B", "labels": "NS", "cols": "NCS"},
}


@st.composite
def calls(draw, name):
    """Draw the arguments of a forward pass or of a matrix."""
    rank = draw(st.integers(1, 3))
    sides = {"N": [draw(st.integers(0, 2))], "C": [draw(st.integers(1, 3))], "B": [draw(st.integers(1, 3))]}
    sides["S"] = [draw(st.integers(1, 6 if rank < 3 else 4)) for _ in range(rank)]
    sides["K"] = [draw(st.integers(1, 3)) for _ in range(rank)]
    dtype = draw(st.sampled_from(("float32", "float64")))
    given = {}
    for argument, known in inspect.signature(getattr(npseg, name)).parameters.items():
        optional = known.default is not inspect.Parameter.empty
        if optional and draw(st.integers(0, 2)):
            continue
        is_number = name == "lrn_forward" and argument == "beta"
        if argument in SHAPES and not is_number:
            axes = "BK" if name.startswith("conv_transpose") and argument == "b" else SHAPES[argument]
            shape = tuple(side for axis in axes for side in sides[axis])
            kind = "int64" if argument in ("labels", "indices") else dtype
            sound = np.zeros(shape, kind) if kind == "int64" else draw(arrays(shape, kind))
            given[argument] = draw(strange_arrays()) if draw(st.integers(0, 14)) == 0 else sound
        else:
            given[argument] = draw(ARGUMENTS["beta_" if is_number else argument])
    return given
