"""The images that commands work on, the drawn scenes where no folder is given; and files that must not be lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from npseg.data import ColorTable, Dataset, InMemory, Scenes, open_dataset, validate
from npseg.training import Settings

#: Scenes to train on and to validate by, where no folder of images was given; seeds of their own.
SCENES = {"train": (400, 100), "val": (100, 101)}


def open_split(
    data_path: str | None,
    split: str,
    *,
    format: str | None = None,
    colors: Sequence[Sequence[str | int]] | None = None,
) -> Dataset:
    """Return one part of a folder of images, or of the scenes; the table of colours is given by its rows."""
    if data_path is not None:
        table = None if colors is None else ColorTable(colors)
        return open_dataset(data_path, split, format=format, colors=table)
    if format is not None or colors is not None:
        raise ValueError("--format and --colors are about a folder of images; give its --data-path")
    if split not in SCENES:
        raise ValueError(f"split {split!r}: the scenes have {' and '.join(SCENES)}")
    count, seed = SCENES[split]
    return InMemory(Scenes(count, seed=seed))


def in_full(data_path: str | None) -> str | None:
    """Return the path by which images are found from wherever a run is looked at."""
    return None if data_path is None else str(Path(data_path).resolve())


def open_images(
    data_path: str | None, options: dict[str, Any] | None = None, *, settings: Settings | None = None
) -> tuple[Dataset, Dataset]:
    """Return the images to train on and to validate by, all of them looked at, and whether they fit the settings."""
    options = options or {}
    train, val = (open_split(data_path, split, **options) for split in ("train", "val"))
    if data_path is not None:
        for split, dataset in (("train", train), ("val", val)):
            if len(dataset) == 0:
                raise ValueError(f"{data_path}: its part {split!r} holds no image; needs at least one")
        whole = settings is not None and settings.crop is None and settings.batch_size > 1
        validate(train, one_size=whole)
        validate(val)
    return train, val


def refuse_unwritable(paths: Sequence[Path]) -> None:
    """Refuse, before any work is done, to write files where there can be none."""
    for path in paths:
        nearest = next((folder for folder in path.parents if folder.exists()), Path())
        if not nearest.is_dir():
            raise ValueError(f"{nearest}: is a file; needs a folder to write to")
        if not os.access(nearest, os.W_OK):
            raise ValueError(f"{nearest}: may not be written to; write elsewhere")


def refuse_existing(paths: Sequence[Path], force: bool) -> None:
    """Refuse to write over files that are there, unless told to, and where there can be none."""
    refuse_unwritable(paths)
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise ValueError(f"{', '.join(there[:3])} is already there; add --force, or write elsewhere")
