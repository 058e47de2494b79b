"""From descriptors to a recorded result: rankings under every convention and on every side, intervals, strips.

One set of descriptors, one pass over the distances of a side.
"""

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.subset import Frames
from datasets.images import jpeg
from datasets.tracklet import Split
from files.data_uri import jpeg_uri
from protocols.colour_baseline import stripe_colours
from protocols.interface import Protocol
from protocols.ranking import Ranking, rank_features
from protocols.ranking.all_conventions import ledger_rows, score_side_by_side
from protocols.ranking.conventions import Convention
from protocols.ranking.gallery import answered
from protocols.ranking.top_k import same_camera_error_share, top_columns
from protocols.statistics import clustered_bootstrap
from protocols.vocabulary import DISTANCE_METRICS, RANKS, Side
from runners.errors import RunError
from runners.evaluation.encode import EncodedTestSet

Floats = NDArray[np.float32]
CMC_LENGTH = 50
_TOP = 5
_STRIP_ROWS = 6


@dataclass(frozen=True)
class Scores:
    """What a protocol says of one set of descriptors; accuracies in percent.

    Attributes:
        metrics: ``mAP``, ``rank1`` ... of the protocol's own convention; with a side in front, ``I2I/mAP``, of each
            side of a protocol that has some. Without, they are those of the first side.
        intervals: 95 % intervals of ``mAP`` and ``rank1``, people resampled.
        conventions: the same descriptors under every convention, at the protocol's distance.
        ledger: the same under every distance too; of the headline side.
        slices: further shares, as fractions.
        per_query: arrays ``[Q]`` of the protocol's own convention, and the CMC.
        strips: queries with what was retrieved, with pictures.
        sides: side -> its metrics, intervals and what encoded query and gallery; empty without sides.
        variants: every side under both distances and both ways of averaging clips.
    """

    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    conventions: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    slices: dict[str, float]
    per_query: dict[str, NDArray[Any]]
    strips: dict[str, Any]
    sides: dict[str, dict[str, Any]]
    variants: list[dict[str, Any]]


@dataclass(frozen=True)
class QueryGalleryLabels:
    """People and cameras of queries and gallery, as `protocols.ranking` wants them.

    Attributes:
        arrays: people and cameras of the queries ``[Q]``, people and cameras of the gallery ``[G]``.
        inside: ``[Q]`` gallery column of each query, or None where the gallery does not hold them.
    """

    arrays: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    inside: NDArray[np.int64] | None

    @classmethod
    def of(cls, split: Split) -> "QueryGalleryLabels":
        """Those of a split's test half."""
        people = np.array([t.person_id for t in split.test])
        cameras = np.array([t.camera_id for t in split.test])
        query, gallery = split.query_index, split.gallery_index
        column = {int(row): place for place, row in enumerate(gallery)}
        in_gallery = np.array([column.get(int(row), -1) for row in query])
        # Some data sets keep their queries out of the gallery; then there is nothing to take out of it.
        inside = in_gallery if (in_gallery >= 0).all() else None
        return cls((people[query], cameras[query], people[gallery], cameras[gallery]), inside)


def check_answers(split: Split, protocol: Protocol) -> None:
    """Refuse a data set of which a protocol's own convention counts no query, before anything is trained for it.

    Raises:
        RunError: no query has its person in the gallery.
    """
    labels = QueryGalleryLabels.of(split)
    if not answered(*labels.arrays, inside=labels.inside, gallery=protocol.convention.gallery).any():
        raise RunError(
            f"none of the {len(split.query_index)} queries of {split.name} has its person in the gallery under another "
            f"camera, so that {protocol.name} has nothing to measure; people must be tested under two cameras or more."
        )


