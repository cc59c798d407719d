"""What lies in a folder: its images and sizes, its classes and their share of the pixels, and all that is wrong."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from npseg import arguments
from npseg.data.color_tables import ColorTable
from npseg.data.dataset import Bytes
from npseg.data.formats import OnDisk, find_format
from npseg.data.validation import black_and_white, examine, mend_apart

#: Called with each pair that nothing is wrong with: its dataset, its number, the image and the labels.
Look: TypeAlias = Callable[[OnDisk, int, Bytes, Bytes], None]


@dataclass
class Split:
    """What one part of a dataset holds.

    Attributes
    ----------
    dataset : Dataset
        The part.
    sizes : Counter of (height, width)
        How many images have each size.
    pixels : (256,) int64 array
        How many pixels have each label.
    images : (256,) int64 array
        How many images have each label somewhere.
    problems : list of str
        All that is wrong, each naming its file.
    broken : int
        How many pairs something is wrong with.
    """

    dataset: OnDisk
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    images: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    problems: list[str] = field(default_factory=list)
    broken: int = 0


@dataclass
class Survey:
    """What a folder holds, all of it looked at.

    Attributes
    ----------
    title : str
        The format.
    splits : dict of str to Split
        Its parts.
    problems : list of str
        All that is wrong, each naming its file.
    mends : list of str
        What to do about them, where a command helps.
    notes : list of str
        What is no mistake but may be none of what was meant.

    Examples
    --------
    >>> Survey("a plain folder", {}, ["masks/a.png: is missing"], [], []).problems
    ['masks/a.png: is missing']
    """

    title: str
    splits: dict[str, Split]
    problems: list[str]
    mends: list[str]
    notes: list[str]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return next(iter(self.splits.values())).dataset.classes

    @property
    def colors(self) -> Bytes:
        """Their colours, uint8 (n, 3)."""
        return next(iter(self.splits.values())).dataset.colors


def survey(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    colors: ColorTable | None = None,
    look: Look | None = None,
    progress: bool = True,
) -> Survey:
    r"""Read every pair of every split of a folder, and count what is there.

    Parameters
    ----------
    path : path-like
        The folder.
    format, colors
        As for `open_dataset`.
    look : callable, optional
        Called with the dataset, the number, the image and the labels of each pair that nothing is wrong with.
    progress : bool
        Show a bar.

    Returns
    -------
    Survey
        Problems of single pairs are listed in it, not raised.

    Raises
    ------
    ValueError
        If the folder has no format, or lacks something without which no pair can be told.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for where, mode in (("images", "RGB"), ("masks", "L")):
    ...         Path(folder, where).mkdir()
    ...         for name in ("a", "b"):
    ...             Image.new(mode, (6, 4)).save(Path(folder, where, f"{name}.png"))
    ...     _ = Path(folder, "classes.txt").write_text("grass\ncat")
    ...     found = survey(folder, progress=False)
    >>> found.title, found.problems, found.notes
    ('a plain folder', [], ['train: no pixel of cat', 'val: no pixel of cat; best.npz is chosen by the others'])
    >>> found.splits["train"].sizes
    Counter({(4, 6): 1})
    """
    kind = find_format(path, format)
    if look is not None and not callable(look):
        raise TypeError(f"survey: look={look!r}; a function is needed, or None")
    arguments.flag("survey", "progress", progress)
    names = [name for name in kind.splits(Path(path)) if name in ("train", "val", "test")]
    splits = {
        name: Split(kind(path, name, colors=colors))
        for name in names or kind.splits(Path(path)) or ("train",)
    }
    total = sum(len(split.dataset) for split in splits.values())
    with tqdm(
        total=total, desc="looking", unit="image", leave=False, disable=None if progress else True
    ) as bar:
        for split in splits.values():
            for index in range(len(split.dataset)):
                _count(split, index, look)
                bar.update()
    problems = [problem for split in splits.values() for problem in split.problems]
    problems = list(dict.fromkeys([*problems, *_of_the_whole(splits)]))  # a file in two splits is wrong once
    mend = next(iter(splits.values())).dataset.mend
    problems, mends = mend_apart(problems, mend)
    return Survey(kind.TITLE, splits, problems, mends, list(_notes(splits)))


def _count(split: Split, index: int, look: Look | None) -> None:
    """Add a pair to what its split holds."""
    image, labels, problems = examine(split.dataset, index)
    if image is not None:
        split.sizes[image.shape[:2]] += 1
    if problems or image is None or labels is None:
        split.broken += 1
        split.problems += problems
        return
    counts = np.bincount(labels.ravel(), minlength=256)
    split.pixels += counts
    split.images += counts > 0
    if look is not None:
        look(split.dataset, index, image, labels)


def _of_the_whole(splits: dict[str, Split]) -> Iterator[str]:
    """Find what no single pair shows: empty splits, images in two of them, and masks of 0 and 255."""
    for name, split in splits.items():
        if len(split.dataset) == 0:
            yield f"{name}: has no image; needs at least one"
        if not split.problems and (suspicion := black_and_white(split.dataset, split.pixels)):
            yield suspicion
    seen: dict[Path, str] = {}
    for name, split in splits.items():
        for file in split.dataset.images:
            if seen.setdefault(file, name) != name:
                yield f"{file}: is both in {seen[file]} and in {name}; needs to be in one, or the figures flatter"


def _notes(splits: dict[str, Split]) -> Iterator[str]:
    """Point to what may be none of what was meant."""
    for file in dict.fromkeys(file for split in splits.values() for file in split.dataset.unused):
        yield f"{file}: has no image of its name, and is not used"
    for name, split in splits.items():
        classes = split.dataset.classes
        absent = [each for each, count in zip(classes, split.pixels) if count == 0]
        if absent and not split.problems:
            uncounted = "; best.npz is chosen by the others" if name == "val" else ""
            yield f"{name}: no pixel of {', '.join(absent)}{uncounted}"
    train = splits.get("train")
    if train and len(train.sizes) > 1:
        height, width = (min(size[axis] for size in train.sizes) for axis in (0, 1))
        yield (
            f"train: has images of {len(train.sizes)} sizes, so npseg train needs --crop H W; "
            f"up to --crop {height} {width} nothing is padded"
        )
