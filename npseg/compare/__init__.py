"""Networks compared: one recipe and one budget for all of them, and a table and a picture of what came out.

The lecture only says that one network labels better than another. Here each is made as wide as costs about the same,
trained by the same recipe on the same images, and judged by the same images, none of it tuned to any of them.
"""

from npseg.compare.contest import Contest, compare
from npseg.compare.entrants import Entrant, at_cost, enter
from npseg.compare.table import Result, markdown, text

__all__ = ["Contest", "Entrant", "Result", "at_cost", "compare", "enter", "markdown", "text"]
