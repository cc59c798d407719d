"""Shift and merge: pooling in several shifts gives what the whole network gives on shifted images, with ==."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same, check_gradients, shuffled_gaps
from hypothesis import given, settings
from hypothesis import strategies as st

from npseg.layers import Conv, MaxPool, Merge, Sequential, ShiftedMaxPool, merge, split


def whole(shape, seed=0):
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(float)


def test_the_papers_figure_3():
    """An image of 1 to 25, one pooling of 2x2: four shifts give the maxima of all 4x4 windows."""
    x = np.arange(1.0, 26).reshape(1, 1, 5, 5)
    planes = [MaxPool(2).forward(x[:, :, i : i + 4, j : j + 4]) for i in (0, 1) for j in (0, 1)]
    assert planes[0].tolist() == [[[[7, 9], [17, 19]]]]
    assert planes[3].tolist() == [[[[13, 15], [23, 25]]]]
    merged = x[:, :, 1:, 1:]  # as the numbers rise, the last of each window wins
    assert_same(merge(np.concatenate(planes), 2), merged)
    net = Sequential(pool=ShiftedMaxPool(2, shifts=2), merge=Merge([2]))
    assert_same(net.forward(x), merged)


@given(
    shifts=st.integers(1, 4),
    shape=st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
)
def test_merge_undoes_split(shifts, shape):
    x = whole((*shape[:2], shape[2] * shifts, shape[3] * shifts))
    parts = split(x, shifts)
    assert parts.shape == (shape[0] * shifts**2, *shape[1:])
    for i, j in np.ndindex(shifts, shifts):
        number = (i * shifts + j) * shape[0]
        assert_same(parts[number : number + shape[0]], x[:, :, i::shifts, j::shifts])
    assert_same(merge(parts, shifts), x)


def test_unequal_shifts_are_refused():
    with pytest.raises(ValueError, match="split: 4x5 pixels do not make 2 equal shifts"):
        split(np.zeros((1, 1, 4, 5)), 2)


@settings(max_examples=15)
@given(
    pools=st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 3])),
    kernels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    units=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    seed=st.integers(0, 3),
)
def test_it_is_the_network_on_shifted_images(pools, kernels, units, seed):
    convs = [Conv(2, 2, kernel, rng=None, dtype="float64") for kernel in kernels]
    for number, conv in enumerate(convs):
        conv.params["w"] = whole(conv.params["w"].shape, seed + number)
    plain = Sequential(a=convs[0], p=MaxPool(pools[0]), b=convs[1], q=MaxPool(pools[1]))
    shifted = Sequential(
        a=convs[0],
        p=ShiftedMaxPool(pools[0], shifts=pools[0]),
        b=convs[1],
        q=ShiftedMaxPool(pools[1], shifts=pools[1]),
        merge=Merge(pools),
    )
    stride = pools[0] * pools[1]
    patch = (pools[1] + kernels[1] - 1) * pools[0] + kernels[0] - 1
    x = whole((2, 2, *(patch - 1 + stride * n for n in units)), seed)
    expected = np.empty((2, 2, *(stride * n for n in units)))
    for i, j in np.ndindex(stride, stride):
        part = x[:, :, i : x.shape[2] - stride + 1 + i, j : x.shape[3] - stride + 1 + j]
        expected[:, :, i::stride, j::stride] = plain.forward(part)
    assert_same(shifted.forward(x), expected)


@pytest.mark.parametrize("shifts", [1, 2, 4])
def test_backward(shifts):
    net = Sequential(pool=ShiftedMaxPool(4, shifts=shifts), merge=Merge([shifts]))
    x = shuffled_gaps(np.random.default_rng(0), (2, 3, 11, 15)) / 100

    def forward(x):
        return net.forward(x)

    check_gradients(forward, lambda dout: (forward(x), [net.backward(dout)])[1], x)


@pytest.mark.parametrize("layer", [ShiftedMaxPool(2, shifts=2), Merge([1])])
def test_backward_without_forward_is_refused(layer):
    with pytest.raises(RuntimeError, match=rf"{type(layer).__name__}\.backward: .* call forward first"):
        layer.backward(np.zeros((4, 1, 2, 2)))
