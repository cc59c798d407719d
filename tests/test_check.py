"""The checks are checked: each mistake that people make in a backward pass must be caught, and named."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import npseg
from npseg.check import (
    AdjointError,
    GradientError,
    KinkError,
    adjoint,
    cases,
    every_operation,
    gradcheck,
    gradients,
    report,
)
from npseg.check.cases import every_case, gaps
from npseg.check.differences import slopes
from npseg.methods.choose import GENERAL, METHODS
from npseg.ops import activation


def normal(*shape, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def whole(*shape, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


def linear_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def linear(dtype=np.float64):
    """A square w, so that its transpose has the right shape."""
    return normal(5, 4, dtype=dtype), normal(4, 4, dtype=dtype, seed=2), normal(4, dtype=dtype, seed=3)


CONV = (normal(2, 2, 6, 5), normal(3, 2, 3, 3, seed=2), normal(3, seed=3))
POOL = {"kernel_size": 3, "stride": 2}


# What is right passes.


def test_right_gradients_pass_with_small_errors():
    found = gradients(linear_forward, linear_backward, *linear())
    assert found.passed
    assert list(found.errors) == ["x", "w", "b"]
    assert 0 < found.error < 1e-9


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_the_size_of_the_numbers_does_not_matter(scale):
    assert gradients(linear_forward, linear_backward, *(scale * a for a in linear())).passed


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_dtypes(dtype):
    assert gradients(linear_forward, linear_backward, *linear(dtype)).passed


def test_float32_gradients_are_compared_with_differences_in_float64():
    seen = []

    def forward(x):
        seen.append(x.dtype)
        return npseg.tanh_forward(x)

    assert gradients(forward, npseg.tanh_backward, normal(3, 4, dtype=np.float32)).error < 1e-5
    assert seen[:2] == [np.float32] * 2
    assert set(seen[2:]) == {np.dtype(np.float64)}


def test_float_settings_follow_into_float64():
    x, mean, var = normal(2, 3, 4, dtype=np.float32), np.zeros(3, np.float32), np.ones(3, np.float32)
    settings = {"running_mean": mean, "running_var": var, "training": False}
    assert gradients(npseg.batch_norm_forward, npseg.batch_norm_backward, x, None, None, **settings).passed


def test_a_gradient_of_zero_is_not_judged_by_rounding():
    """Batch norm takes the bias before it out again, so that its gradient is all rounding."""

    def forward(x, b):
        return npseg.batch_norm_forward(x + b, None, None)

    def backward(dout, cache):
        dx = npseg.batch_norm_backward(dout, cache)[0]
        return dx, dx.sum(axis=0)

    assert gradients(forward, backward, normal(50, 3), normal(3, seed=2)).errors["b"] < 1e-6


def test_scalars_empty_batches_and_views():
    square = lambda x: (x * x, x)  # noqa: E731
    twice = lambda dout, x: 2 * x * dout  # noqa: E731
    assert gradients(square, twice, np.array(3.0)).passed
    assert gradients(square, twice, np.zeros((0, 3))).passed
    frozen = normal(6, 8)[::2, ::-3].T
    frozen.setflags(write=False)
    assert gradients(square, twice, frozen).passed


def test_what_is_not_a_float_array_is_passed_through():
    x, indices = normal(1, 1, 2, 2), np.array([[[[5, 2], [12, 15]]]])
    unpool = (npseg.max_unpool_forward, npseg.max_unpool_backward)
    assert list(gradients(*unpool, x, indices, 2).errors) == ["x"]
    conv = gradients(npseg.conv_forward, npseg.conv_backward, *CONV[:2], None, padding=1)
    assert list(conv.errors) == ["x", "w"]


# Each mistake is caught. The names say which.


def spoilt(backward, argument, change):
    """Spoil one of a backward pass's gradients."""

    def wrong(dout, cache):
        found = list(backward(dout, cache))
        found[argument] = change(found[argument])
        return tuple(found)

    return wrong


def one_entry(g):
    g = g.copy()
    g.flat[0] *= 1.001
    return g


MISTAKES = {
    "a factor": lambda g: 2 * g,
    "a factor near 1": lambda g: 1.0001 * g,
    "a thousand times too large": lambda g: 1000 * g,
    "a thousand times too small": lambda g: g / 1000,
    "sign": np.negative,
    "zeros": np.zeros_like,
    "rolled": lambda g: np.roll(g, 1),
    "one entry": one_entry,
    "mean over the batch": lambda g: g / 5,
    "the wrong axis first": lambda g: np.ascontiguousarray(g[::-1]),
}


