"""A network's layers, a row each: size, weights, arithmetic, what a unit sees, and the output's memory.

A multiply-add is one product of a weight with a value, and its sum: a convolution has one for each weight at each unit
above, a transposed convolution at each unit below; zeros of the padding count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array
from npseg.geometry import Grid, Ints, times
from npseg.layers import BatchNorm, BilinearUpsampling, ConvTranspose, Layer
from npseg.planes import Step, follow


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
    >>> from npseg.summary import blank
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
    >>> from npseg.summary import blank
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
        f"memory          {mb(sum(row.activation for row in rows))} MB, all outputs together",
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
        mb(row.activation),
    )


def _multiply_adds(step: Step) -> int:
    """Count them: each weight of a kernel, at each place."""
    w = (step.layer.params | step.layer.buffers).get("w")
    plane = step.below if isinstance(step.layer, ConvTranspose) else step.above
    return 0 if w is None else len(plane) * prod(plane.shape[2:]) * int(w.size)


def _size(arrays: Mapping[str, Array]) -> int:
    return sum(int(a.size) for a in arrays.values())


def mb(size: int) -> str:
    """Write bytes as megabytes."""
    return f"{size / 1e6:,.1f}"
