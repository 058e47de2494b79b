"""What was asked for, checked as far as that needs no torch, so that what is wrong is found before anything slow."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import methods
import protocols
from methods.cards.card import Card
from protocols.interface import Protocol
from reports.schema.vocabulary import RAW
from runners.errors import NotPossible, RunError
from runners.pipeline.selection import (
    choose_arms,
    choose_head_seeds,
    choose_label_sources,
    choose_repairers,
    choose_runs,
    choose_seeds,
    parse_size,
)
from runners.plan.controls import named_controls, untrained_controls
from runners.plan.splits import check_protocol, choose_splits

if TYPE_CHECKING:
    from datasets.attributes import Annotation
    from methods.arms import Arm
    from runners.plan.plan_types import ArmRun

MARS_LAYOUT = ("mars", "synthwalk")  # data sets that can be written repaired


@dataclass(frozen=True)
class Request:
    """One paper under one protocol.

    Attributes:
        card: the paper.
        runs: its arms and their controls.
        seeds: of the trainings.
        size: (height, width) of the frames.
        work: folder of finished steps.
        protocol: how it is scored.
        label_sources: arms whose labels are shown.
        splits: the data set's divisions that are run, ascending; only 0 where it has one.
        named_controls: controls that were asked for by name.
        head_seeds: of the heads on the trunk of each seed, from 0 on; see `methods.cards.recipe.Stage`.
    """

    card: Card
    runs: "list[ArmRun]"
    seeds: list[int]
    size: tuple[int, int]
    work: Path
    protocol: Protocol
    label_sources: "list[Arm]"
    splits: tuple[int, ...] = (0,)
    named_controls: tuple[str, ...] = ()
    head_seeds: tuple[int, ...] = (0,)


def check(
    options: argparse.Namespace, paper: str, *, protocol: str | None = None, arms: Sequence[str] | None = None
) -> Request:
    """Turn the command's options into a request.

    Args:
        options: with the options of `runners.cli.options`.
        paper: a paper's name, or the folder of one.
        protocol: its name; None for the paper's own.
        arms: as in `choose_arms`; None for the card's default ones.
    """
    from runners.plan.plan import folder_of_work

    card = methods.paper(paper)
    seeds = choose_seeds(options.seed, options.seeds)
    head_seeds = choose_head_seeds(options.head_seeds)
    rules = protocols.load(protocol or card.constraints.protocol)
    repairers = choose_repairers(card, rules, options.repairers, options.dataset == "synthwalk")
    chosen = choose_arms(card, arms or [])
    untrained = untrained_controls(card, chosen, options.controls, options.dataset == "synthwalk")
    runs = choose_runs(chosen, options.controls, repairers, untrained)
    splits = choose_splits(options.splits, options.dataset)
    check_protocol(rules, options.dataset)
    _check_repair(runs, options.dataset)
    size = parse_size(options.size) if options.size else _size_of(card, runs[0].arm, options.profile)
    work = folder_of_work(options.work)
    label_sources = choose_label_sources(card, runs, default=not arms)
    named = named_controls(options.controls)
    return Request(card, runs, seeds, size, work, rules, label_sources, splits, named, head_seeds)


def _check_repair(runs: "Sequence[ArmRun]", dataset: str) -> None:
    """Repaired frames are written in the layout of MARS; checked before anything is trained.

    Raises:
        NotPossible: an arm needs repaired data of a set in another layout.
    """
    if dataset in MARS_LAYOUT:
        return
    for run in runs:
        if (run.trained_on, run.tested_on) != (RAW, RAW):
            raise NotPossible(
                f"{run.text} learns from or is scored on repaired data, which can be written in the layout of MARS "
                f"alone, and {dataset} has another; leave the arm out with --arms, or take --dataset synthwalk or mars."
            )


def _size_of(card: Card, arm: "Arm", profile: str) -> tuple[int, int]:
    """The frames of an arm's recipe; an arm of another paper follows that paper's."""
    owner = card if arm.paper == card.key else methods.paper(arm.paper)
    height, width = owner.recipe(arm.recipe, profile).size
    return int(height), int(width)


def check_slices(wanted: Sequence[str], annotation: "Annotation | None") -> None:
    """Whether every attribute to slice by is known, before anything slow begins.

    Raises:
        RunError: nothing annotates the data.
        DataError: no such attribute.
    """
    if not wanted:
        return
    if annotation is None:
        raise RunError(
            f"--slice {' '.join(wanted)}: no attributes of this data set are known; name them with --attributes."
        )
    for name in wanted:
        annotation.attribute(name)
