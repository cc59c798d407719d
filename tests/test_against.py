"""Candidates held against npseg: the right ones pass, and of each wrong one the smallest case is shown."""

import inspect
import json
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import strategies as st

import npseg
from npseg.check import Failure, Verdict, against, grade
from npseg.check.oracle import trial
from npseg.check.oracle.domains import DOMAINS

OPERATIONS = sorted(
    name for name in npseg.__all__ if name.removesuffix("_forward").removesuffix("_backward") in DOMAINS
)
LINE = {"b": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def test_every_operation_can_be_asked_about():
    passes = [name for name in npseg.__all__ if name.endswith(("_forward", "_backward"))]
    assert set(passes) <= set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_npseg_passes_against_itself(name):
    verdict = against(getattr(npseg, name), name, examples=40, seconds=600)
    assert verdict.passed, verdict
    assert verdict.cases == 40
    assert verdict.headline == f"{name}: passed, 40 cases like {name}"


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in OPERATIONS
        if n.endswith("_forward") and "method" in inspect.signature(getattr(npseg, n)).parameters
    ],
)
def test_the_loops_pass(name):
    def by_loops(*arrays, **options):
        return getattr(npseg, name)(*arrays, method="loops", **options)

    assert against(by_loops, name, examples=20, seconds=600).passed


def relu(x):
    return np.maximum(x, 0)


def flipped(x, w):
    return npseg.conv_forward(x, w[..., ::-1])[0]


def padded_before_only(x, w, *, padding):
    return npseg.conv_forward(x, w, padding=((padding, 0),))[0]


def overwriting(x, w, *, stride):
    y = np.zeros((x.shape[0], w.shape[1], stride * (x.shape[2] - 1) + w.shape[2]))
    for i in range(x.shape[2]):
        y[:, :, i * stride : i * stride + w.shape[2]] = np.einsum("nc,cdk->ndk", x[:, :, i], w)
    return y


def padded_with_zero(x, kernel_size):
    x = np.pad(x, [(0, 0), (0, 0), (1, 1)])
    return npseg.max_pool_forward(x, kernel_size, stride=1)[0]


def last_of_ties(dout, cache):
    return dout * 0


def transposed(x):
    return np.maximum(x, 0).swapaxes(0, 1)


WRONG = [
    (flipped, "conv_forward", LINE, "is not conv_forward"),
    (padded_before_only, "conv_forward", {k: v for k, v in LINE.items() if k != "padding"}, ""),
    (
        overwriting,
        "conv_transpose_forward",
        {"b": None, "padding": 0, "output_padding": 0, "output_size": None, "dilation": 1, "groups": 1},
        "is not conv_transpose_forward",
    ),
    (
        padded_with_zero,
        "max_pool_forward",
        {"stride": 1, "padding": 1, "dilation": 1, "ceil_mode": False},
        "is not max_pool_forward",
    ),
    (last_of_ties, "relu_backward", {}, "is not relu_backward"),
    (lambda x: np.maximum(x, 0).astype("float32"), "relu_forward", {}, "is float32; wanted is float64"),
    (lambda x: np.maximum(x, 0)[:, :, :1], "relu_forward", {}, "has shape"),
    (lambda x: np.maximum(x, 0, out=x), "relu_forward", {}, "writes into what it is given"),
    (lambda x: None, "relu_forward", {}, "nothing yet: it returned None"),
    (lambda x: x.rectified, "relu_forward", {}, "fails with AttributeError: "),
    (lambda x: sys.exit(0), "relu_forward", {}, "fails with SystemExit: 0"),
    (lambda x: "text", "relu_forward", {}, "no array of numbers"),
    (lambda x: [[1], [2, 3]], "relu_forward", {}, "no array of numbers"),
    (lambda x: x * np.nan, "relu_forward", {}, "is not relu_forward"),
    (lambda dout, cache: (dout, dout), "conv_backward", {}, "3 results are wanted"),
    (
        lambda dout, cache: (*npseg.conv_backward(dout, cache)[:2], 0),
        "conv_backward",
        {"b": None},
        "db is 0",
    ),
]


@pytest.mark.parametrize(("candidate", "reference", "only", "message"), WRONG)
def test_what_is_wrong_is_said(candidate, reference, only, message):
    verdict = against(candidate, reference, axes=1, only=only)
    assert not verdict.passed
    assert message in str(verdict)


def test_the_smallest_case_is_shown():
    *lines, diagnosis = str(against(flipped, "conv_forward", axes=1, only=LINE)).splitlines()
    assert lines == [
        "flipped: is not conv_forward",
        *("  x =", "    [[[0. 1.]]]", "  w =", "    [[[0. 1.]]]"),
        *("  it returns", "    [[[0.]]]", "  wanted is", "    [[[1.]]]"),
        "  first difference: at [0, 0, 0] 0, not 1",
    ]
    assert diagnosis.startswith("  this is what one gets if the kernel is flipped: ")


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_case_is_small_where_sizes_must_shrink_together(monkeypatch, seed):
    """Hypothesis alone ends at x of shape (2, 4, 5) here; and the mistake has a name."""
    monkeypatch.setattr(trial, "PATIENCE", 0.5)
    monkeypatch.setattr(trial, "STEPS", 60.0)  # however busy the machine is

    def interleaved(x, w, b=None, *, groups=1):
        y = npseg.conv_forward(x, w, b, groups=groups)[0]
        return y.reshape(len(y), groups, -1, *y.shape[2:]).swapaxes(1, 2).reshape(y.shape)

    failure = against(interleaved, "conv_forward", seed=seed).failure
    assert failure.arguments["x"].shape == (1, 2, 1)
    assert failure.arguments["w"].shape == (4, 1, 1)
    assert sorted(failure.arguments["x"].ravel()) == [0, 1]
    assert "groups are interleaved" in failure.diagnosis


