"""Who stands where in a table of several arms, and which of them cannot be told apart.

A table that is sorted by a mean invites its reader to believe every place of it. Here each pair of rows is compared
over the same queries (identity-clustered paired bootstrap, seeds pooled, `protocols.statistics`), the p-values are
corrected for the number of pairs (Holm 1979: the chance of any false separation in the whole table stays below the
level, however the pairs depend on each other), and a row's rank is one more than the number of rows that are separably
better. Rows that cannot be separated from everything above them therefore share its rank. Being inseparable is not
transitive (A ~ B, B ~ C, yet A above C): C then has rank 2 while A and B share rank 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError

from .bootstrap import POINTS, Interval, paired_difference

FEWEST_RESAMPLES = 2000
RESAMPLES_A_PAIR = 400  # the smallest p a bootstrap can give is 2 / resamples; Holm asks for level / pairs
MOST_RESAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One arm of a table.

    Attributes:
        name: unique in the table.
        values: [S, Q] per-query values, higher is better, e.g. AP in percent; one row of numbers for each seed, or
            [S, K, Q] where K heads were trained on each seed's trunk.
        seeds: [S] which seed each of them is.
        people: [Q] the person of each query; the same for all rows of a table.
    """

    name: str
    values: NDArray[np.float64]
    seeds: tuple[int, ...]
    people: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """The comparison of two rows, the better one first.

    Attributes:
        first, second: names; the mean of `first` over the common seeds is not below that of `second`.
        difference: `first` minus `second` with its interval (not corrected) and p.
        p_holm: p corrected for all pairs of the table, at most 1.
        seeds: that both have.
        separated: whether p_holm lies below the level.
    """

    first: str
    second: str
    difference: Interval
    p_holm: float
    seeds: tuple[int, ...]
    separated: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A table in order.

    Attributes:
        order: names by mean over all queries and seeds, best first; equal means by name.
        rank: name -> 1 + the number of rows that are separably better.
        pairs: every pair that was compared.
        uncompared: pairs without a common seed; they count as not separated.
        level: of the whole table's false separations.
    """

    order: tuple[str, ...]
    rank: Mapping[str, int]
    pairs: tuple[Pair, ...]
    uncompared: tuple[tuple[str, str], ...]
    level: float

    def pair(self, one: str, other: str) -> Pair | None:
        """The comparison of two rows in either order; None where there was none."""
        wanted = {one, other}
        return next((pair for pair in self.pairs if {pair.first, pair.second} == wanted), None)


def standing(rows: Sequence[RankedRow], *, level: float = 0.05, seed: int = 0) -> Standing:
    """Orders a table and says which rows share a rank.

    Args:
        rows: arms judged on the same queries, under one protocol; mixing protocols is the caller's mistake to avoid.
        level: chance of any false separation in the table.
        seed: of the resampling; the result is a function of it.

    Raises:
        ProtocolError: no rows, names that repeat, rows of other queries or other people, or values of another shape.
    """
    _check(rows)
    means = {row.name: float(row.values.mean()) for row in rows}
    by_name = {row.name: row for row in rows}
    order = tuple(sorted(means, key=lambda name: (-means[name], name)))
    compared: list[tuple[str, str, Interval, tuple[int, ...]]] = []
    uncompared = []
    number = len(rows) * (len(rows) - 1) // 2
    resamples = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, RESAMPLES_A_PAIR * number))
    for upper, lower in combinations(order, 2):
        common = tuple(sorted(set(by_name[upper].seeds) & set(by_name[lower].seeds)))
        if not common:
            uncompared.append((upper, lower))
            continue
        pair = [(name, _of_seeds(by_name[name], common)) for name in (upper, lower)]
        pair.sort(key=lambda one: -one[1].mean())  # over the common seeds the order may be the other one
        (better, first), (worse, second) = pair
        found = paired_difference(first, second, rows[0].people, resamples=resamples, seed=seed, of_one=POINTS)
        compared.append((better, worse, found, common))
    corrected = holm([one[2].p if one[2].p is not None else 1.0 for one in compared])
    pairs = tuple(
        Pair(a, b, found, p, common, p < level and found.low > 0)
        for (a, b, found, common), p in zip(compared, corrected, strict=True)
    )
    above = {name: sum(pair.separated and pair.second == name for pair in pairs) for name in order}
    return Standing(order, {name: 1 + above[name] for name in order}, pairs, tuple(uncompared), level)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for their number (Holm 1979), in the order given.

    The k-th smallest of n is multiplied by n - k + 1, made no smaller than the ones before it, and cut at 1.

    Raises:
        ProtocolError: a value outside of [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ProtocolError(f"p-values must lie between 0 and 1, got {list(p_values)}")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    out = np.empty_like(values)
    out[order] = np.minimum(stepped, 1.0)
    return tuple(out.tolist())


def holm_levels(p_values: Sequence[float], level: float = 0.05) -> tuple[float, ...]:
    """The level at which Holm's procedure tests each p-value, in the order given.

    The k-th smallest of n is tested at level / (n - k + 1) until the first one fails; those behind it, which are not
    tested any more, have the level of that one. So a p-value lies below its level exactly where `holm` puts it below
    `level`, and an interval at one minus that level excludes 0 there.

    Raises:
        ProtocolError: a value outside of [0, 1].
    """
    corrected = holm(p_values)
    order = np.argsort(np.asarray(p_values, dtype=np.float64), kind="stable")
    found, number, failed, at = [0.0] * len(corrected), len(corrected), False, level
    for place, index in enumerate(order.tolist()):
        if not failed:
            at = level / (number - place)
            failed = corrected[index] >= level
        found[index] = at
    return tuple(found)


def _of_seeds(row: RankedRow, seeds: tuple[int, ...]) -> NDArray[np.float64]:
    return row.values[[row.seeds.index(seed) for seed in seeds]]


def _check(rows: Sequence[RankedRow]) -> None:
    if not rows:
        raise ProtocolError("a table without rows has no standing; give at least one arm")
    names = [row.name for row in rows]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ProtocolError(f"rows of a table need names of their own, but {', '.join(twice)} comes more than once")
    for row in rows:
        ends = (row.values.shape[0], row.values.shape[-1]) if row.values.ndim in (2, 3) else ()
        if ends != (len(row.seeds), len(row.people)) or not row.values.size:
            raise ProtocolError(
                f"row {row.name}: expected values [seeds, queries] = [{len(row.seeds)}, {len(row.people)}], or with "
                f"heads between the two, none of them 0, got shape {row.values.shape}"
            )
        if len(set(row.seeds)) != len(row.seeds):
            raise ProtocolError(f"row {row.name} names a seed more than once: {row.seeds}")
        if not np.array_equal(row.people, rows[0].people):
            raise ProtocolError(
                f"rows {rows[0].name} and {row.name} were judged on other queries; only rows of the same queries "
                "can stand in one table"
            )
