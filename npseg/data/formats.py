"""Which format a folder has: found by what lies in it, or chosen by name where more than one would do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from npseg import kinds
from npseg.data.camvid import CamVid, CamVid701
from npseg.data.color_tables import ColorTable
from npseg.data.folders import Folder, MMSegmentation
from npseg.data.stanford import StanfordBackground
from npseg.data.voc import SBD, VOC

Format: TypeAlias = (
    type[Folder] | type[VOC] | type[SBD] | type[StanfordBackground] | type[CamVid] | type[CamVid701]
    | type[MMSegmentation]
)  # fmt: skip
OnDisk: TypeAlias = Folder | VOC | SBD | StanfordBackground | CamVid | CamVid701 | MMSegmentation

#: The formats by the names that choose them.
FORMATS: dict[str, Format] = {
    "folder": Folder,
    "voc": VOC,
    "sbd": SBD,
    "stanford": StanfordBackground,
    "camvid": CamVid,
    "camvid701": CamVid701,
    "mmseg": MMSegmentation,
}


def open_dataset(
    path: str | os.PathLike[str], split: str, *, format: str | None = None, colors: ColorTable | None = None
) -> OnDisk:
    """Open a folder of images and labels as what it is.

    Parameters
    ----------
    path : path-like
        A folder in one of the formats.
    split : str
        Which part: "train" or "val"; some formats also have "test".
    format : str, optional
        Which format: a key of ``FORMATS``; found by what lies in the folder unless given.
    colors : ColorTable, optional
        What the colours of the masks stand for, if they are no class ids.

    Returns
    -------
    Dataset
        A `Folder`, `VOC`, `SBD`, `StanfordBackground`, `CamVid`, `CamVid701` or `MMSegmentation`.

    Raises
    ------
    ValueError
        If the folder has none of the formats, or more than one, or the format refuses it.

    Examples
    --------
    >>> dataset = open_dataset("my-pictures", "train")  # doctest: +SKIP
    """
    return find_format(path, format)(path, split, colors=colors)


def find_format(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """Find out which format a folder has.

    Parameters
    ----------
    path : path-like
        The folder.
    format : str, optional
        The one that it is to be taken for.

    Returns
    -------
    class
        Of the datasets of this format.

    Raises
    ------
    ValueError
        If it has none or more than one, saying what was looked for and what is there.

    Examples
    --------
    >>> find_format("anywhere", "voc").__name__
    'VOC'
    """
    root = kinds.path("find_format", "path", path)
    if format is not None:
        if not isinstance(format, str) or format not in FORMATS:
            raise ValueError(f"format {format!r}: choose one of {', '.join(FORMATS)}")
        return FORMATS[format]
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise ValueError(f"{root}: {state}; needs the path of a folder of images and masks")
    found = [name for name, each in FORMATS.items() if each.recognised(root)]
    if len(found) > 1:
        titles = " and ".join(FORMATS[name].TITLE for name in found)
        raise ValueError(f"{root}: could be {titles}; choose by --format {' or --format '.join(found)}")
    if not found:
        raise ValueError(f"{root}: {_contents(root)}{_nested(root)}; needs {_needs()}")
    return FORMATS[found[0]]


def _needs() -> str:
    """List what each format is known by."""
    plain, *others = FORMATS.values()
    return "; or ".join([plain.NEEDS, *(f"{each.TITLE}: {each.NEEDS}" for each in others)])


def _nested(root: Path) -> str:
    """Point to folders inside that have a format: archives often wrap their data in one or two."""
    inside = [folder for depth in ("*", "*/*") for folder in sorted(root.glob(depth)) if folder.is_dir()]
    known = [
        str(folder) for folder in inside[:1000] if any(each.recognised(folder) for each in FORMATS.values())
    ]
    return f" (did you mean {' or '.join(known[:3])}?)" if known else ""


def _contents(root: Path) -> str:
    """Say what lies in a folder."""
    found = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir())
    return "holds " + (", ".join(found[:8]) + ", ..." * (len(found) > 8) if found else "nothing")
