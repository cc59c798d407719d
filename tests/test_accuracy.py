"""Every operation is as exact in float32 as float32 allows, on data that are scaled well and badly."""

from __future__ import annotations

import numpy as np
import pytest

import npseg
from npseg.check.rounding import DATA, accuracy, report, units
from npseg.ops.norm import response

#: Units of the last place of the largest value that an error may come to: a few for a sum, more where digits must go.
LIMIT = 4
LOST = {("winograd4", kind): 64 for kind in DATA} | {("batch_norm", "+ 1000"): 128}


@pytest.fixture(scope="module")
def rows():
    return accuracy()


def test_every_operation_is_as_exact_as_its_dtype(rows):
    for row in rows:
        for kind, error in row.errors.items():
            limit = LOST.get((row.method, kind), LOST.get((row.operation, kind), LIMIT))
            assert error <= limit, (row.operation, row.method, kind)
    assert {row.operation for row in rows} >= {"conv", "max_pool", "lrn", "cross_entropy", "resize_bilinear"}


def test_what_only_moves_numbers_loses_nothing(rows):
    moved = [row for row in rows if row.operation in ("relu", "crop", "bed_of_nails_unpool")]
    assert moved
    assert all(set(row.errors.values()) == {0.0} for row in moved)


def test_a_unit_is_that_of_the_last_place():
    one = np.float32(1)
    assert units(np.array([one, np.nextafter(one, np.float32(2))]), np.array([1.0, 1.0])) == 1
    assert units(np.array([np.nan], "float32"), np.array([1.0])) == np.inf
    assert units(np.zeros(2, "float32"), np.zeros(2)) == 0


def test_lost_digits_are_noticed(monkeypatch):
    """The energies' power, made too small a number for float32, costs thousands of units on large data."""

    def backward(dout, cache):
        x, energy, size, alpha, beta = cache
        denergy = -beta * dout * x * energy ** (-beta - 1)
        back = response._neighbours(denergy, (size - 1) // 2, size // 2)
        return dout * energy**-beta + 2 * alpha / size * x * back

    monkeypatch.setattr("npseg.ops.norm.lrn_backward", backward)
    (row,) = (row for row in accuracy() if row.operation == "lrn")
    assert row.errors["plain"] < LIMIT < 1000 < row.errors["x 2^40"]


def test_the_report_has_a_line_for_each(rows):
    lines = report(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits(dtype):
    """The loss of a sure and right answer is 0, that of a sure and wrong one the distance; nothing overflows."""
    large = np.finfo(dtype).max / 4
    logits = np.array([[large, 0.0], [0.0, large], [0.0, 1e-30]], dtype)
    loss, cache = npseg.cross_entropy_forward(logits, np.array([0, 0, 1]), reduction="none")
    np.testing.assert_allclose(loss, [0, large, np.log(2)], rtol=4 * np.finfo(dtype).eps)
    dlogits = npseg.cross_entropy_backward(np.ones(3, dtype), cache)
    np.testing.assert_allclose(dlogits, [[0, 0], [-1, 1], [0.5, -0.5]], atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiny_variances(dtype):
    """Where a channel hardly varies, eps alone counts; where it does not vary at all, the output is beta."""
    eps = np.finfo(dtype).eps
    x = np.array([[[7.0, 7.0], [1e-20, -1e-20]]], dtype)
    gamma, beta = np.array([2.0, 1.0], dtype), np.array([5.0, 0.0], dtype)
    y, cache = npseg.batch_norm_forward(x, gamma, beta, eps=1e-5)
    assert y[0, 0].tolist() == [5.0, 5.0]
    np.testing.assert_allclose(y[0, 1], np.array([1e-20, -1e-20]) / np.sqrt(1e-5), rtol=8 * eps)
    dx, dgamma, dbeta = npseg.batch_norm_backward(np.ones_like(x), cache)
    assert np.isfinite(dx).all()
    assert dbeta.tolist() == [2.0, 2.0]
    assert dgamma[0] == 0
