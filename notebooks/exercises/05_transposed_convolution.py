"""Exercises of the notebook 05_transposed_convolution.ipynb: fill the functions in.

``python 05_transposed_convolution.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_conv_transpose(x, w, stride, padding):
    """Stamp the kernel, times each input, onto the output, and crop it at both ends.

    x : (n,) floats
    w : (k,) floats
    """
    ...  # your code here


def whole_numbers(least, most):
    """Draw vectors."""
    return hnp.arrays(np.float64, st.integers(least, most), elements=st.integers(-9, 9))


def my_output_padding(size, kernel, stride, padding, dilation):
    """Return the output_padding that makes the transposed convolution return to ``size`` pixels."""
    ...  # your code here


def by_npseg(size, kernel, stride, padding, dilation):
    """Go down, come up without output_padding, and see what is missing."""
    x, w = np.zeros((1, 1, size)), np.zeros((1, 1, kernel))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    down, _ = npseg.conv_forward(x, w, **options)
    up, _ = npseg.conv_transpose_forward(down, w, **options)
    return size - up.shape[2]


def my_stuffing(x, w, *, stride):
    """Do a transposed convolution by a convolution of stride 1.

    x : (N, C_in, H, W) floats
    w : (C_in, C_out, K, L) floats
    """
    ...  # your code here


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_conv_transpose"] = npseg.check.against(
            my_conv_transpose,
            lambda x, w, stride, padding: npseg.conv_transpose_forward(
                x[None, None], w[None, None], stride=stride, padding=padding
            )[0][0, 0],
            st.tuples(whole_numbers(1, 4), whole_numbers(3, 5), st.integers(1, 4), st.integers(0, 1)),
        )
        verdicts["my_output_padding"] = npseg.check.against(
            my_output_padding,
            by_npseg,
            st.tuples(
                st.integers(13, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3)
            ),
        )
        verdicts["my_stuffing"] = npseg.check.against(
            my_stuffing,
            "conv_transpose_forward",
            axes=2,
            only={"b": None, "padding": 0, "output_padding": 0, "output_size": None, "dilation": 1, "groups": 1},
        )
    raise SystemExit(npseg.check.grade(**verdicts))
