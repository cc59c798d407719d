"""Layers and networks: each argument in turn, of constructors and of both passes, is what nobody should give.

The constructors that are not here are in test_refusals.py.
"""

import numpy as np
import pytest
from refusals import assert_refused_by_name, unnamed_refusals
from tiny import TINY

from npseg import layers, networks
from npseg.layers import Conv, MaxPool, ReLU, Sequential
from npseg.networks import dense, names, vgg, weights

RNG = np.random.default_rng(0)
X = np.ones((1, 2, 4, 6))
CONV = Conv(2, 3, 3, rng=None, dtype="float64")
CLASSIFIER = Sequential(conv=Conv(2, 3, 3, rng=None, dtype="float64"), pool=MaxPool(2))
TABLE = np.array([[0, 0], [1, 1]])
COMMON = {"seed": 0, "dtype": "float32", "method": "auto"}


def layer(kind):
    """Return a function that makes a layer of others by their names."""
    return lambda **given: kind(**given)


def network(name):
    """Return a network by its constructor, and all of its settings."""
    return networks.model(name).build, {**TINY[name].settings, "classes": 3, **COMMON}


def until(**given):
    return Sequential(conv=CONV, relu=ReLU()).until(**given)


def learn(**given):
    net = networks.FullResolution(2, width=1, depth=2)
    return net.learn(**given)


