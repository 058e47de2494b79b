"""What is fed at test time, as tables: every choice of an arm, accuracy by length, and what all choices cost together.

Records are those of `reports.records.test_time`; all accuracies are in percent of the protocol's headline convention.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.statistics import POINTS, clustered_bootstrap, paired_difference
from protocols.vocabulary import WITH_INTERVALS
from reports.ledger.mask_measures import slug_of
from reports.records.test_time import KIND as TEST_TIME
from reports.records.test_time import Choices
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results.tables import scored_under
from reports.store import cards
from reports.store.arm import Group
from reports.store.job import Job

Floats = NDArray[np.float64]
SHOWN = WITH_INTERVALS
FEWEST_PEOPLE = 5  # below, a slice has no interval
AT = 8  # the N that stands for each family in the slices by length
REST = {
    "loop": "its own frames", "wrap": "the start", "repeat-last": "the last frame", "pad": "left short",
    "drop": "left out", "": "",
}  # fmt: skip
FAMILIES = {"single": "single frame", "even": "N frames evenly", "snippets": "snippets of N, averaged",
            "dense": "overlapping windows of N, averaged", "whole": "whole sequence"}  # fmt: skip


def arms(job: Job) -> tuple[Group, ...]:
    """Arms that recorded choices with every seed, the headline arm first."""
    found = [group for group in job.arms() if all(TEST_TIME.of(run) is not None for run in group.first_heads)]
    first = cards.headline_arm(job.card, [group.name for group in found]) if found else None
    return tuple(sorted(found, key=lambda one: one.name != first))


def records(group: Group) -> list[Choices]:
    """What each seed recorded."""
    return [found for found in map(TEST_TIME.of, group.runs) if found is not None]


def counted(group: Group) -> NDArray[np.bool_]:
    """``[Q]``: the queries that count under the protocol's convention."""
    valid = records(group)[0].valid()
    return valid if group.first["protocol"]["empty"] == "skip" else np.ones_like(valid)


def values(group: Group, name: str, metric: str, gallery: str = "") -> Floats | None:
    """``[S, Q]`` in percent of one choice; ``None`` where a seed was not scored under it.

    Args:
        group: an arm with all its seeds.
        name: of the choice.
        metric: such as "mAP".
        gallery: a bin of lengths of gallery tracklets; empty for all.
    """
    found = [one.values(name, metric, gallery) for one in records(group)]
    rows = [row for row in found if row is not None]
    return np.stack(rows) if len(rows) == len(found) else None


def accuracy(group: Group, name: str, metric: str, keep: NDArray[np.bool_], gallery: str = "") -> Cell:
    """Mean over some queries and all seeds with its interval; the bare mean where they show too few people.

    Args:
        group: an arm with all its seeds.
        name: of the choice.
        metric: such as "mAP".
        keep: bool ``[Q]``, the queries that count.
        gallery: a bin of lengths of gallery tracklets; empty for all.
    """
    found = values(group, name, metric, gallery)
    if found is None or not keep.any():
        return None
    people = np.asarray(records(group)[0].arrays["person"])[keep]
    if len(np.unique(people)) < FEWEST_PEOPLE:
        return float(found[:, keep].mean())
    one = clustered_bootstrap(found[:, keep], people, bounds=(0.0, 100.0))
    return Estimate(one.mean, one.low, one.high)


def choices_table(job: Job, group: Group) -> Table:
    """Every choice that an arm was scored under, and its paired difference to the protocol's own."""
    first = records(group)[0]
    headline = str(first.record["headline"])
    own = first.of(headline)
    columns = (
        Column("label", "Fed"),
        Column("family", "Kind", data_only=True),
        Column("frames", "N", "number"),
        Column("mAP", "mAP", "estimate", unit="%"),
        Column("delta_mAP", f"Δ mAP to {own['label'].lower() if own else headline}", "estimate", signed=True),
        Column("rank1", "Rank-1", "estimate", unit="%"),
        Column("rest", "Too short: filled with"),
        Column("mean", "Mean over"),
        Column("clips", "Clips a tracklet", "number", 1),
        Column("fed", "Frames fed, share", "number", 0, unit="%"),
        Column("source", "Published or used by"),
        Column("name", "Name", data_only=True),
    )
    keep = counted(group)
    people = np.asarray(first.arrays["person"])[keep]
    reference = values(group, headline, "mAP")
    fewest = min((one["clips"] for one in first.run if one["clips"]), default=1)  # one clip for each tracklet
    rows = []
    for one in first.run:
        name = str(one["name"])
        found = values(group, name, "mAP")
        change: Cell = None
        if name != headline and found is not None and reference is not None:
            paired = paired_difference(found[:, keep], reference[:, keep], people, of_one=POINTS)
            change = Estimate(paired.mean, paired.low, paired.high)
        rows.append(Row(
            (
                one["label"], FAMILIES[one["family"]], one["frames"],
                accuracy(group, name, "mAP", keep), change, accuracy(group, name, "rank1", keep),
                REST.get(one["rest"], one["rest"]) or None, one["mean"] or None,
                one["clips"] / fewest, 100 * one["fed"] / first.record["frames"], one["source"], name,
            ),
            "headline" if name == headline else "",
        ))  # fmt: skip
    runs = group.run_ids
    caption = f"{group.label} fed in every published way, {scored_under(job)}"
    return Table(f"choices_{slug_of(group.name)}", caption, columns, tuple(rows), _choice_notes(first), runs)


