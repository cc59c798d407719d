"""A sound call of a function, spoilt one argument at a time: what the tables of refusals are held against.

Whatever stands in the place of an argument, the call goes well or is refused, by a ValueError or a TypeError that names
the argument, or whose it is, or the file. The arrays of the sound call stay as they are.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from fuzz import HUGE, STRANGE

#: Words for what has no name of its own in a call.
WORDS = {"layer", "input", "label", "network"}


def assert_refused_by_name(name, function, sound):
    """Assert that whatever stands for an argument of a sound call is taken, or refused in the right names."""
    failures = unnamed_refusals(name, function, sound)
    assert not failures, "\n".join(failures)


def assert_says(call, kind, message):
    """Assert that a call is refused in these words."""
    with pytest.raises(kind, match=re.escape(message)):
        call()


def unnamed_refusals(name, function, sound):
    """Replace each argument of a sound call by what nobody should give; return the outcomes that should not be."""
    before = {argument: value.copy() for argument, value in sound.items() if isinstance(value, np.ndarray)}
    function(**sound)
    failures = []
    for argument, value in sound.items():
        for strange in (*STRANGE, *HUGE[2:], np.zeros((0, 3)), np.full(shape_of(value), np.nan)):
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    function(**{**sound, argument: strange})
            except (ValueError, TypeError) as error:
                said, known = str(error), set(sound) | {name} | WORDS
                if not set(re.findall(r"\w+", said)) & known and not names_the_file(said, strange):
                    failures.append(f"{argument}={strange!r}: {error!r}")
            except BaseException as error:
                failures.append(f"{argument}={strange!r}: {error!r}")
    changed = [argument for argument, value in before.items() if value.tobytes() != sound[argument].tobytes()]
    return [*failures, *(f"{argument} was changed" for argument in changed)]


def names_the_file(said, strange):
    """Say whether a message begins with the path that it is about."""
    return isinstance(strange, str) and said.startswith(f"{Path(strange)}: ")


def shape_of(value):
    return value.shape if isinstance(value, np.ndarray) else (2,)
