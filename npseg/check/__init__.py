"""Checks of hand-written passes: your own, and npseg's.

`gradients` compares a backward pass with differences, `adjoint` a linear map with its transpose, `against` any function
with npseg's. `gradcheck` runs the first on every operation of npseg; `grade` prints verdicts for an autograder, and
`grade_folder` has them of many files. `write_vectors` and `judge_outputs` are for kernels that Python cannot call.
"""

from npseg.check.adjoint import AdjointError, AdjointReport, adjoint
from npseg.check.gradients import gradients
from npseg.check.operations import Row, every_operation, gradcheck, report
from npseg.check.oracle.against import against, grade
from npseg.check.oracle.folders import Mark, grade_folder
from npseg.check.oracle.outputs import judge_outputs
from npseg.check.oracle.vectors import write_vectors
from npseg.check.oracle.verdict import Failure, Verdict
from npseg.check.outcome import CheckError, Comparison, GradientError, KinkError, Report
from npseg.check.rounding import accuracy

__all__ = [
    "AdjointError",
    "AdjointReport",
    "CheckError",
    "Comparison",
    "Failure",
    "GradientError",
    "KinkError",
    "Mark",
    "Report",
    "Row",
    "Verdict",
    "accuracy",
    "adjoint",
    "against",
    "every_operation",
    "gradcheck",
    "grade",
    "grade_folder",
    "gradients",
    "judge_outputs",
    "report",
    "write_vectors",
]
