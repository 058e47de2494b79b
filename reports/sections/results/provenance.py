"""Where a job's numbers come from: what was trained, what the protocol looked at, and which runs were recorded."""

import statistics
from typing import Any

from reports.render.table import Cell, Column, Row, Table
from reports.sections.results.tables import split_ranges
from reports.store.arm import Group
from reports.store.job import Job


def stages(job: Job) -> Table:
    """What was trained, stage by stage, as means over seeds; arms that share a stage stand in one row."""
    columns = (
        Column("stage", "Stage"),
        Column("arms", "Of"),
        Column("seeds", "Seeds"),
        *([Column("splits", "Splits")] if job.splits else []),
        Column("frames", "Frames seen", "number", decimals=0),
        Column("steps", "Steps", "number", decimals=0),
        Column("seconds", "Time a seed and split" if job.splits else "Time a seed", "number", decimals=0, unit="s"),
        Column("final_loss", "Last loss", "number", decimals=3),
        *([Column("start", "Begins from")] if any(_starts(job)) else []),
        Column("fingerprints", "Fingerprints", data_only=True),
    )
    shared: dict[tuple[str, int], list[tuple[Group, str, dict[str, Any]]]] = {}
    for group in job.groups:
        for run in (part for one in group.runs for part in one.parts):
            for stage in run.result["stages"]:
                shared.setdefault((stage["fingerprint"], run.seed), []).append((group, run.run_id, stage))
    rows: dict[tuple[str, tuple[str, ...]], list[tuple[int, dict[str, Any], list[str]]]] = {}
    for (_, seed), users in shared.items():
        labels = tuple(dict.fromkeys(group.label for group, _, _ in users))
        run_ids = [run_id for _, run_id, _ in users]
        rows.setdefault((users[0][2]["name"], labels), []).append((seed, users[0][2], run_ids))
    trained = sum(bool(group.first["stages"]) for group in job.groups)
    splits = split_ranges(job.splits)
    made = tuple(_stage_row(key, value, trained, splits, any(_starts(job))) for key, value in rows.items())
    return Table("stages", "Training stages", columns, made)


def admission(job: Job) -> Table:
    """Each check of the protocol, who passed it, and what was seen."""
    columns = (Column("check", "Check"), Column("passed", "Passed by"), Column("seen", "Seen"))
    found: dict[str, dict[str, Any]] = {}
    for group in job.arms():
        for check in group.first["admission"].get("checks", []):
            entry = found.setdefault(check["name"], {"passed": [], "failed": [], "seen": {}})
            entry["passed" if check["passed"] else "failed"].append(group.label)
            entry["seen"][check["detail"]] = None
    rows = []
    for name, entry in found.items():
        arms = "all arms" if not entry["failed"] else ", ".join(entry["passed"]) or "no arm"
        failed = f"; not by {', '.join(entry['failed'])}" if entry["failed"] else ""
        rows.append(Row((name, arms + failed, "; ".join(entry["seen"]))))
    runs = tuple(run for group in job.arms() for run in group.runs[0].run_ids)
    caption = f"Admission to {job.any_result['protocol']['name']}"
    return Table("admission", caption, columns, tuple(rows), run_ids=runs)


def runs(job: Job) -> Table:
    """One row for each recorded run, with the command that makes it again."""
    heads = any(run.head_seed for group in job.groups for run in group.runs)
    columns = (
        Column("arm", "Arm"),
        Column("seed", "Seed", "number"),
        *([Column("head", "Head", "number")] if heads else []),
        *([Column("split", "Split", "number")] if job.splits else []),
        Column("mAP", "mAP", "number", decimals=2, unit="%"),
        Column("rank1", "Rank-1", "number", decimals=2, unit="%"),
        Column("run_id", "Run"),
        Column("command", "Command"),
    )
    rows = tuple(
        Row(
            (
                group.label, run.seed, *([run.head_seed] if heads else []), *([run.split] if job.splits else []),
                float(run.result["metrics"]["mAP"]), float(run.result["metrics"]["rank1"]), run.run_id,
                str(run.result["command"]),
            ),
            run_ids=(run.run_id,),
        )
        for group in job.groups
        for one in group.runs
        for run in one.parts
    )  # fmt: skip
    return Table("runs", "Recorded runs", columns, rows)


def _starts(job: Job) -> list[str]:
    """What stages begin with that begin from no other stage, as far as it was recorded."""
    each = (stage for group in job.groups for one in group.runs for stage in one.result["stages"])
    return [stage["start"]["name"] for stage in each if stage.get("start")]


def _stage_row(
    key: tuple[str, tuple[str, ...]],
    seeds: list[tuple[int, dict[str, Any], list[str]]],
    trained: int,
    splits: str,
    starts: bool,
) -> Row:
    name, labels = key
    who = "all arms and controls" if len(labels) == trained > 1 else "; ".join(labels)
    facts = [stage for _, stage, _ in seeds]
    losses = [float(stage["final_loss"]) for stage in facts if stage["final_loss"] is not None]
    cells: tuple[Cell, ...] = (
        name,
        who,
        ", ".join(dict.fromkeys(str(seed) for seed, _, _ in seeds)),
        *([splits] if splits else []),
        statistics.fmean(stage["frames"] for stage in facts),
        statistics.fmean(stage["steps"] for stage in facts),
        statistics.fmean(float(stage["seconds"]) for stage in facts),
        statistics.fmean(losses) if losses else None,
        *([_begins_from(facts)] if starts else []),
        " ".join(dict.fromkeys(str(stage["fingerprint"]) for stage in facts)),
    )
    return Row(cells, run_ids=tuple(run_id for _, _, run_ids in seeds for run_id in run_ids))


def _begins_from(facts: list[dict[str, Any]]) -> str:
    """Starting weights, with how much of the trunk these do not have; an earlier stage where there are none."""
    found = [stage.get("start") or {"name": "an earlier stage"} for stage in facts]
    fresh = max(len(one.get("fresh") or ()) for one in found)
    names = ", ".join(dict.fromkeys(str(one["name"]) for one in found))
    return names + (f" ({fresh} entries of the trunk fresh)" if fresh else "")
