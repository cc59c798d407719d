"""``npseg data``: what it finds, that nothing wrong is left out, the page of overlays, and the table of colours."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from npseg import cli
from npseg.data import (
    SCENE_CLASSES,
    SCENE_COLORS,
    VOID,
    Scenes,
    open_dataset,
    read_colors,
    voc_palette,
    write_labels,
)
from npseg.data.color_proposals import propose_colors
from npseg.data.survey import survey
from npseg.draw import ContactSheet
from npseg.draw.legends import VOID_COLOR


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "mine"
    for where in ("images", "masks"):
        (root / where).mkdir(parents=True)
    scenes = Scenes(6, size=(32, 40))
    for i, name in enumerate(scenes.names):
        image, labels = scenes[i]
        Image.fromarray(image).save(root / "images" / f"{name}.png")
        write_labels(root / "masks" / f"{name}.png", labels, voc_palette(4))
    (root / "classes.txt").write_text("\n".join(SCENE_CLASSES))
    return root


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return cli.main(["data", *map(str, words)]), *capsys.readouterr()

    return run


def masks(folder):
    return sorted((folder / "masks").iterdir())


def redraw(folder, how):
    for mask in masks(folder):
        with Image.open(mask) as picture:
            ids = np.asarray(picture).copy()
        Image.fromarray(how(ids)).save(mask)


def test_it_says_what_is_there(folder, run, tmp_path):
    status, said, error = run(folder)
    assert (status, error) == (0, "")
    assert said.startswith(f"{folder}: a plain folder\n")
    assert re.search(r"^train +4   40x32$", said, re.M)
    assert re.search(r"^val +2   40x32$", said, re.M)
    shares = [float(s) for s in re.findall(r"^ +\d \w+ +([\d.]+) %", said, re.M)]
    pixels = survey(folder, progress=False).splits["train"].pixels
    assert shares == pytest.approx((100 * pixels[:4] / pixels[:4].sum()).tolist(), abs=0.051)
    assert said.endswith("Nothing is wrong.\n")
    with Image.open(tmp_path / "npseg-data.png") as sheet:
        assert sheet.width > 5 * 300


def test_everything_that_is_wrong_is_listed(folder, run, tmp_path):
    images = sorted((folder / "images").iterdir())
    names = [image.stem for image in images]
    gone, small, wrong, cut, good, both = masks(folder)
    gone.unlink()
    images[1].write_text("no picture")
    small.write_bytes(b"nor this")
    Image.new("L", (7, 9), 77).save(wrong)
    cut.write_bytes(cut.read_bytes()[:-40])
    shutil.copy(good, good.with_name("stray.png"))
    (folder / "train.txt").write_text("\n".join(names))
    (folder / "val.txt").write_text(both.stem)
    status, said, error = run(folder, "--sheet", tmp_path / "page.png")
    assert status == 2
    assert error == f"npseg data: {folder}: 4 of 7 pairs cannot be used; see the list\n"
    for line in (
        rf"{gone.name}: is missing",
        rf"images/{images[1].name}: cannot be read",
        rf"masks/{small.name}: cannot be read",
        rf"{wrong.name}: 7x9, but .*; and it holds 77; needs class ids 0 to 3",
        rf"{cut.name}: cannot be read",
        rf"{images[5].name}: is both in train and in val",
        r"stray\.png: has no image of its name",
    ):
        assert len(re.findall(line, said)) == 1, line
    assert (tmp_path / "page.png").exists(), "what is well can still be looked at"


@pytest.mark.parametrize("kind", ["colours", "0 and 255"])
def test_masks_that_are_no_ids_are_mended_as_the_message_says(folder, run, tmp_path, kind):
    palette = np.vstack([SCENE_COLORS, np.zeros((252, 3), np.uint8)])
    redraw(
        folder, {"colours": palette.__getitem__, "0 and 255": lambda ids: np.uint8(255) * (ids == 1)}[kind]
    )
    status, said, _ = run(folder)
    assert status == 2
    command = re.search(r"To mend it:\n  npseg data (\S+ --write-colors \S+) lists", said)[1].split()
    assert run(*command)[0] == 0
    rows = read_colors(tmp_path / "classes.csv").rows
    names = {tuple(color): name for name, color in zip(SCENE_CLASSES, SCENE_COLORS.tolist())}
    named = [(names.get((r, g, b), name), r, g, b) for name, r, g, b in rows]
    (tmp_path / "classes.csv").write_text("\n".join(",".join(map(str, row)) for row in named))
    status, said, error = run(folder, "--colors", "classes.csv")
    assert (status, error) == (0, "")
    scene = Scenes(6, size=(32, 40))[1][1]
    dataset = open_dataset(folder, "train", colors=read_colors("classes.csv"))
    _, labels = dataset[0]
    cat = dataset.classes.index("cat" if kind == "colours" else "foreground")
    np.testing.assert_array_equal(labels == cat, scene == 1)


def test_without_names_of_classes_it_asks_for_them_or_for_the_colours(folder, run):
    (folder / "classes.txt").unlink()
    status, _, error = run(folder)
    assert status == 2
    assert (
        "has no classes.txt; needs images/, masks/ and classes.txt, one name a line, class 0 first; or, "
        in error
    )
    command = re.search(r"npseg data (\S+ --write-colors \S+) lists", error)[1].split()
    assert run(*command)[0] == 0
    assert run(folder, "--colors", "classes.csv")[0] == 0


def test_a_table_is_not_replaced_unless_forced(folder, run, tmp_path):
    (tmp_path / "classes.csv").write_text("mine")
    status, _, error = run(folder, "--write-colors", "classes.csv")
    assert (status, error) == (
        2,
        "npseg data: classes.csv is already there; add --force, or write elsewhere\n",
    )
    assert run(folder, "--write-colors", "classes.csv", "--force")[0] == 0
    assert len(read_colors(tmp_path / "classes.csv").rows) == 5, "a palette's colours; void's is one of them"


def test_a_sheet_of_ones_own_is_not_replaced_unless_forced(folder, run):
    image = sorted((folder / "images").iterdir())[0]
    before = image.read_bytes()
    status, said, error = run(folder, "--sheet", image)
    assert (status, said) == (2, "")
    assert f"{image} is already there; add --force" in error
    assert image.read_bytes() == before
    assert [run(folder)[0], run(folder)[0]] == [0, 0], "npseg-data.png is npseg's own"


def test_photographs_are_no_masks(folder):
    noise = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(masks(folder)[2])
    with pytest.raises(
        ValueError, match=rf"the masks have \d+ colours, .*{masks(folder)[2].name} alone has 1280"
    ):
        propose_colors(folder, progress=False)


def test_no_folder_and_no_format_are_refused_in_one_line(folder, run, tmp_path):
    status, said, error = run(tmp_path / "nowhere")
    assert (status, said) == (2, "")
    assert re.fullmatch(r"npseg data: .*nowhere: does not exist; needs the path of a folder.*\n", error)
    assert "choose one of folder, voc" in run(folder, "--format", "coco")[2]
    assert "JPEGImages/" in run(folder, "--format", "voc")[2]


def test_a_sheet_keeps_some_of_many_evenly():
    sheet = ContactSheet("many", ["a"], [(1, 2, 3)], most=5)
    for i in range(103):
        sheet.add(str(i), np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    assert (sheet.added, len(sheet)) == (103, 5)
    kept = [int(small.name) for small in sheet._chosen()]
    assert kept[0] == 0
    assert kept[-1] > 90
    assert max(np.diff(kept)) - min(np.diff(kept)) <= 16
    with pytest.raises(ValueError, match="no picture yet"):
        ContactSheet("none", ["a"], [(1, 2, 3)]).page()


def test_a_sheet_holds_images_of_any_shape_and_void():
    sheet = ContactSheet("shapes", ["a"], [(0, 200, 0)], alpha=1)
    sheet.add("tall " * 30, np.zeros((90, 30, 3), np.uint8), np.zeros((90, 30), np.uint8))
    sheet.add("point", np.full((1, 1, 3), 7, np.uint8), np.full((1, 1), VOID, np.uint8))
    page = np.asarray(sheet.page())
    assert (page == (0, 200, 0)).all(axis=2).sum() >= 300 * 100
    assert (page == 7).all(axis=2).sum() == 300 * 300, "void shows the image"
    assert not (page == VOID_COLOR).all(axis=2).any(), "and so has no colour that a legend could name"
