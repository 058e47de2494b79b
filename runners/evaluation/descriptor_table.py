"""Descriptors as they are scored, wherever they come from; whole, or a slice of their gallery."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.ranking.conventions import Gallery
from protocols.ranking.sharding import slice_of
from runners.evaluation.descriptor_arrays import Floats, Ints

Queries = Literal["auto", "inside", "append", "as-is"]
"""What is done about queries in the gallery, see `runners.evaluation.query_positions.placed`."""


@dataclass(frozen=True, eq=False)
class DescriptorTable:
    """Descriptors with all that scoring needs.

    Attributes:
        name: for tables.
        query, gallery: ``[Q, D]``, ``[G, D]``.
        query_ids, query_cams, gallery_ids, gallery_cams: whole numbers.
        inside: ``[Q]`` gallery row of each query; None where the gallery holds no queries.
        keys: ``[Q]`` names of the queries, where they have some.
        about: what is known of where they are from; may be empty.
        placing: what was done about queries in the gallery, in a sentence.
        apart: the gallery holds no query for certain, so that taking the queries out of it changes nothing.
        unnamed: galleries that no published way of scoring has, as the queries were put where nobody puts them.
        part: the rows of the gallery that `gallery` holds, where several processes hold a slice each; its labels are
            those of the whole gallery all the same.
    """

    name: str
    query: Floats
    gallery: Floats
    query_ids: Ints
    query_cams: Ints
    gallery_ids: Ints
    gallery_cams: Ints
    inside: Ints | None
    keys: NDArray[np.str_] | None
    about: Mapping[str, Any]
    placing: str = ""
    apart: bool = False
    unnamed: tuple[Gallery, ...] = ()
    part: slice | None = None

    @property
    def labels(self) -> tuple[Ints, Ints, Ints, Ints]:
        """As `protocols.ranking` wants them: of the queries, and of the gallery rows that are held."""
        part = self.part or slice(None)
        return self.query_ids, self.query_cams, self.gallery_ids[part], self.gallery_cams[part]


@dataclass(frozen=True)
class RankShare:
    """Which of several processes reads; each holds its slice of the gallery.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
    """

    rank: int
    size: int

    def of(self, gallery: int) -> slice:
        """Its rows of a gallery of this size; a ProtocolError where there are fewer rows than processes."""
        return slice_of(gallery, self.rank, self.size)


ALONE = RankShare(0, 1)
