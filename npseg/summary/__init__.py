"""What a network is made of, layer by layer: sizes, weights, arithmetic, what a unit sees, and memory.

All of it but the measured memory follows from the layers' geometry (:mod:`npseg.planes`), so that VGG's full width
costs no more than any other.
"""

from npseg.networks.weightless import blank, weightless
from npseg.summary.memory import Memory, measure
from npseg.summary.rows import Row, summarize, table

__all__ = ["Memory", "Row", "blank", "measure", "summarize", "table", "weightless"]
