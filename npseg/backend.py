"""Which array library computes.

An operation follows the array that it is given: ``array_module(x)`` is NumPy for a NumPy array and CuPy for a
CuPy array, found from the array's type, so that CuPy is never imported unless it already is. Where there is
no array yet (fresh weights, a batch just read from disk) the switch decides: ``use("numpy" | "cupy")``, or else
the environment variable ``NPSEG_BACKEND``. This file is the only one that knows both names.

Nothing moves between the host and a device by itself: arrays of two libraries in one call are refused, and
:func:`to_numpy` is the one way back.

How many threads share the work on the host is asked and said here too; see :mod:`npseg.cores`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import cache, wraps
from time import perf_counter
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import numpy as np

from npseg.cores import cores, thread_count, threads

__all__ = [
    "array_module",
    "cores",
    "current",
    "device",
    "fused",
    "generator",
    "one_library",
    "sparse_matrix",
    "thread_count",
    "threads",
    "timed",
    "to_numpy",
    "use",
]

#: An array of the library in use: ``numpy.ndarray`` or ``cupy.ndarray``.
Array: TypeAlias = Any

_Result = TypeVar("_Result")

#: The environment variable that chooses the library, unless :class:`use` does.
VARIABLE = "NPSEG_BACKEND"

#: The libraries, and where the sparse matrices of each are. Of CuPy's, only ``@`` and ``.T`` are asked for.
_SPARSE = {"numpy": ("scipy.sparse", "csr_array"), "cupy": ("cupyx.scipy.sparse", "csr_matrix")}

#: Where the libraries' random bits come from: on a device from a counter. A generator is made for each step, and CuPy's
#: own default would first find, by skipping ahead, the state of each of thousands of threads.
_BITS = {"numpy": "PCG64", "cupy": "Philox4x3210"}

_INSTALL = (
    "pip install 'npseg[gpu]' brings CuPy for CUDA 12 (cupy-cuda12x), pip install 'npseg[gpu13]' that for CUDA 13 "
    "(cupy-cuda13x)"
)

_chosen: ModuleType | None = None


def array_module(*arrays: Array) -> ModuleType:
    """Return the array library that the arrays belong to: ``numpy`` or ``cupy``.

    Parameters
    ----------
    *arrays : array
        The operands of one operation; ``None`` among them is passed over.

    Returns
    -------
    module
        The library of them all.

    Raises
    ------
    TypeError
        If they belong to different libraries; data moves only where the caller says so.

    Examples
    --------
    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    libraries = {_library(a) for a in arrays if a is not None}
    if len(libraries) > 1:
        raise TypeError(
            f"the arrays belong to different libraries ({', '.join(sorted(libraries))}); move them to one, "
            "with npseg.backend.to_numpy(x) or cupy.asarray(x)"
        )
    return sys.modules.get("cupy", np) if libraries == {"cupy"} else np


def one_library(op: str, **arrays: Array | None) -> ModuleType:
    """Return the library of all arrays of a call, as :func:`array_module` does, or say which of them is where.

    Parameters
    ----------
    op : str
        The operation's name, for the message.
    **arrays : array or None
        The arrays under the names that the user knows them by; None is passed over.

    Returns
    -------
    module
        The library of them all.

    Raises
    ------
    TypeError
        Naming each array, its library, and the call that moves it.

    Examples
    --------
    >>> one_library("conv_forward", x=np.zeros(3), b=None).__name__
    'numpy'
    """
    given = {name: a for name, a in arrays.items() if a is not None}
    libraries = {name: _library(a) for name, a in given.items()}
    if set(libraries.values()) == {"numpy", "cupy"}:
        where = ", ".join(f"{name} is a {library} array" for name, library in libraries.items())
        moved = {library: name for name, library in reversed(libraries.items())}
        raise TypeError(
            f"{op}: {where}; data moves only where you say so: cupy.asarray({moved['numpy']}), or "
            f"npseg.backend.to_numpy({moved['cupy']})"
        )
    return array_module(*given.values())


