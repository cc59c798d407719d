"""The explicit matrices: each is its operation, and its transpose the one that goes the other way."""

import numpy as np
import pytest
from checks import assert_same
from geometries import convs, numbers, pools, ranks, sizes
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from npseg import (
    avg_pool_backward,
    avg_pool_forward,
    avg_pool_matrix,
    bed_of_nails_matrix,
    bed_of_nails_unpool_forward,
    col2im,
    conv_backward,
    conv_forward,
    conv_matrix,
    im2col,
    im2col_matrix,
    max_pool_backward,
    max_pool_forward,
    max_pool_matrix,
    max_unpool_forward,
    nearest_unpool_forward,
    nearest_unpool_matrix,
    resize_bilinear_backward,
    resize_bilinear_forward,
    resize_bilinear_matrix,
)
from npseg.methods import entries


def assert_sparse(matrix, dtype="float64"):
    assert isinstance(matrix, sparse.csr_array)
    assert matrix.indices.dtype == matrix.indptr.dtype == "int32"
    assert matrix.dtype == dtype


def planes(x):
    """Lay down each plane as a row."""
    return x.reshape(-1, int(np.prod(x.shape[2:])))


@given(convs(images=(1,)), numbers())
def test_C_is_convolution_and_its_transpose_the_gradient(geometry, numbers):
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    c = conv_matrix(w, geometry.x[2:], **geometry.options)
    assert_sparse(c, numbers.dtype)
    y, cache = conv_forward(x, w, **geometry.options)
    dout = numbers(*y.shape)
    assert_same(c @ x.ravel(), y.ravel())
    assert_same(c.T @ dout.ravel(), conv_backward(dout, cache)[0].ravel())


@given(convs(images=(1,)), numbers())
def test_C_is_the_theorem_of_the_weights_and_the_windows(geometry, numbers):
    """C = kron(W, I) @ kron(I, S), with W block-diagonal when there are groups, written out densely."""
    w, groups = numbers(*geometry.w), geometry.groups
    steps = {key: value for key, value in geometry.options.items() if key != "groups"}
    s = im2col_matrix(geometry.x[2:], geometry.w[2:], **steps).toarray()
    taps = int(np.prod(geometry.w[2:]))
    in_group, above = w.shape[1] * taps, w.shape[0] // groups
    big_w = np.zeros((w.shape[0], groups * in_group))
    for g in range(groups):
        block = w[g * above : (g + 1) * above].reshape(above, in_group)
        big_w[g * above : (g + 1) * above, g * in_group : (g + 1) * in_group] = block
    windows = s.shape[0] // taps
    expected = np.kron(big_w, np.eye(windows)) @ np.kron(np.eye(geometry.x[1]), s)
    c = conv_matrix(w, geometry.x[2:], **geometry.options).toarray()
    assert_same(c, expected.astype(numbers.dtype))


@given(convs(images=(1,)), numbers())
def test_S_is_im2col_and_its_transpose_col2im(geometry, numbers):
    x, kernel = numbers(*geometry.x).astype(float), geometry.w[2:]
    steps = {key: value for key, value in geometry.options.items() if key != "groups"}
    s = im2col_matrix(geometry.x[2:], kernel, channels=geometry.x[1], **steps)
    assert_sparse(s)
    assert set(s.data) <= {1}
    cols = im2col(x, kernel, **steps)
    values = numbers(*cols.shape).astype(float)
    assert_same(s @ x.ravel(), cols.ravel())
    assert_same(s.T @ values.ravel(), col2im(values, x.shape[2:], kernel, **steps).ravel())


@given(pools(images=(1, 2)), numbers())
def test_P_has_one_1_a_row_at_the_winner_and_its_transpose_is_the_gradient(geometry, numbers):
    x = numbers(*geometry.x)
    p = max_pool_matrix(x, geometry.kernel_size, **geometry.options)
    assert_sparse(p, numbers.dtype)
    assert (p.data == 1).all()
    assert (np.diff(p.indptr) == 1).all()
    y, cache = max_pool_forward(x, geometry.kernel_size, **geometry.options)
    dout = numbers(*y.shape)
    assert_same(p @ x.ravel(), y.ravel())
    assert_same(p.T @ dout.ravel(), max_pool_backward(dout, cache).ravel())


@given(pools(images=(1, 2), dilated=False), numbers(), st.booleans(), st.sampled_from((None, 1, 2, -4, 0.5)))
def test_A_is_average_pooling_and_its_transpose_the_gradient(
    geometry, numbers, count_include_pad, divisor_override
):
    """A divides before it adds, so what it makes is close; where the divisor is a power of two, it is the same."""
    x = numbers(*geometry.x).astype(float)
    options = {
        **geometry.options,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }
    a = avg_pool_matrix(geometry.x[2:], geometry.kernel_size, **options)
    assert_sparse(a)
    y, cache = avg_pool_forward(x, geometry.kernel_size, **options)
    dout = numbers(*y.shape).astype(float)
    up, down = (a @ planes(x).T).T, (a.T @ planes(dout).T).T
    dx = avg_pool_backward(dout, cache)
    if divisor_override:
        assert_same(up, planes(y))
        assert_same(down, planes(dx))
    np.testing.assert_allclose(up, planes(y), rtol=0, atol=1e-14)
    np.testing.assert_allclose(down, planes(dx), rtol=0, atol=1e-14)


