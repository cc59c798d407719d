"""FCN: its sizes, its published numbers, and its hand-written backward, against differences of its forward."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same

from npseg import networks
from npseg.data import Scenes, batches, mean_and_std
from npseg.geometry import Grid
from npseg.methods.choose import METHODS
from npseg.networks import FCN, fcn, make
from npseg.networks.weightless import weightless
from npseg.ops.loss import cross_entropy_backward, cross_entropy_forward
from npseg.training import Adam

HEADS = ("32s", "16s", "8s")
SIZES = ((1, 1), (1, 40), (2, 3), (7, 5), (31, 33), (32, 32), (40, 52), (65, 64), (97, 50))


def tiny(head="8s", **settings):
    return FCN(3, **{"head": head, "width": 1, "fc": 4, "dropout": 0.0, **settings})


def scattered(network, seed=0):
    """Return the network with random weights everywhere: the score layers, too, let gradients through."""
    rng = np.random.default_rng(seed)
    for name, p in network.params.items():
        p += 0.2 * rng.standard_normal(p.shape).astype(p.dtype) / (p.shape[1] if name == "upscore.w" else 1)
    return network


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", SIZES)
def test_the_scores_lie_over_the_image(head, size):
    network = tiny(head)
    network.evaluate()
    assert network.forward(np.zeros((2, 3, *size), "float32")).shape == (2, 3, *size)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [(1, 1), (2, 33), (40, 17)])
def test_the_scores_lie_over_the_image_with_the_papers_padding(head, size):
    network = tiny(head, paper_padding=True, batch_norm=False)
    network.evaluate()
    assert network.forward(np.zeros((1, 3, *size), "float32")).shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("head", "crops"),
    [
        ("32s", {"image": 19}),
        ("16s", {"pool4": 5, "image": 27}),
        ("8s", {"pool4": 5, "pool3": 9, "image": 31}),
    ],
)
def test_the_papers_crops(head, crops):
    assert tiny(head, paper_padding=True).crops == crops


def test_the_papers_crops_are_made(monkeypatch):
    crop, offsets = fcn.crop_forward, []
    monkeypatch.setattr(
        fcn, "crop_forward", lambda x, offset, size: offsets.append(offset) or crop(x, offset, size)
    )
    tiny("8s", paper_padding=True).forward(np.zeros((2, 3, 5, 40), "float32"))
    assert [offset for offset in offsets if offset] == [5, 9, 31]


@pytest.mark.parametrize("head", HEADS)
def test_plain_padding_needs_no_crop(head):
    assert set(tiny(head).crops.values()) == {0}


@pytest.mark.parametrize("paper_padding", [False, True])
def test_receptive_field_404_stride_32(paper_padding):
    network, grid = tiny(paper_padding=paper_padding), Grid()
    for name in ("to_pool3", "to_pool4", "to_score"):
        grid = network.layers[name].grid(grid)
    assert (grid.field, grid.step) == (404, 32)


def test_a_pixel_reaches_the_receptive_field_and_no_further():
    """Along a row of pixels, a coarse score changes with those that its receptive field covers, and no others."""
    network = scattered(tiny("32s", batch_norm=False, dtype="float64"))
    for p in network.params.values():
        np.abs(p, out=p)  # nothing cancels, and no ReLU is shut
    trunk = [network.layers[name] for name in ("to_pool3", "to_pool4", "to_score")]
    x = np.ones((1, 3, 32, 32 * 17))
    for layer in trunk:
        x = layer.forward(x)
    dout = np.zeros_like(x)
    dout[0, 0, 0, 8] = 1
    for layer in reversed(trunk):
        dout = layer.backward(dout)
    seen = np.flatnonzero(dout.any(axis=(0, 1, 2)))
    grid = Grid()
    for layer in trunk:
        grid = layer.grid(grid)
    centre, reach = grid.origin + 8 * grid.step, (grid.field - 1) / 2
    assert centre - reach <= seen.min() <= seen.max() <= centre + reach
    assert seen.max() - seen.min() > 404 - 64, "where windows tie, the first pixel alone gets the gradient"


@pytest.mark.parametrize(
    ("head", "weights"),
    [("32s", 134_346_581), ("16s", 134_346_581 + 10_773), ("8s", 134_346_581 + 10_773 + 5_397)],
)
def test_the_published_parameter_counts(head, weights):
    network = weightless(f"fcn{head}", 21, width=64, batch_norm=False, paper_padding=True)
    learned = {name: p.size for name, p in network.params.items() if not name.startswith("upscore")}
    assert sum(learned.values()) == weights
    assert learned["to_score.fc6.w"] == 512 * 4096 * 49, "fc is 64 times the width unless given"


def slopes(network, x, seed=0, step=1e-6):
    """Return the slope along one direction of all weights and the image, by backward and by differences."""
    rng = np.random.default_rng(seed)
    arrays = [x, *network.params.values()]
    directions = [rng.standard_normal(a.shape) for a in arrays]
    dout = rng.standard_normal(network.forward(x).shape)
    dx = network.backward(dout)
    assert list(network.grads) == list(network.params)
    analytic = sum(np.vdot(g, v) for g, v in zip([dx, *network.grads.values()], directions))
    ends = []
    for t in (step, -2 * step):
        for a, v in zip(arrays, directions):
            a += t * v
        ends.append(network.forward(x))
    return analytic, np.vdot(dout, ends[0] - ends[1]) / (2 * step)


def relative_error(head, paper_padding=False, batch_norm=True):
    network = tiny(head, width=2, dtype="float64", paper_padding=paper_padding, batch_norm=batch_norm)
    size = (9, 20) if paper_padding else (40, 52)
    analytic, numeric = slopes(scattered(network), np.random.default_rng(7).standard_normal((2, 3, *size)))
    return abs(analytic - numeric) / abs(numeric)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_backward_of_the_whole_network(head, batch_norm):
    assert relative_error(head, batch_norm=batch_norm) < 1e-5


@pytest.mark.parametrize("head", HEADS)
def test_the_backward_of_the_whole_network_with_the_papers_padding(head):
    assert relative_error(head, paper_padding=True) < 1e-5


@pytest.mark.parametrize(("head", "dropped"), [("16s", 0), ("8s", 0), ("8s", 1)])
def test_a_skip_whose_gradient_is_dropped_is_noticed(monkeypatch, head, dropped):
    both, calls = fcn._both, iter(range(2))
    monkeypatch.setattr(fcn, "_both", lambda a, b: both(a, None if next(calls) == dropped else b))
    assert relative_error(head) > 1e-3


@pytest.mark.parametrize("head", HEADS)
def test_each_head_reads_the_planes_it_is_named_for(head):
    network = scattered(tiny(head))
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype("float32")
    network.evaluate()
    before = network.forward(x)
    for name, reads in (("score_pool4", head != "32s"), ("score_pool3", head == "8s")):
        assert (name in network.layers) == reads
        if reads:
            network.layers[name].params["w"] += 1
            assert np.abs(network.forward(x) - before).max() > 0.01


@pytest.mark.parametrize("head", HEADS)
def test_score_layers_start_at_zero(head):
    network = tiny(head, batch_norm=False)
    scores = {name: p for name, p in network.params.items() if "score_" in name and "upscore" not in name}
    assert len(scores) == 2 * (1 + HEADS.index(head))
    assert not any(p.any() for p in scores.values())


def test_a_finer_network_starts_as_its_parent():
    """With the parent's weights and new skips of 0, where the coarse scores are constant, so are the finer."""
    x = np.random.default_rng(0).standard_normal((1, 3, 160, 160)).astype("float32")
    for head in HEADS:
        network = tiny(head)
        network.layers["to_score"].layers["score_fr"].params["b"][:] = 1, -2, 3
        network.evaluate()
        middle = network.forward(x)[0, :, 64:96, 64:96]
        np.testing.assert_allclose(middle, np.broadcast_to([[[1]], [[-2]], [[3]]], middle.shape), rtol=1e-6)


