"""The rows of a record's protocol ledger: one arm's descriptors under every gallery, AP, empty rule and distance."""

from collections.abc import Mapping
from typing import Any, TypedDict

from protocols.ranking.conventions import distance_of
from protocols.vocabulary import WITH_INTERVALS
from reports.errors import ReportError
from reports.schema.metrics import AGREEMENT

CHOICES = ("gallery", "ap", "empty", "distance")
"""What a convention is made of; ``distance`` is the metric and whether descriptors are scaled to unit length."""


class ConventionRecord(TypedDict):
    """Descriptors under one ranking convention, in percent; null where no query counts."""

    gallery: str
    ap: str
    empty: str
    mAP: float | None
    rank1: float | None
    valid_queries: int
    queries: int


class LedgerRow(ConventionRecord):
    """One way of scoring: a convention under a distance."""

    metric: str
    normalise: bool


def way_of(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The four choices of a row, or of a protocol's headline: gallery, AP, empty rule and the distance in words."""
    normalise = row.get("normalise") in (True, "yes")
    distance = distance_of("cosine" if row["metric"] == "cosine" else "euclidean", normalise)
    return str(row["gallery"]), str(row["ap"]), str(row["empty"]), distance.label


def check_ledger(result: Mapping[str, Any], name: str) -> None:
    """Refuse rows that are doubled, or that disagree with the record's own numbers.

    Args:
        result: the record; ``ledger`` is optional.
        name: of the record, for messages.

    Raises:
        ReportError: naming the row and what was expected there.
    """
    if "ledger" not in result:
        return
    rows = result["ledger"]
    if not rows:
        raise ReportError(f"{name} has an empty ledger; expected one row for each way of scoring, or no ledger at all.")
    seen: dict[tuple[str, str, str, str], Mapping[str, Any]] = {}
    for place, row in enumerate(rows):
        way = way_of(row)
        if way in seen:
            raise ReportError(f"{name} scores {', '.join(way)} twice in its ledger; expected one row for each way.")
        if not 0 <= row["valid_queries"] <= row["queries"]:
            raise ReportError(
                f"{name} has ledger[{place}] with {row['valid_queries']} valid of {row['queries']} queries; expected a "
                "number between none and all."
            )
        for metric in WITH_INTERVALS:
            if row[metric] is not None and not 0 <= row[metric] <= 100:
                raise ReportError(f"{name} has ledger[{place}].{metric} = {row[metric]}; expected percent, or null.")
        seen[way] = row
    headline = way_of(result["protocol"])
    if headline not in seen:
        raise ReportError(f"{name} has a ledger without its protocol's own way of scoring ({', '.join(headline)}).")
    for metric in WITH_INTERVALS:
        value, own = seen[headline][metric], result["metrics"][metric]
        if value is None or abs(value - own) > AGREEMENT:
            raise ReportError(
                f"{name} has {metric} = {value} in its ledger under {', '.join(headline)}, but metrics.{metric} is "
                f"{own}; both are in percent and must agree."
            )