def _choice_notes(first: Choices) -> tuple[str, ...]:
    notes = [
        "Marked: the choice whose numbers are the record's. Δ: paired over queries, people resampled, seeds pooled. "
        "Frames fed: of all test frames; a frame that is fed twice counts twice."
    ]
    reasons: dict[str, int] = {}
    for one in first.not_run:
        reasons[str(one["not_run"])] = reasons.get(str(one["not_run"]), 0) + 1
    notes += [f"Not run: {count} of {len(first.record['choices'])} ways, for {why}." for why, count in reasons.items()]
    return tuple(notes)


def representatives(first: Choices) -> tuple[dict[str, Any], ...]:
    """The choices that stand for their families in slices by length: the whole sequence, then those at N = 8."""
    wanted = ("whole", "single", f"even-{AT}", f"snippets-{AT}", f"dense-{AT}")
    found = [one for name in wanted if (one := first.of(name))]
    own = first.of(str(first.record["headline"]))
    return tuple(found) if own in found or own is None else (own, *found)


def by_length(job: Job, group: Group, whose: str) -> Table:
    """Accuracy of the representatives in each slice of lengths.

    Args:
        job: what was recorded.
        group: an arm of it.
        whose: ``query``: of the query; ``gallery``: of the correct matches.
    """
    first = records(group)[0]
    chosen = representatives(first)
    columns = [
        Column("frames", "Frames"), Column("low", "From", "number", 0, data_only=True),
        Column("queries", "Queries", "number", 0), Column("people", "People", "number", 0),
    ]  # fmt: skip
    for metric in SHOWN:
        columns += [
            Column(f"{metric}_{one['name']}", one["label"], "estimate", group=f"{METRIC_LABELS[metric]}, %",
                   data_only=metric != "mAP")
            for one in chosen
        ]  # fmt: skip
    person = np.asarray(first.arrays["person"])
    rows = []
    for one in first.bins:
        keep = inside(group, one, whose)
        cells: list[Cell] = [one["name"], one["low"], int(keep.sum()), len(np.unique(person[keep]))]
        gallery = str(one["name"]) if whose == "gallery" else ""
        for metric in SHOWN:
            cells += [accuracy(group, str(each["name"]), metric, keep, gallery) for each in chosen]
        rows.append(Row(tuple(cells)))
    runs = group.run_ids
    of = "the query" if whose == "query" else "the correct matches"
    caption = f"{group.label} by the length of {of}, {scored_under(job)}"
    notes = [str(first.record["lengths"]["rule"])]
    if whose == "gallery":
        notes.append(
            "By the length of the correct matches: those of other lengths are ignored for a query, "
            "every incorrect match stays. A query counts in each slice in which it has a correct match."
        )
    notes.append(f"A slice of fewer than {FEWEST_PEOPLE} people has no interval.")
    return Table(f"lengths_{whose}_{slug_of(group.name)}", caption, tuple(columns), tuple(rows), tuple(notes), runs)


def inside(group: Group, one: dict[str, Any], whose: str) -> NDArray[np.bool_]:
    """``[Q]``: the queries of a slice of lengths."""
    first = records(group)[0]
    if whose == "gallery":
        return first.valid(str(one["name"]))
    length = np.asarray(first.arrays["length"])
    here: NDArray[np.bool_] = (length >= one["low"]) & (length <= (np.inf if one["high"] is None else one["high"]))
    return counted(group) & here


def cost(job: Job) -> Table:
    """How often the trunk saw each test frame for all choices together."""
    columns = (
        Column("arm", "Arm"), Column("choices", "Test inputs", "number"), Column("frames", "Test frames", "number"),
        Column("trunk_frames", "Frames through the trunk", "number"), Column("passes", "Passes", "number", 2),
        Column("fed", "If each way were encoded apart", "number", 1), Column("how", "How"),
    )  # fmt: skip
    rows = []
    for group in arms(job):
        first = records(group)[0].record
        fed = sum(one["fed"] for one in first["choices"] if one["not_run"] is None)
        how = "each frame once for all ways" if first["once"] else "clips of all tracklets, batched by length"
        cells: Sequence[Cell] = (
            group.label, sum(one["not_run"] is None for one in first["choices"]), first["frames"],
            first["trunk_frames"], first["passes"], fed / first["frames"], how,
        )  # fmt: skip
        rows.append(Row(tuple(cells), run_ids=(group.runs[0].run_id,)))
    notes = (
        "Frames that really entered the trunk, counted by a hook, of the first seed. Passes: their number over that of "
        "the test frames.",
    )
    return Table("choices_cost", "What all ways of feeding cost together", columns, tuple(rows), notes)
