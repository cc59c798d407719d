"""Windows and grids: every size and index, against the definition."""

from fractions import Fraction

import numpy as np
import pytest
from geometries import convs, pooled_size, pools
from hypothesis import given
from hypothesis import strategies as st

from npseg.geometry import Grid, Window, bilinear_taps


@given(pools())
def test_the_plane_above_has_as_many_windows_as_can_be_counted(geometry):
    o = geometry.options
    stride = o["stride"] or geometry.kernel_size
    window = Window.down(geometry.x[2:], geometry.kernel_size, **{**o, "stride": stride})
    assert window.out == tuple(
        pooled_size(*axis, o["ceil_mode"])
        for axis in zip(geometry.x[2:], geometry.kernel_size, stride, o["padding"], o["dilation"])
    )


def window_of(geometry):
    steps = {key: value for key, value in geometry.options.items() if key != "groups"}
    return Window.down(geometry.x[2:], geometry.w[2:], **steps)


@given(convs())
def test_the_index_table_says_which_pixel_each_tap_of_each_window_reads(geometry):
    window = window_of(geometry)
    index = window.index()
    assert index.dtype == np.int32
    pixels = np.pad(np.arange(np.prod(window.size)).reshape(window.size), window.padding, constant_values=-1)
    expected = [
        [
            pixels[tuple(t * d + at * s for t, d, at, s in zip(tap, window.dilation, o, window.stride))]
            for o in np.ndindex(*window.out)
        ]
        for tap in np.ndindex(*window.kernel)
    ]
    np.testing.assert_array_equal(index, expected)


@given(convs())
def test_the_slices_of_the_taps_read_what_the_index_table_says(geometry):
    """Two ways to the same windows: they cannot disagree."""
    window = window_of(geometry)
    pixels, places = window.inner()
    padded = np.full(window.reach, -1)
    padded[places] = np.arange(np.prod(window.size)).reshape(window.size)[pixels]
    by_slices = [padded[read].ravel() for _, read in window.taps()]
    np.testing.assert_array_equal(by_slices, window.index())
    assert [tap for tap, _ in window.taps()] == list(np.ndindex(*window.kernel))


@given(convs(), st.data())
def test_going_up_comes_back_to_the_size_that_went_down(geometry, data):
    """Of the sizes below that have the same size above, output_padding says which: below the stride, all of them."""
    down = window_of(geometry)
    steps = down.steps
    least = tuple(
        s * (o - 1) + span - sum(p) for o, s, span, p in zip(down.out, down.stride, down.span, down.padding)
    )
    extra = tuple(i - low for i, low in zip(down.size, least))
    assert all(0 <= e < s for e, s in zip(extra, down.stride))
    assert Window.up(down.out, down.kernel, **steps, output_padding=extra) == down


def test_a_kernel_that_does_not_fit_is_told_all_that_matters():
    """One value where the axes agree, else what users write."""
    with pytest.raises(ValueError, match="does not fit") as told:
        Window.down((2, 5), (7, 3), stride=(1, 1), padding=((1, 1), (1, 1)))
    assert str(told.value) == (
        "kernel 7x3 with dilation 1 does not fit into the padded input 4x7 (input 2x5, padding 1)"
    )
    with pytest.raises(ValueError, match="does not fit") as told:
        Window.down((2, 5), (4, 3), stride=(1, 1), padding=((0, 1), (2, 3)), dilation=(1, 2))
    assert str(told.value) == (
        "kernel 4x3 with dilation (1, 2) does not fit into the padded input 3x10 (input 2x5, padding ((0, 1), (2, 3)))"
    )
    with pytest.raises(ValueError, match=r"padded input 3 \(input 2, padding \(\(0, 1\),\)\)$"):
        Window.down((2,), (4,), stride=(1,), padding=((0, 1),))


def test_padding_that_leaves_nothing_of_an_output_is_told():
    with pytest.raises(ValueError, match="the output would be") as told:
        Window.up((2, 1), (2, 3), stride=(2, 1), padding=((3, 1), (1, 1)))
    assert str(told.value) == (
        "the output would be 0x1: padding ((3, 1), (1, 1)) crops all that kernel 2x3 makes of the input 2x1"
    )


def test_the_first_pixels_of_windows_are_found_without_those_of_all_taps():
    """A table of all of them would take 4 TiB."""
    window = Window.up((2, 1), (2**20, 2**20), stride=(2**10, 1), padding=((0, 0), (0, 0)))
    first = window.first()
    assert first.dtype == np.int32
    assert first.tolist() == [0, 2**30]


def test_ceil_mode_rounds_up_only_while_the_window_starts_inside():
    def windows(size, **options):
        given = {"stride": (2,), "padding": ((0, 0),), **options}
        return Window.down((size,), (2,), ceil_mode=True, **given).out[0]

    assert windows(5) == 3
    assert windows(4, padding=((1, 1),)) == 3
    assert windows(4, padding=((0, 1),)) == 2


