"""Exercises of the notebook 06_every_way_up_is_a_transpose.ipynb: fill the functions in.

``python 06_every_way_up_is_a_transpose.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_avg_pool_transpose(y, size, kernel, stride):
    """Apply Aᵀ, where A averages windows of ``kernel`` pixels, ``stride`` pixels apart.

    y : (windows,) floats
    returns an array of ``size`` pixels; some at the end may be in no window
    """
    ...  # your code here


def by_npseg(y, size, kernel, stride):
    """Pool something of that size, and go back."""
    _, cache = npseg.avg_pool_forward(np.zeros((1, 1, size)), kernel, stride=stride)
    return npseg.avg_pool_backward(y[None, None], cache)[0, 0]


@st.composite
def poolings(draw):
    """Draw a pooling, and values for its windows."""
    kernel, stride = draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 4))
    size = draw(st.integers(kernel, 9))
    windows = (size - kernel) // stride + 1
    return draw(hnp.arrays(np.float64, windows, elements=st.integers(-9, 9))), size, kernel, stride


def my_crop_transpose(y, offset, size):
    """Apply Eᵀ.

    y : (h, w) floats
    offset : (row, column) of the first pixel that the crop has kept
    size : (H, W)
    """
    ...  # your code here


def my_is_transpose(down, up, x_shape, y_shape):
    """Return whether up is the transpose of down.

    down : takes arrays of x_shape, returns arrays of y_shape
    up : takes arrays of y_shape, and may return anything
    """
    ...  # your code here


class Map(NamedTuple):
    """A function with a name, so that a case can be shown."""

    name: str
    function: object

    def __call__(self, x):
        """Apply it."""
        return self.function(x)

    def __repr__(self):
        return self.name


xyz, halve = np.array([[[2.0, 3, 5]]]), {"stride": 2, "padding": 1}
downs = [
    Map("convolution", lambda x: npseg.conv_forward(x, xyz, **halve)[0]),
    Map("average", lambda x: npseg.avg_pool_forward(x, 2)[0]),
    Map("every other", lambda x: x[:, :, ::2]),
]
ups = [
    Map("transposed", lambda y: npseg.conv_transpose_forward(y, xyz, **halve, output_size=8)[0]),
    Map("half of nearest", lambda y: npseg.nearest_unpool_forward(y, 2)[0] / 2),
    Map("nails", lambda y: npseg.bed_of_nails_unpool_forward(y, 2)[0]),
    Map("too short", lambda y: npseg.conv_transpose_forward(y, xyz, **halve)[0]),
    Map("flipped", lambda y: npseg.conv_transpose_forward(y, xyz[..., ::-1], **halve, output_size=8)[0]),
    Map("nearest", lambda y: npseg.nearest_unpool_forward(y, 2)[0]),
]
partners = list(zip(downs, ups))


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_avg_pool_transpose"] = npseg.check.against(my_avg_pool_transpose, by_npseg, poolings())
        verdicts["my_crop_transpose"] = npseg.check.against(
            my_crop_transpose,
            lambda y, offset, size: npseg.crop_backward(
                y[None, None], npseg.crop_forward(np.zeros((1, 1, *size)), offset, y.shape)[1]
            )[0, 0],
            st.tuples(
                hnp.arrays(np.float64, (2, 3), elements=st.integers(-9, 9)),
                st.tuples(st.integers(0, 2), st.integers(0, 3)),
                st.tuples(st.integers(4, 6), st.integers(6, 7)),
            ),
        )
        verdicts["my_is_transpose"] = npseg.check.against(
            my_is_transpose,
            lambda down, up, x_shape, y_shape: (down, up) in partners,
            st.tuples(st.sampled_from(downs), st.sampled_from(ups), st.just((1, 1, 8)), st.just((1, 1, 4))),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
