"""The operations and the matrices: each refuses in its own name and that of the argument, and has the defaults it says.

For each there is one sound call. Each of its arguments in turn is replaced by what nobody should give: the call goes
well, or the error begins with the operation's name and has the argument's in it.
"""

import re
import reprlib
import warnings
from fractions import Fraction

import numpy as np
import pytest
from checks import assert_same
from fuzz import HUGE, STRANGE, TOGETHER

import npseg
from npseg import room
from npseg.geometry import times

RNG = np.random.default_rng(0)
X, DX = RNG.integers(-9, 10, (2, 2, 5, 6)).astype(float), np.ones((2, 2, 5, 6))
W, WT, B = RNG.integers(-9, 10, (4, 1, 3, 2)).astype(float), np.ones((2, 2, 3, 2)), np.ones(4)
C = np.array([1.0, 2.0])
WHOLE = np.concatenate([W, W], axis=1)
WINDOW = {"kernel_size": (3, 2), "stride": 2, "padding": 1}
POOL = {**WINDOW, "ceil_mode": False}
AVERAGE = {**POOL, "count_include_pad": True, "divisor_override": 3}
TRANSPOSE = {"stride": 2, "padding": 1, "output_padding": 1, "output_size": None, "dilation": 1, "groups": 2}
LABELS = RNG.integers(0, 2, (2, 5, 6))

