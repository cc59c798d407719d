"""``npseg data``, ``evaluate``, ``predict`` and ``export``: images, and what a trained network makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npseg.cli import flags, values
from npseg.cli.parser import add_command
from npseg.networks.names import SPELLINGS


def add_data(commands: Any) -> None:
    """Declare ``npseg data``."""
    parser = add_command(
        commands, "data", _data, "tell what a folder of images holds, and what is wrong with it"
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder")
    flags.add_format(parser)
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE.png",
        help="a page of images under their labels; default: npseg-data.png, which is replaced if it is there",
    )
    parser.add_argument(
        "--write-colors",
        type=Path,
        metavar="FILE",
        help="only list the masks' colours, to be named, for --colors",
    )
    parser.add_argument("--force", action="store_true", help="replace the file of --sheet or --write-colors")


def _data(path: Path, sheet: Path | None, write_colors: Path | None, force: bool, **given: Any) -> None:
    from npseg.commands.data import data, write_proposal

    if write_colors is not None:
        if sheet is not None or "colors" in given:
            raise ValueError(
                f"--write-colors lists colours; leave out --{'colors' if sheet is None else 'sheet'}"
            )
        write_proposal(path, format=given.get("format"), colors=write_colors, force=force)
    else:
        data(path, options=flags.data_options(given), sheet=sheet, force=force)


def add_evaluate(commands: Any) -> None:
    """Declare ``npseg evaluate``."""
    parser = add_command(commands, "evaluate", _evaluate, "measure a trained network on labelled images")
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--data-path", metavar="FOLDER", help="folder of images; default: the one it was trained on"
    )
    parser.add_argument("--split", default="val", help="train, val, or test; default: %(default)s")
    flags.add_format(parser)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="FOLDER",
        help="write all figures as JSON, the confusion matrix as CSV and picture, and the worst images side by side",
    )
    parser.add_argument(
        "--worst", type=int, default=5, metavar="N", help="of the worst images; default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="replace files that are already there")
    flags.add_backend(parser)


def _evaluate(checkpoint: Path, data_path: str | None, split: str, **given: Any) -> None:
    from npseg.commands.evaluate import evaluate

    options = flags.data_options(given)
    evaluate(checkpoint, data_path, split, options=options, **given)


def add_predict(commands: Any) -> None:
    """Declare ``npseg predict``."""
    parser = add_command(commands, "predict", _predict, "label images with a trained network")
    flags.add_checkpoint(parser)
    parser.epilog = (
        "For each image: NAME.png, a palette PNG of class ids, and NAME_overlay.png, to look at. What cannot be read "
        "is named, and the rest is labelled."
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="of any size and mode: files, folders, or patterns as 'photos/*.jpg'",
    )
    parser.add_argument("--output-dir", type=Path, default=Path("npseg-labels"), help="default: %(default)s")
    parser.add_argument(
        "--tile",
        type=values.tile,
        default="auto",
        metavar="N",
        help="cut images into tiles that lie N pixels apart and overlap by what the network sees; the smaller, the "
        "less memory and the more work; none: never cut; default: cut what would take some gigabytes whole",
    )
    parser.add_argument(
        "--resize",
        type=int,
        metavar="N",
        help="shrink images whose longer side has more than N pixels to that, before they are labelled: a "
        "network knows things by the size that they had in training; the labels have the image's own size again",
    )
    parser.add_argument(
        "--superpixels",
        action="store_true",
        help="give each piece of the image that looks alike one label; needs scikit-image",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="also NAME.npz: each class's probability, float32 (n, H, W)",
    )
    parser.add_argument(
        "--contact-sheet",
        action="store_true",
        help="also contact_sheet.png: all overlays, small, on one page",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are already there")
    flags.add_backend(parser)


def _predict(
    checkpoint: Path,
    images: list[str],
    output_dir: Path,
    superpixels: bool,
    contact_sheet: bool,
    **given: Any,
) -> None:
    from npseg.commands.predict import predict

    predict(checkpoint, images, output_dir, by_superpixels=superpixels, sheet=contact_sheet, **given)


def add_export(commands: Any) -> None:
    """Declare ``npseg export``."""
    parser = add_command(
        commands, "export", _export, "write a trained network's weights as a state dict for PyTorch"
    )
    flags.add_checkpoint(parser)
    parser.epilog = "npseg train --weights and npseg predict read the file, too."
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="model.npz or model.safetensors"
    )
    parser.add_argument(
        "--names",
        choices=SPELLINGS,
        default="own",
        help="of layers: the network's, or torchvision's for VGG-16's; default: %(default)s",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is already there")


def _export(checkpoint: Path, output: Path, names: str, force: bool) -> None:
    from npseg.commands.export import export

    export(checkpoint, output, names=names, force=force)
