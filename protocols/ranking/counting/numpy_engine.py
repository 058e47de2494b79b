"""The plain NumPy sweep of `protocols.ranking.counting.blocks`: a few calls a row, each of them over the whole row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.arrays import refuse_non_finite
from protocols.ranking.gallery import Ints

Rows = NDArray[np.floating[Any]]

_COMPARED = 16  # levels up to which many candidates are compared with one after another, and not sorted
_SORTED = 1500  # candidates up to which sorting them is quicker


def count_ranks(rows: Rows, first_query: int, offsets: Ints, values: Rows, parts: tuple[Ints, ...]) -> Ints:
    """Counts what is nearer than each level, and what is equally far.

    Args:
        rows: [b, G] distances.
        first_query: number of the first row, for messages.
        offsets: [b + 1] row i has the levels `values[offsets[i]:offsets[i + 1]]`.
        values: [L] rising within a row.
        parts: gallery columns that are counted apart, too.

    Returns:
        [L, 1 + parts, 2] columns below and equal: of all columns, then of each part.

    Raises:
        ProtocolError: a distance is not finite; names the first such row.
    """
    refuse_non_finite(rows, first_query, "distances")
    out = np.zeros((len(values), 1 + len(parts), 2), dtype=np.int64)
    edges = offsets.tolist()
    for row, start, end in zip(rows, edges[:-1], edges[1:], strict=True):
        if start == end:
            continue
        levels = values[start:end]
        _count(row, levels, out[start:end, 0])
        for place, part in enumerate(parts, start=1):
            if len(part):
                _count(row[part], levels, out[start:end, place])
    return out


def _count(row: Rows, levels: Rows, out: Ints) -> None:
    """`out` [m, 2] becomes how many of the row are below each level, and equal to it."""
    near = row.compress(row <= levels[-1])  # what lies beyond the farthest positive counts nowhere
    if len(near) > _SORTED and len(levels) <= _COMPARED:
        for place, level in enumerate(levels):
            out[place] = np.count_nonzero(near < level), np.count_nonzero(near == level)
        return
    near.sort()
    below = near.searchsorted(levels, "left")
    out[:, 0] = below
    out[:, 1] = near.searchsorted(levels, "right") - below
