"""What users write: what is taken, what is refused, and in which words."""

import re
import time

import numpy as np
import pytest
from checks import assert_same
from geometries import Numbers

import npseg
from npseg import (
    avg_pool_backward,
    avg_pool_forward,
    bed_of_nails_unpool_backward,
    bed_of_nails_unpool_forward,
    conv_backward,
    conv_forward,
    conv_matrix,
    conv_transpose_backward,
    conv_transpose_forward,
    crop_backward,
    crop_forward,
    im2col,
    max_pool_backward,
    max_pool_forward,
    max_unpool_backward,
    max_unpool_forward,
    nearest_unpool_backward,
    nearest_unpool_forward,
    resize_bilinear_backward,
    resize_bilinear_forward,
)
from npseg.methods.choose import GENERAL, METHODS

W = np.ones((1, 1, 2, 2))

#: Each spatial operation on images x of one channel and two axes: its forward, and its backward.
SPATIAL = {
    "conv": (lambda x, **o: conv_forward(x, W.astype(x.dtype), **o), conv_backward),
    "conv_transpose": (
        lambda x, **o: conv_transpose_forward(x, W.astype(x.dtype), **o),
        conv_transpose_backward,
    ),
    "max_pool": (lambda x, **o: max_pool_forward(x, 2, **o), max_pool_backward),
    "avg_pool": (lambda x, **o: avg_pool_forward(x, 2, **o), avg_pool_backward),
    "max_unpool": (lambda x, **o: max_unpool_forward(x, np.zeros(x.shape, int), 2, **o), max_unpool_backward),
    "nearest_unpool": (lambda x, **o: nearest_unpool_forward(x, 2, **o), nearest_unpool_backward),
    "bed_of_nails_unpool": (
        lambda x, **o: bed_of_nails_unpool_forward(x, 2, **o),
        bed_of_nails_unpool_backward,
    ),
    "local_norm": (lambda x, **o: npseg.local_norm_forward(x, 3, **o), npseg.local_norm_backward),
    "resize_bilinear": (lambda x: resize_bilinear_forward(x, 3), resize_bilinear_backward),
    "crop": (lambda x: crop_forward(x, 1, 2), crop_backward),
}
OF_ANY_METHOD = [name for name in SPATIAL if name not in ("resize_bilinear", "crop")]


def refused(error, message):
    return pytest.raises(error, match=re.escape(message))


def test_every_door_is_tested():
    """All spatial pairs that npseg offers stand in the table above; the others have tests of their own."""
    pairs = {name.removesuffix("_forward") for name in npseg.__all__ if name.endswith("_forward")}
    pointwise = {"relu", "tanh", "dropout", "batch_norm", "lrn", "cross_entropy"}
    assert set(SPATIAL) == pairs - pointwise
    assert {name.removesuffix("_backward") for name in npseg.__all__ if name.endswith("_backward")} == pairs


# Arrays


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16", "complex128", "object"])
@pytest.mark.parametrize("op", SPATIAL)
def test_integers_halves_complex_and_objects_are_refused(op, dtype):
    with refused(
        TypeError, f"_forward: x has dtype {dtype}; float32 or float64 is needed: x.astype('float32')"
    ):
        SPATIAL[op][0](np.ones((1, 1, 4, 4), dtype))


@pytest.mark.parametrize("op", SPATIAL)
def test_lists_and_masked_arrays_are_refused(op):
    masked = np.ma.masked_less(np.ones((1, 1, 4, 4)), 0)
    with refused(TypeError, "_forward: x is a masked array, whose mask would be ignored; give x.filled(0)"):
        SPATIAL[op][0](masked)


def test_what_is_no_array_is_refused():
    with refused(TypeError, "max_pool_forward: x is a list; an array is needed: np.asarray(x, float)"):
        max_pool_forward([[[1.0, 2.0]]], 2)
    with refused(TypeError, "conv_forward: b is a float; an array is needed"):
        conv_forward(np.ones((1, 1, 4)), np.ones((1, 1, 2)), 1.0)


