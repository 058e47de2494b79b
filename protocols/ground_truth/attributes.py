"""How well yes/no attributes are recognised, where the data say what is right.

Most attributes are rare: a predictor that says *no* to every hat is right nearly always. The headline is therefore the
balanced accuracy of a column, the mean of two shares: of the truly yes that are called yes, and of the truly no that
are called no. 50 % is chance however rare a yes is, and also what the commoner answer to everything gets. Plain
accuracy stands beside it, with that of the commoner answer as its reference. A group's value is the mean over its
columns, each with one weight.

A balanced accuracy is no mean over people, so its interval is that of its linearisation (the infinitesimal jackknife).
With TPR = TP / P and TNR = TN / N of a column, what person i moves it by is

    d_i = ((tp_i - TPR p_i) / P + (tn_i - TNR n_i) / N) / 2

(capitals: sums over people; the first term is scaled by sqrt(k / (k - 1)) for the k people with a yes, the second for
those with a no, since the spread is estimated from them). The d_i sum to zero, so the values ``mean + people x d_i``
have the balanced accuracy as their mean, and enter the same resampling of people and seeds as every other number of
this suite, paired or not. Simulated coverage of the 95 % interval: 92 to 95 % for groups of several columns, some of
them with three yes among 100 people; 88 to 91 % where every column of five has about five; 94 % for one common column,
but 86 % for one that ten people have and 66 to 75 % for one that five have: a rare column alone is not told by it.

Degenerate input: a column counts where at least two people have it and two have it not. Others are left out of all
means and counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import to_numpy
from protocols.errors import ProtocolError
from protocols.statistics import Interval, clustered_bootstrap, paired_difference, verdict
from protocols.vocabulary import Verdict

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THRESHOLD = 0.5
"""Yes from this chance on, as the paper of attribute transfer turns averages into labels (ADFD, label transfer)."""

FEWEST_PEOPLE = 2
"""With a yes, and with a no, for a column to count: of one person alone, what is right is luck."""

_BOTH = (1.0, 0.0)  # the sides that a balanced accuracy averages
_SLACK = 1e-6  # a mean of float32 sigmoids may pass 1 by rounding


@dataclass(frozen=True, slots=True, eq=False)
class ColumnScores:
    """Each yes/no column on its own; fractions, NaN where a column leaves them without a meaning.

    Attributes:
        positives, negatives: [C] rows whose truth is yes, or no.
        accuracy: [C] share of the known rows that are right.
        balanced: [C] mean of the shares of yes and of no that are right; NaN where either is absent.
        commoner: [C] accuracy of always giving the answer that is right more often in these rows.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    accuracy: Floats
    balanced: Floats
    commoner: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """A mean over columns, as a fraction.

    Attributes:
        mean: NaN without any column that counts.
        interval: resampling people (and seeds); None where fewer than two people are known.
    """

    mean: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Recognised:
    """A group of columns.

    Attributes:
        balanced: the headline; 0.5 is chance.
        accuracy: plain, of the same columns.
        commoner: plain accuracy of always giving the commoner answer of each column.
        columns: that count.
        left_out: columns that fewer than two people have, or have not.
        people: with a known value in any column that counts.
    """

    balanced: Score
    accuracy: Score
    commoner: float
    columns: int
    left_out: int
    people: int


@dataclass(frozen=True, slots=True)
class Scores:
    """All columns, in their groups and together."""

    groups: dict[str, Recognised]
    overall: Recognised


@dataclass(frozen=True, slots=True)
class AttributeDifference:
    """First minus second on balanced accuracy, paired over people (and seeds).

    Attributes:
        difference: a fraction; `interval` is None where fewer than two people are known.
        verdict: whether the first is better, by direction alone.
    """

    difference: Score
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    truth: Floats  # [N, C] 0, 1, NaN
    yes: Bools  # [S, N, C]
    people: NDArray[np.int64]  # [N] numbers 0 ... P-1


def column_scores(truth: ArrayLike, probability: ArrayLike, threshold: float = THRESHOLD) -> ColumnScores:
    """Hold chances of yes against what is true, column by column.

    Args:
        truth: [N, C] 1 yes, 0 no, NaN unknown.
        probability: [N, C] in [0, 1].
        threshold: yes from this chance on.

    Raises:
        ProtocolError: shapes that do not fit, another truth, or a chance that is none.
    """
    table = _checked(truth, probability, None, threshold)
    if len(table.yes) != 1:
        raise ProtocolError(f"column scores are of one seed, but {len(table.yes)} were given; take them one at a time")
    known = np.isfinite(table.truth)
    positive, negative = (table.truth == 1).sum(axis=0), (table.truth == 0).sum(axis=0)  # [C]
    right = known & (table.yes[0] == (table.truth == 1))
    count = known.sum(axis=0)
    rates = [
        _share((right & (table.truth == value)).sum(axis=0), whole) for value, whole in ((1, positive), (0, negative))
    ]
    return ColumnScores(
        positives=positive,
        negatives=negative,
        accuracy=_share(right.sum(axis=0), count),
        balanced=(rates[0] + rates[1]) / 2,
        commoner=_share(np.maximum(positive, negative), count),
    )


