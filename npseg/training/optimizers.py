"""How a gradient changes the parameters: stochastic gradient descent with momentum, and Adam.

An optimizer holds the very arrays that the layers compute with and changes them in place: nothing is handed
back. The formulas are PyTorch's. A step goes through the parameters a chunk at a time, and all of the formula is done
before the next: each number is read once, and no intermediate result is as large as a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array, array_module, fused, one_library, to_numpy
from npseg.chunks import Chunk, chunks
from npseg.training.checkpoints import restore
from npseg.workers import share_out


class Optimizer:
    """What SGD and Adam share; a subclass names its moments and writes ``_update``.

    Parameters
    ----------
    params : dict of str to array
        The parameters by name; the arrays themselves are changed by every step.
    weight_decay : float, default 0
        λ: the gradient of λ/2 · Σ p² is added to each gradient.
    rates, decays : dict of str to float, optional
        By what the learning rate and λ are multiplied for the parameters of these names; 1 unless given.
    """

    #: Arrays of each parameter's shape, zero at first.
    moments: tuple[str, ...] = ()

    def __init__(
        self,
        params: Mapping[str, Array],
        *,
        weight_decay: float = 0.0,
        rates: Mapping[str, float] | None = None,
        decays: Mapping[str, float] | None = None,
    ) -> None:
        _check_at_least_zero("weight_decay", weight_decay)
        if not isinstance(params, Mapping):
            raise TypeError(
                f"optimizer: params is a {type(params).__name__}; a dict of arrays by name is needed"
            )
        self.params = kinds.arrays("optimizer", "params", params)
        self.weight_decay = weight_decay
        self.rates = _one_for_each(params, "rates", rates)
        self.decays = _one_for_each(params, "decays", decays)
        self._state: dict[str, Array] = {"steps": np.zeros((), np.int64)}
        for moment in self.moments:
            self._state |= {f"{moment}/{n}": array_module(p).zeros_like(p) for n, p in self.params.items()}
        self._pieces = [(name, chunk) for name, p in self.params.items() for chunk in chunks(p.shape, p)]

    def step(self, grads: Mapping[str, Array | None], lr: float) -> None:
        """Change every parameter once, in place.

        Parameters
        ----------
        grads : dict of str to array
            The gradient of each parameter, with its shape and dtype; they are not modified. Gradients of
            further names are passed over, so that a part of a network can be trained alone.
        lr : float
            The learning rate.

        Raises
        ------
        ValueError
            If a gradient is missing, None or of another shape, or the rate is negative or not finite.
        TypeError
            If a gradient has another dtype, or belongs to another array library. In both cases no parameter
            has been changed.
        """
        _check_at_least_zero("lr", lr)
        lr = float(lr)
        kinds.instance("optimizer", "grads", grads, Mapping, "a dict of arrays by name")  # type: ignore[type-abstract]
        for name, p in self.params.items():
            _check_gradient(name, p, grads.get(name))
        self._state["steps"] += 1
        gradients: Mapping[str, Array] = grads

        def update(piece: tuple[str, Chunk]) -> None:
            name, chunk = piece
            p, g = self.params[name][chunk], gradients[name][chunk]
            moments = (self._state[f"{moment}/{name}"][chunk] for moment in self.moments)
            decay = self.weight_decay * self.decays[name]
            self._update(p, _decayed(g, p, decay) if decay else g, *moments, lr=lr * self.rates[name])

        share_out(update, self._pieces, next(iter(self.params.values()), None))

    def state(self) -> dict[str, np.ndarray]:
        """Return host copies of all that the next step depends on, besides the parameters."""
        return {name: to_numpy(array).copy() for name, array in self._state.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` of an optimizer of the same kind, with the same parameters, returned.

        Raises
        ------
        ValueError
            If names, shapes or dtypes do not fit; nothing has been changed then.
        """
        restore(self._state, state, what=f"the state of {type(self).__name__}")

    def _update(self, p: Array, g: Array, *moments: Array, lr: float) -> None:
        """Change a chunk of a parameter and of its moments in place; the gradient stays as it is."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with momentum: v ← μ v + g, then p ← p − lr · v.

    Parameters
    ----------
    params : dict of str to array
        The parameters by name; the arrays themselves are changed by every step.
    momentum : float, default 0.9
        μ, in [0, 1). The velocity v begins at 0, so the first step is v = g.
    weight_decay : float, default 0
        λ; g is the gradient + λ p.
    rates, decays : dict of str to float, optional
        By what lr and λ are multiplied for the parameters of these names; 1 unless given.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    ``torch.optim.SGD``. Caffe, and so FCN's solvers, has the rate within v (v ← μ v + lr · g): the same as
    long as the rate is constant.

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> optimizer = SGD({"w": w}, momentum=0.5)
    >>> optimizer.step({"w": np.array([1.0, 0.0])}, lr=0.25)
    >>> optimizer.step({"w": np.array([1.0, 0.0])}, lr=0.25)
    >>> w
    array([0.375, 2.   ])
    """

    moments = ("velocity",)

    def __init__(self, params: Mapping[str, Array], *, momentum: float = 0.9, **common: Any) -> None:
        _check_below_one("momentum", momentum)
        super().__init__(params, **common)
        self.momentum = momentum

    def _update(self, p: Array, g: Array, *moments: Array, lr: float) -> None:
        _descend(p, g, *moments, lr, self.momentum)


