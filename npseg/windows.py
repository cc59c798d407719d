"""From what users write to the windows of an operation, or to a word why there are none.

One function for each family: windows that slide over an image, those of a pooling, the stamps of a transposed
convolution, and blocks side by side. The sizes are :class:`npseg.geometry.Window`'s; what is checked here is what
the family alone knows, such as that a window of a pooling must hold a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npseg import arguments, room
from npseg.geometry import Ints, Pairs, Window, smallest_size, times


def sliding(
    op: str,
    size: Ints,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: object,
    dilation: int | Sequence[int],
) -> Window:
    """Return the windows of a convolution, or of im2col, on images of spatial size ``size``."""
    n = len(size)
    kernel = arguments.axes(op, "kernel_size", kernel_size, n)
    stride = arguments.axes(op, "stride", stride, n)
    dilation = arguments.axes(op, "dilation", dilation, n)
    pairs = _padding(op, padding, kernel=kernel, stride=stride, dilation=dilation)
    window = arguments.named(
        op, lambda: Window.down(size, kernel, stride=stride, padding=pairs, dilation=dilation)
    )
    return _counted(op, window)


def pooling(
    op: str,
    size: Ints,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: object = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> Window:
    """Return the windows of a pooling layer, none of which lies wholly in the padding.

    Parameters are those of :func:`npseg.max_pool_forward`; ``size`` is the spatial size of its input.
    """
    n = len(size)
    kernel = arguments.axes(op, "kernel_size", kernel_size, n)
    window = arguments.named(
        op,
        lambda: Window.down(
            size,
            kernel,
            stride=kernel if stride is None else arguments.axes(op, "stride", stride, n),
            padding=arguments.padding_pairs(op, padding, n),
            dilation=arguments.axes(op, "dilation", dilation, n),
            ceil_mode=arguments.flag(op, "ceil_mode", ceil_mode),
        ),
    )
    places = max(k * o for k, o in zip(kernel, window.out))
    room.check(op, f"the places of all windows of kernel_size={times(kernel)}", (places,), np.empty(0), 16)
    for axis in range(n):
        empty = _without_pixel(window, axis)
        if empty.any():
            raise ValueError(
                f"{op}: window {int(empty.argmax())} on axis {axis} holds no pixel, only padding (input "
                f"{times(size)}, kernel {times(kernel)}, padding {window.padding}); pad less"
            )
    return _counted(op, window)


def stamping(
    op: str,
    out: Ints,
    kernel_size: int | Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: object,
    output_padding: int | Sequence[int] = 0,
    output_size: int | Sequence[int] | None = None,
    dilation: int | Sequence[int],
) -> Window:
    """Return the windows of a transposed convolution: from its output, below, to its input of size ``out``, above.

    Parameters are those of :func:`npseg.conv_transpose_forward`.
    """
    n = len(out)
    kernel = arguments.axes(op, "kernel_size", kernel_size, n)
    stride = arguments.axes(op, "stride", stride, n)
    dilation = arguments.axes(op, "dilation", dilation, n)
    if isinstance(padding, str):
        raise ValueError(f"{op}: padding={padding!r} is for convolutions; give the padding in numbers")
    pairs = arguments.padding_pairs(op, padding, n)
    extra = _output_padding(op, output_padding, stride, dilation)
    if output_size is not None:
        if any(extra):
            raise ValueError(
                f"{op}: give output_padding={output_padding} or output_size={output_size}, not both"
            )
        wanted = arguments.axes(op, "output_size", output_size, n)
        least = smallest_size(out, kernel, stride=stride, padding=pairs, dilation=dilation)
        extra = _up_to(op, wanted, least, stride)
    window = arguments.named(
        op,
        lambda: Window.up(out, kernel, stride=stride, padding=pairs, dilation=dilation, output_padding=extra),
    )
    return _counted(op, window)


def blocks(op: str, out: Ints, scale: int | Sequence[int]) -> Window:
    """Return the blocks that an unpooling fills: windows side by side, from its output, below, to its input, above."""
    n = len(out)
    size = arguments.axes(op, "scale", scale, n)
    return _counted(op, Window.up(out, size, stride=size, padding=((0, 0),) * n))


def _counted(op: str, window: Window) -> Window:
    """Return the windows, if the pixels of each axis can be counted."""
    padded = tuple(before + i + after for i, (before, after) in zip(window.size, window.padding))
    if max(*padded, *window.reach) > arguments.LARGEST:
        raise ValueError(
            f"{op}: input {times(window.size)} with padding {window.padding}, kernel {times(window.kernel)} and stride "
            f"{times(window.stride)} has more than {arguments.LARGEST} pixels on an axis; give smaller numbers"
        )
    return window


def _without_pixel(window: Window, axis: int) -> np.ndarray:
    """Say which windows have no tap on a pixel of an axis: the first from pixel 0 on is none, or beyond the end."""
    step = window.dilation[axis]
    starts = np.arange(window.out[axis], dtype=np.int64) * window.stride[axis] - window.padding[axis][0]
    first = np.maximum(0, -(starts // step))
    empty: np.ndarray = (first >= window.kernel[axis]) | (starts + first * step >= window.size[axis])
    return empty


def _output_padding(op: str, value: int | Sequence[int], stride: Ints, dilation: Ints) -> Ints:
    """Return the pixels at the end of each axis of a transposed convolution's output, if there can be so many."""
    extra = arguments.axes(op, "output_padding", value, len(stride), minimum=0)
    for e, s, d in zip(extra, stride, dilation):
        if e >= max(s, d):
            raise ValueError(
                f"{op}: output_padding={e} must be smaller than the stride or the dilation ({s}, {d}): it only "
                "says which of the sizes that the stride maps to one is meant"
            )
    return extra


def _up_to(op: str, wanted: Ints, least: Ints, stride: Ints) -> Ints:
    """Return the output padding from the least output size to the one wanted."""
    if not all(low <= got < low + s for low, got, s in zip(least, wanted, stride)):
        ranges = " by ".join(f"{max(1, low)} to {low + s - 1}" for low, s in zip(least, stride))
        raise ValueError(f"{op}: output_size={times(wanted)} cannot be had; {ranges} can")
    return tuple(got - low for got, low in zip(wanted, least))


def _padding(op: str, value: object, *, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """Return a convolution's padding: as :func:`npseg.arguments.padding_pairs`, or by the words "same" and "valid"."""
    if isinstance(value, str):
        if value == "valid":
            return ((0, 0),) * len(kernel)
        if value != "same":
            raise ValueError(f"{op}: padding={value!r}; the words are 'same' and 'valid'")
        if set(stride) != {1}:
            raise ValueError(
                f"{op}: padding='same' needs stride 1, not {stride}; give the padding in numbers"
            )
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return arguments.padding_pairs(op, value, len(kernel))
