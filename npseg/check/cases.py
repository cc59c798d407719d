"""Small, telling calls of every operation.

They are uneven on purpose: H ≠ W, strides that differ from the kernel and do not divide the size, padding that
differs by side, windows that overlap. What a square image with a square kernel hides shows here. Where an operation
has kinks its input is drawn in gaps, so that none is near.

The numbers are drawn on the host, so that they are the same in every library.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from npseg import backend
from npseg.backend import Array
from npseg.methods.choose import GENERAL, HOST
from npseg.ops import (
    activation,
    conv,
    conv_transpose,
    crop,
    dropout,
    local_norm,
    loss,
    norm,
    pool,
    resize,
    unpool,
)

DEFAULTS: Mapping[str, Any] = MappingProxyType({})
UNEVEN: dict[str, Any] = {"stride": (2, 3), "padding": ((2, 1), (0, 3)), "dilation": (1, 2)}


class Case(NamedTuple):
    """One call of an operation.

    Attributes
    ----------
    name : str
        The operation, and what is particular about the case.
    forward, backward : callable
        Its two passes.
    arrays : tuple
        The arguments that come by position.
    settings : dict
        Those that come by name.
    special : tuple of str
        The methods that it is made for; without, it is computed by those that compute everything.
    """

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arrays: tuple[Any, ...]
    settings: Mapping[str, Any] = DEFAULTS
    special: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that can compute it; "" where there is no choice."""
        if "method" not in inspect.signature(self.forward).parameters:
            return ("",)
        able = self.special or GENERAL
        return able if isinstance(self.arrays[0], np.ndarray) else tuple(m for m in able if m not in HOST)

    def in_library(self, xp: ModuleType) -> Case:
        """Return the case with its arrays in another library, such as that of a device."""
        if xp is np:
            return self

        def moved(value: Any) -> Any:
            return xp.asarray(value) if isinstance(value, np.ndarray) else value

        settings = {key: moved(value) for key, value in self.settings.items()}
        return self._replace(arrays=tuple(map(moved, self.arrays)), settings=settings)


def every_case(seed: int = 231) -> Iterator[Case]:
    """Give all cases, with the numbers drawn from a seed.

    Examples
    --------
    >>> next(every_case()).name
    'conv'
    """
    rng = np.random.default_rng(seed)
    for family in (
        convolutions,
        transposed_convolutions,
        poolings,
        unpoolings,
        rearrangements,
        pointwise,
        normalisations,
        losses,
    ):
        yield from family(rng)


