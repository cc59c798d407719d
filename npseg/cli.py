"""The command line: ``npseg demo | data | train | evaluate | compare | predict | summary | explain | ...``.

Each command is a function that takes the parsed arguments. What is wrong with the input is said in one line on
standard error, with exit status 2; Ctrl-C ends with 130, after a training run has saved its state.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from npseg import __version__, backend, pretrained
from npseg.check.oracle.flags import add_check_flags, add_vectors_flags
from npseg.networks import NETWORKS, model
from npseg.networks.names import SPELLINGS

#: Training flags that are the network's.
_NETWORK = ("width", "fc", "dropout", "batch_norm", "classifier", "freeze", "method")

_CHECKPOINT = (
    f"a file that training has written, or a network that comes with npseg: {', '.join(pretrained.NAMES)}"
)

#: What training flags stand for in the settings, where the names differ.
_SETTINGS = {
    "wd": "weight_decay",
    "opt": "optimizer",
    "lr_scheduler": "schedule",
    "lr_step_size": "lr_step",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``npseg``; those that the program was started with unless given.

    Returns
    -------
    int
        Exit status: 0, 1 if a check fails, 2 for bad input, 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what is no text
            stream.reconfigure(errors="backslashreplace")
    parser, words = _parser(), list(sys.argv[1:] if argv is None else argv)
    for word in words:
        # Argparse takes --flag=-- for a flag without a value, and goes on.
        if re.fullmatch("--[a-z].*=--", word):
            parser.error(f"{word}: '--' is no value")
    arguments, strange = parser.parse_known_args(words)
    if strange:
        parser.prog += f" {arguments.command}"
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    threads = vars(arguments).pop("threads", None)
    try:
        # A command without the flag has nothing to compute on a device.
        library = vars(arguments).pop("backend", "numpy") or backend.current().__name__
        with backend.threads(threads), backend.use(library):
            return arguments.run(arguments) or 0
    except BrokenPipeError:  # whoever reads the output has seen enough; Python must not try to flush the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, OSError, FloatingPointError, MemoryError) as error:
        said = _one_line(error).removeprefix(
            f"{arguments.command}: "
        )  # a function of the command's name says so itself
        print(f"npseg {arguments.command}: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"npseg {arguments.command}: stopped{f'; {stop}' if str(stop) else ''}", file=sys.stderr)
        return 130
    return 0


def _one_line(error: Exception) -> str:
    """Return an error's message with its list of several lines, if it has one, in one."""
    head, *rest = str(error).splitlines() or [type(error).__name__]
    return " ".join([head, "; ".join(line.strip() for line in rest)]).strip()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="npseg", description="Semantic segmentation in pure NumPy.")
    parser.add_argument("--version", action="version", version=f"npseg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = _command(commands, "demo", _demo, "train a network on drawn scenes in about a minute, and look")
    demo.add_argument("--output-dir", type=Path, default=Path("npseg-demo"), help="default: %(default)s")
    demo.add_argument("--seed", type=int, default=0, help="of scenes and training; default: %(default)s")

    data = _command(commands, "data", _data, "tell what a folder of images holds, and what is wrong with it")
    data.add_argument("path", type=Path, metavar="PATH", help="the folder")
    _add_format_flags(data)
    data.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.png",
        help="a page of images under their labels; default: npseg-data.png, which is replaced if it is there",
    )
    data.add_argument(
        "--write-colors",
        type=Path,
        metavar="FILE",
        help="only list the masks' colours, to be named, for --colors",
    )
    data.add_argument("--force", action="store_true", help="replace the file of --sheet or --write-colors")

    train = _command(commands, "train", _train, "train a network on a folder of images, or on the scenes")
    _add_training_flags(train)

    evaluate = _command(commands, "evaluate", _evaluate, "measure a trained network on labelled images")
    evaluate.add_argument("checkpoint", type=pretrained.find, metavar="CHECKPOINT", help=_CHECKPOINT)
    evaluate.add_argument(
        "--data-path", metavar="FOLDER", help="folder of images; default: the one it was trained on"
    )
    evaluate.add_argument("--split", default="val", help="train, val, or test; default: %(default)s")
    _add_format_flags(evaluate)
    evaluate.add_argument(
        "--output-dir",
        type=Path,
        metavar="FOLDER",
        help="write all figures as JSON, the confusion matrix as CSV and picture, and the worst images side by side",
    )
    evaluate.add_argument(
        "--worst", type=int, default=5, metavar="N", help="of the worst images; default: %(default)s"
    )
    evaluate.add_argument("--force", action="store_true", help="replace files that are already there")

    compare = _command(
        commands,
        "compare",
        _compare,
        "train networks of comparable cost by one recipe, and set them side by side",
    )
    _add_compare_flags(compare)

    predict = _command(commands, "predict", _predict, "label images with a trained network")
    predict.add_argument("checkpoint", type=pretrained.find, metavar="CHECKPOINT", help=_CHECKPOINT)
    predict.epilog = "For each image: NAME.png, a palette PNG of class ids, and NAME_overlay.png, to look at."
    predict.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="of any size and mode: files, folders, or patterns as 'photos/*.jpg'",
    )
    predict.add_argument("--output-dir", type=Path, default=Path("npseg-labels"), help="default: %(default)s")
    predict.add_argument(
        "--tile",
        type=_tile,
        default="auto",
        metavar="N",
        help="cut images into tiles that lie N pixels apart and overlap by what the network sees; the smaller, the "
        "less memory and the more work; none: never cut; default: cut what would take some gigabytes whole",
    )
    predict.add_argument(
        "--superpixels",
        action="store_true",
        help="give each piece of the image that looks alike one label; needs scikit-image",
    )
    predict.add_argument(
        "--probabilities",
        action="store_true",
        help="also NAME.npz: each class's probability, float32 (n, H, W)",
    )
    predict.add_argument(
        "--contact-sheet",
        action="store_true",
        help="also contact_sheet.png: all overlays, small, on one page",
    )
    predict.add_argument("--force", action="store_true", help="replace files that are already there")

    export = _command(
        commands, "export", _export, "write a trained network's weights as a state dict for PyTorch"
    )
    export.add_argument("checkpoint", type=pretrained.find, metavar="CHECKPOINT", help=_CHECKPOINT)
    export.epilog = "npseg train --weights and npseg predict read the file, too."
    export.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="model.npz or model.safetensors"
    )
    export.add_argument(
        "--names",
        choices=SPELLINGS,
        default="own",
        help="of layers: the network's, or torchvision's for VGG-16's; default: %(default)s",
    )
    export.add_argument("--force", action="store_true", help="replace a file that is already there")

    summary = _command(commands, "summary", _summary, "list a network's layers: sizes, weights, work, memory")
    _add_summary_flags(summary)

    explain = _command(commands, "explain", _explain, "write a page that steps through an operation")
    _add_geometry_flags(explain)

    gradcheck = _command(
        commands, "gradcheck", _gradcheck, "compare every hand-written gradient with finite differences"
    )
    accuracy = _command(commands, "accuracy", _accuracy, "measure the error of every operation in float32")

    check = _command(
        commands, "check", _check, "hold a function of yours, or a folder of them, against npseg"
    )
    add_check_flags(check)

    vectors = _command(
        commands, "vectors", _vectors, "write cases with their answers, for kernels in any language"
    )
    add_vectors_flags(vectors)

    bench = _command(
        commands, "bench", _bench, "time layers and whole steps against textbook NumPy and PyTorch"
    )
    _add_bench_flags(bench)
    for command in (demo, train, evaluate, compare, predict, gradcheck, accuracy, bench):
        command.add_argument(
            "--backend",
            choices=("numpy", "cupy"),
            default=None,
            help="compute with NumPy, or with CuPy on a GPU; default: $NPSEG_BACKEND, or numpy",
        )
    return parser


