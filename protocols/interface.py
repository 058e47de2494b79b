"""What a protocol is: who may enter, what is fed at test time, how it is scored. Values only; torch is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from protocols.ranking.conventions import Convention, Scoring, every_convention
from protocols.test_time.inputs import Chunks, Feed, Snippets, Variants, WholeSequence

from .checks import Admission, Check, KnownData, check_start
from .errors import ProtocolError
from .ranking import Ranking, rank_features_conventions
from .vocabulary import CHECK_NAMES, SIDES, CheckName, Side, TestFrames, check_at_least, check_once, check_word

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named, versioned set of rules; bump `version` with any change that moves a score.

    Attributes:
        name: as users write it; the file is named alike, with underscores.
        version: whole number.
        summary: one sentence for lists and reports.
        requires: checks that an arm must pass to enter.
        feed: what of a tracklet is fed, see `feeding`.
        scoring: distance and convention of the headline numbers; the other conventions are scored beside it.
        sides: which of query and gallery is a single image and which a video, the headline side first: ``I2V`` is an
            image against videos. The image is the first frame of a tracklet. Empty: tracklets against tracklets.
        query_camera: only tracklets of this camera are queries and only the others are gallery; 0 for all.
        splits: random halves of the identities that results are averaged over; 1 for a set with one fixed split.
        repairs: whether arms are judged on repaired data beside the raw ones, and by how much of a query is hidden.

    Raises:
        ProtocolError: an unknown word, a number out of range, something named twice, or rules that contradict each
            other; one sentence that begins with the name.
    """

    name: str
    version: int
    summary: str
    requires: tuple[CheckName, ...]
    feed: Feed
    scoring: Scoring
    sides: tuple[Side, ...] = ()
    query_camera: int = 0
    splits: int = 1
    repairs: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.summary:
            raise ProtocolError(f"the protocol {self.name!r} needs a name and a summary; give both")
        try:
            if not isinstance(self.feed, Feed):
                raise ProtocolError(f"feed={self.feed!r} is none of WholeSequence, Snippets, Chunks and Variants")
            if not isinstance(self.scoring, Scoring):
                raise ProtocolError(f"scoring={self.scoring!r} is no Scoring, such as conventions.OFFICIAL_MARS")
            check_at_least("version", self.version, 1)
            check_at_least("splits", self.splits, 1)
            check_at_least("query_camera", self.query_camera, 0)
            for check in self.requires:
                check_word("requires", check, CHECK_NAMES)
            check_once("requires", self.requires)
            for side in self.sides:
                check_word("sides", side, SIDES)
            check_once("sides", self.sides)
            self._agree()
        except ProtocolError as error:
            raise ProtocolError(f"the protocol {self.name}: {error}") from None

    def _agree(self) -> None:
        """Whether the rules can be kept together."""
        match self.feed:
            case WholeSequence() if "whole-sequence" not in self.requires:
                raise ProtocolError(
                    "it feeds whole sequences, which a network of fixed clips cannot take; require the check "
                    "'whole-sequence', or feed Snippets"
                )
            case Variants() if self.sides:
                raise ProtocolError(
                    "sides pair images with videos fed in one way; leave out sides, or feed no Variants"
                )
        if self.convention.gallery == "without-queries" and (self.query_camera or self.splits > 1):
            what = "one camera asks and the others answer" if self.query_camera else "results are averaged over splits"
            raise ProtocolError(
                f"where {what}, no query is known to stand in the gallery, so gallery='without-queries' takes out "
                "nothing; choose full or without-junk"
            )

    @property
    def convention(self) -> Convention:
        """Of the headline numbers."""
        return self.scoring.convention

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """All conventions that are scored from the one set of descriptors, the headline one among them."""
        return every_convention(self.convention.ties)

    def admit(self, method: nn.Module, frame_size: tuple[int, int] = (64, 32)) -> Admission:
        """Examines an arm by its structure and its behaviour; nothing it says about itself is believed.

        Args:
            method: satisfies `methods.interface.Method`; its mode and device are left as they were.
            frame_size: (height, width) of the probe frames.
        """
        from .admission import examine

        return examine(method, self.requires, frame_size)

    def admit_start(self, start: str, seen: Sequence[KnownData], test: KnownData) -> Check:
        """Examines an arm by where its weights began; every protocol asks this of every arm.

        Arguments as in `checks.check_start`.
        """
        return check_start(start, seen, test)

    def score(
        self,
        query: Any,
        gallery_features: Any,
        query_ids: ArrayLike,
        query_cams: ArrayLike,
        gallery_ids: ArrayLike,
        gallery_cams: ArrayLike,
        *,
        query_in_gallery: ArrayLike | None = None,
        max_rank: int | None = 50,
    ) -> dict[Convention, Ranking]:
        """Scores descriptors under every convention in one pass; `[protocol.convention]` is the headline.

        Without `query_in_gallery` the conventions that leave the queries out are skipped: the data set does not hold
        its queries in its gallery. Arguments and errors otherwise as in `ranking.rank_features`.
        """
        held = query_in_gallery is not None
        chosen = [c for c in self.conventions if held or c.gallery != "without-queries"]
        distance = self.scoring.distance
        return rank_features_conventions(
            query, gallery_features, query_ids, query_cams, gallery_ids, gallery_cams, conventions=chosen,
            metric=distance.metric, normalise=distance.normalise, query_in_gallery=query_in_gallery, max_rank=max_rank,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """For the result record: all that a score depends on."""
        distance = self.scoring.distance
        frames: TestFrames = "all"
        snippets: dict[str, Any] | None = None
        more: dict[str, Any] = {}
        match self.feed:
            case WholeSequence():
                pass
            case Snippets():
                frames, snippets = "snippets", asdict(self.feed)
            case Chunks(parts):
                frames, more = "chunks", {"chunks": parts}
            case Variants(choices, headline):  # records of before choices said "all", and still do
                more = {"choices": [one.as_dict() for one in choices], "headline": headline}
        return {
            "name": self.name,
            "version": self.version,
            **asdict(self.convention),
            "metric": distance.metric,
            "normalise": distance.normalise,
            "test_frames": frames,
            "snippets": snippets,
            "sides": list(self.sides),
            "query_camera": self.query_camera,
            "splits": self.splits,
            **more,
        }
