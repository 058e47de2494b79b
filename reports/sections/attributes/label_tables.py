"""Label sources side by side: which share of their pseudo-labels is correct, and which loss makes it larger.

This is the question of ADFD's table 4 (BCE or WBCE, with MMD or without) seen from the labels' side; the paper answers
it by the accuracy of what learned from them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from protocols.ground_truth.attributes import AttributeDifference, Scores, apart, balanced, compare
from reports.records.labels import KIND as LABELS
from reports.records.labels import Labeller, Labels
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.sections.attributes.tables import ALL, left_out, percent
from reports.sections.results.tables import dataset_label
from reports.store.job import Job

LOSS_LABELS = {"bce": "BCE", "wbce": "WBCE", "mmd": "MMD"}
PARTS = ("", "source_")


@dataclass(frozen=True, slots=True)
class ScoredLabels:
    """One label source on the target, and on held-out people of the source where there are any."""

    label_source: Labeller
    target: Scores
    source: Scores | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two label sources whose losses differ in one thing, which ``text`` names; ``first`` has it."""

    first: Labeller
    second: Labeller
    text: str


def scored(labels: Labels) -> tuple[ScoredLabels, ...]:
    """Every label source, pooled over its seeds."""

    def scores(one: Labeller, part: str) -> Scores:
        arrays = labels.arrays
        return balanced(arrays[f"{part}truth"], labels.chances(one, part), arrays[f"{part}person"], labels.groups)

    return tuple(
        ScoredLabels(one, scores(one, ""), scores(one, "source_") if labels.has_source else None)
        for one in labels.labellers
    )


def overview(job: Job, found: tuple[ScoredLabels, ...]) -> Table:
    """All columns: balanced and plain accuracy on the target and on held-out people of the source, and the gap."""
    labels = _labels(job)
    heads = _heads(labels)
    columns = [Column("labeller", "Label source"), Column("seeds", "Seeds")]
    for part in heads:
        columns += [
            Column(f"{part}balanced", "balanced", "estimate", unit="%", group=heads[part]),
            Column(f"{part}accuracy", "plain", "estimate", unit="%", group=heads[part]),
        ]
    if labels.has_source:
        columns.append(Column("gap", "Target minus source", "estimate", signed=True, group="Gap"))
    rows = []
    for one in found:
        cells: list[Cell] = [one.label_source.label, ", ".join(map(str, one.label_source.seeds))]
        cells += [percent(one.target.overall.balanced), percent(one.target.overall.accuracy)]
        if one.source:
            cells += [percent(one.source.overall.balanced), percent(one.source.overall.accuracy)]
            cells.append(percent(apart(one.target.overall.balanced, one.source.overall.balanced)))
        rows.append(Row(tuple(cells)))
    if found:
        sides = [found[0].target, *([found[0].source] if found[0].source else [])]
        cells = ["Always the commoner value", None]
        for side in sides:
            nothing = np.isnan(side.overall.commoner)
            cells += [None, None] if nothing else [50.0, 100 * side.overall.commoner]
        rows.append(Row((*cells, *([None] if labels.has_source else [])), "reference"))
    caption = f"Pseudo-labels that are correct, in percent, {_rule(labels)}"
    return Table("labels", caption, tuple(columns), tuple(rows), _notes(labels, found), (job.parent_id,))


def by_group(job: Job, found: tuple[ScoredLabels, ...]) -> Table:
    """Balanced accuracy of each group of attributes by label source, target and source; the rest is data."""
    labels = _labels(job)
    columns = [Column("group", "Attributes of"), Column("columns", "Columns", "number")]
    for one in found:
        arm, head = one.label_source.arm, one.label_source.label
        columns.append(Column(f"{arm}_balanced", "target", "estimate", group=head))
        if one.source:
            columns.append(Column(f"{arm}_source_balanced", "source", "estimate", group=head))
            columns.append(Column(f"{arm}_gap", "gap", "estimate", signed=True, group=head, data_only=True))
        for part in _heads(labels):
            columns += [
                Column(f"{arm}_{part}accuracy", f"{part}plain", "estimate", group=head, data_only=True),
                Column(f"{arm}_{part}commoner", f"{part}commoner value", "number", group=head, data_only=True),
                Column(f"{arm}_{part}left_out", f"{part}columns left out", "number", group=head, data_only=True),
            ]
    rows = []
    for name in [*dict.fromkeys(labels.groups), ALL]:
        count = len(labels.groups) if name == ALL else labels.groups.count(name)
        cells: list[Cell] = [name, count]
        for one in found:
            sides = [one.target, *([one.source] if one.source else [])]
            parts = [side.overall if name == ALL else side.groups[name] for side in sides]
            cells += [percent(part.balanced) for part in parts]
            cells += [percent(apart(parts[0].balanced, parts[1].balanced))] if one.source else []
            for scores in parts:
                commoner = None if np.isnan(scores.commoner) else 100 * scores.commoner
                cells += [percent(scores.accuracy), commoner, scores.left_out]
        rows.append(Row(tuple(cells), "all" if name == ALL else ""))
    caption = f"The same by group: balanced accuracy in percent, {_rule(labels)}"
    return Table("labels_groups", caption, tuple(columns), tuple(rows), run_ids=(job.parent_id,))


