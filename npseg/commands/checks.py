"""``npseg gradcheck`` and ``npseg accuracy``: every operation checked, as a table, on the library in use."""

from __future__ import annotations

from tqdm import tqdm

from npseg.check import gradcheck as check_gradients
from npseg.check import report as report_gradients
from npseg.check.rounding import accuracy as measure_accuracy
from npseg.check.rounding import report as report_accuracy


def gradcheck() -> None:
    """Print a table of every operation, each method, and the error of each gradient."""
    bar = tqdm(unit="check", leave=False, disable=None)

    def show(name: str) -> None:
        bar.set_description(name)
        bar.update()

    with bar:
        rows = check_gradients(progress=show)
    print(report_gradients(rows))


def accuracy() -> None:
    """Print a table of the error of every operation in float32, on data that are scaled well and badly."""
    bar = tqdm(unit="operation", leave=False, disable=None)

    def show(name: str) -> None:
        bar.set_description(name)
        bar.update()

    with bar:
        rows = measure_accuracy(progress=show)
    print(report_accuracy(rows))
    print(
        "\nlargest error in float32 against float64, in units of the last place (2⁻²³) of a result's largest value"
    )
