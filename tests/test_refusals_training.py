"""Training, weights and labelling: each argument in turn is replaced by what nobody should give.

What is not here is in test_refusals.py.
"""

import numpy as np
import pytest
from refusals import assert_refused_by_name, unnamed_refusals

from npseg import data, networks, pretrained, training
from npseg.data import InMemory
from npseg.predict import Labeller, softmax
from npseg.training import Checkpoint, Pretrained, Run, Settings, checkpoints

SCENES = InMemory(data.Scenes(2, size=(32, 32)))
HALF = data.Normalization(np.full(3, 0.5), np.full(3, 0.5))
CONFIG = {"name": "full-resolution", "width": 1, "depth": 2}
TWO = ("a", "b")
COLORS = np.zeros((2, 3), np.uint8)
MATRIX = np.array([[3, 1], [2, 4]])
HISTORY = [{"epoch": 1, "mean_iou": 0.5}]
PARAMS = {"w": np.ones(3)}
GRADS = {"w": np.ones(3)}


class Uniform:
    """Images of one class, which any network knows by heart."""

    classes, colors, names = ("gray",), np.full((1, 3), 128, np.uint8), ["one"]

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return np.full((8, 8, 3), 128, np.uint8), np.zeros((8, 8), np.uint8)


def started(**given):
    run = Run.start(
        **{"network_config": CONFIG, "settings": Settings(), "train": SCENES, "val": SCENES, **given}
    )
    return run


def state():
    return started().checkpoint()


def network():
    return networks.make(**CONFIG, classes=2)


def weights():
    net = network()
    return Pretrained("memory", net.params | net.buffers, HALF, TWO, CONFIG, COLORS)


def drained(function):
    """Return a function that goes through all that another yields."""
    return lambda **given: list(function(**given))


def stepped(kind):
    """Return a function that makes an optimizer, and makes a step."""

    def step(**given):
        kind({"w": np.ones(3)}).step(**given)

    return step


LABELLER = Labeller(network(), HALF, TWO, COLORS)
SCENE_LABELLER = started().labeller
IMAGE = np.zeros((8, 9, 3), np.uint8)
BATCH = {"x": np.zeros((1, 3, 8, 8), "float32"), "labels": np.zeros((1, 8, 8), int)}

#: A sound call of each, and the arguments that are replaced.
CALLS = {
    "Settings": (Settings, {"jitter": (1.0, 1.5), "clip": 1.0}),
    "make_schedule": (Settings().make_schedule, {"steps_per_epoch": 2}),
    "SGD": (training.SGD, {"params": PARAMS, "rates": {"w": 1.0}, "decays": {"w": 1.0}}),
    "Adam": (training.Adam, {"params": PARAMS, "betas": (0.9, 0.999), "eps": 1e-8}),
    "step": (stepped(training.SGD), {"grads": GRADS, "lr": 0.1}),
    "load_state": (training.SGD(PARAMS).load_state, {"state": training.SGD(PARAMS).state()}),
    "clip_by_norm": (training.clip_by_norm, {"grads": GRADS, "most": 1.0}),
    "class_weights": (training.class_weights, {"dataset": SCENES, "power": 1.0}),
    "ColorClassifier": (training.ColorClassifier, {"dataset": SCENES}),
    "labels": (training.ColorClassifier(SCENES).labels, {"image": IMAGE}),
    "evaluate": (training.evaluate, {"labeller": SCENE_LABELLER, "dataset": SCENES, "progress": False}),
    "each_confusion": (
        drained(training.each_confusion),
        {"labeller": SCENE_LABELLER, "dataset": SCENES, "progress": False},
    ),
    "metrics": (training.metrics, {"matrix": MATRIX}),
    "per_class": (training.per_class, {"matrix": MATRIX}),
    "class_table": (training.class_table, {"matrix": MATRIX, "classes": TWO}),
    "report": (training.report, {"columns": {"network": training.metrics(MATRIX)}, "classes": TWO}),
    "best_epoch": (training.best_epoch, {"history": HISTORY}),
    "Run": (
        Run,
        {
            **{"network_config": CONFIG, "settings": Settings(), "train": SCENES, "val": SCENES},
            **{"normalization": HALF, "data_path": None, "data_options": {}, "epoch": 0, "step": 0},
            **{"loss_sum": 0.0, "history": HISTORY},
        },
    ),
    "start": (
        started,
        {
            **{"network_config": CONFIG, "settings": Settings(), "train": SCENES, "val": SCENES},
            **{"data_path": None, "data_options": {}, "pretrained": None},
        },
    ),
    "resume": (Run.resume, {"checkpoint": state(), "train": SCENES, "val": SCENES, "what": "checkpoint"}),
    "train_step": (lambda **given: started().train_step(**given), BATCH),
    "fit": (
        lambda **given: started(settings=Settings(epochs=1)).fit(**given),
        {"output_dir": None, "progress": False},
    ),
    "Checkpoint": (Checkpoint, vars(state())),
    "Pretrained": (lambda **given: Pretrained(**given).labeller(), vars(weights())),
    "settings_for": (weights().settings_for, {"name": "full-resolution"}),
    "into": (
        lambda **given: weights().into(**given),
        {"network": network(), "config": CONFIG, "classes": TWO},
    ),
    "sanity": (
        training.sanity,
        {"run": started(train=Uniform(), val=Uniform()), "steps": 1, "progress": False},
    ),
    "Labeller": (lambda **given: Labeller(**given).labels(IMAGE), LABELLER._asdict()),
    "scores": (LABELLER.scores, {"image": IMAGE, "tile": None, "progress": False}),
    "probabilities": (LABELLER.probabilities, {"image": IMAGE, "tile": "auto", "progress": False}),
    "softmax": (softmax, {"scores": np.zeros((2, 3, 3))}),
    "find": (pretrained.find, {"name": "scenes"}),
}

#: Those that read or write files, from the folder that they lie in.
ON_DISK = {
    "write_csv": lambda root: (training.write_csv, {"path": root / "metrics.csv", "history": HISTORY}),
    "load_labeller": lambda root: (training.load_labeller, {"path": root / "state.npz"}),
    "read_weights": lambda root: (training.read_weights, {"path": root / "state.npz"}),
    "write_weights": lambda root: (
        training.write_weights,
        {"path": root / "new.npz", "pretrained": weights(), "names": "own"},
    ),
    "save": lambda root: (checkpoints.save, {"path": root / "new.npz", "checkpoint": state()}),
    "load": lambda root: (checkpoints.load, {"path": root / "state.npz"}),
    "two_stage": lambda root: (
        training.two_stage,
        {
            **{"network": {"width": 1, "fc": 2, "input_size": 32}, "stages": 2 * (Settings(epochs=1),)},
            **{"train": SCENES, "val": SCENES, "boxes": None, "background": 0, "output_dir": root / "two"},
            **{"progress": False},
        },
    ),
}


pytestmark = pytest.mark.usefixtures("little_room", "in_an_empty_folder")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@pytest.mark.parametrize("name", ON_DISK)
def test_each_argument_of_what_reads_or_writes_is_refused_by_name(name, tmp_path, monkeypatch):
    if name == "two_stage":
        monkeypatch.setattr(Run, "fit", lambda run, output_dir, *, progress: None)
    checkpoints.save(tmp_path / "state.npz", state())
    failures = unnamed_refusals(name, *ON_DISK[name](tmp_path))
    assert not failures, "\n".join(failures)


def test_what_is_called_after_an_epoch_must_be_a_function():
    with pytest.raises(TypeError, match="run: after_epoch='x'; a function is needed, or None"):
        started().fit(after_epoch="x")
