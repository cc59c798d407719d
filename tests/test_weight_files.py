"""Weights out and in: under PyTorch's names, to a file and back, every bit of every network."""

from __future__ import annotations

import json
import sys
import zipfile

import numpy as np
import pytest
from checks import assert_same
from PIL import Image
from stand_in import stand_in_for_cupy
from tiny import CLASSES, TINY, scattered, tiny

from npseg import backend, cli
from npseg.data import InMemory, Normalization, Scenes
from npseg.networks import NETWORKS, make
from npseg.networks.names import state_dict
from npseg.networks.weights import transplant
from npseg.training import Pretrained, Run, Settings, load_labeller, read_weights, write_weights

HALF = Normalization(np.array([0.1, 0.2, 1 / 3]), np.array([0.5, 0.25, 0.125]))
NAMES = ("a", "β", "c d")
COLORS = np.array([[0, 1, 2], [255, 254, 253], [7, 8, 9]], np.uint8)
OF_VGG = [name for name in NETWORKS if any("conv5_3." in key for key in tiny(name).params)]


@pytest.fixture(params=["npz", "safetensors"])
def ending(request):
    if request.param == "safetensors":
        pytest.importorskip("safetensors")
    return request.param


def arrays(network):
    return network.params | network.buffers


def drawn(name, dtype="float32", seed=5):
    """Make a network all of whose floats were drawn, running statistics, too."""
    network, rng = scattered(tiny(name, dtype=dtype), seed), np.random.default_rng(seed)
    for array in network.buffers.values():
        if array.dtype.kind == "f":
            array[...] = rng.uniform(0.5, 2, array.shape)
    return network


def known(name, network):
    config = {"name": name, "classes": CLASSES, **TINY[name].settings, "dtype": "float64"}
    return Pretrained("memory", arrays(network), HALF, NAMES, config, COLORS)


