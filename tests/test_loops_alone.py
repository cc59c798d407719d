"""Who imports whom: the witness nobody, everything else downwards only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import npseg

PACKAGE = Path(npseg.__file__).parent

#: From the ground up. A file may import what stands on a lower storey, and its own folder.
STOREYS = (
    ("backend", "cores", "files"),
    ("memory", "workers"),
    ("chunks",),
    ("geometry",),
    ("room",),
    ("arguments", "archives"),
    ("kinds",),
    ("windows", "pretrained"),
    ("methods",),
    ("ops",),
    ("layers",),
    ("planes",),
    ("tiles", "networks"),
    ("predict", "data", "check", "draw"),
    ("aggregate", "training", "superpixels"),
    ("bench", "commands", "explain", "summary"),
    ("demo", "compare"),
    ("cli", "__main__"),
)
LEVEL = {name: level for level, storey in enumerate(STOREYS) for name in storey}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path):
    """Return what a file imports of the package, as dotted names below it; wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            here = ("npseg", *path.relative_to(PACKAGE).parts[:-1])
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("npseg.") for name in names if name.partition(".")[0] == "npseg"}


def test_the_loops_import_nothing_of_the_package():
    assert imported(PACKAGE / "methods" / "loops.py") == set()


def test_the_reader_of_imports_can_tell():
    assert imported(PACKAGE / "methods" / "matrix.py") >= {"backend.Array", "geometry.Window"}
    assert "methods.loops" in imported(PACKAGE / "methods" / "choose.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards_only(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert own in LEVEL, f"{own} has no storey; say in STOREYS on which it stands"
    upwards = [
        name
        for name in imported(path)
        if (top := name.partition(".")[0]) in LEVEL and top != own and LEVEL[top] > LEVEL[own]
    ]
    assert upwards == []


def test_training_never_imports_the_drawings():
    files = [path for path in MODULES if path.relative_to(PACKAGE).parts[0].startswith("training")]
    assert files
    assert [p.name for p in files if any(n.partition(".")[0] == "draw" for n in imported(p))] == []


def test_pooling_and_unpooling_do_not_call_each_other():
    assert not any(name.startswith("ops.unpool") for name in imported(PACKAGE / "ops" / "pool.py"))
    assert not any(name.startswith("ops.pool") for name in imported(PACKAGE / "ops" / "unpool.py"))


def in_a_fresh_python(code, cwd=None):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    return done.stdout.split()


@pytest.mark.parametrize("module", ["npseg", "npseg.cli"])
def test_checks_and_drawings_are_loaded_only_when_asked_for(module):
    loaded = in_a_fresh_python(f"import sys, {module}; print(*sys.modules)")
    assert module in loaded
    for name in ("matplotlib", "npseg.check", "npseg.draw", "PIL", "cupy", "torch"):
        assert name not in loaded


def test_a_folder_of_its_name_does_not_hide_it(tmp_path):
    (tmp_path / "npseg").mkdir()  # as a clone of the repository lies in the folder where somebody works
    found = in_a_fresh_python("import npseg; print(npseg.__file__)", tmp_path)
    assert found == str(PACKAGE / "__init__.py").split()


def test_what_is_asked_for_is_loaded_and_what_is_not_there_is_named():
    assert in_a_fresh_python("import npseg; print(npseg.check.__name__)") == ["npseg.check"]
    with pytest.raises(AttributeError, match="module 'npseg' has no attribute 'autograd'"):
        npseg.autograd  # noqa: B018


def test_all_that_is_offered_is_there():
    assert sorted(npseg.__all__) == npseg.__all__
    assert all(hasattr(npseg, name) for name in npseg.__all__)
