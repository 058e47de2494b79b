"""From descriptors to a recorded result: rankings under every convention, intervals, strips.

One set of descriptors, one pass over the distances.
"""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from datasets.store import FrameStore
from datasets.tracklet import Split
from protocols.conventions import Convention
from protocols.interface import Protocol
from protocols.ranking import Ranking
from protocols.retrieval import same_camera_error_share, top_columns
from protocols.sanity import stripe_colours
from protocols.statistics import clustered_bootstrap

Floats = NDArray[np.float32]
RANKS = (1, 5, 10, 20)
CMC_LENGTH = 50
_TOP = 5
_STRIP_ROWS = 6


@dataclass(frozen=True)
class Judgement:
    """What a protocol says of one set of descriptors; accuracies in percent.

    Attributes:
        metrics: ``mAP``, ``rank1`` ... of the protocol's own convention.
        intervals: 95 % intervals of ``mAP`` and ``rank1``, people resampled.
        conventions: the same descriptors under every convention.
        slices: further shares, as fractions.
        per_query: arrays ``[Q]`` of the protocol's own convention, and the CMC.
        strips: queries with what was retrieved, with pictures.
    """

    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    conventions: list[dict[str, Any]]
    slices: dict[str, float]
    per_query: dict[str, NDArray[Any]]
    strips: dict[str, Any]


def judge(descriptors: Floats, split: Split, protocol: Protocol, store: FrameStore) -> Judgement:
    """Score descriptors of ``split.test``.

    Args:
        descriptors: ``[N, D]``, one row for each test tracklet.
        split: who is query and who is gallery.
        protocol: its distance and convention.
        store: frames of ``split.test``, for the strips.
    """
    people = np.array([t.person_id for t in split.test])
    cameras = np.array([t.camera_id for t in split.test])
    query, gallery = split.query_index, split.gallery_index
    column = {int(row): place for place, row in enumerate(gallery)}
    in_gallery = np.array([column.get(int(row), -1) for row in query])
    labels = (people[query], cameras[query], people[gallery], cameras[gallery])
    # Some data sets keep their queries out of the gallery; then there is nothing to take out of it.
    inside = in_gallery if (in_gallery >= 0).all() else None
    rankings = protocol.score(
        descriptors[query], descriptors[gallery], *labels, query_in_gallery=inside, max_rank=CMC_LENGTH
    )
    top = top_columns(
        descriptors[query],
        descriptors[gallery],
        *labels,
        k=_TOP,
        metric=protocol.metric,
        normalise=protocol.normalise,
    )
    ranking = rankings[protocol.convention]
    slices = {}
    share = same_camera_error_share(top, *labels)
    if np.isfinite(share):
        slices["same_camera_share_of_top1_errors"] = share
    return Judgement(
        metrics={"mAP": 100 * ranking.mAP, **{f"rank{k}": 100 * ranking.rank(k) for k in RANKS}},
        intervals=_intervals(ranking, people[query]),
        conventions=[_convention_record(c, r) for c, r in rankings.items()],
        slices=slices,
        per_query=_per_query(ranking, split, store),
        strips=_strips(ranking, top, descriptors, split, protocol, store),
    )


def colour_descriptors(store: FrameStore) -> Floats:
    """The colour sanity row: ``[N, 24]``, no learning."""
    rows = [
        stripe_colours(np.asarray(store.flat()[a:b])) for a, b in zip(store.offsets, store.offsets[1:], strict=False)
    ]
    return np.stack(rows).astype(np.float32)


def _intervals(ranking: Ranking, people: NDArray[np.int64]) -> dict[str, list[float]]:
    keep = ranking.counted
    values = {"mAP": ranking.average_precision[keep], "rank1": ranking.hits(1)[keep]}
    found = {}
    for name, each in values.items():
        interval = clustered_bootstrap(each, people[keep], bounds=(0.0, 1.0)).scaled(100.0)
        found[name] = [interval.low, interval.high]
    return found


def _convention_record(convention: Convention, ranking: Ranking) -> dict[str, Any]:
    return {
        "gallery": convention.gallery,
        "ap": convention.ap,
        "empty": convention.empty,
        "mAP": 100 * ranking.mAP,
        "rank1": 100 * ranking.rank(1),
        "valid_queries": int(ranking.valid.sum()),
        "queries": len(ranking.valid),
    }


def _per_query(ranking: Ranking, split: Split, store: FrameStore) -> dict[str, NDArray[Any]]:
    query = split.query
    return {
        "person": np.array([t.person_id for t in query]),
        "camera": np.array([t.camera_id for t in query]),
        "key": np.array([t.key for t in query]),
        "average_precision": 100 * ranking.average_precision,
        "first_hit": ranking.first_hit,
        "valid": ranking.valid,
        "length": store.lengths[split.query_index],
        "cmc": 100 * ranking.cmc,
        **{f"hit{k}": 100 * ranking.hits(k) for k in RANKS},
    }


def _strips(
    ranking: Ranking,
    top: NDArray[np.int64],
    descriptors: Floats,
    split: Split,
    protocol: Protocol,
    store: FrameStore,
) -> dict[str, Any]:
    """Two of the worst, two middling and two of the best queries; chosen by AP, ties by row."""
    order = [int(q) for q in np.argsort(ranking.average_precision, kind="stable") if ranking.valid[q]]
    picks = sorted({0, 1, len(order) // 2 - 1, len(order) // 2, len(order) - 2, len(order) - 1})
    chosen = [order[p] for p in picks if 0 <= p < len(order)][:_STRIP_ROWS]
    unit = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-12)
    space = unit if protocol.normalise or protocol.metric == "cosine" else descriptors
    rows = []
    for q in chosen:
        own = int(split.query_index[q])
        answers = []
        for place in top[q]:
            if place < 0:
                continue
            other = int(split.gallery_index[place])
            tracklet = split.test[other]
            apart = float(np.linalg.norm(space[own] - space[other]))
            answers.append(
                {
                    "key": tracklet.key,
                    "person": tracklet.person_id,
                    "camera": tracklet.camera_id,
                    "right": tracklet.person_id == split.test[own].person_id,
                    "distance": apart,
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
                    "image": _picture(store, own),
                },
                "average_precision": 100 * float(ranking.average_precision[q]),
                "top": answers,
            }
        )
    return {"size": list(store.size), "rows": rows}


def _picture(store: FrameStore, tracklet: int) -> str:
    """The middle frame of a tracklet as a data URI."""
    frame = store.clip(tracklet, np.array([(store.lengths[tracklet] - 1) // 2]))[0]
    encoded = simplejpeg.encode_jpeg(np.ascontiguousarray(frame), quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode()


def to_npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of a compressed ``.npz``."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
