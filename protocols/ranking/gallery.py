"""Who is who in the gallery: positives and junk of a query, found without looking at the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .conventions import JUNK_ID, Gallery

Ints = NDArray[np.int64]

KEPT, QUERY, JUNK = np.uint8(0), np.uint8(1), np.uint8(2)


@dataclass(frozen=True, slots=True)
class GalleryIndex:
    """Gallery columns grouped by person, with the range of columns that share each query's person.

    Attributes:
        order: [G] columns, sorted by person id.
        start, end: [Q] `order[start:end]` are the columns of the query's person (empty for a junk query).
        query_cams, gallery_cams: [Q], [G].
        role: [G] uint8, KEPT, QUERY (left out by the convention without-queries) or JUNK (never retrieved).
    """

    order: Ints
    start: Ints
    end: Ints
    query_cams: Ints
    gallery_cams: Ints
    role: NDArray[np.uint8]

    @classmethod
    def build(
        cls, query_ids: Ints, query_cams: Ints, gallery_ids: Ints, gallery_cams: Ints, query_rows: Ints | None
    ) -> GalleryIndex:
        """Groups the gallery; `query_rows` [Q] are the gallery columns that hold the queries, if any do.

        Args:
            query_ids, query_cams: int64 [Q] person and camera.
            gallery_ids, gallery_cams: int64 [G] person and camera; person -1 is junk.
            query_rows: int64 [Q] gallery columns that hold the queries; None where none does.
        """
        order = np.argsort(gallery_ids, kind="stable")
        grouped = gallery_ids[order]
        start = np.searchsorted(grouped, query_ids, side="left")
        end = np.where(query_ids == JUNK_ID, start, np.searchsorted(grouped, query_ids, side="right"))
        role = np.full(gallery_ids.shape, KEPT, dtype=np.uint8)
        if query_rows is not None:
            role[query_rows] = QUERY
        role[gallery_ids == JUNK_ID] = JUNK
        return cls(order, start.astype(np.int64), end.astype(np.int64), query_cams, gallery_cams, role)

    def same_person(self, query: int) -> tuple[Ints, Ints]:
        """Columns of the query's person under other cameras (positives) and under its own camera (ignored)."""
        columns = self.order[self.start[query] : self.end[query]]
        own_camera = self.gallery_cams[columns] == self.query_cams[query]
        return columns[~own_camera], columns[own_camera]

    def ignored(self, query: int, without_queries: bool) -> NDArray[np.bool_]:
        """[G] columns that cannot be retrieved by this query."""
        out: NDArray[np.bool_] = self.role == JUNK
        if without_queries:
            out |= self.role == QUERY
        out[self.same_person(query)[1]] = True
        return out


def answered(
    query_ids: Ints, query_cams: Ints, gallery_ids: Ints, gallery_cams: Ints, *, inside: Ints | None, gallery: Gallery
) -> NDArray[np.bool_]:
    """[Q] whether a query has its person in a gallery under another camera, found without any descriptor.

    Args:
        query_ids, query_cams: [Q].
        gallery_ids, gallery_cams: [G].
        inside: [Q] gallery column of each query, where it holds them.
        gallery: which one; without ``inside`` the queries are in none.
    """
    held = np.zeros(len(gallery_ids), dtype=bool)
    if inside is not None and gallery == "without-queries":
        held[inside] = True
    cameras: dict[int, set[int]] = {}
    for person, camera in zip(gallery_ids[~held].tolist(), gallery_cams[~held].tolist(), strict=True):
        cameras.setdefault(person, set()).add(camera)
    asked = zip(query_ids.tolist(), query_cams.tolist(), strict=True)
    return np.array([p != JUNK_ID and bool(cameras.get(p, set()) - {c}) for p, c in asked], dtype=bool)
