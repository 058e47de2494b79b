"""CMC, average precision and first hits, exact under every convention in use, in bounded memory.

Ties. A real evaluator meets equal distances: duplicated tracklets, descriptors in half precision, and models that
have collapsed to one descriptor for everybody. What a tie is worth is decided by a rule:

``expected`` (default)
    The exact mean of AP and CMC over all orders of the tied tracklets, computed in closed form (`scoring`). It is
    the only rule of the four that depends on neither the order of the gallery nor the labels: a collapsed model
    scores precisely what random guessing scores, in expectation, permuting the gallery changes nothing, and no seed
    is needed. `first_hit` is then a mean rank and may be fractional. Without ties all four rules agree with a stable
    argsort.
``pessimistic``, ``optimistic``
    Wrong tracklets first, or positives first. Bounds: a collapsed model scores near 0, or 100 %.
``index``
    As a stable argsort: the lower gallery index first. What most published evaluators do; a collapsed model's score
    then says how the gallery file was sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protocols.arrays import is_torch, to_ids, to_numpy
from protocols.errors import ProtocolError
from protocols.ranking.counting.blocks import Engine, Wanted, choose_engine, count_block
from protocols.vocabulary import Metric

from . import average_precision
from .conventions import Convention, Empty, Gallery, Precision, Ties
from .distances import Blocks, feature_blocks, matrix_blocks
from .distributed import Processes, agreed, total
from .gallery import GalleryIndex, Ints
from .sharding import Shard

__all__ = ["Convention", "Ranking", "SplitAverage", "average_splits", "rank", "rank_conventions", "rank_features",
           "rank_features_conventions"]  # fmt: skip

Floats = NDArray[np.float64]

ENTRIES_AT_ONCE = 2**20
"""Tracklets of the queries' own people that are looked at together; each takes some 100 bytes for a while."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Scores of one set of distances under one convention; fractions in [0, 1].

    Attributes:
        convention: how it was scored.
        average_precision: [Q], 0 for a query without positives.
        first_hit: [Q] 1-based rank of the first positive, 0 where there is none; float64, because under the tie rule
            ``expected`` a tied first positive has a mean rank. Whole numbers wherever nothing ties.
        valid: [Q] bool, whether the query has a positive.
        cmc: [max_rank] `cmc[k-1]` is the share of queries with a positive among the first k.
        mAP: mean of `average_precision` over the counted queries.

    Under ``skip`` the means run over `valid` queries, and are NaN if there are none; under ``zero`` over all.
    """

    convention: Convention
    average_precision: Floats
    first_hit: Floats
    valid: NDArray[np.bool_]
    cmc: Floats
    mAP: float
    first_group: tuple[Ints, Ints, Ints]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """[Q] the queries that the means run over."""
        return self.valid if self.convention.empty == "skip" else np.ones_like(self.valid)

    def hits(self, k: int) -> Floats:
        """[Q] 1 where a positive is among the first k, else 0; between the two only where the first positive ties."""
        return average_precision.hits_within(*self.first_group, k)

    def rank(self, k: int) -> float:
        """Rank-k, the CMC at k; beyond the end of the gallery it stays at its last value.

        Raises:
            ProtocolError: k is below 1.
        """
        if k < 1:
            raise ProtocolError(f"rank-{k} does not exist; ranks begin at 1")
        return float(self.cmc[min(k, len(self.cmc)) - 1])


def rank(
    distances: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    ap: Precision = "step",
    empty: Empty = "skip",
    ties: Ties = "expected",
    gallery: Gallery = "full",
    query_in_gallery: ArrayLike | None = None,
    max_rank: int | None = None,
    engine: Engine = "auto",
) -> Ranking:
    """Scores a distance matrix.

    Gallery entries of the query's person under the query's camera, and entries with person -1 (junk), are ignored.
    A query with person -1 has no positives.

    Args:
        distances: [Q, G] NumPy or torch, any float or integer type; smaller is more alike.
        query_ids, query_cams: [Q] whole numbers.
        gallery_ids, gallery_cams: [G].
        ap, empty, ties, gallery: the convention, see `conventions.Convention`.
        query_in_gallery: [Q] gallery column that holds each query; needed by ``gallery="without-queries"``.
        max_rank: length of the CMC; by default G. A longer one than the gallery is filled with its last value.
        engine: ``auto``, ``numpy``, ``numba`` or ``torch`` (what ``auto`` takes for a tensor on an accelerator); they
            count alike.

    Returns:
        Per-query and mean scores.

    Raises:
        ProtocolError: shapes that do not fit, no query, no gallery, or a distance that is not finite (first bad row
            named).

    Example:
        >>> r = rank([[0.1, 0.2, 0.3]], [7], [1], [7, 4, 7], [2, 2, 3])
        >>> round(r.mAP, 6), r.cmc.tolist(), r.first_hit.tolist()
        (0.833333, [1.0, 1.0, 1.0], [1.0])
    """
    convention = Convention(gallery, ap, empty, ties)
    return rank_conventions(
        distances, query_ids, query_cams, gallery_ids, gallery_cams, conventions=[convention],
        query_in_gallery=query_in_gallery, max_rank=max_rank, engine=engine,
    )[convention]  # fmt: skip


def rank_features(
    query: Any,
    gallery_features: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    metric: Metric = "euclidean",
    normalise: bool = False,
    block: int | None = None,
    ap: Precision = "step",
    empty: Empty = "skip",
    ties: Ties = "expected",
    gallery: Gallery = "full",
    query_in_gallery: ArrayLike | None = None,
    max_rank: int | None = None,
    engine: Engine = "auto",
    processes: Processes | None = None,
) -> Ranking:
    """As `rank`, from descriptors [Q, D] and [G, D]; distances exist for `block` queries at a time only.

    Args:
        query, gallery_features: NumPy or torch; half precision is computed in float32, float64 stays.
        metric: ``euclidean`` or ``cosine``.
        normalise: scale descriptors to unit length first.
        block: queries at a time; by default, and at most, as many as 256 MB of distances hold.
        processes: where the gallery lies in slices in several processes (`sharding`): those processes. The gallery's
            descriptors and labels are then this process's slice, `query_in_gallery` counts through all slices, and
            every process ends with the ranking of the whole gallery.

    The other arguments, the result and the errors are those of `rank`.
    """
    convention = Convention(gallery, ap, empty, ties)
    return rank_features_conventions(
        query, gallery_features, query_ids, query_cams, gallery_ids, gallery_cams, conventions=[convention],
        metric=metric, normalise=normalise, block=block, query_in_gallery=query_in_gallery, max_rank=max_rank,
        engine=engine, processes=processes,
    )[convention]  # fmt: skip


def rank_conventions(
    distances: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    conventions: Iterable[Convention],
    query_in_gallery: ArrayLike | None = None,
    max_rank: int | None = None,
    engine: Engine = "auto",
) -> dict[Convention, Ranking]:
    """Many conventions from one pass over a distance matrix.

    Args:
        conventions: the rules to score under.

    The other arguments are those of `rank`.

    Raises:
        ProtocolError: as in `rank`.
    """
    if not is_torch(distances):
        distances = to_numpy(distances)
    if len(distances.shape) != 2:
        raise ProtocolError(f"distances must be a matrix [Q, G], got an array of shape {tuple(distances.shape)}")
    blocks = matrix_blocks(distances, on_device=engine in ("auto", "torch"))
    labels = (query_ids, query_cams, gallery_ids, gallery_cams)
    return _score(blocks, tuple(distances.shape), labels, query_in_gallery, tuple(conventions), max_rank, engine)


def rank_features_conventions(
    query: Any,
    gallery_features: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    conventions: Iterable[Convention],
    metric: Metric = "euclidean",
    normalise: bool = False,
    block: int | None = None,
    query_in_gallery: ArrayLike | None = None,
    max_rank: int | None = None,
    engine: Engine = "auto",
    processes: Processes | None = None,
) -> dict[Convention, Ranking]:
    """Many conventions from one pass over descriptors.

    Args:
        conventions: the rules to score under.

    The other arguments and the errors are those of `rank_features`.
    """
    query = query if is_torch(query) else to_numpy(query)
    gallery_features = gallery_features if is_torch(gallery_features) else to_numpy(gallery_features)
    shard = None
    if processes is not None:
        shard = Shard.of(processes, query, gallery_features, metric)
        block = shard.block(block, query, gallery_features)
    blocks = feature_blocks(query, gallery_features, metric, normalise, block, on_device=engine in ("auto", "torch"))
    if shard is not None:
        blocks = shard.blocks(blocks, gallery_features)
    shape = (len(query), len(gallery_features))
    labels = (query_ids, query_cams, gallery_ids, gallery_cams)
    return _score(blocks, shape, labels, query_in_gallery, tuple(conventions), max_rank, engine, shard)


def _score(
    blocks: Blocks,
    shape: tuple[int, ...],
    labels: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    query_in_gallery: ArrayLike | None,
    conventions: tuple[Convention, ...],
    max_rank: int | None,
    engine: Engine,
    shard: Shard | None = None,
) -> dict[Convention, Ranking]:
    queries, size = shape
    if queries == 0 or size == 0:
        raise ProtocolError(f"nothing to rank: {queries} queries against {size} gallery tracklets")
    if max_rank is not None and max_rank < 1:
        raise ProtocolError(f"max_rank={max_rank} must be at least 1")
    processes = None
    if shard is None:
        index = _index(labels, shape, query_in_gallery, conventions)
    else:
        processes = shard.processes
        index = agreed(processes, lambda: _index(labels, shape, query_in_gallery, conventions, shard))
    wanted = sorted({_wanted(one) for one in conventions})
    precision = {one: np.zeros(queries) for one in conventions}
    nearest = {one: np.zeros((3, queries), dtype=np.int64) for one in conventions}
    engine = choose_engine(engine, queries * size)
    same_person = index.end - index.start if processes is None else total(processes, index.end - index.start)
    for begin, block in blocks:
        for part in _pieces(same_person[begin : begin + len(block)]):
            rows, queries_of = block[part], slice(begin + part.start, begin + part.stop)
            kind: Engine = "torch" if is_torch(rows) else engine
            found = count_block(rows, queries_of.start, index, wanted, kind, processes)
            for one in conventions:
                groups = average_precision.resolve_ties(found[_wanted(one)].counted_from(queries_of.start), one.ties)
                precision[one][queries_of] = average_precision.average_precision(groups, one.ap, len(rows))
                nearest[one][:, queries_of] = average_precision.first_groups(groups, len(rows))
    length = max_rank or (size if shard is None else shard.size)
    return {one: _ranking(precision[one], nearest[one], one, length) for one in conventions}


def _wanted(convention: Convention) -> Wanted:
    return convention.gallery == "without-queries", convention.ties == "index"


def _pieces(same_person: Ints) -> Iterator[slice]:
    """Queries [b] that are counted at a time: a block, or less where there are very many tracklets of one person."""
    before = np.cumsum(same_person)
    start = 0
    while start < len(same_person):
        room = before[start] - same_person[start] + ENTRIES_AT_ONCE
        stop = max(start + 1, int(np.searchsorted(before, room, side="right")))
        yield slice(start, stop)
        start = stop


def _index(
    labels: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    shape: tuple[int, ...],
    query_in_gallery: ArrayLike | None,
    conventions: Sequence[Convention],
    shard: Shard | None = None,
) -> GalleryIndex:
    queries, size = shape
    query_ids, query_cams = to_ids(labels[0], "query_ids", queries), to_ids(labels[1], "query_cams", queries)
    gallery_ids, gallery_cams = to_ids(labels[2], "gallery_ids", size), to_ids(labels[3], "gallery_cams", size)
    held = None
    if query_in_gallery is not None:
        held = to_ids(query_in_gallery, "query_in_gallery", queries)
        first, whole = (0, size) if shard is None else (shard.first, shard.size)
        if held.min() < 0 or held.max() >= whole:
            raise ProtocolError(f"query_in_gallery points outside the gallery of {whole} tracklets")
        here = np.flatnonzero((held >= first) & (held < first + size))
        held = held[here] - first
        wrong = np.flatnonzero((gallery_ids[held] != query_ids[here]) | (gallery_cams[held] != query_cams[here]))
        if len(wrong):
            q, column = int(here[wrong[0]]), int(held[wrong[0]])
            raise ProtocolError(
                f"query_in_gallery[{q}] = {first + column} is person {gallery_ids[column]} under camera "
                f"{gallery_cams[column]}, but query {q} is person {query_ids[q]} under camera {query_cams[q]}"
            )
    elif any(c.gallery == "without-queries" for c in conventions):
        raise ProtocolError("gallery='without-queries' needs query_in_gallery, the gallery column of each query")
    return GalleryIndex.build(query_ids, query_cams, gallery_ids, gallery_cams, held)


def _ranking(precision: Floats, nearest: Ints, convention: Convention, length: int) -> Ranking:
    before, tied, right = nearest
    queries = len(precision)
    valid = tied > 0
    first_hit = np.where(valid, before + (tied + 1) / (right + 1), 0.0)
    counted = int(valid.sum()) if convention.empty == "skip" else queries
    curve = average_precision.cmc_sum(before, tied, right, length)
    return Ranking(
        convention,
        average_precision=precision,
        first_hit=first_hit,
        valid=valid,
        cmc=curve / counted if counted else np.full(length, np.nan),
        mAP=float(precision.sum() / counted) if counted else float("nan"),
        first_group=(before, tied, right),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SplitAverage:
    """Mean and spread over the random splits of a data set (iLIDS-VID, PRID-2011: ten); fractions.

    Attributes:
        splits: how many.
        mAP, mAP_std: mean, and sample standard deviation (0 for one split).
        cmc, cmc_std: [K] the same for the CMC, cut to the shortest split's gallery.
    """

    splits: int
    mAP: float
    mAP_std: float
    cmc: Floats
    cmc_std: Floats


def average_splits(rankings: Sequence[Ranking]) -> SplitAverage:
    """Averages the scores of several splits, each split weighing the same however many queries it has.

    Raises:
        ProtocolError: no ranking, or rankings of different conventions.
    """
    if not rankings:
        raise ProtocolError("no split to average")
    found = {r.convention for r in rankings}
    if len(found) > 1:
        raise ProtocolError(f"splits were scored under {len(found)} conventions; score all under one")
    length = min(len(r.cmc) for r in rankings)
    maps = np.array([r.mAP for r in rankings])
    curves = np.stack([r.cmc[:length] for r in rankings])  # [S, K]
    ddof = 1 if len(rankings) > 1 else 0
    return SplitAverage(
        splits=len(rankings),
        mAP=float(maps.mean()),
        mAP_std=float(maps.std(ddof=ddof)),
        cmc=curves.mean(axis=0),
        cmc_std=curves.std(axis=0, ddof=ddof),
    )
