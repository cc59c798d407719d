"""The check that a backward pass is the transpose of its forward pass.

For a linear map A the gradient is Aᵀ, and ``⟨A x, y⟩ = ⟨x, Aᵀ y⟩`` for every x and y. No differences are needed:
on whole numbers, where every sum is exact, the two sides are equal, with ``==``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array, array_module
from npseg.check.outcome import CheckError
from npseg.check.passes import Call, double, is_float, stream


class AdjointError(CheckError):
    """A map is not linear, or its backward pass is not its transpose.

    Examples
    --------
    >>> import numpy as np
    >>> from npseg import check
    >>> try:
    ...     check.adjoint(lambda x: (x[::2], None), lambda y, cache: y.repeat(2), np.arange(4.0))
    ... except check.AdjointError:
    ...     print("repeating is not the transpose of leaving out")
    repeating is not the transpose of leaving out
    """


class AdjointReport(NamedTuple):
    """What an adjoint check found.

    Attributes
    ----------
    operation : str
        The forward pass.
    down : float
        ``⟨A x, y⟩``.
    up : float
        ``⟨x, Aᵀ y⟩``.
    exact : bool
        Whether all numbers were whole, and had to be equal.

    Examples
    --------
    >>> print(AdjointReport("double_forward", down=12.0, up=12.0, exact=True))
    double_forward: ⟨A x, y⟩ = 12 = ⟨x, Aᵀ y⟩ = 12
    """

    operation: str
    down: float
    up: float
    exact: bool

    def __str__(self) -> str:
        sign = "=" if self.exact else "≈"
        return f"{self.operation}: ⟨A x, y⟩ = {self.down:.15g} {sign} ⟨x, Aᵀ y⟩ = {self.up:.15g}"


def adjoint(
    forward: Callable[..., tuple[Array, Any]],
    backward: Callable[[Array, Any], Any],
    x: Array,
    *others: Any,
    seed: int = 0,
    tolerance: float | None = None,
    **kwargs: Any,
) -> AdjointReport:
    """Check that forward is linear in x, and that backward is its transpose.

    Parameters
    ----------
    forward : callable
        ``forward(x, *others, **kwargs) -> (A x, cache)``.
    backward : callable
        ``backward(y, cache)`` -> ``Aᵀ y``, or a tuple of gradients that begins with it.
    x : float array
        A point, not all zeros; the other vectors are drawn: whole numbers if x and A x hold such, and
        are below a thousandth of what the dtype counts exactly.
    *others
        What else determines A, such as the weights of a convolution; without a bias.
    seed : int
        Of the vectors drawn.
    tolerance : float, optional
        Largest error relative to the sum of the terms' sizes, where the numbers are not whole; by default a
        thousand roundings of the dtype: 2e-13 in float64, 1e-4 in float32.
    **kwargs
        The operation's own settings.

    Returns
    -------
    AdjointReport
        The two inner products.

    Raises
    ------
    AdjointError
        If the map is not linear, ``Aᵀ y`` has not the shape and dtype of x, or the inner products differ. Shows
        the two numbers.
    TypeError
        If forward does not return (A x, cache) with a float array A x, x is none, or there is anything else in
        place of an argument.
    ValueError
        If x is zero, so that the check could not fail, or a number is out of range.

    See Also
    --------
    npseg.check.gradients : for maps that are not linear.

    References
    ----------
    Claerbout, "Earth Soundings Analysis: Processing versus Inversion", 1992 (the dot-product test).

    Examples
    --------
    >>> import npseg
    >>> x, w = np.array([[[1.0, 2, 3, 4]]]), np.array([[[2.0, 3, 5]]])
    >>> adjoint(npseg.conv_forward, npseg.conv_backward, x, w, stride=2, padding=1).exact
    True
    >>> adjoint(npseg.relu_forward, npseg.relu_backward, np.array([-1.0, 2, -3]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    npseg.check.adjoint.AdjointError: relu_forward is not linear: A(x1 + x2) is ... but A x1 + A x2 is ...
    """
    op = "adjoint"
    kinds.function(op, "forward", forward)
    kinds.function(op, "backward", backward)
    seed = arguments.integer(op, "seed", seed, 0, inf)
    if tolerance is not None:
        arguments.positive(op, "tolerance", tolerance)
    name = getattr(forward, "__name__", "forward")
    _refuse_nothing(name, x)
    rng = stream(seed)
    if tolerance is None:
        tolerance = 1000 * float(np.finfo(x.dtype).eps)
    call = Call(forward, (x, *others), kwargs, names=())
    ax, cache = call.run()
    whole = _whole(x, ax)

    drawn = _draw(x, rng, whole)
    for x2 in (drawn, -drawn):  # of these, one or the other takes each entry across the kink of a ReLU
        ax2, together = (replace(call, arrays=(v, *others)).run()[0] for v in (x2, x + x2))
        _refuse_curved(name, ax, ax2, together, tolerance)

    y = _draw(ax, rng, whole)
    aty = _first(backward(y, cache))
    _refuse_stranger(name, aty, x)
    down, up, exact = _inner(ax, y), _inner(x, aty), _whole(x, ax, y, aty)
    if not abs(down - up) <= (0 if exact else tolerance * _inner(abs(ax), abs(y))):
        raise AdjointError(
            f"{name}: backward is not the transpose: ⟨A x, y⟩ is {down:.15g} but ⟨x, Aᵀ y⟩ is {up:.15g} "
            f"(seed {seed})"
        )
    return AdjointReport(name, down, up, exact)


def _first(gradients: Any) -> Any:
    """Return the gradient with respect to x, alone or of several."""
    return gradients[0] if isinstance(gradients, tuple | list) else gradients


def _whole(*arrays: Array) -> bool:
    """Tell whether all numbers are whole, and so small that sums of a thousand are still exact."""
    return all(
        bool(((a == array_module(a).floor(a)) & (abs(a) < 1e-3 / np.finfo(a.dtype).eps)).all())
        for a in arrays
    )


def _draw(like: Array, rng: np.random.Generator, whole: bool) -> Array:
    """Draw normal numbers, or whole ones from 1 to 9 with either sign."""
    values = rng.standard_normal(like.shape)
    if whole:
        values = np.copysign(rng.integers(1, 10, like.shape), values)
    return array_module(like).asarray(values, like.dtype)


def _inner(a: Array, b: Array) -> float:
    """Return the inner product, summed in float64, where sums of whole numbers are exact up to 2**53."""
    return float((double(a) * double(b)).sum())


def _refuse_nothing(name: str, x: Array) -> None:
    """Refuse a point at which any map would pass."""
    if not is_float(x):
        raise TypeError(f"{name}: x is {getattr(x, 'dtype', type(x).__name__)}; a float array is needed")
    if not (x != 0).any():
        raise ValueError(f"{name}: x is zero, and so is anything linear in it; there is nothing to compare")


def _refuse_curved(name: str, ax1: Array, ax2: Array, together: Array, tolerance: float) -> None:
    """Refuse a map that takes the sum of two vectors to something else than the sum of their images."""
    distance = abs(together - (ax1 + ax2))
    size = (abs(ax1) + abs(ax2)).max() if ax1.size else 0
    if (distance <= (0 if _whole(ax1, ax2, together) else tolerance * size)).all():
        return
    worst = tuple(int(i) for i in np.unravel_index(int(distance.argmax()), distance.shape))
    raise AdjointError(
        f"{name} is not linear: A(x1 + x2) is {float(together[worst]):.9g} but A x1 + A x2 is "
        f"{float((ax1 + ax2)[worst]):.9g} at {worst}"
    )


def _refuse_stranger(name: str, aty: Any, x: Array) -> None:
    """Refuse what is no array like x."""
    if not hasattr(aty, "dtype") or (aty.shape, aty.dtype) != (x.shape, x.dtype):
        given = f"{aty.dtype} {aty.shape}" if hasattr(aty, "dtype") else type(aty).__name__
        raise AdjointError(f"{name}: Aᵀ y is {given}; x is {x.dtype} {x.shape}")
