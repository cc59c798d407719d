"""Exercises of the notebook 08_fully_convolutional_network.ipynb: fill the functions in.

``python 08_fully_convolutional_network.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_weighted_iou(matrix):
    """Return the IoU of the classes, weighted with how many pixels of the truth they have.

    matrix : (C, C) integers; matrix[i, j] pixels of class i were called j
    """
    ...  # your code here


def my_fuse(coarse, fine):
    """Return the sum of both, in the size of the fine scores.

    coarse : (C, h, w) floats
    fine : (C, H, W) floats, where H is 2 h or 2 h - 1, and W likewise
    """
    ...  # your code here


def fuse_by_npseg(coarse, fine):
    """Enlarge, crop, add."""
    up, _ = npseg.nearest_unpool_forward(coarse[None], 2)
    return npseg.crop_forward(up, 0, fine.shape[1:])[0][0] + fine


def planes(height, width):
    """Draw scores of two classes."""
    return hnp.arrays(np.float64, (2, height, width), elements=st.integers(-9, 9))


def my_fuse_backward(dout, shape):
    """Return the gradient of the coarse scores.

    dout : (C, H, W) floats, the gradient of the sum
    shape : (C, h, w), that of the coarse scores
    """
    ...  # your code here


def fuse_backward_by_npseg(dout, shape):
    """Go forward with zeros, and back."""
    up, unpool = npseg.nearest_unpool_forward(np.zeros((1, *shape)), 2)
    _, crop = npseg.crop_forward(up, 0, dout.shape[1:])
    return npseg.nearest_unpool_backward(npseg.crop_backward(dout[None], crop), unpool)[0]


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_weighted_iou"] = npseg.check.against(
            my_weighted_iou,
            lambda matrix: npseg.training.metrics(matrix).frequency_weighted_iou,
            st.tuples(hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 9)).filter(lambda m: m.any())),
        )
        verdicts["my_fuse"] = npseg.check.against(
            my_fuse,
            fuse_by_npseg,
            st.one_of(st.tuples(planes(2, 3), planes(h, w)) for h in (3, 4) for w in (5, 6)),
        )
        verdicts["my_fuse_backward"] = npseg.check.against(
            my_fuse_backward,
            fuse_backward_by_npseg,
            st.one_of(st.tuples(planes(h, w), st.just((2, 2, 3))) for h in (3, 4) for w in (5, 6)),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
