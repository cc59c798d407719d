"""Pinheiro and Collobert's networks: their published patches, patch by patch and dense, and through all instances."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

from npseg import backend, conv_forward, cross_entropy_forward, max_pool_forward, relu_forward, tanh_forward
from npseg.data import Normalization
from npseg.layers import ReLU
from npseg.layers.shared import GradientSums
from npseg.networks import NETWORKS, RecurrentCNN, make, pinheiro
from npseg.networks.pinheiro import LAYOUTS, patch_size
from npseg.planes import follow
from npseg.predict import Labeller
from npseg.summary import blank, summarize
from npseg.tiles import cut
from npseg.training import Settings

NAMES = ("cnn1", "rcnn2", "rcnn3")


def small(name="rcnn2", **settings):
    return make(name, 2, **{"width": 1, "second": 2, "dtype": "float64", **settings})


def whole_numbers(network, seed=0):
    """Give a network weights of -1, 0 and 1, and ReLUs in tanh's place: all sums are exact."""
    rng = np.random.default_rng(seed)
    for p in network.params.values():
        p[...] = rng.integers(-1, 2, p.shape)
    return rectified(network)


def rectified(network):
    for instance in (layer for name, layer in network.layers.items() if name.startswith("instance")):
        instance.layers |= {name: ReLU() for name in instance.layers if name.startswith("tanh")}
    return network


def image(size, seed=0, images=1):
    return np.random.default_rng(seed).integers(-9, 10, (images, 3, *size)).astype(float)


def classify(network, patch, squash):
    """Classify one patch, as the paper has it: by plain operations, one instance after the other."""
    labels = np.zeros((1, network.fed, *patch.shape[2:]))
    for _ in range(network.instances):
        y = np.concatenate([labels, patch], axis=1)
        for i, (_, pool) in enumerate(network.stages, 1):
            y, _ = conv_forward(y, network.params[f"conv{i}.w"], network.params[f"conv{i}.b"])
            y = max_pool_forward(y, pool)[0]
            if pool > 1 or (network.hidden_tanh and i == 2):
                y = squash(y)[0]
        labels = y
        field = patch_size(network.stages)
        stride = np.prod([stage.pool for stage in network.stages])
        patch = patch[:, :, field // 2 : -(field // 2) : stride, field // 2 : -(field // 2) : stride]
    return labels[0, :, 0, 0]


def by_patches(network, x, squash=relu_forward):
    half = network.patch // 2
    padded = np.pad(x, ((0, 0), (0, 0), (half, half), (half, half)))
    scores = np.empty((len(x), 2, *x.shape[2:]))
    for n, i, j in np.ndindex(len(x), *x.shape[2:]):
        patch = padded[n : n + 1, :, i : i + network.patch, j : j + network.patch]
        scores[n, :, i, j] = classify(network, patch, squash)
    return scores


@pytest.mark.parametrize(
    ("layout", "patches", "strides"),
    [("cnn1", [133], [16]), ("cnn2", [25, 121], [4, 16]), ("cnn3", [23, 67, 155], [2, 4, 8])],
)
def test_the_published_patches_and_strides(layout, patches, strides):
    assert [patch_size(LAYOUTS[layout], p) for p in range(1, len(patches) + 1)] == patches
    network = RecurrentCNN(2, layout=layout, instances=len(patches), width=1)
    assert (network.patch, network.stride) == (patches[-1], strides[-1])
    _, steps = follow(network, (1, 3, 32, 32))
    ends = [step.above.grid for step in steps if step.name == "conv3"]
    assert [end.field for end in ends] == patches, "by the layers' grids, too"
    assert [end.step for end in ends] == strides
    assert all(end.origin == field // 2 for end, field in zip(ends, patches)), (
        "in the middle: no patch is even"
    )


def test_the_papers_planes_of_a_patch():
    """133-128-16-14-7-1."""
    network = small("cnn1")
    x, sizes = np.zeros((1, 3, 133, 133)), [133]
    for name, layer in network.unrolled(step=16).instance(1).layers.items():
        x = layer.forward(x)
        sizes += [] if name.startswith("tanh") else [x.shape[-1]]
    assert sizes == [133, 128, 16, 14, 7, 1]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=2)
