"""``npseg gradcheck`` and ``npseg accuracy``: every operation checked, as a table, on the library in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from npseg.check import gradcheck as check_gradients
from npseg.check import report as report_gradients
from npseg.check.rounding import accuracy as measure_accuracy
from npseg.check.rounding import report as report_accuracy


def gradcheck() -> None:
    """Print a table of every operation, each method, and the error of each gradient."""
    with _bar("check") as show:
        rows = check_gradients(progress=show)
    print(report_gradients(rows))


def accuracy() -> None:
    """Print a table of the error of every operation in float32, on data that are scaled well and badly."""
    with _bar("operation") as show:
        rows = measure_accuracy(progress=show)
    print(report_accuracy(rows))
    print(
        "\nlargest error in float32 against float64, in units of the last place (2⁻²³) of a result's largest value"
    )


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[str], None]]:
    """Show a bar, and give what names the next thing on it."""
    with tqdm(unit=unit, leave=False, disable=None) as bar:

        def show(name: str) -> None:
            bar.set_description(name)
            bar.update()

        yield show
