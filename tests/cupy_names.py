"""CuPy's names, as a list that is kept here: so that a name it does not have is found where it is not installed.

Where it is, which takes no GPU, the list is made anew by ``python tests/cupy_names.py > tests/cupy_names.txt``.
"""

import importlib
import inspect
from pathlib import Path

LIST = Path(__file__).with_suffix(".txt")

#: The modules and classes whose names are listed.
PLACES = (
    "cupy",
    "cupy.linalg",
    "cupy.cuda",
    "cupy.cuda.runtime",
    "cupy.random",
    "cupy.random.Generator",
    "cupy.lib.stride_tricks",
    "cupy.ndarray",
    "cupy.ufunc",
    "cupyx.scipy.sparse",
)


def of_cupy():
    """Return the names of the CuPy that is installed."""
    names = set(PLACES)  # CuPy hands some of them out without listing them
    for place in PLACES:
        owner = _find(place)
        public = (name for name in dir(owner) if not name.startswith("_"))
        names |= {f"{place}.{name}" for name in public if not inspect.ismodule(getattr(owner, name))}
    own = set(dir(_find("cupy.ndarray"))) - set(dir(object))
    return names | {f"cupy.ndarray.{name}" for name in own if name.startswith("__")}


def listed():
    """Return the names in the list."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def version():
    """Return the version of CuPy that the list is of."""
    return LIST.read_text(encoding="utf-8").split()[2].rstrip(":")


def _find(place):
    module, _, name = place.rpartition(".")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    print(f"# CuPy {importlib.import_module('cupy').__version__}: what its modules, arrays and ufuncs offer")
    print(*sorted(of_cupy()), sep="\n")
