"""What users write, turned into what the code uses; and the messages when it cannot be.

Every public operation is a door, and this is the doorkeeper: an int for a stride becomes one for each axis, a
padding becomes (before, after) pairs, arrays are looked at for type, dtype, rank and channels. Behind the door
nothing is checked again. Each function takes the operation's name first and each message starts with it, then
says what was given, what is needed, and where it helps what to write instead.
"""

from npseg.arguments.numbers import (
    LARGEST,
    choice,
    divisor,
    flag,
    generator,
    integer,
    integers,
    positive,
    probability,
    real,
)
from npseg.arguments.per_axis import axes, padding_pairs, rank
from npseg.arguments.shapes import (
    but_channels,
    channel_vectors,
    channels,
    gradient,
    indices,
    labels,
    per_channel,
    same_shape,
    spatial,
)
from npseg.arguments.types import arrays, float_type, is_array, kept, whole_numbers
from npseg.arguments.wording import listed, named

__all__ = [
    "LARGEST",
    "arrays",
    "axes",
    "but_channels",
    "channel_vectors",
    "channels",
    "choice",
    "divisor",
    "flag",
    "float_type",
    "generator",
    "gradient",
    "indices",
    "integer",
    "integers",
    "is_array",
    "kept",
    "labels",
    "listed",
    "named",
    "padding_pairs",
    "per_channel",
    "positive",
    "probability",
    "rank",
    "real",
    "same_shape",
    "spatial",
    "whole_numbers",
]
