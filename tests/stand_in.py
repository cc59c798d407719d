"""A GPU library without a GPU: arrays that stand in for CuPy's, and refuse what these refuse.

They hold a NumPy array and compute with it, but are none: NumPy's functions on them, silent conversion, and mixing them
with NumPy's arrays raise TypeError, and what CuPy has no name for, neither has the stand-in. So a stray ``np.`` in an
operation fails on any laptop, and so does an argument that only NumPy's function takes.

What CuPy allows but makes the host wait for, or sends across, is noted: ``with moves() as seen`` collects in ``seen``
each array that goes to the device or comes back, and each time that something would wait for the device to be ready,
with the line that asked for it. ``with calls() as made`` collects what a device would have to be asked to do.
"""

import sys
import types
from contextlib import contextmanager
from time import perf_counter

import cupy_names
import numpy as np
import scipy.sparse

NAMES = cupy_names.listed()

_ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
_COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]
_UNARY = ["neg", "pos", "abs", "invert"]
#: What depends on values that the host must know, and waits for: shapes; and whether that of a window is negative.
_WAITING = {
    *("nonzero", "flatnonzero", "argwhere", "unique", "bincount", "compress", "extract"),
    "sliding_window_view",
}
#: What looks at the same numbers in another way, and asks the device for nothing.
_VIEWS = {
    "reshape",
    "transpose",
    "swapaxes",
    "moveaxis",
    "view",
    "broadcast_to",
    "as_strided",
    "empty",
}
_watching, _counting = [], []


@contextmanager
def calls():
    """Collect the names of the functions that a device would be asked for, each at the cost of a launch or more."""
    made = []
    _counting.append(made)
    try:
        yield made
    finally:
        _counting.remove(made)


def _ask(name):
    for made in _counting:
        made.append(name)


def fuse(function):
    """Return a function that asks the device once for all that it does, as long as that is arithmetic."""

    def run(*args):
        _ask(function.__name__)
        inside, _counting[:] = _counting[:], []
        try:
            return function(*args)
        finally:
            _counting[:] = inside

    return run


@contextmanager
def moves():
    """Collect what moves between host and device, or waits for it: strings that say what, and from which line."""
    seen = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


def _note(what):
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__:
        frame = frame.f_back
    for seen in _watching:
        seen.append(f"{what}, {frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")


class ndarray:
    """An array on a device that is not there."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, host):
        self._host = host

    def get(self):
        _note(f"to the host: {self._host.dtype}{list(self._host.shape)}")
        return self._host.copy()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_function__(self, function, *rest):
        raise TypeError(f"numpy.{function.__name__} on an array of the device")

    def __getattr__(self, name):
        if name.startswith("__") or f"cupy.ndarray.{name}" not in NAMES:
            raise AttributeError(f"CuPy's arrays have no {name!r}")
        if name in ("item", "tolist", "tobytes", "dump", "dumps", "tofile"):
            _note(f"to the host: {name}()")
            return getattr(self._host, name)
        value = getattr(self._host, name)
        return _Lifted(value, f"cupy.ndarray.{name}") if callable(value) else _up(value)

    def __getitem__(self, key):
        for index in key if isinstance(key, tuple) else (key,):
            if isinstance(index, ndarray) and index.dtype == bool:
                _note("waits: for the size of what a mask selects")
        return _up(self._host[_down(key)])

    def __setitem__(self, key, value):
        _ask("__setitem__")
        self._host[_down(key)] = _down(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return map(_up, self._host)


def _operator(name):
    return lambda self, *others: _Lifted(getattr(self._host, name), name)(*others)


def _in_place(name):
    def change(self, other):
        _ask(name)
        getattr(self._host, name)(_down(other))
        return self

    return change


def _to_the_host(name):
    def number(self, *args):
        _note(f"to the host: {name}")
        return getattr(self._host, name)(*args)

    return number


for _name in _ARITHMETIC + _COMPARISONS + _UNARY:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in _ARITHMETIC:
    setattr(ndarray, f"__r{_name}__", _operator(f"__r{_name}__"))
    if _name != "matmul":
        setattr(ndarray, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ("bool", "int", "float", "complex", "repr", "str", "format"):
    setattr(ndarray, f"__{_name}__", _to_the_host(f"__{_name}__"))
ndarray.__module__ = "cupy"


def _down(value):
    """Take what stands in for an array to the host; refuse what lies there already."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("an array of NumPy among those of the device")
    if isinstance(value, tuple | list):
        return type(value)(map(_down, value))
    return value


