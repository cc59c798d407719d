"""Every name that npseg asks an array library for is one that CuPy has: read out of the source, held against a list."""

import ast
import importlib
from pathlib import Path

import cupy_names
import numpy as np
import pytest

import npseg

FILES = sorted(Path(npseg.__file__).parent.rglob("*.py"))

#: What returns an array library.
LIBRARIES = {"array_module", "one_library", "current"}


def returns_a_library(node):
    """Say whether an expression is a call of ``array_module(x)`` or its like, under whatever prefix, or else one."""
    if isinstance(node, ast.BoolOp):
        return any(map(returns_a_library, node.values))
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LIBRARIES


def aliases(tree):
    """Return the names that array libraries have in a file: ``xp`` wherever, and what they are assigned to."""
    found = {"xp"}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and "ModuleType" in ast.unparse(node.annotation or ast.Name("")):
            found.add(node.arg)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts))
                found |= {ast.unparse(t) for t, value in pairs if returns_a_library(value)}
    return found


def asked_for(source):
    """Return what a file asks array libraries for, as ``random.default_rng``: the longest chains of names."""
    tree = ast.parse(source)
    names = aliases(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set()
    for node in ast.walk(tree):
        chain = []
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if returns_a_library(node) or (isinstance(node, ast.Name) and node.id in names):
            found.add(".".join(chain))
    return {name for name in found if not name.startswith("__")}


def lacking(names, listed):
    """Return the names that are neither in the list nor a method of a function that is."""

    def there(name):
        function, _, method = name.rpartition(".")
        return f"cupy.{name}" in listed or (f"cupy.{function}" in listed and f"cupy.ufunc.{method}" in listed)

    return {name for name in names if not there(name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FILES[0].parent)))
def test_cupy_has_every_name(path):
    assert lacking(asked_for(path.read_text(encoding="utf-8")), cupy_names.listed()) == set()


def test_all_that_is_asked_for_is_found():
    names = set().union(*(asked_for(path.read_text(encoding="utf-8")) for path in FILES))
    assert names >= {
        "add.at",
        "asarray",
        "cuda.runtime.getDeviceCount",
        "lib.stride_tricks.as_strided",
        "matmul",
        "random.Generator",
        "take_along_axis",
    }


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("xp.nditer(x)", {"nditer"}),
        ("def f(x, xp):\n    return xp.linalg.multi_dot(x)", {"linalg.multi_dot"}),
        ("lib = array_module(x)\nlib.nditer(x)", {"nditer"}),
        ("a, lib = 1, backend.array_module(x)\nlib.nditer(x)", {"nditer"}),
        ("(library or backend.current()).random.Philox(3)", {"random.Philox"}),
        ("def f(library: ModuleType | None):\n    return library.nditer", {"nditer"}),
        ("xp.add.nothing(x)", {"add.nothing"}),
        ("np.nditer(x); x.nditer; xp.add.at(x); xp.zeros(3).nothing", set()),
    ],
)
def test_the_reader_of_names_can_tell(source, names):
    assert lacking(asked_for(source), cupy_names.listed()) == names


def test_the_list_is_that_of_the_cupy_that_is_installed():
    cupy = pytest.importorskip("cupy", exc_type=ImportError)
    there, listed = cupy_names.of_cupy(), cupy_names.listed()
    if cupy.__version__ == cupy_names.version():
        assert there == listed
    asked = set().union(*(asked_for(path.read_text(encoding="utf-8")) for path in FILES))
    assert lacking(asked, there) == set()


def test_the_bit_generators_asked_for_are_there():
    assert f"cupy.random.{npseg.backend._BITS['cupy']}" in cupy_names.listed()
    assert type(npseg.backend.generator(0).bit_generator) is type(np.random.default_rng(0).bit_generator)


def test_the_sparse_matrices_asked_for_are_there():
    module, name = npseg.backend._SPARSE["cupy"]
    assert f"{module}.{name}" in cupy_names.listed()
    scipy, array = npseg.backend._SPARSE["numpy"]
    assert hasattr(importlib.import_module(scipy), array)
