"""Operations, layers, networks, training, prediction and checkpoints on a device, held against the host's answers.

On the stand-in for CuPy all of it runs everywhere, and must give the host's bits; on CuPy itself, where a device
answers (marker ``gpu``), what is exact on whole numbers must be, and the rest may differ by rounding. On the stand-in
what moves is counted, too: nothing inside of an operation, a layer, a network or an optimizer.
"""

import contextlib
import sys
from unittest import mock

import numpy as np
import pytest
import stand_in as stand_in_module
from checks import assert_same, chunks_of

import npseg
from npseg import backend, check, layers, workers
from npseg.check import operations, rounding
from npseg.check.cases import every_case
from npseg.cli import main
from npseg.data import SCENE_CLASSES, Normalization, Scenes, batches, write_labels
from npseg.geometry import Window
from npseg.layers import Container, Layer
from npseg.methods import im2col, points, pooling, winograd
from npseg.methods.choose import HOST, METHODS
from npseg.networks import NETWORKS
from npseg.networks.weights import transplant
from npseg.planes import shape_above
from npseg.predict import Labeller
from npseg.training import SGD, Adam, Run, Settings, load_labeller
from npseg.training.checkpoints import load, save


def whole(*shape, low=-4, high=5, seed=0):
    """Return small whole numbers, on which the linear operations are exact."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(float)


def real(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def to(xp, value):
    """Move an array, those of a tuple, or nothing of what is none."""
    if isinstance(value, tuple):
        return tuple(to(xp, v) for v in value)
    return xp.asarray(value) if isinstance(value, np.ndarray) else value


def back(value):
    """Bring an array, or those of a tuple, to the host."""
    if isinstance(value, tuple):
        return tuple(map(back, value))
    return backend.to_numpy(value) if hasattr(value, "get") else value


def assert_as_on_host(found, expected, *, exact=True):
    """Assert that what a device gives is what the host gives: to the bit, or on a real device within rounding."""
    found = back(found)
    if exact or not real_device():
        assert_same(found, expected)
        return
    for one, other in zip(*((v if isinstance(v, tuple) else (v,)) for v in (found, expected)), strict=True):
        if other is not None:
            assert one.dtype == other.dtype
            tolerance = 1e-4 if one.dtype == np.float32 else 1e-10
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * abs(other).max(initial=0))


def real_device():
    return sys.modules["cupy"].__version__ != "stand-in"


@contextlib.contextmanager
def nothing_moves():
    """Assert that nothing moves between host and device, nor makes the one wait for the other: on the stand-in."""
    with stand_in_module.moves() as seen:
        yield
    assert seen == []


@contextlib.contextmanager
def on_the_host():
    """Compute with NumPy, and as a device does in one piece: sums are then taken in the same order."""
    with backend.use("numpy"), mock.patch.object(workers, "in_pieces", lambda like: like is None):
        yield


# Operations

X = whole(2, 4, 5, 6)
UNUSUAL = whole(2, 3, 6, 6, low=0, high=3, seed=4)  # with many that are equal
UNUSUAL[0, 0, :3, :3], UNUSUAL[1, 1, 2, 2], UNUSUAL[1, 2, 4, 4] = -np.inf, np.nan, np.inf
LABELS = np.random.default_rng(1).integers(0, 4, (2, 5, 6))
LABELS[0, 0] = 255
PLACES = np.random.default_rng(2).integers(0, 120, X.shape)
WEIGHTS = real(4) ** 2 + 0.5
STATISTICS = {"running_mean": real(4), "running_var": real(4) ** 2 + 0.5}
GROUPED = {"stride": 2, "padding": 1, "groups": 2}

#: Operations that are sums of products, or choose: exact on whole numbers.
EXACT = {
    "conv": [
        ((X, whole(6, 2, 3, 2), whole(6)), GROUPED),
        ((X, whole(6, 4, 3, 3)), {"padding": "same", "dilation": 2}),
        ((whole(1, 3, 9), whole(2, 3, 3)), {}),
        ((whole(1, 2, 4, 5, 4), whole(2, 2, 2, 3, 2)), {"stride": (1, 2, 1)}),
    ],
    "conv_transpose": [
        ((X, whole(4, 3, 3, 2), whole(6)), GROUPED),
        ((X, whole(4, 3, 3, 3)), {"stride": 2, "padding": 1, "output_padding": 1}),
    ],
    "max_pool": [
        ((X, 3), {"stride": 2, "padding": 1, "ceil_mode": True}),
        ((real(2, 3, 8, 8), 2), {}),
        ((UNUSUAL, 2), {"stride": 1}),
    ],
    "avg_pool": [
        ((4 * X, 2), {"stride": 2, "ceil_mode": True, "divisor_override": 4}),
        ((X, 2), {"count_include_pad": False, "divisor_override": 2, "padding": 1}),
    ],
    "max_unpool": [((X, PLACES, 2), {})],
    "nearest_unpool": [((X, 2), {})],
    "bed_of_nails_unpool": [((X, 2), {})],
    "crop": [((X, 1, 3), {})],
    "relu": [((X,), {}), ((UNUSUAL,), {})],
    "resize_bilinear": [((8 * X, (10, 12)), {}), ((8 * X, (9, 3)), {"align_corners": True})],
}
#: Operations that divide, or take a root or an exponential.
ROUNDED = {
    "avg_pool": [((real(2, 4, 5, 6), 3), {"stride": 2, "padding": 1, "ceil_mode": True})],
    "tanh": [((real(2, 3, 4),), {})],
    "lrn": [((X, 3), {})],
    "local_norm": [((X, 3), {})],
    "batch_norm": [
        ((real(2, 4, 5, 6), WEIGHTS, real(4)), {}),
        ((real(2, 4, 5, 6), None, None), STATISTICS),
        ((real(2, 4, 5, 6), None, None), STATISTICS | {"training": False}),
    ],
    "cross_entropy": [
        ((X, LABELS), {}),
        ((X, LABELS), {"weight": WEIGHTS, "reduction": "sum", "label_smoothing": 0.1}),
        ((X, LABELS), {"weight": WEIGHTS, "label_smoothing": 0.1}),
        ((X, LABELS), {"reduction": "none"}),
        ((X, LABELS.clip(0, 3).astype("uint8")), {"ignore_index": -100}),
    ],
    "resize_bilinear": [((real(1, 2, 7, 5), (4, 9)), {})],
}


def cases(table):
    return [
        pytest.param(name, arguments, options, id=f"{name}-{number}")
        for name, some in table.items()
        for number, (arguments, options) in enumerate(some)
    ]


def check_on_a_device(xp, name, arguments, options, *, exact, waits=False):
    """Hold forward and backward on the device against those on the host; the second time, nothing moves."""
    forward, backward = getattr(npseg, f"{name}_forward"), getattr(npseg, f"{name}_backward")
    with on_the_host():
        expected, cache = forward(*arguments, **options)
        dout = whole(*expected.shape, seed=3).astype(expected.dtype)
        gradients = backward(dout, cache)

    arguments, options = to(xp, arguments), {key: to(xp, value) for key, value in options.items()}
    dout = to(xp, dout)
    forward(*arguments, **options)  # makes the tables that are kept
    with contextlib.nullcontext() if waits else nothing_moves():
        y, cache = forward(*arguments, **options)
        found = backward(dout, cache)
    assert_as_on_host(y, expected, exact=exact)
    assert_as_on_host(found, gradients, exact=exact)


@pytest.mark.parametrize(("name", "arguments", "options"), cases(EXACT))
def test_an_operation_of_sums_and_choices_is_exact(device, name, arguments, options):
    check_on_a_device(device, name, arguments, options, exact=True)


@pytest.mark.parametrize(("name", "arguments", "options"), cases(ROUNDED))
def test_an_operation_that_rounds_differs_by_rounding_only(device, name, arguments, options):
    check_on_a_device(device, name, arguments, options, exact=False)


WINDOWS = [name for name in EXACT if name not in ("crop", "relu", "resize_bilinear")]


@pytest.mark.parametrize("method", sorted(METHODS.keys() - set(HOST)))
@pytest.mark.parametrize("name", WINDOWS)
def test_every_method_but_the_loops_runs_on_a_device(device, name, method):
    """The explicit matrices wait for the device, to know how many entries they have; no other method does."""
    arguments, options = EXACT[name][0]
    if method.startswith("winograd") and name.startswith("conv"):
        arguments, options = (real(1, 4, 9, 9).astype("float32"), real(4, 4, 3, 3).astype("float32")), {}
    exact = not method.startswith("winograd")
    options = options | {"method": method}
    check_on_a_device(device, name, arguments, options, exact=exact, waits=method == "matrix")


@pytest.mark.parametrize("method", ["im2col", "winograd4", "auto"])
def test_a_convolution_asks_a_device_as_often_whatever_its_size(stand_in, method):
    """On the host it goes through its cache by pieces, many for a large batch; a device is asked for the whole."""

    def count(images, size):
        x, w = stand_in.ones((images, 64, size, size), "float32"), stand_in.ones((64, 64, 3, 3), "float32")
        with stand_in_module.calls() as made:
            y, cache = npseg.conv_forward(x, w, padding=1, method=method)
            npseg.conv_backward(y, cache)
        return len(made)

    assert count(8, 48) == count(8, 16) < 40


def test_arithmetic_that_is_fused_is_asked_for_at_once(stand_in):
    """A pooling: each tap's values, and whether they win. A step: the decay of each parameter, and its descent."""
    x, w = stand_in.ones((2, 3, 8, 8), "float32"), stand_in.ones((4, 3), "float32")
    npseg.max_pool_forward(x, 3)  # makes the tables that are kept
    with stand_in_module.calls() as made:
        npseg.max_pool_forward(x, 3)
    assert made == 2 * ["__setitem__"] + 8 * ["copy", "_challenge"]
    for optimizer, update in ((SGD, "_descend"), (Adam, "_adapt")):
        step = optimizer({"w": w}, weight_decay=0.1).step
        with stand_in_module.calls() as made:
            step({"w": w}, 0.1)
        assert made == ["_decayed", update]


