"""The size formulas, written out with the numbers in them.

What sizes come out is decided by :class:`npseg.geometry.Window` alone; here it is only put in words, one line for
each axis, and the result that is printed is the window's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from npseg.geometry import Ints, Window, times

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def down(window: Window, *, ceil_mode: bool = False) -> str:
    """Write out the size of a convolution's or a pooling's output.

    Examples
    --------
    >>> print(down(Window.down((5, 5), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1)))))
    out = floor((size + padding − dilation·(kernel − 1) − 1) / stride) + 1
    each axis: floor((5 + 1 + 1 − 1·(3 − 1) − 1) / 2) + 1 = floor(4 / 2) + 1 = 3
    """
    rounding = "ceil" if ceil_mode else "floor"

    def numbers(axis: int) -> str:
        i, k, s, d = (v[axis] for v in (window.size, window.kernel, window.stride, window.dilation))
        before, after = window.padding[axis]
        room = before + i + after - d * (k - 1) - 1
        unrounded = (-(-room // s) if ceil_mode else room // s) + 1
        text = (
            f"{rounding}(({i} + {before} + {after} − {d}·({k} − 1) − 1) / {s}) + 1 "
            f"= {rounding}({room} / {s}) + 1 = {unrounded}"
        )
        dropped = unrounded - window.out[axis]
        return text + (f", less {dropped} that would start beyond the input" if dropped else "")

    general = f"out = {rounding}((size + padding − dilation·(kernel − 1) − 1) / stride) + 1"
    return "\n".join([general, *_by_axis(len(window.size), numbers)])


def up(window: Window) -> str:
    """Write out the size of a transposed convolution's output.

    Examples
    --------
    >>> window = Window.up((2,), (3,), stride=(2,), padding=((1, 1),), output_padding=(1,))
    >>> print(up(window))
    out = stride·(size − 1) + dilation·(kernel − 1) + 1 − padding + output_padding
    length: 2·(2 − 1) + 1·(3 − 1) + 1 − (1 + 1) + 1 = 4
    """

    def numbers(axis: int) -> str:
        o, k, s, d = (v[axis] for v in (window.out, window.kernel, window.stride, window.dilation))
        before, after = window.padding[axis]
        extra = window.size[axis] - (s * (o - 1) + d * (k - 1) + 1 - before - after)
        sign = "−" if extra < 0 else "+"
        return f"{s}·({o} − 1) + {d}·({k} − 1) + 1 − ({before} + {after}) {sign} {abs(extra)} = {window.size[axis]}"

    general = "out = stride·(size − 1) + dilation·(kernel − 1) + 1 − padding + output_padding"
    return "\n".join([general, *_by_axis(len(window.size), numbers)])


def scaled(size: Ints, scale: Ints) -> str:
    """Write out the size of an unpooling into blocks.

    Examples
    --------
    >>> print(scaled((2, 3), (2, 2)))
    out = scale·size
    height: 2·2 = 4
    width: 2·3 = 6
    """
    lines = _by_axis(len(size), lambda axis: f"{scale[axis]}·{size[axis]} = {scale[axis] * size[axis]}")
    return "\n".join(["out = scale·size", *lines])


def of_backward(formula: str, result: str, size: Ints) -> str:
    """Say of a forward's formula that it is dout's, and of what size the gradient is.

    Examples
    --------
    >>> print(of_backward(scaled((2,), (3,)), "dx", (2,)))
    dout = scale·size
    length: 3·2 = 6
    dx has the size of x: 2
    """
    return f"d{formula}\n{result} has the size of {result[1:]}: {times(size)}"


def _by_axis(axes: int, numbers: Callable[[int], str]) -> Iterator[str]:
    """Give one line for each axis, or one for all if they are the same."""
    lines = [numbers(axis) for axis in range(axes)]
    if axes > 1 and len(set(lines)) == 1:
        yield f"each axis: {lines[0]}"
    else:
        yield from (f"{name}: {line}" for name, line in zip(AXES[axes], lines))