class Adam(Optimizer):
    """Adam: steps along the mean of the gradient, in units of its root mean square.

    After t steps with gradients g: m ← β₁ m + (1 − β₁) g and s ← β₂ s + (1 − β₂) g², both from 0; dividing by
    1 − βᵗ takes out the bias towards that 0; p ← p − lr · m̂ / (√ŝ + ε).

    Parameters
    ----------
    params : dict of str to array
        The parameters by name; the arrays themselves are changed by every step.
    betas : pair of float, default (0.9, 0.999)
        β₁ and β₂, in [0, 1).
    eps : float, default 1e-8
        ε, added outside the root.
    weight_decay : float, default 0
        λ; g is the gradient + λ p, before the moments (AdamW would shrink p itself).
    rates, decays : dict of str to float, optional
        By what lr and λ are multiplied for the parameters of these names; 1 unless given.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1;
    ``torch.optim.Adam``.

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> Adam({"w": w}).step({"w": np.array([5.0, -0.01])}, lr=0.25)
    >>> w.round(4)
    array([0.75, 2.25])
    """

    moments = ("mean", "square")

    def __init__(
        self,
        params: Mapping[str, Array],
        *,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        **common: Any,
    ) -> None:
        betas = kinds.listed("optimizer", "betas", betas, "a pair of numbers")
        if len(betas) != 2:
            raise ValueError(f"optimizer: betas={betas}; a pair of numbers is needed")
        for beta in betas:
            _check_below_one("betas", beta)
        _check_at_least_zero("eps", eps)
        super().__init__(params, **common)
        self.beta1, self.beta2 = betas
        self.eps = eps

    def _update(self, p: Array, g: Array, *moments: Array, lr: float) -> None:
        t, beta1, beta2 = int(self._state["steps"]), self.beta1, self.beta2
        rate, unbiased = lr / (1 - beta1**t), math.sqrt(1 - beta2**t)
        _adapt(p, g, *moments, rate, unbiased, beta1, beta2, self.eps)


@fused
def _decayed(g: Array, p: Array, decay: float) -> Array:
    """Return the gradient of a loss to which decay/2 · Σ p² is added."""
    return g + decay * p


@fused
def _descend(p: Array, g: Array, velocity: Array, lr: float, momentum: float) -> None:
    """Let the velocity follow the gradient, and the parameter the velocity."""
    velocity *= momentum
    velocity += g
    p -= lr * velocity


@fused
def _adapt(
    p: Array,
    g: Array,
    mean: Array,
    square: Array,
    rate: float,
    unbiased: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """Let both moments follow the gradient, and the parameter their ratio."""
    mean *= beta1
    mean += (1 - beta1) * g
    square *= beta2
    square += (1 - beta2) * (g * g)
    p -= rate * (mean / (array_module(p).sqrt(square) / unbiased + eps))


_OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def make(name: str, params: Mapping[str, Array], **settings: Any) -> Optimizer:
    """Make an optimizer from its name and its settings.

    Parameters
    ----------
    name : {"sgd", "adam"}
        The optimizer.
    params : dict of str to array
        The parameters by name.
    **settings : float or pair of float
        The keyword arguments of :class:`SGD` or :class:`Adam`.

    Returns
    -------
    Optimizer
        Its ``step(grads, lr)`` changes the parameters in place.

    Raises
    ------
    ValueError
        If there is no such optimizer, or a setting is out of range.

    Examples
    --------
    >>> make("sgd", {"w": np.zeros(3)}, momentum=0.5).momentum
    0.5
    """
    if not isinstance(name, str) or name not in _OPTIMIZERS:
        raise ValueError(f"optimizer {name!r}: choose one of {', '.join(map(repr, _OPTIMIZERS))}")
    return _OPTIMIZERS[name](params, **settings)


def _check_at_least_zero(name: str, value: float) -> None:
    if not arguments.real("optimizer", name, value) >= 0:
        raise ValueError(f"optimizer: {name} is {value}, but must be a finite number, 0 or more")


def _one_for_each(
    params: Mapping[str, Array], what: str, given: Mapping[str, float] | None
) -> dict[str, float]:
    """Return a factor for each parameter, 1 where none is given."""
    if given is not None:
        given = kinds.mapping("optimizer", what, given, None, "a dict of numbers by name")
    factors = {**dict.fromkeys(params, 1.0), **(given or {})}
    for name, factor in factors.items():
        if name not in params:
            raise ValueError(f"optimizer: {what} has {name!r}, which is no parameter")
        _check_at_least_zero(f"{what} of {name}", factor)
    return factors


def _check_below_one(name: str, value: float) -> None:
    if not 0 <= arguments.real("optimizer", name, value) < 1:
        raise ValueError(f"optimizer: {name} contains {value}, but must lie in [0, 1)")


def _check_gradient(name: str, p: Array, grad: Array | None) -> None:
    if grad is None:
        raise ValueError(
            f"optimizer: there is no gradient of {name!r}; run the backward pass of every layer first"
        )
    kinds.arrays("optimizer", "grads", {name: grad})
    one_library(f"optimizer: {name!r}", parameter=p, gradient=grad)
    if grad.shape != p.shape:
        raise ValueError(
            f"optimizer: the gradient of {name!r} has shape {grad.shape}, the parameter {p.shape}"
        )
    if grad.dtype != p.dtype:
        raise TypeError(
            f"optimizer: the gradient of {name!r} is {grad.dtype}, the parameter {p.dtype}; "
            f"write grad.astype({str(p.dtype)!r})"
        )
