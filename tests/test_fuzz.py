"""Whatever an operation is given: a right answer, or a ValueError or TypeError that names the argument.

``NPSEG_FUZZ=20000 pytest tests/test_fuzz.py`` draws so many calls of each function; the default is a few. Memory is
held to little, so that what asks for much is refused here as it would be elsewhere.
"""

import inspect
import os
import re
import warnings

import numpy as np
import pytest
from fuzz import HUGE, STRANGE, TOGETHER, calls, strange_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import npseg
from npseg import room
from npseg.methods import loops

EXAMPLES = int(os.environ.get("NPSEG_FUZZ", "25"))

PAIRS = [name for name in npseg.__all__ if name.endswith("_forward")]
OTHERS = [name for name in npseg.__all__ if name.endswith("_matrix")] + [
    "im2col",
    "col2im",
    "bilinear_kernel",
]

many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


@pytest.fixture(autouse=True)
def _little_room(monkeypatch):
    """Let this machine have 32 MiB, and the loops a moment."""
    monkeypatch.setattr(room, "memory", lambda: 2**25)
    monkeypatch.setattr(loops, "MOST_PRODUCTS", 10**4)
    monkeypatch.setattr("npseg.methods.entries.LARGEST", 2**22)


def check_outcome(function, arguments):
    """Call a function: what it returns, or None if it refused by the name of an argument; nothing else may happen."""
    before = {name: copied(value) for name, value in arguments.items()}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(**arguments)
    except (ValueError, TypeError) as error:
        check_refusal(error, function)
        result = None
    for key, value in before.items():
        if key != "rng" and isinstance(value, np.ndarray) and key != "out":
            assert_same(arguments[key], value)
    return result


def check_refusal(error, function):
    said = str(error)
    known = set(inspect.signature(function).parameters) | TOGETHER
    assert said.startswith(f"{function.__name__}: "), f"does not say where: {error!r}"
    assert set(re.findall(r"\w+", said)) & known, f"names no argument: {error!r}"


def copied(value):
    small = isinstance(value, np.ndarray) and value.size <= 10**4
    return value.copy() if small else None


def assert_same(a, b):
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    assert a.tobytes() == b.tobytes(), "an input was changed"


@pytest.mark.parametrize("name", PAIRS)
@many
@given(data=st.data())
def test_a_pair_answers_or_refuses(name, data):
    forward = getattr(npseg, name)
    backward = getattr(npseg, name.replace("_forward", "_backward"))
    found = check_outcome(forward, data.draw(calls(name)))
    if found is None:
        cache = data.draw(st.sampled_from((*STRANGE, *HUGE)))
        check_outcome(backward, {"dout": data.draw(strange_arrays()), "cache": cache})
        return
    y, cache = found
    assert y.dtype in ("float32", "float64", "object")
    dout = (
        data.draw(strange_arrays())
        if data.draw(st.integers(0, 3)) == 0
        else np.full(y.shape, np.inf, y.dtype)
    )
    check_outcome(backward, {"dout": dout, "cache": cache})


@pytest.mark.parametrize("name", OTHERS)
@many
@given(data=st.data())
def test_a_matrix_or_columns_answer_or_refuse(name, data):
    check_outcome(getattr(npseg, name), data.draw(calls(name)))


METHODS = st.sampled_from(("im2col", "matrix", "auto"))
WITH_LOOPS = [name for name in PAIRS if "method" in inspect.signature(getattr(npseg, name)).parameters]


@pytest.mark.parametrize("name", WITH_LOOPS)
@many
@given(data=st.data())
def test_an_answer_is_that_of_the_loops(name, data):
    """In float64 and to rounding, of finite numbers, unless one of the methods refuses for its cost."""
    arguments = data.draw(calls(name))
    found = check_outcome(getattr(npseg, name), {**arguments, "method": data.draw(METHODS)})
    floats = [a for a in arguments.values() if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    if name == "local_norm_forward":  # which takes squares
        with np.errstate(over="ignore"):
            floats = [a * a for a in floats]
    if found is None or not all(np.isfinite(a).all() for a in floats):
        return
    exact = {
        key: a.astype("float64") if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.ndim else a
        for key, a in arguments.items()
    }
    truth = check_outcome(getattr(npseg, name), {**exact, "method": "loops"})
    if truth is not None and np.abs(truth[0]).max(initial=0) < 1e6:
        np.testing.assert_allclose(found[0], truth[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strange", [None, "x", 3, (1, 2), np.ones(3)], ids=repr)
@pytest.mark.parametrize("name", PAIRS)
def test_a_cache_that_is_none_is_refused(name, strange):
    backward = getattr(npseg, name.replace("_forward", "_backward"))
    with pytest.raises(
        TypeError, match=rf"{backward.__name__}: cache is a \w+; the \w+Cache that {name} has returned"
    ):
        backward(np.ones((1, 1, 2)), strange)


@pytest.mark.parametrize("huge", [2**31, 2**32, 2**63, 10**30])
@pytest.mark.parametrize("name", ["stride", "padding", "dilation"])
def test_numbers_beyond_32_bits_are_refused(name, huge):
    with pytest.raises(ValueError, match=rf"conv_forward: {name}={huge} must be at most 2147483647"):
        npseg.conv_forward(np.ones((1, 1, 4)), np.ones((1, 1, 2)), **{name: huge})


@pytest.mark.parametrize(
    "call",
    [
        lambda x: npseg.conv_forward(x, x[..., :1], padding=10**8),
        lambda x: npseg.conv_forward(x, x[..., :1], padding=10**8, stride=10**8),
        lambda x: npseg.conv_transpose_forward(x, x, stride=10**8),
        lambda x: npseg.conv_transpose_forward(x, x, stride=10**8, padding=10**8),
        lambda x: npseg.nearest_unpool_forward(x, 10**8),
        lambda x: npseg.bed_of_nails_unpool_forward(x, 10**8),
        lambda x: npseg.max_unpool_forward(x, np.zeros(x.shape, int), 1, stride=10**8),
        lambda x: npseg.resize_bilinear_forward(x, 10**8),
        lambda x: npseg.max_pool_forward(x, 10**8, padding=10**8 - 2, stride=1),
        lambda x: npseg.im2col(x, 1, padding=10**8),
        lambda x: npseg.col2im(x[..., :1], (10**8,), 1, stride=10**8),
        lambda x: npseg.bilinear_kernel(10**8),
    ],
)
def test_what_would_not_fit_is_refused_with_what_it_would_take(call):
    with pytest.raises(ValueError, match=r"would take [\d,.]+ GiB, and this machine has 0\.0 GiB"):
        call(np.ones((1, 1, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_comes_through_a_closed_unit(dtype):
    _, cache = npseg.relu_forward(np.array([-1.0, 2.0, 0.0, -3.0, np.nan], dtype))
    dx = npseg.relu_backward(np.array([np.inf, np.inf, np.nan, -np.inf, 1.0], dtype), cache)
    assert dx.tolist() == [0, np.inf, 0, 0, 0]


def test_what_relu_writes_to_is_looked_at():
    x = np.ones((4, 5))
    x.flags.writeable = False
    with pytest.raises(ValueError, match="relu_forward: out is read-only"):
        npseg.relu_forward(np.ones((4, 5)), out=x)
    y = np.ones((5, 5))
    with pytest.raises(ValueError, match="relu_forward: out overlaps with the input"):
        npseg.relu_forward(y[1:], out=y[:-1])
    npseg.relu_forward(y, out=y)
