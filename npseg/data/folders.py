"""Folders of one's own: a plain one, and the one that mmsegmentation lays out.

A plain folder has ``images/``, ``masks/`` and ``classes.txt``. The masks are 8-bit pictures of class ids, grey or
with a palette, 255 where nobody knows; a mask has the name of its image, and any ending but JPEG's, which changes
values. ``classes.txt`` has one name a line, and the line's number, from 0, is the id. ``train.txt`` and ``val.txt``
list the names of either split, without endings; where there is neither, every fifth name in sorted order, the first
included, is held out.

mmsegmentation has ``img_dir/`` and ``ann_dir/``, each with a folder for every split. Its names of classes are in
Python; here they are in ``classes.txt``, as above.

With a table of colours neither needs ``classes.txt``, and the masks are drawn in these colours.
"""

from __future__ import annotations

import os
from pathlib import Path

from npseg.data.color_tables import ColorTable
from npseg.data.dataset import Bytes
from npseg.data.masks import ColorMasks, IdMasks, mend
from npseg.data.pairs import (
    Pairs,
    check_split,
    class_names,
    files_by_name,
    matched,
    opened,
    require,
    split_names,
)
from npseg.data.palettes import voc_palette


class Folder(Pairs):
    """A plain folder of images, masks and class names; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``images/``, ``masks/`` and ``classes.txt``.
    split : {"train", "val"}
        Which part.
    colors : ColorTable, optional
        What the colours of the masks stand for, if they are no class ids.

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

    TITLE, NEEDS = "a plain folder", "images/, masks/ and classes.txt"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        check_split(split, self.splits(root))
        require(root, ("images/", "masks/"), self.NEEDS)
        classes, palette, read = _meaning(root, colors, self.NEEDS)
        images = files_by_name(root / "images")
        names = split_names(root, split, sorted(images), "images/")
        masks, _ = matched(names, root / "masks")
        _, unused = matched(images, root / "masks")
        super().__init__([images[name] for name in names], masks, classes, palette, read, unused)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        regions = any((root / "labels").glob("*.regions.txt"))
        return (root / "masks").is_dir() or ((root / "images").is_dir() and not regions)

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        return ("train", "val")


class MMSegmentation(Pairs):
    """A folder as mmsegmentation lays it out; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``img_dir/``, ``ann_dir/`` and ``classes.txt``.
    split : str
        A folder in both: "train", "val", and perhaps "test".
    colors : ColorTable, optional
        What the colours of the masks stand for, if they are no class ids.

    Raises
    ------
    ValueError
        If something of the layout is missing, or as `Folder`.

    Examples
    --------
    >>> val = MMSegmentation("data/my_dataset", "val")  # doctest: +SKIP
    """

    TITLE, NEEDS = (
        "mmsegmentation's layout",
        "img_dir/train/, img_dir/val/, the same in ann_dir/, and classes.txt",
    )

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        check_split(split, self.splits(root))
        require(root, (f"img_dir/{split}/", f"ann_dir/{split}/"), self.NEEDS)
        classes, palette, read = _meaning(root, colors, self.NEEDS)
        images = files_by_name(root / "img_dir" / split)
        masks, unused = matched(images, root / "ann_dir" / split)
        super().__init__(list(images.values()), masks, classes, palette, read, unused)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        return (root / "img_dir").is_dir() or (root / "ann_dir").is_dir()

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        return ("train", "val") + ("test",) * (root / "img_dir" / "test").is_dir()


def _meaning(
    root: Path, colors: ColorTable | None, needs: str
) -> tuple[tuple[str, ...], Bytes, ColorMasks | IdMasks]:
    """Return the classes, their colours, and how a mask is read: by a table of colours, or as class ids."""
    if colors is not None:
        return colors.classes, colors.colors, ColorMasks(colors)
    colored = f"or, where the masks are drawn in colours, {mend(root)}"
    require(root, ("classes.txt",), f"{needs}, one name a line, class 0 first; {colored}")
    classes = class_names(root / "classes.txt")
    return classes, _colors(classes), IdMasks(root)


def _colors(classes: tuple[str, ...]) -> Bytes:
    """Return VOC's colours, without the black that it has for a background, unless class 0 is one."""
    first = 0 if "background" in classes[0].lower() else 1
    return voc_palette(first + len(classes))[first:]
