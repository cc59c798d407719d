"""Two checks before hours are spent: that the loss begins where ignorance does, and that one batch can be learned.

A network that knows nothing gives each of C classes the same probability, and its loss is log C. A network that can
learn at all can learn a single batch by heart, if it may look at it often enough. Where either fails, something
between images, labels, network and optimizer is wrong, and more images will not mend it.

References
----------
A. Karpathy, "A recipe for training neural networks", 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from npseg import arguments, kinds
from npseg.backend import to_numpy
from npseg.data import VOID, batches
from npseg.layers import Container, Dropout, Layer
from npseg.training.checkpoints import restore
from npseg.training.loop import Run

#: The first loss is about log C from this share of it to so much more. Last layers that start from zeros give log C
#: exactly; random ones give scores of some variance v, which adds v/2 to the loss, and v is about 2 by He's rule.
AT_LEAST, MORE = 0.5, 2.0

#: By heart is a loss of this share of log C.
BY_HEART = 0.1


class Sanity(NamedTuple):
    """What the two checks found.

    Attributes
    ----------
    classes : int
        C.
    first_loss : float
        The loss before the first step.
    last_loss : float
        The loss of the one batch after the last step on it.
    steps : int
        How many steps were made on it.

    Examples
    --------
    >>> found = Sanity(classes=4, first_loss=1.39, last_loss=1.2, steps=300)
    >>> found.begins_well, found.learns
    (True, False)
    """

    classes: int
    first_loss: float
    last_loss: float
    steps: int

    @property
    def begins_well(self) -> bool:
        """Whether the first loss is about log C."""
        expected = math.log(self.classes)
        return AT_LEAST * expected <= self.first_loss <= expected + MORE

    @property
    def learns(self) -> bool:
        """Whether the batch was learned by heart."""
        return self.last_loss <= BY_HEART * math.log(self.classes)


def sanity(run: Run, *, steps: int = 300, progress: bool = True) -> Sanity:
    """Measure the first loss, and train a network of its own on one batch until it knows it by heart.

    Parameters
    ----------
    run : Run
        A run that has not begun. It is not changed: the checks train another network, with the same weights but
        without dropout, with the run's optimizer at its first learning rate and without weight decay.
    steps : int
        Steps to give up after.
    progress : bool
        Show a bar.

    Returns
    -------
    Sanity
        What was found.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> from npseg.training import Settings
    >>> scenes = Scenes(2, size=(32, 32))
    >>> run = Run.start({"name": "fcn32s", "width": 2, "fc": 4}, Settings(batch_size=2), scenes, scenes)
    >>> found = sanity(run, steps=1, progress=False)
    >>> found.begins_well, found.learns
    (True, False)
    """
    kinds.instance("sanity", "run", run, Run, "a Run")
    steps = arguments.integer("sanity", "steps", steps, 1)
    arguments.flag("sanity", "progress", progress)
    recipe = replace(run.settings, schedule="constant", weight_decay=0.0, jitter=None, flip=False)
    trial = Run(run.network_config, recipe, run.train, run.val, run.normalization)
    restore(trial.weights, {name: to_numpy(a) for name, a in run.weights.items()}, what="sanity")
    _drop_nothing(trial.network.layers.values())
    size, seed = recipe.batch_size, recipe.seed
    first = batches(run.train, size, run.normalization, seed=seed, epoch=0, crop=recipe.crop, flip=False)
    x, labels = next(first)
    classes = len(run.train.classes)
    counted = _counted(labels, trial)
    losses: list[float] = []
    off = None if progress else True
    with (
        np.errstate(all="ignore"),
        tqdm(total=steps, desc="one batch by heart", leave=False, disable=off) as bar,
    ):
        while len(losses) <= steps:
            losses.append(trial.train_step(x, labels) / (trial.network.losses * counted))
            bar.set_postfix(loss=f"{losses[-1]:.3f}")
            bar.update()
            if not math.isfinite(losses[-1]) or losses[-1] <= BY_HEART * math.log(classes):
                break
    return Sanity(classes, losses[0], losses[-1], len(losses) - 1)


def _counted(labels: np.ndarray, run: Run) -> float:
    """Return what a loss is divided by to be that of one pixel: 1 if it is their mean, their weights if a sum."""
    if run.settings.reduction == "mean":
        return 1.0
    known = labels[labels != VOID]
    return float(len(known) if run.class_weights is None else to_numpy(run.class_weights)[known].sum())


def _drop_nothing(layers: Iterable[Layer]) -> None:
    """Switch off the dropout of all layers, also of those within others."""
    for layer in layers:
        if isinstance(layer, Dropout):
            layer.p = 0.0
        if isinstance(layer, Container):
            _drop_nothing(layer.layers.values())
