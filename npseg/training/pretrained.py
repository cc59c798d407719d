"""Weights in a file: to start a training from, to take to PyTorch, and to bring back from there.

They are a checkpoint's of another network, or VGG-16's as it knows photographs, or come from a state dict. What a
network has learned, it has learned on images that were normalised in a certain way. So this goes with the weights: the
mean and the deviation of a checkpoint's images, or ImageNet's, by which torchvision's VGG was trained. What else it
takes to label an image, the network's settings and the classes with their colours, goes with them as far as it is
known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from npseg import kinds, networks
from npseg.data import Normalization
from npseg.networks import Network, vgg
from npseg.networks.names import is_vgg, spelled
from npseg.networks.weightless import weightless
from npseg.networks.weights import Report, transplant
from npseg.predict import Labeller
from npseg.training import checkpoints
from npseg.training.weight_files import read_arrays, write_arrays


@dataclass(frozen=True, eq=False)
class Pretrained:
    """Weights, and what goes with them.

    Attributes
    ----------
    path : str
        The file that they are from, for messages.
    weights : dict of str to ndarray
        By name.
    normalization : Normalization or None
        What their images were normalised by, where that is known.
    classes : tuple of str or None
        The classes that they tell apart, where they are known and of use.
    network : dict
        Name and settings of the network that they are of, where that is known.
    colors : (classes, 3) uint8 array or None
        The colours of the classes, where they are known.

    Examples
    --------
    >>> from npseg.networks import make
    >>> parent = make("fcn32s", 4, width=2, fc=4, seed=1)
    >>> pretrained = Pretrained("memory", parent.params | parent.buffers)
    >>> config = {"name": "fcn16s", "width": 2, "fc": 4}
    >>> print(pretrained.into(make(**config, classes=4), config, ("sky", "tree", "lawn", "cat")))
    77 of 81 arrays taken over; new: upscore2, score_pool4, upscore; not used: upscore.w
    """

    path: str
    weights: dict[str, np.ndarray]
    normalization: Normalization | None = None
    classes: tuple[str, ...] | None = None
    network: dict[str, Any] = field(default_factory=dict)
    colors: np.ndarray | None = None

    @property
    def is_vgg(self) -> bool:
        """Whether they are torchvision's VGG-16, and of no network of ours that has its names."""
        return is_vgg(self.weights) and not self.network

    def settings_for(self, name: str) -> dict[str, Any] | None:
        """Return the settings by which the network of this name has the shapes of these weights, if that is known."""
        if self.is_vgg:
            return dict(networks.model(name).published)
        own = dict(self.network)
        if not own or networks.model(own.pop("name")).kind != networks.model(name).kind:
            return None
        return {key: value for key, value in own.items() if key not in ("classes", "seed")}

    def into(self, network: Network, config: dict[str, Any], classes: tuple[str, ...]) -> Report:
        """Copy the weights into a network: where the classes are others, not those of its score layers.

        Between FCN-8s and FCN-8s at once, of which one scales what its skips read, these are rescaled, so that the
        scores stay what they were.

        Parameters
        ----------
        network : Network
            To be written to.
        config : dict
            The name and the settings that it was made by.
        classes : tuple of str
            The classes that it shall tell apart.

        Returns
        -------
        Report
            What was taken over.

        Raises
        ------
        ValueError
            If they do not fit, as :func:`npseg.networks.weights.transplant` says.
        """
        kinds.instance("pretrained", "network", network, Network, "a network")
        needed = "a dict of a network's name and settings"
        config = kinds.mapping("pretrained", "config", config, None, needed)
        if "name" not in config:
            raise ValueError(f"pretrained: config={config!r} has no name; {needed} is needed")
        classes = tuple(kinds.members("pretrained", "classes", classes, str, "a list of names"))
        others = self.classes is not None and self.classes != classes
        anew = _of_classes(**{**config, "classes": len(classes)}) if others else ()
        factors = self._factors(network)
        return transplant(network, self.weights, anew=anew, factors=factors, what=self.path)

    def _factors(self, network: Network) -> dict[str, float]:
        """Return by what weights are multiplied, so that what they read counts as much in a network as in their own."""
        if not self.network or networks.model(self.network["name"]).kind is not type(network):
            return {}
        theirs, ours = weightless(**{"classes": 1, **self.network}).factors, network.factors
        factors = {name: theirs.get(name, 1) / ours.get(name, 1) for name in (*theirs, *ours)}
        return {f"{name}.w": factor for name, factor in factors.items() if factor != 1}

    def labeller(self) -> Labeller:
        """Return the network that they are of, ready to label images.

        Raises
        ------
        ValueError
            If it is not known what network that is, and what it labels; or if some of its weights are missing.
        """
        kinds.arrays("pretrained", "weights", self.weights)
        own: dict[str, Any] = kinds.mapping(
            "pretrained", "network", self.network, None, "a dict of a network's name and settings"
        )
        if not own or self.classes is None or self.colors is None or self.normalization is None:
            raise ValueError(f"{self.path}: weights alone, of which it is not known what they label")
        kinds.members("pretrained", "classes", self.classes, str, "a list of names")
        config = {"classes": len(self.classes), **own}
        try:
            # First without memory for its weights: a file may claim a network of any size.
            blank = weightless(**config)
            needed = sum(array.size for array in (blank.params | blank.buffers).values())
            there = sum(array.size for array in self.weights.values())
            if needed > there:
                raise ValueError(
                    f"not all of the network is there: {needed:,} numbers, and the file has {there:,}"
                )
            network = networks.make(**config)
        except (TypeError, ValueError, MemoryError) as error:
            raise ValueError(f"{self.path}: {error}") from error
        report = transplant(network, self.weights, what=self.path)
        if report.new:
            raise ValueError(f"{self.path}: not all of the network is there: {report}")
        return Labeller(network, self.normalization, self.classes, self.colors)


