"""The Stanford Background Dataset: 715 outdoor photographs, eight classes, labels as text.

``images/0000087.jpg`` has its labels in ``labels/0000087.regions.txt``: a line for each row of pixels, an integer for
each pixel, negative where nobody knows. The dataset has no split of its own; as in a plain folder, ``train.txt`` and
``val.txt`` list the names, or every fifth is held out.

References
----------
Gould, Fulton & Koller, "Decomposing a scene into geometric and semantically consistent regions", ICCV 2009.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from npseg.data.color_tables import ColorTable
from npseg.data.dataset import VOID, Bytes
from npseg.data.pairs import Pairs, check_split, files_by_name, opened, require, split_names

_COLORS = {
    "sky": (120, 180, 230),
    "tree": (50, 125, 70),
    "road": (128, 100, 140),
    "grass": (150, 200, 80),
    "water": (40, 90, 190),
    "building": (200, 95, 70),
    "mountain": (140, 110, 80),
    "foreground object": (245, 190, 60),
}
#: The eight classes, as the dataset numbers them; the colours are npseg's.
STANFORD_CLASSES = tuple(_COLORS)
STANFORD_COLORS: Bytes = np.array(list(_COLORS.values()), np.uint8)

_ENDING = ".regions.txt"


class StanfordBackground(Pairs):
    """The Stanford Background Dataset; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``images/`` and ``labels/``.
    split : {"train", "val"}
        Which part.

    Raises
    ------
    ValueError
        If something of the layout is missing. A pair is checked when it is read; `validate` reads them all.

    Examples
    --------
    >>> train = StanfordBackground("iccv09Data", "train")  # doctest: +SKIP
    >>> train.classes[:3]  # doctest: +SKIP
    ('sky', 'tree', 'road')
    """

    TITLE, NEEDS = "Stanford Background", "images/ and labels/ with *.regions.txt"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        if colors is not None:
            raise ValueError(f"{root}: its labels are text, without colours; leave out --colors")
        check_split(split, self.splits(root))
        require(root, ("images/", "labels/"), self.NEEDS)
        images = files_by_name(root / "images")
        names = split_names(root, split, sorted(images), "images/")
        labels = [root / "labels" / f"{name}{_ENDING}" for name in names]
        there = {
            file.name.removesuffix(_ENDING): file for file in sorted((root / "labels").glob(f"*{_ENDING}"))
        }
        unused = [file for name, file in there.items() if name not in images]
        pairs = [images[name] for name in names], labels
        super().__init__(*pairs, STANFORD_CLASSES, STANFORD_COLORS, read_regions, unused)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        return any((root / "labels").glob(f"*{_ENDING}"))

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        return ("train", "val")


def read_regions(file: Path) -> Bytes:
    """Read a matrix of integers written as text, a line for each row; what is negative becomes void.

    Raises
    ------
    ValueError
        If the file is missing, or is no such matrix, naming the line.
    """
    if not file.is_file():
        raise ValueError(f"{file}: is missing; there is no such file")
    lines = file.read_bytes().splitlines()
    try:
        rows = [np.array(line.split(), np.int64) for line in lines]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{file}: {error}; needs integers, a line for each row of pixels") from None
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]) or not len(row):
            raise ValueError(
                f"{file}: line {number} has {len(row)} labels, the first has {len(rows[0])}; needs one for each pixel"
            )
    if not rows:
        raise ValueError(f"{file}: is empty; needs integers, a line for each row of pixels")
    labels = np.stack(rows)
    if labels.max() >= VOID:  # as a byte it would wrap round to a class
        raise ValueError(f"{file}: holds {labels.max()}; needs class ids 0 to 7, or negative for void")
    return np.where(labels < 0, VOID, labels).astype(np.uint8)
