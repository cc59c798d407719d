"""Weights from elsewhere: a network starts from what another has learned, or from a classifier of photographs.

Two kinds of names are known (:mod:`npseg.networks.names`). Those of npseg's own networks, as npseg or as PyTorch
writes them: what has the same name and the same shape is taken over, so that FCN-16s begins as the FCN-32s that was
trained before it, and FCN-8s as the FCN-16s. And those of torchvision's VGG-16, ``features.0.weight`` to
``classifier.6.bias``: its convolutions go where a network has VGG's layers, and its first two fully connected layers
become the convolutions fc6 and fc7. For a matrix that took a plane of 512 x 7 x 7, flat, is a 7x7 convolution: the
same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from npseg import arguments, kinds
from npseg.arguments import listed
from npseg.backend import Array, array_module, to_numpy
from npseg.layers import BilinearUpsampling, Container
from npseg.layers.containers import leaves
from npseg.networks.names import found_under, is_vgg


class Report(NamedTuple):
    """What became of weights that a network was given.

    Attributes
    ----------
    taken : tuple of str
        Parameters and running statistics of the network that were taken over.
    new : tuple of str
        Those that start as they would have without.
    unused : tuple of str
        Weights for which the network has no place.
    rescaled : tuple of str
        Those of the taken that were multiplied on the way.

    Examples
    --------
    >>> print(Report(("conv.w", "conv.b"), ("score.w", "score.b"), ()))
    2 of 4 arrays taken over; new: score
    """

    taken: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]
    rescaled: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a line; a layer that is new as a whole by its own name."""
        known = {_layer(name) for name in self.taken}
        new = [name if _layer(name) in known else _layer(name) for name in self.new]
        said = f"{len(self.taken)} of {len(self.taken) + len(self.new)} arrays taken over"
        listings = {"new": dict.fromkeys(new), "not used": self.unused, "rescaled": self.rescaled}
        for title, names in listings.items():
            said += f"; {title}: {listed(list(names))}" if names else ""
        return said


def transplant(
    network: Container,
    weights: Mapping[str, Array],
    *,
    anew: Collection[str] = (),
    factors: Mapping[str, float] | None = None,
    what: str = "weights",
) -> Report:
    """Start a network from weights: copy what has its name and its shape, all of it or nothing.

    Parameters
    ----------
    network : Network
        Its parameters, and running statistics, are written to; the others stay as they are, so that new skips are 0
        and upsampling is bilinear. That by another factor is other upsampling, though it has the name.
    weights : dict of str to array
        By the names of one of our networks, as npseg or as PyTorch writes them, or of torchvision's ``vgg16`` or
        ``vgg16_bn``.
    anew : collection of str
        Parameters of the network that shall not be taken over: the score layers, where classes are others.
    factors : dict of str to float, optional
        By what parameters of the network are multiplied on the way: the weights of FCN's skips, between a network that
        scales what they read and one that does not. Arrays do not tell whether theirs did;
        :meth:`npseg.training.Pretrained.into`, which knows the network that they are of, does.
    what : str
        Where the weights are from, for messages.

    Returns
    -------
    Report
        What was taken over, what is new, and what was not used.

    Raises
    ------
    ValueError
        If shapes differ: the parameter, the shape found, and the one needed; if VGG's layers are not all there, weights
        are not finite, or none has a place in the network.

    Examples
    --------
    >>> from npseg.networks import FCN
    >>> parent, network = (FCN(4, head=head, width=2, fc=4, seed=seed) for seed, head in enumerate(("32s", "16s")))
    >>> print(transplant(network, parent.params | parent.buffers))
    77 of 81 arrays taken over; new: upscore2, score_pool4, upscore; not used: upscore.w
    >>> bool((network.params["to_score.fc6.w"] == parent.params["to_score.fc6.w"]).all())
    True
    """
    kinds.instance("transplant", "network", network, Container, "a network")
    kinds.members("transplant", "anew", anew, str, "a list of names")
    factors = _factors(factors)
    weights = kinds.arrays(what if isinstance(what, str) else "transplant", "weights", weights)
    places = {**network.params, **network.buffers}
    named = found_under(places, weights, what)
    upsampling = [f"{name}.w" for name, layer in leaves(network) if isinstance(layer, BilinearUpsampling)]
    other = {n for n in upsampling if n in named and weights[named[n]].shape != places[n].shape}
    found = {
        name: _shaped(to_numpy(weights[named[name]]), place)
        for name, place in places.items()
        if name in named and name not in other and name not in anew
    }
    _check(found, named, places, what)
    for name, values in found.items():
        _write(places[name], values * factors[name] if name in factors else values)
    used = {named[name] for name in found}
    if is_vgg(weights):
        used |= _take_biases_off(found, named, weights, places)
    return Report(
        taken=tuple(found),
        new=tuple(name for name in places if name not in found),
        unused=tuple(n for n in weights if n not in used and not n.endswith("num_batches_tracked")),
        rescaled=tuple(name for name in found if name in factors),
    )


