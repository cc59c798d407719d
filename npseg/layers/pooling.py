"""Pooling and unpooling: the layers that make planes smaller by their winners, and large again.

Max unpooling has to know where the winners of its pooling stood. These *switches* are a second output of the pooling
and a second input of the unpooling; the network that has both carries them over, and drops them when they are used.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from npseg import arguments, kinds
from npseg.backend import Array
from npseg.geometry import Grid, Ints
from npseg.layers.layer import Layer
from npseg.ops.pool import max_pool_backward, max_pool_forward
from npseg.ops.unpool import max_unpool_backward, max_unpool_forward


class Switches(NamedTuple):
    """Where the winners of a max pooling stood.

    Attributes
    ----------
    indices : (N, C, *out) int array
        The winners, as flat indices into the pooling's input plane.
    size : tuple of int
        The spatial size of that plane, to which the unpooling returns.

    Examples
    --------
    >>> import numpy as np
    >>> y, switches = MaxPool(2).forward_with_switches(np.array([[[1.0, 7.0, 3.0, 2.0, 0.0]]]))
    >>> switches
    Switches(indices=array([[[1, 2]]], dtype=int32), size=(5,))
    """

    indices: Array
    size: Ints


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

    Raises
    ------
    ValueError
        If an argument is below 1.
    TypeError
        If an argument is of another kind.

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
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.dilation, self.stride = arguments.integers(
            "MaxPool", 1, kernel_size=kernel_size, dilation=dilation, stride=stride
        )
        self.ceil_mode = arguments.flag("MaxPool", "ceil_mode", ceil_mode)

    def forward(self, x: Array) -> Array:
        """Take the winners."""
        return self.forward_with_switches(x)[0]

    def forward_with_switches(self, x: Array) -> tuple[Array, Switches]:
        """Take the winners, and say where they stood: for a :class:`MaxUnpool`."""
        how: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "ceil_mode": self.ceil_mode}
        y, cache = max_pool_forward(x, self.kernel_size, **how, method=self.method)
        self._remember(cache)
        return y, Switches(cache.indices, cache.window.size)

    def backward(self, dout: Array) -> Array:
        """Give the gradient to the winners."""
        return max_pool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=self.kernel_size, stride=self.stride, dilation=self.dilation)


class MaxUnpool(Layer):
    """Max unpooling: values go back to where the winners of a max pooling stood, between zeros.

    Parameters
    ----------
    kernel_size : int
        That of the pooling.

    Raises
    ------
    ValueError
        If the kernel's size is below 1.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    The switches come from the pooling, and with them the size, so that odd ones work:

    >>> import numpy as np
    >>> y, switches = MaxPool(2, ceil_mode=True).forward_with_switches(np.array([[[1.0, 7.0, 3.0]]]))
    >>> MaxUnpool(2).forward(10 * y, switches)
    array([[[ 0., 70., 30.]]])
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = arguments.integer("MaxUnpool", "kernel_size", kernel_size, 1)

    def forward(self, x: Array, switches: Switches) -> Array:  # type: ignore[override]
        """Put each value to where its winner stood."""
        kinds.instance(
            "MaxUnpool", "switches", switches, Switches, "what MaxPool.forward_with_switches returns"
        )
        y, cache = max_unpool_forward(
            x, switches.indices, self.kernel_size, output_size=switches.size, method=self.method
        )
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Take the gradient up from there; the switches, whole numbers, have none."""
        return max_unpool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places up."""
        return below.up(kernel=self.kernel_size, stride=self.kernel_size)
