"""The figures of a run's epochs: which was the best, and all of them as a table for other programs."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

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
    text = io.StringIO()
    table = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    with replacing(path) as file:
        file.write(text.getvalue().encode())
