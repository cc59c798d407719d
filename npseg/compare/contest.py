"""The contest: one network after the other trains, each in a folder of its own, and is judged.

It can be stopped at any time and begun again by the same command: a network that has a checkpoint goes on from it,
one that has finished is only judged, which takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from npseg import arguments, kinds
from npseg.commands.train import print_epoch
from npseg.compare.entrants import Entrant
from npseg.compare.table import Result
from npseg.data import Dataset
from npseg.predict import Labeller
from npseg.training import Run, Settings, evaluate, metrics
from npseg.training.checkpoints import load
from npseg.training.clock import span
from npseg.training.loop import CHECKPOINT


@dataclass(frozen=True)
class Contest:
    """What all who take part have in common.

    Attributes
    ----------
    settings : Settings
        The recipe and the budget.
    train, val : Dataset
        Images to learn from, and images to be judged by.
    output_dir : Path
        Each network's run is written to a folder of its name in it.
    data_path : str or None
        Where the images came from, for whoever continues a run by itself; None for the scenes.
    data_options : dict
        How they were opened.

    Examples
    --------
    >>> import tempfile
    >>> from npseg.compare import enter
    >>> from npseg.data import Scenes
    >>> train, val = Scenes(4, size=(32, 32)), Scenes(2, size=(32, 32), seed=1)
    >>> entrant = enter("fcn32s", 4, (32, 32), width=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     contest = Contest(Settings(epochs=1, batch_size=2), train, val, Path(folder))
    ...     run = contest.run(entrant, progress=False)
    ...     again = contest.run(entrant, progress=False)
    >>> run.epoch, again.history == run.history
    (1, True)
    """

    settings: Settings
    train: Dataset
    val: Dataset
    output_dir: Path
    data_path: str | None = None
    data_options: dict[str, Any] = field(default_factory=dict)

    def run(self, entrant: Entrant, *, progress: bool = True, to_come: int = 0) -> Run:
        """Train a network, or go on where it was stopped, until its epochs are done.

        Parameters
        ----------
        entrant : Entrant
            The network.
        progress : bool
            Print its epochs and show a bar.
        to_come : int
            Networks that will train after it; the first epoch tells how long all of them will take.

        Returns
        -------
        Run
            The finished run.

        Raises
        ------
        ValueError
            If its folder holds another run.
        npseg.training.Interrupted
            On Ctrl-C, after its state was saved.
        """
        kinds.instance("run", "entrant", entrant, Entrant, "what npseg.compare.enter has made")
        to_come = arguments.integer("run", "to_come", to_come)
        folder = self.output_dir / entrant.name
        run = self._begin(entrant, folder)
        folder.mkdir(parents=True, exist_ok=True)

        def after_epoch(run: Run) -> None:
            print_epoch(run)
            if run.epoch == 1 and to_come:
                print(_left_in_all(run, to_come), flush=True)

        run.fit(folder, progress=progress, after_epoch=after_epoch if progress else None)
        return run

    def _begin(self, entrant: Entrant, folder: Path) -> Run:
        """Start a run, or take up the one whose checkpoint is in its folder."""
        config: dict[str, Any] = {"name": entrant.name, **entrant.settings}
        path = folder / CHECKPOINT
        if not path.exists():
            data: dict[str, Any] = {"data_path": self.data_path, "data_options": self.data_options}
            return Run.start(config, self.settings, self.train, self.val, **data)
        run = Run.resume(load(path), self.train, self.val, what=str(path))
        if (
            run.settings != self.settings
            or {"classes": len(self.train.classes), **config} != run.network_config
        ):
            raise ValueError(f"{path} is of another recipe or width; give another --output-dir")
        return run


def _left_in_all(run: Run, to_come: int) -> str:
    """Say how long it will take until all networks have trained, if those to come take as long as this one."""
    epochs = (1 + to_come) * run.settings.epochs - run.epoch
    left = span(epochs * run.history[-1]["seconds"])
    others = "network to come takes" if to_come == 1 else f"{to_come} networks to come each take"
    return f"about {left} left in all, if the {others} as long"


def compare(contest: Contest, entrants: list[Entrant]) -> tuple[list[Result], dict[str, Labeller]]:
    """Let networks train one after the other, and judge them.

    Parameters
    ----------
    contest : Contest
        Recipe, budget and images.
    entrants : list of Entrant
        The networks.

    Returns
    -------
    list of Result
        In the order of the entrants.
    dict of str to Labeller
        The trained networks, by name.

    Examples
    --------
    >>> compare(Contest(Settings(), [], [], Path()), [])
    ([], {})
    """
    kinds.instance("compare", "contest", contest, Contest, "a Contest")
    entrants = kinds.listed("compare", "entrants", entrants, "a list of entrants")
    results, labellers = [], {}
    for place, entrant in enumerate(entrants, 1):
        tqdm.write(
            f"{entrant.name}: width {entrant.settings['width']}, {entrant.parameters:,} weights, "
            f"{entrant.multiply_adds:,} multiply-adds an image"
        )
        run = contest.run(entrant, to_come=len(entrants) - place)
        began = perf_counter()
        figures = metrics(evaluate(run.labeller, contest.val))
        labelling = (perf_counter() - began) / len(contest.val)
        training = float(np.sum([epoch["seconds"] for epoch in run.history]))
        results.append(Result(entrant, figures, training, labelling))
        labellers[entrant.name] = run.labeller
    return results, labellers
