"""Which recorded arms may stand in one table: those with the same test input and scoring.

A stratum is one table of comparison.  Its rows share the data set (by fingerprint), the whole record of the protocol
(name, version, what is fed, distance, gallery, AP, empty queries), the queries, the profile, the budget and the size of
the frames.  Rows of different strata are never ranked together.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reports.records.test_time import KIND as TEST_TIME
from reports.schema.vocabulary import ORACLE
from reports.sections.results import tables
from reports.store import repairer_names
from reports.store.arm import ArmRun, Group
from reports.store.job import Job, in_words
from reports.store.jobs import Across, paper_of


@dataclass(frozen=True)
class ComparedArm:
    """One arm of one job, with all its seeds."""

    job: Job
    group: Group

    @property
    def name(self) -> str:
        """Unique in a stratum: ``gltr/tsa``, or ``gltr/tsa (pretrained none)`` of a variant."""
        return f"{self.paper}/{self.group.name}" + (f" ({self.changes})" if self.changes else "")

    @property
    def changes(self) -> str:
        """What options changed for every arm of its job; empty of a plain job."""
        return in_words(self.job.changes)

    @property
    def paper(self) -> str:
        """Key of the paper."""
        return paper_of(self.job)

    @property
    def venue(self) -> str:
        """Where the paper appeared: ``ICCV 2019``."""
        return " ".join(str(self.job.card[key]) for key in ("venue", "year") if self.job.card.get(key))

    @property
    def role(self) -> str:
        """What the card says the arm is: proposed, baseline, ablation; empty for one that it does not list."""
        return str(self.job.card["arms"].get(self.group.name, {}).get("role", ""))

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all its seeds."""
        return self.group.run_ids

    @property
    def knows_truth(self) -> bool:
        """Whether it was shown pixels that no method has: the unoccluded truth of drawn data."""
        data = self.group.data
        return any(repairer_names.name_of(one).startswith(ORACLE) for one in (data.train, data.test))

    @property
    def data_label(self) -> str:
        """Which data it was trained and tested on; empty where both are raw."""
        if not self.group.data.repaired:
            return ""
        train, test = (repairer_names.label(self.job, one) for one in (self.group.data.train, self.group.data.test))
        return f"{train} / {test}"


@dataclass(frozen=True)
class Stratum:
    """The rows of one table.

    Attributes:
        key: digest of all that the rows share, 8 hex digits; part of file names.
        entries: arms that are ranked.
        truths: arms that saw the truth of drawn data: a ceiling, not ranked.
        colours: the colour row of each job, unranked as the floor; equal ones once.
    """

    key: str
    shared: dict[str, Any]
    entries: tuple[ComparedArm, ...]
    truths: tuple[ComparedArm, ...]
    colours: tuple[ComparedArm, ...]

    @property
    def every(self) -> tuple[ComparedArm, ...]:
        """All rows."""
        return self.entries + self.truths + self.colours

    @property
    def any_result(self) -> dict[str, Any]:
        """One record, for what all rows share."""
        return self.every[0].group.first

    @property
    def protocol(self) -> dict[str, Any]:
        """The record of the protocol."""
        found: dict[str, Any] = self.any_result["protocol"]
        return found

    @property
    def metric(self) -> str:
        """What ranks: mAP, or rank-1 where every query has one match."""
        return self.every[0].job.headline_metric

    @property
    def changes(self) -> str:
        """What options changed for all rows alike; empty where they did not."""
        found = {entry.changes for entry in self.every}
        return found.pop() if len(found) == 1 else ""

    def label(self, entry: ComparedArm) -> str:
        """What a reader calls a row, with what options changed for it and not for all."""
        differs = entry.changes and not self.changes and entry.group.control != "colour"
        return entry.group.label + (f" ({entry.changes})" if differs else "")

    @property
    def splits(self) -> tuple[int, ...]:
        """The divisions of the data that all rows are means over; none where the data have one."""
        return self.every[0].job.splits

    @property
    def dataset_label(self) -> str:
        """Name of the data set as its authors write it, with the world where one was drawn."""
        return tables.data_label(self.any_result["dataset"])

    @property
    def synthetic(self) -> bool:
        """Whether the data are drawn."""
        return bool(self.any_result["dataset"]["synthetic"])

    @cached_property
    def title(self) -> str:
        """``SynthWalk, rgb-snippets v1, embedded, 64×32``."""
        first = self.any_result
        budget = "" if first["budget"] == "full" else f", {first['budget']} budget"
        changed = f", {self.changes}" if self.changes else ""
        size = "×".join(map(str, first["size"]))
        fed = f", fed as {self.shared['headline']}" if "headline" in self.shared else ""
        protocol = f"{self.protocol['name']} v{self.protocol['version']}{fed}"
        some = f", {tables.split_count(self.every[0].job)}" if self.splits else ""
        return f"{self.dataset_label}{some}, {protocol}, {first['profile']} profile{budget}{changed}, {size}"

    @cached_property
    def slug(self) -> str:
        """For file names and anchors: ``synthwalk_rgb-snippets_1a2b3c4d``."""
        return f"{self.any_result['dataset']['name']}_{self.protocol['name']}_{self.key}"


