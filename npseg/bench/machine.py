"""The machine on which is measured: what it is, what its matrix product makes, and equal threads for everybody."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from operator import setitem
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from npseg import __version__, backend
from npseg.bench.contenders import pytorch
from npseg.workers import parts, share_out

#: What tells glibc's allocator to keep memory instead of giving it back to the system after each call.
ALLOCATOR = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


@contextmanager
def equal_threads(n: int) -> Iterator[None]:
    """Give everybody the same number of threads: npseg's workers, BLAS and PyTorch.

    Parameters
    ----------
    n : int
        How many.
    """
    torch = pytorch()
    with ExitStack() as stack:
        stack.enter_context(backend.threads(n))
        if torch is not None:
            stack.enter_context(torch.threads(n))
        stack.enter_context(threadpool_limits(limits=n, user_api="blas"))
        yield


class Product(NamedTuple):
    """What the product of two matrices makes of this machine.

    Attributes
    ----------
    gflops : float
        The most that was reached, in GFLOP/s.
    cores : float
        How many cores it had, of those that it has threads for: fewer where something else is running.
    """

    gflops: float
    cores: float


def sgemm(size: int, seconds: float) -> Product:
    """Multiply two square matrices in float32, again and again.

    Examples
    --------
    >>> sgemm(64, seconds=0.001).gflops > 0
    True
    """
    xp = backend.current()
    a, b = xp.asarray(np.random.default_rng(0).standard_normal((2, size, size), np.float32))
    out = xp.empty_like(a)
    times: list[float] = []
    worked = process_time()
    while len(times) < 5 or sum(times) < seconds:
        times.append(backend.timed(lambda: xp.matmul(a, b, out=out))[1])
    return Product(2e-9 * size**3 / min(times), (process_time() - worked) / sum(times))


def copy(size: int, seconds: float) -> float:
    """Copy an array again and again, and return the most gigabytes a second that were read and written.

    Examples
    --------
    >>> copy(2**16, seconds=0.001) > 0
    True
    """
    xp = backend.current()
    a, out = xp.ones(size // 4, np.float32), xp.empty(size // 4, np.float32)
    pieces = parts(len(a), like=a)
    times: list[float] = []
    while len(times) < 5 or sum(times) < seconds:
        times.append(backend.timed(lambda: share_out(lambda part: setitem(out, part, a[part]), pieces, a))[1])
    return float(2e-9 * a.nbytes / min(times))


def describe() -> dict[str, Any]:
    """Return what the times depend on: the machine, the versions, and the allocator's settings.

    Examples
    --------
    >>> sorted(describe())[:6]
    ['allocator', 'blas', 'cores', 'cupy', 'device', 'npseg']
    """
    torch = pytorch()
    return {
        "processor": _processor(),
        "cores": backend.cores(),
        "device": backend.device(),
        "cupy": _cupy(),
        "simd": _simd(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "npseg": __version__,
        "numpy": np.__version__,
        "blas": _blas(),
        "pytorch": str(torch.torch.__version__) if torch else None,
        "allocator": {name: os.environ.get(name) for name in ALLOCATOR},
    }


def _cupy() -> str | None:
    """Return the versions of CuPy and of CUDA's runtime that it has; None on the host."""
    xp: Any = backend.current()
    if xp is np:
        return None
    major, rest = divmod(xp.cuda.runtime.runtimeGetVersion(), 1000)
    return f"{xp.__version__}, CUDA {major}.{rest // 10}"


def _processor() -> str:
    """Return the processor's name, from where Linux tells it or else as far as Python knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _simd() -> str | None:
    """Return the widest vector instructions that NumPy has found."""
    config: Any = np.show_config(mode="dicts")
    extensions = config["SIMD Extensions"]
    found = [*extensions.get("baseline", []), *extensions.get("found", [])]
    return found[-1] if found else None


def _blas() -> str | None:
    """Return NumPy's BLAS, as it is limited now."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    own = [library for library in loaded if "numpy" in library["filepath"]] or loaded
    if not own:
        return None
    blas = own[0]
    return f"{blas['internal_api']} {blas['version']} ({blas.get('architecture')}), {blas['num_threads']} threads"
