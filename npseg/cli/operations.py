"""``npseg summary``, ``explain``, ``gradcheck``, ``accuracy`` and ``bench``: layers and operations looked at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npseg import networks
from npseg.cli import flags, values
from npseg.cli.parser import add_command


def add_summary(commands: Any) -> None:
    """Declare ``npseg summary``; a flag of the network's that was not given is absent from the result."""
    parser = add_command(
        commands, "summary", _summary, "list a network's layers: sizes, weights, work, memory"
    )
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "The network is as published unless flags say otherwise. FCN-8s as npseg train makes it: npseg summary fcn8s "
        "--width 16 --fc 128 --batch-norm --no-paper-padding --learned-upsampling."
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help=", ".join(networks.NETWORKS))
    add(
        "--input",
        type=values.size,
        default=(224, 224),
        metavar="HxW",
        help="size of the images; default: 224x224",
    )
    add("--batch", type=int, default=1, help="images at once; default: %(default)s")
    add("--classes", type=int, help="default: as published, PASCAL VOC's 21 for most")
    add("--width", type=int, help="channels of the first block; default: as published")
    add("--fc", type=int, help="channels of fc6 and fc7; default: 64 times the width")
    for flag, what in (
        ("--batch-norm", "normalise after each convolution"),
        ("--paper-padding", "of an FCN: pad the first convolution by 100, and no other so much"),
        ("--learned-upsampling", "of an FCN: count its upsampling as learned"),
    ):
        add(flag, action=argparse.BooleanOptionalAction, help=f"{what}; default: as published")
    add(
        "--memory",
        action="store_true",
        default=False,
        help="also run a training step of this batch and measure its memory, which full width takes gigabytes of",
    )


def _summary(model: str, input: int | tuple[int, ...], batch: int, memory: bool, **given: Any) -> None:
    from npseg.summary import blank, measure, summarize, table

    size = input if isinstance(input, tuple) else (input, input)
    known = networks.model(model)
    network = {"name": model, "classes": known.classes, **known.published, **given}
    print(table(summarize(blank(**network), size, batch=batch)))
    if memory:
        print(f"\n{measure(network, size, batch=batch)}")


def add_explain(commands: Any) -> None:
    """Declare ``npseg explain``: an operation's options, one number for all axes or one each.

    A flag that was not given is absent from the result, so that the operation's own default holds.
    """
    parser = add_command(commands, "explain", _explain, "write a page that steps through an operation")
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "Sizes are written 4, 4x5 or 4x5x6; padding also 1:2, which is 1 before and 2 after, or 1:2x0:1. Cells are "
        "counted 1, 2, 3, ...; npseg.draw.steps takes numbers of your own. Example: npseg explain conv_transpose "
        "--input 2x2 --kernel 3 --stride 2 --padding 1 --output-padding 1"
    )
    add = parser.add_argument
    add(
        "operation",
        metavar="OPERATION",
        help="conv, conv_transpose, im2col, col2im, max_pool, avg_pool, max_unpool, nearest_unpool, "
        "bed_of_nails_unpool, resize_bilinear; and, but for the two columns, the same with _backward",
    )
    add(
        "--input",
        type=values.size,
        required=True,
        metavar="HxW",
        help="spatial size of the forward pass's input",
    )
    add("--output", type=Path, metavar="FILE", help="page to write; default: npseg-OPERATION.html")
    add("--view", choices=("gather", "scatter", "matrix"), help="how it is told first; the page has all")
    add("--symbols", action="store_true", help="letters instead of numbers")
    geometry = parser.add_argument_group("geometry")
    for flag, what in (
        ("--kernel", "taps of the kernel, or the window of a pooling"),
        ("--stride", "pixels from one window to the next"),
        ("--dilation", "pixels from one tap to the next; 1 is none"),
        ("--output-padding", "of conv_transpose: pixels given back at the end"),
        ("--output-size", "of conv_transpose and max_unpool: the output's size"),
    ):
        geometry.add_argument(flag, type=values.size, metavar="HxW", help=what)
    geometry.add_argument("--padding", type=values.padding, metavar="HxW", help="around the larger plane")
    geometry.add_argument(
        "--scale", type=values.size, metavar="HxW", help="of nearest_unpool, bed_of_nails_unpool"
    )
    geometry.add_argument("--size", type=values.size, metavar="HxW", help="of resize_bilinear's output")
    geometry.add_argument("--channels", type=int, help="of the input; default: 1")
    geometry.add_argument("--filters", type=int, help="channels of a convolution's output; default: 1")
    geometry.add_argument("--groups", type=int, help="of channels; default: 1")
    geometry.add_argument("--ceil-mode", action="store_true", help="of poolings: round the size up")
    geometry.add_argument("--align-corners", action="store_true", help="of resize_bilinear")
    geometry.add_argument(
        "--wrt", choices=("x", "w", "b"), help="which gradient of a convolution; default: x"
    )


