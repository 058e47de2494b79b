"""The reason of a verdict in plain English, for somebody who reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.ledger import mask_measures
from reports.schema.controls import CONTROL_LABELS

if TYPE_CHECKING:
    from protocols.vocabulary import Verdict
    from reports.ledger.difference import Difference


def about_arms(
    outcome: Verdict,
    difference: Difference,
    controls: Sequence[Difference],
    beside: Sequence[Difference],
    temporal: bool,
    metric_label: str,
) -> str:
    """A claim that one arm is more accurate than another.

    Args:
        outcome: the claim's verdict.
        difference: in points, with its interval.
        controls: differences that a claim about time depends on.
        beside: differences that are said and decide nothing.
        temporal: whether the claim is about time.
        metric_label: as in "rank-1".
    """
    first = f"Measured {_points(difference)} of {metric_label} {_range(difference)} against {difference.label}."
    if difference.verdict == "does not hold":
        if difference.low == difference.high == 0:
            return f"{first} The two score the same."
        first += " It is worse." if difference.high < 0 else " That is no gain worth the name."
        return " ".join([first, *(_aside(one) for one in beside)])
    if difference.verdict == "cannot tell":
        first += " Both no gain and a real one fit this interval."
    if temporal:
        return f"{first} {_about_time(outcome, controls)}"
    return " ".join([first, *(_aside(one) for one in beside)])


def about_equality(difference: Difference, within: float, metric_label: str) -> str:
    """A claim that two arms differ by no more than some points."""
    first = f"Measured {_points(difference)} of {metric_label} {_range(difference)} against {difference.label}."
    equal = f"{within:g} {'point' if within == 1 else 'points'}"
    if difference.verdict == "holds":
        return f"{first} All of the interval lies within {equal} of zero, which count as equal."
    if difference.verdict == "does not hold":
        worse = "worse" if difference.mean < 0 else "better"
        return f"{first} All of the interval lies {equal} or more from zero: it is {worse}, not equal."
    return f"{first} The interval reaches beyond {equal} from zero, so equal and not equal both fit."


def about_mask(found: mask_measures.MaskComparison, measure: str, label: str, against: str) -> str:
    """A claim that a mask lies better on the truth than one that knows less.

    Args:
        found: the comparison.
        measure: name of the measure.
        label: of the measure.
        against: label of the reference.
    """
    mean, low, high = (signed(value, 3) for value in (
        found.difference.mean, found.difference.low, found.difference.high
    ))  # fmt: skip
    less = measure in mask_measures.LESS_IS_BETTER
    text = (
        f"Measured {mean} in {label} ({low} to {high}) against {against}: {found.trained:.3f} against "
        f"{found.reference:.3f}" + (", and less is better." if less else ".")
    )
    if found.verdict == "holds":
        return text
    if found.verdict == "cannot tell":
        return f"{text} Both no gain and a real one fit this interval."
    worse = found.difference.low > 0 if less else found.difference.high < 0
    return f"{text} {'It is worse.' if worse else 'That is no gain.'}"


def signed(value: float, decimals: int = 1) -> str:
    """With its sign, a true minus."""
    return f"{value:+.{decimals}f}".replace("-", "\u2212")


def _about_time(outcome: Verdict, controls: Sequence[Difference]) -> str:
    """What the controls of a claim about time say."""
    lost = [one for one in controls if one.verdict == "does not hold"]
    unclear = [one for one in controls if one.verdict == "cannot tell"]
    if not controls:
        return "No control was run, so nothing shows that time made the difference; add --controls all."
    if lost:
        return f"It does not beat {_names(lost)}, so time is not what helps."
    if unclear:
        return f"Whether it beats {_names(unclear)} cannot be told yet."
    return f"It also beats {_names(controls)}" + (", so time is used." if outcome == "holds" else ".")


def _aside(one: Difference) -> str:
    """What a control says that decides nothing: the arm against itself with uniform weights."""
    says = {
        "holds": "so the learnt weights help it",
        "does not hold": "so the learnt weights do not help it",
        "cannot tell": "so whether the learnt weights help it cannot be told yet",
    }[one.verdict]
    return f"Against itself with uniform weights: {_points(one)} {_range(one)}, {says}. This decides nothing here."


def _names(differences: Sequence[Difference]) -> str:
    names = [CONTROL_LABELS.get(str(one.control), one.label) for one in differences]
    shown = [f"its control with {name}" if index == 0 else name for index, name in enumerate(names)]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _range(difference: Difference) -> str:
    return f"({signed(difference.low)} to {signed(difference.high)})"


def _points(difference: Difference) -> str:
    return f"{signed(difference.mean)} points"