def test_an_object_array_is_told_of_the_loops():
    with refused(TypeError, "or an object array with method='loops'"):
        conv_forward(np.ones((1, 1, 4), object), np.ones((1, 1, 2), object))
    y, _ = conv_forward(np.ones((1, 1, 4), object), np.ones((1, 1, 2), object), method="loops")
    assert y.tolist() == [[[2, 2, 2]]]


@pytest.mark.parametrize("forward", [conv_forward, conv_transpose_forward])
def test_mixed_dtypes_are_refused_showing_the_astype(forward):
    x, w, b = np.ones((1, 1, 4), "float32"), np.ones((1, 1, 2)), np.ones(1)
    with refused(TypeError, "x is float32 but w is float64; make them one dtype: w.astype('float32')"):
        forward(x, w)
    with refused(TypeError, "x is float32 but b is float64; make them one dtype: b.astype('float32')"):
        forward(x, w.astype("float32"), b)


def test_mixed_dtypes_are_refused_by_batch_norm_and_cross_entropy_too():
    x, ones = np.ones((2, 3), "float32"), np.ones(3)
    for name in ("gamma", "beta", "running_mean"):
        given = {"gamma": None, "beta": None, name: ones}
        with refused(
            TypeError, f"x is float32 but {name} is float64; make them one dtype: {name}.astype('float32')"
        ):
            npseg.batch_norm_forward(x, **given)
    with refused(TypeError, "logits is float32 but weight is float64"):
        npseg.cross_entropy_forward(x, np.zeros(2, int), weight=ones)


@pytest.mark.parametrize("op", SPATIAL)
def test_dout_must_have_the_outputs_shape_and_dtype(op):
    forward, backward = SPATIAL[op]
    y, cache = forward(np.ones((1, 1, 4, 4), "float32"))
    with refused(
        ValueError, f"{op}_backward: dout has shape (1, 1, 1, 9); {y.shape}, that of the output, is needed"
    ):
        backward(np.ones((1, 1, 1, 9), "float32"), cache)
    with refused(
        TypeError,
        f"{op}_backward: dout is float64 but the output was float32; make them one dtype: dout.astype('float32')",
    ):
        backward(np.ones(y.shape), cache)


@pytest.mark.parametrize("shape", [(4,), (1, 4), (1, 1, 2, 2, 2, 2)])
@pytest.mark.parametrize("op", SPATIAL)
def test_one_to_three_spatial_axes_are_needed(op, shape):
    with refused(
        ValueError, f"_forward: x has shape {shape}; (N, C, *spatial) with one, two or three spatial axes"
    ):
        SPATIAL[op][0](np.ones(shape))


def test_a_single_image_is_told_what_to_write():
    with refused(ValueError, "for a single image write x[None]"):
        max_pool_forward(np.ones((4, 4)), 2)


@pytest.mark.parametrize("shape", [(1, 0, 4, 4), (1, 1, 0, 4), (1, 1, 4, 0), (0, 0, 4, 4)])
@pytest.mark.parametrize("op", SPATIAL)
def test_no_channels_and_empty_spatial_axes_are_refused(op, shape):
    with refused(ValueError, f"_forward: x has shape {shape}; only the first axis, the images, may be empty"):
        SPATIAL[op][0](np.ones(shape))


