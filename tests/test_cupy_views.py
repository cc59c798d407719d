"""What CuPy shows without a device: that its views are NumPy's.

To look at the same numbers in another way takes no device, only shapes and strides. So arrays of CuPy's are made over
memory that is not there, and cut, reshaped and transposed as the operations do. Where CuPy made a copy, it would fail
for want of a device. Where there is one they are made on it, since a copy of what is not there would be the last thing
that this process asks of it; there the copy lies elsewhere. Columns that are added back, values that are put to their
pixels and products that are written straight into a plane rely on it.

Skipped where CuPy is not installed.
"""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from geometries import convs
from hypothesis import given
from hypothesis import strategies as st

from npseg import arguments, windows
from npseg.methods.columns import together
from npseg.methods.points import _sections

cupy = pytest.importorskip("cupy", exc_type=ImportError)

SOMEWHERE = 2**20


def on_the_device(shape):
    """Return an array of CuPy's, over memory that is not there if there is no device."""
    with contextlib.suppress(cupy.cuda.runtime.CUDARuntimeError):
        return cupy.empty(shape, np.float32)
    size = 4 * int(np.prod(shape))
    memory = cupy.cuda.UnownedMemory(SOMEWHERE, size, SimpleNamespace(), device_id=0)
    return cupy.ndarray(shape, np.float32, memptr=cupy.cuda.MemoryPointer(memory, 0))


def pair(*shape):
    """Return an array of each library, and a function that says where a view of it lies."""
    host, device = np.empty(shape, np.float32), on_the_device(shape)

    def layout(view):
        on_host = isinstance(view, np.ndarray)
        start = view.ctypes.data - host.ctypes.data if on_host else view.data.ptr - device.data.ptr
        axes = [(size, stride) for size, stride in zip(view.shape, view.strides) if size > 1]
        return view.shape, start, axes

    return host, device, layout


def window_of(x, w, options):
    """Return the windows of a convolution that was drawn."""
    n = len(x) - 2
    steps = {name: options[name] for name in ("stride", "dilation") if name in options}
    padding = arguments.padding_pairs("test", options.get("padding", 0), n)
    return windows.sliding("test", x[2:], w[2:], padding=padding, **steps)


@given(convs(images=(1, 2)))
def test_the_taps_of_all_windows_are_views(geometry):
    """What columns are cut out of, and added back to."""
    window = window_of(geometry.x, geometry.w, geometry.options)
    host, device, layout = pair(geometry.x[1], geometry.x[0], *window.reach)
    for (taps, ours), (same, theirs) in zip(together(host, window), together(device, window), strict=True):
        assert taps == same
        assert layout(ours) == layout(theirs)


@given(
    st.tuples(*[st.integers(1, 9)] * 2),
    st.tuples(*[st.integers(1, 4)] * 2),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_the_tiles_of_a_plane_are_views(size, tile, images, channels):
    host, device, layout = pair(images, channels, *size)
    sections = zip(_sections(host.swapaxes(0, 1), tile), _sections(device.swapaxes(0, 1), tile), strict=True)
    for (section, ours), (same, theirs) in sections:
        assert section == same
        assert layout(ours) == layout(theirs)


@pytest.mark.parametrize(
    "look",
    [
        lambda a: a[(slice(None), slice(None), ...)].reshape(-1),  # where a pooling's gradient is put
        lambda a: a.reshape(2, 2, 3, 8, 10)[:1, :, 1:2, 2:5][0].reshape(
            2, 1, 30
        ),  # where a product is written
        lambda a: a.reshape(2, 1, 6, 8, 10)[slice(0, 1), :, :][0].reshape(1, 6, 80),
        lambda a: a[..., None, :].view("int32"),  # the bits of a gradient
        lambda a: a.reshape(2, 6, 4, 2, 5, 2).transpose(0, 1, 2, 4, 3, 5),  # phases
    ],
)
def test_what_is_written_through_is_a_view(look):
    host, device, layout = pair(2, 6, 8, 10)
    assert layout(look(host)) == layout(look(device))


def test_a_copy_would_be_noticed():
    host, device, layout = pair(2, 3, 4)
    assert layout(host[:, 1:]) != layout(device[:, :2])
    try:
        copy = device.swapaxes(0, 1).reshape(6, 4)
    except cupy.cuda.runtime.CUDARuntimeError:  # there is no device to copy on
        return
    assert layout(copy) != layout(device.reshape(6, 4))
