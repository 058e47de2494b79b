"""What of a tracklet is fed at test time, as named values: one frame, a few, snippets, windows, or all of it.

A protocol that lists choices encodes every test tracklet under each of them, so that nothing but the feeding differs.
How a choice cuts a tracklet is in `choice_cuts`; which ones are published is in `snippet_vs_full`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from protocols.errors import ProtocolError
from protocols.vocabulary import FAMILIES, MEANS, RESTS, Family, Mean, Rest, check_at_least, check_word

How = Literal[
    "all", "first", "middle", "ends", "torchreid", "chunk-middles", "chunk-firsts", "leading", "snippets", "apart",
    "windows", "wrapping", "csa", "beginning", "ending",
]  # fmt: skip
ChoiceRest = Rest | Literal[""]
ChoiceMean = Mean | Literal[""]

_ONE_CLIP: tuple[How, ...] = ("ends", "torchreid", "chunk-middles", "chunk-firsts", "leading")
_CUT_SHORT: tuple[How, ...] = ("snippets", "windows")


@dataclass(frozen=True, slots=True)
class Choice:
    """One way of feeding a tracklet.

    Attributes:
        name: as users and records write it.
        label: for tables and figures.
        family: ``single`` frame; ``even``: N frames in one pass; ``snippets`` side by side, averaged; ``dense``:
            windows that overlap, averaged; ``whole``: all frames (or as many as a paper takes) in one pass.
        how: the cut, see `choice_cuts.clips_of`.
        source: who publishes or uses it, in words.
        frames: N, frames of a clip; None where a clip is the whole tracklet.
        stride: of windows: from one start to the next; of frames that lie apart: from one to the next.
        rest: what becomes of a tracklet, or of its last clip, that is too short for N frames: as in
            `datasets.sampling.snippets.snippets`; empty where nothing is ever too short.
        mean: of several clips: each counts the same (``clips``), or by its real frames (``frames``); empty for one.
        answers: another cut for gallery tracklets; empty where query and gallery are fed alike.
        curve: whether it is a point of the curves against N; the published rules beside them are not.

    Raises:
        ProtocolError: an unknown word, no frame a clip, or a cut that lacks what it needs.
    """

    name: str
    label: str
    family: Family
    how: How
    source: str
    frames: int | None = None
    stride: int = 1
    rest: ChoiceRest = ""
    mean: ChoiceMean = ""
    answers: How | Literal[""] = ""
    curve: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.label:
            raise ProtocolError(f"the choice {self.name!r} needs a name and a label; give both")
        try:
            check_word("family", self.family, FAMILIES)
            check_word("how", self.how, get_args(How))
            check_word("answers", self.answers, ("", *get_args(How)))
            check_word("rest", self.rest, ("", *RESTS))
            check_word("mean", self.mean, ("", *MEANS))
            check_at_least("stride", self.stride, 1)
            if self.frames is not None:
                check_at_least("frames", self.frames, 1)
            for how in (self.how, self.answers):
                self._is_whole(how)
        except ProtocolError as error:
            raise ProtocolError(f"the choice {self.name}: {error}") from None

    def _is_whole(self, how: How | Literal[""]) -> None:
        """Whether a cut has all that it needs."""
        if how not in ("", "all") and self.frames is None:
            raise ProtocolError(f"it takes clips by {how} and must say of how many frames")
        if how in _ONE_CLIP and self.rest not in ("loop", "repeat-last", "pad"):
            raise ProtocolError(f"clips by {how} need rest = loop, repeat-last or pad, not {self.rest!r}")
        if how in _CUT_SHORT and not self.rest:
            raise ProtocolError(f"clips by {how} must say what becomes of the last frames: rest is empty")

    def as_dict(self) -> dict[str, Any]:
        """For the protocol's record: all that decides what is fed, and not the words about it."""
        words = ("label", "source", "curve")
        return {key: value for key, value in asdict(self).items() if key not in words}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A published way of testing that is no choice here, and why."""

    name: str
    reason: str
