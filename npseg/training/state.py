"""What a run is between two of its steps: all that it takes to go on, begun, continued, and saved.

Nothing random is remembered: the order of an epoch, each batch's crops and flips, and each step's dropout follow
from (seed, epoch, step). So those three numbers, the weights and the optimizer's state are all there is to a run,
and a run that is continued from its checkpoint goes on bit for bit as if it had never stopped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from npseg import arguments, backend, kinds, networks
from npseg.data import Dataset, Normalization, mean_and_std, steps_per_epoch
from npseg.networks.weights import Report
from npseg.predict import Labeller
from npseg.training import checkpoints
from npseg.training.balance import class_weights
from npseg.training.checkpoints import Checkpoint
from npseg.training.metrics import Metrics
from npseg.training.pretrained import Pretrained
from npseg.training.settings import Settings
from npseg.training.trained import naming


@dataclass
class State:
    """Everything that a run consists of; the fields are those of :class:`npseg.training.Run`."""

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
    largest_image: tuple[int, int] | None = None
    inherited: Report | None = field(default=None, init=False)
    figures: Metrics | None = field(default=None, init=False)

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
        if self.largest_image is not None:
            height, width = arguments.axes("run", "largest_image", self.largest_image, 2)
            self.largest_image = height, width

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
    ) -> Self:
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
        run.largest_image = _largest(train)
        if pretrained is not None:
            run.inherited = pretrained.into(run.network, network_config, train.classes)
        return run

    @classmethod
    def resume(
        cls, checkpoint: Checkpoint, train: Dataset, val: Dataset, *, what: str = "checkpoint"
    ) -> Self:
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
        with naming(what):
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
                "largest_image": self.largest_image,
            },
            classes=self.train.classes,
            colors=self.train.colors,
            mean=self.normalization.mean,
            std=self.normalization.std,
        )


def _largest(dataset: Dataset) -> tuple[int, int]:
    """Return the height of the highest image, and the width of the widest."""
    heights, widths = zip(*(dataset[i][1].shape for i in range(len(dataset))))
    return max(heights), max(widths)


def _described(network_config: Any) -> dict[str, Any]:
    """Return a network's description, if it has a name."""
    needed = "a dict of a network's name and settings"
    config: dict[str, Any] = kinds.mapping("run", "network_config", network_config, None, needed)
    if "name" not in config:
        raise ValueError(f"run: network_config is {config!r}; {needed} is needed")
    return config
