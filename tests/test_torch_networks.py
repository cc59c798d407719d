"""Each network against the same one in PyTorch, from an exported file: scores, gradients, and twenty steps of training.

All in float64, where 1e-9 is a thousand times what rounding does, and far less than any mistake.
"""

from __future__ import annotations

import numpy as np
import pytest
from tiny import CLASSES, TINY, scattered, tiny

from npseg.networks import NETWORKS
from npseg.networks.names import state_dict
from npseg.networks.weights import transplant
from npseg.training import Pretrained, Settings, read_weights, write_weights

torch = pytest.importorskip("torch")
import torch_networks  # noqa: E402

pytestmark = pytest.mark.parity
torch.set_num_threads(1)

#: Sizes of the images where the tiny network's is more than it takes: odd ones.
SIZES = {"sliding-window": (7, 9), "cnn1": (9, 14), "rcnn2": (9, 14), "rcnn3": (9, 14), "deconvnet": (65, 70)}
STEPS = 20

#: Networks that have settings which change what is computed.
VARIANTS = {
    "fcn32s": {"paper_padding": True, "batch_norm": False, "learned_upsampling": False},
    "fcn16s": {"paper_padding": True, "batch_norm": False, "learned_upsampling": False},
    "fcn8s": {"paper_padding": True, "batch_norm": False, "learned_upsampling": False},
    "unet": {"batch_norm": False},
    "full-resolution": {"batch_norm": False, "depth": 3},
    "deconvnet": {"bias": True},
    "segnet": {"bias": True},
    "segnet-basic": {"bias": True},
    "farabet": {"scales": 2},
    "rcnn2": {"step": 1, "hidden_tanh": False},
    "rcnn3": {"step": 2},
}


def test_every_network_is_there():
    assert list(torch_networks.MODULES) == list(NETWORKS)


def pair(name, folder, **settings):
    """Make a network with random weights, and a module that has loaded what was exported of it."""
    network = scattered(tiny(name, dtype="float64", **settings))
    write_weights(folder / "model.npz", Pretrained("memory", network.params | network.buffers))
    with np.load(folder / "model.npz") as archive:
        states = {key: torch.from_numpy(array) for key, array in archive.items()}
    module = torch_networks.make(name, CLASSES, **(TINY[name].settings | settings))
    module.load_state_dict(states)  # strict: all that is there has a place, and each place has something
    return network, module


def batch(name, seed=7):
    rng = np.random.default_rng(seed)
    height, width = TINY[name].size
    size = SIZES.get(name, (height + 1, width + 3))
    labels = rng.integers(CLASSES, size=(2, *size))
    labels[rng.random(labels.shape) < 0.1] = 255
    return rng.standard_normal((2, 3, *size)), labels


def assert_close(ours, theirs, scale=None):
    expected = theirs.detach().numpy()
    scale = abs(expected).max() if scale is None else scale
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-11 * scale, strict=True)


@pytest.mark.parametrize(
    ("name", "settings"), [*((name, {}) for name in NETWORKS), *VARIANTS.items()], ids=lambda v: str(v)
)
def test_scores_and_all_gradients(name, settings, tmp_path):
    network, module = pair(name, tmp_path, **settings)
    x, _ = batch(name)
    image = torch.tensor(x, requires_grad=True)
    theirs, ours = module(image), network.forward(x)
    assert_close(ours, theirs)
    dout = np.random.default_rng(1).standard_normal(ours.shape)
    theirs.backward(torch.from_numpy(dout))
    assert_close(network.backward(dout.copy()), image.grad)
    learned = {key: p for key, p in module.named_parameters() if p.requires_grad}
    gradients = {pytorch: network.grads[own] for own, pytorch in zip(network.params, renamed(network))}
    assert gradients.keys() == learned.keys()
    largest = max(abs(gradient).max() for gradient in gradients.values())
    for (
        key,
        gradient,
    ) in gradients.items():  # that of a bias before a norm is 0, and what is found is rounding
        assert_close(gradient, learned[key].grad, largest)
    network.evaluate()
    assert_close(network.forward(x), module.eval()(image))


def renamed(network):
    """The parameters' names in the order of the parameters."""
    return list(state_dict(network))[: len(network.params)]


def optimizers(module, settings, biases=()):
    """PyTorch's optimizer and schedule, as its users set them up, by the same numbers."""
    groups = [
        {"params": [p for name, p in module.named_parameters() if p.requires_grad and name not in biases]},
        {
            "params": [p for name, p in module.named_parameters() if name in biases],
            "lr": settings.lr * settings.bias_rate,
            "weight_decay": settings.weight_decay * settings.bias_decay,
        },
    ]
    common = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups[: 1 + bool(biases)], momentum=settings.momentum, **common)
    else:
        optimizer = torch.optim.Adam(groups[: 1 + bool(biases)], **common)
    rates = torch.optim.lr_scheduler
    schedule = {
        "poly": lambda: rates.PolynomialLR(optimizer, total_iters=settings.epochs, power=0.9),
        "step": lambda: rates.StepLR(optimizer, settings.lr_step, gamma=0.1),
        "constant": lambda: rates.ConstantLR(optimizer, factor=1),
    }[settings.schedule]()
    return optimizer, schedule


