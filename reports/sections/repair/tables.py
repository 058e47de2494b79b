"""What repairers do: how well occluded regions are called, how near the repaired pixels come to the true ones.

Tracklets are pooled over seeds as queries are; intervals resample people (and seeds).
"""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.restoration import MEASURES, average, compare
from protocols.statistics.tracklet_means import Average
from protocols.vocabulary import CALL_SCORES
from reports.errors import ReportError
from reports.records.restoration import KIND as RESTORATION
from reports.records.restoration import Repair
from reports.render.table import MINUS, Cell, Column, Estimate, Row, Table
from reports.schema.vocabulary import REPAIR_PICTURES
from reports.store import repairer_names
from reports.store.arm import ArmRun
from reports.store.job import Job

Floats = NDArray[np.float64]
HEADS = {
    "psnr": "PSNR (dB)", "ssim": "SSIM", "feature_distance": "Feature distance ↓", "identity": "Own identity (%)",
    "spill_psnr": "Spill",
}  # fmt: skip
DECIMALS = {"psnr": 1, "ssim": 2, "feature_distance": 2, "identity": 1, "spill_psnr": 1}
SCALE = {"identity": 100.0}
READING = (
    ("PSNR, SSIM", "how near the pixels inside the truly occluded area come to the true ones; higher is nearer"),
    ("Feature distance", "the same in the trunk's own features of that area; 0 is the truth"),
    ("Own identity", "share of the occluded frames whose nearest person, by the network, is their own"),
    ("Spill", "PSNR of what was changed outside the occluded area, where nothing had to be changed"),
)


def measures(job: Job) -> Table:
    """A row for each repairer, below the frames as they are; differences are repaired minus raw, with verdicts."""
    found_runs = repairer_names.records(job)
    columns = [
        Column("repairer", "Repairer"),
        Column("pixel_share", "Pixels changed", "number", unit="%"),
        Column("changed_frames", "frames changed", "number", unit="%", data_only=True),
        Column("left_out", "frames left out", "number", unit="%", data_only=True),
        Column("kept_whole", "tracklets kept whole", "number", data_only=True),
    ]
    for measure in MEASURES:
        decimals, head = DECIMALS[measure], HEADS[measure]
        spill = measure == "spill_psnr"
        title = "PSNR (dB)" if spill else "value"
        columns += [
            Column(measure, title, "estimate", decimals, group=head),
            Column(f"delta_{measure}", "Δ", "estimate", decimals, signed=True, group=head, has_verdict=True,
                   data_only=spill),
            Column(f"tracklets_{measure}", "tracklets", "number", group=head, data_only=True),
        ]  # fmt: skip
    rows: list[Row] = []
    before: tuple[float | None, ...] = ()
    measured_first = sorted(found_runs.items(), key=lambda one: not _repair(one[1][0]).record["measures"])
    for repairer, runs in measured_first:
        found = {measure: (pooled(runs, measure, "repaired"), pooled(runs, measure, "raw")) for measure in MEASURES}
        raw = {measure: _estimate(measure, theirs, runs) for measure, (_, theirs) in found.items()}
        raw["spill_psnr"] = None  # of the pixels that this repairer changed: another number for each
        start = tuple(round(cell.mean, 6) if isinstance(cell, Estimate) else None for cell in raw.values())
        if any(one is not None for one in start) and start != before:  # repairers that were held against other frames
            cells: list[Cell] = ["The frames as they are", *[None] * 4]
            for measure, cell in raw.items():
                cells += [cell, None, _tracklets(found[measure][1])]
            rows.append(Row(tuple(cells), "untrained start", _run_ids(runs)))
            before = start
        cells = [repairer_names.label(job, repairer), *_changed(runs)]
        for measure, (ours, theirs) in found.items():
            cells += [_estimate(measure, ours, runs), _difference(measure, ours, theirs, runs), _tracklets(ours)]
        rows.append(Row(tuple(cells), "", _run_ids(runs), _left_out(runs)))
    caption = "What repairers do to the test data, against the true pixels"
    return Table("repair_measures", caption, tuple(columns), tuple(rows), _measure_notes(job))


def _measure_notes(job: Job) -> tuple[str, ...]:
    found = repairer_names.records(job)
    measured = [
        repair.record
        for runs in found.values()
        for repair in map(RESTORATION.of, runs)
        if repair and repair.record["measures"]
    ]
    seeds = max((len(runs) for runs in found.values()), default=0)
    notes = []
    if measured:
        one = measured[0]
        notes.append(
            f"Measured on {one['frames']} occluded frames in {one['tracklets']} tracklets of {one['people']} people"
            f"{f', pooled over {seeds} seeds' if seeds > 1 else ''}. ✓ better than the frames as they are, ✗ not "
            "better, ? cannot be told; ↓ less is better there. Ranges: 95 % intervals, people resampled. Occluded "
            "areas that were not called count as they are."
        )
    calls: dict[str, list[str]] = {}
    for repairer, runs in found.items():
        for run in runs[:1]:
            repair = RESTORATION.of(run)
            if repair and repair.record["calls"]:
                text = str(repair.record["calls"]).rstrip(".")
                calls.setdefault(text, []).append(repairer_names.label(job, repairer))
    notes += [f"Called for {', '.join(labels)}: {text[:1].lower()}{text[1:]}." for text, labels in calls.items()]
    return tuple(notes)


