"""Which array library computes: the switch, its errors, and that arrays of two libraries never meet unseen."""

import configparser
import contextlib
import importlib
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from checks import assert_same
from stand_in import stand_in_for_cupy

import npseg
from npseg import backend
from npseg.cli import main
from npseg.layers import Conv


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


def test_what_is_made_under_the_switch_is_of_that_library():
    with stand_in_for_cupy() as cupy:
        with backend.use("cupy"):
            assert backend.current() is cupy
            assert backend.array_module(*Conv(3, 2, 1, rng=None).params.values()) is cupy
            assert isinstance(backend.generator(0), cupy.random.Generator)
            with backend.use("numpy"):
                assert backend.array_module(*Conv(3, 2, 1, rng=None).params.values()) is np
            assert backend.current() is cupy
        assert backend.current() is np
        assert isinstance(backend.generator(0, library=cupy), cupy.random.Generator)


def test_the_switch_is_undone_after_an_error_too():
    with stand_in_for_cupy() as cupy, contextlib.suppress(KeyError), backend.use("cupy"):
        assert backend.current() is cupy
        raise KeyError
    assert backend.current() is np


def test_an_unknown_library_is_refused_and_the_choice_stays():
    with pytest.raises(ValueError, match="backend 'jax': choose one of 'numpy', 'cupy'"):
        backend.use("jax")
    assert backend.current() is np


# Where CuPy cannot be used


def fails(error):
    def fail(*args):
        raise error

    return fail


def without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)


def with_cupy_that_cannot_be_loaded(monkeypatch):
    """CuPy's own message is many lines between rules; what the loader said is its cause."""
    error = ImportError("=" * 16 + "\nFailed to import CuPy.\n\nOriginal error: ...\n" + "=" * 16)
    error.__cause__ = OSError("libnvrtc.so.12: cannot open shared object file")
    real = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name: fails(error)() if name == "cupy" else real(name)
    )


def with_cupy_without_a_device(monkeypatch):
    """As CuPy 14.2.0 does where there is no driver."""
    error = RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime")
    install(monkeypatch, count=fails(error))


def with_cupy_that_counts_none(monkeypatch):
    install(monkeypatch, count=lambda: 0)


def with_cupy_of_another_cuda(monkeypatch):
    """It imports and finds the device, and the first product asks for a library that is not there."""
    install(monkeypatch, ones=fails(RuntimeError("CuPy failed to load libcublas.so.12: OSError")))


def install(monkeypatch, count=lambda: 1, ones=None):
    cupy = types.ModuleType("cupy")
    cupy.__version__, cupy.ones = "14.2.0", ones
    cupy.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=count))
    monkeypatch.setitem(sys.modules, "cupy", cupy)


BROKEN = [
    (without_cupy, "backend 'cupy' is not installed"),
    (with_cupy_that_cannot_be_loaded, "cannot be loaded .libnvrtc.so.12: cannot open shared object file."),
    (with_cupy_without_a_device, "CuPy 14.2.0 has no device that it can use .cudaErrorInsufficientDriver"),
    (with_cupy_that_counts_none, "no device that it can use .there is none."),
    (with_cupy_of_another_cuda, "no device that it can use .CuPy failed to load libcublas.so.12"),
]


@pytest.mark.parametrize(("breaks", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_where_cupy_cannot_be_used_one_error_says_why_and_what_to_install(monkeypatch, breaks, message):
    breaks(monkeypatch)
    with pytest.raises(ValueError, match=message) as raised:
        backend.use("cupy")
    assert "pip install 'npseg[gpu]'" in str(raised.value)
    assert "cupy-cuda12x" in str(raised.value)
    assert "cupy-cuda13x" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert backend.current() is np, "and the choice stays"


def test_the_environment_chooses_until_the_switch_does(monkeypatch):
    monkeypatch.setattr(backend, "_chosen", None)
    monkeypatch.setenv("NPSEG_BACKEND", "cupy")
    with stand_in_for_cupy() as cupy:
        assert backend.current() is cupy
        with backend.use("numpy"):
            assert backend.current() is np
        assert backend.current() is cupy


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("jax", "NPSEG_BACKEND=jax: backend 'jax': choose one"),
        ("cupy", "NPSEG_BACKEND=cupy: .* not installed"),
    ],
)
def test_an_environment_that_chooses_what_there_is_not_says_so_when_asked(monkeypatch, value, message):
    monkeypatch.setattr(backend, "_chosen", None)
    without_cupy(monkeypatch)
    monkeypatch.setenv("NPSEG_BACKEND", value)
    with pytest.raises(ValueError, match=message):
        backend.current()


@pytest.mark.parametrize(
    "command", ["demo", "train", "compare", "bench", "evaluate nothing.npz", "predict nothing.npz a.png"]
)
def test_at_the_command_line_it_is_one_line_before_anything_is_done(monkeypatch, tmp_path, capsys, command):
    without_cupy(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "_chosen", None)
    words = command.split()
    assert main([*words, "--backend", "cupy"]) == 2
    monkeypatch.setenv("NPSEG_BACKEND", "cupy")
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"npseg {words[0]}: backend 'cupy' is not installed")
    assert lines[1].startswith(f"npseg {words[0]}: NPSEG_BACKEND=cupy: backend 'cupy' is not installed")
    assert not list(tmp_path.iterdir())


