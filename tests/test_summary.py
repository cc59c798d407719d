"""What a network is made of, as counted without running it, against published counts and against running it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st

from npseg.geometry import Grid
from npseg.layers import Container, Conv, Layer, MaxPool, ReLU, Sequential, Tanh
from npseg.networks import FCN
from npseg.planes import Plane, follow
from npseg.summary import blank, measure, summarize, table

#: Weights of FCN at 21 classes, without its upsampling.
PUBLISHED = {"fcn32s": 134_346_581, "fcn16s": 134_346_581 + 10_773, "fcn8s": 134_346_581 + 10_773 + 5_397}
PUBLISHED["fcn8s-at-once"] = PUBLISHED["fcn8s"]


def rows_of(network, size, **options):
    return {row.name: row for row in summarize(network, size, **options)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_parameters(name):
    said = table(summarize(blank(name, 21), (500, 500)))
    assert f"\nparameters      {PUBLISHED[name]:,}\n" in said
    learned = summarize(blank(name, 21, learned_upsampling=True), (500, 500))
    assert f"; {PUBLISHED[name]:,} without the upsampling" in table(learned)


def test_the_published_sizes_and_fields():
    """For 500 pixels: SYSTEMS' planes of the published network, and its receptive field of 404 at stride 32."""
    rows = rows_of(blank("fcn32s", 21), (500, 500))
    sizes = {"to_pool3.conv1_1": 698, "to_pool4.pool4": 44, "to_score.fc6": 16, "upscore": 544}
    assert {name: rows[name].shape[2] for name in sizes} == sizes
    assert {name: rows[name].shape[3] for name in sizes} == sizes
    assert (rows["to_score.score_fr"].grid.field, rows["to_score.score_fr"].grid.step) == (404, 32)
    assert (rows["to_pool4.pool4"].grid.field, rows["to_pool4.pool4"].grid.step) == (100, 16)
    assert rows["to_score.fc6"].activation == 4 * 4096 * 16 * 16


def test_vggs_multiply_adds():
    """VGG-16's thirteen convolutions at 224x224, from Simonyan & Zisserman's table of layers."""
    places = {"1_1": 224, "1_2": 224, "2_1": 112, "2_2": 112, "3_1": 56, "3_2": 56, "3_3": 56}
    places |= {"4_1": 28, "4_2": 28, "4_3": 28, "5_1": 14, "5_2": 14, "5_3": 14}
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    work = [9 * a * b * n * n for a, b, n in zip(channels, channels[1:], places.values())]
    for batch in (1, 3):
        rows = rows_of(blank("fcn8s", 21, paper_padding=False), (224, 224), batch=batch)
        found = {name.rpartition("conv")[2]: row.multiply_adds for name, row in rows.items()}
        assert [found[place] for place in places] == [batch * n for n in work]
        assert rows["upscore2"].multiply_adds == batch * 21 * 21 * 16 * 7 * 7


