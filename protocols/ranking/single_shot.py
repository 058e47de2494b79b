"""CMC with one gallery tracklet per person, drawn at random: the cuhk03 convention of the Python evaluators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import is_torch, to_ids, to_numpy
from protocols.errors import ProtocolError

from .distances import matrix_blocks
from .gallery import GalleryIndex


def single_gallery_shot_cmc(
    distances: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    repeats: int = 10,
    seed: int = 0,
    max_rank: int = 50,
) -> NDArray[np.float64]:
    """Mean CMC over `repeats` draws of one kept gallery tracklet per person, for each query anew.

    It equals the ordinary CMC where every gallery person has one tracklet (iLIDS-VID, PRID-2011). The draw depends on
    `seed` and the query's row only, never on what ran before. A positive that ties with others takes a random place
    among them.

    Args:
        distances: [Q, G], smaller is more alike.
        query_ids, query_cams, gallery_ids, gallery_cams: labels; person -1 and same person under same camera are
            ignored.
        repeats: draws per query.
        seed: of the draws.
        max_rank: length of the curve.

    Returns:
        [max_rank] fractions over the queries with a positive; NaN if there is none.

    Raises:
        ProtocolError: bad shapes, non-finite distances, or `repeats` or `max_rank` below 1.
    """
    if repeats < 1 or max_rank < 1 or seed < 0:
        raise ProtocolError(f"repeats={repeats} and max_rank={max_rank} must be at least 1, seed={seed} not negative")
    distances = distances if is_torch(distances) else to_numpy(distances)
    queries, size = distances.shape
    ids = to_ids(gallery_ids, "gallery_ids", size)
    wanted = to_ids(query_ids, "query_ids", queries)
    index = GalleryIndex.build(
        wanted, to_ids(query_cams, "query_cams", queries), ids, to_ids(gallery_cams, "gallery_cams", size), None
    )
    places = np.zeros(max_rank + 1)  # the last bin holds what lies beyond the curve
    counted = 0
    for first, rows in matrix_blocks(distances, block=256):
        for query, row in enumerate(rows, start=first):
            allowed = index.order[~index.ignored(query, without_queries=False)[index.order]]  # grouped by person
            person, start = np.unique(ids[allowed], return_index=True)
            own = np.flatnonzero(person == wanted[query])
            if len(own) == 0 or wanted[query] < 0:
                continue
            counted += 1
            lengths = np.diff(np.append(start, len(allowed)))
            rng = np.random.default_rng((seed, query))
            shots = start + (rng.random((repeats, len(person))) * lengths).astype(np.int64)
            seen = row[allowed][shots]  # [repeats, persons]
            mine = seen[:, own]
            ties = (seen == mine).sum(axis=1) - 1
            place = (seen < mine).sum(axis=1) + rng.integers(0, ties + 1)
            places += np.bincount(np.minimum(place, max_rank), minlength=max_rank + 1) / repeats
    return np.cumsum(places)[:max_rank] / counted if counted else np.full(max_rank, np.nan)
