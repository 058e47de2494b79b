"""What was retrieved: the first few of each list, and which camera the errors come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from protocols.arrays import is_torch, to_ids, to_numpy
from protocols.errors import ProtocolError
from protocols.vocabulary import Metric

from .distances import feature_blocks
from .gallery import GalleryIndex, Ints


def top_columns(
    query: Any,
    gallery_features: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    k: int = 1,
    metric: Metric = "euclidean",
    normalise: bool = False,
    block: int | None = None,
) -> Ints:
    """The nearest gallery columns of each query, in the full gallery, junk and own-camera tracklets left out.

    Args:
        query, gallery_features: [Q, D] and [G, D], as in `ranking.rank_features`.
        query_ids, query_cams, gallery_ids, gallery_cams: labels.
        k: how many.
        metric, normalise, block: as in `ranking.rank_features`.

    Returns:
        [Q, k] columns, nearest first, ties by column; -1 where the list is shorter than k.

    Raises:
        ProtocolError: bad shapes, k below 1, or descriptors that are not finite.
    """
    if k < 1:
        raise ProtocolError(f"k={k} must be at least 1")
    query = query if is_torch(query) else to_numpy(query)
    gallery_features = gallery_features if is_torch(gallery_features) else to_numpy(gallery_features)
    queries, size = len(query), len(gallery_features)
    index = GalleryIndex.build(
        to_ids(query_ids, "query_ids", queries),
        to_ids(query_cams, "query_cams", queries),
        to_ids(gallery_ids, "gallery_ids", size),
        to_ids(gallery_cams, "gallery_cams", size),
        None,
    )
    out = np.full((queries, k), -1, dtype=np.int64)
    for first, rows in feature_blocks(query, gallery_features, metric, normalise, block):
        for offset, row in enumerate(rows):
            allowed = np.flatnonzero(~index.ignored(first + offset, without_queries=False))
            near = row[allowed]
            if len(near) > k:  # all that are at most as far as the k-th: ties at the edge are then cut by column
                close = near <= np.partition(near, k - 1)[k - 1]
                allowed, near = allowed[close], near[close]
            best = allowed[np.argsort(near, kind="stable")][:k]
            out[first + offset, : len(best)] = best
    return out


def same_camera_error_share(
    top: ArrayLike,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
) -> float:
    """Share of wrong first answers that were seen by the query's own camera.

    A high share means that the descriptor holds background and light rather than the person.

    Args:
        top: [Q] or [Q, k] gallery columns from `top_columns`; -1 (nothing retrieved) counts as no answer.
        query_ids, query_cams, gallery_ids, gallery_cams: labels.

    Returns:
        A fraction; NaN where no first answer is wrong.
    """
    first = to_numpy(top).reshape(len(to_numpy(query_ids)), -1)[:, 0]
    answered = first >= 0
    wrong = answered & (to_numpy(gallery_ids)[first] != to_numpy(query_ids))
    if not wrong.any():
        return float("nan")
    return float((to_numpy(gallery_cams)[first] == to_numpy(query_cams))[wrong].mean())
