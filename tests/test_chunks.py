"""Large arrays in chunks: each element once, in order, and the same results wherever the chunks end."""

import numpy as np
import pytest
from checks import assert_same, chunks_of
from hypothesis import given
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

import npseg
from npseg import backend
from npseg.chunks import chunks
from npseg.training.optimizers import make

SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@given(SHAPES, st.integers(0, 2), st.integers(1, 40))
def test_chunks_are_the_whole_in_row_major_order(shape, further, size):
    """Views of it, and of arrays with more axes behind the same ones."""
    whole = (*shape, *(2,) * further)
    x = np.arange(np.prod(whole, dtype=int)).reshape(whole)
    with chunks_of(size):
        views = [x[chunk] for chunk in chunks(shape, x)]
    assert all(np.shares_memory(view, x) or not view.size for view in views)
    assert [n for view in views for n in view.ravel()] == list(range(x.size))
    assert all(view.size <= size * 2**further for view in views if view.size)


def test_chunks_are_as_large_as_they_may_be():
    x = np.zeros(1)
    with chunks_of(12):
        assert len(chunks((24,), x)) == 2
        assert len(chunks((4, 6), x)) == 2
        assert len(chunks((4, 24), x)) == 8
        assert len(chunks((4, 6), x, each=2)) == 4
        assert len(chunks((4, 6), x, each=100)) == 24


def test_on_a_device_the_whole_array_is_one_chunk():
    with stand_in_for_cupy() as cupy, chunks_of(1):
        x = cupy.ones((2, 3))
        (chunk,) = chunks(x.shape, x)
        assert x[chunk].shape == (2, 3)


def all_operations(dtype):
    """Return what every operation that works in chunks makes of random numbers."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x, gamma, beta = draw(5, 3, 12, 14), draw(3), draw(3)
    labels = rng.integers(0, 3, (5, 12, 14))
    pooled, pooling = npseg.max_pool_forward(x, 3, stride=2, padding=1)
    results = [pooled, pooling.indices, npseg.max_pool_backward(draw(*pooled.shape), pooling)]
    for name, *arguments in (
        ("relu", x),
        ("tanh", x),
        ("avg_pool", x, 2),
        ("nearest_unpool", x, 2),
        ("batch_norm", x, gamma, beta),
        ("cross_entropy", x, labels),
    ):
        y, cache = getattr(npseg, f"{name}_forward")(*arguments)
        gradients = getattr(npseg, f"{name}_backward")(draw(*y.shape) if y.ndim else None, cache)
        results += [y, *(gradients if isinstance(gradients, tuple) else (gradients,))]
    for name in ("sgd", "adam"):
        params = {"w": draw(30, 7), "b": draw(7)}
        make(name, params, weight_decay=0.1).step({"w": draw(30, 7), "b": draw(7)}, 0.1)
        results += params.values()
    return results


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [2, 3])
def test_the_bits_do_not_depend_on_how_many_threads_there_are(threads, dtype):
    with chunks_of(100):
        with backend.threads(1):
            alone = all_operations(dtype)
        with backend.threads(threads):
            assert_same(tuple(all_operations(dtype)), tuple(alone))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_chunks_end_matters_for_nothing_but_the_rounding_of_sums(dtype):
    whole = all_operations(dtype)
    with chunks_of(100):
        for one, other in zip(all_operations(dtype), whole):
            np.testing.assert_allclose(
                one, other, rtol=0, atol=20 * np.finfo(dtype).eps * np.abs(other).max()
            )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_draws_the_same_numbers_in_chunks_of_any_size(dtype):
    x = np.ones((3, 5, 7), dtype)
    whole, _ = npseg.dropout_forward(x, 0.5, rng=np.random.default_rng(0))
    for size in (1, 10, 40):  # odd numbers of float32, of which the generator draws two at a time
        with chunks_of(size):
            assert_same(npseg.dropout_forward(x, 0.5, rng=np.random.default_rng(0))[0], whole)


def test_no_images_at_all_of_large_planes():
    """There is no place to cut at."""
    x = np.zeros((0, 3, 8, 8), "float32")
    with chunks_of(10):
        y, cache = npseg.max_pool_forward(x, 2)
        assert_same(npseg.max_pool_backward(y, cache), x)
        y, cache = npseg.avg_pool_forward(x, 2)
        assert_same(npseg.avg_pool_backward(y, cache), x)
