"""The methods that serve some geometries only, and the rule that chooses among them.

Where their arithmetic is exact they equal im2col on whole numbers with ``==``; F(4x4, 3x3) is held to bounds that are
stated in units of the last place.
"""

from unittest import mock

import numpy as np
import pytest
from checks import assert_same, inner
from geometries import Conv, Numbers, conv_transposes, numbers, ranks
from hypothesis import assume, given
from hypothesis import strategies as st

from npseg import backend
from npseg.layers import Conv as ConvLayer
from npseg.methods import auto, im2col, matrix, points, subpixel, winograd
from npseg.methods.choose import GENERAL, METHODS
from npseg.ops.conv import conv_backward, conv_forward
from npseg.ops.conv_transpose import conv_transpose_backward, conv_transpose_forward


@st.composite
def threes(draw, images=(0, 1, 2)):
    """Draw convolutions of three taps on each axis at stride 1: what Winograd's methods are for."""
    n = draw(ranks())
    padding = tuple(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))) for _ in range(n))
    room = {1: 14, 2: 9, 3: 4}[n]
    size = tuple(draw(st.integers(max(1, 3 - sum(p)), max(1, 3 - sum(p)) + room)) for p in padding)
    groups, below, above = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x = draw(st.sampled_from(images)), groups * below, *size
    return Conv(x, (groups * above, below, *(3,) * n), {"padding": padding, "groups": groups})


def both_passes(forward, backward, x, w, b, numbers, options, method):
    y, cache = forward(x, w, b, **options, method=method)
    numbers.rng = np.random.default_rng(numbers.seed + 1)  # the same dout for all methods
    return y, *backward(numbers(*y.shape), cache)


#: From one row of tiles at a time to all at once.
PIECES = st.sampled_from((1, 2000, 4 * 2**20))


@given(threes(), numbers(), PIECES, st.sampled_from((0, 2**21)))
def test_winograd_of_2x2_tiles_is_exact(geometry, numbers, piece, at_hand):
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[0])
    before = x.copy(), w.copy()
    with (
        mock.patch.multiple(winograd, PIECE=piece, BLOCK=4 * piece, AT_HAND=at_hand),
        mock.patch.object(points, "PIECE", piece),
    ):
        found = both_passes(conv_forward, conv_backward, x, w, b, numbers, geometry.options, "winograd")
    assert_same(found, both_passes(conv_forward, conv_backward, x, w, b, numbers, geometry.options, "im2col"))
    assert_same((x, w), before)


@given(threes(images=(1, 2)), numbers())
def test_winograd_is_its_own_adjoint(geometry, numbers):
    """⟨C x, y⟩ = ⟨x, dx⟩ = ⟨w, dw⟩, exactly."""
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    y, cache = conv_forward(x, w, **geometry.options, method="winograd")
    dout = numbers(*y.shape)
    dx, dw, _ = conv_backward(dout, cache)
    assert inner(y, dout) == inner(x, dx) == inner(w, dw)


@given(threes(), numbers(), PIECES)
def test_winograd_of_4x4_tiles_is_right_to_within_rounding(geometry, numbers, piece):
    """Whole numbers up to 4: the sums are below 2 ** 12, and 64 units of float64's last place there are 3e-11."""
    assume(numbers.dtype == "float64")
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[0])
    with mock.patch.multiple(winograd, PIECE=piece, BLOCK=4 * piece):
        found = both_passes(conv_forward, conv_backward, x, w, b, numbers, geometry.options, "winograd4")
    expected = both_passes(conv_forward, conv_backward, x, w, b, numbers, geometry.options, "im2col")
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=64 * 2**12 * np.finfo("float64").eps, strict=True)


@given(conv_transposes(), numbers())
def test_subpixel_is_exact(geometry, numbers):
    options = {**geometry.options, "dilation": 1}
    extra = tuple(min(e, s - 1) for e, s in zip(options["output_padding"], options["stride"]))
    options |= {"output_padding": extra, "padding": 0}
    x, w, b = numbers(*geometry.x), numbers(*geometry.w), numbers(geometry.w[1] * geometry.groups)
    passes = conv_transpose_forward, conv_transpose_backward
    found = both_passes(*passes, x, w, b, numbers, options, "subpixel")
    assert_same(found, both_passes(*passes, x, w, b, numbers, options, "im2col"))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6, 8])
