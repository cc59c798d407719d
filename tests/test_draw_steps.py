"""The steps are drawn by what computes: summed up they are the output, and their cells the index table's."""

import re
from html.parser import HTMLParser

import geometries
import numpy as np
import pytest
from checks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st

import npseg
from npseg.draw import steps
from npseg.draw.stepper.products import canvas
from npseg.draw.stepper.steps import MOST_STEPS
from npseg.draw.stepper.walk import entries, keys, result, walk
from npseg.geometry import Window

few = settings(max_examples=40)

INPUT = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]


def in_each_view(drawn):
    return [drawn.view(view) for view in drawn.views]


def shown_at_the_end(drawn):
    """Replay all steps, as the page does: what the result's plane shows after the last of them."""
    drawing = drawn.drawing
    cells = np.zeros(drawing.target.cells.shape)
    if drawing.start is not None:
        cells += drawing.start.astype(float)
    for step in walk(drawing, drawn.order, len(keys(drawing, drawn.order))):
        cells.flat[list(step.targets)] = step.values
    return drawing.target._replace(cells=cells).array


def as_matrix(drawing):
    rows, columns = (int(plane.inside.sum()) for plane in (drawing.target, drawing.source))
    matrix = np.zeros((rows, columns))
    for place, value in entries(drawing).items():
        matrix[place] = value
    return matrix


def check_drawing(drawn, expected):
    """Check that each view ends with the operation's output, and that the matrix makes it of what is read."""
    assert_same(drawn.output, expected)
    for other in in_each_view(drawn):
        assert_same(shown_at_the_end(other), expected)
    drawing = drawn.drawing
    summed = result(drawing)
    assert_same(drawing.target._replace(cells=summed).array.astype(float), expected)
    product = as_matrix(drawing) @ drawing.source.array.ravel().astype(float)
    start = 0 if drawing.start is None else drawing.target._replace(cells=drawing.start).array.ravel()
    assert_same((product + start).astype(float), expected.ravel())


