"""Local normalisation: by its definition pixel by pixel, its gradients, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same, check_gradients, chunks_of, inner
from hypothesis import given
from hypothesis import strategies as st

import npseg
from npseg import local_norm_backward, local_norm_forward
from npseg.methods.choose import GENERAL
from npseg.ops import local_norm

#: So many numbers times a whole number, and all averages of 3 pixels on 2 axes are whole, at the border too.
WHOLE = 6**2

shapes = st.integers(1, 3).flatmap(lambda n: st.tuples(*[st.integers(1, 2)] * 2, *[st.integers(1, 6)] * n))
sizes = st.sampled_from((1, 3, 5))


@pytest.fixture(scope="module", autouse=True, params=[10, npseg.chunks.SIZE], ids="chunks of {}".format)
def _chunks(request):
    """Run everything twice: in many small chunks, and all at once."""
    with chunks_of(request.param):
        yield


def drawn(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def average(plane, size):
    """Average the pixels that there are around each, by the definition."""
    half, result = size // 2, np.empty(plane.shape)
    for place in np.ndindex(plane.shape):
        result[place] = plane[tuple(slice(max(0, p - half), p + half + 1) for p in place)].mean()
    return result


@given(shapes, sizes, st.sampled_from(("float32", "float64")))
def test_it_is_its_definition(shape, size, dtype):
    x = (7 + 3 * drawn(shape)).astype(dtype)
    before = x.copy()
    y, _ = local_norm_forward(x, size, eps=0.01)
    assert y.dtype == dtype
    for plane, normalised in zip(x.reshape(-1, *shape[2:]), y.reshape(-1, *shape[2:])):
        centred = plane - average(plane, size)
        expected = centred / np.sqrt(average(centred**2, size) + 0.01)
        np.testing.assert_allclose(normalised, expected, atol=1e-4 if dtype == "float32" else 1e-12)
    assert_same(x, before)


def test_the_mean_is_exact_where_averages_are_whole():
    x = WHOLE * np.random.default_rng(0).integers(-9, 9, (2, 3, 5, 7)).astype(float)
    x[..., -1, -1] -= x.sum((2, 3))  # each channel's mean is 0
    for method in GENERAL:
        _, cache = local_norm_forward(x, 3, method=method)
        for plane, centred in zip(x.reshape(-1, 5, 7), cache.centred.reshape(-1, 5, 7)):
            assert_same(centred, plane - average(plane, 3))


@given(shapes, sizes)
def test_the_average_and_its_adjoint(shape, size):
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩, exactly: what counts are divided by is made whole first."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(-4, 5, (2, *shape)) * 60.0 ** (len(shape) - 2)
    lines = local_norm_forward(x, size)[1].lines
    for method in GENERAL:
        below, above = local_norm._average(x, lines, method), local_norm._average_adjoint(y, lines, method)
        assert inner(below, y) == inner(x, above)


@pytest.mark.parametrize("shape", [(2, 3, 9), (2, 2, 4, 7), (1, 1, 3, 4, 2)])
@pytest.mark.parametrize("size", [1, 3, 5, 15])
def test_gradient(shape, size):
    x = drawn(shape)
    cache = local_norm_forward(x, size, eps=0.1)[1]
    check_gradients(
        lambda x: local_norm_forward(x, size, eps=0.1)[0],
        lambda dout: (local_norm_backward(dout, cache),),
        x,
    )


def test_methods_agree():
    x, dout = drawn((2, 3, 6, 8)), drawn((2, 3, 6, 8), seed=1)
    y, cache = local_norm_forward(x, 5)
    for method in GENERAL:
        again, other = local_norm_forward(x, 5, method=method)
        np.testing.assert_allclose(again, y, rtol=1e-12, atol=1e-12)
        dx = local_norm_backward(dout, other)
        np.testing.assert_allclose(dx, local_norm_backward(dout, cache), rtol=1e-11, atol=1e-11)


def test_neighbourhoods_have_no_mean_and_unit_deviation():
    """Of each 15x15 pixels inside, roughly: the mean and deviation are those around each pixel, not theirs."""
    y, _ = local_norm_forward(5 + drawn((1, 3, 64, 64)), 15)
    inside = np.lib.stride_tricks.sliding_window_view(y[:, :, 15:-15, 15:-15], (15, 15), axis=(2, 3))
    assert abs(inside.mean((-1, -2))).max() < 0.15
    assert abs(inside.std((-1, -2)) - 1).max() < 0.15


def test_light_and_contrast_do_not_matter():
    x = drawn((1, 1, 12, 12))
    y, _ = local_norm_forward(x, 5, eps=1e-12)
    brighter, _ = local_norm_forward(100 + 30 * x, 5, eps=1e-12)
    np.testing.assert_allclose(brighter, y, atol=1e-9)


def test_the_digits_of_bright_images_are_kept():
    """In float32 an average of values near 1000 is right to 1e-4 only: they are taken off before."""
    x = (1024 * drawn((1, 1, 12, 12))).round().astype("float32") / 1024  # so that x + 1000 is not rounded
    y, _ = local_norm_forward(x, 5)
    brighter, _ = local_norm_forward(x + 1000, 5)
    assert abs(brighter - y).max() < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_flat_stays_flat(dtype):
    x = np.full((1, 2, 5, 6), 0.7, dtype)
    y, cache = local_norm_forward(x, 3)
    assert abs(y).max() < 1e-4
    assert np.isfinite(local_norm_backward(np.ones_like(x), cache)).all()


def test_noise_below_the_floor_is_not_raised():
    y, _ = local_norm_forward(0.5 + 1e-4 * drawn((1, 1, 20, 20)), 15)
    assert abs(y).max() < 0.2


def test_a_pixel_is_moved_by_its_neighbourhood_and_theirs():
    x = drawn((1, 1, 1, 41))
    y, _ = local_norm_forward(x, 7)
    moved = []
    for pixel in range(41):
        other = x.copy()
        other[..., pixel] += 1
        if abs(local_norm_forward(other, 7)[0] - y)[0, 0, 0, 20] > 1e-9:  # more than rounding
            moved.append(pixel)
    assert moved == list(range(20 - 6, 20 + 6 + 1))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 4}, ValueError, "local_norm_forward: size=4 has no middle; give an odd number, such as 5"),
        ({"size": 0}, ValueError, "size=0 must be at least 1"),
        ({"size": 3.0}, TypeError, "size=3.0 is not a whole number"),
        ({"size": 3, "eps": 0}, ValueError, "eps=0 must be above 0"),
        ({"size": 3, "method": "fft"}, ValueError, "method='fft'"),
    ],
)
def test_what_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        local_norm_forward(np.ones((1, 1, 4, 4)), **options)


def test_no_images():
    y, cache = local_norm_forward(np.ones((0, 3, 4, 5)), 3)
    assert y.shape == local_norm_backward(y, cache).shape == (0, 3, 4, 5)
