"""Files that were damaged or forged: a clear error that names the file, or a right load, and nothing else.

Of each kind a small file is altered at random, again and again, two thousand times unless told otherwise:
``NPSEG_MUTATIONS=100000 pytest tests/test_mutations.py``. Archives are also forged, with sums that are right for what
was put in.
"""

import functools
import io
import json
import os
import random
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from npseg import room
from npseg.check import judge_outputs, write_vectors
from npseg.commands import config
from npseg.commands.predict import predict
from npseg.data import SBD, VOC, ColorTable, Folder, MMSegmentation, Scenes, read_image
from npseg.data.color_tables import read_colors
from npseg.data.masks import ColorMasks, IdMasks
from npseg.data.stanford import read_regions
from npseg.data.voc import read_sbd
from npseg.networks import make
from npseg.training import Run, Settings, checkpoints, load_labeller, read_weights
from npseg.training.checkpoints import Checkpoint

MUTATIONS = int(os.environ.get("NPSEG_MUTATIONS", "2000"))

NETWORK = {"name": "full-resolution", "width": 2, "depth": 2, "classes": 2}


def checkpoint():
    network = make(**NETWORK)
    return Checkpoint(
        network=NETWORK,
        weights=network.params | network.buffers,
        optimizer={"name": "sgd"},
        optimizer_state={"velocity": np.zeros(3)},
        progress={"epoch": 1, "seed": 2**70},
        classes=("sky", "road"),
        colors=np.zeros((2, 3), np.uint8),
        mean=np.zeros(3),
        std=np.ones(3),
    )


# What is altered: a file's bytes, and how it is read.


def saved_checkpoint(path):
    checkpoints.save(path / "a.npz", checkpoint())
    return "a.npz", load_labeller


def saved_arrays(path):
    np.savez_compressed(
        path / "b.npz", **{"conv.w": np.ones((2, 3, 3, 3), "float32"), "conv.b": np.zeros(2, "float32")}
    )
    return "b.npz", read_weights


def saved_safetensors(path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(
        {"conv.w": np.ones((2, 3), "float32"), "conv.b": np.zeros(2, "float32")}, path / "c.safetensors"
    )
    return "c.safetensors", read_weights


def saved_picture(path, kind, mode):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 7, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path / f"d.{kind}")
    return f"d.{kind}", read_image


def saved_lists(path, which):
    for folder in ("images", "masks"):
        (path / folder).mkdir()
    for name in ("one", "two", "three"):
        (path / "images" / f"{name}.png").touch()
    (path / "classes.txt").write_text("sky\nroad\nfaçade\n", encoding="utf-8")
    (path / "train.txt").write_text("one\ntwo\n")
    (path / "val.txt").write_text("three\n")
    return which, lambda file: Folder(file.parent, "train")


COLORS = {
    "csv": "name,r,g,b\nsky,0,0,0\nroad,255,0,7\n",
    "txt": "0 0 0\tsky\n255 0 7\troad\n",
    "labelmap": "# label:color_rgb:parts:actions\nsky:0,0,0::\nroad:255,0,7::\n",
}


def saved_colors(path, kind="csv"):
    (path / f"colors.{kind}").write_text(COLORS[kind])
    return f"colors.{kind}", read_colors


def saved_voc_list(path):
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (path / folder).mkdir(parents=True)
    for name in ("2007_000032", "2007_000039"):
        (path / "JPEGImages" / f"{name}.jpg").touch()
    list_of = path / "ImageSets" / "Segmentation" / "train.txt"
    list_of.write_text("2007_000032\n2007_000039\n")
    return str(list_of.relative_to(path)), lambda file: VOC(path, "train")


def saved_sbd_list(path):
    for folder in ("img", "cls"):
        (path / folder).mkdir()
    for name in ("2008_000002", "2008_000003"):
        (path / "img" / f"{name}.jpg").touch()
    (path / "train.txt").write_text("2008_000002\n2008_000003\n")
    (path / "val.txt").write_text("2008_000002\n")
    return "train.txt", lambda file: SBD(path, "train")


