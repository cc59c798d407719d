"""A GPU library without a GPU: arrays that stand in for CuPy's, and refuse what these refuse.

They hold a NumPy array and compute with it, but are none. Silent conversion to NumPy, NumPy's functions on them, and
mixing them with NumPy's arrays raise TypeError, as in CuPy; so a stray ``np.`` in an operation fails on any laptop.
Beyond CuPy they refuse to become a truth value or a number, for which a real device would have to be waited for.
"""

import sys
import types
from contextlib import contextmanager

import numpy as np
import scipy.sparse

_OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor lt le gt ge eq ne"
_UNARY = "neg pos abs invert"


class ndarray:
    """An array on a device that is not there."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, host):
        self._host = host

    def get(self):
        return self._host.copy()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_function__(self, function, *rest):
        raise TypeError(f"numpy.{function.__name__} on an array of the device")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._host, name)
        return _lifted(value) if callable(value) else _up(value)

    def __getitem__(self, key):
        return _up(self._host[_down(key)])

    def __setitem__(self, key, value):
        self._host[_down(key)] = _down(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return map(_up, self._host)

    def _waits(self):
        raise TypeError("this would wait for the device")

    __bool__ = __int__ = __float__ = __index__ = _waits


def _operator(name):
    return lambda self, *others: _lifted(getattr(self._host, name))(*others)


for _name in _OPERATORS.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
    if _name not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(ndarray, f"__r{_name}__", _operator(f"__r{_name}__"))
for _name in _UNARY.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
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


class _lifted:
    """A function of NumPy's, from arrays of the device to arrays of the device."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        given = {name: _down(value) for name, value in kwargs.items()}
        return _up(self.function(*map(_down, args), **given))

    def at(self, *args):
        self.function.at(*map(_down, args))


class _Library(types.ModuleType):
    """A module whose functions are those of another, lifted."""

    def __init__(self, name, of):
        super().__init__(name)
        self._of = of

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._of, name)
        return _lifted(value) if callable(value) and not isinstance(value, type) else value


class _Sparse:
    """A sparse matrix of the device."""

    def __init__(self, host):
        self.host, self.shape = host, host.shape

    @property
    def T(self):
        return _Sparse(self.host.T)

    def __matmul__(self, other):
        return _up(self.host @ _down(other))


def _random(seed):
    host = np.random.default_rng(seed)
    return types.SimpleNamespace(bit_generator=None, random=_lifted(host.random))


def _csr_matrix(arg, shape):
    values, places = arg
    return _Sparse(scipy.sparse.csr_matrix((_down(values), _down(places)), shape=shape))


@contextmanager
def stand_in_for_cupy():
    """Put the stand-in where ``import cupy`` finds it; its sparse module has matrices only, as older CuPy's."""
    library = _Library("cupy", np)
    windows = _lifted(np.lib.stride_tricks.sliding_window_view)
    library.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(sliding_window_view=windows))
    library.random = types.SimpleNamespace(default_rng=_random)
    library.asarray = lambda a, dtype=None: (
        a if isinstance(a, ndarray) and dtype is None else _up(np.asarray(_host(a), dtype))
    )
    sparse = types.ModuleType("cupyx.scipy.sparse")
    sparse.csr_matrix = _csr_matrix
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


def _host(value):
    return value._host if isinstance(value, ndarray) else value
