"""Shift and merge: what a pooling skips, kept as further images of the batch, and put in order at the end.

A pooling of stride s has a window at every s-th pixel. Shifted by one pixel it would have the windows next to these,
and there are s shifts on each axis until the windows are the first ones again. The network after it can run on each
shift's plane as it is: :class:`ShiftedMaxPool` piles them up along the batch. After the last layer :class:`Merge`
sorts the answers into one plane. That is running the whole network on an image shifted by 0 to s - 1 pixels and
interleaving what comes out, to the last number; but what the shifts have in common, all that comes before the
pooling, is computed once.

Sorting pixels by shift and back is a permutation, so that each way is the other's backward.

References
----------
Pinheiro & Collobert, "Recurrent convolutional neural networks for scene labeling", 2014, section 3.4 and figure 3.
Giusti et al., "Fast image scanning with deep max-pooling convolutional neural networks", 2013: the shifts pooling by
pooling, which are called fragments there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from npseg import arguments, kinds
from npseg.backend import Array
from npseg.geometry import Grid, times
from npseg.layers.layer import Layer
from npseg.ops.pool import max_pool_backward, max_pool_forward


def split(x: Array, shifts: int) -> Array:
    """Sort the pixels by shift: every so many-th pixel of a row and of a column makes an image of its own.

    Parameters
    ----------
    x : (N, C, H, W) array
        Images.
    shifts : int
        Pixels between two of the same shift, on each axis.

    Returns
    -------
    (shifts**2 * N, C, H / shifts, W / shifts) array
        The images of shift (0, 0), then those of (0, 1), and so on.

    Raises
    ------
    ValueError
        If the sizes are no multiples of the shifts, so that these would get planes of unequal size.

    Examples
    --------
    >>> import numpy as np
    >>> split(np.arange(8).reshape(1, 1, 2, 4), 2).tolist()
    [[[[0, 2]]], [[[1, 3]]], [[[4, 6]]], [[[5, 7]]]]
    """
    kinds.planes("split", "x", x)
    shifts = arguments.integer("split", "shifts", shifts, 1)
    images, channels, height, width = x.shape
    if height % shifts or width % shifts:
        raise ValueError(
            f"split: {times((height, width))} pixels do not make {shifts} equal shifts on each axis"
        )
    y = x.reshape(images, channels, height // shifts, shifts, width // shifts, shifts)
    y = y.transpose(3, 5, 0, 1, 2, 4)
    return y.reshape(images * shifts**2, channels, height // shifts, width // shifts)


def merge(x: Array, shifts: int) -> Array:
    """Interleave the pixels of all shifts: the inverse of :func:`split`.

    Parameters
    ----------
    x : (shifts**2 * N, C, H, W) array
        Planes of all shifts.
    shifts : int
        As of split.

    Returns
    -------
    (N, C, shifts * H, shifts * W) array

    Raises
    ------
    ValueError
        If there are not as many planes for each shift.

    Examples
    --------
    >>> import numpy as np
    >>> merge(np.array([0, 1, 4, 5]).reshape(4, 1, 1, 1), 2).tolist()
    [[[[0, 1], [4, 5]]]]
    """
    kinds.planes("merge", "x", x)
    shifts = arguments.integer("merge", "shifts", shifts, 1)
    planes, channels, height, width = x.shape
    if planes % shifts**2:
        raise ValueError(f"merge: x has {planes} planes; a multiple of shifts**2 = {shifts**2} is needed")
    images = planes // shifts**2
    y = x.reshape(shifts, shifts, images, channels, height, width).transpose(2, 3, 4, 0, 5, 1)
    return y.reshape(images, channels, height * shifts, width * shifts)


class ShiftedMaxPool(Layer):
    """Max pooling in several shifts, whose planes become images of the batch.

    Parameters
    ----------
    kernel_size : int
        Size of a window, and pixels from one to the next in the same shift.
    shifts : int
        Shifts on each axis; a divisor of the kernel's size. With 1 it is plain max pooling, with ``kernel_size``
        there is a window at each pixel.

    Raises
    ------
    ValueError
        If an argument is below 1, or the shifts are no divisor of the kernel's size.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    The paper's figure 3: an image of 5x5, one pooling of 2x2, four shifts.

    >>> import numpy as np
    >>> x = np.arange(1.0, 26).reshape(1, 1, 5, 5)
    >>> pool = ShiftedMaxPool(2, shifts=2)
    >>> [plane[0].tolist() for plane in pool.forward(x)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [[[7.0, 9.0], [17.0, 19.0]], [[8.0, 10.0], [18.0, 20.0]],
     [[12.0, 14.0], [22.0, 24.0]], [[13.0, 15.0], [23.0, 25.0]]]
    >>> merge(pool.forward(x), 2)[0, 0, :2]
    array([[ 7.,  8.,  9., 10.],
           [12., 13., 14., 15.]])
    """

    def __init__(self, kernel_size: int, *, shifts: int = 1) -> None:
        super().__init__()
        self.kernel_size, self.shifts = arguments.integers(
            "ShiftedMaxPool", 1, kernel_size=kernel_size, shifts=shifts
        )
        if self.kernel_size % self.shifts:
            raise ValueError(
                f"ShiftedMaxPool: shifts={shifts} does not divide kernel_size={kernel_size}; give a divisor"
            )

    def forward(self, x: Array) -> Array:
        """Take the winners of all windows, and sort them by shift."""
        stride = self.kernel_size // self.shifts
        y, cache = max_pool_forward(x, self.kernel_size, stride=stride, method=self.method)
        self._remember(cache)
        return split(y, self.shifts)

    def backward(self, dout: Array) -> Array:
        """Give the gradient to the winners."""
        kinds.planes("ShiftedMaxPool", "dout", dout)
        cache = self._recall()
        return max_pool_backward(merge(dout, self.shifts), cache)

    def grid(self, below: Grid) -> Grid:
        """Follow the units of the first shift through their windows."""
        return below.down(kernel=self.kernel_size, stride=self.kernel_size)


class Merge(Layer):
    """The planes of all shifts, interleaved.

    Parameters
    ----------
    shifts : sequence of int
        The shifts of the poolings before, in the order in which these ran.

    Raises
    ------
    ValueError
        If a number of shifts is below 1.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg.layers import Sequential
    >>> y = Sequential(a=ShiftedMaxPool(2, shifts=2), b=ShiftedMaxPool(2, shifts=2)).forward(np.ones((1, 3, 19, 11)))
    >>> y.shape, Merge((2, 2)).forward(y).shape
    ((16, 3, 4, 2), (1, 3, 16, 8))
    """

    def __init__(self, shifts: Sequence[int]) -> None:
        super().__init__()
        given = kinds.listed("Merge", "shifts", shifts, "a list of the poolings' shifts")
        self.shifts = tuple(arguments.integer("Merge", "shifts", one, 1) for one in given)

    def forward(self, x: Array) -> Array:
        """Interleave the last pooling's shifts first."""
        kinds.planes("Merge", "x", x)
        self._remember(())
        for shifts in reversed(self.shifts):
            x = merge(x, shifts)
        return x

    def backward(self, dout: Array) -> Array:
        """Sort the gradient by shift again."""
        kinds.planes("Merge", "dout", dout)
        self._recall()
        for shifts in self.shifts:
            dout = split(dout, shifts)
        return dout

    def grid(self, below: Grid) -> Grid:
        """Put the units of the other shifts between those of the first."""
        return below._replace(step=below.step / prod(self.shifts))
