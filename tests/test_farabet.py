"""Farabet et al.: the published tables and counts, what features see, and features that a second stage starts from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from checks import assert_same
from stand_in import stand_in_for_cupy
from tiny import batch, scattered, tiny

import npseg
from npseg import backend
from npseg.cli import main
from npseg.commands.images import SCENES
from npseg.data import Normalization, Scenes
from npseg.geometry import Grid
from npseg.layers import LocalNorm, Sequential, named
from npseg.networks import NETWORKS, Farabet, farabet
from npseg.planes import follow
from npseg.predict import Labeller
from npseg.summary import blank, summarize
from npseg.tiles import cut
from npseg.training import Run, Settings
from npseg.training.checkpoints import load, restore

STAGES = ("conv1", "conv2", "conv3")


def features(network):
    return network.layers["stages"].layers


# The published network


def test_the_published_counts():
    network = blank("farabet", 8)
    count = {name: p.size for name, p in network.params.items()}
    assert sum(n for name, n in count.items() if name.startswith("stages.")) == 427_910
    assert sum(count.values()) == 427_910 + (768 * 1024 + 1024) + (1024 * 8 + 8)
    linear = blank("farabet", 8, classifier="linear")
    assert sum(p.size for p in linear.params.values()) == 427_910 + 768 * 8 + 8
    dense = [np.prod(features(network)[name].maps) * 49 for name in STAGES[1:]]
    assert count["stages.conv1.w"] + sum(dense) + 16 + 64 + 256 == 854_406, "with stages 2 and 3 dense"


def test_the_published_tables():
    tables = [features(Farabet(8))[name].buffers["table"] for name in STAGES]
    reads = [[set(table[table[:, 1] == m, 0]) for m in range(table[:, 1].max() + 1)] for table in tables]
    assert reads[0] == [{0}] * 10 + [{1, 2}] * 6
    assert [len(maps) for maps in reads] == [16, 64, 256]
    assert {len(maps) for maps in reads[1]} == {8}
    assert {len(maps) for maps in reads[2]} == {32}
    assert set.union(*reads[1]) == set(range(16))
    assert set.union(*reads[2]) == set(range(64))


def test_the_seed_draws_the_tables():
    one, same, other = (features(Farabet(3, width=4, seed=seed))["conv2"].buffers for seed in (1, 1, 2))
    assert_same(one["table"], same["table"])
    assert (one["table"] != other["table"]).any()


def test_three_scales_join_to_768_maps():
    rows = summarize(blank("farabet", 8), (240, 320))
    size = {}
    for row in rows:
        size.setdefault(row.name, []).append(row.shape[1:])
    assert size["stages.normalise"] == [(3, 240, 320), (3, 120, 160), (3, 60, 80)]
    assert size["stages.conv3"] == [(256, 60, 80), (256, 30, 40), (256, 15, 20)]
    assert size["classifier.hidden"] == [(1024, 60, 80)]
    below = next(s.below for s in follow(blank("farabet", 8), (1, 3, 240, 320))[1] if "hidden" in s.name)
    assert below.shape == (1, 768, 60, 80)
    stages = [row.parameters for row in rows if row.name == "stages.conv3"]
    assert stages == [256 * 32 * 49 + 256, 0, 0], "counted once"


# What a unit sees


@pytest.mark.parametrize(("scale", "field"), [(1, 46), (2, 92), (4, 184)])
def test_a_feature_sees_46_pixels_of_its_level(scale, field):
    """On each level; of the image, that is 92 and 184: pixels of a level are taken to be 2 and 4 of the image's."""
    grid = Grid(step=Fraction(scale), field=Fraction(scale))
    for name, layer in features(tiny("farabet")).items():
        grid = grid if name == "normalise" else layer.grid(grid)
    assert (grid.field, grid.step) == (field, 4 * scale)


def test_the_46_pixels_are_those_that_move_a_feature():
    """From an empty level, with positive weights, a pixel that is raised raises all that see it, and no others."""
    _, *layers = features(tiny("farabet", dtype="float64")).items()
    trunk = named(layers)
    for p in trunk.params.values():
        np.abs(p, out=p)
    x = np.zeros((80, 3, 4, 80))
    x[range(80), :, 2, range(80)] = 1  # an image for each pixel that is raised
    moved = np.flatnonzero(trunk.forward(x)[:, :, 0, 10].any(axis=1))
    first, last = trunk.sees(10, 10)
    assert moved.tolist() == list(range(first, last + 1))
    assert len(moved) == 46


def test_blur_and_normalisation_see_around():
    """A feature of the coarsest level sees 28 pixels of it more, by which pixels are normalised, and a blur of 13."""
    _, steps = follow(blank("farabet", 8), (1, 3, 240, 320))
    fields = [int(step.above.grid.field) for step in steps if step.name == "stages.conv3"]
    assert fields == [9 + 28 + 45, 21 + 2 * (28 + 45), 13 + 4 * (28 + 45)]


