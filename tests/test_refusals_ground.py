"""Windows, grids, tiles, planes, backends, comparisons: each argument in turn is replaced by what nobody should give."""

from functools import partial

import numpy as np
import pytest
from refusals import unnamed_refusals

from npseg import (
    aggregate,
    backend,
    bench,
    compare,
    data,
    geometry,
    layers,
    memory,
    networks,
    planes,
    room,
    summary,
    superpixels,
    tiles,
    training,
)
from npseg.backend import use
from npseg.predict import Labeller

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (9, 8, 3), np.uint8)
CONV = layers.Conv(3, 2, 3, padding=1, rng=RNG)
HALF = data.Normalization(np.full(3, 0.5), np.full(3, 0.5))
LABELLER = Labeller(layers.Sequential(conv=CONV), HALF, ("a", "b"), np.zeros((2, 3), np.uint8))
BOXES = [data.Box(0, 0, 9, 8)]
WINDOW = geometry.Window.down((4,), (3,), stride=(2,), padding=((1, 1),))
GRID = geometry.Grid().down(kernel=3, stride=2, padding=1)
SCENES = data.Scenes(2, size=(32, 32))
ENTRANT = compare.enter("fcn32s", 4, (32, 32), width=1)
RESULT = compare.Result(ENTRANT, training.metrics([[3, 1], [2, 4]]), 60.0, 0.05)
PLANE = planes.Plane.of((1, 3, 8, 8), "float32")
ROWS = summary.summarize(CONV, (8, 8))
RECORD = {}


@pytest.fixture(autouse=True)
def _little_room(monkeypatch):
    monkeypatch.setattr(room, "memory", lambda: 2**24)
    monkeypatch.setattr(superpixels, "felzenszwalb", lambda: lambda image, **given: np.zeros(image.shape[:2], int))


def scoped(manager):
    """Use what may stay in force as a context manager, so that it does not."""

    def run(**given):
        with manager(**given):
            pass

    return run


SIDES = {"kernel": (3,), "stride": (2,), "padding": ((1, 1),), "dilation": (1,)}
SLIDE = {"kernel": 3, "stride": 2, "padding": 1, "dilation": 1}
NETWORK = {"name": "full-resolution", "classes": 4, "width": 1}
FCN = {"name": "fcn32s", "classes": 4, "width": 1, "fc": 2}
CALLS = {
    "times": (geometry.times, {"sizes": (3, 4)}),
    "smallest_size": (geometry.smallest_size, {"out": (2,)} | SIDES),
    "Window.down": (geometry.Window.down, {"size": (4,)} | SIDES | {"ceil_mode": False}),
    "Window.up": (geometry.Window.up, {"out": (2,)} | SIDES | {"output_padding": (1,)}),
    "Window.rows": (WINDOW.rows, {"rows": slice(0, 1)}),
    "Window.positions": (WINDOW.positions, {"axis": 0, "xp": np}),
    "Window.index": (WINDOW.index, {"xp": np}),
    "Window.first": (WINDOW.first, {"xp": np}),
    "Window.divisor": (WINDOW.divisor, {"include_padding": True, "override": None, "like": np.zeros(1)}),
    "Grid.down": (GRID.down, SLIDE),
    "Grid.up": (GRID.up, SLIDE),
    "Grid.crop": (GRID.crop, {"offset": 1}),
    "Grid.offset_of": (GRID.offset_of, {"other": GRID}),
    "bilinear_taps": (partial(geometry.bilinear_taps, out=4, align_corners=False), {"size": 2, "xp": np}),
    "array_module": (lambda arrays: backend.array_module(np.zeros(1), arrays), {"arrays": np.zeros(1)}),
    "one_library": (lambda x: backend.one_library("conv", x=x), {"x": np.zeros(1)}),
    "sparse_matrix": (backend.sparse_matrix, {"xp": np}),
    "use": (lambda backend: scoped(use)(name=backend), {"backend": "numpy"}),
    "threads": (scoped(backend.threads), {"n": 1}),
    "to_numpy": (backend.to_numpy, {"x": np.zeros(1)}),
    "generator": (backend.generator, {"seed": 0, "library": np}),
    "timed": (backend.timed, {"run": int}),
    "enter": (compare.enter, {"name": "fcn32s", "classes": 4, "size": (32, 32), "width": 1}),
    "at_cost": (compare.at_cost, {"name": "fcn32s", "classes": 4, "size": (32, 32), "cost": 10**6, "widest": 2}),
    "text": (compare.text, {"results": [RESULT]}),
    "markdown": (compare.markdown, {"results": [RESULT]}),
    "Tile.cut": (tiles.cut, {"network": CONV, "size": (64, 64), "tile": 32, "dtype": "float32"}),
    "Rim.of": (tiles.Rim.of, {"network": CONV, "stride": 1, "size": 8}),
    "Rim.cut": (tiles.Rim(1, 1, 2).cut, {"size": 8, "step": 4}),
    "Plane.of": (planes.Plane.of, {"shape": (1, 3, 8, 8), "dtype": "float32", "grid": GRID}),
    "Blank": (planes.Blank, {"dtype": "float32"}),
    "follow": (planes.follow, {"network": CONV, "shape": (1, 3, 8, 8), "dtype": "float32"}),
    "empty": (memory.empty, {"shape": (2, 3), "like": np.zeros(1), "dtype": "float32"}),
    "zeros": (memory.zeros, {"shape": (2, 3), "like": np.zeros(1)}),
    "pieces": (superpixels.pieces, {"image": IMAGE, "scale": 100.0, "sigma": 0.8, "min_size": 2}),
    "average": (superpixels.average, {"probabilities": np.full((2, 4, 5), 0.5), "pieces": np.zeros((4, 5), int)}),
    "labels": (superpixels.labels, {"labeller": LABELLER, "image": IMAGE, "tile": None}),
    "aggregate": (
        aggregate.aggregate,
        {"labeller": LABELLER, "image": IMAGE, "boxes": BOXES, "size": 8, "least": 2, "progress": False},
    ),
    "ensemble": (lambda probabilities: aggregate.ensemble(np.full((2, 4, 5), 0.5), probabilities), {"probabilities": np.full((2, 4, 5), 0.5)}),
    "blank": (summary.blank, FCN),
    "weightless": (partial(summary.weightless, width=1, fc=2), {"name": "fcn32s", "classes": 4}),
    "summarize": (summary.summarize, {"network": CONV, "size": (8, 8), "batch": 1}),
    "table": (summary.table, {"rows": ROWS}),
    "measure": (summary.measure, {"network": NETWORK | {"depth": 2}, "size": (32, 32), "batch": 1}),
    "Session": (bench.Session, {"parts": ["layers"], "only": "relu", "methods": ["im2col"], "threads": 1, "seconds": 0.001, "quick": True}),
}