def test_the_seed_settles_the_weights():
    one, same, other = (tiny(seed=seed).params for seed in (1, 1, 2))
    assert_same(tuple(one.values()), tuple(same.values()))
    drawn = [name for name in one if name.endswith(".w") and one[name].any() and "upscore" not in name]
    assert len(drawn) == 13 + 2, "VGG's convolutions, fc6 and fc7"
    assert not any(np.array_equal(one[name], other[name]) for name in drawn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_goes_through(dtype):
    network = tiny(dtype=dtype)
    y = network.forward(np.ones((2, 3, 32, 32), dtype))
    arrays = [y, network.backward(y), *network.params.values(), *network.grads.values()]
    assert {str(a.dtype) for a in (*arrays, *network.buffers.values())} == {dtype}


def test_backward_without_forward_is_refused():
    network = tiny()
    for start in (lambda: None, network.evaluate):
        start()
        with pytest.raises(RuntimeError, match=r"FCN\.backward: .* call forward first"):
            network.backward(np.zeros((1, 3, 32, 32), "float32"))


def test_dropout_comes_after_fc6_and_fc7():
    network = scattered(tiny(dropout=0.5))
    x = np.ones((1, 3, 64, 64), "float32")
    outputs = []
    for seed in (0, 0, 1):
        network.train(np.random.default_rng(seed))
        outputs.append(network.forward(x))
    assert_same(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])
    layers = network.layers["to_score"].layers
    names = list(layers)
    for fc, drop in (("fc6_relu", "drop6"), ("fc7_relu", "drop7")):
        assert names[names.index(fc) + 1] == drop
        assert layers[drop].p == 0.5


