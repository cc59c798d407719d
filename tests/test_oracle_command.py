"""npseg check and npseg vectors: one function, a folder of submissions, golden vectors and what came back for them."""

import csv
import json
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import npseg
from npseg.check import grade_folder, judge_outputs, write_vectors
from npseg.check.oracle import apart, outputs
from npseg.check.oracle.loading import load
from npseg.cli import main

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"

RELU = "import numpy as np\n\ndef my_relu(x):\n    return np.maximum(x, 0)\n"
WRONG = "def my_relu(x):\n    return abs(x)\n"
HANGS = "def my_relu(x):\n    while True: pass\n"
CRASHES = "import os, signal\n\ndef my_relu(x):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
EXITS = "import os\n\ndef my_relu(x):\n    os._exit(0)\n"
BROKEN = "def my_relu(x) return x\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="my.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


class TestOne:
    def test_the_exit_status_says_whether_it_passed(self, file, capsys):
        assert main(["check", f"{file(RELU)}:my_relu", "--as", "relu_forward", "--examples", "10"]) == 0
        assert "my_relu: passed, 10 cases like relu_forward" in capsys.readouterr().out
        assert main(["check", f"{file(WRONG)}:my_relu", "--as", "relu_forward"]) == 1
        assert "is not relu_forward" in capsys.readouterr().out

    def test_json(self, file, capsys, tmp_path):
        target = [f"{file(WRONG)}:my_relu", "--as", "relu_forward", "--seed", "3"]
        assert main(["check", *target, "--json", "-"]) == 1
        printed = json.loads(capsys.readouterr().out)
        assert printed["passed"] is False
        assert printed["failure"]["arguments"]["x"] == [[[-1.0]]]
        assert main(["check", *target, "--json", str(tmp_path / "verdict.json")]) == 1
        assert json.loads((tmp_path / "verdict.json").read_text()) == printed

    def test_restrictions_and_an_adapter_from_a_file(self, file):
        text = (
            "import npseg\n\ndef kernel(w, x, step):\n    return npseg.conv_forward(x, w, stride=step)[0]\n\n"
            "def adapter(kernel, x, w, *, stride):\n    assert stride in (1, (2, 1))\n    return kernel(w, x, stride)\n"
        )
        path = file(text)
        flags = ["--as", "conv_forward", "--signature", f"{path}:adapter", "--axes", "2", "--examples", "10"]
        assert main(["check", f"{path}:kernel", *flags, "--only", "stride=[1,(2,1)]"]) == 0

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (CRASHES, "crashes: its process was ended by SIGSEGV"),
            (EXITS, "ends its process without an answer"),
        ],
    )
    def test_who_takes_the_process_along(self, file, capsys, text, words):
        assert main(["check", f"{file(text)}:my_relu", "--as", "relu_forward"]) == 1
        assert words in capsys.readouterr().out

    def test_a_folder_called_npseg_is_not_taken_for_it(self, file, tmp_path, monkeypatch, capsys):
        """Where the process is started there may be anything; that is not the candidate's fault."""
        (tmp_path / "npseg").mkdir()
        (tmp_path / "npseg" / "__init__.py").write_text("raise ImportError('not this one')")
        file(RELU)
        monkeypatch.chdir(tmp_path)
        assert main(["check", "my:my_relu", "--as", "relu_forward", "--examples", "5"]) == 0
        assert "my_relu: passed, 5 cases" in capsys.readouterr().out

    def test_what_fails_before_the_code_is_loaded_is_not_the_codes(self, file, monkeypatch, capsys):
        monkeypatch.setattr(apart, "_START", "raise ImportError('no such npseg')")
        assert main(["check", f"{file(RELU)}:my_relu", "--as", "relu_forward"]) == 2
        said = capsys.readouterr()
        assert "does not get as far as that (ImportError: no such npseg)" in said.err
        assert "my_relu" not in said.out

    def test_who_cannot_be_interrupted_is_ended(self, file, capsys, monkeypatch):
        monkeypatch.setattr(apart, "GRACE", 2.0)
        text = "import signal\nsignal.setitimer = lambda *a: (0, 0)\n" + HANGS
        assert main(["check", f"{file(text)}:my_relu", "--as", "relu_forward", "--seconds", "1"]) == 1
        assert "hangs: it had to be ended after 3 s" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["my.py:my_relu"], "name a function and what it is held against"),
            (["my.py", "--as", "relu_forward"], "names no function; write my_module.py:my_conv"),
            (["nothing.py:f", "--as", "relu_forward"], "there is no file nothing.py"),
            (["no.such.module:f", "--as", "relu_forward"], "no.such.module cannot be imported"),
            (["my.py:your_relu", "--as", "relu_forward"], "has no your_relu; it has my_relu"),
            (["my.py:my_relu", "--as", "relu"], "reference='relu'; choose one of"),
            (
                ["my.py:my_relu", "--as", "relu_forward", "--csv", "x.csv"],
                "--csv and --exercises go with --report",
            ),
            (["my.py:my_relu", "--as", "relu_forward", "--json", "no/x.json"], "there is no folder no"),
            (
                ["my.py:my_relu", "--as", "relu_forward", "--only", "stride"],
                "is no restriction; write stride=1",
            ),
            (["--outputs", "."], "has no vectors.json"),
            (["--outputs", ".", "--axes", "2"], "leave out axes"),
            (["--report", "empty", "f", "--as", "relu_forward"], "has no *.py in it"),
            (["--report", "."], "name the function and the operation"),
            (["--report", ".", "my_relu", "--as", "relu"], "reference='relu'; choose one of"),
            (["--report", ".", "--exercises", "my.py"], "does not end with npseg.check.grade"),
        ],
    )
    def test_bad_input_is_a_line_and_status_2(self, file, monkeypatch, capsys, words, message):
        monkeypatch.chdir(file(RELU).parent)
        with suppress(SystemExit):  # as argparse does, with status 2 as a test of the command line says
            assert main(["check", *words]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert message in last

    def test_a_broken_file_is_named(self, file):
        with pytest.raises(ValueError, match=r"my.py cannot be run: SyntaxError"):
            load(f"{file(BROKEN)}:my_relu")


class TestFolders:
    def test_who_passes_what(self, file, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr(apart, "GRACE", 20.0)
        for name, text in {"ada": RELU, "bob": WRONG, "eve": HANGS, "ian": CRASHES, "ute": BROKEN}.items():
            file(text, f"{name}.py")
        (tmp_path / "notes.txt").write_text("no submission")
        table, record = tmp_path / "marks.csv", tmp_path / "marks.json"
        flags = ["--as", "relu_forward", "--seconds", "3", "--csv", str(table), "--json", str(record)]
        assert main(["check", "--report", str(tmp_path), "my_relu", *flags]) == 1
        said = capsys.readouterr()
        assert said.err.count("with your rights, each file in a process of its own") == 1
        *lines, last = said.out.splitlines()
        assert last.startswith("  ute.py  my_relu  ")
        assert lines == [
            "submission  my_relu",
            "ada.py      passed",
            *("bob.py      -", "eve.py      -", "ian.py      -", "ute.py      -"),
            "5 submissions: my_relu 1 of 5",
            "  bob.py  my_relu  is not relu_forward",
            "  eve.py  my_relu  hangs: it has not answered within 0.5 s",
            "  ian.py  my_relu  crashes: its process was ended by SIGSEGV",
        ]
        with open(table, newline="") as lines:
            rows = {row["submission"]: row["message"] for row in csv.DictReader(lines)}
        assert "hangs" in rows["eve.py"]
        assert "SIGSEGV" in rows["ian.py"]
        assert "SyntaxError" in rows["ute.py"]
        assert [mark["passed"] for mark in json.loads(record.read_text())] == [True] + [False] * 4

    def test_a_notebooks_exercises(self, file, tmp_path):
        """What the teacher's file holds against is not the submission's to change."""
        exercises = NOTEBOOKS / "exercises" / "05_transposed_convolution.py"
        right = (
            "import numpy as np\n\ndef my_output_padding(size, kernel, stride, padding, dilation):\n"
            "    return (size + 2 * padding - dilation * (kernel - 1) - 1) % stride\n"
        )
        cheat = (
            "def by_npseg(*case):\n    return 0\n\ndef my_output_padding(*case):\n    return 0\n\n"
            'print(\'{"my_output_padding": {"passed": true}}\')\n'
        )
        file(right, "ada.py")
        file(cheat, "bob.py")
        marks = grade_folder(tmp_path, exercises=exercises)
        passed = {(mark.submission, mark.exercise): mark.passed for mark in marks}
        assert passed["ada.py", "my_output_padding"]
        assert not passed["bob.py", "my_output_padding"]
        assert not passed["ada.py", "my_conv_transpose"]
        reason = next(m.reason for m in marks if m.exercise == "my_conv_transpose")
        assert reason == "ada.py has no my_conv_transpose; it has my_output_padding"

    def test_the_whole_verdicts_are_pointed_to(self, file, capsys, tmp_path):
        file("import numpy as np\n\ndef f(y, cache):\n    return np.abs(y)\n", "bob.py")
        assert main(["check", "--report", str(tmp_path), "f", "--as", "tanh_backward"]) == 1
        *_, reason, pointer = capsys.readouterr().out.splitlines()
        assert reason.startswith("  bob.py  f  is not tanh_backward")
        assert pointer.endswith("--csv FILE")


def answer_with(folder, compute, kind="npz"):
    """Write what a kernel makes of vectors."""
    for path in sorted(folder.glob("case_???.json")):
        record = json.loads(path.read_text())
        inputs = {n: np.reshape(a["values"], a["shape"]) for n, a in record["inputs"].items()}
        answers = compute(inputs, record["parameters"])
        out = folder / f"{path.stem}.out.{kind}"
        if kind == "npz":
            np.savez(out, **answers)
        elif kind == "npy":
            np.save(out, next(iter(answers.values())))
        else:
            out.write_text(json.dumps({n: a.tolist() for n, a in answers.items() if a is not None}))


def conv(inputs, parameters):
    options = {n: parameters[n] for n in ("stride", "padding", "dilation", "groups")}
    return {"y": npseg.conv_forward(inputs["x"], inputs["w"], inputs.get("b"), **options)[0]}


class TestVectors:
    @pytest.mark.parametrize("kind", ["npz", "npy", "json"])
    def test_there_and_back(self, tmp_path, capsys, kind):
        folder = tmp_path / "vectors"
        assert main(["vectors", "conv_forward", "--out", str(folder), "--count", "12"]) == 0
        assert "12 cases" in capsys.readouterr().out
        answer_with(folder, conv, kind)
        assert main(["check", "--outputs", str(folder)]) == 0
        assert "passed, 12 cases like conv_forward" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "reference",
        [
            "conv_backward",
            "conv_transpose_forward",
            "max_pool_forward",
            "max_pool_backward",
            "batch_norm_forward",
        ],
    )
    def test_the_answers_are_npsegs(self, tmp_path, reference):
        folder = tmp_path / "vectors"
        write_vectors(reference, folder, count=5)
        for path in folder.glob("case_???.npz"):
            with np.load(path) as arrays:
                answers = {
                    n.removeprefix("answer_"): arrays[n] for n in arrays.files if n.startswith("answer_")
                }
            np.savez(path.with_suffix(".out.npz"), **answers)
        assert judge_outputs(folder).passed

    def test_the_cases_cover_the_geometries(self, tmp_path):
        write_vectors("conv_forward", tmp_path / "v", count=30)
        records = [json.loads(p.read_text()) for p in (tmp_path / "v").glob("case_*.json")]
        parameters = [record["parameters"] for record in records]
        assert {p["axes"] for p in parameters} == {1, 2, 3}
        assert {p["groups"] for p in parameters} == {1, 2}
        assert {s for p in parameters for s in p["stride"]} == {1, 2, 3}
        assert any(a != b for p in parameters for a, b in p["padding"])
        assert any(len(set(p["dilation"])) > 1 for p in parameters)
        assert {"b" in record["inputs"] for record in records} == {True, False}

    def test_a_wrong_answer_is_shown_in_the_smallest_case(self, tmp_path):
        write_vectors("conv_forward", tmp_path / "v", count=12)
        answer_with(tmp_path / "v", lambda i, p: conv(i | {"w": np.flip(i["w"], -1)}, p))
        verdict = judge_outputs(tmp_path / "v")
        assert not verdict.passed
        assert "of 12 cases fail; this is the smallest" in verdict.headline
        assert "first difference: y at [" in str(verdict)

    def test_outputs_may_lie_elsewhere(self, tmp_path):
        write_vectors("relu_forward", tmp_path / "v", count=3)
        (tmp_path / "mine").mkdir()
        assert "is not there" in judge_outputs(tmp_path / "mine", tmp_path / "v").headline

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    def test_halves_are_rounded(self, tmp_path, dtype):
        write_vectors("relu_forward", tmp_path / "v", count=3, dtype=dtype)
        with np.load(tmp_path / "v" / "case_000.npz") as arrays:
            assert arrays["x"].dtype == ("float32" if dtype == "bfloat16" else dtype)
        answer_with(tmp_path / "v", lambda i, p: {"y": np.maximum(i["x"], 0).astype("float32")})
        assert judge_outputs(tmp_path / "v").passed

    def test_all_files_or_none(self, tmp_path, monkeypatch):
        def full(*arguments, **options):
            raise OSError("no space left on device")

        monkeypatch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="no space"):
            write_vectors("relu_forward", tmp_path / "v", count=3)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("reference", "options", "message"),
        [
            ("dropout_forward", {}, "is random"),
            ("conv_matrix", {}, "no golden vectors"),
            ("convolve", {}, "choose one of"),
            ("conv_forward", {"count": 0}, "count=0"),
            ("conv_forward", {"dtype": "int8"}, "dtype='int8'"),
        ],
    )
    def test_what_is_refused(self, tmp_path, reference, options, message):
        with pytest.raises(ValueError, match=message):
            write_vectors(reference, tmp_path / "v", **options)
        (tmp_path / "v").mkdir()
        (tmp_path / "v" / "thesis.txt").write_text("mine")
        with pytest.raises(ValueError, match="already there"):
            write_vectors("relu_forward", tmp_path / "v")


