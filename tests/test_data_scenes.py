"""The drawn scenes: the same whenever asked, labelled, and not to be told by colour alone. And the palettes."""

import numpy as np
import pytest
from PIL import Image

from npseg.data import (
    CAMVID_CLASSES,
    CAMVID_COLORS,
    SCENE_COLORS,
    VOID,
    VOID_COLOR,
    Scenes,
    voc_palette,
    write_labels,
)
from npseg.data.outlines import closed_curve, limb, place
from npseg.data.textures import SIDE, cut


@pytest.fixture(scope="module")
def training():
    scenes = Scenes(200, seed=1)
    return [scenes[i] for i in range(len(scenes))]


@pytest.fixture(scope="module")
def unseen():
    scenes = Scenes(100, seed=2)
    return [scenes[i] for i in range(len(scenes))]


def test_scene_is_an_image_and_its_labels():
    image, labels = Scenes(1, size=(60, 90))[0]
    assert image.shape == (60, 90, 3)
    assert labels.shape == (60, 90)
    assert image.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 2, 3, VOID}


def test_scene_depends_on_seed_and_index_alone():
    scenes, again, other = Scenes(5, seed=3), Scenes(9, seed=3), Scenes(5, seed=4)
    backwards = {i: again[i] for i in reversed(range(5))}
    for i in range(5):
        np.testing.assert_array_equal(scenes[i][0], backwards[i][0])
        np.testing.assert_array_equal(scenes[i][1], backwards[i][1])
        assert (scenes[i][1] != other[i][1]).any()
    assert (scenes[0][1] != scenes[1][1]).any()


def test_scene_keeps_its_contents_at_another_size():
    small, large = Scenes(1, size=(48, 64))[0][1], Scenes(1, size=(96, 128))[0][1][1::2, 1::2]
    counted = (small != VOID) & (large != VOID)
    assert (small == large)[counted].mean() > 0.97


def test_shares_of_the_classes(training):
    labels = np.stack([labels for _, labels in training])
    shares = np.bincount(labels.ravel(), minlength=256) / labels.size
    grass, cat, tree, sky = shares[:4]
    assert min(grass, tree, sky) > 0.15
    assert cat > 0.08
    assert 0.01 < shares[VOID] < 0.06
    assert ((labels == 1).mean(axis=(1, 2)) > 0).all()


def test_void_is_only_where_classes_meet(unseen):
    for _, labels in unseen[:10]:
        padded = np.pad(labels, 2, mode="edge")
        shifts = [
            padded[i : i + labels.shape[0], j : j + labels.shape[1]] for i in range(5) for j in range(5)
        ]
        around = np.stack(shifts)
        low = np.where(around == VOID, VOID, around).min(axis=0)
        high = np.where(around == VOID, 0, around).max(axis=0)
        assert (low != high)[labels == VOID].mean() > 0.95


def _bins(image):
    red, green, blue = np.moveaxis(image >> 4, 2, 0).astype(int)
    return red << 8 | green << 4 | blue


def test_colour_alone_does_not_settle_a_pixel(training, unseen):
    counts = np.zeros((4096, 4), int)
    for image, labels in training:
        known = labels != VOID
        np.add.at(counts, (_bins(image)[known], labels[known]), 1)
    guess = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())

    confusion = np.zeros((4, 4), int)
    for image, labels in unseen:
        known = labels != VOID
        np.add.at(confusion, (labels[known], guess[_bins(image)[known]]), 1)
    hits = np.diag(confusion)
    mean_iou = (hits / (confusion.sum(axis=0) + confusion.sum(axis=1) - hits)).mean()
    assert 0.35 < mean_iou < 0.60


@pytest.mark.parametrize("index", [-1, 3])
def test_index_out_of_range(index):
    with pytest.raises(IndexError, match=rf"scene {index} of 3"):
        Scenes(3)[index]