def test_subpixel_knows_phases_with_a_tap_more_and_with_none(kernel, stride):
    numbers = Numbers(0, "float32")
    x, w = numbers(2, 4, 5), numbers(4, 3, kernel)
    options = {"stride": stride, "padding": min(1, kernel - 1), "groups": 2}
    expected = conv_transpose_forward(x, w, **options)[0]
    assert_same(conv_transpose_forward(x, w, **options, method="subpixel")[0], expected)


@given(conv_transposes(), numbers())
def test_subpixel_crops_as_im2col_does(geometry, numbers):
    assume(set(geometry.options["dilation"]) == {1})
    x, w = numbers(*geometry.x), numbers(*geometry.w)
    expected = conv_transpose_forward(x, w, **geometry.options)[0]
    assert_same(conv_transpose_forward(x, w, **geometry.options, method="subpixel")[0], expected)


@pytest.mark.parametrize("method", ["winograd", "winograd4"])
@pytest.mark.parametrize(
    ("kernel", "options"),
    [((3, 2), {}), ((1, 1), {}), ((3, 3), {"stride": 2}), ((3, 3), {"dilation": (1, 2)})],
)
def test_what_winograd_is_not_for_is_refused_with_the_way_out(method, kernel, options):
    with pytest.raises(ValueError, match=r"Winograd's methods serve kernels of 3 taps .* use method='auto'"):
        conv_forward(np.ones((1, 1, 9, 9)), np.ones((1, 1, *kernel)), **options, method=method)


@pytest.mark.parametrize("forward", [conv_forward, conv_transpose_forward])
def test_what_subpixel_is_not_for_is_refused_with_the_way_out(forward):
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    message = rf"^{forward.__name__}: .*'subpixel' serves kernels without dilation; .* use method='auto'"
    with pytest.raises(ValueError, match=message):
        forward(x, w, dilation=2, method="subpixel")


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_computes_by_im2col_where_its_method_does_not_serve(method):
    layer = ConvLayer(1, 1, 3, dilation=2, rng=np.random.default_rng(0), dtype="float64")
    layer.compute_by(method)
    x = np.random.default_rng(1).standard_normal((1, 1, 5, 5))
    expected, cache = conv_forward(x, layer.params["w"], layer.params["b"], dilation=2)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12)
    np.testing.assert_allclose(layer.backward(expected), conv_backward(expected, cache)[0], rtol=1e-12)


# Without what an operation keeps, in the dtype given, and in pieces


@pytest.mark.parametrize("name", METHODS)
def test_the_maps_need_no_memo(name):
    """Without it the bits are the same; an operation's cache holds what it saves."""
    maps = winograd.Winograd(2) if name == "winograd" else METHODS[name]
    rng = np.random.default_rng(0)
    x, w, dout = (rng.standard_normal(shape) for shape in ((2, 4, 6, 5), (6, 2, 3, 3), (2, 6, 6, 5)))
    y, cache = conv_forward(x, w, padding=1, groups=2, method=name)
    steps = cache.window.steps
    assert_same(maps.correlate(x, w, (6, 5), **steps, groups=2), y)
    dx, dw, _ = conv_backward(dout, cache)
    assert_same(maps.correlate_adjoint_x(dout, w, (6, 5), **steps, groups=2), dx)
    assert_same(maps.correlate_adjoint_w(x, dout, (3, 3), **steps, groups=2), dw)


def test_the_matrix_of_forward_serves_backward(monkeypatch):
    made = []
    convolution = matrix.convolution
    monkeypatch.setattr(matrix, "convolution", lambda *given: made.append(given) or convolution(*given))
    y, cache = conv_forward(np.ones((1, 2, 5)), np.ones((3, 2, 3)), method="matrix")
    conv_backward(y, cache)
    assert len(made) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_transforms_are_of_the_dtype_of_the_images(axes, dtype):
    transforms = winograd.Winograd(4)._transforms(np.ones((1, 1, *(6,) * axes), dtype))
    assert [t.dtype for t in transforms] == [dtype] * 3
    assert [t.shape for t in transforms] == [(4**axes, 6**axes), (6**axes, 6**axes), (6**axes, 3**axes)]


