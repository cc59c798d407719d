"""Exercises of the notebook 01_problem_and_sliding_windows.ipynb: fill the functions in.

``python 01_problem_and_sliding_windows.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_mean_iou(truth, answer, classes):
    """Return the mean, over the classes that occur, of intersection over union.

    truth : (H, W) integers, 0 ... classes - 1, or 255 for void
    answer : (H, W) integers, 0 ... classes - 1
    """
    ...  # your code here


def my_patch(image, row, column, size):
    """Return the patch around a pixel; zeros where it hangs over the edge.

    image : (C, H, W) floats
    row, column : the pixel in the middle
    size : odd
    returns an array of shape (C, size, size)
    """
    ...  # your code here


def my_field(kernels):
    """Return how many pixels, on one axis, a unit sees through layers of these kernels."""
    ...  # your code here


def field_by_npseg(kernels):
    """Walk through the layers; Grid keeps account of where the units lie, and of what they see."""
    grid = npseg.geometry.Grid()
    for kernel in kernels:
        grid = grid.down(kernel=kernel)
    return int(grid.field)


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_mean_iou"] = npseg.check.against(
            my_mean_iou,
            lambda *case: npseg.training.metrics(npseg.training.confusion_matrix(*case)).mean_iou,
            st.tuples(
                hnp.arrays(np.int64, (2, 3), elements=st.sampled_from([0, 1, 2, 255])).filter(
                    lambda t: (t < 255).any()
                ),
                hnp.arrays(np.int64, (2, 3), elements=st.integers(0, 2)),
                st.just(3),
            ),
        )
        verdicts["my_patch"] = npseg.check.against(
            my_patch,
            lambda image, row, column, size: npseg.im2col(image[None], size, padding=size // 2)[
                0, :, row * image.shape[2] + column
            ].reshape(-1, size, size),
            st.tuples(
                hnp.arrays(np.float64, (2, 4, 5), elements=st.integers(1, 9)),
                st.integers(0, 3),
                st.integers(0, 4),
                st.sampled_from([1, 3, 5]),
            ),
        )
        verdicts["my_field"] = npseg.check.against(my_field, field_by_npseg, st.tuples(st.lists(st.integers(1, 11), max_size=6)))
    raise SystemExit(npseg.check.grade(**verdicts))
