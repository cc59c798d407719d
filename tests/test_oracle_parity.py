"""PyTorch's operators, as they are, pass the oracle; so do tensors in half precision, judged in float64."""

import pytest

from npseg.check import against

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.parity
torch.set_num_threads(1)

OPERATORS = [
    (F.conv1d, "conv"),
    (F.conv2d, "conv"),
    (F.conv3d, "conv"),
    (F.conv_transpose1d, "conv_transpose"),
    (F.conv_transpose2d, "conv_transpose"),
    (F.conv_transpose3d, "conv_transpose"),
    (F.max_pool1d, "max_pool"),
    (F.max_pool2d, "max_pool"),
    (F.max_pool3d, "max_pool"),
    (F.avg_pool1d, "avg_pool"),
    (F.avg_pool2d, "avg_pool"),
    (F.avg_pool3d, "avg_pool"),
    (F.max_unpool1d, "max_unpool"),
    (F.max_unpool2d, "max_unpool"),
    (F.max_unpool3d, "max_unpool"),
    (F.interpolate, "nearest_unpool"),
    (F.interpolate, "resize_bilinear"),
    (F.relu, "relu"),
    (torch.tanh, "tanh"),
    (F.dropout, "dropout"),
    (F.batch_norm, "batch_norm"),
    (F.local_response_norm, "lrn"),
    (F.cross_entropy, "cross_entropy"),
]
ids = [f"{base}-{operator.__name__}" for operator, base in OPERATORS]


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize(("operator", "base"), OPERATORS, ids=ids)
def test_pytorch_passes(operator, base, direction):
    verdict = against(operator, f"{base}_{direction}", signature="torch", examples=25, seconds=600)
    assert verdict.passed, verdict
    assert verdict.cases == 25


@pytest.mark.parametrize(("operator", "name"), [(F.unfold, "im2col"), (F.fold, "col2im")])
def test_unfold_and_fold(operator, name):
    assert against(operator, name, signature="torch", axes=2, examples=25, seconds=600).passed


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "reference", ["conv_forward", "conv_backward", "conv_transpose_forward", "batch_norm_forward"]
)
def test_in_other_dtypes(reference, dtype):
    operator = {"conv": F.conv2d, "batch_norm": F.batch_norm}.get(
        reference.rpartition("_")[0], F.conv_transpose2d
    )
    verdict = against(operator, reference, signature="torch", dtype=dtype, examples=25, seconds=600)
    assert verdict.passed, verdict


def test_the_indices_of_a_max_pooling_are_judged():
    def with_indices(*arguments, **options):
        return F.max_pool2d(*arguments, **options, return_indices=True)

    def one_off(*arguments, **options):
        y, indices = with_indices(*arguments, **options)
        return y, indices + 1

    held = {"signature": "torch", "axes": 2, "examples": 25, "seconds": 600}
    assert against(with_indices, "max_pool_forward", **held).passed
    assert not against(one_off, "max_pool_forward", **held).passed


def test_a_mistake_in_torchs_names_is_named():
    def flipped(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight.flip((-1, -2)), bias, stride, padding, dilation, groups)

    verdict = against(flipped, "conv_forward", signature="torch", axes=2, seconds=600)
    assert "the kernel is flipped" in verdict.failure.diagnosis


def test_names_are_torchs_or_ones_own_and_options_may_be_missing():
    def forgets(x, w, b=None, stride=1, padding=0):
        return F.conv2d(x, w, None, stride, padding)

    def strided(input, weight, stride=1):
        return F.conv2d(input, weight, None, stride)

    held = {"signature": "torch", "axes": 2, "examples": 25, "seconds": 600}
    assert "the bias is forgotten" in against(forgets, "conv_forward", **held).failure.diagnosis
    assert "db is None" in against(forgets, "conv_backward", **held).headline
    for reference in ("conv_forward", "conv_backward"):
        verdict = against(strided, reference, **held)
        assert verdict.passed
        assert "not tried: bias, padding, dilation, groups, which strided does not take" in verdict.notes


def test_a_name_may_say_how_many_axes_there_are():
    verdict = against(F.conv2d, "conv_forward", signature="torch", examples=10, seconds=600)
    assert verdict.ranges["axes"] == "2, from its name"


def test_tensors_are_given_and_arrays_may_come_back():
    def relu(x):
        assert isinstance(x, torch.Tensor)
        return x.clamp(min=0).numpy()

    assert against(relu, "relu_forward", library="torch", examples=25, seconds=600).passed


@pytest.mark.parametrize(
    ("reference", "options", "message"),
    [
        ("crop_forward", {"signature": "torch"}, "PyTorch has no operator like crop_forward"),
        ("relu_forward", {"signature": "torch", "library": "numpy"}, "leave library='numpy' out"),
        ("relu_backward", {"library": "torch"}, "signature='arrays'"),
    ],
)
def test_what_is_refused(reference, options, message):
    with pytest.raises(ValueError, match=message):
        against(F.relu, reference, **options)
