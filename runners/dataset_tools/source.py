"""Which data set an action of `python -m runners.data` is about: the options that say so, and reading it."""

import argparse
import re
from pathlib import Path
from typing import Any

import datasets
from datasets import pack
from datasets.checks import Examination
from datasets.detect_layout import PACK, recognise
from datasets.files import content_digest
from datasets.files.content_digest import Content
from datasets.identifiers import printable, shown
from datasets.tracklet import Split


def add_source(parser: argparse.ArgumentParser, *, images: bool = True) -> None:
    """Let an action name its data set.

    Args:
        parser: of the action.
        images: whether it may be told to leave the images alone.
    """
    source = parser.add_argument_group("which data set")
    source.add_argument("root", type=Path, help="its folder, or the CSV of your own data")
    source.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"one of {', '.join(datasets.names())}; `list` says what they are (default: recognised by its layout)",
    )
    source.add_argument(
        "--split", type=int, metavar="N", help="one of several train/test divisions, from 0 (ilids and prid have ten)"
    )
    source.add_argument(
        "--counts",
        choices=("official", "manifest", "any"),
        help="what counts are compared with: the official release, the manifest of a rendered set, nothing "
        "(default: its manifest where there is one, else the official release)",
    )
    if images:
        source.add_argument("--no-images", action="store_true", help="names and tables alone, image folders not listed")


def name_of(arguments: argparse.Namespace) -> str:
    """The name that the data set is read by: as given, else as recognised."""
    return str(arguments.dataset) if arguments.dataset else recognise(arguments.root)


def divisions_of(arguments: argparse.Namespace, name: str) -> list[int]:
    """The divisions that an action goes through: the one asked for, else all that there are."""
    if arguments.split is not None:
        return [arguments.split]
    if (arguments.root / PACK).is_file():
        return [division.number for division in pack.open_pack(arguments.root).contents.divisions]
    return list(range(datasets.num_splits(name)))


def examine(
    arguments: argparse.Namespace, name: str = "", number: int | None = None, content: Content = "known"
) -> Examination:
    """Read one division.

    Args:
        arguments: of the command line.
        name: of the data set, where it is known already.
        number: of the division; None takes the one asked for, else the first.
        content: how closely to look at the frames, see `datasets.load`.
    """
    options: dict[str, Any] = {"counts": arguments.counts} if arguments.counts else {}
    return datasets.examine(
        name or name_of(arguments),
        arguments.root,
        split=(arguments.split or 0) if number is None else number,
        content=content,
        check_images=not getattr(arguments, "no_images", False),
        **options,
    )


def facts(split: Split) -> dict[str, Any]:
    """Name, version, fingerprint and counts of a division, as plain data."""
    found = {
        "name": split.name,
        "root": printable(str(split.root)),
        "version": split.version,
        "synthetic": split.synthetic,
        "fingerprint": split.fingerprint,
    }
    if split.divisions > 1:
        found |= {"split": split.number, "splits": split.divisions}
    return {**found, "counts": split.counts()}


def of_names(split: Split, arguments: argparse.Namespace) -> str:
    """What to say of a fingerprint that the content of the frames did not enter."""
    if pack.is_pack(split.root) or content_digest.sealed_by(split.root) is not None:
        return ""  # a pack's index and a manifest tell the content
    if getattr(arguments, "no_images", False):
        return " (of names and tables; with the images it is another)"
    return " (of names and sizes; with the frames' content it is another)" if getattr(arguments, "quick", False) else ""


def spoken(name: str) -> str:
    """The name of a count as words."""
    return name.replace("_", " ")


def size_of(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH as an option's value.

    Raises:
        ArgumentTypeError: it is something else.
    """
    match = re.fullmatch(r"([0-9]{1,9})[xX]([0-9]{1,9})", text)
    if match is None or not (int(match[1]) and int(match[2])):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a size; write HEIGHTxWIDTH, e.g. 128x64")
    return int(match[1]), int(match[2])


def positive(text: str) -> int:
    """A whole number above 0 as an option's value.

    Raises:
        ArgumentTypeError: it is something else.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number above 0")
    return int(text)