# What moves, and what may not meet


def test_to_numpy_copies_only_what_is_elsewhere():
    x = np.ones(3)
    assert backend.to_numpy(x) is x
    elsewhere = type("ndarray", (), {"__module__": "cupy", "get": lambda self: x})()
    assert backend.to_numpy(elsewhere) is x


def test_the_same_seed_gives_the_same_numbers():
    one, two, other = (backend.generator(seed).random(5) for seed in (3, 3, [3, 1]))
    assert (one == two).all()
    assert (one != other).any()


X, LABELS = np.arange(36.0).reshape(1, 1, 6, 6), np.zeros((1, 6, 6), int)
W = np.ones((1, 1, 3, 3))


def kept(name, *arguments, **options):
    """Return the cache of a forward pass."""
    return getattr(npseg, f"{name}_forward")(*arguments, **options)[1]


MIXED = {
    "x is a cupy array, w is a numpy array": lambda x: npseg.conv_forward(x, W),
    "x is a numpy array, w is a numpy array, b is a cupy array": lambda x: npseg.conv_forward(
        X, W, x[0, 0, 0, :1]
    ),
    "dout is a numpy array, x is a cupy array": lambda x: npseg.conv_backward(
        X, kept("conv", x, x[:, :, :3, :3], padding=1)
    ),
    "x is a numpy array, indices is a cupy array": lambda x: npseg.max_unpool_forward(
        X, x.astype(np.int32), 2, stride=1, output_size=7
    ),
    "dout is a cupy array, indices is a numpy array": lambda x: npseg.max_pool_backward(
        x[:, :, :3, :3], kept("max_pool", X, 2)
    ),
    "dout is a numpy array, y is a cupy array": lambda x: npseg.relu_backward(X, kept("relu", x)),
    "x is a numpy array, out is a cupy array": lambda x: npseg.relu_forward(X, out=x),
    "logits is a cupy array, labels is a numpy array": lambda x: npseg.cross_entropy_forward(x, LABELS),
    "logits is a numpy array, weight is a cupy array": lambda x: npseg.cross_entropy_forward(
        X, LABELS, weight=x[0, 0, 0, :1]
    ),
    "x is a cupy array, gamma is a numpy array": lambda x: npseg.batch_norm_forward(x, np.ones(1), None),
    "a Generator is needed, of cupy as x is": lambda x: npseg.dropout_forward(
        x, 0.5, rng=np.random.default_rng(0)
    ),
    "parameter is a numpy array, gradient is a cupy array": lambda x: npseg.training.SGD({"w": X}).step(
        {"w": x}, 1
    ),
}


@pytest.mark.parametrize("message", MIXED)
def test_arrays_of_two_libraries_in_one_call_are_refused_and_named(device, message):
    with pytest.raises(TypeError, match=message):
        MIXED[message](device.asarray(X))


def test_the_message_names_the_calls_that_move_an_array(device):
    with pytest.raises(
        TypeError, match=r"only where you say so: cupy.asarray\(w\), or npseg.backend.to_numpy\(x\)"
    ):
        npseg.conv_forward(device.asarray(X), W)


@pytest.mark.parametrize("name", ["conv", "conv_transpose", "max_pool", "avg_pool", "nearest_unpool"])
def test_the_loops_are_for_the_host_and_say_so(device, name):
    x = device.asarray(X)
    other = device.asarray(W) if name.startswith("conv") else 2
    with pytest.raises(TypeError, match="computes on the host") as told:
        getattr(npseg, f"{name}_forward")(x, other, method="loops")
    assert str(told.value) == (
        f"{name}_forward: method='loops' computes on the host, number by number, and was given an array on a device; "
        "choose another method, or move the arrays with npseg.backend.to_numpy"
    )


def test_a_gradient_of_the_device_is_not_taken_back_through_the_loops(device):
    _, cache = npseg.avg_pool_forward(X, 2, method="loops")
    with pytest.raises(TypeError, match="avg_pool_backward: method='loops' computes on the host"):
        npseg.avg_pool_backward(device.asarray(X[:, :, :3, :3]), cache)
    assert_same(npseg.avg_pool_backward(X[:, :, :3, :3], cache).shape, X.shape)


def test_the_extras_that_the_errors_name_are_there():
    config = configparser.ConfigParser()
    config.read(Path(__file__).parent.parent / "setup.cfg")
    extras = config["options.extras_require"]
    for name, wheel in re.findall(r"npseg\[(\w+)\]'.*?\((cupy-\w+)\)", backend._INSTALL):
        assert extras[name].strip().startswith(wheel)
    assert backend._INSTALL.count("npseg[") == 2
