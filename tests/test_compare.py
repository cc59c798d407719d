"""Networks compared: as wide as costs about the same, stopped and continued, and judged by the same images."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npseg.compare import Contest, at_cost, compare, enter, markdown, text
from npseg.compare.command import compare_networks, picture
from npseg.data import Scenes
from npseg.draw import side_by_side
from npseg.networks import NETWORKS
from npseg.networks.weightless import weightless
from npseg.summary import summarize
from npseg.training import Settings

SIZE = (32, 40)
RECIPE = Settings(epochs=2, batch_size=2)


@pytest.fixture
def contest(tmp_path):
    return Contest(RECIPE, Scenes(4, size=SIZE), Scenes(3, size=SIZE, seed=1), tmp_path)


def test_an_entrant_is_counted_as_the_summary_counts():
    entrant = enter("fcn16s", 5, (64, 96), width=3)
    assert entrant.settings == {"width": 3, "fc": 24}
    network = weightless("fcn16s", 5, width=3, fc=24)
    assert entrant.parameters == sum(p.size for p in network.params.values())
    assert entrant.multiply_adds == sum(row.multiply_adds for row in summarize(network, (64, 96)))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_other_width_comes_nearer_to_a_cost(name):
    goal = enter("fcn8s", 4, (64, 64), width=4).multiply_adds
    found = at_cost(name, 4, (64, 64), goal)
    width = found.settings["width"]

    def away(width):
        return abs(np.log(enter(name, 4, (64, 64), width=width).multiply_adds / goal))

    assert all(away(width) <= away(other) for other in (width - 1, width + 1) if other)


def test_a_stopped_contest_goes_on_to_the_same_weights(contest, tmp_path):
    entrant = enter("fcn32s", 4, SIZE, width=2)
    half = Contest(RECIPE, contest.train, contest.val, tmp_path / "stopped")

    class Stop(Exception):
        pass

    run = half._begin(entrant, tmp_path / "stopped" / entrant.name)

    def stop(run):
        raise Stop

    (tmp_path / "stopped" / entrant.name).mkdir(parents=True)
    with pytest.raises(Stop):
        run.fit(tmp_path / "stopped" / entrant.name, progress=False, after_epoch=stop)
    resumed, whole = half.run(entrant, progress=False), contest.run(entrant, progress=False)
    assert resumed.epoch == whole.epoch == 2
    assert all((resumed.weights[key] == whole.weights[key]).all() for key in whole.weights)


def test_a_finished_network_is_not_trained_again(contest, monkeypatch):
    entrant = enter("fcn32s", 4, SIZE, width=2)
    first, _ = compare(contest, [entrant])
    monkeypatch.setattr("npseg.training.loop.Run.train_step", None)
    again, labellers = compare(contest, [entrant])
    assert again[0].figures.mean_iou == first[0].figures.mean_iou
    assert again[0].training == first[0].training > 0
    assert list(labellers) == ["fcn32s"]


def test_the_folder_of_another_recipe_is_refused(contest):
    entrant = enter("fcn32s", 4, SIZE, width=2)
    contest.run(entrant, progress=False)
    for other, who in (
        (replace(contest, settings=replace(RECIPE, lr=0.1)), entrant),
        (contest, enter("fcn32s", 4, SIZE, width=3)),
    ):
        with pytest.raises(ValueError, match=r"checkpoint\.npz is of another recipe or width"):
            other.run(who, progress=False)


def test_the_tables_have_a_line_for_each_and_the_best_is_bold(contest, capsys):
    results, labellers = compare(contest, [enter(name, 4, SIZE, width=2) for name in ("fcn8s", "fcn32s")])
    said = capsys.readouterr().out
    assert re.findall(r"(?m)^about \d+ seconds? left in all, if the network to come takes as long$", said)
    assert said.count("left in all") == 1, "after the first epoch, and not of the last network"
    lines = markdown(results).splitlines()
    assert [line.split(" ")[1] for line in lines[2:]] == ["fcn8s", "fcn32s"]
    assert len({line.count("|") for line in lines}) == 1
    best = max(results, key=lambda result: result.figures.mean_iou)
    assert f"**{100 * best.figures.mean_iou:.1f}**" in markdown([best])
    assert len({len(line) for line in text(results).splitlines()}) == 1
    figure = picture(contest.val, labellers)
    assert len(figure.axes) == 3 * (2 + 2), "three images; truth, two networks"


def test_the_command_writes_a_table_a_record_and_a_picture(tmp_path, capsys, monkeypatch):
    scenes = Scenes(2, size=SIZE), Scenes(2, size=SIZE, seed=1)
    monkeypatch.setattr("npseg.compare.command.open_images", lambda *data, **how: scenes)
    for _ in range(2):
        compare_networks(["fcn16s"], {"epochs": 1, "batch_size": 2}, None, tmp_path, width=1)
        record = json.loads((tmp_path / "comparison.json").read_text())
        assert record["settings"]["epochs"] == 1
        assert [result["name"] for result in record["results"]] == ["fcn16s"]
        assert (tmp_path / "comparison.md").read_text().count("\n") == 3
        assert (tmp_path / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    assert "fcn16s" in capsys.readouterr().out


def test_what_cannot_be_compared_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="network 'alexnet': choose one of"):
        compare_networks(["alexnet"], {}, None, tmp_path / "out", width=8)
    assert not (tmp_path / "out").exists()


def test_side_by_side_wants_a_map_for_each_image():
    image, labels = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), int)
    with pytest.raises(ValueError, match="truth has 1 label maps for 2 images"):
        side_by_side([image, image], {"truth": [labels]}, ["a"], [(0, 0, 0)])
    with pytest.raises(ValueError, match="no image"):
        side_by_side([], {}, ["a"], [(0, 0, 0)])


def test_the_commands_folder_is_a_path_by_default():
    from npseg.cli.program import make_parser

    given = make_parser().parse_args(["compare", "fcn8s", "--epochs", "3"])
    assert (given.models, given.epochs, given.output_dir) == (["fcn8s"], 3, Path("npseg-comparison"))
    assert make_parser().parse_args(["compare"]).models == []
