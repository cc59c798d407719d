"""A checkpoint comes back bit for bit, or is refused by name; whatever happens, never half of one."""

from __future__ import annotations

import math
import os
import shutil
import zipfile

import numpy as np
import pytest

from npseg.training import checkpoints
from npseg.training.checkpoints import Checkpoint, load, restore, save


@pytest.fixture
def checkpoint():
    rng = np.random.default_rng(0)
    return Checkpoint(
        network={"name": "fcn", "arguments": {"widths": [8, 16], "classes": 3}},
        weights={
            "conv.w": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
            "conv.b": np.array([0.1, -0.0, np.inf, np.nan]),
            "norm/µ": np.asfortranarray(rng.normal(size=(3, 2))),
            "file": np.zeros((0, 3)),
        },
        optimizer={"name": "adam", "betas": [0.9, 0.999]},
        optimizer_state={"steps": np.array(7, np.int64), "mean/conv.w": np.full((4, 3), 1 / 3)},
        progress={
            "seed": 2**127 + 1,
            "epoch": 3,
            "history": [{"loss": 0.1 + 0.2, "mean_iou": None}, {"loss": 1e-300}],
        },
        classes=("sky", "road", "façade"),
        colors=np.array([[0, 1, 2], [255, 254, 253], [7, 8, 9]], np.uint8),
        mean=rng.normal(size=3),
        std=rng.normal(size=3),
    )


def bits(array):
    return array.dtype.str, array.shape, array.tobytes()


def assert_same(one, other):
    for field in ("network", "optimizer", "progress", "classes"):
        assert getattr(one, field) == getattr(other, field)
    for field in ("colors", "mean", "std"):
        assert bits(getattr(one, field)) == bits(getattr(other, field))
    for field in ("weights", "optimizer_state"):
        first, second = getattr(one, field), getattr(other, field)
        assert list(first) == list(second)
        assert all(bits(first[name]) == bits(second[name]) for name in first)


def rewritten(path, members):
    """Write the members into a new archive, with sums that are right for them."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("sha256sums", checkpoints._sums(archive))


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "sha256sums"}


def test_round_trip_is_exact(tmp_path, checkpoint):
    save(tmp_path / "run.npz", checkpoint)
    assert_same(load(tmp_path / "run.npz"), checkpoint)
    assert os.listdir(tmp_path) == ["run.npz"]


def test_nan_and_infinity_in_the_history_come_back(tmp_path, checkpoint):
    checkpoint.progress = {"loss": [math.nan, math.inf, -math.inf]}
    save(tmp_path / "run.npz", checkpoint)
    first, *rest = load(str(tmp_path / "run.npz")).progress["loss"]
    assert math.isnan(first)
    assert rest == [math.inf, -math.inf]


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path, checkpoint):
    save(tmp_path / "a.npz", checkpoint)
    save(tmp_path / "b.npz", load(tmp_path / "a.npz"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_alone_can_read_the_arrays(tmp_path, checkpoint):
    save(tmp_path / "run.npz", checkpoint)
    with np.load(tmp_path / "run.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["weights/conv.w"], checkpoint.weights["conv.w"])


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the tool is not installed")
def test_sha256sum_can_check_the_members(tmp_path, checkpoint):
    import subprocess

    save(tmp_path / "run.npz", checkpoint)
    with zipfile.ZipFile(tmp_path / "run.npz") as archive:
        archive.extractall(tmp_path)
    subprocess.run(["sha256sum", "--check", "--quiet", "sha256sums"], cwd=tmp_path, check=True)


def test_cut_short_at_any_length(tmp_path, checkpoint):
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 41), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"run\.npz: not a checkpoint, or damaged"):
            load(path)


def test_any_flipped_byte_is_noticed_or_harmless(tmp_path, checkpoint):
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    whole = path.read_bytes()
    refused = 0
    positions = range(0, len(whole), 13)
    for position in positions:
        flip = 1 << position % 8
        path.write_bytes(whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :])
        try:
            found = load(path)
        except ValueError:
            refused += 1
        else:
            assert_same(found, checkpoint)
    assert refused > len(positions) / 2, "most of the file is content"


def test_altered_content_is_noticed_although_the_archive_is_sound(tmp_path, checkpoint):
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    with zipfile.ZipFile(path) as archive:
        original = {name: archive.read(name) for name in archive.namelist()}
    one, other = "mean.npy", "std.npy"
    swapped = {**original, one: original[other], other: original[one]}
    removed = {name: content for name, content in original.items() if name != "weights/conv.b.npy"}
    added = {**original, "weights/more.npy": original[one]}
    retyped = {**original, one: original[one].replace(b"<f8", b"<i8")}
    unsigned = {name: content for name, content in original.items() if name != "sha256sums"}
    for members, message in [
        (swapped, "altered since it was saved: mean.npy, std.npy"),
        (removed, "altered since it was saved: weights/conv.b.npy"),
        (added, "altered since it was saved: weights/more.npy"),
        (retyped, "altered since it was saved: mean.npy"),
        (unsigned, "it has no member 'sha256sums'"),
    ]:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        with pytest.raises(ValueError, match=rf"run\.npz: .*{message}"):
            load(path)


@pytest.mark.parametrize("name", ["colors.npy", "mean.npy", "metadata.json"])
def test_missing_members_are_named(tmp_path, checkpoint, name):
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    members = members_of(path)
    del members[name]
    rewritten(path, members)
    with pytest.raises(ValueError, match=rf"run\.npz: .*{name}"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (b'{"version": 99}', "version 99, this npseg reads version 1"),
        (b'{"version": 1, "network": {}, "optimizer": {}}', "metadata.json lacks progress, classes"),
        (b"[1, 2]", "not a checkpoint"),
        (b"{not json", "not a checkpoint"),
    ],
)
def test_other_metadata_is_refused(tmp_path, checkpoint, metadata, message):
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    rewritten(path, {**members_of(path), "metadata.json": metadata})
    with pytest.raises(ValueError, match=rf"run\.npz: .*{message}"):
        load(path)


class Trap:
    """Unpickling one would leave a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_is_refused_and_not_run(tmp_path, checkpoint):
    path, sprung = tmp_path / "run.npz", tmp_path / "sprung"
    save(path, checkpoint)
    np.save(tmp_path / "trap.npy", np.array([Trap(sprung)], object), allow_pickle=True)
    trap = (tmp_path / "trap.npy").read_bytes()
    rewritten(path, {**members_of(path), "weights/conv.w.npy": trap})
    with pytest.raises(ValueError, match=r"run\.npz: .*allow_pickle=False"):
        load(path)
    assert not sprung.exists()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    np.save(tmp_path / "array.npz.npy", np.ones(3))
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "folder.npz").mkdir()
    for name in ("other.npz", "array.npz.npy", "text.npz", "folder.npz"):
        with pytest.raises(ValueError, match=f"{name}: not a checkpoint"):
            load(tmp_path / name)
    with pytest.raises(ValueError, match=r"absent\.npz: there is no such file"):
        load(tmp_path / "absent.npz")


