"""Unpooling: each way up is the transpose of a way down, by every method."""

import numpy as np
import pytest
from checks import assert_same, check_methods_agree, chunks_of, inner
from geometries import Numbers, numbers, pools, sizes
from hypothesis import given
from hypothesis import strategies as st

import npseg
from npseg import (
    avg_pool_forward,
    bed_of_nails_unpool_backward,
    bed_of_nails_unpool_forward,
    max_pool_backward,
    max_pool_forward,
    max_unpool_backward,
    max_unpool_forward,
    nearest_unpool_backward,
    nearest_unpool_forward,
)
from npseg.methods.choose import GENERAL


@pytest.fixture(scope="module", autouse=True, params=[10, npseg.chunks.SIZE], ids="chunks of {}".format)
def _chunks(request):
    """Run everything twice: in many small chunks, and all at once."""
    with chunks_of(request.param):
        yield


SCALED = {
    "nearest": (nearest_unpool_forward, nearest_unpool_backward),
    "bed of nails": (bed_of_nails_unpool_forward, bed_of_nails_unpool_backward),
}


def scales():
    """Draw a shape and a scale for each of its axes."""
    return sizes(most=4).flatmap(
        lambda size: st.tuples(
            st.tuples(st.integers(0, 2), st.integers(1, 3), *map(st.just, size)), sizes(len(size), most=3)
        )
    )


@st.composite
def unpoolings(draw, images=(0, 1, 2)):
    """Draw a max pooling and the options with which max unpooling goes back to its input."""
    geometry = draw(pools(images=images, dilated=False))
    options = {key: geometry.options[key] for key in ("stride", "padding")}
    return geometry, {**options, "output_size": geometry.x[2:]}


@given(unpoolings(), numbers())
def test_max_unpool_is_the_same_by_every_method(drawn, numbers):
    geometry, options = drawn
    pixels = int(np.prod(geometry.x[2:]))
    y, _ = max_pool_forward(numbers(*geometry.x), geometry.kernel_size, **geometry.options)
    x, anywhere = numbers(*y.shape), numbers(*y.shape, low=0, high=pixels - 1).astype(int)

    def compute(method):
        up, cache = max_unpool_forward(x, anywhere, geometry.kernel_size, **options, method=method)
        dout = Numbers(numbers.seed, numbers.dtype, numbers.layout)(*up.shape)
        return up, max_unpool_backward(dout, cache)

    check_methods_agree(compute, x)


@pytest.mark.parametrize("pair", SCALED)
@given(drawn=scales(), numbers=numbers())
def test_unpooling_by_a_scale_is_the_same_by_every_method(pair, drawn, numbers):
    forward, backward = SCALED[pair]
    shape, scale = drawn
    x = numbers(*shape)

    def compute(method):
        y, cache = forward(x, scale, method=method)
        dout = Numbers(numbers.seed, numbers.dtype, numbers.layout)(*y.shape)
        return y, backward(dout, cache)

    check_methods_agree(compute, x)


@given(unpoolings(images=(1, 2)), numbers())
def test_max_unpool_is_the_transpose_of_max_pool(drawn, numbers):
    """With the output size given: what pooling's backward does is what unpooling does, and the other way round."""
    geometry, options = drawn
    x = numbers(*geometry.x)
    for method in GENERAL:
        y, pooled = max_pool_forward(x, geometry.kernel_size, **geometry.options, method=method)
        values = numbers(*y.shape)
        up, cache = max_unpool_forward(values, pooled.indices, geometry.kernel_size, **options, method=method)
        assert_same(up, max_pool_backward(values, pooled))
        assert_same(max_unpool_backward(x, cache), y)
        assert inner(up, x) == inner(values, max_unpool_backward(x, cache))


@given(scales(), numbers())
def test_nearest_unpool_is_the_transpose_of_average_pooling_times_its_taps(drawn, numbers):
    shape, scale = drawn
    x = numbers(*shape)
    for method in GENERAL:
        y, cache = nearest_unpool_forward(x, scale, method=method)
        dout = numbers(*y.shape)
        assert_same(
            nearest_unpool_backward(dout, cache),
            avg_pool_forward(dout, scale, divisor_override=1, method=method)[0],
        )
        assert inner(y, dout) == inner(x, nearest_unpool_backward(dout, cache))


@given(scales(), numbers())
def test_bed_of_nails_is_the_transpose_of_taking_every_sth_pixel(drawn, numbers):
    shape, scale = drawn
    x = numbers(*shape)
    every = (..., *(slice(None, None, s) for s in scale))
    for method in GENERAL:
        y, cache = bed_of_nails_unpool_forward(x, scale, method=method)
        dout = numbers(*y.shape)
        assert_same(bed_of_nails_unpool_backward(dout, cache), dout[every].copy())
        assert inner(y, dout) == inner(x, dout[every])


