"""The sliding window: classify the patch around each pixel, with a small classifier whose strides cost no pixel.

The lecture's first idea. The classifier is trained and run on every pixel of an image; :mod:`npseg.networks.dense`
says in which three ways, and that they agree. By default it is the dilated one, whose cost is that of a fully
convolutional network; ``run="patches"`` is the idea as it was first had, some thirty times as dear.

References
----------
Ciresan, Giusti, Gambardella & Schmidhuber, "Deep neural networks segment neuronal membranes in electron microscopy
images", 2012; Farabet, Couprie, Najman & LeCun, "Learning hierarchical features for scene labeling", 2013: patches.
LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", 1998: the geometry.
"""

from __future__ import annotations

from npseg import arguments, backend
from npseg.layers import Conv, MaxPool, ReLU, Sequential
from npseg.networks.dense import dense
from npseg.networks.network import Model, Network


class SlidingWindow(Network, Sequential):
    """A classifier of 32x32 patches, of LeNet-5's geometry, on the patch around every pixel.

    The lecture gives no classifier. Taken is the geometry that the first one had, LeNet-5's: 5x5 kernels, pooling by
    2 twice, 32x32 to 28, 14, 10, 5 and 1; with max pooling and ReLU in place of what there was in 1998, and channels
    that double. A patch of even size has no middle: it is that of rows y - 15 to y + 16. There is no batch norm,
    which would make of each way of running another network: its statistics would be over other pixels.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    width : int
        Channels of the first convolution; the second has twice, the third four times as many.
    run : {"dilated", "stitch", "patches"}
        How the classifier is run; scores and gradients are the same, the cost is not.
    seed : int
        Seed of the initial weights.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((1, 3, 6, 9))
    >>> ways = [SlidingWindow(4, width=2, run=run, dtype="float64") for run in ("patches", "stitch", "dilated")]
    >>> patches, stitched, dilated = (network.forward(x) for network in ways)
    >>> patches.shape, np.allclose(patches, stitched), np.allclose(patches, dilated)
    ((1, 4, 6, 9), True, True)
    """

    def __init__(
        self,
        classes: int,
        *,
        width: int = 16,
        run: str = "dilated",
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        classes, width = arguments.integers("SlidingWindow", 1, classes=classes, width=width)
        rng = arguments.generator("SlidingWindow", seed)
        classifier = Sequential(
            conv1=Conv(3, width, 5, rng=rng, dtype=dtype),
            relu1=ReLU(in_place=True),
            pool1=MaxPool(2),
            conv2=Conv(width, 2 * width, 5, rng=rng, dtype=dtype),
            relu2=ReLU(in_place=True),
            pool2=MaxPool(2),
            conv3=Conv(2 * width, 4 * width, 5, rng=rng, dtype=dtype),
            relu3=ReLU(in_place=True),
            score=Conv(4 * width, classes, 1, rng=rng, dtype=dtype),
        )
        super().__init__(**dense(classifier, run).layers)
        self.compute_by(method)
        self.train(backend.generator(seed))


#: Published by nobody; the lecture's, with the channels that its class says.
MODELS = {"sliding-window": Model(SlidingWindow, published={"width": 16}, width=8)}
