"""Tiles, planes, backends, comparisons and other helpers: what is refused, and in which words.

Each argument in turn is replaced by what nobody should give: the call goes well, or names the argument.
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from refusals import assert_refused_by_name, assert_says
from spoilt import spoilt, unnamed_refusal
from test_docs import public

from npseg import (
    aggregate,
    backend,
    bench,
    compare,
    data,
    geometry,
    layers,
    memory,
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
ENTRANT = compare.enter("fcn32s", 4, (32, 32), width=1)
RESULT = compare.Result(ENTRANT, training.metrics([[3, 1], [2, 4]]), 60.0, 0.05)
ROWS = summary.summarize(CONV, (8, 8))


@pytest.fixture(autouse=True)
def _little_room(monkeypatch):
    monkeypatch.setattr(room, "memory", lambda: 2**24)
    monkeypatch.setattr(
        superpixels, "felzenszwalb", lambda: lambda image, **given: np.zeros(image.shape[:2], int)
    )


def scoped(manager):
    """Use what may stay in force as a context manager, so that it does not."""

    def run(**given):
        with manager(**given):
            pass

    return run


NETWORK = {"name": "full-resolution", "classes": 4, "width": 1}
FCN = {"name": "fcn32s", "classes": 4, "width": 1, "fc": 2}
CALLS = {
    "array_module": (lambda arrays: backend.array_module(np.zeros(1), arrays), {"arrays": np.zeros(1)}),
    "one_library": (lambda x: backend.one_library("conv", x=x), {"x": np.zeros(1)}),
    "sparse_matrix": (backend.sparse_matrix, {"xp": np}),
    "use": (lambda backend: scoped(use)(name=backend), {"backend": "numpy"}),
    "threads": (scoped(backend.threads), {"n": 1}),
    "to_numpy": (backend.to_numpy, {"x": np.zeros(1)}),
    "generator": (backend.generator, {"seed": 0, "library": np}),
    "fused": (backend.fused, {"function": int}),
    "timed": (backend.timed, {"run": int}),
    "enter": (compare.enter, {"name": "fcn32s", "classes": 4, "size": (32, 32), "width": 1}),
    "at_cost": (
        compare.at_cost,
        {"name": "fcn32s", "classes": 4, "size": (32, 32), "cost": 10**6, "widest": 2},
    ),
    "text": (compare.text, {"results": [RESULT]}),
    "markdown": (compare.markdown, {"results": [RESULT]}),
    "cut": (tiles.cut, {"network": CONV, "size": (64, 64), "tile": 32, "dtype": "float32"}),
    "Rim.of": (tiles.Rim.of, {"network": CONV, "stride": 1, "size": 8}),
    "Rim.cut": (tiles.Rim(1, 1, 2).cut, {"size": 8, "step": 4}),
    "Plane.of": (planes.Plane.of, {"shape": (1, 3, 8, 8), "dtype": "float32", "grid": geometry.Grid()}),
    "Blank": (planes.Blank, {"dtype": "float32"}),
    "follow": (planes.follow, {"network": CONV, "shape": (1, 3, 8, 8), "dtype": "float32"}),
    "empty": (memory.empty, {"shape": (2, 3), "like": np.zeros(1), "dtype": "float32"}),
    "zeros": (memory.zeros, {"shape": (2, 3), "like": np.zeros(1)}),
    "pieces": (superpixels.pieces, {"image": IMAGE, "scale": 100.0, "sigma": 0.8, "min_size": 2}),
    "average": (
        superpixels.average,
        {"probabilities": np.full((2, 4, 5), 0.5), "pieces": np.zeros((4, 5), int)},
    ),
    "labels": (superpixels.labels, {"labeller": LABELLER, "image": IMAGE, "tile": None}),
    "aggregate": (
        aggregate.aggregate,
        {"labeller": LABELLER, "image": IMAGE, "boxes": BOXES, "size": 8, "least": 2, "progress": False},
    ),
    "ensemble": (
        lambda probabilities: aggregate.ensemble(np.full((2, 4, 5), 0.5), probabilities),
        {"probabilities": np.full((2, 4, 5), 0.5)},
    ),
    "blank": (summary.blank, FCN),
    "weightless": (partial(summary.weightless, width=1, fc=2), {"name": "fcn32s", "classes": 4}),
    "summarize": (summary.summarize, {"network": CONV, "size": (8, 8), "batch": 1}),
    "table": (summary.table, {"rows": ROWS}),
    "measure": (summary.measure, {"network": NETWORK | {"depth": 2}, "size": (32, 32), "batch": 1}),
    "Session": (
        bench.Session,
        {
            "parts": ["layers"],
            "only": "relu",
            "methods": ["im2col"],
            "threads": 1,
            "seconds": 0.001,
            "quick": True,
        },
    ),
}

MODULES = (aggregate, backend, bench, compare, memory, planes, summary, superpixels, tiles)

#: Public names that are in no table, and why.
ELSEWHERE = {
    **dict.fromkeys(
        ("current", "thread_count", "cores", "device", "release", "felzenszwalb"), "takes nothing"
    ),
    **dict.fromkeys(
        ("Entrant", "Result", "Row", "Memory", "Step", "Tile"), "a record, which the library fills in"
    ),
    "PARTS": "a constant",
    "Contest": "a record of what a run takes, which Run refuses (test_compare)",
    "compare": "runs a contest, in test_compare; what it refuses is among the messages",
    "shape_above": "follow calls it, by the kind of layer; other kinds are registered",
    "heading": "lays out what Session has measured, as bench.text and bench.markdown do",
}

#: Mistakes, and what is said to them.
MESSAGES = [
    (
        lambda: backend.to_numpy([1.0]),
        TypeError,
        "to_numpy: x is a list; an array is needed, of NumPy or CuPy",
    ),
    (lambda: backend.generator(-1), ValueError, "generator: seed=-1; a whole number from 0 on is needed"),
    (lambda: backend.threads(1.5), TypeError, "threads: 1.5 is not a whole number"),
    (lambda: backend.fused(3), TypeError, "fused: function=3; a function of arrays and numbers is needed"),
    (lambda: backend.timed(3), TypeError, "timed: run=3; a function without arguments is needed"),
    (
        lambda: memory.empty((2, -3), IMAGE),
        ValueError,
        "empty: shape=(2, -3), like a ndarray, dtype=dtype('uint8'): ",
    ),
    (
        lambda: tiles.cut("fcn", (64, 64)),
        TypeError,
        "label: network is 'fcn', a str; a network or a layer is needed",
    ),
    (
        lambda: tiles.cut(CONV, (10**5, 10**5), 8),
        ValueError,
        "label: an image of size 100000x100000 is 156250000 tiles with 8 pixels from one to the next (at most "
        "1000000); give a larger tile",
    ),
    (lambda: planes.follow(CONV, (8, 8)), ValueError, "follow: shape=(8, 8); (N, C, *spatial) is needed"),
    (
        lambda: planes.Plane.of((2, 2), "number"),
        TypeError,
        "Plane: a plane cannot have dtype='number' and shape=(2, 2)",
    ),
    (
        lambda: superpixels.pieces(IMAGE, sigma=-1),
        ValueError,
        "pieces: scale=100.0 must be positive, and sigma=-1.0 must not be negative",
    ),
    (
        lambda: superpixels.average(np.ones((2, 4, 5), int), np.zeros((4, 5), int)),
        TypeError,
        "average: probabilities are int64; a float array is needed",
    ),
    (
        lambda: aggregate.aggregate(LABELLER, IMAGE, [(0, 0, 9, 8)], size=8),
        TypeError,
        "aggregate: boxes[0] is (0, 0, 9, 8), a tuple; a npseg.data.Box is needed",
    ),
    (
        lambda: aggregate.aggregate(LABELLER, IMAGE, BOXES, size=10**6),
        ValueError,
        "aggregate: a box resized to size=1000000, 3x1000000x1000000, would take 11,175.9 GiB",
    ),
    (
        lambda: compare.at_cost("fcn32s", 4, (32, 32), 0),
        ValueError,
        "at_cost: cost=0 must be at least 1",
    ),
    (lambda: compare.text([ENTRANT]), TypeError, "an Entrant; a list of results is needed"),
    (
        lambda: compare.compare(None, []),
        TypeError,
        "compare: contest is None, a NoneType; a Contest is needed",
    ),
    (
        lambda: summary.measure({"name": "unet"}, (32, 32)),
        ValueError,
        "summary: network={'name': 'unet'} has no classes",
    ),
    (
        lambda: summary.measure(NETWORK, (10**5, 10**5)),
        ValueError,
        "summary: a step with batch=1 and input=(100000, 100000), ",
    ),
    (lambda: bench.Session([]), ValueError, "bench: parts=[] is empty; give some of layers, steps, growth"),
    (
        lambda: bench.Session(["layer"]),
        ValueError,
        "bench: parts='layer'; choose one of 'layers', 'steps', 'growth'",
    ),
]


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@given(spoilt(CALLS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_arrays_go_well_or_are_refused_by_name(call):
    assert not unnamed_refusal(CALLS, *call)


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES)
def test_what_is_said(call, kind, message):
    assert_says(call, kind, message)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_in_the_table(module):
    rows = {name.partition(".")[0] for name in CALLS}
    assert not set(public(module)) - rows - ELSEWHERE.keys()


def test_numbers_of_pieces_may_have_gaps_and_take_no_memory():
    numbers = np.array([[7, 7, 2**40, 2**40 + 1]])
    p = np.array([[[0.5, 0.25, 0.5, 1.0]]])
    assert superpixels.average(p, numbers).tolist() == [[[0.375, 0.375, 0.5, 1.0]]]
    assert superpixels.average(p, numbers.astype(np.uint64)).tolist() == [[[0.375, 0.375, 0.5, 1.0]]]


def test_photographs_and_probabilities_may_be_read_only_and_of_any_layout():
    image = np.repeat(IMAGE, 2, axis=1)[:, ::2]
    image.flags.writeable = False
    same = [aggregate.aggregate(LABELLER, a, BOXES, size=8, progress=False) for a in (IMAGE, image)]
    np.testing.assert_array_equal(*same)
    p = np.asfortranarray(np.full((2, 4, 5), 0.5))
    p.flags.writeable = False
    assert (aggregate.ensemble(p, p) == p).all()
    assert (superpixels.average(p, np.zeros((4, 5), int)) == p).all()
