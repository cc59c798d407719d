"""Weights from elsewhere: the finer FCN starts as the coarser, and VGG's fc6 is the matrix that it was."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from checks import assert_same
from stand_in import stand_in_for_cupy
from tiny import scattered

import npseg
from npseg import backend
from npseg.data import InMemory, Scenes
from npseg.layers import BatchNorm, Conv, Layer, Sequential
from npseg.networks import FCN, NETWORKS, Network, make
from npseg.networks.vgg import BLOCKS, torchvision_names
from npseg.networks.weights import transplant
from npseg.ops.crop import crop_forward
from npseg.training import Pretrained, Run, Settings, checkpoints, read_weights

TRAIN, VAL = InMemory(Scenes(4, size=(32, 40))), InMemory(Scenes(2, size=(32, 40), seed=1))
PARENTS = {"16s": "32s", "8s": "16s"}
WIDTH, FC = 2, 6


def fcn(head, classes=3, seed=0, **settings):
    how = {"width": WIDTH, "fc": FC, "dropout": 0.0, "dtype": "float64", **settings}
    return FCN(classes, head=head, seed=seed, **how)


def arrays(network):
    return network.params | network.buffers


def rounded(network):
    """Make all weights small whole numbers, whose sums are exact."""
    rng = np.random.default_rng(3)
    for p in network.params.values():
        p[...] = rng.integers(-1, 2, p.shape)
    return network


class Given(Layer):
    """Stands where a network reads coarse scores off its trunk, and gives those that it was told."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, x):
        return self.scores


@pytest.mark.parametrize("head", PARENTS)
def test_a_finer_network_starts_as_its_parent(head):
    """New skips add 0: its scores are the parent's, only enlarged in more steps; exactly."""
    parent, child = rounded(fcn(PARENTS[head], batch_norm=False)), fcn(head, seed=1, batch_norm=False)
    for name, p in parent.params.items():
        if name.startswith("upscore"):
            p[...] = fcn(PARENTS[head], batch_norm=False).params[name]
    transplant(child, arrays(parent))
    x = np.random.default_rng(0).integers(-3, 4, (1, 3, 70, 90)).astype(float)
    for network in (parent, child):
        network.evaluate()
    seen = []
    for network in (parent, child):
        upscore = network.layers["upscore"]
        seen.append([])
        forward = upscore.forward
        upscore.forward = lambda scores, seen=seen[-1], forward=forward: (
            seen.append(scores) or forward(scores)
        )
    found = child.forward(x)
    parent.forward(x)
    (before,), (after,) = seen
    assert before.any()
    enlarged = child.layers[{"16s": "upscore2", "8s": "upscore_pool4"}[head]].forward(before)
    assert_same(after, crop_forward(enlarged, 0, after.shape[2:])[0])
    assert_same(found, crop_forward(child.layers["upscore"].forward(after), 0, (70, 90))[0])


@pytest.mark.parametrize("head", PARENTS)
@pytest.mark.parametrize("padded", [False, True])
def test_where_scores_are_even_it_labels_as_its_parent(head, padded):
    """Bilinear in one step or in two is the same, exactly, where scores rise evenly, off the border."""
    how = {"batch_norm": False, "paper_padding": padded, "learned_upsampling": False}
    parent, child = fcn(PARENTS[head], **how), fcn(head, seed=1, **how)
    transplant(child, arrays(parent))
    x = np.zeros((1, 3, 320, 352))
    shape = (
        parent.layers["to_score"]
        .forward(parent.layers["to_pool4"].forward(parent.layers["to_pool3"].forward(x)))
        .shape
    )
    slopes = np.array([[1, 2], [-4, 3], [5, -7]])[:, :, None, None]
    scores = (slopes * np.mgrid[: shape[2], : shape[3]]).sum(axis=1)[None].astype(float)
    for network in (parent, child):
        network.layers["to_score"] = Given(scores)
        network.evaluate()
    inner = np.s_[:, :, 64:-64, 64:-64]
    ours, theirs = child.forward(x)[inner], parent.forward(x)[inner]
    assert_same(ours, theirs)
    assert len(np.unique(ours)) > 100


