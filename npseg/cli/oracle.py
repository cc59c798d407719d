"""``npseg check`` and ``vectors``: somebody else's operations, held against npseg's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npseg.cli import values
from npseg.cli.parser import add_command


def add_check(commands: Any) -> None:
    """Declare ``npseg check``."""
    parser = add_command(
        commands, "check", _check, "hold a function of yours, or a folder of them, against npseg"
    )
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "It runs the code that it is given, with your rights, in a process of its own. Exit status: 0 if all pass, 1 "
        "if something fails, 2 for bad input. Examples: npseg check my.py:my_conv --as conv_forward --only stride=1; "
        "npseg check torch.nn.functional:conv2d --as conv_backward --signature torch; npseg check --report submissions "
        "my_conv --as conv_forward; npseg check --outputs vectors"
    )
    add = parser.add_argument
    add(
        "target",
        nargs="?",
        metavar="TARGET",
        help="my_module.py:my_conv, or package.module:function; two functions, "
        "forward,backward, as a pair; with --report, the function's name",
    )
    add(
        "--as",
        dest="reference",
        metavar="OPERATION",
        help="what it is held against: conv_forward, relu_backward, ...",
    )
    folders = parser.add_argument_group("many at once")
    folders.add_argument(
        "--report", type=Path, metavar="FOLDER", help="check each *.py in it, and say who passes what"
    )
    folders.add_argument(
        "--exercises",
        type=Path,
        metavar="FILE",
        help="with --report: a teacher's file, whose blank functions are taken from the submissions",
    )
    folders.add_argument("--csv", type=Path, metavar="FILE", help="with --report: write every mark")
    folders.add_argument(
        "--outputs", type=Path, metavar="FOLDER", help="judge what a kernel has made of golden vectors"
    )
    folders.add_argument(
        "--vectors", type=Path, metavar="FOLDER", help="where those vectors lie; default: the same folder"
    )
    add("--json", type=Path, metavar="FILE", help="write the verdict; -: print it instead of the words")
    how = parser.add_argument_group("how it is asked")
    how.add_argument(
        "--signature",
        metavar="S",
        help="npseg, arrays, channels_last, torch, or FILE.py:ADAPTER; with torch a name that ends in 2d is asked "
        "about 2 axes; default: npseg",
    )
    how.add_argument(
        "--library", metavar="MODULE", help="arrays it takes: numpy, cupy, torch, ...; default: numpy"
    )
    how.add_argument("--device", help="with PyTorch, where the tensors lie")
    how.add_argument(
        "--tolerance", type=float, metavar="T", help="relative to the largest sum of the terms' sizes"
    )
    how.add_argument("--examples", type=int, metavar="N", help="cases to run; default: 100")
    how.add_argument(
        "--seconds", type=float, metavar="S", help="time limit; a call may take a sixth of it; default: 60"
    )
    _add_domain_flags(how)


def _check(**given: Any) -> int:
    from npseg.check.oracle.command import check

    return check(given)


def add_vectors(commands: Any) -> None:
    """Declare ``npseg vectors``."""
    parser = add_command(
        commands, "vectors", _vectors, "write cases with their answers, for kernels in any language"
    )
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "Each case is case_000.npz and case_000.json; write case_000.out.npz, .npy or .json beside it, and have it "
        "judged by npseg check --outputs FOLDER."
    )
    parser.add_argument("reference", metavar="OPERATION", help="conv_forward, max_pool_backward, ...")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="to be made")
    parser.add_argument("--count", type=int, metavar="N", help="cases; default: 50")
    _add_domain_flags(parser)


def _vectors(**given: Any) -> int:
    from npseg.check.oracle.command import vectors

    return vectors(given)


def _add_domain_flags(parser: Any) -> None:
    """Add the flags that say which cases are drawn."""
    parser.add_argument("--axes", type=int, metavar="N", help="spatial axes: 1, 2 or 3; default: all")
    parser.add_argument(
        "--dtype", metavar="D", help="float64, float32, float16 or bfloat16; default: float64"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the cases; default: 0")
    parser.add_argument(
        "--only",
        type=values.restriction,
        action="append",
        metavar="OPTION=VALUE",
        help="restrict an option: stride=1, padding=symmetric, kernel_size=[1,3] for one of these; repeat for more",
    )
