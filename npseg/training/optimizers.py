"""How a gradient changes the parameters: stochastic gradient descent with momentum, and Adam.

An optimizer holds the very arrays that the layers compute with and changes them in place: nothing is handed
back. The formulas are PyTorch's. Their intermediate results go into scratch arrays, made once, as long as the
largest parameter, so a step allocates nothing. In operators and the array's own library, it runs on CuPy too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from npseg.backend import Array, array_module, to_numpy
from npseg.training.checkpoints import restore


class _Scratch:
    """A flat array for each dtype, as long as the largest parameter, lent out in any parameter's shape."""

    def __init__(self, params: Iterable[Array]) -> None:
        largest = {p.dtype: p for p in sorted(params, key=lambda p: int(p.size))}
        self._flat = {dtype: array_module(p).empty(p.size, dtype) for dtype, p in largest.items()}

    def like(self, param: Array) -> Array:
        return self._flat[param.dtype][: param.size].reshape(param.shape)


class Optimizer:
    """What SGD and Adam share; a subclass names its moments and writes ``_update``.

    Parameters
    ----------
    params : dict of str to array
        The parameters by name; the arrays themselves are changed by every step.
    weight_decay : float, default 0
        λ: the gradient of λ/2 · Σ p² is added to each gradient.
    """

    #: Arrays of each parameter's shape, zero at first.
    moments: tuple[str, ...] = ()

    def __init__(self, params: Mapping[str, Array], *, weight_decay: float = 0.0) -> None:
        _check_at_least_zero("weight_decay", weight_decay)
        self.params = dict(params)
        self.weight_decay = weight_decay
        self._state: dict[str, Array] = {"steps": np.zeros((), np.int64)}
        for moment in self.moments:
            self._state |= {f"{moment}/{n}": array_module(p).zeros_like(p) for n, p in self.params.items()}
        self._work, self._decayed = _Scratch(self.params.values()), _Scratch(self.params.values())

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
        for name, p in self.params.items():
            _check_gradient(name, p, grads.get(name))
        self._state["steps"] += 1
        for name, p in self.params.items():
            self._update(name, p, self._with_decay(p, grads[name]), float(lr))

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

    def _with_decay(self, p: Array, grad: Array) -> Array:
        """Add λ p to the gradient, in a scratch array: the gradient is the caller's."""
        if not self.weight_decay:
            return grad
        decayed = self._decayed.like(p)
        array_module(p).multiply(p, self.weight_decay, out=decayed)
        decayed += grad
        return decayed

    def _update(self, name: str, p: Array, g: Array, lr: float) -> None:
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

    def __init__(
        self, params: Mapping[str, Array], *, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        _check_below_one("momentum", momentum)
        super().__init__(params, weight_decay=weight_decay)
        self.momentum = momentum

    def _update(self, name: str, p: Array, g: Array, lr: float) -> None:
        xp, work, velocity = array_module(p), self._work.like(p), self._state[f"velocity/{name}"]
        velocity *= self.momentum
        velocity += g
        xp.multiply(velocity, lr, out=work)
        p -= work


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
        weight_decay: float = 0.0,
    ) -> None:
        for beta in betas:
            _check_below_one("betas", beta)
        _check_at_least_zero("eps", eps)
        super().__init__(params, weight_decay=weight_decay)
        self.beta1, self.beta2 = betas
        self.eps = eps

    def _update(self, name: str, p: Array, g: Array, lr: float) -> None:
        xp, work, t = array_module(p), self._work.like(p), int(self._state["steps"])
        mean, square = self._state[f"mean/{name}"], self._state[f"square/{name}"]
        xp.multiply(g, 1 - self.beta1, out=work)
        mean *= self.beta1
        mean += work
        xp.multiply(g, g, out=work)
        work *= 1 - self.beta2
        square *= self.beta2
        square += work
        xp.sqrt(square, out=work)
        work /= math.sqrt(1 - self.beta2**t)
        work += self.eps
        xp.divide(mean, work, out=work)
        work *= lr / (1 - self.beta1**t)
        p -= work


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
    if name not in _OPTIMIZERS:
        raise ValueError(f"optimizer {name!r}: choose one of {', '.join(map(repr, _OPTIMIZERS))}")
    return _OPTIMIZERS[name](params, **settings)


def _check_at_least_zero(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"optimizer: {name} is {value}, but must be a finite number, 0 or more")


def _check_below_one(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"optimizer: {name} contains {value}, but must lie in [0, 1)")


def _check_gradient(name: str, p: Array, grad: Array | None) -> None:
    if grad is None:
        raise ValueError(
            f"optimizer: there is no gradient of {name!r}; run the backward pass of every layer first"
        )
    array_module(p, grad)  # refuses arrays of two libraries
    if grad.shape != p.shape:
        raise ValueError(
            f"optimizer: the gradient of {name!r} has shape {grad.shape}, the parameter {p.shape}"
        )
    if grad.dtype != p.dtype:
        raise TypeError(
            f"optimizer: the gradient of {name!r} is {grad.dtype}, the parameter {p.dtype}; "
            f"write grad.astype({str(p.dtype)!r})"
        )
