"""ReLU, tanh, dropout, normalisation and cross entropy: gradients by finite differences, and the conventions."""

import numpy as np
import pytest
from checks import assert_same, check_gradients, chunks_of, shuffled_gaps
from fuzz import Lookalike
from geometries import Numbers, numbers
from hypothesis import given
from hypothesis import strategies as st

import npseg
from npseg import (
    backend,
    batch_norm_backward,
    batch_norm_forward,
    cross_entropy_backward,
    cross_entropy_forward,
    dropout_backward,
    dropout_forward,
    lrn_backward,
    lrn_forward,
    relu_backward,
    relu_forward,
    tanh_backward,
    tanh_forward,
)
from npseg.ops.norm import batch


@pytest.fixture(scope="module", autouse=True, params=[10, npseg.chunks.SIZE], ids="chunks of {}".format)
def _chunks(request):
    """Run everything twice: in many small chunks, and all at once."""
    with chunks_of(request.param):
        yield


#: Any number of further axes, none included.
FURTHER_AXES = ((), (3,), (2, 3), (2, 1, 2))


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# Activations


@given(numbers(), st.lists(st.integers(0, 4), max_size=5))
def test_relu_keeps_what_is_positive_and_its_gradient(numbers, shape):
    x, dout = numbers(*shape), numbers(*shape)
    before = x.copy()
    y, cache = relu_forward(x)
    assert_same(np.asarray(y), np.where(x > 0, x, 0).astype(x.dtype))
    assert_same(np.asarray(relu_backward(dout, cache)), np.where(x > 0, dout, 0).astype(x.dtype))
    assert_same(x, before)


def test_relu_passes_nan_on():
    assert_same(relu_forward(np.array([np.nan, -np.inf, np.inf]))[0], np.array([np.nan, 0, np.inf]))


def test_gradient_of_relu():
    x = shuffled_gaps(np.random.default_rng(0), (3, 4, 5))
    _, cache = relu_forward(x)
    check_gradients(lambda x: relu_forward(x)[0], lambda dout: [relu_backward(dout, cache)], x)


@pytest.mark.parametrize("further", FURTHER_AXES)
def test_gradient_of_tanh(further):
    x = images(3, 4, *further)
    _, cache = tanh_forward(x)
    check_gradients(lambda x: tanh_forward(x)[0], lambda dout: [tanh_backward(dout, cache)], x)


# Dropout


def test_dropout_keeps_a_share_of_1_minus_p_and_divides_by_it():
    y, _ = dropout_forward(np.ones(100_000), 0.25, rng=np.random.default_rng(0))
    assert set(np.unique(y)) == {0, 1 / 0.75}
    assert abs((y > 0).mean() - 0.75) < 0.01


def test_gradient_of_dropout_with_its_mask_fixed():
    x = images(3, 4, 5)
    _, cache = dropout_forward(x, 0.4, rng=np.random.default_rng(7))
    check_gradients(
        lambda x: dropout_forward(x, 0.4, rng=np.random.default_rng(7))[0],
        lambda dout: [dropout_backward(dout, cache)],
        x,
    )


