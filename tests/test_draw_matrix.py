"""The pictures of matrices: the entries that are drawn are those of the matrices that compute."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex

import npseg
from npseg.draw.stepper.matrices import MOST_ENTRIES, matrix
from tests import geometries


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def drawn(figure, shape):
    """Read the written entries back, by the labels of their texts."""
    entries = np.zeros(shape, object)
    for text in figure.axes[0].texts:
        at = re.fullmatch(r"\S.*\[(\d+), (\d+)\]", text.get_label())
        if at:
            entries[int(at[1]), int(at[2])] = text.get_text()
    return entries


def as_numbers(entries):
    return np.array([[float(str(v).replace("−", "-")) for v in row] for row in entries])


def squares(figure):
    """Read the coloured squares back: their colours by row and column."""
    collections = figure.axes[0].collections
    largest = max((c for c in collections if isinstance(c, PolyCollection)), key=lambda c: len(c.get_paths()))
    vertices = np.array([path.vertices for path in largest.get_paths()])
    origin = np.min([c.get_segments()[0][0] for c in collections if isinstance(c, LineCollection)], axis=0)
    places = np.rint((vertices[:, 0] - origin) / np.ptp(vertices[0], axis=0)).astype(int)
    return {(r, c): to_hex(f) for (c, r), f in zip(places.tolist(), largest.get_facecolor())}


@settings(max_examples=40)
@given(geometries.convs(images=(1,)), geometries.numbers())
def test_the_entries_are_those_of_the_matrix(geometry, numbers):
    w = numbers(*geometry.w)
    expected = npseg.conv_matrix(w, geometry.x[2:], **geometry.options).toarray()
    figure = matrix("conv", np.zeros(geometry.x), w, **geometry.options)
    rows, columns = expected.shape
    if rows <= 24 and columns <= 36:
        assert np.array_equal(as_numbers(drawn(figure, expected.shape)), expected)
    elif expected.any():
        assert squares(figure).keys() == set(zip(*(place.tolist() for place in np.nonzero(expected))))
    count = np.count_nonzero(expected)
    assert words(figure)[0] == f"C: {rows}x{columns}, {count} of {expected.size} entries are not 0"


def test_the_way_up_is_the_transpose():
    w = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    down = npseg.conv_matrix(w, (4, 4), stride=2, padding=1).toarray()
    up = matrix("conv_transpose", np.zeros((2, 2)), w, stride=2, padding=1, output_padding=1)
    assert np.array_equal(as_numbers(drawn(up, down.T.shape)), down.T)
    assert words(up)[0].startswith("Cᵀ: 16x4, 25 of 64")


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (
            lambda: matrix("im2col", np.zeros((3, 3)), kernel_size=2),
            lambda: npseg.im2col_matrix((3, 3), (2, 2)),
        ),
        (
            lambda: matrix("avg_pool", np.zeros((4, 4)), kernel_size=2),
            lambda: npseg.avg_pool_matrix((4, 4), 2),
        ),
        (
            lambda: matrix("nearest_unpool", np.zeros((2, 3)), scale=2),
            lambda: npseg.nearest_unpool_matrix((2, 3), 2),
        ),
        (
            lambda: matrix("bed_of_nails_unpool", np.zeros((2, 2)), scale=2),
            lambda: npseg.bed_of_nails_matrix((2, 2), 2),
        ),
        (
            lambda: matrix("resize_bilinear", np.zeros((2, 2)), size=(4, 4)),
            lambda: npseg.resize_bilinear_matrix((2, 2), (4, 4)),
        ),
    ],
)
def test_other_matrices(figure, expected):
    expected = expected().toarray()
    assert np.allclose(as_numbers(drawn(figure(), expected.shape)), expected, atol=1e-4)


def test_the_lectures_matrix_letter_by_letter():
    figure = matrix("conv", list("abcd"), list("xyz"), stride=2, padding=1)
    assert drawn(figure, (2, 4)).tolist() == [["y", "z", 0, 0], [0, "x", "y", "z"]]
    up = matrix("conv_transpose", list("ab"), list("xyz"), stride=2)
    assert drawn(up, (5, 2)).T.tolist() == [["x", "y", "z", 0, 0], [0, 0, "x", "y", "z"]]
    assert [word for word in words(up) if "[" in word] == [*(f"y[{i}]" for i in range(5)), "x[0]", "x[1]"]


def test_a_large_matrix_is_squares_in_its_entries_colours():
    w = np.array([[1, 2, 3], [4, 0, 6], [-7, 8, 9.0]])[None, None]
    expected = npseg.conv_matrix(w, (8, 8), padding=1).toarray()
    figure = matrix("conv", np.zeros((8, 8)), w, padding=1)
    found = squares(figure)
    assert found.keys() == set(zip(*(place.tolist() for place in np.nonzero(expected))))
    colour_of = {expected[place]: colour for place, colour in found.items()}
    assert len(set(colour_of.values())) == 8
    assert all(found[place] == colour_of[expected[place]] for place in found)
    assert [word for word in words(figure) if len(word) < 3] == ["−7", "1", "2", "3", "4", "6", "8", "9"]


def test_symbols_have_a_legend():
    figure = matrix("conv", np.zeros((8, 8)), [list("ba"), list("dc")])
    assert [word for word in words(figure) if len(word) == 1] == list("abcd")


def test_lines_between_the_rows_of_a_plane_and_between_channels():
    figure = matrix("conv", np.zeros((1, 2, 2, 3)), np.ones((1, 2, 1, 1)))
    lines = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    down = [c for c in lines if np.ptp(c.get_segments()[0][:, 0]) == 0]
    assert [c.get_linewidth()[0] for c in down] == [1.2, 0.5, 1.2, 0.5, 1.2]


def test_a_kernel_of_zeros_has_no_entries():
    for size in (3, 12):
        assert ", 0 of " in words(matrix("conv", np.zeros((size, size)), np.zeros((2, 2))))[0]


def test_too_many_entries_are_refused():
    with pytest.raises(ValueError, match=f"entries are too many to draw .at most {MOST_ENTRIES}"):
        matrix("avg_pool", np.zeros((400, 400)), kernel_size=2)