#: A sound call of each.
CALLS = {
    "avg_pool_forward": {"x": X, **AVERAGE, "method": "im2col"},
    "avg_pool_matrix": {"input_size": (5, 6), **AVERAGE},
    "batch_norm_forward": {
        **{"x": X, "gamma": C, "beta": C, "running_mean": C.copy(), "running_var": C.copy()},
        **{"training": True, "momentum": 0.1, "eps": 1e-5},
    },
    "bed_of_nails_matrix": {"input_size": (5, 6), "scale": (2, 3)},
    "bed_of_nails_unpool_forward": {"x": X, "scale": (2, 3), "method": "im2col"},
    "bilinear_kernel": {"factor": 2, "size": 4},
    "col2im": {"cols": np.ones((2, 12, 12)), "size": (5, 6), **WINDOW, "dilation": 1},
    "conv_forward": {
        **{"x": X, "w": W, "b": B, "stride": 2, "padding": 1, "dilation": 1, "groups": 2, "method": "im2col"},
    },
    "conv_matrix": {"w": W, "input_size": (5, 6), "stride": 2, "padding": 1, "dilation": 1, "groups": 2},
    "conv_transpose_forward": {"x": X, "w": WT, "b": B, **TRANSPOSE, "method": "im2col"},
    "crop_forward": {"x": X, "offset": (1, 2), "size": (3, 4)},
    "cross_entropy_forward": {
        **{"logits": X, "labels": LABELS, "weight": C, "ignore_index": 255},
        **{"reduction": "mean", "label_smoothing": 0.1},
    },
    "dropout_forward": {"x": X, "p": 0.5, "rng": RNG, "training": True},
    "im2col": {"x": X, **WINDOW, "dilation": 1},
    "im2col_matrix": {"input_size": (5, 6), **WINDOW, "channels": 2, "dilation": 1},
    "local_norm_forward": {"x": X, "size": 3, "eps": 1e-5, "method": "im2col"},
    "lrn_forward": {"x": X, "size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "max_pool_forward": {"x": X, **POOL, "dilation": 1, "method": "im2col"},
    "max_pool_matrix": {"x": X, **POOL, "dilation": 1},
    "max_unpool_forward": {
        **{"x": np.ones((2, 2, 3, 4)), "indices": np.arange(48).reshape(2, 2, 3, 4) % 12},
        **WINDOW,
        **{"output_size": (5, 6), "method": "im2col"},
    },
    "nearest_unpool_forward": {"x": X, "scale": (2, 3), "method": "im2col"},
    "nearest_unpool_matrix": {"input_size": (5, 6), "scale": (2, 3)},
    "relu_forward": {"x": X, "out": np.zeros_like(X)},
    "resize_bilinear_forward": {"x": X, "size": (7, 4), "align_corners": True},
    "resize_bilinear_matrix": {"input_size": (5, 6), "size": (7, 4), "align_corners": True},
    "tanh_forward": {"x": X},
}


def test_every_operation_has_a_sound_call():
    known = {
        name for name in npseg.__all__ if callable(getattr(npseg, name)) and not name.endswith("_backward")
    }
    assert set(CALLS) == known


pytestmark = pytest.mark.usefixtures("little_room")


#: What is no argument of any operation. The rest may be refused for how it goes with the other arguments.
WRONG = ("x", b"1", 1 + 2j, object, ..., {}, {1, 2}, print, np.array("x"), np.datetime64(1, "s"))


def misnamed(function, sound):
    """Return the outcomes, with one argument replaced, that are neither an answer nor a refusal in the right names."""
    found = []
    for argument, value in sound.items():
        for strange in WRONG:
            found += misnaming(function, {argument}, {**sound, argument: strange}, argument)
        for strange in (*STRANGE, *HUGE[2:], *misshapen(value)):
            found += misnaming(function, {*sound, *TOGETHER}, {**sound, argument: strange}, argument)
    return found


def misnaming(function, names, arguments, argument):
    """Call a function; return what is wrong with its refusal, which should begin with its own name and have another."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(**arguments)
    except (ValueError, TypeError) as error:
        where, _, why = str(error).partition(": ")
        if where != function.__name__ or not names & set(re.findall(r"\w+", why)):
            return [f"{argument}={reprlib.repr(arguments[argument])}: {error!r}"]
    return []


def misshapen(value):
    """Return arrays of other shapes, dtypes and libraries than a sound one's."""
    if not isinstance(value, np.ndarray):
        return [np.ones(7)]
    return [
        value[..., None],
        value[None],
        np.full(value.shape, "x"),
        np.ma.masked_array(value),
        value.astype("float16"),
    ]


@pytest.mark.parametrize("name", CALLS)
def test_a_refusal_names_the_operation_and_the_argument(name):
    found = misnamed(getattr(npseg, name), CALLS[name])
    assert not found, "\n".join(found)


PAIRS = [name for name in CALLS if name.endswith("_forward")]


@pytest.mark.parametrize("name", PAIRS)
def test_a_backward_refuses_in_its_own_name(name):
    y, cache = getattr(npseg, name)(**CALLS[name])
    backward = getattr(npseg, name.replace("_forward", "_backward"))
    out = {"out": np.zeros_like(y)} if name == "relu_forward" else {}
    found = misnamed(backward, {"dout": np.ones(np.shape(y), y.dtype), "cache": cache, **out})
    assert not found, "\n".join(found)


LINEAR = {"stride": (1, 2), "padding": (0, 1), "dilation": (1, 2)}
POOLED = {"stride": (3, 2), "padding": (0, 1), "ceil_mode": (False, True)}
PADDED = {"count_include_pad": (True, False), "divisor_override": (None, 3)}
RUNNING = ("running_mean", "running_var")
STATISTICS = {"training": (True, False), "momentum": (0.1, 0.2), "eps": (1e-5, 1e-3)}
SCORES = np.where(X < 0, X, -X)

#: For arguments that may be left out: calls in which they matter, and for each what is taken for it, and another value.
DEFAULTS = [
    ("avg_pool_forward", {"x": X, "kernel_size": 3}, POOLED),
    ("avg_pool_forward", {"x": X, "kernel_size": 3, "padding": 1}, PADDED),
    ("avg_pool_matrix", {"input_size": (5, 6), "kernel_size": 3}, POOLED),
    ("avg_pool_matrix", {"input_size": (5, 6), "kernel_size": 3, "padding": 1}, PADDED),
    ("batch_norm_forward", {"x": X, "gamma": C, "beta": C, "running_mean": C, "running_var": C}, STATISTICS),
    ("bilinear_kernel", {"factor": 2}, {"size": (4, 3)}),
    ("col2im", {"cols": np.ones((2, 12, 12)), "size": (4, 5), "kernel_size": (2, 3)}, LINEAR),
    ("conv_forward", {"x": X, "w": WHOLE}, {"b": (None, B), **LINEAR, "groups": (1, 2)}),
    ("conv_matrix", {"w": WHOLE, "input_size": (5, 6)}, {**LINEAR, "groups": (1, 2)}),
    ("conv_transpose_forward", {"x": X, "w": WT}, {"b": (None, B[:2]), **LINEAR, "groups": (1, 2)}),
    (
        "conv_transpose_forward",
        {"x": X, "w": WT, "stride": 2},
        {"output_padding": (0, 1), "output_size": (None, (12, 12))},
    ),
    (
        "cross_entropy_forward",
        {"logits": SCORES, "labels": LABELS},
        {
            "weight": (None, C),
            "ignore_index": (255, 1),
            "reduction": ("mean", "sum"),
            "label_smoothing": (0.0, 0.1),
        },
    ),
    ("im2col", {"x": X, "kernel_size": 2}, LINEAR),
    ("im2col_matrix", {"input_size": (5, 6), "kernel_size": 2}, {"channels": (1, 2), **LINEAR}),
    ("local_norm_forward", {"x": X, "size": 3}, {"eps": (1e-5, 1e-2)}),
    ("lrn_forward", {"x": X, "size": 3}, {"alpha": (1e-4, 1e-3), "beta": (0.75, 0.5), "k": (1.0, 2.0)}),
    ("max_pool_forward", {"x": X, "kernel_size": 3}, {**POOLED, "dilation": (1, 2)}),
    ("max_pool_matrix", {"x": X, "kernel_size": 3}, {**POOLED, "dilation": (1, 2)}),
    (
        "max_unpool_forward",
        {"x": X[..., :2, :2], "indices": np.arange(16).reshape(2, 2, 2, 2) % 4, "kernel_size": 3},
        {"stride": (3, 2), "padding": (0, 1), "output_size": (None, (7, 7))},
    ),
    ("resize_bilinear_forward", {"x": X, "size": (7, 4)}, {"align_corners": (False, True)}),
    ("resize_bilinear_matrix", {"input_size": (5, 6), "size": (7, 4)}, {"align_corners": (False, True)}),
]


def answer(name, arguments):
    """Return an operation's answer as an array, with the running statistics that a cache holds, or its refusal."""
    try:
        found = getattr(npseg, name)(**arguments)
    except ValueError as refusal:
        return (str(refusal),)
    y, cache = found if isinstance(found, tuple) else (found, None)
    return (
        y.toarray() if hasattr(y, "toarray") else np.asarray(y),
        *(getattr(cache, k, None) for k in RUNNING),
    )


@pytest.mark.parametrize(
    ("name", "call", "argument", "taken", "other"),
    [
        (name, call, argument, *values)
        for name, call, optional in DEFAULTS
        for argument, values in optional.items()
    ],
)
def test_an_argument_that_is_left_out_is_as_documented(name, call, argument, taken, other):
    left_out = answer(name, call)
    assert_same(answer(name, {**call, argument: taken}), left_out)
    with pytest.raises(AssertionError):
        assert_same(answer(name, {**call, argument: other}), left_out)


BY = "by kernel 3x2, stride 2x2 and padding ((1, 1), (1, 1))"

#: What each of the calls above asks for before any of it is taken: arrays, with the bytes of a number.
ROOM = {
    "avg_pool_forward": [
        "the places of all windows of kernel_size=3x2: 9 of 16",
        f"the values of all windows, {BY}: 2x2x3x4 of 8",
        f"the pixels below the windows, {BY}: 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 2x8x8 of 8",
        f"one row of windows, {BY}: 2x3x2x4 of 8",
    ],
    "bed_of_nails_unpool_forward": [
        "the output of scale=(2, 3): 2x2x10x18 of 8",
        "the indices of kernel_size=2x3 with padding ((0, 0), (0, 0)): 6x30 of 4",
    ],
    "bilinear_kernel": [
        "the kernel of factor=2: 4x4 of 8",
    ],
    "col2im": [
        f"the values of all windows, {BY}: 2x12x3x4 of 8",
        f"the pixels below the windows, {BY}: 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 2x8x8 of 8",
        f"one row of windows, {BY}: 2x3x2x4 of 8",
        "the images with padding ((1, 1), (1, 1)): 2x2x8x8 of 8",
    ],
    "conv_forward": [
        f"the values of all windows, {BY}: 2x4x3x4 of 8",
        f"the pixels below the windows, {BY}: 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 2x8x8 of 8",
        f"one row of windows, {BY}: 2x3x2x4 of 8",
    ],
    "conv_transpose_forward": [
        f"the values of all windows, {BY}: 2x2x5x6 of 8",
        f"the pixels below the windows, {BY}: 2x4x10x11 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 4x12x12 of 8",
        f"one row of windows, {BY}: 4x3x2x6 of 8",
    ],
    "im2col": [
        f"the values of all windows, {BY}: 2x12x3x4 of 8",
        f"the pixels below the windows, {BY}: 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 2x8x8 of 8",
        f"one row of windows, {BY}: 2x3x2x4 of 8",
        "x with padding ((1, 1), (1, 1)): 2x2x8x8 of 8",
    ],
    "local_norm_forward": [
        "the places of all windows of kernel_size=3x1: 15 of 16",
        "the values of all windows, by kernel 3x1, stride 1x1 and padding ((1, 1), (0, 0)): 2x2x5x6 of 8",
        "the pixels below the windows, by kernel 3x1, stride 1x1 and padding ((1, 1), (0, 0)): 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (0, 0)), by stride 1x1: 2x7x6 of 8",
        "one row of windows, by kernel 3x1, stride 1x1 and padding ((1, 1), (0, 0)): 2x3x1x6 of 8",
        "the places of all windows of kernel_size=1x3: 18 of 16",
        "the values of all windows, by kernel 1x3, stride 1x1 and padding ((0, 0), (1, 1)): 2x2x5x6 of 8",
        "the pixels below the windows, by kernel 1x3, stride 1x1 and padding ((0, 0), (1, 1)): 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((0, 0), (1, 1)), by stride 1x1: 2x5x8 of 8",
        "one row of windows, by kernel 1x3, stride 1x1 and padding ((0, 0), (1, 1)): 2x1x3x6 of 8",
    ],
    "max_pool_forward": [
        "the places of all windows of kernel_size=3x2: 9 of 16",
        f"the values of all windows, {BY}: 2x2x3x4 of 8",
        f"the pixels below the windows, {BY}: 2x2x5x6 of 8",
        "what the windows reach of the input and its padding ((1, 1), (1, 1)), by stride 2x2: 2x8x8 of 8",
        f"one row of windows, {BY}: 2x3x2x4 of 8",
        "the indices of kernel_size=3x2 with padding ((1, 1), (1, 1)): 6x12 of 4",
    ],
    "max_unpool_forward": [
        "the output, by kernel_size, stride and output_size: 2x2x5x6 of 8",
    ],
    "nearest_unpool_forward": [
        "the output of scale=(2, 3): 2x2x10x18 of 8",
    ],
    "resize_bilinear_forward": [
        "the output of size=(7, 4): 2x2x7x4 of 8",
        "the weights of size=(7, 4): 7 of 128",
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_room_is_asked_for_before_memory_is_taken(name, monkeypatch):
    asked = []

    def note(op, what, shape, like, itemsize=None):
        assert op == name
        assert type(like) is np.ndarray  # of a device's arrays room is not asked for
        if what not in CALLS[name]:
            asked.append(f"{what}: {times(shape)} of {itemsize or like.dtype.itemsize}")

    monkeypatch.setattr(room, "check", note)
    getattr(npseg, name)(**CALLS[name])
    if name in ROOM:
        assert asked == ROOM[name]


@pytest.mark.parametrize("name", [name for name in PAIRS if "method" in CALLS[name]])
def test_a_matrix_that_would_not_fit_is_refused_in_the_operations_name(name, monkeypatch):
    monkeypatch.setattr("npseg.methods.entries.LARGEST", 0)
    with pytest.raises(ValueError, match=f"^{name}: the matrix, .* use method='im2col'"):
        getattr(npseg, name)(**{**CALLS[name], "method": "matrix"})


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *[(name, "groups") for name in ("conv_forward", "conv_transpose_forward", "conv_matrix")],
        *[("bilinear_kernel", "factor"), ("bilinear_kernel", "size"), ("im2col_matrix", "channels")],
        *[("lrn_forward", "size"), ("local_norm_forward", "size"), ("nearest_unpool_forward", "scale")],
    ],
)
def test_what_is_counted_is_at_least_1(name, argument):
    with pytest.raises(ValueError, match=f"^{name}: {argument}=0 must be at least 1"):
        getattr(npseg, name)(**{**CALLS[name], argument: 0})


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, key) for name in PAIRS for key, v in CALLS[name].items() if getattr(v, "ndim", 0) == 1],
)
def test_a_vector_has_one_value_for_each_channel(name, argument):
    values = len(CALLS[name][argument])
    for shape in ((1,), (values + 1,), (values, 1), (1, values)):
        with pytest.raises(ValueError, match=f"^{name}: {argument} has shape .*one for each"):
            getattr(npseg, name)(**{**CALLS[name], argument: np.ones(shape)})


