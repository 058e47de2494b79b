"""Accuracy by what is known of the people who are searched: each value of an attribute is a slice of the queries.

COSAM's table 7 asks this of handbag, hat and backpack; here any attribute can be asked for, of any arm. A slice with
few people is no basis for a statement, so it says that it cannot tell, and why.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.errors import did_you_mean
from protocols.statistics import clustered_bootstrap, paired_difference, verdict
from reports.errors import ReportError
from reports.ledger.difference import FEWEST_PEOPLE
from reports.ledger.ledger import made_under
from reports.ledger.mask_measures import slug_of
from reports.records.annotations import UNKNOWN, codes
from reports.records.per_query import counted
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results.tables import SHOWN, scored_under
from reports.store.arm import ArmRun, Group
from reports.store.job import Job

EVERYONE = "all queries"


@dataclass(frozen=True, slots=True)
class Slice:
    """The queries with one value: ``chosen`` among those that count; ``reason``: why it has no verdict."""

    value: str
    chosen: NDArray[np.bool_]
    queries: int
    people: int
    reason: str

    @property
    def few(self) -> bool:
        """Whether it shows too few people to tell anything."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True)
class Sliced:
    """One attribute: its slices, the queries whose value is unknown, and what a reader has to know of it."""

    attribute: dict[str, Any]
    annotation: str
    slices: tuple[Slice, ...]
    unknown: int
    queries: int
    notices: tuple[str, ...]


def recorded(job: Job) -> tuple[dict[str, Any], ...]:
    """Attributes that can be asked for, as they were recorded; none where nothing annotates the queries."""
    run = _annotated(job)
    return tuple(run.result["annotation"]["attributes"]) if run else ()


def find(job: Job, names: Sequence[str]) -> tuple[Sliced, ...]:
    """The slices of the attributes that were asked for; case, blanks and hyphens of a name do not matter.

    Raises:
        ReportError: an attribute that was not recorded; with near matches, and a list of what was.
    """
    found = []
    exact = {one["name"]: one for one in recorded(job)}
    known = {_plain(one): attribute for one, attribute in exact.items()}
    for name in names:
        if name in exact:
            found.append(exact[name])
            continue
        if not known:
            raise ReportError(
                f"no attribute {name!r}: nothing annotates the queries of parent run {job.parent_id}; run the job "
                "again with --attributes FILE, or on SynthWalk, which knows its people."
            )
        if _plain(name) not in known:
            listed = ", ".join(exact)
            hint = did_you_mean(name.lower(), exact, cutoff=0.5)
            raise ReportError(f"no attribute {name!r} was recorded; {hint + ' ' if hint else ''}Recorded: {listed}.")
        found.append(known[_plain(name)])
    return tuple(_slice(job, one) for one in {one["name"]: one for one in found}.values())


def _slice(job: Job, attribute: dict[str, Any]) -> Sliced:
    run = _annotated(job)
    assert run is not None  # it recorded the attribute
    keep = counted(run.per_query, run.result["protocol"]["empty"])
    here = codes(run.per_query, attribute["name"])[keep]
    people = np.asarray(run.per_query["person"])[keep]
    slices = [_cut(EVERYONE, np.ones(len(here), dtype=bool), people)]
    slices += [_cut(str(value), here == code, people) for code, value in enumerate(attribute["values"])]
    notices = []
    if attribute["polarity"] == "undocumented":
        notices.append(
            f"The source does not say what the codes of {attribute['name']} mean, so its values may be named the wrong "
            "way round."
        )
    annotation = str(run.result["annotation"]["name"])
    return Sliced(attribute, annotation, tuple(slices), int((here == UNKNOWN).sum()), len(here), tuple(notices))


def _cut(value: str, chosen: NDArray[np.bool_], people: NDArray[Any]) -> Slice:
    queries, persons = int(chosen.sum()), len(np.unique(people[chosen]))
    reason = ""
    if not queries:
        reason = "cannot tell: no query has it"
    elif persons < FEWEST_PEOPLE:
        who = "one person" if persons == 1 else f"{persons} people"
        reason = f"cannot tell: {who} only, fewer than {FEWEST_PEOPLE}"
    return Slice(value, chosen, queries, persons, reason)


def table(job: Job, one: Sliced) -> Table:
    """A row for each slice and arm, with the paired difference to the arm's baseline; controls are left out."""
    name = one.attribute["name"]
    columns = [
        Column("value", name[:1].upper() + name[1:]),
        Column("queries", "Queries", "number"),
        Column("people", "People", "number"),
        Column("arm", "Arm"),
        Column("against", "Against"),
    ]
    for metric in SHOWN:
        columns += [
            Column(metric, METRIC_LABELS[metric], "estimate", unit="%"),
            Column(f"delta_{metric}", f"Δ {METRIC_LABELS[metric]}", "estimate", signed=True, has_verdict=True),
        ]
    columns.append(Column("told", "Reason", data_only=True))
    rows = []
    for cut in one.slices:
        rows += _rows(job, cut) or [Row((cut.value, 0, 0, None, None, *[None] * 4, cut.reason))]
    if one.unknown:
        rows.append(Row(("not known", one.unknown, None, None, None, *[None] * 4, "nobody annotated them")))
    caption = f"Accuracy by {name}, {scored_under(job)}"
    return Table(f"slices_{slug_of(name)}", caption, tuple(columns), tuple(rows), _notes(job, one))


