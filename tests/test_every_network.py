"""What holds for every network, whoever wrote it: one test each, run on all that have a name."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from checks import assert_same
from tiny import CLASSES, TINY, batch, scattered, tiny

from npseg.data import Scenes, batches, mean_and_std
from npseg.networks import NETWORKS, make
from npseg.planes import follow
from npseg.summary import blank, summarize
from npseg.training import Adam


def test_every_network_is_tested():
    assert list(TINY) == list(NETWORKS)


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


def sizes(name):
    height, width = TINY[name].size
    return (height, width), (height + 1, width), (height + 3, width + 5), (width, height + 2)


def test_the_scores_lie_over_the_image(name):
    network = tiny(name)
    network.evaluate()
    for size in sizes(name):
        y = network.forward(np.zeros((2, 3, *size), "float32"))
        assert (y.shape, y.dtype) == ((2, CLASSES, *size), np.float32)


def test_it_is_followed_without_pixels(name):
    for size in sizes(name):
        scores, steps = follow(tiny(name), (2, 3, *size))
        assert scores.shape == (2, CLASSES, *size)
        assert steps


def test_images_do_not_meddle_with_each_other(name):
    """Labelled together or one by one, the scores are the same."""
    network = scattered(tiny(name, dtype="float64"))
    network.evaluate()
    x, _ = batch(name, "float64", images=3)
    alone = np.concatenate([network.forward(one[None]) for one in x])
    np.testing.assert_allclose(network.forward(x), alone, rtol=0, atol=1e-9 * abs(alone).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_goes_through(name, dtype):
    network = tiny(name, dtype=dtype)
    x, labels = batch(name, dtype)
    loss = network.learn(x, labels)
    y = network.forward(x)
    arrays = [loss, y, network.backward(y), *network.params.values(), *network.grads.values()]
    kept = (
        a for a in network.buffers.values() if a.dtype.kind == "f"
    )  # a connection table is of whole numbers
    assert {str(a.dtype) for a in (*arrays, *kept)} == {dtype}


def test_there_is_a_gradient_for_each_parameter(name):
    network = scattered(tiny(name))
    network.learn(*batch(name))
    shapes = {key: p.shape for key, p in network.params.items()}
    assert {key: g.shape for key, g in network.grads.items()} == shapes
    still = [key for key, g in network.grads.items() if not g.any()]
    assert not still


def along(arrays, directions, t):
    for a, v in zip(arrays, directions):
        a += t * v


def assert_derivative(function, analytic, arrays, directions):
    """Compare a derivative along a direction of all arrays with the central difference of a function.

    Where a sign changes on the way, or a winner, which moves what is unpooled, the difference is that of another
    function. A shorter step passes by; a wrong derivative is wrong at every step.
    """
    errors = []
    for step in (1e-6, 1e-7, 1e-8):
        along(arrays, directions, step)
        ahead = function()
        along(arrays, directions, -2 * step)
        behind = function()
        along(arrays, directions, step)
        numeric = (ahead - behind) / (2 * step)
        rounding = 1e-15 * abs(ahead) / step
        errors.append(max(0, abs(analytic - numeric) - rounding) / abs(numeric))
    assert min(errors) < 1e-5, errors


def test_the_backward_of_the_whole_network(name):
    network = scattered(tiny(name, dtype="float64"))
    x, _ = batch(name, "float64")
    rng = np.random.default_rng(1)
    arrays = [x, *network.params.values()]
    directions = [rng.standard_normal(a.shape) for a in arrays]
    dout = rng.standard_normal(network.forward(x).shape)
    gradients = [network.backward(dout), *(network.grads[key] for key in network.params)]
    analytic = sum(float(np.vdot(g, v)) for g, v in zip(gradients, directions))
    assert_derivative(lambda: float(np.vdot(dout, network.forward(x))), analytic, arrays, directions)


def test_the_gradient_of_the_loss(name):
    network = scattered(tiny(name, dtype="float64"))
    x, labels = batch(name, "float64")
    weight = np.array([0.5, 1.0, 2.0])
    rng = np.random.default_rng(1)
    arrays = list(network.params.values())
    directions = [rng.standard_normal(a.shape) for a in arrays]
    network.learn(x, labels, weight=weight)
    analytic = sum(float(np.vdot(network.grads[key], v)) for key, v in zip(network.params, directions))
    assert_derivative(lambda: float(network.learn(x, labels, weight=weight)), analytic, arrays, directions)


def test_the_seed_settles_the_weights(name):
    one, same, other = (tiny(name, seed=seed).params for seed in (1, 1, 2))
    assert_same(tuple(one.values()), tuple(same.values()))
    assert any(not np.array_equal(one[key], other[key]) for key in one)


def test_inputs_are_left_as_they_are(name):
    network = tiny(name)
    x, labels = batch(name)
    before = x.copy(), labels.copy()
    network.learn(x, labels)
    assert_same((x, labels), before)


def test_labelling_remembers_nothing(name):
    network = tiny(name)
    network.evaluate()
    x, _ = batch(name)
    y = network.forward(x)
    with pytest.raises(RuntimeError, match="call forward first"):
        network.backward(y)


def test_full_size_takes_neither_memory_nor_time(name):
    tracemalloc.start()
    network = blank(name, 21)
    rows = summarize(network, (224, 224))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert sum(row.parameters for row in rows) == sum(p.size for p in network.params.values())


def test_at_its_small_width_it_is_made(name):
    model = NETWORKS[name]
    network = make(name, 4, **model.at_width())
    width = min(model.width, model.published["width"])
    assert make(name, 4, **model.at_width(width)).params.keys() == network.params.keys()


def test_two_scenes_are_learned_by_heart(name):
    scenes = Scenes(2, size=TINY[name].size)
    (x, labels), *_ = batches(scenes, 2, mean_and_std(scenes), seed=0, epoch=0, flip=False)
    network = make(name, 4, **(TINY[name].settings | {"width": 4}))
    optimizer, losses = Adam(network.params), []
    for _ in range(TINY[name].steps):
        losses.append(float(network.learn(x, labels)))
        optimizer.step(network.grads, TINY[name].rate)
    assert losses[-1] < 0.2 * losses[0]
