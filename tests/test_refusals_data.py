"""Data: each argument in turn is replaced by what nobody should give; datasets that are none, paths that are none.

What is not here is in test_refusals.py.
"""

import numpy as np
import pytest
from refusals import assert_refused_by_name, unnamed_refusals
from test_data_formats import IDS, IMAGE, MADE, save

from npseg import data
from npseg.data import Box

SCENES = data.Scenes(2, size=(32, 32))
HALF = data.Normalization(np.full(3, 0.5), np.full(3, 0.5))
TABLE = data.ColorTable([("a", 0, 0, 0), ("b", 1, 1, 1)])
BOXES = [Box(0, 0, 20, 20)]
RNG = np.random.default_rng(0)
LABELS = np.zeros((40, 40), np.uint8)
LABELS[5:30, 5:30] = 1


def drained(function):
    """Return a function that goes through all that another yields."""
    return lambda **given: list(function(**given))


#: A sound call of each, and the arguments that are replaced.
CALLS = {
    "batches": (
        drained(data.batches),
        {
            **{"dataset": SCENES, "batch_size": 1, "normalization": HALF, "seed": 0, "epoch": 0},
            **{"crop": (4, 4), "flip": True, "jitter": (1.0, 1.5), "start": 0, "dtype": "float32"},
        },
    ),
    "steps_per_epoch": (data.steps_per_epoch, {"dataset": SCENES, "batch_size": 1}),
    "InMemory": (data.InMemory, {"dataset": SCENES}),
    "mean_and_std": (data.mean_and_std, {"dataset": SCENES}),
    "apply": (HALF.apply, {"image": IMAGE}),
    "Normalization": (
        lambda **given: data.Normalization(**given).apply(IMAGE),
        {"mean": np.zeros(3), "std": np.ones(3)},
    ),
    "validate": (data.validate, {"dataset": SCENES, "progress": False}),
    "ColorTable": (data.ColorTable, {"rows": [("a", 0, 0, 0)], "source": "a table"}),
    "ids": (TABLE.ids, {"mask": np.zeros((2, 2, 3), np.uint8)}),
    "ObjectCrops": (data.ObjectCrops, {"dataset": SCENES, "size": 8, "background": 0, "least": 10}),
    "ProposalCrops": (
        data.ProposalCrops,
        {"dataset": SCENES, "size": 8, "boxes": [BOXES, BOXES], "background": 0, "least": 10, "seed": 0},
    ),
    "objects": (drained(data.objects), {"labels": LABELS, "background": 0, "least": 10}),
    "jittered": (data.jittered, {"boxes": BOXES, "count": 2, "rng": RNG}),
    "Box": (BOXES[0].overlap, {"other": BOXES[0]}),
    "squared": (BOXES[0].squared, {"factor": 1.2}),
    "within": (BOXES[0].within, {"size": (10, 10)}),
}

#: Those that read or write files, from the folder that they lie in.
ON_DISK = {
    "read_image": lambda root: (data.read_image, {"path": root / "image.png"}),
    "read_colors": lambda root: (data.read_colors, {"path": root / "colors.csv"}),
    "write_colors": lambda root: (data.write_colors, {"path": root / "new.csv", "rows": TABLE.rows}),
    "write_labels": lambda root: (
        data.write_labels,
        {"path": root / "new.png", "labels": IDS, "colors": np.zeros((3, 3), int)},
    ),
    "find_format": lambda root: (data.find_format, {"path": root / "folder", "format": "folder"}),
    "found": lambda root: (data.find_format, {"path": root / "folder"}),
    "open_dataset": lambda root: (
        data.open_dataset,
        {"path": root / "folder", "split": "train", "format": "folder", "colors": None},
    ),
    "survey": lambda root: (
        data.survey,
        {"path": root / "folder", "format": "folder", "colors": None, "progress": False},
    ),
    "propose_colors": lambda root: (
        data.propose_colors,
        {"path": root / "folder", "format": "folder", "progress": False},
    ),
}
CONSTRUCTORS = {kind.__name__: name for name, (_, kind, *_) in MADE.items()}


pytestmark = pytest.mark.usefixtures("little_room", "in_an_empty_folder")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@pytest.mark.parametrize("name", ON_DISK)
def test_each_argument_of_what_reads_or_writes_is_refused_by_name(name, tmp_path):
    MADE["folder"][0](tmp_path / "folder")
    save(tmp_path / "image.png", IMAGE)
    data.write_colors(tmp_path / "colors.csv", TABLE.rows)
    failures = unnamed_refusals(name, *ON_DISK[name](tmp_path))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_each_argument_of_a_format_is_refused_by_name(name, tmp_path):
    make, kind, *_ = MADE[CONSTRUCTORS[name]]
    sound = {"path": make(tmp_path / "there"), "split": "train", "colors": None}
    failures = unnamed_refusals(name, kind, sound)
    assert not failures, "\n".join(failures)


def test_what_shall_look_at_the_pairs_must_be_a_function(tmp_path):
    with pytest.raises(TypeError, match="survey: look='x'; a function is needed, or None"):
        data.survey(MADE["folder"][0](tmp_path / "folder"), look="x")