@pytest.mark.parametrize(("below", "above"), [(3, 8), (8, 3)])
@pytest.mark.parametrize("at_hand", [0, 2**21])
def test_the_tiles_at_the_points_fill_a_piece_and_no_more(at_hand, below, above):
    """Those of the plane with more channels do; with large kernels, which are read once for all tiles, a block."""
    images, tile_rows, points_of_a_tile, eight_channels = 2, 16, 36, 8 * 8
    all_tiles = images * tile_rows * 3 * points_of_a_tile * eight_channels
    piece, block = all_tiles // 16, all_tiles // 4
    x, w = np.ones((images, below, 64, 9)), np.ones((above, below, 3, 3))
    taken = []

    def noting(*given):
        taken.append(points.to_points(*given))
        return taken[-1]

    def most_of(channels):
        most = max(values.nbytes / channels for values in taken if values.shape[1] == channels)
        taken.clear()
        return most * 8

    with mock.patch.multiple(winograd, PIECE=piece, BLOCK=block, AT_HAND=at_hand, to_points=noting):
        maps, steps = (
            winograd.Winograd(4),
            {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)},
        )
        largest = piece if at_hand else block
        y = maps.correlate(x, w, (64, 9), **steps, groups=1)
        assert most_of(below) == largest
        maps.correlate_adjoint_x(y, w, (64, 9), **steps, groups=1)
        assert most_of(above) == largest
        maps.correlate_adjoint_w(x, y, (3, 3), **steps, groups=1)
        assert most_of(below) == largest


def test_the_channels_of_tiles_go_to_the_workers_by_the_piece():
    values = np.zeros((4, 10, 25), "float32")
    for piece, expected in ((4000, 1), (3999, 2), (2000, 2), (400, 10), (1, 10)):
        with mock.patch.object(points, "PIECE", piece):
            assert len(points._pieces(values)) == expected
    assert points._pieces(values[..., :0]) == []


# Accuracy


def relative_error(method, channels, size, seed=0):
    """Return the largest errors of y, dx and dw in float32, in float32's eps times the largest value."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, channels, size, size))
    w = rng.standard_normal((channels, channels, 3, 3))
    dout = rng.standard_normal(x.shape)
    exact = run(x, w, dout, "im2col")
    found = run(*(a.astype("float32") for a in (x, w, dout)), method)
    eps = float(np.finfo("float32").eps)
    return [float(abs(a - b).max() / abs(b).max() / eps) for a, b in zip(found, exact)]


def run(x, w, dout, method):
    y, cache = conv_forward(x, w, padding=1, method=method)
    return y, *conv_backward(dout, cache)[:2]


@pytest.mark.parametrize(
    ("method", "units"), [("im2col", 16), ("winograd", 24), ("winograd4", 400), ("auto", 400)]
)
@pytest.mark.parametrize(("channels", "size"), [(16, 32), (64, 17)])
def test_errors_in_float32_stay_within_units_of_the_last_place(method, channels, size, units):
    """Measured: up to 8, 11 and 170 units of the largest value's last place; docs/performance.md has the table."""
    assert max(relative_error(method, channels, size)) < units


# The rule


def chosen(monkeypatch):
    """Note which methods' maps are called."""
    calls = []
    for name, module in (("im2col", im2col), ("subpixel", subpixel), ("winograd4", auto._WINOGRAD)):
        for map_name in ("correlate", "correlate_adjoint_x", "correlate_adjoint_w"):
            right = getattr(module, map_name)

            def noting(*args, _right=right, _name=name, **kwargs):
                calls.append(_name)
                return _right(*args, **kwargs)

            monkeypatch.setattr(module, map_name, noting)
    return calls