@given(sizes(), st.data(), numbers())
def test_the_unpoolings_are_transposes_of_average_pooling_and_of_subsampling(size, data, numbers):
    scale = data.draw(sizes(len(size), most=3))
    x = numbers(1, 1, *size).astype(float)
    large = tuple(i * s for i, s in zip(size, scale))
    nearest, nails = nearest_unpool_matrix(size, scale), bed_of_nails_matrix(size, scale)
    for matrix, forward in ((nearest, nearest_unpool_forward), (nails, bed_of_nails_unpool_forward)):
        assert_sparse(matrix)
        assert_same(matrix @ x.ravel(), forward(x, scale)[0].ravel())
    a = avg_pool_matrix(large, scale, divisor_override=1)
    assert_same(nearest.toarray(), a.toarray().T)
    every = np.arange(np.prod(large)).reshape(large)[tuple(slice(None, None, s) for s in scale)]
    d = np.eye(int(np.prod(large)))[every.ravel()]
    assert_same(nails.toarray(), d.T)


@given(sizes(), st.data(), st.booleans())
def test_R_is_bilinear_resizing_and_its_transpose_the_gradient(size, data, align_corners):
    after = data.draw(sizes(len(size), most=7))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 1, *size))
    r = resize_bilinear_matrix(size, after, align_corners=align_corners)
    assert_sparse(r)
    np.testing.assert_allclose(r.sum(axis=1), 1, rtol=1e-15)
    y, cache = resize_bilinear_forward(x, after, align_corners=align_corners)
    dout = rng.standard_normal(y.shape)
    np.testing.assert_allclose(r @ x.ravel(), y.ravel(), rtol=0, atol=1e-14)
    dx = resize_bilinear_backward(dout, cache)
    np.testing.assert_allclose(r.T @ dout.ravel(), dx.ravel(), rtol=0, atol=1e-14)


def test_a_matrix_of_nothing_but_padding_keeps_its_dtype():
    """SciPy's kron forgets the dtype of a matrix without entries."""
    w = np.ones((2, 1, 1), "float32")
    c = conv_matrix(w, 1, stride=2, padding=((1, 0),))
    assert_sparse(c, "float32")
    assert c.shape == (2, 1)
    assert c.nnz == 0


@given(ranks())
def test_an_int_for_the_size_is_one_for_each_axis_of_the_kernel(n):
    w = np.ones((1, 1, *(2,) * n))
    assert conv_matrix(w, 3).shape == (2**n, 3**n)
    assert im2col_matrix(3, (2,) * n).shape == (4**n, 3**n)
    assert avg_pool_matrix((4,) * n, 2).shape == avg_pool_matrix(4, (2,) * n).shape == (2**n, 4**n)
    for unpool_matrix in (nearest_unpool_matrix, bed_of_nails_matrix):
        assert unpool_matrix((2,) * n, 2).shape == unpool_matrix(2, (2,) * n).shape == (4**n, 2**n)
    resized = resize_bilinear_matrix((2,) * n, 3), resize_bilinear_matrix(2, (3,) * n)
    assert resized[0].shape == resized[1].shape == (3**n, 2**n)


def test_conv_matrix_of_a_real_layer_is_small():
    """3 to 8 channels on 64x64, 3x3: under 12 MiB, where the dense matrix would take 3 GiB."""
    c = conv_matrix(np.ones((8, 3, 3, 3)), (64, 64), padding=1)
    assert_sparse(c)
    assert c.shape == (8 * 64 * 64, 3 * 64 * 64)
    assert c.data.nbytes + c.indices.nbytes + c.indptr.nbytes < 12 * 2**20


#: A matrix of each kind, without padding, whose taps are counted as entries; and how many entries are counted.
OF_EACH_KIND = {
    "conv_matrix": (lambda: conv_matrix(np.ones((6, 2, 3, 2)), (5, 4), groups=2), 6 * 9 * 12),
    "im2col_matrix": (lambda: im2col_matrix((5, 4), (3, 2), channels=2), 2 * 9 * 6),
    "max_pool_matrix": (lambda: max_pool_matrix(np.ones((2, 3, 5, 8)), (2, 3)), 6 * 4 * 6),  # all who may win
    "avg_pool_matrix": (lambda: avg_pool_matrix((5, 8), (2, 3)), 4 * 6),
    "nearest_unpool_matrix": (lambda: nearest_unpool_matrix((5, 4), (2, 3)), 20 * 6),
    "bed_of_nails_matrix": (lambda: bed_of_nails_matrix((5, 4), (2, 3)), 20),
    "resize_bilinear_matrix": (lambda: resize_bilinear_matrix((5, 4, 2), (7, 3, 4)), 7 * 3 * 4 * 2**3),
}


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_a_matrix_is_refused_by_the_byte_that_it_would_take_too_many(monkeypatch, name):
    make, count = OF_EACH_KIND[name]
    matrix = make()
    rows, cols = matrix.shape
    needed = count * (matrix.data.itemsize + matrix.indices.itemsize) + matrix.indptr.nbytes
    if name == "conv_matrix":  # a product of two others, which takes a sum and an index for each column
        needed += cols * (8 + 4)
    monkeypatch.setattr(entries, "LARGEST", needed)
    make()
    monkeypatch.setattr(entries, "LARGEST", needed - 1)
    with pytest.raises(
        ValueError, match=f"^{name}: the matrix, {rows}x{cols} with {count:,} entries, would take"
    ):
        make()


