"""Recorded jobs with a protocol ledger whose effects are known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reports.records.conventions import way_of
from reports.store.arm import ArmRun
from reports.store.job import Job

# points that each value of a choice adds to mAP; without junk ranks as the full gallery does, and cosine as unit Euclid
GALLERY = {"full": 0.0, "without-junk": 0.0, "without-queries": 1.5}
FORMULA = {"trapezoid": 0.0, "step": 2.0}
DISTANCE = {("euclidean", True): 0.0, ("cosine", False): 0.0, ("euclidean", False): -4.0}


def rows(base: float, first: float, plain: float = 0.0) -> list[dict[str, Any]]:
    """Every way for an arm with this mAP and rank-1 under the official one; ``plain`` is added at plain distances."""
    found = []
    for (metric, normalise), distance in DISTANCE.items():
        more = plain if (metric, normalise) == ("euclidean", False) else 0.0
        for gallery, held in GALLERY.items():
            for ap, formula in FORMULA.items():
                for empty in ("skip", "zero"):
                    found.append(
                        {"metric": metric, "normalise": normalise, "gallery": gallery, "ap": ap, "empty": empty,
                         "mAP": base + distance + more + held + formula, "rank1": first + distance + more + held,
                         "valid_queries": 150, "queries": 160}
                    )  # fmt: skip
    return found


def with_ledger(job: Job, plain: Callable[[str, int], float] = lambda name, seed: 0.0) -> Job:
    """The job with a ledger in every record of a network.

    Args:
        job: as recorded.
        plain: arm and seed -> points that plain distances add for it.
    """

    def changed(name: str, run: ArmRun) -> ArmRun:
        metrics = run.result["metrics"]
        headline = way_of(run.result["protocol"])
        made = rows(0.0, 0.0, plain(name, run.seed))
        own = next(row for row in made if way_of(row) == headline)
        shift = {metric: metrics[metric] - own[metric] for metric in ("mAP", "rank1")}
        ledger = [row | {metric: row[metric] + shift[metric] for metric in shift} for row in made]
        return replace(run, result={**run.result, "ledger": ledger})

    groups = tuple(
        replace(group, runs=tuple(changed(group.name, run) for run in group.runs)) if group.control is None else group
        for group in job.groups
    )
    return replace(job, groups=groups)
