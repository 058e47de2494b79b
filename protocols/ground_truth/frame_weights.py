"""Whether weights of frames avoid occlusion, where a data set knows how much of the person each frame shows.

A network that weighs the frames of a tracklet is said to prefer the good ones. Papers show it on a few tracklets; here
it is two numbers for every tracklet, and none is read without its reference, a plain mean over frames, which has 0 in
both.

==================  =================================================================================================
correlation         Spearman's rank correlation between a frame's weight and the visible share of the person in it, ties
                    at their average rank: 1 where the more is seen, the more a frame weighs; -1 where the less
gain                visible share under the weights, sum(w v), minus its plain mean, in points of percent: what the
                    weighting buys
==================  =================================================================================================

Only frames with the person in the box count; the weights of the others are shared out among these. Weights that are all
equal are those of a plain mean, and have 0 in both measures, so that an arm that does not weigh is no gap in a table.
NaN stands only where the truth leaves a measure without a meaning: the correlation where fewer than three frames have
the person, or all of them show as much of it; the gain where no frame has the person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError
from protocols.statistics import tracklet_means
from protocols.statistics.tracklet_means import Average

Floats = NDArray[np.float64]

MEASURES = ("correlation", "gain")
BOUNDS = {"correlation": (-1.0, 1.0), "gain": (-100.0, 100.0)}
"""What values are possible at all."""

FEWEST = 3
"""Frames with the person that a correlation needs."""

_EQUAL = 1e-6  # of the largest weight: what single precision makes of equal weights
_SUM = 1e-2  # by which half precision may miss a sum of 1


def rank_correlation(weights: ArrayLike, visible: ArrayLike) -> float:
    """Spearman's rho between the weights of a tracklet's frames and how much of the person they show.

    Args:
        weights: [T], none below 0, sum 1.
        visible: [T] visible share of the person, 0 to 1; NaN where the person is not in the frame.

    Returns:
        -1 to 1; 0 for equal weights; NaN with fewer than `FEWEST` frames that have the person, or where all of these
        show as much of it.

    Raises:
        ProtocolError: shapes that do not fit, or values outside of their range.
    """
    given, seen = _with_person(weights, visible)
    if len(seen) < FEWEST or seen.min() == seen.max():
        return float("nan")
    if _are_equal(given):
        return 0.0
    first, second = average_ranks(given), average_ranks(seen)
    first, second = first - first.mean(), second - second.mean()
    rho = float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
    return float(np.clip(rho, -1.0, 1.0))


def gain(weights: ArrayLike, visible: ArrayLike) -> float:
    """How much more of the person is seen under the weights than in a plain mean, in points of percent.

    Args:
        weights: [T], none below 0, sum 1.
        visible: [T] visible share of the person, 0 to 1; NaN where the person is not in the frame.

    Returns:
        100 (sum(w v) - mean(v)); 0 for equal weights; NaN where no frame has the person.

    Raises:
        ProtocolError: shapes that do not fit, or values outside of their range.
    """
    given, seen = _with_person(weights, visible)
    if not len(seen):
        return float("nan")
    if _are_equal(given):
        return 0.0
    return float(100 * ((given * seen).sum() / given.sum() - seen.mean()))


def average_ranks(values: ArrayLike) -> Floats:
    """Ranks [N] from 1, equal values at the mean of the ranks that they take up together."""
    _, place, count = np.unique(to_numpy(values), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=np.float64)


def average(measure: str, values: ArrayLike, persons: ArrayLike, *, seed: int = 0) -> Average:
    """Mean of a measure with its interval; tracklets without a value are left out and counted.

    Args:
        measure: out of `MEASURES`.
        values: [N] one a tracklet, or [S, N] for S trained seeds.
        persons: [N] who is seen; what is resampled is the person.
        seed: of the resampling.

    Raises:
        ProtocolError: an unknown measure, or shapes that do not fit.
    """
    table, people = tracklet_means.checked(measure, MEASURES, values, persons)
    return tracklet_means.average(table, people, BOUNDS[measure], seed)


def _with_person(weights: ArrayLike, visible: ArrayLike) -> tuple[Floats, Floats]:
    """Weights and visible shares of the frames that have the person."""
    given, seen = to_numpy(weights).astype(np.float64), to_numpy(visible).astype(np.float64)
    if given.ndim != 1 or given.shape != seen.shape or not len(given):
        raise ProtocolError(
            f"weights and visible shares are one for each frame of a tracklet, [T], but they are {given.shape} and "
            f"{seen.shape}"
        )
    if not np.isfinite(given).all() or given.min() < 0 or abs(given.sum() - 1) > _SUM:
        raise ProtocolError(
            f"weights of frames run from {given.min():g} to {given.max():g} and sum to {given.sum():g}; expected none "
            "below 0 and a sum of 1: leave padding out, and give weights after their softmax"
        )
    there = ~np.isnan(seen)
    if (seen[there] < 0).any() or (seen[there] > 1).any():
        raise ProtocolError(
            f"visible shares run from {np.nanmin(seen):g} to {np.nanmax(seen):g}; expected 0 to 1, NaN without a person"
        )
    return given[there], seen[there]


def _are_equal(weights: Floats) -> bool:
    """Whether weights are those of a plain mean; also where all of them are 0, the limit of equal ones."""
    return bool(weights.max() - weights.min() <= _EQUAL * weights.max())
