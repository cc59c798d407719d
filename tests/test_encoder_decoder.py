"""DeconvNet and SegNet: the published layers and numbers, and the switches on their way from pool to unpool."""

from __future__ import annotations

import weakref
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

from npseg import backend
from npseg.data import Normalization
from npseg.geometry import Grid
from npseg.layers import MaxPool, MaxUnpool, Switches
from npseg.networks import NETWORKS, DeconvNet, SegNet, SegNetBasic
from npseg.networks.vgg import torchvision_names
from npseg.networks.weights import transplant
from npseg.planes import follow
from npseg.predict import Labeller
from npseg.summary import blank, summarize, table
from npseg.training import Settings

#: Channels of the thirteen convolutions, as SYSTEMS' tables have them: VGG's on the way down, and on the way up.
DOWN = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
DECONVNET_UP = [512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64, 64]
SEGNET_UP = [512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64]


def weights(channels, kernel=3):
    """Count the weights and biases of convolutions one after the other."""
    return sum(kernel**2 * before * after + after for before, after in pairwise(channels))


def norms(*channels):
    """Count the scales and shifts of a batch norm for each of these planes."""
    return 2 * sum(channels)


def deconvnet_weights():
    fc = weights([512, 4096], 7) + weights([4096, 4096], 1) + weights([4096, 512], 7)
    return weights([3, *DOWN]) + fc + weights([512, *DECONVNET_UP]) + weights([64, 21], 1)


COUNTS = {
    "deconvnet": (21, deconvnet_weights(), norms(*DOWN, 4096, 4096, 512, *DECONVNET_UP)),
    "segnet": (11, weights([3, *DOWN, *SEGNET_UP, 11]), norms(*DOWN, *SEGNET_UP)),
    "segnet-basic": (
        11,
        weights([3] + 8 * [64], 7) + weights([64, 11], 1),
        norms(*8 * [64]),
    ),
}


@pytest.mark.parametrize(
    ("name", "count"), [("deconvnet", 251_772_245), ("segnet", 29_433_483), ("segnet-basic", 1_415_563)]
)
def test_the_published_parameters(name, count):
    classes, layers, batch_norms = COUNTS[name]
    assert layers == count
    rows = summarize(blank(name, classes), (224, 224))
    assert sum(row.parameters for row in rows if row.kind != "BatchNorm") == count
    assert f"\nparameters      {count + batch_norms:,}; {count:,} without the batch norm\n" in table(rows)


def sides(name, size, **settings):
    rows = summarize(blank(name, 3, width=1, **settings), size)
    return {row.name.partition(".")[2]: row.shape[2:] for row in rows}


def test_deconvnet_from_224_to_a_point_and_back():
    found = sides("deconvnet", (224, 224), fc=1)
    expected = {
        "conv1_1": 224,
        "pool1": 112,
        "pool2": 56,
        "pool3": 28,
        "pool4": 14,
        "pool5": 7,
        "fc6": 1,
        "fc7": 1,
    }
    expected |= {
        "fc6_deconv": 7,
        "unpool5": 14,
        "deconv5_3": 14,
        "unpool4": 28,
        "unpool3": 56,
        "unpool2": 112,
    }
    expected |= {"unpool1": 224, "deconv1_2": 224, "seg_score": 224}
    assert {name: found[name] for name in expected} == {name: (n, n) for name, n in expected.items()}


def test_segnet_on_camvids_odd_sizes():
    found = sides("segnet", (360, 480))
    poolings = [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)]
    assert [found[f"pool{i}"] for i in range(1, 6)] == poolings
    assert [found[f"unpool{i}"] for i in range(5, 0, -1)] == [*poolings[-2::-1], (360, 480)]
    basic = sides("segnet-basic", (360, 480))
    assert [basic[f"unpool{i}"] for i in range(4, 0, -1)] == [*poolings[-3::-1], (360, 480)]


def test_a_convolution_before_a_batch_norm_has_a_bias_where_published():
    for name in COUNTS:
        published = {key for key in blank(name, 3, width=1).params if key.endswith(".b")}
        ours = {key for key in NETWORKS[name](3, width=1).params if key.endswith(".b")}
        assert ours < published
        assert len(ours) == 1, "that of the scores"


