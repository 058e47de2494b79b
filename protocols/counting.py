"""How far up the list each positive stands, without sorting the list.

CMC, AP and the first hit need nothing but the ranks of a query's positives, some ten among thousands of gallery
tracklets. So each row of distances is swept once: every entry is placed between the sorted distances of the
positives, and running sums give how many kept tracklets come before each of them: O(G log P) time and O(G) memory a
query, against O(G log G) time and an index matrix for sorting. Positives and negatives are read from the same block
of distances, because the same distance computed in two blocks may differ in its last bit and break a tie.

Two engines give identical counts: plain NumPy, and a compiled sweep (numba) that pays for its compilation on large
galleries only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import ProtocolError
from .gallery_index import JUNK, KEPT, QUERY, GalleryIndex, Ints

Engine = Literal["auto", "numpy", "numba"]
Rows = NDArray[np.floating[Any]]

COMPILED_FROM_PAIRS = 300_000_000
"""Number of distances from which the compiled engine wins back its compilation (some 7 s, once an installation)."""


@dataclass(frozen=True, slots=True)
class TieGroups:
    """Per query, one entry for each distinct distance at which it has positives, nearest first.

    Attributes:
        query: [N] row of the query, ascending.
        before: [N] kept tracklets that are strictly nearer.
        tied: [N] kept tracklets at exactly this distance, positives included; at least 1.
        right_before: [N] positives that are strictly nearer.
        right_tied: [N] positives at exactly this distance; at least 1.
    """

    query: Ints
    before: Ints
    tied: Ints
    right_before: Ints
    right_tied: Ints

    @classmethod
    def join(cls, parts: Iterable[TieGroups]) -> TieGroups:
        """Groups of several blocks, in the order given."""
        many = list(parts)
        fields = ("query", "before", "tied", "right_before", "right_tied")
        empty = np.zeros(0, dtype=np.int64)
        return cls(*(np.concatenate([getattr(part, field) for part in many] or [empty]) for field in fields))


def choose_engine(engine: Engine, pairs: int) -> Engine:
    """Resolves ``auto`` by the number of distances.

    Raises:
        ProtocolError: an unknown engine.
    """
    if engine not in ("auto", "numpy", "numba"):
        raise ProtocolError(f"engine={engine!r} is unknown; choose auto, numpy or numba")
    if engine != "auto":
        return engine
    if pairs < COMPILED_FROM_PAIRS:
        return "numpy"
    try:
        import_module(f"{__package__}.counting_compiled")
    except (ImportError, RuntimeError):  # numba is absent, or finds no folder that it may keep its cache in
        return "numpy"
    return "numba"


def count_block(
    rows: Rows, first_query: int, index: GalleryIndex, variants: tuple[bool, ...], engine: Engine = "numpy"
) -> dict[bool, TieGroups]:
    """Counts one block of queries against the full gallery.

    Args:
        rows: [b, G] finite distances of queries `first_query` ... `first_query + b - 1`.
        first_query: row of the block's first query.
        index: the gallery's persons, cameras and roles.
        variants: which galleries to count: False = queries kept, True = without queries.
        engine: ``numpy`` or ``numba``.

    Returns:
        variant -> groups of this block.
    """
    if engine == "numba":
        from .counting_compiled import sweep

        raw = sweep(rows, first_query, index)
    else:
        raw = _sweep(rows, first_query, index)
    return {variant: _groups(raw, variant) for variant in variants}


@dataclass(frozen=True, slots=True)
class RoleCounts:
    """Counts of one block by role of the gallery column: axis 1 is (KEPT, QUERY).

    Attributes:
        query: [N] row of the query; one entry per distinct distance of a positive.
        before: [N, 2] columns that are strictly nearer.
        tied: [N, 2] columns at exactly this distance, positives included.
        right: [N, 2] positives at exactly this distance.
    """

    query: Ints
    before: Ints
    tied: Ints
    right: Ints


def _groups(raw: RoleCounts, without_queries: bool) -> TieGroups:
    if without_queries:
        keep = raw.right[:, KEPT] > 0  # distances at which only queries were positives are no groups here
        query = raw.query[keep]
        before, tied, right = (counts[keep, KEPT] for counts in (raw.before, raw.tied, raw.right))
    else:
        query = raw.query
        before, tied, right = (counts.sum(axis=1) for counts in (raw.before, raw.tied, raw.right))
    running = np.cumsum(right) - right  # positives of all groups before, over the whole block
    is_first = np.ones(len(query), dtype=bool)
    is_first[1:] = query[1:] != query[:-1]
    offset = running[is_first][np.cumsum(is_first) - 1] if len(query) else running
    return TieGroups(query, before, tied, running - offset, right)


def _sweep(rows: Rows, first_query: int, index: GalleryIndex) -> RoleCounts:
    junk_columns = np.flatnonzero(index.role == JUNK)
    query_columns = np.flatnonzero(index.role == QUERY)
    queries, before, tied, right = [], [], [], []
    for offset, row in enumerate(rows):
        positives, own_camera = index.same_person(first_query + offset)
        if len(positives) == 0:
            continue
        distances = row[positives]
        values = np.sort(distances)
        values = values[np.concatenate(([True], values[1:] != values[:-1]))]
        # Doubled edges: v and the next number above v; what falls between the two is exactly equal to v.
        edges = np.stack([values, np.nextafter(values, np.inf)], axis=1).ravel()
        all_columns = _below(edges, row)
        in_queries = _below(edges, row[query_columns])
        gone = _below(edges, row[junk_columns])
        from_queries = index.role[own_camera] == QUERY
        gone_queries = _below(edges, row[own_camera[from_queries]])
        kept = all_columns - in_queries - gone - _below(edges, row[own_camera[~from_queries]])
        counts = np.stack([kept, in_queries - gone_queries], axis=1)  # [2 m, 2]
        place = np.searchsorted(values, distances)
        hits = np.bincount(2 * place + (index.role[positives] == QUERY), minlength=2 * len(values))
        queries.append(np.full(len(values), first_query + offset, dtype=np.int64))
        before.append(counts[0::2])
        tied.append(counts[1::2] - counts[0::2])
        right.append(hits.reshape(-1, 2))
    if not queries:
        none = np.zeros((0, 2), dtype=np.int64)
        return RoleCounts(np.zeros(0, dtype=np.int64), none, none, none)
    return RoleCounts(*(np.concatenate(part) for part in (queries, before, tied, right)))


def _below(edges: Rows, values: Rows) -> Ints:
    """For each edge, how many of `values` are strictly smaller."""
    if len(values) == 0:
        return np.zeros(len(edges), dtype=np.int64)
    near = values[values <= edges[-1]]  # what lies beyond the farthest positive counts nowhere
    bins = np.bincount(np.searchsorted(edges, near, side="right"), minlength=len(edges) + 1)
    return np.cumsum(bins)[: len(edges)]


def split_ties_by_index(
    groups: TieGroups, rows: Rows, first_query: int, index: GalleryIndex, without_queries: bool
) -> TieGroups:
    """Breaks every tie by gallery index, as a stable argsort would: groups of one tracklet each.

    Only groups in which a positive ties with something are looked at, so the gallery is searched once per such
    group and not at all where there are none.
    """
    repeats = groups.right_tied
    which = np.repeat(np.arange(len(repeats)), repeats)  # [positives] group of each positive
    nth = np.arange(len(which)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    extra = nth.copy()
    for group in np.flatnonzero(groups.tied > repeats):
        query = int(groups.query[group])
        row = rows[query - first_query]
        positives, _ = index.same_person(query)
        allowed = ~index.ignored(query, without_queries)
        positives = positives[allowed[positives]]
        nearest = np.sort(row[positives])[groups.right_before[group]]
        tied = np.flatnonzero((row == nearest) & allowed)
        extra[which == group] = np.flatnonzero(np.isin(tied, positives))
    ones = np.ones(len(which), dtype=np.int64)
    return TieGroups(groups.query[which], groups.before[which] + extra, ones, groups.right_before[which] + nth, ones)