def _explain(operation: str, input: int | tuple[int, ...], output: Path | None = None, **given: Any) -> None:
    from npseg.explain import explain, write

    size = input if isinstance(input, tuple) else (input,)
    page = output or Path(f"npseg-{operation}.html")
    if isinstance(given.get("padding"), tuple) and len(given["padding"]) == 1:
        given["padding"] *= len(size)
    walk = explain(operation, size, **given)
    write(walk, page)
    hint = "; open it in a browser" if page.suffix == ".html" else ""
    print(f"{walk.drawing.formula}\n\n{walk.excerpt or f'{len(walk)} steps'} in {page}{hint}")


def add_gradcheck(commands: Any) -> None:
    """Declare ``npseg gradcheck``."""
    parser = add_command(
        commands, "gradcheck", _gradcheck, "compare every hand-written gradient with finite differences"
    )
    flags.add_backend(parser)


def _gradcheck() -> None:
    from npseg.commands.checks import gradcheck

    gradcheck()


def add_accuracy(commands: Any) -> None:
    """Declare ``npseg accuracy``."""
    parser = add_command(commands, "accuracy", _accuracy, "measure the error of every operation in float32")
    flags.add_backend(parser)


def _accuracy() -> None:
    from npseg.commands.checks import accuracy

    accuracy()


def add_bench(commands: Any) -> None:
    """Declare ``npseg bench``."""
    parser = add_command(
        commands, "bench", _bench, "time layers and whole steps against textbook NumPy and PyTorch"
    )
    parser.epilog = (
        "All who compete take turns in one process, with the same number of threads, and medians count. Memory that "
        "is given back to the system and fetched anew costs page faults, which on large arrays weigh as much as the "
        "arithmetic; so measure twice, the second time with an allocator that keeps what it has (glibc): "
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456 npseg bench"
    )
    add = parser.add_argument
    parts = parser.add_argument_group("parts", "all of them, unless some are named")
    for flag, what in (
        ("--layers", "single layers, forward and backward"),
        ("--steps", "training steps of FCN-8s, and labelling an image"),
        ("--growth", "one convolution with ever more pixels, channels and images"),
    ):
        parts.add_argument(flag, dest="parts", action="append_const", const=flag[2:], help=what)
    add("--only", default="", metavar="TEXT", help='what has this in its name: "conv 3x3", "64->64", "relu"')
    add(
        "--methods",
        type=values.names,
        metavar="A,B",
        help="npseg's methods; default: all but loops and matrix",
    )
    add("--seconds", type=float, metavar="S", help="of measuring per row; default: 3, or 0.05 if --quick")
    add("--quick", action="store_true", help="small sizes, for a first look; the times mean little")
    add("--json", type=Path, metavar="FILE", help="write the machine, the settings and every row")
    add("--plot", type=Path, metavar="FILE.png", help="draw the ratios, and how time grows")
    flags.add_backend(parser)


def _bench(parts: list[str] | None, json: Path | None, plot: Path | None, **given: Any) -> None:
    from npseg.bench.command import bench
    from npseg.bench.session import PARTS, Session

    bench(Session(parts or PARTS, **given), json_path=json, plot_path=plot)