def test_iteration_ends():
    assert len(list(Scenes(2, size=(32, 32)))) == 2
    assert len(Scenes(2).names) == len(set(Scenes(2).names)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": -1}, "count=-1"),
        ({"count": 1, "seed": -2}, "seed=-2"),
        ({"count": 1, "size": (16, 64)}, "size 16x64; needs at least 32"),
    ],
)
def test_scenes_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Scenes(**arguments)


def test_textures_have_no_seam():
    scale = 64
    side = round(SIDE * scale)
    twice = cut("grass", scale, (2 * side, 2 * side), np.random.default_rng(0)).astype(int)
    np.testing.assert_array_equal(twice[:side, :side], twice[side:, side:])
    steps = np.abs(np.diff(twice, axis=1)).mean(axis=0)
    assert steps.max() < 1.6 * steps.mean()


def test_outlines():
    square = [(0, 0), (2, 0), (2, 2), (0, 2)]
    np.testing.assert_allclose(closed_curve(square)[::5], square, atol=1e-12)
    side, *_ = limb([(0, 0), (1, 0), (2, 0)], 0.5, 0.5)
    assert np.abs(side[:, 1]).max() == pytest.approx(0.25)
    (mirrored,) = place([np.array([(1.0, 2.0)])], (10, 20), 3, facing=-1)
    assert mirrored.tolist() == [[7, 26]]


def test_voc_palette_is_the_published_one():
    colors = voc_palette()
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128)}
    for label, color in {**expected, 15: (192, 128, 128), 255: (224, 224, 192)}.items():
        assert tuple(colors[label]) == color
    assert len(np.unique(colors, axis=0)) == 256
    assert voc_palette(0).shape == (0, 3)
    with pytest.raises(ValueError, match="n=257 must be at most 256"):
        voc_palette(257)


def test_camvid_colours():
    table = dict(zip(CAMVID_CLASSES, CAMVID_COLORS.tolist()))
    assert len(table) == 11
    assert table["Pavement"] == [60, 40, 222]
    assert CAMVID_CLASSES.index("Bicyclist") == 10


def test_palette_png_holds_labels_and_colours(tmp_path):
    labels = np.array([[0, 1, 2], [3, VOID, 0]], np.uint8)
    write_labels(tmp_path / "map.png", np.asfortranarray(labels), SCENE_COLORS)
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        seen = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(seen[0], SCENE_COLORS[:3])
    assert tuple(seen[1, 1]) == VOID_COLOR


def test_write_labels_replaces_and_leaves_nothing_behind(tmp_path):
    file = tmp_path / "map.png"
    file.write_text("something older")
    write_labels(file, np.zeros((4, 4), np.uint8), [(1, 2, 3)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.png"]
    with Image.open(file) as picture:
        assert picture.size == (4, 4)


def test_write_labels_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "map.png"
    file.write_text("older")

    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_labels(file, np.zeros((4, 4), np.uint8), [(1, 2, 3)])
    assert file.read_text() == "older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.png"]


@pytest.mark.parametrize(
    ("labels", "colors", "error", "message"),
    [
        (np.zeros((2, 2), int), [(0, 0, 0)], TypeError, "int64; needs a uint8"),
        (np.zeros((1, 2, 2), np.uint8), [(0, 0, 0)], ValueError, r"\(1, 2, 2\); needs \(H, W\)"),
        (np.full((2, 2), 7, np.uint8), [(0, 0, 0)], ValueError, r"labels \[7\] have no colour"),
        (np.zeros((2, 2), np.uint8), [0, 0, 0], ValueError, r"colors of shape \(3,\)"),
        (np.zeros((2, 2), np.uint8), [(0.1, 0.5, 1.0)], ValueError, "colors of float64; needs integers"),
        (np.zeros((2, 2), np.uint8), [(0, 0, 256)], ValueError, "needs integers from 0 to 255"),
    ],
)
def test_write_labels_refuses(tmp_path, labels, colors, error, message):
    with pytest.raises(error, match=message):
        write_labels(tmp_path / "map.png", labels, colors)
    assert not list(tmp_path.iterdir())
