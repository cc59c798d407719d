"""A trained network, read back from its file, and a file that is refused by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npseg import kinds, networks
from npseg.data import Normalization
from npseg.networks.weightless import weightless
from npseg.predict import Labeller
from npseg.training import checkpoints
from npseg.training.checkpoints import Checkpoint
from npseg.training.pretrained import read_weights
from npseg.training.weight_files import has_note


def load_labeller(path: str | Path) -> Labeller:
    """Read a trained network out of a checkpoint.

    Parameters
    ----------
    path : path
        A file that training or :func:`npseg.training.write_weights` has written.

    Returns
    -------
    Labeller
        The network with its classes, colours and normalisation.

    Raises
    ------
    ValueError
        If the file is no such, is damaged, or does not fit its own network.

    Examples
    --------
    >>> import tempfile
    >>> from npseg.data import Scenes
    >>> from npseg.training import Run, Settings
    >>> scenes = Scenes(2, size=(32, 32))
    >>> run = Run.start({"name": "fcn32s", "width": 2, "fc": 4}, Settings(epochs=1, batch_size=2), scenes, scenes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints.save(f"{folder}/run.npz", run.checkpoint())
    ...     labeller = load_labeller(f"{folder}/run.npz")
    >>> labeller.labels(scenes[0][0]).shape
    (32, 32)
    """
    path = kinds.path("load_labeller", "path", path)
    if has_note(path):
        return read_weights(path).labeller()
    checkpoint = checkpoints.load(path)
    with naming(path):
        _refuse_another_network(checkpoint, what=str(path))
        network = networks.make(**checkpoint.network)
    checkpoints.restore(network.params | network.buffers, checkpoint.weights, what=str(path))
    normalization = Normalization(checkpoint.mean, checkpoint.std)
    return Labeller(network, normalization, checkpoint.classes, checkpoint.colors)


def _refuse_another_network(checkpoint: Checkpoint, *, what: str) -> None:
    """Refuse a description of another network than the weights are of, before its own weights take any memory."""
    values = sum(a.size for a in checkpoint.weights.values())
    for name, number in checkpoint.network.items():
        if name != "seed" and isinstance(number, int) and number > values:
            raise ValueError(f"{name}={number}, but all its weights are {values} numbers")
    blank = weightless(**checkpoint.network)
    checkpoints.check_fit(blank.params | blank.buffers, checkpoint.weights, what=what)


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Say which file it is that asks for what there is not."""
    try:
        yield
    except (TypeError, ValueError, KeyError, MemoryError) as error:
        said = str(error).removeprefix(f"{file}: ")
        raise ValueError(f"{file}: {said}") from error