def gaps(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Shuffle numbers that lie 0.1 apart, none nearer to 0 than 0.05."""
    count = int(np.prod(shape))
    return ((rng.permutation(count) - count // 2 + 0.5) / 10).reshape(shape)


def convolutions(rng: np.random.Generator) -> Iterator[Case]:
    """Give convolutions, with one to three axes."""
    passes = (conv.conv_forward, conv.conv_backward)
    normal = rng.standard_normal
    line = normal((2, 2, 9)), normal((3, 2, 4)), None
    plane = normal((2, 2, 6, 7)), normal((3, 2, 3, 2)), normal(3)
    groups = normal((1, 4, 5, 6)), normal((6, 2, 2, 3)), normal(6)
    block = normal((1, 2, 3, 4, 5)), normal((2, 2, 2, 3, 2)), normal(2)
    threes = normal((2, 4, 6, 9)), normal((6, 2, 3, 3)), normal(6)

    yield Case("conv", *passes, plane, UNEVEN)
    yield Case("conv, groups", *passes, groups, {"groups": 2, "stride": (1, 2)})
    yield Case("conv, 1 axis, no bias", *passes, line, {"stride": 3, "padding": "valid"})
    yield Case("conv, 3 axes", *passes, block, {"padding": "same"})
    uneven = {"padding": ((2, 1), (0, 3)), "groups": 2}
    yield Case("conv, 3x3", *passes, threes, uneven, ("winograd", "winograd4"))


def transposed_convolutions(rng: np.random.Generator) -> Iterator[Case]:
    """Give transposed convolutions, with one to three axes."""
    passes = (conv_transpose.conv_transpose_forward, conv_transpose.conv_transpose_backward)
    normal = rng.standard_normal
    line = normal((2, 3, 4)), normal((3, 2, 4)), None
    plane = normal((2, 3, 3, 4)), normal((3, 2, 3, 2)), normal(2)
    groups = normal((1, 4, 3, 2)), normal((4, 3, 2, 3)), normal(6)
    block = normal((1, 2, 2, 1, 3)), normal((2, 2, 2, 3, 2)), normal(2)

    yield Case("conv_transpose", *passes, plane, UNEVEN | {"output_padding": (1, 2)})
    yield Case("conv_transpose, groups", *passes, groups, {"groups": 2, "stride": (1, 2)})
    yield Case("conv_transpose, 1 axis, no bias", *passes, line, {"stride": 3, "output_size": 15})
    yield Case("conv_transpose, 3 axes", *passes, block, {"stride": (1, 2, 3)}, (*GENERAL, "subpixel"))


def poolings(rng: np.random.Generator) -> Iterator[Case]:
    """Give max and average pooling; windows overlap, hang over the end, and leave pixels out."""
    largest = (pool.max_pool_forward, pool.max_pool_backward)
    average = (pool.avg_pool_forward, pool.avg_pool_backward)
    images = (gaps(rng, 2, 2, 7, 6),)
    overlap = {"kernel_size": (3, 2), "stride": (2, 1), "padding": ((0, 2), (1, 0))}
    remainder = {"kernel_size": (3, 4), "ceil_mode": True}

    yield Case("max_pool", *largest, images, overlap)
    yield Case("max_pool, ceil mode", *largest, images, remainder)
    yield Case("max_pool, dilation", *largest, images, overlap | {"dilation": (1, 3)})
    for name, extra in (
        ("avg_pool", {}),
        ("avg_pool, padding not counted", {"count_include_pad": False}),
        ("avg_pool, divisor", {"divisor_override": 5}),
    ):
        yield Case(name, *average, images, overlap | extra)
    yield Case("avg_pool, ceil mode", *average, images, remainder)


def unpoolings(rng: np.random.Generator) -> Iterator[Case]:
    """Give the three unpoolings; in max unpooling, values meet at one place and add up."""
    to_winners = (unpool.max_unpool_forward, unpool.max_unpool_backward)
    nearest = (unpool.nearest_unpool_forward, unpool.nearest_unpool_backward)
    nails = (unpool.bed_of_nails_unpool_forward, unpool.bed_of_nails_unpool_backward)
    x = rng.standard_normal((2, 2, 3, 4))
    indices = rng.integers(0, 8 * 9, x.shape)
    indices[0, 0, 0] = 5
    blocks = {"scale": (3, 2)}

    remainder = {"kernel_size": (3, 2), "stride": 2, "output_size": (8, 9)}
    yield Case("max_unpool", *to_winners, (x, indices), remainder)
    yield Case("nearest_unpool", *nearest, (x,), blocks)
    yield Case("bed_of_nails_unpool", *nails, (x,), blocks)


def pointwise(rng: np.random.Generator) -> Iterator[Case]:
    """Give what acts on each value by itself."""
    x = rng.standard_normal((2, 3, 4, 5))

    def dropout_forward(x: Array, p: float) -> tuple[Array, dropout.DropoutCache]:
        rng = backend.generator(0, library=backend.array_module(x))  # drops the same ones each time
        return dropout.dropout_forward(x, p, rng=rng)

    yield Case("relu", activation.relu_forward, activation.relu_backward, (gaps(rng, 2, 3, 4),))
    yield Case("tanh", activation.tanh_forward, activation.tanh_backward, (x,))
    yield Case("dropout", dropout_forward, dropout.dropout_backward, (x,), {"p": 0.3})


def normalisations(rng: np.random.Generator) -> Iterator[Case]:
    """Give normalisation across the batch, across neighbouring pixels, and across neighbouring channels."""
    batch = (norm.batch_norm_forward, norm.batch_norm_backward)
    around = (local_norm.local_norm_forward, local_norm.local_norm_backward)
    response = (norm.lrn_forward, norm.lrn_backward)
    x = 2 + 3 * rng.standard_normal((2, 3, 4, 5))
    gamma, beta, mean, var = *rng.standard_normal((3, 3)), rng.uniform(1, 2, 3)
    running: dict[str, Any] = {"running_mean": mean, "running_var": var}

    yield Case("batch_norm", *batch, (x, gamma, beta), running)
    yield Case("batch_norm, not training", *batch, (x, gamma, beta), running | {"training": False})
    yield Case("batch_norm, no gamma, no beta", *batch, (x, None, None))
    yield Case("local_norm", *around, (x,), {"size": 3, "eps": 0.1})
    for size in (3, 4):
        yield Case(f"lrn, size {size}", *response, (x,), {"size": size, "alpha": 0.5, "beta": 0.75, "k": 2.0})


def losses(rng: np.random.Generator) -> Iterator[Case]:
    """Give cross entropy, with void pixels among the labels."""
    entropy = (loss.cross_entropy_forward, loss.cross_entropy_backward)
    logits, labels = rng.standard_normal((2, 4, 3, 5)), rng.integers(0, 4, (2, 3, 5))
    labels[:, 1:, ::3] = 255
    weighted = {"weight": rng.uniform(0.5, 2, 4), "label_smoothing": 0.1}

    for reduction in ("mean", "sum", "none"):
        setting = {"reduction": reduction}
        yield Case(f"cross_entropy, {reduction}", *entropy, (logits, labels), setting)
        yield Case(f"cross_entropy, {reduction}, weighted", *entropy, (logits, labels), weighted | setting)


def rearrangements(rng: np.random.Generator) -> Iterator[Case]:
    """Give cropping, and resizing up on one axis and down on the other."""
    bilinear = (resize.resize_bilinear_forward, resize.resize_bilinear_backward)
    images = (rng.standard_normal((2, 2, 4, 7)),)

    yield Case("crop", crop.crop_forward, crop.crop_backward, images, {"offset": (1, 2), "size": (2, 4)})
    yield Case("resize_bilinear", *bilinear, images, {"size": (9, 5)})
    yield Case("resize_bilinear, aligned corners", *bilinear, images, {"size": (9, 5), "align_corners": True})
