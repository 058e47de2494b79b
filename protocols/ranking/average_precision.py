"""From the ranks of the positives to AP, first hits and CMC, with ties treated as a rule says.

The rule ``expected`` gives the exact mean over all orders of the tied tracklets. In a tie of n tracklets, m of them
positives, that stands behind c tracklets with p positives, place i (1-based) holds a positive with probability m/n,
and given that, (i-1)(m-1)/(n-1) positives are expected before it within the tie. Summing the AP formula over i gives
closed forms with harmonic numbers H (McSherry and Najork 2008 do so for the step formula):

    step       m/n * sum_i (p + 1 + b(i-1)) / (c + i)      b = (m-1)/(n-1)
    trapezoid  half of that, plus half of m/n * sum_i (p + b(i-1)) / (c + i - 1)    (0/0 at the top is 1)

The first hit stands on average at c + (n+1)/(m+1), and is within the first c + j with probability
1 - C(n-j, m) / C(n, m).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ranking.counting.blocks import TieGroups

from .conventions import Precision, Ties
from .gallery import Ints

Floats = NDArray[np.float64]


def resolve_ties(groups: TieGroups, ties: Ties) -> TieGroups:
    """Turns a tie rule into groups of one tracklet; only under ``expected`` do mixed groups remain.

    ``index`` needs the distances and is resolved while they are at hand, see `counting.blocks.break_by_index`.
    """
    before = groups.before
    if ties == "pessimistic":
        before = before + groups.tied - groups.right_tied
    mixed = (groups.tied > groups.right_tied) & (ties == "expected")
    repeats = np.where(mixed, 1, groups.right_tied)
    which = np.repeat(np.arange(len(repeats)), repeats)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    one = ~mixed[which]
    return TieGroups(
        groups.query[which],
        before[which] + nth,
        np.where(one, 1, groups.tied[which]),
        groups.right_before[which] + nth,
        np.where(one, 1, groups.right_tied[which]),
    )


def average_precision(groups: TieGroups, ap: Precision, num_queries: int) -> Floats:
    """[Q] AP of every query, 0 where it has no positive; `groups` are settled."""
    c, p = groups.before.astype(np.float64), groups.right_before.astype(np.float64)
    gain = (p + 1) / (c + 1)
    if ap == "trapezoid":
        gain = 0.5 * (gain + np.where(c == 0, 1.0, p / np.maximum(c, 1)))
    mixed = groups.tied > 1
    if mixed.any():
        gain[mixed] = _expected_gain(groups, mixed, ap)
    total = np.bincount(groups.query, weights=gain, minlength=num_queries)
    positives = np.bincount(groups.query, weights=groups.right_tied, minlength=num_queries)
    return total / np.maximum(positives, 1)


def _expected_gain(groups: TieGroups, mixed: NDArray[np.bool_], ap: Precision) -> Floats:
    before, tied = groups.before[mixed], groups.tied[mixed]
    c, n = before.astype(np.float64), tied.astype(np.float64)
    p, m = groups.right_before[mixed].astype(np.float64), groups.right_tied[mixed].astype(np.float64)
    harmonic = _harmonic(int((before + tied).max()))
    b = (m - 1) / (n - 1)
    step = n * b + (p + 1 - b * (c + 1)) * (harmonic[before + tied] - harmonic[before])
    if ap == "step":
        return m / n * step
    above = np.maximum(before - 1, 0)
    old = n * b + (p - b * c) * (harmonic[before + tied - 1] - harmonic[above])
    old = np.where(before == 0, 1 + b * (n - 1), old)
    return m / n * 0.5 * (step + old)


def _harmonic(largest: int) -> Floats:
    """H_0 ... H_largest; summed in extended precision so that differences stay exact to 1e-15."""
    terms: NDArray[Any] = 1 / np.arange(1, largest + 1, dtype=np.longdouble)
    return np.concatenate(([0], np.cumsum(terms))).astype(np.float64)


def first_groups(groups: TieGroups, num_queries: int) -> tuple[Ints, Ints, Ints]:
    """[Q] before, tied, right_tied of each query's nearest group; zeros where it has none. `groups` are settled."""
    is_first = np.ones(len(groups.query), dtype=bool)
    is_first[1:] = groups.query[1:] != groups.query[:-1]
    out = np.zeros((3, num_queries), dtype=np.int64)
    out[:, groups.query[is_first]] = np.stack(
        [groups.before[is_first], groups.tied[is_first], groups.right_tied[is_first]]
    )
    return out[0], out[1], out[2]


def hits_within(before: Ints, tied: Ints, right: Ints, k: int) -> Floats:
    """[Q] probability that a positive is among the first k, over all orders of ties; 0 or 1 where none tie.

    Args:
        before, tied, right: int64 [Q], nearest group of each query, see `first_groups`; all 0 where it has none.
        k: places that count, from 1.
    """
    drawn = np.clip(k - before, 0, tied)  # places of the tie that lie within the first k
    hits = ((tied > 0) & (drawn > 0) & (right == tied)).astype(np.float64)
    for query in np.flatnonzero((drawn > 0) & (right < tied)):
        n, m, j = int(tied[query]), int(right[query]), int(drawn[query])
        i = np.arange(min(m, j), dtype=np.float64)  # C(n-j, m) / C(n, m), as the shorter of two equal products
        a, b = (n - j, n) if m <= j else (n - m, n)
        hits[query] = 1 - np.prod(np.maximum(a - i, 0) / (b - i))
    return hits


def cmc_sum(before: Ints, tied: Ints, right: Ints, length: int) -> Floats:
    """[length] sum over queries of the probability of a hit within the first 1, 2, ... tracklets.

    Args:
        before, tied, right: int64 [Q], nearest group of each query, see `first_groups`; all 0 where it has none.
        length: places of the curve.
    """
    clear = (tied > 0) & (right == tied)
    curve = np.cumsum(np.bincount(np.minimum(before[clear], length), minlength=length + 1))[:length].astype(np.float64)
    for c, n, m in zip(*(x[right < tied].tolist() for x in (before, tied, right)), strict=True):
        if c >= length:
            continue
        misses = n - m  # no hit in the first j: the draws so far were all misses
        j = np.arange(min(misses, length - c), dtype=np.float64)
        missed = np.cumprod((misses - j) / (n - j))
        curve[c : c + len(missed)] += 1 - missed
        curve[c + len(missed) :] += 1
    return curve
