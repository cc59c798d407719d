"""The checkerboard, predicted: the counts are what the operation does to ones, and the page says what they are."""

from __future__ import annotations

from itertools import product
from math import gcd

import numpy as np
import pytest
from geometries import conv_transposes
from hypothesis import given

import npseg
from npseg.draw import overlap, overlap_counts


@given(geometry=conv_transposes(images=(1,)))
def test_the_counts_are_a_transposed_convolution_of_ones(geometry):
    options = {k: v for k, v in geometry.options.items() if k != "groups"}
    size, kernel = geometry.x[2:], geometry.w[2:]
    y, _ = npseg.conv_transpose_forward(np.ones((1, 1, *size)), np.ones((1, 1, *kernel)), **options)
    counts = overlap_counts(size, kernel, **options)
    assert counts.dtype == np.int64
    assert np.array_equal(counts, y[0, 0])


def title(figure):
    return figure.texts[0].get_text().replace("\n", " ")


@pytest.mark.parametrize(
    ("size", "kernel", "options", "words"),
    [
        ((3, 3), 3, {"stride": 2}, "written 1, 2 or 4 times: a checkerboard, since stride 2 does not divide kernel 3"),
        ((3, 3), 4, {"stride": 2, "padding": 1}, "every pixel is written 4 times, fewer at the border"),
        ((4, 4), 2, {"stride": 2}, "every pixel is written once"),
        ((4, 4), 4, {"stride": 2, "padding": 2}, "every pixel is written 4 times"),
        ((2, 2), 16, {"stride": 4}, "written 1, 2 or 4 times: even, but all of it lies near the border"),
        ((4, 4), 2, {"stride": 3}, "written 0 or 1 times: with gaps, since stride 3 is longer than kernel 2"),
        ((5, 5), (4, 3), {"stride": 2}, "written 1, 2 or 4 times: stripes, since stride 2 does not divide kernel 3"),
        (5, 3, {"stride": 2}, "written 1 or 2 times: an uneven rhythm, since stride 2 does not divide kernel 3"),
        (9, 5, {"stride": 2, "dilation": 3},
         "written 0, 1, 2 or 3 times: an uneven rhythm, since stride 2 spreads kernel 5 with dilation 3 unevenly"),
        ((9, 9), 7, {"stride": 2}, "written 1 to 16 times: a checkerboard, since stride 2 does not divide kernel 7"),
    ],
)  # fmt: skip
def test_the_title_says_whether_it_is_even(size, kernel, options, words):
    assert title(overlap(size, kernel, **options)) == words


def test_it_is_even_exactly_where_the_stride_divides_the_kernel():
    for kernel, stride, dilation in product(range(1, 7), range(1, 5), (1, 2, 3)):
        middle = overlap_counts(60, kernel, stride=stride, dilation=dilation)[20:-20]
        divides = stride == 1 or (kernel % stride == 0 and gcd(stride, dilation) == 1)
        assert (np.ptp(middle) == 0) == divides
        if kernel in (3, 4):
            words = title(overlap(60, kernel, stride=stride, dilation=dilation))
            assert words.startswith("every pixel") == divides


def test_the_board_shows_the_counts_and_the_bars_multiply_to_them():
    figure = overlap((3, 4), 3, stride=2)
    columns, rows, board = figure.axes
    counts = overlap_counts((3, 4), 3, stride=2)
    assert np.array_equal(board.images[0].get_array(), counts)
    assert [text.get_text() for text in board.texts] == list(map(str, counts.ravel()))
    across = [bar.get_height() for bar in columns.patches]
    down = [bar.get_width() for bar in rows.patches]
    assert np.array_equal(np.outer(down, across), counts)


def test_numbers_that_could_not_be_read_make_way_for_a_scale():
    figure = overlap((40, 40), 3, stride=2)
    assert not [text for axes in figure.axes for text in axes.texts]
    assert len(figure.axes) == 4
    assert figure.axes[3].get_yticks().tolist() == [1, 2, 4]


def test_one_axis_has_a_bar_for_each_pixel():
    (axes,) = overlap(6, 3, stride=2, padding=((1, 0),)).axes
    counts = overlap_counts(6, 3, stride=2, padding=((1, 0),))
    assert [bar.get_height() for bar in axes.patches] == counts.tolist()
    assert [text.get_text() for text in axes.texts] == list(map(str, counts))


@pytest.mark.parametrize("size", [1, (1, 1), 12, 70, (2, 9), (9, 2), (40, 60)])
@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"stride": 3, "dilation": 2, "padding": 1, "output_padding": 2}]
)
def test_nothing_lies_outside_the_page_or_on_top_of_another(size, options):
    figure = overlap(size, 3, **options)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    words = [text.get_window_extent(renderer) for text in figure.texts]
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in (*words, *panels):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    assert words[1].y1 <= words[0].y0
    for i, box in enumerate(panels):
        assert box.y1 <= words[1].y0 + 1
        assert not any(box.overlaps(other) for other in panels[:i])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: overlap((2, 2, 2), 3, stride=2), ValueError, r"overlap: size=\(2, 2, 2\) has three axes"),
        (lambda: overlap((2,) * 4, 3, stride=2), ValueError, "overlap: size=.* name 4 axes"),
        (lambda: overlap(0, 3, stride=2), ValueError, "overlap: size=0 must be at least 1"),
        (lambda: overlap(2, 2.5, stride=2), TypeError, "overlap: kernel_size=2.5 is not a whole number"),
        (lambda: overlap((2, 2), (3, 3, 3), stride=2), ValueError, r"overlap: size=\(2, 2\) has 2 entries"),
        (lambda: overlap(2, 3, stride=2, padding=9), ValueError, "overlap: the output would be -13: padding 9"),
        (lambda: overlap(2, 3, stride=2, output_padding=2), ValueError, "overlap: output_padding=2 must be smaller"),
        (lambda: overlap(2, 3, stride=2, padding=(1, 2)), ValueError, r"write padding=\(\(1, 2\),\)"),
    ],
)  # fmt: skip
def test_what_is_no_transposed_convolution_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
