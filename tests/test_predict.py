"""From an image to its labels: what is most probable, at any size, by a network that does not train."""

from __future__ import annotations

import numpy as np
import pytest

from npseg.data import SCENE_CLASSES, SCENE_COLORS, Normalization
from npseg.networks import make
from npseg.predict import Labeller

NORMALIZATION = Normalization(np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.25]))
SIZES = ((1, 1), (3, 50), (32, 32), (45, 31))


@pytest.fixture(scope="module", params=["float32", "float64"])
def labeller(request):
    network = make("fcn8s", 4, width=2, fc=4, dtype=request.param)
    rng = np.random.default_rng(0)
    for name in ("to_score.score_fr", "score_pool4", "score_pool3"):
        network.params[f"{name}.w"][:] = rng.standard_normal(network.params[f"{name}.w"].shape)
    return Labeller(network, NORMALIZATION, SCENE_CLASSES, SCENE_COLORS)


def photograph(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_the_labels_are_the_classes_of_the_highest_scores(labeller, size):
    image = photograph(size)
    scores, labels = labeller.scores(image), labeller.labels(image)
    assert (scores.shape, labels.shape, labels.dtype) == ((4, *size), size, np.uint8)
    assert scores.dtype == labeller.network.params["score_pool3.w"].dtype
    for place in np.ndindex(size):
        assert labels[place] == max(range(4), key=lambda k: scores[k, *place])
    assert min(size) < 32 or len(np.unique(labels)) > 1


@pytest.mark.parametrize("size", SIZES)
def test_the_probabilities_are_the_softmax_of_the_scores(labeller, size):
    image = photograph(size)
    p, scores = labeller.probabilities(image), labeller.scores(image)
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(np.log(p[1:]) - np.log(p[:1]), scores[1:] - scores[:1], rtol=1e-3, atol=1e-4)


def test_scores_of_any_height_make_probabilities(labeller, monkeypatch):
    loud = np.array([1000.0, -1000, 0, 1000]).reshape(1, 4, 1, 1)
    monkeypatch.setattr(type(labeller.network), "forward", lambda network, x: loud)
    assert labeller.probabilities(photograph((1, 1))).ravel().tolist() == [0.5, 0, 0, 0.5]


def test_the_image_is_normalised_as_in_training(labeller):
    image = photograph((32, 40))
    x = (image.transpose(2, 0, 1) / 255 - NORMALIZATION.mean[:, None, None]) / NORMALIZATION.std[
        :, None, None
    ]
    scores = labeller.scores(image)
    expected = labeller.network.forward(x[None].astype(scores.dtype))[0]
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_the_network_is_left_in_evaluation_and_unchanged(labeller):
    network = labeller.network
    arrays = network.params | network.buffers
    before = {name: a.copy() for name, a in arrays.items()}
    for ask in (labeller.scores, labeller.labels, labeller.probabilities):
        network.train(np.random.default_rng(0))
        ask(photograph((32, 32)))
        assert not network.training
        assert not network.layers["to_score"].layers["drop6"].training
    after = network.params | network.buffers
    assert all(np.array_equal(after[name], before[name]) for name in before)


def test_the_same_image_gets_the_same_labels(labeller):
    image = photograph((33, 47))
    first = labeller.scores(image)
    labeller.labels(photograph((50, 20), seed=1))
    assert labeller.scores(image).tobytes() == first.tobytes()
