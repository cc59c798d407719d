"""The columns of im2col, a block at a time: how large blocks are, and when there are none."""

import numpy as np
import pytest
from checks import assert_same, block_of

from npseg.geometry import Window
from npseg.methods import im2col
from npseg.methods.blocks import LEAST, cut_into_blocks

STEPS = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
X = np.random.default_rng(0).integers(-4, 5, (2, 4, 16, 8)).astype(float)
#: Bytes of a column of all windows of X, by a kernel of 3x3.
COLUMNS = X.nbytes * 9


@pytest.fixture
def made(monkeypatch):
    """Note the columns that are made, for both directions."""
    seen = []
    columns, add_back = im2col._columns, im2col.add_back

    def cutting(*given):
        seen.append(columns(*given))
        return seen[-1]

    def putting(cols, window, padded):
        seen.append(cols)
        add_back(cols, window, padded)

    monkeypatch.setattr(im2col, "_columns", cutting)
    monkeypatch.setattr(im2col, "add_back", putting)
    return seen


def passes(w, x=X, steps=STEPS):
    """Return the three maps of a convolution, to be called one by one."""
    y = np.ones((len(x), len(w), *x.shape[2:]))
    return {
        "correlate": lambda: im2col.correlate(x, w, x.shape[2:], **steps),
        "correlate_adjoint_x": lambda: im2col.correlate_adjoint_x(y, w, x.shape[2:], **steps),
        "correlate_adjoint_w": lambda: im2col.correlate_adjoint_w(x, y, w.shape[2:], **steps),
    }


