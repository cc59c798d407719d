"""Pictures and masks read from files, wholly, and refused by name when something is wrong with them.

Pillow opens a truncated file without complaint and fails when the pixels are asked for; everything here asks
at once. Each message says which file, what it holds, what it should hold, and how to mend it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from npseg.data.dataset import VOID, Bytes

#: What Pillow raises on files that are damaged or no pictures at all.
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def read_image(path: Path) -> Bytes:
    """Read a picture of any format and mode that Pillow knows, as uint8 (H, W, 3) in RGB.

    Raises
    ------
    ValueError
        If the file is missing, damaged or no picture, or has 32 bits a channel, whose range nobody knows.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "gray.png")
    ...     Image.new("L", (6, 4), 128).save(path)
    ...     image = read_image(path)
    >>> image.shape, image.dtype, image[0, 0].tolist()
    ((4, 6, 3), dtype('uint8'), [128, 128, 128])
    """
    picture = _decoded(path)
    if picture.mode in ("I", "F"):
        raise ValueError(f"{path}: {picture.mode}, 32 bits a channel; needs an 8-bit or 16-bit image")
    if picture.mode.startswith("I;16"):
        return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")  # Pillow warns about the direct way
    return np.asarray(picture.convert("RGB"))


def read_mask(path: Path) -> Bytes:
    """Read the values of a mask, uint8 (H, W): the grey levels, or the palette's indices.

    Raises
    ------
    ValueError
        If the file is missing, damaged or no picture, or is not an 8-bit one of mode L or P.
    """
    mask = _decoded(path)
    if mask.mode not in ("L", "P"):
        kind = "a colour picture" if len(mask.getbands()) > 1 else "not 8 bits a pixel"
        raise ValueError(
            f"{path}: mode {mask.mode}, {kind}; needs class ids as an 8-bit PNG of mode L or P: "
            "replace each colour or level by the id of its class"
        )
    return np.asarray(mask)


def check_pair(image: Bytes, labels: Bytes, classes: int, image_name: object, mask_name: object) -> None:
    """Refuse a mask of another size than its image, or with values that are neither class ids nor void.

    Raises
    ------
    ValueError
        Saying which file, and the offending sizes or values.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(
            f"{mask_name}: {labels.shape[1]}x{labels.shape[0]}, but {image_name} is "
            f"{image.shape[1]}x{image.shape[0]}; needs one size: resize the mask by nearest neighbour"
        )
    values = np.flatnonzero(np.bincount(labels.ravel()))
    wrong = [int(value) for value in values if classes <= value != VOID]
    if wrong:
        shown = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
        raise ValueError(
            f"{mask_name}: holds {shown}; needs class ids 0 to {classes - 1}, or {VOID} for void: "
            "renumber the mask, or name the missing classes"
        )


def _decoded(path: Path) -> Image.Image:
    if not path.is_file():
        raise ValueError(f"{path}: is missing; there is no such file")
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: cannot be read as a picture ({error}); save it anew, or remove it"
        ) from error
