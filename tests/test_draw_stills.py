"""The pictures of steps, by the texts and the colours in them: what is drawn is what the steps say."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from PIL import Image

import npseg.draw.stepper.stills as stills
from npseg.draw.stepper import grids
from npseg.draw.stepper.notation import written
from npseg.draw.stepper.steps import steps

K33 = np.arange(1, 10).reshape(3, 3)
RNG = np.random.default_rng(0)


def small(*shape):
    return RNG.integers(-4, 10, shape).astype(float)


UP = {"stride": 2, "padding": 1, "output_padding": 1}
CASES = {
    "conv": ("conv", np.arange(16).reshape(4, 4), K33, {"stride": 2, "padding": 1}),
    "up": ("conv_transpose", [[1, 2], [3, 4]], K33, UP),
    "up, gathered": ("conv_transpose", [[1, 2], [3, 4]], K33, dict(view="gather", **UP)),
    "up, as matrix": ("conv_transpose", [[1, 2], [3, 4]], K33, dict(view="matrix", **UP)),
    "symbols": ("conv", list("abcd"), list("xyz"), {"stride": 2, "padding": 1}),
    "bias": ("conv_transpose", list("ab"), list("xyz"), {"stride": 2, "b": ["t"]}),
    "bias, as matrix": ("conv", [7, 11, 13], [2, 3], {"b": [5], "view": "matrix"}),
    "groups": ("conv", small(1, 4, 3, 3), small(2, 2, 2, 2), {"groups": 2}),
    "images": ("conv", small(2, 2, 2, 3), small(1, 2, 2, 2), {}),
    "dilation": ("conv", small(5, 5), small(2, 2), {"dilation": 2, "padding": 1}),
    "uneven": ("conv", small(4, 5), small(3, 2), {"padding": ((0, 2), (1, 0)), "stride": (2, 1)}),
    "three axes": ("conv", small(1, 1, 2, 3, 3), small(1, 1, 2, 2, 2), {}),
    "im2col": ("im2col", small(3, 3), None, {"kernel_size": 2}),
    "col2im": ("col2im", small(4, 4), None, {"size": (3, 3), "kernel_size": 2}),
    "max_pool": ("max_pool", small(5, 5), None, {"kernel_size": 3, "stride": 2, "padding": 1}),
    "avg_pool": ("avg_pool", small(4, 4), None, {"kernel_size": 3, "stride": 2, "padding": 1}),
    "nearest": ("nearest_unpool", [[1, 2], [3, 4]], None, {"scale": 2}),
    "bilinear": ("resize_bilinear", [[1, 2], [3, 4]], None, {"size": (4, 4)}),
    "dw": ("conv_backward", small(4, 4), K33, {"dout": small(2, 2), "wrt": "w", "stride": 2, "padding": 1}),
    "db": ("conv_backward", small(3, 3), small(2, 2), {"dout": small(2, 2), "wrt": "b"}),
}  # fmt: skip


def made(case):
    operation, x, w, options = CASES[case]
    return steps(operation, x, w, **options)


def texts(figure):
    """Return what is written in each cell, by the cell's name; of a cell with several lines, all of them."""
    found = defaultdict(str)
    for text in figure.axes[0].texts:
        if text.get_label():
            found[text.get_label()] += text.get_text()
    return dict(found)


def fills(figure):
    """Return how many cells have each colour."""
    collections = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    return Counter(to_hex(color) for c in collections for color in c.get_facecolor())


def in_words(plane, values):
    """Return a plane's cells as they should be written."""
    cells = np.flatnonzero(plane.inside) if plane.border == "padding" else range(plane.cells.size)
    return {plane.call(int(c)): written(values[c]) for c in cells if c in values}


