"""Max and average pooling: every method equals the loops, border, ties, NaN and ceil mode included."""

from fractions import Fraction

import numpy as np
import pytest
from checks import assert_same, check_gradients, check_methods_agree, chunks_of, inner, shuffled_gaps
from geometries import Numbers, numbers, places, pooled_size, pools
from hypothesis import given
from hypothesis import strategies as st

import npseg
from npseg import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from npseg.methods import loops, pooling
from npseg.methods.choose import GENERAL, METHODS


@pytest.fixture(scope="module", autouse=True, params=[10, npseg.chunks.SIZE], ids="chunks of {}".format)
def _chunks(request):
    """Run everything twice: in many small chunks, and all at once."""
    with chunks_of(request.param):
        yield


@given(pools(), numbers())
def test_max_pool_is_the_same_by_every_method(geometry, numbers):
    """With many ties, infinities and NaNs."""
    x = numbers.with_specials(*geometry.x)

    def compute(method):
        y, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options, method=method)
        dout = Numbers(numbers.seed, numbers.dtype, numbers.layout)(*y.shape)
        return y, max_pool_backward(dout, cache)

    check_methods_agree(compute, x)
    winners = {
        m: max_pool_forward(x, geometry.kernel_size, **geometry.options, method=m)[1].indices for m in GENERAL
    }
    for indices in winners.values():
        assert indices.dtype == np.int32
        np.testing.assert_array_equal(indices, winners["loops"])


@given(pools(images=(1, 2)), numbers())
def test_an_index_of_max_pooling_names_a_real_pixel_that_holds_the_value(geometry, numbers):
    """Flat, in the unpadded plane of its image and channel; never in the border."""
    x = numbers.with_specials(*geometry.x)
    for method in GENERAL:
        y, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options, method=method)
        for n, c in np.ndindex(x.shape[:2]):
            np.testing.assert_array_equal(x[n, c].ravel()[cache.indices[n, c].ravel()], y[n, c].ravel())


@given(
    pools(dilated=False),
    numbers(),
    st.booleans(),
    st.sampled_from((None, None, 1, 2, -4, 0.5, np.float64(8), np.float32(3))),
)
def test_avg_pool_is_the_same_by_every_method(geometry, numbers, count_include_pad, divisor_override):
    """The sums are exact before they are divided; and dout is a multiple of the divisors, so its shares are."""
    x = numbers(*geometry.x)
    divisor = divisor_override or places(geometry, count_include_pad)
    options = {
        **geometry.options,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }

    def compute(method):
        y, cache = avg_pool_forward(x, geometry.kernel_size, **options, method=method)
        multiples = Numbers(numbers.seed, numbers.dtype)(*y.shape) * np.asarray(divisor, numbers.dtype)
        return y, avg_pool_backward(numbers.laid_out(multiples), cache)

    check_methods_agree(compute, x)


@given(pools(images=(1, 2), dilated=False), numbers(), st.booleans())
def test_average_pooling_is_the_sum_over_the_places_that_count(geometry, numbers, count_include_pad):
    x = numbers(*geometry.x)
    sums, _ = avg_pool_forward(x, geometry.kernel_size, **geometry.options, divisor_override=1)
    averages, _ = avg_pool_forward(
        x, geometry.kernel_size, **geometry.options, count_include_pad=count_include_pad
    )
    assert_same(averages, sums / places(geometry, count_include_pad).astype(numbers.dtype))


@given(pools(images=(1, 2)), numbers())
def test_the_output_has_as_many_windows_as_can_be_counted(geometry, numbers):
    """Each starts inside the input or its left padding, in ceil mode too."""
    o = geometry.options
    stride = o["stride"] or geometry.kernel_size
    counted = [
        pooled_size(*axis, o["ceil_mode"])
        for axis in zip(geometry.x[2:], geometry.kernel_size, stride, o["padding"], o["dilation"])
    ]
    y, _ = max_pool_forward(numbers(*geometry.x), geometry.kernel_size, **o)
    assert y.shape == (*geometry.x[:2], *counted)


@given(pools(images=(1, 2)), numbers())
def test_the_backward_of_max_pooling_is_its_adjoint(geometry, numbers):
    """P is linear once the winners stand: ⟨P v, y⟩ = ⟨v, Pᵀ y⟩ for any v."""
    x, v = numbers(*geometry.x), numbers(*geometry.x)
    for method, maps in ((name, METHODS[name]) for name in GENERAL):
        y, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options, method=method)
        dout = numbers(*y.shape)
        assert inner(maps.take(v, cache.indices), dout) == inner(v, max_pool_backward(dout, cache))


@given(pools(images=(1, 2), dilated=False), numbers())
def test_the_backward_of_average_pooling_is_its_adjoint(geometry, numbers):
    x = numbers(*geometry.x)
    for method in GENERAL:
        options = {**geometry.options, "divisor_override": 4, "method": method}
        y, cache = avg_pool_forward(x, geometry.kernel_size, **options)
        dout = numbers(*y.shape)
        assert inner(y, dout) == inner(x, avg_pool_backward(dout, cache))


