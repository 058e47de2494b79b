"""How well occluded regions of frames are found, where a data set knows the truth; and slices by what is hidden.

A network gives each region of each frame a score; a region is *called* occluded where its score lies below a threshold
tau (VRSTC, section 3.2, calls below 0.89). Occluded is the positive class, so a low score should go with it. What is
truly occluded is the caller's to say; on SynthWalk it is a region that shows less than 70 % of the person's pixels in
it (`true_regions` gives the shares). Regions without a pixel of the person are neither: they are left out and counted.

==================  =================================================================================================
precision           of the called regions, the share that is occluded
recall              of the occluded regions, the share that is called
auc                 probability that an occluded region scores below one that is not, ties one half; 0.5 is chance. It
                    does not depend on tau
==================  =================================================================================================

None of the three is a mean over regions whose number is fixed, so their intervals are a bootstrap of their own: people
are drawn with replacement, each with all regions, by a seeded generator, and each measure is computed anew from every
draw (auc exactly). Percentiles are stretched about the estimate by sqrt(C/(C-1)) times Student's t over z for C people,
the corrections that `statistics` makes, and cut to [0, 1]. A draw that leaves a measure without a meaning (nothing
called) does not count for it. Simulated coverage of the 95 % interval, with people who differ in how often something
hides them: 90 to 94 % for 10 people, 93 to 96 % for 30 and for 100.

Degenerate inputs: without an occluded or without an unoccluded region there is nothing to tell apart, which is an
error; scores that are all equal have auc 0.5; where tau calls nothing, precision has no value (NaN, null in records)
and recall is 0; with one person, or with a measure that fewer than half of the draws can give, there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError
from protocols.vocabulary import CALL_SCORES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EDGES = (0.0, 0.1, 0.3)
SLICES = ("nothing hidden", "up to 10 % hidden", "10 to 30 % hidden", "over 30 % hidden")
CURVE_POINTS = 101
"""Thresholds of a curve at most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure of detection, as a fraction.

    Attributes:
        mean: over all people; NaN where it has no meaning.
        low, high: ends of the interval, resampling people; None where none can be given.
    """

    mean: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        """For the result record; None where there is no number."""
        return {"mean": None if math.isnan(self.mean) else self.mean, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold of the curve; fractions.

    Attributes:
        tau: regions with a score below it are called.
        precision: None where nothing is called.
        recall: or true positive rate.
        false_positive_rate: of the regions that are not occluded, the share that is called.
        share_called: of all regions.
    """

    tau: float
    precision: float | None
    recall: float
    false_positive_rate: float
    share_called: float


@dataclass(frozen=True, slots=True)
class Detection:
    """What the calls at one threshold, and the scores behind them, are worth.

    Attributes:
        tau: the threshold.
        regions: counted regions.
        positives: of them truly occluded.
        people: that they show.
        share_called: of the regions.
        precision, recall, auc: see the module.
        curve: rising thresholds, from nothing called to everything called; tau is among them.
    """

    tau: float
    regions: int
    positives: int
    people: int
    share_called: float
    precision: Estimate
    recall: Estimate
    auc: Estimate
    curve: tuple[Point, ...]

    def as_dict(self) -> dict[str, Any]:
        """For the result record."""
        return {
            "tau": self.tau,
            "regions": self.regions,
            "positives": self.positives,
            "people": self.people,
            "share_called": self.share_called,
            **{name: getattr(self, name).as_dict() for name in CALL_SCORES},
            "curve": [{name: getattr(point, name) for name in Point.__slots__} for point in self.curve],
        }