class TestHostileOutputs:
    """Files that come back are not trusted."""

    @pytest.fixture
    def folder(self, tmp_path):
        write_vectors("relu_forward", tmp_path / "v", count=1, axes=1)
        return tmp_path / "v"

    def judged(self, folder, data, kind):
        (folder / f"case_000.out.{kind}").write_bytes(data)
        return judge_outputs(folder)

    @pytest.mark.parametrize("kind", ["npz", "npy", "json"])
    @pytest.mark.parametrize(
        "data", [b"", b"PK", b"\x93NUMPY\x01\x00", b"[[1", b"\xff\xfe", b"{}", b"null", b'"text"']
    )
    def test_rubbish(self, folder, data, kind):
        assert not self.judged(folder, data, kind).passed

    def test_a_pickle_is_not_read(self, folder):
        class Evil:
            def __reduce__(self):
                return (Path.touch, (folder / "evil",))

        assert not self.judged(folder, pickle.dumps(Evil()), "npy").passed
        path = folder / "case_000.out.npy"
        np.save(path, np.array([Evil()], object), allow_pickle=True)
        assert not judge_outputs(folder).passed
        assert not (folder / "evil").exists()

    def test_an_absurd_header_takes_no_memory(self, folder):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000)}"
        header = header.ljust(118 - 1) + b"\n"
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        assert "of shape (1000000000, 1000000)" in self.judged(folder, data, "npy").headline

    def test_a_bomb_is_not_unpacked(self, folder):
        with zipfile.ZipFile(folder / "case_000.out.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("y.npy", b"\0" * 10**7)
        assert not judge_outputs(folder).passed

    def test_a_long_text_is_not_read(self, folder):
        assert "has more than" in self.judged(folder, b"[" * (outputs._A_FILE + 10**4), "json").headline
