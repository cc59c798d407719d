"""Arrays in zip archives, read with distrust: what a file says of its sizes is held against what it has.

A ``.npz`` file is a zip archive of ``.npy`` members. Both say how large they are before they say what they hold, and
nothing keeps them from lying: a few bytes can promise terabytes, of zeros that unpack from nothing or of an array whose
header names a shape of its own liking. NumPy takes the memory first and finds out later. Here it is found out first.
Nothing is unpickled, and nothing is written to disk, so that a member's name is a name and no path.
"""

from __future__ import annotations

import os
import zipfile
from math import prod
from typing import Any

import numpy as np

from npseg import room

#: Readers of the header of a .npy file, by the version of its format. The third is for names that are not Latin.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_sizes(archive: zipfile.ZipFile, *, packed: bool) -> None:
    """Refuse an archive that would unpack to more than there can be.

    Parameters
    ----------
    archive : ZipFile
        As opened; nothing has been read from it but its directory.
    packed : bool
        Whether its members may be compressed. They may then take as much memory as this machine has, and otherwise no
        more than the file.

    Raises
    ------
    ValueError
        Saying what it declares, and what there is.

    Examples
    --------
    >>> import io
    >>> with zipfile.ZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
    ...     archive.writestr("zeros", bytes(2**20))
    ...     check_sizes(archive, packed=False)
    Traceback (most recent call last):
    ...
    ValueError: its member 'zeros' is compressed, as npseg writes none
    """
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError(f"it has two members of the name {max(names, key=names.count)!r}")
    declared = sum(member.file_size for member in members)
    if packed:
        most, what = room.memory(), "this machine has"
    else:
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"its member {member.filename!r} is compressed, as npseg writes none")
        file: Any = archive.fp
        most, what = file.seek(0, os.SEEK_END), "it has"
    if declared > most:
        raise ValueError(f"its members are said to hold {declared:,} bytes, and {what} {most:,}")


def read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array out of an archive, once its header agrees with the size of the member.

    Parameters
    ----------
    archive : ZipFile
        An archive whose sizes have been checked.
    name : str
        The member.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If it is no array of numbers, or says that it has other bytes than it has.

    Examples
    --------
    >>> import io
    >>> with zipfile.ZipFile(io.BytesIO(), "w") as archive:
    ...     with archive.open("x.npy", "w") as member:
    ...         np.save(member, np.arange(3))
    ...     read_array(archive, "x.npy")
    array([0, 1, 2])
    """
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{name} is an array of version {version} of the format; 1.0 and 2.0 are read")
        shape, _, dtype = _HEADERS[version](member)
        said, has = prod(shape) * dtype.itemsize, archive.getinfo(name).file_size - member.tell()
        if not dtype.hasobject and (min(shape, default=0) < 0 or said != has):
            raise ValueError(f"{name} is said to be {dtype} {shape}, {said:,} bytes, and has {has:,}")
        member.seek(0)
        array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
    return array
