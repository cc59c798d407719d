"""Exercises of the notebook 07_backpropagation_and_gradient_checks.ipynb: fill the functions in.

``python 07_backpropagation_and_gradient_checks.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_relu_backward(dout, x):
    """Return the gradient of x, where the output was max(x, 0).

    dout, x : (n,) floats
    """
    ...  # your code here


vectors = hnp.arrays(np.float64, 4, elements=st.integers(-2, 2))


def my_dw(dout, x, kernel, stride):
    """Return the gradient of the kernel, an array of ``kernel`` numbers.

    dout : (windows,) floats
    x : (n,) floats
    """
    ...  # your code here


@st.composite
def convolutions(draw):
    """Draw a signal, the size of a kernel, a stride, and a gradient for each window."""
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    x = draw(hnp.arrays(np.float64, st.integers(kernel, 9), elements=st.integers(-9, 9)))
    windows = (len(x) - kernel) // stride + 1
    return draw(hnp.arrays(np.float64, windows, elements=st.integers(-9, 9))), x, kernel, stride


def dw_by_npseg(dout, x, kernel, stride):
    """Go forward with some kernel, and back."""
    _, cache = npseg.conv_forward(x[None, None], np.zeros((1, 1, kernel)), stride=stride)
    return npseg.conv_backward(dout[None, None], cache)[1][0, 0]


def my_dscores(scores, labels):
    """Return the gradient of the mean cross entropy with respect to the scores.

    scores : (C, pixels) floats
    labels : (pixels,) integers, 0 ... C - 1, or 255 for void
    """
    ...  # your code here


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_relu_backward"] = npseg.check.against(
            my_relu_backward,
            lambda dout, x: npseg.relu_backward(dout, npseg.relu_forward(x)[1]),
            st.tuples(vectors, vectors),
        )
        verdicts["my_dw"] = npseg.check.against(my_dw, dw_by_npseg, convolutions())
        verdicts["my_dscores"] = npseg.check.against(
            my_dscores,
            lambda scores, labels: npseg.cross_entropy_backward(
                cache=npseg.cross_entropy_forward(scores[None], labels[None])[1]
            )[0],
            st.tuples(
                hnp.arrays(np.float64, (3, 4), elements=st.sampled_from([-1000.0, -1, 0, 1, 2, 1000])),
                hnp.arrays(np.int64, 4, elements=st.sampled_from([0, 1, 2, 255])),
            ),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
