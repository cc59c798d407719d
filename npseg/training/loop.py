"""The training loop: batches through the network and back, and after each epoch a look at images it never saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from npseg import arguments, backend, kinds
from npseg.data import batches
from npseg.files import clear_remains
from npseg.training import checkpoints
from npseg.training.clipping import clip_by_norm
from npseg.training.clock import Clock
from npseg.training.evaluation import evaluate
from npseg.training.history import best_epoch, write_csv
from npseg.training.interrupts import Interrupted, interrupts
from npseg.training.metrics import mean_iou_of_present, metrics
from npseg.training.state import State

#: The files, in a run's folder, that hold its last state, that of its best epoch, and the figures of all epochs.
CHECKPOINT, BEST, METRICS = "checkpoint.npz", "best.npz", "metrics.csv"


class Run(State):
    """A training run: everything that changes while it goes on, and what it was told to do.

    Attributes
    ----------
    network_config : dict
        Name and arguments of the network.
    settings : Settings
        What to do.
    data_path : str or None
        Where the images came from, for whoever continues the run; None for the scenes.
    data_options : dict
        How they were opened: what :func:`npseg.data.open_dataset` was told beside the path, as JSON.
    train, val : Dataset
        Images to learn from, and images to judge by.
    normalization : Normalization
        Mean and deviation of the training images.
    epoch, step : int
        Epochs completed, and steps completed in the current one.
    loss_sum : float
        Sum of the losses of this epoch's steps.
    history : list of dict
        The figures of each epoch.
    largest_image : (height, width) or None
        How high and wide the training images are at most; None in a run that an earlier version of npseg began.
    inherited : Report or None
        What was taken over from other weights, when the run began.
    figures : Metrics or None
        Of the epoch that ended last, each class's IoU included; None before one has.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> from npseg.training import Settings
    >>> settings = Settings(epochs=1, batch_size=2)
    >>> config = {"name": "fcn32s", "width": 2, "fc": 4}
    >>> run = Run.start(config, settings, Scenes(4, size=(32, 32)), Scenes(2, size=(32, 32), seed=1))
    >>> run.fit(progress=False)
    >>> run.history[0]["epoch"], sorted(run.history[0])[:3]
    (1, ['epoch', 'frequency_weighted_iou', 'loss'])
    """

    def fit(
        self,
        output_dir: Path | None = None,
        *,
        progress: bool = True,
        after_epoch: Callable[[Run], None] | None = None,
    ) -> None:
        """Train until all epochs are done.

        Parameters
        ----------
        output_dir : Path, optional
            Folder for the checkpoint, which is written after each epoch and on Ctrl-C; and for that of the best epoch,
            by the mean IoU over the classes that ``val`` holds, and the figures of all epochs as CSV.
        progress : bool
            Show a bar, with loss and rate, and say after the first steps of a long epoch how long all will take.
        after_epoch : callable, optional
            Called with the run after each epoch, its figures at the end of ``history``.

        Raises
        ------
        Interrupted
            On Ctrl-C, after the current step was finished and the state saved.
        FloatingPointError
            If the loss is no longer a number.
        """
        output_dir = None if output_dir is None else kinds.path("run", "output_dir", output_dir)
        arguments.flag("run", "progress", progress)
        if after_epoch is not None and not callable(after_epoch):
            raise TypeError(f"run: after_epoch={after_epoch!r}; a function is needed, or None")
        path = None if output_dir is None else output_dir / CHECKPOINT
        if output_dir is not None:
            for name in (CHECKPOINT, BEST, METRICS):
                clear_remains(output_dir / name)
        # Where numbers overflow, the loss says so; NumPy's warnings would only bury that.
        with interrupts() as interrupted, np.errstate(all="ignore"):
            first = self.steps - self.step
            clock = Clock(first + (self.settings.epochs - self.epoch - 1) * self.steps, first)
            while self.epoch < self.settings.epochs:
                began = time.perf_counter()
                if not self._train_epoch(interrupted, progress, clock):
                    if path is not None:
                        checkpoints.save(path, self.checkpoint())
                    raise Interrupted
                matrix = evaluate(self.labeller, self.val, progress=progress)
                self.figures = metrics(matrix)
                record = {"epoch": self.epoch + 1, "loss": self.loss_sum / self.steps}
                record |= {
                    name: float(value) for name, value in self.figures._asdict().items() if name != "iou"
                }
                record["mean_iou_of_present"] = mean_iou_of_present(matrix)
                self.history.append(record | {"seconds": time.perf_counter() - began})
                self.epoch, self.step, self.loss_sum = self.epoch + 1, 0, 0.0
                if output_dir is not None:
                    self._save_epoch(output_dir)
                if after_epoch is not None:
                    after_epoch(self)
                if interrupted() and self.epoch < self.settings.epochs:
                    raise Interrupted

    def _save_epoch(self, output_dir: Path) -> None:
        """Write what an epoch leaves; the checkpoint comes last, so that a run killed before that does it all again."""
        checkpoint = self.checkpoint()
        if best_epoch(self.history) == self.epoch:
            checkpoints.save(output_dir / BEST, checkpoint)
        write_csv(output_dir / METRICS, self.history)
        checkpoints.save(output_dir / CHECKPOINT, checkpoint)

    def train_step(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Learn from one batch: forward, loss, backward, step. Return the loss.

        On a device these are all that moves: the batch there, and at the end the loss back.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Normalised images.
        labels : (N, H, W) int array
            Their labels.
        """
        xp = backend.array_module(next(iter(self.network.params.values())))
        self.network.train(backend.generator([self.settings.seed, self.epoch, self.step], library=xp))
        # A network whose loss is one of its own need not know of sums, as long as nobody asks for one.
        how = {} if self.settings.reduction == "mean" else {"reduction": self.settings.reduction}
        loss = self.network.learn(xp.asarray(x), xp.asarray(labels), weight=self.class_weights, **how)
        rate = self.learning_rate(self.epoch * self.steps + self.step)
        clip = self.settings.clip
        grads = self.network.grads if clip is None else clip_by_norm(self.network.grads, clip)
        self.optimizer.step(grads, rate)
        self.step += 1
        return float(backend.to_numpy(loss))

    def _train_epoch(self, interrupted: Callable[[], bool], progress: bool, clock: Clock) -> bool:
        """Train until the epoch is done, True, or Ctrl-C was pressed, False."""
        s = self.settings
        coming = batches(
            self.train,
            s.batch_size,
            self.normalization,
            seed=s.seed,
            epoch=self.epoch,
            crop=s.crop,
            flip=s.flip,
            jitter=s.jitter,
            start=self.step,
        )
        title = f"epoch {self.epoch + 1}/{s.epochs}"
        with tqdm(
            total=self.steps,
            initial=self.step,
            desc=title,
            unit="step",
            leave=False,
            disable=None if progress else True,
        ) as bar:
            for x, labels in coming:
                loss = self.train_step(x, labels)
                if not np.isfinite(loss):
                    raise FloatingPointError(
                        f"the loss is {loss} at step {self.step} of epoch {self.epoch + 1}: the training diverged; "
                        f"try a lower learning rate than {s.lr:g}"
                    )
                self.loss_sum += loss
                bar.set_postfix(loss=f"{self.loss_sum / self.step:.3f}")
                bar.update()
                if (estimate := clock.tick()) and progress:
                    tqdm.write(estimate)
                if interrupted():
                    return False
        return True
