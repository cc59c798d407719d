"""What PyTorch answers to the same questions. Never the only witness: all this is tested without it, too."""

import numpy as np
import pytest
from checks import assert_same
from geometries import conv_transposes, convs, numbers, pools, sizes
from hypothesis import assume, given
from hypothesis import strategies as st

import npseg

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.parity
torch.set_num_threads(1)


def tensor(a, grad=True):
    t = torch.from_numpy(np.array(a, order="C"))
    return t.requires_grad_() if grad and t.is_floating_point() else t


def check_parity(ours, backward, theirs, dout, *leaves, exact=True):
    """Compare an output, and the gradients that ``backward(dout)`` and autograd find for the leaves."""
    theirs.backward(tensor(dout, False))
    gradients = backward(dout)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    assert len(gradients) == len(leaves)
    for got, expected in zip((ours, *gradients), (theirs.detach(), *(leaf.grad for leaf in leaves))):
        if exact:
            assert_same(got, expected.numpy())
        else:
            np.testing.assert_allclose(got, expected.numpy(), rtol=1e-12, atol=1e-12, strict=True)


def even(options):
    """Write the padding as PyTorch takes it: one number for both ends of each axis."""
    return {**options, "padding": tuple(before for before, _ in options["padding"])}


# Exactly, on whole numbers


@given(convs(images=(1, 2)), numbers())
def test_conv(geometry, numbers):
    """Uneven padding by PyTorch's own padding first."""
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[0])
    o = geometry.options
    y, cache = npseg.conv_forward(x, w, b, **o)
    leaves = tensor(x), tensor(w), tensor(b)
    padded = F.pad(leaves[0], [p for pair in reversed(o["padding"]) for p in pair])
    convolve = (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3]
    theirs = convolve(padded, *leaves[1:], stride=o["stride"], dilation=o["dilation"], groups=o["groups"])
    check_parity(y, lambda dout: npseg.conv_backward(dout, cache), theirs, numbers(*y.shape), *leaves)


@given(conv_transposes(images=(1, 2), even=True), numbers())
def test_conv_transpose(geometry, numbers):
    o = even(geometry.options)
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[1] * geometry.groups)
    y, cache = npseg.conv_transpose_forward(x, w, b, **o)
    leaves = tensor(x), tensor(w), tensor(b)
    stamp = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[x.ndim - 3]
    theirs, dout = stamp(*leaves, **o), numbers(*y.shape)
    check_parity(y, lambda dout: npseg.conv_transpose_backward(dout, cache), theirs, dout, *leaves)


@given(pools(images=(1, 2), even=True), numbers(), st.booleans())
def test_max_pool_and_its_indices(geometry, numbers, with_specials):
    x = numbers.with_specials(*geometry.x) if with_specials else numbers(*geometry.x)
    y, cache = npseg.max_pool_forward(x, geometry.kernel_size, **geometry.options)
    leaf = tensor(x)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    theirs, indices = pool(leaf, geometry.kernel_size, **even(geometry.options), return_indices=True)
    assert_same(y, theirs.detach().numpy())
    if not np.isnan(x).any():  # of several NaNs PyTorch names the last, npseg the first
        np.testing.assert_array_equal(cache.indices, indices.numpy())
        dout = numbers(*y.shape)
        check_parity(y, lambda dout: npseg.max_pool_backward(dout, cache), theirs, dout, leaf)


@given(
    pools(images=(1, 2), dilated=False, even=True), numbers(), st.booleans(), st.sampled_from((None, 3, -2))
)
def test_avg_pool(geometry, numbers, count_include_pad, divisor_override):
    options = {**geometry.options, "count_include_pad": count_include_pad}
    if len(geometry.x) > 3:  # PyTorch's avg_pool1d knows no override
        options["divisor_override"] = divisor_override
    # PyTorch's avg_pool3d wants the kernel to fit into the input before it is padded.
    assume(len(geometry.x) < 5 or all(k <= i for k, i in zip(geometry.kernel_size, geometry.x[2:])))
    x = numbers(*geometry.x).astype(float)
    y, cache = npseg.avg_pool_forward(x, geometry.kernel_size, **options)
    leaf = tensor(x)
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3]
    theirs, dout = pool(leaf, geometry.kernel_size, **even(options)), numbers(*y.shape).astype(float)
    check_parity(y, lambda dout: npseg.avg_pool_backward(dout, cache), theirs, dout, leaf, exact=False)


@given(pools(images=(1, 2), dilated=False, even=True, side_by_side=True), numbers())
def test_max_unpool_of_windows_side_by_side(geometry, numbers):
    """Without overlap no index comes twice, where PyTorch keeps one value and npseg the sum."""
    x, kernel, padding = numbers(*geometry.x), geometry.kernel_size, geometry.options["padding"]
    pooled, cache = npseg.max_pool_forward(x, kernel, **geometry.options)
    values = numbers(*pooled.shape)
    y, unpooled = npseg.max_unpool_forward(
        values, cache.indices, kernel, padding=padding, output_size=x.shape[2:]
    )
    leaf, indices = tensor(values), tensor(cache.indices.astype("int64"))
    unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[x.ndim - 3]
    options = {"stride": kernel, "padding": even(geometry.options)["padding"], "output_size": x.shape[2:]}
    theirs = unpool(leaf, indices, kernel, **options)
    check_parity(y, lambda dout: npseg.max_unpool_backward(dout, unpooled), theirs, x, leaf)


