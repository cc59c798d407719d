"""The stand-in for CuPy: it lets pass what CuPy lets pass, refuses what CuPy refuses, and notes what moves.

Each misuse is one that somebody might write into an operation. Those of ``REFUSED_BY_CUPY`` are also held against CuPy
itself where a device answers; for the others the stand-in is stricter: CuPy takes NumPy's functions over, and a line
with them would run on a device, until the day that one of them is none that CuPy has.
"""

import copy
import copyreg
import math
import operator

import cupy_names
import numpy as np
import pytest
from stand_in import calls, moves, ndarray

from npseg import backend

HOST = np.arange(6.0).reshape(2, 3)

REFUSED_BY_CUPY = {
    "np.asarray": lambda xp, x: np.asarray(x),
    "np.array": lambda xp, x: np.array(x),
    "a list of them": lambda xp, x: np.asarray([x, x]),
    "a NumPy array filled": lambda xp, x: operator.setitem(np.zeros((2, 3)), ..., x),
    "x + host": lambda xp, x: x + HOST,
    "host + x": lambda xp, x: HOST + x,
    "host @ x": lambda xp, x: HOST.T @ x,
    "x += host": lambda xp, x: operator.iadd(x, HOST),
    "host += x": lambda xp, x: operator.iadd(HOST.copy(), x),
    "xp.maximum(x, host)": lambda xp, x: xp.maximum(x, HOST),
    "xp.concatenate([x, host])": lambda xp, x: xp.concatenate([x, HOST]),
    "xp.matmul(x, host)": lambda xp, x: xp.matmul(x, HOST.T),
    "out=host": lambda xp, x: xp.exp(x, out=HOST.copy()),
    "xp.exp(host)": lambda xp, x: xp.exp(HOST),
    "x == host": lambda xp, x: x == HOST,
    "hash": lambda xp, x: hash(x),
    "an index": lambda xp, x: [10, 20][x[0, 1].astype(int)],
    "a range": lambda xp, x: range(x[0, 2].astype(int)),
    "a shape": lambda xp, x: np.zeros(x[0, 2].astype(int)),
    "objects": lambda xp, x: xp.asarray(np.array([None, "a"], object)),
    "max(initial=)": lambda xp, x: x.max(initial=0),
    "sum(where=)": lambda xp, x: x.sum(where=x > 0),
    "xp.clip(min=)": lambda xp, x: xp.clip(x, min=0),
    "xp.exp(where=)": lambda xp, x: xp.exp(x, where=x > 0),
}
REFUSED_HERE = {
    "np.exp": lambda xp, x: np.exp(x),
    "np.add": lambda xp, x: np.add(x, x),
    "np.add.at": lambda xp, x: np.add.at(x, 0, 1.0),
    "np.concatenate": lambda xp, x: np.concatenate([x, x]),
    "np.where": lambda xp, x: np.where(x > 0, x, 0),
    "np.moveaxis": lambda xp, x: np.moveaxis(x, 0, 1),
    "np.zeros_like": lambda xp, x: np.zeros_like(x),
    "np.sum": lambda xp, x: np.sum(x),
    "x[...] = host": lambda xp, x: operator.setitem(x, ..., HOST),
    "x[host]": lambda xp, x: x[np.array([0, 1])],
}