@given(scales(), numbers())
def test_nearest_unpool_repeats_each_value_all_over_its_block(drawn, numbers):
    shape, scale = drawn
    x = numbers(*shape)
    assert_same(nearest_unpool_forward(x, scale)[0], np.kron(x, np.ones((1, 1, *scale), x.dtype)))


@pytest.mark.parametrize("method", GENERAL)
def test_an_index_twice_adds_up_and_each_takes_the_gradient(method):
    x, indices = np.array([[[5.0, 7, 1]]]), np.array([[[2, 2, 0]]])
    y, cache = max_unpool_forward(x, indices, 2, method=method)
    assert_same(y, np.array([[[1.0, 0, 12, 0, 0, 0]]]))
    dout = np.array([[[1.0, 2, 3, 4, 5, 6]]])
    assert_same(max_unpool_backward(dout, cache), np.array([[[3.0, 3, 1]]]))


@pytest.mark.parametrize("method", GENERAL)
@pytest.mark.parametrize("dtype", [f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)])
def test_indices_may_be_whole_numbers_of_any_width(method, dtype):
    """DeconvNet's and ONNX's are int64, npseg's int32; small planes may be kept in bytes."""
    x, indices = np.arange(1.0, 9).reshape(2, 2, 2), np.array([[[0, 3], [1, 2]], [[2, 0], [3, 3]]], dtype)
    y, cache = max_unpool_forward(x, indices, 2, method=method)
    assert y.tolist() == [[[1, 0, 0, 2], [0, 3, 4, 0]], [[6, 0, 5, 0], [0, 0, 0, 15]]]
    assert_same(
        max_unpool_backward(np.arange(16.0).reshape(2, 2, 4), cache),
        np.array([[[0.0, 3], [5, 6]], [[10, 8], [15, 15]]]),
    )


@pytest.mark.parametrize("index", [-1, 4, 10**12])
def test_an_index_outside_the_output_is_refused(index):
    with pytest.raises(
        ValueError, match=rf"max_unpool_forward: indices hold {index}, which lies outside the output plane 4"
    ):
        max_unpool_forward(np.ones((1, 1, 2)), np.array([[[0, index]]]), 2)


def test_indices_must_be_whole_numbers_of_the_inputs_shape():
    x = np.ones((1, 1, 2))
    for indices in (np.zeros((1, 1, 2)), np.zeros((1, 1, 2), bool), [[[0, 1]]]):
        with pytest.raises(TypeError, match=r"max_unpool_forward: indices are .*; whole numbers are needed"):
            max_unpool_forward(x, indices, 2)
    with pytest.raises(ValueError, match=r"indices has shape \(1, 1, 3\); \(1, 1, 2\), that of x, is needed"):
        max_unpool_forward(x, np.zeros((1, 1, 3), int), 2)


@pytest.mark.parametrize("size", [(3, 4), (5, 8), (4, 6)])
def test_the_unpooled_size_is_any_that_pooling_maps_to_this_one(size):
    x, indices = np.ones((1, 1, 2, 2)), np.zeros((1, 1, 2, 2), int)
    assert max_unpool_forward(x, indices, (2, 3), output_size=size)[0].shape == (1, 1, *size)


@pytest.mark.parametrize("size", [(6, 6), (4, 3), (2, 4), (4, 9)])
def test_an_unpooled_size_that_no_pooling_has_is_refused_and_the_range_named(size):
    x, indices = np.ones((1, 1, 2, 2)), np.zeros((1, 1, 2, 2), int)
    message = rf"max_unpool_forward: output_size={size[0]}x{size[1]} cannot be had; 3 to 5 by 4 to 8 can"
    with pytest.raises(ValueError, match=message):
        max_unpool_forward(x, indices, (2, 3), output_size=size)


def test_an_unpooled_size_is_at_least_1():
    message = r"max_unpool_forward: output_size=6 cannot be had; 1 to 4 can"
    with pytest.raises(ValueError, match=message):
        max_unpool_forward(np.ones((1, 1, 1)), np.zeros((1, 1, 1), int), 2, stride=3, output_size=6)


def test_the_unpooled_size_makes_up_for_what_the_pooling_rounded():
    """5x5 pooled in ceil mode: flat indices mean other pixels in a plane of another width."""
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    y, cache = max_pool_forward(x, 2, ceil_mode=True)
    up, _ = max_unpool_forward(y, cache.indices, 2, output_size=5)
    assert_same(up[up > 0], x[up > 0])
    assert np.count_nonzero(up) == 9