def test_the_report_says_what_was_taken_what_is_new_and_what_was_not_used():
    parent, child = scattered(fcn("32s")), fcn("16s", seed=1)
    before = {name: p.copy() for name, p in arrays(child).items()}
    report = transplant(child, arrays(parent))
    assert report.new == ("upscore2.w", "score_pool4.w", "score_pool4.b", "upscore.w")
    assert report.unused == ("upscore.w",)
    assert {*report.taken, *report.new} == set(arrays(child))
    for name, p in arrays(child).items():
        assert_same(p, arrays(parent)[name] if name in report.taken else before[name])
    assert not child.params["score_pool4.w"].any()
    assert str(report) == (
        f"{len(report.taken)} of {len(before)} arrays taken over; new: upscore2, score_pool4, upscore; "
        "not used: upscore.w"
    )


def test_a_layer_that_is_new_in_part_is_named_in_full():
    network = Network(conv=Conv(3, 4, 3, rng=None))
    assert (
        str(transplant(network, {"conv.w": np.ones((4, 3, 3, 3))})) == "1 of 2 arrays taken over; new: conv.b"
    )


def test_learned_upsampling_of_the_same_factor_is_taken_over():
    parent, child = scattered(fcn("16s")), fcn("8s", seed=1)
    bilinear = child.params["upscore.w"].copy()
    report = transplant(child, arrays(parent))
    assert "upscore2.w" in report.taken
    assert_same(child.params["upscore2.w"], parent.params["upscore2.w"])
    assert_same(child.params["upscore.w"], bilinear)


def test_all_fits_or_nothing_is_changed():
    network, other = fcn("32s"), fcn("32s", width=3, seed=1)
    before = {name: p.copy() for name, p in arrays(network).items()}
    with pytest.raises(
        ValueError,
        match=r"run\.npz: .*to_pool3\.conv1_1\.w is \(3, 3, 3, 3\), and to_pool3\.conv1_1\.w needs \(2, 3, 3, 3\)",
    ):
        transplant(network, arrays(other), what="run.npz")
    broken = {**arrays(fcn("32s", seed=1)), "to_score.score_fr.b": np.array([0, np.nan, 0])}
    with pytest.raises(ValueError, match=r"nan or infinite: to_score\.score_fr\.b"):
        transplant(network, broken)
    with pytest.raises(ValueError, match="of another network: none of its weights has a place"):
        transplant(network, {"encoder.w": np.zeros(3)})
    for name, p in arrays(network).items():
        assert_same(p, before[name])


def test_weights_go_to_a_device_and_from_there():
    weights = vgg(batch_norm=True)
    with stand_in_for_cupy(), backend.use("cupy"):
        parent, child = fcn("32s", dtype="float32"), fcn("16s", seed=1, dtype="float32")
        transplant(parent, weights)
        report = transplant(child, arrays(parent))
        assert not isinstance(child.params["to_score.fc6.w"], np.ndarray)
        found = backend.to_numpy(child.params["to_score.fc6.w"])
    assert_same(found.reshape(FC, -1), weights["classifier.0.weight"])
    assert "to_score.fc6.w" in report.taken


# VGG-16, by torchvision's names


