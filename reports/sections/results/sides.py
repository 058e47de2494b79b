"""Images against videos: every side of an image-to-video protocol as a table, and the same under other distances.

A side pairs a kind of query with a kind of gallery: ``I2V`` is one image against videos.
"""

import statistics
from typing import Any

from protocols.vocabulary import ACCURACIES, SIDES
from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Row, Table
from reports.schema.metrics import METRIC_LABELS, headline_side
from reports.sections.results.tables import SHOWN, SIDE_WORDS, dataset_label, published_notes
from reports.store import cards
from reports.store.arm import Group
from reports.store.job import Job

_KINDS = {"I": "Images", "V": "Videos"}


def matrix(job: Job) -> Table:
    """Every arm on every side with intervals, published numbers below, and which network encoded what."""
    groups = [group for group in job.in_results if group.first.get("sides")]
    found = sides(job)
    reported = cards.published_dataset(job.card, job.any_result["dataset"]["name"])
    columns = [Column("arm", "Arm")]
    for side in found:
        columns += [
            Column(f"{side}_{metric}", METRIC_LABELS[metric], "estimate", group=side, data_only=_untold(job, metric))
            for metric in SHOWN
        ]
    for side in found:
        columns += [
            Column(f"{side}_{metric}", METRIC_LABELS[metric], "number", data_only=True, group=side)
            for metric in ACCURACIES
            if metric not in SHOWN
        ]
        columns += [
            Column(f"{side}_valid_queries", "queries that count", "number", data_only=True, group=side),
            Column(f"{side}_query", "query", data_only=True, group=side),
            Column(f"{side}_gallery", "gallery", data_only=True, group=side),
        ]
    keys = [column.key for column in columns]
    rows = []
    for group in groups:
        values = _measured(group, found)
        run_ids = group.run_ids
        kind = group.control or job.card["arms"].get(group.name, {}).get("role", "")
        printed = {} if group.control or not reported else _published(job, group, reported, found)
        note = through(group.first["sides"])  # below all that is said of the arm
        rows.append(Row(tuple(values.get(key) for key in keys), kind, run_ids, "" if printed else note))
        if printed:
            printed["arm"] = f"published on {dataset_label(str(reported))}"
            rows.append(Row(tuple(printed.get(key) for key in keys), "published", note=note))
    headline = headline_side(job.any_result["protocol"])
    notes = [
        "; ".join(f"{side}: {SIDE_WORDS[side]}" for side in found) + f". The headline of the protocol is {headline}."
    ]
    notes += published_notes(job, groups, reported, tuple(found))
    return Table("sides", "Image and video, every side (percent)", tuple(columns), tuple(rows), tuple(notes))


def sides(job: Job) -> tuple[str, ...]:
    """The sides that any run was scored on, the headline first; empty under any other protocol."""
    there = {side for group in job.in_results for side in group.first.get("sides") or ()}
    wanted = [*(job.any_result["protocol"].get("sides") or ()), *SIDES]
    return tuple(side for side in dict.fromkeys(wanted) if side in there)


def through(found: dict[str, dict[str, Any]]) -> str:
    """Which network encoded images and which videos; side by side where that depends on the side."""
    kinds: dict[str, set[str]] = {}
    for side, one in found.items():
        kinds.setdefault(side[0], set()).add(str(one["query"]))
        kinds.setdefault(side[2], set()).add(str(one["gallery"]))
    if all(len(texts) == 1 for texts in kinds.values()):
        return " ".join(f"{_KINDS[kind]}: {next(iter(texts))}." for kind, texts in kinds.items())
    return " ".join(f"{side}: {one['query']}, against {one['gallery']}." for side, one in found.items())


def variants(job: Job) -> Table:
    """The same descriptors under each distance and mean, side by side; the protocol's own choice is marked."""
    arms = [group for group in job.arms() if group.first.get("variants")]
    protocol = job.any_result["protocol"]
    own = (protocol["metric"], (protocol.get("snippets") or {}).get("mean"))
    columns = [Column("side", "Side"), Column("metric", "Distance"), Column("mean", "Mean over")]
    for group in arms:
        columns += [
            Column(
                f"{group.name}_{metric}", METRIC_LABELS[metric], "number", group=group.label,
                data_only=_untold(job, metric),
            )
            for metric in SHOWN
        ]  # fmt: skip
    choices = dict.fromkeys(_choice(one) for group in arms for one in group.first["variants"])
    rows, before = [], ""
    for side in sides(job):
        for choice in (one for one in choices if one[0] == side):
            cells: list[Cell] = [side, choice[1], choice[2]]
            for group in arms:
                cells += [_variant_mean(group, choice, metric) for metric in SHOWN]
            marks = ["start"] * (side != before) + ["headline"] * (choice[1] == own[0] and choice[2] in (own[1], None))
            rows.append(Row(tuple(cells), " ".join(marks)))
            before = side
    runs = tuple(run for group in arms for run in group.run_ids)
    return Table("variants", "Every side under each distance and mean (percent)", tuple(columns), tuple(rows), (), runs)


def _untold(job: Job, metric: str) -> bool:
    """Whether a metric tells nothing on this data."""
    return job.one_match and metric == "mAP"


def variant_words(table: Table, group: Group, metric: str = "mAP") -> str:
    """How far the distance and the mean alone move an arm's number on the headline side."""
    place = f"{group.name}_{metric}"
    if place not in [column.key for column in table.columns] or not table.rows:
        return ""
    side = str(table.rows[0].cells[0])
    pairs = zip(table.column("side"), table.column(place), strict=True)
    values = [cell for at, cell in pairs if at == side and isinstance(cell, float)]
    if len(values) < 2:
        return ""
    return (
        "Text and code of papers differ in the distance and in what a video's descriptor is the mean of. On "
        f"{side} that alone moves {group.label} between {min(values):.1f} and {max(values):.1f} % "
        f"{METRIC_LABELS[metric]}."
    )


def _measured(group: Group, found: tuple[str, ...]) -> dict[str, Cell]:
    values: dict[str, Cell] = {"arm": group.label}
    for side in found:
        if side not in group.first["sides"] or not group.scored_on(f"{side}/mAP"):
            continue
        one = group.first["sides"][side]
        values |= {f"{side}_{metric}": estimate(group, f"{side}/{metric}") for metric in SHOWN}
        values |= {
            f"{side}_{metric}": float(group.values(f"{side}/{metric}").mean())
            for metric in ACCURACIES
            if metric not in SHOWN
        }
        values |= {f"{side}_{key}": one[key] for key in ("valid_queries", "query", "gallery")}
    return values


def _published(job: Job, group: Group, dataset: str, found: tuple[str, ...]) -> dict[str, Cell]:
    printed: dict[str, Cell] = {}
    for side in found:
        values = cards.published_on_side(job.card, group.name, dataset, side)
        printed |= {f"{side}_{metric}": value for metric, value in values.items()}
    return printed


def _variant_mean(group: Group, choice: tuple[str, str, str | None], metric: str) -> float | None:
    values = [
        float(one[metric])
        for run in group.counted_runs
        for one in run.result.get("variants") or ()
        if _choice(one) == choice
    ]
    return statistics.fmean(values) if values else None


def _choice(one: dict[str, Any]) -> tuple[str, str, str | None]:
    """Side, distance and mean; where two images meet there is nothing to take a mean of."""
    return one["side"], one["metric"], one["mean"] if "V" in one["side"] else None
