"""Pooling: the layers that make planes smaller."""

from __future__ import annotations

from npseg.backend import Array
from npseg.geometry import Grid
from npseg.layers.layer import Layer
from npseg.ops.pool import max_pool_backward, max_pool_forward


class MaxPool(Layer):
    """Max pooling.

    Parameters
    ----------
    kernel_size : int
        Size of a window, and pixels from one to the next.
    ceil_mode : bool
        Let the last window hang over the end, so that no pixel is lost.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool(2, ceil_mode=True).forward(np.array([[[1.0, 7.0, 3.0]]]))
    array([[[7., 3.]]])
    """

    def __init__(self, kernel_size: int, *, ceil_mode: bool = False) -> None:
        super().__init__()
        self.kernel_size, self.ceil_mode = kernel_size, ceil_mode

    def forward(self, x: Array) -> Array:
        """Take the winners."""
        y, cache = max_pool_forward(x, self.kernel_size, ceil_mode=self.ceil_mode, method=self.method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Give the gradient to the winners."""
        return max_pool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=self.kernel_size, stride=self.kernel_size)
