"""PASCAL VOC, and SBD, the Semantic Boundaries Dataset, which labels many more of the same photographs.

VOC has ``JPEGImages/``, palette PNGs in ``SegmentationClass/``, whose indices are the classes and 255 void, and lists
of names in ``ImageSets/Segmentation/``. SBD has ``img/``, MATLAB files in ``cls/``, and ``train.txt`` and ``val.txt``.
Other data in VOC's layout name their classes in ``classes.txt``.

References
----------
Everingham, Van Gool, Williams, Winn & Zisserman, "The PASCAL visual object classes (VOC) challenge", 2010.
Hariharan, Arbelaez, Bourdev, Maji & Malik, "Semantic contours from inverse detectors", ICCV 2011.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from npseg.data.color_tables import ColorTable
from npseg.data.dataset import Bytes
from npseg.data.masks import ColorMasks, IdMasks
from npseg.data.pairs import Pairs, check_split, class_names, listed, opened, require
from npseg.data.palettes import voc_palette

#: VOC's 21 classes: the background, and twenty things in alphabetical order.
VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *(
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ),
)


class VOC(Pairs):
    """PASCAL VOC, of any year that has segmentations, or other data in its layout; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``JPEGImages/``, ``SegmentationClass/`` and ``ImageSets/Segmentation/``.
    split : str
        A list in ``ImageSets/Segmentation/``, without ending: "train", "val", "trainval".
    colors : ColorTable, optional
        What the colours of the masks stand for, if they are no class ids.

    Raises
    ------
    ValueError
        If something of the layout is missing, or a list names what is not there. A pair is checked when it is read;
        `validate` reads them all.

    Examples
    --------
    >>> val = VOC("VOCdevkit/VOC2012", "val")  # doctest: +SKIP
    """

    TITLE = "PASCAL VOC"
    NEEDS = "JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/ with train.txt and val.txt"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        require(root, ("JPEGImages/", "SegmentationClass/", "ImageSets/Segmentation/"), self.NEEDS)
        check_split(split, self.splits(root) or ("train", "val"))
        images = {file.stem: file for file in sorted((root / "JPEGImages").iterdir())}
        names = listed(root / "ImageSets" / "Segmentation" / f"{split}.txt", images, "JPEGImages/")
        masks = [root / "SegmentationClass" / f"{name}.png" for name in names]
        if colors is not None:
            classes, palette = colors.classes, colors.colors
        else:
            own = root / "classes.txt"
            classes = class_names(own) if own.exists() else VOC_CLASSES
            palette = voc_palette(len(classes))
        read = IdMasks(root) if colors is None else ColorMasks(colors)
        super().__init__([images[name] for name in names], masks, classes, palette, read)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        return (root / "JPEGImages").is_dir() or (root / "SegmentationClass").is_dir()

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        found = {file.stem for file in (root / "ImageSets" / "Segmentation").glob("*.txt")}
        return tuple(sorted(found, key=lambda name: (name not in ("train", "val"), name)))


class SBD(Pairs):
    """SBD, the Semantic Boundaries Dataset: VOC's classes, and no void; see the top of this module.

    Parameters
    ----------
    path : path-like
        The folder with ``img/`` and ``cls/``, which in the download is ``benchmark_RELEASE/dataset``.
    split : {"train", "val"}
        Which list; "train" shares images with VOC's "val".

    Raises
    ------
    ValueError
        If something of the layout is missing, or a list names what is not there. A pair is checked when it is read;
        `validate` reads them all.

    Examples
    --------
    >>> train = SBD("benchmark_RELEASE/dataset", "train")  # doctest: +SKIP
    """

    TITLE, NEEDS = "SBD", "img/, cls/, train.txt and val.txt"

    def __init__(self, path: str | os.PathLike[str], split: str, *, colors: ColorTable | None = None) -> None:
        root = opened(path, colors)
        if colors is not None:
            raise ValueError(
                f"{root}: SBD's labels are MATLAB files of class ids, without colours; leave out --colors"
            )
        check_split(split, self.splits(root))
        require(root, ("img/", "cls/", f"{split}.txt"), self.NEEDS)
        images = {file.stem: file for file in sorted((root / "img").iterdir())}
        names = listed(root / f"{split}.txt", images, "img/")
        labels = [root / "cls" / f"{name}.mat" for name in names]
        super().__init__([images[name] for name in names], labels, VOC_CLASSES, voc_palette(21), read_sbd)

    @staticmethod
    def recognised(root: Path) -> bool:
        """Say whether a folder looks like one of these."""
        return (root / "img").is_dir() and (root / "cls").is_dir()

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """Return the parts that there are."""
        return ("train", "val")


def read_sbd(file: Path) -> Bytes:
    """Read the labels out of a MATLAB file of SBD's: the field ``Segmentation`` of the struct ``GTcls``.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or holds something else.
    """
    from scipy.io import loadmat  # here, since it takes a tenth of a second that others need not wait for

    if not file.is_file():
        raise ValueError(f"{file}: is missing; there is no such file")
    try:
        labels = loadmat(file)["GTcls"]["Segmentation"][0, 0]
        if labels.ndim != 2 or labels.dtype.kind not in "iuf":
            raise ValueError(f"it holds an array {labels.shape} of {labels.dtype}")
        return np.asarray(labels).astype(np.uint8)
    except Exception as error:  # over damaged bytes, SciPy raises a dozen kinds
        raise ValueError(
            f"{file}: cannot be read as SBD's MATLAB file ({error}); needs a struct GTcls with Segmentation, (H, W)"
        ) from error
