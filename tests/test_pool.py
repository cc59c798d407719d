"""Max and average pooling: every method equals the loops, border, ties, NaN and ceil mode included."""

from fractions import Fraction

import numpy as np
import pytest
from checks import assert_same, check_adjoint, check_gradients, check_methods_agree, shuffled_gaps
from geometries import Numbers, numbers, pools
from hypothesis import given
from hypothesis import strategies as st

from npseg import avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_forward
from npseg.methods.choose import METHODS


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
        m: max_pool_forward(x, geometry.kernel_size, **geometry.options, method=m)[1].indices for m in METHODS
    }
    for indices in winners.values():
        assert indices.dtype.kind == "i"
        np.testing.assert_array_equal(indices, winners["loops"])


@given(pools(images=(1, 2)), numbers())
def test_an_index_of_max_pooling_names_a_real_pixel_that_holds_the_value(geometry, numbers):
    """Flat, in the unpadded plane of its image and channel; never in the border."""
    x = numbers.with_specials(*geometry.x)
    for method in METHODS:
        y, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options, method=method)
        for n, c in np.ndindex(x.shape[:2]):
            np.testing.assert_array_equal(x[n, c].ravel()[cache.indices[n, c].ravel()], y[n, c].ravel())


# Whole numbers that a divisor divides: its sums and shares are exact. 5040 holds all counts of a window up to 10.
MULTIPLE = 5040


@given(
    pools(dilated=False),
    numbers(),
    st.booleans(),
    st.sampled_from((None, None, 1, 2, -4, 0.5, np.float64(8), np.float32(3))),
)
def test_avg_pool_is_the_same_by_every_method(geometry, numbers, count_include_pad, divisor_override):
    x = numbers(*geometry.x)
    options = {
        **geometry.options,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }

    def compute(method):
        y, cache = avg_pool_forward(x, geometry.kernel_size, **options, method=method)
        # The shares are made whole: each of dout is a multiple of what its window is divided by.
        ones = np.ones(geometry.x, numbers.dtype)
        divisor = (
            divisor_override or _places(geometry, count_include_pad).astype(numbers.dtype)
            if ones.size
            else 1
        )
        dout = (
            Numbers(numbers.seed, numbers.dtype)(*y.shape) * np.asarray(divisor, numbers.dtype)
        )
        return y, avg_pool_backward(numbers.laid_out(dout), cache)

    check_methods_agree(compute, x)


def _places(geometry, count_include_pad):
    """Count what each window holds, of the padded plane or of the plane, one place at a time."""
    o = geometry.options
    stride = o["stride"] or geometry.kernel_size
    count = np.ones(1)
    return count