@pytest.mark.parametrize("method", sorted(METHODS.keys() - set(HOST)))
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("block", [200, im2col.BLOCK])
def test_a_devices_work_is_shared_out_among_no_threads(device, monkeypatch, block, name, method):
    """The arrays say where they are, however many pieces they are in; the switch speaks where there are none."""
    arguments, options = EXACT[name][0]
    if method.startswith("winograd"):
        arguments, options = ((X, whole(4, 4, 3, 3)), {}) if name.startswith("conv") else (arguments, options)
    monkeypatch.setattr(workers, "_together", None)
    for module, size, value in (
        (points, "PIECE", 1),
        (points, "STRIP", 2),
        (winograd, "PIECE", 1),
        (im2col, "BLOCK", block),
    ):
        monkeypatch.setattr(module, size, value)
    monkeypatch.setattr(im2col, "_is_small", lambda *_: False)
    arguments = to(device, arguments)
    with backend.use("numpy"), backend.threads(2):
        y, cache = getattr(npseg, f"{name}_forward")(*arguments, **options, method=method)
        getattr(npseg, f"{name}_backward")(y, cache)
    assert backend.array_module(y) is device


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
def test_a_device_takes_all_planes_at_once(device, monkeypatch, name):
    pieces = []

    def share_out(task, some, like):
        assert backend.array_module(like) is device
        pieces.append(list(map(task, some)))

    monkeypatch.setattr(pooling, "share_out", share_out)
    with chunks_of(1):
        y, cache = getattr(npseg, f"{name}_forward")(device.asarray(X), 2)
        getattr(npseg, f"{name}_backward")(y, cache)
        pooling.take(device.asarray(X), device.asarray(PLACES % 30))
    assert [len(some) for some in pieces] == [1, 1, 1]