@pytest.mark.parametrize("argument", [0, 1, 2])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_gradient_is_caught_and_named(mistake, argument):
    wrong = spoilt(linear_backward, argument, MISTAKES[mistake])
    with pytest.raises(GradientError, match=f"respect to {'xwb'[argument]} is wrong") as caught:
        gradients(linear_forward, wrong, *linear())
    errors = caught.value.report.errors
    assert [name for name, error in errors.items() if error > 1e-6] == ["xwb"[argument]]
    assert not caught.value.report.passed
    assert not caught.value.report.kinks


@pytest.mark.parametrize("mistake", ["a factor", "rolled", "sign"])
def test_wrong_float32_gradients_are_caught(mistake):
    wrong = spoilt(linear_backward, 1, lambda g: MISTAKES[mistake](g).astype(np.float32))
    with pytest.raises(GradientError, match="respect to w is wrong"):
        gradients(linear_forward, wrong, *linear(np.float32))


def test_a_transposed_gradient_is_caught():
    with pytest.raises(GradientError, match="respect to w is wrong"):
        gradients(linear_forward, spoilt(linear_backward, 1, np.transpose), *linear())


def test_no_seed_of_fifty_lets_a_mistake_pass_even_that_of_the_arrays():
    """With dout the same numbers as x, the gradient of w would be symmetric."""
    wrong = spoilt(linear_backward, 1, np.transpose)
    for seed in range(50):
        with pytest.raises(GradientError):
            gradients(linear_forward, wrong, *linear(), seed=seed, directions=1)


def test_a_flipped_kernel_is_caught_in_either_gradient():
    flipped = spoilt(npseg.conv_backward, 1, lambda dw: dw[:, :, ::-1, ::-1])
    with pytest.raises(GradientError, match="respect to w is wrong"):
        gradients(npseg.conv_forward, flipped, *CONV, stride=2, padding=1)

    def convolved_with_the_wrong_flip(dout, cache):
        return npseg.conv_backward(dout, cache._replace(w=cache.w[:, :, ::-1, ::-1], memo={}))

    with pytest.raises(GradientError, match="respect to x is wrong"):
        gradients(npseg.conv_forward, convolved_with_the_wrong_flip, *CONV, stride=2, padding=1)


def test_a_stride_forgotten_in_backward_is_caught():
    def backward(dout, cache):
        dx, dw, db = npseg.conv_backward(dout, cache)
        return np.roll(dx, 1, axis=3), dw, db

    with pytest.raises(GradientError, match=r"conv_forward\(stride=2\): .* respect to x is wrong"):
        gradients(npseg.conv_forward, backward, *CONV, stride=2)


def test_overlaps_assigned_instead_of_added_are_caught():
    def backward(dout, cache):
        n, c = dout.shape[:2]
        dx = np.zeros((n, c, 49))
        np.put_along_axis(dx, cache.indices.reshape(n, c, -1), dout.reshape(n, c, -1), axis=2)
        return dx.reshape(n, c, 7, 7)

    x = gaps(np.random.default_rng(0), 2, 3, 7, 7)
    assert gradients(npseg.max_pool_forward, npseg.max_pool_backward, x, **POOL).passed
    with pytest.raises(GradientError, match="respect to x is wrong"):
        gradients(npseg.max_pool_forward, backward, x, **POOL)


@pytest.mark.parametrize("forgotten", ["mean", "variance"])
def test_a_missing_term_of_batch_norm_is_caught(forgotten):
    def backward(dout, cache):
        dx, dgamma, dbeta = npseg.batch_norm_backward(dout, cache)
        term = dout.mean(axis=0) if forgotten == "mean" else cache.xhat * (dout * cache.xhat).mean(axis=0)
        return dx + cache.gamma * cache.scale * term, dgamma, dbeta

    arrays = normal(6, 3), normal(3, seed=2), normal(3, seed=3)
    with pytest.raises(GradientError, match="respect to x is wrong"):
        gradients(npseg.batch_norm_forward, backward, *arrays)


def test_mean_instead_of_sum_is_caught():
    def backward(dout, cache):
        return npseg.cross_entropy_backward(dout, cache) / cache.counts.sum()

    labels = np.array([[0, 2, 255], [1, 1, 0]])
    with pytest.raises(GradientError, match="respect to logits is wrong"):
        gradients(npseg.cross_entropy_forward, backward, normal(2, 4, 3), labels, reduction="sum")