class TestTheFramesAddUp:
    @few
    @given(geometries.convs(images=(1, 2)), geometries.numbers(), st.booleans())
    def test_convolution_and_its_gradients(self, geometry, numbers, biased):
        x, w = (np.asarray(numbers(*shape), float) for shape in (geometry.x, geometry.w))
        b = numbers(len(w)).astype(float) if biased else None
        y, cache = npseg.conv_forward(x, w, b, **geometry.options)
        check_drawing(steps("conv", x, w, b=b, **geometry.options), y)
        dout = numbers(*y.shape).astype(float)
        for wrt, gradient in zip("xwb", npseg.conv_backward(dout, cache)):
            if gradient is not None:
                check_drawing(
                    steps("conv_backward", x, w, b=b, dout=dout, wrt=wrt, **geometry.options), gradient
                )

    @few
    @given(geometries.conv_transposes(images=(1, 2)), geometries.numbers(), st.booleans())
    def test_transposed_convolution_and_its_gradients(self, geometry, numbers, biased):
        x, w = (np.asarray(numbers(*shape), float) for shape in (geometry.x, geometry.w))
        b = numbers(w.shape[1] * geometry.groups).astype(float) if biased else None
        y, cache = npseg.conv_transpose_forward(x, w, b, **geometry.options)
        check_drawing(steps("conv_transpose", x, w, b=b, **geometry.options), y)
        dout = numbers(*y.shape).astype(float)
        for wrt, gradient in zip("xwb", npseg.conv_transpose_backward(dout, cache)):
            if gradient is not None:
                drawn = steps("conv_transpose_backward", x, w, b=b, dout=dout, wrt=wrt, **geometry.options)
                check_drawing(drawn, gradient)

    @few
    @given(geometries.pools(images=(1, 2)), geometries.numbers())
    def test_max_pooling_and_unpooling(self, geometry, numbers):
        x = numbers(*geometry.x).astype(float)
        y, cache = npseg.max_pool_forward(x, geometry.kernel_size, **geometry.options)
        drawn = steps("max_pool", x, kernel_size=geometry.kernel_size, **geometry.options)
        assert_same(drawn.output, y)
        assert_same(shown_at_the_end(drawn), y)
        assert_same((as_matrix(drawn.drawing) @ x.ravel()), y.ravel())
        dout = numbers(*y.shape).astype(float)
        backward = steps(
            "max_pool_backward", x, kernel_size=geometry.kernel_size, dout=dout, **geometry.options
        )
        check_drawing(backward, npseg.max_pool_backward(dout, cache))

    @few
    @given(geometries.pools(images=(1,), dilated=False, side_by_side=True), geometries.numbers())
    def test_max_unpooling(self, geometry, numbers):
        options = {"padding": geometry.options["padding"]}
        pooled, pool = npseg.max_pool_forward(
            numbers(*geometry.x).astype(float), geometry.kernel_size, **geometry.options
        )
        x = numbers(*pooled.shape).astype(float)
        options |= {"kernel_size": geometry.kernel_size, "output_size": geometry.x[2:]}
        y, cache = npseg.max_unpool_forward(x, pool.indices, **options)
        check_drawing(steps("max_unpool", x, indices=pool.indices, **options), y)
        dout = numbers(*y.shape).astype(float)
        drawn = steps("max_unpool_backward", x, indices=pool.indices, dout=dout, **options)
        check_drawing(drawn, npseg.max_unpool_backward(dout, cache))

    @few
    @given(geometries.pools(images=(1,), dilated=False), geometries.numbers(), st.booleans())
    def test_average_pooling(self, geometry, numbers, include):
        # Multiples of all divisors that windows of up to 4 x 4 x 3 places have keep every quotient whole.
        x = numbers(*geometry.x).astype(float) * 144
        options = geometry.options | {"count_include_pad": include, "divisor_override": 4}
        y, cache = npseg.avg_pool_forward(x, geometry.kernel_size, **options)
        check_drawing(steps("avg_pool", x, kernel_size=geometry.kernel_size, **options), y)
        dout = numbers(*y.shape).astype(float) * 4
        drawn = steps("avg_pool_backward", x, kernel_size=geometry.kernel_size, dout=dout, **options)
        check_drawing(drawn, npseg.avg_pool_backward(dout, cache))

    @few
    @given(geometries.pools(images=(1,), dilated=False), geometries.numbers(), st.booleans())
    def test_the_divisors_of_average_pooling(self, geometry, numbers, include):
        x = numbers(*geometry.x).astype(float)
        options = geometry.options | {"count_include_pad": include}
        y, _ = npseg.avg_pool_forward(x, geometry.kernel_size, **options)
        drawn = steps("avg_pool", x, kernel_size=geometry.kernel_size, **options)
        for view in in_each_view(drawn):
            np.testing.assert_allclose(shown_at_the_end(view), y, rtol=1e-13, atol=1e-13)

    @few
    @given(geometries.sizes(), st.data(), geometries.numbers())
    def test_unpooling_into_blocks_and_resizing(self, size, data, numbers):
        scale = data.draw(geometries.sizes(len(size), most=3))
        x = numbers(1, 2, *size).astype(float)
        for name in ("nearest_unpool", "bed_of_nails_unpool"):
            y, cache = getattr(npseg, f"{name}_forward")(x, scale)
            check_drawing(steps(name, x, scale=scale), y)
            dout = numbers(*y.shape).astype(float)
            expected = getattr(npseg, f"{name}_backward")(dout, cache)
            check_drawing(steps(f"{name}_backward", x, scale=scale, dout=dout), expected)
        wanted = tuple(s * i for s, i in zip(scale, size))
        y, cache = npseg.resize_bilinear_forward(x, wanted)
        dout = numbers(*y.shape).astype(float)
        for drawn, expected in (
            (steps("resize_bilinear", x, size=wanted), y),
            (
                steps("resize_bilinear_backward", x, size=wanted, dout=dout),
                npseg.resize_bilinear_backward(dout, cache),
            ),
        ):
            for view in in_each_view(drawn):
                np.testing.assert_allclose(shown_at_the_end(view), expected, rtol=1e-13, atol=1e-13)

    @few
    @given(geometries.convs(images=(1, 2)), geometries.numbers())
    def test_columns(self, geometry, numbers):
        x = numbers(*geometry.x).astype(float)
        kernel = geometry.w[2:]
        options = {key: geometry.options[key] for key in ("stride", "padding", "dilation")}
        cols = npseg.im2col(x, kernel, **options)
        check_drawing(steps("im2col", x, kernel_size=kernel, **options), cols)
        cols = numbers(*cols.shape).astype(float)
        back = npseg.col2im(cols, x.shape[2:], kernel, **options)
        check_drawing(steps("col2im", cols, size=x.shape[2:], kernel_size=kernel, **options), back)


