"""Where each query's positives stand: their distinct distances, and how many of its own tracklets are at each.

All that the ranks of a query's positives depend on are these few distances and, for each, how many gallery entries are
nearer and how many are equally far. The first is worked out here for a whole block of queries at once, the second is
counted by an engine (`counting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.ranking.gallery import KEPT, QUERY, GalleryIndex, Ints

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class PositiveDistances:
    """Distinct distances of the positives of a block of queries, query by query, nearest first.

    Attributes:
        offsets: [b + 1] `values[offsets[i]:offsets[i + 1]]` are the levels of the block's query i.
        values: [L] distances.
        right: [L, 2] positives at exactly this distance; axis 1 is (KEPT, QUERY), the role of the gallery column.
        own_before: [L, 2] tracklets of the query's person under its own camera that are nearer; to be left out.
        own_tied: [L, 2] such tracklets at exactly this distance.
    """

    offsets: Ints
    values: Values
    right: Ints
    own_before: Ints
    own_tied: Ints

    @property
    def rows(self) -> Ints:
        """[L] which query of the block each level belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def in_gallery(self, without_queries: bool) -> NDArray[np.bool_]:
        """[L] whether a positive is at this distance; some vanish with the queries."""
        found: NDArray[np.bool_] = self.right[:, KEPT] > 0 if without_queries else np.ones(len(self.values), dtype=bool)
        return found


@dataclass(frozen=True, slots=True)
class SamePerson:
    """Gallery columns that show the person of each query of a block.

    Attributes:
        rows: [E] query of the block.
        columns: [E] gallery column.
        own_camera: [E] whether the query's own camera saw it, too; it is then ignored.
        roles: [E] 0 KEPT or 1 QUERY.
    """

    rows: Ints
    columns: Ints
    own_camera: NDArray[np.bool_]
    roles: Ints

    @classmethod
    def of(cls, index: GalleryIndex, first_query: int, queries: int) -> SamePerson:
        """For queries `first_query` ... `first_query + queries - 1`."""
        block = slice(first_query, first_query + queries)
        lengths = index.end[block] - index.start[block]
        rows = np.repeat(np.arange(queries), lengths)
        nth = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        columns = index.order[np.repeat(index.start[block], lengths) + nth]
        own_camera = index.gallery_cams[columns] == index.query_cams[block][rows]
        return cls(rows, columns, own_camera, (index.role[columns] == QUERY).astype(np.int64))


def levels_of(queries: int, entries: SamePerson, distances: Values) -> PositiveDistances:
    """Sorts the distances of the same person's tracklets and puts equal ones together.

    Args:
        queries: how many the block has.
        entries: the tracklets.
        distances: [E] theirs.
    """
    order = np.lexsort((distances, entries.rows))
    rows, values = entries.rows[order], distances[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    group = np.cumsum(starts) - 1
    rows, values = rows[starts], values[starts]
    cell = 4 * group + 2 * entries.own_camera[order] + entries.roles[order]
    counts = np.bincount(cell, minlength=4 * len(rows)).reshape(-1, 2, 2)  # [groups, own camera, role]
    right, own = counts[:, 0], counts[:, 1]
    running = np.cumsum(own, axis=0) - own  # of all groups before, over the whole block
    begin = np.searchsorted(rows, np.arange(queries))
    begin = begin[rows] if len(rows) else begin[:0]
    own_before = running - running[begin]
    is_level = right.any(axis=1)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows[is_level], minlength=queries))))
    return PositiveDistances(offsets, values[is_level], right[is_level], own_before[is_level], own[is_level])


def kept_and_queries(counts: Ints) -> Ints:
    """[L, 2] counts of (KEPT, QUERY) columns, from those of all, query and junk columns [L, 3]."""
    return np.stack([counts[:, 0] - counts[:, 1] - counts[:, 2], counts[:, 1]], axis=1)