def test_an_upstream_gradient_that_is_ignored_is_caught():
    """Under ones, as others check, all three pass."""
    total = lambda x: (x.sum(), x)  # noqa: E731
    with pytest.raises(GradientError):
        gradients(total, lambda dout, x: np.ones_like(x), normal(3, 4))
    double = lambda x: (2 * x, None)  # noqa: E731
    with pytest.raises(GradientError):
        gradients(double, lambda dout, cache: 2 * dout[::-1], normal(3, 4))
    with pytest.raises(GradientError):
        gradients(double, lambda dout, cache: np.full_like(dout, 2 * dout.mean()), normal(3, 4))


def test_a_dtype_that_changes_is_caught():
    wrong = spoilt(linear_backward, 1, lambda g: g.astype(np.float64))
    with pytest.raises(GradientError, match="respect to w is float64; w is float32"):
        gradients(linear_forward, wrong, *linear(np.float32))


def test_a_wrong_shape_is_caught_even_if_it_broadcasts():
    wrong = spoilt(linear_backward, 2, lambda g: g[None])
    with pytest.raises(GradientError, match=r"respect to b has shape \(1, 4\); b has \(4,\)"):
        gradients(linear_forward, wrong, *linear())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_caught(value):
    def change(g):
        g[0, 0] = value
        return g

    with pytest.raises(GradientError, match="respect to x is not finite"):
        gradients(linear_forward, spoilt(linear_backward, 0, change), *linear())


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_output_that_is_not_finite_does_not_pass():
    with pytest.raises(GradientError, match="differences give nan"):
        gradients(lambda x: (np.sqrt(x), x), lambda dout, x: dout, np.array([-1.0, 1]))


def test_none_stays_none():
    with pytest.raises(GradientError, match="respect to b must be None"):
        gradients(npseg.conv_forward, spoilt(npseg.conv_backward, 2, lambda g: 0.0), *CONV[:2], None)
    with pytest.raises(GradientError, match="respect to b is missing"):
        gradients(npseg.conv_forward, spoilt(npseg.conv_backward, 2, lambda g: None), *CONV)
    with pytest.raises(GradientError, match="respect to b is a list, no array"):
        gradients(npseg.conv_forward, spoilt(npseg.conv_backward, 2, list), *CONV)


class Remembering:
    """Keeps the mask in the object, where the next forward pass overwrites it."""

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask, None

    def backward(self, dout, cache):
        return dout * self.mask


def test_a_stale_cache_is_caught():
    layer = Remembering()
    with pytest.raises(GradientError, match="forward: the gradient with respect to x is wrong"):
        gradients(layer.forward, layer.backward, gaps(np.random.default_rng(0), 3, 4))


def test_a_cache_that_backward_uses_up_is_caught():
    def backward(dout, x):
        x *= 2 * dout
        return x

    with pytest.raises(GradientError, match="called again with the same cache"):
        gradients(lambda x: (x * x, x.copy()), backward, normal(3, 4))


def relu_in_place_forward(x):
    np.maximum(x, 0, out=x)
    return x, x > 0


def test_passes_that_change_their_inputs_are_caught():
    x = gaps(np.random.default_rng(0), 3, 4)
    with pytest.raises(GradientError, match="forward changes its input x"):
        gradients(relu_in_place_forward, np.multiply, x.copy())

    def changes_dout(dout, cache):
        dout *= cache.y > 0
        return dout

    with pytest.raises(GradientError, match="backward changes dout"):
        gradients(npseg.relu_forward, changes_dout, x)

    def changes_x(dout, x):
        x *= 2
        return x * dout

    with pytest.raises(GradientError, match="backward changes its input x"):
        gradients(lambda x: (x * x, x), changes_x, x)


# A kink is a kink.


def test_relu_at_zero_is_a_kink():
    with pytest.raises(KinkError, match="x lies at a kink") as caught:
        gradients(npseg.relu_forward, npseg.relu_backward, np.array([-1.0, 0, 2]))
    assert caught.value.report.kinks
    assert not caught.value.report.wrong
    assert not isinstance(caught.value, GradientError)


@pytest.mark.parametrize("distance", [1e-8, 1e-6, -3e-6])
def test_relu_near_zero_is_a_kink_too(distance):
    with pytest.raises(KinkError):
        gradients(npseg.relu_forward, npseg.relu_backward, np.array([-1.0, distance, 2]))