# On a device


def on(library, arguments):
    """Move the arrays of a call to a device, and make its generator one of the device."""
    moved = {k: library.asarray(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    return {k: npseg.backend.generator(0) if v is RNG else v for k, v in moved.items()}


@pytest.mark.parametrize("name", [name for name in PAIRS if "method" in CALLS[name]])
def test_the_loops_refuse_a_device_in_the_operations_name(name, stand_in):
    with pytest.raises(TypeError, match=rf"^{name}: method='loops' computes on the host"):
        getattr(npseg, name)(**{**on(stand_in, CALLS[name]), "method": "loops"})


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, key) for name in PAIRS for key, v in CALLS[name].items() if isinstance(v, np.ndarray)],
)
def test_an_array_on_the_host_among_those_of_a_device_is_named(name, argument, stand_in):
    if len([v for v in CALLS[name].values() if isinstance(v, np.ndarray)]) == 1:
        return
    with pytest.raises(TypeError, match=rf"^{name}: .*\b{argument} is a numpy array.*asarray\({argument}\)"):
        getattr(npseg, name)(**{**on(stand_in, CALLS[name]), argument: CALLS[name][argument]})


#: Those whose backward needs no array of the forward pass: it follows the gradient, wherever that lies.
FREE = {"avg_pool_forward", "crop_forward", "nearest_unpool_forward", "resize_bilinear_forward"}


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in FREE])
def test_a_gradient_on_the_host_after_a_forward_pass_on_a_device_is_named(name, stand_in):
    y, cache = getattr(npseg, name)(**on(stand_in, CALLS[name]))
    backward = name.replace("_forward", "_backward")
    with pytest.raises(TypeError, match=rf"^{backward}: dout is a numpy array"):
        getattr(npseg, backward)(np.ones(y.shape, y.dtype), cache)


