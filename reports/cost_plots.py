"""Accuracy against what it costs, for a paper's page."""

from collections.abc import Sequence
from typing import Any

from reports import tables, times
from reports.arm_runs import Group
from reports.figures import Point
from reports.metrics import METRIC_LABELS
from reports.pareto import frontier, pareto

OPERATIONS = "gflops_per_frame"


def cost_figures(drawn: Sequence[Group], metric: str) -> list[dict[str, Any]]:
    """Accuracy against FLOPs a frame and against latency, each with what it is of; none for what was not measured.

    Each has ``figure`` (SVG), ``title``, ``words`` (what the axis is) and ``best`` (the arms that none beats in both).
    Latency stands as a ratio to the reference beside which it was timed, if all arms have one.

    Args:
        drawn: what curves show; controls are left out, as they have the network of their arm.
        metric: of accuracy, such as ``mAP``.
    """
    from markupsafe import Markup

    groups = [group for group in drawn if group.control is None]
    accuracies = {group.name: tables.estimate(group, metric) for group in groups}
    timed = dict(zip((one.name for one in groups), times.of([one.first["cost"] for one in groups]), strict=True))
    found = []
    for key, title, axis, words in _costs(groups, [one for one in timed.values() if one]):
        points = [
            Point(group.label, cost, one.mean, one.low, one.high, settled=times.holds(timed[group.name], key))
            for group in groups
            if (cost := _cost(group, timed[group.name], key)) is not None and (one := accuracies[group.name])
        ]
        if points:
            label = f"{METRIC_LABELS[metric]}, %"
            best = ", ".join(one.label for one in frontier(points)) or "none: no cost has settled"
            figure = Markup(pareto(points, axis, label, f"cost-{key.replace('_', '-')}"))
            found.append({"figure": figure, "title": title, "words": words, "best": best})
    return found


def _costs(groups: list[Group], timed: list[times.Time]) -> list[tuple[str, str, str, str]]:
    """Key, title, axis and words of each cost that was measured of any arm."""
    size = "×".join(map(str, groups[0].first["size"]))
    found = [(
        OPERATIONS, "Accuracy against operations", "GFLOPs a frame",
        f"operations of one {size} frame, head included (a multiply-add is two)",
    )]  # fmt: skip
    for where in ("gpu", "cpu"):
        here = [one for one in timed if one.where == where]
        if here:
            records = [
                one for group in groups if f"{where}_ms_p50" in (one := group.first["cost"].get("latency") or {})
            ]
            frames = sorted({one["frames"] for one in records if one.get("frames")})
            of = f" of {frames[0]} frames" if len(frames) == 1 else ""
            names = sorted({str(one["name"]) for one in records if one.get("name")})
            on = f", on {' and '.join(names)}" if names else ""
            words = f"median time of one tracklet{of} in one forward pass"
            key, axis, beside = times.axis(here)
            found.append((key, f"Accuracy against latency, {where.upper()}", axis, f"{words}{beside}{on}"))
    return found


def _cost(group: Group, time: times.Time | None, key: str) -> float | None:
    if key == OPERATIONS:
        found = group.first["cost"].get(OPERATIONS)
        return None if found is None else float(found)
    return time.drawn(key) if time else None
