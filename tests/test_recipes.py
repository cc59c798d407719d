"""Recipes: the published numbers, and that the command line trains by them, from the weights that it is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checks import assert_same
from test_weights import FC, WIDTH, vgg

from npseg import cli
from npseg.commands import images
from npseg.commands import train as command
from npseg.networks import NETWORKS, fcn
from npseg.training import Settings, checkpoints

LR = {"fcn32s": 1e-4, "fcn16s": 1e-6, "fcn8s": 1e-8, "fcn8s-at-once": 1e-4}
TINY = ["--width", "1", "--fc", "4", "--epochs", "1"]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_recipe_makes_settings(name):
    for recipe in NETWORKS[name].recipes.values():
        assert Settings(**recipe)


@pytest.mark.parametrize("name", fcn.MODELS)
def test_fcns_recipes_have_the_published_numbers(name):
    """Of the paper, and of the authors' files, whose rates are 1e-10, 1e-12 and 1e-14 over a sum."""
    paper, repository = (Settings(**NETWORKS[name].recipes[recipe]) for recipe in ("paper", "repository"))
    assert (paper.batch_size, paper.momentum, paper.reduction) == (20, 0.9, "mean")
    assert (repository.batch_size, repository.momentum, repository.reduction) == (1, 0.99, "sum")
    assert paper.lr == pytest.approx(LR[name], rel=1e-12)
    assert repository.lr == pytest.approx(1e-6 * LR[name], rel=1e-12)
    for settings in (paper, repository):
        assert (settings.optimizer, settings.schedule, settings.weight_decay) == ("sgd", "constant", 5e-4)
        assert (settings.bias_rate, settings.bias_decay) == (2, 0)
        assert (settings.flip, settings.crop, settings.balance) == (False, None, 0), "as they are"


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    """Return a function that runs ``npseg train`` on two scenes and gives the run, and what was said."""
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    fit, runs = command._fit, []

    def train(*words, fitted=False):
        monkeypatch.setattr(
            command, "_fit", lambda run, folder: runs.append(run) or (fitted and fit(run, folder))
        )
        monkeypatch.setattr(command, "draw_run", lambda run, dataset, folder: None)
        status = cli.main(["train", *map(str, words)])
        said, error = capsys.readouterr()
        return (runs[-1], said) if status == 0 else error

    return train


@pytest.fixture
def small(monkeypatch):
    """Publish the FCNs at a width that a test can take."""
    for name, model in fcn.MODELS.items():
        published = {**model.published, "width": WIDTH, "fc": FC}
        monkeypatch.setitem(NETWORKS, name, replace(model, published=published))


def test_a_recipe_comes_with_the_published_network_and_flags_override_both(train, tmp_path):
    words = ["--model", "fcn16s", *TINY, "--recipe", "paper"]
    run, _ = train(*words, "--output-dir", tmp_path / "a")
    assert run.network_config == {"name": "fcn16s", **NETWORKS["fcn16s"].published, "width": 1, "fc": 4}
    assert run.settings == Settings(**NETWORKS["fcn16s"].recipes["paper"], epochs=1)
    words += ["--batch-norm", "--lr", "0.5", "-b", "2", "--momentum", "0.3"]
    run, _ = train(*words, "--output-dir", tmp_path / "b")
    assert run.network_config["batch_norm"]
    assert (run.settings.lr, run.settings.batch_size, run.settings.momentum) == (0.5, 2, 0.3)
    assert (run.settings.bias_rate, run.settings.schedule) == (2, "constant")
    run, _ = train("--output-dir", tmp_path / "c")
    assert run.settings == Settings(), "without a recipe it is as ever"


def test_with_vggs_weights_the_network_is_the_published_one_and_the_recipe_the_papers(train, small, tmp_path):
    np.savez(tmp_path / "vgg16.npz", **(weights := vgg()))
    run, said = train("--model", "fcn32s", "--weights", tmp_path / "vgg16.npz", "--output-dir", tmp_path)
    assert run.network_config == {"name": "fcn32s", **NETWORKS["fcn32s"].published}
    assert run.settings == Settings(**NETWORKS["fcn32s"].recipes["paper"])
    assert run.normalization.mean.tolist() == [0.485, 0.456, 0.406]
    assert_same(run.network.params["to_pool3.conv1_2.w"], weights["features.2.weight"])
    assert (
        f"{tmp_path / 'vgg16.npz'}: 30 of 33 arrays taken over; new: to_score.score_fr, upscore; not used"
        in said
    )


def test_16s_starts_from_32s_and_8s_from_16s(train, small, tmp_path):
    """From VGG to FCN-8s in three runs, each by the recipe; the images are ImageNet's all the way."""
    np.savez(tmp_path / "vgg16.npz", **vgg())
    weights, said = tmp_path / "vgg16.npz", ""
    for name in ("fcn32s", "fcn16s", "fcn8s"):
        words = ["--weights", weights, "--recipe", "repository", "--epochs", "1"]
        words += ["--output-dir", tmp_path / name]
        run, said = train("--model", name, *words, fitted=True)
        assert run.network_config == {"name": name, **NETWORKS[name].published}
        assert run.settings.lr == pytest.approx(1e-6 * LR[name])
        assert run.normalization.std.tolist() == [0.229, 0.224, 0.225]
        weights = tmp_path / name / "checkpoint.npz"
    assert (
        "35 of 39 arrays taken over; new: score_pool3, upscore_pool4, upscore; not used: upscore.w\n" in said
    )
    run, _ = train(
        "--model", "fcn8s", "--weights", tmp_path / "fcn16s" / "checkpoint.npz", "--output-dir", tmp_path
    )
    assert run.settings == Settings(**NETWORKS["fcn8s"].recipes["paper"]), "by default"
    before, after = (checkpoints.load(tmp_path / n / "checkpoint.npz") for n in ("fcn16s", "fcn8s"))
    assert before.weights["score_pool4.w"].any(), "the skip has learned"
    assert after.weights["score_pool3.w"].any()


def test_from_a_network_of_ones_own_one_goes_on_as_ever(train, tmp_path):
    train("--model", "fcn32s", *TINY, "-b", "1", "--output-dir", tmp_path / "32s", fitted=True)
    weights = tmp_path / "32s" / "checkpoint.npz"
    run, said = train("--model", "fcn16s", "--weights", weights, "--output-dir", tmp_path)
    assert run.settings == Settings()
    assert run.network_config == {"name": "fcn16s", "width": 1, "fc": 4}
    assert said.startswith(f"{weights}: 77 of 81 arrays taken over; new: upscore2, score_pool4")


def test_weights_that_do_not_fit_are_refused_in_one_line(train, small, tmp_path):
    np.savez(tmp_path / "vgg16.npz", **vgg())
    error = train("--weights", tmp_path / "vgg16.npz", "--width", "3", "--output-dir", tmp_path / "out")
    assert "features.0.weight is (2, 3, 3, 3), and to_pool3.conv1_1.w needs (3, 3, 3, 3)" in error
    assert error.startswith("npseg train: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_resumed_run_takes_no_other_weights(train, tmp_path):
    error = train("--resume", tmp_path / "checkpoint.npz", "--weights", tmp_path / "vgg16.npz")
    assert "leave out --weights" in error
