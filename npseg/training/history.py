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


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the number of the epoch with the highest mean IoU, the earliest of equals.

    Parameters
    ----------
    history : sequence of dict
        The figures of each epoch.

    Returns
    -------
    int or None
        ``"epoch"`` of the best; None where there is no figure.

    Examples
    --------
    >>> best_epoch([{"epoch": 1, "mean_iou": 0.2}, {"epoch": 2, "mean_iou": 0.4}, {"epoch": 3, "mean_iou": 0.4}])
    2
    """
    _check("best_epoch", history)
    known = [record for record in history if not math.isnan(record["mean_iou"])]
    return max(known, key=lambda record: record["mean_iou"])["epoch"] if known else None


def write_csv(path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]) -> None:
    """Write the figures of all epochs, a line each.

    Parameters
    ----------
    path : path
        Where; a file that is already there is replaced.
    history : sequence of dict
        The figures of each epoch, all with the same keys, which become the first line. Fractions stay fractions.

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
    _check("write_csv", history)
    path = kinds.path("write_csv", "path", path)
    if len(history) == 0:
        raise ValueError("write_csv: history is empty; the figures of at least one epoch are needed")
    text = io.StringIO()
    table = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _check(op: str, history: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what is no list of the epochs' figures."""
    needed = "a list of each epoch's figures, a dict each,"
    for record in kinds.members(op, "history", history, Mapping, needed):  # type: ignore[type-abstract]
        missing = [key for key in ("epoch", "mean_iou") if key not in record]
        if op == "best_epoch" and missing:
            raise ValueError(f"{op}: history has an epoch without {', '.join(missing)}; {needed} is needed")
