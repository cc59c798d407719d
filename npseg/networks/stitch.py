"""Shift and stitch: a classifier of patches run on the image in every shift, and its answers interleaved.

The classifier's strides leave gaps: on the image it answers for every s-th patch. On the image shifted by a pixel it
answers for the patches next to these. Cutting out a part of the image for each shift, running the classifier, and
interleaving the scores are three steps; backward takes them back in turn: it sorts the gradient by shift, goes back
through the classifier, and adds up where the parts lay over each other.

With as many shifts as there are patches, each part is a patch, and the sliding window is the same three steps.

References
----------
Pinheiro & Collobert, "Recurrent convolutional neural networks for scene labeling", 2014, section 3.4: shift and merge.
Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", 2015, section 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array, array_module
from npseg.geometry import Grid, Ints, times
from npseg.layers import Sequential
from npseg.memory import zeros
from npseg.methods.columns import strided
from npseg.networks.patches import field_and_stride


class Plan(NamedTuple):
    """Which parts of an image the classifier runs on: one for each shift, all of one size.

    Attributes
    ----------
    out : pair of int
        Patches inside the image.
    shifts : pair of int
        Shifts on each axis, m in the shapes below.
    answers : pair of int
        Of the classifier to one shift, a; all together are as many as the patches, or a few more.
    part : pair of int
        Pixels of the image that it sees for them, k.

    Examples
    --------
    A row of five pixels, of which a classifier of patches of 2x2 with stride 2 gets two shifts:

    >>> plan = Plan(out=(1, 4), shifts=(1, 2), answers=(1, 2), part=(2, 4))
    >>> plan.cut(np.arange(10.0).reshape(1, 1, 2, 5))[0, 0, 0, :, 0]
    array([[0., 1., 2., 3.],
           [1., 2., 3., 4.]])
    >>> plan.stitch(np.array([[7.0, 9.0], [8.0, 10.0]]).reshape(1, 1, 1, 2, 1, 2))[0, 0]
    array([[ 7.,  8.,  9., 10.]])
    """

    out: Ints
    shifts: Ints
    answers: Ints
    part: Ints

    def cut(self, x: Array) -> Array:
        """Cut images (N, C, H, W) into parts (N, C, m, m, k, k); beyond their ends there are zeros."""
        xp = array_module(x)
        rest = [(0, n - have) for n, have in zip(self._covered, x.shape[2:])]
        padded = xp.pad(x, [(0, 0)] * 2 + rest)
        return strided(padded, (*x.shape[:2], *self.shifts, *self.part), padded.strides + padded.strides[2:])

    def cut_backward(self, dparts: Array, shape: Ints) -> Array:
        """Add up the gradients of the parts where these overlap: that of images of this shape."""
        dx = zeros((*shape[:2], *self._covered), dparts)
        for i, j in np.ndindex(*self.shifts):
            dx[:, :, i : i + self.part[0], j : j + self.part[1]] += dparts[:, :, i, j]
        return dx[:, :, : shape[2], : shape[3]]

    def stitch(self, scores: Array) -> Array:
        """Interleave the scores (N, classes, m, m, a, a) of all shifts: those of all patches."""
        every = scores.transpose(0, 1, 4, 2, 5, 3).reshape(*scores.shape[:2], *self._answered)
        return every[:, :, : self.out[0], : self.out[1]]

    def stitch_backward(self, dout: Array) -> Array:
        """Sort the gradient of all patches by shift: (N, classes, m, m, a, a)."""
        every = zeros((*dout.shape[:2], *self._answered), dout)
        every[:, :, : self.out[0], : self.out[1]] = dout
        (a, b), (m, n) = self.answers, self.shifts
        return every.reshape(*dout.shape[:2], a, m, b, n).transpose(0, 1, 3, 5, 2, 4)

    @property
    def _covered(self) -> Ints:
        """Pixels that all parts together lie on."""
        return tuple(k + m - 1 for k, m in zip(self.part, self.shifts))

    @property
    def _answered(self) -> Ints:
        """Answers of all shifts together."""
        return tuple(a * m for a, m in zip(self.answers, self.shifts))


class ShiftAndStitch(Sequential):
    """A patch classifier run on the image in every shift below its stride, and the answers interleaved.

    Parameters
    ----------
    net : Sequential
        The classifier; its layers are used, not copied.

    Attributes
    ----------
    field, stride : int
        Pixels of a patch on each axis, and from one answer of the classifier to the next.

    Raises
    ------
    ValueError
        If a layer is none of a patch classifier's.

    Notes
    -----
    The shifts run as one batch, so that one backward goes through all of them; without training, where nothing is
    remembered, those of one row at a time, which saves memory.

    Examples
    --------
    >>> from npseg.layers import MaxPool
    >>> net = ShiftAndStitch(Sequential(pool=MaxPool(2)))
    >>> net.forward(np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1]]]]))[0, 0]
    array([[5., 6., 6.]])
    """

    def __init__(self, net: Sequential) -> None:
        self.field, self.stride = field_and_stride(net)
        super().__init__(**net.layers)

    def shifts(self, out: Ints) -> Ints:
        """Return how many shifts there are on each axis, for so many patches."""
        return tuple(min(self.stride, n) for n in out)

    def forward(self, x: Array) -> Array:
        """Return the scores of all patches inside x.

        Raises
        ------
        ValueError
            If x is smaller than a patch.
        """
        kinds.planes(type(self).__name__, "x", x)
        plan = self._plan(x.shape[2:])
        parts = plan.cut(x)
        rows = plan.shifts[0] if self.remembering else 1
        scores = [self._classify(parts[:, :, i : i + rows]) for i in range(0, plan.shifts[0], rows)]
        self._remember((x.shape, plan))
        return plan.stitch(scores[0] if len(scores) == 1 else array_module(x).concatenate(scores, axis=2))

    def backward(self, dout: Array) -> Array:
        """Hand each shift the gradients of its answers, and add up what comes back where the parts overlap."""
        kinds.planes(type(self).__name__, "dout", dout)
        shape, plan = self._recall()
        arguments.same_shape(
            type(self).__name__, "dout", dout, (shape[0], dout.shape[1], *plan.out), "the scores"
        )
        dparts = self._classify_backward(plan.stitch_backward(dout))
        return plan.cut_backward(dparts, shape)

    def _plan(self, size: Ints) -> Plan:
        """Return which parts an image is cut into."""
        out = tuple(n - self.field + 1 for n in size)
        if min(out) < 1:
            raise ValueError(
                f"{type(self).__name__}: no patch of {times((self.field,) * len(out))} fits into {times(size)}"
            )
        shifts = self.shifts(out)
        answers = tuple(-(-n // m) for n, m in zip(out, shifts))
        return Plan(out, shifts, answers, tuple(self.field + self.stride * (a - 1) for a in answers))

    def _classify(self, parts: Array) -> Array:
        """Run the classifier on parts (N, C, m, m, k, k): scores (N, classes, m, m, a, a)."""
        images, channels, *shifts = parts.shape[:4]
        y = super().forward(parts.transpose(0, 2, 3, 1, 4, 5).reshape(-1, channels, *parts.shape[4:]))
        return y.reshape(images, *shifts, *y.shape[1:]).transpose(0, 3, 1, 2, 4, 5)

    def _classify_backward(self, dscores: Array) -> Array:
        """Go back from scores (N, classes, m, m, a, a) to parts (N, C, m, m, k, k)."""
        images, classes, *shifts = dscores.shape[:4]
        d = super().backward(dscores.transpose(0, 2, 3, 1, 4, 5).reshape(-1, classes, *dscores.shape[4:]))
        return d.reshape(images, *shifts, *d.shape[1:]).transpose(0, 3, 1, 2, 4, 5)

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places: there is one for each patch."""
        return below.down(kernel=self.field)

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the patches ``first`` to ``last``."""
        return first, last + self.field - 1


class Patches(ShiftAndStitch):
    """A patch classifier run on the patch around every pixel: the sliding window, by its definition.

    Parameters
    ----------
    net : Sequential
        The classifier; its layers are used, not copied.

    Raises
    ------
    ValueError
        If a layer is none of a patch classifier's.

    Examples
    --------
    >>> from npseg.layers import MaxPool
    >>> Patches(Sequential(pool=MaxPool(2))).forward(np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1]]]]))[0, 0]
    array([[5., 6., 6.]])
    """

    def shifts(self, out: Ints) -> Ints:
        """Return how many shifts there are on each axis: one for each patch."""
        return out
