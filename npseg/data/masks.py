"""How a mask becomes labels: by its values, which are class ids, or by its colours, which a table explains.

The commonest mistake is to have the one and to be taken for the other: a mask in colours, or in black and white
(0 and 255), where class ids are needed. It is recognised here, and the message shows the command that mends it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from npseg.data.color_tables import ColorTable, colors_of
from npseg.data.dataset import Bytes
from npseg.data.reading import decoded


def mend(root: str | os.PathLike[str]) -> str:
    """Return what to do about masks that are drawn in colours or grey levels."""
    return (
        f"npseg data {shlex.quote(str(root))} --write-colors classes.csv lists what they hold; "
        "name the classes in it, then add --colors classes.csv"
    )


class IdMasks:
    """Masks whose values are class ids: 8-bit, grey or with a palette, whose indices are read.

    Parameters
    ----------
    root : path
        The dataset's folder, for the message.
    void : int, optional
        A further value that stands for void.
    """

    def __init__(self, root: Path, *, void: int | None = None) -> None:
        self.mend = mend(root)
        self._ids = np.arange(256, dtype=np.uint8)
        if void is not None:
            self._ids[void] = 255

    def __call__(self, file: Path) -> Bytes:
        """Return the labels, uint8 (H, W).

        Raises
        ------
        ValueError
            If the file is missing, damaged or no picture, was written by JPEG, or is not one of mode L or P; 16 bits
            are well where all values fit into 8.
        """
        mask = _lossless(file)
        if mask.mode in ("L", "P"):
            ids: Bytes = self._ids[np.asarray(mask)]
            return ids
        if mask.mode.startswith("I"):
            return self._ids[_narrowed(file, np.asarray(mask))]
        if len(mask.getbands()) > 1:
            kind = f"a colour picture with {_some_colors(mask)}"
        elif mask.mode == "1":
            kind = "not 8 bits a pixel but black and white"
        else:
            kind = "not 8 bits a pixel"
        raise ValueError(
            f"{file}: mode {mask.mode}, {kind}; needs class ids as an 8-bit PNG of mode L or P: {self.mend}"
        )


class ColorMasks:
    """Masks whose colours a table explains; grey levels and the colours of a palette are colours too.

    Parameters
    ----------
    table : ColorTable
        What each colour stands for.
    """

    mend = ""

    def __init__(self, table: ColorTable) -> None:
        self._table = table

    def __call__(self, file: Path) -> Bytes:
        """Return the labels, uint8 (H, W).

        Raises
        ------
        ValueError
            If the file is missing, damaged, no picture or a JPEG, or has a colour that the table does not name.
        """
        try:
            return self._table.ids(read_colors_of(file))
        except ValueError as error:
            raise ValueError(str(error) if str(file) in str(error) else f"{file}: {error}") from error


def read_colors_of(file: Path) -> Bytes:
    """Read a mask as colours, uint8 (H, W, 3).

    Raises
    ------
    ValueError
        If the file is missing, damaged, no picture or a JPEG, or has levels that do not fit into 8 bits.
    """
    mask = _lossless(file)
    if mask.mode.startswith("I"):
        return np.repeat(_narrowed(file, np.asarray(mask))[:, :, None], 3, axis=2)
    if mask.mode == "F":
        raise ValueError(f"{file}: mode F; needs an 8-bit picture")
    mask.info.pop("transparency", None)  # a mask is what it is drawn in, seen through or not
    return np.asarray(mask.convert("RGB"))


def _narrowed(file: Path, values: NDArray[np.integer]) -> Bytes:
    """Return the values of a mask of more than 8 bits as 8 bits, where they fit."""
    if values.min() < 0 or values.max() > 255:
        wrong = values.max() if values.max() > 255 else values.min()
        raise ValueError(
            f"{file}: holds {wrong}; needs class ids from 0 to 254, or 255 for void: renumber the mask"
        )
    return values.astype(np.uint8)


def _lossless(file: Path) -> Image.Image:
    mask = decoded(file)
    if mask.format == "JPEG":
        raise ValueError(
            f"{file}: is a JPEG, which changes the values it stores; needs a PNG, exported anew from where the mask "
            "was drawn"
        )
    return mask


def _some_colors(mask: Image.Image) -> str:
    """Name the colours of a mask, the commonest first, or say how many there are."""
    counts = colors_of(np.asarray(mask.convert("RGB")))
    shown = sorted(counts, key=lambda color: -counts[color])[:3]
    named = " ".join(",".join(map(str, color)) for color in shown)
    return f"{len(counts)} colours: {named}{' ...' if len(counts) > 3 else ''}"
