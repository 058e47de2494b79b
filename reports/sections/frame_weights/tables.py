"""Do weights of frames avoid occlusion? What arms recorded, pooled over seeds, as tables, sentences and pictures.

The reference is a plain mean over frames, whose weights are equal and follow nothing: it has 0 in both measures.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.frame_weights import MEASURES, average
from protocols.statistics import verdict
from protocols.statistics.tracklet_means import Average
from protocols.vocabulary import Verdict
from reports.records.frame_weights import KIND as FRAME_WEIGHTS
from reports.records.frame_weights import MEAN_MAP, Weights
from reports.render.table import Cell, Column, Estimate, Row, Table, number
from reports.sections.results.tables import scored_under
from reports.store import cards
from reports.store.arm import ArmRun, Group
from reports.store.job import Job

Floats = NDArray[np.float64]
LABELS = {"correlation": "Rank correlation", "gain": "Gain in visible share"}
UNITS = {"correlation": "", "gain": "points"}
DECIMALS = {"correlation": 2, "gain": 1}
NOTHING = 1e-9  # rounding of weights that are equal
ALIKE = "weighs all frames alike"
READING = (
    ("Rank correlation", "over the frames of a tracklet, between a frame's weight and how much of the person it shows; "
     "1: the more is seen, the more a frame weighs; 0: weights know nothing of it"),
    ("Gain", "points by which more of the person is seen under the weights than in a plain mean over frames"),
)  # fmt: skip
_SIGNED = {measure: Column(measure, "", decimals=DECIMALS[measure], signed=True) for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Weighed:
    """One map of one arm: both measures, and whether its weights avoid occlusion.

    Attributes:
        found: measure -> mean over the tracklets that have a value with every seed.
        verdicts: measure -> by direction, against a plain mean (0).
        alike: no weight differs from any other, so that this is a plain mean.
    """

    found: dict[str, Average]
    verdicts: dict[str, Verdict]
    alike: bool

    @property
    def avoids(self) -> str:
        """The verdict on "avoids occlusion", which is that on the rank correlation."""
        return ALIKE if self.alike else self.verdicts["correlation"]


def arms(job: Job) -> list[Group]:
    """Arms that recorded how they weigh frames, the headline arm first."""
    found = [group for group in job.arms() if _runs(group)]
    first = cards.headline_arm(job.card, [group.name for group in found])
    return sorted(found, key=lambda one: one.name != first)


def main_map(group: Group) -> str:
    """The map of all frames, else the first one."""
    maps = _weights(group)[0].maps
    return MEAN_MAP if MEAN_MAP in maps else maps[0]


def weighed(group: Group, name: str) -> Weighed | None:
    """One map, pooled over seeds; ``None`` where not all seeds recorded it."""
    people = np.asarray(_weights(group)[0].arrays["person"])
    found, verdicts, alike = {}, {}, True
    for measure in MEASURES:
        rows = [one.values(name, measure) for one in _weights(group)]
        there = [row for row in rows if row is not None]
        if len(there) < len(rows):
            return None
        values = np.stack(there)
        one = average(measure, values, people)
        found[measure] = one
        verdicts[measure] = verdict(one.interval, None) if one.interval else "cannot tell"
        known = values[np.isfinite(values)]
        alike = alike and bool(len(known)) and float(np.abs(known).max()) < NOTHING
    return Weighed(found, verdicts, alike)


def table(job: Job) -> Table:
    """A plain mean over frames as the reference, then the main map of every arm."""
    rows = []
    for group in arms(job):
        name = main_map(group)
        found = weighed(group, name)
        if found:
            rows.append(Row((group.label, _map_label(name), *_cells(found)), _role(job, group), _run_ids(group)))
    if rows:
        reference: tuple[Cell, ...] = (
            "Mean over frames",
            "all alike",
            0.0,
            None,
            None,
            0.0,
            None,
            None,
            "the reference",
        )
        rows.insert(0, Row(reference, "reference"))
    caption = f"Do the weights of frames avoid occlusion? {scored_under(job)}"
    named = any(main_map(group) != MEAN_MAP for group in arms(job))
    return Table("frame_weights", caption, _columns(named), tuple(rows), _notes(job))


def groups_table(job: Job) -> Table:
    """The maps of attribute groups, a row each; without rows where no arm has any."""
    rows = []
    for group in arms(job):
        for name in _weights(group)[0].maps:
            found = weighed(group, name) if name != main_map(group) else None
            if found:
                cells = (group.label, _map_label(name), *_cells(found))
                rows.append(Row(cells, _role(job, group), _run_ids(group)))
    caption = f"The same of each group's own weights, {scored_under(job)}"
    return Table("frame_weights_groups", caption, _columns(named=True), tuple(rows))


def words(job: Job) -> tuple[str, ...]:
    """One sentence for each arm: does its weighting avoid occlusion?"""
    sentences = []
    for group in arms(job):
        found = weighed(group, main_map(group))
        if found:
            sentences.append(_says(group.label, found))
    return tuple(sentences)


def _says(label: str, found: Weighed) -> str:
    correlation, gain = found.found["correlation"], found.found["gain"]
    if found.alike:
        return f"{label} {ALIKE}, as a plain mean does."
    if not correlation.tracklets:
        return f"Whether {label} avoids occlusion cannot be told: no tracklet has frames that show more and less."
    measured = f"rank correlation {_around(correlation, 'correlation')}"
    which = found.verdicts["correlation"]
    if which == "holds":
        text = f"{label} avoids occlusion: frames that show more of the person weigh more ({measured})."
    elif which == "does not hold":
        text = f"{label} does not avoid occlusion: frames that show less of the person weigh more ({measured})."
    else:
        text = f"Whether {label} avoids occlusion cannot be told ({measured})."
    if not gain.tracklets:
        return text
    size = number(gain.mean, _SIGNED["gain"])
    return f"{text} Its weights change the visible share by {size} points{_ends(gain, 'gain')}."


def _around(found: Average, measure: str) -> str:
    return f"{number(found.mean, _SIGNED[measure])}{_ends(found, measure).replace(' (', ', ').rstrip(')')}"


def _ends(found: Average, measure: str) -> str:
    if found.interval is None:
        return " (one person alone, so there is no interval)"
    column = _SIGNED[measure]
    return f" ({number(found.interval.low, column)} to {number(found.interval.high, column)})"


def pictures(job: Job) -> list[dict[str, Any]]:
    """Tracklets with their weights, of the first seed of every arm that recorded some; the headline arm first."""
    shown = []
    for group in arms(job):
        run = next((run for run in _runs(group) if _rows(FRAME_WEIGHTS.of(run))), None)
        weights = FRAME_WEIGHTS.of(run) if run else None
        if run is None or weights is None:
            continue
        rows = _rows(weights)
        name = main_map(group)
        heaviest = max((max(row["weights"].get(name, [0.0])) * len(row["frames"]) for row in rows), default=1.0)
        scale = max(2.0, heaviest)  # a weight of twice the mean at least fits on the bar
        pictures = weights.record["pictures"]
        shown.append({
            "label": group.label, "seed": run.seed, "run_id": run.run_id, "mean_at": 100 / scale,
            "rule": str(pictures.get("rule") or "").rstrip("."),
            "rows": [_picture_row(row, name, scale) for row in rows],
        })  # fmt: skip
    return shown


def shown_table(job: Job) -> Table:
    """The weights of the pictures as numbers, a row for each frame and map; without rows where none was recorded."""
    columns = (
        Column("arm", "Arm"), Column("seed", "Seed", "number"), Column("tracklet", "Tracklet"),
        Column("frame", "Frame", "number"), Column("seen", "Person seen", "number", 0, unit="%"),
        Column("weights", "Weights of"), Column("weight", "Weight, multiple of the mean", "number", 2),
    )  # fmt: skip
    rows = []
    for group in arms(job):
        run = next((run for run in _runs(group) if _rows(FRAME_WEIGHTS.of(run))), None)
        weights = FRAME_WEIGHTS.of(run) if run else None
        if run is None or weights is None:
            continue
        for row in _rows(weights):
            count = len(row["frames"])
            frames = list(zip(row.get("numbers") or range(count), row["visible"], strict=True))
            for name, weights in row["weights"].items():
                for (place, visible), weight in zip(frames, weights, strict=True):
                    seen = None if visible is None else 100 * float(visible)
                    cells = (group.label, run.seed, row["key"], place + 1, seen, _map_label(name), weight * count)
                    rows.append(Row(cells, run_ids=(run.run_id,)))
    return Table("frame_weights_shown", "Weights of the frames in the pictures", columns, tuple(rows))


def _picture_row(row: dict[str, Any], name: str, scale: float) -> dict[str, Any]:
    count = len(row["frames"])
    relative = [weight * count for weight in row["weights"].get(name, [1 / count] * count)]
    cells = []
    numbers = row.get("numbers") or range(count)
    whole = row.get("of_frames") or count
    for place, uri, visible, weight in zip(numbers, row["frames"], row["visible"], relative, strict=True):
        seen = "nobody" if visible is None else f"{100 * visible:.0f} %"
        cells.append({
            "uri": uri, "text": f"Frame {place + 1} of {whole} of tracklet {row['key']}", "seen": seen,
            "seen_width": 100 * (visible or 0.0), "weight": f"×{weight:.2f}", "weight_width": 100 * weight / scale,
        })  # fmt: skip
    groups = [
        (_map_label(other), [f"{weight * count:.2f}" for weight in weights])
        for other, weights in row["weights"].items()
        if other != name
    ]
    shown = f"{count} of {whole} frames" if whole != count else f"{count} frames"
    return {"key": row["key"], "person": row["person"], "shown": shown, "cells": cells, "groups": groups}


def _map_label(name: str) -> str:
    return "frames" if name == MEAN_MAP else name.removeprefix(f"{MEAN_MAP}/")


def _rows(weights: Weights | None) -> list[dict[str, Any]]:
    return list((weights.record.get("pictures") or {}).get("rows") or ()) if weights else []


def _runs(group: Group) -> tuple[ArmRun, ...]:
    return tuple(run for run in group.runs if FRAME_WEIGHTS.of(run) is not None)


def _weights(group: Group) -> list[Weights]:
    return [found for found in map(FRAME_WEIGHTS.of, group.runs) if found is not None]


def _run_ids(group: Group) -> tuple[str, ...]:
    return tuple(run.run_id for run in _runs(group))


def _role(job: Job, group: Group) -> str:
    return str(job.card["arms"].get(group.name, {}).get("role", ""))


def _cells(one: Weighed) -> list[Cell]:
    cells: list[Cell] = []
    for measure, found in one.found.items():
        cells += [_estimate(found, "" if one.alike else one.verdicts[measure]), found.tracklets, found.people]
    return [*cells, one.avoids]


def _estimate(found: Average, verdict: str) -> Cell:
    if not found.tracklets:
        return None
    interval = found.interval
    return found.mean if interval is None else Estimate(interval.mean, interval.low, interval.high, verdict)


def _columns(named: bool) -> tuple[Column, ...]:
    """Whether to show whose weights a row is about; those of all frames need no word."""
    columns = [Column("arm", "Arm"), Column("weights", "Weights of", data_only=not named)]
    for measure in MEASURES:
        hidden = measure != "correlation"  # nearly the same tracklets
        columns += [
            Column(
                measure,
                LABELS[measure],
                "estimate",
                DECIMALS[measure],
                signed=True,
                unit=UNITS[measure],
                has_verdict=True,
            ),
            Column(f"tracklets_{measure}", "Tracklets", "number", data_only=hidden),
            Column(f"people_{measure}", "People", "number", data_only=hidden),
        ]
    return (*columns, Column("avoids_occlusion", "Avoids occlusion"))


def _notes(job: Job) -> tuple[str, ...]:
    found = arms(job)
    if not found:
        return ()
    record = _weights(found[0])[0].record
    what = str(record["what"]).rstrip(".")
    seeds = max(len(_runs(group)) for group in found)
    by = f", by {seeds} seeds" if seeds > 1 else ""
    return (
        f"{what[:1].upper()}{what[1:]}: {record['tracklets']} tracklets of {record['people']} people, "
        f"{record['frames']} frames{by}. Tracklets count where the measure has a meaning: a rank correlation needs "
        "three frames with the person, of which some show more of it. Ranges: 95 % intervals, people resampled.",
        "✓ more than a plain mean, ✗ not more, ? cannot be told. By direction alone: papers print no such number.",
    )
