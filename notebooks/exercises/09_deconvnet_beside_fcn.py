"""Exercises of the notebook 09_deconvnet_beside_fcn.ipynb: fill the functions in.

``python 09_deconvnet_beside_fcn.py`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

import sys
from contextlib import redirect_stdout

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import npseg


def my_switches(x):
    """Return the flat places of the winners.

    x : (H, W) floats
    returns integers of shape (H / 2, W / 2), rounded up
    """
    ...  # your code here


def planes(height, width):
    """Draw planes with many ties."""
    return hnp.arrays(np.float64, (height, width), elements=st.integers(-3, 3))


def my_down_and_up_backward(dout, x):
    """Return the gradient of x, of 2x2 max pooling followed by its unpooling.

    dout, x : (H, W) floats; no two pixels of x are alike, H and W are even
    """
    ...  # your code here


def down_and_up_backward_by_npseg(dout, x):
    """Go forward and back."""
    y, pool = npseg.max_pool_forward(x[None, None], 2)
    _, unpool = npseg.max_unpool_forward(y, pool.indices, 2)
    return npseg.max_pool_backward(npseg.max_unpool_backward(dout[None, None], unpool), pool)[0, 0]


def my_aggregate(scores, corners, size):
    """Put scores of boxes together.

    scores : list of (h, w) floats
    corners : list of (top, left), one for each box
    size : (H, W), of the picture, in which all boxes lie
    """
    ...  # your code here


def aggregate_by_npseg(scores, corners, size):
    """Lay each box into a plane of zeros, and take the highest."""
    padded = [np.zeros(size)]
    for one, (top, left) in zip(scores, corners):
        height, width = one.shape
        around = ((top, size[0] - top - height), (left, size[1] - left - width))
        padded.append(np.pad(one, around, constant_values=-np.inf))
    return np.max(padded, axis=0)


if __name__ == "__main__":
    verdicts = {}
    with redirect_stdout(sys.stderr):
        verdicts["my_switches"] = npseg.check.against(
            my_switches,
            lambda x: npseg.max_pool_forward(x[None, None], 2, ceil_mode=True)[1].indices[0, 0],
            st.tuples(st.one_of(planes(h, w) for h in (1, 2, 3, 4) for w in (2, 3, 5))),
        )
        verdicts["my_down_and_up_backward"] = npseg.check.against(
            my_down_and_up_backward,
            down_and_up_backward_by_npseg,
            st.tuples(planes(4, 6), st.permutations(range(24)).map(lambda p: np.reshape(p, (4, 6)) * 1.0)),
        )
        verdicts["my_aggregate"] = npseg.check.against(
            my_aggregate,
            aggregate_by_npseg,
            st.integers(0, 3).flatmap(
                lambda n: st.tuples(
                    st.lists(st.one_of(planes(2, 3), planes(3, 1)), min_size=n, max_size=n),
                    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=n, max_size=n),
                    st.just((5, 6)),
                )
            ),
        )
    raise SystemExit(npseg.check.grade(**verdicts))