def balanced(
    truth: ArrayLike,
    probability: ArrayLike,
    clusters: ArrayLike,
    groups: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> Scores:
    """Balanced and plain accuracy of each group and of all columns, with intervals.

    Args:
        truth: [N, C] 1 yes, 0 no, NaN unknown.
        probability: [N, C], or [S, N, C] for S trained seeds, in [0, 1].
        clusters: [N] who is seen; what is resampled is the person.
        groups: [C] the group of each column.
        threshold: yes from this chance on.
        seed: of the resampling.

    Raises:
        ProtocolError: shapes that do not fit, another truth, a chance that is none, or a bad threshold.
    """
    table = _checked(truth, probability, clusters, threshold)
    return Scores(
        {name: _recognised(table, chosen, seed) for name, chosen in _grouped(table, groups).items()},
        _recognised(table, np.ones(table.truth.shape[1], dtype=bool), seed),
    )


def compare(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    clusters: ArrayLike,
    groups: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> tuple[dict[str, AttributeDifference], AttributeDifference]:
    """Balanced accuracy of one minus that of another on the same rows: of each group, and of all columns.

    Args:
        truth, clusters, groups, threshold, seed: as in `balanced`.
        first, second: [N, C] or [S, N, C], of one shape, the same seeds in the same order.

    Raises:
        ProtocolError: as in `balanced`, or two sides of different shape.
    """
    one, other = (_checked(truth, side, clusters, threshold) for side in (first, second))
    if one.yes.shape != other.yes.shape:
        raise ProtocolError(
            f"a paired difference needs the same seeds, rows and columns on both sides, got {one.yes.shape} and "
            f"{other.yes.shape}"
        )
    found = {name: _compared(one, other, chosen, seed) for name, chosen in _grouped(one, groups).items()}
    return found, _compared(one, other, np.ones(one.truth.shape[1], dtype=bool), seed)


def apart(first: Score, second: Score) -> Score:
    """First minus second of two that share no people, such as a target and the held-out people of a source.

    The interval joins the two by the squares of their arms (Donner and Zou's MOVER for independent estimates). The same
    seeds stand on both sides; what they share is not taken out, so the interval is rather too wide.
    """
    difference = first.mean - second.mean
    one, other = first.interval, second.interval
    if one is None or other is None:
        return Score(difference, None)
    low = difference - math.hypot(one.mean - one.low, other.high - other.mean)
    high = difference + math.hypot(one.high - one.mean, other.mean - other.low)
    error = math.hypot(one.standard_error, other.standard_error)
    seeds, people = min(one.seeds, other.seeds), min(one.clusters, other.clusters)
    return Score(difference, Interval(difference, low, high, error, None, one.level, seeds, people))


def _checked(truth: ArrayLike, probability: ArrayLike, clusters: ArrayLike | None, threshold: float) -> _Table:
    true, chance = to_numpy(truth).astype(np.float64), to_numpy(probability).astype(np.float64)
    if chance.ndim == 2:
        chance = chance[None]
    if true.ndim != 2 or true.size == 0 or chance.ndim != 3 or chance.shape[1:] != true.shape or not len(chance):
        raise ProtocolError(
            f"truth must be [N, C] and probability [N, C] or [S, N, C] with at least one row and column, got "
            f"{true.shape} and {chance.shape}"
        )
    wrong = true[~np.isnan(true) & ~np.isin(true, (0, 1))]
    if len(wrong):
        raise ProtocolError(f"the truth holds {wrong[0]:g}; a column is 1 (yes), 0 (no) or NaN (unknown)")
    bad = ~((chance >= -_SLACK) & (chance <= 1 + _SLACK))
    if bad.any():
        raise ProtocolError(
            f"{int(bad.sum())} of {bad.size} chances are not in [0, 1] (first: {chance[bad][0]}); apply the sigmoid, "
            "or look for a network that diverged"
        )
    if not 0 < threshold < 1:
        raise ProtocolError(f"threshold={threshold} must lie between 0 and 1")
    labels = np.arange(len(true)) if clusters is None else to_numpy(clusters)
    if labels.shape != (len(true),):
        raise ProtocolError(f"clusters must name the person of each of the {len(true)} rows, got shape {labels.shape}")
    return _Table(true, chance >= threshold, np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64))


def _grouped(table: _Table, groups: Sequence[str]) -> dict[str, Bools]:
    """Group -> which columns [C] are its own, in order of appearance."""
    if len(groups) != table.truth.shape[1]:
        raise ProtocolError(
            f"groups must name the group of each of the {table.truth.shape[1]} columns, got {len(groups)}"
        )
    names = np.array([str(name) for name in groups])
    return {name: names == name for name in dict.fromkeys(names.tolist())}


def _usable(table: _Table, chosen: Bools) -> Bools:
    """[C] the chosen columns with enough people whose truth is yes, and whose truth is no."""
    people = int(table.people.max()) + 1
    sides = [_summed(table.truth == value, table.people, people) > 0 for value in _BOTH]  # [P, C] each
    return np.asarray(chosen & np.all([side.sum(axis=0) >= FEWEST_PEOPLE for side in sides], axis=0))


def _recognised(table: _Table, chosen: Bools, seed: int) -> Recognised:
    usable = _usable(table, chosen)
    known = np.isfinite(table.truth[:, usable])
    nan = float("nan")
    positive = (table.truth[:, usable] == 1).sum(axis=0)
    whole = known.sum(axis=0)
    return Recognised(
        balanced=_score(_moves(table, usable, _BOTH), seed),
        accuracy=_score(_moves(table, usable, None), seed),
        commoner=float((np.maximum(positive, whole - positive) / whole).mean()) if usable.any() else nan,
        columns=int(usable.sum()),
        left_out=int(chosen.sum() - usable.sum()),
        people=len(np.unique(table.people[known.any(axis=1)])),
    )


def _compared(one: _Table, other: _Table, chosen: Bools, seed: int) -> AttributeDifference:
    usable = _usable(one, chosen)
    first, second = (_moves(side, usable, _BOTH) for side in (one, other))
    mean = float((first - second).mean()) if first.size else float("nan")
    if first.shape[1] < 2:
        return AttributeDifference(Score(mean, None), "cannot tell")
    found = paired_difference(first, second, np.arange(first.shape[1]), seed=seed)
    return AttributeDifference(Score(mean, found), verdict(found, None))


def _score(values: Floats, seed: int) -> Score:
    """Mean of people's values [S, P] with its interval."""
    people = values.shape[1]
    if not people:
        return Score(float("nan"), None)
    interval = clustered_bootstrap(values, np.arange(people), seed=seed, bounds=(0.0, 1.0)) if people > 1 else None
    return Score(float(values.mean()), interval)


def _moves(table: _Table, usable: Bools, sides: tuple[float, ...] | None) -> Floats:
    """[S, P] one value a person whose mean is the measure: the measure plus P times what the person moves it by.

    Args:
        table: what was asked and answered.
        usable: [C] the columns that count, each with one weight.
        sides: true values whose shares right are averaged (balanced accuracy); None: all known rows are one side.
    """
    if not usable.any():
        return np.zeros((len(table.yes), 0))
    truth, yes = table.truth[:, usable], table.yes[:, :, usable]
    known = np.isfinite(truth)
    seen = known.any(axis=1)  # people without any known value would only dilute the degrees of freedom
    names = np.unique(table.people[seen], return_inverse=True)[1].reshape(-1)
    people = int(names.max()) + 1
    right = known & (yes == (truth == 1))  # [S, N, C]
    parts = [known] if sides is None else [truth == value for value in sides]
    found = np.zeros((len(yes), people))
    for part in parts:
        asked = _summed(part[seen], names, people)  # [P, C]
        hits = np.stack([_summed(one[seen], names, people) for one in right & part])  # [S, P, C]
        total = asked.sum(axis=0)  # [C]
        share = hits.sum(axis=1) / total  # [S, C]
        moved = (hits - share[:, None] * asked) / total  # [S, P, C]
        alike = (asked > 0).sum(axis=0)  # [C] people of this side
        moved *= np.sqrt(alike / (alike - 1))  # a spread is estimated from them alone
        found += (share[:, None] + people * moved).mean(axis=2) / len(parts)
    return found


def _summed(flags: Bools, names: NDArray[np.int64], people: int) -> Floats:
    """[N, C] flags -> [P, C] counts."""
    found = np.zeros((people, flags.shape[1]))
    np.add.at(found, names, flags)
    return found


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
