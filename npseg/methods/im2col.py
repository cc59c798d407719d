"""Windows into columns and back: convolution as one product of matrices.

Cut every window out of the image and lay it down as a column, and a convolution is the kernels, laid down as
rows, times the columns (im2col). Its adjoint is the transposed kernels times what lies above, which gives
columns again, and these are put back where their windows were cut out, adding up where windows overlap
(col2im). Both directions go tap by tap: one tap of all windows is one strided slice of the padded image, so
cutting out is a copy of slices, and putting back an addition to the same slices.

Columns are K times as large as the image. So they are made a few megabytes at a time, some rows of windows or
some images, and the memory is used again.

References
----------
Chellapilla, Puri & Simard, "High performance convolutional neural networks for document processing", 2006.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from npseg import arguments, windows
from npseg.backend import Array, array_module
from npseg.geometry import Ints, Pairs, Window
from npseg.workers import share_out

#: Bytes of columns made at a time: few enough to stay in the cache, enough to keep the processor busy.
BLOCK = 4 * 2**20

#: Pieces that a batch is cut into at the least, if it has so many images; more than most machines have cores.
PIECES = 4


def im2col(
    x: Array,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
) -> Array:
    """Cut every window out of x and lay it down as a column.

    Parameters
    ----------
    x : (N, C, *spatial) array, float32 or float64
        Images with one, two or three spatial axes.
    kernel_size, stride, dilation : int, or one per axis
        Taps of a window, pixels from window to window, pixels from tap to tap.
    padding : int, or one per axis, or a (before, after) pair per axis
        Zeros around each image.

    Returns
    -------
    (N, C*K, L) array
        ``K`` taps of ``L`` windows, both in row-major order; rows go channel by channel.

    Raises
    ------
    ValueError
        If the window does not fit into the padded image.
    TypeError
        If x is not a float32 or float64 array.

    See Also
    --------
    col2im : its transpose.
    npseg.im2col_matrix : the same as an explicit matrix of zeros and ones.

    Examples
    --------
    >>> import numpy as np
    >>> im2col(np.arange(1.0, 5.0)[None, None], 3, stride=2, padding=1)[0]
    array([[0., 2.],
           [1., 3.],
           [2., 4.]])
    """
    op = "im2col"
    arguments.arrays(op, x=x)
    arguments.spatial(op, "x", x)
    window = windows.sliding(op, x.shape[2:], kernel_size, stride=stride, padding=padding, dilation=dilation)
    padded = _pad(x.swapaxes(0, 1), window)
    taps, places = prod(window.kernel), prod(window.out)
    cols = _cut(padded, window).reshape(x.shape[1], taps, len(x), places)
    return cols.transpose(2, 0, 1, 3).reshape(len(x), x.shape[1] * taps, places)


def col2im(
    cols: Array,
    size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
) -> Array:
    """Put columns back where :func:`im2col` cut them out, adding up where windows overlap: its transpose.

    Parameters
    ----------
    cols : (N, C*K, L) array, float32 or float64
        Columns, as im2col lays them down.
    size : sequence of int
        Spatial size of the images to make; how many there are says how many axes they have.
    kernel_size, stride, padding, dilation
        As in :func:`im2col`.

    Returns
    -------
    (N, C, *size) array
        The images.

    Raises
    ------
    ValueError
        If the columns' shape is not what im2col makes of this size.
    TypeError
        If cols is not a float32 or float64 array.

    Examples
    --------
    >>> import numpy as np
    >>> col2im(np.ones((1, 9, 16)), (4, 4), 3, padding=1)[0, 0]
    array([[4., 6., 6., 4.],
           [6., 9., 9., 6.],
           [6., 9., 9., 6.],
           [4., 6., 6., 4.]])
    """
    op = "col2im"
    arguments.arrays(op, cols=cols)
    n = arguments.rank(size)
    size = arguments.axes(op, "size", size, n)
    window = windows.sliding(op, size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    taps, places = prod(window.kernel), prod(window.out)
    if cols.ndim != 3 or cols.shape[1] % taps or cols.shape[1] == 0 or cols.shape[2] != places:
        raise ValueError(
            f"{op}: cols has shape {cols.shape}; (N, C*{taps}, {places}) is needed for {places} windows "
            f"of {taps} taps in images of size {size}"
        )
    images, channels = cols.shape[0], cols.shape[1] // taps
    cols = cols.reshape(images, channels, taps, places).transpose(1, 2, 0, 3)
    padded = _put_back(cols.reshape(channels, *window.kernel, images, *window.out), window)
    return _crop(padded, window).swapaxes(0, 1)


def correlate(
    x: Array,
    w: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply the kernels with the columns: ``y = W im2col(x)``."""
    window = Window(x.shape[2:], size, w.shape[2:], stride, padding, dilation)
    y = array_module(x).empty((len(x), len(w), *size), x.dtype)
    rows_of_w = w.reshape(groups, len(w) // groups, -1)

    def work(images: slice) -> None:
        padded = _pad(x[images].swapaxes(0, 1), window)
        for rows, block, view in _row_blocks(padded, window):
            cols = _cut(view, block)
            product = rows_of_w @ cols.reshape(groups, rows_of_w.shape[2], -1)
            y[images, :, rows] = product.reshape(len(w), -1, *block.out).swapaxes(0, 1)

    share_out(work, _image_blocks(len(x), x.shape[1], window, x.dtype.itemsize))
    return y


def correlate_adjoint_x(
    y: Array,
    w: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply with the transposed kernels and put the columns back: ``x = col2im(Wᵀ y)``."""
    window = Window(size, y.shape[2:], w.shape[2:], stride, padding, dilation)
    xp = array_module(y)
    channels = groups * w.shape[1]
    x = xp.empty((len(y), channels, *size), y.dtype)
    columns_of_w = w.reshape(groups, len(w) // groups, -1).swapaxes(1, 2)

    def work(images: slice) -> None:
        above = y[images].swapaxes(0, 1)
        padded = xp.zeros((channels, above.shape[1], *window.reach), y.dtype)
        for rows, block, view in _row_blocks(padded, window):
            cols = columns_of_w @ above[:, :, rows].reshape(groups, len(w) // groups, -1)
            cols = cols.reshape(channels, *window.kernel, above.shape[1], *block.out)
            _add_back(cols, block, view)
        x[images] = _crop(padded, window).swapaxes(0, 1)

    share_out(work, _image_blocks(len(y), channels, window, y.dtype.itemsize))
    return x


def correlate_adjoint_w(
    x: Array,
    y: Array,
    size: Ints,
    *,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    memo: dict[str, Any] | None = None,
) -> Array:
    """Multiply what lies above with the columns: ``w = y im2col(x)ᵀ``."""
    window = Window(x.shape[2:], y.shape[2:], size, stride, padding, dilation)
    above, taps = y.shape[1] // groups, x.shape[1] // groups * prod(size)

    def work(images: slice) -> Array:
        w = array_module(x).zeros((groups, above, taps), x.dtype)
        padded = _pad(x[images].swapaxes(0, 1), window)
        for rows, block, view in _row_blocks(padded, window):
            cols = _cut(view, block).reshape(groups, taps, -1)
            w += y[images, :, rows].swapaxes(0, 1).reshape(groups, above, -1) @ cols.swapaxes(1, 2)
        return w

    parts = share_out(work, _image_blocks(len(x), x.shape[1], window, x.dtype.itemsize))
    w = sum(parts, start=array_module(x).zeros((groups, above, taps), x.dtype))
    return w.reshape(y.shape[1], x.shape[1] // groups, *size)


def argmax(x: Array, out: Ints, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Find each window's winner by going through the taps: a later one wins only if it is larger, or NaN."""
    xp = array_module(x)
    window = Window(x.shape[2:], out, kernel, stride, padding, dilation)
    index = window.index(xp)
    windows = prod(out)
    # The border is -inf and never larger than anything; a window starts from its first real pixel.
    first = (index >= 0).argmax(axis=0).astype(xp.int32).reshape(out)
    indices = xp.empty((*x.shape[:2], *out), xp.int32)

    def work(images: slice) -> None:
        padded = _pad(x[images], window, fill=-xp.inf)
        best = xp.full(indices[images].shape, -xp.inf, x.dtype)
        winner = xp.broadcast_to(first, best.shape).copy()
        for number, (_, read) in enumerate(window.taps()):
            value = padded[:, :, *read].copy()  # read four times below, and strided only once
            wins = ~(value <= best) & (best == best)
            xp.copyto(best, value, where=wins)
            xp.copyto(winner, number, where=wins)
        indices[images] = index.reshape(-1)[winner * windows + xp.arange(windows).reshape(out)]

    share_out(work, _image_blocks(len(x), x.shape[1], window, x.dtype.itemsize))
    return indices


def take(x: Array, indices: Array) -> Array:
    """Carry values up from their pixels: the matrix P."""
    planes = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    flat = indices.reshape(*indices.shape[:2], prod(indices.shape[2:]))
    return array_module(x).take_along_axis(planes, flat, axis=2).reshape(indices.shape)


def put(y: Array, indices: Array, size: Ints) -> Array:
    """Carry values down to their pixels, adding up where two meet: the transpose of P."""
    xp = array_module(y)
    planes, pixels = prod(y.shape[:2]), prod(size)
    x = xp.zeros(planes * pixels, y.dtype)
    # In int64: all planes together may hold more than 2**31 pixels.
    first = pixels * xp.arange(planes, dtype=xp.int64)[:, None]
    places = first + indices.reshape(planes, prod(y.shape[2:])).astype(xp.int64)
    xp.add.at(x, places.reshape(-1), y.reshape(-1))
    return x.reshape(*y.shape[:2], *size)


def mean(
    x: Array,
    out: Ints,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include_padding: bool,
    divisor: float | None,
) -> Array:
    """Average each window, tap by tap: the matrix A."""
    window = Window(x.shape[2:], out, kernel, stride, padding, (1,) * len(out))
    padded = _pad(x, window)
    y = array_module(x).zeros((*x.shape[:2], *out), x.dtype)
    for _, read in window.taps():
        y += padded[:, :, *read]
    y /= window.divisor(include_padding=include_padding, override=divisor, like=x)
    return y


def spread(
    y: Array,
    size: Ints,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    include_padding: bool,
    divisor: float | None,
) -> Array:
    """Share out what each window holds, tap by tap: the transpose of A."""
    window = Window(size, y.shape[2:], kernel, stride, padding, (1,) * len(size))
    shares = y / window.divisor(include_padding=include_padding, override=divisor, like=y)
    padded = array_module(y).zeros((*y.shape[:2], *window.reach), y.dtype)
    for _, read in window.taps():
        padded[:, :, *read] += shares
    return _crop(padded, window)


def _pad(x: Array, window: Window, fill: float = 0) -> Array:
    """Return the part of the padded planes that the windows reach, (., ., *reach)."""
    pixels, places = window.inner()
    padded = array_module(x).full((*x.shape[:2], *window.reach), fill, x.dtype)
    padded[:, :, *places] = x[:, :, *pixels]
    return padded


def _crop(padded: Array, window: Window) -> Array:
    """Undo :func:`_pad`; pixels that no window reaches are 0."""
    pixels, places = window.inner()
    x = array_module(padded).zeros((*padded.shape[:2], *window.size), padded.dtype)
    x[:, :, *pixels] = padded[:, :, *places]
    return x


def _cut(padded: Array, window: Window) -> Array:
    """Cut the windows out of padded planes (C, N, *reach): columns (C, *kernel, N, *out)."""
    channels, images = padded.shape[:2]
    cols = array_module(padded).empty((channels, *window.kernel, images, *window.out), padded.dtype)
    for taps, pixels in _together(padded, window):
        cols[:, *taps] = pixels
    return cols


def _add_back(cols: Array, window: Window, padded: Array) -> None:
    """Add columns (C, *kernel, N, *out) to the padded planes (C, N, *reach) that they were cut out of."""
    for taps, pixels in _together(padded, window):
        pixels[...] += cols[:, *taps]


def _together(padded: Array, window: Window) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Go through the groups of taps, each with a view (C, *taps, N, *out) of the pixels that it reads."""
    channels, images = padded.shape[:2]
    rank = len(window.out)
    pieces = [n for pair in zip(window.out, window.group) for n in pair]
    # From (C, N, out, taps, out, taps, ...) to (C, taps, taps, ..., N, out, out, ...)
    order = (0, *range(3, 2 * rank + 2, 2), 1, *range(2, 2 * rank + 2, 2))
    for taps, read in window.groups():
        pixels = padded[:, :, *read].reshape(channels, images, *pieces).transpose(order)
        yield taps, pixels[:, *(slice(t.stop - t.start) for t in taps)]


def _put_back(cols: Array, window: Window) -> Array:
    """Make the padded planes (C, N, *reach) of columns (C, *kernel, N, *out)."""
    images = cols.shape[len(window.kernel) + 1]
    padded = array_module(cols).zeros((cols.shape[0], images, *window.reach), cols.dtype)
    _add_back(cols, window, padded)
    return padded


def _image_blocks(images: int, channels: int, window: Window, itemsize: int) -> list[slice]:
    """Cut the batch so that the columns of some images fill a block, and each core gets some of them."""
    bytes_per_image = channels * prod(window.kernel) * prod(window.out) * itemsize
    step = max(1, min(BLOCK // bytes_per_image, images // PIECES))
    return [slice(n, min(n + step, images)) for n in range(0, images, step)]


def _row_blocks(padded: Array, window: Window) -> Iterator[tuple[slice, Window, Array]]:
    """Cut the windows' rows so that their columns fill a block, and find what these reach of the plane.

    Yields
    ------
    rows : slice
        Windows' rows, on the first spatial axis.
    block : Window
        These windows alone.
    view : (C, N, *reach) array
        The part of ``padded`` that they reach.
    """
    channels, images = padded.shape[:2]
    bytes_per_row = channels * images * prod(window.kernel) * prod(window.out[1:]) * padded.dtype.itemsize
    step = max(1, BLOCK // max(1, bytes_per_row))
    for first in range(0, window.out[0], step):
        rows = slice(first, min(first + step, window.out[0]))
        block = replace(window, out=(rows.stop - first, *window.out[1:]))
        start = first * window.stride[0]
        yield rows, block, padded[:, :, start : start + block.reach[0]]
