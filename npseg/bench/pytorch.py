"""PyTorch's side: the same layers, and FCN built layer for layer from npseg's own weights.

This module is loaded only where PyTorch is installed. PyTorch is used as its tutorials use it: eager, with the memory
layout that it has by default, on the CPU, or on the GPU that npseg is told to use; there in float32 as it is, without
the short TF32, and with the algorithms that cuDNN chooses by its rules, not by trying them out (``cudnn.benchmark``).
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npseg import backend, layers
from npseg.backend import Array
from npseg.bench.timing import Passes
from npseg.networks import FCN

torch: Any = importlib.import_module("torch")
_functions: Any = torch.nn.functional

#: npseg's operations, on tensors.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv": _functions.conv2d,
    "conv_transpose": _functions.conv_transpose2d,
    "max_pool": _functions.max_pool2d,
    "max_unpool": _functions.max_unpool2d,
    "nearest_unpool": lambda x, scale: _functions.interpolate(x, scale_factor=scale, mode="nearest"),
    "relu": _functions.relu,
    "batch_norm": lambda x, gamma, beta: _functions.batch_norm(x, None, None, gamma, beta, training=True),
    "cross_entropy": _functions.cross_entropy,
}


def has(device: str | None) -> bool:
    """Say whether this PyTorch computes on a device; on the host each does."""
    return device is None or bool(torch.cuda.is_available())


def tensor(array: Array) -> Any:
    """Return an array as a tensor, where the library in use computes."""
    host = torch.from_numpy(np.asarray(backend.to_numpy(array)))
    return host if backend.device() is None else host.cuda()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let PyTorch use so many threads, float32 as it is and cuDNN's rules, for the length of a block."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_num_threads(), matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    torch.set_num_threads(n)
    matmul.allow_tf32 = cudnn.allow_tf32 = cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before[1:]


def passes(
    operation: str, arrays: Sequence[NDArray[Any]], options: Mapping[str, Any], dout: NDArray[Any]
) -> Passes:
    """Return forward, and backward by autograd, which makes the gradients of all arrays but labels and indices."""
    run = OPERATIONS[operation]
    tensors = [tensor(a) for a in arrays]
    leaves = [t.requires_grad_() for t in tensors if t.is_floating_point()]
    upstream = tensor(dout)
    return {
        "forward": lambda _: (run(*tensors, **options), None),
        "backward": lambda result: torch.autograd.grad(result[0], leaves, upstream),
    }


class TorchFCN:
    """An FCN with the layers and the weights of one of npseg's.

    Parameters
    ----------
    network : npseg.networks.FCN
        The network; its weights are copied.
    """

    def __init__(self, network: FCN) -> None:
        self.head, self.crops = network.head, network.crops
        self.layers = torch.nn.ModuleDict({name: _module(layer) for name, layer in network.layers.items()})

    def __call__(self, x: Any) -> Any:
        """Return the scores: :meth:`npseg.networks.FCN.forward` in tensors."""
        layers, crops = self.layers, self.crops
        pool3 = layers["to_pool3"](x)
        pool4 = layers["to_pool4"](pool3)
        scores = layers["to_score"](pool4)
        if self.head != "32s":
            scores = _add(layers["upscore2"](scores), layers["score_pool4"](pool4), crops["pool4"])
        if self.head == "8s":
            scores = _add(layers["upscore_pool4"](scores), layers["score_pool3"](pool3), crops["pool3"])
        first = crops["image"]
        return layers["upscore"](scores)[:, :, first : first + x.shape[2], first : first + x.shape[3]]


class Training:
    """A network, its optimizer and a batch: what a training step needs.

    Parameters
    ----------
    network : npseg.networks.FCN
        The network whose copy is trained.
    x : (N, 3, H, W) array
        Images.
    labels : (N, H, W) array
        Their labels.
    lr, momentum, weight_decay : float
        Of SGD.
    """

    def __init__(
        self,
        network: FCN,
        x: Array,
        labels: Array,
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        self.network = TorchFCN(network)
        self.x, self.labels = tensor(x), tensor(labels).long()
        weights = self.network.layers.parameters()
        self.optimizer = torch.optim.SGD(weights, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def step(self) -> float:
        """Learn from the batch once, and return the loss."""
        self.network.layers.train()
        self.optimizer.zero_grad()
        loss = _functions.cross_entropy(self.network(self.x), self.labels, ignore_index=255)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def evaluate(self) -> tuple[NDArray[Any], float]:
        """Return the scores and the loss without training."""
        self.network.layers.eval()
        with torch.no_grad():
            scores = self.network(self.x)
            return scores.cpu().numpy(), float(
                _functions.cross_entropy(scores, self.labels, ignore_index=255)
            )


class Labelling:
    """A network that labels images.

    Parameters
    ----------
    network : npseg.networks.FCN
        The network.
    mean, std : (3,) array
        What images are normalised by.
    """

    def __init__(self, network: FCN, mean: NDArray[Any], std: NDArray[Any]) -> None:
        self.network = TorchFCN(network)
        self.network.layers.eval()
        self.mean, self.std = (tensor(np.asarray(v, np.float32)[:, None, None]) for v in (mean, std))

    def scores(self, image: NDArray[np.uint8]) -> Any:
        """Return the scores of each pixel, from an image in uint8 (H, W, 3)."""
        with torch.inference_mode():
            x = tensor(image).permute(2, 0, 1).float() / 255
            return self.network(((x - self.mean) / self.std)[None])[0]

    def labels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the most probable class of each pixel."""
        labels: NDArray[np.uint8] = self.scores(image).argmax(dim=0).to(torch.uint8).cpu().numpy()
        return labels


