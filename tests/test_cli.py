"""The command line, from end to end: what it writes, and that whatever is wrong is said in one line."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npseg
from npseg import backend, cli, demo
from npseg.check import Row
from npseg.commands import checks, images
from npseg.commands import train as command
from npseg.data import CAMVID_CLASSES, SCENE_CLASSES, Scenes, voc_palette, write_labels
from npseg.predict import Labeller
from npseg.training import Run, Settings, checkpoints, load_labeller

TINY = ["--width", "1", "--fc", "4", "-b", "2", "--lr", "0.02", "--dropout", "0.2"]
COMMANDS = {
    "demo": ["--output-dir", "--seed", "--threads"],
    "data": ["--format", "--colors", "--sheet", "--write-colors", "--force"],
    "train": [
        *("--data-path", "--output-dir", "--resume", "--model", "--width", "--fc", "--dropout", "--epochs"),
        *("-b", "--batch-size", "--opt", "--lr", "--momentum", "--wd", "--lr-scheduler", "--lr-step-size"),
        *("--crop", "--flip", "--no-flip", "--batch-norm", "--no-batch-norm", "--seed", "--method"),
        *("--weights", "--recipe", "--classifier", "--freeze", "--no-freeze"),
        *("--format", "--colors", "--jitter", "--clip", "--balance", "--sanity"),
    ],
    "evaluate": ["--data-path", "--split", "--format", "--colors", "--output-dir", "--worst", "--force"],
    "predict": [
        *(
            "--output-dir",
            "--tile",
            "--resize",
            "--superpixels",
            "--probabilities",
            "--contact-sheet",
            "--force",
        ),
    ],
    "summary": [
        *("--input", "--batch", "--classes", "--width", "--fc", "--batch-norm", "--no-batch-norm"),
        *("--paper-padding", "--memory"),
    ],
    "gradcheck": [],
}


@pytest.fixture
def run(capsys):
    """Return a function that runs a command line here and gives its exit status, output and error output."""

    def run(*words):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(run):
    """Return a function that asserts that a command line is refused in one line, and gives the line."""

    def refused(*words):
        status, _, error = run(*words)
        assert status == 2
        assert re.fullmatch(r"npseg[ \w]*: .+\n", error), error
        return error

    return refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plain folder of six small scenes: four to train on, two to validate by."""
    root = tmp_path_factory.mktemp("plain")
    write_pairs(root / "images", root / "masks", count=6)
    (root / "classes.txt").write_text("\n".join(SCENE_CLASSES))
    return root


