"""A classifier of patches, run so that every pixel of an image gets a score: three ways, one answer.

A *patch classifier* is a Sequential of convolutions, poolings and nonlinearities, none of them padded, that takes a
patch of f x f pixels to a single unit: f is the field of that unit. Given a larger image it answers for every s-th
patch only, s being the product of its strides. Three ways lead to all of them:

* **Patches.** Cut the patch around each pixel out of the image, and classify them one by one. What two neighbours
  have in common, nearly everything, is computed twice.
* **Shift and stitch.** Run the classifier on the image shifted by 0 to s - 1 pixels on each axis, and interleave
  what comes out. (Patches are the same with as many shifts as there are pixels, each so small that there is one
  answer: below, the one is a subclass of the other.)
* **Dilation.** Take the strides out of the layers and space the taps of all later ones by as much instead. Then
  nothing is computed twice.

Each takes (N, C, H, W) to the scores of all patches that lie inside, (N, classes, H - f + 1, W - f + 1).
:func:`dense` pads the image once before, so that there is a patch for each pixel. Padding each layer by half its
kernel would be another function near the border.

References
----------
Farabet, Couprie, Najman & LeCun, "Learning hierarchical features for scene labeling", 2013: patches.
Pinheiro & Collobert, "Recurrent convolutional neural networks for scene labeling", 2014, section 3.4: shift and merge.
Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", 2015, section 3.2: both ways.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array, array_module
from npseg.geometry import Grid, Ints, times
from npseg.layers import Conv, Layer, MaxPool, Sequential, ZeroPad
from npseg.memory import zeros


def field_and_stride(net: Sequential) -> tuple[int, int]:
    """Return the size of a classifier's patches, and the pixels from one answer to the next on a larger image.

    Parameters
    ----------
    net : Sequential
        A patch classifier; blocks of layers inside are gone through.

    Raises
    ------
    ValueError
        If a layer is padded, or is neither a convolution nor a pooling nor pointwise.

    Examples
    --------
    Farabet et al.'s, but for the channels:

    >>> conv = {"rng": None}
    >>> field_and_stride(Sequential(a=Conv(3, 1, 7, **conv), p=MaxPool(2), b=Conv(1, 1, 7, **conv), q=MaxPool(2),
    ...                             c=Conv(1, 1, 7, **conv)))
    (46, 4)
    """
    kinds.instance("patch classifier", "net", net, Sequential, "a Sequential")
    for name, layer in _leaves(net):
        if isinstance(layer, Conv | MaxPool):
            if getattr(layer, "padding", 0) or getattr(layer, "ceil_mode", False):
                raise ValueError(
                    f"patch classifier: layer {name!r} is padded, or pools in ceil mode, so that what a patch "
                    "gives depends on where it is cut out; give padding=0 and ceil_mode=False (the image is "
                    "padded, once)"
                )
        elif layer.grid(Grid()) != Grid():
            raise ValueError(
                f"patch classifier: layer {name!r} is a {type(layer).__name__}; convolutions, max pooling and "
                "pointwise layers are known"
            )
    grid = net.grid(Grid())
    return int(grid.field), int(grid.step)


def margins(field: int) -> tuple[int, int]:
    """Return how many pixels of a patch lie before and after the pixel that it is the patch of.

    A patch of even size has no middle; it reaches one pixel further on below and to the right.

    Examples
    --------
    >>> margins(7), margins(46)
    ((3, 3), (22, 23))
    """
    field = arguments.integer("margins", "field", field, 1)
    return (field - 1) // 2, field // 2


class ShiftAndStitch(Sequential):
    """A patch classifier run on the image in every shift below its stride, and the answers interleaved.

    Parameters
    ----------
    net : Sequential
        The classifier; its layers are used, not copied.

    Notes
    -----
    The shifts run as one batch, so that one backward goes through all of them; without training, where nothing is
    remembered, those of one row at a time, which saves memory.

    Examples
    --------
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
        """Return the scores of all patches inside x."""
        kinds.planes(type(self).__name__, "x", x)
        xp = array_module(x)
        out = tuple(n - self.field + 1 for n in x.shape[2:])
        if min(out) < 1:
            raise ValueError(
                f"{type(self).__name__}: no patch of {times((self.field,) * len(out))} fits into {times(x.shape[2:])}"
            )
        shifts = self.shifts(out)
        answers = tuple(-(-n // m) for n, m in zip(out, shifts))  # of the classifier, to one shift
        part = tuple(self.field + self.stride * (a - 1) for a in answers)  # of the image, that it sees
        rest = [(0, k + m - 1 - n) for n, k, m in zip(x.shape[2:], part, shifts)]
        parts = xp.lib.stride_tricks.sliding_window_view(xp.pad(x, [(0, 0)] * 2 + rest), part, (2, 3))
        rows = shifts[0] if self.remembering else 1
        scores = [self._classify(parts[:, :, i : i + rows]) for i in range(0, shifts[0], rows)]
        self._remember((x.shape, shifts, answers, part))
        every = scores[0] if len(scores) == 1 else xp.concatenate(scores, axis=3)
        images, classes = every.shape[:2]
        every = every.reshape(images, classes, *(a * m for a, m in zip(answers, shifts)))
        return every[:, :, : out[0], : out[1]]

    def _classify(self, parts: Array) -> Array:
        """Run the classifier on parts (N, C, m, m, k, k) of the images: scores (N, classes, a, m, a, m)."""
        images, channels, *shifts = parts.shape[:4]
        y = super().forward(parts.transpose(0, 2, 3, 1, 4, 5).reshape(-1, channels, *parts.shape[4:]))
        return y.reshape(images, *shifts, *y.shape[1:]).transpose(0, 3, 4, 1, 5, 2)

    def backward(self, dout: Array) -> Array:
        """Hand each shift the gradients of its answers, and add up what comes back where the parts overlap."""
        kinds.planes(type(self).__name__, "dout", dout)
        shape, shifts, answers, part = self._recall()
        images, classes = dout.shape[:2]
        scored = tuple(n - self.field + 1 for n in shape[2:])
        arguments.same_shape(type(self).__name__, "dout", dout, (shape[0], classes, *scored), "the scores")
        every = zeros((images, classes, *(a * m for a, m in zip(answers, shifts))), dout)
        every[:, :, : dout.shape[2], : dout.shape[3]] = dout
        every = every.reshape(images, classes, answers[0], shifts[0], answers[1], shifts[1])
        dparts = super().backward(every.transpose(0, 3, 5, 1, 2, 4).reshape(-1, classes, *answers))
        dparts = dparts.reshape(images, *shifts, *dparts.shape[1:])
        dx = zeros((*shape[:2], *(k + m - 1 for k, m in zip(part, shifts))), dout)
        for i, j in np.ndindex(*shifts):
            dx[:, :, i : i + part[0], j : j + part[1]] += dparts[:, i, j]
        return dx[:, :, : shape[2], : shape[3]]

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

    Examples
    --------
    >>> Patches(Sequential(pool=MaxPool(2))).forward(np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1]]]]))[0, 0]
    array([[5., 6., 6.]])
    """

    def shifts(self, out: Ints) -> Ints:
        """Return how many shifts there are on each axis: one for each patch."""
        return out


def dilated(net: Sequential) -> Sequential:
    """Take the strides out of a patch classifier, and dilate all later layers by as much instead.

    Parameters
    ----------
    net : Sequential
        The classifier.

    Returns
    -------
    Sequential
        Layers of the same names, with the very parameters and gradients of ``net``'s: who trains the one trains the
        other. Pointwise layers are used, not copied.

    Raises
    ------
    ValueError
        If a layer is none of a patch classifier's.

    References
    ----------
    Long, Shelhamer & Darrell 2015, section 3.2; "a trous", with holes, in the literature of wavelets.

    Examples
    --------
    >>> net = dilated(Sequential(pool=MaxPool(2), conv=Conv(1, 1, 3, rng=None)))
    >>> net.layers["pool"].stride, net.layers["conv"].dilation
    (1, 2)
    """
    field_and_stride(net)
    return _dilated(net, 1)[0]


def _dilated(net: Sequential, stride: int) -> tuple[Sequential, int]:
    """Dilate by the stride before a net; return it with the stride after."""
    layers: dict[str, Layer] = {}
    for name, layer in net.layers.items():
        if isinstance(layer, Sequential):
            layers[name], stride = _dilated(layer, stride)
        elif isinstance(layer, Conv | MaxPool):
            twin = copy.copy(layer)  # of the same dicts of parameters and gradients
            twin.stride, twin.dilation = 1, layer.dilation * stride
            layers[name], stride = twin, stride * layer.stride
        else:
            layers[name] = layer
    return Sequential(**layers), stride


#: Ways of running a patch classifier on all patches of an image, by name.
RUNS: dict[str, Callable[[Sequential], Sequential]] = {
    "patches": Patches,
    "stitch": ShiftAndStitch,
    "dilated": dilated,
}


def dense(net: Sequential, run: str = "dilated") -> Sequential:
    """Make of a patch classifier a network that scores every pixel: the image is padded once, by a patch's margins.

    Parameters
    ----------
    net : Sequential
        The classifier.
    run : {"dilated", "stitch", "patches"}
        How it is run; the scores are the same, the cost is not.

    Returns
    -------
    Sequential
        Two layers, ``pad`` and ``classifier``: (N, C, H, W) to (N, classes, H, W).

    Raises
    ------
    ValueError
        If there is no such way, or a layer is none of a patch classifier's.

    Examples
    --------
    >>> net = Sequential(conv=Conv(3, 8, 3, rng=None), pool=MaxPool(2), score=Conv(8, 5, 4, rng=None))
    >>> [dense(net, run).forward(np.zeros((1, 3, 11, 20), "float32")).shape for run in RUNS]
    [(1, 5, 11, 20), (1, 5, 11, 20), (1, 5, 11, 20)]
    """
    arguments.choice("dense", "run", run, RUNS)
    field, _ = field_and_stride(net)
    return Sequential(pad=ZeroPad(*margins(field)), classifier=RUNS[run](net))


def _leaves(net: Sequential, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Go through the layers of a net, and of the nets inside."""
    for name, layer in net.layers.items():
        if isinstance(layer, Sequential):
            yield from _leaves(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer
