"""How a choice cuts a tracklet into clips, and which choices a network of fixed clips can take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from datasets.sampling import clips, snippets
from datasets.sampling.clips import Clip

from .variants import Choice, How

_Cut = Callable[[int, Choice], Clip]


def clips_of(choice: Choice, length: int, *, answer: bool = False) -> Clip:
    """The clips that a choice makes of a tracklet.

    Args:
        choice: how.
        length: frames of the tracklet, n.
        answer: for a gallery tracklet, where the choice feeds these differently.

    Returns:
        Frame numbers and mask of shape [S,T]; padding stands at the end of a clip.

    Raises:
        DataError: a tracklet without frames.
    """
    how: How = choice.answers if answer and choice.answers else choice.how
    found = _CUTS[how](length, choice)
    return Clip(np.atleast_2d(found.indices), np.atleast_2d(found.mask))


def fitting(choice: Choice, fixed: int | None) -> tuple[Choice | None, str]:
    """A choice as a network can take it, or None and the reason.

    Args:
        choice: as the protocol lists it.
        fixed: the only clip length that the network takes, without padding; None for one that takes any.
    """
    if fixed is None:
        return choice, ""
    only = f"the network takes clips of exactly {fixed} frames"
    if choice.family == "whole":
        return None, f"{only}, so it cannot see a tracklet of any length in one pass"
    if choice.frames != fixed:
        return None, f"{only}, and not of {choice.frames}"
    if choice.rest == "pad" and choice.family == "even":
        return replace(choice, rest="loop"), ""
    if choice.rest == "pad":
        return None, f"{only}, all of them real, and the last clip of this choice may be shorter"
    return choice, ""


def own_snippets(fixed: int, choices: tuple[Choice, ...]) -> Choice:
    """The choice that stands for a network of fixed clips: neighbouring clips of its length, the last one looped."""
    name = f"snippets-{fixed}"
    found = next((one for one in choices if one.name == name), None)
    return found or Choice(
        name, f"Snippets of {fixed}", "snippets", "snippets", "the only length that this network takes",
        fixed, rest="loop", mean="clips", curve=True,
    )  # fmt: skip


def _number(choice: Choice) -> int:
    assert choice.frames is not None  # a choice without is refused when it is made; so below
    return choice.frames


def _short(choice: Choice) -> clips.Short:
    assert choice.rest in ("loop", "repeat-last", "pad")
    return choice.rest


def _rest(choice: Choice) -> snippets.Rest:
    assert choice.rest != ""
    return choice.rest


def _frames(first: int, after: int) -> Clip:
    return Clip(np.arange(first, after, dtype=np.int64), np.ones(after - first, dtype=bool))


_CUTS: dict[How, _Cut] = {
    "all": lambda n, c: clips.every(n),
    "first": lambda n, c: clips.leading(n, _number(c), 1),
    "middle": lambda n, c: clips.evenly(n, _number(c)),
    "ends": lambda n, c: clips.evenly(n, _number(c), short=_short(c)),
    "torchreid": lambda n, c: clips.evenly(n, _number(c), rule="torchreid", short=_short(c)),
    "chunk-middles": lambda n, c: clips.chunked(n, _number(c), None, short=_short(c)),
    "chunk-firsts": lambda n, c: clips.chunked(n, _number(c), None, pick="first", short=_short(c)),
    "leading": lambda n, c: clips.leading(n, _number(c), c.stride, short=_short(c)),
    "snippets": lambda n, c: snippets.snippets(n, _number(c), _rest(c)),
    "apart": lambda n, c: snippets.strided_clips(n, _number(c), c.stride),
    "windows": lambda n, c: snippets.overlapping(n, _number(c), c.stride, _rest(c)),
    "wrapping": lambda n, c: snippets.wrapping(n, _number(c)),
    "csa": lambda n, c: snippets.windows(n, _number(c), c.stride),
    "beginning": lambda n, c: _frames(0, min(n, _number(c))),
    "ending": lambda n, c: _frames(max(0, n - _number(c)), n),
}