def write_pairs(images, masks, count):
    for where in (images, masks):
        where.mkdir(parents=True)
    scenes = Scenes(count, size=(32, 40))
    for i, name in enumerate(scenes.names):
        image, labels = scenes[i]
        Image.fromarray(image).save(images / f"{name}.png")
        write_labels(masks / f"{name}.png", labels, voc_palette(4))


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The folder of a finished run, for reading only."""
    output = tmp_path_factory.mktemp("run")
    assert (
        cli.main(["train", "--data-path", str(folder), "--output-dir", str(output), "--epochs", "1", *TINY])
        == 0
    )
    return output


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(Scenes(1, size=(45, 61))[0][0]).save(path)
    return path


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures of a run, which take a second."""
    monkeypatch.setattr(command, "draw_run", lambda run, dataset, output_dir: None)


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_version(run):
    assert run("--version") == (0, f"npseg {npseg.__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_flags(run, command):
    status, said, error = run(command, "--help")
    assert (status, error) == (0, "")
    assert all(re.search(rf"(?<![\w-]){flag}\b", said) for flag in COMMANDS[command])


def test_help_lists_the_commands(run):
    status, said, _ = run("--help")
    assert status == 0
    assert all(command in said for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "COMMAND"),
        (["trian"], "trian"),
        (["train", "--learning-rate", "1"], "--learning-rate"),
        (["train", "--epochs", "many"], "--epochs.*many"),
        (["train", "--epochs", "0"], "epochs=0 must be at least 1"),
        (["train", "--opt", "rprop"], "rprop"),
        (["train", "--model", "fcn64s"], "network 'fcn64s': choose one of .*'fcn32s'"),
        (["train", "--width", "0"], "width"),
        (["train", "--method", "fft"], "method='fft'; choose one of 'loops'"),
        (["train", "--threads", "0"], "threads: 0 must be at least 1"),
        (["train", "--momentum", "2"], "momentum"),
        (["train", "--clip", "0"], "clip=0.0 must be positive"),
        (["train", "--jitter", "2", "0.5"], "jitter=.2.0, 0.5. must be two factors, the smaller first"),
        (["train", "--format", "voc"], "--format and --colors are about a folder"),
        (["train", "--colors", "none.csv"], "none.csv: is missing; needs a table"),
        (["data"], "PATH"),
        (["data", "nowhere"], "nowhere: does not exist; needs the path of a folder"),
        (["train", "--data-path", "nowhere"], "nowhere: does not exist; needs the path of a folder"),
        (["train", "--recipe", "grandma's"], "recipe .*: network 'fcn8s' has 'paper' and 'repository'"),
        (["train", "--weights", "none.npz"], "none.npz: there is no such file"),
        (["train", "--resume", "none.npz"], "none.npz: there is no such file"),
        (["evaluate", "none.npz"], "none.npz: there is no such file"),
        (["predict", "none.npz", "a.png"], "none.npz: there is no such file"),
        (["predict", "none.npz"], "IMAGE"),
        (["summary"], "MODEL"),
        (["summary", "fcn64s"], "network 'fcn64s': choose one of .*'fcn32s'"),
        (["summary", "fcn8s", "--input", "0"], "summary: input=0 must be at least 1"),
        (["summary", "fcn8s", "--input", "1x2x3"], "input=.* has 3 entries"),
        (["summary", "fcn8s", "--batch", "0"], "batch=0 must be at least 1"),
        (["summary", "fcn8s", "--width", "-1"], "width=-1 must be at least 1"),
        (["summary", "fcn8s", "--width", "1", "--fc", "1", "--classes", "300", "--memory"], "classes=300"),
        (["predict", "none.npz", "a.png", "--tile", "0"], "--tile: '0' is no tile"),
        (["predict", "none.npz", "a.png", "--tile", "large"], "--tile: 'large' is no tile; write a number"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(refused, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    assert re.search(message, refused(*words))
    assert files(tmp_path) == []


def test_training_writes_a_run(folder, trained, run):
    assert files(trained) == [
        "best.npz",
        "checkpoint.npz",
        "curves.png",
        "metrics.csv",
        "predictions.png",
        "run.toml",
    ]
    for picture in ("curves.png", "predictions.png"):
        with Image.open(trained / picture) as image:
            assert min(image.size) > 200
    state = checkpoints.load(trained / "checkpoint.npz")
    assert state.classes == SCENE_CLASSES
    assert state.progress["data_path"] == str(folder)
    assert [record["epoch"] for record in state.progress["history"]] == [1]


def test_training_says_how_it_goes(folder, tmp_path, run, undrawn):
    status, said, error = run(
        "train", "--data-path", folder, "--output-dir", tmp_path, "--epochs", "2", *TINY
    )
    assert (status, error) == (0, "")
    assert "4 images to train on, 2 to validate by, 4 classes" in said
    assert re.search(r"epoch +2/2 +loss \d\.\d+ +mean IoU +[\d.]+ %", said)
    for figure in ("pixel accuracy", "mean accuracy", "mean IoU", "frequency weighted IoU", "IoU of cat"):
        assert re.search(rf"^{figure} +([\d.]+|–)$", said, re.MULTILINE)


def test_the_flags_reach_the_run(folder, tmp_path, run, monkeypatch):
    runs = []
    monkeypatch.setattr(command, "_fit", lambda run, output_dir: runs.append((run, output_dir)))
    words = (
        "train --model fcn16s --width 2 --fc 6 --dropout 0.25 --no-batch-norm --method winograd --epochs 7 "
        "--batch-size 3 --opt adam --lr 0.5 --momentum 0.1 --wd 0.01 --lr-scheduler step --lr-step-size 3 "
        "--crop 20 24 --no-flip --jitter 0.5 2 --clip 3 --balance 0.5 --seed 9 --format folder"
    )
    run(*words.split(), "--data-path", folder, "--output-dir", tmp_path / "out")
    run("train", "--data-path", folder)
    (given, output_dir), (default, default_dir) = runs
    network = {"width": 2, "fc": 6, "dropout": 0.25, "batch_norm": False, "method": "winograd"}
    assert given.network_config == {"name": "fcn16s"} | network
    recipe = {
        "epochs": 7,
        "batch_size": 3,
        "optimizer": "adam",
        "lr": 0.5,
        "momentum": 0.1,
        "weight_decay": 0.01,
    }
    recipe |= {"schedule": "step", "lr_step": 3, "crop": (20, 24), "flip": False, "balance": 0.5, "seed": 9}
    recipe |= {"jitter": (0.5, 2.0), "clip": 3.0}
    assert vars(given.settings) == vars(Settings()) | recipe
    assert given.data_options == {"format": "folder"}
    assert output_dir == tmp_path / "out"
    assert default.network_config == {"name": "fcn8s", "width": 16, "fc": 128}
    assert (default.settings.optimizer, default.settings.epochs, default.settings.flip) == ("sgd", 30, True)
    assert default_dir == Path("npseg-run")


def test_without_a_folder_it_trains_on_the_scenes(tmp_path, run, undrawn, monkeypatch):
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    status, said, _ = run("train", "--output-dir", tmp_path, "--epochs", "1", *TINY)
    assert status == 0
    assert "2 images to train on, 1 to validate by, 4 classes" in said
    status, said, _ = run("evaluate", tmp_path / "checkpoint.npz")
    assert said.startswith("1 image, val of the scenes\n(so few images say little)\n")


def test_camvid_is_known_by_its_folders(tmp_path, run, undrawn):
    for split, count in (("train", 2), ("val", 1)):
        root = tmp_path / "CamVid"
        write_pairs(root / split, root / f"{split}annot", count=count)
        for mask in (root / f"{split}annot").iterdir():
            ids = pixels(mask)
            Image.fromarray(np.where(ids == 255, 11, ids).astype(np.uint8)).save(mask)
    words = ["--data-path", root, "--output-dir", tmp_path / "out", "--epochs", "1", "--crop", 32, 32, *TINY]
    assert run("train", *words)[0] == 0
    assert load_labeller(tmp_path / "out" / "checkpoint.npz").classes == CAMVID_CLASSES
    assert "Bicyclist" in run("evaluate", tmp_path / "out" / "checkpoint.npz")[1]


def interrupt(monkeypatch, call):
    train_step, calls = Run.train_step, iter(range(1, 100))

    def step(run, x, labels):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(run, x, labels)

    monkeypatch.setattr(Run, "train_step", step)


def test_ctrl_c_saves_and_resume_ends_with_the_same_bits(folder, tmp_path, run, undrawn, monkeypatch):
    words = ["train", "--data-path", folder, "--epochs", "2", *TINY, "--output-dir"]
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        status, _, error = run(*words, tmp_path / "stopped")
    path = tmp_path / "stopped" / "checkpoint.npz"
    assert status == 130
    assert error == (
        f"npseg train: stopped; saved after step 1 of epoch 2; go on with: npseg train --resume {path}\n"
    )
    assert run("train", "--resume", path)[0] == 0
    assert run(*words, tmp_path / "whole")[0] == 0
    one, other = (checkpoints.load(tmp_path / name / "checkpoint.npz") for name in ("stopped", "whole"))
    assert {n: a.tobytes() for n, a in one.weights.items()} == {
        n: a.tobytes() for n, a in other.weights.items()
    }


def test_ctrl_c_elsewhere_is_no_traceback(run, monkeypatch):
    def stop(*, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "check_gradients", stop)
    assert run("gradcheck") == (130, "", "npseg gradcheck: stopped\n")


def test_a_folder_that_holds_a_run_is_left_alone(folder, trained, refused):
    before = (trained / "checkpoint.npz").read_bytes()
    error = refused("train", "--data-path", folder, "--output-dir", trained, *TINY)
    assert f"--resume {trained / 'checkpoint.npz'}" in error
    assert (trained / "checkpoint.npz").read_bytes() == before


def test_resume_does_not_write_over_another_run(trained, tmp_path, refused):
    other = tmp_path / "checkpoint.npz"
    other.write_bytes(b"another run")
    words = ["--resume", trained / "checkpoint.npz", "--output-dir", tmp_path]
    assert f"{other} is already there" in refused("train", *words)
    assert other.read_bytes() == b"another run"


def test_resume_takes_no_other_settings(trained, refused):
    words = ["--lr", "1", "--lr-step-size", "3", "-b", "4", "--model", "fcn32s", "--sanity"]
    error = refused("train", "--resume", trained / "checkpoint.npz", *words)
    named = re.findall(r"--[\w-]+", error.partition("leave out")[2])
    assert sorted(named) == ["--batch-size", "--lr", "--lr-step-size", "--model", "--sanity"]


def test_a_run_that_is_done_is_not_continued(trained, refused):
    path = trained / "checkpoint.npz"
    assert f"{path} has already done all of its 1 epochs" in refused("train", "--resume", path)


def test_resume_finds_the_images_where_they_are_now(folder, tmp_path, run, undrawn, monkeypatch):
    moved = shutil.copytree(folder, tmp_path / "there")
    words = ["train", "--data-path", moved, "--epochs", "2", *TINY, "--output-dir", tmp_path / "run"]
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        run(*words)
    path = tmp_path / "run" / "checkpoint.npz"
    moved = moved.rename(tmp_path / "here")
    status, _, error = run("train", "--resume", path)
    assert (status, "there: does not exist" in error) == (2, True)
    assert run("train", "--resume", path, "--data-path", moved)[0] == 0
    assert checkpoints.load(path).progress["data_path"] == str(moved)


def test_bad_data_is_named_before_training_starts(folder, tmp_path, refused):
    data = shutil.copytree(folder, tmp_path / "data")
    masks = sorted((data / "masks").iterdir())
    masks[0].unlink()
    Image.new("L", (7, 9)).save(masks[1])
    Image.new("L", (40, 32), 9).save(masks[2])
    masks[3].write_bytes(masks[3].read_bytes()[:-40])
    words = ("train", "--data-path", data, "--output-dir", tmp_path / "out", *TINY)
    error = refused(*words)
    for mask, what in zip(masks[1:], ("7x9", "holds 9", "cannot be read")):
        assert re.search(rf"{mask.name}: {what}", error)
    for mask, kept in zip(masks[1:4], sorted((folder / "masks").iterdir())[1:]):
        shutil.copy(kept, mask)
    assert f"{masks[0].name}: is missing" in refused(*words)
    (data / "classes.txt").unlink()
    assert "has no classes.txt" in refused(*words)
    assert not (tmp_path / "out").exists()


def test_images_of_several_sizes_need_a_crop(folder, tmp_path, refused, run, undrawn, monkeypatch):
    data = shutil.copytree(folder, tmp_path / "data")
    for where in ("images", "masks"):
        path = sorted((data / where).iterdir())[1]
        Image.fromarray(pixels(path)[:, :33]).save(path)
    words = ["train", "--data-path", data, "--epochs", "1", *TINY, "-b", "4", "--output-dir"]
    with monkeypatch.context() as patch:
        patch.setattr(Run, "train_step", None)  # it is told before a step is made
        error = refused(*words, tmp_path / "a")
    assert "is 33x32 and" in error
    assert "a batch needs one size: give crop=(height, width), at the command line --crop H W" in error
    assert not (tmp_path / "a").exists()
    assert run(*words, tmp_path / "b", "--crop", 24, 36)[0] == 0


def test_a_part_without_images_is_named(folder, tmp_path, refused):
    data = shutil.copytree(folder, tmp_path / "data")
    for path in sorted((data / "images").iterdir())[1:]:
        path.unlink()
    error = refused("train", "--data-path", data, *TINY, "--output-dir", tmp_path / "out")
    assert f"{data}: its part 'train' holds no image" in error


def test_images_are_found_from_wherever_one_stands(folder, tmp_path, run, undrawn, monkeypatch):
    shutil.copytree(folder, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    words = ["--data-path", "data", "--output-dir", "run", "--epochs", "1", *TINY]
    assert run("train", *words)[0] == 0
    assert "val of data\n" in run("evaluate", "run/checkpoint.npz")[1]
    monkeypatch.chdir(tmp_path / "run")
    assert f"val of {tmp_path}/data\n" in run("evaluate", "checkpoint.npz")[1]


def test_a_command_to_copy_stands_in_quotes_where_it_must(
    folder, tmp_path, run, refused, undrawn, monkeypatch
):
    words = ["train", "--data-path", folder, *TINY, "--output-dir", tmp_path / "my run"]
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        error = run(*words)[2]
    resume = f"--resume '{tmp_path}/my run/checkpoint.npz'"
    assert error.endswith(f"npseg train {resume}\n")
    assert f"continue it with {resume}," in refused(*words)
    (tmp_path / "my photos").mkdir()
    assert f"write '{tmp_path}/my photos/**'" in refused("predict", "scenes", tmp_path / "my photos")


def test_a_run_that_goes_on_elsewhere_takes_its_files_along(folder, tmp_path, run, undrawn, monkeypatch):
    words = ["train", "--data-path", folder, *TINY, "--epochs", "2", "--output-dir", tmp_path / "here"]
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        assert run(*words)[0] == 130
    there = tmp_path / "there"
    status, said, _ = run("train", "--resume", tmp_path / "here" / "checkpoint.npz", "--output-dir", there)
    assert status == 0
    assert (there / "run.toml").read_bytes() == (tmp_path / "here" / "run.toml").read_bytes()
    assert "run.toml" in said


def test_a_training_that_diverges_says_so_in_one_line(folder, tmp_path, refused):
    words = ["--data-path", folder, "--output-dir", tmp_path, "--no-batch-norm", *TINY, "--lr", "1e30"]
    assert "try a lower learning rate than 1e+30" in refused("train", *words)


def test_evaluate_prints_the_figures(trained, folder, run):
    status, said, error = run("evaluate", trained / "checkpoint.npz")
    assert (status, error) == (0, "")
    assert said.startswith(f"2 images, val of {folder}\n")
    assert (
        len(
            re.findall(
                r"^(pixel accuracy|mean accuracy|mean IoU|frequency weighted IoU) +[\d.]+$", said, re.M
            )
        )
        == 4
    )
    assert re.search("^class +IoU +recall +precision +of all pixels$", said, re.M)
    assert len(re.findall(r"^(grass|cat|tree|sky)( +[\d.–]+){4}$", said, re.M)) == 4
    assert run("evaluate", trained / "checkpoint.npz", "--split", "train")[1].startswith("4 images, train of")


def test_evaluate_refuses_other_classes_and_splits(trained, folder, tmp_path, refused):
    checkpoint = trained / "checkpoint.npz"
    assert "split 'test': choose one of" in refused("evaluate", checkpoint, "--split", "test")
    data = shutil.copytree(folder, tmp_path / "data")
    (data / "classes.txt").write_text("lawn\ncat\ntree\nsky\n")
    error = refused("evaluate", checkpoint, "--data-path", data)
    assert "knows the classes grass, cat, tree, sky; " in error
    assert "has lawn, cat, tree, sky" in error


@pytest.mark.parametrize("command", [("evaluate",), ("train", "--resume"), ("predict",)])
@pytest.mark.parametrize("damage", ["no checkpoint", "cut short", "altered"])
def test_a_damaged_checkpoint_is_refused(trained, tmp_path, refused, photo, command, damage):
    path = tmp_path / "damaged.npz"
    whole = (trained / "checkpoint.npz").read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "no checkpoint": b"hello",
            "cut short": whole[:middle],
            "altered": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        }[damage]
    )
    words = [path, photo, "--output-dir", tmp_path / "out"] if command == ("predict",) else [path]
    assert f"{path}: not a checkpoint, or damaged" in refused(*command, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "LA"])
@pytest.mark.parametrize("size", [(61, 45), (33, 7)])
def test_predict_labels_images_of_any_mode_and_size(trained, photo, tmp_path, run, mode, size):
    with Image.open(photo) as image:
        image.resize(size).convert(mode).save(photo)
    status, said, error = run("predict", trained / "checkpoint.npz", photo, "--output-dir", tmp_path / "out")
    assert (status, error) == (0, "")
    assert files(tmp_path / "out") == ["photo.png", "photo_overlay.png"]
    with Image.open(tmp_path / "out" / "photo.png") as labels:
        assert (labels.mode, labels.size) == ("P", size)
        assert set(np.unique(np.asarray(labels))) <= set(range(4))
        assert labels.getpalette()[:12] == voc_palette(5)[1:].ravel().tolist()
        shares = np.bincount(np.asarray(labels).ravel(), minlength=4) / labels.size[0] / labels.size[1]
    assert f"{SCENE_CLASSES[shares.argmax()]} {100 * shares.max():.0f} %" in said
    with Image.open(tmp_path / "out" / "photo_overlay.png") as overlay:
        assert overlay.width >= size[0]
        assert overlay.height > size[1], "the legend stands beneath"


def test_predict_labels_as_the_labeller_does(trained, photo, tmp_path, run):
    run("predict", trained / "checkpoint.npz", photo, "--output-dir", tmp_path / "out")
    expected = load_labeller(trained / "checkpoint.npz").labels(pixels(photo))
    assert np.array_equal(pixels(tmp_path / "out" / "photo.png"), expected)


@pytest.mark.parametrize(("word", "tile"), [("64", 64), ("none", None), ("auto", "auto")])
def test_predict_cuts_as_told(trained, photo, tmp_path, run, monkeypatch, word, tile):
    told, each_tile = [], Labeller._each_tile
    monkeypatch.setattr(
        Labeller, "_each_tile", lambda self, *words: told.append(words[2]) or each_tile(self, *words)
    )
    with Image.open(photo) as image:
        image.resize((40, 700)).save(photo)
    words = ["predict", trained / "checkpoint.npz", photo, "--output-dir", tmp_path / "out"]
    assert run(*words, "--tile", word)[0] == 0
    assert told == [tile]
    assert pixels(tmp_path / "out" / "photo.png").shape == (700, 40)


def test_predict_writes_over_nothing_unless_forced(trained, photo, tmp_path, run, refused):
    words = ["predict", trained / "checkpoint.npz", photo, "--output-dir", tmp_path / "out"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photo_overlay.png").write_text("mine")
    assert "photo_overlay.png is already there; add --force" in refused(*words)
    assert files(tmp_path / "out") == ["photo_overlay.png"]
    assert run(*words, "--force")[0] == 0
    assert pixels(tmp_path / "out" / "photo_overlay.png").ndim == 3


def test_predict_never_writes_over_the_image_itself(trained, photo, refused):
    before = photo.read_bytes()
    words = ["predict", trained / "checkpoint.npz", photo, "--output-dir", photo.parent, "--force"]
    assert "would be replaced by its own labels" in refused(*words)
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("one", "other"), [("a/x.png", "b/x.png"), ("x.png", "x.jpg"), ("x.png", "x_overlay.png")]
)
def test_two_images_of_one_name_are_refused(trained, photo, tmp_path, refused, one, other):
    for name in (one, other):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels(photo)).save(tmp_path / name)
    words = [tmp_path / one, tmp_path / other, "--output-dir", tmp_path / "out"]
    assert "would both be written to" in refused("predict", trained / "checkpoint.npz", *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["missing", "text", "cut short"])
