"""Exercises of the notebook 04_unpooling.ipynb: fill the functions in.

``python 04_unpooling.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_nearest(x, scale):
    """Repeat each value all over its block.

    x : (N, C, H, W) floats
    """
    ...  # your code here


def my_bed_of_nails(x, scale):
    """Put each value at the first pixel of its block, and zeros elsewhere.

    x : (N, C, H, W) floats
    """
    ...  # your code here


def my_max_unpool(values, indices, output_size):
    """Put values to where the winners stood; values that go to one place add up.

    values : (h, w) floats
    indices : (h, w) integers, flat places in the output
    output_size : (H, W)
    returns an array of shape (H, W)
    """
    ...  # your code here


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_nearest"] = npseg.check.against(my_nearest, "nearest_unpool_forward", axes=2)
        verdicts["my_bed_of_nails"] = npseg.check.against(my_bed_of_nails, "bed_of_nails_unpool_forward", axes=2)
        verdicts["my_max_unpool"] = npseg.check.against(
            my_max_unpool,
            lambda values, indices, output_size: npseg.max_unpool_forward(
                values[None, None], indices[None, None], 2, output_size=output_size
            )[0][0, 0],
            st.tuples(
                hnp.arrays(np.float64, (2, 3), elements=st.integers(-9, 9)),
                hnp.arrays(np.int64, (2, 3), elements=st.integers(0, 23)),
                st.sampled_from([(4, 6), (4, 7), (5, 6), (5, 7)]),
            ),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
