"""Layers: an operation together with its parameters, and what it must remember between forward and backward.

A layer has ``forward(x)`` and ``backward(dout)``; the latter returns the gradient of the input and leaves those
of the parameters in ``grads``, under the names they have in ``params``. There is no graph and no automatic
differentiation: whoever puts layers together, a :class:`Sequential` or a network with skips, also writes down
in which order their backward passes run.

``train(rng)`` and ``evaluate()`` switch between the two ways of running. Only a layer that trains remembers
anything, so that labelling a large image takes no more memory than its largest layer; or one that is asked to,
``evaluate(remember=True)``, for the gradient of the network as it labels.
"""

from npseg.layers.containers import Container, Sequential, named
from npseg.layers.convolution import BilinearUpsampling, Conv, ConvTranspose
from npseg.layers.layer import Layer
from npseg.layers.padding import ZeroPad
from npseg.layers.pointwise import BatchNorm, Dropout, LocalResponseNorm, ReLU, Scale, Tanh
from npseg.layers.pooling import MaxPool, MaxUnpool, Switches
from npseg.layers.scales import LaplacianPyramid, LocalNorm, NearestUnpool, PyramidDown, PyramidUp
from npseg.layers.shared import Shared
from npseg.layers.shifts import Merge, ShiftedMaxPool, merge, split
from npseg.layers.sparse import SparseConv, random_table

__all__ = [
    "BatchNorm",
    "BilinearUpsampling",
    "Container",
    "Conv",
    "ConvTranspose",
    "Dropout",
    "LaplacianPyramid",
    "Layer",
    "LocalNorm",
    "LocalResponseNorm",
    "MaxPool",
    "MaxUnpool",
    "Merge",
    "NearestUnpool",
    "PyramidDown",
    "PyramidUp",
    "ReLU",
    "Scale",
    "Sequential",
    "Shared",
    "ShiftedMaxPool",
    "SparseConv",
    "Switches",
    "Tanh",
    "ZeroPad",
    "merge",
    "named",
    "random_table",
    "split",
]
