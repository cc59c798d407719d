"""Convolution and its transpose: every method equals the loops, and each is the other's adjoint."""

import tracemalloc

import numpy as np
import pytest
from checks import assert_same, block_of, check_methods_agree, inner
from geometries import Numbers, blocks, conv_transposes, convs, numbers
from hypothesis import given
from hypothesis import strategies as st

from npseg import (
    bilinear_kernel,
    conv_backward,
    conv_forward,
    conv_matrix,
    conv_transpose_backward,
    conv_transpose_forward,
)
from npseg.methods import im2col, loops
from npseg.methods.choose import GENERAL

PAIRS = {
    "conv": (conv_forward, conv_backward),
    "conv_transpose": (conv_transpose_forward, conv_transpose_backward),
}


def forward_and_backward(pair, x, w, b, numbers, options, method):
    forward, backward = PAIRS[pair]
    y, cache = forward(x, w, b, **options, method=method)
    dout = Numbers(numbers.seed + 1, numbers.dtype, numbers.layout)(*y.shape)
    return (y, *backward(dout, cache))


@given(convs(), numbers(), blocks())
def test_conv_is_the_same_by_every_method(geometry, numbers, block):
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[0])

    def compute(method):
        return forward_and_backward("conv", x, w, b, numbers, geometry.options, method)

    with block_of(block):
        check_methods_agree(compute, x, w, b)


@given(conv_transposes(), numbers(), blocks())
def test_conv_transpose_is_the_same_by_every_method(geometry, numbers, block):
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[1] * geometry.groups)

    def compute(method):
        return forward_and_backward("conv_transpose", x, w, b, numbers, geometry.options, method)

    with block_of(block):
        check_methods_agree(compute, x, w, b)


@given(convs(images=(1, 2)), numbers(), blocks())
def test_both_adjoints_of_conv(geometry, numbers, block):
    """⟨C x, y⟩ = ⟨x, dx⟩ = ⟨w, dw⟩: a convolution is bilinear."""
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    for method in GENERAL:
        with block_of(block):
            y, cache = conv_forward(x, w, **geometry.options, method=method)
            dout = numbers(*y.shape)
            dx, dw, db = conv_backward(dout, cache)
        assert inner(y, dout) == inner(x, dx) == inner(w, dw)
        assert db is None


@given(conv_transposes(images=(1, 2)), numbers(), blocks())
def test_both_adjoints_of_conv_transpose(geometry, numbers, block):
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    for method in GENERAL:
        with block_of(block):
            y, cache = conv_transpose_forward(x, w, **geometry.options, method=method)
            dout = numbers(*y.shape)
            dx, dw, db = conv_transpose_backward(dout, cache)
        assert inner(y, dout) == inner(x, dx) == inner(w, dw)
        assert db is None


@given(convs(images=(1, 2)), numbers())
def test_conv_transpose_with_the_same_weights_is_the_exact_transpose_of_conv(geometry, numbers):
    """Its output_padding is what the stride leaves over: (i + p - d(k - 1) - 1) mod s on each axis."""
    x, w, o = numbers(*geometry.x), numbers(*geometry.w), geometry.options
    down, cache = conv_forward(x, w, **o)
    y = numbers(*down.shape)
    left_over = tuple(
        (i + sum(p) - d * (k - 1) - 1) % s
        for i, p, d, k, s in zip(x.shape[2:], o["padding"], o["dilation"], w.shape[2:], o["stride"])
    )
    by_padding, _ = conv_transpose_forward(y, w, **o, output_padding=left_over)
    by_size, _ = conv_transpose_forward(y, w, **o, output_size=x.shape[2:])
    dx, _, _ = conv_backward(y, cache)
    assert inner(down, y) == inner(x, by_padding)
    assert_same(by_size, dx)
    assert_same(by_padding, dx)