def differs(one, other):
    """By more than rounding, which the mean of a level, subtracted first, carries everywhere."""
    return abs(one - other) > 1e-9


def test_a_pixel_moves_the_scores_that_see_it_and_no_others():
    network = scattered(Farabet(2, width=2, fc=4, dtype="float64"))
    network.evaluate()
    x = np.random.default_rng(0).random((1, 3, 4, 640))
    before = network.forward(x)
    for pixel in (0, 320, 327, 639):
        other = x.copy()
        other[:, :, :, pixel] = 1 - other[:, :, :, pixel]
        moved = np.flatnonzero(differs(network.forward(other), before).any(axis=(0, 1, 2)))
        sees = [q for q in range(640) if network.sees(q, q)[0] <= pixel <= network.sees(q, q)[1]]
        assert set(moved) <= set(sees)
        assert len(moved) > len(sees) - 2 * 32, "near the ends, maxima hide what is seen"


def test_other_scales_see_further():
    x = np.random.default_rng(0).random((1, 3, 8, 400))
    other = x.copy()
    other[..., 320] += 1
    for scales, moves in ((1, False), (2, False), (3, True)):
        network = scattered(Farabet(2, width=2, fc=4, scales=scales, dtype="float64"))
        network.evaluate()
        assert differs(network.forward(x), network.forward(other))[..., 200].any() == moves


@pytest.mark.parametrize("size", [(40, 701), (700, 33)])
def test_in_tiles_it_is_the_whole(size):
    network = scattered(Farabet(3, width=2, fc=4, dtype="float64"))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    as_it_is = Normalization(np.zeros(3), np.ones(3))
    one = Labeller(network, as_it_is, tuple("abc"), np.zeros((3, 3), np.uint8))
    assert len(cut(network, size, 16)) > 1
    whole = one.scores(image, tile=None)
    np.testing.assert_allclose(one.scores(image, tile=16, progress=False), whole, rtol=0, atol=1e-9)


# Forward and backward


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (5, 7), (15, 16), (17, 33)])
def test_images_of_any_size(size):
    network = scattered(tiny("farabet"))
    x = np.random.default_rng(0).random((2, 3, *size)).astype("float32")
    y = network.forward(x)
    assert y.shape == (2, 3, *size)
    assert network.backward(y).shape == x.shape


def test_colors_are_yuv():
    yuv = tiny("farabet", dtype="float64").layers["yuv"]
    colors = np.array([[0.0, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 0, 1]])[None, :, None]
    np.testing.assert_allclose(
        yuv.forward(colors)[0, :, 0],
        [[0, 1, 0.299, 0.587, 0.114], [0, 0, -0.147, -0.289, 0.436], [0, 0, 0.615, -0.515, -0.1]],
        atol=1e-12,
    )
    assert not yuv.params, "it is not learned"