def _rows(job: Job, cut: Slice) -> list[Row]:
    """One for each arm; none where no query has the value."""
    return [_row(cut, group, baseline(job, group)) for group in job.arms()] if cut.queries else []


def _row(cut: Slice, group: Group, against: Group | None) -> Row:
    cells: list[Cell] = [cut.value, cut.queries, cut.people, group.label, against.label if against else None]
    for metric in SHOWN:
        cells += [_accuracy(cut, group, metric), _difference(cut, group, against, metric)]
    runs = group.run_ids
    return Row((*cells, cut.reason or None), "few" if cut.few else "", runs)


def baseline(job: Job, group: Group) -> Group | None:
    """What an arm is measured against: what the first claim of it names, else the baseline; None for that itself."""
    protocol = job.any_result["protocol"]["name"]
    for claim in job.card["claims"]:
        other = job.by_name.get(str(claim.get("against", "")))
        if claim.get("arm") == group.name and other and made_under(job.card, claim) in ("", protocol):
            return other
    for other in job.arms():
        if job.card["arms"].get(other.name, {}).get("role") == "baseline":
            return None if other is group else other
    return None


def _accuracy(cut: Slice, group: Group, metric: str) -> Cell:
    """With its interval; the bare mean where the slice is too few to tell."""
    values = group.values(metric)[..., cut.chosen]
    if cut.few:
        return float(values.mean())
    found = clustered_bootstrap(values, group.people(metric)[cut.chosen], bounds=(0.0, 100.0))
    return Estimate(found.mean, found.low, found.high)


def _difference(cut: Slice, group: Group, against: Group | None, metric: str) -> Cell:
    seeds = tuple(seed for seed in group.seeds if against and seed in against.seeds)
    if against is None or cut.few or not seeds:
        return None
    ours, theirs = (side.values(metric, seeds)[..., cut.chosen] for side in (group, against))
    found = paired_difference(ours, theirs, group.people(metric)[cut.chosen])
    return Estimate(found.mean, found.low, found.high, verdict(found, None))


def _notes(job: Job, one: Sliced) -> tuple[str, ...]:
    attribute = one.attribute
    of = "identity" if attribute["level"] == "identity" else "tracklet"
    compared = sum(baseline(job, group) is not None for group in job.arms()) * len(SHOWN)
    number = sum(not cut.few for cut in one.slices[1:]) * compared
    notes = [
        f"Queries by {attribute['name']}, known of each {of}, from {one.annotation}. Ranges: 95 % intervals, people "
        "resampled; Δ: points to the arm named beside, paired over the same queries; ✓ better, ✗ not better, ? cannot "
        "be told.",
    ]
    if one.unknown:
        notes.append(f"Of {one.unknown} of {one.queries} queries the value is not known; they are in no slice.")
    if number > 1:
        notes.append(
            f"{number} differences stand in these slices; about one interval in twenty misses its value by chance."
        )
    return (*notes, *one.notices)


def listing(job: Job) -> list[dict[str, str]]:
    """What can be asked for, in words: name, values, and of what it was annotated."""
    found = []
    for one in recorded(job):
        values = "yes or no" if one["kind"] == "binary" else ", ".join(map(str, one["values"]))
        found.append({"name": str(one["name"]), "values": values, "level": str(one["level"])})
    return found


def section(job: Job, wanted: Sequence[Sliced]) -> dict[str, Any]:
    """All that the page shows: tables of what was asked for, and what else can be; empty without an annotation."""
    known = listing(job)
    if not known:
        return {}
    run = _annotated(job)
    assert run is not None  # there is a listing
    shown = [_shown(job, one) for one in wanted]
    annotation = run.result["annotation"]
    return {
        "tables": shown,
        "listing": known,
        "fewest": FEWEST_PEOPLE,
        "annotation": annotation["name"],
        "joined": (annotation["joined"], annotation["queries"]),
        "notices": list(annotation["notices"]),
        "example": next((one["name"] for one in known if one["name"] == "backpack"), known[0]["name"]),
    }


def _shown(job: Job, one: Sliced) -> dict[str, Any]:
    """One attribute: its table's columns, and the rows of each slice under a head of its own."""
    full = table(job, one)
    keys = ["arm", "against", *[key for metric in SHOWN for key in (metric, f"delta_{metric}")]]
    parts = []
    for cut in one.slices:
        rows = Table("", "", full.columns, tuple(_rows(job, cut))).only(keys).rows
        counts = f"{_count(cut.queries, 'query', 'queries')} of {_count(cut.people, 'person', 'people')}"
        parts.append({"value": cut.value, "counts": counts, "reason": cut.reason, "rows": rows})
    if one.unknown:
        counts = _count(one.unknown, "query", "queries")
        parts.append({"value": "not known", "counts": counts, "reason": "nobody annotated them", "rows": ()})
    return {"table": full.only(keys), "parts": parts}


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _annotated(job: Job) -> ArmRun | None:
    """A run that recorded what is known of the queries, which are the same in all runs."""
    runs = (run for group in job.groups for run in group.runs)
    return next((run for run in runs if run.result.get("annotation")), None)


def _plain(name: str) -> str:
    """A name without case, blanks, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", str(name)).casefold()
