"""``npseg explain``: a page for any geometry, the size formula with its numbers, and a word why one does not fit."""

import re
import sys

import numpy as np
import pytest

import npseg
from npseg import cli
from npseg.draw.stepper.passes import PASSES
from npseg.explain import explain

ISSUE = ["--input", "2x2", "--kernel", "3", "--stride", "2", "--padding", "1", "--output-padding", "1"]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        try:
            status = cli.main(["explain", *map(str, words)])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


def test_a_transposed_convolution_with_its_formula_and_page(run, tmp_path):
    status, said, error = run("conv_transpose", *ISSUE)
    assert (status, error) == (0, "")
    assert "each axis: 2·(2 − 1) + 1·(3 − 1) + 1 − (1 + 1) + 1 = 4" in said
    page = (tmp_path / "npseg-conv_transpose.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "x[0, 1] = 2: y[0, 1] = 6 + 2·4 = 14" in page


def test_a_page_of_ours_is_written_over_and_nothing_else(run, tmp_path):
    page = tmp_path / "page.html"
    assert run("conv_transpose", *ISSUE, "--output", page)[0] == 0
    assert run("conv", "--input", "4", "--kernel", "3", "--output", page)[0] == 0
    assert "conv, step by step" in page.read_text(encoding="utf-8")
    page.write_text("my notes")
    status, _, error = run("conv", "--input", "4", "--kernel", "3", "--output", page)
    assert status == 2
    assert "none of npseg's pages" in error
    assert page.read_text() == "my notes"


@pytest.mark.parametrize("operation", PASSES)
def test_every_pass_can_be_explained(operation):
    base = operation.removesuffix("_backward")
    option = {"resize_bilinear": "size"}.get(
        base, "scale" if base.endswith(("nearest_unpool", "nails_unpool")) else "kernel"
    )
    walk = explain(operation, (4, 5), **{option: (3, 2)})
    assert len(walk) > 0
    assert walk.drawing.operation.startswith(operation)
    lines = walk.drawing.formula.splitlines()
    backward = operation.endswith("_backward")
    assert lines[0].startswith("dout = " if backward else "out = ")
    assert (lines[-1] == "dx has the size of x: 4x5") == backward


def test_the_geometry_is_what_the_flags_say(run):
    run("conv", "--input", "5x4", "--kernel", "3x2", "--padding", "1:2x0:1", "--dilation", "1x2", "--channels", "2",
        "--filters", "4", "--groups", "2", "--output", "a.html")  # fmt: skip
    options = {"kernel": (3, 2), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2}
    walk = explain("conv", (5, 4), channels=2, filters=4, **options)
    x, w = np.arange(1.0, 41).reshape(1, 2, 5, 4), np.arange(1.0, 25).reshape(4, 1, 3, 2)
    del options["kernel"]
    assert (walk.output == npseg.conv_forward(x, w, **options)[0]).all()


def test_one_pair_of_paddings_is_that_of_all_axes(run, tmp_path):
    assert run("conv", "--input", "3x3", "--kernel", "2", "--padding", "1:0", "--output", "a.html")[0] == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "each axis: floor((3 + 1 + 0 − 1·(2 − 1) − 1) / 1) + 1 = floor(2 / 1) + 1 = 3" in page


def test_letters(run, tmp_path):
    assert (
        run("conv", "--input", "4", "--kernel", "3", "--stride", "2", "--padding", "1", "--symbols")[0] == 0
    )
    assert "y[1] = b·x + c·y + d·z = bx+cy+dz" in (tmp_path / "npseg-conv.html").read_text(encoding="utf-8")


def test_other_endings_are_pictures(run, tmp_path):
    assert run("conv", "--input", "4", "--kernel", "3", "--output", "a.svg")[0] == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("conv --input 2x2 --kernel 7", "kernel 7x7 .* does not fit into the padded input 2x2"),
        ("conv --input 5x5", "conv needs --kernel"),
        ("nearest_unpool --input 5x5", "nearest_unpool needs --scale"),
        ("resize_bilinear --input 5x5", "resize_bilinear needs --size"),
        ("convolve --input 3", "operation='convolve'; choose one of 'conv', "),
        ("conv --input 3xa --kernel 3", "'3xa' is no size; write 4 or 4x5"),
        ("conv --input 3 --kernel 3 --padding 1:2:3", "'1:2:3' is no padding"),
        ("conv --input 3 --kernel 3 --padding wide", "'wide' is no padding"),
        (
            "conv_transpose --input 2 --kernel 3 --stride 2 --output-padding 2",
            "output_padding=2 must be smaller",
        ),
        (
            "conv_transpose --input 2 --kernel 3 --stride 2 --output-size 9",
            "9 cannot be had; 5 to 6 can|5 to 6",
        ),
        ("max_pool --input 4x4 --kernel 2 --symbols", "symbols have no largest"),
        ("max_pool --input 4x4 --kernel 2 --scale 3", "max_pool has no --scale$"),
        ("avg_pool --input 4 --kernel 2 --groups 2 --dilation 2", "avg_pool has no --dilation, --groups$"),
        ("max_pool_backward --input 4 --kernel 2 --filters 3", "max_pool_backward has no --filters$"),
        ("conv --input 4 --kernel 3 --wrt w", "conv has no --wrt$"),
        ("conv --input 4 --kernel 3 --output-padding 1", "conv has no --output-padding$"),
        ("conv --input 4x4 --kernel 3 --channels 3 --groups 2", "groups=2 must divide"),
        ("conv --input 4x4 --kernel 3 --output nowhere/page.html", "nowhere"),
        ("conv --input 4x4 --kernel 3 --output page.doc", r"page\.doc|\.doc"),
        ("conv --input 900x900 --kernel 9", "too many to step through"),
        ("max_pool --input 4 --kernel 2 --view scatter", "choose one of 'gather', 'matrix'"),
    ],
)
def test_what_does_not_fit_says_why_in_one_line(run, tmp_path, words, message):
    status, _, error = run(*words.split())
    assert status == 2
    assert re.fullmatch(r"npseg[ \w]*: .+\n", error), error
    assert re.search(message, error), error
    assert list(tmp_path.iterdir()) == []


def test_a_page_needs_no_matplotlib(tmp_path):
    import subprocess

    code = (
        "import sys; from npseg.cli import main; "
        f"main(['explain', 'conv', '--input', '4', '--kernel', '3', '--output', {str(tmp_path / 'p.html')!r}]); "
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