def _command(commands: Any, name: str, run: Any, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}."
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        default=argparse.SUPPRESS,
        help="that share the work; default: one a core",
    )
    return parser


def _add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``train``, named as torchvision's references name them.

    A flag that was not given is absent from the result, so that --resume can tell.
    """
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "The folder is CamVid's (train/, trainannot/, val/, valannot/) or a plain one: images/, masks/ of class "
        "ids (8-bit PNGs under the images' names; 255 is void), classes.txt (one name a line, class 0 first); "
        "every fifth image is held out to validate by, unless train.txt and val.txt list the names. Other formats: "
        "npseg data --help. checkpoint.npz is the last epoch, best.npz the one with the highest mean IoU. Ctrl-C "
        "saves; --resume goes on bit for bit, and needs no other flag."
    )
    add = parser.add_argument
    add("--data-path", metavar="FOLDER", help="images and masks; without it, the drawn scenes")
    _add_format_flags(parser)
    add("--output-dir", type=Path, help="for the checkpoint and pictures; default: npseg-run")
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="repeat the run whose run.toml this is; other flags come before it",
    )
    add("--resume", type=Path, metavar="CHECKPOINT", help="continue the run that wrote this file")
    add(
        "--weights",
        type=pretrained.find,
        metavar="FILE",
        help="start from these: a checkpoint's (fcn16s from a trained fcn32s), what npseg export has written, or "
        "torchvision's VGG-16 in a .npz or .safetensors file; the network and the images' normalisation are then such "
        "that they fit",
    )
    add(
        "--recipe",
        metavar="NAME",
        help="the network's published one: paper, or, of an FCN, repository (of its authors' files); with the network "
        "as published but for its width; other flags override it; default: paper if "
        "the weights are VGG's or of a published network, else none",
    )
    network = parser.add_argument_group("network")
    network.add_argument("--model", help=f"{', '.join(NETWORKS)}; default: fcn8s")
    network.add_argument(
        "--width", type=int, help="channels of the first block; default: few, that it trains on a laptop"
    )
    network.add_argument("--fc", type=int, help="channels of fc6 and fc7, where there are; default: few")
    network.add_argument("--dropout", type=float, help="probability, where values are dropped; default: 0.5")
    network.add_argument(
        "--batch-norm", action=argparse.BooleanOptionalAction, help="after each convolution; default: yes"
    )
    network.add_argument("--classifier", help="of farabet: linear, or two-layer, which is the default")
    network.add_argument(
        "--freeze",
        action=argparse.BooleanOptionalAction,
        help="of farabet: train the classifier alone, on the features of --weights; default: no",
    )
    network.add_argument(
        "--method",
        help="how layers compute: auto, im2col, subpixel, winograd, winograd4, matrix; default: auto",
    )
    _add_recipe_flags(parser)
    add(
        "--sanity",
        action="store_true",
        help="first see that the loss begins at log C, and that one batch can be learned by heart; takes minutes",
    )


def _add_recipe_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a recipe; one that was not given is absent from the result."""
    recipe = parser.add_argument_group("recipe")
    recipe.add_argument("--epochs", type=int, help="default: 30")
    recipe.add_argument("-b", "--batch-size", type=int, help="images a step; default: 8")
    recipe.add_argument("--opt", choices=("sgd", "adam"), help="default: sgd")
    recipe.add_argument("--lr", type=float, help="learning rate at the start; default: 0.05")
    recipe.add_argument("--momentum", type=float, help="of sgd; default: 0.9")
    recipe.add_argument("--wd", "--weight-decay", dest="wd", type=float, help="default: 5e-4")
    recipe.add_argument("--lr-scheduler", choices=("poly", "step", "constant"), help="default: poly")
    recipe.add_argument("--lr-step-size", type=int, help="epochs to a tenth, for step; default: 10")
    recipe.add_argument(
        "--crop", type=int, nargs=2, metavar=("H", "W"), help="train on random pieces this large"
    )
    recipe.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="mirror half of the images; default: yes"
    )
    recipe.add_argument(
        "--jitter",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="enlarge each image by a random factor: 0.75 1.5",
    )
    recipe.add_argument(
        "--clip", type=float, metavar="NORM", help="shorten gradients that are longer, taken together"
    )
    recipe.add_argument(
        "--balance", type=float, help="weigh rare classes: 0 not, 1 by median frequency; default: 0"
    )
    recipe.add_argument("--seed", type=int, help="of all that is random; default: 0")


def _add_compare_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``compare``."""
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "Written are comparison.md, comparison.json, comparison.png, and a folder for each network's run. All train by "
        "the recipe below, none by its own paper's. Ctrl-C saves; the same command goes on."
    )
    add = parser.add_argument
    add(
        "models",
        metavar="MODEL",
        nargs="*",
        default=[],
        help=f"default: all, which are {', '.join(NETWORKS)}",
    )
    add("--data-path", metavar="FOLDER", help="images and masks, as for train; without it, the drawn scenes")
    _add_format_flags(parser)
    add("--output-dir", type=Path, default=Path("npseg-comparison"), help="default: %(default)s")
    add(
        "--width",
        type=int,
        default=8,
        help="of fcn8s, whose multiply-adds the others' widths are chosen to come near to; default: %(default)s",
    )
    _add_recipe_flags(parser)


def _add_format_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what a folder of images is; they are absent where they were not given."""
    parser.add_argument(
        "--format",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="folder, voc, sbd, stanford, camvid, camvid701 or mmseg; default: by what lies in the folder",
    )
    parser.add_argument(
        "--colors",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="what the colours of the masks stand for, lines name,r,g,b",
    )


def _add_summary_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``summary``; one of the network's that was not given is absent from the result."""
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "The network is as published unless flags say otherwise. FCN-8s as npseg train makes it: npseg summary fcn8s "
        "--width 16 --fc 128 --batch-norm --no-paper-padding --learned-upsampling."
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help=", ".join(NETWORKS))
    add("--input", type=_size, default=(224, 224), metavar="HxW", help="size of the images; default: 224x224")
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


def _add_geometry_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``explain``: an operation's options, one number for all axes or one each.

    A flag that was not given is absent from the result, so that the operation's own default holds.
    """
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
    add("--input", type=_size, required=True, metavar="HxW", help="spatial size of the forward pass's input")
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
        geometry.add_argument(flag, type=_size, metavar="HxW", help=what)
    geometry.add_argument("--padding", type=_padding, metavar="HxW", help="around the larger plane")
    geometry.add_argument("--scale", type=_size, metavar="HxW", help="of nearest_unpool, bed_of_nails_unpool")
    geometry.add_argument("--size", type=_size, metavar="HxW", help="of resize_bilinear's output")
    geometry.add_argument("--channels", type=int, help="of the input; default: 1")
    geometry.add_argument("--filters", type=int, help="channels of a convolution's output; default: 1")
    geometry.add_argument("--groups", type=int, help="of channels; default: 1")
    geometry.add_argument("--ceil-mode", action="store_true", help="of poolings: round the size up")
    geometry.add_argument("--align-corners", action="store_true", help="of resize_bilinear")
    geometry.add_argument(
        "--wrt", choices=("x", "w", "b"), help="which gradient of a convolution; default: x"
    )


def _add_bench_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``bench``."""
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
    add("--methods", type=_names, metavar="A,B", help="npseg's methods; default: all but loops and matrix")
    add("--seconds", type=float, metavar="S", help="of measuring per row; default: 3, or 0.05 if --quick")
    add("--quick", action="store_true", help="small sizes, for a first look; the times mean little")
    add("--json", type=Path, metavar="FILE", help="write the machine, the settings and every row")
    add("--plot", type=Path, metavar="FILE.png", help="draw the ratios, and how time grows")


def _names(text: str) -> list[str]:
    """Read names with commas between them."""
    return [name.strip() for name in text.split(",")]


def _size(text: str) -> int | tuple[int, ...]:
    """Read one number for all axes, or one for each: 4x5."""
    try:
        numbers = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 4 or 4x5") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _tile(text: str) -> int | str | None:
    """Read a number of pixels, or the words auto and none."""
    if text in ("auto", "none"):
        return None if text == "none" else text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no tile; write a number of pixels, auto or none")
    return int(text)