#: What CuPy allows and the host waits for, or gets.
NOTED = {
    "float": lambda xp, x: float(x.sum()),
    "int": lambda xp, x: int(x.sum()),
    "if": lambda xp, x: bool(x.sum() > 0),
    "and": lambda xp, x: x.sum() > 0 and x,
    "math.sqrt": lambda xp, x: math.sqrt(x[0, 1]),
    "max": lambda xp, x: max(x[0]),
    "sum over a condition": lambda xp, x: [1 for value in x[0] if value],
    "item": lambda xp, x: x.sum().item(),
    "tolist": lambda xp, x: x.tolist(),
    "get": lambda xp, x: x.get(),
    "to_numpy": lambda xp, x: backend.to_numpy(x),
    "print": lambda xp, x: str(x),
    "in a message": lambda xp, x: f"{x}",
    "asarray": lambda xp, x: xp.asarray(HOST),
    "asarray of a number": lambda xp, x: xp.asarray(2.0),
    "array": lambda xp, x: xp.array([1.0, 2.0]),
    "a mask": lambda xp, x: x[x > 1],
    "nonzero": lambda xp, x: xp.nonzero(x),
    "flatnonzero": lambda xp, x: xp.flatnonzero(x),
    "sliding_window_view": lambda xp, x: xp.lib.stride_tricks.sliding_window_view(x, 2, 1),
}

#: What stays on the device, and waits for nothing.
FREE = {
    "arithmetic": lambda xp, x: -x * 2 + 1.5 - np.float64(3) * x**2 / (1 + x),
    "reductions": lambda xp, x: x.sum() + x.max(axis=0) + x.mean(axis=1, keepdims=True),
    "indexing": lambda xp, x: x[:, None, ::2][..., 0] + x[xp.arange(2), xp.arange(2)],
    "iteration": lambda xp, x: [row * 2 for row in x],
    "making": lambda xp, x: xp.zeros((2, 3), x.dtype) + xp.arange(3) + xp.full(3, 2.0),
    "asarray of its own": lambda xp, x: xp.asarray(x) + xp.asarray(x, "float64"),
    "where": lambda xp, x: xp.where(x > 1, x, -xp.inf),
    "comparison with what the dtype has not": lambda xp, x: x.astype("uint8") == -1,
    "comparison of shapes": lambda xp, x: x.shape == (2, 3) and x.ndim + len(x) + x.size,
    "random": lambda xp, x: xp.random.default_rng(0).random((2, 3), dtype=x.dtype),
    "add.at": lambda xp, x: xp.add.at(x, (xp.arange(2), xp.arange(2)), x[:, 0]),
    "windows": lambda xp, x: xp.lib.stride_tricks.as_strided(x, (2, 2, 2), (*x.strides, x.strides[1])),
    "filling": lambda xp, x: operator.setitem(x, (slice(None), 0), 5.0),
}


def names(table):
    return pytest.mark.parametrize("use", table.values(), ids=table)


@names(REFUSED_BY_CUPY)
def test_what_cupy_refuses_is_refused(device, use):
    """ValueError is for objects alone; and ``np.array`` warns before it raises TypeError, which is an error here."""
    x = device.asarray(HOST)
    with pytest.raises((TypeError, ValueError, DeprecationWarning)):
        use(device, x)


@names(REFUSED_HERE)
def test_numpys_functions_on_the_devices_arrays_are_refused(stand_in, use):
    x = stand_in.asarray(HOST)
    with pytest.raises(TypeError):
        use(stand_in, x)


@names(NOTED)
def test_what_moves_or_waits_is_noted_with_its_line(stand_in, use):
    x = stand_in.asarray(HOST)
    with moves() as seen:
        use(stand_in, x)
    assert seen
    assert all("test_stand_in.py:" in line or "backend.py:" in line for line in seen)


@names(FREE)
def test_what_stays_on_the_device_is_not_noted(stand_in, use):
    x = stand_in.asarray(HOST)
    with moves() as seen:
        use(stand_in, x)
    assert seen == []


@names(NOTED | FREE)
def test_what_the_stand_in_lets_pass_passes_on_a_device(device, use):
    assert use(device, device.asarray(HOST)) is not Ellipsis


def test_nothing_is_noted_once_nobody_watches(stand_in):
    with moves() as seen:
        pass
    stand_in.asarray(HOST).get()
    assert seen == []


def test_what_is_noted_says_what_and_where_to(stand_in):
    with moves() as seen:
        x = stand_in.asarray(HOST, "float32")
        float(x.sum())
        x[x > 1].get()
    assert [line.partition(",")[0] for line in seen] == [
        "to the device: float32[2",
        "to the host: __float__",
        "waits: for the size of what a mask selects",
        "to the host: float32[4]",
    ]


