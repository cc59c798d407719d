"""Datasets in folders: both layouts, the splits, and every refusal with its message."""

import sys

import numpy as np
import pytest
from PIL import Image

from npseg.data import VOID, CamVid, Folder, Scenes, open_dataset, validate


def save(file, array):
    file.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(array).save(file)


def noise(height=6, width=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ids(height=6, width=8, classes=3):
    return (np.arange(height * width).reshape(height, width) % classes).astype(np.uint8)


def make_folder(root, count=6):
    for i in range(count):
        save(root / "images" / f"p{i}.png", noise(seed=i))
        save(root / "masks" / f"p{i}.png", ids())
    (root / "classes.txt").write_text("grass\ncat\nsky\n")
    return root


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "mine")


@pytest.fixture
def camvid(tmp_path):
    root = tmp_path / "roads"
    for split in ("train", "val"):
        for i in range(2):
            save(root / split / f"{split}{i}.png", noise(seed=i))
            save(root / f"{split}annot" / f"{split}{i}.png", ids(classes=12))
    return root


def test_folder_reads_pairs(folder):
    labels = ids()
    labels[0, 0] = VOID
    save(folder / "masks" / "p1.png", labels)
    train = Folder(folder, "train")
    image, read = train[train.names.index("p1")]
    np.testing.assert_array_equal(image, noise(seed=1))
    np.testing.assert_array_equal(read, labels)
    assert train.classes == ("grass", "cat", "sky")
    assert train.colors.tolist() == [[128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert image.dtype == read.dtype == np.uint8


def test_black_is_for_a_background(folder):
    (folder / "classes.txt").write_text("Background\ncat\nsky\n")
    assert Folder(folder, "train").colors.tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]


def test_every_fifth_is_held_out(folder):
    assert Folder(folder, "val").names == ["p0", "p5"]
    assert Folder(folder, "train").names == ["p1", "p2", "p3", "p4"]


def test_lists_decide_the_splits(folder):
    (folder / "train.txt").write_text("p3\r\np1\r\n\r\n")
    (folder / "val.txt").write_text("p2")
    assert Folder(folder, "train").names == ["p3", "p1"]
    assert Folder(folder, "val").names == ["p2"]


def test_one_list_is_not_enough(folder):
    (folder / "train.txt").write_text("p3\n")
    with pytest.raises(ValueError, match=r"val\.txt: is missing, but the other list is there"):
        Folder(folder, "val")


def test_list_names_an_absent_image(folder):
    (folder / "train.txt").write_text("p1\np2.png\n")
    with pytest.raises(
        ValueError, match=r"train\.txt: names p2\.png; needs names in images/, without ending"
    ):
        Folder(folder, "train")


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_image_of_any_mode_becomes_rgb(folder, mode):
    (folder / "images" / "p1.png").unlink()
    file = folder / "images" / "p1.tif"
    Image.fromarray(noise()).convert(mode).save(file)
    with Image.open(file) as picture:
        expected = np.asarray(picture.convert("RGB"))
    image, _ = Folder(folder, "train")[0]
    np.testing.assert_array_equal(image, expected)


def test_transparent_palette_is_read_silently(folder):
    picture = Image.fromarray(noise()).convert("P")
    picture.save(folder / "images" / "p1.png", transparency=bytes([0, 128, 255]))
    image, _ = Folder(folder, "train")[0]
    np.testing.assert_array_equal(image, np.asarray(picture.convert("RGB")))


def test_sixteen_bits_keep_their_upper_half(folder):
    levels = np.linspace(0, 65535, 48).reshape(6, 8).astype(np.uint16)
    save(folder / "images" / "p1.png", levels)
    image, _ = Folder(folder, "train")[0]
    np.testing.assert_array_equal(image, np.repeat((levels >> 8)[:, :, None], 3, axis=2))


def test_thirty_two_bits_are_refused(folder):
    (folder / "images" / "p1.png").unlink()
    save(folder / "images" / "p1.tif", np.zeros((6, 8), np.float32))
    with pytest.raises(ValueError, match=r"p1\.tif: F, 32 bits a channel; needs an 8-bit or 16-bit"):
        Folder(folder, "train")[0]


def test_palette_mask_is_read_as_ids(folder):
    mask = Image.fromarray(ids())
    mask.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    mask.save(folder / "masks" / "p1.png")
    np.testing.assert_array_equal(Folder(folder, "train")[0][1], ids())


def test_jpeg_finds_its_mask_by_name(folder):
    (folder / "images" / "p1.png").unlink()
    save(folder / "images" / "p1.JPG", noise())
    assert Folder(folder, "train")[0][0].shape == (6, 8, 3)


def test_camvid_void_is_eleven(camvid):
    train = CamVid(camvid, "train")
    _, labels = train[0]
    raw = ids(classes=12)
    np.testing.assert_array_equal(labels, np.where(raw == 11, VOID, raw))
    assert train.names == ["train0", "train1"]
    assert train.classes[0] == "Sky"
    validate(train, progress=False)


def test_camvid_without_test_says_so(camvid):
    with pytest.raises(ValueError, match=r"has no test/; needs test/ and testannot/"):
        open_dataset(camvid, "test")


def test_open_dataset_recognises_the_layout(folder, camvid):
    assert isinstance(open_dataset(folder, "val"), Folder)
    assert isinstance(open_dataset(str(camvid), "val"), CamVid)


def test_open_dataset_says_what_it_found(tmp_path):
    with pytest.raises(
        ValueError, match=r"holds nothing; needs images/, masks/ and classes\.txt; or PASCAL VOC: JPEGImages/"
    ):
        open_dataset(tmp_path, "train")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"holds notes\.txt, pictures/; needs"):
        open_dataset(tmp_path, "train")
    with pytest.raises(ValueError, match="does not exist"):
        open_dataset(tmp_path / "nowhere", "train")
    with pytest.raises(ValueError, match="is a file"):
        open_dataset(tmp_path / "notes.txt", "train")


