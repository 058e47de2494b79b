"""Fourth column: what could this run have found, and how many seeds would the published margin need?"""

from dataclasses import dataclass
from typing import Literal

from protocols.statistics import SMALLEST_SHARE, Interval
from protocols.statistics.power import seeds_needed, smallest_gain
from reports.ledger.columns.gain import FEWEST_SEEDS, ONE_SEED

NO_NUMBER: Literal["no number"] = "no number"
Seeds = int | Literal["no number"] | None
MANY = 1000
ONE_PERSON = "one person says nothing of others"
RULE = (
    "Power: the smallest true gain that a run like this finds with a chance of 80 %, and how many training seeds on "
    "the same people would find the published margin, or a quarter of it, with that chance."
)


@dataclass(frozen=True, slots=True)
class Power:
    """What a run could have found.

    Attributes:
        detectable: smallest gain that it finds with a chance of 80 %, in the unit of the claim; of one seed that of
            these trained networks, without training noise.
        margin: the published one, in points; ``None`` without one.
        seeds_for_margin, seeds_for_quarter: training seeds that find the margin, or a quarter of it, on these people;
            ``no number`` where the people are too few for it; ``None`` where nothing says.
        why: the reason of what is missing.
    """

    detectable: float | None = None
    margin: float | None = None
    seeds_for_margin: Seeds = None
    seeds_for_quarter: Seeds = None
    why: str = ""


NOTHING_MEASURED = Power()


def power_of(interval: Interval, margin: float | None) -> Power:
    """What the run behind an interval could have found.

    Args:
        interval: of a claim's difference.
        margin: published, in its unit; ``None`` where the claim names no size.
    """
    if interval.clusters < 2:
        return Power(None, margin, why=ONE_PERSON)
    detectable = smallest_gain(interval)
    if interval.seeds < FEWEST_SEEDS:
        return Power(detectable, margin, why=ONE_SEED)
    if margin is None:
        return Power(detectable)
    seeds, quarter = (seeds_needed(interval, part * margin) or NO_NUMBER for part in (1, SMALLEST_SHARE))
    return Power(detectable, margin, seeds, quarter)


def shown_seeds(seeds: Seeds) -> str:
    """For a reader: ``4``, ``more than 1,000``, ``no number``."""
    return f"more than {MANY:,}" if isinstance(seeds, int) and seeds > MANY else str(seeds)