@pytest.mark.parametrize("distance", [1e-3, -1e-3])
def test_relu_well_beside_zero_is_not(distance):
    assert gradients(npseg.relu_forward, npseg.relu_backward, np.array([-1.0, distance, 2])).passed


def test_the_mean_of_both_slopes_is_a_kink_although_central_differences_agree():
    with pytest.raises(KinkError):
        gradients(lambda x: (abs(x), x), lambda dout, x: dout * np.sign(x), np.zeros(3))


def test_ties_in_max_pooling_are_a_kink():
    x = gaps(np.random.default_rng(0), 1, 1, 6, 6)
    x[0, 0, :2, :2] = x.max() + 1
    with pytest.raises(KinkError, match="draw the values so that none are tied or zero"):
        gradients(npseg.max_pool_forward, npseg.max_pool_backward, x, kernel_size=2)


def test_a_step_is_a_kink():
    with pytest.raises(KinkError):
        gradients(lambda x: (np.floor(x), x), lambda dout, x: 0 * dout, np.array([0.5, 1.0]))


def test_a_wrong_gradient_beside_a_kink_is_told_first():
    forward = lambda x, w: (np.maximum(x, 0) + w, x > 0)  # noqa: E731
    with pytest.raises(GradientError, match="respect to w is wrong"):
        gradients(forward, lambda dout, mask: (dout * mask, 2 * dout), np.zeros(3), normal(3))


@pytest.mark.parametrize("curvature", [1.0, 100.0, 1e4])
def test_a_bend_is_not_a_kink(curvature):
    x = normal(4)
    forward = lambda x: (x + curvature * x * x, x)  # noqa: E731
    assert gradients(forward, lambda dout, x: (1 + 2 * curvature * x) * dout, x).passed


@pytest.mark.parametrize(("curve", "slope", "kink"), [(np.cos, 0, 0), (np.sinh, 1, 0), (np.abs, 0, 2)])
def test_slopes(curve, slope, kink):
    found = slopes(curve, np.ones(()), 1e-5)
    assert abs(found.central - slope) < 1e-9
    assert abs(found.kink - kink) < 1e-9


# The report, the settings, and what is refused.


def test_the_report_is_readable_and_frozen():
    found = gradients(linear_forward, linear_backward, *linear(), seed=7)
    title, *lines = str(found).splitlines()
    assert title == "linear_forward: passed (tolerance 1e-06, seed 7)"
    assert [line.split()[0] for line in lines] == ["x", "w", "b"]
    with pytest.raises(AttributeError):
        found.seed = 8


def test_the_message_says_what_is_needed_to_repeat_the_check():
    wrong = spoilt(npseg.conv_backward, 1, lambda g: 2 * g)
    with pytest.raises(GradientError) as caught:
        gradients(npseg.conv_forward, wrong, *CONV, seed=7, stride=2, method="loops")
    message, worst = str(caught.value), caught.value.report.wrong[0]
    assert message.startswith(
        "conv_forward(stride=2, method='loops'): the gradient with respect to w is wrong"
    )
    assert f"{worst.analytic:.9g}" in message
    assert f"{worst.numeric:.9g}" in message
    assert message.endswith(f"relative error {worst.error:.1e}, tolerance 1e-06, seed 7")
    assert np.isclose(worst.analytic, 2 * worst.numeric)
    assert "FAILED" in str(caught.value.report)


