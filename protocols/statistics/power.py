"""What a paired difference could have found: the smallest gain that a run sees, and the seeds that a given gain needs.

A gain counts as found where its whole interval lies above 0. The interval is the mean with Student's t times its
standard error to each side, so that a true gain g is found with the chance that a noncentral t of the same degrees of
freedom, with noncentrality g / standard error, exceeds the t of the interval. Solved for g at a chance of 80 %:

    smallest gain = n(f) * standard error,   P(T[f, n(f)] > t[f, 97.5 %]) = 80 %

n(f) is 2.80 for many degrees of freedom f, 5.7 for two. Standard error and f are those of the interval itself:
bootstrap over people and seeds, Satterthwaite's f (`protocols.statistics.bootstrap`).

With S' seeds in place of S the variance is P + (V - P) S / S': V is the squared standard error, P the part of it that
lies between people whatever was trained (the variance between people less what a person's luck with single trainings
adds to it). P stays however many seeds are trained; where it alone hides a gain, no number of seeds suffices.

Where luck of single people with single trainings is most of the noise, the bootstrap over both counts it up to three
times, so that the interval is wider than it had to be; smallest gains are then those of that interval, never too small.
"""

from __future__ import annotations

import math
from functools import lru_cache

from protocols.errors import ProtocolError

from .bootstrap import Interval

POWER = 0.8
FEWEST_SEEDS = 2
MOST_SEEDS = 100_000


def smallest_gain(interval: Interval, power: float = POWER) -> float:
    """The true gain, in the unit of the interval, that a run like this one finds with the chance `power`.

    With one seed it is that of these trained networks: training noise is not in it.

    Args:
        interval: of a paired difference, over people and seeds.
        power: chance of finding it.

    Raises:
        ProtocolError: a chance that is none, or not above a half.
    """
    return _gain_at(interval, interval.seeds, power)


def seeds_needed(interval: Interval, gain: float, power: float = POWER) -> int | None:
    """How many seeds, at least two, find a true gain on the same people; None where no number of seeds does.

    Args:
        interval: of a paired difference over two seeds or more, from which both kinds of noise are taken.
        gain: above 0, in the unit of the interval.
        power: chance of finding it.

    Raises:
        ProtocolError: one seed, which says nothing of training noise, a gain that is not above 0, or a bad chance.
    """
    if interval.seeds < FEWEST_SEEDS:
        raise ProtocolError("one seed says nothing of training noise; the seeds needed follow from two or more")
    if not gain > 0:
        raise ProtocolError(f"the gain to be found must be above 0, got {gain}")
    if _gain_at(interval, None, power) > gain or _gain_at(interval, MOST_SEEDS, power) > gain:
        return None
    low, high = FEWEST_SEEDS - 1, MOST_SEEDS  # `high` suffices, `low` does not or is too few
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _gain_at(interval, middle, power) <= gain else (middle, high)
    return high


def _gain_at(interval: Interval, seeds: int | None, power: float) -> float:
    """The smallest gain with so many seeds; None: with endlessly many."""
    if not 0.5 < power < 1:
        raise ProtocolError(f"power={power} must lie between a half and 1")
    fewer = 0.0 if seeds is None else interval.seeds / seeds  # what is left of all that more seeds take away
    stays = max(interval.between_people - interval.mixed, 0.0)
    variance = interval.standard_error**2
    stays = min(stays, variance)
    variance = stays + (variance - stays) * fewer
    if variance == 0:
        return 0.0
    people, trained = interval.between_people - interval.mixed * (1 - fewer), interval.between_seeds * fewer
    squares = people**2 / max(interval.clusters - 1, 1)
    if seeds is not None and interval.freedom:
        # of trunks their number less one; of heads on them it grows with the number of trunks
        of_trunks = interval.freedom == interval.seeds - 1
        squares += trained**2 / (seeds - 1 if of_trunks else interval.freedom * seeds / interval.seeds)
    freedom = (people + trained) ** 2 / squares if squares else math.inf
    return _noncentrality(freedom, interval.level, power) * math.sqrt(variance)


@lru_cache(maxsize=1024)
def _noncentrality(freedom: float, level: float, power: float) -> float:
    """n with P(T[freedom, n] > t) = power, t the upper end of the central interval of that level."""
    from scipy.special import nctdtrinc, ndtri, stdtrit

    upper = 1 - (1 - level) / 2
    if freedom > 1e6:
        return float(ndtri(upper) + ndtri(power))
    return float(nctdtrinc(freedom, 1 - power, stdtrit(freedom, upper)))
