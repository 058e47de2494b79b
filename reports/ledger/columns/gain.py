"""First column: does the arm beat its opponent, as the paper says? From the interval of that difference alone."""

from collections.abc import Mapping
from typing import Any

from protocols.statistics import SMALLEST_SHARE, Interval, verdict
from protocols.vocabulary import Gain, Verdict

FEWEST_SEEDS = 2
ONE_SEED = "one seed says nothing of training noise; run --seeds 3"
"""Why nothing is decided where a single trunk was trained."""

RULE = (
    "A gain is reproduced when the whole 95 % interval of the difference to its opponent lies above zero, and not "
    "reproduced when the interval lies at or below zero, or touches zero and stays below "
    f"{100 * SMALLEST_SHARE:.0f} % of the published margin. Anything else is undecided, and so is all that one "
    "training seed measured."
)
EQUALITY_RULE = (
    "A claim that two arms are equal names the difference that still counts as none: it is reproduced when the whole "
    "interval lies within that on both sides of zero, not reproduced when the whole interval lies outside, and "
    "undecided otherwise."
)
MASK_RULE = (
    "A claim about where a network looks is judged on tracklets whose truth is known, by the direction of the "
    "difference alone, because papers show masks in pictures and print no margin; on background and occluder less is "
    "better."
)
HOLM_RULE = (
    "Holm's correction keeps the chance of any false answer among all claims of a page below 5 %: its p is the "
    "difference's, corrected for their number, and its gain follows from the wider interval by the same rule."
)

OF_VERDICT: dict[Verdict, Gain] = {
    "holds": "reproduced",
    "does not hold": "not reproduced",
    "cannot tell": "undecided",
}


def gain_of(interval: Interval, margin: float | None, within: float = 0.0) -> Gain:
    """What an interval says by itself.

    Args:
        interval: of arm minus opponent, the better the higher.
        margin: published, in its unit; ``None`` where the claim names no size.
        within: of a claim of equality: what still counts as no difference.
    """
    return equality(interval.low, interval.high, within) if within else OF_VERDICT[verdict(interval, margin)]


def equality(low: float, high: float, within: float) -> Gain:
    """Whether two arms are equal, as far as the interval of their difference says.

    Args:
        low, high: its ends, in points.
        within: points, above 0, that count as no difference.

    Returns:
        ``reproduced``: the whole interval lies inside (-within, within). ``not reproduced``: none of it does.
    """
    if -within < low and high < within:
        return "reproduced"
    return "not reproduced" if low >= within or high <= -within else "undecided"


def gain_in(claim: Mapping[str, Any]) -> str:
    """The gain of a claim in a ``ledger.json``; of one from before there were gains, its verdict."""
    return str(claim["gain"] if "gain" in claim else claim["verdict"])
