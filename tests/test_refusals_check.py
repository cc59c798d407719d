"""The checks and the oracle: each argument in turn is replaced by what nobody should give."""

from functools import partial

import numpy as np
import pytest
from fuzz import STRANGE
from hypothesis import strategies as st
from refusals import unnamed_refusals

import npseg
from npseg import check, room
from npseg.check import operations, rounding
from npseg.check.cases import every_case
from npseg.check.oracle import folders

X = np.array([[[1.0, 2.0, -3.0]]])
ROW = check.Row("conv", "im2col", "x", 3.1e-11)


def square(x):
    return x * x, x


def back(dout, x):
    return 2 * x * dout


def relu(x):
    return np.maximum(x, 0)


def called(run):
    """Give no class in place of a function: what a function that is given refuses is its own matter."""
    return lambda **given: run(**{name: print if value is object else value for name, value in given.items()})


def judged(run):
    """Let a check say what it finds: that something is wrong is an answer."""

    def checked(*arrays, **given):
        try:
            return run(*arrays, **given)
        except check.CheckError as error:
            return error

    return checked


gradients, adjoint = judged(check.gradients), judged(check.adjoint)
DRAWN = {"axes": 1, "examples": 2, "seconds": 0.2, "seed": 0, "dtype": "float64"}
CALLS = {
    "gradients": (
        lambda x, **given: gradients(square, back, x, **given),
        {"x": X, "names": ["x"], "seed": 0, "directions": 1, "step": 1e-5, "tolerance": None},
    ),
    "adjoint": (
        lambda x, **given: adjoint(npseg.tanh_forward, npseg.tanh_backward, x, **given),
        {"x": X, "seed": 0, "tolerance": 1e-9},
    ),
    "accuracy": (called(check.accuracy), {"progress": None, "seed": 0}),
    "gradcheck": (called(check.gradcheck), {"progress": None}),
    "report": (check.report, {"rows": [ROW]}),
    "against": (
        check.against,
        {"candidate": relu, "reference": "relu_forward", "only": {}, "signature": "npseg", "library": None, "device": None}
        | {"tolerance": None}
        | DRAWN,
    ),
    "against, a function": (
        called(partial(check.against, relu, examples=2)),
        {"reference": relu, "cases": st.tuples(st.integers(0, 9))},
    ),
    **{
        f"against, {option}": (
            lambda reference="conv_forward", **only: check.against(npseg.conv_forward, reference, only=only, **DRAWN),
            {option: value},
        )
        for option, value in {
            "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "kernel_size": 1, "images": 1, "channels": 2, "filters": 2,
        }.items()
    },
    "grade": (lambda my_conv: check.grade(my_conv=my_conv), {"my_conv": check.Verdict("my_conv", "conv_forward", 1)}),
    "grade_folder": (
        called(check.grade_folder),
        {"folder": "submissions", "function": "f", "reference": "relu_forward", "exercises": None, "seconds": 1.0, "progress": None},
    ),
    "judge_outputs": (check.judge_outputs, {"outputs": "vectors", "vectors": None}),
    "write_vectors": (
        lambda **given: check.write_vectors(folder="more", **given),
        {"reference": "relu_forward", "count": 1, "axes": 1, "only": {}, "dtype": "float32", "seed": 0},
    ),
    "write_vectors, folder": (
        lambda folder: check.write_vectors("relu_forward", folder, count=1, axes=1),
        {"folder": "another"},
    ),
}
