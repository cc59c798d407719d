"""``npseg demo``, ``train`` and ``compare``: networks that learn."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npseg import pretrained
from npseg.cli import flags
from npseg.cli.parser import add_command
from npseg.networks import NETWORKS

#: Training flags that are the network's.
_NETWORK = ("width", "fc", "dropout", "batch_norm", "classifier", "freeze", "method")


def add_demo(commands: Any) -> None:
    """Declare ``npseg demo``."""
    parser = add_command(
        commands, "demo", _demo, "train a network on drawn scenes in about a minute, and look"
    )
    parser.add_argument("--output-dir", type=Path, default=Path("npseg-demo"), help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of scenes and training; default: %(default)s")
    flags.add_backend(parser)


def _demo(output_dir: Path, seed: int) -> None:
    from npseg.demo import demo

    demo(output_dir, seed=seed)


def add_train(commands: Any) -> None:
    """Declare ``npseg train``, whose flags are named as torchvision's references name them.

    A flag that was not given is absent from the result, so that --resume can tell.
    """
    parser = add_command(commands, "train", _train, "train a network on a folder of images, or on the scenes")
    parser.argument_default = argparse.SUPPRESS
    parser.epilog = (
        "The folder is CamVid's (train/, trainannot/, val/, valannot/) or a plain one: images/, masks/ of class "
        "ids (8-bit PNGs under the images' names; 255 is void), classes.txt (one name a line, class 0 first); "
        "every fifth image is held out to validate by, unless train.txt and val.txt list the names. Other formats: "
        "npseg data --help. checkpoint.npz is the last epoch, best.npz the one with the highest mean IoU over the "
        "classes that the validation images hold. Ctrl-C saves; --resume goes on bit for bit, and needs no other flag."
    )
    add = parser.add_argument
    add("--data-path", metavar="FOLDER", help="images and masks; without it, the drawn scenes")
    flags.add_format(parser)
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
    _add_network(parser)
    flags.add_recipe(parser)
    add(
        "--sanity",
        action="store_true",
        help="first see that the loss begins at log C, and that one batch can be learned by heart; takes minutes",
    )
    flags.add_backend(parser)


def _add_network(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the network; ``_NETWORK`` are those that are its settings."""
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


def _train(**given: Any) -> None:
    options, output_dir = flags.data_options(given), given.pop("output_dir", None)
    if "resume" in given:
        _resume(given, output_dir, options)
    else:
        _begin(given, output_dir or Path("npseg-run"), options)


def _resume(given: dict[str, Any], output_dir: Path | None, options: dict[str, Any]) -> None:
    """Continue a run, of which nothing can be said anew but where its images and its folder are."""
    from npseg.commands.train import resume

    checkpoint, data_path = given.pop("resume"), given.pop("data_path", None)
    if given:
        words = ", ".join("--" + key.replace("_", "-") for key in given)
        raise ValueError(f"--resume continues with the settings of its checkpoint; leave out {words}")
    resume(checkpoint, data_path, output_dir or checkpoint.parent, options=options)


def _begin(given: dict[str, Any], output_dir: Path, options: dict[str, Any]) -> None:
    """Begin a run, by the flags, and where they are silent by the file of --config."""
    from npseg.commands.train import train

    orders, sanity = _orders(given), given.pop("sanity", False)
    data_path = given.pop("data_path", orders.data_path)
    weights = given.pop("weights", orders.weights and Path(orders.weights))
    recipe = given.pop("recipe", None)
    name = given.pop("model", orders.network["name"])
    network = {**orders.network, "name": name} if name == orders.network["name"] else {"name": name}
    network |= {key: given.pop(key) for key in _NETWORK if key in given}
    train(
        network,
        orders.settings | flags.settings(given),
        data_path,
        output_dir,
        weights=weights,
        recipe=recipe,
        options=orders.data | options,
        sanity=sanity,
    )


def _orders(given: dict[str, Any]) -> Any:
    """Return what the file says that --config names, or else what a run does that is told nothing."""
    from npseg.commands.config import Orders, read

    if "config" not in given:
        return Orders({"name": "fcn8s"}, {}, None, None, {})
    if "recipe" in given:
        raise ValueError("--config has a recipe already; leave out --recipe, or give its settings one by one")
    return read(given.pop("config"))


def add_compare(commands: Any) -> None:
    """Declare ``npseg compare``."""
    parser = add_command(
        commands,
        "compare",
        _compare,
        "train networks of comparable cost by one recipe, and set them side by side",
    )
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
    flags.add_format(parser)
    add("--output-dir", type=Path, default=Path("npseg-comparison"), help="default: %(default)s")
    add(
        "--width",
        type=int,
        default=8,
        help="of fcn8s, whose multiply-adds the others' widths are chosen to come near to; default: %(default)s",
    )
    flags.add_recipe(parser)
    flags.add_backend(parser)


def _compare(models: list[str], output_dir: Path, width: int, **given: Any) -> None:
    from npseg.compare.command import compare_networks

    data_path, options = given.pop("data_path", None), flags.data_options(given)
    compare_networks(models, flags.settings(given), data_path, output_dir, width=width, options=options)