@given(pools(images=(1, 2)))
def test_gradient_of_max_pooling_by_finite_differences(geometry):
    x = shuffled_gaps(np.random.default_rng(0), geometry.x)
    _, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options)
    check_gradients(
        lambda x: max_pool_forward(x, geometry.kernel_size, **geometry.options)[0],
        lambda dout: [max_pool_backward(dout, cache)],
        x,
    )


@given(pools(images=(1, 2), dilated=False), st.booleans())
def test_gradient_of_average_pooling_by_finite_differences(geometry, count_include_pad):
    x = np.random.default_rng(0).standard_normal(geometry.x)
    options = {**geometry.options, "count_include_pad": count_include_pad}
    _, cache = avg_pool_forward(x, geometry.kernel_size, **options)
    check_gradients(
        lambda x: avg_pool_forward(x, geometry.kernel_size, **options)[0],
        lambda dout: [avg_pool_backward(dout, cache)],
        x,
    )


@pytest.mark.parametrize("method", GENERAL)
class TestMaxPoolConventions:
    def test_the_border_never_wins_not_even_against_minus_infinity(self, method):
        for value in (-1.0, -np.inf):
            x = np.full((1, 1, 3, 3), value)
            y, cache = max_pool_forward(x, 3, stride=1, padding=1, method=method)
            assert_same(y, x)
            np.testing.assert_array_equal(cache.indices[0, 0], [[0, 0, 1], [0, 0, 1], [3, 3, 4]])

    def test_of_ties_the_first_in_row_major_order_takes_all(self, method):
        x = np.array([[[[1.0, 5, 5], [5, 5, 5]]]])
        _, cache = max_pool_forward(x, (2, 3), method=method)
        assert cache.indices.tolist() == [[[[1]]]]
        assert_same(
            max_pool_backward(np.full((1, 1, 1, 1), 7.0), cache), np.array([[[[0.0, 7, 0], [0, 0, 0]]]])
        )

    def test_a_nan_wins_and_is_passed_on(self, method):
        x = np.array([[[1.0, np.nan, np.inf, np.nan, 2, 3]]])
        y, cache = max_pool_forward(x, 2, stride=2, method=method)
        np.testing.assert_array_equal(y, [[[np.nan, np.nan, 3]]])
        assert cache.indices.tolist() == [[[1, 3, 5]]]

    def test_of_several_nans_the_first_wins(self, method):
        x = np.array([[[np.inf, np.nan, np.nan]]])
        assert max_pool_forward(x, 3, method=method)[1].indices.tolist() == [[[1]]]

    def test_indices_are_flat_in_the_unpadded_plane(self, method):
        """The width is odd and padded, so that an index counted in the padded width would be another."""
        x = np.zeros((2, 2, 3, 5))
        x[0, 0, 2, 4] = x[1, 1, 1, 3] = 9
        y, cache = max_pool_forward(x, 5, stride=5, padding=((1, 1), (0, 0)), method=method)
        assert cache.indices.ravel().tolist() == [14, 0, 0, 8]
        assert y.ravel().tolist() == [9, 0, 0, 9]

    def test_overlapping_windows_add_up_their_gradients(self, method):
        _, cache = max_pool_forward(np.array([[[1.0, 3, 2]]]), 2, stride=1, method=method)
        assert_same(max_pool_backward(np.array([[[10.0, 1]]]), cache), np.array([[[0.0, 11, 0]]]))

    def test_padding_above_half_the_kernel_is_fine(self, method):
        y, _ = max_pool_forward(np.array([[[1.0, 2]]]), 3, stride=1, padding=2, method=method)
        assert_same(y, np.array([[[1.0, 2, 2, 2]]]))


@pytest.mark.parametrize("method", GENERAL)
def test_in_ceil_mode_the_last_window_starts_inside_the_input_or_its_left_padding(method):
    x = np.array([[[1.0, 2, 3, 4, 5]]])
    assert_same(max_pool_forward(x, 2, ceil_mode=True, method=method)[0], np.array([[[2.0, 4, 5]]]))
    # A third window would start at 5, in the right padding.
    assert max_pool_forward(x[:, :, :4], 2, padding=1, ceil_mode=True, method=method)[0].shape == (1, 1, 3)
    assert max_pool_forward(x[:, :, :2], 1, stride=2, ceil_mode=True, method=method)[0].shape == (1, 1, 1)


@pytest.mark.parametrize("method", GENERAL)
@pytest.mark.parametrize("override", [3, -2, 0.25, np.float32(8)])
def test_divisor_override_is_any_number_but_zero(method, override):
    x = np.array([[[6.0, 12]]])
    y, cache = avg_pool_forward(x, 2, divisor_override=override, method=method)
    assert_same(y, np.array([[[18 / float(override)]]]))
    assert_same(avg_pool_backward(np.array([[[12.0]]]), cache), np.full((1, 1, 2), 12 / float(override)))


