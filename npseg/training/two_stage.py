"""DeconvNet's training in two stages: first single objects, then what proposals hold.

A network without skips that has to find out everything at once learns slowly. So the first stage makes it easy, with
one object in the middle and nothing else to name, and the second goes on from its weights.

References
----------
Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV 2015, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from npseg import arguments, kinds
from npseg.data import Dataset, InMemory
from npseg.data.boxes import Box
from npseg.data.proposals import ObjectCrops, ProposalCrops
from npseg.training.loop import Run
from npseg.training.settings import Settings

#: By how much the crops of the first stage are larger than what is cut out of them at random.
MARGIN = 250 / 224


def two_stage(
    network: dict[str, Any],
    stages: tuple[Settings, Settings],
    train: Dataset,
    val: Dataset,
    *,
    boxes: Sequence[Sequence[Box]] | None = None,
    background: int = 0,
    output_dir: Path | None = None,
    progress: bool = True,
) -> tuple[Run, Run]:
    """Train DeconvNet on objects, and then on proposals.

    Parameters
    ----------
    network : dict
        Settings of the network, as :class:`npseg.networks.DeconvNet` takes them.
    stages : pair of Settings
        What each stage does; the first one's ``crop`` is set to the network's input size.
    train, val : Dataset
        Images to learn from, and images to judge by; of both, the crops of the stage.
    boxes : sequence of sequences of Box, optional
        Proposals for each training image; drawn near the objects unless given.
    background : int
        The class that has no objects.
    output_dir : Path, optional
        Folder for the checkpoints, in ``stage1`` and ``stage2``.
    progress : bool
        Show a bar.

    Returns
    -------
    pair of Run
        The runs; the second one's network is the result, its ``labeller`` what :func:`npseg.aggregate.aggregate` takes.

    Raises
    ------
    ValueError
        If there are no objects.

    Notes
    -----
    The paper's stages are SGD with rate 0.01, momentum 0.9 and decay 5e-4, batches of 64, and a tenth of the rate
    after every 9000 of 20,000 steps and 10,000 of 40,000. It balances the classes by repeating examples, which
    is left to ``Settings(balance=...)`` here.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> settings = Settings(epochs=1, batch_size=4)
    >>> scenes = Scenes(2, size=(48, 64)), Scenes(1, size=(48, 64), seed=1)
    >>> _, run = two_stage({"width": 2, "fc": 8, "input_size": 32}, 2 * (settings,), *scenes, progress=False)
    >>> run.epoch, run.network.input_size
    (1, 32)
    """
    network = kinds.mapping("two_stage", "network", network, None, "a dict of settings")
    config = {"name": "deconvnet", "input_size": 224, **network}
    size = arguments.integer("two_stage", "input_size", config["input_size"], 1)
    given_stages = kinds.members("two_stage", "stages", stages, Settings, "a pair of Settings")
    if len(given_stages) != 2:
        raise ValueError(f"two_stage: stages has {len(given_stages)} Settings; a pair of Settings is needed")
    first, second = given_stages
    for name, dataset in (("train", train), ("val", val)):
        kinds.dataset("two_stage", name, dataset, "classes", "colors", "names")
    output_dir = None if output_dir is None else kinds.path("two_stage", "output_dir", output_dir)
    arguments.flag("two_stage", "progress", progress)
    alone = [
        InMemory(ObjectCrops(images, around, background=background))
        for images, around in ((train, round(size * MARGIN)), (val, size))
    ]
    near = [
        InMemory(ProposalCrops(images, size, given, background=background, seed=second.seed))
        for images, given in ((train, boxes), (val, None))
    ]
    begun = Run.start(config, replace(first, crop=(size, size)), alone[0], alone[1])
    begun.fit(_folder(output_dir, "stage1"), progress=progress)
    ended = Run(config, second, near[0], near[1], begun.normalization)
    for name, array in ended.weights.items():
        array[...] = begun.weights[name]
    ended.fit(_folder(output_dir, "stage2"), progress=progress)
    return begun, ended


def _folder(output_dir: Path | None, stage: str) -> Path | None:
    """Make a stage's folder."""
    if output_dir is None:
        return None
    (output_dir / stage).mkdir(parents=True, exist_ok=True)
    return output_dir / stage
