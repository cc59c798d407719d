"""Work shared out among threads: the same results, in order, bit for bit, however many there are."""

from __future__ import annotations

import multiprocessing
import threading
import time
import warnings

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given
from hypothesis import strategies as st
from stand_in import stand_in_for_cupy
from threadpoolctl import threadpool_info, threadpool_limits

import npseg
from npseg import backend, workers
from npseg.workers import share_out


@pytest.fixture(params=[1, 2, 3])
def cores(request):
    with backend.threads(request.param):
        yield request.param


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_results_come_back_in_the_order_of_their_pieces(cores):
    def task(piece):
        time.sleep(0.001 * (6 - piece))  # the first takes longest
        return piece, threading.current_thread()

    numbers, threads = zip(*share_out(task, range(6)))
    assert numbers == tuple(range(6))
    assert (set(threads) == {threading.main_thread()}) == (cores == 1)


@pytest.mark.parametrize("pieces", [[], [7]])
def test_few_pieces_need_no_threads(cores, pieces):
    assert share_out(lambda piece: threading.current_thread(), pieces) == [threading.main_thread()] * len(
        pieces
    )


def test_arrays_of_a_device_need_no_threads(cores):
    with stand_in_for_cupy() as cupy:
        found = share_out(lambda piece: threading.current_thread(), range(3), cupy.zeros(2))
    assert found == [threading.main_thread()] * 3


def test_an_exception_comes_through(cores):
    with pytest.raises(ZeroDivisionError):
        share_out(lambda piece: 1 / piece, [1, 2, 0, 3])
    assert share_out(abs, [-1, 2]) == [1, 2], "and the next task is done as ever"


@pytest.mark.parametrize("pieces", [[1, 2, 3], [1, 0, 3]])
def test_blas_is_held_to_one_thread_and_let_go_again(cores, pieces):
    inside = []
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        try:
            share_out(lambda piece: inside.append(blas_threads()) or 1 / piece, pieces)
        except ZeroDivisionError:
            assert 0 in pieces
        assert blas_threads() == before
    assert before, "NumPy has a BLAS"
    assert cores == 1 or all(set(threads) == {1} for threads in inside)


def test_work_shared_out_inside_a_piece_is_done_there(cores):
    def task(piece):
        return set(share_out(lambda _: threading.current_thread(), range(3))) == {threading.current_thread()}

    assert all(share_out(task, range(4)))


def test_two_callers_at_once_leave_blas_as_they_found_it(cores):
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        callers = [threading.Thread(target=share_out, args=(time.sleep, [0.01] * 4)) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert blas_threads() == before


def test_what_numpy_does_about_an_overflow_holds_in_the_threads(cores):
    def grow(x):
        return x * x

    pieces = [np.full(3, 1e300)] * 4
    with np.errstate(over="ignore"):
        assert np.isinf(share_out(grow, pieces)).all()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        share_out(grow, pieces)


def convolution(dtype):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((9, 3, 20, 21), (5, 3, 3, 3), 5))
    y, cache = npseg.conv_forward(x, w, b, stride=2, padding=1)
    up, cache_up = npseg.conv_transpose_forward(y, w, stride=2)
    pooled, cache_pool = npseg.max_pool_forward(x, 2)
    return (
        y,
        up,
        pooled,
        *npseg.conv_backward(rng.standard_normal(y.shape).astype(dtype), cache),
        *npseg.conv_transpose_backward(rng.standard_normal(up.shape).astype(dtype), cache_up)[:2],
        npseg.max_pool_backward(pooled, cache_pool),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_how_many_cores_there_are(cores, dtype):
    found = convolution(dtype)
    with backend.threads(1):
        assert_same(found, convolution(dtype))


def test_there_is_a_core_and_a_pool_for_this_process():
    assert backend.cores() >= 1
    assert workers._pool(1, 1) is not workers._pool(2, 1), "a forked child has threads of its own"


def test_the_number_of_threads_is_chosen_and_undone():
    before = backend.thread_count()
    with backend.threads(5):
        assert backend.thread_count() == 5
        with backend.threads(None):
            assert backend.thread_count() == backend.cores()
    assert backend.thread_count() == before


@pytest.mark.parametrize(
    ("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_number_of_threads_that_is_none_is_refused(n, error):
    before = backend.thread_count()
    with pytest.raises(error, match="threads: "):
        backend.threads(n)
    assert backend.thread_count() == before


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_make_up_the_whole(length, pieces):
    found = workers.parts(length, pieces)
    assert len(found) == min(length, pieces)
    assert [n for part in found for n in range(length)[part]] == list(range(length))
    assert all(part.stop > part.start for part in found)


def test_work_goes_on_in_a_forked_child():
    """As in a loader's process: the child starts threads of its own, and does not wait for those it does not have."""
    x, w = np.ones((4, 2, 9, 9)), np.ones((2, 2, 3, 3))
    expected = npseg.conv_forward(x, w)[0]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking where there are threads: that is the point
        context = multiprocessing.get_context("fork")
        with context.Pool(1) as pool:
            found = pool.apply_async(_forward, (x, w)).get(timeout=60)
    assert_same(found, expected)


def _forward(x, w):
    return npseg.conv_forward(x, w)[0]
