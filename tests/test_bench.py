"""The benchmark: it compares like with like, and its tables say what was measured. No test asserts a speed."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given
from hypothesis import strategies as st
from stand_in import moves
from threadpoolctl import threadpool_info

import npseg
from npseg import backend, cli
from npseg.bench import Session, contenders, growth, layers, machine, report, steps, textbook, timing
from npseg.bench.plot import picture
from npseg.bench.rows import rows
from npseg.methods.choose import METHODS

FIELDS = {
    *("part", "name", "pass", "contender", "ms", "ms_rounds", "to_pytorch", "to_textbook"),
    *("gflops", "of_sgemm", "gbs", "of_copy", "peak_mib"),
}
FAST = contenders.methods_named(None)
WITH_TORCH = contenders.pytorch() is not None


@pytest.fixture(autouse=True)
def _one_thread():
    """Hold everybody to one thread: tests may run beside each other, and PyTorch's threads wait for their like."""
    with machine.equal_threads(1):
        yield


@pytest.fixture
def without_torch(monkeypatch):
    """Make PyTorch look as if it were not installed."""
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture
def bench(capsys):
    """Return a function that runs ``npseg bench``, quickly, and gives its status, output and error output."""

    def bench(*words):
        try:
            status = cli.main(["bench", "--quick", "--seconds", "0.001", "--threads", "1", *map(str, words)])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return bench


def measured(*parts, **settings):
    """Return the record of a quick session."""
    session = Session(parts, quick=True, seconds=0.001, threads=1, **settings)
    assert [job.part for job in session.measure()]
    return session.record


# Textbook NumPy computes what npseg does


def whole(rng, *shape):
    return rng.integers(-4, 5, shape).astype("float32")


def check_textbook(operation, *arrays, **options):
    """Assert that output and gradients of the textbook equal npseg's, exactly."""
    y, cache = getattr(npseg, f"{operation}_forward")(*arrays, **options)
    by_the_book, kept = getattr(textbook, f"{operation}_forward")(*arrays, **options)
    assert_same(by_the_book, y)
    dout = whole(np.random.default_rng(1), *y.shape)
    expected = getattr(npseg, f"{operation}_backward")(dout, cache)
    assert_same(getattr(textbook, f"{operation}_backward")(dout, kept), expected)


@given(st.data())
def test_textbook_convolution(data):
    kernel, stride, padding = (data.draw(st.integers(*ends)) for ends in ((1, 4), (1, 3), (0, 2)))
    size = data.draw(st.tuples(*[st.integers(kernel, 7)] * 2))
    n, channels, filters = data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    rng = np.random.default_rng(0)
    w, b = whole(rng, filters, channels, kernel, kernel), whole(rng, filters)
    check_textbook("conv", whole(rng, n, channels, *size), w, b, stride=stride, padding=padding)