def test_full_width_takes_neither_memory_nor_time():
    tracemalloc.start()
    summarize(blank("fcn8s", 21), (4096, 4096), batch=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6, "the weights alone are 537 MB"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blank_networks_are_of_their_dtype(dtype):
    network = blank("fcn16s", 3, width=2, dtype=dtype, paper_padding=False)
    assert {str(p.dtype) for p in network.params.values()} == {dtype}
    itemsize = np.dtype(dtype).itemsize
    assert rows_of(network, (32, 32))["to_pool3.conv1_1"].activation == 2 * 32 * 32 * itemsize


@pytest.mark.parametrize("head", ["8s", "16s", "32s"])
@settings(max_examples=5)
@given(size=st.tuples(st.integers(1, 70), st.integers(1, 70)), padded=st.booleans(), batch_norm=st.booleans())
def test_the_sizes_are_those_of_a_run(head, size, padded, batch_norm):
    network = FCN(3, head=head, width=1, fc=2, paper_padding=padded, batch_norm=batch_norm)
    rows, found = summarize(network, size, batch=2), []

    def listen(layer, name):
        if isinstance(layer, Container):
            for key, inner in layer.layers.items():
                listen(inner, f"{name}.{key}" if name else key)
        else:
            forward = layer.forward
            layer.forward = lambda x: found.append((name, forward(x))) or found[-1][1]

    listen(network, "")
    network.evaluate()
    network.forward(np.zeros((2, 3, *size), "float32"))
    assert [(row.name, row.shape, row.activation) for row in rows] == [
        (n, y.shape, y.nbytes) for n, y in found
    ]
    assert sum(row.parameters for row in rows) == sum(p.size for p in network.params.values())


def test_a_network_is_left_as_it_is():
    network = FCN(3, width=1, fc=2, dropout=0.0)
    x, dout = (np.random.default_rng(i).standard_normal((2, 3, 40, 33)).astype("float32") for i in (0, 1))
    network.forward(x)
    dx = network.backward(dout)
    network.forward(x)
    buffers = {name: a.copy() for name, a in network.buffers.items()}
    summarize(network, (64, 64))
    assert network.training
    assert_same(network.backward(dout), dx)
    for name, a in network.buffers.items():
        assert_same(a, buffers[name])


def conv(below, above, kernel, **options):
    return Conv(below, above, kernel, rng=np.random.default_rng(0), **options)


class Branches(Container):
    """Two branches of different reach, laid behind each other, and one layer that runs twice."""

    def __init__(self):
        near, far, both = conv(3, 2, 3, padding=1), conv(3, 4, 7, padding=3), conv(6, 6, 1)
        super().__init__(near=near, far=far, both=both)

    def forward(self, x):
        near, far, both = self.layers.values()
        y = np.concatenate([near.forward(x), far.forward(x)], axis=1)
        y = both.forward(both.forward(y) * 2 + y)
        y += 1
        return y[:, :, 1:]


def test_any_container_can_be_followed():
    rows = summarize(Branches(), (8, 9))
    assert [(row.name, row.shape[1], row.grid.field) for row in rows] == [
        ("near", 2, 3),
        ("far", 4, 7),
        ("both", 6, 7),
        ("both", 6, 7),
    ]
    assert [row.parameters for row in rows] == [3 * 2 * 9 + 2, 3 * 4 * 49 + 4, 42, 0]
    scores, _ = follow(Branches(), (1, 3, 8, 9))
    assert (scores.shape, scores.grid.field) == ((1, 6, 7, 9), 7)


class EverySecond(Layer):
    """A layer of a kind that is not known."""

    def forward(self, x):
        return x[:, :, ::2, ::2]

    def grid(self, below):
        return below.down(kernel=1, stride=2)


def test_layers_of_unknown_kinds_run():
    network = Sequential(a=conv(3, 2, 3), every=EverySecond(), b=Tanh())
    rows = rows_of(network, (9, 12))
    assert rows["every"].shape == rows["b"].shape == (1, 2, 4, 5)
    assert (rows["every"].kind, rows["b"].grid.step, rows["b"].grid.field) == ("EverySecond", 2, 3)


def test_a_single_layer_is_a_network():
    (row,) = summarize(MaxPool(3), (9, 9))
    assert (row.kind, row.shape, row.parameters) == ("MaxPool", (1, 3, 3, 3), 0)


def test_planes_keep_their_place():
    wide = Plane.of((1, 2, 4, 4), "float32", Grid().down(kernel=5))
    narrow = Plane.of((1, 2, 4, 4), "float32")
    for plane in (narrow + wide, wide * 2, wide[:, :1], np.maximum(narrow, wide), np.stack([narrow, wide])):
        assert isinstance(plane, Plane)
        assert plane.grid.field == 5
        assert not plane.strides[-1]


def test_the_table_has_a_line_for_each_layer():
    rows = summarize(blank("fcn32s", 21, paper_padding=False), (224, 300), batch=2)
    lines = table(rows).splitlines()
    assert [line.split()[0] for line in lines[1 : len(rows) + 1]] == [row.name for row in rows]
    assert len({len(line) for line in lines[: len(rows) + 1]}) == 1
    assert lines[1].split() == [
        "to_pool3.conv1_1",
        "Conv",
        "64x224x300",
        "1,792",
        "232,243,200",
        "3",
        "1",
        "34.4",
    ]
    relu = table(summarize(ReLU(), (2, 2)))
    assert "parameters      0\n" in relu


def test_a_training_step_is_measured():
    config = {"name": "fcn8s", "classes": 3, "width": 4, "fc": 8}
    one, four = (measure(config, (64, 96), batch=batch) for batch in (1, 4))
    network = FCN(3, width=4, fc=8)
    assert one.gradients == sum(p.nbytes for p in network.params.values())
    assert one.weights == one.gradients + sum(b.nbytes for b in network.buffers.values())
    assert one.optimizer == one.gradients + 8, "the velocity, and the count of steps"
    assert four.activations == 4 * one.activations
    for memory in (one, four):
        parts = memory.weights + memory.gradients + memory.optimizer + memory.activations
        assert memory.peak - memory.workspace == parts
        assert memory.peak > parts - memory.activations
        assert all(name in str(memory) for name in ("weights", "activations", "workspace", "peak"))
    assert 2 * one.activations < four.peak - one.peak < 8 * one.activations


def test_measuring_leaves_tracing_as_it_was():
    config = {"name": "fcn32s", "classes": 2, "width": 1, "fc": 1}
    alone = measure(config, (64, 64)).peak
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    held = np.ones(10**6)
    assert abs(measure(config, (64, 64)).peak - alone) < held.nbytes / 10
    assert tracemalloc.is_tracing()
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: summarize(ReLU(), (0, 4)),
            ValueError,
            "summary: input=.*must be at least 1|0 must be at least",
        ),
        (lambda: summarize(ReLU(), (4, 4, 4)), ValueError, "3 entries"),
        (lambda: summarize(ReLU(), (4, 4), batch=0), ValueError, "summary: batch=0 must be at least 1"),
        (lambda: summarize(ReLU(), (4, 2.5)), TypeError, "input=2.5 is not a whole number"),
        (
            lambda: summarize(conv(3, 2, 7), (5, 9)),
            ValueError,
            "kernel 7x7 .* does not fit into .* input 5x9",
        ),
        (lambda: blank("fcn64s", 4), ValueError, "network 'fcn64s': choose one of .*'fcn32s'"),
        (
            lambda: measure({"name": "fcn8s", "classes": 256}, (9, 9)),
            ValueError,
            "classes=256; labels tell 255",
        ),
    ],
)
def test_what_cannot_be_summed_up_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
