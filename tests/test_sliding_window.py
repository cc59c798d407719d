"""The sliding window and the network without downsampling: what their scores see, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same

from npseg.data import Normalization
from npseg.geometry import Grid
from npseg.networks import FullResolution, SlidingWindow, make
from npseg.networks.dense import RUNS
from npseg.predict import Labeller
from npseg.summary import blank, summarize
from npseg.tiles import cut


def whole_numbers(network, seed=0):
    rng = np.random.default_rng(seed)
    for p in network.params.values():
        p[...] = rng.integers(-2, 3, p.shape)
    return network


def positive(network, seed=0):
    """Give a network weights such that whatever grows below makes all grow that see it."""
    rng = np.random.default_rng(seed)
    for p in network.params.values():
        p[...] = 0.5 + rng.random(p.shape)
    return network


def reached(network, size):
    """Return, for each pixel of a row (axis 0), the scores (axis 1) that move when it grows."""
    x = np.ones((size, 3, 1, size))
    still = network.forward(x[:1])
    x[range(size), :, 0, range(size)] = 100
    return (network.forward(x) / still > 1 + 1e-12).any(axis=1)[:, 0]  # beyond rounding


def assert_sees(network, size, before, after):
    network.evaluate()
    found = reached(network, size)
    for score in range(size):
        seen = range(max(0, score - before), min(size, score + after + 1))
        assert np.flatnonzero(found[:, score]).tolist() == list(seen)
        assert network.sees(score, score) == (score - before, score + after)


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (9, 6)])
def test_however_it_runs_the_scores_and_gradients_are_the_same(size):
    rng, found = np.random.default_rng(1), {}
    x, dout = (rng.integers(-3, 4, (2, n, *size)).astype(float) for n in (3, 4))
    for run in RUNS:
        network = whole_numbers(SlidingWindow(4, width=2, run=run, dtype="float64"))
        y = network.forward(x)
        found[run] = (y, network.backward(dout), *network.grads.values())
    assert found["patches"][0].any()
    assert_same(found["stitch"], found["patches"])
    assert_same(found["dilated"], found["patches"])


@pytest.mark.parametrize("run", RUNS)
def test_of_a_patch_15_rows_lie_before_the_pixel_and_16_after(run):
    assert_sees(positive(SlidingWindow(2, width=1, run=run, dtype="float64")), 37, 15, 16)


def test_the_weights_are_those_of_the_classifier_however_it_runs():
    shapes = [
        {name: p.shape for name, p in SlidingWindow(4, width=2, run=run).params.items()} for run in RUNS
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert next(iter(shapes[0])) == "classifier.conv1.w"


def lenet(width, classes):
    """Count weights and, of one patch, multiply-adds, by hand: 32x32 to 28, 14, 10, 5, 1."""
    layers = [
        (75, width, 28),
        (25 * width, 2 * width, 10),
        (50 * width, 4 * width, 1),
        (4 * width, classes, 1),
    ]
    return sum(a * b + b for a, b, _ in layers), sum(a * b * n * n for a, b, n in layers)


def test_parameters_and_the_cost_of_each_way():
    size, cost = (96, 128), {}
    for run in RUNS:
        network = blank("sliding-window", 21, run=run)
        rows = summarize(network, size)
        cost[run] = sum(row.multiply_adds for row in rows)
        parameters, patch = lenet(16, 21)
        assert sum(row.parameters for row in rows) == parameters == 66_677
    assert cost["patches"] == 96 * 128 * patch
    assert 1 < cost["stitch"] / cost["dilated"] < 5
    assert cost["patches"] / cost["stitch"] > 5
    classifier = SlidingWindow(2, width=1, run="patches").layers["classifier"]
    assert (classifier.field, classifier.stride) == (32, 4)


def test_a_checkpoint_of_one_way_serves_another():
    trained = SlidingWindow(3, width=2, run="stitch", seed=5)
    other = SlidingWindow(3, width=2, run="patches", seed=6)
    for name, p in other.params.items():
        p[...] = trained.params[name]
    x = np.random.default_rng(0).standard_normal((1, 3, 6, 7)).astype("float32")
    np.testing.assert_allclose(other.forward(x), trained.forward(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_without_downsampling_a_score_sees_1_plus_2_l_pixels(depth):
    network = positive(FullResolution(2, width=2, depth=depth, batch_norm=False, dtype="float64"))
    assert network.grid(Grid()) == Grid().down(kernel=1 + 2 * depth, padding=depth)
    assert_sees(network, 23, depth, depth)


def test_every_plane_has_the_images_size_and_costs_the_same():
    rows = summarize(blank("full-resolution", 21), (30, 40))
    convolutions = [row for row in rows if row.kind == "Conv"]
    assert {row.shape[2:] for row in rows} == {(30, 40)}
    assert [row.shape[1] for row in convolutions] == 7 * [64] + [21]
    assert {row.multiply_adds for row in convolutions[1:-1]} == {9 * 64 * 64 * 30 * 40}
    weights = 9 * 3 * 64 + 64 + 6 * (9 * 64 * 64 + 64) + 9 * 64 * 21 + 21
    assert sum(row.parameters for row in rows) == weights == 235_477


def test_batch_norm_is_left_out_of_the_last_layer():
    names = list(FullResolution(2, width=2, depth=3).layers)
    assert names == ["conv1", "norm1", "relu1", "conv2", "norm2", "relu2", "score"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sliding-window", {"width": 0}, "SlidingWindow: width"),
        ("sliding-window", {"run": "fast"}, "run='fast'; choose one of 'patches', 'stitch', 'dilated'"),
        ("full-resolution", {"depth": 0}, "FullResolution: depth"),
        ("full-resolution", {"width": -1}, "FullResolution: width"),
    ],
)
def test_what_is_out_of_range_is_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        make(name, 3, **settings)


@pytest.mark.parametrize("run", RUNS)
def test_in_tiles_it_is_itself(run):
    network = whole_numbers(SlidingWindow(2, width=1, run=run, dtype="float64"))
    as_it_is = Normalization(np.zeros(3), np.full(3, 1 / 255))
    one = Labeller(network, as_it_is, ("a", "b"), np.zeros((2, 3), np.uint8))
    image = np.random.default_rng(0).integers(0, 9, (9, 90, 3), np.uint8)
    assert len(cut(network, (9, 90), 20)) > 1
    assert_same(one.scores(image, tile=20, progress=False), one.scores(image, tile=None))
