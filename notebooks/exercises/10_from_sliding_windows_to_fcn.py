"""Exercises of the notebook 10_from_sliding_windows_to_fcn.ipynb: fill the functions in.

``python 10_from_sliding_windows_to_fcn.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_stitch(planes):
    """Return the scores of all pixels.

    planes : (s, s, h, w) floats; planes[i, j] has the answers to the shift by i rows and j columns
    returns an array of shape (s * h, s * w)
    """
    ...  # your code here


def stitch_by_npseg(planes):
    """Put each plane on its own bed of nails, move that, and add them up."""
    s, _, height, width = planes.shape
    whole = np.zeros((s * height, s * width))
    for i, j in np.ndindex(s, s):
        nails, _ = npseg.bed_of_nails_unpool_forward(planes[i, j][None, None], s)
        whole += np.roll(nails[0, 0], (i, j), axis=(0, 1))
    return whole


def my_kernel_with_holes(kernel, s):
    """Return the kernel with its taps s apart.

    kernel : (k, k) floats
    returns an array of shape (s * (k - 1) + 1, s * (k - 1) + 1)
    """
    ...  # your code here


def holes_by_npseg(kernel, s):
    """Let a transposed convolution of one tap put each value s further."""
    y, _ = npseg.conv_transpose_forward(kernel[None, None], np.ones((1, 1, 1, 1)), stride=s)
    return y[0, 0]


def my_field_and_stride(layers):
    """Return how many pixels a unit sees, and how many lie from one unit to the next.

    layers : list of (kernel, stride)
    """
    ...  # your code here


def field_and_stride_by_npseg(layers):
    """Walk through the layers; Grid keeps account."""
    grid = npseg.geometry.Grid()
    for kernel, stride in layers:
        grid = grid.down(kernel=kernel, stride=stride)
    return np.array([int(grid.field), int(grid.step)])


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_stitch"] = npseg.check.against(
            my_stitch,
            stitch_by_npseg,
            st.one_of(
                st.tuples(hnp.arrays(np.float64, (s, s, 2, 3), elements=st.integers(-9, 9))) for s in (1, 2, 3)
            ),
        )
        verdicts["my_kernel_with_holes"] = npseg.check.against(
            my_kernel_with_holes,
            holes_by_npseg,
            st.tuples(hnp.arrays(np.float64, (3, 3), elements=st.integers(1, 9)), st.integers(1, 3)),
        )
        verdicts["my_field_and_stride"] = npseg.check.against(
            my_field_and_stride,
            field_and_stride_by_npseg,
            st.tuples(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4)), max_size=5)),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