@pytest.mark.parametrize(
    ("x", "w", "options", "dtype", "expected"),
    [
        ((1, 16, 24, 24), (16, 16, 3, 3), {"padding": 1}, "float32", ["winograd4"] * 3),
        ((1, 16, 24, 24), (16, 16, 3, 3), {"padding": 1}, "float64", ["im2col", "subpixel", "im2col"]),
        ((1, 3, 24, 24), (16, 3, 3, 3), {"padding": 1}, "float32", ["im2col"] * 3),
        ((1, 16, 8, 8), (16, 16, 3, 3), {"padding": 1}, "float32", ["im2col", "subpixel", "im2col"]),
        ((1, 16, 24, 24), (16, 16, 3, 3), {"stride": 2}, "float32", ["im2col"] * 3),
        ((1, 16, 24, 24), (16, 16, 4, 4), {"stride": 2}, "float32", ["im2col", "subpixel", "im2col"]),
        ((1, 2, 24, 24), (40, 2, 2, 2), {"stride": 2}, "float32", ["im2col"] * 3),
        ((1, 16, 24, 24), (16, 16, 3, 3), {"dilation": 2}, "float32", ["im2col"] * 3),
        ((1, 16, 24), (16, 16, 3), {"padding": 1}, "float32", ["im2col", "subpixel", "im2col"]),
        # 32 tiles of 4x4, a part of one counted as one, and one tile less
        ((2, 16, 16, 16), (16, 16, 3, 3), {"padding": 1}, "float32", ["winograd4"] * 3),
        ((2, 16, 13, 13), (16, 16, 3, 3), {"padding": 1}, "float32", ["winograd4"] * 3),
        ((1, 16, 16, 31), (16, 16, 3, 3), {"padding": 1}, "float32", ["winograd4"] * 3),
        ((1, 16, 4, 124), (16, 16, 3, 3), {"padding": 1}, "float32", ["im2col", "subpixel", "im2col"]),
        # 16 channels on either side, in each group below, and one less
        ((2, 16, 16, 16), (15, 16, 3, 3), {"padding": 1}, "float32", ["im2col", "subpixel", "im2col"]),
        ((2, 15, 16, 16), (16, 15, 3, 3), {"padding": 1}, "float32", ["im2col", "subpixel", "im2col"]),
        ((2, 32, 16, 16), (32, 16, 3, 3), {"padding": 1, "groups": 2}, "float32", ["winograd4"] * 3),
        # gathering 16 values above is as much work as stamping 2 times 4 below, and 17 are more
        ((1, 2, 6, 6), (16, 2, 2, 2), {"stride": 2}, "float32", ["im2col", "subpixel", "im2col"]),
        ((1, 2, 6, 6), (17, 2, 2, 2), {"stride": 2}, "float32", ["im2col"] * 3),
        (
            (1, 4, 6, 6),
            (32, 2, 2, 2),
            {"stride": 2, "groups": 2},
            "float32",
            ["im2col", "subpixel", "im2col"],
        ),
        ((1, 4, 6, 6), (34, 2, 2, 2), {"stride": 2, "groups": 2}, "float32", ["im2col"] * 3),
    ],
)
def test_auto_chooses_by_the_rule_that_it_states(monkeypatch, x, w, options, dtype, expected):
    calls = chosen(monkeypatch)
    y, cache = conv_forward(np.ones(x, dtype), np.ones(w, dtype), **options, method="auto")
    conv_backward(y, cache)
    assert (calls[0], calls[-1]) == (expected[0], expected[-1])
    assert set(calls) == set(expected)


@pytest.mark.parametrize("method", ["auto", "winograd", "winograd4", "im2col", "subpixel"])
@pytest.mark.parametrize("channels", [16, 80])
def test_the_bits_do_not_depend_on_how_many_threads_there_are(method, channels):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, channels, 40, 37)).astype("float32")
    w = rng.standard_normal((channels, channels, 3, 3)).astype("float32")
    with backend.threads(1):
        y, cache = conv_forward(x, w, padding=1, method=method)
        alone = y, *conv_backward(y, cache)
    for n in (2, 3):
        with backend.threads(n):
            y, cache = conv_forward(x, w, padding=1, method=method)
            assert_same((y, *conv_backward(y, cache)), alone)


def test_every_method_has_the_eight_maps():
    maps = [
        "correlate",
        "correlate_adjoint_x",
        "correlate_adjoint_w",
        "argmax",
        "take",
        "put",
        "mean",
        "spread",
    ]
    assert [
        (n, m) for n, method in METHODS.items() for m in maps if not callable(getattr(method, m, None))
    ] == []
    assert set(GENERAL) < set(METHODS)
