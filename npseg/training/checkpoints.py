"""A training on disk: all that it takes to use the network, or to go on as if nothing had happened.

A checkpoint is an ordinary ``.npz``: a zip archive of ``.npy`` arrays, with the rest as JSON in
``metadata.json``, and a line for each member in ``sha256sums``, which the tool of that name can check.
Nothing is pickled, so that loading runs no code, and ``unzip`` shows all there is.

Two promises. A process killed while saving leaves the old file whole, because the new one is written beside
it and takes its place at one stroke. And a file that was cut short or altered is refused, because nothing is
read from it before the sum of every member is right.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from npseg import kinds
from npseg.archives import check_sizes, read_array
from npseg.arguments import listed
from npseg.backend import Array, array_module, to_numpy
from npseg.files import replacing

_VERSION = 1
_SUMS, _METADATA = "sha256sums", "metadata.json"
_DESCRIPTIONS = ("network", "optimizer", "progress")
_DICTS = ("weights", "optimizer_state")
_ARRAYS = ("colors", "mean", "std")


@dataclass(eq=False)
class Checkpoint:
    """A network, how far its training is, and what its labels mean.

    Attributes
    ----------
    network : dict
        The name and the arguments that rebuild the network. This and the other descriptions are JSON: tuples
        come back as lists, keys as strings, integers of any size and floats (nan too) as they were.
    weights : dict of str to ndarray
        Parameters and buffers by name.
    optimizer : dict
        The name and the settings of the optimizer.
    optimizer_state : dict of str to ndarray
        What ``Optimizer.state()`` returned.
    progress : dict
        Seed, epoch, step, settings, history: whatever the loop needs to go on.
    classes : tuple of str
        The names of the classes.
    colors : ndarray of uint8, shape (classes, 3)
        The colour of each class, red green blue.
    mean, std : ndarray of float64, shape (3,)
        What is subtracted from an image, and what it is then divided by.

    Raises
    ------
    ValueError
        If `colors`, `mean` or `std` has another shape or dtype.

    Examples
    --------
    >>> checkpoint = Checkpoint(
    ...     {"name": "fcn8s", "classes": 1}, {"conv.w": np.ones((2, 3))}, {"name": "sgd"}, {}, {"epoch": 3}, ("sky",),
    ...     np.zeros((1, 3), np.uint8), np.zeros(3), np.ones(3),
    ... )
    >>> checkpoint.progress["epoch"]
    3
    """

    network: dict[str, Any]
    weights: dict[str, np.ndarray]
    optimizer: dict[str, Any]
    optimizer_state: dict[str, np.ndarray]
    progress: dict[str, Any]
    classes: tuple[str, ...]
    colors: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def __post_init__(self) -> None:
        for name in _DESCRIPTIONS:
            if not isinstance(getattr(self, name), dict):
                raise ValueError(f"checkpoint: {name} is {getattr(self, name)!r}; a dict is needed")
        for name in _DICTS:
            kinds.arrays("checkpoint", name, getattr(self, name))
        kinds.members("checkpoint", "classes", self.classes, str, "a list of names")
        needed = {"colors": ((len(self.classes), 3), np.uint8), "mean": ((3,), float), "std": ((3,), float)}
        for name, (shape, dtype) in needed.items():
            array = kinds.instance("checkpoint", name, getattr(self, name), np.ndarray, "an array")
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"checkpoint: {name} is {array.dtype} {array.shape}, needed is {np.dtype(dtype)} {shape}"
                )


def save(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a checkpoint, or leave what was there before: never a part of one.

    Parameters
    ----------
    path : path
        Where; the usual ending is ``.npz``. A file that is already there is replaced.
    checkpoint : Checkpoint
        What. The same checkpoint always gives the same bytes.

    Raises
    ------
    TypeError
        If a description does not fit into JSON, or an array holds Python objects.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> checkpoint = Checkpoint(
    ...     {"name": "fcn"}, {"conv.w": np.ones((2, 3))}, {"name": "sgd"}, {}, {"seed": 2**100}, ("sky",),
    ...     np.zeros((1, 3), np.uint8), np.zeros(3), np.ones(3),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/run.npz", checkpoint)
    ...     load(f"{folder}/run.npz").progress["seed"] == 2**100
    True
    """
    kinds.instance("checkpoint", "checkpoint", checkpoint, Checkpoint, "a Checkpoint")
    with replacing(kinds.path("checkpoint", "path", path)) as file:
        _write(file, checkpoint)


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint, once all of it is known to be what was saved.

    Parameters
    ----------
    path : path
        A file that :func:`save` wrote.

    Returns
    -------
    Checkpoint
        The arrays bit for bit.

    Raises
    ------
    ValueError
        If the file is missing, is no checkpoint, was cut short or altered, or has another version.
    """
    path = kinds.path("checkpoint", "path", path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(archive, packed=False)
            _verify(archive)
            return _read(archive)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except Exception as error:  # over damaged bytes, zipfile and NumPy raise a dozen kinds
        raise ValueError(f"{path}: not a checkpoint, or damaged: {error}") from None


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is one that ``save`` wrote, altered or not, and not just any zip archive.

    Examples
    --------
    >>> is_checkpoint("nowhere.npz")
    False
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return bool({_SUMS, _METADATA} & set(archive.namelist()))
    except Exception:  # over damaged bytes, zipfile raises a dozen kinds
        return False


def restore(params: Mapping[str, Array], weights: Mapping[str, np.ndarray], *, what: str) -> None:
    """Copy saved values into existing arrays, all of them or none.

    Parameters
    ----------
    params : dict of str to array
        The arrays to fill, in place; on any array library.
    weights : dict of str to ndarray
        Their values: the same names and shapes, and dtypes that need no rounding.
    what : str
        What is being restored, for the message.

    Raises
    ------
    ValueError
        If anything does not fit; nothing has been changed then.

    Examples
    --------
    >>> w = np.zeros(3)
    >>> restore({"w": w}, {"w": np.arange(3.0)}, what="run.npz")
    >>> w
    array([0., 1., 2.])
    >>> restore({"w": w}, {"v": np.arange(3.0)}, what="run.npz")
    Traceback (most recent call last):
    ValueError: run.npz: of another network: missing: w; unexpected: v
    """
    check_fit(params, kinds.arrays(what, "weights", weights), what=what)
    for name, param in params.items():
        param[...] = array_module(param).asarray(weights[name])


def check_fit(params: Mapping[str, Array], weights: Mapping[str, np.ndarray], *, what: str) -> None:
    """Refuse values that are not for arrays of these names, shapes and dtypes; as :func:`restore` does.

    Examples
    --------
    >>> check_fit({"w": np.zeros(3)}, {"w": np.zeros(2)}, what="run.npz")
    Traceback (most recent call last):
    ValueError: run.npz: of another network: misshapen: w is (2,) instead of (3,)
    """
    kept = [name for name in params if name in weights]
    wrong = {
        "missing": [name for name in params if name not in weights],
        "unexpected": [name for name in weights if name not in params],
        "misshapen": [
            f"{n} is {weights[n].shape} instead of {tuple(params[n].shape)}"
            for n in kept
            if weights[n].shape != tuple(params[n].shape)
        ],
        "would be rounded": [
            f"{n} from {weights[n].dtype} to {params[n].dtype}"
            for n in kept
            if not np.can_cast(weights[n].dtype, params[n].dtype)
        ],
    }
    if any(wrong.values()):
        found = "; ".join(f"{kind}: {listed(names)}" for kind, names in wrong.items() if names)
        raise ValueError(f"{what}: of another network: {found}")


def _write(file: IO[bytes], checkpoint: Checkpoint) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in _members(checkpoint):
            if array.dtype.hasobject:
                raise TypeError(
                    f"checkpoint: {name} holds Python objects; only arrays of numbers can be saved"
                )
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        _write_text(archive, _METADATA, _metadata(checkpoint))
        _write_text(archive, _SUMS, _sums(archive))


def _write_text(archive: zipfile.ZipFile, name: str, text: str) -> None:
    # Unlike writestr, this puts no time of day into the archive.
    with archive.open(name, "w") as member:
        member.write(text.encode())


def _members(checkpoint: Checkpoint) -> Iterable[tuple[str, np.ndarray]]:
    for field in _ARRAYS:
        yield field, getattr(checkpoint, field)
    for field in _DICTS:
        for name, array in getattr(checkpoint, field).items():
            yield f"{field}/{name}", to_numpy(array)


def _metadata(checkpoint: Checkpoint) -> str:
    metadata: dict[str, Any] = {"version": _VERSION, "classes": list(checkpoint.classes)}
    metadata |= {field: getattr(checkpoint, field) for field in _DESCRIPTIONS}
    try:
        return json.dumps(metadata, indent=1)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"checkpoint: {' or '.join(_DESCRIPTIONS)} does not fit into JSON: {error}"
        ) from error


def _sums(archive: zipfile.ZipFile) -> str:
    """List every member with its SHA-256: of an array, that covers dtype, shape and bytes."""
    lines = []
    for name in archive.namelist():
        if name != _SUMS:
            lines.append(f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n")
    return "".join(lines)


def _verify(archive: zipfile.ZipFile) -> None:
    if _SUMS not in archive.namelist():
        raise ValueError(f"it has no member {_SUMS!r}, which npseg writes")
    written, found = archive.read(_SUMS).decode().splitlines(), _sums(archive).splitlines()
    if written != found:
        names = sorted({line.partition("  ")[2] for line in set(written) ^ set(found)})
        raise ValueError(f"altered since it was saved: {listed(names) or 'the order of its members'}")


def _read(archive: zipfile.ZipFile) -> Checkpoint:
    metadata = json.loads(archive.read(_METADATA))
    if metadata.get("version") != _VERSION:
        raise ValueError(f"it has version {metadata.get('version')}, this npseg reads version {_VERSION}")
    missing = [field for field in (*_DESCRIPTIONS, "classes") if field not in metadata]
    if missing:
        raise ValueError(f"{_METADATA} lacks {', '.join(missing)}")
    fields: dict[str, Any] = {field: metadata[field] for field in _DESCRIPTIONS}
    fields |= {field: read_array(archive, f"{field}.npy") for field in _ARRAYS}
    fields |= {field: _arrays_under(archive, f"{field}/") for field in _DICTS}
    return Checkpoint(classes=tuple(metadata["classes"]), **fields)


def _arrays_under(archive: zipfile.ZipFile, folder: str) -> dict[str, np.ndarray]:
    members = [name for name in archive.namelist() if name.startswith(folder)]
    return {name.removeprefix(folder).removesuffix(".npy"): read_array(archive, name) for name in members}