@given(st.data())
def test_textbook_transposed_convolution(data):
    kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    padding, more = data.draw(st.integers(0, (kernel - 1) // 2)), data.draw(st.integers(0, stride - 1))
    size, n, channels, filters = data.draw(st.tuples(st.integers(1, 5), *[st.integers(1, 3)] * 3))
    rng = np.random.default_rng(0)
    x, w = whole(rng, n, channels, size, size + 1), whole(rng, channels, filters, kernel, kernel)
    options = {"stride": stride, "padding": padding, "output_padding": more}
    check_textbook("conv_transpose", x, w, whole(rng, filters), **options)


@given(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * 4))
def test_textbook_pooling_and_unpooling(scale, shape):
    rng = np.random.default_rng(0)
    x = whole(rng, *shape[:2], scale * shape[2], scale * shape[3])
    check_textbook("max_pool", x, kernel_size=scale)
    check_textbook("nearest_unpool", whole(rng, *shape), scale=scale)
    indices = npseg.max_pool_forward(x, scale)[1].indices
    check_textbook("max_unpool", whole(rng, *shape), indices, kernel_size=scale)


def test_textbook_relu():
    check_textbook("relu", np.array([[-1.0, -0.0, 0.0, 2.0]], "float32"))


@pytest.mark.parametrize("operation", ["batch_norm", "cross_entropy"])
def test_textbook_of_what_rounds(operation):
    layer = next(layer for layer in layers.LAYERS if layer.operation == operation).smaller()
    arrays = [a if a.dtype.kind == "i" else a.astype("float64") for a in layer.arrays()]
    y, cache = getattr(npseg, f"{operation}_forward")(*arrays)
    by_the_book, kept = getattr(textbook, f"{operation}_forward")(*arrays)
    np.testing.assert_allclose(by_the_book, y, rtol=1e-5)
    dout = np.random.default_rng(1).standard_normal(y.shape)
    expected = getattr(npseg, f"{operation}_backward")(np.asarray(dout), cache)
    found = getattr(textbook, f"{operation}_backward")(dout, kept)
    for ours, theirs in zip(*(g if isinstance(g, tuple) else (g,) for g in (expected, found)), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-12)


# Who competes


def test_every_layer_has_all_who_can_do_it_and_they_agree():
    """They are held against the textbook before they are timed; it raises where one is wrong."""
    for layer in layers.LAYERS:
        small = layer.smaller()
        found = contenders.contenders(small.operation, small.arrays(), small.options, FAST)
        methods = {"npseg"}
        if small.operation in ("max_pool", "max_unpool", "nearest_unpool"):
            methods = {"im2col"}
        elif small.operation in ("conv", "conv_transpose"):
            by_tiles = (small.kernel, small.options["stride"]) == (3, 1)
            methods = {*FAST} - ({"winograd", "winograd4"} if not by_tiles else set())
        assert set(found) == {*methods, "textbook", *["PyTorch"] * WITH_TORCH}, layer.name


def test_a_method_that_refuses_the_shapes_is_left_out(monkeypatch):
    def refuses(*arrays, method, **options):
        if method == "matrix":
            raise ValueError("matrix: not these shapes")
        return npseg.ops.pool.max_pool_forward(*arrays, method=method, **options)

    monkeypatch.setattr(npseg, "max_pool_forward", refuses)
    x = np.ones((1, 1, 2, 2), "float32")
    found = contenders.contenders("max_pool", [x], {"kernel_size": 2}, ["matrix", "im2col"])
    assert list(found)[:2] == ["im2col", "textbook"]


def test_whoever_computes_something_else_is_not_timed(monkeypatch):
    monkeypatch.setattr(textbook, "relu_backward", lambda dout, cache: dout)
    with pytest.raises(
        ValueError, match=r"relu: npseg and textbook differ by .*; their times would mean nothing"
    ):
        contenders.contenders("relu", [np.array([[-1.0, 2.0]], "float32")], {}, [])


@pytest.mark.parametrize(
    ("ours", "theirs"), [([1.0, np.nan], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([1.0], [1.002])]
)
def test_what_does_not_agree(ours, theirs):
    with pytest.raises(ValueError, match="differ"):
        contenders.check_agreement("layer", "we", ours, "they", theirs)


def test_the_names_of_layers_are_unique_and_say_what_they_are():
    names = [layer.name for layer in layers.LAYERS]
    assert len(set(names)) == len(names)
    assert names[1] == "conv 3×3, 64→64, 128²"
    assert layers.transposed(4, 2, 21, 21, 16).options == {"stride": 2, "padding": 1, "output_padding": 0}
    assert layers.transposed(3, 2, 128, 64, 32).options == {"stride": 2, "padding": 1, "output_padding": 1}


def test_operations_are_counted_as_in_the_definition():
    """A 1x1 convolution is one product of matrices; a stride of two leaves a quarter of the windows."""
    assert layers.conv(1, 8, 4, 5, batch=1).gflop == pytest.approx(2e-9 * 8 * 4 * 25)
    strided, dense = layers.conv(3, 8, 4, 16, stride=2), layers.conv(3, 8, 4, 16)
    assert dense.gflop == pytest.approx(4 * strided.gflop)
    # A transposed convolution has the products of the convolution that it transposes.
    assert layers.transposed(3, 2, 4, 8, 8).gflop == pytest.approx(strided.gflop)
    assert layers.LAYERS[-1].gflop == 0


# PyTorch runs the same


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parity
@pytest.mark.parametrize("head", ["8s", "16s", "32s"])
@pytest.mark.parametrize("options", [{}, {"batch_norm": False}, {"paper_padding": True}], ids=str)
def test_pytorch_trains_the_same_network(torch, head, options):
    """The scores, and after a step without dropout every weight."""
    network = npseg.networks.FCN(3, head=head, width=2, fc=4, dropout=0.0, dtype="float64", **options)
    rng = np.random.default_rng(0)
    for w in network.params.values():
        w += 0.1 * rng.standard_normal(w.shape)
    x, labels = rng.standard_normal((2, 3, 33, 47)), rng.integers(3, size=(2, 33, 47))
    recipe = {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}
    theirs = contenders.pytorch().Training(network, x, labels, **recipe)
    network.evaluate()
    np.testing.assert_allclose(network.forward(x), theirs.evaluate()[0], rtol=1e-9, atol=1e-9)

    network.train(np.random.default_rng(0))
    loss, cache = npseg.cross_entropy_forward(network.forward(x), labels)
    network.backward(npseg.cross_entropy_backward(None, cache))
    optimizer = npseg.training.optimizers.SGD(network.params, momentum=0.9, weight_decay=0.1)
    optimizer.step(network.grads, 0.01)
    assert theirs.step() == pytest.approx(float(loss), rel=1e-9)
    trained = dict(theirs.network.layers.named_parameters())
    assert len(trained) == len(network.params)
    for name, w in network.params.items():
        layer, _, kind = name.rpartition(".")
        other = trained[f"{layer}.{'weight' if kind in ('w', 'gamma') else 'bias'}"].detach().numpy()
        np.testing.assert_allclose(w, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parity
def test_the_operations_of_a_network_are_those_that_pytorch_counts(torch):
    from torch.utils.flop_counter import FlopCounterMode

    network = npseg.networks.FCN(21, width=4, fc=8)
    theirs = contenders.pytorch().TorchFCN(network)
    with FlopCounterMode(display=False) as counter:
        theirs(torch.zeros(1, 3, 64, 64))
    assert steps.gflop(network, 64) == pytest.approx(counter.get_total_flops() / 1e9)


@pytest.mark.parity
def test_pytorch_that_computes_something_else_is_not_timed(torch, monkeypatch):
    module = contenders.pytorch()
    monkeypatch.setitem(module.OPERATIONS, "relu", torch.nn.functional.gelu)
    with pytest.raises(ValueError, match="PyTorch and textbook differ"):
        measured("layers", only="relu")
    monkeypatch.setattr(module.TorchFCN, "__call__", lambda self, x: torch.zeros(len(x), 21, *x.shape[2:]))
    with pytest.raises(ValueError, match="im2col and PyTorch differ"):
        measured("steps", only="labelling")


# Timing


class Clock:
    """A clock that only moves when somebody works, and a log of who did."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def __call__(self):
        return self.now

    def work(self, who, *seconds):
        """Return a pass that takes these seconds, the last one forever after."""
        left = list(seconds)

        def run(given):
            self.log.append((who, given))
            self.now += left.pop(0) if len(left) > 1 else left[0]
            return who

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (timing, backend):
        monkeypatch.setattr(module, "perf_counter", clock)
    return clock


def test_each_has_its_turn_in_every_round_and_never_in_one_order(clock):
    found = timing.take_turns({who: {"go": clock.work(who, 1.0)} for who in "abc"}, seconds=0.1, rounds=20)
    turns = [who for who, _ in clock.log]
    rounds = [tuple(turns[i : i + 3]) for i in range(0, 60, 3)]
    assert len(turns) == 60
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    assert len(set(rounds)) > 3
    assert {who: passes["go"].tolist() for who, passes in found.items()} == {who: [1.0] * 20 for who in "abc"}


def test_the_first_of_several_calls_does_not_count(clock):
    """A turn of ten seconds: 5 that find everything cold, then 1, 1, 2, 1."""
    found = timing.take_turns({"we": {"go": clock.work("we", 5.0, 1.0, 1.0, 2.0, 1.0)}}, seconds=10, rounds=1)
    assert found["we"]["go"].tolist() == [1.0]
    assert len(clock.log) == 5


def test_each_pass_is_given_what_the_one_before_has_returned(clock):
    passes = {"forward": clock.work("forward", 1.0), "backward": clock.work("backward", 2.0)}
    found = timing.take_turns({"we": passes}, seconds=1, rounds=1)
    assert clock.log == [("forward", None), ("backward", "forward")]
    assert {name: seconds.tolist() for name, seconds in found["we"].items()} == {
        "forward": [1.0],
        "backward": [2.0],
    }


def test_the_peak_counts_what_was_there_only_for_a_moment():
    def forward(_):
        large = np.ones(3 * 10**6, "uint8")
        return large[:1].copy()

    def backward(given):
        return np.ones(2 * 10**6, "uint8")

    peaks = timing.peak_memory({"forward": forward, "backward": backward})
    assert peaks["forward"] == pytest.approx(3e6, rel=0.01)
    assert peaks["backward"] == pytest.approx(2e6, rel=0.01)


def test_the_peak_counts_memory_that_an_earlier_call_has_left():
    size = 4 * npseg.memory.LARGE
    npseg.memory.empty((size,), np.empty(0, "uint8"))
    passes = {"forward": lambda _: npseg.memory.empty((size,), np.empty(0, "uint8"))}
    assert timing.peak_memory(passes)["forward"] == pytest.approx(size, rel=0.01)


def test_threads_are_equal_for_the_length_of_the_measuring():
    def numbers():
        blas = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
        torch = {sys.modules["torch"].get_num_threads()} if WITH_TORCH else set()
        return blas | torch | {npseg.backend.thread_count()}

    before = numbers()
    with machine.equal_threads(3):
        assert numbers() == {3}
    assert numbers() == before


# Rows and tables

TIMES = {
    "im2col": {"forward": np.array([0.010, 0.030, 0.020]), "backward": np.array([0.04, 0.04, 0.04])},
    "textbook": {"forward": np.array([0.040, 0.040, 0.040]), "backward": np.array([0.08, 0.08, 0.08])},
    "PyTorch": {"forward": np.array([0.010, 0.010, 0.010]), "backward": np.array([0.05, 0.05, 0.05])},
}
PEAKS = {who: {"forward": 2**20, "backward": 3 * 2**20} for who in ("im2col", "textbook")}


def made_up(times=TIMES):
    """Return a record with the rows of one layer."""
    record = Session(["layers"], quick=True).record
    record["rows"] = rows("layers", "conv", times, PEAKS, {"forward": 2.0, "backward": 4.0})
    for row in record["rows"]:
        row |= {"of_sgemm": row["gflops"] / 200, "of_copy": None}
    return record


def test_ratios_are_medians_of_the_rounds_ratios():
    ours = made_up()["rows"][0]
    assert (ours["contender"], ours["pass"]) == ("im2col", "forward")
    assert ours["ms"] == pytest.approx(20)
    assert ours["ms_rounds"] == pytest.approx([10, 30, 20])
    assert ours["to_pytorch"] == pytest.approx(2)
    assert ours["to_textbook"] == pytest.approx(0.5)
    assert ours["gflops"] == pytest.approx(100)


def test_the_table():
    assert report.text(made_up()).splitlines()[1:] == [
        "                                    forward                                            backward",
        "                     ms /PyTorch /textbook GFLOP/s  sgemm     MiB"
        "       ms /PyTorch /textbook GFLOP/s  sgemm     MiB",
        "conv",
        "  im2col           20.0     2.00      0.50     100    50%    1.00"
        "     40.0     0.80      0.50     100    50%    3.00",
        "  textbook         40.0     4.00      1.00    50.0    25%    1.00"
        "     80.0     1.60      1.00    50.0    25%    3.00",
        "  PyTorch          10.0     1.00      0.25     200   100%        "
        "     50.0     1.00      0.62    80.0    40%",
    ]


def test_the_table_in_markdown_of_one_session_and_of_two():
    assert report.markdown(made_up()).splitlines() == [
        "| | | PyTorch, ms | im2col | textbook |",
        "|---|---|---|---|---|",
        "| conv | forward | 10.0 | **2.00** | 4.00 |",
        "| conv | backward | 50.0 | **0.80** | 1.60 |",
    ]
    slower = {**TIMES, "im2col": {name: 2 * seconds for name, seconds in TIMES["im2col"].items()}}
    assert report.markdown(made_up(), made_up(slower)).splitlines()[2:] == [
        "| conv | forward | 10.0 / 10.0 | **2.00** / **4.00** | 4.00 / 4.00 |",
        "| conv | backward | 50.0 / 50.0 | **0.80** / **1.60** | 1.60 / 1.60 |",
    ]


def test_without_pytorch_the_textbook_is_the_measure():
    alone = made_up({who: passes for who, passes in TIMES.items() if who != "PyTorch"})
    assert "PyTorch" not in report.text(alone)
    assert report.markdown(alone).splitlines()[::2] == [
        "| | | textbook, ms | im2col |",
        "| conv | forward | 40.0 | **0.50** |",
    ]


def bars(figure):
    """Return where each panel's bars end."""
    return [[bar.get_x() + bar.get_width() for bar in axes.patches] for axes in figure.axes]


def test_the_picture_has_bars_from_one_to_the_ratio():
    record = measured("layers", only="relu")
    record["rows"] = made_up()["rows"]
    figure = picture(record)
    np.testing.assert_allclose(bars(figure), [[2.0], [0.8]])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["layers, forward", "backward"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["conv"]
    assert [text.get_text().strip() for axes in figure.axes for text in axes.texts] == ["2.00", "0.80"]


def test_the_picture_names_the_fastest_of_several_methods():
    record = measured("layers", only="relu")
    times = {**TIMES, "winograd": {name: seconds / 4 for name, seconds in TIMES["im2col"].items()}}
    record["rows"] = rows(
        "layers",
        "conv",
        times,
        PEAKS | {"winograd": PEAKS["im2col"]},
        dict.fromkeys(PEAKS, 0) | {"forward": 0, "backward": 0},
    )
    assert [text.get_text() for axes in picture(record).axes for text in axes.texts] == [
        "0.50 winograd",
        "0.20 winograd",
    ]


# From end to end


@pytest.mark.parametrize("part", ["layers", "steps", "growth"])
def test_a_part_from_end_to_end(bench, tmp_path, part):
    files = "--json", tmp_path / "bench.json", "--plot", tmp_path / "bench.png"
    status, said, error = bench(f"--{part}", *files)
    assert (status, error) == (0, "")
    record = json.loads((tmp_path / "bench.json").read_text())
    assert set(record) == {"date", "settings", "machine", "rows"}
    assert record["machine"]["numpy"] == np.__version__
    assert record["machine"]["sgemm_gflops"] > 0
    assert record["machine"]["copy_gbs"] > 0
    assert all((row["of_copy"] is not None) == (part == "layers") for row in record["rows"])
    assert record["settings"]["parts"] == [part]
    for row in record["rows"]:
        assert row.keys() - {"series", "value"} == FIELDS
        assert row["ms"] > 0
        assert row["ms"] == pytest.approx(np.median(row["ms_rounds"]))
        assert row["part"] == part
        assert row["name"] in said
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_without_pytorch(without_torch, bench):
    status, said, error = bench("--only", "width 4")
    assert (status, error) == (0, "")
    assert "PyTorch is not installed" in said
    assert "/PyTorch" not in said
    rows = measured("layers", "growth", only="8->", methods=["im2col"])["rows"]
    assert {row["contender"] for row in rows} == {"im2col", "textbook"}


def test_without_pytorch_there_is_a_picture_too(without_torch):
    figure = picture(measured("layers", "steps", "growth", only="3x3, 8"))
    assert "textbook NumPy" in figure.get_suptitle()
    assert all(np.isfinite(bars(figure)[0]))


def test_help_suffices(bench):
    status, said, _ = bench("--help")
    assert status == 0
    for flag in (
        "layers",
        "steps",
        "growth",
        "only",
        "methods",
        "threads",
        "seconds",
        "quick",
        "json",
        "plot",
    ):
        assert f"--{flag}" in said
    assert "MALLOC_MMAP_MAX_=0" in said


def test_only_takes_names_as_they_are_typed():
    names = [job.name for job in Session(["layers"], only="CONV 3x3, 64->64, 128^2").jobs]
    assert names == ["conv 3×3, 64→64, 128²"]


def test_slow_methods_are_timed_when_asked_for(bench):
    assert set(METHODS) - set(FAST) == {"loops", "matrix"}
    status, said, _ = bench("--only", "max pool", "--methods", "matrix,im2col")
    assert status == 0
    assert re.search(r"^  matrix +\d", said, re.M)
    assert "textbook" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "im2col,winnograd"], "there is no method 'winnograd'; choose among .*im2col"),
        (["--only", "lstm"], "nothing among layers, steps, growth has 'lstm' in its name"),
        (["--steps", "--only", "relu"], "nothing among steps has 'relu' in its name"),
        (["--threads", "0"], "threads: 0"),
        (["--methods", "winograd", "--only", "1x1"], "winograd: serves nothing of what was chosen"),
        (["--methods", "winograd", "--steps"], "nothing among steps"),
        (["--seconds", "0"], "seconds=0.0 must be positive"),
        (["--seconds", "nan"], "seconds=nan"),
        (["--json", "/nowhere/bench.json"], "no folder /nowhere for bench.json"),
        (["--plot", "/nowhere/bench.png"], "no folder /nowhere for bench.png"),
        (["--threads", "many"], "--threads"),
    ],
    ids=" ".join,
)
def test_refused(bench, words, message):
    status, said, error = bench(*words)
    assert status == 2
    assert "conv" not in said
    assert re.fullmatch(rf"npseg bench: .*{message}.*\n", error)