def test_what_is_no_image_is_named_and_the_others_are_labelled(trained, photo, tmp_path, run, refused, kind):
    wrong, also = tmp_path / "wrong.png", tmp_path / "also.png"
    if kind != "missing":
        for file in (wrong, also):
            file.write_bytes(b"hello" if kind == "text" else photo.read_bytes()[:-100])
    words, out = ["predict", trained / "checkpoint.npz", "--output-dir", tmp_path / "out"], tmp_path / "out"
    assert f"npseg predict: {wrong}: " in refused(*words, wrong)
    status, said, error = run(*words, wrong, also)
    assert (status, said, len(error.splitlines())) == (2, "", 3)
    assert error.endswith("npseg predict: none of the 2 images can be read\n")
    assert not out.exists()
    status, said, error = run(*words, wrong, photo, also)
    first, second, last = error.splitlines()
    assert (status, files(out)) == (2, ["photo.png", "photo_overlay.png"])
    assert first.startswith(f"npseg predict: {wrong}: ")
    assert second.startswith(f"npseg predict: {also}: ")
    assert last == "npseg predict: 2 of 3 images could not be read; see above"
    assert [line.partition(":")[0] for line in said.splitlines()] == [str(photo)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deconvnet", "parameters      251,805,653;"),
        ("segnet", "29,433,483 without the batch norm"),
        ("segnet-basic", "1,415,563 without the batch norm"),
        ("fcn8s-at-once", "parameters      134,362,751"),
        ("rcnn2", "parameters      98,083"),
    ],
)
def test_summary_prints_the_published_parameters(run, name, said):
    status, printed, _ = run("summary", name)
    assert status == 0
    assert said in printed


