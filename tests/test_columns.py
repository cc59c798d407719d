"""im2col and col2im: windows into columns, and back."""

import numpy as np
import pytest
from checks import assert_same, inner
from geometries import convs, numbers
from hypothesis import given

import npseg
from npseg import col2im, im2col, room
from npseg.geometry import Window, times
from npseg.methods.columns import cut, pad, views


def steps(geometry):
    return {key: value for key, value in geometry.options.items() if key != "groups"}


def im2col_by_definition(x, kernel, stride, padding, dilation):
    """Pad by hand, and copy pixel by pixel."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    out = tuple(
        (size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(padded.shape[2:], kernel, stride, dilation)
    )
    cols = np.empty((*x.shape[:2], *kernel, *out), x.dtype)
    for k in np.ndindex(*kernel):
        for o in np.ndindex(*out):
            pixel = tuple(at * s + tap * d for at, s, tap, d in zip(o, stride, k, dilation))
            cols[:, :, *k, *o] = padded[:, :, *pixel]
    return cols.reshape(len(x), x.shape[1] * int(np.prod(kernel)), int(np.prod(out)))


@given(convs(), numbers())
def test_im2col_by_its_definition(geometry, numbers):
    """(N, C*K, L), channel by channel, taps and windows in row-major order."""
    x, kernel = numbers(*geometry.x), geometry.w[2:]
    assert_same(im2col(x, kernel, **steps(geometry)), im2col_by_definition(x, kernel, **steps(geometry)))


@given(convs(), numbers())
def test_col2im_is_the_adjoint_of_im2col(geometry, numbers):
    x, kernel = numbers(*geometry.x), geometry.w[2:]
    cols = im2col(x, kernel, **steps(geometry))
    values = numbers(*cols.shape)
    before = values.copy()
    back = col2im(values, x.shape[2:], kernel, **steps(geometry))
    assert back.dtype == x.dtype
    assert inner(cols, values) == inner(x, back)
    assert_same(values, before)


@given(convs(images=(1, 2)), numbers())
def test_columns_put_back_count_how_often_each_pixel_was_cut_out(geometry, numbers):
    """fold(unfold(x)) = x * fold(unfold(1))."""
    x, kernel = numbers(*geometry.x), geometry.w[2:]

    def there_and_back(x):
        return col2im(im2col(x, kernel, **steps(geometry)), x.shape[2:], kernel, **steps(geometry))

    assert_same(there_and_back(x), x * there_and_back(np.ones_like(x)))


def test_the_size_of_col2im_says_how_many_axes_there_are():
    assert col2im(np.ones((2, 3, 4)), 6, 3).shape == (2, 1, 6)
    assert col2im(np.ones((2, 8, 12)), (4, 5), 2).shape == (2, 2, 4, 5)
    assert col2im(np.ones((2, 8, 12)), [4, 5], 2).shape == (2, 2, 4, 5)
    assert col2im(np.ones((2, 8, 12)), np.array([4, 5]), 2).shape == (2, 2, 4, 5)


@pytest.mark.parametrize("shape", [(1, 9, 15), (1, 8, 16), (1, 0, 16), (9, 16), (1, 1, 9, 16)])
def test_columns_of_another_shape_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"col2im: cols has shape .*; \(N, C\*9, 16\) is needed for 16 windows of 9"
    ):
        col2im(np.ones(shape), (4, 4), 3, padding=1)


@given(convs(images=(1, 2)), numbers())
def test_the_view_of_all_windows_is_what_cutting_them_out_copies(geometry, numbers):
    window = Window.down(geometry.x[2:], geometry.w[2:], **steps(geometry))
    padded = pad(numbers(*geometry.x).swapaxes(0, 1), window)
    channels, images = padded.shape[:2]
    copied = cut(padded, window, np.empty((channels, *window.kernel, images, *window.out), padded.dtype))
    viewed = views(padded, window)
    assert np.shares_memory(viewed, padded)
    assert_same(viewed, np.moveaxis(copied, 0, len(window.kernel)))


#: Geometries; which array is the largest in them, beside what is given; its shape.
LARGEST = [
    ("im2col", {"kernel_size": 3, "padding": 1}, "the values of all windows", (2, 18, 5, 4)),
    ("im2col", {"kernel_size": 1, "stride": 7, "padding": 20}, "x with padding", (2, 2, 43, 43)),
    ("col2im", {"kernel_size": 1, "stride": 4}, "the pixels below the windows", (2, 2, 5, 4)),
    ("col2im", {"kernel_size": 1, "stride": 7, "padding": 20}, "the images with padding", (2, 2, 43, 43)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options", "what", "shape"), LARGEST)
def test_columns_are_refused_by_the_byte_that_is_not_there(monkeypatch, name, options, what, shape, dtype):
    x = np.zeros((2, 2, 5, 4), dtype)
    given = {"x": x} if name == "im2col" else {"cols": im2col(x, **options), "size": (5, 4)}
    needed = int(np.prod(shape)) * x.itemsize
    monkeypatch.setattr(room, "memory", lambda: needed)
    getattr(npseg, name)(**given, **options)
    monkeypatch.setattr(room, "memory", lambda: needed - 1)
    with pytest.raises(ValueError, match=rf"^{name}: {what}.*, {times(shape)}, would take"):
        getattr(npseg, name)(**given, **options)
