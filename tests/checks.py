"""What the tests assert again and again."""

import contextlib

import numpy as np

import npseg
from npseg.methods.choose import GENERAL


def assert_same(got, expected):
    """Assert equal values, shapes and dtypes, of one array or of a tuple of them; None equals None."""
    if expected is None or got is None:
        assert got is expected
    elif isinstance(expected, tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(got, expected, strict=True)


def check_methods_agree(compute, *inputs):
    """Assert that ``compute(name)`` is the same for every method, the dtype the inputs', and these unchanged."""
    before = [a.copy() for a in inputs]
    witness = compute("loops")
    for name in GENERAL:
        results = compute(name)
        assert_same(results, witness)
        assert all(r is None or r.dtype == inputs[0].dtype for r in results)
    assert_same(tuple(inputs), tuple(before))


def inner(a, b):
    """Return the inner product, exactly where both hold small whole numbers."""
    assert a.shape == b.shape
    return float((np.asarray(a, float) * np.asarray(b, float)).sum())


def check_gradients(f, gradients, *inputs, seed=0, step=1e-6, tolerance=1e-7):
    """Assert that gradients belong to f, with one random inner product for each input.

    ``f(*inputs)`` returns an output and ``gradients(dout)`` the gradients of the inputs. The output moves along a
    random direction by what the gradients of a random upstream gradient (never ones) say.
    """
    rng = np.random.default_rng(seed)
    inputs = [np.asarray(a) for a in inputs]
    dout = rng.standard_normal(f(*inputs).shape)
    found = gradients(dout)
    assert len(found) == len(inputs)
    for number, (a, gradient) in enumerate(zip(inputs, found)):
        assert gradient.shape == a.shape
        direction = rng.standard_normal(a.shape)
        ends = []
        for sign in (1, -1):
            moved = [*inputs]
            moved[number] = a + sign * step * direction
            ends.append(f(*moved))
        # Subtracted before they are summed: the rounding of two long sums, divided by the step, passes the tolerance.
        numeric = ((ends[0] - ends[1]) * dout).sum() / (2 * step)
        analytic = (gradient * direction).sum()
        assert abs(numeric - analytic) <= tolerance * max(1, abs(numeric), abs(analytic)), f"input {number}"


@contextlib.contextmanager
def block_of(size):
    """Let im2col make its columns so many bytes at a time: the boundaries of its blocks fall elsewhere."""
    before, npseg.methods.im2col.BLOCK = npseg.methods.im2col.BLOCK, size
    try:
        yield
    finally:
        npseg.methods.im2col.BLOCK = before


@contextlib.contextmanager
def chunks_of(size):
    """Cut large arrays into chunks of so many elements: small ones then have several, too."""
    before, npseg.chunks.SIZE = npseg.chunks.SIZE, size
    try:
        yield
    finally:
        npseg.chunks.SIZE = before


def shuffled_gaps(rng, shape, dtype="float64"):
    """Return values any two of which, and each and 0, lie half a unit apart or more: no kink is near."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count // 2 + 0.5).reshape(shape).astype(dtype)
