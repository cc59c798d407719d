"""Recurrent convolutional networks: Pinheiro and Collobert's CNN1, rCNN2 and rCNN3.

A pixel is classified by the patch around it, by a few convolutions and poolings without any padding. To see more
without more weights, the network is applied again, to its own answers: each *instance* f takes the label planes of
the one before beside the image, and so can mend what that one got wrong,

    F^1 = [0, I],    F^p = [f(F^{p-1}), I^p].

The weights are the same in all instances. The loss is the sum of the losses of all of them, and its gradient comes
to an instance's scores on two ways: from their own loss, and from the next instance, which read them. In backward,
below, the two are added, and so are the gradients of the weights, over the instances.

Many patches of an image overlap, and running f on the whole padded image classifies one every few pixels, as many as
its poolings skip. Those between come by shift and merge (:mod:`npseg.layers.shifts`).

References
----------
Pinheiro & Collobert, "Recurrent convolutional neural networks for scene labeling", ICML 2014.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from math import prod, sqrt
from typing import Any

from npseg import arguments
from npseg.backend import Array, array_module
from npseg.geometry import Ints
from npseg.layers import BilinearUpsampling, Conv, Layer, Merge, Sequential
from npseg.layers.shared import GradientSums
from npseg.memory import zeros
from npseg.networks.instance import LAYOUTS, Instance, Stage, patch_size
from npseg.networks.network import Model, Network
from npseg.ops.crop import crop_backward, crop_forward
from npseg.ops.loss import cross_entropy_backward, cross_entropy_forward

__all__ = ["LAYOUTS", "MODELS", "VOID", "RecurrentCNN", "Stage", "patch_size"]

#: The label of pixels that do not count: what labels are padded with.
VOID = 255


class RecurrentCNN(Network):
    """Convolutions that classify the patch around each pixel, applied to the image and to their own answers.

    Parameters
    ----------
    classes : int
        Classes to tell apart.
    layout : {"cnn1", "cnn2", "cnn3"}
        The layers of an instance.
    instances : int
        How often they run. With 1 there are no label planes to be fed back, and the image alone goes in.
    width : int
        Channels of the first convolution; the paper has 25, and 50 for SIFT Flow.
    second : int, optional
        Channels of the second; ``2 * width`` unless given. The paper has 50 on both data sets.
    step : int
        Pixels from one score to the next, on each axis: 1 computes them all, and a power of two, up to the product
        of all poolings' strides, fewer, between which the scores are interpolated. The paper's "resolution" is
        1 / step. Learning takes the same patches.
    hidden_tanh : bool
        Let a tanh follow each hidden convolution, as the paper's formula has it. Its list of CNN3's layers has none
        after the second, which is not pooled.
    seed : int
        Seed of the initial weights.
    dtype : str
        "float32" or "float64".
    method : str
        The method of all layers; "auto" takes the fastest.

    Attributes
    ----------
    patch : int
        Size of the patch that settles a score, on each axis: it is odd, and the pixel in its middle is classified.
    stride : int
        The product of the poolings' strides, over all instances.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The image is padded once, by half a patch, with zeros: its mean. CNN1 sees the image alone, as it is not recurrent.
    Where the paper is silent we chose:

    * The planes fed back are scores, f without the softmax, as its formulas have it; not probabilities.
    * "Scaled to the size of f" is the image at the very pixels that the scores of f classify: every s-th of those that
      have a patch. Resizing all of it to that size would not lie under the scores, which do not reach its rim: f on
      121 pixels answers for 25 that span 97.
    * Weights start with deviation 1 / sqrt(fan_in), which suits tanh; biases with 0.
    * An instance's loss is the mean over all pixels of the image that its scores lie on, not that of one patch a step.

    Examples
    --------
    >>> import numpy as np
    >>> network = RecurrentCNN(4, layout="cnn2", instances=2, width=2)
    >>> network.patch, network.stride
    (121, 16)
    >>> network.forward(np.zeros((1, 3, 33, 47), "float32")).shape
    (1, 4, 33, 47)
    """

    def __init__(
        self,
        classes: int,
        *,
        layout: str = "cnn2",
        instances: int = 2,
        width: int = 8,
        second: int | None = None,
        step: int = 2,
        hidden_tanh: bool = True,
        seed: int = 0,
        dtype: str = "float32",
        method: str = "auto",
    ) -> None:
        arguments.choice("RecurrentCNN", "layout", layout, LAYOUTS)
        arguments.flag("RecurrentCNN", "hidden_tanh", hidden_tanh)
        classes, width = arguments.integers("RecurrentCNN", 1, classes=classes, width=width)
        second = arguments.integer("RecurrentCNN", "second", 2 * width if second is None else second, 1)
        self.stages, self.classes, self.dtype = LAYOUTS[layout], classes, dtype
        self.hidden_tanh = hidden_tanh
        self.fed = classes if arguments.integer("RecurrentCNN", "instances", instances, 1) > 1 else 0
        # The scores are fed back beside the image's three channels.
        arguments.integer("RecurrentCNN", "classes", classes, 1, arguments.LARGEST - 3)
        rng = arguments.generator("RecurrentCNN", seed)
        planes = (self.fed + 3, width, second, classes)

        def conv(number: int) -> Conv:
            below, above = planes[number - 1 : number + 1]
            kernel = self.stages[number - 1].kernel
            return Conv(below, above, kernel, rng=rng, deviation=1 / sqrt(below * kernel**2), dtype=dtype)

        super().__init__(conv1=conv(1), conv2=conv(2), conv3=conv(3))
        self._unroll(instances, step)
        self.compute_by(method)

    def unrolled(self, *, instances: int | None = None, step: int | None = None) -> RecurrentCNN:
        """Return a network of the same weights, the very arrays, with other instances or another step.

        Parameters
        ----------
        instances, step : int, optional
            As of the network; as they are unless given.

        Raises
        ------
        ValueError
            If one is out of range, or the network takes no label planes to feed back.

        Examples
        --------
        Learn two instances, then go on with three, and label every pixel:

        >>> network = RecurrentCNN(4, layout="cnn3", instances=2, width=2)
        >>> network.patch, network.unrolled(instances=3, step=1).patch
        (67, 155)
        """
        other = copy.copy(self)
        other._unroll(self.instances if instances is None else instances, self.step if step is None else step)
        other.compute_by(self.method)
        if not self.training:
            other.evaluate(remember=self.remembering)
        return other

    def _unroll(self, instances: int, step: int) -> None:
        """Put the convolutions, which all instances share, together with what each has for itself."""
        arguments.integer("RecurrentCNN", "instances", instances, 1)
        arguments.integer("RecurrentCNN", "step", step, 1)
        if instances > 1 and not self.fed:
            raise ValueError(
                f"RecurrentCNN: instances={instances}, but it was made for 1 and takes no label planes"
            )
        stride = prod(stage.pool for stage in self.stages)
        self.instances, self.step, self.stride = instances, step, stride**instances
        self.losses = instances
        self.patch = patch_size(self.stages, instances)
        if self.stride % step:
            raise ValueError(f"RecurrentCNN: step={step} must be a power of two, up to {self.stride}")
        own = {
            f"instance{p}": Instance(self.stages, stride ** (p - 1), step=step, hidden_tanh=self.hidden_tanh)
            for p in range(1, instances + 1)
        }
        self.layers = {**self._convs, **own}
        self.layers["merge"] = Merge([pool.shifts for instance in own.values() for pool in instance.pools])
        if step > 1:
            self.layers["enlarge"] = BilinearUpsampling(
                self.classes, step, padding=step // 2, learned=False, dtype=self.dtype
            )

    def instance(self, number: int) -> Sequential:
        """Return the layers of an instance in their order: the shared ones and its own.

        Parameters
        ----------
        number : int
            From 1 on.

        Raises
        ------
        ValueError
            If there is none of this number.

        Examples
        --------
        >>> list(RecurrentCNN(4, layout="cnn3", instances=3, width=2).instance(2).layers)
        ['conv1', 'pool1', 'tanh1', 'conv2', 'tanh2', 'conv3']
        """
        number = arguments.integer("RecurrentCNN", "instance", number, 1, self.instances)
        return self._instances[number - 1].over(self._convs)

    @property
    def _convs(self) -> dict[str, Layer]:
        return {name: layer for name, layer in self.layers.items() if name.startswith("conv")}

    @property
    def _instances(self) -> list[Instance]:
        return [layer for layer in self.layers.values() if isinstance(layer, Instance)]

    def sees(self, first: int, last: int) -> tuple[int, int]:
        """Return the pixels of the image that pixels of the scores see, on one axis: those of their patches."""
        if self.step > 1:
            first, last = self.layers["enlarge"].sees(first, last)
        before = self._before
        return first * self.step - before, last * self.step - before + self.patch - 1

    def forward(self, x: Array) -> Array:
        """Return the scores of the classes at each pixel, by the last instance.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Images of any size.

        Returns
        -------
        (N, classes, H, W) array
            Scores (logits).
        """
        scores, tape = self._run(self._pad(x))
        y = self.layers["merge"].forward(scores[-1])
        y, within = crop_forward(y, 0, [-(-n // self.step) for n in x.shape[2:]])
        if self.step > 1:
            y = self.layers["enlarge"].forward(y)
        y, image = crop_forward(y, 0, x.shape[2:])
        self._remember((tape, within, image))
        return y

    def backward(self, dout: Array) -> Array:
        """Carry the gradient of the scores back to the image, and leave those of all parameters.

        Parameters
        ----------
        dout : (N, classes, H, W) array
            Gradient with respect to the scores.

        Returns
        -------
        (N, 3, H, W) array
            Gradient with respect to the image.
        """
        tape, within, image = self._recall()
        size = dout.shape[2:]
        dout = crop_backward(dout, image)
        if self.step > 1:
            dout = self.layers["enlarge"].backward(dout)
        dscores = self.layers["merge"].backward(crop_backward(dout, within))
        dimage = self._run_backward([None] * (self.instances - 1) + [dscores], tape)
        return crop_forward(dimage, self._before, size)[0]

    def learn(
        self, x: Array, labels: Array, *, weight: Array | None = None, reduction: str = "mean"
    ) -> Array:
        """Run forward and backward on a batch: leave the gradients of all parameters, return the loss.

        Parameters
        ----------
        x : (N, 3, H, W) array
            Normalised images.
        labels : (N, H, W) integer array
            Their classes; 255 is void.
        weight : (classes,) array, optional
            Of each class in the loss.
        reduction : {"mean", "sum"}
            What becomes of the losses of an instance's pixels.

        Returns
        -------
        0-d array
            The loss: the sum, over the instances, of the cross entropy of an instance's scores and the labels of the
            pixels that they lie on, averaged over these, or their sum.
        """
        scores, tape = self._run(self._pad(x))
        truth = self._pad(labels[:, None], VOID)
        losses, gradients = [], []
        for instance, instance_scores in zip(self._instances, scores):
            truth = instance.centres(truth)
            loss, cache = cross_entropy_forward(
                instance_scores, truth[:, 0], weight=weight, ignore_index=VOID, reduction=reduction
            )
            losses.append(loss)
            gradients.append(cross_entropy_backward(None, cache))
        self._run_backward(gradients, tape)
        return sum(losses[1:], start=losses[0])

    def _run(self, image: Array) -> tuple[list[Array], Tape]:
        """Run the instances on the padded image; return the scores of each, in shifts, and what backward needs."""
        scores: list[Array] = []
        tape: Tape = []
        labels = zeros((len(image), self.fed, *image.shape[2:]), image)
        for instance in self._instances:
            planes = array_module(image).concatenate([labels, image], axis=1)
            labels = instance.over(self._convs).forward(planes)
            scores.append(labels)
            # The next instance runs the same convolutions; what they remember of this one is kept for its backward.
            tape.append((image.shape, [conv.take() for conv in self._convs.values()]))
            image = instance.centres(image)
        return scores, tape

    def _run_backward(self, gradients: Sequence[Array | None], tape: Tape) -> Array:
        """Go back through the instances, from the gradient of each one's own loss; return that of the image."""
        sums = GradientSums(self._convs.values())
        dlabels = dimage = None
        for instance, own, (shape, remembered) in reversed([*zip(self._instances, gradients, tape)]):
            for conv, taken in zip(self._convs.values(), remembered):
                conv.give(taken)
            dplanes = instance.over(self._convs).backward(_both(own, dlabels))
            sums.add()
            dlabels, dpart = dplanes[:, : self.fed], dplanes[:, self.fed :]
            dimage = _both(dpart, None if dimage is None else instance.centres_backward(dimage, shape))
        sums.leave()
        return dimage

    @property
    def _before(self) -> int:
        """Pixels of the padding before the image: half a patch, less what lets scores lie amid their step."""
        return self.patch // 2 - (self.step - 1) // 2

    def _pad(self, planes: Array, value: int = 0) -> Array:
        """Pad images, or labels, so that there is a patch for each score, and as many for each shift."""
        border = [(0, 0), (0, 0)]
        for n in planes.shape[2:]:
            size = self.patch - 1 + -(-n // self.stride) * self.stride
            border.append((self._before, size - n - self._before))
        return array_module(planes).pad(planes, border, constant_values=value)


#: Of each instance, the shape of its image planes and what the shared layers remember.
Tape = list[tuple[Ints, list[Any]]]


def _both(one: Array, other: Array | None) -> Array:
    """Add the gradients of what was used twice, where it was."""
    if one is None:
        return other
    return one if other is None else one + other


#: Plain gradient descent, and neither distortions nor balanced classes. The paper steps after each patch, drawn at
#: random; here it is an image, with the mean over its pixels.
_PAPER = {
    "batch_size": 1,
    "optimizer": "sgd",
    "lr": 1e-4,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "flip": False,
}


def _model(layout: str, instances: int) -> Model:
    build = partial(RecurrentCNN, layout=layout, instances=instances)
    published = {"width": 25, "step": 1, "hidden_tanh": False}
    # A quarter of the resolution is a sixteenth of the last instance's work, and cost the paper's rCNN3 one per cent.
    return Model(
        build,
        published=published,
        width=8,
        small=lambda width: {"step": 4},
        classes=8,
        recipes={"paper": _PAPER},
    )


MODELS = {"cnn1": _model("cnn1", 1), "rcnn2": _model("cnn2", 2), "rcnn3": _model("cnn3", 3)}