@given(conv_transposes(images=(1, 2), exact=True), numbers())
def test_conv_is_the_exact_transpose_of_conv_transpose(geometry, numbers):
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    options = {key: value for key, value in geometry.options.items() if key != "output_padding"}
    dout = numbers(*conv_transpose_forward(x, w, **geometry.options)[0].shape)
    dx, _, _ = conv_transpose_backward(dout, conv_transpose_forward(x, w, **geometry.options)[1])
    assert_same(dx, conv_forward(dout, w, **options)[0])


def test_output_padding_from_the_stride_on_leaves_out_the_further_windows():
    """With dilation 3, stride 1 and output_padding 2, convolution makes 4 windows of 6 pixels; the pair keeps 2."""
    x, w = np.array([[[7.0, 11]]]), np.array([[[2.0, 3]]])
    y, cache = conv_transpose_forward(x, w, dilation=3, output_padding=2)
    assert_same(y, np.array([[[14.0, 22, 0, 21, 33, 0, 0]]]))
    dout = np.arange(7.0)[None, None]
    dx, _, _ = conv_transpose_backward(dout, cache)
    full, _ = conv_forward(dout, w, dilation=3)
    assert_same(dx, full[:, :, :2])
    assert full.shape[2] == 4
    assert inner(y, dout) == inner(x, dx)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("method", GENERAL)
def test_a_kernel_of_one_tap_leaves_out_what_output_padding_adds_beside_its_windows(method, images):
    """Its windows are the plane's pixels, one by one, but not all of them."""
    x, w = np.arange(6.0 * images).reshape(images, 1, 2, 3), np.array([[[[5.0]]]])
    y, cache = conv_transpose_forward(x, w, dilation=(1, 3), output_padding=(0, 2), method=method)
    assert_same(y, np.pad(5 * x, ((0, 0), (0, 0), (0, 0), (0, 2))))
    dx, dw, _ = conv_transpose_backward(y, cache)
    assert_same(dx, 25 * x)
    assert_same(dw, np.array([[[[5 * (x * x).sum()]]]]))


@pytest.mark.parametrize(
    ("pair", "geometries"),
    [("conv", convs(images=(1, 2))), ("conv_transpose", conv_transposes(images=(1, 2)))],
)
@given(data=st.data(), numbers=numbers())
def test_the_bias_is_added_everywhere_and_its_gradient_is_the_sum(pair, geometries, data, numbers):
    forward, backward = PAIRS[pair]
    geometry = data.draw(geometries)
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    plain, _ = forward(x, w, **geometry.options)
    b = numbers(plain.shape[1])
    y, cache = forward(x, w, b, **geometry.options)
    assert_same(y, plain + b.reshape(-1, *[1] * (y.ndim - 2)))
    dout = numbers(*y.shape)
    assert_same(backward(dout, cache)[2], dout.sum(axis=(0, *range(2, y.ndim))))


def test_convolution_is_correlation():
    y, _ = conv_forward(np.array([[[0.0, 0, 1, 0, 0]]]), np.array([[[1.0, 2, 3]]]))
    assert_same(y, np.array([[[3.0, 2, 1]]]))


def test_dilation_1_is_none_and_2_leaves_one_out():
    x, w = np.array([[[1.0, 10, 100, 1000]]]), np.array([[[1.0, 1]]])
    assert_same(conv_forward(x, w, dilation=1)[0], np.array([[[11.0, 110, 1100]]]))
    assert_same(conv_forward(x, w, dilation=2)[0], np.array([[[101.0, 1010]]]))


def test_the_padding_of_a_convolution_is_unlimited():
    """FCN pads a 3x3 by 100; windows that see padding alone are 0, and send nothing back."""
    x, w = np.ones((1, 1, 1, 2)), np.ones((1, 1, 3, 3))
    y, cache = conv_forward(x, w, padding=100)
    assert y.shape == (1, 1, 199, 200)
    assert y.sum() == 18
    assert_same(y[0, 0, 98:101, 98:102], np.array([[1.0, 2, 2, 1]] * 3))
    assert_same(conv_backward(np.ones_like(y), cache)[0], np.full_like(x, 9))


