"""How well arms recognise attributes: groups by arms, and every column on its own. Seeds are pooled."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from protocols.ground_truth.attributes import FEWEST_PEOPLE, Recognised, Score, Scores, balanced, column_scores
from reports.records.attributes import KIND as ATTRIBUTES
from reports.records.attributes import Attributes
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.sections.results.tables import scored_under
from reports.store.arm import ArmRun, Group
from reports.store.job import Job

ALL = "All columns"
READING = (
    ("Balanced accuracy", "mean of two shares predicted correctly: of those with an attribute and of those without "
     "it; 50 % is chance, and what always predicting the commoner value gets"),
    ("Plain accuracy", "share of correct predictions; of a rare attribute it is high for a constant no, so "
     "it stands beside that of the commoner value"),
    ("A column", "one yes/no question; a choice, such as a colour, is one column for each of its values"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recogniser:
    """One arm that recognises attributes, with its accuracy over all seeds."""

    group: Group
    scores: Scores
    labels: str


def arms(job: Job) -> tuple[Recogniser, ...]:
    """Arms that recorded which attributes they recognise, in their order."""
    found = []
    for group in job.arms():
        recorded = _attributes(group)
        if recorded:
            one = recorded[0]
            chances = np.stack([each.arrays["probability"] for each in recorded])  # [S, N, C]
            scores = balanced(one.arrays["truth"], chances, one.arrays["person"], one.groups)
            labels = " and ".join(dict.fromkeys(str(each.record["labels"]) for each in recorded))
            found.append(Recogniser(group, scores, labels))
    return tuple(found)


def table(job: Job, found: tuple[Recogniser, ...]) -> Table:
    """Balanced accuracy of each group of attributes by arm; plain accuracy and counts are data."""
    columns = [Column("group", "Attributes of"), Column("columns", "Columns", "number")]
    for one in found:
        columns += [Column(one.group.name, one.group.label, "estimate", unit="%")]
    for one in found:
        columns += [
            Column(f"{one.group.name}_{key}", title, kind, unit="%" if kind == "estimate" else "", data_only=True)
            for key, title, kind in _DATA
        ]
    names = list(dict.fromkeys(name for one in found for name in one.scores.groups))
    rows = []
    for name in [*names, ALL]:
        each = [one.scores.overall if name == ALL else one.scores.groups.get(name) for one in found]
        counts = [part.columns + part.left_out for part in each if part]
        cells: list[Cell] = [name, max(counts, default=0)]
        cells += [percent(part.balanced) if part else None for part in each]
        for part in each:
            cells += _data(part)
        rows.append(Row(tuple(cells), "all" if name == ALL else ""))
    caption = f"Attributes recognised: balanced accuracy in percent, {scored_under(job)}"
    return Table("attributes", caption, tuple(columns), tuple(rows), _notes(found), _run_ids(found))


_DATA: tuple[tuple[str, str, Literal["number", "estimate"]], ...] = (
    ("accuracy", "plain accuracy", "estimate"),
    ("commoner", "accuracy of the commoner value", "number"),
    ("counted", "columns that count", "number"),
    ("left_out", "columns left out", "number"),
    ("people", "people", "number"),
)  # fmt: skip


def _data(part: Recognised | None) -> list[Cell]:
    if part is None:
        return [None] * len(_DATA)
    commoner = None if np.isnan(part.commoner) else 100 * part.commoner
    return [percent(part.accuracy), commoner, part.columns, part.left_out, part.people]


def columns_table(job: Job, found: tuple[Recogniser, ...]) -> Table:
    """Every yes/no column: how common it is, plain and balanced accuracy of each arm as means over seeds."""
    columns = [
        Column("column", "Column"),
        Column("group", "Group"),
        Column("positive", "Yes in training", "number", unit="%"),
        Column("yes", "Yes at test", "number"),
        Column("no", "No at test", "number"),
        Column("commoner", "Commoner value", "number", unit="%"),
    ]
    for one in found:
        head = one.group.label
        columns += [
            Column(f"{one.group.name}_balanced", "balanced", "number", group=head),
            Column(f"{one.group.name}_accuracy", "plain", "number", group=head),
        ]
    start: dict[str, list[Cell]] = {}
    values: dict[tuple[str, str], tuple[float, float]] = {}
    for one in found:
        recorded = _attributes(one.group)
        seeds = [column_scores(each.arrays["truth"], each.arrays["probability"]) for each in recorded]
        balance, plain = (np.mean([getattr(s, key) for s in seeds], axis=0) for key in ("balanced", "accuracy"))
        for place, column in enumerate(recorded[0].record["columns"]):
            share = column["positive"]
            start.setdefault(column["name"], [
                column["name"], column["group"], None if share is None else 100 * float(share),
                int(seeds[0].positives[place]), int(seeds[0].negatives[place]), _number(seeds[0].commoner[place]),
            ])  # fmt: skip
            values[one.group.name, column["name"]] = (balance[place], plain[place])
    rows = []
    for name, cells in start.items():
        pairs = [values.get((one.group.name, name), (np.nan, np.nan)) for one in found]
        rows.append(Row((*cells, *[_number(value) for pair in pairs for value in pair])))
    caption = f"Every column: accuracy in percent, {scored_under(job)}"
    return Table("attribute_columns", caption, tuple(columns), tuple(rows), _column_notes(), _run_ids(found))


def _run_ids(found: tuple[Recogniser, ...]) -> tuple[str, ...]:
    """The runs of all arms: they stand in columns."""
    return tuple(run.run_id for one in found for run in _runs(one.group))


def _column_notes() -> tuple[str, ...]:
    return (
        "Means over seeds. Counts are tracklets. The commoner value is the one that more of these tracklets have; a "
        "column that all of them have, or none, has no balanced accuracy.",
    )


def left_out(count: int, whose: str) -> str:
    """Which columns do not count, and why."""
    which = "1 column does" if count == 1 else f"{count} columns do"
    return f"{which} not count: fewer than {FEWEST_PEOPLE} people {whose} have it, or have it not."


def percent(score: Score) -> Cell:
    """In percent with its interval; the bare mean without one, nothing where nothing counts."""
    if np.isnan(score.mean):
        return None
    if score.interval is None:
        return 100 * score.mean
    one = score.interval.scaled(100)
    return Estimate(one.mean, one.low, one.high)


def _number(value: float) -> Cell:
    return None if np.isnan(value) else 100 * float(value)


def _notes(found: tuple[Recogniser, ...]) -> tuple[str, ...]:
    if not found:
        return ()
    record = _attributes(found[0].group)[0].record
    what = str(record["what"]).rstrip(".")
    seeds = max(len(_runs(one.group)) for one in found)
    notes = [
        f"{what[:1].upper()}{what[1:]}: {record['tracklets']} tracklets of {record['people']} people, held against "
        f"{record['annotation']}{f', pooled over {seeds} seeds' if seeds > 1 else ''}. Every column weighs alike. "
        "Ranges: 95 % intervals, people resampled; 50 % is chance.",
    ]
    learned: dict[str, list[str]] = {}
    for one in found:
        learned.setdefault(one.labels, []).append(one.group.label)
    for labels, names in learned.items():
        who = "" if len(learned) == 1 else f" by {', '.join(names)}"
        notes.append(f"Learned{who} from: {labels.rstrip('.')}.")
    out = max(one.scores.overall.left_out for one in found)
    if out:
        notes.append(left_out(out, "of the test"))
    unknown = max(int(each.record.get("left_out") or 0) for one in found for each in _attributes(one.group))
    if unknown:
        notes.append(f"Columns that were learned and are not annotated here, so that nothing tells whether they are "
                     f"right: {unknown}.")  # fmt: skip
    return tuple(notes)


def _runs(group: Group) -> tuple[ArmRun, ...]:
    return tuple(run for run in group.runs if ATTRIBUTES.of(run) is not None)


def _attributes(group: Group) -> list[Attributes]:
    return [found for found in map(ATTRIBUTES.of, group.runs) if found is not None]
