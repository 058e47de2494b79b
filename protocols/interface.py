"""What a protocol is: who may enter, what is fed at test time, how it is scored. Values only; torch is not needed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from .choices import Choice, LeftOut
from .conventions import Convention, every_convention
from .distances import Metric
from .ranking import Ranking, rank_features_conventions

if TYPE_CHECKING:
    from torch import nn

TestFrames = Literal["all", "snippets", "chunks"]
Rest = Literal["loop", "wrap", "repeat-last", "pad", "drop"]
Mean = Literal["clips", "frames"]
Side = Literal["I2V", "I2I", "V2V", "V2I"]
CheckName = Literal["rgb", "resnet50", "single-pass", "whole-sequence"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried on an arm.

    Attributes:
        name: what was checked.
        passed: whether the arm may enter as far as this goes.
        detail: what was seen, in plain words; the reason where it did not pass.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome of all checks of a protocol on one arm."""

    admitted: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the arm is turned away; empty if it is not."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if not check.passed)

    def as_dict(self) -> dict[str, Any]:
        """For the result record."""
        return {"admitted": self.admitted, "checks": [asdict(check) for check in self.checks]}


@dataclass(frozen=True, slots=True)
class Snippets:
    """How a tracklet is cut at test time; its descriptor is the mean over its snippets.

    Attributes:
        length: frames of a snippet; a method that takes clips of one length only is cut at that.
        rest: what becomes of the last frames, see `datasets.sampling.snippets.snippets`; a method of fixed clips
            gets ``loop``.
        mean: over ``clips``, each counting the same, or over ``frames``: a clip counts by its number of real frames.
    """

    length: int
    rest: Rest
    mean: Mean


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named, versioned set of rules; bump `version` with any change that moves a score.

    Attributes:
        name: as users write it; the file is named alike, with underscores.
        version: whole number.
        summary: one sentence for lists and reports.
        requires: checks that an arm must pass to enter.
        test_frames: ``all`` = every frame of a tracklet, in one pass; ``snippets`` = every frame, cut into clips;
            ``chunks`` = the middle frame of each of so many equal parts, in one pass.
        metric: between descriptors.
        normalise: scale descriptors to unit length before the metric.
        convention: of the headline numbers; the others are scored beside it.
        snippets: how tracklets are cut, where they are.
        sides: which of query and gallery is a single image and which a video, the headline side first: ``I2V`` is an
            image against videos. The image is the first frame of a tracklet. Empty: tracklets against tracklets.
        query_camera: only tracklets of this camera ask and only the others answer; 0 for all.
        splits: random halves of the identities that results are averaged over; 1 for a set with one fixed split.
        chunks: how many parts, where frames are those of ``chunks``; a method of fixed clips gets as many as it takes.
        repairs: whether arms are judged on repaired data beside the raw ones, and by how much of a query is hidden.
        choices: ways of feeding a tracklet that are judged side by side, see `choices`; empty for one way alone.
        headline: the name of the choice whose numbers are the protocol's; empty without choices.
        left_out: published ways that are no choice, and why.
    """

    name: str
    version: int
    summary: str
    requires: tuple[CheckName, ...]
    test_frames: TestFrames
    metric: Metric
    normalise: bool
    convention: Convention
    snippets: Snippets | None = None
    sides: tuple[Side, ...] = ()
    query_camera: int = 0
    splits: int = 1
    repairs: bool = False
    chunks: int = 0
    choices: tuple[Choice, ...] = ()
    headline: str = ""
    left_out: tuple[LeftOut, ...] = ()

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
        return rank_features_conventions(
            query, gallery_features, query_ids, query_cams, gallery_ids, gallery_cams, conventions=chosen,
            metric=self.metric, normalise=self.normalise, query_in_gallery=query_in_gallery, max_rank=max_rank,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """For the result record: all that a score depends on."""
        return {
            "name": self.name,
            "version": self.version,
            **asdict(self.convention),
            "metric": self.metric,
            "normalise": self.normalise,
            "test_frames": self.test_frames,
            "snippets": asdict(self.snippets) if self.snippets else None,
            "sides": list(self.sides),
            "query_camera": self.query_camera,
            "splits": self.splits,
            **({"chunks": self.chunks} if self.chunks else {}),
            **({"choices": [c.as_dict() for c in self.choices], "headline": self.headline} if self.choices else {}),
        }
