"""How the oracle asks: signatures, libraries, dtypes, restrictions; and what it says of candidates that misbehave."""

import contextlib
import json
import time

import numpy as np
import pytest
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy

import npseg
from npseg.check import against
from npseg.check.oracle.arrays import rounded
from npseg.check.oracle.limits import TooLongError, at_most

FEW = {"examples": 30, "seconds": 600}  # however busy the machine is


def relu(x):
    return np.maximum(x, 0)


class TestSignatures:
    def test_a_pair_goes_back_with_its_own_cache(self):
        def forward(x, w, b=None, *, stride):
            return npseg.conv_forward(x, w, b, stride=stride)[0], (x, w, b, stride)

        def backward(dout, cache):
            *arrays, stride = cache
            return npseg.conv_backward(dout, npseg.conv_forward(*arrays, stride=stride)[1])

        assert against((forward, backward), "conv_backward", **FEW).passed
        assert not against(
            (forward, lambda dout, cache: backward(2 * dout, cache)), "conv_backward", **FEW
        ).passed

    def test_arrays_hands_over_what_the_forward_pass_takes(self):
        def gradient(dout, x):
            return dout * (x > 0)

        assert against(gradient, "relu_backward", signature="arrays", **FEW).passed

    def test_a_function_adapts_names_and_orders(self):
        def kernel(weights, image, step):
            return npseg.conv_forward(image, weights, stride=step)[0]

        def adapter(kernel, x, w, *, stride):
            return kernel(w, x, stride)

        verdict = against(kernel, "conv_forward", signature=adapter, **FEW)
        assert verdict.passed
        assert verdict.name == "kernel"

    @pytest.mark.parametrize("reference", ["conv_forward", "conv_transpose_forward", "max_pool_forward"])
    def test_channels_last(self, reference):
        def last(x, *others, **options):
            first = np.moveaxis(x, -1, 1)
            others = [np.moveaxis(w, (-1, -2), (0, 1)) if getattr(w, "ndim", 0) > 2 else w for w in others]
            y, _ = getattr(npseg, reference)(first, *others, **options)
            return np.moveaxis(y, 1, -1)

        def adapted(x, w, b=None, **options):
            return last(x, w, b, **options)

        candidate = last if "pool" in reference else adapted
        assert against(candidate, reference, signature="channels_last", **FEW).passed
        assert not against(candidate, reference, **FEW).passed

    def test_channels_last_of_gradients(self):
        def gradient(dout, x, w, b, **options):
            x, dout = (np.ascontiguousarray(np.moveaxis(a, -1, 1)) for a in (x, dout))
            w = np.ascontiguousarray(np.moveaxis(w, (-1, -2), (0, 1)))
            dx, dw, db = npseg.conv_backward(dout, npseg.conv_forward(x, w, b, **options)[1])
            return np.moveaxis(dx, 1, -1), np.moveaxis(dw, (0, 1), (-1, -2)), db

        assert against(gradient, "conv_backward", signature="channels_last", **FEW).passed

    def test_defaults_are_held_against_npsegs(self):
        def strided(x, w, *, stride=2):
            return npseg.conv_forward(x, w, stride=stride)[0]

        verdict = against(strided, "conv_forward")
        assert not verdict.passed
        assert "stride (left out) = 1" in str(verdict)

    @pytest.mark.parametrize("name", ["b", "bias"])
    def test_a_bias_is_given_by_position_whatever_its_name(self, name):
        """It was left out where its name was PyTorch's, and who forgot it passed."""
        scope = {"npseg": npseg}
        exec(f"def forgets(x, w, {name}=None): return npseg.conv_forward(x, w)[0]", scope)
        verdict = against(scope["forgets"], "conv_forward", axes=1)
        assert "the bias is forgotten" in verdict.failure.diagnosis

    def test_a_bias_goes_by_name_where_its_place_is_another_arguments(self):
        seen = []

        def late(x, w, stride=1, *, b=None):
            seen.append(b)
            return npseg.conv_forward(x, w, b, stride=stride)[0]

        assert against(late, "conv_forward", **FEW).passed
        assert any(b is not None for b in seen)

    def test_what_was_not_tried_is_said(self):
        def kernel(x, w, stride=1, *, threads=1):
            return npseg.conv_forward(x, w, stride=stride)[0]

        verdict = against(kernel, "conv_forward", only={"groups": 1}, **FEW)
        assert verdict.passed
        assert "not tried: b, padding, dilation, which kernel does not take" in verdict.notes
        assert (
            "never given: threads, a parameter of kernel that conv_forward knows nothing of" in verdict.notes
        )

    def test_a_place_in_between_may_be_held(self):
        def corner(x, size):
            return npseg.crop_forward(x, (0, 0), size)[0]

        assert against(corner, "crop_forward", axes=2, only={"offset": (0, 0)}, **FEW).passed