def test_summary_is_of_full_width_unless_told_otherwise(run):
    status, said, error = run("summary", "fcn32s")
    assert (status, error) == (0, "")
    assert re.search(r"^to_pool3.conv1_1 +Conv +64x422x422 +1,792 ", said, re.MULTILINE)
    assert "parameters      134,346,581\n" in said
    words = ["--input", "40x48", "--width", 2, "--fc", 6, "--classes", 5, "--no-paper-padding"]
    status, said, _ = run("summary", "fcn8s", *words)
    assert re.search(r"^to_score.fc6 +Conv +6x2x2 ", said, re.MULTILINE)
    assert re.search(r"^upscore +\w+ +5x40x48 ", said, re.MULTILINE)
    assert "peak" not in said


def test_summary_measures_a_step_where_asked(run):
    words = ["--input", 32, "--width", 1, "--fc", 2, "--batch", 3, "--classes", 2, "--memory"]
    status, said, error = run("summary", "fcn16s", *words)
    assert (status, error) == (0, "")
    for name in ("weights", "gradients", "optimizer", "activations", "workspace", "peak"):
        assert re.search(rf"^{name} +\d+\.\d MB$", said, re.MULTILINE)


def test_gradcheck_prints_a_table(run, monkeypatch):
    rows = [Row("conv", "im2col", "x", 3e-11), Row("relu", "", "x", 2e-12)]
    monkeypatch.setattr(checks, "check_gradients", lambda *, progress: progress("conv") or rows)
    status, said, error = run("gradcheck")
    assert (status, error) == (0, "")
    assert said.splitlines()[1].split() == ["conv", "im2col", "x", "3.0e-11"]
    assert said.endswith("2 gradients; the largest error is 3.0e-11\n")