def test_the_same_seed_repeats_the_check_and_another_does_not():
    first, again, other = (gradients(linear_forward, linear_backward, *linear(), seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.comparisons[0].numeric != other.comparisons[0].numeric


def test_names_directions_and_step():
    names = ("image", "weights", "bias")
    found = gradients(linear_forward, linear_backward, *linear(), names=names, directions=2, step=1e-3)
    assert [c.argument for c in found.comparisons] == [name for name in names for _ in range(2)]


def test_functions_that_do_not_name_their_arguments():
    anonymous = lambda *arrays: linear_forward(*arrays)  # noqa: E731
    assert list(gradients(anonymous, linear_backward, *linear()).errors) == [
        f"argument {i}" for i in range(3)
    ]
    assert gradients(partial(linear_forward), linear_backward, *linear()).operation == "forward"


def test_tolerance_is_the_callers():
    wrong = spoilt(linear_backward, 0, MISTAKES["a factor near 1"])
    assert gradients(linear_forward, wrong, *linear(), tolerance=1e-3).passed


def test_errors_survive_the_way_to_another_process():
    with pytest.raises(GradientError) as caught:
        gradients(linear_forward, spoilt(linear_backward, 0, np.negative), *linear())
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.report) == (str(caught.value), caught.value.report)


@pytest.mark.parametrize("arrays", [(), (np.arange(3),), (None, 2)])
def test_without_a_float_array_there_is_nothing_to_differentiate(arrays):
    with pytest.raises(ValueError, match="no float array among the arguments"):
        gradients(lambda *a: (np.ones(3), None), lambda dout, cache: None, *arrays)


def test_the_number_of_gradients_must_fit():
    with pytest.raises(ValueError, match="backward returns 2 gradients; 3 are needed, of x, w, b"):
        gradients(linear_forward, lambda dout, cache: linear_backward(dout, cache)[:2], *linear())


@pytest.mark.parametrize("result", [1.0, (np.ones(3),), (np.arange(3), None), np.ones((2, 3))])
def test_forward_must_return_an_output_and_a_cache(result):
    for check in (gradients, adjoint):
        with pytest.raises(TypeError, match=r"forward must return \(y, cache\)"):
            check(lambda x: result, lambda dout, cache: dout, np.ones(3))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"directions": 0}, "directions=0 must be at least 1"),
        ({"directions": 10_001}, "directions=10001 must be at most 10000"),
        ({"step": 0.0}, "step=0.0 must be positive"),
        ({"step": -1}, "step=-1 must be positive"),
        ({"tolerance": 0.0}, "tolerance=0.0 must be positive"),
    ],
)
def test_settings_must_be_positive(setting, message):
    with pytest.raises(ValueError, match=message):
        gradients(linear_forward, linear_backward, *linear(), **setting)


def test_names_must_fit():
    with pytest.raises(ValueError, match="1 names for 3 arguments"):
        gradients(linear_forward, linear_backward, *linear(), names=["x"])


def test_another_order_of_summing_each_time_is_no_randomness():
    """As a device has that adds up with atomic operations."""
    calls = iter(range(100))
    report = gradients(
        lambda x: (x * (1 + next(calls) % 2 * 2.0**-52), None), lambda dout, _: dout, np.ones(3)
    )
    assert report.passed


def test_randomness_is_refused():
    with pytest.raises(ValueError, match="another output each time"):
        gradients(
            npseg.dropout_forward, npseg.dropout_backward, normal(9, 9), p=0.5, rng=np.random.default_rng(0)
        )


# The adjoint.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adjoint_is_exact_on_whole_numbers(dtype):
    x, w = whole(2, 4, 6, 5, dtype=dtype), whole(6, 2, 3, 2, dtype=dtype, seed=2)
    found = adjoint(npseg.conv_forward, npseg.conv_backward, x, w, stride=(2, 1), padding=1, groups=2)
    assert found.exact
    assert found.down == found.up != 0
    assert str(found).startswith("conv_forward: ⟨A x, y⟩ = ")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adjoint_is_close_otherwise(dtype):
    x = normal(2, 3, 4, 5, dtype=dtype)
    found = adjoint(npseg.resize_bilinear_forward, npseg.resize_bilinear_backward, x, (7, 3))
    assert not found.exact
    assert found.down != 0


def test_large_whole_numbers_are_not_taken_for_exact():
    x = 1e9 * normal(2, 3, 4, 5, dtype=np.float32)
    assert not adjoint(npseg.avg_pool_forward, npseg.avg_pool_backward, x, 3, padding=1).exact


def test_whole_numbers_that_become_fractions_are_close_only():
    """A constant image has a whole average, but no other image need have."""
    x = np.full((1, 1, 3, 6), 3.0)
    assert not adjoint(npseg.avg_pool_forward, npseg.avg_pool_backward, x, 3).exact


def test_a_backward_that_is_not_the_transpose_is_caught():
    conv = (npseg.conv_forward, lambda y, cache: npseg.conv_backward(y, cache)[0][..., ::-1])
    with pytest.raises(AdjointError, match=r"⟨A x, y⟩ is -?\d+ but ⟨x, Aᵀ y⟩ is -?\d+ \(seed 0\)"):
        adjoint(*conv, whole(1, 2, 5, 4), whole(3, 2, 3, 3, seed=2), padding=1)
    with pytest.raises(AdjointError, match="not the transpose"):
        adjoint(
            npseg.avg_pool_forward, lambda y, c: 1.001 * npseg.avg_pool_backward(y, c), normal(1, 1, 4, 4), 2
        )