def test_split_must_be_known(folder, camvid):
    with pytest.raises(ValueError, match=r"split 'test': choose one of 'train', 'val'$"):
        open_dataset(folder, "test")
    with pytest.raises(ValueError, match="split 'trainannot': choose one of 'train', 'val', 'test'"):
        open_dataset(camvid, "trainannot")


def test_folder_without_classes(folder):
    (folder / "classes.txt").unlink()
    with pytest.raises(ValueError, match=r"mine: has no classes\.txt; needs"):
        open_dataset(folder, "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grass\n\nsky\n", "class 1 has no name"),
        ("", "class 0 has no name"),
        ("grass\nsky\n grass \n", "'grass' is both class 0 and class 2"),
        ("\n".join(map(str, range(256))), "256 classes; an 8-bit mask has ids for 255"),
    ],
)
def test_class_names_are_checked(folder, text, message):
    (folder / "classes.txt").write_text(text)
    with pytest.raises(ValueError, match=rf"classes\.txt: .*{message}"):
        open_dataset(folder, "train")


def test_two_images_of_one_name(folder):
    save(folder / "images" / "p1.bmp", noise())
    with pytest.raises(ValueError, match=r"p1\.png: has the name of p1\.bmp"):
        Folder(folder, "train")


def test_no_images(folder):
    for file in (folder / "images").iterdir():
        file.unlink()
    for name in (".hidden", "Thumbs.db", "desktop.ini"):
        (folder / "images" / name).touch()
    with pytest.raises(ValueError, match="images: holds no images"):
        Folder(folder, "train")


def test_one_image_leaves_nothing_to_train_on(tmp_path):
    with pytest.raises(ValueError, match="the dataset is empty"):
        validate(Folder(make_folder(tmp_path, count=1), "train"), progress=False)


def spoil(folder):
    """Spoil four pairs in four ways."""
    (folder / "masks" / "p1.png").unlink()
    save(folder / "masks" / "p2.png", ids(6, 7))
    save(folder / "masks" / "p3.png", noise())
    labels = ids()
    labels[2, 3:5] = 3, 77
    save(folder / "masks" / "p4.png", labels)


def test_validate_reports_everything_at_once(folder):
    spoil(folder)
    with pytest.raises(ValueError) as refusal:
        validate(Folder(folder, "train"), progress=False)
    head, *lines, mend = str(refusal.value).splitlines()
    assert head == "4 of 4 pairs cannot be used:"
    for line, part in zip(
        lines,
        [
            "p1.png: is missing",
            "p2.png: 7x6, but",
            "p3.png: mode RGB, a colour picture with 48 colours: ",
            "p4.png: holds 3, 77; needs class ids 0 to 2, or 255 for void: these look like grey levels",
        ],
        strict=True,
    ):
        assert part in line
        assert "masks" in line
    assert mend.startswith(
        f"  to mend it: npseg data {folder} --write-colors classes.csv lists what they hold"
    )


def test_validate_stops_listing_after_ten(tmp_path):
    folder = make_folder(tmp_path, count=16)
    for file in (folder / "masks").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"and 2 more$") as refusal:
        validate(Folder(folder, "train"), progress=False)
    assert len(str(refusal.value).splitlines()) == 12


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize("keep", [0.0, 0.05, 0.6])
def test_truncated_image_is_found(folder, ending, keep):
    (folder / "images" / "p1.png").unlink()
    file = folder / "images" / f"p1.{ending}"
    save(file, noise(40, 50))
    save(folder / "masks" / "p1.png", ids(40, 50))
    validate(Folder(folder, "train"), progress=False)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(ValueError, match=rf"1 of 4 pairs.*\n.*p1\.{ending}: cannot be read"):
        validate(Folder(folder, "train"), progress=False)


def test_truncated_mask_is_found(folder):
    file = folder / "masks" / "p2.png"
    file.write_bytes(file.read_bytes()[:-25])
    with pytest.raises(ValueError, match=r"masks/p2\.png: cannot be read as a picture"):
        validate(Folder(folder, "train"), progress=False)


def test_something_else_among_the_images(folder):
    (folder / "images" / "notes.txt").write_text("buy milk")
    with pytest.raises(ValueError, match=r"notes\.txt: cannot be read as a picture"):
        validate(Folder(folder, "val"), progress=False)


def test_black_and_white_mask_is_refused(folder):
    save(folder / "masks" / "p1.png", ids(classes=2).astype(bool))
    with pytest.raises(ValueError, match="mode 1, not 8 bits a pixel"):
        Folder(folder, "train")[0]


def test_progress_bar_is_silent_on_request_and_where_nobody_looks(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    validate(Folder(folder, "train"), progress=False)
    assert capsys.readouterr() == ("", "")
    validate(Folder(folder, "train"))
    assert "checking the data" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    validate(Folder(folder, "train"))
    assert capsys.readouterr().err == ""


def test_validate_takes_any_dataset():
    class Wrong(Scenes):
        def __getitem__(self, index):
            image, labels = super().__getitem__(index)
            return image, labels | 8

    with pytest.raises(ValueError, match="labels of scene-0-00000: holds 8"):
        validate(Wrong(2, size=(32, 32)), progress=False)
