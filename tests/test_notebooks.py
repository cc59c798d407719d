"""The notebooks run without a warning, and their exercises can be done: skeletons fail, solutions pass."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LECTURE = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
each_notebook = pytest.mark.parametrize("path", LECTURE, ids=lambda path: path.stem)

spec = importlib.util.spec_from_file_location("extract_exercises", NOTEBOOKS / "extract_exercises.py")
extract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extract)


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def solutions(path):
    """Yield the source of each exercise with that of its solution, which stands in the next cell."""
    listed = cells(path)
    for cell, after in pairwise(listed):
        if "exercise" in cell["metadata"].get("tags", ()):
            assert source(after).startswith("<details><summary>A solution</summary>")
            yield source(cell), re.search(r"```python\n(.*?)```", source(after), re.DOTALL)[1]


def exercises(path):
    """Yield for each exercise of a notebook two verdicts: of its skeleton, and of its solution."""
    names = {}
    exec("import numpy as np\nimport npseg", names)
    for task, solution in solutions(path):
        *statements, verdict = ast.parse(task).body
        exec(compile(ast.Module(statements, []), path.stem, "exec"), names)
        asked = compile(ast.Expression(verdict.value), path.stem, "eval")
        empty = eval(asked, names)
        exec(solution, names)
        yield empty, eval(asked, names)


def test_each_links_the_next():
    assert [path.stem[:2] for path in LECTURE] == [f"{number:02d}" for number in range(1, 12)]
    for path, after in pairwise(LECTURE):
        assert f"]({after.name})" in source(cells(path)[-1])


@each_notebook
def test_committed_without_outputs(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["id"]
        assert set(cell["metadata"]) <= {"tags", "mystnb"}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@each_notebook
def test_each_picture_says_in_words_what_it_shows(path):
    draws = r"^(plt\.|figure, |npseg\.draw\.(labels|matrix|overlap|receptive_field|curves)\()|    figure, "
    for cell in cells(path):
        if cell["cell_type"] == "code" and re.search(draws, source(cell), re.MULTILINE):
            assert len(cell["metadata"]["mystnb"]["image"]["alt"]) > 40, source(cell)


@pytest.mark.slow
@pytest.mark.notebooks
@each_notebook
def test_runs_with_every_warning_an_error(path):
    """In a process of its own, whose loops and sockets are none of this one's."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = (
        "import sys, nbformat\n"
        "from nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], as_version=4)\n"
        "strict = nbformat.v4.new_code_cell('import warnings; warnings.simplefilter(\"error\")')\n"
        "notebook.cells.insert(0, strict)\n"
        "NotebookClient(notebook, timeout=120, kernel_name='python3').execute()\n"
    )
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=os.environ | threads, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]


@each_notebook
def test_skeletons_fail_and_solutions_pass(path):
    verdicts = list(exercises(path))
    assert len(verdicts) >= 2
    for empty, solved in verdicts:
        assert "nothing yet" in str(empty)
        assert solved.passed, solved


@each_notebook
def test_the_files_for_graders_are_the_notebooks_exercises(path):
    file = NOTEBOOKS / "exercises" / f"{path.stem}.py"
    assert file.read_text(encoding="utf-8") == extract.skeleton(path), "run notebooks/extract_exercises.py"


def test_a_file_for_graders_says_who_passes():
    file = NOTEBOOKS / "exercises" / f"{LECTURE[1].stem}.py"
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert done.returncode == 1
    assert [v["passed"] for v in json.loads(done.stdout).values()] == [False] * 3

    text = file.read_text(encoding="utf-8")
    for task, solution in solutions(LECTURE[1]):
        function = next(s for s in ast.parse(task).body if isinstance(s, ast.FunctionDef))
        talkative = re.sub(r"(?m)^(def .*:\n)", r"\1    print('here I am')\n", solution)
        text = text.replace(extract.text_of(function, task), talkative)
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [v["passed"] for v in json.loads(done.stdout).values()] == [True] * 3
    assert "here I am" in done.stderr
