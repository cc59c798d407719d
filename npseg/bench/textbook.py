"""The layers in the NumPy that everybody writes first: what npseg's methods are measured against.

Whole-batch im2col by a strided view and one ``matmul``, col2im by slice additions, pooling by ``argmax``, ReLU by
``np.where``: correct, short, and the way of courses and blog posts. Nothing here is tuned and nothing is checked;
two spatial axes, square kernels. Each pair is called as npseg's is, so that one description of a layer serves all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def im2col(x: Array, kernel: int, stride: int, padding: int) -> Array:
    """Lay down all windows of the whole batch as columns, (N, C*K, L)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 1, 4, 5, 2, 3)  # N, C, k, k, H, W
    images, channels, _, _, rows, columns = windows.shape
    return windows.reshape(images, channels * kernel**2, rows * columns)


def col2im(cols: Array, size: tuple[int, int], kernel: int, stride: int, padding: int) -> Array:
    """Add the columns up where their windows were, tap by tap: (N, C, *size)."""
    height, width = (n + 2 * padding for n in size)
    rows, columns = ((n - kernel) // stride + 1 for n in (height, width))
    cols = cols.reshape(len(cols), -1, kernel, kernel, rows, columns)
    x = np.zeros((len(cols), cols.shape[1], height, width), cols.dtype)
    for i in range(kernel):
        for j in range(kernel):
            x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += cols[:, :, i, j]
    return x[:, :, padding : height - padding, padding : width - padding]


def conv_forward(
    x: Array, w: Array, b: Array, *, stride: int = 1, padding: int = 0
) -> tuple[Array, tuple[Any, ...]]:
    """Convolve."""
    cols = im2col(x, w.shape[2], stride, padding)
    rows, columns = ((n + 2 * padding - w.shape[2]) // stride + 1 for n in x.shape[2:])
    y = w.reshape(len(w), -1) @ cols + b[:, None]
    return y.reshape(len(x), len(w), rows, columns), (x.shape, w, cols, stride, padding)


def conv_backward(dout: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """Return dx, dw, db."""
    shape, w, cols, stride, padding = cache
    dout = dout.reshape(*dout.shape[:2], -1)
    dx = col2im(w.reshape(len(w), -1).T @ dout, shape[2:], w.shape[2], stride, padding)
    dw = (dout @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    return dx, dw, dout.sum(axis=(0, 2))


def conv_transpose_forward(
    x: Array, w: Array, b: Array, *, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> tuple[Array, tuple[Any, ...]]:
    """Stamp the kernels, and add up."""
    size = tuple(stride * (n - 1) + w.shape[2] - 2 * padding + output_padding for n in x.shape[2:])
    flat = x.reshape(*x.shape[:2], -1)
    y = col2im(w.reshape(len(w), -1).T @ flat, (size[0], size[1]), w.shape[2], stride, padding)
    return y + b[:, None, None], (x, w, stride, padding)


def conv_transpose_backward(dout: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """Return dx, dw, db."""
    x, w, stride, padding = cache
    cols = im2col(dout, w.shape[2], stride, padding)
    dx = (w.reshape(len(w), -1) @ cols).reshape(x.shape)
    dw = (x.reshape(*x.shape[:2], -1) @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    return dx, dw, dout.sum(axis=(0, 2, 3))


def max_pool_forward(x: Array, kernel_size: int) -> tuple[Array, tuple[Any, ...]]:
    """Take the winner of each block."""
    images, channels, height, width = x.shape
    k = kernel_size
    blocks = x.reshape(images, channels, height // k, k, width // k, k).transpose(0, 1, 2, 4, 3, 5)
    blocks = blocks.reshape(images, channels, height // k, width // k, k * k)
    winners = blocks.argmax(axis=-1)[..., None]
    y = np.take_along_axis(blocks, winners, axis=-1)
    return y[..., 0], (winners, x.shape, k)


def max_pool_backward(dout: Array, cache: tuple[Any, ...]) -> Array:
    """Give the gradient to the winners."""
    winners, shape, k = cache
    blocks = np.zeros((*dout.shape, k * k), dout.dtype)
    np.put_along_axis(blocks, winners, dout[..., None], axis=-1)
    return blocks.reshape(*dout.shape, k, k).transpose(0, 1, 2, 4, 3, 5).reshape(shape)


def max_unpool_forward(x: Array, indices: Array, kernel_size: int) -> tuple[Array, tuple[Any, ...]]:
    """Put values to where the winners of a pooling stood."""
    images, channels, height, width = x.shape
    y = np.zeros((images, channels, height * width * kernel_size**2), x.dtype)
    indices = indices.reshape(images, channels, -1)
    np.put_along_axis(y, indices, x.reshape(images, channels, -1), axis=2)
    return y.reshape(images, channels, height * kernel_size, width * kernel_size), (indices, x.shape)


def max_unpool_backward(dout: Array, cache: tuple[Any, ...]) -> Array:
    """Take the gradient from there."""
    indices, shape = cache
    taken = np.take_along_axis(dout.reshape(*shape[:2], -1), indices, axis=2)
    return taken.reshape(shape)


def nearest_unpool_forward(x: Array, scale: int) -> tuple[Array, int]:
    """Repeat rows and columns."""
    return x.repeat(scale, axis=2).repeat(scale, axis=3), scale


def nearest_unpool_backward(dout: Array, cache: int) -> Array:
    """Add up each block."""
    images, channels, height, width = dout.shape
    x: Array = dout.reshape(images, channels, height // cache, cache, width // cache, cache).sum(axis=(3, 5))
    return x


def relu_forward(x: Array) -> tuple[Array, Array]:
    """Keep what is positive."""
    return np.where(x > 0, x, x.dtype.type(0)), x


def relu_backward(dout: Array, cache: Array) -> Array:
    """Let the gradient through there."""
    return np.where(cache > 0, dout, dout.dtype.type(0))


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5
) -> tuple[Array, tuple[Any, ...]]:
    """Normalise each channel by the batch's mean and variance."""
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    scale = 1 / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + x.dtype.type(eps))
    xhat = (x - mean) * scale
    return gamma[:, None, None] * xhat + beta[:, None, None], (xhat, scale, gamma)


def batch_norm_backward(dout: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """Return dx, dgamma, dbeta."""
    xhat, scale, gamma = cache
    axes = (0, 2, 3)
    dxhat = dout * gamma[:, None, None]
    along = xhat * (dxhat * xhat).mean(axis=axes, keepdims=True)
    dx = scale * (dxhat - dxhat.mean(axis=axes, keepdims=True) - along)
    return dx, (dout * xhat).sum(axis=axes), dout.sum(axis=axes)


def cross_entropy_forward(logits: Array, labels: Array) -> tuple[Array, tuple[Any, ...]]:
    """Average minus the logarithm of the true classes' probabilities."""
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    true = np.take_along_axis(p, labels[:, None], axis=1)
    return -np.log(true).mean(), (p, labels)


def cross_entropy_backward(dout: Array, cache: tuple[Any, ...]) -> Array:
    """Probability minus truth."""
    p, labels = cache
    truth = np.zeros_like(p)
    np.put_along_axis(truth, labels[:, None], 1, axis=1)
    dlogits: Array = (p - truth) * (dout / labels.size)
    return dlogits