def test_colors_of_other_classes_are_refused(tmp_path, checkpoint):
    with pytest.raises(ValueError, match=r"colors is uint8 \(3, 3\), needed is uint8 \(2, 3\)"):
        Checkpoint(**{**vars(checkpoint), "classes": ("sky", "road")})
    path = tmp_path / "run.npz"
    save(path, checkpoint)
    members = members_of(path)
    rewritten(path, {**members, "mean.npy": members["colors.npy"]})
    with pytest.raises(ValueError, match=r"run\.npz: .*mean is uint8"):
        load(path)


@pytest.mark.parametrize("broken", ["os.fsync", "os.replace", "np.lib.format.write_array"])
def test_a_failure_while_writing_leaves_the_old_file(tmp_path, checkpoint, monkeypatch, broken):
    save(tmp_path / "run.npz", checkpoint)
    before = (tmp_path / "run.npz").read_bytes()

    def fail(*args, **kwargs):
        raise OSError("no space left on device")

    checkpoint.progress = {"epoch": 4}
    with monkeypatch.context() as patch:
        patch.setattr(f"npseg.training.checkpoints.{broken}", fail)
        with pytest.raises(OSError, match="no space left"):
            save(tmp_path / "run.npz", checkpoint)
    assert (tmp_path / "run.npz").read_bytes() == before
    assert os.listdir(tmp_path) == ["run.npz"]


def test_the_file_is_whole_before_it_takes_the_old_ones_place(tmp_path, checkpoint, monkeypatch):
    seen = []

    def replace(source, target):
        assert os.path.dirname(source) == os.path.dirname(target), "another file system is no single step"
        assert_same(load(source), checkpoint)
        seen.append(source)
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(os, "replace", replace)
    save(tmp_path / "run.npz", checkpoint)
    assert len(seen) == 1
    assert_same(load(tmp_path / "run.npz"), checkpoint)


def test_what_cannot_be_saved_is_named(tmp_path, checkpoint):
    checkpoint.weights["odd"] = np.array([{}], object)
    with pytest.raises(TypeError, match="weights/odd holds Python objects"):
        save(tmp_path / "run.npz", checkpoint)
    del checkpoint.weights["odd"]
    checkpoint.progress["step"] = np.int64(3)
    with pytest.raises(TypeError, match=r"progress does not fit into JSON.*int64"):
        save(tmp_path / "run.npz", checkpoint)
    assert os.listdir(tmp_path) == []


def test_restore_fills_the_arrays_that_are_there():
    params = {"w": np.zeros((2, 3), np.float32), "t": np.array(0)}
    held = dict(params)
    restore(params, {"w": np.ones((2, 3), np.float32), "t": np.array(5)}, what="run.npz")
    assert params["w"] is held["w"]
    assert held["w"].tolist() == [[1] * 3] * 2
    assert held["t"] == 5


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": np.ones(2)}, "missing: b$"),
        ({"a": np.ones(2), "b": np.ones(3), "c": np.ones(1)}, "unexpected: c$"),
        ({"a": np.ones(2), "b": np.ones((3, 1))}, r"misshapen: b is \(3, 1\) instead of \(3,\)$"),
        ({"a": np.ones(2), "b": np.ones(())}, r"misshapen: b is \(\) instead of \(3,\)$"),
        ({"a": np.ones(2), "b": np.ones(3, np.complex128)}, "rounded: b from complex128 to float64$"),
        ({"a": np.ones(2), "c": np.ones(3)}, "missing: b; unexpected: c$"),
        ({"a": np.ones(2), "b": np.ones(3)} | {f"x{i}": np.ones(1) for i in range(9)}, "x4 and 4 more$"),
    ],
)
def test_restore_changes_all_or_nothing(weights, message):
    params = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(ValueError, match=f"run.npz: of another network: .*{message}"):
        restore(params, weights, what="run.npz")
    assert not params["a"].any()
    assert not params["b"].any()


def test_restore_does_not_round():
    narrow, wide = {"a": np.zeros(2, np.float32)}, {"a": np.full(2, 0.1)}
    with pytest.raises(ValueError, match="would be rounded: a from float64 to float32"):
        restore(narrow, wide, what="run.npz")
    restore(wide, {"a": np.ones(2, np.float32)}, what="run.npz")
    assert wide["a"].tolist() == [1.0, 1.0]
