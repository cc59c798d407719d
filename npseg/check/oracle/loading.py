"""Functions out of files: ``my_module.py:my_conv``, or ``package.module:function``."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import json
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any


def load(target: str) -> Any:
    """Return the function that a target names, or of "forward,backward" both as a pair.

    Raises
    ------
    ValueError
        If there is no such file or function.
    """
    source, _, names = target.rpartition(":")
    if not source or not names:
        raise ValueError(
            f"{target!r} names no function; write my_module.py:my_conv, or package.module:function"
        )
    module = load_module(source)
    missing = [name for name in names.split(",") if not hasattr(module, name)]
    if missing:
        raise ValueError(_lacks(source, missing[0], module))
    functions = tuple(getattr(module, name) for name in names.split(","))
    return functions if len(functions) > 1 else functions[0]


def _lacks(source: str, name: str, module: ModuleType) -> str:
    """Say that a file has no such function, and which it has."""
    values = vars(module).items()
    own = [n for n, v in values if callable(v) and getattr(v, "__module__", "") == module.__name__]
    return f"{source} has no {name}; it has {', '.join(own) or 'no functions'}"


def load_module(source: str) -> ModuleType:
    """Import a file by its path, or a module by its name; a file may import its neighbours."""
    if not source.endswith(".py"):
        try:
            return importlib.import_module(source)
        except ImportError as error:
            raise ValueError(f"{source} cannot be imported ({error}); a file ends in .py") from None
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {error}") from None
    return module


def graded(exercises: Path, submission: ModuleType) -> dict[str, Any]:
    """Run a teacher's file of exercises, with a student's functions in place of those that it leaves to be written.

    These are the functions whose last line is ``...``; all else, such as what the answers are held against, is the
    teacher's, whatever the submission has under that name.

    Returns
    -------
    dict
        What the file hands to :func:`npseg.check.grade`, which prints it.
    """
    tree = ast.parse(exercises.read_text(encoding="utf-8"))
    blank = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_blank(node)]
    tree.body = [node for node in tree.body if not _is_blank(node)]
    has = [name for name in blank if hasattr(submission, name)]
    names = {name: getattr(submission, name, _missing(name)) for name in blank}
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):  # as graded files end
        around = {"__name__": "__main__", "__file__": str(exercises)}
        exec(compile(tree, str(exercises), "exec"), names | around)
    try:
        found: dict[str, Any] = json.loads(printed.getvalue())
    except ValueError:
        raise ValueError(
            f"{exercises} does not end with npseg.check.grade, which prints the verdicts"
        ) from None
    source = Path(str(submission.__file__)).name
    lacking = {name: _lacks(source, name, submission) for name in found if name in blank and name not in has}
    return found | {name: {"passed": False, "message": f"{name}: {why}"} for name, why in lacking.items()}


def _is_blank(node: ast.stmt) -> bool:
    last = node.body[-1] if isinstance(node, ast.FunctionDef) else None
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and last.value.value is ...


def _missing(name: str) -> Any:
    def missing(*arguments: Any, **options: Any) -> None:
        raise NameError(f"{name} is not there")

    missing.__name__ = name
    return missing
