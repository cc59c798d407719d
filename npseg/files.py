"""Files that are whole or not there: what is written takes its place in one step, once it is complete."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: Bytes that a list of names may have.
LONGEST = 64 * 2**20


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of ``path`` when the block ends, and leaves no trace if it fails.

    Parameters
    ----------
    path : path
        Where to; what is there already stays there until the new file is on the disk.

    Yields
    ------
    file
        To write bytes to, and to read them back.

    Raises
    ------
    ValueError
        If the path has no name.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "greeting")) as file:
    ...         _ = file.write(b"hello")
    ...     Path(folder, "greeting").read_bytes()
    b'hello'
    """
    path = Path(path)
    if not path.name:
        raise ValueError(f"{path}: is a folder; needs the path of a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)  # it may have been removed meanwhile, in hours of training
    # In the same folder, since only within a file system is replacing one step.
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)  # a disk that is full does not say for which file
        raise
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    r"""Read a list of names, or another short text in UTF-8.

    Raises
    ------
    ValueError
        If it is no such text, or far too long for one; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "classes.txt").write_bytes(b"sky\xff")
    ...     try:
    ...         read_text(Path(folder, "classes.txt"))
    ...     except ValueError as error:
    ...         print(str(error).removeprefix(folder))
    /classes.txt: is no text in UTF-8 (invalid start byte at byte 3); save it as one
    """
    if path.stat().st_size > LONGEST:
        raise ValueError(
            f"{path}: has {path.stat().st_size:,} bytes; a list of names has at most {LONGEST:,}"
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start}); save it as one"
        ) from None


def clear_remains(path: str | os.PathLike[str]) -> None:
    """Remove what a process that was killed while it wrote a file has left beside it.

    Parameters
    ----------
    path : path
        Of the file, which is left as it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "run.npz.0a1b2c3d.tmp").write_bytes(b"half")
    ...     clear_remains(Path(folder, "run.npz"))
    ...     os.listdir(folder)
    []
    """
    path = Path(path)
    for remains in path.parent.glob(f"{glob.escape(path.name)}.{'[0-9a-f]' * 8}.tmp"):
        remains.unlink(missing_ok=True)
