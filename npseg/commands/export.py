"""``npseg export``: a trained network's weights as a file that PyTorch's users can load."""

from __future__ import annotations

from pathlib import Path

from npseg.commands.images import refuse_existing
from npseg.training import read_weights, write_weights


def export(checkpoint: Path, output: Path, *, names: str = "own", force: bool = False) -> None:
    """Write the weights of a checkpoint to a file, and say which.

    Parameters
    ----------
    checkpoint : Path
        What training has written, or any other file that :func:`npseg.training.read_weights` reads.
    output : Path
        A ``.npz`` or ``.safetensors`` file.
    names : {"own", "torchvision"}
        Whose names of the layers.
    force : bool
        Replace a file that is already there.

    Raises
    ------
    ValueError
        If the output is there already, or one of the two cannot be read or written.
    """
    if output.exists() and output.samefile(checkpoint):
        raise ValueError(f"{output} would be replaced by its own weights; give another --output")
    refuse_existing([output], force)
    pretrained = read_weights(checkpoint)
    write_weights(output, pretrained, names=names)
    numbers = sum(array.size for array in pretrained.weights.values())
    print(f"{checkpoint}: {len(pretrained.weights)} arrays, {numbers:,} numbers  ->  {output}")
