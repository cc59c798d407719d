"""What a training step holds in memory at its peak, measured, and what of that is weights, gradients, outputs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, kinds, memory, room
from npseg.backend import Array
from npseg.data import VOID, Normalization, Scenes
from npseg.geometry import Ints
from npseg.networks.weightless import weightless
from npseg.summary.rows import mb, summarize
from npseg.training import Run, Settings

#: Of each pixel of an image: three channels, float32.
_IMAGE_BYTES = 3 * 4


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
        return "\n".join(f"{name:14s}{mb(value):>12s} MB" for name, value in lines.items())


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
    run, peak = _two_steps(dict(network), size, batch)
    return Memory(
        peak=peak,
        weights=_bytes(run.weights.values()),
        gradients=_bytes(run.network.grads.values()),
        optimizer=_bytes(run.optimizer.state().values()),
        activations=_IMAGE_BYTES * batch * prod(size) + sum(row.activation for row in planned),
    )


def _two_steps(network: dict[str, Any], size: Ints, batch: int) -> tuple[Run, int]:
    """Train two steps on noise; return the run and the bytes at the peak of the second."""
    rng, scenes = np.random.default_rng(0), Scenes(1)
    elsewhere = tracemalloc.is_tracing()
    memory.release()  # what others have left would be lent, and not be counted
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        unchanged = Normalization(np.zeros(3), np.ones(3))
        run = Run(network, Settings(batch_size=batch), scenes, scenes, unchanged)
        x = rng.standard_normal((batch, 3, *size), "float32")
        labels = rng.integers(network["classes"], size=(batch, *size), dtype=np.uint8)
        run.train_step(x, labels)
        tracemalloc.reset_peak()
        run.train_step(x, labels)
        return run, tracemalloc.get_traced_memory()[1] - before
    finally:
        if not elsewhere:
            tracemalloc.stop()


def _bytes(arrays: Iterable[Array]) -> int:
    return sum(int(a.nbytes) for a in arrays)