def sparse_matrix(xp: ModuleType) -> Any:
    """Return the class of an array library's sparse matrices in CSR form: ``scipy.sparse.csr_array`` for NumPy.

    Examples
    --------
    >>> sparse_matrix(np).__name__
    'csr_array'
    """
    if getattr(xp, "__name__", None) not in _SPARSE:
        raise TypeError(f"sparse_matrix: xp={xp!r}; an array library is needed: numpy or cupy")
    module, name = _SPARSE[xp.__name__]
    return getattr(importlib.import_module(module), name)


class use:
    """Choose the library in which new arrays are made.

    As a plain call it stays chosen; as a context manager it is undone at the end of the block. Unless it is
    called, the environment variable ``NPSEG_BACKEND`` chooses, or else it is NumPy.

    Parameters
    ----------
    name : {"numpy", "cupy"}
        The library.

    Raises
    ------
    ValueError
        If the name is another, or the library is not installed, or finds no device that it can use. Nothing
        has changed then.

    Examples
    --------
    >>> with use("numpy"):
    ...     current().__name__
    'numpy'
    """

    def __init__(self, name: str) -> None:
        global _chosen
        self._before, _chosen = _chosen, _load(name)

    def __enter__(self) -> use:
        return self

    def __exit__(self, *exception: object) -> None:
        global _chosen
        _chosen = self._before


def current() -> ModuleType:
    """Return the library in which new arrays are made.

    Raises
    ------
    ValueError
        If it is chosen by ``NPSEG_BACKEND``, and :class:`use` refuses that.

    Examples
    --------
    >>> with use("numpy"):
    ...     current().__name__
    'numpy'
    """
    global _chosen
    if _chosen is None:
        name = os.environ.get(VARIABLE) or "numpy"
        try:
            _chosen = _load(name)
        except ValueError as error:
            raise ValueError(f"{VARIABLE}={name}: {error}") from None
    return _chosen


def to_numpy(x: Array) -> np.ndarray:
    """Copy an array to the host, if it is not there already: the one way back.

    Raises
    ------
    TypeError
        If it is no array.

    Examples
    --------
    >>> to_numpy(np.ones(2))
    array([1., 1.])
    """
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    if _library(x) != "cupy":
        raise TypeError(f"to_numpy: x is a {type(x).__name__}; an array is needed, of NumPy or CuPy")
    return np.asarray(x.get())


def generator(
    seed: int | list[int] | np.random.Generator | None = None, *, library: ModuleType | None = None
) -> Any:
    """Return a random ``Generator``.

    Parameters
    ----------
    seed : int, list of int or numpy.random.Generator, optional
        The same seed gives the same numbers, other ones in each library; ``None`` draws one from the system. A
        Generator of NumPy's is taken as it is, or the one of another library is seeded with a number that it draws.
    library : module, optional
        The library in whose arrays it draws: ``array_module(x)`` of those that they are to meet; the one in use
        unless given.

    Raises
    ------
    ValueError, TypeError
        If the seed is none, or the library.

    Examples
    --------
    >>> int(generator(0).integers(10)) == int(generator(0).integers(10))
    True
    """
    library = current() if library is None else library
    if getattr(library, "__name__", None) not in _BITS:
        raise TypeError(f"generator: library={library!r}; an array library is needed: numpy or cupy")
    if isinstance(seed, np.random.Generator):
        if library is np:
            return seed
        seed = int(seed.integers(2**32))
    try:
        return library.random.Generator(getattr(library.random, _BITS[library.__name__])(seed))
    except (TypeError, ValueError) as error:
        raise type(error)(f"generator: seed={seed!r}; a whole number from 0 on is needed ({error})") from None


