"""Distances, a block of queries at a time, so that no Q x G matrix ever exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.arrays import is_torch, refuse_non_finite, to_floats, to_numpy
from protocols.errors import ProtocolError
from protocols.vocabulary import DISTANCE_METRICS, Metric, check_word

from .duplicates import duplicates, keys_of

Rows = NDArray[np.floating[Any]]
Blocks = Iterator[tuple[int, Any]]

BLOCK_BYTES = 2**28
_TILE_BYTES = 2**25  # of descriptors that are looked through, or changed to the type they are multiplied in


def rows_per_block(block: int | None, gallery: int, itemsize: int) -> int:
    """`block` rows, or as many as 256 MB hold where that is fewer or no number is asked for.

    Many rows at a time pay: the product arranges the whole gallery anew for every block.

    Raises:
        ProtocolError: `block` is below 1.
    """
    if block is not None and block < 1:
        raise ProtocolError(f"block={block} must be at least 1 query")
    most = max(1, BLOCK_BYTES // max(1, gallery * itemsize))
    return most if block is None else min(block, most)


def matrix_blocks(distances: Any, block: int | None = None, *, on_device: bool = False) -> Blocks:
    """Blocks of rows of a given matrix [Q, G]; half precision is widened block by block.

    Args:
        distances: NumPy or torch.
        block: queries at a time.
        on_device: whether the blocks of a tensor on an accelerator stay there.
    """
    total, gallery = distances.shape
    step = rows_per_block(block, gallery, 8)
    for first in range(0, total, step):
        rows = distances[first : first + step]
        yield first, _wide(rows) if on_device and _away(rows) else to_floats(rows, "distances")


def feature_blocks(
    query: Any, gallery: Any, metric: Metric, normalise: bool, block: int | None = None, *, on_device: bool = False
) -> Blocks:
    """Blocks of [b, G] distances that order the gallery as the metric does, one row a query.

    Each row is a rising function of the distance that is the same for the whole row: squared, without the query's
    own norm, which no rank depends on. Positives and negatives come from one product, and equal descriptors get
    equal distances (`duplicates`). Memory: one block, a few numbers a gallery row, and no copy of the gallery.

    Args:
        query: [Q, D], NumPy or torch; a tensor on an accelerator is multiplied there, in full float32 (no TF32).
        gallery: [G, D].
        metric: ``euclidean`` or ``cosine``.
        normalise: scale descriptors to unit length first (cosine implies it; a zero descriptor stays zero).
        block: queries at a time; by default as many as 256 MB hold.
        on_device: whether blocks that are made on an accelerator stay there; else they come as NumPy.

    Yields:
        The block's first query and its distances, all finite; they are overwritten by the next block.

    Raises:
        ProtocolError: shapes that do not fit, an unknown metric, or descriptors that are not finite.
    """
    check_descriptors(query, gallery, metric)
    unit = normalise or metric == "cosine"
    if _away(gallery):
        blocks = _blocks_on_device(query, gallery, unit, block)
        return blocks if on_device else ((first, to_numpy(rows)) for first, rows in blocks)
    return _blocks_numpy(to_floats(query, "query"), gallery, unit, block)


def check_descriptors(query: Any, gallery: Any, metric: Metric) -> None:
    """Stops at what `feature_blocks` cannot take, before any work.

    Raises:
        ProtocolError: shapes that do not fit, or an unknown metric.
    """
    check_word("metric", metric, DISTANCE_METRICS)
    shapes = tuple(query.shape), tuple(gallery.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][1] != shapes[1][1]:
        raise ProtocolError(f"descriptors must be [Q, D] and [G, D] of one D, got {shapes[0]} and {shapes[1]}")


def _away(value: Any) -> bool:
    """Whether this is a tensor on an accelerator."""
    return is_torch(value) and value.device.type != "cpu"


def _blocks_numpy(query: Rows, gallery: Any, unit: bool, block: int | None) -> Blocks:
    kind = np.result_type(query.dtype, gallery_kind(gallery))
    query = query.astype(kind, copy=False)
    lengths, keys = looked_through(gallery, kind)
    asked = _squared(query)  # [Q]
    _refuse_descriptors(query, asked, "query descriptors")
    _refuse_descriptors(gallery, lengths, "gallery descriptors")
    copies, originals = duplicates(keys, gallery)
    tiles = _tiles(gallery, kind)
    tiny = np.finfo(kind).tiny
    scale = 1 / np.maximum(np.sqrt(lengths), tiny) if unit else None
    safe = unit or _cannot_overflow(asked, lengths)
    step = min(rows_per_block(block, len(lengths), kind.itemsize), len(query))
    space = np.empty((step, len(lengths)), dtype=kind)
    for first in range(0, len(query), step):
        part = query[first : first + step]
        part = part / -np.maximum(np.sqrt(asked[first : first + step]), tiny)[:, None] if unit else part * kind.type(-2)
        rows = space[: len(part)]
        for columns, tile in _walk(gallery, tiles, kind):
            with np.errstate(over="ignore", invalid="ignore"):  # told below, by row and column
                np.matmul(part, tile.T, out=rows[:, columns])
        if scale is None:
            rows += lengths
        else:
            rows *= scale
        if len(copies):
            for row in rows:
                row[copies] = row[originals]
        if not safe:
            refuse_non_finite(rows, first, "distances")
        yield first, rows


def gallery_kind(gallery: Any) -> np.dtype[Any]:
    """The type that these descriptors are multiplied in: float32, or float64."""
    return to_floats(gallery[:1], "gallery").dtype


def looked_through(gallery: Any, kind: Any) -> tuple[Rows, NDArray[np.uint64]]:
    """[G] squared lengths and [G] keys of the rows, from one pass over the gallery, however large its file.

    Args:
        gallery: [G, D], NumPy or torch.
        kind: float32 or float64.
    """
    dim = gallery.shape[1]
    if _away(gallery):
        import torch

        wide = _wide(gallery)
        some = to_numpy(torch.cat([torch.linalg.vecdot(wide, wide)[:, None], wide[:, _looked_at(dim)]], dim=1))
        return some[:, 0], keys_of(some)
    lengths, keys = [], []
    for _, tile in _walk(gallery, _tiles(gallery, kind, always=True), kind):
        lengths.append(_squared(tile))
        keys.append(keys_of(np.stack([lengths[-1], *(tile[:, column] for column in _looked_at(dim))], axis=1)))
    return np.concatenate(lengths), np.concatenate(keys)


def _squared(features: Rows) -> Rows:
    """[N] squared lengths; infinite or NaN where a row is not finite, or too long."""
    with np.errstate(over="ignore", invalid="ignore"):
        found: Rows = np.vecdot(features, features)
    return found


def _looked_at(dim: int) -> list[int]:
    """Columns by which rows of one length are told apart; what they do not tell is compared as a whole."""
    return sorted({0, dim // 2, dim - 1})


def _tiles(gallery: Any, kind: Any, *, always: bool = False) -> list[slice]:
    """The whole gallery where it has the right type already, else pieces that are widened one at a time."""
    size, dim = gallery.shape
    native = str(gallery.dtype).removeprefix("torch.") == str(kind) and not always
    step = max(1, size) if native else max(1, _TILE_BYTES // max(1, dim * kind.itemsize))
    return [slice(first, min(first + step, size)) for first in range(0, size, step)]


def _walk(gallery: Any, tiles: list[slice], kind: Any) -> Iterator[tuple[slice, Rows]]:
    for columns in tiles:
        yield columns, to_floats(gallery[columns], "gallery").astype(kind, copy=False)


def _refuse_descriptors(features: Any, lengths: Rows, what: str) -> None:
    """Descriptors [N, D] are finite where their squared lengths [N] are; else the first bad row is named."""
    if np.isfinite(lengths).all():
        return
    row = int(np.argmin(np.isfinite(lengths)))
    refuse_non_finite(to_floats(features[row : row + 1], what), row, what)
    raise ProtocolError(
        f"{what} of row {row} are too long: their squared length is beyond {lengths.dtype}; give them as float64, or "
        "scale all descriptors down"
    )


def _cannot_overflow(asked: Rows, lengths: Rows) -> bool:
    """Whether |g|^2 - 2 q.g stays finite for sure, by the inequality of Cauchy and Schwarz."""
    longest, asking = float(lengths.max(initial=0)), float(asked.max(initial=0))
    return longest + 2 * (longest * asking) ** 0.5 < float(np.finfo(lengths.dtype).max) / 4


def _wide(value: Any) -> Any:
    """A tensor in float32 or float64."""
    import torch

    return value.detach().to(value.dtype if value.dtype in (torch.float32, torch.float64) else torch.float32)


def _blocks_on_device(query: Any, gallery: Any, unit: bool, block: int | None) -> Blocks:
    import torch

    device = gallery.device
    query, gallery = _wide(torch.as_tensor(query)), _wide(gallery)
    kind = torch.promote_types(query.dtype, gallery.dtype)
    gallery, query = gallery.to(kind), query.to(kind)
    on_cpu, keys = looked_through(gallery, np.dtype(str(kind).removeprefix("torch.")))
    lengths, asked = torch.from_numpy(on_cpu).to(gallery), torch.linalg.vecdot(query, query)
    asked_on_cpu = to_numpy(asked)
    _refuse_descriptors(query, asked_on_cpu, "query descriptors")
    _refuse_descriptors(gallery, on_cpu, "gallery descriptors")
    copies, originals = (torch.from_numpy(one).to(device) for one in duplicates(keys, gallery))
    tiny = torch.finfo(kind).tiny
    safe = unit or _cannot_overflow(asked_on_cpu, on_cpu)
    step = rows_per_block(block, len(gallery), kind.itemsize)
    for first in range(0, len(query), step):
        part = query[first : first + step].to(device)
        part = part / -asked[first : first + step].to(device).sqrt().clamp(min=tiny)[:, None] if unit else part * -2
        rows = _product(part, gallery)  # [b, G]
        if unit:
            rows /= lengths.sqrt().clamp(min=tiny)
        else:
            rows += lengths
        if len(copies):
            rows[:, copies] = rows[:, originals]
        if not safe:
            refuse_non_finite(to_numpy(rows), first, "distances")
        yield first, rows


def _product(part: Any, gallery: Any) -> Any:
    """[b, G] in full float32: ten bits of mantissa, as TF32 has, would move ranks."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        return part @ gallery.T
    finally:
        torch.set_float32_matmul_precision(before)