def test_every_operation_is_among_those():
    written = {name.removesuffix("_forward") for name in npseg.__all__ if name.endswith("_forward")}
    assert written - {"dropout"} == EXACT.keys() | ROUNDED.keys()


def test_a_generator_of_the_host_seeds_one_on_the_device(device):
    """As where a network is made of a Generator, of which it draws its weights on the host, and then its masks."""
    one, two = (backend.generator(np.random.default_rng(seed)).random(100) for seed in (0, 1))
    again = backend.generator(np.random.default_rng(0)).random(100)
    assert backend.array_module(one) is device
    assert_same(back(one), back(again))
    assert (back(one) != back(two)).any()
    host = np.random.default_rng(0)
    assert backend.generator(host, library=np) is host


def test_dropout_draws_its_mask_on_the_device(device):
    x = device.asarray(np.ones((4, 50), np.float32))
    rng = backend.generator(0)
    with nothing_moves():
        y, cache = npseg.dropout_forward(x, 0.5, rng=rng)
        dx = npseg.dropout_backward(x, cache)
    assert set(back(y).ravel()) == {0, 2}
    assert_same(back(dx), back(y))
    again, _ = npseg.dropout_forward(x, 0.5, rng=backend.generator(0))
    assert_same(back(again), back(y))


def test_a_pooling_makes_its_table_of_indices_once(device, monkeypatch):
    x = device.asarray(real(1, 2, 10, 14))
    npseg.max_pool_forward(x, 3, stride=2)
    monkeypatch.setattr(Window, "index", None)
    with nothing_moves():
        y, cache = npseg.max_pool_forward(2 * x, 3, stride=2)
    assert backend.array_module(y, cache.indices) is device


