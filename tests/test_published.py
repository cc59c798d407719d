"""Numbers that somebody else has published: the lecture, Dumoulin and Visin, FCN, PyTorch's documentation."""

import math
from itertools import product

import numpy as np
import pytest
from checks import assert_same

from npseg import (
    avg_pool_forward,
    batch_norm_forward,
    bed_of_nails_unpool_forward,
    bilinear_kernel,
    col2im,
    conv_backward,
    conv_forward,
    conv_matrix,
    conv_transpose_backward,
    conv_transpose_forward,
    cross_entropy_backward,
    cross_entropy_forward,
    im2col,
    im2col_matrix,
    max_pool_forward,
    max_unpool_backward,
    max_unpool_forward,
    nearest_unpool_forward,
    resize_bilinear_forward,
)
from npseg.geometry import Grid, Window
from npseg.methods.choose import GENERAL

every_method = pytest.mark.parametrize("method", GENERAL)


def image(rows):
    return np.array(rows, float)[None, None]


def signal(*values):
    return np.array(values, float)[None, None]


class Symbol:
    """A letter, or a sum of products of letters, which multiplies and adds by writing itself down."""

    def __init__(self, text):
        self.text = text

    def __mul__(self, other):
        return Symbol(self.text + other.text)

    def __add__(self, other):
        return Symbol(f"{self.text}+{other.text}")

    def __repr__(self):
        return self.text


def symbols(letters):
    return np.array([[[Symbol(letter) for letter in letters]]], dtype=object)


def written(y):
    return [str(value) for value in y.ravel()]


