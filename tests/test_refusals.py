"""Layers, networks, training, data and pictures: each argument in turn is replaced by what nobody should give."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
from refusals import unnamed_refusals

from npseg import data, draw, layers, networks, training
from npseg.predict import Labeller

RNG = np.random.default_rng(0)
LABELS, IMAGE = np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3), np.uint8)
COLORS = np.zeros((2, 3), np.uint8)
SCENES = data.Scenes(2, size=(32, 32))
HALF = data.Normalization(np.full(3, 0.5), np.full(3, 0.5))
PARAMS = {"w": np.ones(3)}


def labels(**given):
    network = networks.FullResolution(2, width=1, depth=2)
    return Labeller(network, HALF, ("a", "b"), COLORS).labels(**given)


#: A sound call of each, and the arguments that are replaced.
CALLS = {
    "Conv": (
        layers.Conv,
        {
            "channels_in": 1,
            "channels_out": 2,
            "kernel_size": 3,
            "stride": 1,
            "padding": 0,
            "dilation": 1,
            "rng": RNG,
            "dtype": "float32",
        },
    ),
    "ConvTranspose": (
        layers.ConvTranspose,
        {
            "channels_in": 1,
            "channels_out": 2,
            "kernel_size": 3,
            "stride": 1,
            "padding": 0,
            "rng": RNG,
            "dtype": "float32",
        },
    ),
    "BilinearUpsampling": (
        layers.BilinearUpsampling,
        {"channels": 2, "factor": 2, "padding": 0, "dtype": "float32"},
    ),
    "MaxPool": (layers.MaxPool, {"kernel_size": 2, "stride": 2, "dilation": 1, "ceil_mode": False}),
    "BatchNorm": (layers.BatchNorm, {"channels": 2, "momentum": 0.1, "dtype": "float32"}),
    "Dropout": (layers.Dropout, {"p": 0.5}),
    "Scale": (layers.Scale, {"factor": 2.0}),
    "ZeroPad": (layers.ZeroPad, {"before": 1, "after": 1}),
    "FullResolution": (
        networks.FullResolution,
        {"classes": 2, "width": 1, "depth": 2, "seed": 0, "dtype": "float32", "method": "auto"},
    ),
    "UNet": (networks.UNet, {"classes": 2, "width": 1, "seed": 0, "dtype": "float32", "method": "auto"}),
    "FCN": (
        networks.FCN,
        {
            "classes": 2,
            "head": "32s",
            "width": 1,
            "fc": 2,
            "dropout": 0.5,
            "seed": 0,
            "dtype": "float32",
            "method": "auto",
        },
    ),
    "SlidingWindow": (
        networks.SlidingWindow,
        {"classes": 2, "width": 1, "seed": 0, "dtype": "float32", "method": "auto"},
    ),
    "make": (networks.make, {"name": "fcn32s", "classes": 2, "width": 1, "fc": 2}),
    "SGD": (training.SGD, {"params": PARAMS, "momentum": 0.9, "weight_decay": 0.0}),
    "Adam": (training.Adam, {"params": PARAMS, "weight_decay": 0.0}),
    "Settings": (
        training.Settings,
        {
            "epochs": 1,
            "batch_size": 1,
            "optimizer": "sgd",
            "lr": 0.1,
            "momentum": 0.9,
            "weight_decay": 0.0,
            "bias_rate": 1.0,
            "bias_decay": 1.0,
            "reduction": "mean",
            "schedule": "poly",
            "lr_step": 1,
            "crop": (4, 4),
            "flip": True,
            "balance": 0.0,
            "seed": 0,
        },
    ),
    "confusion_matrix": (
        training.confusion_matrix,
        {"labels": LABELS, "prediction": LABELS, "classes": 2, "ignore_index": 255},
    ),
    "metrics": (training.metrics, {"matrix": np.eye(2, dtype=int)}),
    "Scenes": (data.Scenes, {"count": 2, "size": (32, 32), "seed": 0}),
    "voc_palette": (data.voc_palette, {"n": 3}),
    "steps_per_epoch": (partial(data.steps_per_epoch, SCENES), {"batch_size": 1}),
    "colorize": (draw.colorize, {"labels": LABELS, "colors": COLORS}),
    "overlay": (draw.overlay, {"image": IMAGE, "labels": LABELS, "colors": COLORS, "alpha": 0.5}),
    "overlap_counts": (draw.overlap_counts, {"kernel_size": 3, "stride": 2, "size": 4}),
    "field_of": (draw.field_of, {"network": layers.Conv(3, 1, 3, rng=RNG), "size": 8}),
    "label": (labels, {"image": IMAGE, "tile": 32}),
}


pytestmark = pytest.mark.usefixtures("little_room")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    failures = unnamed_refusals(name, *CALLS[name])
    plt.close("all")
    assert not failures, "\n".join(failures)