@pytest.mark.parametrize("name", ["avg_pool_forward", "nearest_unpool_forward"])
def test_after_the_loops_a_gradient_on_a_device_is_refused(name, stand_in):
    y, cache = getattr(npseg, name)(**{**CALLS[name], "method": "loops"})
    backward = name.replace("_forward", "_backward")
    with pytest.raises(TypeError, match=f"^{backward}: method='loops' computes on the host"):
        getattr(npseg, backward)(stand_in.asarray(y), cache)


# The dtype


@pytest.mark.parametrize("left_out", [(), ("weight", "gamma", "beta", "b")], ids=["all", "without vectors"])
@pytest.mark.parametrize("name", [*PAIRS, "im2col", "col2im", "conv_matrix", "max_pool_matrix"])
def test_float32_stays_float32_in_what_is_returned_and_in_what_is_kept(name, left_out):
    given = {k: v.astype("float32") if floating(v) else v for k, v in CALLS[name].items()}
    found = getattr(npseg, name)(
        **{k: None if k in left_out and floating(v) else v for k, v in given.items()}
    )
    y, cache = found if isinstance(found, tuple) else (found, ())
    kept = [a for a in cache if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    assert {a.dtype.name for a in (y, *kept)} == {"float32"}


# Exact arithmetic

#: Those that add and multiply, and no more: by the loops with whatever numbers Python has.
EXACT = {name for name in PAIRS if "method" in CALLS[name]} - {"max_pool_forward", "local_norm_forward"}
FRACTIONS = np.frompyfunc(Fraction, 1, 1)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_the_loops_compute_with_fractions(name):
    backward = getattr(npseg, name.replace("_forward", "_backward"))
    floats = {k: v for k, v in CALLS[name].items() if k != "divisor_override"}
    fractions = {k: FRACTIONS(v) if floating(v) else v for k, v in floats.items()}
    y, cache = getattr(npseg, name)(**{**fractions, "method": "loops"})
    wanted, kept = getattr(npseg, name)(**floats)
    assert_objects(y, wanted)
    found, wanted = backward(FRACTIONS(np.ones(y.shape)), cache), backward(np.ones(y.shape), kept)
    for one, other in zip(*(d if isinstance(d, tuple) else (d,) for d in (found, wanted)), strict=True):
        assert_objects(one, other)


def floating(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def assert_objects(found, wanted):
    assert found.dtype == object
    np.testing.assert_allclose(found.astype(float), wanted, rtol=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_objects_are_told_of_the_loops_where_these_take_them(name):
    given = {k: v.astype(object) if floating(v) else v for k, v in CALLS[name].items()}
    with pytest.raises(
        TypeError, match=rf"^{name}: (x|logits) has dtype object; float32 or float64 is needed"
    ) as refusal:
        getattr(npseg, name)(**given)
    assert ("method='loops'" in str(refusal.value)) == (name in EXACT)