def train_both(network, module, settings, x, labels, *, weight=None, biases=()):
    """Train both for as many steps as the settings have epochs; return the losses of each."""
    ours, theirs = [], []
    mine, rate = settings.make_optimizer(network.params), settings.make_schedule(1)
    optimizer, schedule = optimizers(module, settings, biases)
    tensors = torch.tensor(x), torch.tensor(labels), None if weight is None else torch.tensor(weight)
    for step in range(settings.epochs):
        ours.append(float(network.learn(x, labels, weight=weight)))
        mine.step(network.grads, rate(step))
        optimizer.zero_grad()
        loss = torch_networks.loss(module, *tensors)
        loss.backward()
        optimizer.step()
        schedule.step()
        theirs.append(float(loss.detach()))
    return ours, theirs


def check_training(network, module, settings, name, **how):
    x, labels = batch(name)
    ours, theirs = train_both(network, module, settings, x, labels, **how)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=0)
    assert len(set(ours)) == settings.epochs, "it learned in each step"
    for key, array in state_dict(network).items():
        expected = module.state_dict()[key].numpy()
        np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-8 * max(1, abs(expected).max()))


RECIPES = {
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 5e-3, "lr": 0.002},
    "adam": {"optimizer": "adam", "weight_decay": 5e-3, "lr": 0.001},
}
SCHEDULES = {"poly": {}, "step": {"lr_step": 7}, "constant": {}}
COMBINATIONS = [(optimizer, schedule) for optimizer in RECIPES for schedule in SCHEDULES]


@pytest.mark.parametrize(("optimizer", "schedule"), COMBINATIONS)
def test_twenty_steps_by_each_optimizer_and_schedule(optimizer, schedule, tmp_path):
    settings = Settings(epochs=STEPS, schedule=schedule, **RECIPES[optimizer], **SCHEDULES[schedule])
    check_training(*pair("unet", tmp_path), settings, "unet")


SLOW = {"rcnn2", "rcnn3"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in NETWORKS]
)
def test_twenty_steps_of_each_network(name, tmp_path):
    """The optimizers and schedules in turn, so that each meets several networks."""
    optimizer, schedule = COMBINATIONS[list(NETWORKS).index(name) % len(COMBINATIONS)]
    settings = Settings(epochs=STEPS, schedule=schedule, **RECIPES[optimizer], **SCHEDULES[schedule])
    check_training(*pair(name, tmp_path), settings, name)


def test_twenty_steps_with_weights_of_classes_and_biases_apart(tmp_path):
    """As FCN's recipe has it: twice the rate for biases, and no decay."""
    network, module = pair("fcn8s", tmp_path, batch_norm=False)
    settings = Settings(epochs=STEPS, bias_rate=2.0, bias_decay=0.0, schedule="constant", **RECIPES["sgd"])
    biases = [name for name in state_dict(network) if name.endswith(".bias")]
    check_training(network, module, settings, "fcn8s", weight=np.array([0.5, 1, 2]), biases=biases)


@pytest.mark.parametrize("name", ["fcn8s", "deconvnet", "farabet"])
def test_what_pytorch_saves_comes_back(name, tmp_path):
    """A state dict of PyTorch's, with the batches that its norms have counted, by safetensors' own writer."""
    save_file = pytest.importorskip("safetensors.torch").save_file
    network, module = pair(name, tmp_path)
    save_file(module.state_dict(), tmp_path / "theirs.safetensors")
    other = scattered(tiny(name, dtype="float64", seed=3), seed=4)
    report = transplant(other, read_weights(tmp_path / "theirs.safetensors").weights)
    assert (report.new, report.unused) == ((), ())
    for key, array in (network.params | network.buffers).items():
        np.testing.assert_array_equal((other.params | other.buffers)[key], array)


def test_vggs_trunk_is_loaded_by_torchvisions_module(tmp_path):
    """``torchvision.models.vgg16().features``, written out, as torchvision does, from its list."""
    layers, below = [], 3
    for entry in (2, 2, "M", 4, 4, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"):
        if entry == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers += [torch.nn.Conv2d(below, entry, 3, padding=1), torch.nn.ReLU()]
            below = entry
    features = torch.nn.Sequential(*layers).double()
    network = scattered(tiny("fcn8s", dtype="float64", batch_norm=False))
    write_weights(
        tmp_path / "model.npz", Pretrained("memory", network.params | network.buffers), names="torchvision"
    )
    with np.load(tmp_path / "model.npz") as archive:
        states = {key: torch.from_numpy(w) for key, w in archive.items() if key.startswith("features.")}
    features.load_state_dict({key.removeprefix("features."): w for key, w in states.items()})
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 96))
    assert_close(network.until("to_score.pool5").forward(x), features(torch.tensor(x)))
