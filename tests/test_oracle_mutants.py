"""A hundred subtle mutations of a correct convolution are all caught, or compute the same."""

import numpy as np
import pytest
from mutants import EQUIVALENT, convolve, mutants

from npseg.check import against
from npseg.check.oracle import diagnosis, trial


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Take the first failing case, and do not ask why: whether there is one is all that is asked here."""
    monkeypatch.setattr(trial, "PATIENCE", 0.0)
    monkeypatch.setattr(trial, "STEPS", 0.0)
    monkeypatch.setattr(diagnosis, "FURTHER", 1)


def test_the_original_passes():
    assert against(convolve, "conv_forward", seconds=600).passed


def test_there_are_more_than_a_hundred_that_differ():
    names = [what for what, _ in mutants()]
    assert len(names) - len(EQUIVALENT) >= 100
    assert set(EQUIVALENT) <= set(names)


def test_all_mutants_are_caught_but_those_that_compute_the_same():
    with np.errstate(all="ignore"):
        left = [what for what, mutant in mutants() if against(mutant, "conv_forward", seconds=600).passed]
    assert left == list(EQUIVALENT)
