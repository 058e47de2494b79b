"""Accuracies by name: how records, tables and figures call them, and on which sides they are measured."""

from collections.abc import Mapping
from typing import Any

from protocols.vocabulary import ACCURACIES, SIDES

METRIC_LABELS: dict[str, str] = {name: name.replace("rank", "Rank-") for name in ACCURACIES}
METRIC_LABELS |= {
    f"{side}/{metric}": f"{side} {label if metric == 'mAP' else label.lower()}"
    for side in SIDES
    for metric, label in METRIC_LABELS.copy().items()
}
AGREEMENT = 0.02  # points by which a recorded accuracy may differ from its own per-query file (rounding)


def headline_side(protocol: Mapping[str, Any]) -> str | None:
    """The side of the unprefixed numbers; ``None`` where tracklets meet tracklets only."""
    sides = protocol.get("sides") or ()
    return str(sides[0]) if sides else None


def split_metric(metric: str) -> tuple[str, str]:
    """``"I2V/rank1"`` -> ``("I2V", "rank1")``; ``"rank1"`` -> ``("", "rank1")``."""
    side, _, name = metric.rpartition("/")
    return side, name