@pytest.mark.parametrize("method", GENERAL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", SPATIAL)
def test_no_images_come_back_empty(op, dtype, method):
    forward, backward = SPATIAL[op]
    options = {"method": method} if op in OF_ANY_METHOD else {}
    one, _ = forward(np.ones((1, 1, 4, 4), dtype), **options)
    y, cache = forward(np.ones((0, 1, 4, 4), dtype), **options)
    assert_same(y, np.ones((0, *one.shape[1:]), dtype))
    dx = backward(y, cache)
    if op in ("conv", "conv_transpose"):
        dx, dw, _ = dx
        assert_same(dw, np.zeros_like(W, dtype))
    assert_same(dx, np.ones((0, 1, 4, 4), dtype))


@pytest.mark.parametrize("layout", ["C", "Fortran", "strided", "read-only"])
@pytest.mark.parametrize("op", SPATIAL)
def test_inputs_are_never_modified_and_may_lie_in_memory_as_they_like(op, layout):
    forward, backward = SPATIAL[op]
    x = Numbers(0, layout=layout)(2, 1, 4, 4)
    before = x.copy()
    y, cache = forward(x)
    dout = Numbers(1, layout=layout)(*y.shape)
    dout_before = dout.copy()
    gradients = backward(dout, cache)
    y_plain, cache_plain = forward(before)
    assert_same((x, dout), (before, dout_before))
    assert_same(y, y_plain)
    assert_same(gradients, backward(dout_before, cache_plain))


# Numbers for each axis


@pytest.mark.parametrize("name", ["stride", "dilation"])
@pytest.mark.parametrize(
    ("given", "entries"), [((1,), "1 entry"), ((1, 2, 3), "3 entries"), ([], "0 entries")]
)
def test_as_many_entries_as_spatial_axes(name, given, entries):
    with refused(
        ValueError,
        f"conv_forward: {name}={given!r} has {entries}; give one int, or one for each of the 2 spatial axes",
    ):
        conv_forward(np.ones((1, 1, 4, 4)), W, **{name: given})


def test_one_entry_each_may_be_a_tuple_a_list_or_an_array():
    x = np.ones((1, 1, 6, 7))
    expected, _ = conv_forward(x, W, stride=(2, 3), padding=(0, 1))
    for kind in (list, np.array):
        assert_same(conv_forward(x, W, stride=kind([2, 3]), padding=kind([0, 1]))[0], expected)
    assert_same(conv_forward(x, W, stride=np.int64(2))[0], conv_forward(x, W, stride=2)[0])


def test_in_one_dimension_a_pair_for_padding_is_refused():
    """As one per axis it has an entry too many; as (before, after) it must be written out."""
    x, w = np.ones((1, 1, 4)), np.ones((1, 1, 2))
    with refused(ValueError, "conv_forward: padding=(1, 2) has 2 entries"):
        conv_forward(x, w, padding=(1, 2))
    with refused(ValueError, "for uneven padding write padding=((1, 2),)"):
        conv_forward(x, w, padding=(1, 2))
    assert conv_forward(x, w, padding=((1, 2),))[0].shape == (1, 1, 6)


@pytest.mark.parametrize(
    ("padding", "message"),
    [
        ((1, 2, 3), "padding=(1, 2, 3) has 3 entries; give an int, or for each of the 2 spatial axes"),
        (((1, 2, 3), 0), "padding=((1, 2, 3), 0): (1, 2, 3) is not a (before, after) pair"),
        (-1, "padding=-1 must be at least 0"),
        (((0, -1), 0), "padding=-1 must be at least 0"),
        ("full", "padding='full'; the words are 'same' and 'valid'"),
    ],
)
def test_paddings_that_are_refused(padding, message):
    with refused(ValueError, f"conv_forward: {message}"):
        conv_forward(np.ones((1, 1, 4, 4)), W, padding=padding)


def test_same_needs_stride_1_and_is_not_for_the_transpose():
    with refused(
        ValueError, "conv_forward: padding='same' needs stride 1, not (2, 2); give the padding in numbers"
    ):
        conv_forward(np.ones((1, 1, 4, 4)), W, padding="same", stride=2)
    with refused(
        ValueError, "conv_transpose_forward: padding='same' is for convolutions; give the padding in"
    ):
        conv_transpose_forward(np.ones((1, 1, 4, 4)), W, padding="same")


@pytest.mark.parametrize("value", [True, np.True_, 1.0, np.float64(1), b"1", None, 1 + 0j])
@pytest.mark.parametrize("name", ["stride", "dilation", "groups", "padding"])
def test_a_bool_a_float_and_a_string_are_no_whole_numbers(name, value):
    with refused(TypeError, f"conv_forward: {name}={value!r} is not a whole number"):
        conv_forward(np.ones((1, 1, 4, 4)), W, **{name: value})


@pytest.mark.parametrize("name", ["stride", "dilation", "groups"])
@pytest.mark.parametrize("value", [0, -1])
def test_strides_dilations_and_groups_are_at_least_1(name, value):
    with refused(ValueError, f"conv_forward: {name}={value} must be at least 1"):
        conv_forward(np.ones((1, 1, 4, 4)), W, **{name: value})


def test_kernel_sizes_and_scales_are_at_least_1():
    x = np.ones((1, 1, 4, 4))
    with refused(ValueError, "max_pool_forward: kernel_size=0 must be at least 1"):
        max_pool_forward(x, 0)
    with refused(ValueError, "nearest_unpool_forward: scale=0 must be at least 1"):
        nearest_unpool_forward(x, (2, 0))
    with refused(ValueError, "resize_bilinear_forward: size=0 must be at least 1"):
        resize_bilinear_forward(x, 0)


# Shapes that do not fit together


def test_a_kernel_that_does_not_fit_is_refused_with_the_numbers():
    with refused(
        ValueError,
        "conv_forward: kernel 7x7 with dilation 1 does not fit into the padded input 4x4 (input 2x2, padding 1)",
    ):
        conv_forward(np.ones((1, 1, 2, 2)), np.ones((1, 1, 7, 7)), padding=1)
    with refused(
        ValueError,
        "kernel 2x3 with dilation (1, 2) does not fit into the padded input 2x4 "
        "(input 2x3, padding ((0, 0), (0, 1)))",
    ):
        conv_forward(np.ones((1, 1, 2, 3)), np.ones((1, 1, 2, 3)), dilation=(1, 2), padding=(0, (0, 1)))


@pytest.mark.parametrize(
    ("x", "w", "groups", "message"),
    [
        (
            (1, 3, 4, 4),
            (2, 2, 3, 3),
            1,
            "x has 3 channels (shape (1, 3, 4, 4)), but w (2, 2, 3, 3) with groups=1 takes 2",
        ),
        (
            (1, 2, 4, 4),
            (4, 2, 3, 3),
            2,
            "x has 2 channels (shape (1, 2, 4, 4)), but w (4, 2, 3, 3) with groups=2 takes 4",
        ),
        ((1, 2, 4, 4), (3, 1, 3, 3), 2, "groups=2 does not divide the 3 channels of w (3, 1, 3, 3)"),
        (
            (1, 2, 4, 4),
            (3, 2, 3),
            1,
            "w has shape (3, 2, 3); (C_out, C_in/groups, *kernel) with 2 kernel axes is needed",
        ),
        ((1, 2, 4, 4), (0, 2, 3, 3), 1, "w has shape (0, 2, 3, 3)"),
        ((1, 2, 4, 4), (2, 2, 0, 3), 1, "w has shape (2, 2, 0, 3)"),
    ],
)
def test_weights_that_do_not_fit_the_input_are_refused(x, w, groups, message):
    with refused(ValueError, f"conv_forward: {message}"):
        conv_forward(np.ones(x), np.ones(w), groups=groups)


def test_the_transpose_reads_its_weights_from_the_other_side():
    x, w = np.ones((1, 4, 5)), np.ones((4, 3, 2))
    assert conv_transpose_forward(x, w, groups=2)[0].shape == (1, 6, 6)
    with refused(ValueError, "x has 3 channels (shape (1, 3, 5)), but w (4, 3, 2) with groups=1 takes 4"):
        conv_transpose_forward(x[:, :3], w)
    with refused(ValueError, "groups=3 does not divide the 4 channels of w (4, 3, 2)"):
        conv_transpose_forward(x, w, groups=3)
    with refused(ValueError, "b has shape (3,); (6,), one for each output channel, is needed"):
        conv_transpose_forward(x, w, np.ones(3), groups=2)


def test_a_bias_has_one_value_for_each_output_channel():
    with refused(
        ValueError, "conv_forward: b has shape (1, 1); (1,), one for each output channel, is needed"
    ):
        conv_forward(np.ones((1, 1, 4, 4)), W, np.ones((1, 1)))


# Methods, and what would take hours or not fit


@pytest.mark.parametrize("op", OF_ANY_METHOD)
def test_an_unknown_method_is_refused_and_the_known_named(op):
    names = ", ".join(map(repr, METHODS))
    with refused(ValueError, f"{op}_forward: method='cudnn'; choose one of {names}"):
        SPATIAL[op][0](np.ones((1, 1, 4, 4)), method="cudnn")


@pytest.mark.parametrize(
    ("x", "w"),
    [
        ((1, 512, 32, 32), (512, 512, 3, 3)),  # many channels
        ((16, 64, 512, 512), (64, 64, 3, 3)),  # many pixels as well
    ],
)
def test_loops_that_would_take_hours_are_refused_at_once(x, w):
    """Before anything is laid out: at no cost of time or memory, even for the walk over the meetings."""
    large, kernels = np.broadcast_to(np.float32(1), x), np.ones(w, "float32")
    start = time.perf_counter()
    with pytest.raises(
        ValueError, match=r"'loops' would compute [\d,]+ products one by one, .* use method='im2col'"
    ):
        conv_forward(large, kernels, padding=1, method="loops")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: max_pool_forward(x, 64, stride=1, method="loops"),
        lambda x: avg_pool_forward(x, 64, stride=1, method="loops"),
    ],
)
def test_pooling_by_loops_that_would_take_hours_is_refused_at_once(forward):
    with pytest.raises(ValueError, match=r"'loops' would compute"):
        forward(np.broadcast_to(np.float32(1), (1, 1, 2048, 2048)))