def test_what_was_measured_is_kept_when_measuring_is_broken_off(bench, tmp_path, monkeypatch):
    def stop(*arrays):
        raise KeyboardInterrupt

    monkeypatch.setattr(textbook, "batch_norm_forward", stop)
    status, said, error = bench("--layers", "--only", "2", "--json", tmp_path / "bench.json")
    assert (status, error) == (130, "npseg bench: stopped\n")
    assert "ReLU" in said
    assert "batch norm" not in said
    kept = {row["name"] for row in json.loads((tmp_path / "bench.json").read_text())["rows"]}
    assert any(name.startswith("ReLU") for name in kept)


def test_the_allocators_settings_are_reported(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "0")
    record = measured("layers", only="relu")
    assert record["machine"]["allocator"]["MALLOC_MMAP_MAX_"] == "0"
    assert "MALLOC_MMAP_MAX_=0" in report.heading(record)
    monkeypatch.delenv("MALLOC_MMAP_MAX_")
    assert "given back to the system" in report.heading(measured("layers", only="relu"))


@pytest.mark.parametrize(("threads", "had", "warned"), [(2, 1.9, False), (2, 1.2, True), (1, 0.99, False)])
def test_a_busy_machine_is_spoken_of(threads, had, warned):
    record = measured("layers", only="relu")
    record["settings"]["threads"] = threads
    record["machine"] |= {"cores": 2, "sgemm_cores": had}
    assert ("SOMETHING ELSE IS RUNNING" in report.heading(record)) is warned


