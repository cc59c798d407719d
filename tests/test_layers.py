"""A layer computes what its operation computes, under its own names, and remembers only what it must."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from checks import assert_same, shuffled_gaps

import npseg
from npseg.geometry import Grid
from npseg.layers import (
    BatchNorm,
    BilinearUpsampling,
    Container,
    Conv,
    ConvTranspose,
    Dropout,
    Layer,
    LocalNorm,
    LocalResponseNorm,
    MaxPool,
    MaxUnpool,
    Merge,
    NearestUnpool,
    PyramidDown,
    PyramidUp,
    ReLU,
    Scale,
    Sequential,
    ShiftedMaxPool,
    Tanh,
    ZeroPad,
    merge,
    named,
    split,
)

SHAPE = (2, 4, 5, 7)


def drawn(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def conv(**settings):
    return Conv(4, 3, 3, rng=np.random.default_rng(1), dtype="float64", **settings)


def batch_norm():
    layer = BatchNorm(4, momentum=0.3, dtype="float64")
    layer.params["gamma"][:] = drawn(4, seed=2)
    layer.params["beta"][:] = drawn(4, seed=3)
    return layer


#: Of a pooling whose output has SHAPE, and whose input an odd size.
SWITCHES = MaxPool(2, ceil_mode=True).forward_with_switches(drawn((2, 4, 9, 14), seed=4))[1]


class Unpooling(MaxUnpool):
    """Max unpooling by switches that are settled: a layer of one input, as all others here."""

    def __init__(self):
        super().__init__(2)

    def forward(self, x):
        return super().forward(x, SWITCHES)


# Each layer, and how its operation is called with the layer's parameters.
LAYERS = {
    "conv": (
        lambda: conv(stride=2, padding=1),
        lambda x, p: npseg.conv_forward(x, p["w"], p["b"], stride=2, padding=1, method="auto"),
        npseg.conv_backward,
        ("w", "b"),
    ),
    "conv without bias": (
        lambda: conv(bias=False),
        lambda x, p: npseg.conv_forward(x, p["w"], method="auto"),
        lambda dout, cache: npseg.conv_backward(dout, cache)[:2],
        ("w",),
    ),
    "upsampling": (
        lambda: BilinearUpsampling(4, 4, padding=2, dtype="float64"),
        lambda x, p: npseg.conv_transpose_forward(x, p["w"], stride=4, padding=2, method="auto"),
        lambda dout, cache: npseg.conv_transpose_backward(dout, cache)[:2],
        ("w",),
    ),
    "max unpool": (
        Unpooling,
        lambda x, p: npseg.max_unpool_forward(x, SWITCHES.indices, 2, output_size=SWITCHES.size),
        npseg.max_unpool_backward,
        (),
    ),
    "max pool": (
        lambda: MaxPool(2, ceil_mode=True),
        lambda x, p: npseg.max_pool_forward(x, 2, ceil_mode=True),
        npseg.max_pool_backward,
        (),
    ),
    "max pool, overlapping and dilated": (
        lambda: MaxPool(2, stride=1, dilation=2),
        lambda x, p: npseg.max_pool_forward(x, 2, stride=1, dilation=2),
        npseg.max_pool_backward,
        (),
    ),
    "zero pad": (
        lambda: ZeroPad(2, 3),
        lambda x, p: (np.pad(x, [(0, 0), (0, 0), (2, 3), (2, 3)]), None),
        lambda dout, cache: dout[:, :, 2:-3, 2:-3],
        (),
    ),
    "max pool in shifts": (
        lambda: ShiftedMaxPool(2, shifts=2),
        lambda x, p: (lambda y, cache: (split(y, 2), cache))(*npseg.max_pool_forward(x, 2, stride=1)),
        lambda dout, cache: npseg.max_pool_backward(merge(dout, 2), cache),
        (),
    ),
    "merge": (lambda: Merge([1, 1]), lambda x, p: (x, None), lambda dout, cache: dout, ()),
    "batch norm": (
        batch_norm,
        lambda x, p: npseg.batch_norm_forward(x, p["gamma"], p["beta"]),
        npseg.batch_norm_backward,
        ("gamma", "beta"),
    ),
    "local response norm": (
        lambda: LocalResponseNorm(3, alpha=0.5, beta=0.6, k=2),
        lambda x, p: npseg.lrn_forward(x, 3, alpha=0.5, beta=0.6, k=2),
        npseg.lrn_backward,
        (),
    ),
    "local norm": (
        lambda: LocalNorm(3, eps=0.1),
        lambda x, p: npseg.local_norm_forward(x, 3, eps=0.1),
        npseg.local_norm_backward,
        (),
    ),
    "nearest unpool": (
        lambda: NearestUnpool(3),
        lambda x, p: npseg.nearest_unpool_forward(x, 3),
        npseg.nearest_unpool_backward,
        (),
    ),
    "relu": (ReLU, lambda x, p: npseg.relu_forward(x), npseg.relu_backward, ()),
    "tanh": (Tanh, lambda x, p: npseg.tanh_forward(x), npseg.tanh_backward, ()),
    "scale": (lambda: Scale(0.25), lambda x, p: (0.25 * x, None), lambda dout, cache: 0.25 * dout, ()),
    "dropout": (
        lambda: seeded(Dropout(0.4)),
        lambda x, p: npseg.dropout_forward(x, 0.4, rng=np.random.default_rng(5)),
        npseg.dropout_backward,
        (),
    ),
}


def seeded(layer, seed=5):
    layer.train(np.random.default_rng(seed))
    return layer


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_its_operation_forward_and_backward(kind):
    make, forward, backward, names = LAYERS[kind]
    layer, x = make(), shuffled_gaps(np.random.default_rng(0), SHAPE) / 100
    y, cache = forward(x, layer.params)
    assert_same(layer.forward(x), y)
    dout = drawn(y.shape, seed=9)
    gradients = backward(dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert_same(layer.backward(dout), gradients[0])
    assert tuple(layer.params) == tuple(layer.grads) == names
    assert_same(tuple(layer.grads.values()), gradients[1:])


@pytest.mark.parametrize("kind", LAYERS)
def test_backward_without_forward_is_refused_and_says_what_to_do(kind):
    layer = LAYERS[kind][0]()
    with pytest.raises(RuntimeError, match=rf"{type(layer).__name__}\.backward: .* call forward first"):
        layer.backward(drawn())


@pytest.mark.parametrize("kind", LAYERS)
def test_one_forward_serves_one_backward(kind):
    layer = LAYERS[kind][0]()
    y = layer.forward(drawn())
    layer.backward(y)
    with pytest.raises(RuntimeError, match="once for each backward"):
        layer.backward(y)


@pytest.mark.parametrize("kind", LAYERS)
def test_evaluating_remembers_nothing(kind):
    layer = LAYERS[kind][0]()
    y = layer.forward(drawn())
    layer.evaluate()
    assert layer._remembered is None, "what training left is dropped"
    layer.forward(drawn())
    with pytest.raises(RuntimeError, match=r"while training \(layer.train\(\)\)"):
        layer.backward(y)


def test_dropout_draws_from_the_generator_of_train():
    layer, x = Dropout(0.5), np.ones((4, 100))
    first = [seeded(layer, seed).forward(x) for seed in (1, 1, 2)]
    assert_same(first[0], first[1])
    assert not np.array_equal(first[0], first[2])
    layer.train()
    assert not np.array_equal(layer.forward(x), first[2]), "it draws on from the generator it has"


def test_dropout_is_silent_in_evaluation():
    layer, x = seeded(Dropout(0.5)), drawn()
    layer.evaluate()
    assert_same(layer.forward(x), x)
    assert layer.rng.bit_generator.state == np.random.default_rng(5).bit_generator.state


def test_dropout_without_a_generator_is_refused():
    with pytest.raises(TypeError, match="a Generator is needed"):
        Dropout(0.5).forward(drawn())


def test_batch_norm_keeps_running_statistics_while_training_only():
    layer, x = BatchNorm(4, momentum=0.25, dtype="float64"), 3 + 2 * drawn()
    layer.forward(x)
    kept = dict(layer.buffers)
    np.testing.assert_allclose(kept["running_mean"], 0.25 * x.mean((0, 2, 3)))
    np.testing.assert_allclose(kept["running_var"], 0.75 + 0.25 * x.var((0, 2, 3), ddof=1))
    layer.evaluate()
    y = layer.forward(x)
    assert_same(tuple(layer.buffers.values()), tuple(kept.values()))
    mean, var = (kept[name][:, None, None] for name in ("running_mean", "running_var"))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5))


def test_names_of_what_is_learned_and_what_is_kept():
    inner = named([("conv", conv(bias=False)), ("norm", batch_norm())])
    net = Sequential(block=inner, score=conv())
    assert list(net.params) == ["block.conv.w", "block.norm.gamma", "block.norm.beta", "score.w", "score.b"]
    assert list(net.buffers) == ["block.norm.running_mean", "block.norm.running_var"]
    assert net.params["block.conv.w"] is inner.layers["conv"].params["w"], "the very array, to be trained"


def test_sequential_runs_first_to_last_and_back():
    steps = []

    class Noting(Layer):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            steps.append(self.name)
            return [*x, self.name]

        def backward(self, dout):
            steps.append(self.name)
            return dout[:-1]

    net = Sequential(b=Noting("b"), a=Noting("a"), c=Noting("c"))
    y = net.forward([])
    assert y == ["b", "a", "c"]
    assert net.backward(y) == []
    assert steps == ["b", "a", "c", "c", "a", "b"]


def test_training_and_evaluation_reach_every_layer():
    net = Sequential(outer=Sequential(drop=Dropout(0.5), relu=ReLU()), conv=conv())
    rng = np.random.default_rng(0)
    net.evaluate()
    leaves = [*net.layers["outer"], net.layers["conv"]]
    assert not any(layer.training for layer in (net, net.layers["outer"], *leaves))
    net.train(rng)
    assert all(layer.training for layer in (net, net.layers["outer"], *leaves))
    assert leaves[0].rng is rng


def test_a_plain_container_has_no_order_of_its_own():
    with pytest.raises(NotImplementedError):
        Container(relu=ReLU()).forward(drawn())


@pytest.mark.parametrize(
    ("layer", "step", "origin", "field"),
    [
        (conv(stride=2, padding=1), 2, 0, 3),
        (conv(padding=0), 1, 1, 3),
        (MaxPool(2), 2, Fraction(1, 2), 2),
        (MaxPool(2, stride=1, dilation=4), 1, 2, 5),
        (ZeroPad(3, 2), 1, -3, 1),
        (MaxUnpool(2), Fraction(1, 2), Fraction(-1, 4), 1),
        (LocalResponseNorm(5), 1, 0, 1),
        (ShiftedMaxPool(4, shifts=2), 4, Fraction(3, 2), 4),
        (Merge([2, 2]), Fraction(1, 4), 0, 1),
        (BilinearUpsampling(1, 4, padding=2), Fraction(1, 4), Fraction(-3, 8), 2),
        (LocalNorm(15), 1, 0, 29),
        (NearestUnpool(4), Fraction(1, 4), Fraction(-3, 8), 1),
        (PyramidDown(), 2, 0, 5),
        (PyramidUp(), Fraction(1, 2), 0, 3),
        (batch_norm(), 1, 0, 1),
        (ReLU(), 1, 0, 1),
        (Tanh(), 1, 0, 1),
        (Dropout(0.5), 1, 0, 1),
        (Scale(0.01), 1, 0, 1),
        (Sequential(a=conv(padding=1), pool=MaxPool(2), b=conv(padding=1)), 2, Fraction(1, 2), 8),
    ],
)
def test_the_grid_of_each_layer(layer, step, origin, field):
    assert layer.grid(Grid()) == Grid(Fraction(step), Fraction(origin), Fraction(field))


def test_initial_weights_have_hes_deviation_and_biases_are_zero():
    layer = Conv(32, 128, 3, rng=np.random.default_rng(0))
    w = layer.params["w"]
    assert w.dtype == np.float32
    assert abs(w.std() / sqrt(2 / (32 * 9)) - 1) < 0.02
    assert abs(w.mean()) < 0.001
    assert not layer.params["b"].any()


def test_without_a_generator_the_weights_are_zero():
    assert not any(p.any() for p in Conv(3, 2, 1, rng=None).params.values())


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_upsampling_treats_each_channel_by_itself(factor):
    layer = BilinearUpsampling(3, factor, dtype="float64")
    for (i, j), kernel in zip(np.ndindex(3, 3), layer.params["w"].reshape(9, 2 * factor, 2 * factor)):
        assert_same(kernel, npseg.bilinear_kernel(factor) * (i == j))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_upsampling_reproduces_a_constant_in_the_interior(factor):
    half = factor // 2
    y = BilinearUpsampling(2, factor, padding=half, dtype="float64").forward(np.full((1, 2, 4, 5), 3.5))
    assert y.shape == (1, 2, 4 * factor, 5 * factor)
    np.testing.assert_allclose(y[:, :, half:-half, half:-half], 3.5, rtol=1e-14)
    assert (y[:, :, 0] < 3.5).all(), "and fades towards the border"


def test_a_network_is_computed_by_the_method_that_it_is_told():
    x = drawn((1, 4, 12, 12)).astype("float32")
    layers = {"conv": Conv(4, 3, 3, rng=np.random.default_rng(1)), "pool": MaxPool(2)}
    network = Sequential(inner=Sequential(**layers))
    assert {layer.method for layer in layers.values()} == {"auto"}
    network.compute_by("winograd4")
    assert {layer.method for layer in layers.values()} == {"winograd4"}
    found = network.forward(x)
    network.compute_by("im2col")
    assert (found != network.forward(x)).any(), "other rounding"
    np.testing.assert_allclose(found, network.forward(x), rtol=1e-4, atol=1e-4)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="ReLU: method='fft'; choose one of 'loops'"):
        ReLU().compute_by("fft")


def test_relu_in_place_is_relu_written_over_its_input():
    x, dout = drawn(), drawn(seed=3)
    apart, here = ReLU(), ReLU(in_place=True)
    assert_same(here.forward(over := x.copy()), apart.forward(x))
    assert_same(over, np.maximum(x, 0))
    expected = apart.backward(dout)
    assert here.backward(dout) is dout
    assert_same(dout, expected)


def test_what_is_frozen_computes_the_same_and_learns_nothing():
    net = Sequential(conv=conv(padding=1), norm=BatchNorm(3, dtype="float64"), up=transposed())
    frozen = Sequential(conv=conv(padding=1), norm=BatchNorm(3, dtype="float64"), up=transposed())
    frozen.freeze()
    y = net.forward(drawn())
    assert_same(frozen.forward(drawn()), y)
    assert_same(frozen.backward(y), net.backward(y))
    assert not frozen.params
    assert not frozen.grads
    assert frozen.buffers.keys() == (net.params | net.buffers).keys(), "their names stay, for checkpoints"


def transposed():
    return ConvTranspose(3, 2, 2, stride=2, rng=np.random.default_rng(2), dtype="float64")


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_runs_again_before_its_backward(kind):
    """What it remembers can be taken, and given back for the backward of an earlier run."""
    layer = LAYERS[kind][0]()
    x, other = (shuffled_gaps(np.random.default_rng(seed), SHAPE) / 100 for seed in (0, 1))
    expected = layer.forward(x)
    dout = drawn(expected.shape, seed=9)
    taken = layer.take()
    with pytest.raises(RuntimeError, match="call forward first"):
        layer.backward(dout)
    layer.forward(other)
    layer.give(taken)
    found = layer.backward(dout), dict(layer.grads)
    alone = seeded(LAYERS[kind][0]())
    alone.forward(x)
    assert_same(found[0], alone.backward(dout))
    assert_same(tuple(found[1].values()), tuple(alone.grads.values()))


def test_a_container_takes_and_gives_back_what_its_layers_remember():
    net = Sequential(inner=Sequential(conv=conv(), tanh=Tanh()), relu=ReLU())
    dout = drawn(net.forward(drawn()).shape)
    taken = net.take()
    net.forward(drawn(seed=1))
    net.give(taken)
    found = net.backward(dout)
    net.forward(drawn())
    assert_same(found, net.backward(dout))