def test_same_keeps_the_size_and_its_odd_zero_goes_after():
    x = np.array([[[1.0, 2, 3]]])
    for kernel, dilation in ((1, 1), (2, 1), (3, 1), (4, 1), (2, 3), (3, 2), (4, 3)):
        y, _ = conv_forward(x, np.ones((1, 1, kernel)), padding="same", dilation=dilation)
        assert y.shape == x.shape
    y, _ = conv_forward(x, np.ones((1, 1, 2)), padding="same")
    assert_same(y, np.array([[[3.0, 5, 3]]]))


def test_valid_is_no_padding():
    x, w = np.ones((1, 1, 5)), np.ones((1, 1, 3))
    assert conv_forward(x, w, padding="valid", stride=2)[0].shape == (1, 1, 2)


def test_uneven_padding_goes_where_it_is_written():
    x, w = np.array([[[1.0, 2]]]), np.ones((1, 1, 1))
    assert_same(conv_forward(x, w, padding=((1, 2),))[0], np.array([[[0.0, 1, 2, 0, 0]]]))
    y, _ = conv_forward(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)), padding=((0, 1), 2))
    assert y.shape == (1, 1, 3, 6)


def test_groups_do_not_see_each_other():
    x = np.array([[[1.0, 2], [10.0, 20]]])
    w = np.array([[[3.0]], [[5.0]]])
    assert_same(conv_forward(x, w, groups=2)[0], np.array([[[3.0, 6], [50, 100]]]))


def test_padding_of_the_transpose_crops_and_output_padding_gives_back():
    """Padding crops from both ends; output_padding first gives cropped samples back, then zeros."""
    x, w = np.array([[[7.0, 11]]]), np.array([[[2.0, 3, 5]]])
    table = {
        (0, 0): [14, 21, 57, 33, 55],
        (0, 1): [14, 21, 57, 33, 55, 0],
        (1, 0): [21, 57, 33],
        (1, 1): [21, 57, 33, 55],
    }
    for (padding, output_padding), expected in table.items():
        y, _ = conv_transpose_forward(x, w, stride=2, padding=padding, output_padding=output_padding)
        assert_same(y, np.array([[expected]], float))


def test_output_size_accepts_the_minimum_to_stride_minus_one_more():
    x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 2))
    for size in ((7, 8), (9, 10), (8, 9)):
        assert conv_transpose_forward(x, w, stride=(3, 3), padding=(1, 0), output_size=size)[0].shape == (
            1,
            1,
            *size,
        )


@pytest.mark.parametrize("size", [6, 10])
def test_an_output_size_out_of_range_is_refused_and_the_range_named(size):
    x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3))
    message = f"conv_transpose_forward: output_size={size}x{size} cannot be had; 7 to 9 by 7 to 9 can"
    with pytest.raises(ValueError, match=message):
        conv_transpose_forward(x, w, stride=3, padding=1, output_size=size)


def test_output_size_and_output_padding_are_not_given_together():
    with pytest.raises(ValueError, match="give output_padding=1 or output_size=6, not both"):
        conv_transpose_forward(
            np.ones((1, 1, 2)), np.ones((1, 1, 3)), stride=2, output_padding=1, output_size=6
        )


@pytest.mark.parametrize(
    ("output_padding", "stride", "dilation"), [(1, 1, 1), (2, 2, 1), (3, 2, 3), (3, 3, 2)]
)
def test_output_padding_must_be_below_the_stride_or_the_dilation(output_padding, stride, dilation):
    message = (
        rf"conv_transpose_forward: output_padding={output_padding} must be smaller than the stride or the"
    )
    with pytest.raises(ValueError, match=message):
        conv_transpose_forward(
            np.ones((1, 1, 2)),
            np.ones((1, 1, 3)),
            output_padding=output_padding,
            stride=stride,
            dilation=dilation,
        )


