"""What a regression check runs: pinned in the baseline's own file, so that old and new are always the same runs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import methods
import protocols
from datasets.synthwalk.presets import World, preset
from methods.cards.card import Card
from methods.cards.schema import fill
from methods.errors import MethodError
from protocols.interface import Protocol
from protocols.vocabulary import WITH_INTERVALS
from reports.errors import ReportError
from reports.schema.metrics import split_metric
from runners.errors import RunError


@dataclass(frozen=True, slots=True)
class MatrixEntry:
    """One paper under one protocol.

    Attributes:
        paper: its name, or the path of its folder.
        protocol: how it is scored.
        arms: which of its arms are trained.
        metrics: compared query by query: ``mAP`` and ``rank<k>``, behind a side such as ``V2V/`` where there are some.
    """

    paper: str
    protocol: str
    arms: tuple[str, ...]
    metrics: tuple[str, ...] = WITH_INTERVALS

    def card(self) -> Card:
        """The paper's card."""
        return methods.paper(self.paper)

    def rules(self) -> Protocol:
        """The protocol."""
        return protocols.load(self.protocol)

    def key(self, arm: str) -> str:
        """An arm's name in tables; the protocol is told where it is not the paper's own."""
        card = self.card()
        return f"{card.key}/{arm}" + ("" if self.protocol == card.constraints.protocol else f" ({self.protocol})")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A short, pinned set of runs.

    Attributes:
        preset: of SynthWalk.
        world: parameters of it that differ from the preset's.
        jobs: what is trained and scored there.
        seeds: of the baseline; a check runs the first one only.
        threads: of each training process, part of the configuration within which bits repeat; how many processes train
            side by side is not.
        budget, lengths, profile: of the recipes; ``lengths`` is a share of every stage's length.
        level: chance of one false alarm among all accuracies of a check.
        slower: a time may grow by this factor over the reference before it counts as worse.
        precision: in place of the recipes'; empty leaves it to them.
    """

    preset: str
    world: Mapping[str, int | float]
    jobs: tuple[MatrixEntry, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    threads: int = 1
    profile: Literal["embedded"] = "embedded"
    budget: Literal["full", "quick"] = "quick"
    lengths: float = 1.0
    level: float = 0.05
    slower: float = 1.5
    precision: Literal["", "fp32", "tf32", "bf16", "fp16"] = ""

    def __post_init__(self) -> None:
        if not self.jobs or not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise MethodError("a matrix needs at least one job, and seeds that differ and are not negative")
        if not (0 < self.level < 1 and self.slower > 1 and self.threads >= 1 and self.lengths > 0):
            raise MethodError("level lies between 0 and 1, slower above 1, threads and lengths above 0")

    def rendered(self) -> World:
        """The data."""
        return preset(self.preset, **self.world)

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the file."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        plain["world"] = dict(self.world)
        return plain


def read_matrix(values: Any, where: str) -> Matrix:
    """A matrix from its JSON table, checked against cards and protocols before anything slow begins.

    Raises:
        RunError: what is wrong, and where.
    """
    if not isinstance(values, Mapping):
        raise RunError(f"{where}: no matrix is there; expected a table with preset, world and jobs.")
    try:
        matrix = fill(Matrix, values, f"{where}: matrix")
    except MethodError as error:
        raise RunError(str(error)) from None
    matrix.rendered().check()
    seen: set[str] = set()
    for entry in matrix.jobs:
        rules = entry.rules()
        for metric in entry.metrics:
            side, name = split_metric(metric)
            if not (name == "mAP" or name.removeprefix("rank").isdigit()) or (side and side not in rules.sides):
                raise RunError(f"{where}: metric {metric!r} is none of {rules.name}; take mAP, rank1 or SIDE/mAP.")
        for arm in entry.arms:
            methods.arm(arm, entry.card())
            key = entry.key(arm)
            if key in seen:
                raise RunError(f"{where}: {key} stands twice in the matrix; give each arm once under a protocol.")
            seen.add(key)
    return matrix


def missing_file(path: Path) -> ReportError:
    """What to say where there is no baseline."""
    return ReportError(
        f"{path}: there is no baseline; name one with --baseline, or write a file with a matrix in it and measure it "
        'with --update --reason "first baseline".'
    )
