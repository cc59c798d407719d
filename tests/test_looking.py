"""What evaluate and predict leave to look at: tables, pictures, JSON, probabilities, and nothing written over."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from npseg import cli
from npseg.commands import evaluate as evaluate_command
from npseg.commands.evaluate import FILES, worst_first
from npseg.commands.predict import find_images
from npseg.data import SCENE_CLASSES, Scenes, voc_palette, write_labels
from npseg.data.rescaling import nearest, shrunk
from npseg.draw import comparison, confusion
from npseg.training import (
    checkpoints,
    class_table,
    each_confusion,
    evaluate,
    load_labeller,
    metrics,
    per_class,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("mine")
    scenes = Scenes(6, size=(32, 40))
    for where in ("images", "masks"):
        (root / where).mkdir()
    for i, name in enumerate(scenes.names):
        image, labels = scenes[i]
        Image.fromarray(image).save(root / "images" / f"{name}.png")
        write_labels(root / "masks" / f"{name}.png", labels, voc_palette(4))
    (root / "classes.txt").write_text("\n".join(SCENE_CLASSES))
    return root


@pytest.fixture(scope="module")
def checkpoint(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    words = ["--width", "1", "--fc", "4", "-b", "2", "--lr", "0.02", "--epochs", "1"]
    assert cli.main(["train", "--data-path", str(folder), "--output-dir", str(output), *words]) == 0
    return output / "checkpoint.npz"


@pytest.fixture
def run(capsys):
    def run(*words):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def photos(tmp_path):
    """A folder with two photographs, something else, and a further photograph in a folder inside."""
    scenes = Scenes(3, size=(40, 33))
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for i, file in enumerate(("b.PNG", "a.png", "more/c.png")):
        Image.fromarray(scenes[i][0]).save(root / file)
    (root / "notes.txt").write_text("no photograph")
    (root / ".hidden.png").write_text("nor this")
    return root


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_evaluate_writes_what_it_counted(checkpoint, folder, run, tmp_path):
    words = ["evaluate", checkpoint, "--output-dir", tmp_path / "out", "--split", "train", "--worst", "2"]
    status, said, error = run(*words)
    assert (status, error) == (0, "")
    assert files(tmp_path / "out") == sorted(FILES)
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    with (tmp_path / "out" / "confusion.csv").open() as file:
        first, *rows = csv.reader(file)
    matrix = np.array([row[1:] for row in rows], int)
    assert first[1:] == [row[0] for row in rows] == list(SCENE_CLASSES)
    assert matrix.tolist() == found["confusion"]
    figures = metrics(matrix)
    assert found["mean_iou"] == figures.mean_iou
    assert f"mean IoU{100 * figures.mean_iou:22.1f}\n" in said
    assert [one["name"] for one in found["classes"]] == list(SCENE_CLASSES)
    assert [one["name"] for one in found["images"]] == [f"scene-0-0000{i}" for i in (1, 2, 3, 4)]
    assert found["data"] == str(folder)
    for picture in ("confusion.png", "worst.png"):
        with Image.open(tmp_path / "out" / picture) as image:
            assert min(image.size) > 300


def test_evaluate_says_what_speaks_against_its_figures(checkpoint, run, folder, tmp_path, monkeypatch):
    few, chosen = (
        "so few images say little",
        "the epoch was chosen by these very images, so that the figures flatter",
    )
    best = checkpoint.with_name("best.npz")
    for words, said in (
        ([best], f"({few}; {chosen})"),
        ([checkpoint], f"({few})"),
        ([best, "--split", "train"], f"({few})"),
        ([best, "--data-path", folder], f"({few}; {chosen})"),
        ([best, "--data-path", shutil.copytree(folder, tmp_path / "others")], f"({few})"),
    ):
        assert run("evaluate", *words)[1].splitlines()[1] == said
    monkeypatch.setattr(evaluate_command, "FEW", 2)
    assert "(" not in run("evaluate", checkpoint)[1]


def test_evaluate_writes_over_nothing_unless_forced(checkpoint, run, tmp_path):
    words = ["evaluate", checkpoint, "--output-dir", tmp_path]
    (tmp_path / "worst.png").write_text("mine")
    status, said, error = run(*words)
    assert (status, said) == (2, "")
    assert "worst.png is already there; add --force" in error
    assert files(tmp_path) == ["worst.png"]
    assert run(*words, "--force")[0] == 0
    assert files(tmp_path) == sorted(FILES)


def test_each_image_by_itself_adds_up_to_the_whole(folder):
    scenes = Scenes(11, size=(32, 32))

    class ByBrightness:
        def labels(self, image):
            return (image[..., 0] // 64).astype(np.uint8)

    each = list(each_confusion(ByBrightness(), scenes, progress=False))
    assert len(each) == 11
    np.testing.assert_array_equal(sum(each), evaluate(ByBrightness(), scenes, progress=False))
    _, truth = scenes[7]
    assert each[7].sum() == (truth != 255).sum()


def test_the_worst_come_first_and_all_void_last():
    each = [metrics([[right, 10 - right], [0, 0]]) for right in (9, 2, 5)] + [metrics([[0, 0], [0, 0]])]
    assert worst_first(each) == [1, 2, 0, 3]


def test_figures_of_a_class_by_hand():
    found = per_class([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(found.iou, [3 / 6, 4 / 7, np.nan])
    np.testing.assert_allclose(found.recall, [3 / 4, 4 / 6, np.nan])
    np.testing.assert_allclose(found.precision, [3 / 5, 4 / 5, np.nan])
    np.testing.assert_allclose(found.share, [0.4, 0.6, 0.0])
    assert class_table([[3, 1, 0], [2, 4, 0], [0, 0, 0]], list("abc")).splitlines()[3].split() == [
        "c",
        "–",
        "–",
        "–",
        "0.0",
    ]


def test_a_confusion_matrix_is_drawn_by_rows_in_percent():
    figure = confusion([[30, 10, 0], [0, 0, 0], [2, 0, 198]], ["sky", "tree", "road"])
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == ["75", "25", "1", "99", "16.7 %", "–", "83.3 %", "of all pixels"]
    with pytest.raises(ValueError, match=r"the matrix is \(2, 2\), and there are 3 names"):
        confusion(np.eye(2), ["a", "b", "c"])


def test_captions_stand_beneath_their_rows():
    image, truth = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    pair = [image] * 2, [truth] * 2, [truth] * 2
    figure = comparison(*pair, ["sky"], [(1, 2, 3)], captions=["one", "two"])
    heights = {text.get_text(): text.get_position()[1] for text in figure.texts}
    rows = [axes.get_position() for axes in figure.axes[::4]]
    assert rows[0].y0 > heights["one"] > rows[1].y1
    assert rows[1].y0 > heights["two"]


def test_predict_takes_files_folders_and_patterns(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    assert [str(p) for p in find_images(["photos"])] == ["photos/a.png", "photos/b.PNG"]
    assert [str(p) for p in find_images(["photos/a.*", "photos/a.png"])] == ["photos/a.png"]
    assert [p.name for p in find_images(["photos/**"])] == ["a.png", "b.PNG", "c.png"]
    odd = photos / "odd [1].png"
    odd.write_bytes((photos / "a.png").read_bytes())
    assert find_images([str(odd)]) == [odd], "a file is a file, whatever its name looks like"


@pytest.mark.parametrize(("word", "message"), [("empty", "holds no images"), ("*.jpg", "matches no image")])
def test_predict_says_where_there_is_no_image(checkpoint, run, tmp_path, monkeypatch, word, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    status, _, error = run("predict", checkpoint, word)
    assert status == 2
    assert re.fullmatch(rf"npseg predict: .*{message}.*\n", error)
    assert files(tmp_path) == ["empty"]


def test_predict_gives_probabilities_and_a_sheet_on_request(checkpoint, photos, run, tmp_path):
    words = ["predict", checkpoint, photos, "--output-dir", tmp_path / "out"]
    status, _, error = run(*words, "--probabilities", "--contact-sheet")
    assert (status, error) == (0, "")
    names = ["a.npz", "a.png", "a_overlay.png", "b.npz", "b.png", "b_overlay.png", "contact_sheet.png"]
    assert files(tmp_path / "out") == names
    with Image.open(photos / "a.png") as picture:
        expected = load_labeller(checkpoint).probabilities(np.asarray(picture))
    found = np.load(tmp_path / "out" / "a.npz")
    np.testing.assert_array_equal(found["probabilities"], expected)
    assert found["probabilities"].dtype == np.float32
    assert tuple(found["classes"]) == SCENE_CLASSES
    with Image.open(tmp_path / "out" / "a.png") as labels:
        np.testing.assert_array_equal(np.asarray(labels), expected.argmax(axis=0))


@pytest.mark.parametrize("there", ["a.npz", "contact_sheet.png", "b_overlay.png"])
def test_predict_writes_over_nothing_of_all_that(checkpoint, photos, run, tmp_path, there):
    out = tmp_path / "out"
    out.mkdir()
    (out / there).write_text("mine")
    words = ["predict", checkpoint, photos, "--output-dir", out, "--probabilities", "--contact-sheet"]
    status, _, error = run(*words)
    assert (status, files(out)) == (2, [there])
    assert f"{there} is already there; add --force" in error
    assert run(*words, "--force")[0] == 0
    assert (out / there).read_bytes() != b"mine"


def test_predict_turns_what_the_camera_took_sideways(checkpoint, run, tmp_path):
    upright = Image.fromarray(Scenes(1, size=(32, 50))[0][0])
    exif = upright.getexif()
    exif[0x0112] = 6
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "sideways.png", exif=exif)
    run("predict", checkpoint, tmp_path / "*.png", "--output-dir", tmp_path / "out")
    with Image.open(tmp_path / "out/upright.png") as one, Image.open(tmp_path / "out/sideways.png") as other:
        assert one.size == (50, 32)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_an_image_of_another_scale_is_warned_of_and_may_be_shrunk(checkpoint, run, tmp_path):
    """The network has seen images of 40x32."""
    image = Scenes(1, size=(97, 70))[0][0]
    words = ["predict", checkpoint, tmp_path / "large.png", "--output-dir", tmp_path / "out"]
    for size, large in (((96, 70), False), ((97, 70), True)):
        Image.fromarray(image[: size[0]]).save(tmp_path / "large.png")
        status, _, error = run(*words, "--force")
        assert (status, bool(error)) == (0, large)
    assert error == (
        f"npseg predict: {tmp_path}/large.png is 70x97; the network was trained on images of 40x32 at most, and knows "
        "things by the size that they have there: try --resize 40\n"
    )
    assert run(*words, "--force", "--resize", "40", "--probabilities")[::2] == (0, "")
    expected = load_labeller(checkpoint).labels(shrunk(image, 40))
    assert expected.shape == (40, 29)
    with Image.open(tmp_path / "out" / "large.png") as labels:
        np.testing.assert_array_equal(np.asarray(labels), nearest(expected, (97, 70)))
    assert np.load(tmp_path / "out" / "large.npz")["probabilities"].shape == (4, 97, 70)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (14, 10), (20, 33)])
def test_the_nearest_is_that_of_pillow(size):
    labels = np.random.default_rng(0).integers(0, 9, (7, 5), dtype=np.uint8)
    expected = Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST)
    np.testing.assert_array_equal(nearest(labels, size), np.asarray(expected))
    np.testing.assert_array_equal(nearest(np.stack([labels, labels + 1]), size)[1], np.asarray(expected) + 1)


def test_a_single_pixel_is_an_image(checkpoint, run, tmp_path):
    Image.new("LA", (1, 1)).save(tmp_path / "pixel.png")
    words = [
        "predict",
        checkpoint,
        tmp_path / "pixel.png",
        "--output-dir",
        tmp_path / "out",
        "--contact-sheet",
    ]
    assert run(*words)[0] == 0


def test_the_table_of_colours_is_remembered_by_the_run(folder, run, tmp_path):
    data = shutil.copytree(folder, tmp_path / "data")
    for mask in (data / "masks").iterdir():
        with Image.open(mask) as picture:
            cat = np.asarray(picture) == 1
        Image.fromarray(np.uint8(255) * cat).save(mask)
    (tmp_path / "classes.csv").write_text("other,0,0,0\ncat,255,255,255\n")
    words = ["--width", "1", "--fc", "4", "-b", "2", "--epochs", "1"]
    out = tmp_path / "out"
    status, _, error = run("train", "--data-path", data, "--output-dir", out, *words)
    assert status == 2
    assert f"npseg data {data} --write-colors classes.csv" in error
    colors = ["--colors", tmp_path / "classes.csv"]
    assert run("train", "--data-path", data, *colors, "--output-dir", out, *words)[0] == 0
    (tmp_path / "classes.csv").unlink()
    status, said, error = run("evaluate", out / "best.npz")
    assert (status, error) == (0, "")
    assert re.search("^cat ", said, re.M)
    state = checkpoints.load(out / "checkpoint.npz")
    state.progress["settings"]["epochs"] = 2
    checkpoints.save(out / "checkpoint.npz", state)
    assert run("train", "--resume", out / "checkpoint.npz")[::2] == (0, "")