def score_test_set(
    encoded: EncodedTestSet, split: Split, protocol: Protocol, store: Frames, strips: bool = True
) -> Scores:
    """Score descriptors of ``split.test``.

    Args:
        encoded: one row for each test tracklet.
        split: who is query and who is gallery.
        protocol: its distance and convention.
        store: frames of ``split.test``, for the strips.
        strips: whether pictures of what was retrieved are wanted.
    """
    labels, distance = QueryGalleryLabels.of(split), protocol.scoring.distance
    headline = protocol.sides[0] if protocol.sides else "V2V"
    rankings = {side: _rank(encoded, side, split, protocol, labels) for side in protocol.sides or (headline,)}
    query, gallery = _of_side(encoded, headline, split)
    top = top_columns(
        query, gallery, *labels.arrays, k=_TOP, metric=distance.metric, normalise=distance.normalise
    )  # fmt: skip
    ranking = rankings[headline][protocol.convention]
    slices = {}
    share = same_camera_error_share(top, *labels.arrays)
    if np.isfinite(share):
        slices["same_camera_share_of_top1_errors"] = share
    people = labels.arrays[0]
    found = Scores(
        metrics=metrics_of(ranking),
        intervals=intervals_of(ranking, people),
        conventions=[_convention_record(c, r) for c, r in rankings[headline].items()],
        ledger=_ledger(query, gallery, protocol, labels, rankings[headline]),
        slices=slices,
        per_query=_per_query(ranking, split, store),
        strips=_strips(ranking, top, (query, gallery), split, protocol, store)
        if strips
        else {"size": list(store.size), "rows": []},
        sides={},
        variants=[],
    )
    for side in protocol.sides:
        one = rankings[side][protocol.convention]
        found.metrics.update({f"{side}/{name}": value for name, value in metrics_of(one).items()})
        found.per_query.update({f"{side}/{name}": values for name, values in _scores(one).items()})
        found.sides[side] = {
            "query": encoded.encoders[side[0]],
            "gallery": encoded.encoders[side[-1]],
            **metrics_of(one),
            "intervals": intervals_of(one, people),
            "valid_queries": int(one.valid.sum()),
            "queries": len(one.valid),
        }
        found.variants.extend(_variants(encoded, side, split, protocol, labels))
    return found


def _of_side(encoded: EncodedTestSet, side: Side, split: Split) -> tuple[Floats, Floats]:
    """Descriptors of the queries ``[Q, D]`` and of the gallery ``[G, D]``."""
    return encoded.of(side[0])[split.query_index], encoded.of(side[-1])[split.gallery_index]


def _rank(
    encoded: EncodedTestSet, side: Side, split: Split, protocol: Protocol, labels: QueryGalleryLabels
) -> dict[Convention, Ranking]:
    query, gallery = _of_side(encoded, side, split)
    return protocol.score(query, gallery, *labels.arrays, query_in_gallery=labels.inside, max_rank=CMC_LENGTH)


def _ledger(
    query: Floats, gallery: Floats, protocol: Protocol, labels: QueryGalleryLabels, headline: dict[Convention, Ranking]
) -> list[dict[str, Any]]:
    """The headline side under every distance; the protocol's own was ranked already."""
    ties = protocol.convention.ties
    rankings = score_side_by_side(
        query, gallery, *labels.arrays, query_in_gallery=labels.inside, ties=ties, max_rank=CMC_LENGTH,
        known={protocol.scoring.distance: headline},
    )  # fmt: skip
    return ledger_rows(rankings)


def _variants(
    encoded: EncodedTestSet, side: Side, split: Split, protocol: Protocol, labels: QueryGalleryLabels
) -> list[dict[str, Any]]:
    """The headline convention with the other distance and the other mean over clips."""
    rows = []
    convention, unit = protocol.convention, protocol.scoring.distance.normalise
    for mean, video in encoded.by_mean.items():
        query, gallery = _of_side(replace(encoded, video=video), side, split)
        for metric in DISTANCE_METRICS:
            one = rank_features(
                query, gallery, *labels.arrays, metric=metric,
                normalise=unit and metric == "euclidean", ap=convention.ap, empty=convention.empty,
                ties=convention.ties, gallery=convention.gallery, query_in_gallery=labels.inside, max_rank=1,
            )  # fmt: skip
            rows.append(
                {"side": side, "metric": metric, "mean": mean, "mAP": 100 * one.mAP, "rank1": 100 * one.rank(1)}
            )
    return rows


def metrics_of(ranking: Ranking) -> dict[str, float]:
    """``mAP``, ``rank1`` ... in percent."""
    return {"mAP": 100 * ranking.mAP, **{f"rank{k}": 100 * ranking.rank(k) for k in RANKS}}


def _scores(ranking: Ranking) -> dict[str, NDArray[Any]]:
    """Per-query results in percent, and the CMC."""
    return {
        "average_precision": 100 * ranking.average_precision,
        "first_hit": ranking.first_hit,
        "valid": ranking.valid,
        "cmc": 100 * ranking.cmc,
        **{f"hit{k}": 100 * ranking.hits(k) for k in RANKS},
    }


