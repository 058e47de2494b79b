"""Distances, a block of queries at a time, so that no Q x G matrix ever exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import ProtocolError
from .inputs import is_torch, refuse_non_finite, to_floats

Metric = Literal["euclidean", "cosine"]
Rows = NDArray[np.floating[Any]]
Blocks = Iterator[tuple[int, Rows]]

BLOCK_BYTES = 2**28


def rows_per_block(block: int, gallery: int, itemsize: int) -> int:
    """`block` rows, or fewer where they would take more than 256 MB.

    Raises:
        ProtocolError: `block` is below 1.
    """
    if block < 1:
        raise ProtocolError(f"block={block} must be at least 1 query")
    return max(1, min(block, BLOCK_BYTES // max(1, gallery * itemsize)))


def matrix_blocks(distances: Any, block: int) -> Blocks:
    """Blocks of rows of a given matrix [Q, G], each checked for NaN and infinities.

    A torch tensor crosses to NumPy block by block; half precision is widened block by block.
    """
    total, gallery = distances.shape
    step = rows_per_block(block, gallery, 8)
    for first in range(0, total, step):
        rows = to_floats(distances[first : first + step], "distances")
        refuse_non_finite(rows, first, "distances")
        yield first, rows


def feature_blocks(query: Any, gallery: Any, metric: Metric, normalise: bool, block: int) -> Blocks:
    """Blocks of [b, G] distances that order the gallery as the metric does, one row a query.

    Each row is a rising function of the distance that is the same for the whole row: squared, without the query's
    own norm, which no rank depends on. Positives and negatives come from one product, so equal descriptors stay
    equal where the linear algebra library computes all columns alike.

    Args:
        query: [Q, D], NumPy or torch; a tensor on an accelerator is multiplied there.
        gallery: [G, D].
        metric: ``euclidean`` or ``cosine``.
        normalise: scale descriptors to unit length first (cosine implies it; a zero descriptor stays zero).
        block: queries at a time.

    Raises:
        ProtocolError: shapes that do not fit, an unknown metric, or descriptors that are not finite.
    """
    if metric not in ("euclidean", "cosine"):
        raise ProtocolError(f"metric={metric!r} is unknown; choose euclidean or cosine")
    shapes = tuple(query.shape), tuple(gallery.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][1] != shapes[1][1]:
        raise ProtocolError(f"descriptors must be [Q, D] and [G, D] of one D, got {shapes[0]} and {shapes[1]}")
    unit = normalise or metric == "cosine"
    if is_torch(query) and is_torch(gallery) and gallery.device.type != "cpu":
        return _blocks_on_device(query, gallery, unit, block)
    return _blocks_numpy(to_floats(query, "query"), to_floats(gallery, "gallery"), unit, block)


def _blocks_numpy(query: Rows, gallery: Rows, unit: bool, block: int) -> Blocks:
    kind = np.result_type(query.dtype, gallery.dtype)
    query, gallery = query.astype(kind, copy=False), gallery.astype(kind, copy=False)
    refuse_non_finite(query, 0, "query descriptors")
    refuse_non_finite(gallery, 0, "gallery descriptors")
    norms = np.sqrt(np.einsum("gd,gd->g", gallery, gallery))
    if unit:
        gallery = gallery / np.maximum(norms, np.finfo(kind).tiny)[:, None]
    step = rows_per_block(block, len(gallery), kind.itemsize)
    for first in range(0, len(query), step):
        part = query[first : first + step]
        if unit:
            length = np.sqrt(np.einsum("qd,qd->q", part, part))
            rows = (part / -np.maximum(length, np.finfo(kind).tiny)[:, None]) @ gallery.T  # [b, G]
        else:
            rows = (part * kind.type(-2)) @ gallery.T  # [b, G]
            rows += norms * norms
        refuse_non_finite(rows, first, "distances")
        yield first, rows


def _blocks_on_device(query: Any, gallery: Any, unit: bool, block: int) -> Blocks:
    import torch
    from torch.nn.functional import normalize

    kind = torch.promote_types(query.dtype, gallery.dtype)
    kind = kind if kind == torch.float64 else torch.float32
    gallery = gallery.detach().to(kind)
    norms = (gallery * gallery).sum(dim=1)
    if unit:
        gallery = normalize(gallery, dim=1)
    step = rows_per_block(block, len(gallery), kind.itemsize)
    for first in range(0, len(query), step):
        part = query[first : first + step].detach().to(gallery.device, kind)
        product = -normalize(part, dim=1) @ gallery.T if unit else norms - 2 * (part @ gallery.T)  # [b, G]
        rows = product.cpu().numpy()
        refuse_non_finite(rows, first, "distances")
        yield first, rows
