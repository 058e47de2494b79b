"""The scoring conventions in use in video re-ID, as values.

One set of descriptors gets a different mAP and rank-1 under each of them. On MARS the spread is 6 to 7 points of
mAP and 7 to 9 points of rank-1, which is more than most papers gain, so no number here goes without its convention.

=================  =====================================================================================
gallery            what may be retrieved
=================  =====================================================================================
full               every test tracklet, as the official MARS evaluation: junk (person -1) stays in the list
                   and is ignored query by query, the queries stay in too
without-junk       junk is taken out beforehand; the same ranks as ``full`` by construction, kept as a named
                   convention because papers state it (11,310 tracklets on MARS)
without-queries    junk and all queries are taken out (9,330 on MARS; 140 queries are left without positives)
=================  =====================================================================================

In all of them a gallery tracklet with the query's person *and* the query's camera is ignored for that query, and
another person's tracklet from the query's camera stays as a wrong answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .errors import ProtocolError

Gallery = Literal["full", "without-junk", "without-queries"]
Precision = Literal["step", "trapezoid"]
Empty = Literal["skip", "zero"]
Ties = Literal["expected", "pessimistic", "optimistic", "index"]

JUNK_ID = -1


@dataclass(frozen=True, slots=True)
class Convention:
    """One way of turning distances into CMC and mAP.

    Attributes:
        gallery: what may be retrieved, see the table above.
        ap: ``step`` averages k / r_k over the ranks r_k of the positives; ``trapezoid`` (official MARS, area under
            the interpolated curve) averages ((k-1)/(r_k-1) + k/r_k) / 2, the first fraction being 1 at r_k = 1.
        empty: a query without any positive is left out of the means (``skip``) or counts as 0 (``zero``).
        ties: the order of equal distances, see `protocols.ranking`.
    """

    gallery: Gallery = "full"
    ap: Precision = "step"
    empty: Empty = "skip"
    ties: Ties = "expected"

    def __post_init__(self) -> None:
        _one_of("gallery", self.gallery, get_args(Gallery))
        _one_of("ap", self.ap, get_args(Precision))
        _one_of("empty", self.empty, get_args(Empty))
        _one_of("ties", self.ties, get_args(Ties))


def _one_of(field: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ProtocolError(f"{field}={value!r} is no known convention; choose one of {', '.join(choices)}")


OFFICIAL_MARS = Convention("full", "trapezoid", "zero")
"""That of the data set's authors, with ties at their expected value."""


def every_convention(ties: Ties = "expected") -> tuple[Convention, ...]:
    """All twelve combinations of gallery, AP formula and treatment of queries without positives."""
    return tuple(
        Convention(gallery, ap, empty, ties)
        for gallery in get_args(Gallery)
        for ap in get_args(Precision)
        for empty in get_args(Empty)
    )