def pairs(labels: Labels) -> tuple[Pair, ...]:
    """Label sources that differ in one loss: one more (MMD), or one in place of another (WBCE for BCE)."""
    found = []
    for first in labels.labellers:
        for second in labels.labellers:
            more, less = first.losses - second.losses, second.losses - first.losses
            if len(more) != 1 or len(less) > 1 or (less and _rank(more) < _rank(less)):
                continue
            one = _loss(more)
            text = f"{one} instead of {_loss(less)}" if less else f"with {one} instead of without"
            rest = first.losses & second.losses
            aside = f", {'both with' if less else 'beside'} {_loss(rest)}" if rest else ""
            found.append(Pair(first, second, f"{text[:1].upper()}{text[1:]}{aside}"))
    return tuple(sorted(found, key=lambda one: "instead of without" in one.text))


def differences(job: Job) -> Table:
    """Paired differences of balanced accuracy between label sources, over people (and common seeds), by direction."""
    labels = _labels(job)
    heads = _heads(labels)
    columns = [Column("pair", "Difference"), Column("first", "Label source"), Column("second", "Against")]
    columns += [
        Column(f"{part}difference", "points", "estimate", signed=True, has_verdict=True, group=heads[part])
        for part in heads
    ]
    columns.append(Column("seeds", "Seeds", data_only=True))
    rows = []
    for pair in pairs(labels):
        seeds = tuple(seed for seed in pair.first.seeds if seed in pair.second.seeds)
        if not seeds:
            continue
        cells: list[Cell] = [pair.text, pair.first.label, pair.second.label]
        cells += [_cell(_compare(labels, pair, part, seeds)) for part in heads]
        rows.append(Row((*cells, ", ".join(map(str, seeds)))))
    caption = f"What a loss does to pseudo-labels: balanced accuracy, {_rule(labels)}"
    notes = (
        "Paired over people and pooled over the seeds that both have; by direction: ✓ better, ✗ not better, ? cannot "
        "be told. Ranges: 95 % intervals, people resampled.",
    )
    return Table("labels_differences", caption, tuple(columns), tuple(rows), notes, (job.parent_id,))


def words(job: Job) -> tuple[str, ...]:
    """One sentence for each paired difference on the target."""
    labels = _labels(job)
    found = []
    for row in differences(job).rows:
        text, cell = str(row.cells[0]), row.cells[3]
        if not isinstance(cell, Estimate):
            continue
        around = f"{_signed(cell.mean)} points, {_signed(cell.low)} to {_signed(cell.high)}"
        says = {
            "holds": "makes more pseudo-labels correct",
            "does not hold": "makes fewer pseudo-labels correct"
            if cell.high < 0
            else "does not make more pseudo-labels correct",
            "cannot tell": "makes no significant difference",
        }[cell.verdict]
        found.append(f"{text}: {says} on {_name(labels, 'target')} ({around}).")
    return tuple(found)


def _compare(labels: Labels, pair: Pair, part: str, seeds: tuple[int, ...]) -> AttributeDifference:
    one, other = (labels.chances(side, part, seeds) for side in (pair.first, pair.second))
    arrays = labels.arrays
    return compare(arrays[f"{part}truth"], one, other, arrays[f"{part}person"], labels.groups)[1]


def _cell(found: AttributeDifference) -> Cell:
    value = percent(found.difference)
    return Estimate(value.mean, value.low, value.high, found.verdict) if isinstance(value, Estimate) else value


def _labels(job: Job) -> Labels:
    found = LABELS.of(job)
    assert found is not None  # asked for no other job
    return found


def _heads(labels: Labels) -> dict[str, str]:
    """Part of the arrays -> the head above its columns."""
    target = f"Target: {_name(labels, 'target')}, {len(labels.arrays['person'])} people"
    if not labels.has_source:
        return {"": target}
    people = len(labels.arrays["source_person"])
    return {"": target, "source_": f"Source: {_name(labels, 'source')}, {people} people held out"}


def _rule(labels: Labels) -> str:
    """For a caption: labels know no protocol of retrieval, they have a rule of their own."""
    return f"identities of {_name(labels, 'target')}, mean over frames, yes from one half on"


def _name(labels: Labels, side: str) -> str:
    return dataset_label(str(labels.record[side]["name"]))


def _rank(losses: frozenset[str]) -> tuple[int, str]:
    """Of two losses that stand for each other, the refined one comes later."""
    name = next(iter(losses))
    order = list(LOSS_LABELS)
    return (order.index(name) if name in order else len(order), name)


def _loss(names: frozenset[str]) -> str:
    return " and ".join(LOSS_LABELS.get(name, name) for name in sorted(names))


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\u2212")


def _notes(labels: Labels, found: tuple[ScoredLabels, ...]) -> tuple[str, ...]:
    record: dict[str, Any] = labels.record
    same = record["source"]["name"] == record["target"]["name"]
    prints = f" (fingerprints {record['source']['fingerprint'][:8]} and {record['target']['fingerprint'][:8]})"
    notes = [
        f"Learned on {record['source']['frames']} frames of {record['source']['people']} people of "
        f"{_name(labels, 'source')}, predicted from {record['target']['frames']} frames of the people of "
        f"{_name(labels, 'target')}{prints if same else ''}. An identity's label is the mean over its frames, yes "
        "from one half on. Every column weighs alike; 50 % balanced accuracy is chance. Ranges: 95 % intervals, people "
        "resampled.",
    ]
    if labels.has_source:
        notes.append(
            "Held out: people of the source from whom nobody learned. The gap is what the other domain costs; its "
            "interval takes the two sides as independent."
        )
    out = max((one.target.overall.left_out for one in found), default=0)
    if out:
        notes.append(left_out(out, "of the target"))
    unshared = int(record.get("left_out") or 0)
    if unshared:
        notes.append("Columns of the source that are not annotated on the target, so that nobody knows whether they "
                     f"are right: {unshared}.")  # fmt: skip
    return tuple(notes)
