"""Flags that several commands have, so that they are named and explained in one way, and what is made of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from npseg import pretrained

#: What flags of a recipe stand for in the settings, where the names differ.
_SETTINGS = {
    "wd": "weight_decay",
    "opt": "optimizer",
    "lr_scheduler": "schedule",
    "lr_step_size": "lr_step",
}


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add the word that names a trained network."""
    known = ", ".join(pretrained.NAMES)
    parser.add_argument(
        "checkpoint",
        type=pretrained.find,
        metavar="CHECKPOINT",
        help=f"a file that training has written, or a network that comes with npseg: {known}, which was trained on "
        "drawings (npseg.data.Scenes) and labels drawings, not photographs",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add the flag of what can be computed on a device."""
    parser.add_argument(
        "--backend",
        choices=("numpy", "cupy"),
        default=None,
        help="compute with NumPy, or with CuPy on a GPU; default: $NPSEG_BACKEND, or numpy",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
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


def data_options(given: dict[str, Any]) -> dict[str, Any]:
    """Take out of what was given how a folder is opened, the table of colours by its rows."""
    from npseg.data import read_colors

    options: dict[str, Any] = {key: given.pop(key) for key in ("format", "colors") if key in given}
    if "colors" in options:
        options["colors"] = read_colors(options["colors"]).rows
    return options


def add_recipe(parser: argparse.ArgumentParser) -> None:
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


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that flags of a recipe stand for."""
    return {_SETTINGS.get(key, key): value for key, value in given.items()}