class TestTheIndexTable:
    @few
    @given(geometries.convs(images=(1,)))
    def test_the_cells_of_a_step_are_those_of_the_index_table(self, geometry):
        """Of one channel, step by step and tap by tap: the pixel the table names, or a cell of the padding."""
        options = geometry.options | {"groups": 1}
        x, w = np.zeros((1, 1, *geometry.x[2:])), np.zeros((1, 1, *geometry.w[2:]))
        drawn = steps("conv", x, w, **options)
        plane = drawn.drawing.source
        pixel = np.where(plane.inside, np.cumsum(plane.inside) - 1, -1)
        window = npseg.conv_forward(x, w, **options)[1].window
        table = window.index()
        for step, column in zip(walk(drawn.drawing, "gather", table.shape[1]), table.T):
            assert pixel[list(step.sources)].tolist() == column.tolist()

    def test_the_canvas_holds_padding_read_or_not_going_down_and_stamps_going_up(self):
        window = Window.down((4,), (3,), stride=(2,), padding=((1, 1),))
        assert canvas(window, padded=True).size == (6,)
        assert canvas(window, padded=False).size == (5,)

    def test_an_output_padding_beyond_the_stamps_is_drawn_as_what_nothing_comes_to(self):
        drawn = steps("conv_transpose", list("ab"), list("xyz"), stride=2, output_padding=1, view="gather")
        assert drawn[5].text == "y[5] = 0: nothing comes here"
        assert [str(v) for v in drawn.output.ravel()] == ["ax", "ay", "az+bx", "by", "bz", "0.0"]