def test_the_number_of_threads_holds_for_the_command(run, monkeypatch):
    seen = []
    monkeypatch.setattr(checks, "gradcheck", lambda: seen.append(backend.thread_count()))
    before = backend.thread_count()
    assert run("gradcheck", "--threads", "3")[0] == 0
    run("gradcheck")
    assert seen == [3, before]
    assert backend.thread_count() == before


def test_demo_trains_compares_and_draws(tmp_path, run, monkeypatch):
    for name, value in {"TRAIN": 3, "VAL": 1, "TEST": 2}.items():
        monkeypatch.setattr(demo, name, value)
    monkeypatch.setattr(demo, "NETWORK", {"name": "fcn8s", "width": 1, "fc": 4})
    monkeypatch.setattr(demo, "SETTINGS", demo.replace(demo.SETTINGS, epochs=1, batch_size=2))
    monkeypatch.setattr(
        demo, "Scenes", lambda count, seed: seeds.append(seed) or Scenes(count, size=(32, 40))
    )
    seeds = []
    status, said, error = run("demo", "--output-dir", tmp_path / "demo", "--seed", "4")
    assert (status, error) == (0, "")
    assert files(tmp_path / "demo") == [
        "best.npz",
        "checkpoint.npz",
        "curves.png",
        "metrics.csv",
        "predictions.png",
    ]
    assert len(set(seeds)) == 3, "training, validation and test have scenes of their own"
    columns = r" +[\d.–]+ +[\d.–]+$"
    for figure in ("pixel accuracy", "mean accuracy", "mean IoU", "frequency weighted IoU", "IoU of sky"):
        assert re.search(f"^{figure}{columns}", said, re.MULTILINE)
    assert re.search("network +colour alone", said)
    assert "Try next:" in said
    assert load_labeller(tmp_path / "demo" / "checkpoint.npz").classes == SCENE_CLASSES

    assert run("demo", "--output-dir", tmp_path / "demo")[0] == 0, "a demo may take another demo's place"
    monkeypatch.setattr(demo, "NETWORK", {"name": "fcn8s", "width": 2, "fc": 4})
    status, _, error = run("demo", "--output-dir", tmp_path / "demo")
    assert status == 2
    assert "is that of another run; give another --output-dir" in error


def npseg_process(*words, **options):
    words = [sys.executable, "-m", "npseg", *map(str, words)]
    return subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_as_a_program():
    program = npseg_process("predict", "none.npz", "a.png")
    assert program.communicate(timeout=60) == ("", "npseg predict: none.npz: there is no such file\n")
    assert program.returncode == 2


def test_ctrl_c_to_the_program(folder, tmp_path):
    words = ["--data-path", folder, "--output-dir", tmp_path, "--epochs", "10000", *TINY]
    program, path = npseg_process("train", *words), tmp_path / "checkpoint.npz"
    try:
        until = time.monotonic() + 60
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
        _, error = program.communicate(timeout=60)
    finally:
        program.kill()
        program.wait()
    assert program.returncode == 130
    assert re.fullmatch(r"npseg train: stopped; saved after step \d of epoch \d+; go on with: .*\n", error)
    assert checkpoints.load(path).progress["epoch"] >= 1
    assert files(tmp_path) == ["best.npz", "checkpoint.npz", "metrics.csv", "run.toml"]