def pooled(runs: Sequence[ArmRun], measure: str, side: str) -> Floats | None:
    """``[S, N]`` one value for each seed and tracklet; ``None`` where a seed lacks them, or nothing has a value."""
    rows = [repair.values(measure, side) for repair in map(RESTORATION.of, runs) if repair]
    found = [row for row in rows if row is not None]
    if not found or len(found) < len(rows):
        return None
    table = np.stack(found)
    return table if np.isfinite(table).all(axis=0).any() else None


def _people(runs: Sequence[ArmRun]) -> NDArray[Any]:
    return np.asarray(_repair(runs[0]).arrays["person"])


def _repair(run: ArmRun) -> Repair:
    found = RESTORATION.of(run)
    assert found is not None
    return found


def _tracklets(values: Floats | None) -> Cell:
    return 0 if values is None else int(np.isfinite(values).all(axis=0).sum())


def _estimate(measure: str, values: Floats | None, runs: Sequence[ArmRun]) -> Cell:
    """Over the tracklets that have a value with every seed; the bare mean where one person alone has any."""
    if values is None:
        return None
    return _cell(measure, average(measure, values, _people(runs)), "")


def _difference(measure: str, ours: Floats | None, theirs: Floats | None, runs: Sequence[ArmRun]) -> Cell:
    """Repaired minus raw whatever is better; the verdict knows which is."""
    if ours is None or theirs is None:
        return None
    found = compare(measure, ours, theirs, _people(runs))
    return _cell(measure, found.average, found.verdict) if found.average.tracklets else None


def _cell(measure: str, found: Average, verdict: str) -> Cell:
    scale = SCALE.get(measure, 1.0)
    if found.interval is None:
        return found.mean * scale
    one = found.interval.scaled(scale)
    return Estimate(one.mean, one.low, one.high, verdict)


def _changed(runs: Sequence[ArmRun]) -> list[float]:
    """Shares of pixels, of frames changed and of frames left out in percent; means over seeds."""
    facts = [_repair(run).record["changed"] for run in runs]
    shares = [
        statistics.fmean(100 * one["pixel_share"] for one in facts),
        *[
            statistics.fmean(100 * one[key] / max(one["of_frames"], 1) for one in facts)
            for key in ("frames", "left_out")
        ],
    ]
    return [*shares, statistics.fmean(one["kept_whole"] for one in facts)]


def _left_out(runs: Sequence[ArmRun]) -> str:
    """What a repairer does that leaves frames out; empty text for all others."""
    _, _, share, kept = _changed(runs)
    if not share:
        return ""
    words = f"Leaves {share:.1f} % of the frames out, so that nothing is left to compare"
    return f"{words}; {kept:.0f} tracklets that it would have emptied are kept whole." if kept else f"{words}."


def _run_ids(runs: Sequence[ArmRun]) -> tuple[str, ...]:
    return tuple(run.run_id for run in runs)


def detection(job: Job) -> Table:
    """How well occluded regions are called: a row for each threshold, with the repairers that use it."""
    columns = (
        Column("repairers", "Calls for"),
        Column("tau", "τ", "number", decimals=3),
        Column("regions", "Regions", "number", decimals=0),
        Column("positives", "truly occluded", "number", unit="%"),
        Column("share_called", "called", "number", unit="%"),
        Column("precision", "Precision", "estimate", unit="%"),
        Column("recall", "Recall", "estimate", unit="%"),
        Column("auc", "AUC", "estimate", decimals=3),
        Column("excluded", "excluded", "number", decimals=0, data_only=True),
    )
    found: dict[tuple[Any, ...], tuple[list[str], tuple[ArmRun, ...]]] = {}
    for repairer, runs in repairer_names.records(job).items():
        if all(_repair(run).record["detection"] for run in runs):
            key = tuple(_identity(run) for run in runs)
            found.setdefault(key, ([], runs))[0].append(repairer_names.label(job, repairer))
    rows, notes, seeds = [], [], 1
    for labels, runs in sorted(found.values(), key=lambda one: float(_detections(one[1])[0]["tau"])):
        facts = _detections(runs)
        seeds = max(seeds, len(facts))
        mean = {key: statistics.fmean(float(one[key]) for one in facts) for key in ("tau", "regions", "excluded")}
        shares = [statistics.fmean(100 * one["positives"] / max(one["regions"], 1) for one in facts),
                  statistics.fmean(100 * one["share_called"] for one in facts)]  # fmt: skip
        over = [_over_seeds([one[key] for one in facts], scale) for key, scale in
                (("precision", 100.0), ("recall", 100.0), ("auc", 1.0))]  # fmt: skip
        start: list[Cell] = [", ".join(labels), mean["tau"], mean["regions"]]
        rows.append(Row((*start, *shares, *over, mean["excluded"]), "", _run_ids(runs)))
        rule = str(facts[0]["rule"]).rstrip(".")
        text = f"{rule[:1].upper()}{rule[1:]}."
        if facts[0]["excluded"]:
            text += f" {facts[0]['excluded']} regions were left out."
        notes.append(text)
    notes = list(dict.fromkeys(notes))
    if rows:
        notes.append(
            "A region is called occluded where its score is below τ. AUC: how often an occluded region scores below "
            "one that is not; 0.5 is chance, and it does not depend on τ. Ranges: 95 % intervals, people resampled"
            + (f"; means over {seeds} seeds, with the widest range that any of them has." if seeds > 1 else ".")
        )
    return Table("repair_detection", "Occluded regions that were called", columns, tuple(rows), tuple(notes))