def test_a_grid_goes_down_and_up_again_to_where_it_was():
    for kernel, stride, padding in ((3, 1, 1), (4, 2, 1), (7, 3, 0), (64, 32, 16)):
        start = Grid(step=Fraction(8), origin=Fraction(3, 2))
        there = start.down(kernel=kernel, stride=stride, padding=padding)
        back = there.up(kernel=kernel, stride=stride, padding=padding)
        assert (back.step, back.origin) == (start.step, start.origin)
        assert back.field >= there.field


def test_the_receptive_field_is_what_a_unit_sees():
    """Counted: pixels whose change moves the middle unit of two layers."""
    layers = [
        {"kernel": 3, "stride": 2, "padding": 1, "dilation": 1},
        {"kernel": 3, "stride": 1, "padding": 2, "dilation": 2},
    ]
    grid, seen = Grid(), np.eye(41)
    for layer in layers:
        grid = grid.down(**layer)
        window = Window.down(
            (len(seen),),
            (layer["kernel"],),
            stride=(layer["stride"],),
            padding=((layer["padding"],) * 2,),
            dilation=(layer["dilation"],),
        )
        index = window.index()
        seen = np.where((index >= 0)[..., None], seen[index], 0).sum(axis=0)
    middle = len(seen) // 2
    pixels = np.flatnonzero(seen[middle])
    assert pixels[-1] - pixels[0] + 1 == grid.field
    assert (pixels[0] + pixels[-1]) / 2 == grid.origin + middle * grid.step


@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 3))
def test_the_field_grows_on_the_way_up_by_the_units_that_reach_a_pixel(kernel, stride, dilation):
    """Counted: below three taps at stride 2, a transposed convolution; of its pixels, the one that sees most."""
    if stride > 1:
        dilation = 1  # else the taps of some pixels are parted
    before = {"kernel": 3, "stride": 2, "padding": 1}
    above = {"kernel": kernel, "stride": stride, "dilation": dilation}
    grid = Grid().down(**before).up(**above)

    units = np.arange(40)
    first, last = units * 2 - 1, units * 2 + 1  # pixels of the image that each unit sees
    steps = {"stride": (stride,), "padding": ((0, 0),), "dilation": (dilation,)}
    window = Window.up((40,), (kernel,), **steps)
    index = window.index()
    fields = []
    for pixel in range(window.size[0]):
        seen = np.nonzero(index == pixel)[1]
        fields += [last[seen].max() - first[seen].min() + 1] if len(seen) else []
    assert max(fields) == grid.field
    assert grid.step == Fraction(2, stride)


def test_a_layer_of_a_grid_has_the_defaults_of_a_convolution():
    plain = {"stride": 1, "padding": 0, "dilation": 1}
    assert Grid().down(kernel=3) == Grid().down(kernel=3, **plain)
    assert Grid().up(kernel=3) == Grid().up(kernel=3, **plain)


def test_grids_that_no_crop_aligns_are_refused():
    with pytest.raises(
        ValueError, match="no crop aligns a plane of step 1 that starts at 0 with one of step 2"
    ):
        Grid().offset_of(Grid(step=Fraction(2)))
    for origin in (Fraction(-1), Fraction(1, 2)):
        with pytest.raises(ValueError, match="no crop aligns"):
            Grid().offset_of(Grid(origin=origin))


@given(st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_a_resized_pixel_lies_between_two_neighbours(size, out, align_corners):
    lower, upper, fraction = bilinear_taps(size, out, align_corners=align_corners)
    assert (lower.dtype, upper.dtype, fraction.dtype) == ("int32", "int32", "float64")
    assert ((lower >= 0) & (lower <= upper) & (upper < size)).all()
    assert (upper - lower <= 1).all()
    assert ((fraction >= 0) & (fraction < 1)).all()
    source = lower + fraction
    assert (np.diff(source) >= 0).all()
    # Seen from the other end, all is the same.
    np.testing.assert_allclose(
        source, (size - 1 - source)[::-1] if not align_corners or out > 1 else source, atol=1e-12
    )


def test_corners_are_laid_over_corners_or_centres_over_centres():
    def source(size, out, align_corners):
        lower, _, fraction = bilinear_taps(size, out, align_corners=align_corners)
        return (lower + fraction).tolist()

    assert source(5, 2, True) == [0, 4]
    assert source(5, 3, True) == [0, 2, 4]
    assert source(5, 1, True) == [0]
    assert source(2, 5, True) == [0, 0.25, 0.5, 0.75, 1]
    assert source(4, 1, False) == [1.5]
    assert source(4, 2, False) == [0.5, 2.5]
