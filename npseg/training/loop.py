"""The training loop: batches through the network and back, and after each epoch a look at images it never saw.

Nothing random is remembered: the order of an epoch, each batch's crops and flips, and each step's dropout follow
from (seed, epoch, step). So those three numbers, the weights and the optimizer's state are all there is to a run,
and a run that is continued from its checkpoint goes on bit for bit as if it had never stopped.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from npseg import arguments, backend, kinds, networks
from npseg.data import Dataset, Normalization, batches, mean_and_std, steps_per_epoch
from npseg.files import clear_remains
from npseg.networks.weights import Report
from npseg.planes import Blank
from npseg.predict import Labeller
from npseg.training import checkpoints
from npseg.training.balance import class_weights
from npseg.training.checkpoints import Checkpoint
from npseg.training.clipping import clip_by_norm
from npseg.training.clock import Clock
from npseg.training.evaluation import evaluate
from npseg.training.history import best_epoch, write_csv
from npseg.training.metrics import metrics
from npseg.training.pretrained import Pretrained, read_weights
from npseg.training.settings import Settings
from npseg.training.weight_files import has_note

#: The files, in a run's folder, that hold its last state, that of its best epoch, and the figures of all epochs.
CHECKPOINT, BEST, METRICS = "checkpoint.npz", "best.npz", "metrics.csv"


class Interrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C, after its state was saved."""


@dataclass
class Run:
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
    inherited : Report or None
        What was taken over from other weights, when the run began.

    Examples
    --------
    >>> from npseg.data import Scenes
    >>> settings = Settings(epochs=1, batch_size=2)
    >>> config = {"name": "fcn32s", "width": 2, "fc": 4}
    >>> run = Run.start(config, settings, Scenes(4, size=(32, 32)), Scenes(2, size=(32, 32), seed=1))
    >>> run.fit(progress=False)
    >>> run.history[0]["epoch"], sorted(run.history[0])[:3]
    (1, ['epoch', 'frequency_weighted_iou', 'loss'])
    """

    network_config: dict[str, Any]
    settings: Settings
    train: Dataset
    val: Dataset
    normalization: Normalization
    data_path: str | None = None
    data_options: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    inherited: Report | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._check()
        self.network = networks.make(
            **{"classes": len(self.train.classes), "seed": self.settings.seed, **self.network_config}
        )
        self.optimizer = self.settings.make_optimizer(self.network.params)
        self.steps = steps_per_epoch(self.train, self.settings.batch_size)
        self.class_weights = self._class_weights()
        self.learning_rate = self.settings.make_schedule(self.steps)
        self.labeller = Labeller(self.network, self.normalization, self.train.classes, self.train.colors)

    def _check(self) -> None:
        """Refuse what is of another kind than it should be."""
        self.network_config = _described(self.network_config)
        kinds.instance("run", "settings", self.settings, Settings, "Settings")
        for name in ("train", "val"):
            kinds.dataset("run", name, getattr(self, name), "classes", "colors", "names")
        kinds.instance("run", "normalization", self.normalization, Normalization, "a Normalization")
        if self.data_path is not None:
            kinds.path("run", "data_path", self.data_path)
        self.data_options = kinds.mapping("run", "data_options", self.data_options, None, "a dict of options")
        self.epoch = arguments.integer("run", "epoch", self.epoch)
        self.step = arguments.integer("run", "step", self.step)
        self.loss_sum = arguments.real("run", "loss_sum", self.loss_sum)
        needed = "a list of each epoch's figures"
        self.history = kinds.members("run", "history", self.history, dict, needed)

    @classmethod
    def start(
        cls,
        network_config: dict[str, Any],
        settings: Settings,
        train: Dataset,
        val: Dataset,
        *,
        data_path: str | None = None,
        data_options: dict[str, Any] | None = None,
        pretrained: Pretrained | None = None,
    ) -> Run:
        """Begin a run: make the network, with its initial weights or those of another.

        Images are normalised as pretrained weights want, or else the network, or by their own mean and deviation.
        """
        network_config = _described(network_config)
        kinds.dataset("run", "train", train, "classes", "names")
        if pretrained is not None:
            kinds.instance("run", "pretrained", pretrained, Pretrained, "what read_weights returns")
        wanted = networks.model(network_config["name"]).mean_and_std
        normalization = None if pretrained is None else pretrained.normalization
        if normalization is None:
            normalization = mean_and_std(train) if wanted is None else Normalization(*map(np.array, wanted))
        run = cls(
            network_config,
            settings,
            train,
            val,
            normalization,
            data_path,
            {} if data_options is None else data_options,
        )
        if pretrained is not None:
            run.inherited = pretrained.into(run.network, network_config, train.classes)
        return run

    @classmethod
    def resume(cls, checkpoint: Checkpoint, train: Dataset, val: Dataset, *, what: str = "checkpoint") -> Run:
        """Continue a run from its checkpoint, bit for bit.

        Parameters
        ----------
        checkpoint : Checkpoint
            The run's last state.
        train, val : Dataset
            The same images as before.
        what : str
            Name of the checkpoint, for messages.

        Raises
        ------
        ValueError
            If the data are other than before, or the checkpoint does not fit its own network.
        """
        kinds.instance(what, "checkpoint", checkpoint, Checkpoint, "a Checkpoint")
        for name, dataset in (("train", train), ("val", val)):
            kinds.dataset(what, name, dataset, "classes")
        if train.classes != checkpoint.classes:
            raise ValueError(
                f"{what} was trained on the classes {', '.join(checkpoint.classes)}; "
                f"the data have {', '.join(train.classes)}"
            )
        progress = dict(checkpoint.progress)
        if progress.pop("train_images") != len(train):
            raise ValueError(
                f"{what}: the data have {len(train)} training images, not as many as when it began"
            )
        normalization = Normalization(checkpoint.mean, checkpoint.std)
        with _naming(what):
            settings = Settings(**progress.pop("settings"))
            run = cls(checkpoint.network, settings, train, val, normalization, **progress)
            run.optimizer.load_state(checkpoint.optimizer_state)
        checkpoints.restore(run.weights, checkpoint.weights, what=what)
        return run

    def _class_weights(self) -> backend.Array | None:
        """Return the classes' weights in the loss, of the network's dtype, or None if they are not weighted."""
        if self.settings.balance == 0:
            return None
        like = next(iter(self.network.params.values()))
        return backend.array_module(like).asarray(
            class_weights(self.train, self.settings.balance), like.dtype
        )

    @property
    def weights(self) -> dict[str, backend.Array]:
        """All that the network is made of: parameters and running statistics."""
        return self.network.params | self.network.buffers

    def checkpoint(self) -> Checkpoint:
        """Return the run's state as it is now, to be saved."""
        return Checkpoint(
            network={"classes": len(self.train.classes), **self.network_config},
            weights={name: backend.to_numpy(a).copy() for name, a in self.weights.items()},
            optimizer={"name": self.settings.optimizer},
            optimizer_state=self.optimizer.state(),
            progress={
                "settings": asdict(self.settings),
                "data_path": self.data_path,
                "data_options": self.data_options,
                "train_images": len(self.train),
                "epoch": self.epoch,
                "step": self.step,
                "loss_sum": self.loss_sum,
                "history": list(self.history),
            },
            classes=self.train.classes,
            colors=self.train.colors,
            mean=self.normalization.mean,
            std=self.normalization.std,
        )

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
            by mean IoU, and the figures of all epochs as CSV.
        progress : bool
            Show a bar, with loss and rate, and say after the first steps how long it will take.
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
        with _interrupts() as interrupted, np.errstate(all="ignore"):
            clock = Clock((self.settings.epochs - self.epoch) * self.steps - self.step)
            while self.epoch < self.settings.epochs:
                began = time.perf_counter()
                if not self._train_epoch(interrupted, progress, clock):
                    if path is not None:
                        checkpoints.save(path, self.checkpoint())
                    raise Interrupted
                figures = metrics(evaluate(self.labeller, self.val, progress=progress))
                record = {"epoch": self.epoch + 1, "loss": self.loss_sum / self.steps}
                record |= {name: float(value) for name, value in figures._asdict().items() if name != "iou"}
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


