"""Image files and the files of their labels, side by side: what all formats on disk have in common.

A format says which files belong together and how a file of labels is read; the rest is here, and so are the few
rules that several formats share: how names are listed, and which are held out where no list says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from npseg import kinds
from npseg.data.color_tables import ColorTable
from npseg.data.dataset import VOID, Bytes
from npseg.data.reading import check_pair, read_image
from npseg.files import read_text

#: Where no list says which images to validate by, every so many-eth in sorted order is held out.
HOLD_OUT = 5


class Pairs:
    """Pairs of an image file and a file of labels.

    Parameters
    ----------
    images, masks : sequence of Path
        The files; those at one position belong together.
    classes : tuple of str
        The names of the classes.
    colors : array of uint8, shape (n, 3)
        Their colours.
    read : callable
        Makes the labels, uint8 (H, W), of a file of them.
    unused : sequence of Path
        Files of labels that no image asks for.
    """

    #: What the format is called, and the folders and files that it is known by.
    TITLE, NEEDS = "pairs of files", ""

    def __init__(
        self,
        images: Sequence[Path],
        masks: Sequence[Path],
        classes: tuple[str, ...],
        colors: Bytes,
        read: Callable[[Path], Bytes],
        unused: Sequence[Path] = (),
    ) -> None:
        self.classes = classes
        self.colors = colors
        self.names: Sequence[str] = [image.stem for image in images]
        self.images, self.masks, self.unused = images, masks, unused
        self.mend: str = getattr(read, "mend", "")
        self._read = read

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Bytes, Bytes]:
        image, labels = self.image(index), self.labels(index)
        self.check(index, image, labels)
        return image, labels

    def image(self, index: int) -> Bytes:
        """Read an image, uint8 (H, W, 3)."""
        return read_image(self.images[index])

    def labels(self, index: int) -> Bytes:
        """Read the labels of an image, uint8 (H, W)."""
        return self._read(self.masks[index])

    def check(self, index: int, image: Bytes, labels: Bytes) -> None:
        """Refuse labels that do not fit their image, or are none."""
        check_pair(image, labels, len(self.classes), self.images[index], self.masks[index], self.mend)


def files_by_name(folder: Path, *, pattern: str = "*", ending: str = "") -> dict[str, Path]:
    """Return the files of a folder by their names, without what stands behind the dot, and without ``ending``.

    Hidden files, what Windows leaves in folders of pictures, and folders are passed over.

    Raises
    ------
    ValueError
        If two files have one name, or there is none.
    """
    files: dict[str, Path] = {}
    for file in sorted(folder.glob(pattern)):
        if _hidden(file) or file.is_dir():
            continue
        name = file.stem.removesuffix(ending)
        if name in files:
            raise ValueError(f"{file}: has the name of {files[name].name}, and so its mask; rename one")
        files[name] = file
    if not files:
        raise ValueError(f"{folder}: holds no images; needs at least one")
    return files


def matched(names: Iterable[str], folder: Path) -> tuple[list[Path], list[Path]]:
    """Find the mask of each name, whatever its ending, and list the masks that have no image.

    Of several files of one name, such as the outlines beside the mask that was drawn from them, a PNG is the mask.
    A mask that is not there is named as it should be, ``name.png``, so that reading it says what is missing.
    """
    files = sorted(folder.iterdir(), key=lambda file: (file.suffix.lower() == ".png", file))
    there = {file.stem: file for file in files if not _hidden(file)}
    masks = [there.get(name, folder / f"{name}.png") for name in names]
    known = set(names)
    return masks, [file for name, file in there.items() if name not in known]


def _hidden(file: Path) -> bool:
    """Say whether a file manager shows no such file."""
    return file.name.startswith(".") or file.name.lower() in ("thumbs.db", "desktop.ini")


def listed(file: Path, names: Iterable[str], where: str) -> list[str]:
    """Read a list of names, one a line, and check that each of them is there."""
    lines = read_text(file).splitlines()
    found = [line.strip() for line in lines if line.strip()]
    known = set(names)
    absent = [name for name in found if name not in known]
    if absent:
        raise ValueError(f"{file}: names {', '.join(absent[:10])}; needs names in {where}, without ending")
    return found


def split_names(root: Path, split: str, names: Sequence[str], where: str) -> list[str]:
    """Return the names of a split: those listed in ``train.txt`` and ``val.txt``, or all but every fifth and these.

    Raises
    ------
    ValueError
        If one list is there and the other is not, or a list names what is not there.
    """
    lists = {each: root / f"{each}.txt" for each in ("train", "val")}
    if not any(file.exists() for file in lists.values()):
        held_out = names[::HOLD_OUT]
        return list(held_out) if split == "val" else [name for name in names if name not in set(held_out)]
    if not lists[split].exists():
        raise ValueError(
            f"{lists[split]}: is missing, but the other list is there; needs train.txt and val.txt, or neither"
        )
    return listed(lists[split], names, where)


def class_names(file: Path) -> tuple[str, ...]:
    """Read the names of the classes, one a line, class 0 first.

    Raises
    ------
    ValueError
        If a class has no name or that of another, or there are too many.
    """
    names = [line.strip() for line in read_text(file).rstrip().split("\n")]
    for number, name in enumerate(names):
        if not name:
            raise ValueError(f"{file}: class {number} has no name; needs one name a line, no empty lines")
        if not name.isprintable():
            raise ValueError(f"{file}: class {number}, {name!r}, holds what cannot be printed; rename it")
        if name in names[:number]:
            raise ValueError(
                f"{file}: {name!r} is both class {names.index(name)} and class {number}; rename one"
            )
    if len(names) > VOID:
        raise ValueError(f"{file}: {len(names)} classes; an 8-bit mask has ids for {VOID}")
    return tuple(names)


def opened(path: object, colors: ColorTable | None) -> Path:
    """Return a format's folder, once it is a path, and the colours a table of them."""
    if colors is not None:
        kinds.instance("dataset", "colors", colors, ColorTable, "a ColorTable")
    return kinds.path("dataset", "path", path)


def check_split(split: str, splits: tuple[str, ...]) -> None:
    """Refuse a split that the format does not have."""
    if not isinstance(split, str) or split not in splits:
        raise ValueError(f"split {split!r}: choose one of {', '.join(map(repr, splits))}")


def require(root: Path, needed: Iterable[str], all_of_it: str) -> None:
    """Refuse a folder that lacks something, naming that and all that is needed."""
    for name in needed:
        if not (root / name).exists() or (name.endswith("/") and not (root / name).is_dir()):
            raise ValueError(f"{root}: has no {name}; needs {all_of_it}")
