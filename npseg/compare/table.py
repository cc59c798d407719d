"""The results of a comparison as a table: for the terminal, for a page, and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from npseg import kinds
from npseg.compare.entrants import Entrant
from npseg.training.metrics import Metrics

#: Multiply-adds are in millions, times in seconds and milliseconds, figures of quality in percent.
HEAD = (
    "network",
    "width",
    "weights",
    "M mult-adds",
    "train s",
    "label ms",
    "pixel",
    "class",
    "IoU",
    "fw IoU",
)

#: How many of them, the last ones, say how good a network is.
QUALITY = 4


class Result(NamedTuple):
    """What came out for a network.

    Attributes
    ----------
    entrant : Entrant
        The network.
    figures : Metrics
        On the images to be judged by.
    training : float
        Seconds that its epochs took, each with a look at those images.
    labelling : float
        Seconds for one of them.

    Examples
    --------
    >>> from npseg.training import metrics
    >>> entrant = Entrant("fcn8s", {"width": 8}, 441412, 50_000_000)
    >>> result = Result(entrant, metrics([[3, 1], [2, 4]]), 60.0, 0.05)
    >>> print(text([result]))
    network  width  weights  M mult-adds  train s  label ms  pixel  class   IoU  fw IoU
    fcn8s        8  441,412           50       60        50   70.0   70.8  53.6    54.3
    """

    entrant: Entrant
    figures: Metrics
    training: float
    labelling: float

    def cells(self) -> tuple[str, ...]:
        """Write the figures out, those of quality in percent."""
        entrant, figures = self.entrant, self.figures
        quality = (
            figures.pixel_accuracy,
            figures.mean_accuracy,
            figures.mean_iou,
            figures.frequency_weighted_iou,
        )
        return (
            entrant.name,
            str(entrant.settings["width"]),
            f"{entrant.parameters:,}",
            f"{entrant.multiply_adds / 1e6:,.0f}",
            f"{self.training:,.0f}",
            f"{1000 * self.labelling:,.0f}",
            *(f"{100 * value:.1f}" for value in quality),
        )

    def record(self) -> dict[str, Any]:
        """Return it as plain numbers, for JSON."""
        figures = self.figures._asdict()
        iou = figures.pop("iou")
        return {
            **self.entrant._asdict(),
            "training_seconds": self.training,
            "labelling_seconds": self.labelling,
            **{name: float(value) for name, value in figures.items()},
            "iou": [None if value != value else float(value) for value in iou],
        }


def text(results: Sequence[Result]) -> str:
    """Align the table in columns, a line for each network.

    Examples
    --------
    >>> print(text([]))
    network  width  weights  M mult-adds  train s  label ms  pixel  class  IoU  fw IoU
    """
    lines = [HEAD, *_cells("text", results)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(cell.ljust(w) if not i else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        for line in lines
    )


def markdown(results: Sequence[Result]) -> str:
    """Write the table in Markdown; the best figure of each column of quality is bold.

    Examples
    --------
    >>> print(markdown([]))
    | network | width | weights | M mult-adds | train s | label ms | pixel | class | IoU | fw IoU |
    |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    """
    columns = list(zip(*_cells("markdown", results)))
    for i, column in enumerate(columns):
        if i >= len(HEAD) - QUALITY:
            best = max(map(float, column))
            columns[i] = tuple(f"**{cell}**" if float(cell) == best else cell for cell in column)
    ruler = "|".join(["---", *["--:"] * (len(HEAD) - 1)])
    head, *body = (f"| {' | '.join(line)} |" for line in (HEAD, *zip(*columns)))
    return "\n".join([head, f"|{ruler}|", *body])


def _cells(op: str, results: Sequence[Result]) -> list[tuple[str, ...]]:
    given = kinds.listed(op, "results", results, "a list of results")
    return [kinds.instance(op, "results", one, Result, "a list of results").cells() for one in given]
