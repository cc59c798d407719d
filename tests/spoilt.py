"""A sound call of a table of refusals in which hypothesis has put another array in the place of one that is given."""

import re
import warnings

import numpy as np
from fuzz import strange_arrays
from hypothesis import strategies as st
from refusals import WORDS


@st.composite
def spoilt(draw, calls):
    """Draw a row of a table, one of its arrays, and what stands in its place."""
    arrays = {
        name: [a for a, value in sound.items() if isinstance(value, np.ndarray)]
        for name, (_, sound) in calls.items()
    }
    name = draw(st.sampled_from([name for name, found in arrays.items() if found]))
    return name, draw(st.sampled_from(arrays[name])), draw(strange_arrays())


def unnamed_refusal(calls, name, argument, strange):
    """Make the call, and return an error that names no argument; errors of other kinds go through."""
    function, sound = calls[name]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(**{**sound, argument: strange})
    except (ValueError, TypeError) as error:
        if not set(re.findall(r"\w+", str(error))) & (set(sound) | {name} | WORDS):
            return f"{name}, {argument}: {error!r}"
    return None