def detection(
    scores: ArrayLike,
    occluded: ArrayLike,
    clusters: ArrayLike,
    tau: float,
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Detection:
    """Holds region scores against what is truly occluded.

    Args:
        scores: [R] one a region, low where it does not fit the rest of its tracklet.
        occluded: [R] bool, the truth; regions without a person must have been left out.
        clusters: [R] who is seen; what is resampled is the person.
        tau: a region is called occluded where its score is below it (not at it).
        resamples: bootstrap draws.
        seed: of the draws; the result is a function of it.
        level: coverage of the intervals.

    Raises:
        ProtocolError: shapes that do not fit, scores or a tau that are not finite, truth that is not bool, no occluded
            or no unoccluded region, or bad options.
    """
    values, truth, labels = _checked(scores, occluded, clusters, tau)
    if resamples < 100 or not 0 < level < 1 or seed < 0:
        raise ProtocolError(
            f"resamples={resamples}, level={level}, seed={seed}: take at least 100 resamples, a level between 0 and 1, "
            "and a seed of 0 or more"
        )
    called = values < tau
    people = int(labels.max()) + 1
    hits, calls, positives = (_per_person(part, labels) for part in (truth & called, called, truth))
    negatives = _per_person(~truth, labels)
    wins = _wins(values, truth, labels, people)  # [C, C]

    def measure(weights: Floats) -> Floats:
        """Weights of people [B, C] -> the three measures [B, 3]."""
        true = weights @ hits
        pairs = (weights @ positives) * (weights @ negatives)
        won = ((weights @ wins) * weights).sum(axis=1)
        found = np.full((len(weights), 3), np.nan)
        for column, (part, whole) in enumerate(((true, weights @ calls), (true, weights @ positives), (won, pairs))):
            np.divide(part, whole, out=found[:, column], where=whole > 0)
        return found

    estimate = measure(np.ones((1, people)))[0]
    draws = measure(_weights(people, resamples, seed)) if people > 1 else np.full((1, 3), np.nan)
    precision, recall, auc = (_interval(estimate[i], draws[:, i], people, level) for i in range(3))
    return Detection(
        tau=float(tau), regions=len(values), positives=int(truth.sum()), people=people,
        share_called=float(called.mean()), precision=precision, recall=recall, auc=auc,
        curve=_curve(values, truth, tau),
    )  # fmt: skip


def _checked(scores: ArrayLike, occluded: ArrayLike, clusters: ArrayLike, tau: float) -> tuple[Floats, Bools, Ints]:
    values, truth, labels = to_numpy(scores).astype(np.float64), to_numpy(occluded), to_numpy(clusters)
    if values.ndim != 1 or truth.shape != values.shape or labels.shape != values.shape:
        raise ProtocolError(
            f"scores {values.shape}, truth {truth.shape} and persons {labels.shape} must each be [R], a region an entry"
        )
    if truth.dtype != np.bool_:
        raise ProtocolError(f"the truth is {truth.dtype}; give bool, true where a region is occluded")
    if not (np.isfinite(values).all() and math.isfinite(tau)):
        raise ProtocolError(
            f"{int((~np.isfinite(values)).sum())} of {len(values)} scores are not finite (tau is {tau}); look for a "
            "network that diverged, or leave out regions without a score"
        )
    positives = int(truth.sum())
    if positives in (0, len(truth)):
        raise ProtocolError(
            f"{positives} of {len(truth)} regions are occluded, so there is nothing to tell apart; detection is "
            "measured on data that hold both kinds"
        )
    return values, truth, np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _per_person(flags: Bools, labels: Ints) -> Floats:
    return np.bincount(labels, weights=flags.astype(np.float64), minlength=int(labels.max()) + 1).astype(np.float64)


def _wins(values: Floats, truth: Bools, labels: Ints, people: int) -> Floats:
    """[C, C] pairs won: an occluded region of the first person scores below an unoccluded one of the second; ties 1/2.

    Summed with the weights of a draw they give its auc exactly, without sorting the regions of each draw again.
    """
    wins = np.zeros((people, people))
    own = labels[truth]
    for person in range(people):
        others = np.sort(values[~truth & (labels == person)])
        above = len(others) - np.searchsorted(others, values[truth], side="right")
        not_below = len(others) - np.searchsorted(others, values[truth], side="left")
        wins[:, person] = np.bincount(own, weights=(above + not_below) / 2, minlength=people)
    return wins


def _weights(people: int, resamples: int, seed: int) -> Floats:
    """[B, C] how often each person is in each draw of C people with replacement."""
    drawn = np.random.default_rng(seed).integers(0, people, (resamples, people))
    drawn += np.arange(resamples)[:, None] * people
    return np.bincount(drawn.ravel(), minlength=resamples * people).reshape(resamples, people).astype(np.float64)


def _interval(estimate: float, draws: Floats, people: int, level: float) -> Estimate:
    there = draws[np.isfinite(draws)]
    if people < 2 or math.isnan(estimate) or 2 * len(there) < len(draws):
        return Estimate(float(estimate), None, None)
    from scipy.special import ndtri, stdtrit

    upper = 1 - (1 - level) / 2
    stretch = float(math.sqrt(people / (people - 1)) * stdtrit(people - 1, upper) / ndtri(upper))
    low, high = estimate + stretch * (np.quantile(there, [1 - upper, upper]) - estimate)
    return Estimate(float(estimate), float(max(0.0, min(low, estimate))), float(min(1.0, max(high, estimate))))


def _curve(values: Floats, truth: Bools, tau: float) -> tuple[Point, ...]:
    """At evenly spaced ranks of the scores, at tau, and just above the highest score, where everything is called."""
    ranks = np.linspace(0, 1, CURVE_POINTS - 2)
    taus = np.quantile(values, ranks, method="inverted_cdf")
    taus = np.unique(np.concatenate([taus, [tau, np.nextafter(values.max(), np.inf)]]))
    positive, negative = np.sort(values[truth]), np.sort(values[~truth])
    points = []
    for level in taus:
        true, false = (int(np.searchsorted(side, level, side="left")) for side in (positive, negative))
        points.append(
            Point(
                tau=float(level),
                precision=true / (true + false) if true + false else None,
                recall=true / len(positive),
                false_positive_rate=false / len(negative),
                share_called=(true + false) / len(values),
            )
        )
    return tuple(points)


def true_regions(labels: ArrayLike, occluders: ArrayLike, rows: Sequence[tuple[int, int]]) -> Floats:
    """How much of the person can be seen in each region of each frame.

    Args:
        labels: [T, H, W] integers, above 0 where the person is, whether or not it can be seen.
        occluders: [T, H, W] integers, above 0 where something stands in front.
        rows: first row and row after the last of each of the K regions.

    Returns:
        [T, K] in [0, 1], NaN where a region holds no pixel of the person.

    Raises:
        ProtocolError: arrays that differ in shape, or rows outside the frame.
    """
    person, seen = _person(labels, occluders)
    height = person.shape[1]
    if not rows or any(not 0 <= top < end <= height for top, end in rows):
        raise ProtocolError(
            f"the regions {tuple(rows)} do not lie in frames of {height} rows; give (first, after last)"
        )
    both = [[part[:, top:end].sum(axis=(1, 2)) for top, end in rows] for part in (seen, person)]
    return _share(*(np.stack(part, axis=1).astype(np.float64) for part in both))


def hidden_shares(labels: ArrayLike, occluders: ArrayLike) -> Floats:
    """How much of the person has something in front, frame by frame.

    Args:
        labels, occluders: as in `true_regions`.

    Returns:
        [T] in [0, 1], NaN for frames without a pixel of the person. A tracklet's share is the mean over its frames that
        hold the person.

    Raises:
        ProtocolError: arrays that differ in shape.
    """
    person, seen = _person(labels, occluders)
    return 1 - _share(*(part.sum(axis=(1, 2)).astype(np.float64) for part in (seen, person)))


def _person(labels: ArrayLike, occluders: ArrayLike) -> tuple[Bools, Bools]:
    """Where the person is, and where it can be seen."""
    person, front = to_numpy(labels) > 0, to_numpy(occluders) > 0
    if person.ndim != 3 or person.shape != front.shape:
        raise ProtocolError(
            f"labels {person.shape} and occluders {front.shape} must be [T, H, W] of the same frames of one tracklet"
        )
    return person, person & ~front


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def slice_of(share: float) -> str:
    """The slice, out of `SLICES`, of a query of which that share of the person is hidden; each holds its upper edge.

    Raises:
        ProtocolError: not a share between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ProtocolError(f"a hidden share lies between 0 and 1, not at {share}")
    return SLICES[int(np.searchsorted(EDGES, share, side="left"))]
