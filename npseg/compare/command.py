"""What ``npseg compare`` does: enters the networks, holds the contest, and writes its table and its picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from npseg import networks
from npseg.commands.images import open_images
from npseg.compare.contest import Contest, compare
from npseg.compare.entrants import at_cost, enter
from npseg.compare.table import Result, markdown, text
from npseg.data import Dataset
from npseg.draw import side_by_side
from npseg.files import replacing
from npseg.predict import Labeller
from npseg.training import Interrupted, Settings

#: The network that sets the cost.
STANDARD = "fcn8s"

#: Images in the picture.
SHOWN = 3


def compare_networks(
    names: Sequence[str],
    settings: dict[str, Any],
    data_path: str | None,
    output_dir: Path,
    *,
    width: int,
    options: dict[str, Any] | None = None,
) -> None:
    """Train networks of comparable cost by one recipe, and write what came out.

    Parameters
    ----------
    names : sequence of str
        The networks; all that there are, if none is named.
    settings : dict
        Of :class:`npseg.training.Settings`.
    data_path : str or None
        Folder of the images; None for the scenes.
    output_dir : Path
        Where each network's run, ``comparison.md``, ``comparison.json`` and ``comparison.png`` go. The same command
        goes on where it was stopped.
    width : int
        Of FCN-8s, whose cost the others come as near to as their widths allow.
    options : dict, optional
        How the folder is opened: ``format``, and the rows of a table of ``colors``.

    Raises
    ------
    ValueError
        If there is no such network, or the folder holds runs of another recipe.
    KeyboardInterrupt
        On Ctrl-C, after the state of the current run was saved.
    """
    recipe = Settings(**settings)
    for name in names:
        networks.model(name)  # refused before any image is read
    train, val = open_images(data_path, options, settings=recipe)
    classes, size = len(train.classes), recipe.crop or train[0][0].shape[:2]
    goal = enter(STANDARD, classes, size, width=width)
    entrants = [
        goal if name == STANDARD else at_cost(name, classes, size, goal.multiply_adds)
        for name in names or networks.NETWORKS
    ]
    contest = Contest(recipe, train, val, output_dir, data_path, options or {})
    try:
        results, labellers = compare(contest, entrants)
    except Interrupted:
        raise KeyboardInterrupt("saved; the same command goes on") from None
    _write(contest, results, labellers)
    print(f"\n{text(results)}\n\n{output_dir}: comparison.md, comparison.json, comparison.png")


def _write(contest: Contest, results: list[Result], labellers: dict[str, Labeller]) -> None:
    record = {"settings": asdict(contest.settings), "results": [result.record() for result in results]}
    for name, content in (
        ("comparison.md", markdown(results)),
        ("comparison.json", json.dumps(record, indent=2)),
    ):
        with replacing(contest.output_dir / name) as file:
            file.write(f"{content}\n".encode())
    with replacing(contest.output_dir / "comparison.png") as file:
        picture(contest.val, labellers).savefig(file, format="png", dpi=120)


def picture(dataset: Dataset, labellers: dict[str, Labeller]) -> Any:
    """Draw what each network makes of a few images, side by side."""
    chosen = np.linspace(0, len(dataset) - 1, min(SHOWN, len(dataset))).round().astype(int)
    images, truths = zip(*(dataset[int(i)] for i in chosen))
    maps: dict[str, Any] = {"truth": truths}
    maps |= {name: [labeller.labels(image) for image in images] for name, labeller in labellers.items()}
    return side_by_side(images, maps, dataset.classes, dataset.colors)
