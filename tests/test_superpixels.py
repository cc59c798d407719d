"""Superpixels: averages by the definition, pieces that keep to the edges, and a word where scikit-image is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given
from hypothesis import strategies as st

from npseg import superpixels
from npseg.cli import main
from npseg.commands import predict as command_predict
from npseg.data import Normalization
from npseg.layers import Conv, Sequential
from npseg.predict import Labeller


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from(("float32", "float64")),
)
def test_each_pixel_gets_the_mean_of_its_piece(shape, dtype):
    rng = np.random.default_rng(0)
    p = rng.integers(0, 9, shape).astype(dtype) * 2520  # so that means of up to ten pixels are whole
    cut = rng.integers(0, 5, shape[1:]) * 3  # not all numbers are there
    expected = np.empty_like(p)
    for number in np.unique(cut):
        expected[:, cut == number] = (
            p[:, cut == number].astype(float).sum(1, keepdims=True) / (cut == number).sum()
        )
    assert_same(superpixels.average(p, cut), expected)


def test_distributions_stay_distributions():
    p = np.random.default_rng(0).dirichlet(np.ones(4), (8, 9)).transpose(2, 0, 1)
    cut = np.random.default_rng(1).integers(0, 6, (8, 9))
    np.testing.assert_allclose(superpixels.average(p, cut).sum(0), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "pieces", "error", "message"),
    [
        ((2, 3, 4), np.zeros((4, 3), int), ValueError, r"shape \(2, 3, 4\) and pieces \(4, 3\)"),
        ((3, 4), np.zeros((3, 4), int), ValueError, r"\(n, H, W\) and \(H, W\) are needed"),
        ((2, 3, 4), np.zeros((3, 4)), TypeError, "pieces are float64; whole numbers are needed"),
        ((2, 3, 4), np.full((3, 4), -1), ValueError, "pieces have the number -1; they count from 0"),
    ],
)
def test_what_does_not_fit_is_refused(shape, pieces, error, message):
    with pytest.raises(error, match=message):
        superpixels.average(np.ones(shape), pieces)


def test_without_scikit_image_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ValueError, match=r"pip install 'npseg\[superpixels\]'"):
        superpixels.pieces(np.zeros((4, 4, 3), np.uint8))


def half_and_half():
    """A photograph whose left half is dark and whose right half is light, with a little noise."""
    image = np.full((24, 32, 3), 40, np.uint8)
    image[:, 16:] = 200
    return image + np.random.default_rng(0).integers(0, 6, image.shape, np.uint8)


def test_pieces_keep_to_the_edges():
    pytest.importorskip("skimage")
    cut = superpixels.pieces(half_and_half())
    assert cut.shape == (24, 32)
    assert cut.min() == 0
    assert not set(cut[:, :16].ravel()) & set(cut[:, 16:].ravel())


def test_a_piece_has_one_label():
    """A network that sees light as one class, but for some pixels, is outvoted by the others of the piece."""
    pytest.importorskip("skimage")
    image = half_and_half()
    image[5:7, 3] = 140
    score = Conv(3, 2, 1, rng=None)
    score.params["w"][1] = 1
    score.params["b"][1] = -1
    as_it_is = Normalization(np.zeros(3), np.ones(3))
    labeller = Labeller(Sequential(score=score), as_it_is, ("dark", "light"), np.zeros((2, 3), np.uint8))
    assert labeller.labels(image)[5, 3] == 1
    expected = np.zeros((24, 32), np.uint8)
    expected[:, 16:] = 1
    assert_same(superpixels.labels(labeller, image), expected)


def test_the_command_refuses_before_it_labels(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command_predict, "load_labeller", lambda path: None)
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    status = main(["predict", "run.npz", "a.png", "--superpixels", "--output-dir", str(tmp_path / "out")])
    assert status == 2
    assert capsys.readouterr().err == (
        "npseg predict: superpixels need scikit-image: pip install 'npseg[superpixels]'\n"
    )
    assert not (tmp_path / "out").exists()