def test_initial_weights():
    network = DeconvNet(3, width=16, fc=128, input_size=64)
    for name, p in network.params.items():
        if name.endswith(".w") and p.size > 5000:
            he = sqrt(2 / (p.shape[1] * p.shape[2] ** 2))
            assert abs(p.std() / (0.01 if name.startswith("decoder") else he) - 1) < 0.05, name
    for one in (network, SegNet(3, width=2), SegNetBasic(3, width=2)):
        shifts = [p for name, p in one.params.items() if name.endswith(".beta")]
        assert shifts
        assert all((p == np.float32(0.001)).all() for p in shifts)


# The switches


def recorded(network, x, monkeypatch):
    """Run a network; return what each pooling took, and what each unpooling took and made."""
    pooled, unpooled = [], []
    pool, unpool = MaxPool.forward_with_switches, MaxUnpool.forward
    with monkeypatch.context() as patch:
        patch.setattr(
            MaxPool, "forward_with_switches", lambda layer, x: pooled.append(x.copy()) or pool(layer, x)
        )
        patch.setattr(
            MaxUnpool,
            "forward",
            lambda layer, x, given: (
                unpooled.append((x.copy(), unpool(layer, x, given))) or unpooled[-1][1].copy()
            ),
        )
        network.forward(x)
    return pooled[::-1], unpooled


