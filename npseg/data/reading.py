"""Pictures and masks read from files, wholly, and refused by name when something is wrong with them.

Pillow opens a truncated file without complaint and fails when the pixels are asked for; everything here asks
at once. Each message says which file, what it holds, what it should hold, and how to mend it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from npseg import kinds
from npseg.data.dataset import VOID, Bytes

#: What Pillow opens by starting other programs, or by running what is in the file: PostScript is a language.
_PROGRAMS = ("EPS", "WMF")


def read_image(path: str | os.PathLike[str]) -> Bytes:
    """Read a picture of any format and mode that Pillow knows, as uint8 (H, W, 3) in RGB.

    A photograph that its camera has marked as taken sideways (EXIF orientation) is turned upright, as every viewer
    shows it.

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
    path = kinds.path("read_image", "path", path)
    picture = decoded(path)
    if picture.mode in ("I", "F"):
        raise ValueError(f"{path}: {picture.mode}, 32 bits a channel; needs an 8-bit or 16-bit image")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")  # Pillow warns about the direct way
    return np.asarray(picture.convert("RGB"))


def check_pair(
    image: Bytes, labels: Bytes, classes: int, image_name: object, mask_name: object, mend: str = ""
) -> None:
    """Refuse a mask of another size than its image, or with values that are neither class ids nor void.

    Raises
    ------
    ValueError
        Saying which file, and the offending sizes or values; with both wrong, both in one message.
    """
    problems = [
        problem
        for problem in (_wrong_size(image, labels, image_name), _wrong_values(labels, classes, mend))
        if problem
    ]
    if problems:
        raise ValueError(f"{mask_name}: {'; and it '.join(problems)}")


def _wrong_size(image: Bytes, labels: Bytes, image_name: object) -> str:
    (h, w), (height, width) = labels.shape, image.shape[:2]
    if (h, w) == (height, width):
        return ""
    if (h, w) == (width, height):
        how = "turn the mask as the image is turned (EXIF orientation)"
    else:
        how = "resize the mask by nearest neighbour"
    return f"{w}x{h}, but {image_name} is {width}x{height}; needs one size: {how}"


def _wrong_values(labels: Bytes, classes: int, mend: str) -> str:
    values = np.flatnonzero(np.bincount(labels.ravel()))
    wrong = [int(value) for value in values if classes <= value != VOID]
    if not wrong:
        return ""
    shown = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
    how = "renumber the mask, or name the missing classes"
    # A level far from the last class is no forgotten class: somebody has drawn in shades of grey.
    if mend and wrong[-1] >= 2 * classes:
        how = f"these look like grey levels; {mend}"
    return f"holds {shown}; needs class ids 0 to {classes - 1}, or {VOID} for void: {how}"


def decoded(path: Path) -> Image.Image:
    """Open a picture and read all of its pixels.

    Raises
    ------
    ValueError
        If the file is missing, damaged or no picture.
    """
    if not path.is_file():
        raise ValueError(f"{path}: is missing; there is no such file")
    try:
        Image.init()
        with Image.open(path, formats=[kind for kind in Image.OPEN if kind not in _PROGRAMS]) as picture:
            _check_size(*picture.size)
            picture.load()
            return picture
    except Exception as error:  # over damaged bytes, Pillow raises a dozen kinds
        raise ValueError(
            f"{path}: cannot be read as a picture ({error}); save it anew, or remove it"
        ) from error


def _check_size(width: int, height: int) -> None:
    """Refuse what Pillow only warns of: a few bytes can say that they are a picture of any size."""
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise ValueError(
            f"{width}x{height} pixels; if it is no forgery, set PIL.Image.MAX_IMAGE_PIXELS, now {most}"
        )
