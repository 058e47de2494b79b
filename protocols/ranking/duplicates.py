"""Gallery descriptors that are the same number for number, so that their distances can be made the same, too.

A matrix product rounds the columns at its edges differently from those in its middle, so two equal gallery tracklets
can stand at distances that differ in the last bit, and a positive then beats, or loses to, a copy of itself. Equal
descriptors are therefore found beforehand, and all of them are given the distance of the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.arrays import is_torch, to_numpy

from .gallery import Ints

Values = NDArray[np.floating[Any]]

_CHUNK_BYTES = 2**24
_MIX = np.uint64(0x9E3779B97F4A7C15)


def keys_of(columns: Values) -> NDArray[np.uint64]:
    """[G] a number for each of the [G, k] rows: equal rows have equal ones, others seldom do."""
    key = np.zeros(len(columns), dtype=np.uint64)
    for column in columns.T:
        bits = np.ascontiguousarray(column).view(f"u{column.dtype.itemsize}").astype(np.uint64)
        key = (key ^ bits) * _MIX
        key ^= key >> np.uint64(29)
    return key


def rows_at(features: Any, places: Ints) -> NDArray[Any]:
    """Some rows [n, D] of descriptors, as NumPy, wherever the descriptors lie."""
    if is_torch(features):
        import torch

        return to_numpy(features[torch.from_numpy(places).to(features.device)])
    return np.asarray(features[places])


def duplicates(keys: NDArray[np.uint64], features: Any) -> tuple[Ints, Ints]:
    """Which rows repeat an earlier one.

    Args:
        keys: [G] of `keys_of`; only rows of one key are compared.
        features: [G, D], NumPy or torch.

    Returns:
        [K] rows that repeat an earlier one, and [K] the first row of that kind.
    """
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    left = np.flatnonzero(np.isin(keys, repeated))
    left = left[np.argsort(keys[left], kind="stable")]
    copies, originals = [], []
    while len(left):
        starts = np.ones(len(left), dtype=bool)
        starts[1:] = keys[left[1:]] != keys[left[:-1]]
        first = left[starts][np.cumsum(starts) - 1]  # of each row's key, the lowest row that is still here
        same = _equal(features, left, first)
        found = same & ~starts
        copies.append(left[found])
        originals.append(first[found])
        left = left[~same]  # by chance of the same key, yet different: compared among themselves
    return np.concatenate(copies), np.concatenate(originals)


def _equal(features: Any, a: Ints, b: Ints) -> NDArray[np.bool_]:
    """[n] whether rows a and b are equal, a few at a time."""
    step = max(1, _CHUNK_BYTES // (8 * max(1, features.shape[1])))
    parts = [
        (rows_at(features, a[low : low + step]) == rows_at(features, b[low : low + step])).all(axis=1)
        for low in range(0, len(a), step)
    ]
    return np.concatenate(parts)