def test_what_is_held_stays_and_the_gradient_takes_the_shape_of_what_is_left(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.5)
    monkeypatch.setattr(trial, "STEPS", 60.0)

    def flips(dout, x, w, **options):
        dx, dw, _ = npseg.conv_backward(dout, npseg.conv_forward(x, w, **options)[1])
        return dx, dw[..., ::-1], None

    held = {"stride": (1, 2), "channels": 2, "b": None}
    failure = against(flips, "conv_backward", signature="arrays", only=held).failure
    shapes = {name: value.shape for name, value in failure.arguments.items() if hasattr(value, "shape")}
    assert shapes == {"dout": (1, 1, 1, 1), "x": (1, 2, 1, 2), "w": (1, 2, 1, 2)}
    assert failure.arguments["stride"] == (1, 2)


def test_who_takes_two_axes_only_is_told_how_to_say_so():
    def planes(x, w):
        _, _, height, width = x.shape
        return npseg.conv_forward(x, w)[0].reshape(
            len(x), -1, height - w.shape[2] + 1, width - w.shape[3] + 1
        )

    assert "does it take 2 axes only? --axes 2" in str(against(planes, "conv_forward"))
    verdict = against(planes, "conv_forward", axes=2, examples=20)
    assert verdict.ranges["axes"] == "2, as asked"
    assert against(relu, "relu_forward", examples=40).ranges["axes"] == "1…3"


def test_what_is_given_to_a_parameter_of_another_name_is_said():
    def steps(x, w, step=1):
        return npseg.conv_forward(x, w, stride=step)[0]

    assert "step is given b, by its position" in against(steps, "conv_forward", axes=1).failure.hint


def test_an_error_names_the_line_of_the_candidate():
    def divides(x):
        return x / len(x.missing)

    assert "line" in str(against(divides, "relu_forward"))
    assert "return x / len(x.missing)" in str(against(divides, "relu_forward"))


def test_who_answers_differently_each_time_does_not_pass():
    source = random.Random(1)
    assert not against(lambda x: np.maximum(x, 0) + source.choice((0, 1)), "relu_forward").passed


def test_options_that_are_not_taken_are_held_at_their_defaults():
    def strided(x, w, *, stride):
        return npseg.conv_forward(x, w, stride=stride)[0]

    assert against(strided, "conv_forward").passed


def test_the_same_seed_draws_the_same_cases():
    def cases(seed):
        seen = []

        def looks(x):
            seen.append(x.copy())
            return np.maximum(x, 0)

        against(looks, "relu_forward", examples=20, seed=seed)
        return seen

    first, second, third = cases(1), cases(1), cases(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert not all(np.array_equal(a, b) for a, b in zip(first, third))


class TestFunctions:
    def test_a_function_is_held_against_a_function(self):
        numbers = st.tuples(st.integers(0, 99))
        assert against(lambda n: n * n, lambda n: n**2, numbers).passed
        verdict = against(lambda n: n + 1, lambda n: max(n, 40), numbers)
        assert str(verdict).splitlines() == [
            "<lambda>: is not the reference",
            *("  n = 0", "  it returns 1", "  wanted is 40", "  first difference: 1, not 40"),
        ]

    @pytest.mark.parametrize("answer", [np.float64(3), np.bool_(True), 3, True, 3.0, [3], np.array(3)])
    def test_answers_of_any_kind_are_compared(self, answer):
        assert against(lambda n: answer, lambda n: answer, st.tuples(st.just(0))).passed
        assert not against(lambda n: answer, lambda n: 0, st.tuples(st.just(0))).passed

    def test_rounding_is_no_difference(self):
        assert against(lambda n: n / 3, lambda n: n * (1 / 3), st.tuples(st.integers(1, 99))).passed
        assert not against(lambda n: n * 1.0001, lambda n: n, st.tuples(st.integers(1, 99))).passed


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((1, "conv_forward"), {}, TypeError, "1 is no function"),
        ((flipped, "convolve"), {}, ValueError, "'convolve'; choose one of avg_pool_backward, "),
        (
            (flipped, "conv_forward"),
            {"only": {"strid": 1}},
            ValueError,
            "'strid' is no option of conv_forward",
        ),
        ((flipped, flipped), {}, ValueError, "needs cases"),
        ((flipped, "conv_forward"), {"examples": 0}, ValueError, "examples=0"),
    ],
)
def test_what_is_refused(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        against(*arguments, **options)


def test_in_jupyter_the_verdict_is_marked_and_escaped():
    good, bad = Verdict("f", "g", 3), Verdict("f", "g", 3, Failure("is <b>", {"x": 1}))
    good, bad = good._repr_html_(), bad._repr_html_()
    assert "✓" in good
    assert "✗" in bad
    assert "is &lt;b&gt;" in bad
    assert "x = 1" in bad


def test_grades_are_json_and_an_exit_status(capsys):
    good, bad = Verdict("f", "g", 3), Verdict("h", "g", 3, Failure("is not g"))
    assert grade(f=good) == 0
    assert json.loads(capsys.readouterr().out) == {
        "f": {"passed": True, "message": "f: passed, 3 cases like g"}
    }
    assert grade(f=good, h=bad) == 1
    assert json.loads(capsys.readouterr().out)["h"] == {"passed": False, "message": "h: is not g"}


def test_without_hypothesis_it_says_what_to_install():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import npseg\n"
        "try: npseg.check.against(abs, 'relu_forward')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'npseg[oracle]'" in done.stdout