def saved_mmseg_classes(path):
    for folder in ("img_dir/train", "ann_dir/train"):
        (path / folder).mkdir(parents=True)
    (path / "img_dir" / "train" / "one.png").touch()
    (path / "classes.txt").write_text("sky\nroad\n")
    return "classes.txt", lambda file: MMSegmentation(path, "train")


def saved_mask(path, kind, read):
    values = np.random.default_rng(0).integers(0, 3, (6, 7), np.uint8)
    Image.fromarray(values).save(path / f"m.{kind}")
    return f"m.{kind}", read


def saved_orders(path):
    run = Run.start(
        NETWORK, Settings(crop=(32, 32), jitter=(0.5, 2.0), clip=1.0), *2 * (Scenes(2, size=(32, 32)),)
    )
    run.data_path, run.data_options = "images", {"format": "folder", "colors": [["sky", 0, 0, 7]]}
    config.write(path / "run.toml", run, path / "vgg.npz")
    return "run.toml", config.read


def saved_vectors(path, altered):
    """A golden vector, and the right answer to it: as an archive, as an array or as JSON."""
    folder = path / "golden"
    write_vectors("relu_forward", folder, count=1, axes=1, seed=1)
    answer = json.loads((folder / "case_000.json").read_text())["answers"]["y"]
    y = np.array(answer["values"]).reshape(answer["shape"])
    if altered.endswith("npz"):
        np.savez(folder / altered, y=y)
    elif altered.endswith("npy"):
        np.save(folder / altered, y)
    else:
        (folder / "case_000.out.json").write_text(json.dumps({"y": y.tolist()}))
    assert judge_outputs(folder).passed
    return f"golden/{altered}", lambda file: judge(folder, file.name)


def judge(folder, name):
    """Judge answers; one that fails because a file cannot be read counts as refused."""
    verdict = judge_outputs(folder)
    if not verdict.passed and ".out." in name:
        raise ValueError(f"{name}: {verdict.failure.what}")


TABLE = ColorTable([("a", 0, 0, 0), ("b", 1, 1, 1), ("c", 2, 2, 2)])


def saved_regions(path):
    (path / "e.regions.txt").write_text("0 1 2 -1\n3 4 5 7\n")
    return "e.regions.txt", read_regions


def saved_sbd(path):
    savemat(path / "f.mat", {"GTcls": {"Segmentation": np.zeros((3, 4), np.uint8)}}, do_compression=True)
    return "f.mat", read_sbd


KINDS = {
    **{f"colors {kind}": functools.partial(saved_colors, kind=kind) for kind in COLORS},
    "voc list": saved_voc_list,
    "sbd list": saved_sbd_list,
    "mmseg classes": saved_mmseg_classes,
    "mask of ids": functools.partial(saved_mask, kind="png", read=IdMasks(Path("images"))),
    "mask of ids, tif": functools.partial(saved_mask, kind="tif", read=IdMasks(Path("images"))),
    "mask of colours": functools.partial(saved_mask, kind="bmp", read=ColorMasks(TABLE)),
    "run.toml": saved_orders,
    **{
        f"golden {name}": functools.partial(saved_vectors, altered=name)
        for name in (
            "vectors.json",
            "case_000.json",
            "case_000.out.npz",
            "case_000.out.npy",
            "case_000.out.json",
        )
    },
    "regions": saved_regions,
    "sbd": saved_sbd,
    "classes": functools.partial(saved_lists, which="classes.txt"),
    "names": functools.partial(saved_lists, which="train.txt"),
    "checkpoint": saved_checkpoint,
    "npz": saved_arrays,
    "safetensors": saved_safetensors,
    "mask": functools.partial(saved_picture, kind="png", mode="P"),
    **{
        kind: functools.partial(saved_picture, kind=kind, mode="RGB")
        for kind in ("png", "jpg", "bmp", "gif", "tif", "ppm", "tga")
    },
}


