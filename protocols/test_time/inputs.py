"""How a tracklet is fed at test time: whole, as snippets, as the middles of equal parts, or in several ways.

Values only; torch is not needed. What cannot be fed is refused when the value is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import ProtocolError
from protocols.vocabulary import MEANS, RESTS, Mean, Rest, check_at_least, check_once, check_word

from .variants import Choice, LeftOut


@dataclass(frozen=True, slots=True)
class WholeSequence:
    """Every frame of a tracklet, in one pass."""


@dataclass(frozen=True, slots=True)
class Snippets:
    """Every frame, cut into clips; the descriptor of a tracklet is the mean over its clips.

    Attributes:
        length: frames of a snippet; a method that takes clips of one length only is cut at that.
        rest: what becomes of the last frames, see `datasets.sampling.snippets.snippets`; a method of fixed clips
            gets ``loop``.
        mean: over ``clips``, each counting the same, or over ``frames``: a clip counts by its number of real frames.

    Raises:
        ProtocolError: no frame a snippet, or an unknown rest or mean.
    """

    length: int
    rest: Rest
    mean: Mean

    def __post_init__(self) -> None:
        check_at_least("length of snippets", self.length, 1)
        check_word("rest of snippets", self.rest, RESTS)
        check_word("mean of snippets", self.mean, MEANS)


@dataclass(frozen=True, slots=True)
class Chunks:
    """The middle frame of each of so many equal parts, in one pass.

    Attributes:
        parts: how many; a method of fixed clips gets as many as it takes.

    Raises:
        ProtocolError: no part.
    """

    parts: int

    def __post_init__(self) -> None:
        check_at_least("parts of a tracklet", self.parts, 1)


@dataclass(frozen=True, slots=True)
class Variants:
    """Several ways of feeding, judged side by side on one set of weights.

    Attributes:
        choices: the ways, see `choices`.
        headline: the name of the choice whose numbers are the protocol's.
        left_out: published ways that are no choice, and why.

    Raises:
        ProtocolError: no choice, a name that stands twice, or a headline that is none of the choices.
    """

    choices: tuple[Choice, ...]
    headline: str
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        if not self.choices:
            raise ProtocolError("variants without a choice feed nothing; list one or more")
        names = [one.name for one in self.choices]
        check_once("choices", names)
        check_once("left out ways", [one.name for one in self.left_out])
        if self.headline not in names:
            raise ProtocolError(f"headline={self.headline!r} is none of the choices; take one of {', '.join(names)}")


Feed = WholeSequence | Snippets | Chunks | Variants
"""Callers ``match`` on the type."""


def snippet_length(feed: Feed) -> int | None:
    """Frames of a snippet; None where tracklets are not cut."""
    match feed:
        case Snippets(length):
            return length
        case _:
            return None
