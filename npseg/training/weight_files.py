"""Files of weights that other programs read, too: arrays under names, and a note on what they are of.

Both formats are made of bare numbers. A ``.npz`` is a zip archive of ``.npy`` arrays, and NumPy reads it; the note is
one more member, ``npseg.json``. A ``.safetensors`` is one block of numbers with a table of contents, which PyTorch's
users know; its metadata has room for the note, under ``npseg``. Nothing is pickled, and nothing in a file is run.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from npseg.archives import check_sizes, read_array
from npseg.files import replacing

#: The member of a ``.npz`` archive, and the entry in the metadata of a ``.safetensors`` file, that has the note.
NOTE, ENTRY = "npseg.json", "npseg"


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], note: Mapping[str, Any] | None = None) -> None:
    """Write arrays, and a note that fits into JSON; the file is whole or not there.

    Parameters
    ----------
    path : Path
        Where to; its ending says in which format, ``.npz`` or ``.safetensors``.
    arrays : dict of str to ndarray
        The same arrays always give the same bytes.
    note : dict, optional
        What is to be known about them.

    Raises
    ------
    ValueError
        If the ending is another, or the package that writes the format is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_arrays(Path(folder, "a.npz"), {"conv.weight": np.ones(3)}, {"classes": ["sky"]})
    ...     read_arrays(Path(folder, "a.npz"))
    ({'conv.weight': array([1., 1., 1.])}, {'classes': ['sky']})
    """
    text = None if note is None else json.dumps(note, indent=1)
    write = {".npz": _write_npz, ".safetensors": _write_safetensors}.get(path.suffix)
    if write is None:
        raise ValueError(f"{path}: weights are written to a .npz or .safetensors file")
    if write is _write_safetensors:
        _import_safetensors(path)  # refused before anything is touched
    with replacing(path) as file:
        write(file, arrays, text)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any] | None]:
    """Read what :func:`write_arrays` wrote, or any other file of arrays in one of its formats, which has no note.

    Parameters
    ----------
    path : Path
        A ``.npz`` or ``.safetensors`` file.

    Returns
    -------
    arrays : dict of str to ndarray
        By name.
    note : dict or None
        What is known about them.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind, or the package that reads it is missing.
    """
    text: str | bytes | None
    if path.suffix == ".safetensors":
        arrays, text = _read_safetensors(path)
    elif path.suffix == ".npz":
        arrays, text = _read_npz(path)
    else:
        raise ValueError(f"{path}: weights are read from a checkpoint, or from a .npz or .safetensors file")
    return arrays, None if text is None else _parsed(path, text)


def has_note(path: str | PathLike[str]) -> bool:
    """Say whether a file is one of those that have room for a note, and in a zip archive whether one is there.

    Examples
    --------
    >>> has_note("nowhere.npz"), has_note("model.safetensors")
    (False, True)
    """
    if Path(path).suffix == ".safetensors":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return NOTE in archive.namelist()
    except Exception:  # over damaged bytes, zipfile raises a dozen kinds
        return False


def _parsed(path: Path, text: str | bytes) -> dict[str, Any]:
    try:
        note = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {NOTE} in it is damaged: {error}") from None
    if not isinstance(note, dict):
        raise ValueError(f"{path}: {NOTE} in it is damaged: it is no table")
    return note


def _write_npz(file: IO[bytes], arrays: Mapping[str, np.ndarray], text: str | None) -> None:
    # Unlike numpy.savez, this takes any name; unlike writestr, it puts no time of day into the archive.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        if text is not None:
            with archive.open(NOTE, "w") as member:
                member.write(text.encode())


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], bytes | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(archive, packed=True)
            names = archive.namelist()
            text = archive.read(NOTE) if NOTE in names else None
            arrays = {name.removesuffix(".npy"): read_array(archive, name) for name in names if name != NOTE}
    except Exception as error:  # over damaged bytes, zipfile and NumPy raise a dozen kinds
        raise ValueError(f"{path}: no .npz file of arrays, or damaged: {error}") from None
    return arrays, text


def _write_safetensors(file: IO[bytes], arrays: Mapping[str, np.ndarray], text: str | None) -> None:
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(save(contiguous, metadata=None if text is None else {ENTRY: text}))


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    safetensors = _import_safetensors(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            return arrays, (file.metadata() or {}).get(ENTRY)
    except Exception as error:  # damaged, or of types that NumPy lacks
        raise ValueError(f"{path}: no .safetensors file, or damaged: {error}") from None


def _import_safetensors(path: Path) -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ValueError(
            f"{path}: needs the package safetensors: pip install 'npseg[weights]'; or take a .npz file"
        ) from None
    return safetensors