def test_columns_stay_on_the_device(device):
    x, columns = device.asarray(X), npseg.im2col(X, 3, stride=2, padding=1)
    with nothing_moves():
        cols = npseg.im2col(x, 3, stride=2, padding=1)
        images = npseg.col2im(cols, (5, 6), 3, stride=2, padding=1)
    assert_as_on_host(cols, columns)
    assert_as_on_host(images, npseg.col2im(columns, (5, 6), 3, stride=2, padding=1))


MATRICES = {
    "conv_matrix": ((whole(4, 1, 3, 2), (5, 6)), {"stride": 2, "padding": 1, "groups": 2}),
    "im2col_matrix": (((5, 6), 3), {"channels": 2, "padding": 1}),
    "max_pool_matrix": ((X, 2), {}),
    "avg_pool_matrix": (((5, 6), 2), {"padding": 1}),
    "nearest_unpool_matrix": (((2, 3), 2), {}),
    "bed_of_nails_matrix": (((2, 3), 2), {}),
    "resize_bilinear_matrix": (((4, 4), (8, 8)), {}),
}


@pytest.mark.parametrize("name", [name for name in npseg.__all__ if name.endswith("_matrix")])
def test_the_explicit_matrices_are_made_on_the_device(device, name):
    arguments, options = MATRICES[name]
    with on_the_host():
        expected = getattr(npseg, name)(*arguments, **options)
    found = getattr(npseg, name)(*to(device, arguments), **options)
    assert found.shape == expected.shape
    for matrix, same in ((found, expected), (found.T, expected.T)):
        v = whole(same.shape[1])
        assert_as_on_host(matrix @ device.asarray(v), same @ v)


# Layers

LAYERS = {
    "Conv": lambda rng: layers.Conv(4, 3, 3, stride=2, padding=1, rng=rng, dtype="float64"),
    "ConvTranspose": lambda rng: layers.ConvTranspose(4, 3, 2, stride=2, rng=rng, dtype="float64"),
    "BilinearUpsampling": lambda rng: layers.BilinearUpsampling(4, 2, padding=1, dtype="float64"),
    "MaxPool": lambda rng: layers.MaxPool(2, ceil_mode=True),
    "BatchNorm": lambda rng: layers.BatchNorm(4, dtype="float64"),
    "ReLU": lambda rng: layers.ReLU(),
    "Tanh": lambda rng: layers.Tanh(),
    "Dropout": lambda rng: layers.Dropout(0.0),
}


