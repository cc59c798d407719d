"""The formats that data come in: what each reads, how it is told from others, and what is said where it is broken."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from npseg.data import (
    CAMVID_CLASSES,
    SBD,
    STANFORD_CLASSES,
    VOC,
    VOC_CLASSES,
    VOID,
    CamVid,
    CamVid701,
    ColorTable,
    Folder,
    MMSegmentation,
    StanfordBackground,
    find_format,
    open_dataset,
    read_colors,
    validate,
    voc_palette,
    write_colors,
    write_labels,
)
from npseg.data.reading import read_image

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
IDS = np.array([[0, 0, 1, 1, 2, 2]] * 3 + [[VOID] * 6], np.uint8)


def save(file, array, **options):
    file.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(array).save(file, **options)


def listing(file, *names):
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text("\n".join(names) + "\n")


def voc(root, labels=IDS):
    for name in ("2007_1", "2007_2", "2007_3"):
        save(root / "JPEGImages" / f"{name}.jpg", IMAGE)
    for name in ("2007_1", "2007_2"):
        (root / "SegmentationClass").mkdir(exist_ok=True)
        write_labels(root / "SegmentationClass" / f"{name}.png", labels, voc_palette(21))
    listing(root / "ImageSets" / "Segmentation" / "train.txt", "2007_1")
    listing(root / "ImageSets" / "Segmentation" / "val.txt", "2007_2")
    return root


def sbd(root):
    for name in ("2008_1", "2008_2"):
        save(root / "img" / f"{name}.jpg", IMAGE)
        (root / "cls").mkdir(exist_ok=True)
        savemat(root / "cls" / f"{name}.mat", {"GTcls": {"Boundaries": 0, "Segmentation": IDS % 21}})
    listing(root / "train.txt", "2008_1")
    listing(root / "val.txt", "2008_2")
    return root


def stanford(root):
    for i in range(6):
        save(root / "images" / f"000{i}.jpg", IMAGE)
        listing(root / "labels" / f"000{i}.regions.txt", *["0 0 1 7 -1 -3"] * 4)
    return root


def camvid(root):
    for split in ("train", "val"):
        save(root / split / f"{split}.png", IMAGE)
        save(root / f"{split}annot" / f"{split}.png", np.where(IDS == VOID, 11, IDS).astype(np.uint8))
    return root


DRAWN = np.array([[(0x80, 0x80, 0x80)] * 3 + [(0xC0, 0, 0x80)] * 3] * 3 + [[(0, 0, 0)] * 6], np.uint8)


def camvid701(root):
    for name in (
        "0016E5_07950",
        "0016E5_07961",
        "0016E5_08190",
        "0001TP_008550",
        "Seq05VD_f00000",
        "0006R0_f01",
    ):
        save(root / "701_StillsRaw_full" / f"{name}.png", IMAGE)
        save(root / "LabeledApproved_full" / f"{name}_L.png", DRAWN)
    return root


def kaggle(root):
    for split in ("train", "val"):
        save(root / split / f"{split}.png", IMAGE)
        save(root / f"{split}_labels" / f"{split}_L.png", DRAWN)
    return root


def mmseg(root):
    for split in ("train", "val", "test"):
        save(root / "img_dir" / split / f"{split}.jpg", IMAGE)
        save(root / "ann_dir" / split / f"{split}.png", IDS)
    listing(root / "classes.txt", "a", "b", "c")
    return root


def plain(root, masks=IDS, count=6):
    for i in range(count):
        save(root / "images" / f"p{i}.jpg", IMAGE)
        save(root / "masks" / f"p{i}.png", masks)
    listing(root / "classes.txt", "a", "b", "c")
    return root


MADE = {
    "voc": (voc, VOC, 1, 1),
    "sbd": (sbd, SBD, 1, 1),
    "stanford": (stanford, StanfordBackground, 4, 2),
    "camvid": (camvid, CamVid, 1, 1),
    "camvid701": (camvid701, CamVid701, 3, 1),
    "kaggle": (kaggle, CamVid701, 1, 1),
    "mmseg": (mmseg, MMSegmentation, 1, 1),
    "folder": (plain, Folder, 4, 2),
}


@pytest.mark.parametrize("name", MADE)
def test_each_format_is_recognised_and_read(tmp_path, name):
    make, kind, train, val = MADE[name]
    root = make(tmp_path)
    datasets = [open_dataset(root, split) for split in ("train", "val")]
    assert [type(d) for d in datasets] == [kind, kind]
    assert [len(d) for d in datasets] == [train, val]
    for dataset in datasets:
        validate(dataset, progress=False)
        image, labels = dataset[0]
        assert image.shape == (4, 6, 3)
        assert image.dtype == labels.dtype == np.uint8
        assert dataset.colors.shape == (len(dataset.classes), 3)
        assert not dataset.unused
    assert set(kind.splits(root)) >= {"train", "val"}


@pytest.mark.parametrize("name", MADE)
def test_a_format_can_be_forced_and_names_what_it_lacks(tmp_path, name):
    kind = MADE[name][1]
    forced = {each[1]: key for key, each in MADE.items() if key != "kaggle"}[kind]
    assert find_format(tmp_path, forced) is kind
    with pytest.raises(ValueError, match=r"has no .*; needs |split 'train': choose"):
        open_dataset(tmp_path, "train", format=forced)


def test_two_formats_at_once_need_a_choice(tmp_path):
    voc(plain(tmp_path))
    with pytest.raises(
        ValueError, match=r"could be a plain folder and PASCAL VOC; choose by --format folder or"
    ):
        open_dataset(tmp_path, "train")
    assert isinstance(open_dataset(tmp_path, "train", format="voc"), VOC)
    assert isinstance(open_dataset(tmp_path, "train", format="folder"), Folder)
    with pytest.raises(ValueError, match="format 'coco': choose one of folder, voc"):
        open_dataset(tmp_path, "train", format="coco")


def test_a_folder_around_the_data_is_seen_through(tmp_path):
    voc(tmp_path / "VOCdevkit" / "VOC2012")
    with pytest.raises(
        ValueError, match=r"holds VOCdevkit/ \(did you mean .*VOCdevkit/VOC2012\?\); needs images/"
    ):
        open_dataset(tmp_path, "train")


def test_voc_reads_indices_and_lists(tmp_path):
    train = open_dataset(voc(tmp_path), "train")
    np.testing.assert_array_equal(train[0][1], IDS)
    assert train.classes == VOC_CLASSES
    assert len(VOC_CLASSES) == 21
    assert (VOC_CLASSES[15], train.colors[15].tolist()) == ("person", [192, 128, 128])
    listing(tmp_path / "ImageSets" / "Segmentation" / "trainval.txt", "2007_2", "2007_1")
    assert open_dataset(tmp_path, "trainval").names == ["2007_2", "2007_1"]
    listing(tmp_path / "classes.txt", "a", "b", "c")
    assert open_dataset(tmp_path, "val").classes == ("a", "b", "c")
    listing(tmp_path / "ImageSets" / "Segmentation" / "val.txt", "2007_9")
    with pytest.raises(ValueError, match=r"val\.txt: names 2007_9; needs names in JPEGImages/"):
        open_dataset(tmp_path, "val")
    with pytest.raises(ValueError, match="split 'test': choose one of 'train', 'val', 'trainval'"):
        open_dataset(tmp_path, "test")


def test_sbd_reads_matlab_files_and_refuses_others(tmp_path):
    train = open_dataset(sbd(tmp_path), "train")
    np.testing.assert_array_equal(train[0][1], IDS % 21)
    for content in (b"", b"hello", train.masks[0].read_bytes()[:200]):
        train.masks[0].write_bytes(content)
        with pytest.raises(ValueError, match=r"2008_1\.mat: cannot be read as SBD's MATLAB file"):
            train[0]
    savemat(train.masks[0], {"GTinst": {"Segmentation": IDS}})
    with pytest.raises(ValueError, match=r"needs a struct GTcls"):
        train[0]
    train.masks[0].unlink()
    with pytest.raises(ValueError, match=r"2008_1\.mat: is missing"):
        train[0]


def test_stanford_negative_is_void(tmp_path):
    train = open_dataset(stanford(tmp_path), "train")
    assert train[0][1].tolist() == [[0, 0, 1, 7, VOID, VOID]] * 4
    assert train.classes == STANFORD_CLASSES
    assert train.names == ["0001", "0002", "0003", "0004"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0 1 2 3 4 5"] * 3 + ["0 1 2"], "line 4 has 3 labels, the first has 6"),
        (["0 1 x"], "needs integers"),
        ([], "line 1 has 0 labels"),
        (["0 0 0 0 0 300"] * 4, "holds 300; needs class ids 0 to 7"),
        (["0 0 0 0 0 8"] * 4, "holds 8; needs class ids 0 to 7"),
        (["0 0 0"] * 4, "3x4, but .* is 6x4"),
    ],
)
def test_stanford_refuses_what_is_no_labels(tmp_path, lines, message):
    train = open_dataset(stanford(tmp_path), "train")
    listing(train.masks[0], *lines)
    with pytest.raises(ValueError, match=rf"0001\.regions\.txt: .*{message}"):
        train[0]


@pytest.mark.parametrize("make", [camvid701, kaggle])
def test_camvid_as_published_becomes_segnets_eleven(tmp_path, make):
    train = open_dataset(make(tmp_path), "train")
    assert train.classes == CAMVID_CLASSES
    expected = np.array([[0, 0, 0, 1, 1, 1]] * 3 + [[VOID] * 6])
    np.testing.assert_array_equal(train[0][1], expected)


def test_camvid_as_published_is_split_as_segnet_did(tmp_path):
    names = {split: open_dataset(camvid701(tmp_path), split).names for split in ("train", "val", "test")}
    assert names == {
        "train": ["0006R0_f01", "0016E5_07950", "0016E5_08190"],
        "val": ["0016E5_07961"],
        "test": ["0001TP_008550", "Seq05VD_f00000"],
    }
    for split in names:
        listing(tmp_path / f"{split}.txt", "0006R0_f01")
    assert open_dataset(tmp_path, "test").names == ["0006R0_f01"]


def test_camvid_keeps_all_classes_of_a_table(tmp_path):
    camvid701(tmp_path)
    listing(tmp_path / "label_colors.txt", "128 128 128\t\tSky", "192 0 128\t\tArchway", "0 0 0\t\tVoid")
    train = open_dataset(tmp_path, "train", colors=read_colors(tmp_path / "label_colors.txt"))
    assert train.classes == ("Sky", "Archway")
    assert np.unique(train[0][1]).tolist() == [0, 1, VOID]


def test_mmsegmentation_has_a_folder_for_each_split(tmp_path):
    assert MMSegmentation.splits(mmseg(tmp_path)) == ("train", "val", "test")
    np.testing.assert_array_equal(open_dataset(tmp_path, "test")[0][1], IDS)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(ValueError, match=r"has no classes\.txt; needs img_dir/train/.*one name a line"):
        open_dataset(tmp_path, "test")


def test_masks_without_an_image_are_noted(tmp_path):
    save(plain(tmp_path) / "masks" / "stray.png", IDS)
    assert [file.name for file in open_dataset(tmp_path, "train").unused] == ["stray.png"]


def test_masks_of_other_lossless_formats_are_found(tmp_path):
    plain(tmp_path)
    for file in (tmp_path / "masks").iterdir():
        save(file.with_suffix(".bmp"), IDS)
        file.unlink()
    np.testing.assert_array_equal(open_dataset(tmp_path, "train")[0][1], IDS)


@pytest.mark.parametrize("ending", [".json", ".txt"])
def test_what_lies_beside_a_mask_is_not_taken_for_it(tmp_path, ending):
    (plain(tmp_path) / "masks" / f"p1{ending}").write_text("outlines, from which the mask was drawn")
    np.testing.assert_array_equal(open_dataset(tmp_path, "train")[0][1], IDS)


def test_a_jpeg_is_no_mask(tmp_path):
    plain(tmp_path)
    (tmp_path / "masks" / "p1.png").unlink()
    save(tmp_path / "masks" / "p1.jpg", IDS)
    with pytest.raises(ValueError, match=r"p1\.jpg: is a JPEG, which changes the values"):
        open_dataset(tmp_path, "train")[0]


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_more_than_eight_bits_are_well_where_the_ids_fit(tmp_path, mode):
    plain(tmp_path)
    dtype = np.uint16 if mode == "I;16" else np.int32
    Image.fromarray(IDS.astype(dtype)).save(tmp_path / "masks" / "p1.tif")
    (tmp_path / "masks" / "p1.png").unlink()
    np.testing.assert_array_equal(open_dataset(tmp_path, "train")[0][1], IDS)
    table = ColorTable([("void", 255, 255, 255), *((f"level {k}", k, k, k) for k in range(3))])
    np.testing.assert_array_equal(open_dataset(tmp_path, "train", colors=table)[0][1], IDS)
    Image.fromarray(IDS.astype(dtype) + np.array(1, dtype)).save(tmp_path / "masks" / "p1.tif")
    with pytest.raises(
        ValueError, match=r"p1\.tif: holds 256; needs class ids from 0 to 254, or 255 for void"
    ):
        open_dataset(tmp_path, "train")[0]


BLACK_AND_WHITE = np.where(IDS == 1, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (
            DRAWN,
            r"masks/p1.png: mode RGB, a colour picture with 3 colours: 128,128,128 192,0,128 0,0,0; needs class",
        ),
        (
            BLACK_AND_WHITE,
            r"masks/p1.png: holds nothing but 0 and 255, as do all 4 masks of this part; .*but a \(class 0\)",
        ),
        (BLACK_AND_WHITE // 255 * 128, r"masks/p1.png: holds 128; needs class ids 0 to 2, or 255 for void"),
        (BLACK_AND_WHITE > 0, r"masks/p1.png: mode 1, not 8 bits a pixel but black and white"),
    ],
    ids=["colours", "0 and 255", "0 and 128", "1 bit"],
)
def test_the_commonest_mistake_is_named_with_the_command_that_mends_it(tmp_path, mask, what):
    plain(tmp_path, mask)
    with pytest.raises(ValueError, match=what) as refusal:
        validate(open_dataset(tmp_path, "train"), progress=False)
    assert f"npseg data {tmp_path} --write-colors classes.csv" in str(refusal.value)
    # and the command's end does mend it
    table = ColorTable(
        [("back", 0, 0, 0), ("cell", *[int(np.max(mask) * (255 if mask.dtype == bool else 1))] * 3)]
    )
    if mask is not DRAWN:
        mended = open_dataset(tmp_path, "train", colors=table)
        validate(mended, progress=False)
        np.testing.assert_array_equal(mended[0][1], IDS == 1)
        assert mended.classes == ("back", "cell")


def test_void_alone_or_class_0_alone_is_no_mistake(tmp_path):
    for labels in (IDS * 0, IDS * 0 + VOID):
        dataset = open_dataset(plain(tmp_path, labels), "train")
        validate(dataset, progress=False)
        assert (dataset[0][1] == labels).all()


def test_masks_with_a_palette_are_read_by_colour_where_a_table_says_so(tmp_path):
    plain(tmp_path)
    for file in (tmp_path / "masks").iterdir():
        write_labels(file, IDS, [(9, 0, 0), (0, 9, 0), (0, 0, 9)])
    table = ColorTable([("blue", 0, 0, 9), ("red", 9, 0, 0), ("green", 0, 9, 0), ("void", 224, 224, 192)])
    labels = open_dataset(tmp_path, "train", colors=table)[0][1]
    np.testing.assert_array_equal(labels, np.array([1, 2, 0, VOID])[np.where(IDS == VOID, 3, IDS)])


def test_a_colour_that_no_row_names(tmp_path):
    table = ColorTable([("sky", 128, 128, 128)], "classes.csv")
    plain(tmp_path, DRAWN)
    message = (
        r"p1\.png: has colours that classes\.csv does not name: 192,0,128 \(9 pixels\), 0,0,0 \(6 pixels\)$"
    )
    with pytest.raises(ValueError, match=message):
        open_dataset(tmp_path, "train", colors=table)[0]
    smooth = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    with pytest.raises(ValueError, match=r"and 21 more; so many come from smoothed edges or JPEG"):
        table.ids(smooth)


@pytest.mark.parametrize("kind", ["sbd", "stanford", "camvid"])
def test_formats_without_colours_take_no_table(tmp_path, kind):
    with pytest.raises(ValueError, match="leave out --colors"):
        open_dataset(MADE[kind][0](tmp_path), "train", colors=ColorTable([("a", 0, 0, 0)]))


def test_a_table_is_written_as_it_is_read(tmp_path):
    rows = [("sky", 1, 2, 3), ("two words", 4, 5, 6), ("void", 0, 0, 0), ("sky", 7, 7, 7)]
    write_colors(tmp_path / "classes.csv", rows)
    table = read_colors(tmp_path / "classes.csv")
    assert table.rows == rows
    assert table.classes == ("sky", "two words")
    assert table.colors.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert table.ids(np.array([[[7, 7, 7], [0, 0, 0]]], np.uint8)).tolist() == [[0, VOID]]


def test_tables_of_other_programs(tmp_path):
    rows = [("sky", 1, 2, 3), ("two words", 4, 5, 6)]
    for text in ("name,r,g,b\nsky,1,2,3\ntwo words,4,5,6", "1 2 3\tsky\n4 5 6\ttwo words"):
        (tmp_path / "table").write_text(text)
        assert read_colors(tmp_path / "table").rows == rows
    (tmp_path / "table").write_text("# label:color_rgb:parts:actions\nsky:1,2,3::\ntwo words:4,5,6:a,b:c\n")
    assert read_colors(tmp_path / "table").rows == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky,1,2,3\nroad,1,2\n", r"line 2 is 'road,1,2'; needs name,r,g,b"),
        ("sky 1 2 3\n", r"line 1 is 'sky 1 2 3'; needs name,r,g,b"),
        ("sky,1,2,300\n", r"sky has the colour \[1, 2, 300\]; needs levels from 0 to 255"),
        ("sky,1,2,3\nroad,1,2,3\n", r"1,2,3 is road and another class"),
        ("name,r,g,b\n", r"the rows have 0 classes; needs 1 to 255"),
        ("void,1,2,3\n", r"the rows have 0 classes; needs 1 to 255"),
    ],
)
def test_a_table_that_says_nothing_or_two_things(tmp_path, text, message):
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"classes\.csv: {message}"):
        read_colors(tmp_path / "classes.csv")
    with pytest.raises(ValueError, match=r"none\.csv: is missing"):
        read_colors(tmp_path / "none.csv")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_taken_sideways_is_turned_upright(tmp_path, orientation):
    upright = Image.fromarray(IMAGE)
    exif = upright.getexif()
    exif[0x0112] = orientation
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes the camera's turn
    taken = upright if orientation == 1 else upright.transpose(Image.Transpose(turned[orientation]))
    taken.save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "photo.png"), IMAGE)


def test_a_mask_that_was_not_turned_with_its_image(tmp_path):
    plain(tmp_path, IDS.T.copy())
    with pytest.raises(ValueError, match=r"4x6, but .* is 6x4; needs one size: turn the mask as the image"):
        open_dataset(tmp_path, "train")[0]