def mutated(whole, rng):
    """Alter bytes: cut off, flip, overwrite with what sizes like least, remove, double, exchange."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        size = len(whole)
        if size < 2:
            return whole
        a, b = sorted(rng.sample(range(size), 2))
        b = min(b, a + 64)
        kind = rng.randrange(7)
        if kind == 0:
            whole = whole[:b]
        elif kind == 1:
            whole = whole[:a] + bytes([whole[a] ^ 1 << rng.randrange(8)]) + whole[a + 1 :]
        elif kind == 2:
            number = rng.choice(
                (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 4, b"\xff" * 8)
            )
            whole = whole[:a] + number + whole[a + len(number) :]
        elif kind == 3:
            whole = whole[:a] + whole[b:]
        elif kind == 4:
            whole = whole[:b] + whole[a:b] + whole[b:]
        elif kind == 5:
            whole = whole[:a] + rng.randbytes(b - a) + whole[b:]
        else:  # a digit of a text header, often a size
            digits = [i for i in range(size) if 48 <= whole[i] < 58]
            at = rng.choice(digits or [a])
            whole = whole[:at] + rng.choice((b"9" * 9, b"-1", b"0", b"7")) + whole[at + 1 :]
    return whole


def loads_or_is_refused(read, path):
    """Read a file: true if that went well, false if it was refused by its name; all else is a failure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except (ValueError, OSError) as refusal:
        if path.name not in str(refusal):
            raise AssertionError(f"does not name the file: {refusal!r}") from refusal
        return False
    return True


@pytest.fixture(autouse=True)
def _little_room(monkeypatch):
    """Let this machine have 64 MiB."""
    monkeypatch.setattr(room, "memory", lambda: 2**26)


