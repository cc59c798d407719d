"""Exercises of the notebook 02_convolution_three_ways.ipynb: fill the functions in.

``python 02_convolution_three_ways.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_conv(x, w):
    """Convolve, without padding and with stride 1.

    x : (N, C, W) floats
    w : (F, C, K) floats
    returns an array of shape (N, F, W - K + 1)
    """
    ...  # your code here


def my_im2col(x, kernel_size):
    """Cut every window out, without padding and with stride 1.

    x : (N, C, W) floats
    kernel_size : K
    returns an array of shape (N, C * K, W - K + 1)
    """
    ...  # your code here


def my_row(w, size, padding, o):
    """Return row o of the matrix of a convolution.

    w : (K,) floats, the kernel
    size : of the input
    padding : zeros on either side
    returns an array of shape (size,)
    """
    ...  # your code here


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_conv"] = npseg.check.against(
            my_conv,
            "conv_forward",
            axes=1,
            only={"b": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1},
        )
        verdicts["my_im2col"] = npseg.check.against(my_im2col, "im2col", axes=1, only={"stride": 1, "padding": 0, "dilation": 1})
        verdicts["my_row"] = npseg.check.against(
            my_row,
            lambda w, size, padding, o: npseg.conv_matrix(w[None, None], size, padding=padding).toarray()[o],
            st.tuples(
                hnp.arrays(np.float64, (3,), elements=st.integers(1, 9)),
                st.integers(5, 8),
                st.integers(0, 2),
                st.integers(0, 2),
            ),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