def test_growth_goes_up_in_one_thing_at_a_time():
    for series, sizes in growth.SERIES.items():
        assert list(sizes) == sorted(sizes)
        described = [(layer.size**2, layer.channels, layer.batch) for layer in sizes.values()]
        varied = {
            name
            for name, values in zip(("pixels", "channels", "batch"), zip(*described))
            if len(set(values)) > 1
        }
        assert varied == {series}
        assert [values[("pixels", "channels", "batch").index(series)] for values in described] == list(sizes)


def test_nothing_but_the_command_line_imports_the_benchmark():
    package = Path(npseg.__file__).parent
    for path in package.rglob("*.py"):
        if path.parent.name not in ("bench", "cli"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not any(name.startswith("npseg.bench") for name in names), path


# On a device


def test_on_a_device_it_is_the_device_that_is_timed(stand_in):
    with moves() as seen:
        result, seconds = backend.timed(lambda: stand_in.zeros(3))
    assert result.shape == (3,)
    assert seconds >= 0
    assert [line.partition(",")[0] for line in seen] == ["waits: for an event"], "after it, and only then"


@pytest.mark.parametrize(
    ("part", "only"), [("layers", "1->8"), ("layers", "max"), ("layers", "entropy"), ("steps", "width 1")]
)
def test_layers_and_steps_are_measured_on_a_device(stand_in, part, only):
    session = Session([part], only=only, methods=["im2col", "auto"], quick=True, seconds=0.001)
    for _ in session.measure():
        pass
    rows = session.record["rows"]
    assert rows
    assert {row["contender"] for row in rows} <= {"im2col", "auto", "npseg", "textbook"}
    assert all(row["ms"] > 0 and row["peak_mib"] is None for row in rows)
    heading = report.heading(session.record)
    assert heading.startswith(
        "no device, by its own clock, with CuPy stand-in, CUDA 12.9; textbook NumPy on "
    )
    assert "PyTorch is not installed, or cannot use this device" in heading
    assert report.text(session.record)


def test_a_layers_arrays_are_moved_before_it_is_timed(stand_in):
    layer = layers.conv(3, 4, 4, 8)
    found = contenders.contenders(layer.operation, layer.arrays(), layer.options, ["im2col"])
    with moves() as seen:
        timing.answers(found["im2col"])
    assert seen == []


def test_pytorch_competes_in_float32_as_it_is_and_is_left_as_it_was():
    module = pytest.importorskip("npseg.bench.pytorch", exc_type=ImportError)
    flags = module.torch.backends.cuda.matmul, module.torch.backends.cudnn
    before = [one.allow_tf32 for one in flags]
    with module.threads(1):
        assert [one.allow_tf32 for one in flags] == [False, False]
        assert not flags[1].benchmark
    assert [one.allow_tf32 for one in flags] == before


def test_pytorch_competes_on_a_device_only_if_it_has_one(stand_in, monkeypatch):
    module = pytest.importorskip("npseg.bench.pytorch", exc_type=ImportError)
    for there in (False, True):
        monkeypatch.setattr(module.torch.cuda, "is_available", lambda there=there: there)
        assert contenders.pytorch() is (module if there else None)
