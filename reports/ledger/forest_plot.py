"""Forest plots of the claims: the gain and its causes, each difference with its interval on a scale of its own unit.

Points of percent, AUC and densities never share a scale: a bar of one drawn on the scale of another would lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.ledger.claim import Claim
from reports.ledger.columns_table import in_short
from reports.ledger.difference import Difference
from reports.ledger.ledger import Ledger
from reports.render.table import Column, number

_PAD = 0.06  # of the scale's width, free at each end


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a claim's forest plot; positions in percent of the track. ``verdict`` is the answer that it gives.

    ``band`` is where the interval of a claim of equality has to lie: its left end and its width.
    """

    label: str
    verdict: str
    mean: str
    range: str
    spoken: str
    zero: float
    left: float
    width: float
    dot: float
    claimed: tuple[float, ...]
    band: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Forest:
    """A claim with its bars and its four columns in short.

    ``ends`` say where its scale begins and ends, for scales that the page does not share.
    """

    claim: Claim
    bars: tuple[Bar, ...]
    ends: tuple[str, str] | None
    columns: tuple[tuple[str, str], ...]


def forests(ledger: Ledger) -> list[Forest]:
    """The judged claims, those of one unit on one scale, so that bars compare."""
    scales = {claim.unit: scale(ledger, claim.unit) for claim in ledger.measured()}
    found = []
    for claim in ledger.measured():
        column = _column(claim.unit)
        low, high = scales[claim.unit]
        ends = None if claim.unit == "points" else (number(low, column), number(high, column))
        found.append(Forest(claim, tuple(_bars(claim, (low, high), ledger.dataset)), ends, in_short(claim)))
    return found


def scale(ledger: Ledger, unit: str) -> tuple[float, float]:
    """Where the scale of a unit begins and ends: zero, intervals, published margins and bands of equality lie on it."""
    ends = [0.0]
    for claim in ledger.measured():
        if claim.unit == unit:
            for _, one in _differences(claim):
                ends += [one.low, one.high]
            ends += [float(row["margin"]) for row in margins(claim, ledger.dataset)]
            ends += [-claim.within, claim.within]
    low, high = min(ends), max(ends)
    pad = _PAD * ((high - low) or 1.0)
    return low - pad, high + pad


def margins(claim: Claim, dataset: str) -> list[dict[str, Any]]:
    """The published margins that stand beside a difference in points; none beside one of a mask."""
    if claim.unit != "points":
        return []
    same = [row for row in claim.published if row["dataset"] == dataset]
    return same or [row for row in claim.published if row["dataset"] == "mars"] or list(claim.published)


def _differences(claim: Claim) -> list[tuple[str, Difference]]:
    """The gain and its causes with their answers; what oracles gain would leave nothing of the scale."""
    return [(answer, one) for role, answer, one in claim.differences() if role != "headroom"]


def _column(unit: str) -> Column:
    return Column(unit, "", "number", decimals=1 if unit == "points" else 3, signed=True)


def _bars(claim: Claim, ends: tuple[float, float], dataset: str) -> list[Bar]:
    published = [float(row["margin"]) for row in margins(claim, dataset)]
    return [
        _bar(claim, answer, one, ends, published if index == 0 else [])
        for index, (answer, one) in enumerate(_differences(claim))
    ]


def _bar(claim: Claim, answer: str, one: Difference, ends: tuple[float, float], published: Sequence[float]) -> Bar:
    low, high = ends

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    column = _column(claim.unit)
    label = one.label if one.control is None else f"control: {one.label.rpartition(', ')[2]}"
    mean, between = number(one.mean, column), f"{number(one.low, column)} to {number(one.high, column)}"
    unit = "points of " if claim.unit == "points" else ""
    spoken = f"{claim.arm_label} minus {one.label}: {mean} {unit}{claim.metric_label}, 95 % interval {between}"
    return Bar(
        label=f"vs {label}",
        verdict=answer,
        mean=mean,
        range=between,
        spoken=f"{spoken}; within {claim.within:g} counts as equal" if claim.within else spoken,
        zero=at(0.0),
        left=at(one.low),
        width=round(at(one.high) - at(one.low), 2),
        dot=at(one.mean),
        claimed=tuple(at(margin) for margin in published),
        band=(at(-claim.within), round(at(claim.within) - at(-claim.within), 2)) if claim.within else None,
    )