@pytest.mark.parametrize("kind", KINDS)
def test_altered_files_load_or_are_refused_by_name(tmp_path, kind):
    name, read = KINDS[kind](tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    assert loads_or_is_refused(read, path)
    there = sorted(tmp_path.rglob("*"))
    rng, refused = random.Random(0), 0
    for number in range(MUTATIONS):
        path.write_bytes(mutated(whole, rng))
        try:
            refused += not loads_or_is_refused(read, path)
        except BaseException as error:
            raise AssertionError(f"mutation {number}: {error!r}") from error
    assert refused > MUTATIONS / 50
    assert sorted(tmp_path.rglob("*")) == there, "nothing else is written"


# Archives that are sound, with forged members

ABSURD = ((10**12,), (2**62, 4), (-1,), (-5, -5), (0, 2**63), (1,) * 40, (10**9, 10**9, 10**9))
PATHS = ("../up.npy", "/abs.npy", "weights/../../x.npy", "weights/a\nb.npy", "weights/")


def header(shape, dtype="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


class Trap:
    """Unpickling one would leave a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def pickle_in_disguise(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([Trap(tmp_path / "sprung")], object), allow_pickle=True)
    return file.getvalue()


def forgeries(rng, original, tmp_path):
    """Alter the members of an archive, whose names and contents are given; at random."""
    members = dict(original)
    name, other = rng.sample(sorted(members), 2)
    kind = rng.randrange(8)
    if kind == 0:
        members[name], members[other] = members[other], members[name]
    elif kind == 1:
        members[name] = header(rng.choice(ABSURD))
    elif kind == 2:
        dtype = rng.choice(("|O", "<f16", "<M8[s]", "|V7", "<U9", "<c8", "|b1"))
        members[name] = header((2, 2), dtype) + bytes(rng.choice((0, 4, 32)))
    elif kind == 3:
        members[name] = pickle_in_disguise(tmp_path)
    elif kind == 4:
        members[name] = mutated(members[name], rng)
    elif kind == 5:
        del members[name]
    elif kind == 6:
        members[rng.choice(PATHS)] = members[other]
    elif "metadata.json" in members:
        members["metadata.json"] = forged_metadata(rng, members["metadata.json"])
    return members


def forged_metadata(rng, text):
    metadata = json.loads(text)
    where = rng.choice((metadata, metadata["network"], metadata["progress"]))
    key = rng.choice(sorted(where))
    where[key] = rng.choice(
        (None, -1, 0, 10**6, 10**9, 2**63, 1e400, "x", "/etc", [], {}, [[]], ["a"], {"a": 1}, True, ["a", 7])
    )
    text = rng.choice((json.dumps(metadata).encode(),) * 4 + (b"[" * 10**5, b"1" * 5000, b"\xff\xfe"))
    return text[: rng.choice((10**6, 10**6, 30))]


@pytest.mark.parametrize("kind", ["checkpoint", "npz"])
def test_forged_archives_load_or_are_refused_by_name(tmp_path, kind):
    name, read = KINDS[kind](tmp_path)
    path = tmp_path / name
    with zipfile.ZipFile(path) as archive:
        original = {n: archive.read(n) for n in archive.namelist() if n != "sha256sums"}
    rng = random.Random(1)
    for number in range(MUTATIONS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(path, "w", rng.choice((0, 0, 0, zipfile.ZIP_DEFLATED))) as archive:
                for member, content in forgeries(rng, original, tmp_path).items():
                    archive.writestr(zipfile.ZipInfo(member), content)
                if kind == "checkpoint":
                    archive.writestr("sha256sums", checkpoints._sums(archive))
        try:
            loads_or_is_refused(read, path)
        except BaseException as error:
            raise AssertionError(f"forgery {number}: {error!r}") from error
    assert os.listdir(tmp_path) == [name], "no pickle was run and nothing unpacked"


def test_a_bomb_of_zeros_is_refused_before_it_goes_off(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "memory", lambda: 2**20)
    for name, read in (("a.npz", load_labeller), ("b.npz", read_weights)):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", header((2**18,)) + bytes(2**20))
        assert (tmp_path / name).stat().st_size < 2**13
        with pytest.raises(
            ValueError, match=r"is compressed, as npseg writes none|are said to hold 1,048,704 bytes"
        ):
            read(tmp_path / name)


def test_a_network_larger_than_its_weights_is_not_built(tmp_path):
    forged = checkpoint()
    for setting, number in (("width", 10**6), ("depth", 10**9), ("classes", 2**62)):
        forged.network = {**NETWORK, setting: number}
        checkpoints.save(tmp_path / "a.npz", forged)
        with pytest.raises(
            ValueError, match=rf"a\.npz: {setting}={number}, but all its weights are \d+ numbers"
        ):
            load_labeller(tmp_path / "a.npz")


# Pictures


def png(width, height):
    """A PNG that says it is so large, and holds next to nothing."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(99)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


@pytest.mark.parametrize(
    "size", [(10_000, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (2**20, 2**11), (0, 5)]
)
def test_a_picture_of_absurd_size_is_refused(tmp_path, size):
    path = tmp_path / "vast.png"
    path.write_bytes(png(*size))
    with pytest.raises(ValueError, match=r"vast\.png: cannot be read as a picture"):
        read_image(path)


def test_a_picture_that_is_a_program_is_not_run(tmp_path):
    """PostScript is one: Pillow would hand it to Ghostscript."""
    path = tmp_path / "photo.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(ValueError, match=r"photo\.png: cannot be read as a picture"):
        read_image(path)


# What is written


def test_labels_are_written_into_the_output_folder_whatever_an_image_is_called(tmp_path):
    """A stem of two dots, a line break, a leading dash; and links that lie where the labels go."""
    checkpoints.save(tmp_path / "a.npz", checkpoint())
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    names = ("...png", "a\nb.png", "-force.png", "..%2f..%2fup.png", "link.png", "deep/../plain.png")
    for name in names:
        Image.new("RGB", (5, 4)).save(tmp_path / "in" / name, format="PNG")
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    (tmp_path / "out" / "link.png").symlink_to(precious)
    (tmp_path / "out" / "link_overlay.png").symlink_to(tmp_path / "nowhere")
    images = [tmp_path / "in" / name for name in names]
    before = {path for path in tmp_path.rglob("*") if tmp_path / "out" not in path.parents}
    predict(tmp_path / "a.npz", images, tmp_path / "out", force=True)
    assert {path for path in tmp_path.rglob("*") if tmp_path / "out" not in path.parents} == before
    assert precious.read_text() == "as it was"
    assert not (tmp_path / "out" / "link.png").is_symlink()
    assert len(os.listdir(tmp_path / "out")) == 2 * len(names)