def test_what_is_divided_by_one_need_not_know_how_to_divide():
    words = np.array([[["a", "b", "c", "d"]]], object)
    y, cache = avg_pool_forward(words, 2, divisor_override=1, method="loops")
    assert y.tolist() == [[["ab", "cd"]]]
    assert avg_pool_backward(y, cache).tolist() == [[["ab", "ab", "cd", "cd"]]]


@pytest.mark.parametrize("forward", [max_pool_forward, avg_pool_forward])
def test_the_loops_count_the_pixels_that_would_take_hours(monkeypatch, forward):
    backward = {max_pool_forward: max_pool_backward, avg_pool_forward: avg_pool_backward}[forward]
    x, pixels = np.ones((2, 3, 7, 5)), 2 * 3 * 3 * 2 * 3 * 2
    y, cache = forward(x, (3, 2), stride=2, method="loops")
    runs = [lambda: forward(x, (3, 2), stride=2, method="loops")]
    if forward is avg_pool_forward:  # the other's goes by its indices
        runs.append(lambda: backward(y, cache))
    for run in runs:
        monkeypatch.setattr(loops, "MOST_PRODUCTS", pixels)
        run()
        monkeypatch.setattr(loops, "MOST_PRODUCTS", pixels - 1)
        with pytest.raises(ValueError, match=f"would compute {pixels} products .* about 1 hours"):
            run()


@pytest.mark.parametrize(
    "pair", [(max_pool_forward, max_pool_backward), (avg_pool_forward, avg_pool_backward)]
)
def test_planes_are_worked_on_a_chunk_at_a_time(monkeypatch, pair):
    """Two planes of 5x6 pixels make 60 elements; of three channels, the third is a chunk of its own."""
    pieces = []
    monkeypatch.setattr(pooling, "share_out", lambda task, some, like: pieces.append([task(s) for s in some]))
    forward, backward = pair
    with chunks_of(60):
        y, cache = forward(np.ones((2, 3, 5, 6)), 1)
        backward(y, cache)
    assert [len(some) for some in pieces] == [4, 4]


@pytest.mark.parametrize("override", [0, 0.0, -0.0, float("nan"), float("inf"), 10**400])
def test_a_divisor_of_zero_or_beyond_all_floats_is_refused(override):
    with pytest.raises(
        ValueError, match=r"avg_pool_forward: divisor_override=.*any number but zero is needed"
    ):
        avg_pool_forward(np.ones((1, 1, 2)), 2, divisor_override=override)


@pytest.mark.parametrize("override", [True, "2", 2j, np.complex64(2)])
def test_a_divisor_that_is_no_number_is_refused(override):
    with pytest.raises(TypeError, match=r"avg_pool_forward: divisor_override=.* is not a number"):
        avg_pool_forward(np.ones((1, 1, 2)), 2, divisor_override=override)


def test_loops_average_fractions_exactly():
    x = np.array([[[Fraction(1), Fraction(1, 3)]]], dtype=object)
    for override in (None, 2):
        y, cache = avg_pool_forward(x, 2, divisor_override=override, method="loops")
        assert y[0, 0, 0] == Fraction(2, 3)
        dx = avg_pool_backward(np.array([[[Fraction(1, 5)]]]), cache)
        assert dx.tolist() == [[[Fraction(1, 10)] * 2]]


@pytest.mark.parametrize(
    ("forward", "name"), [(max_pool_forward, "max_pool"), (avg_pool_forward, "avg_pool")]
)
def test_a_pooling_window_that_holds_only_padding_is_refused_by_name(forward, name):
    with pytest.raises(ValueError, match=rf"{name}_forward: window 0 on axis 1 holds no pixel, only padding"):
        forward(np.ones((1, 1, 4, 4)), 2, padding=((0, 0), (2, 0)))
    with pytest.raises(ValueError, match=rf"{name}_forward: window 2 on axis 0 holds no pixel, only padding"):
        forward(np.ones((1, 1, 4)), 2, padding=((0, 2),))


def test_a_dilated_window_that_straddles_the_input_is_refused():
    with pytest.raises(ValueError, match="holds no pixel, only padding"):
        max_pool_forward(np.ones((1, 1, 1)), 2, dilation=2, padding=1)


@pytest.mark.parametrize("forward", [max_pool_forward, avg_pool_forward])
def test_a_pooling_window_that_does_not_fit_is_refused(forward):
    message = r"_pool_forward: kernel 3x5 with dilation 1 does not fit into the padded input 4x4 \(input 4x4"
    with pytest.raises(ValueError, match=message):
        forward(np.ones((1, 1, 4, 4)), (3, 5))


def test_flags_of_pooling_are_truth_values():
    with pytest.raises(TypeError, match="max_pool_forward: ceil_mode=1; True or False is needed"):
        max_pool_forward(np.ones((1, 1, 4)), 2, ceil_mode=1)
    with pytest.raises(TypeError, match="avg_pool_forward: count_include_pad='no'; True or False is needed"):
        avg_pool_forward(np.ones((1, 1, 4)), 2, count_include_pad="no")
