"""Whole steps: a training step of FCN-8s, and the labelling of an image, as a training run does them.

The training step is that of :meth:`npseg.training.loop.Run.train_step`: forward, cross entropy, backward, and SGD
with momentum and weight decay. PyTorch runs the same network, layer for layer from the same weights; before
anything is timed, scores and loss must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from npseg import backend
from npseg.bench.contenders import PYTORCH, SLOW, check_agreement, pytorch
from npseg.bench.rows import Job, Row, compete
from npseg.bench.timing import Passes
from npseg.data import Scenes
from npseg.layers import Container
from npseg.methods.choose import GENERAL
from npseg.ops.loss import cross_entropy_forward
from npseg.predict import Labeller
from npseg.summary import summarize
from npseg.training import Run, Settings

#: As many as PASCAL VOC has.
CLASSES = 21

#: A rate so low that the network stays what it was, however often it is trained.
SETTINGS = Settings(batch_size=4, lr=1e-6, momentum=0.9, weight_decay=5e-4, schedule="constant")


@dataclass(frozen=True)
class Network:
    """An FCN-8s, and the images that it works on.

    Attributes
    ----------
    width, fc : int
        Channels of the first block, and of fc6 and fc7.
    size : int
        Height and width of the images.
    batch_norm : bool
        Whether each convolution is normalised.
    """

    width: int
    fc: int
    size: int
    batch_norm: bool = False

    @property
    def sizes(self) -> str:
        """The sizes, as tables have them."""
        norm = " with batch norm" if self.batch_norm else ""
        return f"width {self.width}{norm}, {self.size}²"

    def smaller(self) -> Network:
        """Return it with a sixteenth of the channels on a quarter of the size."""
        return replace(self, width=self.width // 16, fc=self.fc // 64, size=self.size // 4)

    def run(self) -> Run:
        """Return a training run with random weights: score layers of 0, as they begin, would prove nothing."""
        config = {"name": "fcn8s", "classes": CLASSES, "width": self.width, "fc": self.fc}
        scenes = Scenes(SETTINGS.batch_size, size=(self.size, self.size))
        run = Run.start(config | {"batch_norm": self.batch_norm}, SETTINGS, scenes, scenes)
        rng = np.random.default_rng(0)
        for name, w in run.network.params.items():
            if "score" in name and name.endswith(".w"):
                w += backend.current().asarray(rng.standard_normal(w.shape, w.dtype) / 100)
        return run


#: VGG's width, half of it, and what ``npseg train`` makes.
TRAINED = (
    Network(64, 4096, 128),
    Network(32, 2048, 128),
    Network(16, 128, 128, batch_norm=True),
)
LABELLING = (Network(64, 4096, 512),)


def jobs(methods: Sequence[str], *, quick: bool = False) -> Iterator[Job]:
    """Yield what there is to measure.

    Parameters
    ----------
    methods : sequence of str
        npseg's methods to time, of which those take part that can run a whole network, and before long.
    quick : bool
        Small networks and images.
    """
    able = [method for method in methods if method in GENERAL and method not in SLOW]
    if able:
        for network in TRAINED:
            yield _training_job(network.smaller() if quick else network, able)
        for network in LABELLING:
            yield _labelling_job(network.smaller() if quick else network, able)


def _training_job(network: Network, methods: Sequence[str]) -> Job:
    name = f"FCN-8s training step, {network.sizes}"

    def measure(seconds: float) -> list[Row]:
        run = network.run()
        forward = SETTINGS.batch_size * gflop(run.network, network.size)
        found = trainers(name, run, methods, network.size)
        # Backward makes two gradients, and so twice as many operations.
        return compete("steps", name, found, seconds, {"step": 3 * forward})

    return Job("steps", name, measure)


def _labelling_job(network: Network, methods: Sequence[str]) -> Job:
    name = f"FCN-8s labelling, {network.sizes}"

    def measure(seconds: float) -> list[Row]:
        ours = {method: network.run().labeller for method in methods}
        found = labellers(name, ours, network.size)
        return compete(
            "steps", name, found, seconds, {"labels": gflop(ours[methods[0]].network, network.size)}
        )

    return Job("steps", name, measure)


def gflop(network: Container, size: int) -> float:
    """Return the billions of floating-point operations of a network's forward pass on one image.

    Those of its convolutions: a multiplication and an addition for each product of a pixel and a tap.

    Examples
    --------
    >>> from npseg.networks import FCN
    >>> round(1e9 * gflop(FCN(21, width=1, fc=1), 32))
    3895452
    """
    return 2e-9 * sum(row.multiply_adds for row in summarize(network, (size, size)))


def trainers(name: str, run: Run, methods: Sequence[str], size: int) -> dict[str, Passes]:
    """Return who does a run's training step: the run itself by each method, and PyTorch with a copy of its network.

    Raises
    ------
    ValueError
        If their scores or losses differ.
    """
    rng, xp = np.random.default_rng(1), backend.current()
    x = xp.asarray(rng.standard_normal((SETTINGS.batch_size, 3, size, size), np.float32))
    labels = xp.asarray(rng.integers(CLASSES, size=(SETTINGS.batch_size, size, size), dtype=np.uint8))

    def by(method: str) -> Passes:
        def step(_: object) -> float:
            run.network.compute_by(method)
            return run.train_step(x, labels)

        return {"step": step}

    found = {method: by(method) for method in methods}
    torch = pytorch()
    if torch is not None:
        settings = {key: getattr(run.settings, key) for key in ("lr", "momentum", "weight_decay")}
        copy = torch.Training(run.network, x, labels, **settings)
        run.network.evaluate()
        expected = copy.evaluate()
        for method in methods:
            run.network.compute_by(method)
            scores = run.network.forward(x)
            loss, _ = cross_entropy_forward(scores, labels)
            for ours, theirs in zip((scores, loss), expected, strict=True):
                check_agreement(name, method, ours, PYTORCH, theirs)
        found[PYTORCH] = {"step": lambda _: copy.step()}
    return found


def labellers(name: str, ours: Mapping[str, Labeller], size: int) -> dict[str, Passes]:
    """Return who labels an image: a labeller for each method, and PyTorch with a copy of its network.

    Each method has a network of its own, as it may keep the kernels in the form that it needs.

    Raises
    ------
    ValueError
        If their scores differ.
    """
    image = np.random.default_rng(1).integers(256, size=(size, size, 3), dtype=np.uint8)

    def by(method: str, labeller: Labeller) -> Passes:
        labeller.network.compute_by(method)
        return {"labels": lambda _: labeller.labels(image)}

    found = {method: by(method, labeller) for method, labeller in ours.items()}
    torch = pytorch()
    if torch is not None:
        network, normalization, *_ = next(iter(ours.values()))
        copy = torch.Labelling(network, *normalization)
        expected = copy.scores(image)
        for method, labeller in ours.items():
            check_agreement(name, method, labeller.scores(image), PYTORCH, expected)
        found[PYTORCH] = {"labels": lambda _: copy.labels(image)}
    return found
