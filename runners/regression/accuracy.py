"""Whether an arm got worse: per-query results of now against those that are stored.

Two questions need two answers.

*The same weights.* Within one configuration (versions, threads, instruction set) training repeats bit by bit. If the
trained weights are those of the baseline, whatever differs is the work of extraction and scoring; the paired bootstrap
over people needs no room for training, and a clean run differs by exactly 0.

*Other weights.* On another machine, or after any change that moves a rounding, a training ends elsewhere, as with
another seed. The new result is then held against the mean of the baseline's S seeds, and the spread between trainings
counts beside the spread between people:

    variance = bootstrap variance over people of (new - mean of seeds)  +  sigma^2 (1 + 1 / S),

with sigma^2 the variance between seeds, pooled over the arms of one metric (three seeds of one arm say little about
it), or the arm's own where that is larger. Student's t with Satterthwaite's degrees of freedom turns it into an
interval and a one-sided p. Part of the spread between trainings is in the first term already, so the test errs on the
side of silence: the simulated rate of false alarms lies well below the level.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from protocols.statistics import paired_difference
from reports.schema.metrics import split_metric

Floats = NDArray[np.float64]
RESAMPLES = 20_000  # the smallest p is 1 / (RESAMPLES + 1), far below the level shared out among all comparisons
LEVEL = 0.95  # of the intervals that are shown


@dataclass(frozen=True)
class Noise:
    """Spread between trainings.

    Attributes:
        sigma: standard deviation of an arm's accuracy from seed to seed, in points; 0 where nothing was trained.
        freedom: degrees of freedom that it was estimated with; 0 where it is not known.
        seeds: S, how many results of the baseline are averaged.
    """

    sigma: float
    freedom: float
    seeds: int

    @property
    def known(self) -> bool:
        """Whether several seeds told it."""
        return self.freedom > 0


@dataclass(frozen=True)
class AccuracyChange:
    """New minus old in points.

    Attributes:
        mean: of all queries.
        low, high: 95 % interval.
        worse: one-sided p that the true difference is not below 0.
        exact: whether every query scores as before.
    """

    mean: float
    low: float
    high: float
    worse: float
    exact: bool


def same_weights(new: Floats, old: Floats, people: NDArray[np.int64]) -> AccuracyChange:
    """Of two results ``[Q]`` of one and the same network."""
    exact = bool(np.array_equal(new, old))
    if exact:
        return AccuracyChange(0.0, 0.0, 0.0, 1.0, True)
    found = paired_difference(new, old, people, resamples=RESAMPLES)
    assert found.p is not None  # a paired difference has one
    half = found.p / 2
    return AccuracyChange(found.mean, found.low, found.high, half if found.mean < 0 else 1 - half, False)


def other_weights(new: Floats, old: Floats, people: NDArray[np.int64], noise: Noise) -> AccuracyChange:
    """Of a new training ``[Q]`` against those of the baseline ``[S, Q]``.

    Args:
        new: per-query values of a training ``[Q]``.
        old: those of the baseline, ``[S, Q]``.
        people: of the queries ``[Q]``.
        noise: of trainings.
    """
    found = paired_difference(new, old.mean(axis=0), people, resamples=2000)
    between = noise.sigma**2 * (1 + 1 / noise.seeds)
    variance = found.standard_error**2 + between
    exact = bool((old == new).all())
    if variance == 0:
        return AccuracyChange(found.mean, found.mean, found.mean, float(found.mean >= 0), exact)
    squares = found.standard_error**4 / (len(np.unique(people)) - 1)
    squares += between**2 / noise.freedom if noise.known else 0.0
    freedom = variance**2 / squares
    error = math.sqrt(variance)
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    worse = float(stdtr(freedom, found.mean / error))
    return AccuracyChange(found.mean, found.mean - reach, found.mean + reach, worse, exact)


def noises(tables: Mapping[tuple[str, str], Floats], chains: Sequence[str]) -> dict[tuple[str, str], Noise]:
    """Spread between trainings for every comparison.

    Args:
        tables: (arm, metric) -> ``[S, Q]``, the baseline's results.
        chains: what each table's network is trained from; tables that share a start do not vary independently, so each
            start counts once for the degrees of freedom. In the order of ``tables``.

    Returns:
        (arm, metric) -> its noise: pooled over the metrics of one kind (mAP, rank-1, ...), or the arm's own if larger.
    """
    variances: dict[str, list[float]] = {}
    starts: dict[str, set[str]] = {}
    for (key, table), chain in zip(tables.items(), chains, strict=True):
        kind = split_metric(key[1])[1]
        variances.setdefault(kind, []).append(_variance(table))
        starts.setdefault(kind, set()).add(chain)
    out = {}
    for key, table in tables.items():
        kind = split_metric(key[1])[1]
        pooled = float(np.mean(variances[kind]))
        degrees = (len(table) - 1) * len(starts[kind])
        out[key] = Noise(math.sqrt(max(pooled, _variance(table))), degrees, len(table))
    return out


def _variance(table: Floats) -> float:
    """Of the mean over queries, from seed to seed."""
    return float(table.mean(axis=1).var(ddof=1)) if len(table) > 1 else 0.0
