"""Which array library computes.

An operation follows the array that it is given: ``array_module(x)`` is NumPy for a NumPy array and CuPy for a
CuPy array, found from the array's type, so that CuPy is never imported unless it already is. Where there is
no array yet (fresh weights, a batch just read from disk) the switch decides: ``use("numpy" | "cupy")``.
This file is the only one that knows both names.

On the host the work is shared out among threads, as many as there are cores, or as ``threads(n)`` says.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

#: An array of the library in use: ``numpy.ndarray`` or ``cupy.ndarray``.
Array: TypeAlias = Any

_LIBRARIES = {"numpy": "scipy.sparse", "cupy": "cupyx.scipy.sparse"}
_chosen = "numpy"
_threads: int | None = None


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
    libraries = {type(a).__module__.partition(".")[0] for a in arrays if a is not None}
    if len(libraries) > 1:
        raise TypeError(
            f"the arrays belong to different libraries ({', '.join(sorted(libraries))}); move them to one, "
            "with npseg.backend.to_numpy(x) or cupy.asarray(x)"
        )
    return sys.modules.get("cupy", np) if libraries == {"cupy"} else np


def sparse_module(xp: ModuleType) -> ModuleType:
    """Return the sparse companion of an array library: ``scipy.sparse`` for NumPy.

    Examples
    --------
    >>> sparse_module(np).__name__
    'scipy.sparse'
    """
    return importlib.import_module(_LIBRARIES[xp.__name__])


class use:
    """Choose the library in which new arrays are made.

    As a plain call it stays chosen; as a context manager it is undone at the end of the block.

    Parameters
    ----------
    name : {"numpy", "cupy"}
        The library.

    Raises
    ------
    ValueError
        If the name is another, or the library is not installed.

    Examples
    --------
    >>> with use("numpy"):
    ...     current().__name__
    'numpy'
    """

    def __init__(self, name: str) -> None:
        global _chosen
        if name not in _LIBRARIES:
            raise ValueError(f"backend {name!r}: choose one of {', '.join(map(repr, _LIBRARIES))}")
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ValueError(f"backend {name!r} is not installed ({error})") from error
        self._before, _chosen = _chosen, name

    def __enter__(self) -> use:
        return self

    def __exit__(self, *exception: object) -> None:
        global _chosen
        _chosen = self._before


def current() -> ModuleType:
    """Return the library in which new arrays are made.

    Examples
    --------
    >>> current().__name__
    'numpy'
    """
    return importlib.import_module(_chosen)


class threads:
    """Choose how many threads share the work on the host; the results do not depend on it, to the last bit.

    As a plain call it stays chosen; as a context manager it is undone at the end of the block. While they work,
    BLAS is held to one thread in each of them, in the whole process, and then left as it was found.

    Parameters
    ----------
    n : int or None
        How many; None for as many as the process may use cores.

    Raises
    ------
    ValueError, TypeError
        If it is not a whole number of at least 1.

    Examples
    --------
    >>> with threads(1):
    ...     thread_count()
    1
    """

    def __init__(self, n: int | None) -> None:
        global _threads
        if n is not None and (isinstance(n, bool) or not hasattr(n, "__index__")):
            raise TypeError(f"threads: {n!r} is not a whole number")
        if n is not None and n < 1:
            raise ValueError(f"threads: {n} must be at least 1")
        self._before, _threads = _threads, n

    def __enter__(self) -> threads:
        return self

    def __exit__(self, *exception: object) -> None:
        global _threads
        _threads = self._before


def thread_count() -> int:
    """Return how many threads share the work on the host.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    return _threads or cores()


def cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def to_numpy(x: Array) -> np.ndarray:
    """Copy an array to the host, if it is not there already: the one way back.

    Examples
    --------
    >>> to_numpy(np.ones(2))
    array([1., 1.])
    """
    return x if isinstance(x, np.ndarray) else np.asarray(x.get())


def generator(seed: int | list[int] | None = None) -> Any:
    """Return a random ``Generator`` of the library in use.

    Parameters
    ----------
    seed : int or list of int, optional
        The same seed gives the same numbers; ``None`` draws one from the system.

    Examples
    --------
    >>> int(generator(0).integers(10)) == int(generator(0).integers(10))
    True
    """
    return current().random.default_rng(seed)
