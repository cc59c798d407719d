"""Hold somebody's function against npseg's, and show the smallest case in which they differ.

Hypothesis draws geometries, runs both functions on each, and where they differ shrinks the case until nothing smaller
differs. What is shown is that case: its inputs, both answers, and the first place where they part. The inputs are
whole numbers, on which the linear operations are exact; answers count as equal within rounding, 1e-9, all the same,
since a candidate may add up in another order what is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from npseg import arguments

if TYPE_CHECKING:
    from hypothesis import strategies as st

#: What a reference that is no operation is called.
FUNCTION = "the reference"


@dataclass(frozen=True)
class Verdict:
    """What :func:`against` found.

    Attributes
    ----------
    name, reference : str
        The candidate, and what it was held against.
    cases : int
        Cases that were run.
    failure : str
        What went wrong in the smallest failing case, written out; "" if nothing did.

    Examples
    --------
    >>> print(Verdict("my_conv", "conv_forward", 100, ""))
    my_conv: passed, 100 cases like conv_forward
    """

    name: str
    reference: str
    cases: int
    failure: str

    @property
    def passed(self) -> bool:
        """Whether no case failed."""
        return not self.failure

    def __str__(self) -> str:
        if self.passed:
            return f"{self.name}: passed, {self.cases} cases like {self.reference}"
        return f"{self.name}: {self.failure}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head, _, rest = str(self).partition("\n")
        mark, color = ("✓", "#1a8f6a") if self.passed else ("✗", "#d0453a")
        body = (
            f'<pre style="margin: .4em 0 0 1.4em; background: none; font-family: monospace">{escape(rest)}</pre>'
            if rest
            else ""
        )
        return (
            f'<div style="border-left: 4px solid {color}; padding: .3em .8em">'
            f'<b style="color: {color}">{mark}</b> {escape(head)}{body}</div>'
        )


def against(
    candidate: Callable[..., Any],
    reference: str | Callable[..., Any],
    cases: st.SearchStrategy[Any] | None = None,
    *,
    axes: int | None = None,
    only: Mapping[str, Any] | None = None,
    examples: int = 100,
    seed: int = 0,
) -> Verdict:
    """Hold a function against an operation of npseg, or against another function.

    Parameters
    ----------
    candidate : callable
        Takes what the reference takes. Of a forward pass it may return y alone.
    reference : str or callable
        The name of an operation, such as "conv_forward", or a function.
    cases : hypothesis strategy, optional
        With a function: tuples of the arguments to call both with.
    axes : {1, 2, 3}, optional
        Spatial axes; all of these unless given.
    only : dict, optional
        Options that are held at a value, such as ``{"padding": 0}``; the candidate is not given them. Those that it
        does not take are held at their defaults.
    examples : int
        Cases to run.
    seed : int
        The same seed draws the same cases.

    Returns
    -------
    Verdict
        Whatever the candidate does, nothing is raised: in Jupyter the verdict shows itself, elsewhere print it.

    Raises
    ------
    ValueError
        If there is no such operation, or a function comes without cases.
    TypeError
        If the candidate is no function.
    ImportError
        If hypothesis is not installed.

    Examples
    --------
    >>> import npseg
    >>> def my_conv(x, w):
    ...     return npseg.conv_forward(x, w[..., ::-1])[0]
    >>> held = {"b": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    >>> print(against(my_conv, "conv_forward", axes=1, only=held))
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

    A function against a function, on cases of one's own:

    >>> from hypothesis import strategies as st
    >>> against(lambda x: 2 * x, lambda x: x + x, st.tuples(st.integers(0, 9)))
    <lambda>: passed, 10 cases like the reference
    """
    op = "against"
    if not callable(candidate):
        raise TypeError(f"{op}: {candidate!r} is no function; give the function itself, without brackets")
    arguments.integer(op, "examples", examples, 1)
    try:
        from npseg.check.questions import of_function, of_operation
        from npseg.check.trial import Trial
    except ImportError:
        raise ImportError(f"{op}: the cases are drawn by hypothesis: pip install hypothesis") from None
    if isinstance(reference, str):
        strategy, pose = of_operation(op, candidate, reference, axes, dict(only or {}))
    elif cases is None:
        raise ValueError(f"{op}: a function as reference needs cases: a strategy of tuples of arguments")
    else:
        strategy, pose = cases, of_function(candidate, reference)
    name = getattr(candidate, "__name__", type(candidate).__name__)
    like = reference if isinstance(reference, str) else FUNCTION
    count, failure = Trial(candidate, like, pose, strict=like != FUNCTION).run(strategy, examples, seed)
    return Verdict(name, like, count, failure)


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

    Examples
    --------
    >>> grade(my_conv=Verdict("my_conv", "conv_forward", 100, ""))
    {
      "my_conv": {
        "passed": true,
        "message": "my_conv: passed, 100 cases like conv_forward"
      }
    }
    0
    """
    found = {name: {"passed": v.passed, "message": str(v)} for name, v in verdicts.items()}
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0 if all(v.passed for v in verdicts.values()) else 1