class TestTheLecture:
    @every_method
    def test_nearest_neighbour_unpooling(self, method):
        y, _ = nearest_unpool_forward(image([[1, 2], [3, 4]]), 2, method=method)
        assert_same(y, image([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]))

    @every_method
    def test_bed_of_nails(self, method):
        y, _ = bed_of_nails_unpool_forward(image([[1, 2], [3, 4]]), 2, method=method)
        assert_same(y, image([[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]))

    @every_method
    def test_max_unpooling(self, method):
        x = image([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
        y, cache = max_pool_forward(x, 2, method=method)
        assert_same(y, image([[5, 6], [7, 8]]))
        assert cache.indices.tolist() == [[[[5, 2], [12, 15]]]]
        up, _ = max_unpool_forward(image([[1, 2], [3, 4]]), cache.indices, 2, method=method)
        assert_same(up, image([[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]))

    @every_method
    def test_sizes_in_two_dimensions(self, method):
        x, w, small = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
        assert conv_forward(x, w, padding=1, method=method)[0].shape[2:] == (4, 4)
        assert conv_forward(x, w, stride=2, padding=1, method=method)[0].shape[2:] == (2, 2)
        for padding, output_padding, size in ((1, 1, 4), (1, 0, 3), (0, 0, 5)):
            options = {"stride": 2, "padding": padding, "output_padding": output_padding, "method": method}
            assert conv_transpose_forward(small, w, **options)[0].shape[2:] == (size, size)

    @every_method
    def test_a_kernel_of_ones_stamped_down(self, method):
        y, _ = conv_transpose_forward(
            image([[1, 2], [3, 4]]),
            np.ones((1, 1, 3, 3)),
            stride=2,
            padding=1,
            output_padding=1,
            method=method,
        )
        assert_same(y, image([[1, 3, 2, 2], [4, 10, 6, 6], [3, 7, 4, 4], [3, 7, 4, 4]]))

    def test_transposed_convolution_letter_by_letter(self):
        y, _ = conv_transpose_forward(symbols("ab"), symbols("xyz"), stride=2, method="loops")
        assert written(y) == ["ax", "ay", "az+bx", "by", "bz"]

    def test_convolution_as_a_matrix_letter_by_letter(self):
        """Kernel 3, stride 2, padding 1, on (a, b, c, d); and its transpose, with a sixth output that is 0."""
        y, _ = conv_forward(symbols("abcd"), symbols("xyz"), stride=2, padding=1, method="loops")
        assert written(y) == ["ay+bz", "bx+cy+dz"]
        up, _ = conv_transpose_forward(
            symbols("ab"), symbols("xyz"), stride=2, output_padding=1, method="loops"
        )
        assert written(up) == ["ax", "ay", "az+bx", "by", "bz", "0"]

    def test_the_full_adjoint_deletes_what_padding_had_inserted(self):
        y, _ = conv_transpose_forward(
            symbols("ab"), symbols("xyz"), stride=2, padding=1, output_padding=1, method="loops"
        )
        assert written(y) == ["ay", "az+bx", "by", "bz"]
        _, cache = conv_forward(symbols("abcd"), symbols("xyz"), stride=2, padding=1, method="loops")
        dx, dw, _ = conv_backward(symbols("pq"), cache)
        assert written(dx) == ["py", "pz+qx", "qy", "qz"]
        assert written(dw) == ["bq", "ap+cq", "bp+dq"]

    def test_gradients_of_the_transpose_letter_by_letter(self):
        _, cache = conv_transpose_forward(symbols("ab"), symbols("xyz"), stride=2, method="loops")
        dx, dw, _ = conv_transpose_backward(symbols("pqrst"), cache)
        assert written(dx) == ["px+qy+rz", "rx+sy+tz"]
        assert written(dw) == ["pa+rb", "qa+sb", "ra+tb"]

    def test_the_matrix_of_stride_2(self):
        x = conv_matrix(signal(2, 3, 5), 6, stride=2).toarray()
        assert_same(x, np.array([[2.0, 3, 5, 0, 0, 0], [0, 0, 2, 3, 5, 0]]))
        assert_same(x @ [0, 7, 11, 13, 17, 0], np.array([76.0, 146]))
        assert_same(x.T @ [7, 11], np.array([14.0, 21, 57, 33, 55, 0]))

    @every_method
    def test_the_matrix_of_stride_2_by_the_operations(self, method):
        w = signal(2, 3, 5)
        y, _ = conv_forward(signal(7, 11, 13, 17), w, stride=2, padding=1, method=method)
        assert_same(y, signal(76, 146))
        up, _ = conv_transpose_forward(signal(7, 11), w, stride=2, output_padding=1, method=method)
        assert_same(up, signal(14, 21, 57, 33, 55, 0))

    def test_the_matrix_of_stride_1(self):
        w = signal(2, 3, 5)
        x = conv_matrix(w, 6).toarray()
        expected = [[2, 3, 5, 0, 0, 0], [0, 2, 3, 5, 0, 0], [0, 0, 2, 3, 5, 0], [0, 0, 0, 2, 3, 5]]
        assert_same(x, np.array(expected, float))
        assert_same(x @ [0, 7, 11, 13, 17, 0], np.array([76.0, 112, 146, 77]))
        assert_same(x.T @ [7, 11, 13, 17], np.array([14.0, 43, 94, 128, 116, 85]))
        a = signal(7, 11, 13, 17)
        assert_same(conv_transpose_forward(a, w)[0], signal(14, 43, 94, 128, 116, 85))
        assert_same(conv_transpose_forward(a, w, padding=1)[0], signal(43, 94, 128, 116))
        flipped = w[:, :, ::-1]
        assert_same(conv_forward(a, flipped, padding=2)[0], signal(14, 43, 94, 128, 116, 85))

    @every_method
    def test_fleuret(self, method):
        def conv(x, w):
            return conv_forward(signal(*x), signal(*w), method=method)[0].ravel().tolist()

        def transpose(x, w, stride=1):
            return (
                conv_transpose_forward(signal(*x), signal(*w), stride=stride, method=method)[0]
                .ravel()
                .tolist()
            )

        assert conv([1, 4, -1, 0, 2, -2, 1, 3, 3, 1], [1, 2, 0, -1]) == [9, 0, 1, 3, -5, -3, 6]
        assert transpose([2, 3, 0, -1], [1, 2, -1]) == [2, 7, 4, -4, -2, 1]
        assert transpose([2, 3, 0, -1], [1, 2, -1], stride=2) == [2, 4, 1, 6, -3, 0, -1, -2, 1]
        assert conv([0, 0, 1, 0, 0, 0, 0], [1, 2, 3]) == [3, 2, 1, 0, 0]
        assert transpose([0, 0, 1, 0, 0, 0, 0], [1, 2, 3]) == [0, 0, 1, 2, 3, 0, 0, 0, 0]

    @pytest.mark.parametrize(
        ("size", "kernel", "stride", "padding", "out"),
        [
            (7, 3, 1, 0, 5),
            (7, 3, 2, 0, 3),
            (5, 3, 1, 1, 5),
            (5, 3, 2, 1, 3),
            (227, 11, 4, 0, 55),
            (11, 5, 2, 0, 4),
        ],
    )
    def test_sizes_of_the_cs231n_notes(self, size, kernel, stride, padding, out):
        window = Window.down((size,), (kernel,), stride=(stride,), padding=((padding, padding),))
        assert window.out == (out,)

    def test_columns_of_alexnet(self):
        cols = im2col(np.zeros((1, 3, 227, 227), "float32"), 11, stride=4)
        assert cols.shape == (1, 363, 3025)

    def test_a_fully_connected_layer_is_a_convolution(self):
        """7x7x512 and 4096 units in the notes; here with fewer channels: one unit each, and 6x6 on 12x12."""
        rng = np.random.default_rng(0)
        w = rng.integers(-3, 4, (5, 4, 7, 7)).astype(float)
        x = rng.integers(-3, 4, (1, 4, 12, 12)).astype(float)
        y, _ = conv_forward(x, w)
        assert y.shape == (1, 5, 6, 6)
        for row, column in product(range(6), repeat=2):
            crop = x[0, :, row : row + 7, column : column + 7]
            assert_same(w.reshape(5, -1) @ crop.ravel(), y[0, :, row, column])


class TestDumoulinAndVisin:
    """Relationships 1 to 15, by number; i, k, s, p of the direct convolution."""

    @pytest.mark.parametrize(
        ("number", "i", "k", "s", "p", "d", "o"),
        [
            (1, 4, 3, 1, 0, 1, 2),
            (2, 5, 4, 1, 2, 1, 6),
            (3, 5, 3, 1, 1, 1, 5),
            (4, 5, 3, 1, 2, 1, 7),
            (5, 5, 3, 2, 0, 1, 2),
            (6, 5, 3, 2, 1, 1, 3),
            (6, 6, 3, 2, 1, 1, 3),
            (7, 5, 3, 1, 0, 1, 3),
            (15, 7, 3, 1, 0, 2, 3),
        ],
    )
    @every_method
    def test_going_down(self, number, i, k, s, p, d, o, method):
        x = np.ones((1, 1, i, i))
        if number == 7:
            y, _ = max_pool_forward(x, k, stride=s, padding=p, method=method)
        else:
            y, _ = conv_forward(x, np.ones((1, 1, k, k)), stride=s, padding=p, dilation=d, method=method)
        assert y.shape == (1, 1, o, o)

    @pytest.mark.parametrize(
        ("number", "i", "k", "s", "p", "a", "o"),
        [
            (8, 2, 3, 1, 0, 0, 4),
            (9, 6, 4, 1, 2, 0, 5),
            (10, 5, 3, 1, 1, 0, 5),
            (11, 7, 3, 1, 2, 0, 5),
            (12, 2, 3, 2, 0, 0, 5),
            (13, 3, 3, 2, 1, 0, 5),
            (14, 3, 3, 2, 1, 1, 6),
        ],
    )
    @every_method
    def test_going_up_emulated_by_a_direct_convolution(self, number, i, k, s, p, a, o, method):
        """Stretch the input by s - 1 zeros, pad it by k - p - 1, a more at the end, and correlate with the flip."""
        rng = np.random.default_rng(number)
        x, w = rng.integers(-4, 5, (1, 1, i)).astype(float), rng.integers(-4, 5, (1, 1, k)).astype(float)
        y, _ = conv_transpose_forward(x, w, stride=s, padding=p, output_padding=a, method=method)
        assert y.shape == (1, 1, o)
        stretched = np.zeros((1, 1, s * (i - 1) + 1))
        stretched[..., ::s] = x
        emulated, _ = conv_forward(
            stretched, w[..., ::-1].copy(), padding=((k - p - 1, k - p - 1 + a),), method=method
        )
        assert_same(y, emulated)

    def test_the_matrix_of_section_4(self):
        """4x4 input, 3x3 kernel: 4 rows, shifted by 0, 1, 4 and 5."""
        w = np.arange(1.0, 10).reshape(1, 1, 3, 3)
        row = np.array([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0], float)
        expected = np.array([np.roll(row, shift) for shift in (0, 1, 4, 5)])
        assert_same(conv_matrix(w, (4, 4)).toarray(), expected)

    INPUT = ((3, 3, 2, 1, 0), (0, 0, 1, 3, 1), (3, 1, 2, 2, 3), (2, 0, 0, 2, 2), (2, 0, 0, 0, 1))
    KERNEL = ((0, 1, 2), (2, 2, 0), (0, 1, 2))

    @every_method
    def test_numeric_figures_of_convolution(self, method):
        x, w = image(self.INPUT), image(self.KERNEL)
        y, _ = conv_forward(x, w, method=method)
        assert_same(y, image([[12, 12, 17], [10, 17, 19], [9, 6, 14]]))
        y, _ = conv_forward(x, w, stride=2, padding=1, method=method)
        assert_same(y, image([[6, 17, 3], [8, 17, 13], [6, 4, 4]]))

    @every_method
    def test_numeric_figures_of_pooling(self, method):
        y, _ = avg_pool_forward(image(self.INPUT), 3, stride=1, method=method)
        assert [[f"{v:.1f}" for v in row] for row in y[0, 0]] == [
            ["1.7", "1.7", "1.7"],
            ["1.0", "1.2", "1.8"],
            ["1.1", "0.8", "1.3"],
        ]
        y, _ = max_pool_forward(image(self.INPUT), 3, stride=1, method=method)
        assert_same(y, image([[3, 3, 3], [3, 3, 3], [3, 2, 3]]))


class TestFCN:
    """VGG-16, fully convolutional, with the first layer padded by 100."""

    def planes(self, padding=100):
        """Return the grids after pool3, pool4 and the scores."""
        grid, pools = Grid().down(kernel=3, padding=padding), []
        for layers in (1, 2, 3, 3, 3):  # the first of all 13 is the padded one
            for _ in range(layers):
                grid = grid.down(kernel=3, padding=1)
            grid = grid.down(kernel=2, stride=2)
            pools.append(grid)
        return pools[2], pools[3], grid.down(kernel=7)

    def test_receptive_field_and_stride(self):
        _, _, scores = self.planes()
        assert (scores.field, scores.step) == (404, 32)

    @pytest.mark.parametrize(
        ("padding", "of_32s", "of_16s", "of_8s"), [(100, 19, 27, 31), (81, 0, 8, 12), (90, 9, 17, 21)]
    )
    def test_crop_offsets(self, padding, of_32s, of_16s, of_8s):
        """19; 5 and 27; 5, 9 and 31. The offsets of the skips do not depend on the padding."""
        image = Grid()
        pool3, pool4, scores = self.planes(padding)
        assert scores.up(kernel=64, stride=32).offset_of(image) == of_32s
        upscore2 = scores.up(kernel=4, stride=2)
        skip4 = pool4.crop(5)
        assert pool4.offset_of(upscore2) == 5
        assert skip4.up(kernel=32, stride=16).offset_of(image) == of_16s
        upscore_pool4 = skip4.up(kernel=4, stride=2)
        assert pool3.offset_of(upscore_pool4) == 9
        assert pool3.crop(9).up(kernel=16, stride=8).offset_of(image) == of_8s

    def test_crop_offset_of_alexnet(self):
        grid = Grid().down(kernel=11, stride=4, padding=100).down(kernel=3, stride=2)
        grid = grid.down(kernel=5, padding=2).down(kernel=3, stride=2)
        for _ in range(3):
            grid = grid.down(kernel=3, padding=1)
        grid = grid.down(kernel=3, stride=2).down(kernel=6)
        assert grid.up(kernel=63, stride=32).offset_of(Grid()) == 18

    @pytest.mark.parametrize(
        ("size", "pools", "scores", "up32"),
        [
            (500, (349, 175, 88, 44, 22), 16, 544),
            (375, (287, 144, 72, 36, 18), 12, 416),
            (224, (211, 106, 53, 27, 14), 8, 288),
        ],
    )
    def test_sizes(self, size, pools, scores, up32):
        steps = {"stride": (1,), "padding": ((0, 0),)}
        plane = Window.down((size,), (3,), stride=(1,), padding=((100, 100),)).out
        for pooled in pools:
            plane = Window.down(plane, (2,), stride=(2,), padding=((0, 0),), ceil_mode=True).out
            assert plane == (pooled,)
        plane = Window.down(plane, (7,), **steps).out
        assert plane == (scores,)
        assert Window.up(plane, (64,), stride=(32,), padding=((0, 0),)).size == (up32,)

    def test_bilinear_kernels(self):
        assert_same(bilinear_kernel(2), np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25]))
        assert_same(bilinear_kernel(2, size=3), np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]))


