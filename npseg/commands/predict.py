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

from npseg import superpixels
from npseg.commands.images import refuse_existing
from npseg.data import read_image, write_labels
from npseg.draw import ContactSheet, overlay_with_legend
from npseg.files import replacing
from npseg.predict import Labeller
from npseg.training import load_labeller

#: The page of all overlays, and how many it shows at most.
SHEET, SHOWN = "contact_sheet.png", 60


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
    labeller = load_labeller(checkpoint)
    if by_superpixels:
        superpixels.felzenszwalb()  # refuses where it is missing
    outputs = {path: _outputs(path, output_dir, probabilities) for path in find_images(images)}
    page = output_dir / SHEET if sheet else None
    _refuse_overwriting(outputs, page, force)
    unreadable = _unreadable(outputs)
    for path in unreadable:
        del outputs[path]
    output_dir.mkdir(parents=True, exist_ok=True)
    contact = ContactSheet("", labeller.classes, labeller.colors, most=SHOWN)
    for path, written in tqdm(outputs.items(), unit="image", leave=False, disable=None):
        image = read_image(path)
        labels = _label(labeller, image, written, tile, by_superpixels)
        contact.add(path.name, image, labels)
        tqdm.write(f"{path}: {_said(labels, labeller.classes)}  ->  {written.labels}, {written.overlay.name}")
    if page is not None:
        contact.title = f"{len(contact)} of {contact.added} images, labelled by {checkpoint}"
        with replacing(page) as file:
            contact.page().save(file, format="PNG")
        print(f"{page}: {len(contact)} of {contact.added} images, to look at")
    if unreadable:
        raise ValueError(
            f"{len(unreadable)} of {len(outputs) + len(unreadable)} images could not be read; see above"
        )


def _unreadable(images: Collection[Path]) -> list[Path]:
    """Name the images that cannot be read, before any work is done; with all of them it cannot be done at all."""
    errors: dict[Path, ValueError] = {}
    for path in tqdm(images, desc="checking the images", unit="image", leave=False, disable=None):
        try:
            read_image(path)
        except ValueError as error:
            errors[path] = error
    if len(errors) == len(images) == 1:
        raise next(iter(errors.values()))
    for wrong in errors.values():
        print(f"npseg predict: {wrong}", file=sys.stderr)
    if len(errors) == len(images):
        raise ValueError(f"none of the {len(images)} images can be read")
    return list(errors)


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


def _label(
    labeller: Labeller, image: np.ndarray, written: Outputs, tile: int | str | None, by_superpixels: bool
) -> np.ndarray:
    """Label an image, and write all that is made of it."""
    if written.probabilities is None and not by_superpixels:
        labels = labeller.labels(image, tile=tile)
    else:
        p = labeller.probabilities(image, tile=tile)
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
