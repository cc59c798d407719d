"""Measuring: npseg's layers and whole steps against textbook NumPy and PyTorch, on this machine.

``npseg bench`` runs it; ``npseg bench --help`` says how. It may import everything, and nothing imports it but the
command line.
"""

from npseg.bench.report import heading, markdown, text
from npseg.bench.session import PARTS, Session

__all__ = ["PARTS", "Session", "heading", "markdown", "text"]