def _described(network_config: Any) -> dict[str, Any]:
    """Return a network's description, if it has a name."""
    needed = "a dict of a network's name and settings"
    config: dict[str, Any] = kinds.mapping("run", "network_config", network_config, None, needed)
    if "name" not in config:
        raise ValueError(f"run: network_config is {config!r}; {needed} is needed")
    return config


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
    with _naming(path):
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
    dtype = checkpoint.network.get("dtype", "float32")
    with backend.use("numpy"):  # a plane of zeros takes no memory there
        blank = networks.make(**{**checkpoint.network, "seed": Blank(dtype)})
    checkpoints.check_fit(blank.params | blank.buffers, checkpoint.weights, what=what)


@contextmanager
def _naming(file: object) -> Iterator[None]:
    """Say which file it is that asks for what there is not."""
    try:
        yield
    except (TypeError, ValueError, KeyError, MemoryError) as error:
        said = str(error).removeprefix(f"{file}: ")
        raise ValueError(f"{file}: {said}") from error


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of a step; pressed a second time, it stops at once.

    Only the main thread receives signals; elsewhere nothing is changed, and neither is it where Ctrl-C is ignored, as
    a shell has it for what a script starts in the background.
    """
    pressed = threading.Event()
    elsewhere = threading.current_thread() is not threading.main_thread()
    if elsewhere or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield pressed.is_set
        return

    def note(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