@pytest.mark.parametrize("case", CASES)
def test_a_still_shows_what_the_step_says(case):
    walk = made(case)
    drawing, held = walk.drawing, {}
    scattered = walk.order == "scatter"
    if scattered:
        held = {t: drawing.begins(t) for t in range(drawing.target.cells.size)}
    for i, step in enumerate(walk):
        held |= dict(zip(step.targets, step.values))
        if i not in (len(walk) // 2, len(walk) - 1):
            continue
        found = texts(walk.still(i))
        drawn_target = drawing.target if walk.order != "matrix" else drawing.target._replace(border="padding")
        expected = in_words(drawn_target, held)
        expected |= in_words(drawing.source, dict(enumerate(drawing.source.cells.flat)))
        if drawing.kernel is not None and walk.order != "matrix":
            expected |= in_words(drawing.kernel, dict(enumerate(drawing.kernel.cells.flat)))
        assert expected.items() <= found.items()
        # What has not been written is empty.
        later = {drawing.target.call(t) for t in range(drawing.target.cells.size)} - expected.keys()
        assert not later & found.keys()
    inside = [drawing.target.call(int(cell)) for cell in np.flatnonzero(drawing.target.inside)]
    output = [written(v if isinstance(v, str) else float(v)) for v in walk.output.flat]
    assert [found[name] for name in inside] == output


@pytest.mark.parametrize("case", ["conv", "up", "dilation", "groups", "dw", "im2col", "nearest"])
def test_a_still_lights_the_cells_of_the_step(case):
    walk = made(case)
    for i in (0, len(walk) - 1):
        step, count = walk[i], fills(walk.still(i))
        assert count[grids.LIT_SOURCE.fill] == len(step.sources)
        assert count[grids.LIT_TARGET.fill] + count[grids.LIT_AGAIN.fill] == len(step.targets)
        taps, entries = len(step.taps), count[grids.LIT_TAP.fill] - len(step.taps)
        assert taps >= 0 <= entries  # the entries of the matrix have the kernel's colour


def test_a_kernels_gradient_shows_at_each_step_which_pixels_it_takes():
    walk = made("dw")
    figure = walk.filmstrip()
    assert sum(text.get_label() == "x[0, 0]" for text in figure.axes[0].texts) == len(walk)
    assert fills(figure)[grids.LIT_TAP.fill] == sum(len(step.taps) for step in walk)


def test_of_a_maximum_the_losers_are_seen_and_the_border_is_empty():
    walk = made("max_pool")
    step, figure = walk[4], walk.still(4)
    assert fills(figure)[grids.SEEN.fill] == len(step.seen) == 8
    found = texts(figure)
    assert [found[f"x[−1, {j}]".replace("-", "−")] for j in range(-1, 6)] == ["–"] * 7


def test_where_stamps_overlap_is_darker():
    walk = steps("conv_transpose", list("ab"), list("xyz"), stride=2)
    assert fills(walk.still(0))[grids.LIT_AGAIN.fill] == 0
    assert fills(walk.still(1))[grids.LIT_AGAIN.fill] == 1
    assert texts(walk.still(1))["y[2]"] == "az+bx"


def test_the_lectures_symbols_letter_by_letter():
    down = texts(steps("conv", list("abcd"), list("xyz"), stride=2, padding=1).still())
    assert [down[f"y[{i}]"] for i in range(2)] == ["ay+bz", "bx+cy+dz"]
    assert [down[f"x[{i}]"] for i in ("−1", 0, 1, 2, 3, 4)] == ["0", "a", "b", "c", "d", "0"]
    up = texts(steps("conv_transpose", list("ab"), list("xyz"), stride=2).still())
    assert [up[f"y[{i}]"] for i in range(5)] == ["ax", "ay", "az+bx", "by", "bz"]


def test_a_long_sum_of_symbols_takes_several_lines():
    plane = [list("abc"), list("def"), list("ghi")]
    walk = steps("conv", plane, [list("rst"), list("uvw"), list("xyz")])
    figure = walk.still()
    parts = [t.get_text() for t in figure.axes[0].texts if t.get_label() == "y[0, 0]"]
    assert parts == ["ar+bs+ct+", "du+ev+fw+", "gx+hy+iz"]


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_off_and_every_letter_is_there(case):
    walk = made(case)
    for figure in (walk.still(len(walk) // 2), walk.filmstrip()) if len(walk) < 6 else (walk.still(),):
        figure.draw_without_rendering()  # a letter that is not in the font would be a warning
        for text in figure.axes[0].texts:
            box = text.get_window_extent()
            assert box.x0 >= 0 <= box.y0
            assert box.x1 <= figure.bbox.width
            assert box.y1 <= figure.bbox.height


def test_title_arithmetic_and_matrix_of_a_still():
    walk = made("up")
    words = [text.get_text() for text in walk.still(2).axes[0].texts]
    assert "conv_transpose" in words
    assert "scatter, step 3 of 4" in words
    assert walk[2].text in " ".join(words)
    assert "Cᵀ" in words
    large = steps("conv", small(12, 12), K33)
    assert "C" not in [text.get_text() for text in large.still(0).axes[0].texts]


def test_a_filmstrip_has_every_step():
    walk = made("up")
    labels = Counter(t.get_label() for t in walk.filmstrip().axes[0].texts if t.get_label())
    assert (labels["x[0, 0]"], labels["y[3, 3]"], labels["w[0, 0]"]) == (4, 4, 1)


@pytest.mark.parametrize("columns", [1, 3, 100])
def test_a_filmstrip_with_so_many_columns(columns):
    figure = made("up").filmstrip(columns=columns)
    corners = [t.get_position() for t in figure.axes[0].texts if t.get_label() == "x[0, 0]"]
    assert len({round(x, 6) for x, _ in corners}) == min(columns, 4)


def test_a_filmstrip_of_many_steps_is_a_choice():
    drawn = made("dilation").filmstrip().axes[0].texts
    assert "gather, 24 of 25 steps" in [t.get_text() for t in drawn]
    assert Counter(t.get_label() for t in drawn)["x[0, 0]"] == 24


@pytest.mark.parametrize(("ending", "step"), [(".png", None), (".PNG", 1), (".svg", None), (".pdf", 1)])
def test_pictures_are_saved(tmp_path, ending, step):
    path = tmp_path / f"steps{ending}"
    made("symbols").save(path, step=step)
    if ending == ".svg":
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    elif ending == ".pdf":
        assert path.read_bytes().startswith(b"%PDF")
    else:
        with Image.open(path) as image:
            assert image.format == "PNG"
            image.load()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_page_is_saved(tmp_path, monkeypatch):
    walk = made("up")
    monkeypatch.setattr(walk, "html", lambda: "<!doctype html><p>Cᵀ")
    walk.save(tmp_path / "steps.html")
    assert (tmp_path / "steps.html").read_bytes() == "<!doctype html><p>Cᵀ".encode()


def test_an_animation_has_a_frame_for_each_step(tmp_path):
    walk = made("up")
    walk.save(str(tmp_path / "steps.gif"))
    with Image.open(tmp_path / "steps.gif") as image:
        assert (image.format, image.n_frames, image.info["loop"]) == ("GIF", len(walk), 0)
        sizes, pauses, corners = set(), [], set()
        for frame in range(image.n_frames):
            image.seek(frame)
            sizes.add(image.size)
            pauses.append(image.info["duration"])
            corners.add(image.convert("RGB").getpixel((0, 0)))
    assert len(sizes) == 1
    assert pauses == [1000, 1000, 1000, 3000]
    assert corners == {(255, 255, 255)}


@pytest.mark.parametrize("case", ["up", "up, gathered", "symbols", "bias", "col2im", "bilinear"])
def test_all_stills_have_the_same_size(case):
    walk = made(case)
    assert len({tuple(walk.still(i).get_size_inches()) for i in (0, -1)}) == 1


@pytest.mark.parametrize("name", ["steps.jpg", "steps", "steps.gif.zip"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"choose one of \.html, \.gif, \.png, \.svg, \.pdf"):
        made("up").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".html", ".gif"])
def test_one_step_of_what_shows_all_is_refused(tmp_path, ending):
    with pytest.raises(ValueError, match=f"{ending} shows all steps; to draw only step=1 choose one of .png"):
        made("up").save(tmp_path / f"steps{ending}", step=1)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        made("up").save(tmp_path / "nowhere" / "steps.png")


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "steps.png"
    path.write_text("before")
    with pytest.raises(ValueError, match="step=4: there are 4 steps, 0 to 3"):
        made("up").save(path, step=4)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("step", [4, -5])
def test_a_step_that_is_not_there(step):
    with pytest.raises(ValueError, match="there are 4 steps"):
        made("up").still(step)


def test_no_columns_are_refused():
    with pytest.raises(ValueError, match="columns=0"):
        made("up").filmstrip(columns=0)


def test_what_nobody_can_read_is_refused():
    with pytest.raises(ValueError, match="9009 cells are too many for a picture"):
        stills.still(steps("avg_pool", np.zeros((1, 9, 40, 25)), kernel_size=(40, 25), stride=(40, 25)), 0)


def test_pictures_need_no_pyplot():
    code = (
        "import sys; from npseg.draw.stepper.steps import steps; steps('conv', [1, 2, 3], [1, 2]).filmstrip(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