def assert_values_stand_where_the_winners_were(pooled, unpooled):
    """By going through the windows, one by one."""
    assert len(pooled) == len(unpooled) > 0
    for below, (values, plane) in zip(pooled, unpooled):
        assert plane.shape == below.shape
        expected = np.zeros_like(plane)
        for n, c, i, j in np.ndindex(values.shape):
            window = below[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            a, b = np.unravel_index(window.argmax(), window.shape)
            expected[n, c, 2 * i + a, 2 * j + b] = values[n, c, i, j]
        assert_same(plane, expected)


def small(name, **settings):
    return NETWORKS[name](
        3, width=1, **({"fc": 4, "input_size": 64} if name == "deconvnet" else {}), **settings
    )


def noise(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", COUNTS)
def test_unpooled_values_stand_where_the_winners_were(name, training, monkeypatch):
    network = small(name)
    if not training:
        network.evaluate()
    assert_values_stand_where_the_winners_were(*recorded(network, noise(2, 3, 41, 67), monkeypatch))


def first_pixel(layer, x):
    """The bug: each value goes to its window's first pixel, as bed of nails has it."""
    y, (indices, size) = POOL(layer, x)
    rows, columns = np.indices(indices.shape[2:])
    return y, Switches(np.broadcast_to(2 * rows * size[1] + 2 * columns, indices.shape), size)


def the_images_exchanged(layer, x):
    """The bug: one image's switches are used for the other."""
    y, (indices, size) = POOL(layer, x)
    return y, Switches(indices[::-1], size)


POOL = MaxPool.forward_with_switches


@pytest.mark.parametrize("bug", [first_pixel, the_images_exchanged])
@pytest.mark.parametrize("name", COUNTS)
def test_wrong_switches_are_noticed(name, bug, monkeypatch):
    monkeypatch.setattr(MaxPool, "forward_with_switches", bug)
    found = recorded(small(name), noise(2, 3, 41, 67), monkeypatch)
    with pytest.raises(AssertionError):
        assert_values_stand_where_the_winners_were(*found)


@pytest.mark.parametrize("name", COUNTS)
def test_switches_of_another_pooling_are_refused(name, monkeypatch):
    network = small(name)
    network.evaluate()
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda x: (lambda codes, kept: (codes, kept[::-1]))(*encode(x)))
    with pytest.raises(ValueError, match="max_unpool_forward"):
        network.forward(noise(1, 3, 64, 64))


@pytest.mark.parametrize("name", COUNTS)
def test_switches_are_freed_as_soon_as_they_are_used(name, monkeypatch):
    """While evaluating nobody remembers them; each unpooling finds only those of the larger planes left."""
    network, alive, left = small(name), [], []
    network.evaluate()

    def pool(layer, x):
        y, switches = POOL(layer, x)
        alive.append(weakref.ref(switches.indices))
        return y, switches

    unpool = MaxUnpool.forward

    def note(layer, x, switches):
        left.append(sum(one() is not None for one in alive))
        return unpool(layer, x, switches)

    monkeypatch.setattr(MaxPool, "forward_with_switches", pool)
    monkeypatch.setattr(MaxUnpool, "forward", note)
    network.forward(noise(1, 3, 64, 64))
    assert left == list(range(len(alive), 0, -1))
    assert not any(one() is not None for one in alive)


@settings(max_examples=40)
@given(st.tuples(st.integers(1, 9), st.integers(1, 9)), st.integers(1, 4), st.booleans(), st.integers(0, 9))
def test_pooling_after_its_unpooling_changes_nothing(size, kernel, ceil_mode, seed):
    """Any size, kernel and rounding: what is put back is found again, and the gradient goes the same way."""
    if not ceil_mode and min(size) < kernel:
        return
    x = (
        np.random.default_rng(seed).permutation(np.arange(2.0 * 3 * size[0] * size[1])).reshape(2, 3, *size)
        + 1
    )
    pool, unpool = MaxPool(kernel, ceil_mode=ceil_mode), MaxUnpool(kernel)
    y, switches = pool.forward_with_switches(x)
    plane = unpool.forward(y, switches)
    assert_same(plane, np.where(np.isin(x, y), x, 0))
    assert_same(pool.forward(plane), y)
    assert_same(unpool.backward(x), y)


# What is seen


def test_segnet_basics_field_of_view_is_106():
    grid = SegNetBasic(3, width=1).layers["encoder"].grid(Grid())
    assert (grid.field, grid.step) == (106, 16)
    grid = DeconvNet(3, width=1, fc=1).until("encoder.fc7").grid(Grid())
    assert (grid.field, grid.step) == (404, 32)


def positive(network):
    """Make a network of which every unit grows with every pixel that it sees."""
    for name, p in network.params.items():
        if name.endswith(".w"):
            p[...] = (abs(p) + 0.1) / p[0].size
    network.evaluate()
    return network


def moved(forward, base, pixels):
    """Return which outputs move when one of these pixels of a row does, (pixels, outputs)."""
    lit = np.repeat(base, len(pixels), axis=0)
    lit[range(len(pixels)), :, 0, pixels] += 9
    return (forward(lit) != forward(base)).any(axis=(1, 2))


def test_a_coarse_unit_of_segnet_basic_sees_exactly_its_106_pixels():
    encoder = positive(SegNetBasic(3, width=1, dtype="float64")).layers["encoder"]
    seen = moved(encoder.forward, np.ones((1, 3, 1, 320)), range(320))
    for unit in range(4, 16):
        first, last = encoder.sees(unit, unit)
        assert last - first + 1 == 106
        assert np.flatnonzero(seen[:, unit]).tolist() == list(range(first, last + 1))


def test_a_score_of_segnet_basic_sees_what_it_says():
    """Around both ends of what it sees; where the winners stand decides how far, so that it takes many draws."""
    network = positive(SegNetBasic(3, width=1, dtype="float64"))
    pixels, rng = np.r_[25:75, 225:275], np.random.default_rng(1)
    seen = np.any([moved(network.forward, rng.random((1, 3, 1, 288)), pixels) for _ in range(80)], axis=0)
    for pixel in range(144, 160):
        first, last = network.sees(pixel, pixel)
        assert_same(seen[:, pixel], (first <= pixels) & (pixels <= last))


@pytest.mark.parametrize("name", COUNTS)
def test_images_in_tiles_have_the_scores_of_the_whole(name):
    network = small(name, dtype="float64")
    as_it_is = Normalization(np.zeros(3), np.full(3, 1 / 255))
    labeller = Labeller(network, as_it_is, tuple("abc"), np.zeros((3, 3), np.uint8))
    image = np.random.default_rng(0).integers(0, 256, (37, 1250, 3), np.uint8)
    whole = labeller.scores(image, tile=None)
    assert whole.std() > 0
    np.testing.assert_allclose(
        labeller.scores(image, tile=64, progress=False), whole, rtol=0, atol=1e-9 * abs(whole).max()
    )


# DeconvNet's sizes


def test_a_small_image_gets_zeros_at_the_bottom_and_the_right():
    network = small("deconvnet")
    network.evaluate()
    x = noise(1, 3, 20, 40)
    padded = np.zeros((1, 3, 33, 40), "float32")
    padded[:, :, :20] = x
    assert_same(network.forward(x), network.forward(padded)[:, :, :20])


@pytest.mark.parametrize(("input_size", "least"), [(224, 193), (96, 65), (32, 1)])
def test_the_least_size_is_where_fc6_sees_something(input_size, least):
    network = DeconvNet(3, width=1, fc=1, input_size=input_size)
    for size in (1, least, least + 1, input_size, input_size + 32):
        scores, steps = follow(network, (1, 3, size, size))
        assert scores.shape == (1, 3, size, size)
        assert steps[0].below.shape[2] == max(size, least)


def test_the_gradient_of_a_small_image_is_the_images():
    network = small("deconvnet")
    dx = network.backward(network.forward(noise(2, 3, 20, 40)))
    assert dx.shape == (2, 3, 20, 40)
    assert dx.any()


@pytest.mark.parametrize("input_size", [0, 31, 33, 100])
def test_an_input_size_that_32_does_not_divide_is_refused(input_size):
    with pytest.raises(ValueError, match="DeconvNet: input_size"):
        DeconvNet(3, input_size=input_size)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("setting", ["classes", "width"])
def test_what_cannot_be_built_is_refused(name, setting):
    with pytest.raises(ValueError, match=f"{setting}"):
        NETWORKS[name](**{"classes": 3, "width": 1, setting: 0})


def test_thedecoder_is_no_mere_sequence():
    network = SegNet(3, width=1)
    assert list(network.until("encoder.conv1_2").layers["encoder"].layers)[-1] == "conv1_2"
    with pytest.raises(ValueError, match="decoder"):
        network.until("decoder.conv5_3_D")


@pytest.mark.parametrize("name", COUNTS)
def test_on_a_device(name):
    x, labels = noise(2, 3, 33, 40), np.random.default_rng(1).integers(0, 3, (2, 33, 40))
    network = small(name)
    loss = float(network.learn(x, labels))
    with stand_in_for_cupy() as cupy, backend.use("cupy"):
        there = small(name)
        assert float(there.learn(cupy.asarray(x), cupy.asarray(labels)).get()) == pytest.approx(
            loss, rel=1e-5
        )
        assert {type(g).__module__ for g in there.grads.values()} == {"cupy"}


@pytest.mark.parametrize(
    ("name", "recipe", "rate", "images", "bias"),
    [
        ("deconvnet", "paper", 0.01, 64, (2, 0)),
        ("segnet", "repository", 0.001, 4, (1, 1)),
        ("segnet-basic", "repository", 0.1, 4, (1, 1)),
        ("segnet-basic", "paper", 0.1, 12, (1, 1)),
    ],
)
def test_the_published_recipes(name, recipe, rate, images, bias):
    recipe = Settings(**NETWORKS[name].recipes[recipe])
    assert (recipe.optimizer, recipe.lr, recipe.batch_size) == ("sgd", rate, images)
    assert (recipe.momentum, recipe.weight_decay, recipe.schedule) == (0.9, 5e-4, "constant")
    assert (recipe.bias_rate, recipe.bias_decay) == bias


@pytest.mark.parametrize("name", ["deconvnet", "segnet"])
def test_the_encoder_starts_from_vggs_weights(name):
    network = NETWORKS[name](3, width=1, bias=True, **({"fc": 4} if name == "deconvnet" else {}))
    rng, vgg = np.random.default_rng(0), {}
    source = DeconvNet(3, width=1, fc=4, bias=True)
    for layer, theirs in torchvision_names().items():
        shape = source.params[f"encoder.{layer}.w"].shape
        flat = (shape[0], -1) if layer.startswith("fc") else shape
        vgg[f"{theirs}.weight"] = rng.standard_normal(shape).astype("float32").reshape(flat)
        vgg[f"{theirs}.bias"] = rng.standard_normal(shape[0]).astype("float32")
    decoder = {key: p.copy() for key, p in network.params.items() if key.startswith("decoder")}
    transplant(network, vgg)
    for layer, theirs in torchvision_names().items():
        if f"encoder.{layer}.w" in network.params:
            w = network.params[f"encoder.{layer}.w"]
            assert_same(w, vgg[f"{theirs}.weight"].reshape(w.shape))
            assert_same(network.params[f"encoder.{layer}.b"], vgg[f"{theirs}.bias"])
    assert_same(tuple(network.params[key] for key in decoder), tuple(decoder.values()))
