"""What hypothesis draws: geometries, not values.

A shape, a kernel, a stride that does not divide: that is where mistakes live, so that is what is drawn and shrunk.
The values come from a seeded generator. They are small whole numbers held in floats, on which every product and
sum is exact whatever its order, so that two ways of computing can be compared with ``==``.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

FLOATS = ("float32", "float64")
LAYOUTS = ("C", "Fortran", "strided", "read-only")


class Numbers:
    """A source of arrays of small whole numbers, all of one dtype and laid out in memory in one way."""

    def __init__(self, seed, dtype="float64", layout="C"):
        self.seed, self.dtype, self.layout = seed, dtype, layout
        self.rng = np.random.default_rng(seed)

    def __repr__(self):
        return f"Numbers({self.seed}, {self.dtype!r}, {self.layout!r})"

    def __call__(self, *shape, low=-4, high=4):
        return self.laid_out(self.rng.integers(low, high + 1, shape).astype(self.dtype))

    def with_specials(self, *shape):
        """Make numbers full of ties, with infinities and NaNs here and there."""
        values = self.rng.integers(-2, 3, shape).astype(self.dtype)
        lot = self.rng.random(shape)
        values[lot < 0.15] = -np.inf
        values[lot > 0.9] = np.inf
        values[lot > 0.95] = np.nan
        return self.laid_out(values)

    def laid_out(self, a):
        """Copy an array to where it is Fortran-ordered, or has gaps, or cannot be written to."""
        if self.layout == "Fortran":
            return np.asfortranarray(a)
        if self.layout == "strided" and a.ndim:
            gaps = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)[..., ::-2]
            gaps[...] = a
            return gaps
        if self.layout == "read-only":
            a.flags.writeable = False
        return a


def numbers():
    return st.builds(
        Numbers, st.integers(0, 2**32 - 1), dtype=st.sampled_from(FLOATS), layout=st.sampled_from(LAYOUTS)
    )


def blocks():
    """Draw values for ``im2col.BLOCK``: from one row of one image at a time to all at once."""
    return st.sampled_from((1, 200, 1000, 4 * 2**20))


def ranks():
    return st.sampled_from((1, 2, 2, 3))


class Conv(NamedTuple):
    """Shapes and options of a convolution, or of a transposed one; w's is that of the convolution."""

    x: tuple
    w: tuple
    options: dict

    @property
    def groups(self):
        return self.options["groups"]


