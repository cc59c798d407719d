"""The network that comes with npseg: small, in the package, and good on scenes that it never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npseg import pretrained
from npseg.cli import main
from npseg.data import SCENE_CLASSES, Scenes
from npseg.training import evaluate, load_labeller, metrics


def test_it_is_small():
    assert pretrained.NAMES == ("scenes",)
    assert pretrained.find("scenes").stat().st_size < 1e6


def test_it_labels_scenes_that_it_never_saw():
    labeller = load_labeller(pretrained.find("scenes"))
    assert labeller.classes == SCENE_CLASSES
    figures = metrics(evaluate(labeller, Scenes(10, seed=2), progress=False))
    assert figures.mean_iou > 0.8
    assert figures.pixel_accuracy > 0.9


def test_it_is_there_under_its_name_from_the_first_minute(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image, truth = Scenes(1, seed=2)[0]
    Image.fromarray(image).save("photo.png")
    assert main(["predict", "scenes", "photo.png"]) == 0
    labels = np.asarray(Image.open("npseg-labels/photo.png"))
    assert np.mean(labels == truth) > 0.8
    assert "photo.png: " in capsys.readouterr().out


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretrained.find("scenes").parent == pretrained.FOLDER
    Path("scenes").touch()
    assert pretrained.find("scenes") == Path("scenes")


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_help_names_it(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "comes with npseg: scenes" in " ".join(capsys.readouterr().out.split())
