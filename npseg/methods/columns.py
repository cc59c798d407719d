"""Windows into columns, and back.

Cut every window out of the image and lay it down as a column (im2col); put the columns back where their windows
were cut out, adding up where windows overlap (col2im). Both directions go tap by tap: one tap of all windows is one
strided slice of the padded image, so cutting out is a copy of slices, and putting back an addition to the same
slices. Taps that never meet go together.

References
----------
Chellapilla, Puri & Simard, "High performance convolutional neural networks for document processing", 2006.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from npseg import arguments, room, windows, workers
from npseg.backend import Array, array_module
from npseg.geometry import Ints, Window
from npseg.memory import empty, zeros


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
    taps, places = prod(window.kernel), prod(window.out)
    room.for_windows(op, window, x, images=len(x), below=x.shape[1], above=x.shape[1] * taps)
    room.check(op, f"x with padding {window.padding}", (*x.shape[:2], *window.reach), x)
    padded = pad(x.swapaxes(0, 1), window)
    cols = cut(padded, window, empty((x.shape[1], *window.kernel, len(x), *window.out), x))
    cols = cols.reshape(x.shape[1], taps, len(x), places)
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
    n = arguments.rank(op, size=size)
    size = arguments.axes(op, "size", size, n)
    window = windows.sliding(op, size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    taps, places = prod(window.kernel), prod(window.out)
    if cols.ndim != 3 or cols.shape[1] % taps or cols.shape[1] == 0 or cols.shape[2] != places:
        raise ValueError(
            f"{op}: cols has shape {cols.shape}; (N, C*{taps}, {places}) is needed for {places} windows "
            f"of {taps} taps in images of size {size}"
        )
    images, channels = cols.shape[0], cols.shape[1] // taps
    room.for_windows(op, window, cols, images=images, below=channels, above=channels * taps)
    room.check(op, f"the images with padding {window.padding}", (images, channels, *window.reach), cols)
    cols = cols.reshape(images, channels, taps, places).transpose(1, 2, 0, 3)
    padded = put_back(cols.reshape(channels, *window.kernel, images, *window.out), window)
    return crop(padded, window).swapaxes(0, 1)


def pad(x: Array, window: Window, fill: float = 0) -> Array:
    """Return the part of the padded planes that the windows reach, (., ., *reach)."""
    pixels, places = window.inner()
    padded = empty((*x.shape[:2], *window.reach), x)
    padded[...] = fill
    padded[:, :, *places] = x[:, :, *pixels]
    return padded


def bordered(planes: Array, window: Window, fill: float = 0) -> Array:
    """Return the pixels that the windows reach, as a view; or padded, where they reach beyond."""
    if inside(window):
        return planes[:, :, *map(slice, window.reach)]
    return pad(planes, window, fill)


def inside(window: Window) -> bool:
    """Tell whether all that the windows reach are pixels."""
    return not any(map(any, window.padding)) and all(r <= i for r, i in zip(window.reach, window.size))


def crop(padded: Array, window: Window) -> Array:
    """Undo :func:`pad`; pixels that no window reaches are 0."""
    pixels, places = window.inner()
    whole = all(place.stop - place.start == size for place, size in zip(pixels, window.size))
    x = (empty if whole else zeros)((*padded.shape[:2], *window.size), padded)
    x[:, :, *pixels] = padded[:, :, *places]
    return x


def cut(padded: Array, window: Window, out: Array) -> Array:
    """Cut the windows out of padded planes (C, N, *reach): columns (C, *kernel, N, *out).

    Tap by tap on the host; on a device, which is paid by the call, all at once.
    """
    if workers.in_pieces(padded):
        for taps, pixels in together(padded, window):
            out[:, *taps] = pixels
    else:
        out[...] = array_module(padded).moveaxis(views(padded, window), len(window.kernel), 0)
    return out


def views(padded: Array, window: Window) -> Array:
    """View padded planes (C, N, *reach) as all of their windows, (*kernel, C, N, *out): nothing is copied."""
    between_planes, between_pixels = padded.strides[:2], padded.strides[2:]
    between_taps = (s * d for s, d in zip(between_pixels, window.dilation))
    between_windows = (s * t for s, t in zip(between_pixels, window.stride))
    return strided(
        padded,
        (*window.kernel, *padded.shape[:2], *window.out),
        (*between_taps, *between_planes, *between_windows),
    )


def strided(x: Array, shape: Ints, strides: Ints) -> Array:
    """View the memory of x as another shape, with so many bytes from place to place on each axis.

    This is how windows are viewed: CuPy's ``sliding_window_view`` sends their shape to the device, and waits for it.
    """
    xp = array_module(x)
    # NumPy's planes without pixels stay such planes; CuPy has one kind of array.
    kind = {"subok": True} if xp is np else {}
    view: Array = xp.lib.stride_tricks.as_strided(x, shape, strides, **kind)
    return view


def add_back(cols: Array, window: Window, padded: Array) -> None:
    """Add columns (C, *kernel, N, *out) to the padded planes (C, N, *reach) that they were cut out of."""
    for taps, pixels in together(padded, window):
        pixels[...] += cols[:, *taps]


def together(padded: Array, window: Window) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Go through the groups of taps, each with a view (C, *taps, N, *out) of the pixels that it reads."""
    channels, images = padded.shape[:2]
    rank = len(window.out)
    pieces = [n for pair in zip(window.out, window.group) for n in pair]
    # From (C, N, out, taps, out, taps, ...) to (C, taps, taps, ..., N, out, out, ...)
    order = (0, *range(3, 2 * rank + 2, 2), 1, *range(2, 2 * rank + 2, 2))
    for taps, read in window.groups():
        pixels = padded[:, :, *read].reshape(channels, images, *pieces).transpose(order)
        yield taps, pixels[:, *(slice(t.stop - t.start) for t in taps)]


def put_back(cols: Array, window: Window) -> Array:
    """Make the padded planes (C, N, *reach) of columns (C, *kernel, N, *out)."""
    images = cols.shape[len(window.kernel) + 1]
    padded = zeros((cols.shape[0], images, *window.reach), cols)
    add_back(cols, window, padded)
    return padded