def read_weights(path: str | PathLike[str]) -> Pretrained:
    """Read weights from a file.

    Parameters
    ----------
    path : path
        A checkpoint that training has written; a file that :func:`write_weights` has; or any other ``.npz`` or
        ``.safetensors`` file of arrays, by the names of one of our networks, as npseg or as PyTorch writes them, or of
        torchvision's VGG-16. Nothing in it is run: there is no pickle.

    Returns
    -------
    Pretrained

    Raises
    ------
    ValueError
        If the file is missing, damaged, or of another kind; or if the package that reads it is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/vgg16.npz", **{"features.0.weight": np.zeros((64, 3, 3, 3), "float32")})
    ...     pretrained = read_weights(f"{folder}/vgg16.npz")
    >>> pretrained.is_vgg, pretrained.normalization.mean.tolist()
    (True, [0.485, 0.456, 0.406])
    """
    path = kinds.path("read_weights", "path", path)
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    if path.suffix == ".npz" and checkpoints.is_checkpoint(path):
        return _of_checkpoint(path)
    return _of_arrays(path, *read_arrays(path))


def write_weights(path: str | PathLike[str], pretrained: Pretrained, *, names: str = "own") -> None:
    """Write weights to a file that PyTorch's users can load, with all that is known about them.

    Parameters
    ----------
    path : path
        Where to: a ``.npz`` or ``.safetensors`` file. What is there is replaced.
    pretrained : Pretrained
        The weights: :func:`read_weights` of a checkpoint, for instance.
    names : {"own", "torchvision"}
        Whose names of the layers, as in :func:`npseg.networks.names.state_dict`.

    Raises
    ------
    ValueError
        If the ending is another, there are no such names, or the package that writes the file is missing.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> weights = {"score.w": np.zeros((4, 8, 1, 1), "float32"), "score.b": np.zeros(4, "float32")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_weights(f"{folder}/model.npz", Pretrained("memory", weights, classes=("sky", "tree", "lawn", "cat")))
    ...     pretrained = read_weights(f"{folder}/model.npz")
    >>> list(pretrained.weights), pretrained.classes
    (['score.weight', 'score.bias'], ('sky', 'tree', 'lawn', 'cat'))
    """
    path = kinds.path("write_weights", "path", path)
    kinds.instance("write_weights", "pretrained", pretrained, Pretrained, "what read_weights returns")
    note: dict[str, Any] = {"network": pretrained.network} if pretrained.network else {}
    if pretrained.classes is not None:
        note["classes"] = list(pretrained.classes)
    if pretrained.colors is not None:
        note["colors"] = pretrained.colors.tolist()
    if pretrained.normalization is not None:
        note |= {key: value.tolist() for key, value in pretrained.normalization._asdict().items()}
    write_arrays(Path(path), spelled(pretrained.weights, names=names), note or None)


def _of_checkpoint(path: Path) -> Pretrained:
    c = checkpoints.load(path)
    return Pretrained(str(path), c.weights, Normalization(c.mean, c.std), c.classes, c.network, c.colors)


def _of_arrays(path: Path, arrays: dict[str, np.ndarray], note: dict[str, Any] | None) -> Pretrained:
    kinds = {getattr(array, "dtype", np.dtype(object)).kind for array in arrays.values()}
    # Whole numbers are a table of connections, or how many batches a batch norm of PyTorch's has seen.
    if not {"f"} <= kinds <= {"f", "i"}:
        raise ValueError(f"{path}: holds other things than arrays of floats, or nothing")
    if note is not None:
        return Pretrained(str(path), arrays, **_of_note(path, note))
    return Pretrained(
        str(path), arrays, Normalization(*map(np.array, vgg.IMAGENET)) if is_vgg(arrays) else None
    )


def _of_note(path: Path, note: dict[str, Any]) -> dict[str, Any]:
    """Return what is known about weights, from the note in their file."""
    known: dict[str, Any] = {}
    try:
        if "network" in note:
            known["network"] = {"name": str(note["network"]["name"]), **note["network"]}
        if "classes" in note:
            known["classes"] = tuple(map(str, note["classes"]))
        if "colors" in note:
            colors = np.array(note["colors"])
            known["colors"] = colors.astype(np.uint8).reshape(len(known["classes"]), 3)
            if not (known["colors"] == colors).all():
                raise ValueError("colours are whole numbers from 0 to 255")
        if "mean" in note:
            known["normalization"] = Normalization(
                *(np.array(note[key], float).reshape(3) for key in ("mean", "std"))
            )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: what it says about its weights is damaged: {error!r}") from None
    return known


def _of_classes(name: str, classes: int, **settings: Any) -> set[str]:
    """Return the names of what changes its shape with the number of classes: the score layers' parameters."""
    one, other = (weightless(name, count, **settings) for count in (classes, classes + 1))
    shapes = {key: p.shape for key, p in {**one.params, **one.buffers}.items()}
    return {key for key, p in {**other.params, **other.buffers}.items() if p.shape != shapes[key]}
