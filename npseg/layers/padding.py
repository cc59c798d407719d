"""Zero padding by itself: for networks that pad the image once, and none of their planes."""

from __future__ import annotations

from npseg import arguments, room
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

    Raises
    ------
    ValueError
        If one of them is negative.
    TypeError
        If an argument is of another kind.

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
        self.before, self.after = arguments.integers("ZeroPad", 0, before=before, after=after)

    def forward(self, x: Array) -> Array:
        """Pad."""
        arguments.arrays("ZeroPad", x=x)
        arguments.spatial("ZeroPad", "x", x)
        room.check("ZeroPad", f"x with {self.before} before and {self.after} after", self._padded(x.shape), x)
        border = [(0, 0)] * 2 + [(self.before, self.after)] * (x.ndim - 2)
        self._remember(x.shape)
        return array_module(x).pad(x, border)

    def backward(self, dout: Array) -> Array:
        """Crop the gradient."""
        arguments.arrays("ZeroPad", dout=dout)
        shape = self._recall()
        arguments.same_shape("ZeroPad", "dout", dout, self._padded(shape), "the output")
        return crop_forward(dout, self.before, shape[2:])[0]

    def _padded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the output's shape."""
        return (*shape[:2], *(n + self.before + self.after for n in shape[2:]))

    def grid(self, below: Grid) -> Grid:
        """Begin in the border."""
        return below.crop(-self.before)