def learned(layer, x, dout):
    """Return what a layer makes of an input and of a gradient: output, dx, and the parameters' gradients."""
    y = layer.forward(x)
    return y, layer.backward(dout), *layer.grads.values(), *layer.buffers.values()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_made_on_a_device_stays_there(device, name):
    make = LAYERS[name]
    with on_the_host():
        layer = make(np.random.default_rng(0))
        dout = whole(*layer.forward(X).shape, seed=1)
        expected = learned(make(np.random.default_rng(0)), X, dout)
    layer = make(np.random.default_rng(0))
    x, dout = device.asarray(X), device.asarray(dout)
    layer.forward(x)
    layer = make(np.random.default_rng(0))
    with nothing_moves():
        found = learned(layer, x, dout)
    assert_as_on_host(found, expected, exact=False)


def of_layer(layer):
    """Yield a layer and those inside of it."""
    yield layer
    for inner in getattr(layer, "layers", {}).values():
        yield from of_layer(inner)


def test_every_layer_is_among_those_or_in_a_network():
    offered = {cls for name in layers.__all__ if isinstance(cls := getattr(layers, name), type)}
    kinds = {cls.__name__ for cls in offered if issubclass(cls, Layer) and not issubclass(cls, Container)}
    found = {type(layer).__name__ for name in NETWORKS for layer in of_layer(tiny(name))}
    assert kinds - {"Layer"} <= LAYERS.keys() | found


def test_the_shape_of_an_unknown_layer_is_found_where_its_parameters_are(device):
    class Scale(Layer):
        def __init__(self):
            super().__init__()
            self.params["w"] = backend.current().ones((1, 1, 1, 1), "float32")

        def forward(self, x):
            return backend.array_module(x, self.params["w"]).concatenate([x * self.params["w"], x], axis=1)

    assert shape_above(Scale(), np.zeros((1, 2, 3, 4), "float32")) == (1, 4, 3, 4)


# Networks

CLASSES, SIZE = len(SCENE_CLASSES), (32, 48)


def tiny(name, **settings):
    """Build a network of two channels in its first block."""
    model = NETWORKS[name]
    return model(CLASSES, **model.at_width(2) | settings)


def batch():
    """Return normalised images and their labels."""
    half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    return next(iter(batches(Scenes(2, size=SIZE), 2, half, seed=0, epoch=0)))


def scattered(network):
    """Give a network random weights everywhere: score layers of 0, as they begin, would hide what lies below."""
    rng = np.random.default_rng(0)
    for w in network.params.values():
        w += backend.array_module(w).asarray(rng.standard_normal(w.shape) / 10, w.dtype)
    return network


def trained(network, x, labels, optimizer):
    """Let a network learn from a batch twice, and return all that it has come to."""
    network.train(backend.generator(0, library=backend.array_module(x)))
    optimizer = optimizer(network.params)
    for _ in range(2):
        loss = network.learn(x, labels)
        optimizer.step(network.grads, 0.01)
    return loss, *network.params.values(), *network.buffers.values()