def vgg(*, width=WIDTH, fc=FC, batch_norm=False, seed=0, dtype="float32"):
    """Draw weights with the names of torchvision's file, and its shapes at another width; by its own counting."""
    rng, weights, before, count = np.random.default_rng(seed), {}, 3, 0
    for entry in (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"):
        if entry == "M":
            count += 1
            continue
        above = entry * width
        weights[f"features.{count}.weight"] = rng.standard_normal((above, before, 3, 3)) / np.sqrt(
            4.5 * before
        )
        weights[f"features.{count}.bias"] = 0.1 * rng.standard_normal(above)
        if batch_norm:
            for part in ("weight", "bias", "running_mean"):
                weights[f"features.{count + 1}.{part}"] = 1 + 0.1 * rng.standard_normal(above)
            weights[f"features.{count + 1}.running_var"] = rng.uniform(0.5, 2, above)
            weights[f"features.{count + 1}.num_batches_tracked"] = np.array(7)
        before, count = above, count + (3 if batch_norm else 2)
    for number, (below, above) in {0: (49 * before, fc), 3: (fc, fc), 6: (fc, 10)}.items():
        weights[f"classifier.{number}.weight"] = rng.standard_normal((above, below)) / np.sqrt(below)
        weights[f"classifier.{number}.bias"] = rng.standard_normal(above)
    return {name: w.astype(dtype if w.dtype.kind == "f" else w.dtype) for name, w in weights.items()}


def test_the_names_are_those_of_torchvision():
    for batch_norm in (False, True):
        convolutions = [n for n, w in vgg(batch_norm=batch_norm).items() if w.ndim == 4]
        ours = torchvision_names(batch_norm=batch_norm)
        names = [f"conv{i}_{j}" for i, (depth, _) in enumerate(BLOCKS, 1) for j in range(1, depth + 1)]
        assert [f"{ours[name]}.weight" for name in names] == convolutions


@pytest.mark.parametrize("head", ["32s", "8s"])
def test_vggs_convolutions_go_where_they_belong(head):
    network, weights = fcn(head, batch_norm=False, dtype="float32"), vgg()
    report = transplant(network, weights)
    params = network.params
    for name, source in {
        "to_pool3.conv1_1": "features.0",
        "to_pool3.conv3_3": "features.14",
        "to_pool4.conv4_1": "features.17",
        "to_score.conv5_3": "features.28",
    }.items():
        assert_same(params[f"{name}.w"], weights[f"{source}.weight"])
        assert_same(params[f"{name}.b"], weights[f"{source}.bias"])
    for name in ("conv5_3.w", "fc6.w", "fc7.b"):
        assert f"to_score.{name}" in report.taken
    assert len(report.taken) == 2 * (13 + 2)
    assert report.unused == ("classifier.6.weight", "classifier.6.bias")
    assert all("score" in name.removeprefix("to_score.") for name in report.new)
    assert not any(params[name].any() for name in report.new if "upscore" not in name), "scores start at 0"


def test_fc6_and_fc7_are_the_matrices_that_they_were():
    """On one plane of 7x7, exactly, by whole numbers."""
    rng = np.random.default_rng(0)
    weights = {
        name: rng.integers(-3, 4, w.shape).astype("float64") if name.startswith("classifier") else w
        for name, w in vgg(dtype="float64").items()
    }
    network = fcn("32s", batch_norm=False, paper_padding=True)
    transplant(network, weights)
    layers = network.layers["to_score"].layers
    plane = rng.integers(-3, 4, (2, 8 * WIDTH, 7, 7)).astype(float)
    flat = plane.reshape(2, -1)
    for name, number in (("fc6", 0), ("fc7", 3)):
        plane = layers[name].forward(plane)
        flat = flat @ weights[f"classifier.{number}.weight"].T + weights[f"classifier.{number}.bias"]
        assert_same(plane, flat[:, :, None, None])


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parity
def test_it_computes_what_vgg_computes(batch_norm):
    """An image of 224x224 through torchvision's layout, and through the network: the middle unit of fc7."""
    torch = pytest.importorskip("torch")
    weights = vgg(batch_norm=batch_norm, dtype="float64")
    nn, before, features = torch.nn, 3, []
    for entry in (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"):
        if entry == "M":
            features.append(nn.MaxPool2d(2, 2))
            continue
        norms = [nn.BatchNorm2d(entry * WIDTH) for _ in range(batch_norm)]
        features += [nn.Conv2d(before, entry * WIDTH, 3, padding=1), *norms, nn.ReLU()]
        before = entry * WIDTH
    classifier = [nn.Linear(49 * before, FC), nn.ReLU(), nn.Dropout(), nn.Linear(FC, FC), nn.ReLU()]
    theirs = nn.ModuleDict({"features": nn.Sequential(*features), "classifier": nn.Sequential(*classifier)})
    states = {n: torch.tensor(w) for n, w in weights.items() if not n.startswith("classifier.6")}
    theirs.double().eval().load_state_dict(states)
    x = np.random.default_rng(1).standard_normal((1, 3, 224, 224))
    planes = theirs["features"](torch.tensor(x))
    expected = theirs["classifier"](planes.flatten(1))

    network = fcn("32s", batch_norm=batch_norm)
    transplant(network, weights)
    network.evaluate()
    found = network.until("to_score.pool5").forward(x)
    np.testing.assert_allclose(found, planes.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert found.any()
    if not batch_norm:  # torchvision has no norms after fc6 and fc7
        found = network.until("to_score.fc7_relu").forward(x)[0, :, 3, 3]
        np.testing.assert_allclose(found, expected.detach().numpy()[0], rtol=1e-9, atol=1e-12)


def without(name):
    weights = vgg()
    del weights[name]
    return weights


@pytest.mark.parametrize(
    "name", ["features.0.weight", "features.28.bias", "classifier.0.weight", "classifier.3.bias"]
)
def test_what_is_missing_of_vgg_is_named(name):
    with pytest.raises(
        ValueError, match=rf"vgg16\.npz: not all of VGG-16 is there; missing: {name} \(for to_"
    ):
        transplant(fcn("8s", batch_norm=False), without(name), what="vgg16.npz")


@pytest.mark.parametrize(
    ("weights", "settings", "message"),
    [
        (
            {},
            {"width": 3},
            r"features\.0\.weight is \(2, 3, 3, 3\), and to_pool3\.conv1_1\.w needs \(3, 3, 3, 3\)",
        ),
        ({}, {"fc": 5}, r"classifier\.0\.weight is \(6, 784\), and to_score\.fc6\.w needs \(5, 16, 7, 7\)"),
        ({"batch_norm": True}, {}, "with batch norm, and the network has none; make it with batch_norm=True"),
    ],
)
def test_what_does_not_fit_vgg_is_named(weights, settings, message):
    with pytest.raises(ValueError, match=message):
        transplant(fcn("8s", batch_norm=False, **settings), vgg(**weights))


def test_a_network_without_vggs_layers_cannot_start_from_it():
    with pytest.raises(ValueError, match="the network has none of its layers, such as conv1_1"):
        transplant(Network(down=Conv(3, 2, 3, rng=None)), vgg())


@pytest.mark.parametrize("bias", [False, True])
def test_any_network_that_has_vggs_names_can_start_from_it(bias):
    """A bias that has no place of its own before a norm is taken off the mean, so that the sum is the same."""
    weights = vgg(batch_norm=True, dtype="float64")
    conv = Conv(3, WIDTH, 3, bias=bias, rng=None, dtype="float64")
    encoder = Sequential(conv1_1=conv, conv1_1_norm=BatchNorm(WIDTH, dtype="float64"))
    report = transplant(Network(encoder=encoder), weights)
    assert ("encoder.conv1_1.b" in report.taken) is bias
    assert "features.0.bias" not in report.unused
    encoder.evaluate()
    w, b, gamma, beta, mean, var = (
        weights[f"features.{name}"]
        for name in ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")
    )
    x = np.random.default_rng(0).standard_normal((1, 3, 5, 5))
    y, _ = npseg.conv_forward(x, w, b)
    y, _ = npseg.batch_norm_forward(y, gamma, beta, running_mean=mean, running_var=var, training=False)
    np.testing.assert_allclose(encoder.forward(x), y, rtol=1e-12)


# Files


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """The checkpoint of an FCN-32s of width 1, after an epoch."""
    path = tmp_path_factory.mktemp("run32") / "checkpoint.npz"
    run = Run.start({"name": "fcn32s", "width": 1, "fc": 4}, Settings(epochs=1, batch_size=2), TRAIN, VAL)
    run.fit(progress=False)
    checkpoints.save(path, run.checkpoint())
    return path


def test_a_run_starts_from_a_checkpoint(parent):
    pretrained = read_weights(parent)
    config = {"name": "fcn16s", **pretrained.settings_for("fcn16s")}
    other = InMemory(Scenes(2, size=(32, 40), seed=8))
    run = Run.start(config, Settings(batch_size=2), other, VAL, pretrained=pretrained)
    saved = checkpoints.load(parent)
    assert config == {"name": "fcn16s", "width": 1, "fc": 4}
    assert_same(run.network.params["to_score.score_fr.w"], saved.weights["to_score.score_fr.w"])
    assert_same(run.normalization.mean, saved.mean), "what it has learned, it has learned on such images"
    assert "score_pool4" in str(run.inherited)


@pytest.mark.parametrize("names", [("fcn8s", "fcn8s-at-once"), ("fcn8s-at-once", "fcn8s")])
def test_between_8s_and_at_once_weights_count_as_much_as_before(names):
    """One reads its skips off planes of a hundredth and a ten-thousandth: the weights make up for it."""
    classes, settings = ("a", "b", "c"), {"width": WIDTH, "fc": FC, "dropout": 0.0, "dtype": "float64"}
    parent, child = (scattered(make(name, 3, **settings), seed) for seed, name in enumerate(names))
    config = {"name": names[1], **settings}
    pretrained = Pretrained(
        "run.npz", arrays(parent), classes=classes, network={"name": names[0], **settings}
    )
    kept = {name: w.copy() for name, w in arrays(parent).items()}
    report = pretrained.into(child, config, classes)
    assert report.rescaled == ("score_pool4.w", "score_pool3.w")
    assert str(report).endswith("arrays taken over; rescaled: score_pool4.w, score_pool3.w")
    for network in (parent, child):
        network.evaluate()
    x = np.random.default_rng(0).standard_normal((1, 3, 65, 70))
    np.testing.assert_allclose(child.forward(x), parent.forward(x), rtol=1e-12, atol=1e-12)
    for name, w in kept.items():
        assert_same(arrays(parent)[name], w)


@pytest.mark.parametrize("name", ["fcn16s", "fcn8s-at-once"])
def test_what_is_scaled_alike_is_taken_as_it_is(name):
    settings = {"width": WIDTH, "fc": FC}
    parent, child = (scattered(make(name, 3, **settings), seed) for seed in (0, 1))
    known = Pretrained("run.npz", arrays(parent), network={"name": name, **settings})
    assert known.into(child, {"name": name, **settings}, ("a", "b", "c")).rescaled == ()
    assert_same(child.params["score_pool4.w"], parent.params["score_pool4.w"])


@pytest.mark.parametrize("classes", [("sky", "tree", "lawn", "dog"), ("sky", "tree", "lawn")])
def test_for_other_classes_the_score_layers_start_anew(parent, classes):
    """As many of them or not."""
    config = {"name": "fcn32s", "width": 1, "fc": 4}
    network = make(**config, classes=len(classes))
    report = read_weights(parent).into(network, config, classes)
    assert report.new == ("to_score.score_fr.w", "to_score.score_fr.b", "upscore.w")
    assert str(report).endswith("new: to_score.score_fr, upscore; not used: " + ", ".join(report.new))
    assert not network.params["to_score.score_fr.w"].any()


def test_a_network_of_another_kind_keeps_its_own_settings(parent, monkeypatch):
    monkeypatch.setitem(NETWORKS, "other", replace(NETWORKS["fcn8s"], build=lambda classes: None))
    assert read_weights(parent).settings_for("other") is None


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_vgg_is_read_from_a_file(tmp_path, ending):
    path, weights = tmp_path / f"vgg16.{ending}", vgg()
    if ending == "npz":
        np.savez(path, **weights)
    else:
        pytest.importorskip("safetensors.numpy").save_file(weights, path)
    pretrained = read_weights(path)
    assert pretrained.is_vgg
    assert pretrained.normalization.mean.tolist() == [0.485, 0.456, 0.406]
    assert pretrained.normalization.std.tolist() == [0.229, 0.224, 0.225]
    assert pretrained.settings_for("fcn8s") == NETWORKS["fcn8s"].published
    assert pretrained.weights.keys() == weights.keys()
    assert_same(tuple(pretrained.weights[name] for name in weights), tuple(weights.values()))


def test_arrays_of_our_own_names_are_read(tmp_path):
    parent = scattered(fcn("32s", dtype="float32"))
    np.savez(tmp_path / "ours.npz", **arrays(parent))
    pretrained = read_weights(tmp_path / "ours.npz")
    assert (pretrained.normalization, pretrained.settings_for("fcn16s")) == (None, None)
    network = fcn("16s", dtype="float32")
    pretrained.into(network, {"name": "fcn16s"}, ("a", "b", "c"))
    assert_same(network.params["to_score.fc6.w"], parent.params["to_score.fc6.w"])


def test_files_that_hold_no_weights_are_refused_and_named(tmp_path, parent):
    def refused(name, message):
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            read_weights(tmp_path / name)

    refused("nowhere.npz", "there is no such file")
    (tmp_path / "vgg16.pth").write_bytes(b"PK")
    refused("vgg16.pth", "weights are read from a checkpoint, or from a .npz or .safetensors file")
    (tmp_path / "cut.npz").write_bytes(parent.read_bytes()[:5000])
    refused("cut.npz", "no .npz file of arrays, or damaged")
    (tmp_path / "text.npz").write_text("weights")
    with zipfile.ZipFile(tmp_path / "pytorch.npz", "w") as archive:
        archive.writestr("archive/data.pkl", b"...")
    refused("pytorch.npz", "no .npz file of arrays, or damaged")
    refused("text.npz", "no .npz file of arrays, or damaged")
    np.savez(tmp_path / "objects.npz", w=np.array([{}], object))
    refused("objects.npz", "no .npz file of arrays, or damaged")
    np.savez(tmp_path / "labels.npz", w=np.arange(3))
    refused("labels.npz", "holds other things than arrays of floats")
    np.savez(tmp_path / "empty.npz")
    refused("empty.npz", "holds other things than arrays of floats")
    (tmp_path / "text.safetensors").write_text("weights")
    if "safetensors" in sys.modules:
        refused("text.safetensors", "no .safetensors file, or damaged")


def test_without_its_package_safetensors_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    (tmp_path / "vgg16.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"needs the package safetensors: pip install 'npseg\[weights\]'"):
        read_weights(tmp_path / "vgg16.safetensors")