def test_forward_is_what_the_paper_writes():
    """Of one scale: colours, normalisation, pool(tanh(W x + b)) twice, a bank of filters, a classifier."""
    network = scattered(Farabet(3, width=2, fc=5, scales=1, dtype="float64"))
    x = np.random.default_rng(0).random((2, 3, 12, 16))
    level = np.einsum("yc,nchw->nyhw", farabet.YUV, x)
    h, _ = npseg.local_norm_forward(level, 15)
    for name in STAGES:
        layer = features(network)[name]
        w = np.zeros((*layer.maps, 7, 7))
        w[layer.buffers["table"][:, 1], layer.buffers["table"][:, 0]] = layer.params["w"]
        h, _ = npseg.conv_forward(h, w, layer.params["b"], padding=3)
        if name != "conv3":
            h = np.tanh(h).reshape(2, -1, h.shape[2] // 2, 2, h.shape[3] // 2, 2).max((3, 5))
    p = network.params
    hidden = np.tanh(
        np.einsum("oi,nihw->nohw", p["classifier.hidden.w"][..., 0, 0], h)
        + p["classifier.hidden.b"][:, None, None]
    )
    scores = np.einsum("oi,nihw->nohw", p["classifier.score.w"][..., 0, 0], hidden)
    scores += p["classifier.score.b"][:, None, None]
    inside = np.s_[:, :, 2:-2, 2:-2]  # where the enlarging has not faded
    expected, _ = npseg.resize_bilinear_forward(scores, (12, 16))
    np.testing.assert_allclose(network.forward(x)[inside], expected[inside], atol=1e-12)


def test_levels_are_normalised_one_by_one():
    """Each level of an image is looked at as if it were an image, and coarser features are repeated."""
    network = scattered(tiny("farabet", dtype="float64"))
    x, _ = batch("farabet", "float64")
    levels = network.layers["pyramid"].forward(network.layers["yuv"].forward(x))
    maps = network.layers["stages"].forward(levels)
    trunk = Sequential(**features(network))
    for level, found in zip(levels, maps):
        assert_same(trunk.forward(level), found)
    size = maps[0].shape[2:]
    repeated = [m.repeat(2**n, 2).repeat(2**n, 3)[:, :, : size[0], : size[1]] for n, m in enumerate(maps)]
    seen = []
    classify = network.layers["classifier"].forward
    network.layers["classifier"].forward = lambda joined: seen.append(joined) or classify(joined)
    network.forward(x)
    assert_same(seen[0], np.concatenate(repeated, axis=1))


def test_a_scale_whose_gradient_is_dropped_is_noticed():
    network = scattered(tiny("farabet", dtype="float64"))
    x, _ = batch("farabet", "float64")
    dout = np.random.default_rng(1).standard_normal(network.forward(x).shape)
    dx, whole = network.backward(dout), network.grads["stages.conv1.w"]
    for n in (1, 2):
        network.forward(x)
        repeat = network.layers[f"repeat{n}"]
        back, repeat.backward = repeat.backward, lambda d, back=repeat.backward: 0 * back(d)
        assert abs(network.backward(dout) - dx).max() > 1e-6
        assert abs(network.grads["stages.conv1.w"] - whole).max() > 1e-6
        repeat.backward = back


# The two stages of training


def trained(tmp_path, *words):
    """Train at the command line on a few scenes, and return the run's file and its state."""
    folder = tmp_path / "-".join(words).replace("/", "_")[-40:]
    command = ["train", "--model", "farabet", "--width", "2", "--fc", "8", "--epochs", "1", "-b", "2", *words]
    assert main([*command, "--output-dir", str(folder)]) == 0
    return str(folder / "checkpoint.npz"), load(folder / "checkpoint.npz")


def test_the_second_stage_starts_from_the_features_of_the_first(tmp_path, monkeypatch, capsys):
    """The linear classifier is thrown away; the features are frozen, and their tables come along."""
    monkeypatch.setitem(SCENES, "train", (4, 100))
    monkeypatch.setitem(SCENES, "val", (2, 101))
    path, first = trained(tmp_path, "--classifier", "linear", "--seed", "5")
    assert first.network["classifier"] == "linear"
    capsys.readouterr()
    _, second = trained(tmp_path, "--weights", path, "--classifier", "two-layer", "--freeze")
    said = capsys.readouterr().out
    assert "new: classifier.hidden, classifier.score; not used: classifier.linear.w" in said
    kept = {name for name in first.weights if name.startswith("stages.")}
    assert {name.rpartition(".")[2] for name in kept} == {"w", "b", "table"}
    for name in kept:
        assert_same(second.weights[name], first.weights[name])
    assert second.network["freeze"]
    assert second.weights["classifier.score.w"].any(), "which has learned"
    _, third = trained(tmp_path, "--weights", path, "--classifier", "two-layer")
    assert any((third.weights[name] != first.weights[name]).any() for name in kept), "and here all has"


def test_the_papers_recipe():
    recipe = Settings(**NETWORKS["farabet"].recipes["paper"])
    assert (recipe.batch_size, recipe.lr, recipe.weight_decay) == (1, 1e-3, 1e-5)


def test_frozen_features_hand_the_gradient_on():
    frozen, learned = (scattered_alike(freeze) for freeze in (True, False))
    x, _ = batch("farabet", "float64")
    dout = np.random.default_rng(0).standard_normal(frozen.forward(x).shape)
    learned.forward(x)
    assert_same(frozen.backward(dout), learned.backward(dout))


def scattered_alike(freeze):
    network = tiny("farabet", dtype="float64", freeze=freeze)
    for name, p in network.params.items():
        if name.startswith("classifier"):
            p += 0.2
    return network


def test_it_normalises_by_itself():
    scenes = Scenes(2, size=(32, 32))
    run = Run.start({"name": "farabet", "width": 2, "fc": 8}, Settings(epochs=1), scenes, scenes)
    assert (run.normalization.mean == 0).all()
    assert (run.normalization.std == 1).all()
    assert isinstance(features(run.network)["normalise"], LocalNorm)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classifier": "svm"}, "classifier='svm'; choose one of 'linear', 'two-layer'"),
        ({"width": 0}, "width=0 must be at least 1"),
        ({"scales": 0}, "scales=0 must be at least 1"),
        ({"fc": 0}, "fc=0 must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Farabet(3, **settings)


def test_it_stays_on_the_device():
    x, labels = batch("farabet")
    host = scattered(tiny("farabet"))
    with stand_in_for_cupy() as cupy, backend.use("cupy"):
        network = tiny("farabet")
        restore(network.params | network.buffers, host.params | host.buffers, what="the host's")
        loss = network.learn(cupy.asarray(x), cupy.asarray(labels))
        assert backend.array_module(loss, *network.grads.values()) is cupy
        assert_same(backend.to_numpy(loss), np.asarray(host.learn(x, labels)))
