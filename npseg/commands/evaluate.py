"""``npseg evaluate``: how good a trained network is on labelled images, class by class and image by image."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from npseg import arguments
from npseg.commands.images import in_full, open_split, refuse_existing
from npseg.data import Dataset
from npseg.draw import comparison, confusion
from npseg.files import replacing
from npseg.predict import Labeller
from npseg.training import Metrics, class_table, each_confusion, load_labeller, metrics, per_class
from npseg.training.checkpoints import load
from npseg.training.loop import BEST
from npseg.training.metrics import summary
from npseg.training.weight_files import has_note

#: What is written, if anything is: all numbers, the matrix of counts, its picture, and the images that went worst.
FILES = ("evaluation.json", "confusion.csv", "confusion.png", "worst.png")

#: Of fewer images the figures depend on which they are.
FEW = 20


def evaluate(
    checkpoint: Path,
    data_path: str | None,
    split: str,
    *,
    options: dict[str, Any],
    output_dir: Path | None = None,
    worst: int = 5,
    force: bool = False,
) -> None:
    """Print the four figures and those of each class, and write them with the pictures where asked.

    Parameters
    ----------
    checkpoint : Path
        A file that training or ``npseg export`` has written.
    data_path : str or None
        Folder of images; None for those that it was trained on; an export knows none but the scenes.
    split : str
        Which part of them.
    options : dict
        How the folder is opened, where other than in training.
    output_dir : Path, optional
        Where to write ``FILES``.
    worst : int
        Images in the picture of the worst.
    force : bool
        Replace files that are already there.
    """
    worst = arguments.integer("evaluate", "worst", worst, 1)
    if output_dir is not None:
        refuse_existing([output_dir / name for name in FILES], force)
    labeller = load_labeller(checkpoint)
    progress = {} if has_note(checkpoint) else load(checkpoint).progress
    if data_path is None:
        data_path, options = progress.get("data_path"), {**progress.get("data_options", {}), **options}
    dataset, source = open_split(data_path, split, **options), _named(data_path)
    if dataset.classes != labeller.classes:
        raise ValueError(
            f"{checkpoint} knows the classes {', '.join(labeller.classes)}; "
            f"{source} has {', '.join(dataset.classes)}"
        )
    matrices = list(each_confusion(labeller, dataset))
    total = np.sum(matrices, axis=0)
    print(f"{len(dataset)} image{'s' * (len(dataset) > 1)}, {split} of {source}")
    same = progress and progress.get("data_path") == in_full(data_path)
    if caution := _caution(len(dataset), chosen_by=bool(same) and split == "val" and checkpoint.name == BEST):
        print(caution)
    print(f"{summary(metrics(total))}\n\n{class_table(total, dataset.classes)}")
    if output_dir is None:
        return
    output_dir.mkdir(parents=True, exist_ok=True)
    each = [metrics(matrix) for matrix in matrices]
    title = {"checkpoint": str(checkpoint), "data": data_path or "scenes", "split": split}
    _write_text(output_dir / FILES[0], json.dumps(title | _numbers(total, each, dataset), indent=1))
    _write_text(output_dir / FILES[1], _matrix_csv(total, dataset.classes))
    with replacing(output_dir / FILES[2]) as file:
        confusion(total, dataset.classes).savefig(file, format="png", dpi=150)
    with replacing(output_dir / FILES[3]) as file:
        _draw_worst(labeller, dataset, each, worst).savefig(file, format="png", dpi=150)
    print(f"\n{output_dir}: {', '.join(FILES)}")


def _caution(images: int, *, chosen_by: bool) -> str:
    """Say what speaks against the figures: that the images are few, or that the best epoch was chosen by them."""
    reasons = []
    if images < FEW:
        reasons.append("so few images say little")
    if chosen_by:
        reasons.append("the epoch was chosen by these very images, so that the figures flatter")
    return f"({'; '.join(reasons)})" if reasons else ""


def _named(data_path: str | None) -> str:
    """Name the images as one would from here: a run knows them by their full path."""
    if data_path is None:
        return "the scenes"
    path, here = Path(data_path), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def worst_first(each: Iterable[Metrics]) -> list[int]:
    """Return the numbers of the images, those with the smallest share of right pixels first.

    An image that is all void has no share, and stands last.

    Examples
    --------
    >>> worst_first([metrics([[3, 1], [0, 0]]), metrics([[1, 3], [0, 0]])])
    [1, 0]
    """
    share = [1.0 if math.isnan(one.pixel_accuracy) else one.pixel_accuracy for one in each]
    return sorted(range(len(share)), key=share.__getitem__)


def _numbers(total: np.ndarray, each: list[Metrics], dataset: Dataset) -> dict[str, Any]:
    """Return all figures as JSON knows them; null where there is none."""
    figures = {name: _number(value) for name, value in metrics(total)._asdict().items() if name != "iou"}
    classes = [
        {"name": name, **{key: _number(values[k]) for key, values in per_class(total)._asdict().items()}}
        for k, name in enumerate(dataset.classes)
    ]
    images = [
        {"name": name, "pixel_accuracy": _number(one.pixel_accuracy), "mean_iou": _number(one.mean_iou)}
        for name, one in zip(dataset.names, each, strict=True)
    ]
    return {**figures, "classes": classes, "confusion": total.tolist(), "images": images}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _matrix_csv(matrix: np.ndarray, classes: tuple[str, ...]) -> str:
    """Write the counts, rows for the truth and columns for what it was called."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["truth \\ called", *classes])
    table.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    return text.getvalue()


def _draw_worst(labeller: Labeller, dataset: Dataset, each: list[Metrics], count: int) -> Any:
    """Draw the images that went worst: the image, the truth, the prediction, and where they differ."""
    numbers = worst_first(each)[:count]
    images, truths = zip(*(dataset[i] for i in numbers))
    predictions = [labeller.labels(image) for image in images]
    captions = [f"{dataset.names[i]}: {100 * each[i].pixel_accuracy:.1f} % right" for i in numbers]
    return comparison(images, truths, predictions, dataset.classes, dataset.colors, captions=captions)


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
