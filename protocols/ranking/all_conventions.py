"""One set of descriptors under every distance, gallery, AP formula and treatment of queries without positives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from protocols.errors import ProtocolError
from protocols.ranking.counting.blocks import Engine

from .conventions import DISTANCES, Convention, Distance, Scoring, Ties, every_convention
from .distributed import Processes
from .evaluate import Ranking, rank_features_conventions


def score_side_by_side(
    query: Any,
    gallery_features: Any,
    query_ids: ArrayLike,
    query_cams: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cams: ArrayLike,
    *,
    query_in_gallery: ArrayLike | None = None,
    distances: Sequence[Distance] = DISTANCES,
    conventions: Sequence[Convention] | None = None,
    ties: Ties = "expected",
    max_rank: int | None = 50,
    engine: Engine = "auto",
    known: Mapping[Distance, Mapping[Convention, Ranking]] | None = None,
    processes: Processes | None = None,
) -> dict[Scoring, Ranking]:
    """Scores descriptors in every way; one pass for plain and one for unit descriptors.

    Args:
        query, gallery_features, query_ids, query_cams, gallery_ids, gallery_cams: as in `ranking.rank_features`.
        query_in_gallery: gallery column of each query; without it no gallery without queries can be scored.
        distances: which distances.
        conventions: by default all twelve, or the eight of them that need no `query_in_gallery`.
        ties: the tie rule, the same in all.
        max_rank: length of the CMC.
        engine: as in `ranking.rank`.
        known: rankings of a distance that were made already, with all of `conventions`; they are not made again.
        processes: those that hold a slice of the gallery each, as in `ranking.rank_features_conventions`.

    Returns:
        A ranking for each combination: distances outermost, then galleries, AP formulas, empty rules.

    Raises:
        ProtocolError: as in `ranking.rank_features`; or no distance.
    """
    if not distances:
        raise ProtocolError("no distance to score under; name at least one of euclidean, unit euclidean, cosine")
    if conventions is None:
        held = query_in_gallery is not None
        conventions = [c for c in every_convention(ties) if held or c.gallery != "without-queries"]
    passes = {one.unit: rankings for one, rankings in (known or {}).items()}
    found: dict[Scoring, Ranking] = {}
    for distance in distances:
        if distance.unit not in passes:
            passes[distance.unit] = rank_features_conventions(
                query, gallery_features, query_ids, query_cams, gallery_ids, gallery_cams, conventions=conventions,
                metric=distance.metric, normalise=distance.normalise, query_in_gallery=query_in_gallery,
                max_rank=max_rank, engine=engine, processes=processes,
            )  # fmt: skip
        found |= {Scoring(distance, c): passes[distance.unit][c] for c in conventions}
    return found


def ledger_rows(rankings: Mapping[Scoring, Ranking]) -> list[dict[str, Any]]:
    """What a record keeps of each way: its five choices, mAP and rank-1 in percent, and the queries that count.

    A mean over no query is null: no query has a positive, and those without are skipped.
    """
    rows = []
    for scoring, ranking in rankings.items():
        some = bool(ranking.counted.any())
        rows.append(
            {
                **scoring.as_row(),
                "mAP": 100 * ranking.mAP if some else None,
                "rank1": 100 * ranking.rank(1) if some else None,
                "valid_queries": int(ranking.valid.sum()),
                "queries": len(ranking.valid),
            }
        )
    return rows
