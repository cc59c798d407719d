"""A patch classifier run on every patch of an image: whichever way, the same scores and gradients, with ==."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

from npseg import backend
from npseg.geometry import Grid
from npseg.layers import (
    BatchNorm,
    BilinearUpsampling,
    Container,
    Conv,
    Dropout,
    MaxPool,
    ReLU,
    Sequential,
    SparseConv,
    Tanh,
)
from npseg.networks import dense as dense_module
from npseg.networks.dense import RUNS, Patches, ShiftAndStitch, dense, dilated, field_and_stride, margins
from npseg.planes import follow
from npseg.summary import summarize


def whole_numbers(net, seed=0):
    """Give a net weights that are small whole numbers: all its sums are exact."""
    rng = np.random.default_rng(seed)
    for p in net.params.values():
        p[...] = rng.integers(-2, 3, p.shape)
    return net


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


@st.composite
def classifiers(draw):
    """Draw a patch classifier: convolutions with strides and dilations, poolings that overlap, in blocks."""
    layers, channels = {}, 2
    for number in range(draw(st.integers(1, 4))):
        kernel = draw(st.integers(1, 3))
        stride = draw(st.integers(1, 3 if number < 2 else 1))
        if draw(st.booleans()):
            above = draw(st.integers(1, 3))
            layer = Conv(
                channels,
                above,
                kernel,
                stride=stride,
                dilation=draw(st.integers(1, 2)),
                rng=None,
                dtype="float64",
            )
            channels = above
        else:
            layer = MaxPool(kernel, stride=stride)
        layers[f"layer{number}"] = Sequential(window=layer, relu=ReLU()) if draw(st.booleans()) else layer
    return whole_numbers(Sequential(**layers), draw(st.integers(0, 9)))


def by_definition(net, x):
    """Cut out each patch and classify it by itself."""
    field, _ = field_and_stride(net)
    height, width = (n - field + 1 for n in x.shape[2:])
    net.evaluate()
    rows = [
        np.concatenate([net.forward(x[:, :, i : i + field, j : j + field]) for j in range(width)], axis=3)
        for i in range(height)
    ]
    return np.concatenate(rows, axis=2)


@given(net=classifiers(), extra=st.tuples(st.integers(0, 7), st.integers(0, 7)), train=st.booleans())
def test_every_way_gives_each_patch_its_scores(net, extra, train):
    field, _ = field_and_stride(net)
    x = pixels(2, 2, *(field + n for n in extra))
    expected = by_definition(net, x)
    assert expected.shape[2:] == tuple(n + 1 for n in extra)
    for way in RUNS.values():
        run = way(net)
        run.train() if train else run.evaluate()
        assert_same(run.forward(x), expected)


@settings(max_examples=40)
@given(net=classifiers(), extra=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_every_way_gives_the_same_gradients(net, extra):
    """Of the weights and the image. (Where pixels tie, the first wins in each; a patch of the image is in order.)"""
    field, _ = field_and_stride(net)
    x, found = pixels(2, 2, *(field + n for n in extra)), {}
    for name, way in RUNS.items():
        run = way(net)
        run.train()
        y = run.forward(x)
        found[name] = (run.backward(pixels(*y.shape, seed=1)), *(run.grads[key] for key in run.params))
        assert found[name][0].shape == x.shape
    assert_same(found["patches"], found["stitch"])
    assert_same(found["patches"], found["dilated"])


@given(net=classifiers(), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_padded_once_there_is_a_patch_for_each_pixel(net, size):
    x = pixels(1, 2, *size)
    field, _ = field_and_stride(net)
    before, after = margins(field)
    padded = np.pad(x, [(0, 0), (0, 0), (before, after), (before, after)])
    expected = by_definition(net, padded)
    for run in RUNS:
        assert_same(dense(net, run).forward(x), expected)
    assert expected.shape[2:] == size


@given(net=classifiers(), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_on_the_grid_of_its_stride_the_classifier_alone_is_enough(net, size):
    x = dense(net).layers["pad"].forward(pixels(1, 2, *size))
    _, stride = field_and_stride(net)
    assert_same(net.forward(x), by_definition(net, x)[:, :, ::stride, ::stride])


def farabet():
    """A net of the geometry, not of the channels."""
    convs = (Conv(1, 1, 7, rng=None, dtype="float64") for _ in range(3))
    a, b, c = convs
    return whole_numbers(Sequential(a=a, p=MaxPool(2), b=b, q=MaxPool(2), c=c))


def test_of_46_rows_22_lie_before_and_23_after():
    net = farabet()
    assert field_and_stride(net) == (46, 4)
    assert margins(46) == (22, 23)
    assert margins(7) == (3, 3)
    run = dense(net)
    assert run.sees(100, 100) == (100 - 22, 100 + 23)
    x = np.zeros((1, 1, 46, 46))
    for p in net.params.values():
        p[...] = 1
    still = run.forward(x)
    x[0, 0, 0, 45] = 1
    moved = np.argwhere((run.forward(x) != still)[0, 0])
    assert moved.min(axis=0).tolist() == [0, 45 - 23]
    assert moved.max(axis=0).tolist() == [22, 45]


@given(net=classifiers(), first=st.integers(-5, 20), more=st.integers(0, 9))
def test_every_way_says_that_it_sees_the_patches(net, first, more):
    field, _ = field_and_stride(net)
    for way in RUNS.values():
        run = way(net)
        assert run.sees(first, first + more) == (first, first + more + field - 1)
        assert run.grid(Grid()) == Grid().down(kernel=field)


def test_dilated_has_the_very_weights_and_gradients():
    net = farabet()
    run = dilated(net)
    assert list(run.params) == list(net.params)
    assert all(run.params[key] is net.params[key] for key in net.params)
    x = pixels(1, 1, 50, 50)
    run.backward(run.forward(x))
    assert all(net.grads[key] is run.grads[key] for key in net.params)
    assert net.layers["a"].stride == 1
    assert [net.layers[p].stride for p in "pq"] == [2, 2], "the classifier is left as it is"
    assert [run.layers[name].dilation for name in "apbqc"] == [1, 1, 2, 2, 4]


def test_dropout_and_batch_norm_and_tanh_go_along():
    net = Sequential(
        conv=Conv(2, 3, 3, stride=2, rng=np.random.default_rng(0), dtype="float64"),
        norm=BatchNorm(3, dtype="float64"),
        tanh=Tanh(),
        drop=Dropout(0.5),
    )
    x = pixels(1, 2, 9, 8)
    expected = by_definition(net, x)
    for way in RUNS.values():
        run = way(net)
        run.evaluate()
        np.testing.assert_allclose(run.forward(x), expected, rtol=1e-12)


def test_a_sparse_convolution_is_dilated_too():
    table = [(0, 0), (1, 0), (1, 1), (0, 2)]
    net = whole_numbers(
        Sequential(pool=MaxPool(2), conv=SparseConv(2, 3, 3, table=table, rng=None, dtype="float64"))
    )
    x, found = pixels(2, 2, 11, 9), []
    for way in RUNS.values():
        run = way(net)
        run.train()
        y = run.forward(x)
        found.append((y, run.backward(pixels(*y.shape, seed=1)), run.grads["conv.w"]))
    for one in found:
        assert_same(one[0], by_definition(net, x))
        assert_same(one, found[0])


def test_what_is_labelled_without_training_is_forgotten():
    for way in RUNS.values():
        run = way(farabet())
        run.evaluate()
        y = run.forward(pixels(1, 1, 48, 48))
        with pytest.raises(RuntimeError, match="call forward first"):
            run.backward(y)


@pytest.mark.parametrize("run", RUNS)
def test_on_a_device_it_stays_there(run):
    net = whole_numbers(Sequential(conv=Conv(2, 3, 3, rng=None, dtype="float64"), pool=MaxPool(2)))
    x = pixels(1, 2, 7, 6)
    dout = pixels(1, 3, 7, 6, seed=1)
    host = dense(net, run)
    y, dx = host.forward(x), host.backward(dout)
    with stand_in_for_cupy() as cupy:
        conv = net.layers["conv"]
        conv.params = {name: cupy.asarray(p) for name, p in conv.params.items()}
        device = dense(net, run)
        assert_same(backend.to_numpy(device.forward(cupy.asarray(x))), y)
        assert_same(backend.to_numpy(device.backward(cupy.asarray(dout))), dx)


@settings(max_examples=30)
@given(net=classifiers(), size=st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_each_way_is_followed_without_pixels(net, size):
    for run in RUNS:
        scores, _ = follow(dense(net, run), (2, 2, *size), "float64")
        assert scores.shape == dense(net, run).forward(pixels(2, 2, *size)).shape


def test_multiply_adds_are_counted_as_they_are_made():
    """Of two layers: per patch; per answer of a shift; per pixel that a later layer reads."""
    net = Sequential(conv=Conv(3, 4, 3, rng=None), pool=MaxPool(2), score=Conv(4, 5, 2, rng=None))
    assert field_and_stride(net) == (6, 2)
    height, width = 20, 30
    conv, score = 3 * 4 * 9, 4 * 5 * 4

    def cost(run):
        return sum(row.multiply_adds for row in summarize(dense(net, run), (height, width)))

    assert cost("patches") == height * width * (16 * conv + score)
    assert cost("stitch") == 4 * (22 * 32 * conv + 10 * 15 * score)
    assert cost("dilated") == (23 * 33 * conv + height * width * score)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Conv(1, 1, 3, padding=1, rng=None), "layer 'block.odd' is padded.*padding=0"),
        (MaxPool(2, ceil_mode=True), "layer 'block.odd' is padded, or pools in ceil mode"),
        (BilinearUpsampling(1, 2), "layer 'block.odd' is a BilinearUpsampling; convolutions"),
        (Container(inner=Conv(1, 1, 3, rng=None)), "layer 'block.odd' is a Container; convolutions"),
    ],
)
def test_what_is_no_patch_classifier_is_refused_by_name(layer, message):
    net = Sequential(block=Sequential(odd=layer))
    for way in (*RUNS.values(), dense):
        with pytest.raises(ValueError, match=message):
            way(net)


def test_no_such_way():
    with pytest.raises(ValueError, match="run='fast'; choose one of 'patches', 'stitch', 'dilated'"):
        dense(farabet(), "fast")


@pytest.mark.parametrize("way", [Patches, ShiftAndStitch])
def test_images_smaller_than_a_patch_are_refused(way):
    with pytest.raises(ValueError, match="no patch of 46x46 fits into 45x60"):
        way(farabet()).forward(np.zeros((1, 1, 45, 60)))


@pytest.mark.parametrize("fault", ["margins", "stride", "dilation"])
def test_the_tests_can_fail(monkeypatch, fault):
    net, x = farabet(), pixels(1, 1, 5, 6)
    expected = dense(net, "patches").forward(x)
    if fault == "margins":
        monkeypatch.setattr(dense_module, "margins", lambda field: (field // 2, (field - 1) // 2))
        assert not np.array_equal(dense(net, "patches").forward(x), expected)
    elif fault == "stride":
        monkeypatch.setattr(ShiftAndStitch, "shifts", lambda self, out: (2, 2))
        assert not np.array_equal(dense(net, "stitch").forward(x), expected)
    else:
        run = dense(net)
        run.layers["classifier"].layers["q"].dilation = 1
        padded = run.layers["pad"].forward(x)
        assert not np.array_equal(run.layers["classifier"].forward(padded)[:, :, :5, :6], expected)
