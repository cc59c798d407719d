"""``npseg train``: a run begun or continued, a line for each epoch, and pictures of what came of it."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from npseg.commands.config import CONFIG
from npseg.commands.config import write as write_config
from npseg.commands.images import in_full, open_images, refuse_unwritable
from npseg.data import Dataset
from npseg.draw import comparison, curves
from npseg.files import replacing
from npseg.networks import model
from npseg.training import Interrupted, Run, Settings, read_weights, report
from npseg.training.checkpoints import load
from npseg.training.clock import span
from npseg.training.history import best_epoch
from npseg.training.loop import BEST, CHECKPOINT, METRICS
from npseg.training.sanity import sanity as check

#: Images in the picture of predictions.
SHOWN = 4

#: With fewer steps than the first, a network that begins from nothing hardly names any class but the commonest; the
#: second are enough to see what it can learn.
FEW, ENOUGH = 200, 300


def train(
    network: dict[str, Any],
    settings: dict[str, Any],
    data_path: str | None,
    output_dir: Path,
    *,
    weights: Path | None = None,
    recipe: str | None = None,
    options: dict[str, Any] | None = None,
    sanity: bool = False,
) -> None:
    """Train a network from its initial weights, or from others.

    Parameters
    ----------
    network : dict
        Its name, and what was said about its settings; the others are such that the weights fit, that the recipe's
        network is the published one but for its width, or that it trains on a laptop.
    settings : dict
        Of :class:`npseg.training.Settings`, where they are not the recipe's.
    data_path : str or None
        Folder of the images; None for the scenes.
    output_dir : Path
        Where the checkpoint and the pictures go; it must not hold a checkpoint yet.
    weights : Path or None
        A file of weights to start from, as :func:`npseg.training.read_weights` reads it.
    recipe : str or None
        One of the network's; by default the paper's where the weights are of the published network, and else none.
    options : dict, optional
        How the folder is opened: ``format``, and the rows of a table of ``colors``.
    sanity : bool
        First see whether the loss begins at log C, and whether one batch can be learned by heart.
    """
    _refuse_another_run(output_dir / CHECKPOINT)
    run = _begin(network, settings, data_path, weights, recipe, options or {})
    if sanity:
        check_sanity(run)
    write_config(output_dir / CONFIG, run, weights)
    _fit(run, output_dir)


def _begin(
    network: dict[str, Any],
    settings: dict[str, Any],
    data_path: str | None,
    weights: Path | None,
    recipe: str | None,
    options: dict[str, Any],
) -> Run:
    """Make a run of what :func:`train` was told, and say what it took over; the weights are let go of."""
    name, chosen = network["name"], model(network["name"])
    pretrained = None if weights is None else read_weights(weights)
    fitting = None if pretrained is None else pretrained.settings_for(name)
    if recipe is None and fitting == chosen.published and "paper" in chosen.recipes:
        recipe = "paper"
    if fitting is None:
        fitting = (dict(chosen.published) if recipe else {}) | chosen.at_width(network.get("width"))
    told = Settings(**_recipe(name, recipe) | settings)
    network = {"name": name, **fitting, **network}
    images = open_images(data_path, options, settings=told)
    data: dict[str, Any] = {"data_path": in_full(data_path), "data_options": options}
    run = Run.start(network, told, *images, **data, pretrained=pretrained)
    if run.inherited is not None:
        print(f"{weights}: {run.inherited}")
    return run


def _recipe(network: str, name: str | None) -> dict[str, Any]:
    """Return the settings of a network's recipe."""
    recipes = model(network).recipes
    if name is not None and name not in recipes:
        known = " and ".join(map(repr, recipes)) or "none"
        raise ValueError(f"recipe {name!r}: network {network!r} has {known}")
    return {} if name is None else dict(recipes[name])


def resume(
    checkpoint: Path, data_path: str | None, output_dir: Path, *, options: dict[str, Any] | None = None
) -> None:
    """Continue a run from its checkpoint, with the images where they were or where they are now."""
    if (output_dir / CHECKPOINT).resolve() != checkpoint.resolve():
        _refuse_another_run(output_dir / CHECKPOINT)
    state = load(checkpoint)
    if "settings" not in state.progress:
        raise ValueError(f"{checkpoint} holds no training run to continue")
    data_path = data_path or state.progress["data_path"]
    options = {**state.progress.get("data_options", {}), **(options or {})}
    images = open_images(data_path, options)
    run = Run.resume(state, *images, what=str(checkpoint))
    run.data_path, run.data_options = in_full(data_path), options
    if run.epoch == run.settings.epochs:
        raise ValueError(f"{checkpoint} has already done all of its {run.epoch} epochs")
    for name in (BEST, CONFIG):  # what else of the run is not written anew
        _take_along(checkpoint.with_name(name), output_dir / name)
    _fit(run, output_dir)