def _detections(runs: Sequence[ArmRun]) -> list[dict[str, Any]]:
    return [_repair(run).record["detection"] for run in runs]


def _identity(run: ArmRun) -> tuple[Any, ...]:
    """Two repairers share their calls where seed, threshold and outcome agree."""
    one = _repair(run).record["detection"]
    means = (None if one[key] is None else one[key]["mean"] for key in CALL_SCORES)
    return (run.seed, one["tau"], one["rule"], one["share_called"], *means)


def _over_seeds(found: Sequence[dict[str, Any] | None], scale: float) -> Cell:
    """Mean over seeds with the widest range; a bare mean where no seed has an interval."""
    there = [one for one in found if one is not None and one["mean"] is not None]
    if not there:
        return None
    mean = scale * statistics.fmean(one["mean"] for one in there)
    ends = [(one["low"], one["high"]) for one in there if one["low"] is not None and one["high"] is not None]
    if not ends:
        return mean
    return Estimate(mean, scale * min(low for low, _ in ends), scale * max(high for _, high in ends))


def curve(job: Job) -> dict[str, Any] | None:
    """The calls of the first seed over all thresholds, with the thresholds in use; ``None`` without any."""
    found = [
        run for runs in repairer_names.records(job).values() for run in runs[:1] if _repair(run).record["detection"]
    ]
    if not found or not _detections(found[:1])[0]["curve"]:
        return None
    facts = _detections(found[:1])[0]
    used = sorted({float(one["tau"]) for one in _detections(found)})
    points = sorted(facts["curve"], key=lambda one: float(one["tau"]))
    auc = facts["auc"]["mean"] if facts["auc"] else None
    return {"points": points, "used": used, "auc": auc, "seed": found[0].seed, "run_id": found[0].run_id}


def pictures(job: Job) -> list[dict[str, Any]]:
    """Frames of every repairer that recorded some, of its first seed: the headline arm's repairer first.

    Raises:
        ReportError: a picture from elsewhere.
    """
    first = repairer_names.headline_group(job).data
    found = []
    records = repairer_names.records(job)
    for repairer in sorted(records, key=lambda one: one not in (first.test, first.train)):
        run = next((run for run in records[repairer] if (_repair(run).record["pictures"] or {}).get("rows")), None)
        if run is not None:
            rows = [_row(row) for row in _repair(run).record["pictures"]["rows"]]
            shown = _repair(run).record["pictures"]
            where = {"label": repairer_names.label(job, repairer), "seed": run.seed, "run_id": run.run_id}
            times = shown.get("amplification")
            texts = [
                f"Differences between repaired and true pixels are shown {times:g} times as strong." if times else "",
                str(shown.get("rule") or ""),
            ]
            found.append(where | {"rows": rows, "words": " ".join(text for text in texts if text)})
    return found


def _row(row: dict[str, Any]) -> dict[str, Any]:
    texts = {
        "occluded": f"Frame {row['frame']} of tracklet {row['key']} as it is",
        "repaired": "The same frame repaired",
        "truth": "What is truly there",
        "difference": "Difference between repaired and true pixels",
    }
    shown = [(kind, texts[kind], row[kind]) for kind in REPAIR_PICTURES if row[kind] is not None]
    for _, text, uri in shown:
        if not str(uri).startswith("data:image/"):
            raise ReportError(f"repair.json holds a picture ({text}) that is no data URI.")
    return {
        "key": row["key"], "person": row["person"], "frame": row["frame"], "called": bool(row["called"]),
        "hidden": f"{100 * row['hidden_share']:.0f} %", "pictures": shown, "why": str(row.get("why") or ""),
        "gain": None if row.get("gain") is None else f"{row['gain']:+.1f} dB".replace("-", MINUS),
    }  # fmt: skip
