"""``npseg predict``: the labels of photographs, as files to use and as pictures to look at."""

from __future__ import annotations

import glob
import shlex
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from npseg import arguments, superpixels
from npseg.commands.images import refuse_existing
from npseg.data import read_image, write_labels
from npseg.data.rescaling import nearest, shrunk
from npseg.draw import ContactSheet, overlay_with_legend
from npseg.files import replacing
from npseg.predict import Labeller
from npseg.training import load_labeller
from npseg.training.checkpoints import load
from npseg.training.weight_files import has_note

#: The page of all overlays, and how many it shows at most.
SHEET, SHOWN = "contact_sheet.png", 60

#: An image is of another scale than the training's, if it is so many times as high or as wide as the largest of them.
LARGE = 3


class Outputs(NamedTuple):
    """The files that are made of an image."""

    labels: Path
    overlay: Path
    probabilities: Path | None


def predict(
    checkpoint: Path,
    images: Sequence[str],
    output_dir: Path,
    *,
    tile: int | str | None = "auto",
    resize: int | None = None,
    by_superpixels: bool = False,
    probabilities: bool = False,
    sheet: bool = False,
    force: bool = False,
) -> None:
    """Write the labels of each image, a PNG with palette, and an overlay with a legend.

    Nothing is written if an output is already there, unless ``force``, or if two images would share one. Images that
    cannot be read are named on standard error, and the others are labelled.

    Parameters
    ----------
    checkpoint : Path
        A file that training has written.
    images : sequence of str
        Files, folders of images, and patterns (``photos/*.jpg``; ``**`` stands for any folders).
    output_dir : Path
        The folder to write to.
    tile : int, "auto" or None
        How images are cut: see :func:`npseg.tiles.cut`.
    resize : int or None
        Pixels of the longer side that larger images are shrunk to before they are labelled; what comes out has the
        image's own size again, by nearest neighbour. A network knows things by the size that they had in training.
    by_superpixels : bool
        Give each piece of an image one label: see :mod:`npseg.superpixels`.
    probabilities : bool
        Also write ``NAME.npz`` with the probability of each class at each pixel, float32 (n, H, W).
    sheet : bool
        Also write a page of all overlays.
    force : bool
        Replace files that are already there.

    Raises
    ------
    ValueError
        At the end, if some of the images could not be read; at once, if none could.
    """
    if resize is not None:
        resize = arguments.integer("predict", "resize", resize, 1)
    labeller = load_labeller(checkpoint)
    if by_superpixels:
        superpixels.felzenszwalb()  # refuses where it is missing
    outputs = {path: _outputs(path, output_dir, probabilities) for path in find_images(images)}
    page = output_dir / SHEET if sheet else None
    _refuse_overwriting(outputs, page, force)
    sizes = _sizes(outputs)
    if resize is None and (warning := _of_another_scale(sizes, _largest_image(checkpoint))):
        print(f"npseg predict: {warning}", file=sys.stderr)
    output_dir.mkdir(parents=True, exist_ok=True)
    contact = ContactSheet("", labeller.classes, labeller.colors, most=SHOWN)
    for path in tqdm(sizes, unit="image", leave=False, disable=None):
        image, written = read_image(path), outputs[path]
        labels = _label(labeller, image, written, tile, resize, by_superpixels)
        contact.add(path.name, image, labels)
        tqdm.write(f"{path}: {_said(labels, labeller.classes)}  ->  {written.labels}, {written.overlay.name}")
    if page is not None:
        contact.title = f"{len(contact)} of {contact.added} images, labelled by {checkpoint}"
        with replacing(page) as file:
            contact.page().save(file, format="PNG")
        print(f"{page}: {len(contact)} of {contact.added} images, to look at")
    if unreadable := len(outputs) - len(sizes):
        raise ValueError(f"{unreadable} of {len(outputs)} images could not be read; see above")


def _sizes(images: Collection[Path]) -> dict[Path, tuple[int, int]]:
    """Return height and width of the images that can be read, and name the others, before any work is done."""
    sizes: dict[Path, tuple[int, int]] = {}
    errors: list[ValueError] = []
    for path in tqdm(images, desc="checking the images", unit="image", leave=False, disable=None):
        try:
            height, width, _ = read_image(path).shape
            sizes[path] = height, width
        except ValueError as error:
            errors.append(error)
    if len(errors) == len(images) == 1:
        raise errors[0]
    for wrong in errors:
        print(f"npseg predict: {wrong}", file=sys.stderr)
    if not sizes:
        raise ValueError(f"none of the {len(images)} images can be read")
    return sizes