@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_on_a_device_as_on_the_host_and_nothing_moves(device, name, optimizer):
    x, labels = batch()
    with on_the_host():
        expected = trained(scattered(tiny(name)), x, labels, optimizer)
        assert all(np.isfinite(a).all() for a in expected)
    x, labels = device.asarray(x), device.asarray(labels)
    network = scattered(tiny(name))
    trained(scattered(tiny(name)), x, labels, optimizer)  # makes the tables that are kept
    with nothing_moves():
        found = trained(network, x, labels, optimizer)
    if not real_device():
        assert_same(back(found), expected)
    else:  # dropout draws other numbers there
        assert_as_on_host(found[0] * 0, expected[0] * 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_an_optimizer_steps_on_a_device_as_on_the_host(device, optimizer, dtype):
    def stepped(xp):
        w = xp.asarray(real(3, 4).astype(dtype))
        steps = optimizer({"w": w}, weight_decay=0.1)
        for seed in range(3):
            steps.step({"w": xp.asarray(real(3, 4, seed=seed).astype(dtype))}, 0.1)
        return w

    assert_as_on_host(stepped(device), stepped(np), exact=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_scores_on_a_device_as_on_the_host_and_nothing_moves(device, name):
    x, _ = batch()
    with on_the_host():
        network = scattered(tiny(name))
        network.evaluate()
        expected = network.forward(x)
    network = scattered(tiny(name))
    network.evaluate()
    x = device.asarray(x)
    network.forward(x)
    with nothing_moves():
        found = network.forward(x)
    assert_as_on_host(found, expected, exact=False)


# Checks


@pytest.mark.slow
def test_the_gradients_of_every_operation_are_right_in_the_devices_arrays(device):
    """All but the loops, which are for the host."""
    rows = check.gradcheck()
    assert max(row.error for row in rows) < 1e-6
    everything = {(case.name, method) for case in every_case() for method in case.methods}
    assert {row[:2] for row in rows} == {row for row in everything if row[1] not in HOST}


@pytest.mark.parametrize("command", ["gradcheck", "accuracy"])
def test_a_check_is_made_on_the_device_from_the_command_line(stand_in, command, capsys, monkeypatch):
    """The stand-in's bits are NumPy's: its table is that of the host without the loops."""
    few = [case for case in every_case() if case.name in ("conv, 1 axis, no bias", "max_pool", "batch_norm")]
    for module in (operations, rounding):
        monkeypatch.setattr(module, "every_case", lambda *seed: few)
    tables = {}
    for library in ("numpy", "cupy"):
        with stand_in_module.moves() as seen, on_the_host():
            assert main([command, "--backend", library]) == 0
        assert bool(seen) == (library == "cupy")
        tables[library] = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    expected = [line for line in tables["numpy"] if " loops " not in line]
    assert len(expected) < len(tables["numpy"])
    if command == "gradcheck":  # the last line counts the rows
        assert expected.pop() != tables["cupy"].pop()
    assert tables["cupy"] == expected


X_NEAR = np.arange(12.0).reshape(1, 1, 3, 4) - 5.5


def test_a_gradient_that_is_wrong_is_found_in_the_devices_arrays(device):
    x = device.asarray(X_NEAR)
    assert check.gradients(npseg.relu_forward, npseg.relu_backward, x).passed
    with pytest.raises(check.GradientError, match="with respect to x is wrong"):
        check.gradients(npseg.relu_forward, lambda dout, cache: 2 * npseg.relu_backward(dout, cache), x)


def test_a_transpose_is_checked_in_the_devices_arrays(device):
    x, w = device.asarray(whole(1, 2, 5, 4) + 10), device.asarray(whole(3, 2, 2, 2))
    assert check.adjoint(npseg.conv_forward, npseg.conv_backward, x, w).exact
    with pytest.raises(check.AdjointError, match="relu_forward is not linear"):
        check.adjoint(npseg.relu_forward, npseg.relu_backward, device.asarray(X_NEAR))


def test_an_implementation_on_the_device_is_held_against_npseg(device):
    verdict = check.against(npseg.max_pool_forward, "max_pool_forward", library="cupy", examples=10)
    assert verdict.passed, str(verdict)


# Training, prediction, checkpoints

CONFIG = {"name": "fcn8s", "width": 2, "fc": 8, "dropout": 0.5}


def run(balance=0.5, epochs=1):
    settings = Settings(epochs=epochs, batch_size=2, balance=balance)
    return Run.start(CONFIG, settings, Scenes(4, size=SIZE), Scenes(2, size=SIZE, seed=1))


def test_in_a_training_step_the_batch_goes_there_and_the_loss_comes_back(stand_in):
    x, labels = batch()
    going = run()
    going.train_step(x, labels)
    with stand_in_module.moves() as seen:
        going.train_step(x, labels)
    assert [line.partition(", ")[0] for line in seen] == [
        "to the device: float32[2",
        "to the device: uint8[2",
        "to the host: float32[]",
    ]


def test_a_run_on_a_device_has_the_hosts_losses_figures_and_weights(stand_in, tmp_path):
    with on_the_host():
        expected = run()
        expected.fit(progress=False)
    found = run()
    found.fit(tmp_path, progress=False)
    for one, other in zip(found.history, expected.history, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {
            k: v for k, v in other.items() if k != "seconds"
        }
    assert_same(back(tuple(found.weights.values())), tuple(expected.weights.values()))


def test_a_run_goes_on_where_it_was_begun_when_the_switch_has_changed(stand_in):
    """An operation follows its arrays: the switch says where new ones are made, and a step makes none."""
    going = run()
    with on_the_host():
        assert going.train_step(*batch()) > 0


def test_a_run_begun_on_a_device_is_continued_on_it_and_on_the_host(device, tmp_path):
    going = run(epochs=2)
    going.train_step(*batch())
    save(tmp_path / "run.npz", going.checkpoint())
    checkpoint = load(tmp_path / "run.npz")
    for library in ("cupy", "numpy"):
        with backend.use(library):
            again = Run.resume(checkpoint, going.train, going.val)
        assert backend.array_module(*again.weights.values()).__name__ == library
        assert_same(back(tuple(again.weights.values())), back(tuple(going.weights.values())))
        assert_same(tuple(again.optimizer.state().values()), tuple(going.optimizer.state().values()))
        assert again.train_step(*batch()) > 0
    assert_same(again.step, going.step + 1)


def test_reading_a_checkpoint_moves_its_weights_and_nothing_else(stand_in, tmp_path):
    """The network that its description is held against takes no memory of the device."""
    going = run()
    save(tmp_path / "run.npz", going.checkpoint())
    with backend.use("numpy"):
        network = Run.start(CONFIG, going.settings, going.train, going.val).network
    with stand_in_module.moves() as seen:
        load_labeller(tmp_path / "run.npz")
    made = len(network.params) + len(network.buffers)
    assert len(seen) <= 2 * made, "when the network is made, and when the weights are read"


def test_a_network_on_a_device_starts_from_weights_of_the_host(device):
    with on_the_host():
        weights = scattered(tiny("fcn32s")).params
    network = tiny("fcn32s")
    report = transplant(network, weights)
    assert set(report.taken) >= weights.keys() - {"upscore.w"}
    for name in report.taken:
        assert_same(back(network.params[name]), weights[name])


def labeller(library):
    with backend.use(library):
        network = scattered(tiny("fcn8s"))
    half = Normalization(np.full(3, 0.5), np.full(3, 0.5))
    return Labeller(network, half, SCENE_CLASSES, np.zeros((CLASSES, 3), np.uint8))


@pytest.mark.parametrize("what", ["scores", "probabilities", "labels"])
@pytest.mark.parametrize(("size", "tile"), [((33, 40), None), ((600, 33), 96)])
def test_an_image_is_labelled_on_a_device_as_on_the_host(device, what, size, tile):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    with on_the_host():
        expected = getattr(labeller("numpy"), what)(image, tile=tile, progress=False)
    ours = getattr(labeller("cupy"), what)
    ours(image, tile=tile, progress=False)
    with stand_in_module.moves() as seen:
        found = ours(image, tile=tile, progress=False)
    if what == "labels" and real_device():
        assert (found == expected).mean() > 0.999, "but for pixels where two classes score alike"
        return
    assert_as_on_host(found, expected, exact=False)
    if not real_device():
        there = [line for line in seen if line.startswith("to the device: float32[1")]
        returned = [line for line in seen if line.startswith("to the host")]
        assert len(returned) == (0 if what == "scores" else len(there)), "one each, per tile"
        assert len(seen) == len(there) + len(returned)


def test_a_trained_network_is_used_on_a_device_from_the_command_line(stand_in, tmp_path, capsys, monkeypatch):
    """It is the flag that chooses, also against the environment, and the switch is as it was afterwards."""
    with on_the_host():
        save(tmp_path / "run.npz", run().checkpoint())
        expected = load_labeller(tmp_path / "run.npz").labels(Scenes(1, size=SIZE)[0][0])
    write_labels(tmp_path / "image.png", expected, np.zeros((CLASSES, 3), np.uint8))
    made = []
    monkeypatch.setattr(
        Labeller, "labels", lambda self, image, **_: made.append(self.network.params) or expected
    )
    for library in ("cupy", "numpy"):
        command = ["predict", str(tmp_path / "run.npz"), str(tmp_path / "image.png"), "--force"]
        assert main([*command, "--output-dir", str(tmp_path / "out"), "--backend", library]) == 0
        assert backend.array_module(*made.pop().values()).__name__ == library
        assert backend.current() is stand_in
