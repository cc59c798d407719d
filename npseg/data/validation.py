"""Every pair of a dataset looked at before training starts, so that it does not fail after an hour."""

from __future__ import annotations

from tqdm import tqdm

from npseg.data.dataset import Dataset, check_not_empty
from npseg.data.reading import check_pair

_SHOWN = 10


def validate(dataset: Dataset, progress: bool = True) -> None:
    """Read every pair of a dataset, and refuse it once, with all that is wrong.

    A file that is missing, damaged or of the wrong kind, a mask of another size than its image, a value that
    is neither a class nor void: each pair is reported with the first thing that is wrong with it.

    Parameters
    ----------
    dataset : Dataset
        Any dataset.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        Naming the first ten files, and how many more there are; or if the dataset is empty.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> validate(Scenes(3, size=(32, 32)), progress=False)
    """
    check_not_empty(dataset)
    problems = []
    for i in tqdm(
        range(len(dataset)), desc="checking the data", unit="image", disable=None if progress else True
    ):
        name = dataset.names[i]
        try:
            image, labels = dataset[i]
            check_pair(image, labels, len(dataset.classes), name, f"labels of {name}")
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(_report(problems, len(dataset)))


def _report(problems: list[str], pairs: int) -> str:
    lines = [f"{len(problems)} of {pairs} pairs cannot be used:", *problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"and {len(problems) - _SHOWN} more")
    return "\n  ".join(lines)