def _take_along(old: Path, new: Path) -> None:
    """Copy a file of a run that goes on in another folder."""
    if old.exists() and not new.exists():
        with replacing(new) as file:
            file.write(old.read_bytes())


def check_sanity(run: Run) -> None:
    """Print what the two checks of a run that has not begun find, and refuse to begin where they fail.

    Raises
    ------
    ValueError
        If the first loss is far from log C, or one batch cannot be learned by heart, with what to look at.
    """
    found = check(run)
    expected = math.log(found.classes)
    print(f"sanity: the first loss is {found.first_loss:.3f}; log {found.classes} is {expected:.3f}")
    if not found.begins_well:
        raise ValueError(
            f"sanity: the first loss is {found.first_loss:.3f} where log {found.classes} = {expected:.3f} is expected; "
            "look at the initial weights of the last layer, and at the normalisation"
        )
    print(f"sanity: one batch, {found.steps} steps: its loss went to {found.last_loss:.3f}")
    if not found.learns:
        raise ValueError(
            f"sanity: after {found.steps} steps on one batch its loss is still {found.last_loss:.3f}; look whether "
            "images and masks belong together (npseg data), and try another --lr, or a wider network"
        )


def too_few_steps(run: Run) -> str:
    """Say so, where a run has so few steps that only the commonest classes will be named, and how many epochs would do.

    A run that begins with the weights of another needs fewer, and one that goes on has its epochs already.
    """
    steps = run.steps * run.settings.epochs
    if run.history or run.inherited is not None or steps >= FEW:
        return ""
    return (
        f"only {steps} step{'s' * (steps > 1)} in all: with fewer than some {FEW} a network names but the commonest "
        f"classes; --epochs {math.ceil(ENOUGH / run.steps)} gives enough"
    )


def _fit(run: Run, output_dir: Path) -> None:
    """Train, print the figures of each epoch, and draw what came of it."""
    output_dir.mkdir(parents=True, exist_ok=True)
    weights = sum(p.size for p in run.network.params.values())
    print(
        f"{run.network_config['name']} with {weights:,} weights; {len(run.train)} images to train on, "
        f"{len(run.val)} to validate by, {len(run.train.classes)} classes; writing to {output_dir}"
    )
    if advice := too_few_steps(run):
        print(advice)
    try:
        run.fit(output_dir, after_epoch=print_epoch)
    except Interrupted:
        raise KeyboardInterrupt(
            f"saved after step {run.step} of epoch {run.epoch + 1}; "
            f"go on with: npseg train --resume {shlex.quote(str(output_dir / CHECKPOINT))}"
        ) from None
    assert run.figures is not None  # at least one epoch has ended
    print("\n" + report({"validation": run.figures}, run.val.classes))
    draw_run(run, run.val, output_dir)
    best = best_epoch(run.history)
    kept = f"{BEST} (epoch {best}, the highest mean IoU of the classes to validate by)" if best else BEST
    print(f"\n{output_dir}: {CHECKPOINT}, {kept}, {METRICS}, predictions.png, curves.png, {CONFIG}")


def print_epoch(run: Run) -> None:
    """Print the figures of the epoch that has just ended."""
    last = run.history[-1]
    print(
        f"epoch {last['epoch']:3d}/{run.settings.epochs}   loss {last['loss']:.3f}   "
        f"mean IoU {100 * last['mean_iou']:5.1f} %   pixel accuracy {100 * last['pixel_accuracy']:5.1f} %   "
        f"{last['seconds']:.1f} s{_left(run)}",
        flush=True,
    )


def _left(run: Run) -> str:
    """Say how long the epochs to come will take, if they take as long as the one that ended."""
    epochs = run.settings.epochs - run.epoch
    return f", about {span(epochs * run.history[-1]['seconds'])} left" if epochs else ""


def draw_run(run: Run, dataset: Dataset, output_dir: Path) -> None:
    """Write the picture of what the network makes of some images, and the curves of its training."""
    chosen = np.linspace(0, len(dataset) - 1, min(SHOWN, len(dataset))).round().astype(int)
    images, truths = zip(*(dataset[int(i)] for i in chosen))
    predictions = [run.labeller.labels(image) for image in images]
    picture = comparison(images, truths, predictions, dataset.classes, dataset.colors)
    for name, figure in (("predictions.png", picture), ("curves.png", curves(run.history))):
        with replacing(output_dir / name) as file:
            figure.savefig(file, format="png", dpi=150)


def _refuse_another_run(checkpoint: Path) -> None:
    """Refuse to write into a folder that holds a run, or into what is none."""
    refuse_unwritable([checkpoint])
    if checkpoint.exists():
        raise ValueError(
            f"{checkpoint} is already there; continue it with --resume {shlex.quote(str(checkpoint))}, "
            "or give another --output-dir"
        )