@given(size=st.tuples(st.integers(1, 5), st.integers(1, 7)), seed=st.integers(0, 9))
def test_each_score_is_that_of_the_patch_around_the_pixel(name, size, seed):
    network = whole_numbers(small(name, step=1), seed)
    x = image(size, seed)
    assert_same(network.forward(x), by_patches(network, x))


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_whole_numbers_are_many(name):
    """So that being equal to the patches' says something."""
    assert len(np.unique(whole_numbers(small(name, step=1)).forward(image((5, 7))))) > 5


@pytest.mark.parametrize("hidden_tanh", [True, False])
def test_each_score_is_that_of_the_patch_around_the_pixel_with_tanh(hidden_tanh):
    network, x = small("rcnn3", step=1, hidden_tanh=hidden_tanh), image((3, 4)) / 9
    np.testing.assert_allclose(network.forward(x), by_patches(network, x, tanh_forward), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", [2, 4, 8])
def test_fewer_scores_are_some_of_them_all(name, step):
    """The scores of a step stand amid its blocks of pixels, and between them they are interpolated."""
    network, x = whole_numbers(small(name, step=1)), image((33, 41))
    every = network.forward(x)
    fewer = rectified(network.unrolled(step=step))
    enlarge = fewer.layers["enlarge"]
    coarse = every[:, :, (step - 1) // 2 :: step, (step - 1) // 2 :: step]
    last = fewer.forward(x)
    assert last.shape == every.shape
    expected = enlarge.forward(np.pad(coarse, ((0, 0), (0, 0), (0, 1), (0, 1)), mode="edge"))
    inside = [n // step * step - step // 2 for n in x.shape[2:]]
    assert_same(last[:, :, : inside[0], : inside[1]], expected[:, :, : inside[0], : inside[1]])


@pytest.mark.parametrize(("step", "reduction"), [(1, "mean"), (4, "mean"), (4, "sum")])
@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_the_sum_over_the_instances(name, step, reduction):
    network, x = small(name, step=step), image((21, 18), images=2) / 9
    labels = np.random.default_rng(1).integers(0, 2, (2, 21, 18))
    labels[0, :9] = 255
    weight, total = np.array([1.0, 3.0]), 0.0
    for instances in range(1, network.instances + 1):
        scores = network.unrolled(instances=instances, step=1).forward(x)
        # The earlier instances' scores lie as far apart as their own poolings make them, if that is more.
        stride = np.prod([stage.pool for stage in network.stages]) ** instances
        first, gap = (step - 1) // 2, min(step, stride)
        places = slice(first % gap, None, gap), slice(first % gap, None, gap)
        how = {"weight": weight, "reduction": reduction}
        total += cross_entropy_forward(scores[:, :, *places], labels[:, *places], **how)[0]
    np.testing.assert_allclose(network.learn(x, labels, **how), total, rtol=1e-12)


def test_the_first_instance_sees_no_labels_and_the_others_do():
    network, x = small("rcnn2", step=4), image((20, 20)) / 9
    before = [scores.copy() for scores in network._run(network._pad(x))[0]]
    network.layers["conv1"].params["w"][:, : network.fed] += 1
    first, second = network._run(network._pad(x))[0]
    assert_same(first, before[0])
    assert (second != before[1]).all()


def slopes(network, learn, seed=0, step=1e-8):
    """Return the slope of the loss, or of the scores, along one direction, by backward and by differences."""
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((1, 3, 20, 24)), rng.integers(0, 2, (1, 20, 24))
    arrays = list(network.params.values()) + ([] if learn else [x])
    directions = [rng.standard_normal(a.shape) for a in arrays]
    dout = rng.standard_normal(x[:, :2].shape)

    def value():
        return float(network.learn(x, labels)) if learn else float(np.vdot(network.forward(x), dout))

    value()
    gradients = [] if learn else [network.backward(dout)]
    gradients = [*network.grads.values(), *gradients]
    analytic = sum(np.vdot(g, v) for g, v in zip(gradients, directions))
    ends = []
    for t in (step, -2 * step):
        for a, v in zip(arrays, directions):
            a += t * v
        ends.append(value())
    return analytic, (ends[0] - ends[1]) / (2 * step)


def relative_error(learn, instances=3):
    analytic, numeric = slopes(small("rcnn3", instances=instances, step=2), learn)
    return abs(analytic - numeric) / abs(numeric)


@pytest.mark.parametrize("learn", [False, True])
def test_the_gradient_goes_through_the_instances(learn):
    assert relative_error(learn) < 1e-5


def assert_noticed(learn):
    analytic, numeric = slopes(small("rcnn3", step=2), learn)
    assert abs(analytic - numeric) > 1e-4 * abs(numeric)


@pytest.mark.parametrize(
    ("learn", "dropped"),
    # Going back through an instance, two gradients may meet others: first that of its scores, then of the image.
    [(True, 2), (True, 4), (False, 3), (False, 5)],
)
def test_a_gradient_that_is_dropped_is_noticed(monkeypatch, learn, dropped):
    """That of the planes fed back, or of the image, which each instance reads."""
    both, calls = pinheiro._both, iter(range(10_000))
    monkeypatch.setattr(pinheiro, "_both", lambda a, b: both(a, None if next(calls) == dropped else b))
    assert_noticed(learn)


@pytest.mark.parametrize("part", ["w", "b"])
@pytest.mark.parametrize("conv", [0, 1, 2])
def test_an_instance_that_is_left_out_of_the_weights_gradient_is_noticed(monkeypatch, conv, part):
    add, runs = GradientSums.add, iter(range(10_000))

    def forgetful(sums):
        if next(runs) == 1:
            sums.layers[conv].grads[part] = 0 * sums.layers[conv].grads[part]
        add(sums)

    monkeypatch.setattr(GradientSums, "add", forgetful)
    assert_noticed(True)


@pytest.mark.parametrize(
    ("name", "settings", "classes", "parameters"),
    [
        # 25 and 50 planes on Stanford's 8 classes; 50 and 50 on SIFT Flow's 33
        ("cnn1", {}, 8, (3 * 36 * 25 + 25) + (25 * 9 * 50 + 50) + (50 * 49 * 8 + 8)),
        ("rcnn2", {}, 8, (11 * 64 * 25 + 25) + (25 * 64 * 50 + 50) + (50 * 8 + 8)),
        ("rcnn3", {}, 8, 98_083),
        (
            "rcnn3",
            {"width": 50, "second": 50},
            33,
            (36 * 64 * 50 + 50) + (50 * 64 * 50 + 50) + (50 * 33 + 33),
        ),
    ],
)
def test_weights_are_shared_and_counted_once(name, settings, classes, parameters):
    network = blank(name, classes, **settings)
    assert sum(p.size for p in network.params.values()) == parameters
    rows = summarize(network, (240, 320))
    assert sum(row.parameters for row in rows) == parameters
    assert [row.name for row in rows].count("conv1") == network.instances


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_score_moves_with_the_pixels_that_it_sees_and_no_others(name, step):
    network = rectified(make(name, 1, width=1, step=step, dtype="float64"))
    for p in network.params.values():
        np.abs(p, out=p)  # nothing cancels, and no ReLU is shut
    pixel = 97
    first, last = network.sees(pixel, pixel)
    if step == 1:
        assert (first, last) == (pixel - network.patch // 2, pixel + network.patch // 2)
    near = {first - 1, first, first + 1, last - 1, last, last + 1, *range(0, 200, 45)}
    places = sorted(place for place in near if 0 <= place < 200)
    x = np.ones((1 + len(places), 3, 1, 200))
    for number, place in enumerate(places):
        x[number, :, 0, place] = 1e6
    network.evaluate()
    scores = network.forward(x)[:, 0, 0, pixel]
    assert [scores[number] != scores[-1] for number in range(len(places))] == [
        first <= place <= last for place in places
    ]


@pytest.mark.parametrize("step", [1, 4])
def test_in_tiles_it_is_itself(step):
    network = whole_numbers(small(step=step))
    one = Labeller(
        network, Normalization(np.zeros(3), np.full(3, 1 / 255)), ("a", "b"), np.zeros((2, 3), np.uint8)
    )
    photograph = np.random.default_rng(0).integers(0, 256, (7, 301, 3), np.uint8)
    assert len(cut(network, (7, 301), 64)) > 1
    assert_same(one.scores(photograph, tile=64, progress=False), one.scores(photograph, tile=None))


def test_unrolled_otherwise_the_weights_are_the_same():
    network = small("rcnn3", instances=2, step=4)
    network.evaluate()
    longer = network.unrolled(instances=3, step=1)
    assert (longer.patch, longer.step, network.patch, network.step) == (155, 1, 67, 4)
    assert all(p is network.params[name] for name, p in longer.params.items())
    assert longer.params.keys() == network.params.keys()
    assert not longer.layers["instance3"].layers["tanh1"].training


@pytest.mark.parametrize("hidden_tanh", [True, False])
def test_tanh_follows_the_poolings_or_all_hidden_convolutions(hidden_tanh):
    layers = {name: [*small(name, hidden_tanh=hidden_tanh).instance(1).layers] for name in NAMES}
    pooled = ["conv1", "pool1", "tanh1", "conv2", "pool2", "tanh2", "conv3"]
    assert layers["cnn1"] == layers["rcnn2"] == pooled
    assert layers["rcnn3"] == ["conv1", "pool1", "tanh1", "conv2", *["tanh2"] * hidden_tanh, "conv3"]


def test_on_a_device_it_stays_there():
    x, labels = image((9, 20)), np.random.default_rng(1).integers(0, 2, (1, 9, 20))
    host = whole_numbers(small())
    expected = host.forward(x)
    host.learn(x, labels)
    with stand_in_for_cupy() as cupy:
        device = whole_numbers(small())
        for layer in (*device._convs.values(), device.layers["enlarge"]):
            layer.params = {name: cupy.asarray(p) for name, p in layer.params.items()}
            layer.buffers = {name: cupy.asarray(p) for name, p in layer.buffers.items()}
        assert_same(backend.to_numpy(device.forward(cupy.asarray(x))), expected)
        device.learn(cupy.asarray(x), cupy.asarray(labels))
        found = {name: backend.to_numpy(d) for name, d in device.grads.items()}
    for name, d in host.grads.items():
        np.testing.assert_allclose(found[name], d, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_recipe(name):
    """Plain SGD at a fixed rate; no distortions, no class balancing, and of momentum and decay no word."""
    recipe = Settings(**NETWORKS[name].recipes["paper"])
    assert (recipe.optimizer, recipe.lr, recipe.schedule, recipe.batch_size) == ("sgd", 1e-4, "constant", 1)
    assert (recipe.momentum, recipe.weight_decay, recipe.flip, recipe.balance) == (0, 0, False, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layout": "cnn4"}, "layout='cnn4'; choose one of 'cnn1', 'cnn2', 'cnn3'"),
        ({"classes": 0}, "classes=0 must be at least 1"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"second": 0}, "second=0 must be at least 1"),
        ({"instances": 0}, "instances=0 must be at least 1"),
        ({"step": 0}, "step=0 must be at least 1"),
        ({"step": 3}, "step=3 must be a power of two, up to 16"),
        ({"step": 32}, "step=32 must be a power of two, up to 16"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=f"RecurrentCNN: {message}"):
        RecurrentCNN(**{"classes": 2, **settings})


def test_what_takes_no_label_planes_cannot_be_fed_them():
    with pytest.raises(ValueError, match="instances=2, but it was made for 1 and takes no label planes"):
        small("cnn1").unrolled(instances=2)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_there_is_no_other_instance(number):
    with pytest.raises(ValueError, match=f"instance={number}"):
        small("rcnn2").instance(number)
