"""Clipping, jitter, the best epoch, metrics as CSV, the two sanity checks and the clock."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

from npseg import cli
from npseg.commands import images
from npseg.commands import train as command
from npseg.data import VOID, InMemory, Normalization, Scenes, batches
from npseg.data.rescaling import random_scale, rescaled
from npseg.networks import NETWORKS
from npseg.networks.weights import Report
from npseg.training import (
    Interrupted,
    Run,
    Sanity,
    Settings,
    best_epoch,
    checkpoints,
    clip_by_norm,
    metrics,
    sanity,
    write_csv,
)
from npseg.training.clock import Clock, span
from npseg.training.loop import BEST, CHECKPOINT, METRICS
from npseg.training.metrics import mean_iou_of_present

NETWORK = {"name": "fcn8s", "width": 1, "fc": 4, "dropout": 0.3}
TRAIN, VAL = InMemory(Scenes(6, size=(32, 40))), InMemory(Scenes(2, size=(32, 40), seed=1))
RECIPE = Settings(epochs=3, batch_size=2, lr=0.02, seed=3, crop=(32, 32), jitter=(0.5, 2), clip=0.5)
HALF = Normalization(np.full(3, 0.5), np.full(3, 0.5))


def bits(run):
    return {name: a.tobytes() for name, a in (run.weights | run.optimizer.state()).items()}


def test_gradients_are_scaled_to_the_length_and_not_beyond():
    grads = {"w": np.array([[3.0, 0.0]]), "b": np.array([-4.0])}
    assert {k: g.tolist() for k, g in clip_by_norm(grads, 2.5).items()} == {"w": [[1.5, 0.0]], "b": [-2.0]}
    assert grads["w"].tolist() == [[3.0, 0.0]], "the gradients given stay as they are"
    for most in (5.0, 7.0):
        same = clip_by_norm(grads, most)
        assert all(same[k].tobytes() == grads[k].tobytes() for k in grads)
    assert clip_by_norm({"w": np.zeros(3)}, 1.0)["w"].tolist() == [0, 0, 0]
    long = {"w": np.float32([3e30, 0]), "b": np.float32([4e30])}  # their squares are no float32
    assert {k: g.tolist() for k, g in clip_by_norm(long, 5.0).items()} == {"w": [3.0, 0.0], "b": [4.0]}
    assert clip_by_norm({}, 1.0) == {}
    with pytest.raises(ValueError, match="most=0 must be positive"):
        clip_by_norm(grads, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_keeps_the_dtype_and_stays_on_the_device(dtype):
    host = {"w": np.array([3, 0], dtype), "b": np.array([4], dtype)}
    assert {g.dtype for g in clip_by_norm(host, 2.5).values()} == {np.dtype(dtype)}
    with stand_in_for_cupy() as cupy:
        device = {name: cupy.asarray(g) for name, g in host.items()}
        clipped = clip_by_norm(device, 2.5)
        assert clipped["b"].get().tolist() == [2]
        assert clipped["b"].dtype == dtype


def test_a_gradient_that_is_no_number_is_not_hidden():
    clipped = clip_by_norm({"w": np.array([np.nan]), "b": np.ones(1)}, 1.0)
    assert np.isnan(clipped["b"]).all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_enlarging_by_an_integer_repeats_labels(height, width, factor):
    labels = np.random.default_rng(0).integers(0, 5, (height, width), dtype=np.uint8)
    image = np.zeros((height, width, 3), np.uint8)
    larger, ids = rescaled(image, labels, factor)
    np.testing.assert_array_equal(ids, labels.repeat(factor, 0).repeat(factor, 1))
    assert larger.shape == (*ids.shape, 3)


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 5))
def test_image_and_labels_keep_one_size_and_no_class_is_made_up(height, width, factor):
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 7, VOID], (height, width)).astype(np.uint8)
    image, ids = rescaled(np.zeros((height, width, 3), np.uint8), labels, factor)
    assert image.shape == (*ids.shape, 3)
    assert ids.shape == (max(1, round(height * factor)), max(1, round(width * factor)))
    assert set(np.unique(ids)) <= set(np.unique(labels))


def test_the_image_stays_under_its_labels():
    """An image whose colours are its labels is rescaled to one whose colours are, but for the edges, its labels."""
    labels = np.kron(np.array([[0, 200], [100, 50]]), np.ones((20, 20))).astype(np.uint8)
    for factor in (0.5, 0.83, 1.3, 2.0):
        image, ids = rescaled(np.repeat(labels[..., None], 3, 2), labels, factor)
        assert np.mean(image[..., 0] != ids) < 6 / len(ids)


def test_scales_fill_their_range_evenly():
    rng = np.random.default_rng(0)
    scales = np.array([random_scale(rng, 0.5, 2) for _ in range(2000)])
    assert (scales.min(), scales.max()) == pytest.approx((0.5, 2), abs=0.01)
    assert np.mean(scales < 1) == pytest.approx(0.5, abs=0.04)


def test_jitter_changes_batches_and_its_absence_does_not():
    def of(**options):
        kinds = {"seed": 0, "epoch": 0, "crop": (24, 24)} | options
        return [x.tobytes() + labels.tobytes() for x, labels in batches(TRAIN, 2, HALF, **kinds)]

    assert of() != of(jitter=(0.5, 2))
    assert of(jitter=(0.5, 2)) == of(jitter=(0.5, 2))
    assert of(jitter=(0.5, 2))[1:] == of(jitter=(0.5, 2), start=1)
    x, labels = next(batches(TRAIN, 2, HALF, seed=0, epoch=0, jitter=(0.4, 0.4)))
    assert x.shape == (2, 3, 32, 40), "without a crop the size stays, and what is missing is void"
    assert (labels == VOID).mean() > 0.8
    with pytest.raises(ValueError, match=r"jitter=\(2, 1\); two positive factors"):
        next(batches(TRAIN, 2, HALF, seed=0, epoch=0, jitter=(2, 1)))


@pytest.mark.parametrize(
    ("setting", "value"), [("jitter", (0.9, 1.1)), ("jitter", None), ("clip", 0.1), ("clip", None)]
)
def test_each_makes_a_difference(setting, value):
    runs = [Run.start(NETWORK, s, TRAIN, VAL) for s in (RECIPE, replace(RECIPE, **{setting: value}))]
    for run in runs:
        run.fit(progress=False)
    assert bits(runs[0]) != bits(runs[1])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("clip", -1.0), ("clip", math.inf), ("jitter", (0, 1)), ("jitter", (2, 1)), ("jitter", (1,))],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=f"training: {setting}="):
        replace(RECIPE, **{setting: value})


def test_resumed_with_all_of_it_the_bits_are_the_same(tmp_path, monkeypatch):
    whole = Run.start(NETWORK, RECIPE, TRAIN, VAL, data_options={"format": "folder"})
    (tmp_path / "whole").mkdir()
    whole.fit(tmp_path / "whole", progress=False)

    class Enough(Exception):
        pass

    train_step, calls = Run.train_step, iter(range(100))

    def step(run, x, labels):
        if next(calls) == 4:
            raise Enough
        return train_step(run, x, labels)

    (tmp_path / "parts").mkdir()
    part = Run.start(NETWORK, RECIPE, TRAIN, VAL, data_options={"format": "folder"})
    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_step", step)
        with pytest.raises(Enough):
            part.fit(tmp_path / "parts", progress=False)
    again = Run.resume(checkpoints.load(tmp_path / "parts" / CHECKPOINT), TRAIN, VAL)
    assert (again.epoch, again.settings, again.data_options) == (1, RECIPE, {"format": "folder"})
    again.fit(tmp_path / "parts", progress=False)
    assert bits(again) == bits(whole)
    best = [checkpoints.load(tmp_path / name / BEST) for name in ("whole", "parts")]
    assert {n: a.tobytes() for n, a in best[0].weights.items()} == {
        n: a.tobytes() for n, a in best[1].weights.items()
    }
    assert best[0].progress["epoch"] == best[1].progress["epoch"] == best_epoch(whole.history)


def test_the_best_epoch_is_kept_beside_the_last(tmp_path, monkeypatch):
    figures = iter([0.3, 0.5, 0.5])
    run = Run.start(NETWORK, RECIPE, TRAIN, VAL)
    save = Run._save_epoch

    def given(run, folder):
        run.history[-1] |= dict.fromkeys(("mean_iou", "mean_iou_of_present"), next(figures))
        save(run, folder)

    monkeypatch.setattr(Run, "_save_epoch", given)
    run.fit(tmp_path, progress=False)
    assert checkpoints.load(tmp_path / BEST).progress["epoch"] == 2, "of equals the earliest"
    assert checkpoints.load(tmp_path / CHECKPOINT).progress["epoch"] == 3
    with (tmp_path / METRICS).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["mean_iou"]) for row in rows] == [0.3, 0.5, 0.5]
    assert [float(row["loss"]) for row in rows] == [record["loss"] for record in run.history]


def test_an_old_checkpoint_knows_nothing_of_it_and_goes_on():
    run = Run.start(NETWORK, replace(RECIPE, jitter=None, clip=None), TRAIN, VAL)
    state = run.checkpoint()
    for name in ("jitter", "clip"):
        del state.progress["settings"][name]
    del state.progress["data_options"]
    assert Run.resume(state, TRAIN, VAL).settings == run.settings


def test_the_history_of_an_old_checkpoint_goes_on(tmp_path):
    """Its epochs know nothing of the mean IoU by which the best is chosen now, and are judged by the plain one."""
    run = Run.start(NETWORK, RECIPE, TRAIN, VAL)
    run.fit(progress=False)
    state = run.checkpoint()
    state.progress["settings"]["epochs"] += 1
    for record in state.progress["history"]:
        del record["mean_iou_of_present"]
    state.progress["history"][0]["mean_iou"] = 1.0
    again = Run.resume(state, TRAIN, VAL)
    again.fit(tmp_path, progress=False)
    assert best_epoch(again.history) == 1
    with (tmp_path / METRICS).open() as file:
        found = [row["mean_iou_of_present"] for row in csv.DictReader(file)]
    assert found == [*[""] * RECIPE.epochs, str(again.history[-1]["mean_iou_of_present"])]


def test_a_stray_pixel_of_an_absent_class_does_not_decide_which_epoch_is_the_best():
    """The second network is better at each class that there is, and calls one pixel by the name of another."""
    matrices = [
        np.array(m) for m in ([[70, 30, 0], [35, 65, 0], [0, 0, 0]], [[79, 20, 1], [20, 80, 0], [0, 0, 0]])
    ]
    assert metrics(matrices[0]).mean_iou > metrics(matrices[1]).mean_iou
    history = [
        {"epoch": i, "mean_iou": metrics(m).mean_iou, "mean_iou_of_present": mean_iou_of_present(m)}
        for i, m in enumerate(matrices, 1)
    ]
    assert best_epoch(history) == 2
    assert math.isnan(mean_iou_of_present(np.zeros((3, 3))))


def test_no_figure_is_no_best():
    assert best_epoch([{"epoch": 1, "mean_iou": math.nan}]) is None
    assert best_epoch([{"epoch": 1, "mean_iou": math.nan}, {"epoch": 2, "mean_iou": 0.0}]) == 2


def test_metrics_are_replaced_whole(tmp_path):
    write_csv(tmp_path / "m.csv", [{"epoch": 1, "loss": math.nan}])
    write_csv(tmp_path / "m.csv", [{"epoch": 1, "loss": 0.5}])
    assert (tmp_path / "m.csv").read_text() == "epoch,loss\n1,0.5\n"


def test_a_sound_network_begins_at_log_c_and_learns_a_batch():
    settings = Settings(batch_size=2, lr=0.05, balance=0.5)
    run = Run.start({"name": "fcn8s", "width": 4, "fc": 16, "dropout": 0.9}, settings, TRAIN, VAL)
    before = bits(run)
    found = sanity(run, steps=200, progress=False)
    assert found.first_loss == pytest.approx(math.log(4), rel=1e-6)
    assert found.begins_well
    assert found.learns
    assert 0 < found.steps < 200
    assert bits(run) == before, "the run itself has not begun"
    without = Run.start({"name": "fcn8s", "width": 4, "fc": 16, "dropout": 0.0}, settings, TRAIN, VAL)
    assert sanity(without, steps=200, progress=False) == found, (
        "nothing is dropped while one batch is learned"
    )


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_a_loss_that_is_a_sum_begins_at_log_c_for_each_pixel(balance):
    settings = Settings(batch_size=2, lr=1e-6, balance=balance, reduction="sum")
    found = sanity(Run.start(NETWORK, settings, TRAIN, VAL), steps=1, progress=False)
    assert found.first_loss == pytest.approx(math.log(4), rel=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_begins_at_log_c(name):
    """Or about there: a network whose last layer does not start from zeros is a little off."""
    config = {"name": name, **NETWORKS[name].at_width(2)}
    run = Run.start(config, Settings(batch_size=2, crop=(64, 64)), TRAIN, VAL)
    assert sanity(run, steps=1, progress=False).begins_well


def test_it_is_the_weights_of_the_run_that_are_checked():
    run = Run.start(NETWORK, Settings(batch_size=2), TRAIN, VAL)
    for name, weight in run.network.params.items():
        if name.endswith("score_pool4.b"):
            weight[0] = 9
    assert not sanity(run, steps=1, progress=False).begins_well


def test_what_is_unsound_is_found(monkeypatch):
    run = Run.start(NETWORK, Settings(batch_size=2, lr=1e-9), TRAIN, VAL)
    assert not sanity(run, steps=3, progress=False).learns
    train_step = Run.train_step
    monkeypatch.setattr(Run, "train_step", lambda run, x, labels: 3 * train_step(run, x, labels))
    assert not sanity(run, steps=1, progress=False).begins_well


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (1.4, 0.01, ""),
        (5.0, 0.01, "first loss is 5.000 where log 4 = 1.386"),
        (1.4, 1.2, "its loss is still 1.200"),
    ],
)
def test_sanity_at_the_command_line(tmp_path, monkeypatch, capsys, first, last, message):
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    monkeypatch.setattr(command, "check", lambda run: Sanity(4, first, last, 7))
    monkeypatch.setattr(command, "draw_run", lambda *words: None)
    words = ["train", "--width", "1", "--fc", "4", "-b", "2", "--epochs", "1", "--sanity", "--output-dir"]
    status = cli.main([*words, str(tmp_path / "out")])
    said, error = capsys.readouterr()
    assert said.startswith(f"sanity: the first loss is {first:.3f}; log 4 is 1.386\n")
    assert status == (2 if message else 0)
    assert message in error
    assert (tmp_path / "out").exists() == (not message), "where it fails, nothing is begun"


def test_the_clock_says_once_how_long_it_will_take():
    now = iter([10.0, 20.0, *[99.0] * 9])
    clock = Clock(1005, 7, now=lambda: next(now))
    said = [clock.tick() for _ in range(12)]
    assert [line for line in said if line] == [said[5]]
    assert said[5].startswith("about 33 minutes of training ahead (1005 steps, 2.00 s each)")
    assert not any(Clock(1005, 6).tick() for _ in range(12)), "the epoch's own line says more"
    assert (span(119), span(121), span(7199)) == ("119 seconds", "2 minutes", "2 hours 0 minutes")


def test_a_training_says_after_its_first_steps_how_long_it_takes(tmp_path, monkeypatch, capsys):
    """Or, where an epoch is over sooner, with each of its epochs."""
    monkeypatch.setattr(images, "SCENES", {"train": (7, 0), "val": (1, 1)})
    monkeypatch.setattr(command, "draw_run", lambda *words: None)
    words = ["train", "--width", "1", "--fc", "4", "--epochs", "2", "--output-dir"]
    assert cli.main([*words, str(tmp_path / "out"), "-b", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^about \d+ seconds? of training ahead \(14 steps, .*\nepoch   1/2 ", said, re.M)
    assert re.search(r"s, about \d+ seconds? left\nepoch   2/2 ", said)
    assert "best.npz (epoch" in said
    assert cli.main([*words, str(tmp_path / "short"), "-b", "2"]) == 0
    assert "ahead" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        (1, "only 3 steps in all: .* --epochs 100 gives enough"),
        (66, "only 198 steps .* --epochs 100 "),
        (67, ""),
    ],
)
def test_a_run_of_few_steps_says_which_epochs_would_do(epochs, said):
    run = Run.start(NETWORK, replace(RECIPE, epochs=epochs), TRAIN, VAL)
    assert re.match(said, command.too_few_steps(run))
    assert bool(said) == bool(command.too_few_steps(run))
    run.inherited = Report(("conv.w",), (), ())
    assert command.too_few_steps(run) == "", "weights of another run have learned already"


def test_resumed_elsewhere_the_best_comes_along(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "SCENES", {"train": (4, 0), "val": (1, 1)})
    monkeypatch.setattr(command, "draw_run", lambda *words: None)
    fit = Run.fit

    def stop(run, *words, **options):
        run.settings = replace(run.settings, epochs=1)
        fit(run, *words, **options)
        raise Interrupted

    words = ["train", "--width", "1", "--fc", "4", "-b", "2", "--lr", "1e-9", "--epochs", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(Run, "fit", stop)
        assert cli.main([*words, "--output-dir", str(tmp_path / "a")]) == 130
    state = checkpoints.load(tmp_path / "a" / CHECKPOINT)
    state.progress["settings"]["epochs"] = 2
    checkpoints.save(tmp_path / "a" / CHECKPOINT, state)
    resume = ["train", "--resume", str(tmp_path / "a" / CHECKPOINT), "--output-dir", str(tmp_path / "b")]
    assert cli.main(resume) == 0
    best = best_epoch(checkpoints.load(tmp_path / "b" / CHECKPOINT).progress["history"])
    assert checkpoints.load(tmp_path / "b" / BEST).progress["epoch"] == best
