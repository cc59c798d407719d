"""What every command refuses: said in one line, with status 2, and nothing is written.

First a table of mistakes that people make, each with what it says; then strange words for every option of every command
in turn, the rest being sound. What would run long is kept tiny. ``NPSEG_FUZZ=200`` tries all words; the default are a
few of them, others for each option.
"""

import os
import random
import re
from argparse import _HelpAction, _SubParsersAction

import numpy as np
import pytest
from PIL import Image

from npseg import cli, demo, room
from npseg.bench.session import Session
from npseg.check.oracle import command as oracle
from npseg.check.oracle.worker import verdicts
from npseg.cli import program
from npseg.commands import checks, evaluate, images
from npseg.commands import train as training_command
from npseg.compare import command as comparing
from npseg.data import Scenes, voc_palette, write_labels
from npseg.networks import make
from npseg.training import Checkpoint, Run, checkpoints

WORDS = (
    *(
        "",
        "x",
        "-1",
        "0",
        "1",
        "1.5",
        "1e400",
        "nan",
        "inf",
        "9" * 20,
        "2147483647",
        "none",
        "a,b",
        "1x2x3x4",
    ),
    *(
        "missing/file",
        "a-folder",
        "a-file",
        ".",
        "..",
        "a" * 5000,
        "\x01",
        "\udcff",
        "*",
        "~",
        "ß\n",
        "--",
        "=",
        "1:2:3",
    ),
)

#: How many of them an option gets.
TRIED = 4 if int(os.environ.get("NPSEG_FUZZ", "25")) < 200 else len(WORDS)

NETWORK = {"name": "full-resolution", "width": 1, "depth": 2, "classes": 2}

#: A sound call of each command: what follows its name.
SOUND = {
    "demo": ["--output-dir", "out"],
    "data": ["pictures", "--sheet", "sheet.png"],
    "train": [
        *("--data-path", "pictures", "--output-dir", "out", "--model", "full-resolution", "--width", "1"),
        *("--epochs", "1", "-b", "1"),
    ],
    "evaluate": ["state.npz", "--data-path", "pictures"],
    "compare": [
        *(
            "full-resolution",
            "--data-path",
            "pictures",
            "--output-dir",
            "out",
            "--width",
            "1",
            "--epochs",
            "1",
        ),
        *("-b", "1"),
    ],
    "predict": ["state.npz", "pictures/images/0.png", "--output-dir", "out"],
    "export": ["state.npz", "--output", "model.npz"],
    "summary": ["full-resolution", "--input", "8x8", "--width", "1"],
    "explain": ["conv", "--input", "3x3", "--kernel", "2", "--output", "page.html"],
    "gradcheck": [],
    "accuracy": [],
    "check": ["npseg:relu_forward", "--as", "relu_forward", "--examples", "1"],
    "vectors": ["relu_forward", "--out", "golden", "--count", "1", "--axes", "1"],
    "bench": ["--quick", "--only", "no such layer"],
}


def commands():
    actions = program.make_parser()._actions
    return next(a for a in actions if isinstance(a, _SubParsersAction)).choices


def options():
    """Every option of every command, and every word that stands by itself."""
    for name, parser in commands().items():
        for action in parser._actions:
            if not isinstance(action, _HelpAction) and action.nargs != 0:
                yield name, action