def test_dropout_of_0_and_of_1_and_when_not_training():
    x = images(2, 3)
    for p, training in ((0, True), (0.9, False), (1, False)):
        y, cache = dropout_forward(x, p, rng=None, training=training)
        assert_same(y, x)
        assert_same(dropout_backward(x, cache), x)
    y, cache = dropout_forward(x, 1, rng=np.random.default_rng(0))
    assert_same(y, np.zeros_like(x))
    assert_same(dropout_backward(x, cache), np.zeros_like(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_keeps_where_the_generators_numbers_of_its_dtype_reach_p(dtype):
    """So a seed means one mask; how large the chunks are decides in which order the numbers come."""
    y, _ = dropout_forward(np.ones(9, dtype), 0.5, rng=np.random.default_rng(0))
    assert_same(y, 2 * (np.random.default_rng(0).random(9, dtype=dtype) >= 0.5).astype(dtype))


@pytest.mark.parametrize("p", [0, 0.5])
def test_the_gradient_of_dropout_has_the_dtype_of_its_input(p):
    _, cache = dropout_forward(np.ones((2, 3), np.float32), p, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="dropout_backward: dout is float64 but the output was float32"):
        dropout_backward(np.ones((2, 3)), cache)


def test_dropout_is_random_only_through_its_generator():
    x = np.ones((50, 50), np.float32)
    one, two = (dropout_forward(x, 0.5, rng=backend.generator(seed))[0] for seed in (3, 3))
    other, _ = dropout_forward(x, 0.5, rng=backend.generator(4))
    assert_same(one, two)
    assert (one != other).any()
    with pytest.raises(TypeError, match=r"dropout_forward: rng=None; a Generator is needed"):
        dropout_forward(x, 0.5, rng=None)
    with pytest.raises(ValueError, match=r"dropout_forward: p=1\.5 must lie between 0 and 1"):
        dropout_forward(x, 1.5, rng=None)


# Batch normalisation


@pytest.mark.parametrize("further", FURTHER_AXES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("with_gamma", [True, False])
@pytest.mark.parametrize("with_beta", [True, False])
def test_gradients_of_batch_norm(further, training, with_gamma, with_beta):
    x, (gamma, beta, mean, var) = images(5, 3, *further), images(4, 3, seed=1)
    options = {"training": training, "running_mean": mean, "running_var": var**2}
    given = {"gamma": gamma if with_gamma else None, "beta": beta if with_beta else None}
    _, cache = batch_norm_forward(x, **given, **options)

    def forward(x, *parameters):
        moving = dict(zip([key for key, value in given.items() if value is not None], parameters))
        return batch_norm_forward(x, **{**given, **moving}, **options)[0]

    def gradients(dout):
        dx, dgamma, dbeta = batch_norm_backward(dout, cache)
        assert (dgamma is not None, dbeta is not None) == (with_gamma, with_beta)
        return [g for g in (dx, dgamma, dbeta) if g is not None]

    check_gradients(forward, gradients, x, *(v for v in given.values() if v is not None))


@pytest.mark.parametrize("further", FURTHER_AXES)
def test_batch_norm_normalises_by_the_biased_variance(further):
    x = 10 + images(6, 3, *further)
    y, _ = batch_norm_forward(x, None, None, eps=0)
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-13)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-13)


def test_running_statistics_take_the_unbiased_variance_and_come_back_new():
    x = np.array([[1.0], [3], [5]])
    mean, var = np.array([10.0]), np.array([20.0])
    _, cache = batch_norm_forward(x, None, None, running_mean=mean, running_var=var, momentum=0.25)
    assert_same(cache.running_mean, np.array([0.75 * 10 + 0.25 * 3]))
    assert_same(cache.running_var, np.array([0.75 * 20 + 0.25 * 4]))
    assert (mean, var) == (10, 20)


def test_batch_norm_when_not_training_uses_the_running_statistics_and_keeps_them():
    x = np.array([[1.0], [5]])
    mean, var = np.array([3.0]), np.array([4.0])
    y, cache = batch_norm_forward(x, None, None, running_mean=mean, running_var=var, training=False, eps=0)
    assert_same(y, np.array([[-1.0], [1]]))
    assert_same((cache.running_mean, cache.running_var), (mean, var))


def test_one_value_a_channel_cannot_be_normalised():
    with pytest.raises(ValueError, match="has one value a channel, whose variance is 0; give a larger batch"):
        batch_norm_forward(np.ones((1, 3, 1)), None, None)
    with pytest.raises(ValueError, match="training=False needs running_mean and running_var"):
        batch_norm_forward(np.ones((2, 3)), None, None, training=False)
    with pytest.raises(ValueError, match="give running_mean and running_var together, or neither"):
        batch_norm_forward(np.ones((2, 3)), None, None, running_mean=np.zeros(3))
    with pytest.raises(
        ValueError, match=r"gamma has shape \(2,\); \(3,\), one for each channel of x, is needed"
    ):
        batch_norm_forward(np.ones((2, 3)), np.ones(2), None)


def test_the_variance_of_large_numbers_does_not_cancel():
    """E[x²] - E[x]² would be 0 or negative here, in float32."""
    x = (np.array([[1.0], [3]]) + 10_000).astype("float32")
    assert_same(batch_norm_forward(x, None, None, eps=0)[0], np.array([[-1], [1]], "float32"))


@given(numbers(), st.lists(st.integers(1, 4), min_size=3, max_size=5), st.integers(1, 12))
def test_a_channels_inner_product_is_the_same_by_rows_of_any_length(numbers, shape, longest):
    a, b = numbers(*shape), numbers(*shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "ROW", longest)
        assert_same(batch._inner(a, b), (a * b).sum(axis=(0, *range(2, a.ndim))))


# Local response normalisation


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("further", FURTHER_AXES)
def test_gradient_of_lrn(size, further):
    x = images(2, 5, *further)
    _, cache = lrn_forward(x, size, alpha=0.9, beta=0.75, k=1.5)
    check_gradients(
        lambda x: lrn_forward(x, size, alpha=0.9, beta=0.75, k=1.5)[0],
        lambda dout: [lrn_backward(dout, cache)],
        x,
    )


def test_lrn_by_its_definition():
    """Of an even number of neighbours, one more lies before the channel."""
    x = images(2, 5, 3)
    for size in (1, 2, 3, 4, 7, 15):
        y, _ = lrn_forward(x, size, alpha=0.5, beta=0.6, k=2)
        for c in range(5):
            near = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
            expected = x[:, c] / (2 + 0.5 / size * (near**2).sum(axis=1)) ** 0.6
            np.testing.assert_allclose(y[:, c], expected, rtol=1e-13)


# Cross entropy


def cross_entropy_by_definition(logits, labels, weight, ignore_index, reduction, smoothing):
    """Add up pixel by pixel what the docstring says."""
    classes = logits.shape[1]
    losses, counted = np.zeros(labels.shape), 0.0
    for place in np.ndindex(labels.shape):
        y = labels[place]
        if y == ignore_index:
            continue
        scores = logits[(place[0], slice(None), *place[1:])]
        nll = np.log(np.exp(scores).sum()) - scores
        losses[place] = (1 - smoothing) * weight[y] * nll[y] + smoothing / classes * (weight * nll).sum()
        counted += weight[y]
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counted if counted else 0.0


def segmentation(*further, images=3, classes=4, void=255, seed=0):
    """Return logits, labels with some void, and weights one of which is 0."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (images, *further))
    labels[rng.random(labels.shape) < 0.3] = void
    weight = rng.random(classes)
    weight[1] = 0
    return rng.standard_normal((images, classes, *further)), labels, weight


@pytest.mark.parametrize("further", FURTHER_AXES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("smoothing", [0, 0.1, 1])
@pytest.mark.parametrize("ignore_index", [255, -100, 2])
def test_cross_entropy_and_its_gradient(further, reduction, weighted, smoothing, ignore_index):
    logits, labels, weight = segmentation(*further, void=ignore_index)
    weight = weight if weighted else None
    options = {
        "weight": weight,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": smoothing,
    }
    loss, cache = cross_entropy_forward(logits, labels, **options)
    expected = cross_entropy_by_definition(
        logits, labels, np.ones(4) if weight is None else weight, ignore_index, reduction, smoothing
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-14)
    check_gradients(
        lambda logits: cross_entropy_forward(logits, labels, **options)[0],
        lambda dout: [cross_entropy_backward(dout, cache)],
        logits,
    )


def test_the_gradient_of_cross_entropy_is_probability_minus_truth_and_dout_is_1_unless_given():
    _, cache = cross_entropy_forward(np.zeros((1, 4)), np.array([2]))
    truth = np.array([[0.25, 0.25, -0.75, 0.25]])
    assert_same(cross_entropy_backward(None, cache), truth)
    assert_same(cross_entropy_backward(1, cache), truth)
    assert_same(cross_entropy_backward(np.array(4.0), cache), 4 * truth)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_loss_is_an_array_of_the_logits_dtype(dtype, reduction):
    logits, labels, weight = segmentation(2, 3)
    loss, cache = cross_entropy_forward(
        logits.astype(dtype),
        labels,
        weight=weight.astype(dtype),
        reduction=reduction,
        label_smoothing=np.float64(0.1),
    )
    assert isinstance(loss, np.ndarray)
    assert loss.dtype == dtype
    assert loss.shape == (labels.shape if reduction == "none" else ())
    assert cross_entropy_backward(None, cache).dtype == dtype


def test_the_mean_is_over_the_weights_of_the_pixels_that_count():
    logits, labels = np.zeros((1, 2, 3)), np.array([[0, 1, 255]])
    for weight in ([1.0, 1], [3.0, 1], [0.25, 0.5]):
        loss, _ = cross_entropy_forward(logits, labels, weight=np.array(weight))
        np.testing.assert_allclose(loss, np.log(2), rtol=1e-15)
    uneven, _ = cross_entropy_forward(
        np.array([[[0.0, 9], [0, 0]]]), np.array([[0, 0]]), weight=np.array([5.0, 1])
    )
    np.testing.assert_allclose(uneven, (np.log(2) + np.log1p(np.exp(-9))) / 2, rtol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_where_nothing_counts_loss_and_gradient_are_0(reduction, smoothing):
    logits = images(2, 3, 2)
    all_void = np.full((2, 2), 255), None
    weightless = np.ones((2, 2), int), np.array([1.0, 0, 0])
    for labels, weight in (all_void, weightless):
        if weight is not None and smoothing and reduction != "mean":
            continue  # the other classes' share of the smoothing still counts
        loss, cache = cross_entropy_forward(
            logits, labels, weight=weight, reduction=reduction, label_smoothing=smoothing
        )
        assert not loss.any()
        assert not cross_entropy_backward(None, cache).any()


def test_extreme_logits_overflow_nowhere():
    logits = np.array([[[1e4, -1e4, 0], [-1e4, 1e4, 1e4]]])
    loss, cache = cross_entropy_forward(logits, np.array([[0, 0, 0]]), reduction="none")
    assert_same(loss, np.array([[0.0, 2e4, 1e4]]))
    assert_same(cross_entropy_backward(None, cache), np.array([[[0.0, -1, -1], [0, 1, 1]]]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 1, 1]), np.array([0.0, 1, 1])])
def test_a_class_other_than_the_truth_may_be_impossible(reduction, weight):
    """Its logit is -inf: it adds nothing, and gets no gradient; nor does it at a void pixel."""
    logits = np.array([[[-np.inf] * 4, [0.0] * 4, [0.0] * 4]])
    labels = np.array([[1, 2, 1, 255]])
    loss, cache = cross_entropy_forward(logits, labels, weight=weight, reduction=reduction)
    expected = {"mean": np.log(2), "sum": 3 * np.log(2), "none": np.log(2) * np.array([[1.0, 1, 1, 0]])}
    np.testing.assert_allclose(loss, expected[reduction], rtol=1e-15)
    dlogits = cross_entropy_backward(None, cache)
    assert not dlogits[:, 0].any()
    assert not dlogits[:, :, 3].any()
    assert np.isfinite(dlogits).all()


def test_smoothing_asks_nothing_of_an_impossible_class_of_weight_0_nor_at_void():
    logits = np.array([[[-np.inf, -np.inf], [0.0, 0], [0.0, 0]]])
    weight = np.array([0.0, 1, 1])
    loss, _ = cross_entropy_forward(
        logits, np.array([[1, 255]]), weight=weight, label_smoothing=0.3, reduction="none"
    )
    np.testing.assert_allclose(loss, [[(0.7 + 0.1 + 0.1) * np.log(2), 0]], rtol=1e-14)


def test_each_pixel_has_a_peak_of_its_own():
    loss, _ = cross_entropy_forward(
        np.array([[[0.0, -1e4], [0.0, -1e4]]]), np.array([[0, 0]]), reduction="none"
    )
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-15)


@pytest.mark.parametrize("classes", [255, 256, 257, 300])
def test_classes_beyond_what_a_byte_counts(classes):
    labels = np.array([[0, classes - 1, 7], [254, 2**20, classes - 2]])
    logits, weight = images(2, classes, 3), np.ones(classes)
    loss, cache = cross_entropy_forward(logits, labels, ignore_index=2**20, reduction="sum")
    expected = cross_entropy_by_definition(logits, labels, weight, 2**20, "sum", 0)
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    pulled = np.argwhere(cross_entropy_backward(None, cache) < 0)
    places = [(0, 0, 0), (0, classes - 1, 1), (0, 7, 2), (1, 254, 0), (1, classes - 2, 2)]
    assert {tuple(place) for place in pulled.tolist()} == set(places)


@pytest.mark.parametrize("void", [-(2**63), 2**64 - 1])
def test_the_ignored_label_may_be_any_that_an_array_can_hold(void):
    cross_entropy_forward(np.zeros((1, 2)), np.array([1]), ignore_index=void)
    beyond = void + (1 if void > 0 else -1)
    with pytest.raises(ValueError, match=f"cross_entropy_forward: ignore_index={beyond} must be at"):
        cross_entropy_forward(np.zeros((1, 2)), np.array([1]), ignore_index=beyond)


def test_a_loss_has_a_gradient_of_its_own_shape():
    _, cache = cross_entropy_forward(np.zeros((1, 2, 3)), np.zeros((1, 3), int))
    with pytest.raises(
        ValueError, match=r"cross_entropy_backward: dout has shape \(1, 3\); \(\), that of the output"
    ):
        cross_entropy_backward(np.ones((1, 3)), cache)
    with pytest.raises(TypeError, match="cross_entropy_backward: dout is a Lookalike; an array is needed"):
        cross_entropy_backward(Lookalike(), cache)
    with pytest.raises(ValueError, match="cross_entropy_backward: dout=nan must be finite"):
        cross_entropy_backward(float("nan"), cache)


def test_an_impossible_truth_costs_infinitely_much():
    loss, cache = cross_entropy_forward(np.array([[-np.inf, 0.0]]), np.array([0]))
    assert loss == np.inf
    assert_same(cross_entropy_backward(None, cache), np.array([[-1.0, 1]]))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_labels_may_be_whole_numbers_of_any_width(dtype):
    void = int(np.iinfo(dtype).max)
    labels = np.array([[0, 2, void]], dtype)
    logits = images(1, 3, 3)
    loss, _ = cross_entropy_forward(logits, labels, ignore_index=void)
    expected, _ = cross_entropy_forward(logits, np.array([[0, 2, -1]]), ignore_index=-1)
    assert_same(loss, expected)


def test_a_label_that_is_neither_a_class_nor_void_is_refused_with_its_place():
    labels = np.array([[[0, 1], [255, 3]]])
    message = (
        r"cross_entropy_forward: label 3 at \(0, 1, 1\) is neither a class \(0 to 2\) nor ignore_index=255"
    )
    with pytest.raises(ValueError, match=message):
        cross_entropy_forward(np.zeros((1, 3, 2, 2)), labels)
    with pytest.raises(ValueError, match=r"label 255 at \(0, 1, 0\) is neither .* nor ignore_index=-1"):
        cross_entropy_forward(np.zeros((1, 4, 2, 2)), labels, ignore_index=-1)
    with pytest.raises(ValueError, match=r"label -7 at \(1,\)"):
        cross_entropy_forward(np.zeros((2, 3)), np.array([0, -7]))


def test_other_refusals_of_cross_entropy():
    logits, labels = np.zeros((2, 3, 4)), np.zeros((2, 4), int)
    with pytest.raises(TypeError, match="labels are float64; whole numbers are needed"):
        cross_entropy_forward(logits, labels.astype(float))
    with pytest.raises(ValueError, match=r"labels has shape \(2, 1, 4\); \(2, 4\), that of the logits"):
        cross_entropy_forward(logits, labels[:, None])
    with pytest.raises(ValueError, match="reduction='average'; choose one of 'mean', 'sum', 'none'"):
        cross_entropy_forward(logits, labels, reduction="average")
    with pytest.raises(ValueError, match="label_smoothing=-1 must lie between 0 and 1"):
        cross_entropy_forward(logits, labels, label_smoothing=-1)
    with pytest.raises(
        ValueError, match=r"weight has shape \(2,\); \(3,\), one for each channel of logits, is needed"
    ):
        cross_entropy_forward(logits, labels, weight=np.ones(2))
    _, cache = cross_entropy_forward(logits, labels, reduction="none")
    with pytest.raises(ValueError, match=r"dout has shape \(2, 3\); \(2, 4\), that of the output, is needed"):
        cross_entropy_backward(np.ones((2, 3)), cache)


# What holds for all of them


@pytest.mark.parametrize("scalar", [float, np.float32, np.float64])
def test_the_dtype_of_x_stays_whatever_that_of_the_numbers_beside_it(scalar):
    """NumPy's own float64 scalars would turn float32 arrays into float64."""
    x = images(4, 3, 2).astype("float32")
    for y, cache, backward in (
        (*dropout_forward(x, scalar(0.5), rng=np.random.default_rng(0)), dropout_backward),
        (*lrn_forward(x, 3, alpha=scalar(1e-4), beta=scalar(0.75), k=scalar(2)), lrn_backward),
        (*batch_norm_forward(x, None, None, momentum=scalar(0.1), eps=scalar(1e-5)), batch_norm_backward),
    ):
        gradients = backward(y, cache)
        dx = gradients[0] if isinstance(gradients, tuple) else gradients
        assert y.dtype == dx.dtype == "float32"


def test_no_images_come_back_empty():
    x = np.zeros((0, 3, 4), np.float32)
    zeros, ones = np.zeros(3, np.float32), np.ones(3, np.float32)
    for y, cache, backward in (
        (*relu_forward(x), relu_backward),
        (*tanh_forward(x), tanh_backward),
        (*lrn_forward(x, 3), lrn_backward),
        (*dropout_forward(x, 0.5, rng=np.random.default_rng(0)), dropout_backward),
    ):
        assert_same(y, x)
        assert_same(backward(y, cache), x)
    _, cache = batch_norm_forward(x, None, None)
    assert_same((cache.mean, cache.scale), (zeros, 1 / np.sqrt(zeros + np.float32(1e-5))))
    y, cache = batch_norm_forward(x, ones, zeros, running_mean=zeros, running_var=ones)
    assert_same(y, x)
    assert_same((cache.running_mean, cache.running_var), (zeros, ones))
    assert_same(batch_norm_backward(y, cache), (x, zeros, zeros))
    for reduction in ("mean", "sum", "none"):
        loss, cache = cross_entropy_forward(x, np.zeros((0, 4), int), reduction=reduction)
        assert_same(loss, np.zeros((0, 4) if reduction == "none" else (), np.float32))
        assert_same(cross_entropy_backward(None, cache), x)


@given(numbers())
def test_pointwise_operations_leave_their_inputs_and_dout_as_they_are(numbers):
    x, gamma, beta = numbers(3, 4, 2), numbers(4), numbers(4)
    dout, labels = numbers(3, 4, 2), numbers(3, 2, low=0, high=3).astype(int)
    given = (x, gamma, beta, dout, labels)
    before = tuple(a.copy() for a in given)
    for (y, cache), backward in (
        (relu_forward(x), relu_backward),
        (tanh_forward(x), tanh_backward),
        (lrn_forward(x, 3), lrn_backward),
        (dropout_forward(x, 0.5, rng=np.random.default_rng(0)), dropout_backward),
        (batch_norm_forward(x, gamma, beta), batch_norm_backward),
    ):
        assert y.dtype == x.dtype
        backward(dout, cache)
    _, cache = cross_entropy_forward(x, labels, weight=gamma, reduction="none")
    cross_entropy_backward(dout[:, 0], cache)
    assert_same(given, before)


def test_relu_writes_where_it_is_told():
    x, dout = Numbers(0)(3, 4), Numbers(1)(3, 4)
    y, cache = relu_forward(x)
    here = x.copy()
    found, cache_here = relu_forward(here, out=here)
    assert found is here is cache_here.y
    assert_same(found, y)
    expected = relu_backward(dout, cache)
    assert relu_backward(dout, cache_here, out=dout) is dout
    assert_same(dout, expected)


def test_relu_refuses_to_write_where_its_output_does_not_fit():
    x = np.ones((3, 4))
    with pytest.raises(
        ValueError, match=r"relu_forward: out has shape \(4, 3\); \(3, 4\), that of the input"
    ):
        relu_forward(x, out=np.ones((4, 3)))
    with pytest.raises(TypeError, match="x is float64 but out is float32"):
        relu_forward(x, out=np.ones((3, 4), "float32"))
