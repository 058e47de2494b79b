"""A measured difference: both sides over the same queries and seeds, its interval, and what was paired."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.statistics import POINTS, Floats, Interval, paired_difference, verdict
from protocols.vocabulary import Verdict
from reports.store.arm import Group

FEWEST_PEOPLE = 10  # a slice with fewer is too few to tell
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """Arm minus opponent, over the seeds that both have, in the unit of the claim.

    ``queries`` are what was paired: queries, or tracklets where a mask was measured. ``verdict`` is what the interval
    says by itself (`protocols.statistics.verdict`); the ledger's answers are the claim's.
    """

    against: str
    label: str
    control: str | None
    mean: float
    low: float
    high: float
    p: float | None
    seeds: tuple[int, ...]
    queries: int
    identities: int
    verdict: Verdict
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Both sides of a difference, from which its interval follows at any level.

    Attributes:
        ours, theirs: values of the same queries and seeds, as `protocols.statistics.paired_difference` takes them.
        people: ``[Q]`` the person of each query.
        seeds: training seeds (of trunks) that both sides have.
        shift: added to the difference.
    """

    ours: Floats
    theirs: Floats
    people: NDArray[Any]
    seeds: tuple[int, ...]
    shift: float = 0.0

    def interval(self, level: float = 0.95, resamples: int = RESAMPLES) -> Interval:
        """Of the mean of ours minus theirs."""
        ours = self.ours + self.shift if self.shift else self.ours
        return paired_difference(
            ours, self.theirs, self.people, level=level, resamples=resamples, of_one=POINTS
        )  # fmt: skip

    def shifted(self, points: float) -> "Pairing":
        """The same with a constant added to the difference."""
        return replace(self, shift=self.shift + points)


def pair(arm: Group, opponent: Group, metric: str, other_metric: str = "") -> Pairing | None:
    """Two groups of one job (same queries) over their common seeds; ``None`` where they share no seed.

    Args:
        arm, opponent: groups.
        metric: ``mAP`` or ``rank<k>``, after a side such as ``I2V/`` where images meet videos.
        other_metric: of the opponent, where it is another one.
    """
    seeds = tuple(seed for seed in arm.seeds if seed in opponent.seeds)
    if not seeds:
        return None
    theirs = opponent.values(other_metric or metric, seeds)
    return Pairing(arm.values(metric, seeds), theirs, arm.people(metric), seeds)


def difference_of(
    pairing: Pairing, interval: Interval, arm: Group, opponent: Group, margin: float | None
) -> Difference:
    """What a pairing of two groups gave.

    Args:
        pairing: both sides.
        interval: of their difference.
        arm, opponent: the groups.
        margin: published, in points, which says what gain is too small to matter.
    """
    return Difference(
        against=opponent.name,
        label=opponent.label,
        control=opponent.control,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        p=interval.p,
        seeds=pairing.seeds,
        queries=len(pairing.people),
        identities=len(np.unique(pairing.people)),
        verdict=verdict(interval, margin),
        run_ids=tuple(dict.fromkeys((*arm.run_ids_of(pairing.seeds), *opponent.run_ids_of(pairing.seeds)))),
    )


def compare(arm: Group, opponent: Group, metric: str, margin: float | None) -> Difference | None:
    """Arm minus opponent over their common seeds; ``None`` where they share no seed.

    Args:
        arm, opponent: groups of one job (same queries).
        metric: ``mAP`` or ``rank<k>``, after a side such as ``I2V/`` where images meet videos.
        margin: published margin in points, which says what gain is too small to matter.
    """
    pairing = pair(arm, opponent, metric)
    return difference_of(pairing, pairing.interval(), arm, opponent, margin) if pairing else None


def published_margin(published: Sequence[dict[str, Any]], dataset: str) -> float | None:
    """The margin to measure against: this data set's, else the smallest of the others; ``None`` without one.

    Margins are in points of percent, so they say nothing about a mask, whose claims are judged without one.
    """
    margins = {str(one["dataset"]): float(one["margin"]) for one in published if float(one["margin"]) > 0}
    if dataset in margins:
        return margins[dataset]
    return min(margins.values(), default=None)
