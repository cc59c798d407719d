"""Hold somebody's function against npseg's, and show the smallest case in which they differ.

Hypothesis draws geometries, runs both functions on each, and where they differ shrinks the case until nothing smaller
differs. What is shown is that case: its inputs, both answers, the first place where they part, and, where a usual
mistake gives the same answers, which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

from npseg import arguments, kinds
from npseg.check.oracle.verdict import Verdict

if TYPE_CHECKING:
    from hypothesis import strategies as st

#: What a reference that is no operation is called.
FUNCTION = "the reference"

#: The share of the time limit that one call may take.
SHARE_OF_A_CALL = 1 / 6


def against(
    candidate: Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]],
    reference: str | Callable[..., Any],
    cases: st.SearchStrategy[Any] | None = None,
    *,
    axes: int | None = None,
    only: Mapping[str, Any] | None = None,
    signature: str | Callable[..., Any] = "npseg",
    library: str | None = None,
    dtype: str = "float64",
    device: str | None = None,
    tolerance: float | None = None,
    examples: int = 100,
    seconds: float = 60.0,
    seed: int = 0,
) -> Verdict:
    """Hold a function against an operation of npseg, or against another function.

    Parameters
    ----------
    candidate : callable, or (forward, backward)
        Takes what the reference takes. Of a forward pass it may return y alone, or y with a cache; of max pooling, y
        with the indices, which are then judged too. A pair is held against a backward pass: its backward is given
        the cache that its forward returned.
    reference : str or callable
        The name of an operation, such as "conv_forward", or a function.
    cases : hypothesis strategy, optional
        With a function: tuples of the arguments to call both with.
    axes : {1, 2, 3}, optional
        Spatial axes; all of these unless given, or, with ``signature="torch"``, unless the candidate's name ends in
        1d, 2d or 3d.
    only : dict, optional
        Restrictions: for an option a value, such as ``{"stride": 1}``, a list of values to choose from, or one of the
        words "symmetric" (padding, before and after alike) and "square" (all axes alike). Of convolutions also
        "kernel_size", and "images", "channels", "filters". What the candidate does not take is held at its default,
        and the verdict says that it was not tried.
    signature : {"npseg", "arrays", "channels_last", "torch"} or callable
        How the candidate is called, by position as far as the operation is, so that x, w and b may have other names.
        "npseg": as the operation; a backward pass with ``(dout, cache)``. "arrays": a
        backward pass with ``dout`` and then all that the forward pass takes. "channels_last": likewise, images as
        ``(N, *spatial, C)`` and weights as ``(*kernel, C_in, C_out)``. "torch": as ``torch.nn.functional``, whose
        functions pass as they are; its backward is that of autograd. Or a function ``adapter(candidate, *arguments,
        **options)``.
    library : str, optional
        Arrays to give: "numpy", "cupy", "torch", or any module that has ``asarray``. What comes back may belong to any
        library that NumPy can read, by DLPack or otherwise.
    dtype : {"float64", "float32", "float16", "bfloat16"}
        Of the arrays. npseg answers in float64, from the inputs as they are rounded to it.
    device : str, optional
        With PyTorch, where the tensors lie.
    tolerance : float, optional
        Largest error, relative to the largest sum of the sizes of the terms, which is what the operation makes of the
        absolute values; by default 1e-9, 1e-5, 4e-3 or 3e-2, after the dtype.
    examples : int
        Cases to run.
    seconds : float
        Time limit. When it is up no further case is begun; and a call that takes a sixth of it is said to hang.
    seed : int
        The same seed draws the same cases.

    Returns
    -------
    Verdict
        Whatever the candidate does, nothing is raised: in Jupyter the verdict shows itself, elsewhere print it.

    Raises
    ------
    ValueError
        If there is no such operation, option, signature, library or dtype; a function comes without cases; or the
        restrictions leave no case, which would be a pass for nothing.
    TypeError
        If the candidate is no function, or there is anything else in place of an argument.
    ImportError
        If hypothesis is not installed.

    Examples
    --------
    >>> import npseg
    >>> def my_conv(x, w):
    ...     return npseg.conv_forward(x, w[..., ::-1])[0]
    >>> print(against(my_conv, "conv_forward", axes=1))
    my_conv: is not conv_forward
      x =
        [[[0. 1.]]]
      w =
        [[[0. 1.]]]
      it returns
        [[[0.]]]
      wanted is
        [[[1.]]]
      first difference: at [0, 0, 0] 0, not 1
      this is what one gets if the kernel is flipped: a convolution in the mathematicians' sense (so in ...)

    A kernel of two axes that knows no padding, by an adapter:

    >>> def kernel(image, weights, step):
    ...     return npseg.conv_forward(image, weights, stride=step)[0]
    >>> def adapter(kernel, x, w, *, stride):
    ...     return kernel(x, w, stride)
    >>> against(kernel, "conv_forward", axes=2, signature=adapter, dtype="float32").passed
    True

    A function against a function, on cases of one's own:

    >>> from hypothesis import strategies as st
    >>> against(lambda x: 2 * x, lambda x: x + x, st.tuples(st.integers(0, 9))).passed
    True
    """
    op = "against"
    try:
        from hypothesis.strategies import SearchStrategy

        from npseg.check.oracle import questions
        from npseg.check.oracle.arrays import TOLERANCES, Library
        from npseg.check.oracle.candidates import adapt
        from npseg.check.oracle.judge import Judge
        from npseg.check.oracle.trial import Trial
    except ImportError:
        raise ImportError(f"{op}: the cases are drawn by hypothesis: pip install 'npseg[oracle]'") from None
    examples = arguments.integer(op, "examples", examples, 1)
    arguments.positive(op, "seconds", seconds)
    if tolerance is not None and not arguments.real(op, "tolerance", tolerance) >= 0:
        raise ValueError(f"{op}: tolerance={tolerance!r} must not be negative")
    if only is not None and not isinstance(only, Mapping):
        raise TypeError(f"{op}: only={only!r} is no dict; write only={{'stride': 1}}")
    if axes is not None and arguments.integer(op, "axes", axes) not in (1, 2, 3):
        raise ValueError(f"{op}: axes={axes!r}; 1, 2 or 3, or None for all of them")
    seed = arguments.integer(op, "seed", seed, 0, inf)
    if not isinstance(reference, str):
        kinds.function(op, "reference", reference)
    if cases is not None:
        kinds.instance(op, "cases", cases, SearchStrategy, "a strategy of hypothesis")
    like = reference if isinstance(reference, str) else FUNCTION
    who = adapt(op, candidate, signature, like)
    about: questions.Operation | questions.Function
    if isinstance(reference, str):
        arrays = Library(who.signature.array_library if library is None else library, dtype, device)
        about = questions.about_operation(op, who, reference, arrays, dict(only or {}), tolerance)
        strategy: Any = about.strategy(axes or who.axes)
    elif cases is None:
        raise ValueError(f"{op}: a function as reference needs cases: a strategy of tuples of arguments")
    else:
        about, strategy = questions.about_function(who, reference), cases
    judge = Judge(who, about, like, seconds * SHARE_OF_A_CALL)
    trial = Trial(judge, seconds)
    trial.run(strategy, examples, seed)
    trial.shrink(axes or who.axes)
    if not trial.cases:
        restricted = f", and only={dict(only)!r}" if only else ""
        raise ValueError(
            f"{op}: no case was run in seconds={seconds:g}{restricted}: nothing that was drawn can be asked"
            f"{f' ({trial.refused})' if trial.refused else ''}"
        )
    failure, notes, ranges = trial.failure, [], trial.ranges.said()
    if "axes" in ranges and (axes or who.axes):
        ranges["axes"] += ", as asked" if axes else ", from its name"
    if failure and trial.case is not None and not failure.hangs and isinstance(about, questions.Operation):
        from npseg.check.oracle.diagnosis import diagnose, hint

        diagnosis = diagnose(judge, about, trial.case, axes or who.axes, seed)
        failure = replace(
            failure, diagnosis=diagnosis, hint=hint(judge, about, failure, axes or who.axes, seed)
        )
    if isinstance(about, questions.Operation) and (dtype != "float64" or tolerance is not None):
        why = f": {TOLERANCES[dtype][1]}" if tolerance is None else ""
        notes.append(f"tolerance  {about.tolerance:g} of the largest sum of the sizes of the terms{why}")
    if isinstance(about, questions.Operation):
        notes += about.untried(only or ())
    if trial.timed_out:
        notes.append(f"time was up after {seconds:g} s; {examples} cases were to be run")
    return Verdict(who.name, like, trial.cases, failure, ranges, tuple(notes))


def grade(**verdicts: Verdict) -> int:
    """Print verdicts as JSON, for an autograder.

    Parameters
    ----------
    **verdicts : Verdict
        From :func:`against`, under the exercises' names.

    Returns
    -------
    int
        Exit status: 0 if all passed, otherwise 1.

    Raises
    ------
    TypeError
        If one is no verdict.

    Examples
    --------
    >>> grade(my_conv=Verdict("my_conv", "conv_forward", 100))
    {
      "my_conv": {
        "passed": true,
        "message": "my_conv: passed, 100 cases like conv_forward"
      }
    }
    0
    """
    for name, verdict in verdicts.items():
        kinds.instance("grade", name, verdict, Verdict, "what npseg.check.against returns")
    found = {
        name: {"passed": v.passed, "message": v.headline if v.passed else str(v)}
        for name, v in verdicts.items()
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0 if all(v.passed for v in verdicts.values()) else 1
