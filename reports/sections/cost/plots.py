"""Accuracy against what it costs, for the page of a paper and for the comparison of several."""

from collections.abc import Sequence
from typing import Any

from reports.render.estimate import estimate
from reports.render.figures import Point
from reports.render.pareto import frontier, pareto
from reports.render.table import Estimate
from reports.schema import times
from reports.schema.metrics import METRIC_LABELS
from reports.store.arm import Group
from reports.store.job import Job

OPERATIONS = "gflops_per_frame"


def cost_figures(job: Job, drawn: Sequence[Group]) -> list[dict[str, Any]]:
    """Accuracy against FLOPs a frame and against latency, each with what it is of; none for what was not measured.

    Each has ``figure`` (SVG), ``title``, ``words`` (what the axis is) and ``best`` (the arms that none beats in both).
    Latency stands as a ratio to the reference beside which it was timed, if all arms have one.

    Args:
        job: whose arms, all of which say which times were taken on a busy machine.
        drawn: what curves show; controls are left out, as they have the network of their arm.
    """
    from markupsafe import Markup

    metric = job.headline_metric
    timed = times.of([group.first["cost"] for group in job.groups])
    by_name = {group.name: one for group, one in zip(job.groups, timed, strict=True)}
    groups = {group.name: group for group in drawn if group.control is None}
    accuracies = {name: estimate(group, metric) for name, group in groups.items()}
    found = []
    for key in (OPERATIONS, *times.axes([by_name[name] for name in groups])):
        points = [
            point
            for name, group in groups.items()
            for point in cost_point(group.label, group, by_name[name], key, accuracies[name])
        ]
        if points:
            title, axis, words = _words(list(groups.values()), key)
            best = ", ".join(one.label for one in frontier(points)) or "none: no cost has settled"
            figure = Markup(pareto(points, axis, f"{METRIC_LABELS[metric]}, %", f"cost-{key.replace('_', '-')}"))
            found.append({"figure": figure, "title": title, "words": words, "best": best})
    return found


def cost_point(
    label: str, group: Group, time: times.Time | None, key: str, accuracy: Estimate, *, reference: bool = False
) -> list[Point]:
    """An arm in a plot over one cost; none where that was not measured.

    Args:
        label: for a reader.
        group: the arm.
        time: of the arm, from `times.of`.
        key: ``gflops_per_frame``, or one of `times.axes`.
        accuracy: in percent, with its interval.
        reference: drawn as such.
    """
    if key == OPERATIONS:
        cost, doubt = group.first["cost"].get(OPERATIONS), ""
    else:
        cost, doubt = (time.at(key), time.doubt(key)) if time else (None, "")
    if cost is None:
        return []
    return [Point(label, float(cost), accuracy.mean, accuracy.low, accuracy.high, reference, doubt)]


def _words(groups: list[Group], key: str) -> tuple[str, str, str]:
    """Title, axis and words of a cost."""
    if key == OPERATIONS:
        size = "×".join(map(str, groups[0].first["size"]))
        words = f"operations of one {size} frame, head included (a multiply-add is two)"
        return "Accuracy against operations", "GFLOPs a frame", words
    where = key.partition("_")[0]
    latencies = [group.first["cost"].get("latency") or {} for group in groups]
    records = [one for one in latencies if one.get("device") == where]
    frames = sorted({one["frames"] for one in records if one.get("frames")})
    names = sorted({str(one["name"]) for one in records if one.get("name")})
    words = "median time of one tracklet" + (f" of {frames[0]} frames" if len(frames) == 1 else "")
    words += " in one forward pass"
    axis = "ms a tracklet"
    if key.endswith("_ratio"):
        axis = times.OVER
        words += f" over that of a bare {times.REFERENCE} on the same frames, called in turns"
    words += f", on {' and '.join(names)}" if names else ""
    return f"Accuracy against latency, {where.upper()}", axis, words
