"""Pooling: the layers that make planes smaller."""

from __future__ import annotations

from typing import Any

from npseg.backend import Array
from npseg.geometry import Grid
from npseg.layers.layer import Layer
from npseg.ops.pool import max_pool_backward, max_pool_forward


class MaxPool(Layer):
    """Max pooling.

    Parameters
    ----------
    kernel_size : int
        Size of a window.
    stride : int, optional
        Pixels from one window to the next; the kernel's size unless given.
    dilation : int
        Pixels from one place of the window to the next; 1 is none.
    ceil_mode : bool
        Let the last window hang over the end, so that no pixel is lost.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool(2, ceil_mode=True).forward(np.array([[[1.0, 7.0, 3.0]]]))
    array([[[7., 3.]]])
    """

    def __init__(
        self, kernel_size: int, *, stride: int | None = None, dilation: int = 1, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Array) -> Array:
        """Take the winners."""
        how: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "ceil_mode": self.ceil_mode}
        y, cache = max_pool_forward(x, self.kernel_size, **how, method=self.method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Give the gradient to the winners."""
        return max_pool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=self.kernel_size, stride=self.stride, dilation=self.dilation)