def _padding(text: str) -> Any:
    """Read a padding: the word, one number, one for each axis, or before:after."""
    if text in ("same", "valid"):
        return text
    try:
        pairs = [tuple(int(p) for p in part.split(":")) for part in text.lower().split("x")]
    except ValueError:
        pairs = [()]
    if any(len(pair) not in (1, 2) for pair in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is no padding; write 1, 1x2, 1:2 or 1:2x0:1")
    if all(len(pair) == 1 for pair in pairs):
        return pairs[0][0] if len(pairs) == 1 else tuple(pair[0] for pair in pairs)
    return tuple(pair if len(pair) == 2 else pair * 2 for pair in pairs)


def _demo(arguments: argparse.Namespace) -> None:
    from npseg.demo import demo

    demo(arguments.output_dir, seed=arguments.seed)


def _data(arguments: argparse.Namespace) -> None:
    from npseg.commands.data import data, write_proposal

    if arguments.write_colors is not None:
        format = vars(arguments).get("format")
        write_proposal(arguments.path, format=format, colors=arguments.write_colors, force=arguments.force)
        return
    data(arguments.path, options=_data_options(vars(arguments)), sheet=arguments.sheet, force=arguments.force)


def _data_options(given: dict[str, Any]) -> dict[str, Any]:
    """Take out of the flags how a folder is opened, the table of colours by its rows."""
    from npseg.data import read_colors

    options: dict[str, Any] = {key: given.pop(key) for key in ("format", "colors") if key in given}
    if "colors" in options:
        options["colors"] = read_colors(options["colors"]).rows
    return options


def _train(arguments: argparse.Namespace) -> None:
    from npseg.commands.train import resume, train

    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command")}
    output_dir = given.pop("output_dir", None)
    options, sanity = _data_options(given), given.pop("sanity", False)
    if "resume" in given:
        checkpoint, data_path = given.pop("resume"), given.pop("data_path", None)
        if sanity:
            given["sanity"] = True  # it is about the first step
        if given:
            flags = ", ".join("--" + key.replace("_", "-") for key in given)
            raise ValueError(f"--resume continues with the settings of its checkpoint; leave out {flags}")
        resume(checkpoint, data_path, output_dir or checkpoint.parent, options=options)
        return
    orders = _orders(given)
    data_path = given.pop("data_path", orders.data_path)
    start = {
        "weights": given.pop("weights", orders.weights and Path(orders.weights)),
        "recipe": given.pop("recipe", None),
    }
    name = given.pop("model", orders.network["name"])
    network = {**orders.network, "name": name} if name == orders.network["name"] else {"name": name}
    network |= {key: given.pop(key) for key in _NETWORK if key in given}
    start |= {"options": orders.data | options, "sanity": sanity}
    settings = orders.settings | _settings(given)
    train(network, settings, data_path, output_dir or Path("npseg-run"), **start)


def _orders(given: dict[str, Any]) -> Any:
    """Return what the file says that --config names, or else what a run does that is told nothing."""
    from npseg.commands.config import Orders, read

    if "config" not in given:
        return Orders({"name": "fcn8s"}, {}, None, None, {})
    if "recipe" in given:
        raise ValueError("--config has a recipe already; leave out --recipe, or give its settings one by one")
    return read(given.pop("config"))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that flags of a recipe stand for."""
    return {_SETTINGS.get(key, key): value for key, value in given.items()}


def _compare(arguments: argparse.Namespace) -> None:
    from npseg.compare.command import compare_networks

    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command")}
    names, output_dir, width = (given.pop(key) for key in ("models", "output_dir", "width"))
    data_path = given.pop("data_path", None)
    options = _data_options(given)
    compare_networks(names, _settings(given), data_path, output_dir, width=width, options=options)


def _evaluate(arguments: argparse.Namespace) -> None:
    from npseg.commands.evaluate import evaluate

    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command")}
    options = _data_options(given)
    evaluate(given.pop("checkpoint"), given.pop("data_path"), given.pop("split"), options=options, **given)


def _predict(arguments: argparse.Namespace) -> None:
    from npseg.commands.predict import predict

    predict(
        arguments.checkpoint,
        arguments.images,
        arguments.output_dir,
        tile=arguments.tile,
        by_superpixels=arguments.superpixels,
        probabilities=arguments.probabilities,
        sheet=arguments.contact_sheet,
        force=arguments.force,
    )


def _export(arguments: argparse.Namespace) -> None:
    from npseg.commands.export import export

    export(arguments.checkpoint, arguments.output, names=arguments.names, force=arguments.force)


def _summary(arguments: argparse.Namespace) -> None:
    from npseg.summary import blank, measure, summarize, table

    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command")}
    size, batch, memory = (given.pop(key) for key in ("input", "batch", "memory"))
    size = size if isinstance(size, tuple) else (size, size)
    name = given.pop("model")
    known = model(name)
    network = {"name": name, "classes": known.classes, **known.published} | given
    print(table(summarize(blank(**network), size, batch=batch)))
    if memory:
        print(f"\n{measure(network, size, batch=batch)}")


def _explain(arguments: argparse.Namespace) -> None:
    from npseg.explain import explain, write

    given = {key: value for key, value in vars(arguments).items() if key not in ("run", "command")}
    operation, size = given.pop("operation"), given.pop("input")
    size = size if isinstance(size, tuple) else (size,)
    page = given.pop("output", Path(f"npseg-{operation}.html"))
    if isinstance(given.get("padding"), tuple) and len(given["padding"]) == 1:
        given["padding"] *= len(size)
    walk = explain(operation, size, **given)
    write(walk, page)
    hint = "; open it in a browser" if page.suffix == ".html" else ""
    print(f"{walk.drawing.formula}\n\n{walk.excerpt or f'{len(walk)} steps'} in {page}{hint}")


def _gradcheck(arguments: argparse.Namespace) -> None:
    from npseg.commands.checks import gradcheck

    gradcheck()


def _accuracy(arguments: argparse.Namespace) -> None:
    from npseg.commands.checks import accuracy

    accuracy()


def _check(arguments: argparse.Namespace) -> int:
    from npseg.check.oracle.command import check

    return check({key: value for key, value in vars(arguments).items() if key not in ("run", "command")})


def _vectors(arguments: argparse.Namespace) -> int:
    from npseg.check.oracle.command import vectors

    return vectors({key: value for key, value in vars(arguments).items() if key not in ("run", "command")})


def _bench(arguments: argparse.Namespace) -> None:
    from npseg.bench.command import bench
    from npseg.bench.session import PARTS, Session

    chosen = {key: getattr(arguments, key) for key in ("only", "methods", "seconds", "quick")}
    session = Session(arguments.parts or PARTS, **chosen)
    bench(session, json_path=arguments.json, plot_path=arguments.plot)
