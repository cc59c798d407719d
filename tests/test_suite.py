"""The suite itself: every test is collected, and every test can fail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.glob("*.py"))


def functions(path):
    """Yield each function of a file that stands in no other, as pytest names it: with its class, if any."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in module.body:
        scope = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for item in scope:
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + item.name, item


def named_as_tests(path):
    return {name: node for name, node in functions(path) if name.split("::")[-1].startswith("test")}


def asserts(node):
    """Say whether a function can fail: it asserts, calls a helper named so, or a process that must succeed."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call):
            called = ast.unparse(part.func)
            if called == "subprocess.run" and "check=True" in map(ast.unparse, part.keywords):
                return True
            name = called.split(".")[-1].lstrip("_")
            if called in ("pytest.raises", "refused", "pytest.warns") or name.startswith(
                ("assert_", "check_")
            ):
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_test_contains_an_assertion(path):
    assert [name for name, node in named_as_tests(path).items() if not asserts(node)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_misspelled_so_that_pytest_passes_it_over(path):
    """Neither a function nor a class nor a file; and no name twice, where the second hides the first."""
    names = [name.split("::")[-1] for name, _ in functions(path)]
    near = ("text_", "tset_", "tes_", "tests_", "tets_", "etst_", "test-", "Test", "_test")
    assert [name for name in names if name.startswith(near) or name.endswith("_test")] == []
    assert [name for name in names if name.startswith("test") and not name.startswith("test_")] == []
    every = [name for name, _ in functions(path)]
    assert len(every) == len(set(every))
    if named_as_tests(path):
        assert path.name.startswith("test_")


def test_every_test_is_collected():
    """What the syntax tree names, ``pytest --collect-only`` lists, apart from files whose module is not installed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    listed = [line for line in done.stdout.splitlines() if "::" in line and not line.startswith("SKIPPED")]
    collected = {line.partition("[")[0].split("/")[-1].strip() for line in listed}
    skipped = {path.name for path in FILES if f"/{path.name}:" in done.stdout.partition("SKIPPED")[2]}
    written = {
        f"{path.name}::{name}" for path in FILES if path.name not in skipped for name in named_as_tests(path)
    }
    assert written
    assert written - collected == set()


@pytest.mark.parametrize(
    ("source", "can_fail"),
    [
        ("def test_a():\n    compute()", False),
        ("def test_a():\n    x = 'assert this'", False),
        ("def test_a():\n    assert x", True),
        ("def test_a():\n    with pytest.raises(ValueError):\n        compute()", True),
        ("def test_a():\n    np.testing.assert_allclose(x, y)", True),
        ("def test_a():\n    check_gradients(f, x)", True),
        ("def test_a():\n    subprocess.run(command)", False),
        ("def test_a():\n    subprocess.run(command, check=True)", True),
    ],
)
def test_the_reader_of_assertions_can_tell(source, can_fail):
    assert asserts(ast.parse(source).body[0]) is can_fail
