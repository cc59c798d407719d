"""The tests are tested: bugs that real projects shipped, planted on purpose, must each be caught.

Each planted bug replaces one function of the fast method, or of what all methods but the loops stand on. The checks
below are a digest of the suite: whole numbers, compared with ``==`` to the loops, on a few telling geometries.
"""

from dataclasses import replace

import numpy as np
import pytest
from checks import assert_same, check_gradients, check_methods_agree, inner
from geometries import Numbers

import npseg
from npseg.geometry import Window, smallest_size
from npseg.methods import columns, im2col, pooling
from npseg.methods.columns import crop, pad

# H differs from W, and each axis in kernel, stride, dilation, and in what is padded before and after.
STEPS = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}


def check_conv():
    numbers = Numbers(0, "float32")
    x, w, b = numbers(2, 4, 7, 6), numbers(6, 2, 2, 3), numbers(6)

    def compute(method):
        y, cache = npseg.conv_forward(x, w, b, **STEPS, groups=2, method=method)
        return y, *npseg.conv_backward(Numbers(1, "float32")(*y.shape), cache)

    check_methods_agree(compute, x, w, b)


def check_conv_transpose():
    numbers = Numbers(0, "float32")
    x, w, b = numbers(2, 4, 4, 5), numbers(4, 3, 2, 3), numbers(6)

    def compute(method):
        y, cache = npseg.conv_transpose_forward(
            x, w, b, **STEPS, output_padding=(1, 0), groups=2, method=method
        )
        return y, *npseg.conv_transpose_backward(Numbers(1, "float32")(*y.shape), cache)

    check_methods_agree(compute, x, w, b)


def check_the_transpose_is_the_transpose():
    """Of an odd and an even size with stride 2, so that the output padding matters, and weights not all alike."""
    numbers = Numbers(0)
    w = numbers(3, 2, 3, 3)
    for size in ((7, 8), (8, 7)):
        x, y = numbers(1, 2, *size), numbers(1, 3, 4, 4)
        down, _ = npseg.conv_forward(x, w, stride=2, padding=1)
        up, _ = npseg.conv_transpose_forward(y, w, stride=2, padding=1, output_size=size)
        assert inner(down, y) == inner(x, up)


def check_max_pool():
    """Overlapping windows on padded planes of odd width: negative everywhere, with ties, with -inf and NaN."""
    numbers = Numbers(0, "float32")
    for x in (numbers(2, 2, 6, 7, low=-9, high=-1), numbers.with_specials(2, 2, 6, 7)):

        def compute(method, x=x):
            y, cache = npseg.max_pool_forward(
                x, (2, 3), stride=(2, 1), padding=((1, 0), (1, 2)), method=method
            )
            return y, npseg.max_pool_backward(Numbers(1, "float32")(*y.shape), cache)

        check_methods_agree(compute, x)


def check_avg_pool():
    x = Numbers(0, "float32")(2, 2, 6, 7)

    def compute(method):
        y, cache = npseg.avg_pool_forward(
            x, (2, 4), stride=(1, 2), padding=((1, 0), (1, 2)), divisor_override=4, method=method
        )
        return y, npseg.avg_pool_backward(Numbers(1, "float32")(*y.shape), cache)

    check_methods_agree(compute, x)


def check_unpooling():
    x = Numbers(0, "float32")(2, 3, 2, 3)
    for scale in ((3, 3), (3, 4)):
        for forward, backward in (
            (npseg.nearest_unpool_forward, npseg.nearest_unpool_backward),
            (npseg.bed_of_nails_unpool_forward, npseg.bed_of_nails_unpool_backward),
        ):

            def compute(method, scale=scale, forward=forward, backward=backward):
                y, cache = forward(x, scale, method=method)
                return y, backward(Numbers(1, "float32")(*y.shape), cache)

            check_methods_agree(compute, x)


def check_columns():
    x = Numbers(0)(2, 3, 5, 6)
    steps = {"stride": (2, 1), "padding": ((1, 0), (0, 2))}
    s = npseg.im2col_matrix((5, 6), (2, 3), channels=3, **steps)
    for one in x:
        assert_same(npseg.im2col(one[None], (2, 3), **steps).ravel(), s @ one.ravel())
    cols = npseg.im2col(x, (2, 3), **steps)
    assert_same(npseg.col2im(cols, (5, 6), (2, 3), **steps)[1].ravel(), s.T @ cols[1].ravel())