def strata(
    across: Across, arms: Mapping[str, Sequence[str]] | None = None
) -> tuple[tuple[Stratum, ...], tuple[str, ...]]:
    """All tables of comparison, the one with most papers first, and sentences on arms that stand in none.

    Controls are no rows: the claims ledger shows them.

    Args:
        across: what was recorded.
        arms: paper -> names of arms that were asked for; the other recorded ones are named, not shown. None: all.
    """
    found: dict[str, list[ComparedArm]] = {}
    shared: dict[str, dict[str, Any]] = {}
    refused = []
    besides: dict[str, None] = {}
    for job in across.jobs:
        for group in job.groups:
            if group.control not in (None, "colour"):
                continue
            entry = ComparedArm(job, group)
            if arms is not None and group.control is None and group.name not in arms.get(entry.paper, ()):
                besides.setdefault(entry.name)
                continue
            keys = {_digest(one): one for one in (_shared(run, group) for run in group.first_heads)}
            if len(keys) > 1:
                refused.append(
                    f"{group.label} ({entry.paper}, {job.experiment}): its seeds were not all run alike "
                    f"({_differing(list(keys.values()))}), so it has no place in any table; record it again."
                )
                continue
            for key, one in keys.items():
                shared[key] = one
                found.setdefault(key, []).append(entry)
    made = [_stratum(key, shared[key], entries) for key, entries in found.items()]
    if besides:
        refused.append(f"Recorded too, and not asked for here: {', '.join(besides)}.")
    made.sort(key=lambda one: (-len({entry.paper for entry in one.entries}), -len(one.entries), one.title, one.key))
    return tuple(made), tuple(refused)


def _stratum(key: str, shared: dict[str, Any], entries: list[ComparedArm]) -> Stratum:
    colours = [entry for entry in entries if entry.group.control == "colour"]
    arms = [entry for entry in entries if entry.group.control is None]
    return Stratum(
        key=key,
        shared=shared,
        entries=tuple(entry for entry in arms if not entry.knows_truth),
        truths=tuple(entry for entry in arms if entry.knows_truth),
        colours=tuple(_once(colours)),
    )


def _once(colours: list[ComparedArm]) -> list[ComparedArm]:
    """The colour row knows no paper: where those of several jobs agree in every query, one is shown."""
    kept: list[ComparedArm] = []
    for entry in colours:
        values = entry.group.values("mAP")
        if not any(np.array_equal(values, other.group.values("mAP")) for other in kept):
            kept.append(entry)
    return kept


def _shared(run: ArmRun, group: Group) -> dict[str, Any]:
    result = run.result
    people = group.people()
    keys = np.asarray(group.runs[0].per_query["key"])
    queries = hashlib.sha256(b"\0".join([*(str(one).encode() for one in keys), *(str(p).encode() for p in people)]))
    return {
        "data set": result["dataset"]["fingerprint"],
        "protocol": _named_fields(result["protocol"]),
        "profile": result["profile"],
        "budget": result["budget"],
        "size": list(result["size"]),
        "queries": queries.hexdigest()[:16],
        **_fed_otherwise(run),
    }


def _fed_otherwise(run: ArmRun) -> dict[str, str]:
    """A network of fixed clips that could not take the protocol's own choice was fed in another way altogether."""
    choices = TEST_TIME.of(run)
    own = str(choices.record["headline"]) if choices else ""
    return {"headline": own} if own and own != run.result["protocol"].get("headline") else {}


def _named_fields(protocol: dict[str, Any]) -> dict[str, Any]:
    """What a protocol's record says, without what is empty: a later version may name more that an earlier lacked."""
    return {key: value for key, value in protocol.items() if value and (key, value) != ("splits", 1)}


def _digest(shared: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:8]


def _differing(found: list[dict[str, Any]]) -> str:
    return ", ".join(key for key in found[0] if any(one[key] != found[0][key] for one in found))
