"""Zero padding by itself: for networks that pad the image once, and none of their planes."""

from __future__ import annotations

from npseg import arguments
from npseg.backend import Array, array_module
from npseg.geometry import Grid
from npseg.layers.layer import Layer
from npseg.ops.crop import crop_forward


class ZeroPad(Layer):
    """A border of zeros around each image; its backward crops.

    Parameters
    ----------
    before, after : int
        Rows above and columns to the left; rows below and columns to the right.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ZeroPad(1, 2)
    >>> layer.forward(np.array([[[3.0, 4.0]]]))
    array([[[0., 3., 4., 0., 0.]]])
    >>> layer.backward(np.array([[[5.0, 6.0, 7.0, 8.0, 9.0]]]))
    array([[[6., 7.]]])
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        arguments.integers("ZeroPad", 0, before=before, after=after)
        self.before, self.after = before, after

    def forward(self, x: Array) -> Array:
        """Pad."""
        border = [(0, 0)] * 2 + [(self.before, self.after)] * (x.ndim - 2)
        self._remember(x.shape[2:])
        return array_module(x).pad(x, border)

    def backward(self, dout: Array) -> Array:
        """Crop the gradient."""
        return crop_forward(dout, self.before, self._recall())[0]

    def grid(self, below: Grid) -> Grid:
        """Begin in the border."""
        return below.crop(-self.before)
