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
from typing import Any, Literal, get_args

from protocols.errors import ProtocolError
from protocols.vocabulary import DISTANCE_METRICS, Metric, check_word

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
        check_word("gallery", self.gallery, get_args(Gallery))
        check_word("ap", self.ap, get_args(Precision))
        check_word("empty", self.empty, get_args(Empty))
        check_word("ties", self.ties, get_args(Ties))


def every_convention(ties: Ties = "expected") -> tuple[Convention, ...]:
    """All twelve combinations of gallery, AP formula and treatment of queries without positives."""
    return tuple(
        Convention(gallery, ap, empty, ties)
        for gallery in get_args(Gallery)
        for ap in get_args(Precision)
        for empty in get_args(Empty)
    )


@dataclass(frozen=True, slots=True)
class Distance:
    """How far two descriptors are apart.

    Attributes:
        metric: ``euclidean`` or ``cosine``.
        normalise: scale descriptors to unit length first; the cosine does so by itself.

    Raises:
        ProtocolError: an unknown metric, or a cosine that is to be normalised as well.
    """

    metric: Metric
    normalise: bool = False

    def __post_init__(self) -> None:
        check_word("metric", self.metric, DISTANCE_METRICS)
        if self.normalise and self.metric == "cosine":
            raise ProtocolError("the cosine scales descriptors to unit length by itself; leave normalise out")

    @property
    def label(self) -> str:
        """For tables."""
        return "cosine" if self.metric == "cosine" else "unit Euclid" if self.normalise else "plain Euclid"

    @property
    def unit(self) -> bool:
        """Whether only directions count. Between unit vectors the squared Euclidean distance is 2 - 2 cos."""
        return self.normalise or self.metric == "cosine"


DISTANCES = (Distance("euclidean"), Distance("euclidean", True), Distance("cosine"))
"""The distances in use, named apart although the last two rank alike: papers state either."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """All that turns descriptors into numbers.

    Attributes:
        distance: between two descriptors.
        convention: of the ranking.
    """

    distance: Distance
    convention: Convention

    def as_row(self) -> dict[str, Any]:
        """The five choices as plain data, as recorded."""
        return {
            "metric": self.distance.metric,
            "normalise": self.distance.normalise,
            "gallery": self.convention.gallery,
            "ap": self.convention.ap,
            "empty": self.convention.empty,
        }


OFFICIAL_MARS = Scoring(Distance("euclidean", normalise=True), Convention("full", "trapezoid", "zero"))
"""That of the data set's authors: unit descriptors, with ties at their expected value."""


def distance_of(metric: Metric, normalise: bool) -> Distance:
    """The one of `DISTANCES` that a protocol's metric means; ``normalise`` says nothing new beside the cosine."""
    return Distance(metric, normalise and metric != "cosine")
