"""Sizes and indices: where each window of a sliding operation lies.

A :class:`Window` joins two planes, by a single formula, one per axis, from which everything follows:

    tap k of window o reads pixel   o * stride + k * dilation - padding.

The convolution matrix, im2col, pooling, unpooling and the drawings all take their indices from here, so that
no two of them can disagree. :class:`Grid` follows the same formula through a whole network: where its units lie
in the image, how far they see, and by how much one plane must be cropped to lie over another.
"""

from npseg.geometry.bilinear import bilinear_taps
from npseg.geometry.grid import Grid
from npseg.geometry.sizes import Ints as Ints
from npseg.geometry.sizes import Pairs as Pairs
from npseg.geometry.sizes import times
from npseg.geometry.window import Window, smallest_size

__all__ = ["Grid", "Window", "bilinear_taps", "smallest_size", "times"]
