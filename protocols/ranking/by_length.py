"""Accuracy by the length of tracklets: of what is asked for, and of what would be the right answer.

By query length nothing needs to be ranked again: every query has a length, and its result belongs to one slice.

By gallery length a query keeps the right answers of that length alone; its other right answers are ignored, as junk is,
and every wrong answer stays. That is one fast ranking for each camera of the queries and each slice: tracklets of other
lengths get the camera of these queries, so that the rule "same person, same camera: ignored" drops them where they
would be right, and nowhere else, since a wrong answer is kept whatever its camera.

The slices lie between powers of two, so that for every clip length N out of 2, 4, 8, 16 and 32 both N (below it, a
tracklet must be padded) and 4 N (from there on, four clips or more are averaged) are edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError
from protocols.vocabulary import Metric

from .conventions import JUNK_ID, Convention
from .distances import feature_blocks
from .evaluate import rank_conventions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
EDGES = (2, 4, 8, 16, 32, 64, 128)
RULE = (
    "Lengths are cut at powers of two, so that N and 4 N are edges for every N of the choices; slices without any test "
    "tracklet are left out"
)
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class LengthBin:
    """Tracklets of ``low`` to ``high`` frames, both included; ``high`` None: of any number from ``low`` on."""

    low: int
    high: int | None

    @property
    def name(self) -> str:
        """Such as ``16-31``, ``128+``, ``1``."""
        if self.high is None:
            return f"{self.low}+"
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"

    def holds(self, lengths: Ints) -> NDArray[np.bool_]:
        """[...] which of these lengths lie in it."""
        inside: NDArray[np.bool_] = lengths >= self.low
        return inside if self.high is None else inside & (lengths <= self.high)


@dataclass(frozen=True, slots=True)
class Sliced:
    """Scores of the queries within one slice of gallery lengths; fractions.

    Attributes:
        average_precision, hit1: [Q], 0 where `valid` is False.
        valid: [Q] whether the query has a right answer of that length.
    """

    average_precision: Floats
    hit1: Floats
    valid: NDArray[np.bool_]


def length_bins(lengths: Ints) -> tuple[LengthBin, ...]:
    """The slices that hold at least one of these lengths, the shortest first.

    Raises:
        ProtocolError: no length, or one below 1.
    """
    if len(lengths) == 0 or lengths.min() < 1:
        raise ProtocolError("lengths of tracklets are whole numbers of at least 1 frame, and there must be some")
    highs = (*(edge - 1 for edge in EDGES), None)
    bins = [LengthBin(low, high) for low, high in zip((1, *EDGES), highs, strict=True)]
    return tuple(one for one in bins if one.holds(lengths).any())


def by_gallery_length(
    query: NDArray[np.floating],
    gallery_features: NDArray[np.floating],
    query_ids: Ints,
    query_cams: Ints,
    gallery_ids: Ints,
    gallery_cams: Ints,
    gallery_lengths: Ints,
    bins: Sequence[LengthBin],
    *,
    convention: Convention,
    metric: Metric,
    normalise: bool,
    query_in_gallery: Ints | None = None,
) -> dict[str, Sliced]:
    """Scores every query on its right answers of one length after the other.

    Args:
        query, gallery_features: [Q, D] and [G, D].
        query_ids, query_cams, gallery_ids, gallery_cams: [Q], [Q], [G], [G].
        gallery_lengths: [G] frames of each gallery tracklet.
        bins: the slices.
        convention, metric, normalise, query_in_gallery: as in `ranking.rank_features`.

    Returns:
        Name of a slice -> its scores.

    Raises:
        ProtocolError: as in `ranking.rank_features`, or lengths that are not one for each gallery tracklet.
    """
    if gallery_lengths.shape != gallery_ids.shape:
        raise ProtocolError(
            f"gallery_lengths must be one for each of the {len(gallery_ids)} gallery tracklets, got shape "
            f"{gallery_lengths.shape}"
        )
    if convention.gallery == "without-queries":  # all queries leave, not only those that ask together
        if query_in_gallery is None:
            raise ProtocolError("gallery='without-queries' needs query_in_gallery, the gallery column of each query")
        keep = np.setdiff1d(np.arange(len(gallery_ids)), query_in_gallery)
        gallery_features, gallery_lengths = gallery_features[keep], gallery_lengths[keep]
        gallery_ids, gallery_cams = gallery_ids[keep], gallery_cams[keep]
    ranked = replace(convention, gallery="full")  # junk is ignored query by query, here as in the others
    size = len(query_ids)
    found = {one.name: Sliced(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool)) for one in bins}
    inside = {one.name: one.holds(gallery_lengths) for one in bins}
    for camera in np.unique(query_cams):
        rows = np.flatnonzero(query_cams == camera)
        cameras = {name: np.where(kept, gallery_cams, camera) for name, kept in inside.items()}
        answers = {name: _right_answers(query_ids[rows], gallery_ids, each != camera) for name, each in cameras.items()}
        for first, distances in feature_blocks(query[rows], gallery_features, metric, normalise, _BLOCK):
            block = slice(first, first + len(distances))
            for name, each in cameras.items():
                asking = np.flatnonzero(answers[name][block])
                if not len(asking):
                    continue
                own = rows[block][asking]
                ranking = rank_conventions(
                    distances[asking], query_ids[own], query_cams[own], gallery_ids, each,
                    conventions=[ranked], max_rank=1,
                )[ranked]  # fmt: skip
                found[name].average_precision[own] = ranking.average_precision
                found[name].hit1[own] = ranking.hits(1)
                found[name].valid[own] = ranking.valid
    return found


def _right_answers(query_ids: Ints, gallery_ids: Ints, may_answer: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[q] whether a person has a tracklet among those that may answer."""
    return np.isin(query_ids, gallery_ids[may_answer & (gallery_ids != JUNK_ID)])
