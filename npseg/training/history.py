"""The figures of a run's epochs: which was the best, and all of them as a table for other programs."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from npseg import kinds
from npseg.files import replacing

_NEEDED = "a list of each epoch's figures, a dict each,"


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the number of the epoch with the highest mean IoU of the classes in the truth, the earliest of equals.

    Parameters
    ----------
    history : sequence of dict
        The figures of each epoch: ``"mean_iou_of_present"``, or ``"mean_iou"`` where there is no more, as in the
        history of a run that an earlier version of npseg began.

    Returns
    -------
    int or None
        ``"epoch"`` of the best; None where there is no figure.

    Raises
    ------
    ValueError
        If an epoch has no ``"epoch"`` or no ``"mean_iou"``.

    Examples
    --------
    >>> best_epoch([{"epoch": 1, "mean_iou": 0.2}, {"epoch": 2, "mean_iou": 0.4}, {"epoch": 3, "mean_iou": 0.4}])
    2
    """
    records = _records("best_epoch", history)
    for record in records:
        if missing := [key for key in ("epoch", "mean_iou") if key not in record]:
            raise ValueError(
                f"best_epoch: history has an epoch without {', '.join(missing)}; {_NEEDED} is needed"
            )
    figures = {record["epoch"]: record.get("mean_iou_of_present", record["mean_iou"]) for record in records}
    known = {epoch: figure for epoch, figure in figures.items() if not math.isnan(figure)}
    return max(known, key=known.__getitem__, default=None)


def write_csv(path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]) -> None:
    """Write the figures of all epochs, a line each.

    Parameters
    ----------
    path : path
        Where; a file that is already there is replaced.
    history : sequence of dict
        The figures of each epoch; their keys become the first line, and what an epoch lacks is left empty. Fractions
        stay fractions.

    Raises
    ------
    ValueError
        If there is no epoch.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(f"{folder}/metrics.csv", [{"epoch": 1, "loss": 1.5}, {"epoch": 2, "loss": 0.25}])
    ...     print(Path(folder, "metrics.csv").read_text(), end="")
    epoch,loss
    1,1.5
    2,0.25
    """
    records = _records("write_csv", history)
    path = kinds.path("write_csv", "path", path)
    if not records:
        raise ValueError("write_csv: history is empty; the figures of at least one epoch are needed")
    text = io.StringIO()
    columns = dict.fromkeys(key for record in records for key in record)
    table = csv.DictWriter(text, list(columns), lineterminator="\n")
    table.writeheader()
    table.writerows(records)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _records(op: str, history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the epochs' figures, or refuse what is no list of them."""
    return kinds.members(op, "history", history, Mapping, _NEEDED)  # type: ignore[type-abstract]
