"""By which names weights are known: npseg's own, PyTorch's, and torchvision's.

A layer of npseg has the parameters ``w`` and ``b``, a batch norm ``gamma`` and ``beta``, as papers write them; in
PyTorch both pairs are called ``weight`` and ``bias``. The shapes are the same, and so is the order of the numbers:
(C_out, C_in, H, W) for a convolution, (C_in, C_out, H, W) for a transposed one. So a *state dict* of PyTorch's is ours
with other names, and the way there and back copies bit for bit.

Where a network has VGG-16's layers, known by the last part of their names, ``conv1_1`` to ``conv5_3``, ``fc6`` and
``fc7``, they can go by torchvision's names, ``features.0.weight`` to ``classifier.3.bias``. There fc6 and fc7 are
matrices: a matrix that takes a plane of 512 x 7 x 7, flat, is a 7x7 convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from npseg import arguments, kinds
from npseg.arguments import listed
from npseg.backend import Array, to_numpy
from npseg.layers import Container
from npseg.networks.vgg import torchvision_names

#: Parameters by our names and PyTorch's; what is called the same in both, such as running statistics, is left out.
_PARTS = {"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}

#: Whose names of layers a state dict can have.
SPELLINGS = ("own", "torchvision")


def state_dict(network: Container, *, names: str = "own") -> dict[str, np.ndarray]:
    """Return a network's weights as PyTorch would call them.

    Parameters
    ----------
    network : Network
        Its parameters and buffers are copied, to the host if they lie on a device.
    names : {"own", "torchvision"}
        Whose names of the layers: the network's own, or torchvision's for those of VGG-16.

    Returns
    -------
    dict of str to ndarray
        What a module of PyTorch with the same layers loads, once ``torch.from_numpy`` has made tensors of it.
        :func:`npseg.networks.weights.transplant` takes it back.

    Raises
    ------
    ValueError
        If there are no such names, or the network has none of VGG-16's layers.

    Examples
    --------
    >>> from npseg.networks import make
    >>> network = make("fcn32s", 4, width=2, fc=4)
    >>> list(state_dict(network))[:3]
    ['to_pool3.conv1_1.weight', 'to_pool3.conv1_1_norm.weight', 'to_pool3.conv1_1_norm.bias']
    >>> list(state_dict(network, names="torchvision"))[:3]
    ['features.0.weight', 'features.1.weight', 'features.1.bias']
    """
    kinds.instance("state_dict", "network", network, Container, "a network")
    weights = {name: to_numpy(a).copy() for name, a in (network.params | network.buffers).items()}
    return spelled(weights, names=names)


def spelled(weights: Mapping[str, np.ndarray], *, names: str = "own") -> dict[str, np.ndarray]:
    """Return weights under PyTorch's names: the same arrays.

    Parameters
    ----------
    weights : dict of str to ndarray
        By npseg's names; those that are PyTorch's already stay.
    names : {"own", "torchvision"}
        As of :func:`state_dict`.

    Raises
    ------
    ValueError
        As :func:`state_dict` does.

    Examples
    --------
    >>> list(spelled({"conv.w": np.ones((8, 3, 3, 3)), "norm.gamma": np.ones(8), "norm.running_var": np.ones(8)}))
    ['conv.weight', 'norm.weight', 'norm.running_var']
    """
    arguments.choice("weights", "names", names, SPELLINGS)
    weights = kinds.arrays("weights", "weights", weights)
    if names == "own":
        return {pytorch_name(name): array for name, array in weights.items()}
    theirs = _vggs(weights, batch_norm=any(_layer(name) == "conv1_1_norm" for name in weights))
    if not theirs:
        raise ValueError("names='torchvision': the network has none of VGG-16's layers, such as conv1_1")
    return {theirs.get(name, pytorch_name(name)): _as_theirs(name, array) for name, array in weights.items()}


def pytorch_name(name: str) -> str:
    """Return the name that a parameter has in PyTorch.

    Examples
    --------
    >>> pytorch_name("down1.conv1.w"), pytorch_name("down1.norm1.beta"), pytorch_name("down1.norm1.running_mean")
    ('down1.conv1.weight', 'down1.norm1.bias', 'down1.norm1.running_mean')
    """
    kinds.instance("pytorch_name", "name", name, str, "the name of a parameter")
    layer, dot, part = name.rpartition(".")
    return f"{layer}{dot}{_PARTS.get(part, part)}"


def found_under(places: Iterable[str], weights: Mapping[str, Array], what: str) -> dict[str, str]:
    """Return, for the places in a network that weights have something for, the name that it has among them.

    Parameters
    ----------
    places : iterable of str
        The network's parameters and buffers.
    weights : dict of str to array
        By npseg's names, PyTorch's or torchvision's.
    what : str
        Where the weights are from, for messages.

    Raises
    ------
    ValueError
        If the weights are VGG's, and the network has none of its layers, or not all of those that it has are there.

    Examples
    --------
    >>> found_under(["conv.w", "conv.b", "score.w"], {"conv.weight": np.ones(1), "conv.b": np.ones(1)}, "weights")
    {'conv.w': 'conv.weight', 'conv.b': 'conv.b'}
    """
    places = kinds.members("found_under", "places", places, str, "a list of names")
    weights = kinds.mapping("found_under", "weights", weights, None, "a dict of arrays by name")
    own = {place: name for place in places for name in (pytorch_name(place), place) if name in weights}
    return own | (_of_vgg(weights, places, own, what) if is_vgg(weights) else {})


def is_vgg(weights: Mapping[str, Array]) -> bool:
    """Say whether weights have the names of torchvision's VGG.

    Examples
    --------
    >>> is_vgg({"features.0.weight": np.zeros((64, 3, 3, 3))}), is_vgg({"to_pool3.conv1_1.w": np.zeros((64, 3, 3, 3))})
    (True, False)
    """
    kinds.mapping("is_vgg", "weights", weights, None, "a dict of arrays by name")
    return any(name.startswith("features.") for name in weights)


def _of_vgg(
    weights: Mapping[str, Array], places: Iterable[str], own: Mapping[str, str], what: str
) -> dict[str, str]:
    """Return the name among torchvision's of each place in the network that is one of VGG's."""
    batch_norm = "features.1.weight" in weights
    named = _vggs(places, batch_norm=batch_norm)
    if not named:
        raise ValueError(f"{what}: of VGG-16, and the network has none of its layers, such as conv1_1")
    if batch_norm and not any(name.endswith(".running_mean") for name in named):
        raise ValueError(
            f"{what}: of VGG-16 with batch norm, and the network has none; make it with batch_norm=True (--batch-norm)"
        )
    named = {place: theirs for place, theirs in named.items() if theirs in weights or place not in own}
    missing = [f"{theirs} (for {place})" for place, theirs in named.items() if theirs not in weights]
    if missing:
        raise ValueError(f"{what}: not all of VGG-16 is there; missing: {listed(missing)}")
    return named


def _vggs(places: Iterable[str], *, batch_norm: bool) -> dict[str, str]:
    """Return torchvision's names of those places that are in a layer of VGG-16's."""
    layers = torchvision_names(batch_norm=batch_norm)
    return {
        place: f"{layers[_layer(place)]}.{pytorch_name(place).rpartition('.')[2]}"
        for place in places
        if _layer(place) in layers
    }


def _as_theirs(name: str, array: np.ndarray) -> np.ndarray:
    """Return what is a matrix in torchvision's VGG, fc6 and fc7, as one; anything else as it is."""
    return array.reshape(len(array), -1) if array.ndim == 4 and _layer(name) in ("fc6", "fc7") else array


def _layer(name: str) -> str:
    """Return the last part of a layer's name, from that of a parameter."""
    return name.rpartition(".")[0].rpartition(".")[2]
