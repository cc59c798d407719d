"""A classifier of patches, run so that every pixel of an image gets a score: three ways, one answer.

A patch classifier (:mod:`npseg.networks.patches`) takes a patch of f x f pixels to a single unit. Given a larger image
it answers for every s-th patch only, s being the product of its strides. Three ways lead to all of them:

* **Patches.** Cut the patch around each pixel out of the image, and classify them one by one. What two neighbours
  have in common, nearly everything, is computed twice.
* **Shift and stitch.** Run the classifier on the image shifted by 0 to s - 1 pixels on each axis, and interleave
  what comes out. (Patches are the same with as many shifts as there are pixels, each so small that there is one
  answer: in :mod:`npseg.networks.stitch`, the one is a subclass of the other.)
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
from collections.abc import Callable

from npseg import arguments
from npseg.layers import Conv, Layer, MaxPool, Sequential, ZeroPad
from npseg.networks.patches import field_and_stride, margins
from npseg.networks.stitch import Patches, ShiftAndStitch

__all__ = ["RUNS", "Patches", "ShiftAndStitch", "dense", "dilated", "field_and_stride", "margins"]


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
    >>> import numpy as np
    >>> net = Sequential(conv=Conv(3, 8, 3, rng=None), pool=MaxPool(2), score=Conv(8, 5, 4, rng=None))
    >>> [dense(net, run).forward(np.zeros((1, 3, 11, 20), "float32")).shape for run in RUNS]
    [(1, 5, 11, 20), (1, 5, 11, 20), (1, 5, 11, 20)]
    """
    arguments.choice("dense", "run", run, RUNS)
    field, _ = field_and_stride(net)
    return Sequential(pad=ZeroPad(*margins(field)), classifier=RUNS[run](net))