class TestDtypes:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_npseg_in_either(self, dtype):
        for name in ("conv_forward", "conv_backward", "batch_norm_forward", "cross_entropy_backward"):
            assert against(getattr(npseg, name), name, dtype=dtype, **FEW).passed

    def test_half_is_judged_from_the_rounded_inputs(self):
        def half(x, w, b=None, **options):
            arrays = (a if a is None else a.astype(np.float32) for a in (x, w, b))
            return npseg.conv_forward(*arrays, **options)[0].astype(np.float16)

        verdict = against(half, "conv_forward", dtype="float16")
        assert verdict.passed, verdict
        assert "11 bits" in str(verdict)

    @pytest.mark.parametrize(("smaller", "kind"), [("float32", "single"), ("float16", "half")])
    def test_who_computes_in_a_smaller_dtype_than_he_returns_is_caught(self, smaller, kind):
        def narrow(x, w):
            return npseg.conv_forward(x, w.astype(smaller).astype(x.dtype))[0]

        dtype = "float64" if smaller == "float32" else "float32"
        verdict = against(narrow, "conv_forward", dtype=dtype)
        assert f"this looks like {kind} precision ({smaller}) inside" in verdict.failure.diagnosis

    def test_bfloat16_rounds_to_even(self):
        given = np.array([1.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-8 + 2.0**-20, -3.0, 0.0])
        assert rounded(given, "bfloat16").tolist() == [1, 1, 1 + 2.0**-6, 1 + 2.0**-7, -3, 0]

    def test_a_tolerance_of_ones_own(self):
        assert against(lambda x: relu(x) * 1.01, "relu_forward", tolerance=0.02, **FEW).passed
        assert not against(lambda x: relu(x) * 1.01, "relu_forward", tolerance=0.001, **FEW).passed


class TestRestrictions:
    @pytest.mark.parametrize(
        ("only", "holds"),
        [
            ({"stride": 2}, lambda o, w: o["stride"] == 2),
            ({"stride": [1, 3]}, lambda o, w: o["stride"] in (1, 3)),
            ({"padding": "symmetric"}, lambda o, w: "(" not in str(o["padding"])[1:]),
            ({"stride": "square"}, lambda o, w: isinstance(o["stride"], int) or len(set(o["stride"])) == 1),
            ({"kernel_size": 3}, lambda o, w: set(w.shape[2:]) == {3}),
            ({"channels": 2, "groups": 1}, lambda o, w: w.shape[1] == 2),
        ],
    )
    def test_only_what_is_asked_for_is_drawn(self, only, holds):
        seen = []

        def looks(x, w, b, **options):
            seen.append(holds(options, w) or all(a == c for a, c in options["padding"]))
            return npseg.conv_forward(x, w, b, **options)[0]

        assert against(looks, "conv_forward", only=only, **FEW).passed
        assert all(seen)

    def test_what_was_covered_is_said(self):
        verdict = against(npseg.conv_forward, "conv_forward", only={"stride": [1, 2], "dilation": 1})
        assert verdict.ranges["stride"] == "1…2"
        assert verdict.ranges["dilation"] == "1"
        assert "one for each axis" in verdict.ranges["padding"]
        assert verdict.ranges["x"].startswith("arrays (1…2, ")


class TestMisbehaviour:
    def test_who_keeps_an_answer_and_hands_it_out_again(self):
        buffers = {}

        def reuses(x):
            y = buffers.setdefault(x.shape, np.empty_like(x))
            return np.maximum(x, 0, out=y)

        assert "one and the same array" in str(against(reuses, "relu_forward", axes=1))

    def test_who_adds_to_what_was_left(self):
        sums = {}

        def accumulates(x):
            sums[x.shape] = sums.get(x.shape, 0) + np.maximum(x, 0)
            return sums[x.shape].copy()

        assert "leftover state" in str(against(accumulates, "relu_forward", axes=1))

    def test_who_remembers_by_shape(self):
        memo = {}

        def remembers(x):
            return memo.setdefault(x.shape, np.maximum(x, 0)).copy()

        assert not against(remembers, "relu_forward", axes=1).passed

    def test_who_does_not_set_all_of_its_memory(self):
        def leaves_gaps(x, scale):
            y = np.empty((*x.shape[:2], x.shape[2] * scale))
            y[:, :, ::scale] = x
            return y

        assert not against(leaves_gaps, "bed_of_nails_unpool_forward", axes=1).passed

    def test_who_hangs_is_interrupted_even_if_it_catches_all(self):
        def hangs(x):
            while x.size > 1:
                with contextlib.suppress(Exception):
                    time.sleep(0.01)
            return relu(x)

        before = time.monotonic()
        verdict = against(hangs, "relu_forward", axes=1, seconds=1.2)
        assert "hangs: it has not answered within 0.2 s" in str(verdict)
        assert time.monotonic() - before < 30

    def test_when_time_is_up_it_is_said(self):
        def slow(x):
            time.sleep(0.05)
            return relu(x)

        verdict = against(slow, "relu_forward", seconds=1)
        assert verdict.passed
        assert verdict.cases < 100
        assert "time was up after 1 s" in str(verdict)

    def test_an_alarm_leaves_no_trace(self):
        with pytest.raises(TooLongError), at_most(0.05):
            time.sleep(5)
        with at_most(0.05):
            pass
        time.sleep(0.1)

    def test_wrong_indices_of_a_max_pooling(self):
        def one_too_far(x, kernel_size, **options):
            y, cache = npseg.max_pool_forward(x, kernel_size, **options)
            return y, cache.indices + 1

        assert "indices is not max_pool_forward" in str(against(one_too_far, "max_pool_forward"))


class TestLibraries:
    @pytest.mark.parametrize(
        "reference", ["conv_forward", "conv_backward", "max_pool_forward", "relu_forward"]
    )
    def test_arrays_of_a_gpu_library_go_there_and_come_back(self, reference):
        with stand_in_for_cupy():
            assert against(getattr(npseg, reference), reference, library="cupy", **FEW).passed

    def test_what_comes_back_may_be_of_any_kind(self):
        class Exchanged:
            """Nothing but DLPack."""

            def __init__(self, array):
                self.array, self.dtype = array, array.dtype

            def __dlpack__(self, **options):
                return self.array.__dlpack__(**options)

            def __dlpack_device__(self):
                return self.array.__dlpack_device__()

        assert against(lambda x: Exchanged(relu(x)), "relu_forward", **FEW).passed
        assert against(lambda x: relu(x).tolist(), "relu_forward", **FEW).passed


class TestDropout:
    def test_who_drops_others_passes_and_who_scales_wrongly_does_not(self):
        def own(x, p, *, rng, training):
            kept = rng.random(x.shape) < 1 - p if training else np.ones(x.shape)
            return x * kept / (1 - p if training and p < 1 else 1)

        def unscaled(x, p, *, rng, training):
            return x * (rng.random(x.shape) >= p) if training else x

        assert against(own, "dropout_forward").passed
        assert not against(unscaled, "dropout_forward").passed


def test_a_verdict_is_json():
    verdict = against(lambda x: x * np.nan, "relu_forward", axes=1)
    read = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
    assert read["passed"] is False
    assert read["failure"]["arguments"]["x"] == [[[0.0]]]
    assert read["failure"]["returned"] == [[["nan"]]]


@pytest.mark.parametrize(
    ("candidate", "reference", "options", "kind", "message"),
    [
        (relu, "relu_forward", {"dtype": "float8"}, ValueError, "dtype='float8'; choose one of float64"),
        (relu, "relu_forward", {"library": "nolib"}, ValueError, "library='nolib' cannot be imported"),
        (relu, "relu_forward", {"library": "json"}, ValueError, "has no asarray"),
        (relu, "relu_forward", {"dtype": "bfloat16"}, ValueError, "numpy has no bfloat16"),
        (relu, "relu_forward", {"device": "cuda"}, ValueError, "device='cuda' is for library='torch'"),
        (
            relu,
            "relu_forward",
            {"signature": "jax"},
            ValueError,
            "signature='jax'; choose one of npseg, arrays",
        ),
        (relu, "relu_forward", {"seconds": 0}, ValueError, "seconds=0 must be positive"),
        (relu, "relu_forward", {"tolerance": -1}, ValueError, "tolerance=-1 must not be negative"),
        (relu, "relu_forward", {"only": "stride 1"}, TypeError, "is no dict; write only="),
        (relu, "relu_forward", {"axes": 4}, ValueError, "axes=4; 1, 2 or 3"),
        (relu, "relu_backward", {"dtype": "float16"}, ValueError, "give signature='arrays'"),
        (relu, "im2col", {"signature": "channels_last"}, ValueError, "no layout with channels last"),
        ((relu, relu), "relu_forward", {}, TypeError, "held against a ..._backward"),
        ((relu,), "relu_backward", {}, TypeError, "a pair is"),
    ],
)
def test_what_is_refused(candidate, reference, options, kind, message):
    with pytest.raises(kind, match=message):
        against(candidate, reference, **options)


def test_a_function_of_several_results():
    numbers = st.tuples(st.integers(1, 9), st.integers(1, 9))
    assert against(lambda a, b: (a // b, a % b), divmod, numbers).passed
    assert "result 1" in str(against(lambda a, b: (a // b, 0), divmod, numbers))
