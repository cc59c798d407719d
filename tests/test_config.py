"""A run leaves its orders in its folder, and is repeated from them, bit for bit."""

from __future__ import annotations

import re
import tomllib

import pytest

from npseg.cli import main
from npseg.commands import images
from npseg.commands import train as command
from npseg.commands.config import CONFIG, read
from npseg.training import Settings, checkpoints
from npseg.training.loop import CHECKPOINT

TINY = ["--model", "fcn16s", "--width", "1", "--fc", "2", "--epochs", "1", "-b", "2", "--crop", "32", "40"]


@pytest.fixture(autouse=True)
def _few_and_undrawn(monkeypatch):
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    monkeypatch.setattr(command, "draw_run", lambda run, dataset, output_dir: None)


def train(*words):
    return main(["train", *map(str, words)])


def weights(folder):
    saved = checkpoints.load(folder / CHECKPOINT)
    return {name: a.tobytes() for name, a in saved.weights.items()}, saved.network, saved.progress["settings"]


def test_a_run_is_repeated_from_its_folder(tmp_path):
    assert (
        train(*TINY, "--jitter", 0.8, 1.25, "--lr", 0.03, "--seed", 4, "--output-dir", tmp_path / "one") == 0
    )
    assert train("--config", tmp_path / "one" / CONFIG, "--output-dir", tmp_path / "two") == 0
    assert weights(tmp_path / "one") == weights(tmp_path / "two")
    one, two = ((tmp_path / name / CONFIG).read_text() for name in ("one", "two"))
    assert one == two
    assert Settings(**tomllib.loads(one)["settings"]) == Settings(**weights(tmp_path / "one")[2])


def test_flags_come_before_the_file(tmp_path):
    train(*TINY, "--output-dir", tmp_path / "one")
    words = ["--epochs", 2, "--dropout", 0, "--output-dir", tmp_path / "two"]
    assert train("--config", tmp_path / "one" / CONFIG, *words) == 0
    orders = read(tmp_path / "two" / CONFIG)
    assert (orders.settings["epochs"], orders.settings["crop"]) == (2, [32, 40])
    assert orders.network == {"name": "fcn16s", "width": 1, "fc": 2, "dropout": 0.0}


def test_another_network_takes_the_settings_but_not_the_width(tmp_path):
    train(*TINY, "--output-dir", tmp_path / "one")
    words = ["--model", "segnet-basic", "--width", 2, "--output-dir", tmp_path / "two"]
    assert train("--config", tmp_path / "one" / CONFIG, *words) == 0
    orders = read(tmp_path / "two" / CONFIG)
    assert orders.network == {"name": "segnet-basic", "width": 2}
    assert orders.settings["batch_size"] == 2


def test_the_weights_that_it_began_from_are_begun_from_again(tmp_path):
    train(*TINY, "--output-dir", tmp_path / "parent")
    start = ["--weights", tmp_path / "parent" / CHECKPOINT, "--output-dir", tmp_path / "one"]
    assert train(*TINY, *start) == 0
    assert read(tmp_path / "one" / CONFIG).weights == str((tmp_path / "parent" / CHECKPOINT).resolve())
    assert train("--config", tmp_path / "one" / CONFIG, "--output-dir", tmp_path / "two") == 0
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epochs = ", "not TOML"),
        ("\xff\xfe", r"run.toml: is no text in UTF-8"),
        ("epochs = 3", r"epochs is not as in a file that npseg train writes"),
        ("network = 3", r"network is not as in a file"),
        ("data_path = 3\n[network]\nname = 'fcn8s'", "data_path is not as in a file"),
        ("[settings]\nepochs = 3", r'\[network\] must have a name, such as name = "fcn8s"'),
        ("[network]\nname = 'fcn9s'", "network 'fcn9s': choose one of"),
        ("[network]\nname = 'fcn8s'\ndepth = 3", "network 'fcn8s': .*depth"),
        ("[network]\nname = 'fcn8s'\n[settings]\nepoch = 3", "epoch"),
        ("[network]\nname = 'fcn8s'\n[settings]\nepochs = 0", "epochs=0 must be at least 1"),
        ("[network]\nname = 'fcn8s'\n[settings]\nepochs = 'many'", "epochs"),
    ],
)
def test_a_file_that_orders_nothing_sensible_is_refused_in_one_line(tmp_path, capsys, content, message):
    path = tmp_path / "run.toml"
    path.write_bytes(content.encode("latin-1"))
    assert train("--config", path, "--output-dir", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert not (tmp_path / "out").exists()


def test_config_stands_alone_for_recipe_and_resume(tmp_path, capsys):
    train(*TINY, "--output-dir", tmp_path / "one")
    config = tmp_path / "one" / CONFIG
    assert train("--config", config, "--recipe", "paper", "--output-dir", tmp_path / "two") == 2
    assert "leave out --recipe" in capsys.readouterr().err
    assert train("--config", config, "--resume", tmp_path / "one" / CHECKPOINT) == 2
    assert "leave out --config" in capsys.readouterr().err
