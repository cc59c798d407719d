"""CuPy's names, as a list that is kept here: so that a name it does not have is found where it is not installed.

With each function stand the arguments that it takes by name, as far as CuPy says: ``x.max(initial=0)`` is NumPy's
alone. Where CuPy is installed, which takes no GPU, the list is made anew by
``python tests/cupy_names.py > tests/cupy_names.txt``.
"""

import importlib
import inspect
import re
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
    """Return the names of the CuPy that is installed, with the arguments of what says which it takes, or else None."""
    names = dict.fromkeys(PLACES)  # CuPy hands some of them out without listing them
    for place in PLACES:
        owner = _find(place)
        found = {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
        names |= {f"{place}.{name}": _by_name(f) for name, f in found.items() if not inspect.ismodule(f)}
    own = set(dir(_find("cupy.ndarray"))) - set(dir(object))
    return names | {f"cupy.ndarray.{name}": None for name in own if name.startswith("__")}


def listed():
    """Return the names in the list, with their arguments or None."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    entries = (line.rstrip(")").partition("(") for line in lines if line and not line.startswith("#"))
    return {name: tuple(re.findall(r"\w+", inside)) if bracket else None for name, bracket, inside in entries}


def version():
    """Return the version of CuPy that the list is of."""
    return LIST.read_text(encoding="utf-8").split()[2].rstrip(":")


def _by_name(function):
    """Return the arguments that a function takes by name; None if it does not say, or takes any."""
    if not callable(function) or inspect.isclass(function):
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of a compiled one the first line of its description is the signature
        head = re.match(r"[\w.]+\((.*)\)( -> .*)?$", (inspect.getdoc(function) or "").partition("\n")[0])
        if not head:
            return None
        names = re.findall(r"(\w+)(?:=[^,]*)?(?:, |$)", head[1])
        return tuple(name for name in names if name != "self")
    kinds = {p.kind for p in parameters}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.kind in named and p.name != "self")


def _written(name, arguments):
    return name if arguments is None else f"{name}({', '.join(arguments)})"


def _find(place):
    module, _, name = place.rpartition(".")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    print(f"# CuPy {importlib.import_module('cupy').__version__}: what its modules, arrays and ufuncs offer")
    print(*(_written(*entry) for entry in sorted(of_cupy().items())), sep="\n")
