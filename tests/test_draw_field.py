"""Receptive fields: what theory says and what gradients say, which for convolutions is the same to the pixel."""

from __future__ import annotations

import numpy as np
import pytest

from npseg.draw import field_of, receptive_field
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
    Tanh,
    named,
)
from npseg.networks.fcn import FCN


def convs(*kernels, relu=False, **settings):
    """Put convolutions with random weights one after the other, 3 channels throughout."""
    rng, layers = np.random.default_rng(1), []
    for i, kernel in enumerate(kernels, 1):
        settings = {"padding": kernel // 2, "dtype": "float64", **settings}
        layers.append((f"conv{i}", Conv(3, 3, kernel, rng=rng, **settings)))
        layers += [(f"relu{i}", ReLU())] if relu else []
    return named(layers)


def clipped(box, size):
    return tuple((max(first, 0), min(last, n - 1)) for (first, last), n in zip(box, size))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_convolutions_of_three_by_three_see_one_and_two_for_each(depth, relu):
    field = field_of(convs(*[3] * depth, relu=relu), (15, 19))
    assert field.theoretical_size == field.measured_size == (1 + 2 * depth,) * 2
    assert field.theoretical == field.measured == ((7 - depth, 7 + depth), (9 - depth, 9 + depth))
    assert (field.unit, field.plane, field.centre) == ((7, 9), (15, 19), (7, 9))


@pytest.mark.parametrize("unit", [(0, 0), (1, 9), (9, 4), (4, 5)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_strides_and_padding(unit, stride, padding):
    net = convs(3, 5, stride=stride, padding=padding)
    size = (60, 101)
    field = field_of(net, size, unit if stride == 1 else (unit[0] // 3, unit[1] // 3))
    assert field.measured == clipped(field.theoretical, size)
    assert field.theoretical_size == (1 + 2 + 4 * stride,) * 2
    grid = net.grid(Grid())
    for u, centre, (first, last) in zip(field.unit, field.centre, field.theoretical):
        assert centre == (first + last) / 2 == grid.origin + u * grid.step


def test_a_unit_at_the_border_sees_the_rest_of_its_field():
    field = field_of(convs(3, 3, 3), (20, 9), (1, 8))
    assert field.theoretical == ((-2, 4), (5, 11))
    assert field.measured == ((0, 4), (5, 8))


def test_pooling_sees_its_whole_window_and_upsampling_its_two_neighbours():
    net = Sequential(pool=MaxPool(2), up=BilinearUpsampling(3, 2, padding=1, dtype="float64"))
    assert field_of(net, 16, layer="pool", draws=60).measured == ((6, 7), (6, 7))
    for unit, box in ((6, (4, 7)), (7, (6, 9)), (8, (6, 9))):  # pixel 7 lies in block 3, nearer to block 4
        field = field_of(net, 16, unit, draws=60)
        assert field.theoretical == field.measured == (box, box)


@pytest.mark.parametrize("name", ["conv1", "relu1", "conv2", "relu3"])
def test_a_layer_inside_is_seen_through_what_lies_before_it(name):
    depth = int(name[-1])
    field = field_of(Sequential(one=convs(3, 3, 3, relu=True), two=MaxPool(2)), 15, layer=f"one.{name}")
    assert field.measured_size == (1 + 2 * depth,) * 2


def test_the_strength_is_shared_out_and_the_middle_has_the_most():
    field = field_of(convs(*[3] * 8), 33, draws=20)
    assert field.strength.shape == (33, 33)
    assert field.strength.sum() == pytest.approx(1)
    assert field.effective < field.theoretical_size[0] == 17
    half = field.effective // 2
    assert field.strength[16 - half : 17 + half, 16 - half : 17 + half].sum() >= 0.95
    assert field.strength[17 - half : 16 + half, 17 - half : 16 + half].sum() < 0.95


def test_the_gradient_is_averaged_and_its_seed_settles_it():
    net = convs(3, 3, relu=True).until("conv2")
    one, same, other = field_of(net, 9, draws=1), field_of(net, 9, draws=1), field_of(net, 9, draws=1, seed=1)
    assert np.array_equal(one.strength, same.strength)
    assert not np.array_equal(one.strength, other.strength)
    assert np.array_equal(field_of(net, 9, draws=2).strength > 0, (one.strength > 0) | drawn_second(net))


def drawn_second(net):
    """Where the second of two images lets the gradient through."""
    rng = np.random.default_rng(0)
    rng.standard_normal((1, 3, 9, 9)), rng.standard_normal(3)
    y = net.forward(rng.standard_normal((1, 3, 9, 9)))
    dout = np.zeros_like(y)
    dout[0, :, 4, 4] = rng.standard_normal(3)
    return net.backward(dout)[0].any(axis=0)


def tiny(head="32s", **settings):
    return FCN(3, **{"head": head, "width": 2, "fc": 8, "seed": 1, **settings})


@pytest.mark.parametrize("paper_padding", [False, True])
def test_the_score_map_of_fcn_32s_sees_404_pixels(paper_padding):
    field = field_of(tiny(paper_padding=paper_padding), 500, layer="to_score.fc7", draws=2)
    assert field.theoretical_size == (404, 404)
    assert all(400 <= n <= 404 for n in field.measured_size)
    assert field.effective < 380


@pytest.mark.parametrize(("head", "sizes"), [("32s", {436}), ("16s", {436, 468}), ("8s", {436, 468})])
@pytest.mark.parametrize("paper_padding", [False, True])
def test_the_whole_network_sees_what_its_two_or_three_nearest_scores_see(head, sizes, paper_padding):
    network = tiny(head, paper_padding=paper_padding)
    for unit in ((250, 251), (263, 280)):
        field = field_of(network, 532, unit, draws=2)
        assert set(field.theoretical_size) <= sizes
        assert field.centre == unit
        for (first, last), (low, high) in zip(field.measured, clipped(field.theoretical, (532, 532))):
            assert low <= first <= low + 3
            assert high - 3 <= last <= high


def test_score_layers_before_any_training_let_random_weights_stand_in():
    network = tiny("16s")
    field = field_of(network, 64, draws=1)
    assert field.stand_ins == ("to_score.score_fr", "score_pool4")
    assert not network.params["to_score.score_fr.w"].any()
    assert field_of(network, 64, layer="to_score.fc7", draws=1).stand_ins == ()
    for name in field.stand_ins:
        network.params[f"{name}.w"][:] = 1
    assert field_of(network, 64, draws=1).stand_ins == ()


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training):
    network = FCN(3, head="8s", width=2, fc=8)
    x, dout = np.ones((1, 3, 40, 40), "float32"), np.ones((1, 3, 40, 40), "float32")
    network.train(np.random.default_rng(3))
    network.forward(x)
    network.backward(dout)
    network.forward(x)  # what this remembers is still to be used
    if not training:
        network.evaluate()
    before = {
        kind: {name: (array, array.copy()) for name, array in getattr(network, kind).items()}
        for kind in ("params", "grads", "buffers")
    }
    drop = network.layers["to_score"].layers["drop6"]
    state = drop.rng.bit_generator.state
    field_of(network, 40, draws=1)
    with pytest.raises(ValueError, match="unit"):
        field_of(network, 40, 99)
    for kind, arrays in before.items():
        now = getattr(network, kind)
        assert list(now) == list(arrays)
        assert all(
            now[name] is array and np.array_equal(array, copy) for name, (array, copy) in arrays.items()
        )
    assert drop.rng.bit_generator.state == state
    layers = [network, *network.layers.values(), *network.layers["to_pool3"]]
    assert {layer.training for layer in layers} == {layer.remembering for layer in layers} == {training}
    if training:
        network.backward(dout)
    else:
        with pytest.raises(RuntimeError, match="nothing to go back through"):
            network.backward(dout)


def test_batch_norm_and_dropout_are_as_when_labelling():
    """While training, batch norm would let each unit see the whole plane, and dropout would ask for a generator."""
    net = Sequential(conv=convs(3), norm=BatchNorm(3, dtype="float64"), tanh=Tanh(), drop=Dropout(0.9))
    assert field_of(net, 11).measured_size == (3, 3)


def test_a_layer_by_itself_and_any_number_of_channels():
    layer = Conv(5, 2, 4, padding=2, rng=np.random.default_rng(0))
    field = field_of(layer, 10, 0, channels=5)
    assert (field.theoretical, field.measured) == (((-2, 1),) * 2, ((0, 1),) * 2)
    assert field_of(ReLU(), 5, channels=1, draws=9).measured == ((2, 2), (2, 2))


def test_the_picture_says_what_was_found():
    net = convs(*[3] * 4)
    figure, field = receptive_field(net, (20, 30), (2, 3)), field_of(net, (20, 30), (2, 3))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "theoretical: 9x9 px",
        "measured: 7x8 px get any gradient",
        f"effective: {field.effective}x{field.effective} px hold 95 % of it",
        "the unit's centre",
    ]
    axes = figure.axes[0]
    outline = next(p for p in axes.patches if p.get_label().startswith("theoretical"))
    assert (outline.get_x(), outline.get_y(), outline.get_width(), outline.get_height()) == (-1.5, -2.5, 9, 9)
    shown = axes.images[0].get_array()
    assert np.array_equal(shown.mask, field.strength == 0)
    assert np.array_equal(shown.filled(0), field.strength / field.strength.max())
    assert axes.lines[0].get_xydata().tolist() == [[3, 2]]


@pytest.mark.parametrize(
    ("network", "size", "options"),
    [
        (convs(3), 1, {}),
        (convs(3, 3), (9, 40), {"unit": (8, 0)}),
        (FCN(3, width=2, fc=4), (30, 50), {"draws": 1}),
        (FCN(3, width=2, fc=4), 320, {"draws": 1, "layer": "to_pool3.conv3_3_relu"}),
    ],
)
def test_nothing_lies_outside_the_page_or_on_top_of_another(network, size, options):
    figure = receptive_field(network, size, **options)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [figure.axes[0].get_tightbbox(renderer), figure.legends[0].get_window_extent(renderer)]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


class Dead(ReLU):
    def backward(self, dout):
        return 0 * super().backward(dout)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: field_of("fcn8s", 9), TypeError, "receptive_field: network is 'fcn8s', a str"),
        (lambda: field_of(convs(3), 9, layer="conv9"), ValueError, "receptive_field: there is no layer 'conv9' among"),
        (lambda: field_of(convs(3), 9, layer="conv1.w"), ValueError, "'conv1' is a Conv, with no layer 'w' inside"),
        (lambda: field_of(tiny(), 9, layer="upscore"), ValueError, "no layer 'upscore' among to_pool3, to_pool4"),
        (lambda: field_of(ReLU(), 9, layer="relu"), ValueError, "layer='relu', but a ReLU has no path of layers"),
        (lambda: field_of(convs(3), 9, 9), ValueError, "unit=9 lies outside its plane of 9x9 units"),
        (lambda: field_of(convs(3), 9, (1, -1)), ValueError, "unit=-1 must be at least 0"),
        (lambda: field_of(convs(3), (9, 9, 9)), ValueError, r"receptive_field: size=\(9, 9, 9\) has 3 entries"),
        (lambda: field_of(convs(3), 9.5), TypeError, "receptive_field: size=9.5 is not a whole number"),
        (lambda: field_of(convs(3), 9, draws=0), ValueError, "receptive_field: draws=0 must be at least 1"),
        (lambda: field_of(convs(5, padding=0), 3), ValueError, "kernel 5x5 with dilation 1 does not fit"),
        (lambda: field_of(convs(1, padding=2), 3, 0), ValueError, r"no gradient of unit \(0, 0\) arrives"),
        (lambda: field_of(Dead(), 3), ValueError, r"no gradient of unit \(1, 1\) arrives at the image"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_container_that_says_no_paths_has_no_field():
    class Twice(Container):
        def forward(self, x):
            return self.layers["relu"].forward(x)

        def backward(self, dout):
            return self.layers["relu"].backward(dout)

    with pytest.raises(NotImplementedError):
        field_of(Twice(relu=ReLU()), 5)
