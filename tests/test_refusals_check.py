"""The checks and the oracle: what is refused, and in which words.

Each argument in turn is replaced by what nobody should give: the call goes well, or names the argument.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from refusals import assert_refused_by_name, assert_says

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
DRAWN = {"axes": 1, "examples": 2, "seconds": 1.0, "seed": 0, "dtype": "float64"}
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
        {
            "candidate": relu,
            "reference": "relu_forward",
            "only": {},
            "signature": "npseg",
            "library": None,
            "device": None,
        }
        | {"tolerance": None}
        | DRAWN,
    ),
    "against, a function": (
        called(partial(check.against, relu, examples=2)),
        {"reference": relu, "cases": st.tuples(st.integers(0, 9))},
    ),
    **{
        f"against, {option}": (
            lambda reference="conv_forward", **only: check.against(
                npseg.conv_forward, reference, only=only, **DRAWN
            ),
            {option: value},
        )
        for option, value in {
            "stride": 1,
            "padding": 0,
            "dilation": 1,
            "groups": 1,
            "kernel_size": 1,
            "images": 1,
            "channels": 2,
            "filters": 2,
        }.items()
    },
    "grade": (
        lambda my_conv: check.grade(my_conv=my_conv),
        {"my_conv": check.Verdict("my_conv", "conv_forward", 1)},
    ),
    "grade_folder": (
        called(check.grade_folder),
        {
            "folder": "submissions",
            "function": "f",
            "reference": "relu_forward",
            "exercises": None,
            "seconds": 1.0,
            "progress": None,
        },
    ),
    "judge_outputs": (check.judge_outputs, {"outputs": "vectors", "vectors": None}),
    "write_vectors": (
        lambda **given: check.write_vectors(folder=tempfile.mkdtemp(), **given),
        {"reference": "relu_forward", "count": 1, "axes": 1, "only": {}, "dtype": "float32", "seed": 0},
    ),
    "write_vectors, folder": (
        lambda folder: check.write_vectors("relu_forward", folder, count=1, axes=1),
        {"folder": "another"},
    ),
}

#: Public names that are in no table, and why.
ELSEWHERE = {
    **dict.fromkeys(("AdjointError", "CheckError", "GradientError", "KinkError"), "what a check raises"),
    **dict.fromkeys(
        ("AdjointReport", "Comparison", "Failure", "Mark", "Report", "Row", "Verdict"),
        "a record, which a check fills in",
    ),
    "every_operation": "takes nothing",
}

#: Mistakes, and what is said to them.
MESSAGES = [
    (
        lambda: check.gradients("relu", back, X),
        TypeError,
        "gradients: forward is 'relu', a str; a function is needed: its name",
    ),
    (
        lambda: check.gradients(square, None, X),
        TypeError,
        "gradients: backward is None, a NoneType; a function is needed",
    ),
    (
        lambda: check.gradients(square, back, 3),
        ValueError,
        "square: no float array among the arguments (x is int), so nothing to differentiate",
    ),
    (lambda: check.gradients(square, back, X, step=np.inf), ValueError, "square: step=inf must be finite"),
    (
        lambda: check.gradients(square, back, X, directions=10**9),
        ValueError,
        "square: directions=1000000000 must be at most 10000",
    ),
    (lambda: check.gradients(square, back, X, seed=-1), ValueError, "gradients: seed=-1 must be at least 0"),
    (
        lambda: check.gradients(square, back, X, names="x"),
        TypeError,
        "gradients: names is 'x', a str; a list of strings is needed",
    ),
    (lambda: check.adjoint(square, 2, X), TypeError, "adjoint: backward is 2, an int; a function is needed"),
    (
        lambda: check.adjoint(square, back, X, tolerance=0),
        ValueError,
        "adjoint: tolerance=0 must be positive",
    ),
    (lambda: check.accuracy(seed="a"), TypeError, "accuracy: seed='a' is not a whole number"),
    (
        lambda: check.report([1]),
        TypeError,
        "report: rows is 1, an int; a list of what gradcheck returns is needed",
    ),
    (lambda: check.against(relu, 3), TypeError, "against: reference is 3, an int; a function is needed"),
    (
        lambda: check.against(relu, relu, [1]),
        TypeError,
        "against: cases is [1], a list; a strategy of hypothesis is needed",
    ),
    (
        lambda: check.against(relu, "relu_forward", axes=4),
        ValueError,
        "against: axes=4; 1, 2 or 3, or None",
    ),
    (
        lambda: check.against(relu, "relu_forward", library="..numpy"),
        ValueError,
        "against: library='..numpy' cannot be imported",
    ),
    (
        lambda: check.against(npseg.conv_forward, "conv_forward", only={"stride": 0}),
        ValueError,
        "against: only['stride']=0 must be at least 1",
    ),
    (
        lambda: check.against(npseg.conv_forward, "conv_forward", only={"channels": 10**9}),
        ValueError,
        "against: only['channels']=1000000000 must be at most 256",
    ),
    (
        lambda: check.against(npseg.conv_forward, "conv_forward", only={"stride": []}),
        ValueError,
        "against: only='stride' may have no value; give some to choose from",
    ),
    (
        lambda: check.against(
            npseg.conv_forward, "conv_forward", only={"padding": "same", "stride": 2}, seconds=0.5
        ),
        ValueError,
        "and only={'padding': 'same', 'stride': 2}: nothing that was drawn can be asked (conv_forward: padding='same' "
        "needs stride 1",
    ),
    (
        lambda: check.against(relu, relu, st.nothing()),
        ValueError,
        "against: no case was run in seconds=60: nothing that was drawn can be asked",
    ),
    (
        lambda: check.grade(a=True),
        TypeError,
        "grade: a is True, a bool; what npseg.check.against returns is needed",
    ),
    (
        lambda: check.grade_folder(3),
        TypeError,
        "grade_folder: folder is 3, an int; the path of a file or a folder is needed",
    ),
    (
        lambda: check.grade_folder("submissions", seconds=0),
        ValueError,
        "grade_folder: seconds=0 must be positive",
    ),
    (
        lambda: check.judge_outputs(None),
        TypeError,
        "judge_outputs: outputs is None, a NoneType; the path of a file or a folder is needed",
    ),
    (
        lambda: check.write_vectors("relu_forward", "vast", count=10**6),
        ValueError,
        "vectors: count=1000000 must be at most 10000",
    ),
]


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    """A folder with a submission and a vector; of all operations one; and little memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "memory", lambda: 2**24)
    monkeypatch.setattr(folders, "run_apart", lambda request, seconds: {})
    for module in (operations, rounding):
        monkeypatch.setattr(module, "every_case", relus)
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "ada.py").write_text("")
    check.write_vectors("relu_forward", "vectors", count=1, axes=1)


