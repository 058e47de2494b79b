"""The compiled sweep of `protocols.counting`; imported for large galleries only, because numba takes time to load."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from .counting import RoleCounts, Rows
from .gallery_index import JUNK, QUERY, GalleryIndex, Ints


def sweep(rows: Rows, first_query: int, index: GalleryIndex) -> RoleCounts:
    """As the NumPy sweep, in one pass over each row; threads share the block's rows."""
    queries = slice(first_query, first_query + len(rows))
    start, end = index.start[queries], index.end[queries]
    offsets = np.concatenate(([0], np.cumsum(end - start)))  # room: at most one group per same-person column
    room = int(offsets[-1])
    before = np.zeros((room, 2), dtype=np.int64)
    tied = np.zeros((room, 2), dtype=np.int64)
    right = np.zeros((room, 2), dtype=np.int64)
    filled = np.zeros(len(rows), dtype=np.int64)
    _sweep_rows(
        np.ascontiguousarray(rows), start, end, offsets, index.order, index.gallery_cams,
        index.query_cams[queries], index.role, before, tied, right, filled,
    )  # fmt: skip
    used = np.repeat(offsets[:-1], filled) + _counter(filled)
    query = first_query + np.repeat(np.arange(len(rows)), filled)
    return RoleCounts(query, before[used], tied[used], right[used])


def _counter(lengths: Ints) -> Ints:
    """0 ... n-1 for every n in `lengths`, one after another."""
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)


@numba.njit(cache=True, parallel=True)
def _sweep_rows(  # noqa: PLR0912 - one loop, compiled whole
    rows: NDArray[Any], start: Ints, end: Ints, offsets: Ints, order: Ints, gallery_cams: Ints, query_cams: Ints,
    role: NDArray[np.uint8], before: Ints, tied: Ints, right: Ints, filled: Ints,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    for r in numba.prange(len(rows)):
        row = rows[r]
        columns = order[start[r] : end[r]]
        own = gallery_cams[columns] == query_cams[r]
        positives = columns[~own]
        if len(positives) == 0:
            continue
        values = np.unique(row[positives])
        m = len(values)
        between = np.zeros((m, 2), dtype=np.int64)  # strictly below values[i], above values[i-1]
        equal = np.zeros((m, 2), dtype=np.int64)
        farthest = values[m - 1]
        for g in range(len(row)):
            x = row[g]
            if x > farthest or role[g] == JUNK:
                continue
            low, high = 0, m - 1
            while low < high:
                middle = (low + high) // 2
                if values[middle] < x:
                    low = middle + 1
                else:
                    high = middle
            if values[low] == x:
                equal[low, role[g]] += 1
            else:
                between[low, role[g]] += 1
        for column in columns[own]:
            x = row[column]
            if x <= farthest and role[column] != JUNK:
                i = np.searchsorted(values, x)
                if values[i] == x:
                    equal[i, role[column]] -= 1
                else:
                    between[i, role[column]] -= 1
        base = offsets[r]
        for column in positives:
            right[base + np.searchsorted(values, row[column]), 1 if role[column] == QUERY else 0] += 1
        for s in range(2):
            running = 0
            for i in range(m):
                running += between[i, s]
                before[base + i, s] = running
                tied[base + i, s] = equal[i, s]
                running += equal[i, s]
        filled[r] = m