OPTIONS = [
    pytest.param(*each, id=f"{each[0]} {each[1].option_strings or each[1].dest}") for each in options()
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to be in, with a dataset, a trained network, a file and a folder; commands that take no time."""
    here = tmp_path / "here"
    for folder in ("pictures/images", "pictures/masks", "a-folder"):
        (here / folder).mkdir(parents=True)
    (here / "a-file").write_text("hello\n")
    (here / "pictures" / "classes.txt").write_text("a\nb\n")
    for i in range(2):
        Image.new("RGB", (8, 8), (i, 2, 3)).save(here / "pictures" / "images" / f"{i}.png")
        write_labels(here / "pictures" / "masks" / f"{i}.png", np.eye(8, dtype=np.uint8), voc_palette(2))
    net = make(**NETWORK)
    arrays = {"colors": np.zeros((2, 3), np.uint8), "mean": np.zeros(3), "std": np.ones(3)}
    weights = net.params | net.buffers
    checkpoints.save(
        here / "state.npz", Checkpoint(NETWORK, weights, {"name": "sgd"}, {}, {}, ("a", "b"), **arrays)
    )
    monkeypatch.chdir(here)
    spare_the_work(monkeypatch)
    return here


def spare_the_work(monkeypatch):
    """Leave out what takes long once all arguments have been looked at."""
    monkeypatch.setattr(room, "memory", lambda: 2**25)
    monkeypatch.setattr(images, "SCENES", {"train": (2, 0), "val": (1, 1)})
    monkeypatch.setattr(training_command, "_fit", lambda run, output_dir: None)
    monkeypatch.setattr(evaluate, "confusion", lambda *given, **how: Picture())
    monkeypatch.setattr(evaluate, "comparison", lambda *given, **how: Picture())
    for name in ("TRAIN", "VAL", "TEST"):
        monkeypatch.setattr(demo, name, 1)
    monkeypatch.setattr(demo, "Scenes", lambda count, seed: Scenes(count, size=(32, 32), seed=seed))
    monkeypatch.setattr(demo, "NETWORK", {"name": "full-resolution", "width": 1, "depth": 2})
    monkeypatch.setattr(demo, "draw_run", lambda *given: None)
    monkeypatch.setattr(Run, "fit", lambda run, output_dir, **given: None)
    monkeypatch.setattr(comparing, "compare", lambda contest, entrants: ([], {}))
    monkeypatch.setattr(comparing, "_write", lambda *given: None)
    monkeypatch.setattr(comparing, "text", lambda results: "")
    monkeypatch.setattr(checks, "check_gradients", lambda *, progress: [])
    monkeypatch.setattr(checks, "report_gradients", lambda rows: "")
    monkeypatch.setattr(checks, "measure_accuracy", lambda *, progress: [])
    monkeypatch.setattr(checks, "report_accuracy", lambda rows: "")
    monkeypatch.setattr(Session, "measure", lambda session: iter(()))
    monkeypatch.setattr(oracle, "run_apart", judged)


def judged(request, seconds):
    """Check a candidate here, unless that would take long."""
    if request["options"].get("examples", 1) > 3:
        return {"candidate": {"passed": True, "message": "passed"}}
    return verdicts(request)


class Picture:
    def savefig(self, file, **given):
        file.write(b"picture")


def there(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.parent.rglob("*")}


def outcome(words, capsys):
    """Run a command line: its exit status, and what it wrote on standard error."""
    try:
        status = cli.main(words)
    except SystemExit as stop:
        status = stop.code
    return status, capsys.readouterr().err


def check_outcome(words, place, capsys):
    before = there(place)
    status, error = outcome(words, capsys)
    assert status in (0, 1, 2), words
    assert status != 1 or words[0] == "check", words
    if status == 2:
        assert re.fullmatch(r"npseg[ \w]*: [^\n]+\n", error), (words, error)
        assert there(place) == before, words
    return status


def words_for(command, action):
    """The sound call with one option left out, and the option: what strange words come behind."""
    sound = list(SOUND[command])
    if not action.option_strings:
        position = [a.dest for a in commands()[command]._actions if not a.option_strings].index(action.dest)
        return lambda word: [*sound[:position], word, *sound[position + 1 :]]
    for flag in action.option_strings:
        if flag in sound:
            at = sound.index(flag)
            del sound[at : at + 2]
    times = action.nargs if isinstance(action.nargs, int) else 1
    return lambda word: (
        [*sound, f"{action.option_strings[0]}={word}"]
        if times == 1
        else [*sound, action.option_strings[0], *(word,) * times]
    )


#: What people write, and what they are told, behind the name of the program and the command.
MISTAKES = (
    ("demo --seed -1", "demo: seed=-1 must be at least 0"),
    ("demo --seed one", "argument --seed: invalid int value: 'one'"),
    ("demo --output-dir a-file", "a-file: is a file; needs a folder to write to"),
    ("demo --threads 0", "threads: 0 must be at least 1"),
    ("demo pictures", "unrecognized arguments: pictures"),
    ("data", "the following arguments are required: PATH"),
    ("data a-folder", "a-folder: holds nothing; needs images/, masks/ and classes.txt"),
    ("data a-file", "a-file: is a file; needs the path of a folder"),
    ("data missing", "missing: does not exist; needs the path of a folder of images and masks\n"),
    ("data pictures --format png", "format 'png': choose one of folder, voc"),
    ("data pictures --format voc", "pictures: has no JPEGImages/; needs JPEGImages/"),
    ("data pictures --colors a-file", "a-file: the rows have 0 classes; needs 1 to 255"),
    ("data pictures --colors a-folder", "a-folder: is missing; needs a table of colours"),
    ("data pictures --sheet a-file", "a-file is already there; add --force, or write elsewhere"),
    ("data pictures --sheet .", ". is already there; add --force"),
    ("data pictures --sheet a-file/page.png", "a-file: is a file; needs a folder to write to"),
    ("data pictures --sheet page.jpg", "page.jpg: the page is a PNG; needs a name that ends in .png"),
    (
        "data pictures --write-colors c.csv --sheet page.png",
        "--write-colors lists colours; leave out --sheet",
    ),
    ("data pictures --write-colors c.csv --colors c.csv", "--write-colors lists colours; leave out --colors"),
    ("data pictures --write-colors a-file", "a-file is already there; add --force"),
    ("train --data-path pictures --model fcn9s", "network 'fcn9s': choose one of"),
    ("train --data-path pictures --depth 3", "unrecognized arguments: --depth 3"),
    ("train --data-path pictures --crop 8", "argument --crop: expected 2 arguments"),
    ("train --data-path pictures --crop 0 8", "crop=0 must be at least 1"),
    ("train --data-path pictures --seed -1", "training: seed=-1 must be at least 0"),
    ("train --data-path pictures --lr 0", "training: lr=0.0 must be positive"),
    ("train --data-path pictures --lr nan", "lr=nan must be finite"),
    ("train --data-path pictures --balance 2", "balance=2.0 must lie between 0"),
    ("train --data-path pictures --dropout 2", "dropout=2.0 must lie between 0 and 1"),
    ("train --data-path pictures --wd -1", "weight_decay is -1.0, but must be a finite number, 0 or more"),
    ("train --data-path pictures -b 0", "training: batch_size=0 must be at least 1"),
    ("train --data-path pictures --lr-step-size 0", "lr_step=0 must be at least 1"),
    ("train --data-path pictures --model segnet --fc 3", "network 'segnet': has no fc; its settings are"),
    ("train --data-path pictures --config a-file", "a-file: not TOML"),
    ("train --data-path pictures --config missing.toml", "missing.toml"),
    ("train --config a-file --recipe paper", "--config has a recipe already; leave out --recipe"),
    ("train --resume state.npz", "state.npz holds no training run to continue"),
    ("train --resume state.npz --epochs 3", "leave out --epochs"),
    ("train --resume a-folder", "a-folder"),
    (
        "train --data-path pictures --weights a-file",
        "a-file: weights are read from a checkpoint, or from a .npz",
    ),
    ("train --data-path pictures --weights state.npz --model fcn8s", "state.npz: of another network"),
    ("train --data-path pictures --output-dir a-file", "a-file: is a file; needs a folder to write to"),
    ("evaluate", "the following arguments are required: CHECKPOINT"),
    ("evaluate a-file --data-path pictures", "a-file: not a checkpoint, or damaged"),
    ("evaluate a-folder", "a-folder: not a checkpoint, or damaged"),
    ("evaluate state.npz --data-path pictures --split exam", "split 'exam': choose one of 'train', 'val'"),
    ("evaluate state.npz", "state.npz knows the classes a, b; the scenes has grass, cat, tree, sky"),
    ("evaluate state.npz --colors colors.csv", "colors.csv: is missing; needs a table of colours"),
    ("evaluate state.npz --format voc", "--format and --colors are about a folder of images"),
    (
        "evaluate state.npz --data-path pictures --output-dir o --worst -1",
        "evaluate: worst=-1 must be at least 1",
    ),
    (
        "evaluate state.npz --data-path pictures --output-dir a-file/deep",
        "a-file: is a file; needs a folder to write to",
    ),
    ("compare fcn9s", "network 'fcn9s': choose one of"),
    ("compare unet --epochs 0", "training: epochs=0 must be at least 1"),
    ("compare unet --width 0 --data-path pictures", "width=0 must be at least 1"),
    ("compare unet --data-path missing", "missing: does not exist"),
    ("predict state.npz", "the following arguments are required: IMAGE"),
    ("predict state.npz missing.png", "missing.png: is missing; there is no such file"),
    ("predict state.npz a-folder", "a-folder: holds no images"),
    ("predict state.npz a-file", "a-file: cannot be read as a picture"),
    ("predict state.npz *.jpg", "*.jpg: matches no image"),
    ("predict state.npz pictures/images/0.png --tile 0", "argument --tile: '0' is no tile"),
    ("predict pictures/images/0.png state.npz", "0.png: not a checkpoint, or damaged"),
    (
        "predict state.npz pictures/images/0.png --output-dir a-file",
        "a-file: is a file; needs a folder to write to",
    ),
    ("export state.npz", "the following arguments are required: --output"),
    ("export state.npz --output model.pth", "model.pth: weights are written to a .npz or .safetensors file"),
    ("export state.npz --output state.npz --force", "state.npz would be replaced by its own weights"),
    ("export state.npz --output a-file/model.npz", "a-file: is a file; needs a folder to write to"),
    ("export missing.npz --output model.npz", "missing.npz: there is no such file"),
    ("export state.npz --output m.npz --names torchvision", "the network has none of VGG-16's layers"),
    ("export state.npz --output m.npz --names caffe", "argument --names: invalid choice: 'caffe'"),
    ("summary fcn9s", "network 'fcn9s': choose one of"),
    ("summary fcn8s --input x", "argument --input: 'x' is no size; write 4 or 4x5"),
    ("summary fcn8s --classes 0", "classes=0 must be at least 1"),
    ("summary segnet --fc 3", "network 'segnet': has no fc; its settings are"),
    ("explain conv", "the following arguments are required: --input"),
    ("explain conf --input 3", "npseg explain: operation='conf'; choose one of 'conv', "),
    ("explain conv --input 3 --kernel 5", "kernel 5 with dilation 1 does not fit"),
    ("explain conv --input 3 --kernel 2 --scale 2", "scale"),
    ("explain conv --input 3 --kernel 2 --padding 1:2:3", "argument --padding: '1:2:3' is no padding"),
    ("explain conv --input 3 --kernel 2 --output a-folder", "a-folder"),
    ("gradcheck conv", "unrecognized arguments: conv"),
    ("accuracy --threads many", "argument --threads: invalid int value: 'many'"),
    ("check", "name a function and what it is held against"),
    ("check npseg:relu_forward", "name a function and what it is held against"),
    ("check npseg:relu_forward --as relu", "'relu'"),
    ("check nowhere.py:f --as relu_forward", "nowhere.py"),
    ("check npseg:nothing --as relu_forward", "nothing"),
    (
        "check npseg:relu_forward --as relu_forward --only stride",
        "'stride' is no restriction; write stride=1",
    ),
    ("check npseg:relu_forward --as relu_forward --csv marks.csv", "--csv and --exercises go with --report"),
    ("check --outputs a-folder", "a-folder has no vectors.json; write the vectors with npseg vectors"),
    ("check --outputs a-folder --seed 1", "--outputs judges what is there; leave out seed"),
    ("check --report a-folder f --as relu_forward", "a-folder has no *.py in it, and so no submissions"),
    (
        "check npseg:relu_forward --as relu_forward --json nowhere/a.json",
        "there is no folder nowhere for a.json",
    ),
    ("vectors relu_forward", "the following arguments are required: --out"),
    ("vectors relu --out golden", "'relu'"),
    ("vectors relu_forward --out pictures", "pictures is already there; give another folder"),
    ("vectors relu_forward --out golden --count 0", "vectors: count=0 must be at least 1"),
    ("vectors relu_forward --out golden --dtype int8", "int8"),
    ("vectors dropout_forward --out golden", "dropout_forward is random"),
    ("bench --only nothing", "nothing"),
    ("bench --methods fft", "'fft'"),
    ("bench --seconds -1", "seconds"),
    ("bench --json nowhere/rows.json", "there is no folder nowhere for rows.json"),
    ("bench --backend jax", "argument --backend: invalid choice: 'jax'"),
)


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(words, message, place, capsys):
    before = there(place)
    status, error = outcome(words.split(), capsys)
    assert status == 2, error
    assert re.fullmatch(rf"npseg {words.split()[0]}: [^\n]+\n", error), error
    assert message in error
    assert there(place) == before


def test_there_is_a_mistake_of_every_command():
    assert {words.split()[0] for words, _ in MISTAKES} == set(SOUND)


@pytest.mark.parametrize("command", SOUND)
def test_the_sound_call_goes_well(command, place, capsys):
    expected = 2 if command == "bench" else 0  # no layer has this in its name
    status, error = outcome([command, *SOUND[command]], capsys)
    assert status == expected, error


def test_there_is_a_sound_call_of_every_command():
    assert set(SOUND) == set(commands())


@pytest.mark.parametrize(("command", "action"), OPTIONS)
def test_strange_words_are_refused_in_one_line_or_do_no_harm(command, action, place, capsys):
    rng = random.Random(f"{command} {action.dest}")
    line = words_for(command, action)
    for word in rng.sample(WORDS, TRIED):
        check_outcome([command, *line(word)], place, capsys)