def colour_described(store: Frames, protocol: Protocol) -> EncodedTestSet:
    """The colour sanity row: ``[N, 24]`` of all frames, and of the first where a protocol has sides; no learning."""

    def colours(last: NDArray[np.int64]) -> Floats:
        rows = [stripe_colours(store.gather(np.arange(a, b))) for a, b in zip(store.offsets[:-1], last, strict=True)]
        return np.stack(rows).astype(np.float32)

    video = colours(store.offsets[1:])
    if not protocol.sides:
        return EncodedTestSet(video, {}, None, "all frames of a tracklet", {})
    encoders = {"I": "stripe colours, first frame", "V": "stripe colours, all frames"}
    return EncodedTestSet(video, {}, colours(store.offsets[:-1] + 1), "all frames of a tracklet", encoders)


def intervals_of(ranking: Ranking, people: NDArray[np.int64]) -> dict[str, list[float]]:
    """95 % intervals of ``mAP`` and ``rank1`` in percent; ``people`` ``[Q]`` are resampled."""
    keep = ranking.counted
    values = {"mAP": ranking.average_precision[keep], "rank1": ranking.hits(1)[keep]}
    found = {}
    for name, each in values.items():
        interval = clustered_bootstrap(each, people[keep], bounds=(0.0, 1.0)).scaled(100.0)
        found[name] = [interval.low, interval.high]
    return found


def _convention_record(convention: Convention, ranking: Ranking) -> dict[str, Any]:
    some = bool(ranking.counted.any())  # a mean over no query is null
    return {
        "gallery": convention.gallery,
        "ap": convention.ap,
        "empty": convention.empty,
        "mAP": 100 * ranking.mAP if some else None,
        "rank1": 100 * ranking.rank(1) if some else None,
        "valid_queries": int(ranking.valid.sum()),
        "queries": len(ranking.valid),
    }


def _per_query(ranking: Ranking, split: Split, store: Frames) -> dict[str, NDArray[Any]]:
    query = split.query
    return {
        "person": np.array([t.person_id for t in query]),
        "camera": np.array([t.camera_id for t in query]),
        "key": np.array([t.key for t in query]),
        "length": store.lengths[split.query_index],
        **_scores(ranking),
    }


def _strips(
    ranking: Ranking,
    top: NDArray[np.int64],
    sides: tuple[Floats, Floats],
    split: Split,
    protocol: Protocol,
    store: Frames,
) -> dict[str, Any]:
    """Two of the worst, two middling and two of the best queries; chosen by AP, ties by row."""
    order = [int(q) for q in np.argsort(ranking.average_precision, kind="stable") if ranking.valid[q]]
    picks = sorted({0, 1, len(order) // 2 - 1, len(order) // 2, len(order) - 2, len(order) - 1})
    chosen = [order[p] for p in picks if 0 <= p < len(order)][:_STRIP_ROWS]
    query, gallery = (_unit(part) if protocol.scoring.distance.unit else part for part in sides)
    single = bool(protocol.sides) and protocol.sides[0].startswith("I")
    rows = []
    for q in chosen:
        own = int(split.query_index[q])
        retrieved = []
        for place in top[q]:
            if place < 0:
                continue
            other = int(split.gallery_index[place])
            tracklet = split.test[other]
            distance = float(np.linalg.norm(query[q] - gallery[place]))
            retrieved.append(
                {
                    "key": tracklet.key,
                    "person": tracklet.person_id,
                    "camera": tracklet.camera_id,
                    "right": tracklet.person_id == split.test[own].person_id,
                    "distance": distance,
                    "image": _picture(store, other),
                }
            )
        tracklet = split.test[own]
        rows.append(
            {
                "query": {
                    "key": tracklet.key,
                    "person": tracklet.person_id,
                    "camera": tracklet.camera_id,
                    "image": _picture(store, own, first=single),
                },
                "average_precision": 100 * float(ranking.average_precision[q]),
                "top": retrieved,
            }
        )
    return {"size": list(store.size), "rows": rows}


def _unit(descriptors: Floats) -> Floats:
    return descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-12)


def _picture(store: Frames, tracklet: int, *, first: bool = False) -> str:
    """The middle frame of a tracklet, or its first, as a data URI."""
    frame = store.clip(tracklet, np.array([0 if first else (store.lengths[tracklet] - 1) // 2]))[0]
    return jpeg_uri(jpeg.encode(frame, 90))


def to_npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