def _module(layer: layers.Layer) -> Any:
    """Return the module that is this layer, with its weights."""
    nn = torch.nn
    match layer:
        case layers.Sequential():
            return nn.Sequential(OrderedDict((name, _module(inner)) for name, inner in layer.layers.items()))
        case layers.Conv():
            filters, channels = layer.params["w"].shape[:2]
            steps = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
            bias = "b" in layer.params
            module = nn.Conv2d(channels, filters, layer.kernel_size, **steps, bias=bias, device="meta")
            return _with(module, weight=layer.params["w"], bias=layer.params.get("b"))
        case layers.BilinearUpsampling():
            channels, factor = len(layer.params["w"]), layer.stride
            steps = {"stride": factor, "padding": layer.padding, "bias": False}
            module = nn.ConvTranspose2d(channels, channels, 2 * factor, **steps, device="meta")
            return _with(module, weight=layer.params["w"])
        case layers.BatchNorm():
            module = nn.BatchNorm2d(len(layer.params["gamma"]), momentum=layer.momentum)
            for name, array in layer.buffers.items():
                setattr(module, name, tensor(array).clone())
            return _with(module, weight=layer.params["gamma"], bias=layer.params["beta"])
        case layers.ReLU():
            return nn.ReLU(inplace=True)
        case layers.MaxPool():
            return nn.MaxPool2d(
                layer.kernel_size, layer.stride, dilation=layer.dilation, ceil_mode=layer.ceil_mode
            )
        case layers.Dropout():
            return nn.Dropout(layer.p)
    raise TypeError(f"there is no module for {type(layer).__name__}")


def _with(module: Any, **weights: Array | None) -> Any:
    """Give a module copies of our weights."""
    for name, array in weights.items():
        if array is not None:
            setattr(module, name, torch.nn.Parameter(tensor(array).clone()))
    return module


def _add(scores: Any, skip: Any, offset: int) -> Any:
    """Lay a skip, cropped by its offset, over the scores, and add what lies over each other."""
    height, width = (min(have, there - offset) for have, there in zip(scores.shape[2:], skip.shape[2:]))
    cropped = skip[:, :, offset : offset + height, offset : offset + width]
    return scores[:, :, :height, :width] + cropped
