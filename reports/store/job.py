"""One job as it was recorded: a parent run and the arms that its children trained and scored.

A variant is a job whose options changed what every arm starts from, computes in, sees or learns from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from files.formats import json as json_files
from reports.errors import ReportError
from reports.records.cost import CostRecord
from reports.records.splits import one_match
from reports.schema.controls import UNTRAINED_CONTROLS
from reports.schema.vocabulary import CONTROLS_LEFT_OUT
from reports.store.arm import Group

if TYPE_CHECKING:
    from mlflow.entities import Run

PLAIN_PARAMETERS = ("paper", "dataset", "protocol", "profile", "budget")
"""What the parent run of every job has; its other parameters are what options changed."""


@dataclass(frozen=True)
class Job:
    """A parent run with all that its children recorded."""

    experiment: str
    parent_id: str
    uri: str
    tags: Mapping[str, str]
    card: dict[str, Any]
    environment: dict[str, Any]
    groups: tuple[Group, ...]
    finished: bool
    ended: str  # UTC, to the minute, or "" while it runs
    records: Mapping[str, Any] = field(default_factory=dict)  # of the whole job, by the name of their kind
    experiment_id: str = ""  # of the store, for links to a tracking server
    cost: CostRecord | None = None  # of the paper's arms against frames and batch, measured by another command
    left_out: tuple[str, ...] = ()  # sentences on runs that could not be counted
    changes: Mapping[str, str] = field(default_factory=dict)  # by options, for every arm; see `changes_of`

    @cached_property
    def by_name(self) -> dict[str, Group]:
        """Groups by name."""
        return {group.name: group for group in self.groups}

    @property
    def any_result(self) -> dict[str, Any]:
        """One record, for what all of them share: data set, protocol, profile, frame size."""
        return self.groups[0].first

    @property
    def synthetic(self) -> bool:
        """Whether the data set is drawn, not filmed."""
        return bool(self.any_result["dataset"]["synthetic"])

    @property
    def splits(self) -> tuple[int, ...]:
        """The divisions of the data that all its numbers are means over; none where the data have one."""
        return self.groups[0].splits

    @property
    def one_match(self) -> bool:
        """Whether every query has exactly one correct match, so that AP says nothing beside the CMC."""
        return one_match(self.any_result)

    @property
    def headline_metric(self) -> str:
        """What figures and sums show: mAP, or rank-1 where AP tells nothing."""
        return "rank1" if self.one_match else "mAP"

    def arms(self) -> tuple[Group, ...]:
        """Groups that are arms, not controls."""
        return tuple(group for group in self.groups if group.control is None)

    @property
    def in_results(self) -> tuple[Group, ...]:
        """Groups that stand in tables of results: arms, controls of causes and the colour row."""
        return tuple(group for group in self.groups if group.control not in UNTRAINED_CONTROLS)

    def untrained(self) -> tuple[Group, ...]:
        """Groups that train nothing and score an arm once more: oracles, shuffled labels."""
        return tuple(group for group in self.groups if group.control in UNTRAINED_CONTROLS)

    @property
    def repaired(self) -> bool:
        """Whether any arm was trained or tested on data other than raw."""
        return any(group.data.repaired for group in self.groups)

    @property
    def controls_left_out(self) -> dict[str, str]:
        """Controls that can show nothing of their arm and were not run, such as ``gltr+shuffled`` -> why.

        Raises:
            ReportError: the job's tag that names them is damaged.
        """
        named = named_left_out(self.tags, self.parent_id)
        run = {f"{group.first['of']}+{group.control}" for group in self.groups if group.control}
        return {control: why for control, why in named.items() if control not in run}

    def controls_of(self, arm: str) -> tuple[Group, ...]:
        """The recorded controls of an arm."""
        return tuple(group for group in self.groups if group.control and group.first["of"] == arm)


def named_left_out(tags: Mapping[str, str], parent_id: str) -> dict[str, str]:
    """Controls that a job named as left out, whenever that was, such as ``gltr+shuffled`` -> why.

    Args:
        tags: of its parent run.
        parent_id: for the message.

    Raises:
        ReportError: the tag is no JSON object of texts.
    """
    name = f"the tag {CONTROLS_LEFT_OUT} of run {parent_id}"
    remedy = "delete the tag and start the job again."
    found = json_files.parse(tags.get(CONTROLS_LEFT_OUT, "{}"), name, ReportError, remedy)
    if not isinstance(found, dict) or not all(isinstance(why, str) for why in found.values()):
        raise ReportError(f"{name} is no JSON object of texts; {remedy}")
    return found


def changes_of(run: "Run") -> dict[str, str]:
    """What options changed for every arm of a job, by the option's name; nothing of a plain job.

    Args:
        run: the job's parent run.
    """
    return {str(name): str(value) for name, value in sorted(run.data.params.items()) if name not in PLAIN_PARAMETERS}


def in_words(changes: Mapping[str, str]) -> str:
    """``precision bf16, pretrained none``; empty of a plain job."""
    return ", ".join(f"{name} {value}" for name, value in sorted(changes.items()))
