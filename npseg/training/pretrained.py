"""Weights in a file, to start a training from: a checkpoint of another network, or VGG-16 as it knows photographs.

What a network has learned, it has learned on images that were normalised in a certain way. So this goes with the
weights: the mean and the deviation of a checkpoint's images, or ImageNet's, by which torchvision's VGG was trained.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from npseg import networks
from npseg.data import Normalization
from npseg.networks import Network, vgg
from npseg.networks.weights import Report, is_vgg, transplant
from npseg.planes import Blank
from npseg.training import checkpoints


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
        Name and settings of the network that they are of, if they are a checkpoint's.

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

    @property
    def is_vgg(self) -> bool:
        """Whether they are torchvision's VGG-16."""
        return is_vgg(self.weights)

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
        others = self.classes is not None and self.classes != classes
        anew = _of_classes(**{**config, "classes": len(classes)}) if others else ()
        return transplant(network, self.weights, anew=anew, what=self.path)


def read_weights(path: str | PathLike[str]) -> Pretrained:
    """Read weights from a file.

    Parameters
    ----------
    path : path
        A checkpoint that training has written; or a ``.npz`` or ``.safetensors`` file of arrays, by the names of one of
        our networks or of torchvision's VGG-16. Nothing in it is run: there is no pickle.

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
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        return _of_arrays(path, _safetensors(path))
    if path.suffix != ".npz":
        raise ValueError(f"{path}: weights are read from a checkpoint, or from a .npz or .safetensors file")
    if checkpoints.is_checkpoint(path):
        return _of_checkpoint(path)
    return _of_arrays(path, _npz(path))


def _of_checkpoint(path: Path) -> Pretrained:
    checkpoint = checkpoints.load(path)
    normalization = Normalization(checkpoint.mean, checkpoint.std)
    return Pretrained(str(path), checkpoint.weights, normalization, checkpoint.classes, checkpoint.network)


def _of_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Pretrained:
    kinds = {
        getattr(arrays[name], "dtype", np.dtype(object)).kind for name in arrays if name[-7:] != "tracked"
    }
    if kinds != {"f"}:  # a batch norm of PyTorch's has also tracked how many batches there were
        raise ValueError(f"{path}: holds other things than arrays of floats, or nothing")
    normalization = Normalization(*map(np.array, vgg.IMAGENET)) if is_vgg(arrays) else None
    return Pretrained(str(path), arrays, normalization)


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no zip archive")
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no .npz file of arrays, or damaged: {error}") from None


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise ValueError(
            f"{path}: needs the package safetensors: pip install 'npseg[weights]'; or save the arrays as a .npz file"
        ) from None
    try:
        arrays: dict[str, np.ndarray] = load_file(path)
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
    ) as error:  # the last two: of types that NumPy lacks
        raise ValueError(f"{path}: no .safetensors file, or damaged: {error}") from None
    return arrays


def _of_classes(name: str, classes: int, **settings: Any) -> set[str]:
    """Return the names of what changes its shape with the number of classes: the score layers' parameters."""
    settings["seed"] = Blank(settings.get("dtype", "float32"))
    one, other = (networks.make(name, count, **settings) for count in (classes, classes + 1))
    shapes = {key: p.shape for key, p in {**one.params, **one.buffers}.items()}
    return {key for key, p in {**other.params, **other.buffers}.items() if p.shape != shapes[key]}
