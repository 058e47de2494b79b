"""The compiled sweep of `protocols.ranking.counting.blocks`; imported for large galleries only, because numba takes
time to load.

What is not farther than a row's farthest positive is gathered without a branch, and then compared with one level after
another in loops that the compiler turns into vector instructions. Rows are shared out among plain threads (the sweep
runs without Python's lock), so no thread pool of OpenMP stands beside torch's, and the process may still fork.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.cores import usable_cores
from files.numba_cache import compiled
from protocols.arrays import refuse_non_finite
from protocols.ranking.gallery import Ints

Rows = NDArray[np.floating[Any]]

_PIECES = 4  # a thread's share of the rows comes in pieces, for rows differ in work
_CHUNK = 8192  # columns that are checked and gathered while they are in the nearest cache
_COMPARED = 96  # levels from which a search among them beats comparing with each


def threads() -> int:
    """Processors that this process may use, or what NUMBA_NUM_THREADS or OMP_NUM_THREADS says (torchrun sets it)."""
    usable = usable_cores()
    said = os.environ.get("NUMBA_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    return min(usable, int(said)) if said.isdecimal() and len(said) < 10 and int(said) else usable


def count_ranks(rows: Rows, first_query: int, offsets: Ints, values: Rows, parts: tuple[Ints, ...]) -> Ints:
    """As `numpy_engine.count_ranks`, with the same digits. Arguments and errors as in `numpy_engine.count_ranks`."""
    rows = np.ascontiguousarray(rows)
    values = np.ascontiguousarray(values, dtype=rows.dtype)
    borders = np.cumsum([0, *map(len, parts)])
    columns = np.concatenate([*parts, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    out = np.zeros((len(values), 1 + len(parts), 2), dtype=np.int64)
    finite = np.ones(len(rows), dtype=np.bool_)

    def piece(low: int, high: int) -> None:
        _tally_rows(rows, low, high, offsets, values, columns, borders, out, finite)

    workers = min(threads(), len(rows))
    if workers <= 1:
        piece(0, len(rows))
    else:
        cuts = np.linspace(0, len(rows), min(len(rows), workers * _PIECES) + 1).astype(int).tolist()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(piece, cuts[:-1], cuts[1:]))
    if not finite.all():
        bad = int(np.argmin(finite))
        refuse_non_finite(rows[bad : bad + 1], first_query + bad, "distances")
    return out


@compiled
def _tally_rows(
    rows: NDArray[Any], low: int, high: int, offsets: Ints, values: NDArray[Any], columns: Ints, borders: Ints,
    out: Ints, finite: NDArray[np.bool_],
) -> None:  # fmt: skip  # pragma: no cover - compiled
    size = rows.shape[1]
    near = np.empty(max(size, len(columns)) + 1, dtype=rows.dtype)
    for r in range(low, high):
        levels = values[offsets[r] : offsets[r + 1]]
        found = 0
        for chunk in range(0, size, _CHUNK):
            part = rows[r, chunk : chunk + _CHUNK]
            if not _is_finite(part):
                finite[r] = False
            if len(levels):
                found = _gather(part, levels[-1], near, found)
        if not len(levels):
            continue
        counts = out[offsets[r] : offsets[r + 1]]
        _count(near, found, levels, counts[:, 0])
        for place in range(len(borders) - 1):
            part = rows[r][columns[borders[place] : borders[place + 1]]]
            _count(near, _gather(part, levels[-1], near, 0), levels, counts[:, place + 1])


@compiled
def _is_finite(part: NDArray[Any]) -> bool:  # pragma: no cover - compiled
    wrong = 0
    for g in range(len(part)):
        wrong += (part[g] - part[g]) != 0  # NaN for NaN and for infinities
    return wrong == 0


@compiled
def _gather(part: NDArray[Any], farthest: Any, near: NDArray[Any], found: int) -> int:  # pragma: no cover - compiled
    """Puts what is at most `farthest` behind the first `found` of `near`, without a branch; their number then."""
    for g in range(len(part)):
        near[found] = part[g]
        found += part[g] <= farthest
    return found


@compiled
def _count(near: NDArray[Any], found: int, levels: NDArray[Any], out: Ints) -> None:  # pragma: no cover - compiled
    """`out` [m, 2] becomes how many of the first `found` are below each level, and equal to it; all are <= the last."""
    m = len(levels)
    if m <= _COMPARED:
        for i in range(m):
            level = levels[i]
            below = np.int32(0)
            equal = np.int32(0)
            for g in range(found):
                below = np.int32(below + np.int32(near[g] < level))
                equal = np.int32(equal + np.int32(near[g] == level))
            out[i, 0] = below
            out[i, 1] = equal
        return
    for g in range(found):
        x = near[g]
        place, left = 0, m  # the first level that is not below x lies within `left` places from `place`
        while left > 1:
            half = left >> 1
            place += half if levels[place + half - 1] < x else 0
            left -= half
        if levels[place] == x:
            out[place, 1] += 1
        else:
            out[place, 0] += 1  # between this level and the one before
    running = 0
    for i in range(m):
        running += out[i, 0]
        out[i, 0] = running
        running += out[i, 1]