def test_one_entry_off_by_one_is_caught():
    def backward(y, cache):
        dx = npseg.conv_backward(y, cache)[0]
        dx[0, 0, 0, 0] += 1
        return dx

    x = whole(1, 2, 5, 4)
    x[0, 0, 0, 0] = 1
    with pytest.raises(AdjointError, match="not the transpose"):
        adjoint(npseg.conv_forward, backward, x, whole(3, 2, 3, 3, seed=2))


@pytest.mark.parametrize("x", [whole(3, 4), normal(3, 4), normal(1, 1)])
def test_what_is_not_linear_is_caught(x):
    with pytest.raises(AdjointError, match=r"relu_forward is not linear: A\(x1 \+ x2\) is .* at \(\d, \d\)"):
        adjoint(npseg.relu_forward, npseg.relu_backward, x)


def test_a_bias_is_not_linear():
    with pytest.raises(AdjointError, match="not linear"):
        adjoint(npseg.conv_forward, npseg.conv_backward, *CONV)


@pytest.mark.parametrize(
    ("change", "given"),
    [
        (lambda g: g.astype(np.float32), r"float32 \(3, 4\); x is float64"),
        (lambda g: g.T, r"float64 \(4, 3\); x is float64 \(3, 4\)"),
        (lambda g: None, "NoneType"),
    ],
)
def test_the_transpose_lands_where_x_is(change, given):
    with pytest.raises(AdjointError, match=given):
        adjoint(lambda x: (2 * x, None), lambda y, cache: change(2 * y), whole(3, 4))


def test_a_check_that_cannot_fail_is_refused():
    with pytest.raises(ValueError, match="x is zero"):
        adjoint(npseg.relu_forward, npseg.relu_backward, np.zeros(3))
    with pytest.raises(TypeError, match="x is int64"):
        adjoint(npseg.relu_forward, npseg.relu_backward, np.arange(3))


LINEAR = [
    case
    for case in every_case()
    if case.name.startswith(("conv", "avg", "max_unpool", "near", "bed", "crop", "resize", "dropout"))
]


@pytest.mark.parametrize("case", LINEAR, ids=lambda case: case.name)
def test_the_linear_operations_are_transposes(case):
    x, others = case.arrays[0], case.arrays[1:2]
    found = adjoint(case.forward, case.backward, x, *others, **case.settings)
    assert not found.exact
    assert found.down != 0


# All operations.


@pytest.fixture(scope="module")
def rows():
    heard = []
    found = gradcheck(progress=heard.append)
    assert heard == [name for name, _ in every_operation()]
    return found


def test_gradcheck_finds_no_error(rows):
    assert max(row.error for row in rows) < 1e-8


def test_gradcheck_leaves_out_no_operation_and_no_method(rows):
    public = {n.removesuffix("_forward") for n in npseg.__all__ if n.endswith("_forward")}
    assert {row.operation.split(",")[0] for row in rows} == public
    by_method = {row.operation for row in rows if row.method}
    assert {row.method for row in rows} == {"", *METHODS}
    special = {"conv, 3x3": {"winograd", "winograd4"}, "conv_transpose, 3 axes": {*GENERAL, "subpixel"}}
    for operation in by_method:
        found = {row.method for row in rows if row.operation == operation}
        assert found == special.get(operation, set(GENERAL))


def test_the_table_shows_every_row(rows):
    title, *lines, summary = report(rows).splitlines()
    assert title.split() == ["operation", "method", "argument", "relative", "error"]
    assert [line.split()[-1] for line in lines] == [f"{row.error:.1e}" for row in rows]
    assert summary.startswith(f"{len(rows)} gradients; the largest error is ")


def test_names_are_unique_and_each_check_runs_by_itself():
    checks = list(every_operation())
    assert len({name for name, _ in checks}) == len(checks)
    assert dict(checks)["conv, groups [loops]"]().passed


def test_a_broken_operation_is_found(monkeypatch):
    monkeypatch.setattr(cases, "convolutions", lambda rng: iter(()))
    monkeypatch.setattr(cases, "transposed_convolutions", lambda rng: iter(()))
    monkeypatch.setattr(activation, "relu_backward", lambda dout, cache: dout)
    with pytest.raises(GradientError, match="relu_forward: the gradient with respect to x is wrong"):
        gradcheck()


def test_importing_npseg_does_not_load_the_checks():
    code = "import sys, npseg; assert 'npseg.check' not in sys.modules; npseg.check.gradients"
    subprocess.run([sys.executable, "-c", code], check=True)
