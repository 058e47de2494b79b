"""Split by split: every arm in every division of a data set, how far they spread, and who leads in how many."""

from typing import Any

import numpy as np

from protocols.vocabulary import WITH_INTERVALS
from reports.ledger.ledger import Ledger
from reports.render.table import Cell, Column, Row, Table, number
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results.tables import split_ranges
from reports.store.arm import Group
from reports.store.job import Job

EVEN = 1e-9  # points below which two arms are equal in a split


def section(job: Job, ledger: Ledger) -> dict[str, Any]:
    """Tables, sentences and figure; empty where the data set has one division."""
    from markupsafe import Markup

    from reports.sections.results.splits_figure import by_split

    if not job.splits:
        return {}
    return {
        "numbers": job.splits,
        "of": of(job),
        "words": words(job),
        "tables": [table.visible() for table in tables(job)],
        "leads": leads(job, ledger),
        "figure": Markup(by_split(job)) if len(job.splits) > 1 else "",
        "metric": METRIC_LABELS[job.headline_metric],
    }


def tables(job: Job) -> list[Table]:
    """A table for each metric that tells something; none where the data set has one division."""
    if not job.splits:
        return []
    return [by_split_table(job, metric) for metric in (("rank1",) if job.one_match else WITH_INTERVALS)]


def by_split_table(job: Job, metric: str) -> Table:
    """Arms against divisions in percent, means over seeds; mean and sample standard deviation over divisions."""
    columns = [Column("arm", "Arm")]
    columns += [Column(f"split{one}", str(one), "number", group="Split") for one in job.splits]
    columns += [Column("mean", "Mean", "number"), Column("std", "SD", "number", decimals=2)]
    rows = []
    for group in job.in_results:
        values = group.by_split(metric).mean(axis=0)  # [K]
        cells: tuple[Cell, ...] = (group.label, *(float(one) for one in values), float(values.mean()), spread(values))
        kind = group.control or str(job.card["arms"].get(group.name, {}).get("role", ""))
        rows.append(Row(cells, kind, group.run_ids))
    caption = f"{METRIC_LABELS[metric]} in each split (percent)"
    note = "Mean: every split weighs the same. SD: sample standard deviation over splits."
    if max(len(group.seeds) for group in job.groups) > 1:
        note += " Each split is a mean over seeds."
    return Table(f"splits_{metric}", caption, tuple(columns), tuple(rows), (note,))


def spread(values: Any) -> float | None:
    """Sample standard deviation; ``None`` of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def of(job: Job) -> int:
    """How many divisions the data set has."""
    return int(job.any_result["dataset"]["splits"]["of"]) if job.splits else 1


def shown(job: Job) -> str:
    """``10 of 10``, or ``3 of 10 (0, 1, 2)``; empty where the data set has one division."""
    if not job.splits:
        return ""
    some = f" ({split_ranges(job.splits)})" if len(job.splits) < of(job) else ""
    return f"{len(job.splits)} of {of(job)}{some}"


def words(job: Job) -> str:
    """What the divisions are, and how far they move a number."""
    every = len(job.splits) == of(job)
    which = f"all {of(job)} splits" if every else f"{len(job.splits)} of {of(job)} splits ({split_ranges(job.splits)})"
    if len(job.splits) == 1:
        return (
            f"The data set is divided {of(job)} times into people to train on and people to test on; this is split "
            f"{job.splits[0]} alone. Published numbers are means over all {of(job)}."
        )
    arms = job.arms() or job.groups
    widest = max(arms, key=lambda group: spread(group.by_split(job.headline_metric).mean(axis=0)) or 0.0)
    values = widest.by_split(job.headline_metric).mean(axis=0)
    text = (
        f"The data set is divided {of(job)} times into people to train on and people to test on. Every number on this "
        f"page is the mean over {which}, each with networks of its own."
    )
    low, high = (number(float(end), Column("", "", "number")) for end in (values.min(), values.max()))
    if low != high:
        label = METRIC_LABELS[job.headline_metric]
        text += f" One split alone would have shown {widest.label} anywhere from {low} to {high} % {label}."
    return text if every else f"{text} Published numbers are means over all {of(job)}."


def leads(job: Job, ledger: Ledger) -> list[str]:
    """For each judged claim about accuracy, in how many divisions its arm is ahead."""
    if len(job.splits) < 2:
        return []
    found = []
    for claim in ledger.measured():
        if claim.unit != "points" or claim.arm not in job.by_name or claim.against not in job.by_name:
            continue
        arm, other = job.by_name[claim.arm], job.by_name[claim.against]
        gaps = _gaps(arm, other, claim.metric)
        ahead, even = int((gaps > EVEN).sum()), int((abs(gaps) <= EVEN).sum())
        level = f", level in {even}" if even else ""
        low, high = (number(float(end), Column("", "", signed=True)) for end in (gaps.min(), gaps.max()))
        found.append(
            f"{arm.label} is ahead of {other.label} in {ahead} of {len(gaps)} splits{level} "
            f"({claim.metric_label}, {low} to {high} points)."
        )
    return list(dict.fromkeys(found))


def _gaps(arm: Group, other: Group, metric: str) -> Any:
    """``[K]`` points between two arms in each division, over the seeds that both have."""
    seeds = [seed for seed in arm.seeds if seed in other.seeds]
    rows = [[group.seeds.index(seed) for seed in seeds] for group in (arm, other)]
    return arm.by_split(metric)[rows[0]].mean(axis=0) - other.by_split(metric)[rows[1]].mean(axis=0)
