"""Bilinear resizing and cropping, with their transposes."""

import numpy as np
import pytest
from checks import assert_same, check_gradients, inner
from geometries import numbers, sizes
from hypothesis import given
from hypothesis import strategies as st

from npseg import (
    bilinear_kernel,
    conv_transpose_forward,
    crop_backward,
    crop_forward,
    resize_bilinear_backward,
    resize_bilinear_forward,
)


@given(sizes(), st.data(), st.booleans())
def test_gradient_of_resizing(size, data, align_corners):
    after = data.draw(sizes(len(size), most=7))
    x = np.random.default_rng(0).standard_normal((2, 3, *size))
    _, cache = resize_bilinear_forward(x, after, align_corners=align_corners)
    check_gradients(
        lambda x: resize_bilinear_forward(x, after, align_corners=align_corners)[0],
        lambda dout: [resize_bilinear_backward(dout, cache)],
        x,
    )


@given(sizes(), numbers(), st.integers(0, 2), st.booleans())
def test_resizing_to_a_power_of_two_is_exactly_adjoint(size, numbers, log_factor, align_corners):
    """Shares are then quarters, eighths, ...: exact on whole numbers."""
    align_corners = align_corners and log_factor == 0
    x = numbers(2, 2, *size)
    after = tuple(s << log_factor for s in size)
    y, cache = resize_bilinear_forward(x, after, align_corners=align_corners)
    dout = numbers(*y.shape)
    dx = resize_bilinear_backward(dout, cache)
    assert y.dtype == dx.dtype == x.dtype
    assert inner(y, dout) == inner(x, dx)
    if log_factor == 0:
        assert_same(y, x)


@given(sizes(most=5), st.data(), st.booleans())
def test_a_plane_resized_is_the_plane_seen_from_the_new_pixels(size, data, align_corners):
    """Linear functions are kept, up to the border that is replicated."""
    after = data.draw(sizes(len(size), most=9))
    for axis, (i, o) in enumerate(zip(size, after)):
        x = np.zeros((1, 1, *size)) + np.arange(float(i)).reshape(
            [-1 if a == axis else 1 for a in range(len(size))]
        )
        y, _ = resize_bilinear_forward(x, after, align_corners=align_corners)
        if align_corners:
            seen = np.linspace(0, i - 1, o) if o > 1 else np.zeros(1)
        else:
            seen = np.clip((np.arange(o) + 0.5) * i / o - 0.5, 0, i - 1)
        line = np.moveaxis(y, axis + 2, -1)
        np.testing.assert_allclose(line, np.broadcast_to(seen, line.shape), rtol=0, atol=1e-13)


@pytest.mark.parametrize("align_corners", [True, False])
def test_resizing_no_images_keeps_dtype_and_size(align_corners):
    x = np.zeros((0, 2, 3, 4), "float32")
    y, cache = resize_bilinear_forward(x, (5, 2), align_corners=align_corners)
    assert_same(y, np.zeros((0, 2, 5, 2), "float32"))
    assert_same(resize_bilinear_backward(y, cache), x)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("odd", [0, 1])
def test_each_phase_of_the_bilinear_kernel_sums_to_1(factor, odd):
    kernel = bilinear_kernel(factor, size=2 * factor - odd)
    assert kernel.shape == (2 * factor - odd,) * 2
    for row in range(factor):
        for column in range(factor):
            np.testing.assert_allclose(kernel[row::factor, column::factor].sum(), 1, rtol=1e-14)
    message = (
        f"bilinear_kernel: size={2 * factor + 1}; factor {factor} needs {2 * factor} or {2 * factor - 1} taps"
    )
    with pytest.raises(ValueError, match=message):
        bilinear_kernel(factor, size=2 * factor + 1)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_upsampling_by_transpose_is_resizing_in_the_interior_only(factor):
    """At the border the transpose fades towards zero, where resizing replicates."""
    x = 1 + np.random.default_rng(0).random((1, 1, 5, 6))
    kernel = bilinear_kernel(factor)[None, None]
    up, _ = conv_transpose_forward(x, kernel, stride=factor, padding=factor // 2)
    resized, _ = resize_bilinear_forward(x, up.shape[2:])
    inside = (..., *[slice(factor // 2, -(factor // 2))] * 2)
    np.testing.assert_allclose(up[inside], resized[inside], rtol=1e-14)
    assert (up[..., 0, :] < resized[..., 0, :]).all()


@given(sizes(most=5), st.data(), numbers())
def test_crop_keeps_a_part_and_its_transpose_pads_with_zeros(size, data, numbers):
    x = numbers(2, 2, *size)
    offset = tuple(data.draw(st.integers(0, i - 1)) for i in size)
    kept = tuple(data.draw(st.integers(1, i - o)) for i, o in zip(size, offset))
    y, cache = crop_forward(x, offset, kept)
    dout = numbers(*y.shape)
    pads = ((0, 0), (0, 0), *((o, i - o - k) for i, o, k in zip(size, offset, kept)))
    dx = crop_backward(dout, cache)
    assert_same(dx, np.pad(dout, pads))
    assert_same(y, x[:, :, *(slice(o, o + k) for o, k in zip(offset, kept))])
    assert inner(y, dout) == inner(x, dx)


def test_a_part_outside_the_image_is_refused():
    with pytest.raises(ValueError, match=r"crop_forward: 3x3 from offset \(0, 2\) does not lie inside 4x4"):
        crop_forward(np.ones((1, 1, 4, 4)), (0, 2), 3)
    with pytest.raises(ValueError, match="crop_forward: offset=-1 must be at least 0"):
        crop_forward(np.ones((1, 1, 4, 4)), -1, 3)
    with pytest.raises(ValueError, match="crop_forward: size=0 must be at least 1"):
        crop_forward(np.ones((1, 1, 4, 4)), 0, 0)
