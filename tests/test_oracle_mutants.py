"""A hundred subtle mutations of a correct convolution are all caught, or compute the same."""

import numpy as np
import pytest
from mutants import EQUIVALENT, convolve, mutants

from npseg.check import against
from npseg.check.oracle import trial

#: The suite takes every eighth; all of them are slow.
FEW = 8


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Take the first failing case, which is all that is asked here."""
    monkeypatch.setattr(trial, "PATIENCE", 0.0)


def survivors(chosen):
    with np.errstate(all="ignore"):
        return [what for what, mutant in chosen if against(mutant, "conv_forward", seconds=600).passed]


def test_the_original_passes():
    assert against(convolve, "conv_forward", seconds=600).passed


def test_there_are_more_than_a_hundred_that_differ():
    names = [what for what, _ in mutants()]
    assert len(names) - len(EQUIVALENT) >= 100
    assert set(EQUIVALENT) <= set(names)


def test_some_mutants_are_caught():
    chosen = [(what, mutant) for what, mutant in mutants() if what not in EQUIVALENT]
    assert survivors(chosen[::FEW]) == []


@pytest.mark.slow
def test_all_mutants_are_caught_but_those_that_compute_the_same():
    assert survivors(mutants()) == list(EQUIVALENT)