def timed(run: Callable[[], _Result]) -> tuple[_Result, float]:
    """Run something, and return what it returns and the seconds that it took.

    On a device it is the device that is timed, between two events: when a call comes back, its kernels have been
    asked for, and not yet run.

    Examples
    --------
    >>> timed(lambda: 2 + 2)[0]
    4
    """
    if not callable(run):
        raise TypeError(f"timed: run={run!r}; a function without arguments is needed")
    library = current()
    if library is np:
        began = perf_counter()
        return run(), perf_counter() - began
    start, end = library.cuda.Event(), library.cuda.Event()
    start.record()
    result = run()
    end.record()
    end.synchronize()
    return result, library.cuda.get_elapsed_time(start, end) / 1000


def fused(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Let a device compute a function in one pass over its arrays: a decorator.

    A device has its price for each call, and each operation on a large array takes as long as the array takes to
    come from memory and go back. CuPy writes one kernel for all of the function; on the host it runs as it stands.

    Parameters
    ----------
    function : callable
        Of arrays, the first of them first, and numbers. It does arithmetic, element by element, and may change the
        arrays in place.

    Returns
    -------
    callable
        The same, for the arrays of either library.

    Examples
    --------
    >>> @fused
    ... def descend(p, v, lr):
    ...     p -= lr * v
    >>> w = np.ones(2)
    >>> descend(w, np.array([1.0, 2.0]), 0.25)
    >>> w
    array([0.75, 0.5 ])
    """
    if not callable(function):
        raise TypeError(f"fused: function={function!r}; a function of arrays and numbers is needed")

    @wraps(function)
    def run(*operands: Any) -> _Result:
        xp = array_module(operands[0])
        result: _Result = (function if xp is np else _in_one_pass(function, xp))(*operands)
        return result

    return run


def device() -> str | None:
    """Return the name of the device that the library in use computes on; None on the host.

    Examples
    --------
    >>> with use("numpy"):
    ...     device()
    """
    library = current()
    if library is np:
        return None
    name: bytes = library.cuda.runtime.getDeviceProperties(library.cuda.runtime.getDevice())["name"]
    return name.decode()


@cache
def _in_one_pass(function: Callable[..., Any], library: ModuleType) -> Any:
    """Return CuPy's kernel for a function: compiled when it is first called with arrays of some dtypes."""
    return library.fuse(function)


def _library(array: Array) -> str:
    """Return the name of the library that an array's type comes from."""
    return type(array).__module__.partition(".")[0]


def _load(name: str) -> ModuleType:
    """Import an array library, and see to it that it can compute."""
    if not isinstance(name, str) or name not in _SPARSE:
        raise ValueError(f"backend {name!r}: choose one of {', '.join(map(repr, _SPARSE))}")
    try:
        library = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"backend {name!r} is not installed ({error}); {_INSTALL}") from None
    except Exception as error:  # a library of CUDA's that is missing or of another version: of many kinds
        raise ValueError(f"backend {name!r} cannot be loaded ({_reason(error)}); {_INSTALL}") from None
    if library is not np:
        _try_out(library)
    return library


@cache
def _try_out(library: ModuleType) -> None:
    """Multiply two small matrices on the device: CuPy can be imported without one, and with the wrong CUDA."""
    try:
        if not library.cuda.runtime.getDeviceCount():
            raise RuntimeError("there is none")
        one = library.ones((1, 1), np.float32)
        to_numpy(one @ one + one)
    except Exception as error:  # of the driver, of the compiler, of cuBLAS
        version = getattr(library, "__version__", "")
        raise ValueError(
            f"backend 'cupy': CuPy {version} has no device that it can use ({_reason(error)}); it needs a GPU of "
            f"NVIDIA's, its driver, and the wheel for a CUDA that the driver knows: {_INSTALL}"
        ) from None


def _reason(error: BaseException) -> str:
    """Return what an error says, the one that caused it if there is one, in a line."""
    lines = [line.strip(" =") for line in str(error.__cause__ or error).splitlines()]
    return next(filter(None, lines), type(error).__name__)
