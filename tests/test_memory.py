"""Memory that is lent out: never to two at a time, and never more than was once in use."""

import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npseg import memory
from npseg.memory import empty, zeros


@pytest.fixture(autouse=True)
def lender(monkeypatch):
    fresh = memory._Lender()
    monkeypatch.setattr(memory, "_lender", lambda process: fresh)
    return fresh


LIKE = np.zeros(1, "float32")
SIZE = memory.LARGE // 4


def address(a):
    return a.__array_interface__["data"][0]


def test_what_has_died_is_lent_again():
    first = empty((SIZE,), LIKE)
    there = address(first)
    del first
    assert address(empty((SIZE,), LIKE)) == there


def test_what_lives_is_not_lent_again_even_if_only_a_view_of_it_does(lender):
    first = empty((2, SIZE), LIKE)
    first[...] = 1
    view = first.T[5:7]
    del first
    second = empty((2, SIZE), LIKE)
    second[...] = 2
    assert not np.shares_memory(view, second)
    assert (view == 1).all()
    del view
    assert address(empty((2, SIZE), LIKE)) != address(second)


def test_small_arrays_and_those_of_objects_are_the_c_librarys(lender):
    kept = empty((3,), LIKE), empty((SIZE,), LIKE, dtype=object)
    assert lender.lent == 0
    assert len(kept) == 2


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_shape_dtype_alignment_and_layout(dtype):
    a = empty((3, SIZE), LIKE, dtype=dtype)
    assert (a.shape, a.dtype) == ((3, SIZE), dtype)
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert address(a) % memory.ALIGNMENT == 0


def test_zeros_are_zeros_also_where_something_stood_before():
    a = empty((SIZE,), LIKE)
    a[...] = 7
    del a
    assert not zeros((SIZE,), LIKE).any()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=30))
def test_no_more_is_held_than_was_once_in_use(steps):
    lender = memory._Lender()
    living = {}
    for place, size in steps:
        living.pop(place, None)
        living[place] = lender.lend((size * 1000,), np.dtype("uint8"), size * 1000)
        living[place][...] = place
        assert all((a == name).all() for name, a in living.items())
        assert lender.lent + sum(m.nbytes for m in lender._free) <= lender.most
    living.clear()
    lender.release()
    assert lender.lent == lender.most == len(lender._free) == 0


def test_threads_borrow_at_the_same_time():
    wrong = []

    def work(number):
        for _ in range(200):
            a = empty((SIZE,), LIKE)
            a[...] = number
            if not (a == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_release_gives_back_what_nobody_uses(lender):
    kept, gone = empty((SIZE,), LIKE), empty((SIZE,), LIKE)
    del gone
    memory.release()
    assert lender.lent == lender.most >= kept.nbytes
    assert not lender._free


def test_a_forked_child_has_a_lender_of_its_own(monkeypatch):
    monkeypatch.undo()
    assert memory._lender(os.getpid()) is memory._lender(os.getpid())
    assert memory._lender(-1) is not memory._lender(os.getpid())
