"""Which array library computes; and that the operations ask it for everything.

No machine of ours needs a GPU for this: a stand-in takes CuPy's place, whose arrays refuse what CuPy's refuse.
"""

import contextlib
import sys
import types

import numpy as np
import pytest
from checks import assert_same
from stand_in import stand_in_for_cupy

import npseg
from npseg import backend


def test_the_library_is_that_of_the_arrays():
    assert backend.array_module() is np
    assert backend.array_module(np.zeros(1), None, np.float32(2)) is np


def test_arrays_of_different_libraries_are_refused_with_the_way_to_move_them():
    other = type("ndarray", (), {"__module__": "cupy._core.core"})()
    with pytest.raises(
        TypeError, match=r"different libraries \(cupy, numpy\); move them to one, with npseg.backend"
    ):
        backend.array_module(np.zeros(1), other)


def test_use_stays_chosen_and_is_undone_at_the_end_of_a_block():
    with backend.use("numpy") as chosen:
        assert isinstance(chosen, backend.use)
        assert backend.current() is np
    assert backend.current() is np


def test_an_unknown_or_missing_library_is_refused_and_the_choice_stays(monkeypatch):
    with pytest.raises(ValueError, match="backend 'jax': choose one of 'numpy', 'cupy'"):
        backend.use("jax")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ValueError, match="backend 'cupy' is not installed"):
        backend.use("cupy")
    assert backend.current() is np


def test_the_switch_is_undone_after_an_error_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))
    with contextlib.suppress(KeyError), backend.use("cupy"):
        assert backend.current().__name__ == "cupy"
        raise KeyError
    assert backend.current() is np


def test_to_numpy_copies_only_what_is_elsewhere():
    x = np.ones(3)
    assert backend.to_numpy(x) is x
    elsewhere = types.SimpleNamespace(get=lambda: x)
    assert backend.to_numpy(elsewhere) is x


def test_the_same_seed_gives_the_same_numbers():
    one, two, other = (backend.generator(seed).random(5) for seed in (3, 3, [3, 1]))
    assert (one == two).all()
    assert (one != other).any()


# The operations on the stand-in for CuPy


@pytest.fixture
def cupy():
    with stand_in_for_cupy() as library:
        yield library


def test_the_stand_in_refuses_what_cupy_refuses(cupy):
    x = cupy.ones((2, 3))
    for wrong in (
        lambda: np.asarray(x),
        lambda: np.exp(x),
        lambda: np.concatenate([x, x]),
        lambda: x + np.ones((2, 3)),
        lambda: np.ones((2, 3)) + x,
        lambda: cupy.maximum(x, np.ones((2, 3))),
        lambda: bool(x.sum() > 0),
        lambda: float(x.sum()),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert backend.array_module(x) is cupy
    assert (backend.to_numpy(2 * x[:, 1:] + 1) == 3).all()


def _pair(name, *arguments, **options):
    """Name an operation, the arrays it takes, and its options."""
    label = f"{name} {options}" if options else name
    return pytest.param(name, arguments, options, id=label)


RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 4, 5, 6))
CHANNELS = RNG.random((4, 4)) + 0.5
LABELS = RNG.integers(0, 4, (2, 5, 6))
LABELS[0, 0] = 255
PLACES = RNG.integers(0, 120, X.shape)


@pytest.mark.parametrize(
    ("name", "given", "options"),
    [
        _pair("conv", X, RNG.random((6, 2, 3, 2)), RNG.random(6), stride=2, padding=1, groups=2),
        _pair("conv_transpose", X, RNG.random((4, 3, 3, 2)), RNG.random(6), stride=2, padding=1, groups=2),
        _pair("conv", X, RNG.random((6, 2, 3, 3)), RNG.random(6), padding=1, groups=2, method="winograd"),
        _pair("conv", X, RNG.random((6, 4, 3, 3)), padding=(2, 0), method="winograd4"),
        _pair("conv", X, RNG.random((6, 4, 3, 3)), padding=1, method="auto"),
        _pair("conv_transpose", X, RNG.random((4, 3, 3, 2)), stride=2, groups=2, method="subpixel"),
        _pair("max_pool", X, 3, stride=2, padding=1, ceil_mode=True),
        _pair("avg_pool", X, 3, stride=2, padding=1, ceil_mode=True),
        _pair("avg_pool", X, 2, count_include_pad=False, divisor_override=3),
        _pair("max_unpool", X, PLACES, 2),
        _pair("nearest_unpool", X, 2),
        _pair("bed_of_nails_unpool", X, 2),
        _pair("resize_bilinear", X, (7, 3)),
        _pair("resize_bilinear", X, (7, 3), align_corners=True),
        _pair("crop", X, 1, 3),
        _pair("relu", X),
        _pair("tanh", X),
        _pair("lrn", X, 3),
        _pair("batch_norm", X, *CHANNELS[:2]),
        _pair("batch_norm", X, None, None, running_mean=CHANNELS[2], running_var=CHANNELS[3]),
        _pair("batch_norm", X, None, None, running_mean=CHANNELS[2], running_var=CHANNELS[3], training=False),
        _pair("cross_entropy", X, LABELS),
        _pair("cross_entropy", X, LABELS, weight=CHANNELS[0], reduction="sum", label_smoothing=0.1),
        _pair("cross_entropy", X, LABELS, reduction="none"),
    ],
)
def test_an_operation_asks_the_library_of_its_arrays_for_everything(cupy, name, given, options):
    """Forward and backward give on the device, to the last bit, what they give on the host."""
    forward, backward = getattr(npseg, f"{name}_forward"), getattr(npseg, f"{name}_backward")

    def on_device(a):
        return cupy.asarray(a) if isinstance(a, np.ndarray) else a

    expected, cache = forward(*given, **options)
    dout = np.asarray(np.random.default_rng(1).standard_normal(expected.shape))
    gradients = backward(dout, cache)
    y, cache = forward(*map(on_device, given), **{key: on_device(value) for key, value in options.items()})
    found = backward(on_device(dout), cache)
    assert_same(backend.to_numpy(y), expected)
    if not isinstance(gradients, tuple):
        gradients, found = (gradients,), (found,)
    assert_same(tuple(g if g is None else backend.to_numpy(g) for g in found), gradients)


def test_dropout_and_columns_stay_on_the_device(cupy):
    x = cupy.asarray(X)
    with backend.use("cupy"):
        y, cache = npseg.dropout_forward(x, 0.5, rng=backend.generator(0))
    assert backend.array_module(y, npseg.dropout_backward(y, cache)) is cupy
    cols = npseg.im2col(x, 3, stride=2, padding=1)
    assert_same(backend.to_numpy(cols), npseg.im2col(X, 3, stride=2, padding=1))
    back = npseg.col2im(cols, (5, 6), 3, stride=2, padding=1)
    expected = npseg.col2im(backend.to_numpy(cols), (5, 6), 3, stride=2, padding=1)
    assert_same(backend.to_numpy(back), expected)


def test_a_pooling_keeps_its_indices_on_the_device(cupy):
    _, cache = npseg.max_pool_forward(cupy.asarray(X), 2)
    assert backend.array_module(cache.indices) is cupy
