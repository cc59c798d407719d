"""One instance of Pinheiro and Collobert's classifier: its layers, the patch that it sees, and where its scores lie.

The classifier is three stages, each a convolution and, where it has one, a max pooling, none of them padded. By the
paper's equation 1 they take a patch of some size to a single score. On a larger plane there is a score for each such
patch, as far apart as the poolings skip, and each lies on the pixel in the middle of its patch. Pooling in shifts
(:mod:`npseg.layers.shifts`), there are as many more scores as there are shifts.

All instances share the convolutions, :mod:`npseg.networks.pinheiro` says how. What one has for itself is what has no
weights.

References
----------
Pinheiro & Collobert, "Recurrent convolutional neural networks for scene labeling", ICML 2014, sections 3.1 and 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from npseg.backend import Array
from npseg.geometry import Ints
from npseg.layers import Container, Layer, Sequential, ShiftedMaxPool, Tanh, merge, named, split
from npseg.memory import zeros


class Stage(NamedTuple):
    """A convolution, and where it has one, its max pooling.

    Attributes
    ----------
    kernel, pool : int
        Their sizes; a pooling of 1 is none.

    Examples
    --------
    >>> Stage(7)
    Stage(kernel=7, pool=1)
    """

    kernel: int
    pool: int = 1


#: The stages of the classifiers, by the paper's names.
LAYOUTS = {
    "cnn1": (Stage(6, 8), Stage(3, 2), Stage(7)),
    "cnn2": (Stage(8, 2), Stage(8, 2), Stage(1)),
    "cnn3": (Stage(8, 2), Stage(8), Stage(1)),
}


def patch_size(stages: Sequence[Stage], instances: int = 1, *, out: int = 1) -> int:
    """Return what goes in, on one axis, for so many pixels to come out: the paper's equation 1, solved for it.

    Parameters
    ----------
    stages : sequence of Stage
        The layers of one instance.
    instances : int
        How often they run.
    out : int
        Pixels that come out.

    Examples
    --------
    >>> patch_size(LAYOUTS["cnn1"]), [patch_size(LAYOUTS["cnn3"], p) for p in (1, 2, 3)]
    (133, [23, 67, 155])
    """
    size = out
    for stage in reversed(list(stages) * instances):
        size = size * stage.pool + stage.kernel - 1
    return size


class Instance(Container):
    """What an instance has for itself: its poolings and nonlinearities, and the pixels that its scores lie on.

    Parameters
    ----------
    stages : sequence of Stage
        The classifier's.
    apart : int
        Pixels of the image from one unit of its input to the next, were it not for shifts: the product of the strides
        of all instances before.
    step : int
        Pixels of the image from one score to the next that are asked for. A pooling runs in no more shifts than that
        takes.
    hidden_tanh : bool
        Let a tanh follow each convolution but the last; otherwise those alone that are pooled.

    Attributes
    ----------
    pools : list of ShiftedMaxPool
        Its poolings, in their order.
    half : int
        Pixels of a patch before the one in its middle, in units of the input.

    Examples
    --------
    CNN2's scores lie on the pixels from the thirteenth to the thirteenth from the end. Of all four by four shifts there
    is one for each of these:

    >>> import numpy as np
    >>> instance = Instance(LAYOUTS["cnn2"], 1, step=1, hidden_tanh=True)
    >>> list(instance.layers)
    ['pool1', 'tanh1', 'pool2', 'tanh2']
    >>> instance.centres(np.zeros((1, 3, 32, 36))).shape
    (16, 3, 2, 3)
    """

    def __init__(self, stages: Sequence[Stage], apart: int, *, step: int, hidden_tanh: bool) -> None:
        own: dict[str, Layer] = {}
        self.pools: list[ShiftedMaxPool] = []
        self.half = patch_size(stages) // 2
        for i, (_, size) in enumerate(stages, 1):
            if size > 1:
                gap = min(size, max(1, step // apart))  # units from one window to the next
                own[f"pool{i}"] = pool = ShiftedMaxPool(size, shifts=size // gap)
                self.pools.append(pool)
                apart *= size
            if size > 1 or (hidden_tanh and i < len(stages)):
                own[f"tanh{i}"] = Tanh()
        super().__init__(**own)

    def over(self, convs: dict[str, Layer]) -> Sequential:
        """Return all layers in their order: the convolutions ``conv1``, ``conv2`` and so on, and the instance's own."""
        layers = self.layers | convs
        order = [f"{kind}{i}" for i in range(1, len(convs) + 1) for kind in ("conv", "pool", "tanh")]
        return named([(name, layers[name]) for name in order if name in layers])

    def centres(self, planes: Array) -> Array:
        """Take of input planes those pixels on which the scores lie, in the shifts of the poolings.

        Parameters
        ----------
        planes : (N, C, H, W) array
            Planes as large as those that the instance runs on.

        Returns
        -------
        (N * shifts, C, h, w) array
            The pixels, each under its score.
        """
        planes = planes[:, :, *self._places(planes.shape)]
        for pool in self.pools:
            planes = split(planes, pool.shifts)
        return planes

    def centres_backward(self, dout: Array, shape: Ints) -> Array:
        """Put the gradient of the pixels back to where they were taken from, planes of this shape, between zeros."""
        for pool in reversed(self.pools):
            dout = merge(dout, pool.shifts)
        dplanes = zeros(shape, dout)
        dplanes[:, :, *self._places(shape)] = dout
        return dplanes

    def _places(self, shape: Ints) -> list[slice]:
        """Say where scores lie on the input: in the middle of their patches, as far apart as the windows."""
        gap = prod(pool.kernel_size // pool.shifts for pool in self.pools)
        return [slice(self.half, n - self.half, gap) for n in shape[2:]]