class TestTheLecture:
    def test_a_transposed_convolution_letter_by_letter(self):
        drawn = steps("conv_transpose", list("ab"), list("xyz"), stride=2)
        assert drawn.output.ravel().tolist() == ["ax", "ay", "az+bx", "by", "bz"]
        assert [step.text for step in drawn] == [
            "x[0] = a: y[0] = a·x = ax; y[1] = a·y = ay; y[2] = a·z = az",
            "x[1] = b: y[2] = az + b·x = az+bx; y[3] = b·y = by; y[4] = b·z = bz",
        ]

    def test_the_matrix_letter_by_letter(self):
        """X of the lecture, whose padded signal is (0, a, b, c, d, 0); and its transpose."""
        padded = [0, "a", "b", "c", "d", 0]
        found = entries(steps("conv", padded, list("xyz"), stride=2).drawing)
        rows = [["".join(str(found.get((r, c), 0))) for c in range(6)] for r in range(2)]
        assert rows == [["x", "y", "z", "0", "0", "0"], ["0", "0", "x", "y", "z", "0"]]
        up = entries(steps("conv_transpose", list("ab"), list("xyz"), stride=2, output_padding=1).drawing)
        assert up == {(c, r): value for (r, c), value in found.items()}

    def test_convolution_letter_by_letter(self):
        drawn = steps("conv", list("abcd"), list("xyz"), stride=2, padding=1)
        assert [step.text for step in drawn] == [
            "y[0] = 0·x + a·y + b·z = ay+bz",
            "y[1] = b·x + c·y + d·z = bx+cy+dz",
        ]

    def test_both_gradients_letter_by_letter(self):
        options = {"stride": 2, "padding": 1, "dout": list("pq")}
        dx = steps("conv_backward", list("abcd"), list("xyz"), **options)
        dw = steps("conv_backward", list("abcd"), list("xyz"), wrt="w", **options)
        db = steps("conv_backward", list("abcd"), list("xyz"), wrt="b", **options)
        assert dx.output.ravel().tolist() == ["py", "pz+qx", "qy", "qz"]
        assert dw.output.ravel().tolist() == ["qb", "pa+qc", "pb+qd"]
        assert db.output.tolist() == ["p+q"]

    def test_stamps_of_ones(self):
        drawn = steps(
            "conv_transpose", [[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1, output_padding=1
        )
        assert drawn.output[0, 0].tolist() == [[1, 3, 2, 2], [4, 10, 6, 6], [3, 7, 4, 4], [3, 7, 4, 4]]
        assert drawn[1].text == (
            "x[0, 1] = 2: y[0, 1] = 1 + 2·1 = 3; y[0, 2] = 2·1 = 2; y[0, 3] = 2·1 = 2; "
            "y[1, 1] = 1 + 2·1 = 3; y[1, 2] = 2·1 = 2; y[1, 3] = 2·1 = 2; 3 outside, cropped"
        )
        assert str(drawn).splitlines()[:2] == [
            "out = stride·(size − 1) + dilation·(kernel − 1) + 1 − padding + output_padding",
            "each axis: 2·(2 − 1) + 1·(3 − 1) + 1 − (1 + 1) + 1 = 4",
        ]

    def test_max_pooling_says_who_won(self):
        drawn = steps("max_pool", [[1, 2, 6, 3], [3, 5, 2, 1]], kernel_size=2)
        assert [step.text for step in drawn] == [
            "y[0, 0] = max(1, 2, 3, 5) = 5, at x[1, 1]",
            "y[0, 1] = max(6, 3, 2, 1) = 6, at x[0, 2]",
        ]
        assert drawn[0].sources == (5,)
        assert sorted(drawn[0].seen) == [0, 1, 4]

    def test_the_border_never_wins_and_is_not_looked_at(self):
        drawn = steps("max_pool", [[-1, -2], [-3, -4]], kernel_size=2, stride=2, padding=1)
        assert drawn[0].text == "y[0, 0] = max(−1) = −1, at x[0, 0]"


def test_dumoulin_and_visins_numbers():
    assert steps("conv", INPUT, KERNEL).output[0, 0].tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    drawn = steps("conv", INPUT, KERNEL, stride=2, padding=1)
    assert drawn.output[0, 0].tolist() == [[6, 17, 3], [8, 17, 13], [6, 4, 4]]
    assert drawn[0].text == "y[0, 0] = 0·0 + 0·1 + 0·2 + 0·2 + 3·2 + 3·0 + 0·0 + 0·1 + 0·2 = 6"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("make", "kind", "message"),
        [
            (
                lambda: steps("convolve", [1, 2], [1]),
                ValueError,
                "operation='convolve'; choose one of conv, ",
            ),
            (
                lambda: steps("conv", [1, 2], [1], view="row"),
                ValueError,
                "choose one of 'gather', 'scatter', ",
            ),
            (
                lambda: steps("max_pool", [1, 2], kernel_size=1, view="scatter"),
                ValueError,
                "'gather', 'matrix'",
            ),
            (lambda: steps("max_pool", ["a", "b"], kernel_size=2), TypeError, "symbols have no largest"),
            (lambda: steps("conv", [1, 2], [1, 2, 3]), ValueError, "conv_forward: kernel 3 .* does not fit"),
            (lambda: steps("conv", [[1, 2], [3]], [1]), TypeError, "rows of one length|inhomogeneous"),
            (lambda: steps("conv", [1, None], [1]), TypeError, "x holds None"),
            (lambda: steps("conv", [1j], [1]), TypeError, "x holds 1j"),
            (lambda: steps("conv", [1, 2]), TypeError, "w is needed"),
            (lambda: steps("conv_backward", [1, 2], [1]), TypeError, "dout is needed"),
            (lambda: steps("conv_backward", [1, 2], [1], dout=[1, 2], wrt="y"), ValueError, "wrt='y'"),
            (lambda: steps("conv", [1, 2], [1], strid=2), TypeError, "strid"),
            (lambda: steps("conv", np.ones((0, 1, 3)), np.ones((1, 1, 1))), ValueError, "nothing to step"),
            (lambda: steps("conv", np.ones((1, 9, 300, 300)), np.ones((9, 9, 1, 1))), ValueError, "too many"),
        ],
    )
    def test_by_name(self, make, kind, message):
        with pytest.raises(kind, match=message):
            make()


class Reader(HTMLParser):
    """Collects the tags, the texts of list items and the cells of tables, script and style aside."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.items, self.cells, self.figures, self._in = [], [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "figure":
            self.figures.append(attrs["class"])
        if tag == "td":
            self.cells.append([self.figures[-1], ""])
        if tag == "li":
            self.items.append([attrs, ""])
        self._in = tag

    def handle_data(self, data):
        if self._in == "td" and self.cells:
            self.cells[-1][1] += data
        if self._in == "li" and self.items:
            self.items[-1][1] += data

    def texts(self, figure):
        return [text.strip() for name, text in self.cells if name == figure]


LECTURES = {
    "transposed": steps(
        "conv_transpose", [[1, 2], [3, 4]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]], stride=2, padding=1,
        output_padding=1,
    ),
    "strided": steps("conv", np.arange(16).reshape(4, 4), KERNEL, stride=2, padding=1),
    "same": steps("conv", np.arange(16).reshape(4, 4), KERNEL, padding=1),
    "letters": steps("conv", list("abcd"), list("xyz"), stride=2, padding=1),
    "pooling": steps("max_pool", np.arange(16).reshape(4, 4), kernel_size=2),
    "columns": steps("im2col", np.arange(16).reshape(4, 4), kernel_size=3, padding=1, stride=2),
    "guide": steps("conv", INPUT, KERNEL, padding=1),
}  # fmt: skip


class TestThePage:
    @pytest.mark.parametrize("drawn", LECTURES.values(), ids=LECTURES)
    def test_is_small_and_asks_nothing_of_the_network(self, drawn):
        page = drawn.html()
        assert len(page.encode()) < 100_000
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|src=|href=", page)

    @pytest.mark.parametrize("drawn", LECTURES.values(), ids=LECTURES)
    def test_without_its_script_shows_the_tables_and_all_steps(self, drawn):
        read = Reader(re.sub(r"<(script|style)>.*?</\1>", "", drawn._repr_html_(), flags=re.DOTALL))
        assert read.texts("source") == [
            npseg.draw.stepper.notation.written(v) for v in drawn.drawing.source.cells.flat
        ]
        assert read.texts("target") == [
            npseg.draw.stepper.notation.written(v) for v in result(drawn.drawing).flat
        ]
        told = [text.strip() for _, text in read.items]
        for view in in_each_view(drawn):
            assert [step.text for step in view if step.text not in told] == []
        assert ("details", {"open": None, "data-view": drawn.order}) in read.tags

    @pytest.mark.parametrize("drawn", LECTURES.values(), ids=LECTURES)
    def test_the_items_carry_cells_that_are_there(self, drawn):
        read = Reader(re.sub(r"<(script|style)>.*?</\1>", "", drawn._repr_html_(), flags=re.DOTALL))
        counts = {
            "t": len(read.texts("target")),
            "s": len(read.texts("source")),
            "k": len(read.texts("kernel")),
        }
        for attributes, _ in read.items:
            for key, count in counts.items():
                lit = [int(cell) for cell in attributes.get(f"data-{key}", "").split()]
                assert all(0 <= cell < count for cell in lit)
            assert len(attributes["data-v"].split("|")) == len(attributes["data-t"].split())

    def test_is_a_page_of_its_own_with_a_language_and_a_title(self):
        page = LECTURES["letters"].html()
        assert page.startswith('<!doctype html>\n<html lang="en">')
        assert "<title>conv, step by step</title>" in page
        assert 'role="group"' in page
        assert 'aria-label="conv, step by step"' in page

    def test_symbols_are_no_html(self):
        page = steps("conv", ["<b>", '"&'], ["x"]).html()
        assert "<td>&lt;b&gt;" in page
        assert "&quot;&amp;" in page
        assert "<td><b>" not in page

    def test_a_long_walk_is_an_excerpt_and_says_so(self):
        drawn = steps("conv", np.zeros((20, 20)), np.zeros((3, 3)))
        assert len(drawn) == MOST_STEPS
        assert "the first 200 of 324 steps" in drawn.html()
        assert "the first 200 of 324 steps" in str(drawn)

    def test_a_large_matrix_is_left_out(self):
        assert 'class="matrix"' in LECTURES["same"].html()
        assert 'class="matrix"' not in steps("conv", np.zeros((9, 9)), np.zeros((1, 1))).html()

    def test_a_border_that_is_no_number_is_no_zero(self):
        around = steps("max_pool", [[-3, -1], [-4, -2]], kernel_size=2, padding=1).html()
        assert around.count('<td class="padding">–') == 12
        assert "–: no pixel, and never the largest" in around
        real = steps("avg_pool", [1, 2, 3], kernel_size=2, padding=1, count_include_pad=False).html()
        assert real.count('<td class="padding">–') == 2
        assert "–: no pixel, and not counted" in real
        counted = steps("avg_pool", [1, 2, 3], kernel_size=2, padding=1).html()
        assert '<td class="padding">0' in counted

    def test_what_is_left_out_is_said(self):
        assert "C, 81x81, is too large to be shown" in steps("conv", np.zeros((9, 9)), [[1]]).html()

    def test_padding_that_no_window_reads_is_marked(self):
        page = LECTURES["letters"].html()
        assert page.count('<td class="padding unread">0') == 1
        assert "hatched: x is never read there" in page
        assert "never read" not in steps("conv", list("abc"), list("xyz"), padding=1).html()

    def test_a_pixel_that_no_window_reads_is_marked(self):
        assert 'class="unread"' in steps("conv", np.zeros((1, 1, 4)), np.zeros((1, 1, 1)), stride=2).html()
        assert 'class="unread"' not in steps("conv", np.zeros((1, 1, 4)), np.zeros((1, 1, 1))).html()
