"""The learning rate of each step.

A schedule is a pure function of the step's number, so a training that was interrupted goes on with the rate
that it would have had. The functions take their numbers by name, and :func:`make` binds them. A name and a
few numbers are all that there is to a schedule, so it fits into a checkpoint as it is: ``make(**settings)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

#: From the number of a step, the first being 0, to its learning rate.
Schedule: TypeAlias = Callable[[int], float]


def constant(step: int, *, lr: float) -> float:
    """Return the same learning rate for every step.

    Parameters
    ----------
    step : int
        The number of the step, from 0.
    lr : float
        The learning rate.

    Returns
    -------
    float
        The learning rate of this step.

    Examples
    --------
    >>> constant(1000, lr=0.1)
    0.1
    """
    return lr


def poly(step: int, total: int, *, lr: float, power: float = 0.9) -> float:
    """Let the learning rate fall to 0 over the whole training: lr · (1 − step / total) ^ power.

    Parameters
    ----------
    step : int
        The number of the step, from 0.
    total : int
        The number of steps of the whole training; the rate reaches 0 after the last.
    lr : float
        The learning rate of the first step.
    power : float, default 0.9
        1 falls along a straight line.

    Returns
    -------
    float
        The learning rate of this step.

    Raises
    ------
    ValueError
        If the step is not one in 0 ... total.

    References
    ----------
    Caffe, ``sgd_solver.cpp``, policy "poly"; L.-C. Chen et al., "DeepLab", TPAMI 2018, section 4 (power 0.9).

    Examples
    --------
    >>> [poly(step, 4, lr=0.1, power=1) for step in (0, 2, 4)]
    [0.1, 0.05, 0.0]
    """
    if not 0 <= step <= total or total < 1:
        raise ValueError(
            f"poly: step {step} is not within 0 ... {total}; total is the length of the whole training"
        )
    return float(lr * (1 - step / total) ** power)


def step_decay(step: int, *, lr: float, every: int, factor: float = 0.1) -> float:
    """Multiply the learning rate by a factor every so many steps: lr · factor ^ ⌊step / every⌋.

    Parameters
    ----------
    step : int
        The number of the step, from 0.
    lr : float
        The learning rate of the first steps.
    every : int
        How many steps each rate is kept for.
    factor : float, default 0.1
        What the rate is multiplied by.

    Returns
    -------
    float
        The learning rate of this step.

    Raises
    ------
    ValueError
        If `every` is below 1.

    Examples
    --------
    >>> [step_decay(step, lr=8.0, every=10, factor=0.5) for step in (0, 9, 10, 20)]
    [8.0, 8.0, 4.0, 2.0]
    """
    if every < 1:
        raise ValueError(f"step_decay: every is {every}, but each rate is kept for at least 1 step")
    return float(lr * factor ** (step // every))


_SCHEDULES: dict[str, Callable[..., float]] = {"constant": constant, "poly": poly, "step": step_decay}


def make(name: str, **numbers: float) -> Schedule:
    """Make a schedule from its name and its numbers.

    Parameters
    ----------
    name : {"constant", "poly", "step"}
        The schedule.
    **numbers : float
        The arguments of :func:`constant`, :func:`poly` or :func:`step_decay`, all but the step.

    Returns
    -------
    callable
        From the number of a step to its learning rate.

    Raises
    ------
    ValueError
        If there is no such schedule, or a number is out of range.
    TypeError
        If a number is missing, or there is none of that name.

    Examples
    --------
    >>> schedule = make("step", lr=0.1, every=100)
    >>> schedule(50)
    0.1
    """
    if name not in _SCHEDULES:
        raise ValueError(f"schedule {name!r}: choose one of {', '.join(map(repr, _SCHEDULES))}")
    schedule = partial(_SCHEDULES[name], **numbers)
    schedule(0)  # so that a wrong number is refused here, and not at the first step
    return schedule