@pytest.mark.parametrize("name", passes(np.ones((1, 4, 3, 3))))
def test_columns_fill_a_block_and_no_more(made, name):
    whole = passes(np.ones((1, 4, 3, 3)))[name]()
    made.clear()
    with block_of(COLUMNS // 8):
        assert_same(passes(np.ones((1, 4, 3, 3)))[name](), whole)
    assert {cols.nbytes for cols in made} == {COLUMNS // 8}
    assert len(made) == 8


@pytest.mark.parametrize(("kernels", "blocks"), [(64, 1), (63, 8)])
@pytest.mark.parametrize("name", ["correlate", "correlate_adjoint_w"])
def test_columns_that_are_at_most_four_times_as_large_as_the_kernels_are_made_at_once(
    made, name, kernels, blocks
):
    w = np.ones((kernels, 4, 3, 3))
    assert (4 * w.nbytes >= COLUMNS) == (blocks == 1)
    with block_of(COLUMNS // 8):
        passes(w)[name]()
    assert len(made) == blocks


@pytest.mark.parametrize(("size", "copied"), [((8, 8), False), ((7, 9), True)])
def test_an_image_is_its_own_columns_under_a_kernel_of_one_pixel(made, size, copied):
    """If it is large enough to be taken alone."""
    x, w = np.ones((2, 40, *size)), np.ones((1, 40, 1, 1))
    steps = {**STEPS, "padding": ((0, 0), (0, 0))}
    passes(w, x, steps)["correlate"]()
    assert len(made) == (1 if copied else 4)  # halves of images
    assert all(np.shares_memory(cols, x) != copied for cols in made)


@pytest.mark.parametrize("name", passes(np.ones((1, 4, 3, 3))))
def test_what_takes_less_than_two_blocks_wakes_no_thread(monkeypatch, name):
    w = np.ones((2, 4, 3, 3))
    small = []
    monkeypatch.setattr(im2col, "share_out", lambda task, pieces, like, small=None: told(small))

    def told(value):
        small.append(value)
        return []

    for block in ((COLUMNS + w.nbytes) // 2, (COLUMNS + w.nbytes) // 2 + 1, COLUMNS):
        with block_of(block):
            passes(w)[name]()
    assert [value for value in small if value is not None] == [False, True, True]


def test_the_rows_of_a_plane_go_back_a_block_at_a_time():
    """With what they reach; the last block may be smaller."""
    window = Window.down((11, 6), (3, 2), stride=(2, 1), padding=((0, 0), (0, 0)))
    assert window.reach == (12, 6)
    padded = np.arange(2 * 3 * 72.0).reshape(2, 3, 12, 6)
    a_row = 2 * 3 * 6 * 5 * 8
    with block_of(2 * a_row):
        found = list(im2col._row_blocks(padded, window))
    assert [(rows.start, rows.stop) for rows, _, _ in found] == [(0, 2), (2, 4), (4, 5)]
    assert [block.out for _, block, _ in found] == [(2, 5), (2, 5), (1, 5)]
    for rows, block, view in found:
        np.testing.assert_array_equal(view, padded[:, :, 2 * rows.start : 2 * rows.stop + 2])
        assert view.shape[2:] == block.reach
    with block_of(a_row - 1):
        assert len(list(im2col._row_blocks(padded, window))) == 5


@pytest.mark.parametrize(
    ("images", "rows", "size", "expected"),
    [
        (4, 6, 0, [(0, 4, 0, 6)]),
        (4, 6, 1000, [(0, 4, 0, 6)]),
        (4, 6, 1001, [(0, 2, 0, 6), (2, 4, 0, 6)]),
        (2, 6, 2000, [(0, 1, 0, 6), (1, 2, 0, 6)]),
        (2, 6, 2001, [(0, 1, 0, 3), (0, 1, 3, 6), (1, 2, 0, 3), (1, 2, 3, 6)]),
        (1, 6, 2001, [(0, 1, 0, 2), (0, 1, 2, 4), (0, 1, 4, 6)]),
        (1, 2, 9000, [(0, 1, 0, 1), (0, 1, 1, 2)]),
        (5, 6, 5000, [(n, n + 1, 0, 6) for n in range(5)]),
        (0, 6, 0, []),
    ],
)
def test_a_batch_is_cut_into_images_and_these_into_rows(images, rows, size, expected):
    blocks = cut_into_blocks(images, rows, size, largest=1000)
    assert [(b.images.start, b.images.stop, b.rows.start, b.rows.stop) for b in blocks] == expected


@pytest.mark.parametrize(
    ("size", "pieces", "count"),
    [(LEAST - 1, 4, 1), (2 * LEAST - 1, 4, 1), (2 * LEAST, 4, 2), (9 * LEAST, 4, 4), (9 * LEAST, 1, 1)],
)
def test_what_fits_into_a_block_is_cut_for_the_threads_if_it_is_worth_their_while(size, pieces, count):
    assert len(cut_into_blocks(16, 6, size, largest=2**40, pieces=pieces)) == count
    assert len(cut_into_blocks(16, 6, size, largest=2**40)) == (count if pieces == 4 else 4)


@pytest.mark.parametrize(
    ("kernels", "block", "expected"),
    [
        (1, COLUMNS // 8, [(n, n + 1, c, c + 2) for n in range(2) for c in (0, 2)]),
        (1, COLUMNS // 2, [(n, n + 1, c, c + 2) for n in range(2) for c in (0, 2)]),
        (64, COLUMNS // 8, [(0, 2, c, c + 1) for c in range(4)]),
    ],
)
def test_the_way_back_is_shared_out_by_images_or_where_kernels_are_large_by_channels(
    monkeypatch, kernels, block, expected
):
    pieces = []
    monkeypatch.setattr(im2col, "share_out", lambda task, some, like, small: pieces.extend(some))
    with block_of(block):
        passes(np.ones((kernels, 4, 3, 3)))["correlate_adjoint_x"]()
    assert [(n.start, n.stop, c.start, c.stop) for n, c in pieces] == expected


@pytest.mark.parametrize("name", ["correlate", "correlate_adjoint_w"])
def test_of_one_block_each_worker_does_some_kernels(monkeypatch, name):
    monkeypatch.setattr(im2col, "empty", lambda shape, like: np.zeros(shape))
    monkeypatch.setattr(im2col, "share_out", lambda task, some, like, small=None: list(map(task, some[:1])))
    found = passes(np.ones((64, 4, 3, 3)), np.ones(X.shape))[name]()
    kernels = np.moveaxis(found, 1, 0) if name == "correlate" else found
    assert (kernels[:16] > 0).all()
    assert not kernels[16:].any()
