"""The layers of networks that look at several scales: pyramid, shared weights, connection tables."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same, check_gradients, inner
from hypothesis import given
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

import npseg
from npseg import backend
from npseg.layers import (
    BatchNorm,
    Conv,
    LaplacianPyramid,
    PyramidDown,
    PyramidUp,
    Sequential,
    Shared,
    SparseConv,
    Tanh,
    random_table,
)
from npseg.layers.scales import BINOMIAL, _blur_down, _blur_up

spatial = st.tuples(st.integers(1, 9), st.integers(1, 9))


def drawn(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# The pyramid


def halved(plane):
    """Halve by the definition: a weighted mean of the pixels that there are around every second one."""
    height, width = plane.shape
    result = np.empty((-(-height // 2), -(-width // 2)))
    for i, j in np.ndindex(result.shape):
        total = weight = 0.0
        for (k, a), (m, b) in ((p, q) for p in enumerate(BINOMIAL) for q in enumerate(BINOMIAL)):
            row, column = 2 * i + k - 2, 2 * j + m - 2
            if 0 <= row < height and 0 <= column < width:
                total, weight = total + a * b * plane[row, column], weight + a * b
        result[i, j] = total / weight
    return result


@given(spatial)
def test_halving_is_its_definition(size):
    x = drawn((1, 2, *size))
    y = PyramidDown().forward(x)
    for plane, half in zip(x[0], y[0]):
        np.testing.assert_allclose(half, halved(plane), rtol=1e-12, atol=1e-12)


@given(spatial)
def test_both_ways_are_transposes(size):
    x = np.random.default_rng(0).integers(-4, 5, (2, 3, *size)) * 256.0
    half = _blur_down(x)
    y = np.random.default_rng(1).integers(-4, 5, half.shape) * 256.0
    assert inner(half, y) == inner(x, _blur_up(y, size))


@given(spatial, st.integers(1, 4))
def test_no_level_is_lost(size, levels):
    """The levels, enlarged and added up, are the image; and of a flat one all but the last are empty."""
    x = drawn((2, 3, *size))
    pyramid = LaplacianPyramid(levels)
    *bands, image = pyramid.forward(x)
    for n in range(levels - 1, 0, -1):
        band = bands[n - 1]
        image = band + PyramidUp().forward(image)[:, :, : band.shape[2], : band.shape[3]]
    np.testing.assert_allclose(image, x, rtol=0, atol=1e-12)
    *bands, rest = pyramid.forward(np.full((1, 1, *size), 3.5))
    assert all(abs(band).max() < 1e-14 for band in bands)
    np.testing.assert_allclose(rest, 3.5, rtol=1e-14)


@pytest.mark.parametrize("layer", [PyramidDown, PyramidUp])
@pytest.mark.parametrize("size", [(1, 1), (5, 6), (8, 3)])
def test_gradient_of_the_ways(layer, size):
    layer, x = layer(), drawn((2, 3, *size))
    layer.forward(x)
    check_gradients(layer.forward, lambda dout: (layer.backward(dout),), x)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_gradient_of_the_pyramid(levels):
    pyramid, x = LaplacianPyramid(levels), drawn((2, 2, 9, 14))
    douts = [drawn(level.shape, seed=n) for n, level in enumerate(pyramid.forward(x))]
    dx = pyramid.backward(douts)
    direction = drawn(x.shape, seed=9)
    along = sum(float(np.vdot(d, level)) for d, level in zip(douts, pyramid.forward(direction)))
    assert abs(np.vdot(dx, direction) - along) < 1e-12 * abs(along), "it is linear"


def test_half_a_pyramid_stays_on_the_device():
    with stand_in_for_cupy() as cupy:
        pyramid, x = LaplacianPyramid(3), cupy.asarray(drawn((1, 2, 9, 7)))
        levels = pyramid.forward(x)
        assert backend.array_module(*levels, pyramid.backward(levels)) is cupy


# Shared weights


def shared(kind, seed=0):
    rng = np.random.default_rng(seed)
    inner_ = Sequential(conv=Conv(2, 3, 3, padding=1, rng=rng, dtype="float64"), tanh=Tanh())
    return kind(inner=inner_, norm=BatchNorm(3, dtype="float64"))


def test_each_plane_runs_as_alone_and_gradients_add_up():
    planes = [drawn((2, 2, *size), seed=n) for n, size in enumerate(((6, 7), (3, 4), (5, 2)))]
    net = shared(Shared)
    ys = net.forward(planes)
    douts = [drawn(y.shape, seed=n + 9) for n, y in enumerate(ys)]
    dxs = net.backward(douts)
    total = {}
    for x, y, dout, dx in zip(planes, ys, douts, dxs):
        alone = shared(Sequential)
        assert_same(alone.forward(x), y)
        assert_same(alone.backward(dout), dx)
        for name, gradient in alone.grads.items():
            total[name] = total.get(name, 0) + gradient
    assert list(net.grads) == list(net.params)
    assert_same(tuple(net.grads.values()), tuple(total.values()))


def test_shared_layers_go_back_once_for_each_forward():
    net = shared(Shared)
    ys = net.forward([drawn((2, 2, 4, 4))] * 2)
    net.backward(ys)
    for start in (lambda: None, net.evaluate, lambda: net.forward([drawn((2, 2, 4, 4))])):
        start()
        with pytest.raises(RuntimeError, match=r"Shared\.backward: .* call forward first"):
            net.backward(ys)


# Connection tables


def test_a_sparse_convolution_is_a_full_one_with_zeros():
    rng = np.random.default_rng(0)
    table = random_table(6, 5, 2, rng)
    layer = SparseConv(6, 5, 3, table=table, padding=1, rng=rng, dtype="float64")
    layer.params["w"][...] = rng.integers(-4, 5, layer.params["w"].shape)
    layer.params["b"][...] = rng.integers(-4, 5, 5)
    full = np.zeros((5, 6, 3, 3))
    for (below, above), kernel in zip(table, layer.params["w"]):
        full[above, below] = kernel
    x, dout = (rng.integers(-4, 5, (2, c, 6, 7)).astype(float) for c in (6, 5))
    y, cache = npseg.conv_forward(x, full, layer.params["b"], padding=1)
    assert_same(layer.forward(x), y)
    dx, dw, db = npseg.conv_backward(dout, cache)
    assert_same(layer.backward(dout), dx)
    assert_same(layer.grads["w"], np.stack([dw[above, below] for below, above in table]))
    assert_same(layer.grads["b"], db)


def test_a_map_reads_what_its_table_says():
    layer = SparseConv(4, 3, 1, table=[(0, 0), (3, 1), (1, 1)], rng=np.random.default_rng(0), dtype="float64")
    reads = []
    for channel in range(4):
        x = np.zeros((1, 4, 1, 1))
        x[0, channel] = 1
        reads.append(np.flatnonzero(layer.forward(x)).tolist())
    assert reads == [[0], [1], [], [1]], "nobody reads map 2, and map 2 after reads nobody"


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_random_table_has_as_many_connections_for_each_map(below, above, data):
    fan_in = data.draw(st.integers(1, below))
    table = random_table(below, above, fan_in, np.random.default_rng(data.draw(st.integers(0, 9))))
    assert (np.bincount(table[:, 1], minlength=above) == fan_in).all()
    assert len(np.unique(table, axis=0)) == len(table)
    assert table.min() >= 0
    assert table[:, 0].max() < below


def test_each_map_starts_by_its_own_connections():
    table = np.concatenate([random_table(400, 1, 400, np.random.default_rng(0)), [[0, 1]]])
    w = SparseConv(400, 2, 7, table=table, rng=np.random.default_rng(0)).params["w"]
    assert abs(w[:400].std() * 7 * 20 - 1) < 0.02
    assert abs(w[400:].std() * 7 - 1) < 0.3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([0, 1], r"table of shape \(2,\)"),
        ([(0.0, 1.0)], r"table of shape \(1, 2\), float64; \(K, 2\) whole numbers are needed"),
        ([(2, 0)], "table reaches from map 2 to 2 before, and from 0 to 0 after; there are 2 and 3"),
        ([(-1, 0)], "table reaches from map -1"),
        ([(0, 3)], "there are 2 and 3"),
        ([(0, 1), (0, 1)], "table has a connection twice"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        SparseConv(2, 3, 1, table=table, rng=None)


def test_more_connections_than_maps_are_refused():
    with pytest.raises(ValueError, match="fan_in=5, but there are 4 maps to read"):
        random_table(4, 2, 5, np.random.default_rng(0))


def test_a_sparse_convolution_stays_on_the_device():
    with stand_in_for_cupy() as cupy, backend.use("cupy"):
        layer = SparseConv(2, 2, 3, table=[(0, 0), (1, 1)], padding=1, rng=np.random.default_rng(0))
        y = layer.forward(cupy.asarray(drawn((1, 2, 4, 4)).astype("float32")))
        assert backend.array_module(y, layer.backward(y), layer.grads["w"]) is cupy