@st.composite
def convs(draw, images=(0, 1, 2), even=False):
    """Draw convolutions whose kernel fits, with padding as large as one likes; of both ends alike, if ``even``."""
    n = draw(ranks())
    kernel = _each(draw, n, st.integers(1, 3))
    dilation = _each(draw, n, st.integers(1, 3 if n == 1 else 2))
    padding = _each(draw, n, _pairs(3 if n < 3 else 2, even))
    room = {1: 9, 2: 5, 3: 3}[n]
    size = tuple(
        draw(st.integers(max(1, d * (k - 1) + 1 - sum(p)), max(1, d * (k - 1) + 1 - sum(p)) + room))
        for k, d, p in zip(kernel, dilation, padding)
    )
    x, w, groups = _channels(draw)
    options = {
        "stride": _each(draw, n, st.integers(1, 3)),
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    return Conv((draw(st.sampled_from(images)), x, *size), (w, x // groups, *kernel), options)


@st.composite
def conv_transposes(draw, images=(0, 1, 2), exact=False, even=False):
    """Draw transposed convolutions of which something is left.

    If ``exact``, output_padding stays below the stride, where they transpose the whole of a convolution.
    """
    n = draw(ranks())
    kernel = _each(draw, n, st.integers(1, 3))
    stride = _each(draw, n, st.integers(1, 3))
    dilation = _each(draw, n, st.integers(1, 3 if n == 1 else 2))
    size = _each(draw, n, st.integers(1, {1: 6, 2: 4, 3: 2}[n]))
    output_padding = tuple(
        draw(st.integers(0, (s if exact else max(s, d)) - 1)) for s, d in zip(stride, dilation)
    )
    padding = []
    for o, k, s, d, extra in zip(size, kernel, stride, dilation, output_padding):
        spare = s * (o - 1) + d * (k - 1) + extra
        before = draw(st.integers(0, min(3, spare // 2 if even else spare)))
        padding.append((before, before if even else draw(st.integers(0, min(3, spare - before)))))
    c_out, c_in, groups = _channels(draw)
    options = {
        "stride": stride,
        "padding": tuple(padding),
        "output_padding": output_padding,
        "dilation": dilation,
        "groups": groups,
    }
    return Conv((draw(st.sampled_from(images)), c_in, *size), (c_in, c_out // groups, *kernel), options)


class Pool(NamedTuple):
    """Shape, kernel and options of a pooling."""

    x: tuple
    kernel_size: tuple
    options: dict


@st.composite
def pools(draw, images=(0, 1, 2), dilated=True, even=False, side_by_side=False):
    """Draw poolings each of whose windows holds a pixel; padding may exceed half the kernel.

    If ``even``, both ends are padded alike, by half the kernel at most, and the kernel fits: PyTorch's rules.
    """
    n = draw(ranks())
    ceil_mode, default_stride = draw(st.booleans()), side_by_side or draw(st.booleans())
    axis = st.tuples(
        st.integers(1, {1: 11, 2: 7, 3: 4}[n]),  # size
        st.integers(1, 4 if n < 3 else 3),  # kernel
        st.integers(1, 4),  # stride
        _pairs(3, even),
        st.integers(1, 2) if dilated else st.just(1),
    ).map(lambda a: (*a[:2], a[1] if default_stride else a[2], *a[3:]))
    if even:
        axis = axis.filter(lambda a: 2 * a[3][0] <= a[1] and pooled_size(*a))
    axes = [draw(axis.filter(lambda a: each_window_holds_a_pixel(*a, ceil_mode))) for _ in range(n)]
    size, kernel, stride, padding, dilation = zip(*axes)
    options = {
        "stride": None if default_stride else stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
    }
    if dilated:
        options["dilation"] = dilation
    return Pool((draw(st.sampled_from(images)), draw(st.integers(1, 3)), *size), kernel, options)


def pooled_size(size, kernel, stride, padding, dilation=1, ceil_mode=False):
    """Return the windows on one axis, counted one by one: the definition, not the formula.

    There is a window for each start whose last tap lies in the padded plane, and, in ceil mode, one more that
    hangs over the end, if it starts inside the plane or its left padding.
    """
    before, after = padding
    span = dilation * (kernel - 1) + 1
    count = 0
    while count * stride + span <= before + size + after:
        count += 1
    hangs_over = ceil_mode and count * stride + span < before + size + after + stride
    if hangs_over and count * stride < before + size:
        count += 1
    return count


def each_window_holds_a_pixel(size, kernel, stride, padding, dilation, ceil_mode):
    count = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    return count > 0 and all(
        any(0 <= o * stride - padding[0] + k * dilation < size for k in range(kernel)) for o in range(count)
    )


def places(geometry, count_include_pad):
    """Count the places of each window of a pooling, in the padded plane or in the plane, one by one."""
    counts = np.ones(())
    ceil_mode = geometry.options["ceil_mode"]
    stride = geometry.options["stride"] or geometry.kernel_size
    for size, k, s, pads in zip(geometry.x[2:], geometry.kernel_size, stride, geometry.options["padding"]):
        before, after = pads if count_include_pad else (0, 0)
        on_axis = [
            sum(-before <= o * s - pads[0] + tap < size + after for tap in range(k))
            for o in range(pooled_size(size, k, s, pads, ceil_mode=ceil_mode))
        ]
        counts = counts[..., None] * np.array(on_axis)
    return counts


def sizes(n=None, most=4):
    """Draw a spatial size, of n axes or of one to three."""
    return (ranks() if n is None else st.just(n)).flatmap(
        lambda rank: st.tuples(*[st.integers(1, most)] * rank)
    )


def _each(draw, n, strategy):
    return tuple(draw(strategy) for _ in range(n))


def _pairs(most, even=False):
    one = st.integers(0, most)
    return one.map(lambda p: (p, p)) if even else st.tuples(one, one)


def _channels(draw):
    """Draw channels below, channels above, and groups that divide both."""
    groups = draw(st.integers(1, 3))
    below, above = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return groups * below, groups * above, groups