def check_tanh():
    x = np.random.default_rng(0).standard_normal((3, 4))
    _, cache = npseg.tanh_forward(x)
    check_gradients(lambda x: npseg.tanh_forward(x)[0], lambda dout: [npseg.tanh_backward(dout, cache)], x)


CHECKS = [check for name, check in sorted(globals().items()) if name.startswith("check_")]
CHECKS = [check for check in CHECKS if check.__module__ == __name__]


# The bugs


def crops_images_and_channels(padded, window):
    pixels, places = window.inner()
    x = np.zeros((*padded.shape[:2], *window.size), padded.dtype)
    x[pixels] = padded[places][..., : x.shape[2], : x.shape[3]]
    return x


def counts_padding_and_does_not_apply_it(x, window, fill=0):
    pixels, _ = window.inner()
    padded = np.full((*x.shape[:2], *window.reach), fill, x.dtype)
    padded[:, :, *pixels] = x[:, :, *pixels]
    return padded


def pads_with_zero(x, window, fill=0, _right=pad):
    return _right(x, window)


def looks_for_winners_in_the_unpadded_array(x, out, *, padding, _right=im2col.argmax, **steps):
    return _right(x, out, padding=((0, 0),) * len(out), **steps)


def assigns_where_windows_overlap(y, indices, size):
    x = np.zeros((*y.shape[:2], int(np.prod(size))), y.dtype)
    np.put_along_axis(x, indices.reshape(*y.shape[:2], -1), y.reshape(*y.shape[:2], -1), axis=2)
    return x.reshape(*y.shape[:2], *size)


def assigns_shares_where_windows_overlap(y, size, *, kernel, stride, padding, include_padding, divisor):
    window = Window(size, y.shape[2:], kernel, stride, padding, (1,) * len(size))
    shares = y / window.divisor(include_padding=include_padding, override=divisor, like=y)
    padded = np.zeros((*y.shape[:2], *window.reach), y.dtype)
    for _, read in window.taps():
        padded[:, :, *read] = shares
    return crop(padded, window)


def has_a_literal_2_for_the_kernel(y, size, *, kernel, _right=im2col.spread, **options):
    return _right(y, size, kernel=(2,) * len(kernel), **options)


def uses_one_axis_kernel_for_both(window, _right=Window.taps):
    return _right(replace(window, kernel=(window.kernel[0],) * len(window.kernel)))


def flips_the_kernel(y, w, size, _right=im2col.correlate_adjoint_x, **options):
    return _right(y, w[:, :, ::-1, ::-1], size, **options)


def without_output_padding(y, w, size, options, _right=im2col.correlate_adjoint_x):
    """Return what the stamps make with no output padding, and how much of it there was."""
    steps = {key: options[key] for key in ("stride", "padding", "dilation")}
    least = smallest_size(y.shape[2:], w.shape[2:], **steps)
    return _right(y, w, least, **options), [i - low for i, low in zip(size, least)]


def pads_the_output_before(y, w, size, **options):
    x, extra = without_output_padding(y, w, size, options)
    return np.pad(x, ((0, 0), (0, 0), *((e, 0) for e in extra)))


def pads_the_output_with_zeros(y, w, size, **options):
    x, extra = without_output_padding(y, w, size, options)
    return np.pad(x, ((0, 0), (0, 0), *((0, e) for e in extra)))


def ignores_the_stride(x, w, size, *, stride, _right=im2col.correlate, **options):
    return _right(x, w, size, stride=(1,) * len(stride), **options)


def ignores_the_dilation(x, w, size, *, dilation, _right=im2col.correlate, **options):
    return _right(x, w, size, dilation=(1,) * len(dilation), **options)


def counts_indices_in_the_padded_width(window, xp=np, _right=Window.index):
    index = _right(window)
    rows, columns = np.unravel_index(np.maximum(index, 0), window.size)
    (top, _), (left, right) = window.padding
    flat = (rows + top) * (left + window.size[1] + right) + columns + left
    return np.where(index >= 0, flat, -1).astype(np.int32)


