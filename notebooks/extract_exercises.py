"""Write the notebooks' exercises as plain Python files, for whoever grades them by machine.

``python notebooks/extract_exercises.py`` reads the cells tagged "exercise" of each notebook and writes
``notebooks/exercises/NN_name.py``. The notebooks are the source; a test holds the files against them.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

HERE = Path(__file__).parent

HEAD = '''"""Exercises of the notebook {notebook}: fill the functions in.

``python {name}`` prints a verdict on each as JSON; what the functions print goes to standard error.
The exit status is 0 if all pass, and 1 otherwise.
"""

'''

IMPORTS = ("import sys", "from contextlib import redirect_stdout", "import numpy as np", "import npseg")


def exercises(notebook: Path) -> Iterator[str]:
    """Yield the source of each exercise of a notebook."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "exercise" in cell["metadata"].get("tags", ()):
            yield "".join(cell["source"])


def skeleton(notebook: Path) -> str:
    """Return the exercises of a notebook as a file: imports, functions, and at the end their verdicts."""
    imports, parts, verdicts = set(IMPORTS), [], []
    for source in exercises(notebook):
        *statements, last = ast.parse(source).body
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imports.add(ast.unparse(statement))
            else:
                parts.append(text_of(statement, source))
        verdicts.append(text_of(last, source))
    head = HEAD.format(notebook=notebook.name, name=notebook.with_suffix(".py").name)
    return head + in_order(imports) + "\n\n\n" + spaced(parts) + graded(verdicts)


def text_of(statement: ast.stmt, source: str) -> str:
    """Return a statement as it is written, its decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(d.lineno for d in decorators)])
    return "\n".join(source.splitlines()[first - 1 : statement.end_lineno])


def in_order(imports: set[str]) -> str:
    """Sort imports: Python's own, other packages, npseg, with a line between."""
    blocks: dict[int, list[str]] = {}
    for line in sorted(imports, key=lambda line: (line.startswith("from"), line.lower())):
        package = line.split()[1].partition(".")[0]
        rank = 0 if package in sys.stdlib_module_names else 2 if package == "npseg" else 1
        blocks.setdefault(rank, []).append(line)
    return "\n\n".join("\n".join(blocks[rank]) for rank in sorted(blocks))


def spaced(parts: list[str]) -> str:
    """Join statements, two lines apart where a definition begins or ends."""
    text = ""
    for before, part in zip(["", *parts], parts):
        defines = part.startswith(("def", "class", "@")) or before.startswith(("def", "class", "@"))
        text += ("\n\n\n" if defines else "\n") * bool(before) + part
    return text + "\n\n\n"


def graded(verdicts: list[str]) -> str:
    """Return the end of a file, which asks for each verdict and hands all to the grader."""
    lines = ['if __name__ == "__main__":', "    verdicts = {}", "    with redirect_stdout(sys.stderr):"]
    for verdict in verdicts:
        name = ast.parse(verdict).body[0].value.args[0].id  # type: ignore[attr-defined]
        lines += indent(f'verdicts["{name}"] = {verdict}', 8 * " ").splitlines()
    return "\n".join([*lines, "    raise SystemExit(npseg.check.grade(**verdicts))", ""])


if __name__ == "__main__":
    for notebook in sorted(HERE.glob("[0-9]*.ipynb")):
        path = HERE / "exercises" / notebook.with_suffix(".py").name
        path.parent.mkdir(exist_ok=True)
        path.write_text(skeleton(notebook), encoding="utf-8")
        print(path)
