"""The demo: a network learns to label the scenes, in about a minute, and what it has learned is looked at."""

from __future__ import annotations

import math
import shlex
import time
from dataclasses import replace
from pathlib import Path

from npseg import arguments
from npseg.commands.images import refuse_unwritable
from npseg.commands.train import draw_run, print_epoch
from npseg.data import SCENE_CLASSES, InMemory, Scenes
from npseg.training import ColorClassifier, Run, Settings, evaluate, metrics, report
from npseg.training.checkpoints import load
from npseg.training.loop import CHECKPOINT

NETWORK = {"name": "fcn8s", "width": 8, "fc": 64, "dropout": 0.0}
SETTINGS = Settings(epochs=6, batch_size=8, lr=0.1, weight_decay=1e-4)

#: How many scenes to train on, to watch by, and to judge by; each set is drawn from a seed of its own.
TRAIN, VAL, TEST = 200, 20, 100


def demo(output_dir: Path, *, seed: int = 0) -> None:
    """Train on the scenes, judge by scenes never seen, and write a picture, the curves and the checkpoint.

    Parameters
    ----------
    output_dir : Path
        The folder to write to; made if it is not there.
    seed : int
        Of the scenes and of the training. The three sets of scenes are drawn from three other seeds.
    """
    began = time.perf_counter()
    _refuse_another_run(output_dir / CHECKPOINT)
    seed = arguments.integer("demo", "seed", seed, 0, math.inf)
    output_dir.mkdir(parents=True, exist_ok=True)
    print(f"Drawing {TRAIN + VAL + TEST} scenes of grass, cats, trees and sky ...")
    train, val, test = (InMemory(Scenes(n, seed=3 * seed + i)) for i, n in enumerate((TRAIN, VAL, TEST)))
    settings = replace(SETTINGS, seed=seed)
    run = Run.start(NETWORK, settings, train, val)
    weights = sum(p.size for p in run.network.params.values())
    print(f"Training FCN-8s, {weights:,} weights, on {TRAIN} of them; every gradient is hand-written NumPy.")
    run.fit(output_dir, after_epoch=print_epoch)

    print(f"Labelling the {TEST} scenes that it never saw ...")
    figures = {
        "network": metrics(evaluate(run.labeller, test)),
        "colour alone": metrics(evaluate(ColorClassifier(train), test)),
    }
    draw_run(run, test, output_dir)
    print()
    print(report(figures, test.classes))
    print(f"\nDone in {time.perf_counter() - began:.0f} seconds. Look at:")
    for name, what in (
        ("predictions.png", "image, truth, prediction, and where they differ"),
        ("curves.png", "how the loss fell and the mean IoU rose"),
        ("checkpoint.npz", "the trained network"),
    ):
        print(f"  {output_dir / name}  ({what})")
    print("\nTry next:")
    checkpoint = shlex.quote(str(output_dir / CHECKPOINT))
    print(f"  npseg predict {checkpoint} PHOTO.jpg      label an image of your own")
    print("  npseg train --data-path FOLDER                        train on your own images")
    print("  npseg gradcheck                                       check every gradient numerically")


def _refuse_another_run(path: Path) -> None:
    """Refuse to write over the checkpoint of a run that is no demo."""
    refuse_unwritable([path])
    if path.exists() and load(path).network != {"classes": len(SCENE_CLASSES), **NETWORK}:
        raise ValueError(f"{path} is that of another run; give another --output-dir")
