"""Options that the commands which train and score arms have in common."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from methods.cards.recipe import PROFILES
from methods.cards.recipe import Precision as Wanted
from protocols.vocabulary import CONTROLS, UNTRAINED_CONTROLS
from runners.errors import RunError
from runners.workers.number import MOST_BY_DEFAULT

if TYPE_CHECKING:
    from methods.starts.card import StartCard
    from runners.plan.environment import Precision


def add_training(group: argparse._ArgumentGroup) -> None:
    """Which runs of an arm, with which recipe."""
    group.add_argument(
        "--controls",
        nargs="+",
        default=["default"],
        metavar="NAME",
        help="shuffled time and a per-frame MLP for arms that claim to use time, uniform weights for those that "
        "attend: all for the proposed arm and shuffled time for others (default), all for every arm, or none; shuffled "
        "time of an arm that cannot depend on order is left out unless it is named. With "
        "default and all, also what trains nothing: oracles of the baseline where the truth is known (masks of things "
        "carried, and pooling of the last map, with all alone), and its shuffled labels. Or by name: "
        f"{', '.join((*CONTROLS, *UNTRAINED_CONTROLS))}",
    )
    group.add_argument("--seeds", type=int, default=3, metavar="N", help="how many seeds, pooled (default %(default)s)")
    group.add_argument(
        "--head-seeds",
        type=int,
        default=5,
        metavar="K",
        help="how many heads on the trunk of each seed, of arms whose recipe trains a head on a frozen trunk, which "
        "takes seconds (default %(default)s); other arms are trained once a seed",
    )
    group.add_argument("--seed", type=int, default=0, metavar="FIRST", help="the first seed (default 0)")
    group.add_argument(
        "--splits",
        nargs="+",
        metavar="N",
        help="which divisions of a data set that has several (iLIDS-VID, PRID-2011: 0 to 9) are trained, scored and "
        "averaged: all (default), or some, such as 0-2 or 0 3; a page on fewer than all says so",
    )
    group.add_argument(
        "--profile",
        choices=PROFILES,
        default="embedded",
        help="embedded: minutes on a CPU; paper: the published recipe",
    )
    add_budget(group)
    group.add_argument(
        "--pretrained",
        choices=("card", "synthwalk", "imagenet", "none"),
        default="card",
        help="starting weights: as the recipe says (default); synthwalk, those of this suite (docs/start.md); "
        "imagenet, through torchvision; or none, initial values",
    )
    group.add_argument(
        "--start",
        metavar="FILE",
        help="starting weights of your own, .safetensors with their card .toml beside them: python -m runners.start",
    )
    add_precision(group)


def add_budget(group: argparse._ActionsContainer) -> None:
    """How long recipes train."""
    group.add_argument(
        "--budget",
        choices=("full", "quick", "long"),
        default="full",
        help="lengths of the recipes: quick is short; long takes hours on two cores",
    )


def add_precision(group: argparse._ActionsContainer) -> None:
    """In what numbers networks compute."""
    group.add_argument(
        "--precision",
        choices=("card", *(one for one in get_args(Wanted) if one != "auto")),
        default="card",
        help="in what numbers networks compute, in training and at test: as the recipe says (default; profile paper: "
        "fp32, full float32; embedded: bf16 where the hardware has it, else fp32), or one of these; tf32 and fp16 need "
        "a GPU",
    )


def chosen_precision(options: argparse.Namespace, device: str) -> "Precision | None":
    """What ``--precision`` asked for; None where it leaves it to the recipes.

    Raises:
        NotPossible: this device does not compute in these numbers.
    """
    from runners.plan.environment import choose_precision

    return None if options.precision == "card" else choose_precision(options.precision, device)


def own_start(options: argparse.Namespace) -> "StartCard | None":
    """The card of the starting weights that ``--start`` names; None without it.

    Raises:
        RunError: ``--pretrained`` names others.
        MethodError: there is no such file, or its card is absent or wrong.
    """
    from methods.starts.card import card_of_file

    if options.start is None:
        return None
    if options.pretrained != "card":
        raise RunError(f"--start and --pretrained {options.pretrained} both name starting weights; leave one out.")
    return card_of_file(Path(options.start))


def add_repair(group: argparse._ArgumentGroup, repairers: str) -> None:
    """What paints hidden regions, and what calls them hidden.

    Args:
        group: where the options are listed.
        repairers: names of those that need no training, for the help.
    """
    group.add_argument(
        "--repairers",
        nargs="+",
        metavar="NAME",
        help="under occlusion-repaired: what paints hidden regions before an arm is trained and scored; "
        f"{repairers}, each with [tau=0.9] if its calls need another threshold, or an arm that "
        "repairs, such as vrstc/stcnet-gen (default: oracle, where the truth is known; none: the arms as they are)",
    )
    group.add_argument(
        "--scorer",
        default="vrstc/baseline",
        metavar="PAPER/ARM",
        help="the arm whose region scores call regions occluded; it is trained first (default %(default)s)",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """On what data."""
    data = parser.add_argument_group("on what data")
    data.add_argument(
        "--dataset",
        default="synthwalk",
        help="synthwalk (rendered if absent), mars, duke, ilids, prid, ls-vid, own ...: python -m runners.data list",
    )
    data.add_argument("--data-root", metavar="FOLDER", help="where the data set lies; needed for all but synthwalk")
    data.add_argument("--size", metavar="HxW", help="image size; default: the recipe's")
    data.add_argument(
        "--decoded-limit",
        type=_gigabytes,
        metavar="GB",
        help="frames of one half that need no more than this are decoded once and kept on disk, others each time they "
        "are asked for, from a pack where there is one; results are the same (default 8)",
    )
    data.add_argument(
        "--attributes",
        metavar="FILE",
        help="attributes of the people: MARS-Attribute, Duke-Attribute, or a CSV of your own (default: those that the "
        "data set brings along; SynthWalk does)",
    )
    data.add_argument(
        "--source",
        metavar="FOLDER",
        help="other data with attributes, from which arms learn to label: RAP, or a rendered SynthWalk (default for "
        "synthwalk: a world of other people in another style, rendered if absent)",
    )


def _gigabytes(text: str) -> int:
    """Bytes.

    Raises:
        ArgumentTypeError: not a number of gigabytes.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes; take 0 or more, such as 63")
    return round(value * 1e9)


def add_places(group: argparse._ArgumentGroup) -> None:
    """Where it runs, and where what is made goes."""
    group.add_argument("--device", default="auto", help="auto, cpu or cuda")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="how many processes train and score side by side, each with its share of the cores as threads (default: "
        f"as many as there are cores, {MOST_BY_DEFAULT} at most; 1 on a GPU). Another number can mean other threads, "
        "and so other last digits and steps of its own; 1 takes least memory, and is quicker for one arm with one seed",
    )
    group.add_argument("--work", default="runs", metavar="FOLDER", help="finished steps (default %(default)s)")
    group.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI or sqlite:///mlflow.db"
    )
