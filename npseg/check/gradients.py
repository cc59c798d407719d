"""The check that a backward pass is the gradient of its forward pass.

Move an array along a random direction v, and weight the output with a random upstream gradient: that is a curve,
whose slope the backward pass predicts, ``⟨gradient, v⟩``, and which differences measure. One number stands for
the whole gradient, at the cost of a few forward passes whatever the sizes: were any entry wrong, the two would
only agree by a coincidence of random numbers. The upstream gradient is never ones, under which a flip, a
transposition or a mean in place of a sum go unseen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from npseg import arguments, kinds
from npseg.backend import Array
from npseg.check.differences import slopes
from npseg.check.outcome import Comparison, Report, judge
from npseg.check.passes import Call, backward_pass, double, draw, norm, rms, same, stream

#: Directions beyond which a coincidence is out of the question.
MOST_DIRECTIONS = 10_000

_TINY = float(np.finfo(np.float64).tiny)


def gradients(
    forward: Callable[..., tuple[Array, Any]],
    backward: Callable[[Array, Any], Any],
    *arrays: Any,
    names: Sequence[str] | None = None,
    seed: int = 0,
    directions: int = 3,
    step: float = 1e-5,
    tolerance: float | None = None,
    **kwargs: Any,
) -> Report:
    """Compare the gradients of a backward pass with differences of its forward pass.

    The gradients are those of the arrays as given; the differences are taken in float64, whatever the dtype, and where
    the arrays lie: those of a device are checked on it.
    Between forward and backward another forward pass is run, and backward is called twice, so that state kept
    outside the cache, or spoilt inside it, is found.

    Parameters
    ----------
    forward : callable
        ``forward(*arrays, **kwargs) -> (y, cache)``, the same each time.
    backward : callable
        ``backward(dout, cache)`` -> one gradient, or a tuple: one for each of the arrays, or for each that is
        a float array or None.
    *arrays
        The arguments. Float arrays are differentiated; labels, indices, sizes and None are passed on, and
        their gradient is None.
    names : sequence of str, optional
        The arguments' names for the report; by default those of the parameters of ``forward``.
    seed : int
        Of the upstream gradient and the directions.
    directions : int
        Directions for each array. One is enough but for coincidences.
    step : float
        How far the entries of an array are moved (root mean square), relative to the array's own root mean
        square where that is above 1. 1e-5 is about the cube root of the rounding error, where rounding and
        curvature disturb a central difference least; it is then good to some nine digits.
    tolerance : float, optional
        Largest relative error; 1e-6, or with float32 among the arrays 1e-4. The error is relative to the
        derivative or to the gradient's norm, whichever is larger: along some direction any derivative is 0.
        What rounding explains is no error.
    **kwargs
        The operation's own settings. Float arrays among them are not differentiated.

    Returns
    -------
    Report
        The relative errors; ``print`` it.

    Raises
    ------
    GradientError
        If a gradient is wrong, not finite, missing, or has another shape or dtype than its array; if an
        argument, dout or the cache is changed by a pass. Names the argument, the two numbers and the seed.
    KinkError
        If the arrays lie at a kink, within two steps. It says nothing about the gradient.
    ValueError
        If there is no float array, the number of gradients does not fit, a setting is of no use, or forward
        gives another output each time.
    TypeError
        If forward does not return (y, cache) with a float array y, or there is anything else in place of an argument.

    See Also
    --------
    npseg.check.adjoint : the exact check, for linear maps.

    References
    ----------
    HIPS autograd, ``autograd/test_util.py`` (one random inner product); Chainer, ``gradient_check.py`` (one
    random direction, and kinks).

    Examples
    --------
    >>> def square_forward(x):
    ...     return x * x, x
    >>> report = gradients(square_forward, lambda dout, x: 2 * x * dout, np.array([1.0, 2, 3]))
    >>> report.passed, list(report.errors)
    (True, ['x'])
    >>> gradients(square_forward, lambda dout, x: x * dout, np.array([1.0, 2, 3]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    npseg.check.outcome.GradientError: square_forward: the gradient with respect to x is wrong: along a ...
    """
    op = "gradients"
    kinds.function(op, "forward", forward)
    kinds.function(op, "backward", backward)
    seed = arguments.integer(op, "seed", seed, 0, inf)
    call = Call(forward, arrays, kwargs, _names(forward, arrays, names))
    _refuse_settings(call, directions, step, tolerance)
    if tolerance is None:
        tolerance = 1e-6 if all(arrays[i].dtype == np.float64 for i in call.differentiated) else 1e-4
    rng = stream(seed)
    dout, found = backward_pass(call, backward, rng, tolerance)
    exact = call.in_double()
    _refuse_randomness(exact, tolerance)

    comparisons = tuple(
        _compare(exact, i, double(dout), double(found[i]), draw(exact.arrays[i], rng), step, tolerance)
        for i in call.differentiated
        for _ in range(directions)
    )
    return judge(Report(str(call), comparisons, tolerance, seed))


def _compare(
    call: Call, i: int, dout: Array, gradient: Array, direction: Array, step: float, tolerance: float
) -> Comparison:
    """Compare the two derivatives with respect to argument i along one direction."""
    unit = direction / rms(direction)
    analytic = float((gradient * unit).sum())
    numeric = slopes(lambda t: call.moved(i, t * unit), dout, step * max(1.0, rms(call.arrays[i])))

    # Rounding stays below the tolerance, by definition; "tiny" is for 0 / 0.
    size = max(abs(analytic), abs(numeric.central), norm(gradient), numeric.rounding / tolerance, _TINY)
    error = abs(analytic - numeric.central) / size
    kink = numeric.kink > tolerance * size
    return Comparison(call.names[i], analytic, numeric.central, numeric.left, numeric.right, error, kink)


def _names(
    forward: Callable[..., Any], arrays: tuple[Any, ...], names: Sequence[str] | None
) -> tuple[str, ...]:
    """Return a name for each argument: as given, or those of the parameters, or their number."""
    if names is None:
        named = _positional(forward)[: len(arrays)]
        return (*named, *(f"argument {i}" for i in range(len(named), len(arrays))))
    names = kinds.members("gradients", "names", names, str, "a list of strings")
    if len(names) != len(arrays):
        raise ValueError(f"gradients: {len(names)} names for {len(arrays)} arguments")
    return tuple(names)


def _positional(forward: Callable[..., Any]) -> list[str]:
    """Return the names of a function's positional parameters, as far as it can be asked (kernels in C cannot)."""
    try:
        parameters = inspect.signature(forward).parameters.values()
    except ValueError:
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _refuse_settings(call: Call, directions: int, step: float, tolerance: float | None) -> None:
    """Refuse what nothing could be compared with: no float array, no directions, no step, no tolerance."""
    if not call.differentiated:
        dtypes = (getattr(a, "dtype", type(a).__name__) for a in call.arrays)
        given = ", ".join(f"{name} is {dtype}" for name, dtype in zip(call.names, dtypes)) or "nothing"
        raise ValueError(f"{call}: no float array among the arguments ({given}), so nothing to differentiate")
    op = str(call)
    arguments.integer(op, "directions", directions, 1, MOST_DIRECTIONS)
    arguments.positive(op, "step", step)
    if tolerance is not None:
        arguments.positive(op, "tolerance", tolerance)


def _refuse_randomness(call: Call, tolerance: float) -> None:
    """Refuse a forward pass whose differences would be those of its random numbers.

    A device may add up in another order each time: that is rounding, and none.
    """
    y, again = call.run()[0], call.run()[0]
    if not same(y, again) and not norm(again - y) <= tolerance * norm(y):
        raise ValueError(
            f"{call}: forward gives another output each time; seed its randomness inside forward"
        )
