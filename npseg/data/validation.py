"""Every pair of a dataset looked at before training starts, so that it does not fail after an hour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from npseg import arguments
from npseg.data.batches import check_one_size
from npseg.data.dataset import VOID, Bytes, Dataset, check_not_empty
from npseg.data.pairs import Pairs
from npseg.data.reading import check_pair

_SHOWN = 10


class Examined(NamedTuple):
    """A pair, as far as it could be read, and all that is wrong with it.

    Attributes
    ----------
    image, labels : ndarray of uint8 or None
        None where it could not be read.
    problems : list of str
        Each names its file.
    """

    image: Bytes | None
    labels: Bytes | None
    problems: list[str]


def validate(dataset: Dataset, progress: bool = True, *, one_size: bool = False) -> None:
    """Read every pair of a dataset, and refuse it once, with all that is wrong.

    A file that is missing, damaged or of the wrong kind, a mask of another size than its image, a value that
    is neither a class nor void; and masks that hold nothing but 0 and 255, so that all that was drawn is void.

    Parameters
    ----------
    dataset : Dataset
        Any dataset.
    progress : bool
        Whether to show a progress bar.
    one_size : bool
        Refuse images of several sizes, too, which cannot be trained on together without crops.

    Raises
    ------
    ValueError
        Naming the first ten files, and how many more there are; or if the dataset is empty.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> validate(Scenes(3, size=(32, 32)), progress=False)
    """
    check_not_empty(dataset, "classes", "names")
    arguments.flag("validate", "progress", progress)
    arguments.flag("validate", "one_size", one_size)
    problems: list[list[str]] = []
    shapes: list[tuple[int, ...]] = []
    pixels = np.zeros(256, np.int64)
    numbers = range(len(dataset))
    for i in tqdm(numbers, desc="checking the data", unit="image", disable=None if progress else True):
        found = examine(dataset, i)
        if found.problems:
            problems.append(found.problems)
        elif found.labels is not None:
            pixels += np.bincount(found.labels.ravel(), minlength=256)
            shapes.append(found.labels.shape)
    if problems:
        raise ValueError(_report(problems, len(dataset), getattr(dataset, "mend", "")))
    if suspicion := black_and_white(dataset, pixels):
        raise ValueError(suspicion)
    if one_size:
        check_one_size(dataset.names, shapes)


def examine(dataset: Dataset, index: int) -> Examined:
    """Read a pair and collect what is wrong with it, be it the image, the labels, or that they do not fit.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> examine(Scenes(1, size=(32, 32)), 0).problems
    []
    """
    problems: list[str] = []
    image = labels = None
    name = dataset.names[index]
    try:
        if isinstance(dataset, Pairs):
            image = dataset.image(index)
        else:
            image, labels = dataset[index]
            check_pair(image, labels, len(dataset.classes), name, f"labels of {name}")
    except ValueError as error:
        problems.append(str(error))
    if isinstance(dataset, Pairs):
        try:
            labels = dataset.labels(index)
            if image is not None:
                dataset.check(index, image, labels)
        except ValueError as error:
            problems.append(str(error))
    return Examined(image, labels, problems)


def black_and_white(dataset: Dataset, pixels: NDArray[np.int64]) -> str:
    """Say so where masks of class ids hold nothing but 0 and 255: white is void then, and only class 0 is left.

    Parameters
    ----------
    dataset : Dataset
        Whose masks they are.
    pixels : (256,) int64 array
        How often each label occurs in it.

    Returns
    -------
    str
        What is wrong and how to mend it, or nothing.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> black_and_white(Scenes(1), np.bincount([0, 1, 255], minlength=256))
    ''
    """
    mend, labels = getattr(dataset, "mend", ""), np.flatnonzero(pixels).tolist()
    if not mend or labels != [0, VOID] or len(dataset.classes) < 2:
        return ""
    masks = getattr(dataset, "masks", dataset.names)
    others = f", as do all {len(masks)} masks of this part" if len(masks) > 1 else ""
    return (
        f"{masks[0]}: holds nothing but 0 and 255{others}; 255 is void, so that nothing "
        f"but {dataset.classes[0]} (class 0) is labelled; needs class ids 0 to {len(dataset.classes) - 1}: {mend}"
    )


def mend_apart(problems: list[str], mend: str) -> tuple[list[str], list[str]]:
    """Take what mends several files out of their messages, so that it is said once.

    Examples
    --------
    >>> mend_apart(["a.png: is red: npseg data x", "b.png: is missing"], "npseg data x")
    (['a.png: is red', 'b.png: is missing'], ['npseg data x'])
    """
    if not mend or not any(problem.endswith(mend) for problem in problems):
        return problems, []
    return [problem.removesuffix(mend).rstrip(":; ") for problem in problems], [mend]


def _report(problems: list[list[str]], pairs: int, mend: str) -> str:
    listed, mends = mend_apart([line for each in problems for line in each], mend)
    lines = [f"{len(problems)} of {pairs} pairs cannot be used:", *listed[:_SHOWN]]
    if len(listed) > _SHOWN:
        lines.append(f"and {len(listed) - _SHOWN} more")
    lines += [f"to mend it: {each}" for each in mends]
    return "\n  ".join(lines)