def relus(seed=231):
    return (case for case in every_case(seed) if case.name == "relu")


@pytest.mark.parametrize("name", CALLS)
def test_each_argument_in_turn_is_refused_by_name(name):
    assert_refused_by_name(name, *CALLS[name])


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES)
def test_what_is_said(call, kind, message):
    assert_says(call, kind, message)


def test_every_check_is_in_the_table():
    assert set(check.__all__) == {name.partition(",")[0] for name in CALLS} | ELSEWHERE.keys()


@pytest.mark.parametrize(
    "record", ["[]", "{}", '{"inputs": 3}', '{"inputs": {}, "parameters": {}, "answers": {"y": {}}}']
)
def test_a_golden_vector_that_is_none(record):
    Path("vectors/case_000.json").write_text(record)
    with pytest.raises(ValueError, match=r"case_000\.json is no case of golden vectors"):
        check.judge_outputs("vectors")


def test_a_restriction_to_two_axes_leaves_the_others_out():
    verdict = check.against(npseg.conv_forward, "conv_forward", only={"kernel_size": (2, 3)}, examples=5)
    assert verdict.passed
    assert verdict.ranges["w"].endswith("2…3 on each axis)")


def test_arrays_may_be_read_only_and_of_any_layout_and_are_left_as_they_are():
    x = np.repeat(np.arange(-5.5, 6.5).reshape(1, 2, 2, 3), 2, axis=-1)[..., ::2]
    kept = x.copy()
    x.flags.writeable = False
    assert check.gradients(npseg.relu_forward, npseg.relu_backward, x).passed
    assert check.adjoint(npseg.conv_forward, npseg.conv_backward, np.floor(x), np.ones((1, 2, 2, 2))).exact
    assert (x == kept).all()
