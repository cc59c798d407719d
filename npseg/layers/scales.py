"""An image at several scales: the Laplacian pyramid, local normalisation, and the way back to the finest scale.

A Gaussian pyramid halves an image again and again, each time blurred by 1 4 6 4 1. What halving loses is a level of
the Laplacian pyramid: the image less what its half, enlarged by the same weights, still has of it. The last level is
what remains at the end, so that nothing is lost and the sum of all levels, enlarged, is the image.

Both ways are one convolution and its transpose. At the border the weights that fall outside are left out and the
others make up for them, ``y = (W x) / (W 1)``, so that a flat image stays flat and has empty levels.

References
----------
Burt & Adelson, "The Laplacian pyramid as a compact image code", 1983; their ``a`` is 3/8 here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType

from npseg import arguments, kinds
from npseg.backend import Array, array_module
from npseg.geometry import Grid
from npseg.layers.containers import Container
from npseg.layers.layer import Layer
from npseg.ops.conv import conv_forward
from npseg.ops.conv_transpose import conv_transpose_forward
from npseg.ops.crop import crop_backward, crop_forward
from npseg.ops.local_norm import local_norm_backward, local_norm_forward
from npseg.ops.unpool import nearest_unpool_backward, nearest_unpool_forward

#: The weights of both ways, on one axis.
BINOMIAL = (1, 4, 6, 4, 1)

#: Levels of a pyramid: each halves the size, and sizes are counted in 32 bits.
MOST_LEVELS = 32


class PyramidDown(Layer):
    """Blur, and keep every second pixel, beginning with the first: half the size, rounded up.

    Examples
    --------
    >>> import numpy as np
    >>> PyramidDown().forward(np.array([[[[16.0, 0, 0, 0, 0]]]]))[0, 0].round(2)
    array([[8.73, 1.  , 0.  ]])
    """

    def forward(self, x: Array) -> Array:
        """Halve: W x, divided by W 1."""
        _check("PyramidDown", "x", x)
        total = _blur_down(_ones(x, x.shape[2:]))
        self._remember((x.shape[2:], total))
        return _blur_down(x) / total

    def backward(self, dout: Array) -> Array:
        """Return dx, by the transpose: Wᵀ (dout / W 1)."""
        _check("PyramidDown", "dout", dout)
        size, total = self._recall()
        return _blur_up(dout / total, size)

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places through the windows."""
        return below.down(kernel=len(BINOMIAL), stride=2, padding=2)