def _of_another_scale(sizes: dict[Path, tuple[int, int]], known: tuple[int, int] | None) -> str:
    """Say so, where images are much larger than those of the training, whose height and width are known at most."""
    if known is None:
        return ""
    large = [path for path, size in sizes.items() if any(a > LARGE * b for a, b in zip(size, known))]
    if not large:
        return ""
    height, width = sizes[large[0]]
    more = f", and {len(large) - 1} more are as large" if len(large) > 1 else ""
    return (
        f"{large[0]} is {width}x{height}{more}; the network was trained on images of {known[1]}x{known[0]} at most, "
        f"and knows things by the size that they have there: try --resize {max(known)}"
    )


def find_images(words: Sequence[str]) -> list[Path]:
    """Return the image files that files, folders and patterns stand for, each once.

    Parameters
    ----------
    words : sequence of str
        A file stands for itself, a folder for the images that lie in it, by their endings, and a pattern for what it
        matches.

    Raises
    ------
    ValueError
        If a folder holds no image, or a pattern matches nothing.

    Examples
    --------
    >>> find_images(["photo.jpg"])
    [PosixPath('photo.jpg')]
    """
    return list(dict.fromkeys(path for word in words for path in _of_word(word)))


def _of_word(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.is_dir():
        found = _images_in(path)
        if not found:
            raise ValueError(
                f"{path}: holds no images (files inside folders are not looked for; "
                f"write {shlex.quote(f'{path}/**')})"
            )
        yield from found
    elif path.exists() or not glob.has_magic(word):
        yield path
    else:
        matches = [Path(match) for match in sorted(glob.glob(word, recursive=True))]
        files = [match for match in matches if match.is_file() and _is_image(match)]
        if not files:
            raise ValueError(f"{word}: matches no image")
        yield from files


def _images_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.is_file() and _is_image(file)]


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in Image.registered_extensions() and not file.name.startswith(".")


def _outputs(image: Path, output_dir: Path, probabilities: bool) -> Outputs:
    labels, overlay = output_dir / f"{image.stem}.png", output_dir / f"{image.stem}_overlay.png"
    return Outputs(labels, overlay, output_dir / f"{image.stem}.npz" if probabilities else None)


def _largest_image(checkpoint: Path) -> tuple[int, int] | None:
    """Return how high and wide the training images were at most, where the file knows."""
    return None if has_note(checkpoint) else load(checkpoint).progress.get("largest_image")


def _label(
    labeller: Labeller,
    image: np.ndarray,
    written: Outputs,
    tile: int | str | None,
    resize: int | None,
    by_superpixels: bool,
) -> np.ndarray:
    """Label an image, and write all that is made of it."""
    seen, size = image if resize is None else shrunk(image, resize), image.shape[:2]
    if written.probabilities is None and not by_superpixels:
        labels = nearest(labeller.labels(seen, tile=tile), size)
    else:
        p = nearest(labeller.probabilities(seen, tile=tile), size)
        if by_superpixels:
            p = superpixels.average(p, superpixels.pieces(image))
        labels = p.argmax(axis=0).astype(np.uint8)
    if written.probabilities is not None:
        with replacing(written.probabilities) as file:
            np.savez(file, probabilities=p.astype(np.float32), classes=np.array(labeller.classes))
    write_labels(written.labels, labels, labeller.colors)
    with replacing(written.overlay) as file:
        overlay_with_legend(image, labels, labeller.classes, labeller.colors).save(file, format="PNG")
    return labels


def _said(labels: np.ndarray, classes: tuple[str, ...]) -> str:
    """Name the three classes that cover most of an image."""
    shares = np.bincount(labels.ravel(), minlength=len(classes)) / labels.size
    most = sorted(zip(shares, classes), reverse=True)[:3]
    return ", ".join(f"{name} {100 * share:.0f} %" for share, name in most if share >= 0.005)


def _refuse_overwriting(outputs: dict[Path, Outputs], page: Path | None, force: bool) -> None:
    written: dict[Path, Path] = {} if page is None else {page: page}
    for source, paths in outputs.items():
        for path in filter(None, paths):
            if path in written:
                raise ValueError(
                    f"{source} and {written[path]} would both be written to {path}; label them apart"
                )
            written[path] = source
    taken = {image.resolve() for image in outputs} & {path.resolve() for path in written}
    if taken:
        raise ValueError(f"{sorted(taken)[0]} would be replaced by its own labels; give another --output-dir")
    refuse_existing(list(written), force)