def reshapes_over_the_wrong_axes(x, w, size, _right=im2col.correlate, **options):
    y = _right(x, w, size, **options)
    return y.swapaxes(0, 1).reshape(y.shape).copy()


def forgets_the_constant(dout, cache):
    return -dout * cache.y * cache.y


def adds_up_in_float64(y, indices, size):
    """np.bincount is quick, and returns float64 whatever it is given."""
    pixels = int(np.prod(size))
    planes = int(np.prod(y.shape[:2]))
    flat = pixels * np.arange(planes)[:, None] + indices.reshape(planes, -1)
    return np.bincount(flat.ravel(), y.ravel(), planes * pixels).reshape(*y.shape[:2], *size)


def lets_the_last_of_ties_win(x, out, *, kernel, stride, padding, dilation):
    index = Window(x.shape[2:], out, kernel, stride, padding, dilation).index()
    cols = np.where(index >= 0, x.reshape(*x.shape[:2], -1)[:, :, index], -np.inf)
    last = len(index) - 1 - cols[:, :, ::-1].argmax(axis=2)
    indices = index[last, np.arange(index.shape[1])].reshape(*x.shape[:2], *out)
    return pooling.take(x, indices), indices


def joins_all_groups(x, y, size, *, groups, _right=im2col.correlate_adjoint_w, **options):
    return _right(x, y, size, groups=1, **options)[:, : x.shape[1] // groups]


PLANTED = {
    "col2im crops images and channels (CNNumpy)": (im2col, "crop", crops_images_and_channels),
    "padding counted, not applied (CNNumpy)": (im2col, "pad", counts_padding_and_does_not_apply_it),
    "max pooling looks at the unpadded array (numpy-ml)": (
        im2col,
        "argmax",
        looks_for_winners_in_the_unpadded_array,
    ),
    "max pooling pads with 0 (numpy-ml, SmallPebble)": (columns, "pad", pads_with_zero),
    "max-pool gradient assigned, not added (NNlib)": (im2col, "put", assigns_where_windows_overlap),
    "avg-pool gradient assigned, not added (NNlib)": (im2col, "spread", assigns_shares_where_windows_overlap),
    "a literal 2 for the kernel (Chainer)": (im2col, "spread", has_a_literal_2_for_the_kernel),
    "one axis' kernel for both (CS231n, Chainer)": (Window, "taps", uses_one_axis_kernel_for_both),
    "the transpose flips (equinox, JAX)": (im2col, "correlate_adjoint_x", flips_the_kernel),
    "output padding before (PyTorch #8816)": (im2col, "correlate_adjoint_x", pads_the_output_before),
    "output padding as zeros (tinygrad #840)": (im2col, "correlate_adjoint_x", pads_the_output_with_zeros),
    "stride ignored": (im2col, "correlate", ignores_the_stride),
    "dilation ignored": (im2col, "correlate", ignores_the_dilation),
    "index from the padded width (TensorFlow #2169)": (Window, "index", counts_indices_in_the_padded_width),
    "reshape over the wrong axes (autograd #245)": (im2col, "correlate", reshapes_over_the_wrong_axes),
    "tanh's constant missing (CNNumpy)": (npseg, "tanh_backward", forgets_the_constant),
    "float64 scratch in a float32 path (numpy-ml)": (im2col, "put", adds_up_in_float64),
    "the last of ties wins": (im2col, "argmax", lets_the_last_of_ties_win),
    "groups see each other": (im2col, "correlate_adjoint_w", joins_all_groups),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_without_a_bug_every_check_passes(check):
    assert check() is None


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    """By a wrong number, shape or dtype; or because nothing comes out at all."""
    monkeypatch.setattr(*PLANTED[bug])
    caught = []
    for check in CHECKS:
        try:
            check()
        except (AssertionError, ValueError, IndexError, TypeError) as error:
            caught.append(f"{check.__name__}: {type(error).__name__}")
    assert caught, f"no check has caught the planted bug: {bug}"