def _factors(given: Mapping[str, float] | None) -> dict[str, float]:
    """Check the factors of weights."""
    needed = "a dict of numbers by the names of parameters"
    factors: dict[str, object] = kinds.mapping(
        "transplant", "factors", {} if given is None else given, None, needed
    )
    return {name: arguments.real("transplant", f"factors[{name!r}]", one) for name, one in factors.items()}


def _shaped(values: np.ndarray, place: Array) -> np.ndarray:
    """Return a matrix as the convolution that it is, flat; anything else as it is."""
    flat = values.ndim == 2 and place.ndim == 4 and len(values) == len(place) and values.size == place.size
    return values.reshape(place.shape) if flat else values


def _check(
    found: Mapping[str, np.ndarray], named: Mapping[str, str], places: Mapping[str, Array], what: str
) -> None:
    """Refuse weights that do not fit, are no numbers, or are none."""
    if not found:
        raise ValueError(f"{what}: of another network: none of its weights has a place in this one")
    misshapen = [
        f"{named[name]} is {values.shape}, and {name} needs {tuple(places[name].shape)}"
        for name, values in found.items()
        if values.shape != tuple(places[name].shape)
    ]
    if misshapen:
        raise ValueError(f"{what}: of a network of another shape: {listed(misshapen, most=3)}")
    others = [named[name] for name, values in found.items() if values.dtype.kind not in "iuf"]
    if others:
        raise ValueError(f"{what}: weights that are no real numbers: {listed(others)}")
    endless = [named[name] for name, values in found.items() if not _finite(values)]
    if endless:
        raise ValueError(f"{what}: nan or infinite: {listed(endless)}")


def _finite(values: np.ndarray) -> bool:
    """Say whether all are finite, without an array of answers."""
    return bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def _take_biases_off(
    found: Collection[str],
    named: Mapping[str, str],
    weights: Mapping[str, Array],
    places: Mapping[str, Array],
) -> set[str]:
    """Where a norm follows, take the bias, which our convolutions then lack, off the mean that the norm subtracts.

    Return the names of the biases.
    """
    used = set()
    for name in found:
        layer, norm, part = name.rpartition("_norm.")
        bias = f"{named.get(f'{layer}.w', '').removesuffix('.weight')}.bias"
        if norm and part == "running_mean" and f"{layer}.b" not in places and bias in weights:
            _write(places[name], to_numpy(weights[named[name]]) - to_numpy(weights[bias]))
            used.add(bias)
    return used


def _write(place: Array, values: np.ndarray) -> None:
    """Copy into an array, of any library, by its dtype."""
    place[...] = array_module(place).asarray(values, place.dtype)


def _layer(name: str) -> str:
    return name.rpartition(".")[0] or name