def assert_equal(network, other):
    ours, theirs = arrays(network), arrays(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert_same(ours[name], theirs[name])


# Names


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_dict_has_pytorchs_names(name):
    network = drawn(name)
    states = state_dict(network)
    assert len(states) == len(arrays(network)), "no two have one name"
    parts = {key.rpartition(".")[2] for key in states}
    assert parts <= {"weight", "bias", "running_mean", "running_var", "table"}
    for (ours, array), (theirs, copied) in zip(arrays(network).items(), states.items()):
        assert ours.rpartition(".")[0] == theirs.rpartition(".")[0]
        assert_same(copied, array)
        assert not np.shares_memory(copied, array)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("names", ["own", "torchvision"])
def test_a_state_dict_goes_back_to_where_it_came_from(name, names):
    if names == "torchvision" and name not in OF_VGG:
        with pytest.raises(ValueError, match="has none of VGG-16's layers, such as conv1_1"):
            state_dict(tiny(name), names=names)
        return
    network, other = drawn(name), drawn(name, seed=6)
    report = transplant(other, state_dict(network, names=names))
    assert_equal(other, network)
    assert not report.new
    assert not report.unused


def test_the_networks_of_vgg():
    assert {"fcn32s", "fcn16s", "fcn8s", "fcn8s-at-once"} <= set(OF_VGG)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vggs_trunk_by_torchvisions_names(batch_norm):
    """Of vgg16 and of vgg16_bn; fc6 and fc7 are matrices there, and what VGG lacks keeps its own name."""
    network = tiny("fcn8s", batch_norm=batch_norm)
    states, params = state_dict(network, names="torchvision"), network.params
    last = {False: "features.28", True: "features.40"}[batch_norm]
    assert_same(states[f"{last}.weight"], params["to_score.conv5_3.w"])
    assert_same(states["classifier.0.weight"], params["to_score.fc6.w"].reshape(4, 16 * 49))
    assert_same(states["classifier.3.weight"], params["to_score.fc7.w"].reshape(4, 4))
    own = {key.rpartition(".")[0] for key in states if not key.startswith(("features.", "classifier."))}
    norms = {"to_score.fc6_norm", "to_score.fc7_norm"} if batch_norm else set()
    scores = {"to_score.score_fr", "score_pool4", "score_pool3", "upscore", "upscore2", "upscore_pool4"}
    assert own == scores | norms
    if batch_norm:
        assert_same(states["features.41.running_var"], network.buffers["to_score.conv5_3_norm.running_var"])


def test_names_that_there_are_not():
    with pytest.raises(ValueError, match="names='caffe'; choose one of 'own', 'torchvision'"):
        state_dict(tiny("fcn8s"), names="caffe")


# Files


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_bit_comes_back(name, dtype, ending, tmp_path):
    network, other = drawn(name, dtype), drawn(name, dtype, seed=6)
    first = next(iter(network.params.values()))
    first.ravel()[:2] = -0.0, np.finfo(dtype).smallest_subnormal
    write_weights(tmp_path / f"model.{ending}", known(name, network))
    pretrained = read_weights(tmp_path / f"model.{ending}")
    assert pretrained.into(other, known(name, network).network, NAMES).new == ()
    assert_equal(other, network)
    assert np.signbit(next(iter(other.params.values())).ravel()[0])


def test_what_is_known_goes_with_them(ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    written = known("unet", drawn("unet", "float64"))
    write_weights(path, written)
    read = read_weights(path)
    assert (read.network, read.classes) == (written.network, NAMES)
    assert_same((read.colors, *read.normalization), (COLORS, *HALF))


def test_without_anything_known_only_weights_are_written(ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    write_weights(path, Pretrained("memory", {"conv.w": np.ones(3, "float32")}))
    read = read_weights(path)
    assert (list(read.weights), read.network, read.classes, read.colors) == (["conv.weight"], {}, None, None)
    with pytest.raises(ValueError, match=f"model.{ending}: weights alone, of which it is not known what"):
        read.labeller()


@pytest.mark.parametrize("names", ["own", "torchvision"])
def test_a_file_labels_as_the_network_did(names, ending, tmp_path):
    path, network = tmp_path / f"model.{ending}", drawn("fcn8s", "float64")
    write_weights(path, known("fcn8s", network), names=names)
    labeller = load_labeller(path)
    image = Scenes(1, size=(33, 47))[0][0]
    network.evaluate()
    expected = network.forward(HALF.apply(image)[None].astype("float64"))[0]
    assert_same(labeller.scores(image), expected)
    assert labeller.classes == NAMES
    assert_same(labeller.colors, COLORS)


@pytest.mark.parametrize("names", ["own", "torchvision"])
def test_a_run_starts_from_a_file_as_from_the_checkpoint(names, ending, tmp_path):
    """Though it has torchvision's names, it is taken for no VGG: settings and normalisation are the network's."""
    path, network = tmp_path / f"model.{ending}", drawn("fcn32s", "float64")
    write_weights(path, known("fcn32s", network), names=names)
    pretrained = read_weights(path)
    assert not pretrained.is_vgg
    config = {"name": "fcn16s", **pretrained.settings_for("fcn16s")}
    scenes = InMemory(Scenes(2, size=(32, 40)))
    run = Run.start(config, Settings(batch_size=2), scenes, scenes, pretrained=pretrained)
    assert_same(run.network.params["to_score.fc6.w"], network.params["to_score.fc6.w"])
    assert_same(run.normalization.std, HALF.std)
    assert "to_score.score_fr.w" in run.inherited.new, "other classes"


def test_the_same_weights_give_the_same_bytes(ending, tmp_path):
    for name in ("a", "b"):
        write_weights(tmp_path / f"{name}.{ending}", known("unet", drawn("unet")))
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_from_a_file_to_the_other_format(tmp_path):
    pytest.importorskip("safetensors")
    write_weights(tmp_path / "a.npz", known("unet", drawn("unet")))
    write_weights(tmp_path / "b.safetensors", read_weights(tmp_path / "a.npz"))
    write_weights(tmp_path / "c.npz", read_weights(tmp_path / "b.safetensors"))
    a, c = (read_weights(tmp_path / name) for name in ("a.npz", "c.npz"))
    assert {name: w.tobytes() for name, w in a.weights.items()} == {
        n: w.tobytes() for n, w in c.weights.items()
    }
    assert (a.network, a.classes) == (c.network, c.classes)


def test_numpy_and_safetensors_read_the_files_by_themselves(ending, tmp_path):
    network = drawn("unet")
    write_weights(tmp_path / f"model.{ending}", known("unet", network))
    if ending == "npz":
        with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
            assert json.loads(archive["npseg.json"])["classes"] == list(NAMES)
            found = archive["score.weight"]
    else:
        found = sys.modules["safetensors"].numpy.load_file(tmp_path / "model.safetensors")["score.weight"]
    assert_same(found, network.params["score.w"])


# What is refused


@pytest.mark.parametrize(
    "note",
    [
        {"network": "unet"},
        {"network": {}},
        {"classes": 3},
        {"classes": ["a"], "colors": [[0, 0]]},
        {"classes": ["a"], "colors": [[0, 0, 256]]},
        {"classes": ["a"], "colors": [[0, 0, 0.5]]},
        {"colors": [[0, 0, 0]]},
        {"mean": [0, 0, 0]},
        {"mean": [0, 0, 0], "std": [1, 1]},
        {"mean": [0, 0, 0], "std": "ones"},
        [],
    ],
)
def test_a_damaged_note_is_named(note, tmp_path):
    np.savez(tmp_path / "model.npz", w=np.ones(3))
    with zipfile.ZipFile(tmp_path / "model.npz", "a") as archive:
        archive.writestr("npseg.json", json.dumps(note))
    with pytest.raises(ValueError, match=r"model\.npz: .*damaged"):
        read_weights(tmp_path / "model.npz")


def test_a_note_that_is_no_json_is_named(tmp_path):
    np.savez(tmp_path / "model.npz", w=np.ones(3))
    with zipfile.ZipFile(tmp_path / "model.npz", "a") as archive:
        archive.writestr("npseg.json", b"\xff{")
    with pytest.raises(ValueError, match=r"model\.npz: npseg\.json in it is damaged"):
        read_weights(tmp_path / "model.npz")


def test_a_file_that_lacks_some_of_its_network_labels_nothing(tmp_path):
    network = drawn("unet")
    whole = known("unet", network)
    del whole.weights["score.b"]
    write_weights(tmp_path / "model.npz", whole)
    with pytest.raises(ValueError, match=r"model\.npz: not all of the network is there: [\d,]+ numbers, and"):
        load_labeller(tmp_path / "model.npz")
    whole.weights["score.c"] = np.zeros(CLASSES)
    write_weights(tmp_path / "model.npz", whole)
    with pytest.raises(ValueError, match=r"model\.npz: not all of the network is there: .*new: score\.b"):
        load_labeller(tmp_path / "model.npz")


def test_a_file_that_claims_a_vast_network_takes_no_memory_for_it(tmp_path):
    vast = known("unet", drawn("unet"))
    vast.network["width"] = 2**20
    write_weights(tmp_path / "model.npz", vast)
    with pytest.raises(ValueError, match=r"model\.npz: not all of the network is there: [\d,]+ numbers, and"):
        load_labeller(tmp_path / "model.npz")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"model\.pth: weights are written to a \.npz or \.safetensors file"):
        write_weights(tmp_path / "model.pth", known("unet", drawn("unet")))
    assert not list(tmp_path.iterdir())


def test_without_its_package_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ValueError, match=r"needs the package safetensors: pip install 'npseg\[weights\]'"):
        write_weights(tmp_path / "model.safetensors", known("unet", drawn("unet")))
    assert not list(tmp_path.iterdir())


# The command


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    scenes = InMemory(Scenes(2, size=(32, 40)))
    config = {"name": "fcn32s", "width": 1, "fc": 4}
    Run.start(config, Settings(epochs=1, batch_size=2), scenes, scenes).fit(folder, progress=False)
    return folder / "checkpoint.npz"


def test_a_checkpoint_is_exported_and_labels_the_same(checkpoint, ending, tmp_path, capsys):
    output, image = tmp_path / f"model.{ending}", Scenes(1, size=(40, 50))[0][0]
    command = ["export", str(checkpoint), "--output", str(output)]
    assert cli.main(command) == 0
    assert f"->  {output}" in capsys.readouterr().out
    exported, trained = load_labeller(output), load_labeller(checkpoint)
    assert_equal(exported.network, trained.network)
    assert_same(exported.scores(image), trained.scores(image))
    assert exported.classes == trained.classes
    assert cli.main(command) == 2
    assert "is already there; add --force" in capsys.readouterr().err
    assert cli.main([*command, "--force", "--names", "torchvision"]) == 0
    assert "features.0.weight" in read_weights(output).weights
    assert cli.main(["export", str(output), "--output", str(output), "--force"]) == 2
    assert "would be replaced by its own weights" in capsys.readouterr().err


def test_predict_and_evaluate_take_what_was_exported(checkpoint, tmp_path, capsys):
    output = tmp_path / "model.npz"
    assert cli.main(["export", str(checkpoint), "--output", str(output)]) == 0
    capsys.readouterr()
    assert [cli.main(["evaluate", str(path), "--split", "val"]) for path in (checkpoint, output)] == [0, 0]
    said = capsys.readouterr().out
    assert said[: len(said) // 2] == said[len(said) // 2 :], "the same of both"
    Image.fromarray(Scenes(1, size=(40, 50))[0][0]).save(tmp_path / "scene.png")
    labels = [tmp_path / "of_checkpoint", tmp_path / "of_export"]
    for weights, folder in zip((checkpoint, output), labels):
        command = ["predict", str(weights), str(tmp_path / "scene.png"), "--output-dir", str(folder)]
        assert cli.main(command) == 0
    assert (labels[0] / "scene.png").read_bytes() == (labels[1] / "scene.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["{checkpoint}", "--output", "model.pth"],
            "model.pth: weights are written to a .npz or .safetensors file",
        ),
        (["nowhere.npz", "--output", "model.npz"], "nowhere.npz: there is no such file"),
        (["{checkpoint}"], "required: --output"),
        (["{checkpoint}", "--output", "m.npz", "--names", "caffe"], "invalid choice: 'caffe'"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line(words, message, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(["export", *(word.format(checkpoint=checkpoint) for word in words)])
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == (2, 1)
    assert message in error
    assert not list(tmp_path.iterdir())


def test_weights_come_off_a_device():
    with stand_in_for_cupy(), backend.use("cupy"):
        network = make("unet", CLASSES, **TINY["unet"].settings)
        states = state_dict(network)
        expected = backend.to_numpy(network.params["score.w"])
    assert all(isinstance(array, np.ndarray) for array in states.values())
    assert_same(states["score.weight"], expected)
