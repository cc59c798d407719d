"""Exercises of the notebook 03_strided_convolution.ipynb: fill the functions in.

``python 03_strided_convolution.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st

import npseg


def my_size(size, kernel, stride, padding, dilation):
    """Return the size of a convolution's output, on one axis."""
    ...  # your code here


def my_strided_conv(x, w, *, stride, padding):
    """Convolve with a stride, by way of stride 1.

    x : (N, C, H, W) floats
    w : (F, C, K, L) floats
    """
    ...  # your code here


def my_never_read(size, kernel, stride, padding):
    """Return the places of the pixels that no window reads: an array of integers, increasing."""
    ...  # your code here


def my_field(layers):
    """Return how many pixels, on one axis, a unit sees.

    layers : list of (kernel, stride), the first layer first
    """
    ...  # your code here


def field_by_npseg(layers):
    """Ask npseg's account."""
    grid = npseg.geometry.Grid()
    for kernel, stride in layers:
        grid = grid.down(kernel=kernel, stride=stride)
    return int(grid.field)


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_size"] = npseg.check.against(
            my_size,
            lambda size, kernel, stride, padding, dilation: npseg.conv_matrix(
                np.ones((1, 1, kernel)), size, stride=stride, padding=padding, dilation=dilation
            ).shape[0],
            st.tuples(
                st.integers(13, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3)
            ),
        )
        verdicts["my_strided_conv"] = npseg.check.against(my_strided_conv, "conv_forward", axes=2, only={"b": None, "dilation": 1, "groups": 1})
        verdicts["my_never_read"] = npseg.check.against(
            my_never_read,
            lambda size, kernel, stride, padding: np.flatnonzero(
                npseg.conv_matrix(np.ones((1, 1, kernel)), size, stride=stride, padding=padding).sum(axis=0) == 0
            ),
            st.tuples(st.integers(4, 12), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2)),
        )
        verdicts["my_field"] = npseg.check.against(
            my_field,
            field_by_npseg,
            st.tuples(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 3)), max_size=5)),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
