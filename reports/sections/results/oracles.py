"""What perfect knowledge would gain: the controls that train nothing, each against the arm that it belongs to."""

from protocols.statistics import POINTS, paired_difference
from protocols.vocabulary import WITH_INTERVALS
from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.controls import CONTROL_LABELS, ORACLES
from reports.schema.metrics import METRIC_LABELS
from reports.store.arm import Group
from reports.store.job import Job

CAPTION = "What perfect knowledge would gain (oracles)"
CHANCE = "Shuffled labels"


def table(job: Job) -> Table:
    """A row for each oracle and for shuffled labels: accuracy, and the paired difference to their arm over the seeds
    that both have, with 95 % intervals. Without rows where none was run."""
    groups = job.untrained()
    columns = [Column("control", "Oracle"), Column("of", "Of")]
    for metric in WITH_INTERVALS:
        hidden = metric == "mAP" and job.one_match
        name = METRIC_LABELS[metric]
        columns += [
            Column(metric, name, "estimate", unit="%", data_only=hidden),
            Column(f"gain_{metric}", f"Δ {name}", "estimate", signed=True, data_only=hidden),
        ]
    columns += [Column("seeds", "Seeds", "number"), Column("without_truth", "Nothing known of", data_only=True)]
    rows = tuple(_row(job, group, [column.key for column in columns]) for group in groups)
    return Table("oracles", CAPTION, tuple(columns), rows, tuple(_notes(job, groups)))


def _row(job: Job, group: Group, keys: list[str]) -> Row:
    owner = job.by_name.get(str(group.first["of"]))
    knows = group.first.get("knows") or {}
    control = CONTROL_LABELS[str(group.control)]
    values: dict[str, Cell] = {
        "control": control[0].upper() + control[1:],
        "of": owner.label if owner else str(group.first["of"]),
        "seeds": len(group.seeds),
        "without_truth": f"{knows['without_truth']} of {knows['tracklets']} tracklets" if knows else None,
    }
    for metric in WITH_INTERVALS:
        values[metric] = estimate(group, metric)
        values[f"gain_{metric}"] = gain(group, owner, metric) if owner else None
    return Row(tuple(values[key] for key in keys), str(group.control), group.run_ids)


def gain(group: Group, owner: Group, metric: str) -> Estimate | None:
    """Control minus arm in points, paired over queries and the seeds that both have; ``None`` where they share none."""
    seeds = [seed for seed in group.seeds if seed in owner.seeds]
    if not seeds:
        return None
    pair = group.values(metric, seeds), owner.values(metric, seeds)
    found = paired_difference(*pair, group.people(metric), of_one=POINTS)
    return Estimate(found.mean, found.low, found.high)


def _notes(job: Job, groups: tuple[Group, ...]) -> list[str]:
    found = []
    oracles = [group for group in groups if group.control in ORACLES]
    if oracles:
        found.append(
            "An oracle scores the arm's own trained network once more with something that only the truth of drawn data "
            "tells. It is no method and stands in no ranking: it says how much its kind of mechanism could gain here."
        )
        words = {
            CONTROL_LABELS[str(one.control)]: one.first["knows"]["words"] for one in oracles if "knows" in one.first
        }
        if words:
            found.append("Known: " + "; ".join(f"{label}, {known}" for label, known in words.items()) + ".")
        unknown = [
            f"{CONTROL_LABELS[str(one.control)]} {one.first['knows']['without_truth']}"
            for one in oracles
            if (one.first.get("knows") or {}).get("without_truth")
        ]
        if unknown:
            count = oracles[0].first["knows"]["tracklets"]
            found.append(
                f"Tracklets of {count} of which nothing is known, and which were left neutral: {', '.join(unknown)}."
            )
    if len(oracles) < len(groups):
        found.append(f"{CHANCE}: people permuted among the test tracklets of each camera, so that it shows chance.")
    found.append("Δ: against the arm, paired over queries. Ranges: 95 % intervals, identities resampled.")
    return found
