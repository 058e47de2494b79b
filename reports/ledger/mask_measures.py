"""Where an arm looks, from what its runs recorded: pooled over seeds, against its references, as tables and pictures.

Tracklets are pooled over seeds as queries are, and intervals resample people (and seeds).
"""

import re
import statistics
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.masks import MEASURES, REGIONS, average, compare
from protocols.statistics import Interval, verdict
from protocols.statistics.tracklet_means import Average
from protocols.vocabulary import REFERENCES, SIDES, WHO, Verdict
from reports.ledger.difference import Pairing
from reports.records.masks import KIND as MASKS
from reports.records.masks import Explanation
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.metrics import split_metric
from reports.store.arm import ArmRun, Group

LESS_IS_BETTER = ("background", "occluder", "background_density", "occluder_density")
WHO_LABELS = {"trained": "trained", "untrained": "untrained", "centre": "centre prior"}
AGAINST_LABELS = {"untrained": "the same network untrained", "centre": "the centre prior"}
UNITS = {"auc": "AUC", "iou": "IoU"} | dict.fromkeys(REGIONS, "share of the mask")
UNITS |= {f"{region}_density": "density" for region in REGIONS}
LABELS = {"auc": "AUC", "iou": "IoU"} | {region: f"share on {region}" for region in REGIONS}
LABELS |= {f"{region}_density": f"density on {region}" for region in REGIONS}
READING = (
    ("AUC", "how often a pixel of the person or of what is carried has more mask than another; 0.5 is chance"),
    ("IoU", "overlap with both at the threshold that suits the map best"),
    ("Share", "of the mask's energy that lies in a region; the four add up to 1"),
    ("Density", "mean mask in a region over mean mask of the frame; 1 is a mask that is blind to the region"),
    ("Untrained", "the same network, which has learnt nothing"),
    ("Centre prior", "one mean silhouette for all frames, which knows only that people stand in the middle; "
     "a mask that does not beat it does not look"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MaskComparison:
    """A trained map against a reference, over the tracklets where both have a value; in the measure's own unit.

    ``difference`` is trained minus reference, whatever is better; the verdict knows which is (`LESS_IS_BETTER`).
    """

    trained: float
    reference: float
    difference: Interval
    verdict: Verdict
    tracklets: int
    people: int


def explained(group: Group) -> tuple[ArmRun, ...]:
    """The runs that recorded where they look."""
    found = ((run, MASKS.of(run)) for run in group.runs)
    return tuple(run for run, explanation in found if explanation is not None and explanation.maps)


def split_map(metric: str) -> tuple[str, str] | None:
    """``"cosam5/auc"`` -> ``("cosam5", "auc")``; ``None`` for a metric that is no measure of a mask."""
    name, measure = split_metric(metric)
    return (name, measure) if name and name not in SIDES and measure in MEASURES else None


def label(metric: str) -> str:
    """For a reader: ``cosam5 AUC``, ``cosam5 density on person``."""
    found = split_map(metric)
    return metric if found is None else f"{found[0]} {LABELS[found[1]]}"


def pooled(group: Group, name: str, measure: str, who: str) -> NDArray[np.float64] | None:
    """``[S, N]`` one value for each seed and tracklet; ``None`` where a seed that recorded maps lacks this one.

    Args:
        group: an arm with all its seeds.
        name: of the map.
        measure: name of the measure.
        who: ``trained``, ``untrained`` or ``centre``.
    """
    rows = [one.values(name, measure, who) for one in _explanations(group)]
    found = [row for row in rows if row is not None]
    return np.stack(found) if found and len(found) == len(rows) else None


def people(group: Group) -> NDArray[Any]:
    """``[N]``: the person of each tracklet that was looked at."""
    return np.asarray(_explanations(group)[0].arrays["person"])


def compared(group: Group, name: str, measure: str, against: str) -> MaskComparison | None:
    """A trained map against a reference; ``None`` where fewer than two people have both values.

    There is no published margin to fall short of: papers show masks in pictures. So the verdict is about direction
    alone: it holds when the whole interval lies on the better side of zero, does not when none of it does.

    Args:
        group: an arm with all its seeds.
        name: of the map.
        measure: name of the measure.
        against: the reference, ``untrained`` or ``centre``.
    """
    sides = _sides(group, name, measure, against)
    if sides is None:
        return None
    (ours, theirs), who = sides, people(group)
    found = compare(measure, ours, theirs, who)
    interval = found.difference.interval
    if interval is None:
        return None
    better = _turned(interval) if measure in LESS_IS_BETTER else interval
    kept = np.isfinite(ours - theirs).all(axis=0)
    return MaskComparison(
        trained=found.mask.mean,
        reference=found.reference.mean,
        difference=interval,
        verdict=verdict(better, None),
        tracklets=found.difference.tracklets,
        people=len(np.unique(who[kept])),
    )


def pairing(group: Group, name: str, measure: str, against: str) -> Pairing | None:
    """Both sides of `compared`, the better the higher; ``None`` where it is.

    Args:
        group: an arm with all its seeds.
        name: of the map.
        measure: name of the measure.
        against: the reference, ``untrained`` or ``centre``.
    """
    sides = _sides(group, name, measure, against)
    if sides is None:
        return None
    ours, theirs = sides
    kept = np.isfinite(ours - theirs).all(axis=0)
    better, worse = (theirs, ours) if measure in LESS_IS_BETTER else (ours, theirs)
    seeds = tuple(dict.fromkeys(run.seed for run in explained(group)))
    return Pairing(better[:, kept], worse[:, kept], people(group)[kept], seeds)


def _sides(
    group: Group, name: str, measure: str, against: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """``[S, N]`` values of the trained map and of the reference; ``None`` where one was not recorded."""
    ours, theirs = (pooled(group, name, measure, who) for who in ("trained", against))
    return None if ours is None or theirs is None else (ours, theirs)


def accuracy(group: Group) -> Table:
    """One row for each map of the trained network, the untrained one and the centre prior."""
    maps = _maps(group)
    rows = []
    for name, grid in maps.items():
        for who in WHO:
            found = {measure: _average(group, name, measure, who) for measure in MEASURES}
            if any(found.values()):
                levels = _thresholds(group, name, who)
                level = statistics.fmean(levels) if levels else None
                start: tuple[Cell, ...] = (f"{name} {WHO_LABELS[who]}", name, who, grid, level)
                cells = tuple(_estimate(one) for one in found.values())
                rows.append(Row((*start, *cells), who, _run_ids(group)))
    columns = (
        Column("mask", "Mask"),
        Column("map", "Map", data_only=True),
        Column("who", "Of", data_only=True),
        Column("grid", "Grid", data_only=True),
        Column("threshold", "Threshold", "number", decimals=3, data_only=True),
        *_columns(arrows=False),
    )
    counts = _explanations(group)[0].record
    seeds = len(explained(group))
    notes = (
        f"{_sentence(counts['what'])}: {counts['tracklets']} tracklets of {len(np.unique(people(group)))} people, "
        f"{counts['frames']} frames in clips of {counts['clip']}" + (f", by {seeds} seeds." if seeds > 1 else "."),
        f"Maps in cells: {', '.join(f'{name} {grid}' for name, grid in maps.items())}. Ranges: 95 % intervals, people "
        "resampled. IoU is taken at one threshold a map, in the CSV.",
    )
    return Table(f"masks_{slug(group)}", f"Where {group.label} looks", columns, tuple(rows), notes)


def differences(group: Group) -> Table:
    """Trained minus each reference, paired over tracklets, with verdicts."""
    rows = []
    for name in _maps(group):
        for against in REFERENCES:
            found = {measure: compared(group, name, measure, against) for measure in MEASURES}
            if any(found.values()):
                cells = tuple(_comparison_cell(one) for one in found.values())
                start = (f"{name} vs {WHO_LABELS[against]}", name, against)
                rows.append(Row((*start, *cells), against, _run_ids(group)))
    hidden = (Column("map", "Map", data_only=True), Column("against", "Against", data_only=True))
    columns = (Column("mask", "Trained mask"), *hidden, *_columns(arrows=True))
    notes = (
        "✓ better than the reference, ✗ not better, ? cannot be told; ↓ less is better there. By direction alone, as "
        "papers print no margins for masks. Differences of shares are in the CSV.",
    )
    caption = f"{group.label}: trained masks minus what knows less"
    return Table(f"masks_{slug(group)}_differences", caption, columns, tuple(rows), notes)


def pictures(group: Group) -> dict[str, Any] | None:
    """A few tracklets of the first seed that recorded some: rows of pictures with their texts."""
    for run in explained(group):
        explanation = MASKS.of(run)
        shown = (explanation.record.get("pictures") or {}) if explanation else {}
        if shown.get("rows"):
            rows = [_picture_rows(row) for row in shown["rows"]]
            texts = {"legend": dict(shown.get("legend") or {}), "overlay": str(shown.get("overlay") or "")}
            return {"seed": run.seed, "run_id": run.run_id, "rows": rows, "size": shown["size"]} | texts
    return None


def slug(group: Group) -> str:
    """The arm's name as it may stand in a file name."""
    return slug_of(group.name)


def slug_of(name: str) -> str:
    """A name as it may stand in a file name."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".")


def _picture_rows(row: dict[str, Any]) -> dict[str, Any]:
    whose = f"tracklet {row['key']}"
    kinds = [
        ("frames", "Frame {} of " + whose, row["frames"]),
        ("truth", "What is truly seen in frame {}", row["truth"]),
    ]
    kinds += [(name, f"Mask {name} over frame {{}}", uris) for name, uris in row["maps"].items()]
    lines = [
        {"label": name, "pictures": [(text.format(place), uri) for place, uri in enumerate(uris, 1)]}
        for name, text, uris in kinds
    ]
    return {"key": row["key"], "person": row["person"], "lines": lines, "frames": len(row["frames"])}


def _explanations(group: Group) -> list[Explanation]:
    return [found for found in map(MASKS.of, explained(group)) if found is not None]


def _maps(group: Group) -> dict[str, str]:
    """Name of each trained map -> its grid in words."""
    record = _explanations(group)[0].record
    return {one["name"]: "×".join(map(str, one["grid"])) for one in record["maps"] if one["who"] == "trained"}


def _thresholds(group: Group, name: str, who: str) -> list[float]:
    return [
        float(one["threshold"])
        for found in _explanations(group)
        for one in found.record["maps"]
        if (one["name"], one["who"]) == (name, who) and one["threshold"] is not None
    ]


def _run_ids(group: Group) -> tuple[str, ...]:
    return tuple(run.run_id for run in explained(group))


def _average(group: Group, name: str, measure: str, who: str) -> Average | None:
    values = pooled(group, name, measure, who)
    return None if values is None else average(measure, values, people(group))


def _estimate(found: Average | None) -> Cell:
    """An estimate; the bare mean where one person alone has a value."""
    if found is None or not found.tracklets:
        return None
    interval = found.interval
    return found.mean if interval is None else Estimate(interval.mean, interval.low, interval.high)


def _comparison_cell(found: MaskComparison | None) -> Cell:
    if found is None:
        return None
    return Estimate(found.difference.mean, found.difference.low, found.difference.high, found.verdict)


def _columns(arrows: bool) -> list[Column]:
    """One column a measure; with arrows for differences, which have signs and verdicts.

    Differences of shares are data only: they are those of the densities times the region's size.
    """
    columns = []
    for measure in MEASURES:
        region = measure.removesuffix("_density")
        title = LABELS[measure] if region not in REGIONS else region
        title += " ↓" if arrows and measure in LESS_IS_BETTER else ""
        group = "Density on" if measure.endswith("_density") else "Share on" if region in REGIONS else "Person found"
        hidden = arrows and measure in REGIONS
        decimals = 3 if arrows else 2
        columns.append(
            Column(
                measure, title, "estimate", decimals, signed=arrows, data_only=hidden, group=group, has_verdict=arrows
            )
        )
    return columns


def _turned(interval: Interval) -> Interval:
    """The same difference taken the other way round."""
    return replace(interval, mean=-interval.mean, low=-interval.high, high=-interval.low)
