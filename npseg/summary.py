"""What a network is made of, layer by layer: sizes, weights, arithmetic, what a unit sees, and memory.

All of it but the measured memory follows from the layers' geometry (:mod:`npseg.planes`), so that VGG's full width
costs no more than any other. A multiply-add is one product of a weight with a value, and its sum: a convolution has
one for each weight at each unit above, a transposed convolution at each unit below; zeros of the padding count.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, backend, kinds, memory, networks, room
from npseg.backend import Array
from npseg.data import VOID, Normalization, Scenes
from npseg.geometry import Grid, Ints, times
from npseg.layers import BatchNorm, BilinearUpsampling, ConvTranspose, Layer
from npseg.networks import Network
from npseg.planes import Blank, Step, follow
from npseg.training import Run, Settings


class Row(NamedTuple):
    """One layer.

    Attributes
    ----------
    name, kind : str
        The layer's name, and that of its class.
    shape : tuple of int
        (N, C, *spatial), of its output.
    parameters : int
        Its weights and biases; 0 where it runs a second time.
    multiply_adds : int
        For the whole batch.
    grid : Grid
        Receptive field and total stride of its units: ``grid.field``, ``grid.step``.
    activation : int
        Bytes of its output.

    Examples
    --------
    >>> Row("pool", "MaxPool", (1, 8, 4, 4), 0, 0, Grid().down(kernel=2, stride=2), 512).grid.field
    Fraction(2, 1)
    """

    name: str
    kind: str
    shape: Ints
    parameters: int
    multiply_adds: int
    grid: Grid
    activation: int


def blank(name: str, classes: int, **settings: Any) -> Network:
    """Make a published network to look at: its weights take no memory.

    Parameters
    ----------
    name, classes, settings
        As of :func:`npseg.networks.make`; as published unless given.

    Returns
    -------
    Network
        As of :func:`weightless`.

    Examples
    --------
    >>> network = blank("fcn32s", 21)
    >>> sum(p.size for p in network.params.values())
    134346581
    """
    return weightless(name, classes, **{**networks.model(name).published, **settings})


def weightless(name: str, classes: int, **settings: Any) -> Network:
    """Make a network whose weights take no memory: where they would be drawn, they are 0.

    Parameters
    ----------
    name, classes, settings
        As of :func:`npseg.networks.make`.

    Returns
    -------
    Network
        The network. Its large weights are one number, seen many times, and cannot be written to.

    Examples
    --------
    >>> network = weightless("fcn32s", 4, width=64)
    >>> network.params["to_score.fc6.w"].nbytes, network.params["to_score.fc6.w"].strides
    (411041792, (0, 0, 0, 0))
    """
    with backend.use("numpy"):
        return networks.make(name, classes, **settings, seed=Blank(settings.get("dtype", "float32")))


def summarize(network: Layer, size: Ints, *, batch: int = 1) -> list[Row]:
    """List the layers of a network, in the order in which they run.

    Parameters
    ----------
    network : Layer
        Any network of layers; it is left as it is, and does not run.
    size : tuple of int
        Rows and columns of the images.
    batch : int
        Images at once.

    Returns
    -------
    list of Row

    Raises
    ------
    ValueError
        If there is no image, or it is too small for a layer.
    TypeError
        If numbers are not whole, or the network is none.

    Examples
    --------
    >>> rows = summarize(blank("fcn8s", 21), (500, 500))
    >>> rows[0].name, rows[0].shape, rows[0].parameters, rows[0].multiply_adds
    ('to_pool3.conv1_1', (1, 64, 698, 698), 1792, 841888512)
    >>> next((int(row.grid.field), int(row.grid.step)) for row in rows if row.name == "to_score.score_fr")
    (404, 32)
    """
    kinds.instance("summary", "network", network, Layer, "a network or a layer")
    size = arguments.axes("summary", "input", size, 2)
    batch = arguments.integer("summary", "batch", batch, 1)
    like = next(iter(network.params.values()), np.empty(0, "float32"))
    _, steps = follow(network, (batch, 3, *size), like.dtype)
    seen: set[int] = set()
    rows = []
    for step in steps:
        parameters = 0 if id(step.layer) in seen else _size(step.layer.params)
        seen.add(id(step.layer))
        rows.append(
            Row(
                name=step.name,
                kind=type(step.layer).__name__,
                shape=tuple(step.above.shape),
                parameters=parameters,
                multiply_adds=_multiply_adds(step),
                grid=step.above.grid,
                activation=step.above.nbytes,
            )
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """Write rows as a table, with their sums beneath.

    Examples
    --------
    >>> small = blank("fcn32s", 21, width=1, fc=2, paper_padding=False, learned_upsampling=True)
    >>> print(table(summarize(small, (64, 64))[-2:]))
    layer              kind                output    parameters  multiply-adds  field  stride  memory (MB)
    to_score.score_fr  Conv                21x2x2            63            168    404      32          0.0
    upscore            BilinearUpsampling  21x64x64   1,806,336      7,225,344    436       1          0.3
    <BLANKLINE>
    parameters      1,806,399; 63 without the upsampling, which the published networks leave fixed
    multiply-adds   7,225,512
    memory          0.3 MB, all outputs together
    """
    rows = kinds.listed("table", "rows", rows, "a list of rows")
    for row in rows:
        kinds.instance("table", "rows", row, Row, "a list of what summarize returns")
    head = ("layer", "kind", "output", "parameters", "multiply-adds", "field", "stride", "memory (MB)")
    cells = [head, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = [
        "  ".join(cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        for line in cells
    ]
    parameters = sum(row.parameters for row in rows)
    lines += [
        "",
        f"parameters      {parameters:,}{_without(rows, parameters)}",
        f"multiply-adds   {sum(row.multiply_adds for row in rows):,}",
        f"memory          {_mb(sum(row.activation for row in rows))} MB, all outputs together",
    ]
    return "\n".join(lines)


def _without(rows: Sequence[Row], parameters: int) -> str:
    """Say how many parameters there are without those that published counts leave out."""
    left_out = {
        BilinearUpsampling: "the upsampling, which the published networks leave fixed",
        BatchNorm: "the batch norm",
    }
    found = [
        (sum(row.parameters for row in rows if row.kind == kind.__name__), what)
        for kind, what in left_out.items()
    ]
    return "".join(f"; {parameters - count:,} without {what}" for count, what in found if count)


def _cells(row: Row) -> tuple[str, ...]:
    """Write a row; sizes are those of one image."""
    return (
        row.name,
        row.kind,
        times(row.shape[1:]),
        f"{row.parameters:,}" if row.parameters else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        str(row.grid.field),
        str(row.grid.step),
        _mb(row.activation),
    )


class Memory(NamedTuple):
    """The memory of a training step, in bytes.

    Attributes
    ----------
    peak : int
        The most that was held at any moment of a step, as measured.
    weights, gradients, optimizer : int
        The network's parameters and running statistics, their gradients, and what the optimizer keeps of them.
    activations : int
        The images, and the outputs of all layers.

    Examples
    --------
    >>> Memory(peak=100, weights=10, gradients=10, optimizer=10, activations=50).workspace
    20
    """

    peak: int
    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def workspace(self) -> int:
        """What is left of the peak: columns, scratch, gradients of activations on their way down."""
        return self.peak - self.weights - self.gradients - self.optimizer - self.activations

    def __str__(self) -> str:
        """Write it as a table."""
        lines = {name: getattr(self, name) for name in (*self._fields[1:], "workspace", "peak")}
        return "\n".join(f"{name:14s}{_mb(value):>12s} MB" for name, value in lines.items())


def measure(network: Mapping[str, Any], size: Ints, *, batch: int = 1) -> Memory:
    """Measure the memory of a training step, by running two: the first makes what the second finds there.

    Parameters
    ----------
    network : dict
        Its name, classes and settings, as :func:`npseg.networks.make` takes them.
    size : tuple of int
        Rows and columns of the images.
    batch : int
        Images a step.

    Returns
    -------
    Memory
        The peak is that of arrays and objects, as ``tracemalloc`` counts them, without Python itself.

    Raises
    ------
    ValueError
        If the network cannot be made, or trained on such images, or there is no memory for a step.
    TypeError
        If the network is no dict, or a number is not whole.

    Examples
    --------
    >>> memory = measure({"name": "fcn32s", "classes": 4, "width": 2, "fc": 4}, (64, 64), batch=2)
    >>> memory.gradients < memory.weights < memory.peak
    True
    """
    op = "summary"
    kinds.mapping(op, "network", network, None, "a dict with its name, classes and settings")
    if missing := {"name", "classes"} - network.keys():
        raise ValueError(f"{op}: network={network!r} has no {' and no '.join(sorted(missing))}")
    size, batch = arguments.axes(op, "input", size, 2), arguments.integer(op, "batch", batch, 1)
    if arguments.integer(op, "classes", network["classes"], 1) > VOID:
        raise ValueError(f"{op}: classes={network['classes']}; labels tell {VOID} apart at the most")
    planned = summarize(weightless(**network), size, batch=batch)
    needed = sum(row.activation + 3 * 4 * row.parameters for row in planned)  # with gradients, and momentum
    room.check(op, f"a step with batch={batch} and input={size}", (needed,), np.empty(0, np.uint8))
    rng, scenes = np.random.default_rng(0), Scenes(1)
    elsewhere = tracemalloc.is_tracing()
    memory.release()  # what others have left would be lent, and not be counted
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        run = Run(
            dict(network), Settings(batch_size=batch), scenes, scenes, Normalization(np.zeros(3), np.ones(3))
        )
        x = rng.standard_normal((batch, 3, *size), "float32")
        labels = rng.integers(network["classes"], size=(batch, *size), dtype=np.uint8)
        run.train_step(x, labels)
        tracemalloc.reset_peak()
        run.train_step(x, labels)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        if not elsewhere:
            tracemalloc.stop()
    return Memory(
        peak=peak,
        weights=_bytes(run.weights.values()),
        gradients=_bytes(run.network.grads.values()),
        optimizer=_bytes(run.optimizer.state().values()),
        activations=x.nbytes + sum(row.activation for row in summarize(run.network, size, batch=batch)),
    )


def _multiply_adds(step: Step) -> int:
    """Count them: each weight of a kernel, at each place."""
    w = (step.layer.params | step.layer.buffers).get("w")
    plane = step.below if isinstance(step.layer, ConvTranspose) else step.above
    return 0 if w is None else len(plane) * prod(plane.shape[2:]) * int(w.size)


def _size(arrays: Mapping[str, Array]) -> int:
    return sum(int(a.size) for a in arrays.values())


def _bytes(arrays: Iterable[Array]) -> int:
    return sum(int(a.nbytes) for a in arrays)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