#: A sound call of each, and the arguments that are replaced.
CALLS = {
    "Conv": (
        Conv,
        {"channels_in": 1, "channels_out": 2, "kernel_size": 3, "bias": True, "rng": RNG, "deviation": 0.1},
    ),
    "ConvTranspose": (
        layers.ConvTranspose,
        {"channels_in": 1, "channels_out": 2, "kernel_size": 3, "bias": True, "rng": RNG, "deviation": 0.1},
    ),
    "BilinearUpsampling": (layers.BilinearUpsampling, {"channels": 2, "factor": 2, "learned": False}),
    "SparseConv": (
        layers.SparseConv,
        {
            **{"channels_in": 2, "channels_out": 2, "kernel_size": 3, "table": TABLE, "padding": 0},
            **{"rng": RNG, "dtype": "float32"},
        },
    ),
    "random_table": (layers.random_table, {"channels_in": 3, "channels_out": 2, "fan_in": 2, "rng": RNG}),
    "BatchNorm": (layers.BatchNorm, {"channels": 2, "shift": 0.0}),
    "LocalResponseNorm": (layers.LocalResponseNorm, {"size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
    "LocalNorm": (layers.LocalNorm, {"size": 3, "eps": 1e-5}),
    "ReLU": (ReLU, {"in_place": False}),
    "MaxUnpool": (layers.MaxUnpool, {"kernel_size": 2}),
    "NearestUnpool": (layers.NearestUnpool, {"scale": 2}),
    "LaplacianPyramid": (layers.LaplacianPyramid, {"levels": 2}),
    "ShiftedMaxPool": (layers.ShiftedMaxPool, {"kernel_size": 2, "shifts": 2}),
    "Merge": (layers.Merge, {"shifts": (2, 1)}),
    "split": (layers.split, {"x": X, "shifts": 2}),
    "merge": (layers.merge, {"x": np.ones((4, 1, 2, 2)), "shifts": 2}),
    "named": (layers.named, {"layers": [("conv", CONV)]}),
    "Container": (layer(layers.Container), {"conv": CONV}),
    "Sequential": (layer(Sequential), {"conv": CONV, "relu": ReLU()}),
    "Shared": (layer(layers.Shared), {"conv": CONV, "relu": ReLU()}),
    "until": (until, {"name": "conv"}),
    "compute_by": (Sequential(conv=CONV).compute_by, {"method": "auto"}),
    "DeconvNet": network("deconvnet"),
    "SegNet": network("segnet"),
    "SegNetBasic": network("segnet-basic"),
    "Farabet": network("farabet"),
    "RecurrentCNN": network("rcnn2"),
    "FCN": (
        networks.FCN,
        {"classes": 2, "width": 1, "fc": 2, "head": "8s", "at_once": True, "paper_padding": True},
    ),
    "model": (networks.model, {"name": "fcn8s"}),
    "Model": (networks.model("fcn32s"), {"classes": 2, "width": 1, "fc": 2, "batch_norm": True}),
    "at_width": (networks.model("fcn32s").at_width, {"width": 2}),
    "learn": (
        learn,
        {
            **{"x": np.ones((1, 3, 4, 4), "float32"), "labels": np.zeros((1, 4, 4), int)},
            **{"weight": np.ones(2, "float32"), "reduction": "mean"},
        },
    ),
    "field_and_stride": (dense.field_and_stride, {"net": CLASSIFIER}),
    "margins": (dense.margins, {"field": 3}),
    "ShiftAndStitch": (dense.ShiftAndStitch, {"net": CLASSIFIER}),
    "Patches": (dense.Patches, {"net": CLASSIFIER}),
    "dilated": (dense.dilated, {"net": CLASSIFIER}),
    "dense": (dense.dense, {"net": CLASSIFIER, "run": "dilated"}),
    "state_dict": (names.state_dict, {"network": CLASSIFIER, "names": "own"}),
    "spelled": (names.spelled, {"weights": {"conv.w": X}, "names": "own"}),
    "pytorch_name": (names.pytorch_name, {"name": "conv.w"}),
    "found_under": (names.found_under, {"places": ["conv.w"], "weights": {"conv.w": X}, "what": "weights"}),
    "is_vgg": (names.is_vgg, {"weights": {"conv.w": X}}),
    "Trunk": (vgg.Trunk, {"width": 1, "batch_norm": False, "rng": RNG, "dtype": "float32"}),
    "block": (
        lambda **given: list(vgg.Trunk(1, False, RNG, "float32").block(**given)),
        {"number": 2, "padding": 1},
    ),
    "torchvision_names": (vgg.torchvision_names, {"batch_norm": False}),
    "transplant": (
        weights.transplant,
        {
            **{"network": CLASSIFIER, "weights": {"conv.w": np.zeros((3, 2, 3, 3))}},
            **{"anew": (), "factors": {"conv.w": 2.0}, "what": "weights"},
        },
    ),
}

#: Layers, by what makes one, and the input that each is run on.
RUN = {
    "Conv": (lambda: Conv(2, 3, 3, rng=None, dtype="float64"), X),
    "ConvTranspose": (lambda: layers.ConvTranspose(2, 3, 3, rng=None, dtype="float64"), X),
    "SparseConv": (lambda: layers.SparseConv(2, 2, 3, table=TABLE, rng=None, dtype="float64"), X),
    "BatchNorm": (lambda: layers.BatchNorm(2, dtype="float64"), X),
    "LocalResponseNorm": (lambda: layers.LocalResponseNorm(3), X),
    "LocalNorm": (lambda: layers.LocalNorm(3), X),
    "ReLU": (ReLU, X),
    "Tanh": (layers.Tanh, X),
    "Scale": (lambda: layers.Scale(2.0), X),
    "Dropout": (lambda: trained(layers.Dropout(0.5)), X),
    "ZeroPad": (lambda: layers.ZeroPad(1, 2), X),
    "MaxPool": (lambda: MaxPool(2), X),
    "NearestUnpool": (lambda: layers.NearestUnpool(2), X),
    "PyramidDown": (layers.PyramidDown, X),
    "PyramidUp": (layers.PyramidUp, X),
    "LaplacianPyramid": (lambda: layers.LaplacianPyramid(2), X),
    "Sequential": (lambda: Sequential(pool=MaxPool(2), relu=ReLU()), X),
    "ShiftedMaxPool": (lambda: layers.ShiftedMaxPool(2, shifts=1), X),
    "Merge": (lambda: layers.Merge((2,)), np.ones((4, 1, 2, 2))),
    "ShiftAndStitch": (lambda: dense.ShiftAndStitch(CLASSIFIER), X),
    "Patches": (lambda: dense.Patches(CLASSIFIER), X),
}


def trained(made):
    made.train(np.random.default_rng(0))
    return made


def switched(**given):
    return layers.MaxUnpool(2).forward(**given)


def backward(make, x):
    """Return a function that runs forward, and then backward on what it is given."""

    def run(dout):
        made = make()
        made.forward(x.copy())
        return made.backward(dout)

    made = make()
    y = made.forward(x.copy())
    return run, [np.ones_like(level) for level in y] if isinstance(y, list) else np.ones_like(y)


pytestmark = pytest.mark.usefixtures("little_room")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@pytest.mark.parametrize("name", RUN)
def test_an_input_of_a_layer_is_refused_by_name(name):
    make, x = RUN[name]
    failures = unnamed_refusals(name, lambda x: make().forward(x), {"x": x})
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", RUN)
def test_a_gradient_of_a_layer_is_refused_by_name(name):
    run, dout = backward(*RUN[name])
    failures = unnamed_refusals(name, run, {"dout": dout})
    assert not failures, "\n".join(failures)


def test_switches_are_refused_by_name():
    _, switches = MaxPool(2).forward_with_switches(X)
    sound = {"x": np.ones((1, 2, 2, 3)), "switches": switches}
    failures = unnamed_refusals("MaxUnpool", switched, sound)
    assert not failures, "\n".join(failures)
