"""The four columns of a claim as one sentence, for somebody who reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.ledger import mask_measures
from reports.ledger.columns.cause import ASKED, NOT_RUN
from reports.ledger.columns.gain import ONE_SEED
from reports.ledger.columns.power import NO_NUMBER, shown_seeds

if TYPE_CHECKING:
    from protocols.vocabulary import Gain
    from reports.ledger.claim import Claim
    from reports.ledger.columns.cause import CauseAnswer
    from reports.ledger.columns.headroom import Headroom
    from reports.ledger.columns.power import Power
    from reports.ledger.difference import Difference


def in_words(claim: Claim, measured: str = "") -> str:
    """What was measured, and each column that has something to say.

    Args:
        claim: with a difference and its four columns.
        measured: how the measurement reads, where it is none of points.
    """
    difference = claim.difference
    assert difference is not None  # a claim without one says why
    if not measured:
        measured = (
            f"Measured {_points(difference)} of {claim.metric_label} {_range(difference)} against {difference.label}"
        )
    parts = [
        f"{measured}: {_gain(claim, difference)}",
        *_causes(claim.causes, bool(claim.gain_why)),
        *(_headroom(one) for one in claim.headroom),
        _power(claim.power, claim.unit),
    ]
    return f"{'; '.join(part for part in parts if part)}."


def of_mask(found: mask_measures.MaskComparison, measure: str, label: str, against: str) -> str:
    """How a mask lies on the truth, beside one that knows less.

    Args:
        found: the comparison.
        measure: name of the measure.
        label: of the measure.
        against: label of the reference.
    """
    mean, low, high = (signed(value, 3) for value in (
        found.difference.mean, found.difference.low, found.difference.high
    ))  # fmt: skip
    better = ", and less is better" if measure in mask_measures.LESS_IS_BETTER else ""
    return (
        f"Measured {mean} in {label} ({low} to {high}) against {against}, {found.trained:.3f} against "
        f"{found.reference:.3f}{better}"
    )


def signed(value: float, decimals: int = 1) -> str:
    """With its sign, a true minus."""
    return f"{value:+.{decimals}f}".replace("-", "\u2212")


def _percent(share: float) -> str:
    """``34 %``, with a true minus; what rounds to nothing has no sign."""
    whole = round(100 * share)
    return f"{whole:d} %".replace("-", "\u2212")


def causes_in_short(causes: Sequence[CauseAnswer]) -> str:
    """``order not supported, capacity undecided``; empty without any."""
    return ", ".join(f"{one.name} {one.answer}" for one in causes)


def headroom_in_short(headroom: Sequence[Headroom]) -> str:
    """``true gait +17.0 (+12.0 to +21.0), share 4 %``, several after one another; the reason where there is none."""
    return "; ".join(
        f"{one.label} {signed(one.difference.mean)} {_range(one.difference)}"
        + (f", share {_percent(one.share)}" if one.share is not None else ", no share")
        if one.difference
        else f"{one.label}: {one.why}"
        for one in headroom
    )


def power_in_short(power: Power, unit: str = "points") -> str:
    """``finds 1.3; published 13.0 needs 2 seeds, a quarter of it 5``; the reason where it is not decided."""
    found = [] if power.detectable is None else [f"finds {power.detectable:.{1 if unit == 'points' else 3}f}"]
    if power.seeds_for_margin is not None and power.margin is not None:
        found.append(
            f"published {power.margin:.1f} needs {shown_seeds(power.seeds_for_margin)} seeds, a quarter of it "
            f"{shown_seeds(power.seeds_for_quarter)}"
        )
    return "; ".join([*found, *([f"undecided: {power.why}"] if power.why else [])])


def _gain(claim: Claim, difference: Difference) -> str:
    if claim.gain_why:
        return f"the gain is undecided, for {claim.gain_why}"
    said = _equal(claim.gain, difference, claim.within) if claim.within else _plain_gain(claim, difference)
    if claim.gain_holm != claim.gain:
        return f"{said} (undecided after Holm's correction over the claims of the page)"
    return said


def _plain_gain(claim: Claim, difference: Difference) -> str:
    if claim.gain == "reproduced":
        return "the gain is reproduced"
    if claim.gain == "undecided":
        return "the gain is undecided, as both none and a real one fit this interval"
    less = claim.unit != "points" and claim.metric.rpartition("/")[2] in mask_measures.LESS_IS_BETTER
    if difference.low == difference.high == 0:
        why = "the two score the same"
    elif difference.low > 0 if less else difference.high < 0:
        why = "it is worse"
    else:
        why = "what there is is no gain worth the name"
    return f"the gain is not reproduced, {why}"


def _equal(gain: Gain, difference: Difference, within: float) -> str:
    """A claim that two arms differ by no more than some points."""
    equal = f"{within:g} {'point' if within == 1 else 'points'}"
    if gain == "reproduced":
        return (
            f"that they are equal is reproduced, all of the interval lies within {equal} of zero, which count as equal"
        )
    if gain == "not reproduced":
        worse = "worse" if difference.mean < 0 else "better"
        return (
            f"that they are equal is not reproduced, all of the interval lies {equal} or more from zero: it is "
            f"{worse}, not equal"
        )
    return (
        f"that they are equal is undecided, the interval reaches beyond {equal} from zero, so equal and not equal "
        "both fit"
    )


def _causes(causes: Sequence[CauseAnswer], one_seed: bool) -> list[str]:
    said = []
    for one in causes:
        if one.answer == NOT_RUN:
            said.append(f"as a cause, {one.name} was not asked, for {one.why}; add --controls all")
        elif one.answer == "cannot apply":
            said.append(f"{one.name} cannot be a cause, for {one.why}")
        elif one.difference is not None:
            against = f"{_points(one.difference)} {_range(one.difference)} against {ASKED[one.name]}"
            known = not one.why or (one_seed and one.why == ONE_SEED)  # said once is enough
            said.append(f"as a cause, {one.name} is {one.answer} ({against}{'' if known else f', {one.why}'})")
    return said


def _headroom(one: Headroom) -> str:
    if one.difference is None:
        return f"its headroom by {one.label} is not known ({one.why})"
    gains = f"a perfect version ({one.label}) gains {_points(one.difference)} {_range(one.difference)}"
    if one.share is None:
        return f"{gains}, {one.why}"
    return f"{gains}, of which it gets {_percent(one.share)}"


def _power(power: Power, unit: str) -> str:
    if power.detectable is None:
        return ""
    of = "points" if unit == "points" else unit
    size = f"{power.detectable:.{1 if unit == 'points' else 3}f} {of}"
    if power.why:
        return f"power is undecided too, these very networks would have shown {size}"
    found = f"a gain of {size} would have been found"
    return f"{found}, {_seeds(power)}" if power.margin is not None and power.seeds_for_margin is not None else found


def _seeds(power: Power) -> str:
    """How many seeds the published margin takes, and a quarter of it."""
    margin = f"the published {power.margin:.1f} points"
    none = "no number of seeds on these people suffices for"
    if power.seeds_for_margin == NO_NUMBER:
        return f"and {none} {margin}"
    if power.seeds_for_quarter == NO_NUMBER:
        return f"{margin} take {shown_seeds(power.seeds_for_margin)} seeds, and {none} a quarter of them"
    quarter = shown_seeds(power.seeds_for_quarter)
    return f"{margin} take {shown_seeds(power.seeds_for_margin)} seeds, a quarter of them {quarter}"


def _range(difference: Difference) -> str:
    return f"({signed(difference.low)} to {signed(difference.high)})"


def _points(difference: Difference) -> str:
    return f"{signed(difference.mean)} points"