class PyramidUp(Layer):
    """Enlarge to twice the size by the transpose of the same blur; of an odd size, crop the last pixel.

    Examples
    --------
    >>> import numpy as np
    >>> PyramidUp().forward(np.array([[[[0.0, 8, 8]]]]))[0, 0].round(2)
    array([[1.14, 4.  , 7.  , 8.  , 8.  , 8.  ],
           [1.14, 4.  , 7.  , 8.  , 8.  , 8.  ]])
    """

    def forward(self, x: Array) -> Array:
        """Double: Wᵀ x, divided by Wᵀ 1."""
        _check("PyramidUp", "x", x)
        size = tuple(2 * n for n in x.shape[2:])
        total = _blur_up(_ones(x, x.shape[2:]), size)
        self._remember(total)
        return _blur_up(x, size) / total

    def backward(self, dout: Array) -> Array:
        """Return dx, by the transpose of the transpose: W (dout / Wᵀ 1)."""
        _check("PyramidUp", "dout", dout)
        return _blur_down(dout / self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places up."""
        return below.up(kernel=len(BINOMIAL), stride=2, padding=2)


class LaplacianPyramid(Container):
    """An image in levels, each half the size of the one before: three bands of details, or however many.

    Parameters
    ----------
    levels : int
        How many; of 1, the image itself.

    Raises
    ------
    ValueError
        If there are fewer levels than 1, or more than any image has.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> pyramid = LaplacianPyramid(3)
    >>> [level.shape[2:] for level in pyramid.forward(np.zeros((1, 3, 240, 321)))]
    [(240, 321), (120, 161), (60, 81)]
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels = arguments.integer("LaplacianPyramid", "levels", levels, 1, MOST_LEVELS)
        ways: dict[str, Layer] = {}
        for n in range(1, levels):
            ways |= {f"down{n}": PyramidDown(), f"up{n}": PyramidUp()}
        super().__init__(**ways)

    def forward(self, x: Array) -> list[Array]:
        """Take an image apart: each level is ``G - up(down(G))``, but the last, which is what remains."""
        _check("LaplacianPyramid", "x", x)
        bands, crops = [], []
        for n in range(1, self.levels):
            half = self.layers[f"down{n}"].forward(x)
            again, crop = crop_forward(self.layers[f"up{n}"].forward(half), 0, x.shape[2:])
            bands.append(x - again)
            crops.append(crop)
            x = half
        self._remember(crops)
        return [*bands, x]

    def backward(self, dlevels: Sequence[Array]) -> Array:
        """Return the gradient of the image: G is read twice, by its level and by what is halved."""
        given = kinds.listed("LaplacianPyramid", "dlevels", dlevels, "a list of each level's gradient")
        if len(given) != self.levels:
            raise ValueError(
                f"LaplacianPyramid: dlevels has {len(given)} arrays; one for each of the {self.levels} levels is needed"
            )
        for dlevel in given:
            _check("LaplacianPyramid", "dlevels", dlevel)
        *dbands, dx = given
        for n, (dband, crop) in reversed([*enumerate(zip(dbands, self._recall()), start=1)]):
            dhalf = dx - self.layers[f"up{n}"].backward(crop_backward(dband, crop))
            dx = dband + self.layers[f"down{n}"].backward(dhalf)
        return dx


class LocalNorm(Layer):
    """Normalisation of each pixel by the mean and the deviation of its neighbourhood, channel by channel.

    Parameters
    ----------
    size : int
        Pixels of the neighbourhood, on each axis: an odd number.
    eps : float
        Added to the variance, as in :func:`npseg.local_norm_forward`.

    Raises
    ------
    ValueError
        If the size is below 1; :meth:`forward` refuses an even one.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> LocalNorm(3).forward(np.array([[[[0.0, 0, 1, 1]]]])).round(3)
    array([[[[ 0.   , -1.225,  1.225,  0.   ]]]])
    """

    def __init__(self, size: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.size = arguments.integer("LocalNorm", "size", size, 1)
        self.eps = arguments.real("LocalNorm", "eps", eps)

    def forward(self, x: Array) -> Array:
        """Normalise."""
        y, cache = local_norm_forward(x, self.size, eps=self.eps, method=self.method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Return dx."""
        return local_norm_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Let a unit see its neighbourhood, and theirs, by whose means these are centred."""
        return below.down(kernel=2 * self.size - 1, padding=self.size - 1)


class NearestUnpool(Layer):
    """Repeat each value all over its block.

    Parameters
    ----------
    scale : int
        Pixels of a block, on each axis.

    Raises
    ------
    ValueError
        If the scale is below 1.
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> NearestUnpool(2).forward(np.array([[[1.0, 2.0]]]))
    array([[[1., 1., 2., 2.]]])
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = arguments.integer("NearestUnpool", "scale", scale, 1)

    def forward(self, x: Array) -> Array:
        """Repeat."""
        y, cache = nearest_unpool_forward(x, self.scale, method=self.method)
        self._remember(cache)
        return y

    def backward(self, dout: Array) -> Array:
        """Add up the gradient of each block."""
        return nearest_unpool_backward(dout, self._recall())

    def grid(self, below: Grid) -> Grid:
        """Follow the units' places up."""
        return below.up(kernel=self.scale, stride=self.scale)


def _check(op: str, name: str, x: Array) -> None:
    """Refuse what is no array of planes."""
    arguments.arrays(op, **{name: x})
    kinds.planes(op, name, x)


def _blur_down(x: Array) -> Array:
    """Convolve with the binomial weights, stride 2: W x."""
    return _plane_by_plane(lambda planes, w: conv_forward(planes, w, stride=2, padding=2)[0], x)


def _blur_up(x: Array, size: Sequence[int]) -> Array:
    """Convolve with the transpose of the same: Wᵀ x."""

    def convolve(planes: Array, w: Array) -> Array:
        return conv_transpose_forward(planes, w, stride=2, padding=2, output_size=size)[0]

    return _plane_by_plane(convolve, x)


def _plane_by_plane(convolve: Callable[[Array, Array], Array], x: Array) -> Array:
    """Convolve each channel by itself."""
    images, channels, *size = x.shape
    y = convolve(x.reshape(images * channels, 1, *size), _blur(str(x.dtype), array_module(x)))
    return y.reshape(images, channels, *y.shape[2:])


@lru_cache(maxsize=8)
def _blur(dtype: str, xp: ModuleType) -> Array:
    """Make the kernel once for each library: a network blurs by the same over and over."""
    line = xp.asarray(BINOMIAL, dtype) / sum(BINOMIAL)
    return (line[:, None] * line)[None, None]


def _ones(x: Array, size: Sequence[int]) -> Array:
    """Return one plane of ones, of x's library and dtype."""
    return array_module(x).ones((1, 1, *size), x.dtype)