@pytest.mark.parametrize("name", fcn.MODELS)
def test_networks_by_name(name):
    network = make(name, 5, width=1, fc=2)
    assert name == f"fcn{network.head}" + "-at-once" * ("scale_pool4" in network.layers)


def test_all_at_once_is_8s_with_its_skips_scaled():
    """Multiplied before its scores are read, a plane counts as much less as weights that are smaller."""
    at_once, plain = (scattered(tiny(dtype="float64", at_once=at_once)) for at_once in (True, False))
    for pool, factor in (("pool4", 0.01), ("pool3", 0.0001)):
        assert at_once.layers[f"scale_{pool}"].factor == factor
        plain.params[f"score_{pool}.w"][...] *= factor
    assert plain.params.keys() == at_once.params.keys(), "the factors are not learned"
    x = np.random.default_rng(0).standard_normal((2, 3, 65, 70))
    ours, theirs = at_once.forward(x), plain.forward(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    dout = np.random.default_rng(1).standard_normal(ours.shape)
    np.testing.assert_allclose(at_once.backward(dout), plain.backward(dout), rtol=1e-9, atol=1e-12)
    for pool, factor in (("pool4", 0.01), ("pool3", 0.0001)):
        found, expected = (network.grads[f"score_{pool}.w"] for network in (at_once, plain))
        np.testing.assert_allclose(found, factor * expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make("fcn64s", 4), "network 'fcn64s': choose one of .*'fcn32s', 'fcn16s', 'fcn8s'"),
        (lambda: make("fcn8s", 4, depth=3), "network 'fcn8s': .*depth"),
        (
            lambda: make("segnet", 4, dropout=0.1),
            "'segnet': has no dropout; its settings are width, bias, seed",
        ),
        (lambda: make("fcn8s", 0), "classes"),
        (lambda: make("fcn8s", 4, width=0), "width"),
        (lambda: make("fcn8s", 4, fc=-1), "fc"),
        (lambda: make("fcn8s", 4, dropout=1.5), "dropout"),
        (lambda: FCN(4, head="4s"), "head='4s'; choose one of '8s', '16s', '32s'|'32s', '16s', '8s'"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("head", HEADS)
def test_two_scenes_are_learned_by_heart(head):
    scenes = Scenes(2, size=(32, 40))
    (x, labels), *_ = batches(scenes, 2, mean_and_std(scenes), seed=0, epoch=0, flip=False)
    network = networks.make(f"fcn{head}", 4, width=2, fc=8, dropout=0.0)
    optimizer, losses = Adam(network.params), []
    for _ in range(25):
        loss, cache = cross_entropy_forward(network.forward(x), labels)
        network.backward(cross_entropy_backward(None, cache))
        optimizer.step(network.grads, 0.03)
        losses.append(float(loss))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"loops", "matrix", "im2col"}))
def test_a_whole_network_is_computed_by_any_method(method):
    """Winograd's where it serves; its 7x7 and 1x1 layers, and the upsampling, by im2col."""
    x = np.random.default_rng(0).standard_normal((1, 3, 33, 40))
    labels = np.random.default_rng(1).integers(0, 3, (1, 33, 40))
    found = []
    for name in ("im2col", method):
        network = scattered(tiny(width=4, dtype="float64", method=name))
        _, cache = cross_entropy_forward(network.forward(x), labels)
        found.append(network.backward(cross_entropy_backward(cache=cache)))
    largest = abs(found[0]).max()
    assert largest > 0
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-9 * largest)