class TestPyTorchsDefinitions:
    GRID = tuple(
        (i, k, s, p, d, ceil)
        for i, k, s, p, d, ceil in product(
            range(1, 8), range(1, 4), range(1, 4), range(2), (1, 2), (False, True)
        )
        if p <= k / 2
    )

    def test_pool_sizes_over_a_grid_of_parameters(self):
        """As ``Pool.h`` has it, against windows counted one by one."""
        for i, k, s, p, d, ceil in self.GRID:
            span = d * (k - 1) + 1
            starts = range(0, 4 * i + 4 * k, s)
            if ceil:  # all that begin before the end is reached, and inside the input or its left padding
                count = sum(at < i + p and at + span < i + 2 * p + s for at in starts)
            else:
                count = sum(at + span <= i + 2 * p for at in starts)
            options = {"stride": (s,), "padding": ((p, p),), "dilation": (d,), "ceil_mode": ceil}
            if count:
                assert Window.down((i,), (k,), **options).out == (count,), (i, k, s, p, d, ceil)
            else:
                with pytest.raises(ValueError, match="does not fit"):
                    Window.down((i,), (k,), **options)

    @every_method
    def test_divisors_over_a_grid_of_parameters(self, method):
        """A window is clipped to [-p, i + p) or to the real pixels, whichever counts."""
        for i, k, s, p, _, ceil in [g for g in self.GRID if g[4] == 1 and g[0] + 2 * g[3] >= g[1]]:
            for include in (True, False):
                y, _ = avg_pool_forward(
                    np.ones((1, 1, i)),
                    k,
                    stride=s,
                    padding=p,
                    ceil_mode=ceil,
                    count_include_pad=include,
                    method=method,
                )
                for o, value in enumerate(y.ravel()):
                    taps = range(o * s - p, o * s - p + k)
                    real = sum(0 <= t < i for t in taps)
                    counted = sum(-p <= t < i + p for t in taps) if include else real
                    assert value == real / counted, (i, k, s, p, ceil, include)

    @every_method
    def test_average_pooling_examples(self, method):
        x = signal(1, 2, 3, 4, 5)
        assert_same(avg_pool_forward(x, 2, padding=1, method=method)[0], signal(0.5, 2.5, 4.5))
        assert_same(
            avg_pool_forward(x, 2, padding=1, count_include_pad=False, method=method)[0], signal(1, 2.5, 4.5)
        )
        assert_same(avg_pool_forward(x, 2, ceil_mode=True, method=method)[0], signal(1.5, 3.5, 5))
        for include, last in ((True, 0.25), (False, 1)):
            y, _ = avg_pool_forward(
                np.ones((1, 1, 4, 4)),
                3,
                stride=2,
                padding=1,
                ceil_mode=True,
                count_include_pad=include,
                method=method,
            )
            assert y[0, 0, -1, -1] == last

    @every_method
    def test_the_gradient_of_unpooling_reaches_every_duplicate(self, method):
        _, cache = max_unpool_forward(signal(3, 4), np.array([[[1, 1]]]), 2, method=method)
        assert_same(max_unpool_backward(signal(1, 1, 1, 1), cache), signal(1, 1))

    def test_fold_of_unfold_counts(self):
        ones = np.ones((1, 1, 4, 4))
        counts = col2im(im2col(ones, 3, padding=1), (4, 4), 3, padding=1)
        assert_same(counts, image([[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]))

    def test_convolution_is_a_product_with_the_columns_and_its_transpose_folds(self):
        rng = np.random.default_rng(0)
        x, w = (rng.integers(-4, 5, shape).astype(float) for shape in ((2, 3, 6, 5), (4, 3, 3, 2)))
        y, _ = conv_forward(x, w, stride=2, padding=1)
        rows = w.reshape(4, -1)
        assert_same(y, (rows @ im2col(x, (3, 2), stride=2, padding=1)).reshape(y.shape))
        up, _ = conv_transpose_forward(y, w, stride=2, padding=1, output_size=(6, 5))
        assert_same(up, col2im(rows.T @ y.reshape(2, 4, -1), (6, 5), (3, 2), stride=2, padding=1))
        assert im2col_matrix((6, 5), (3, 2), stride=2, padding=1).shape == (6 * 9, 30)

    def test_interpolate_examples(self):
        x = image([[1, 2], [3, 4]])
        assert_same(resize_bilinear_forward(x, 4)[0][0, 0, 0], np.array([1, 1.25, 1.75, 2]))
        y, _ = resize_bilinear_forward(x, 4, align_corners=True)
        np.testing.assert_allclose(y[0, 0, 0], [1, 4 / 3, 5 / 3, 2], rtol=1e-15)
        assert_same(resize_bilinear_forward(x, 1, align_corners=True)[0], image([[1]]))
        assert_same(resize_bilinear_forward(x, 1)[0], image([[2.5]]))

    def test_cross_entropy_definition(self):
        """Two pixels, two classes, weights 1 and 3, and one void; smoothing is still divided by the sum of w[y]."""
        logits, labels = np.log([[[0.25, 0.5, 0.1], [0.75, 0.5, 0.9]]]), np.array([[0, 1, 255]])
        weight = np.array([1.0, 3])
        none, _ = cross_entropy_forward(logits, labels, weight=weight, reduction="none")
        np.testing.assert_allclose(none, [[math.log(4), 3 * math.log(2), 0]], rtol=1e-14)
        total, _ = cross_entropy_forward(logits, labels, weight=weight, reduction="sum")
        np.testing.assert_allclose(total, math.log(4) + 3 * math.log(2), rtol=1e-14)
        mean, _ = cross_entropy_forward(logits, labels, weight=weight)
        np.testing.assert_allclose(mean, (math.log(4) + 3 * math.log(2)) / 4, rtol=1e-14)
        e = 0.2
        spread = (math.log(4) + 3 * math.log(4 / 3)) + (1 + 3) * math.log(2)
        smooth, _ = cross_entropy_forward(logits, labels, weight=weight, label_smoothing=e)
        expected = ((1 - e) * (math.log(4) + 3 * math.log(2)) + e / 2 * spread) / 4
        np.testing.assert_allclose(smooth, expected, rtol=1e-14)

    def test_where_all_is_void_the_mean_is_0_here_and_not_nan(self):
        for reduction in ("mean", "sum"):
            loss, cache = cross_entropy_forward(np.ones((1, 2, 1)), np.array([[255]]), reduction=reduction)
            assert loss == 0
            assert_same(cross_entropy_backward(None, cache), np.zeros((1, 2, 1)))

    def test_batch_norm_definition(self):
        """Mean 2, biased variance 2/3, unbiased 1; running_var starts at 1 and takes a share of 0.1."""
        x = np.array([[1.0], [2], [3]])
        y, cache = batch_norm_forward(x, None, None, running_mean=np.zeros(1), running_var=np.ones(1) * 2)
        np.testing.assert_allclose(y.ravel(), np.array([-1, 0, 1]) / math.sqrt(2 / 3 + 1e-5), rtol=1e-14)
        np.testing.assert_allclose(cache.running_mean, [0.2], rtol=1e-15)
        np.testing.assert_allclose(cache.running_var, [1.9], rtol=1e-15)