def test_a_matrix_that_would_not_fit_is_refused_with_its_size():
    with pytest.raises(
        ValueError, match=r"conv_matrix: the matrix, 4194304x4194304 with .* entries, would take .* GiB"
    ):
        conv_matrix(np.ones((64, 64, 3, 3)), (256, 256), padding=1)
    with pytest.raises(ValueError, match=r"would take .* GiB, more than 2 GiB; use method='im2col'"):
        conv_forward(
            np.broadcast_to(np.float32(1), (1, 64, 512, 512)),
            np.ones((64, 64, 3, 3), "float32"),
            method="matrix",
        )


def test_im2col_says_its_own_name():
    with refused(
        ValueError,
        "im2col: kernel 3 with dilation 2 does not fit into the padded input 4 (input 4, padding 0)",
    ):
        im2col(np.ones((1, 1, 4)), 3, dilation=2)


def test_an_array_that_is_not_there_is_named():
    w = np.ones((1, 1, 2))
    for call in (
        lambda: npseg.conv_forward(None, w),
        lambda: npseg.relu_forward(None),
        lambda: npseg.relu_backward(None, npseg.relu_forward(w)[1]),
    ):
        with pytest.raises(TypeError, match=r"(x|dout) is a NoneType; an array is needed"):
            call()
    with pytest.raises(TypeError, match="w is a NoneType"):
        npseg.conv_forward(w, None)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_refused_for_its_product():
    with pytest.raises(TypeError, match=r"x is a np\.matrix"):
        npseg.relu_forward(np.asmatrix([[1.0, 2]]))


def test_masked_labels_and_a_wordy_ignore_index_are_refused():
    logits, labels = np.zeros((1, 2)), np.array([0])
    with pytest.raises(TypeError, match="labels is a masked array"):
        npseg.cross_entropy_forward(logits, np.ma.masked_array(labels, True))
    with pytest.raises(TypeError, match="ignore_index='0' is not a whole number"):
        npseg.cross_entropy_forward(logits, labels, ignore_index="0")


def test_a_method_that_would_not_fit_names_the_operation():
    x, w = np.zeros((1, 64, 256, 256), "float32"), np.zeros((64, 64, 3, 3), "float32")
    with pytest.raises(ValueError, match=r"conv_forward: the matrix, .* would take"):
        npseg.conv_forward(x, w, method="matrix")
    with pytest.raises(ValueError, match=r"max_pool_forward: the matrix, .* would take"):
        npseg.max_pool_forward(x[:, :3], 51, stride=1, padding=25, method="matrix")
