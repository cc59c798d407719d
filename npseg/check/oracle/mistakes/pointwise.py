"""What goes wrong in the gradients of activations."""

from __future__ import annotations

import numpy as np

from npseg.check.oracle.mistakes.mistake import Mistake

RELU_MISTAKES = (
    Mistake("the gradient passes where the input is 0", lambda c: {"dx": c.dout * (c.arguments["x"] >= 0)}),
    Mistake(
        "the gradient itself is cut off at 0, and not where the input is negative",
        lambda c: {"dx": np.maximum(c.dout, 0)},
    ),
    Mistake("the gradient passes everywhere", lambda c: {"dx": c.dout}),
)

TANH_MISTAKES = (
    Mistake("the 1 of 1 - y² is forgotten", lambda c: {"dx": -c.dout * np.tanh(c.arguments["x"]) ** 2}),
    Mistake("the derivative is 1 - x², not 1 - y²", lambda c: {"dx": c.dout * (1 - c.arguments["x"] ** 2)}),
    Mistake(
        "the derivative is 1 - y, not 1 - y²", lambda c: {"dx": c.dout * (1 - np.tanh(c.arguments["x"]))}
    ),
)