def test_a_sparse_matrix_waits_when_it_is_made_and_before_its_first_product(stand_in):
    values, places = stand_in.asarray([2.0, 3.0]), stand_in.asarray([0, 1])
    x = stand_in.ones((2, 1))
    with moves() as seen:
        s = backend.sparse_matrix(stand_in)((values, (places, places)), shape=(2, 2))
        early = s.T
    assert len(seen) == 1
    for matrix, waits in ((early, 1), (early, 0), (s, 1), (s, 0)):
        with moves() as seen:
            matrix @ x
        assert len(seen) == waits
    with moves() as seen:
        s.T @ x
    assert seen == []


def test_what_a_device_is_asked_for_is_counted_and_views_are_not(stand_in):
    x = stand_in.asarray(HOST)
    with calls() as made:
        y = x.reshape(3, 2).T[None] + 1
        y += y
        y[0, 0] = stand_in.exp(y[0, 1])
        stand_in.fuse(operator.iadd)(y, y)
    assert made == ["__add__", "__iadd__", "exp", "__setitem__", "iadd"]
    stand_in.exp(x)
    assert len(made) == 5, "once nobody counts"


def test_it_is_no_array_of_numpys_and_offers_no_way_in(stand_in):
    x = stand_in.asarray(HOST)
    assert not isinstance(x, np.ndarray)
    for name in ("__array_interface__", "__array_struct__", "__array_priority__", "__buffer__", "__dlpack__"):
        assert not hasattr(x, name)


def test_reductions_are_arrays_without_axes(device):
    x = device.asarray(HOST)
    for value in (x.sum(), x.max(), x[0, 0], (x > 0).any(), x.argmax(), x.mean() * 2):
        assert isinstance(value, device.ndarray)
        assert value.shape == ()


def test_changing_in_place_changes_what_others_hold(device):
    x = device.asarray(HOST)
    rows = x[0]
    x += 1
    x *= x
    assert rows.get().tolist() == [1, 4, 9]


def test_it_has_no_name_that_cupy_has_not(stand_in):
    x = stand_in.asarray(HOST)
    for owner, name in (
        (stand_in, "nditer"),
        (stand_in, "matrix"),
        (x, "newbyteorder"),
        (stand_in.add, "nargs_"),
    ):
        with pytest.raises(AttributeError, match=name):
            getattr(owner, name)
    with pytest.raises(AttributeError, match="bytes"):
        stand_in.random.default_rng(0).bytes  # noqa: B018


def test_it_has_no_operator_that_cupy_has_not():
    class Plain:
        pass

    copyreg._slotnames(Plain)  # Python writes down for a class what pickling has asked of it
    names = {name for name in vars(ndarray) if name.startswith("__")} - {*vars(Plain), *dir(object)}
    assert names - {"__getattr__"} <= {name.rpartition(".")[2] for name in cupy_names.listed()}
    assert len(names) > 40
    assert not hasattr(ndarray, "__index__")


def test_a_sparse_matrix_offers_a_product_and_a_transpose_and_no_more(stand_in):
    values, places = stand_in.asarray([2.0, 3.0]), stand_in.asarray([0, 1])
    s = backend.sparse_matrix(stand_in)((values, (places, places)), shape=(2, 3))
    assert (s.T @ (s @ stand_in.ones((3, 1)))).get().tolist() == [[4], [9], [0]]
    assert (s @ s.T).shape == (2, 2)
    with pytest.raises(TypeError):
        s @ np.ones(3)
    with pytest.raises(AttributeError):
        s.tocsr()


def test_a_copy_of_it_is_another_array(stand_in):
    x = stand_in.asarray(HOST)
    other = copy.deepcopy(x)
    other += 1
    assert (x.get() == HOST).all()
