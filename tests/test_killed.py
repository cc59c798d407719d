"""A run may be killed at any moment, its disk be full, its folder vanish: what was saved is whole, and it goes on."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npseg.cli import main
from npseg.commands import images
from npseg.commands import train as command
from npseg.commands.config import CONFIG
from npseg.data import Scenes
from npseg.training import Run, Settings, checkpoints
from npseg.training.loop import BEST, CHECKPOINT, METRICS

#: Trains in each folder that it is told, from the start or on from its checkpoint, in a process of its own, and kills
#: that after so many seconds. Python and NumPy are loaded once, and not for each of the many that die.
WORKER = f"""
import os, signal, sys, time
from pathlib import Path
from npseg.data import InMemory, Scenes
from npseg.training import Run, Settings, checkpoints

def train(folder, *data):
    path = folder / {CHECKPOINT!r}
    if path.exists():
        run = Run.resume(checkpoints.load(path), *data)
    else:
        config = {{"name": "fcn32s", "width": 1, "fc": 2, "dropout": 0.3}}
        run = Run.start(config, Settings(epochs=12, batch_size=2, optimizer="adam", lr=0.01), *data)
    run.fit(folder, progress=False)

data = InMemory(Scenes(4, size=(32, 32))), InMemory(Scenes(1, size=(32, 32), seed=1))
for line in sys.stdin:
    folder, seconds = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        train(Path(folder), *data)
        os._exit(0)
    if seconds:
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    print(os.waitpid(child, 0)[1], flush=True)
"""

KILLS = 50

#: What a run leaves in its folder.
FILES = sorted([CHECKPOINT, BEST, METRICS])


@pytest.fixture
def worker():
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", WORKER], env=environment, **pipes) as process:
        yield process
        process.stdin.close()


def train_in(folder, worker, *, kill_after=""):
    """Train in a folder; say whether the process got through, or was killed after so many seconds."""
    print(folder, kill_after, sep="\t", file=worker.stdin, flush=True)
    return int(worker.stdout.readline()) == 0


def bits(path):
    state = checkpoints.load(path)
    arrays = state.weights | state.optimizer_state
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in state.progress["history"]]
    return {name: a.tobytes() for name, a in arrays.items()}, state.progress["epoch"], history


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path, worker):
    (tmp_path / "whole").mkdir()
    began = time.perf_counter()
    assert train_in(tmp_path / "whole", worker)
    undisturbed = time.perf_counter() - began
    want, best = (bits(tmp_path / "whole" / name) for name in (CHECKPOINT, BEST))
    draw, kills = random.Random(0), 0
    while kills < KILLS:
        folder, done = tmp_path / f"killed-{kills}", False
        folder.mkdir()
        while not done:
            moment = draw.uniform(0, undisturbed / 3) if kills < KILLS else ""
            done = train_in(folder, worker, kill_after=moment)
            kills += not done
            if (folder / CHECKPOINT).exists():
                checkpoints.load(folder / CHECKPOINT)  # whole, whenever that was
        assert bits(folder / CHECKPOINT) == want
        assert bits(folder / BEST) == best
        assert sorted(os.listdir(folder)) == FILES, "nothing half-written is left"


@pytest.fixture
def folder(tmp_path):
    """A folder of images, small enough to train on in no time."""
    from PIL import Image

    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for i, (image, labels) in enumerate(Scenes(6, size=(32, 32))):
        Image.fromarray(image).save(tmp_path / f"data/images/{i}.png")
        Image.fromarray(labels.astype(np.uint8)).save(tmp_path / f"data/masks/{i}.png")
    (tmp_path / "data/classes.txt").write_text("grass\ncat\ntree\nsky\n")
    return tmp_path / "data"


def words(folder, out, epochs):
    small = ["--model", "fcn32s", "--width", "1", "--fc", "2", "-b", "2", "--epochs", str(epochs)]
    return ["train", "--data-path", str(folder), "--output-dir", str(out), *small]


#: Runs the command line with files held to so few bytes that no checkpoint fits: as on a disk that is full. Afterwards
#: files may be of any size again, for what else the process writes at its end, such as which lines it ran.
FULL = """
import resource, sys
from npseg.cli import main
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
status = main(sys.argv[1:])
resource.setrlimit(resource.RLIMIT_FSIZE, before)
sys.exit(status)
"""


def test_a_full_disk_leaves_the_last_checkpoint(folder, tmp_path):
    out = tmp_path / "run"
    run = Run.start({"name": "fcn32s", "width": 1, "fc": 2}, Settings(epochs=2, batch_size=2), *pair(folder))
    run.data_path = str(folder)
    with pytest.raises(Stop):
        run.fit(out, progress=False, after_epoch=stop)
    before = (out / CHECKPOINT).read_bytes()
    command = [sys.executable, "-c", FULL, "train", "--resume", str(out / CHECKPOINT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(rf"npseg train: {re.escape(str(out))}/\w+\.npz: File too large\n", done.stderr)
    assert sorted(os.listdir(out)) == FILES
    assert (out / CHECKPOINT).read_bytes() == before
    assert main(["train", "--resume", str(out / CHECKPOINT)]) == 0
    assert checkpoints.load(out / CHECKPOINT).progress["epoch"] == 2


class Stop(Exception):
    pass


def stop(run):
    raise Stop


def pair(folder):
    return images.open_images(str(folder))


def test_a_folder_that_vanishes_is_made_again(folder, tmp_path, monkeypatch):
    out, epoch = tmp_path / "run", command.print_epoch

    def remove(run):
        epoch(run)
        if run.epoch == 1:
            shutil.rmtree(out)

    monkeypatch.setattr(command, "print_epoch", remove)
    assert main(words(folder, out, 3)) == 0
    assert checkpoints.load(out / CHECKPOINT).progress["epoch"] == 3


def test_a_folder_that_cannot_be_written_to_is_named(folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    opened = open

    def refuse(path, mode="r", *more, **options):
        if "w" in mode and str(out) in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *more, **options)

    monkeypatch.setattr("builtins.open", refuse)
    assert main(words(folder, out, 2)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "Permission denied" in error[0]
    assert str(Path(out, CONFIG)) in error[0], "the first file that a run writes"
