"""What the commands do: datasets, runs, labellers and pictures put together, and a word about each step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from npseg import superpixels
from npseg.check import gradcheck as check_gradients
from npseg.check import report as report_gradients
from npseg.check.rounding import accuracy as measure_accuracy
from npseg.check.rounding import report as report_accuracy
from npseg.data import Dataset, InMemory, Scenes, open_dataset, read_image, validate, write_labels
from npseg.draw import comparison, curves, overlay_with_legend
from npseg.files import replacing
from npseg.networks import model
from npseg.training import Interrupted, Run, Settings, load_labeller, metrics, read_weights, report
from npseg.training import evaluate as confusion
from npseg.training.checkpoints import load
from npseg.training.loop import CHECKPOINT

#: Scenes to train on and to validate by, where no folder of images was given; seeds of their own.
SCENES = {"train": (400, 100), "val": (100, 101)}

#: Images in the picture of predictions.
SHOWN = 4


def train(
    network: dict[str, Any],
    settings: dict[str, Any],
    data_path: str | None,
    output_dir: Path,
    *,
    weights: Path | None = None,
    recipe: str | None = None,
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
    """
    _refuse_another_run(output_dir / CHECKPOINT)
    _fit(_begin(network, settings, data_path, weights, recipe), output_dir)


def _begin(
    network: dict[str, Any],
    settings: dict[str, Any],
    data_path: str | None,
    weights: Path | None,
    recipe: str | None,
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
    run = Run.start(network, told, *open_images(data_path), data_path=data_path, pretrained=pretrained)
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


def resume(checkpoint: Path, data_path: str | None, output_dir: Path) -> None:
    """Continue a run from its checkpoint, with the images where they were or where they are now."""
    if (output_dir / CHECKPOINT).resolve() != checkpoint.resolve():
        _refuse_another_run(output_dir / CHECKPOINT)
    state = load(checkpoint)
    if "settings" not in state.progress:
        raise ValueError(f"{checkpoint} holds no training run to continue")
    data_path = data_path or state.progress["data_path"]
    run = Run.resume(state, *open_images(data_path), what=str(checkpoint))
    run.data_path = data_path
    if run.epoch == run.settings.epochs:
        raise ValueError(f"{checkpoint} has already done all of its {run.epoch} epochs")
    _fit(run, output_dir)


def evaluate(checkpoint: Path, data_path: str | None, split: str) -> None:
    """Print the four figures and the IoU of each class of a trained network."""
    labeller = load_labeller(checkpoint)
    data_path = data_path or load(checkpoint).progress.get("data_path")
    dataset = open_split(data_path, split)
    if dataset.classes != labeller.classes:
        raise ValueError(
            f"{checkpoint} knows the classes {', '.join(labeller.classes)}; "
            f"{data_path} has {', '.join(dataset.classes)}"
        )
    figures = metrics(confusion(labeller, dataset))
    print(f"{len(dataset)} images, {split} of {data_path or 'the scenes'}")
    print(report({"network": figures}, dataset.classes))


def predict(
    checkpoint: Path,
    images: Sequence[Path],
    output_dir: Path,
    *,
    tile: int | str | None = "auto",
    by_superpixels: bool = False,
    force: bool,
) -> None:
    """Write the labels of each image, a PNG with palette, and an overlay with a legend.

    Images are cut into tiles as :func:`npseg.tiles.cut` says; ``by_superpixels``, each piece of an image gets one
    label (:mod:`npseg.superpixels`). Nothing is written if an output is already there,
    unless ``force``, if two images would share one, or if an image cannot be read.
    """
    labeller = load_labeller(checkpoint)
    if by_superpixels:
        superpixels.felzenszwalb()  # refuses where it is missing
    outputs = {
        path: (output_dir / f"{path.stem}.png", output_dir / f"{path.stem}_overlay.png") for path in images
    }
    _refuse_overwriting(images, outputs, force)
    for path in outputs:
        read_image(path)  # refuses what it cannot read
    output_dir.mkdir(parents=True, exist_ok=True)
    for path, (labels_path, overlay_path) in tqdm(outputs.items(), unit="image", leave=False, disable=None):
        image = read_image(path)
        if by_superpixels:
            labels = superpixels.labels(labeller, image, tile=tile)
        else:
            labels = labeller.labels(image, tile=tile)
        write_labels(labels_path, labels, labeller.colors)
        with replacing(overlay_path) as file:
            overlay_with_legend(image, labels, labeller.classes, labeller.colors).save(file, format="PNG")
        shares = np.bincount(labels.ravel(), minlength=len(labeller.classes)) / labels.size
        most = sorted(zip(shares, labeller.classes), reverse=True)[:3]
        said = ", ".join(f"{name} {100 * share:.0f} %" for share, name in most if share > 0)
        tqdm.write(f"{path}: {said}  ->  {labels_path}, {overlay_path.name}")


def gradcheck() -> None:
    """Print a table of every operation, each method, and the error of each gradient."""
    bar = tqdm(unit="check", leave=False, disable=None)

    def show(name: str) -> None:
        bar.set_description(name)
        bar.update()

    with bar:
        rows = check_gradients(progress=show)
    print(report_gradients(rows))


def accuracy() -> None:
    """Print a table of the error of every operation in float32, on data that are scaled well and badly."""
    bar = tqdm(unit="operation", leave=False, disable=None)

    def show(name: str) -> None:
        bar.set_description(name)
        bar.update()

    with bar:
        rows = measure_accuracy(progress=show)
    print(report_accuracy(rows))
    print(
        "\nlargest error in float32 against float64, in units of the last place (2⁻²³) of a result's largest value"
    )


def open_split(data_path: str | None, split: str) -> Dataset:
    """Return one part of a folder of images, or of the scenes."""
    if data_path is not None:
        return open_dataset(data_path, split)
    if split not in SCENES:
        raise ValueError(f"split {split!r}: the scenes have {' and '.join(SCENES)}")
    count, seed = SCENES[split]
    return InMemory(Scenes(count, seed=seed))


def open_images(data_path: str | None) -> tuple[Dataset, Dataset]:
    """Return the images to train on and to validate by, all of them looked at."""
    datasets = open_split(data_path, "train"), open_split(data_path, "val")
    if data_path is not None:
        for dataset in datasets:
            validate(dataset)
    return datasets


def _fit(run: Run, output_dir: Path) -> None:
    """Train, print the figures of each epoch, and draw what came of it."""
    output_dir.mkdir(parents=True, exist_ok=True)
    weights = sum(p.size for p in run.network.params.values())
    print(
        f"{run.network_config['name']} with {weights:,} weights; {len(run.train)} images to train on, "
        f"{len(run.val)} to validate by, {len(run.train.classes)} classes; writing to {output_dir}"
    )
    try:
        run.fit(output_dir, after_epoch=print_epoch)
    except Interrupted:
        raise KeyboardInterrupt(
            f"saved after step {run.step} of epoch {run.epoch + 1}; "
            f"go on with: npseg train --resume {output_dir / CHECKPOINT}"
        ) from None
    print("\n" + report({"validation": metrics(confusion(run.labeller, run.val))}, run.val.classes))
    draw_run(run, run.val, output_dir)
    print(f"\n{output_dir}: {CHECKPOINT}, predictions.png, curves.png")


def print_epoch(run: Run) -> None:
    """Print the figures of the epoch that has just ended."""
    last = run.history[-1]
    print(
        f"epoch {last['epoch']:3d}/{run.settings.epochs}   loss {last['loss']:.3f}   "
        f"mean IoU {100 * last['mean_iou']:5.1f} %   pixel accuracy {100 * last['pixel_accuracy']:5.1f} %   "
        f"{last['seconds']:.1f} s",
        flush=True,
    )


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
    if checkpoint.exists():
        raise ValueError(
            f"{checkpoint} is already there; continue it with --resume {checkpoint}, or give another --output-dir"
        )


def _refuse_overwriting(images: Sequence[Path], outputs: dict[Path, tuple[Path, Path]], force: bool) -> None:
    written: dict[Path, Path] = {}
    for source, paths in outputs.items():
        for path in paths:
            if path in written:
                raise ValueError(
                    f"{source} and {written[path]} would both be written to {path}; label them apart"
                )
            written[path] = source
    there = [str(path) for path in written if path.exists()]
    taken = {image.resolve() for image in images} & {path.resolve() for path in written}
    if taken:
        raise ValueError(f"{sorted(taken)[0]} would be replaced by its own labels; give another --output-dir")
    if there and not force:
        raise ValueError(
            f"{', '.join(there[:3])} is already there; add --force, or give another --output-dir"
        )
