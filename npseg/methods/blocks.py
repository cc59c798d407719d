"""Windows that are worked on at a time: some images', or some rows of one image.

How a batch is cut into blocks follows from its shape alone, never from how many threads there are. On a device, where
no cache keeps a block and each call has its price, blocks are as large as its memory can bear.
"""

from __future__ import annotations

from typing import NamedTuple

from npseg import workers
from npseg.backend import Array
from npseg.workers import PIECES, parts

#: Bytes from which a block is worth another thread: its calls then take longer than it takes to wake the thread.
LEAST = 2**20

#: Bytes of workspace at a time on a device.
DEVICE = 2**28


class Block(NamedTuple):
    """Windows that are worked on at a time.

    Attributes
    ----------
    images, rows : slice
        The images, and the rows of their windows on the first spatial axis.
    """

    images: slice
    rows: slice


def at_a_time(host: int, like: Array) -> int:
    """Return how many bytes of workspace to use at a time, of which the host likes so many.

    Examples
    --------
    >>> import numpy as np
    >>> at_a_time(2**20, np.zeros(1)) == 2**20
    True
    """
    return host if workers.in_pieces(like) else DEVICE


def cut_into_blocks(
    images: int, rows: int, size: int, largest: int, pieces: int = PIECES, like: Array = None
) -> list[Block]:
    """Cut a batch into blocks of equal size, or nearly.

    Parameters
    ----------
    images, rows : int
        Images of the batch, and rows of windows in each.
    size : int
        Bytes that all the windows take.
    largest : int
        Bytes that a block may take, unless a single row of windows takes more.
    pieces : int
        Blocks that there are to be even of fewer bytes, as long as none becomes too small to be worth a thread.
    like : array, optional
        One of those that are worked on; on a device both these numbers are the device's own.

    Returns
    -------
    list of Block
        Of several images each, or of some rows of one image.

    Examples
    --------
    >>> [(block.images.start, block.rows.start) for block in cut_into_blocks(2, 8, size=2**22, largest=2**20)]
    [(0, 0), (0, 4), (1, 0), (1, 4)]
    """
    if not workers.in_pieces(like):
        largest, pieces = DEVICE, 1
    count = max(-(-size // largest), min(pieces, size // LEAST), 1)
    if count < images:
        return [Block(some, slice(0, rows)) for some in parts(images, count)]
    each = parts(rows, -(-count // max(1, images)))
    return [Block(image, some) for image in parts(images, images) for some in each]
