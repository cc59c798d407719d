"""What a training run is told to do, in one record that its checkpoints keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npseg import arguments
from npseg.training import optimizers, schedules


@dataclass(frozen=True)
class Settings:
    """What a run does; stored in its checkpoints.

    Attributes
    ----------
    epochs : int
        Times that every training image is used.
    batch_size : int
        Images a step.
    optimizer : {"sgd", "adam"}
        The optimizer.
    lr : float
        Learning rate at the start.
    momentum, weight_decay : float
        Of the optimizer; Adam has its own two momenta and passes over this one.
    bias_rate, bias_decay : float
        By what the learning rate and the weight decay are multiplied for biases, a layer's ``b``.
    reduction : {"mean", "sum"}
        What becomes of the losses of a step's pixels. Over a sum, the rate must be smaller by as much as there are
        pixels.
    schedule : {"poly", "step", "constant"}
        How the learning rate goes down.
    lr_step : int
        For "step": epochs after which it is divided by ten.
    crop : (height, width) or None
        Size of the random piece of each image that is trained on.
    flip : bool
        Mirror half of the images.
    jitter : (lowest, highest) or None
        Enlarge each image by a random factor in this range before it is cropped.
    clip : float or None
        Shorten the gradients, taken together, to this length where they are longer.
    balance : float
        Weigh the classes by their rarity to this power: 0 not at all, 1 by median frequency.
    seed : int
        Of all that is random.

    Examples
    --------
    >>> from dataclasses import replace
    >>> short = Settings(epochs=3, crop=(96, 128))
    >>> short.batch_size, replace(short, lr=0.01).epochs
    (8, 3)
    """

    epochs: int = 30
    batch_size: int = 8
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_rate: float = 1.0
    bias_decay: float = 1.0
    reduction: str = "mean"
    schedule: str = "poly"
    lr_step: int = 10
    crop: tuple[int, int] | None = None
    flip: bool = True
    jitter: tuple[float, float] | None = None
    clip: float | None = None
    balance: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("lr_step", 1)):
            arguments.integer("training", name, getattr(self, name), least)
        arguments.integer("training", "seed", self.seed, 0, math.inf)
        arguments.choice("training", "optimizer", self.optimizer, ("sgd", "adam"))
        arguments.choice("training", "reduction", self.reduction, ("mean", "sum"))
        arguments.choice("training", "schedule", self.schedule, ("poly", "step", "constant"))
        for name in ("momentum", "weight_decay", "bias_rate", "bias_decay"):
            arguments.real("training", name, getattr(self, name))
        if not isinstance(self.flip, bool):
            raise TypeError(f"training: flip={self.flip!r} is neither true nor false")
        arguments.positive("training", "lr", self.lr)
        if not 0 <= arguments.real("training", "balance", self.balance) <= 1:
            raise ValueError(f"training: balance={self.balance} must lie between 0, no weights, and 1")
        if self.crop is not None:
            object.__setattr__(self, "crop", _pair("crop", self.crop))
            for length in self.crop:
                arguments.integer("training", "crop", length, 1)
        if self.jitter is not None:
            object.__setattr__(self, "jitter", _pair("jitter", self.jitter))
            if not 0 < self.jitter[0] <= self.jitter[1]:
                raise ValueError(
                    f"training: jitter={self.jitter} must be two factors, the smaller first, as 0.75 1.5"
                )
        if self.clip is not None:
            arguments.positive("training", "clip", self.clip)
        # Made for their checks, so that a wrong number is refused before any image is read.
        self.make_optimizer({"layer.b": np.zeros(1)})
        self.make_schedule(1)

    def make_optimizer(self, params: dict[str, Any]) -> optimizers.Optimizer:
        """Make the optimizer of these parameters."""
        own: dict[str, Any] = {"momentum": self.momentum} if self.optimizer == "sgd" else {}
        biases = [name for name in params if name.rpartition(".")[2] == "b"]
        return optimizers.make(
            self.optimizer,
            params,
            weight_decay=self.weight_decay,
            rates=dict.fromkeys(biases, self.bias_rate),
            decays=dict.fromkeys(biases, self.bias_decay),
            **own,
        )

    def make_schedule(self, steps_per_epoch: int) -> schedules.Schedule:
        """Make the schedule, from a step to its learning rate."""
        steps_per_epoch = arguments.integer("training", "steps_per_epoch", steps_per_epoch, 1)
        own: dict[str, dict[str, float]] = {
            "poly": {"total": self.epochs * steps_per_epoch},
            "step": {"every": self.lr_step * steps_per_epoch},
        }
        return schedules.make(self.schedule, lr=self.lr, **own.get(self.schedule, {}))


def _pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return two numbers: a list, where they come from a file."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"training: {name}={value!r} must be two numbers")
    for number in value:
        arguments.real("training", name, number)
    return value[0], value[1]
