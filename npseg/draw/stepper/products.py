"""What each operation adds up, as a table of products that the drawings step through.

Whatever npseg computes between two planes is a sum of products: *this* cell of the result gets *that* cell of what
is read, times a tap of the kernel if there is one. A convolution, its transpose and both of their gradients are even
the same table, a row for every pixel i, tap k and window o that meet:

    y[o] += x[i] * w[k]        x[i] += y[o] * w[k]        w[k] += x[i] * y[o]

and only the column that is summed into differs. The rows come from the index table of the very
:class:`~npseg.geometry.Window` with which the operation has computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from npseg.draw.stepper.notation import Product, Value
from npseg.draw.stepper.planes import Plane, Table, box
from npseg.geometry import Ints, Window

#: More rows than this nobody looks at.
MOST_PRODUCTS = 4_000_000


@dataclass(frozen=True)
class Drawing:
    """One pass of an operation: what is read, what comes out, and the products in between.

    Attributes
    ----------
    operation : str
        The name of the pass.
    formula : str
        The size formula with the numbers in it.
    matrix : str
        What the matrix from source to target is called.
    source, target : Plane
        What is read, and the result, which starts out empty.
    kernel : Plane or None
        What the products weigh with.
    sources, targets, taps : (T,) int array
        For each product the flat cells that it reads, adds to, and weighs with.
    shares : (T,) float array
        What the sum counts of each product.
    divides : bool
        Whether the shares are those of an average.
    windows : (T,) int array or None
        Steps that are neither one target nor one source, but a window: im2col's.
    seen : (S, 2) int array
        For max pooling, which target looks at which source.
    start : object array or None
        What the targets hold before anything is added: the bias.
    output : array or None
        What the operation itself computed, where all cells are numbers.
    """

    operation: str
    formula: str
    matrix: str
    source: Plane
    target: Plane
    sources: Table
    targets: Table
    kernel: Plane | None = None
    taps: Table | None = None
    shares: np.ndarray[Any, Any] | None = None
    divides: bool = False
    windows: Table | None = None
    seen: Table = field(default_factory=lambda: np.empty((0, 2), np.int64))
    start: np.ndarray[Any, Any] | None = None
    output: np.ndarray[Any, Any] | None = None

    def product(self, row: int) -> Product:
        """Return a row of the table with the cells' values in it."""
        return Product(
            self.source.cells.flat[self.sources[row]],
            None if self.kernel is None or self.taps is None else self.kernel.cells.flat[self.taps[row]],
            1.0 if self.shares is None else float(self.shares[row]),
            self.divides,
        )

    def begins(self, target: int) -> Value:
        """Return what a target holds before anything is added."""
        return 0.0 if self.start is None else self.start.flat[target]


@dataclass(frozen=True)
class Canvas:
    """The plane below with what surrounds it, and the windows' places there.

    Attributes
    ----------
    size, origin : tuple of int
        Of the canvas, and of pixel 0 in it.
    index : (K, L) int array
        The cell of the canvas that each tap of each window meets.
    """

    size: Ints
    origin: Ints
    index: Table


def canvas(window: Window, *, padded: bool) -> Canvas:
    """Lay out the plane below with all that its windows touch.

    Parameters
    ----------
    window : Window
        The windows.
    padded : bool
        Show the whole declared padding, read or not; otherwise only what windows reach.

    Examples
    --------
    >>> window = Window.down((4,), (3,), stride=(2,), padding=((1, 1),))
    >>> canvas(window, padded=True).index.T
    array([[0, 1, 2],
           [2, 3, 4]])
    """
    refuse_many(prod(window.kernel) * prod(window.out))
    before = tuple(b for b, _ in window.padding)
    size = tuple(
        b + max(i + (a if padded else 0), s * (o - 1) + span - b)
        for i, o, s, span, (b, a) in zip(window.size, window.out, window.stride, window.span, window.padding)
    )
    refuse_many(prod(size), "cells, padding included,")
    over = Window(size, window.out, window.kernel, window.stride, ((0, 0),) * len(size), window.dilation)
    return Canvas(size, before, over.index().astype(np.int64))


def surrounded(name: str, cells: np.ndarray[Any, Any], around: Canvas, border: str = "padding") -> Plane:
    """Put an array onto the canvas, zeros around it."""
    n = len(around.size)
    whole = np.full((*cells.shape[:-n], *around.size), 0.0, object)
    whole[box(around.origin, cells.shape[-n:])] = cells
    return Plane(name, whole, cells.shape[-n:], around.origin, border)


def meetings(around: Canvas, window: Window, images: int, w: Ints, groups: int) -> tuple[Table, Table, Table]:
    """List all pixels, taps and windows that meet, in all channels: the table of a convolution.

    Parameters
    ----------
    around : Canvas
        The plane below.
    window : Window
        The windows.
    images : int
        Images in the batch.
    w : tuple of int
        Shape of the weights, (C_above, C_below/groups, *kernel).
    groups : int
        Groups of channels.

    Returns
    -------
    below, tap, above : (T,) int array
        Flat cells of the plane below on its canvas, of the weights, and of the plane above; for each window in
        row-major order, then for each channel below, all taps.

    Raises
    ------
    ValueError
        If there are more than anybody could look at.
    """
    above_channels, within = w[:2]
    taps, windows = around.index.shape
    count = images * above_channels * windows * within * taps
    refuse_many(count)
    n, a, o, c, k = np.ogrid[:images, :above_channels, :windows, :within, :taps]
    below_channel = a // (above_channels // groups) * within + c
    below = (n * within * groups + below_channel) * prod(around.size) + around.index.T[:, None][None, None]
    tap = (a * within + c) * taps + k
    above = (n * above_channels + a) * windows + o
    return tuple(np.broadcast_to(t, below.shape).ravel() for t in (below, tap, above))  # type: ignore[return-value]


def pairs(around: Canvas, planes: int) -> tuple[Table, Table]:
    """List which window meets which pixel, channel by channel: the table of the poolings.

    Returns
    -------
    below, above : (T,) int array
        Flat cells; for each window in row-major order all of its taps.
    """
    refuse_many(planes * around.index.size)
    plane = np.arange(planes)[:, None, None]
    below = plane * prod(around.size) + around.index.T
    above = plane * around.index.shape[1] + np.arange(around.index.shape[1])[:, None]
    return below.ravel(), np.broadcast_to(above, below.shape).ravel()


def refuse_many(count: int, what: str = "products") -> None:
    """Refuse a table, or a plane, that nobody would look at."""
    if count > MOST_PRODUCTS:
        raise ValueError(
            f"steps: {count} {what} are too many to step through (at most {MOST_PRODUCTS}); "
            "take a smaller input or kernel, or fewer channels"
        )