def _up(value):
    """Wrap an array, and also NumPy's scalars: on a device these are arrays without axes."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    return type(value)(map(_up, value)) if type(value) in (tuple, list) else value


class _Lifted:
    """A function of NumPy's, from arrays of the device to arrays of the device."""

    def __init__(self, function, name):
        self.function, self.name = function, name

    def __call__(self, *args, **kwargs):
        name, taken = self.name.rpartition(".")[2], NAMES.get(self.name)
        if taken is not None and not set(kwargs) <= set(taken):
            raise TypeError(f"{self.name} takes no {', '.join(set(kwargs) - set(taken))}=")
        if name in _WAITING:
            _note(f"waits: for what {name} must know")
        if name not in _VIEWS:
            _ask(name)
        given = {name: _down(value) for name, value in kwargs.items()}
        return _up(self.function(*map(_down, args), **given))

    def __getattr__(self, name):
        if f"cupy.ufunc.{name}" not in NAMES:
            raise AttributeError(f"CuPy's functions have no {name!r}")
        return _Lifted(getattr(self.function, name), f"cupy.ufunc.{name}")


class _Module(types.ModuleType):
    """A module of CuPy's, whose functions are NumPy's, lifted; it has the names that CuPy's has."""

    def __init__(self, name, of, **own):
        super().__init__(name)
        self._of = of
        vars(self).update(own)

    def __getattr__(self, name):
        if name.startswith("__") or f"{self.__name__}.{name}" not in NAMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(self._of, name)
        lifted = callable(value) and not isinstance(value, type)
        return _Lifted(value, f"{self.__name__}.{name}") if lifted else value


def _asarray(a, dtype=None):
    """Return an array of the device; one of the host is moved there."""
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype, copy=False)
    host = np.array(a, dtype)
    if host.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    _note(f"to the device: {host.dtype}{list(host.shape)}")
    return ndarray(host)


class Generator:
    """Draws what NumPy's draws."""

    def __init__(self, bits):
        self._host = np.random.Generator(bits)

    def __getattr__(self, name):
        if f"cupy.random.Generator.{name}" not in NAMES:
            raise AttributeError(f"CuPy's Generator has no {name!r}")
        return _Lifted(getattr(self._host, name), f"cupy.random.Generator.{name}")


class Event:
    """A moment on the device: this one is never behind."""

    def record(self):
        self.at = perf_counter()

    def synchronize(self):
        _note("waits: for an event")

    @staticmethod
    def elapsed(start, end):
        return 1e3 * (end.at - start.at)


_runtime = types.SimpleNamespace(
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    getDeviceProperties=lambda number: {"name": b"no device"},
    runtimeGetVersion=lambda: 12090,
)


class csr_matrix:
    """A sparse matrix of the device, of which nothing is asked but ``@`` and ``.T``.

    Before its first product CuPy looks whether its entries are in order, and remembers; a transpose knows what the
    matrix knew when it was taken.
    """

    def __init__(self, entries, shape=None, in_order=False):
        if isinstance(entries, tuple):
            _note("waits: for the entries of a sparse matrix")
            values, places = entries
            entries = scipy.sparse.csr_matrix((_down(values), _down(places)), shape=shape)
        self._host, self.shape, self._in_order = entries, entries.shape, in_order

    @property
    def T(self):
        return csr_matrix(self._host.T, in_order=self._in_order)

    def __matmul__(self, other):
        _ask("a sparse product")
        for matrix in (self, other):
            if isinstance(matrix, csr_matrix) and not matrix._in_order:
                _note("waits: for the order of a sparse matrix's entries")
                matrix._in_order = True
        if isinstance(other, csr_matrix):
            _note("waits: for the entries of a sparse matrix")
            return csr_matrix(self._host @ other._host)
        return _up(self._host @ _down(other))


@contextmanager
def stand_in_for_cupy():
    """Put the stand-in where ``import cupy`` finds it."""
    windows = _Module("cupy.lib.stride_tricks", np.lib.stride_tricks)
    library = _Module(
        "cupy",
        np,
        __version__="stand-in",
        ndarray=ndarray,
        fuse=fuse,
        asarray=_asarray,
        array=_asarray,
        linalg=_Module("cupy.linalg", np.linalg),
        lib=types.SimpleNamespace(stride_tricks=windows),
        random=types.SimpleNamespace(
            default_rng=lambda seed: Generator(np.random.PCG64(np.random.SeedSequence(seed))),
            Generator=Generator,
            Philox4x3210=lambda seed: np.random.PCG64(np.random.SeedSequence(seed)),
        ),
        cuda=types.SimpleNamespace(runtime=_runtime, Event=Event, get_elapsed_time=Event.elapsed),
    )
    sparse = types.ModuleType("cupyx.scipy.sparse")
    sparse.csr_matrix = csr_matrix
    modules = {
        "cupy": library,
        "cupyx": types.ModuleType("cupyx"),
        "cupyx.scipy": types.ModuleType("cupyx.scipy"),
        "cupyx.scipy.sparse": sparse,
    }
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield library
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