def test_a_transpose_of_which_nothing_is_left_is_refused():
    with pytest.raises(
        ValueError, match=r"conv_transpose_forward: the output would be -1: padding 2 crops all"
    ):
        conv_transpose_forward(np.ones((1, 1, 1)), np.ones((1, 1, 3)), padding=2)


def test_bilinear_upsampling_is_the_transpose_of_a_strided_convolution():
    """B and its transpose: down with ``bilinear_kernel``, and up as FCN does it."""
    w = 16 * bilinear_kernel(2)[None, None]  # whole numbers
    options = {"stride": 2, "padding": 1}
    rng = Numbers(0)
    x, y = rng(2, 1, 6, 8), rng(2, 1, 3, 4)
    down, up = conv_forward(x, w, **options)[0], conv_transpose_forward(y, w, **options)[0]
    assert inner(down, y) == inner(x, up)
    b = conv_matrix(w, (6, 8), **options)
    assert_same(up[0].ravel(), b.T @ y[0].ravel())


def test_columns_are_made_a_few_megabytes_at_a_time(monkeypatch):
    """K-fold, the columns of this image would be 49 times its 1 MiB; each core holds a block and what it makes."""
    monkeypatch.setattr(im2col, "BLOCK", 2**18)
    x, w = np.ones((1, 16, 128, 128), "float32"), np.ones((4, 16, 7, 7), "float32")
    y, cache = conv_forward(x, w, padding=3)
    tracemalloc.start()
    try:
        conv_forward(x, w, padding=3)
        conv_backward(y, cache)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * x.nbytes


def test_a_long_stride_takes_no_memory():
    x, w = np.ones((1, 1, 2, 3), "float32"), np.ones((1, 1, 2, 2), "float32")
    y, cache = conv_forward(x, w, stride=10**9)
    assert y.tolist() == [[[[4.0]]]]
    assert conv_backward(y, cache)[0].tolist() == [[[[4.0, 4.0, 0.0], [4.0, 4.0, 0.0]]]]


@pytest.mark.parametrize("method", GENERAL)
def test_a_nan_under_a_weight_of_0_is_passed_on_but_not_by_the_matrix(method):
    x, w = np.array([[[np.nan, 1.0, 2.0]]]), np.array([[[0.0, 1.0]]])
    y = conv_forward(x, w, method=method)[0][0, 0]
    assert np.isnan(y[0]) == (method != "matrix")
    assert y[1] == 2


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_the_loops_count_the_products_that_would_take_hours(monkeypatch, name):
    forward, backward = PAIRS[name]
    x, w = np.ones((2, 4, 5, 3)), np.ones((4, 2, 2, 3))
    _, cache = forward(x, w, groups=2, method="loops")
    windows, meetings = {"conv": (4, 1), "conv_transpose": (5, 3)}[name], 2 * 4 * 2 * 2 * 3
    products = meetings * windows[0] * windows[1]
    dout = np.ones(cache.window.out if name == "conv" else cache.window.size)
    dout = np.broadcast_to(dout, (2, 4, *dout.shape))
    for run in (lambda: forward(x, w, groups=2, method="loops"), lambda: backward(dout, cache)):
        monkeypatch.setattr(loops, "MOST_PRODUCTS", products)
        run()
        monkeypatch.setattr(loops, "MOST_PRODUCTS", products - 1)
        with pytest.raises(ValueError, match=f"would compute {products:,} products .* about 1 hours"):
            run()


def test_without_images_the_loops_walk_as_far(monkeypatch):
    call = {"x": np.ones((0, 1, 7)), "w": np.ones((1, 1, 3)), "method": "loops"}
    monkeypatch.setattr(loops, "MOST_PRODUCTS", 3 * 5)
    assert conv_forward(**call)[0].shape == (0, 1, 5)
    monkeypatch.setattr(loops, "MOST_PRODUCTS", 3 * 5 - 1)
    with pytest.raises(ValueError, match="would compute 15 products"):
        conv_forward(**call)
