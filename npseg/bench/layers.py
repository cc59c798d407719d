"""The layers that are timed: those of a fully convolutional network, on maps as large as they occur there.

Each is described once, by its operation, its shapes and its options, and run by all contenders, forward and
backward. Backward makes every gradient, of the image too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npseg
from npseg.bench.contenders import TEXTBOOK, contenders
from npseg.bench.rows import Job, Row, compete

#: Images in a batch.
BATCH = 4


@dataclass(frozen=True)
class Layer:
    """A layer on a batch of images.

    Attributes
    ----------
    title : str
        What it does, without its sizes.
    operation : str
        ``npseg.<operation>_forward``.
    channels, size : int
        Of the input: its channels; its height, which is its width.
    filters : int
        Channels of a convolution's output.
    kernel : int
        Height of its kernel.
    options : dict
        Further arguments of the operation.
    batch : int
        Images.

    Examples
    --------
    >>> conv(3, 64, 128, 32, stride=2).name
    'conv 3×3 stride 2, 64→128, 32²'
    """

    title: str
    operation: str
    channels: int
    size: int
    filters: int = 0
    kernel: int = 0
    options: dict[str, int] = field(default_factory=dict)
    batch: int = BATCH

    @property
    def name(self) -> str:
        """What tables call it."""
        filters = f"→{self.filters}" if self.filters else ""
        return f"{self.title}, {self.channels}{filters}, {self.size}²"

    @property
    def gflop(self) -> float:
        """Billions of floating-point operations of forward: 0 where few are made.

        A multiplication and an addition for each product of a pixel and a tap, whatever a method makes of it.
        Backward, with two gradients, has twice as many.
        """
        stride, padding = self.options.get("stride", 1), self.options.get("padding", 0)
        convolved = (self.size + 2 * padding - self.kernel) // stride + 1
        windows = self.size if self.operation == "conv_transpose" else convolved
        return 2e-9 * self.batch * windows**2 * self.channels * self.filters * self.kernel**2

    def smaller(self) -> Layer:
        """Return it with an eighth of the channels on a quarter of the size."""
        few = {key: max(1, getattr(self, key) // 8) for key in ("channels", "filters") if getattr(self, key)}
        return replace(self, **few, size=max(4, self.size // 4))

    def arrays(self) -> list[NDArray[Any]]:
        """Return the operation's arrays, of random numbers, the same ones every time."""
        rng = np.random.default_rng(0)

        def normal(*shape: int) -> NDArray[np.float32]:
            return rng.standard_normal(shape, np.float32)

        x = normal(self.batch, self.channels, self.size, self.size)
        kernel = self.kernel, self.kernel
        match self.operation:
            case "conv":
                return [x, normal(self.filters, self.channels, *kernel), normal(self.filters)]
            case "conv_transpose":
                return [x, normal(self.channels, self.filters, *kernel), normal(self.filters)]
            case "batch_norm":
                return [x, normal(self.channels), normal(self.channels)]
            case "cross_entropy":
                return [x, rng.integers(self.channels, size=(self.batch, self.size, self.size))]
            case "max_unpool":
                block = self.options["kernel_size"]
                pooled = normal(self.batch, self.channels, block * self.size, block * self.size)
                return [x, npseg.max_pool_forward(pooled, block)[1].indices.astype(np.int64)]
        return [x]


def conv(
    kernel: int, channels: int, filters: int, size: int, *, stride: int = 1, batch: int = BATCH
) -> Layer:
    """Return a convolution that keeps the size, but for its stride."""
    title = f"conv {kernel}×{kernel}" + (f" stride {stride}" if stride > 1 else "")
    options = {"stride": stride, "padding": kernel // 2}
    return Layer(title, "conv", channels, size, filters, kernel, options, batch)


def transposed(kernel: int, stride: int, channels: int, filters: int, size: int) -> Layer:
    """Return a transposed convolution that makes images ``stride`` times as large."""
    padding = (kernel - stride + 1) // 2
    options = {"stride": stride, "padding": padding, "output_padding": stride + 2 * padding - kernel}
    title = f"transposed {kernel}×{kernel} stride {stride}"
    return Layer(title, "conv_transpose", channels, size, filters, kernel, options)


LAYERS = (
    conv(3, 3, 64, 128),
    conv(3, 64, 64, 128),
    conv(3, 64, 128, 64),
    conv(3, 128, 128, 64),
    conv(3, 256, 256, 32),
    conv(3, 512, 512, 16),
    conv(3, 64, 128, 64, stride=2),
    conv(1, 512, 21, 16),
    conv(1, 64, 64, 128),
    transposed(4, 2, 21, 21, 16),
    transposed(64, 32, 21, 21, 4),
    transposed(3, 2, 128, 64, 32),
    transposed(2, 2, 128, 64, 32),
    Layer("max pool 2×2", "max_pool", 64, 128, options={"kernel_size": 2}),
    Layer("max unpool 2×2", "max_unpool", 64, 64, options={"kernel_size": 2}),
    Layer("nearest ×2", "nearest_unpool", 64, 64, options={"scale": 2}),
    Layer("ReLU", "relu", 64, 128),
    Layer("batch norm", "batch_norm", 64, 128),
    Layer("softmax cross entropy", "cross_entropy", 21, 128),
)


def traffic(arrays: Sequence[NDArray[Any]], y: NDArray[Any]) -> dict[str, float]:
    """Return the gigabytes that each pass has to move at the least, if every array is read or written once.

    Backward reads what forward has read and a gradient like its output, and writes one like each array of floats.

    Examples
    --------
    >>> x = np.zeros((10, 100), "float32")
    >>> {step: round(1e9 * gigabytes) for step, gigabytes in traffic([x], x).items()}
    {'forward': 8000, 'backward': 12000}
    """
    read = sum(a.nbytes for a in arrays)
    learned = sum(a.nbytes for a in arrays if a.dtype.kind == "f")
    return {"forward": 1e-9 * (read + y.nbytes), "backward": 1e-9 * (y.nbytes + read + learned)}


def jobs(methods: Sequence[str], *, quick: bool = False) -> Iterator[Job]:
    """Yield what there is to measure.

    Parameters
    ----------
    methods : sequence of str
        npseg's methods to time.
    quick : bool
        Small sizes.
    """
    for layer in LAYERS:
        yield _job(layer.smaller() if quick else layer, methods)


def _job(layer: Layer, methods: Sequence[str]) -> Job:
    def measure(seconds: float) -> list[Row]:
        found = contenders(layer.operation, layer.arrays(), layer.options, methods)
        gflop = {"forward": layer.gflop, "backward": 2 * layer.gflop}
        y = found[TEXTBOOK]["forward"](None)[0]
        return compete("layers", layer.name, found, seconds, gflop, traffic(layer.arrays(), y))

    return Job("layers", layer.name, measure)