@given(convs(images=(1, 2), even=True).filter(lambda geometry: len(geometry.x) == 4), numbers())
def test_im2col_is_unfold_and_col2im_is_fold(geometry, numbers):
    """PyTorch has them for two axes only."""
    steps = {key: value for key, value in even(geometry.options).items() if key != "groups"}
    x, kernel = numbers(*geometry.x), geometry.w[2:]
    cols = npseg.im2col(x, kernel, **steps)
    assert_same(cols, F.unfold(tensor(x, False), kernel, **steps).numpy())
    values = numbers(*cols.shape)
    folded = F.fold(tensor(values, False), x.shape[2:], kernel, **steps).numpy()
    assert_same(npseg.col2im(values, x.shape[2:], kernel, **steps), folded)


@given(sizes(), st.data(), numbers())
def test_nearest_unpool_is_interpolate_nearest(size, data, numbers):
    scale = data.draw(sizes(len(size), most=3))
    x = numbers(2, 2, *size)
    y, cache = npseg.nearest_unpool_forward(x, scale)
    leaf = tensor(x)
    theirs = F.interpolate(leaf, scale_factor=[float(s) for s in scale], mode="nearest")
    check_parity(y, lambda dout: npseg.nearest_unpool_backward(dout, cache), theirs, numbers(*y.shape), leaf)


# Within rounding, in float64


@given(sizes(most=6), st.data(), st.booleans())
def test_resize_is_interpolate_with_a_size(size, data, align_corners):
    after = data.draw(sizes(len(size), most=9))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, *size))
    y, cache = npseg.resize_bilinear_forward(x, after, align_corners=align_corners)
    leaf = tensor(x)
    mode = ("linear", "bilinear", "trilinear")[len(size) - 1]
    theirs = F.interpolate(leaf, size=after, mode=mode, align_corners=align_corners)
    check_parity(
        y,
        lambda dout: npseg.resize_bilinear_backward(dout, cache),
        theirs,
        rng.standard_normal(y.shape),
        leaf,
        exact=False,
    )


@given(
    sizes(),
    st.integers(1, 5),
    st.sampled_from(("mean", "sum", "none")),
    st.booleans(),
    st.sampled_from((0.0, 0.1, 1.0)),
    st.sampled_from((255, -100, 0)),
    st.integers(0, 1000),
)
def test_cross_entropy(further, classes, reduction, weighted, smoothing, ignore_index, seed):
    rng = np.random.default_rng(seed)
    logits = 5 * rng.standard_normal((2, classes, *further))
    labels = rng.integers(0, classes, (2, *further))
    labels[rng.random(labels.shape) < 0.2] = ignore_index
    assume((labels != ignore_index).any())  # where nothing counts, PyTorch's mean is NaN
    weight = rng.random(classes) + 0.1 if weighted else None
    options = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": smoothing}
    loss, cache = npseg.cross_entropy_forward(logits, labels, weight=weight, **options)
    leaf = tensor(logits)
    theirs = F.cross_entropy(
        leaf, tensor(labels), weight=None if weight is None else tensor(weight, False), **options
    )
    check_parity(
        loss,
        lambda dout: npseg.cross_entropy_backward(dout, cache),
        theirs,
        np.asarray(rng.standard_normal(loss.shape)),
        leaf,
        exact=False,
    )


@given(sizes(), st.booleans(), st.sampled_from((0.1, 0.5, 1.0)), st.integers(0, 1000))
def test_batch_norm_and_its_running_statistics(further, training, momentum, seed):
    rng = np.random.default_rng(seed)
    x = 3 + rng.standard_normal((3, 4, *further))
    gamma, beta, mean, var = rng.random((4, 4)) + 0.5
    y, cache = npseg.batch_norm_forward(
        x, gamma, beta, running_mean=mean, running_var=var, training=training, momentum=momentum
    )
    leaves = tensor(x), tensor(gamma), tensor(beta)
    running = tensor(mean, False), tensor(var, False)
    theirs = F.batch_norm(leaves[0], *running, *leaves[1:], training=training, momentum=momentum, eps=1e-5)
    check_parity(
        y,
        lambda dout: npseg.batch_norm_backward(dout, cache),
        theirs,
        rng.standard_normal(x.shape),
        *leaves,
        exact=False,
    )
    np.testing.assert_allclose(cache.running_mean, running[0].numpy(), rtol=1e-13)
    np.testing.assert_allclose(cache.running_var, running[1].numpy(), rtol=1e-13)


@given(sizes(), st.integers(1, 6), st.integers(1, 7))
def test_lrn(further, channels, size):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, channels, *further))
    y, cache = npseg.lrn_forward(x, size, alpha=0.9, beta=0.75, k=1.5)
    leaf = tensor(x)
    theirs = F.local_response_norm(leaf, size, alpha=0.9, beta=0.75, k=1.5)
    check_parity(
        y,
        lambda dout: npseg.lrn_backward(dout, cache),
        theirs,
        rng.standard_normal(x.shape),
        leaf,
        exact=False,
    )