@pytest.mark.parametrize(("count", "shape"), [(2**31, (1, 1)), (1, (2**31, 1)), (1, (1, 2**31))])
def test_a_matrix_is_refused_beyond_what_its_indices_count(monkeypatch, count, shape):
    monkeypatch.setattr(entries, "LARGEST", 2**60)
    entries.refuse_large(min(count, 2**31 - 1), 8, tuple(min(n, 2**31 - 1) for n in shape))
    with pytest.raises(ValueError, match=r"the matrix, .* would take"):
        entries.refuse_large(count, 8, shape)


def test_a_matrix_that_is_refused_is_told_its_size():
    with pytest.raises(
        ValueError, match=r"10x7 with 400,000,000 entries, would take 4\.5 GiB, more than 2 GiB; use"
    ):
        entries.refuse_large(4 * 10**8, 8, (10, 7))


def test_carrying_along_indices_is_refused_by_the_byte_too(monkeypatch):
    x, indices = np.ones((2, 3, 2, 2)), np.zeros((2, 3, 2, 2), int)
    needed = 24 * (8 + 4) + 4 * 25
    monkeypatch.setattr(entries, "LARGEST", needed)
    max_unpool_forward(x, indices, 2, method="matrix")
    monkeypatch.setattr(entries, "LARGEST", needed - 1)
    with pytest.raises(
        ValueError, match=r"^max_unpool_forward: the matrix, 24x96 with 24 entries, would take 0\.0 GiB, more"
    ):
        max_unpool_forward(x, indices, 2, method="matrix")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: conv_matrix(np.ones((1, 1, 3)), 2), "conv_matrix: kernel 3 with dilation 1 does not fit"),
        (lambda: conv_matrix(np.ones((3, 1, 2)), 4, groups=2), "conv_matrix: groups=2 does not divide"),
        (lambda: conv_matrix(np.ones((3, 1, 2)), 4, groups=0), "conv_matrix: groups=0 must be at least 1"),
        (
            lambda: conv_matrix(np.ones((3, 2)), 4),
            r"conv_matrix: w has shape \(3, 2\); \(C_out, C_in/groups, \*spatial\) with one",
        ),
        (lambda: im2col_matrix(4, 3, channels=0), "im2col_matrix: channels=0 must be at least 1"),
        (lambda: im2col_matrix(2, 3), "im2col_matrix: kernel 3 with dilation 1 does not fit"),
        (
            lambda: max_pool_matrix(np.ones((1, 1, 2)), 2, padding=2),
            "max_pool_matrix: window 0 on axis 0 holds no",
        ),
        (lambda: avg_pool_matrix(2, 2, padding=2), "avg_pool_matrix: window 0 on axis 0 holds no pixel"),
        (lambda: avg_pool_matrix(2, 2, divisor_override=0), "avg_pool_matrix: divisor_override=0"),
        (lambda: nearest_unpool_matrix(2, 0), "nearest_unpool_matrix: scale=0 must be at least 1"),
        (lambda: bed_of_nails_matrix(0, 2), "bed_of_nails_matrix: input_size=0 must be at least 1"),
        (lambda: resize_bilinear_matrix(2, 0), "resize_bilinear_matrix: size=0 must be at least 1"),
        (
            lambda: conv_matrix(np.ones((1, 1, 1)), 2**31 - 1, stride=2**15),
            "conv_matrix: the matrix, .* would take",
        ),
        (
            lambda: max_pool_matrix(np.ones((0, 1, 1, 1)), 2**15, ceil_mode=True),
            "max_pool_matrix: the matrix, .* would take",
        ),
        (lambda: im2col_matrix((4000, 4000), 9, channels=3), "im2col_matrix: the matrix, .* would take"),
        (lambda: avg_pool_matrix((30_000, 30_000), 2), "avg_pool_matrix: the matrix, .* would take"),
        (
            lambda: nearest_unpool_matrix((20_000, 20_000), 2),
            "nearest_unpool_matrix: the matrix, .* would take",
        ),
        (lambda: bed_of_nails_matrix((20_000, 20_000), 2), "bed_of_nails_matrix: the matrix, .* would take"),
        (
            lambda: resize_bilinear_matrix((9_000, 9_000), 9_000),
            "resize_bilinear_matrix: the matrix, .* would",
        ),
    ],
)
def test_matrices_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
