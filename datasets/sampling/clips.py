"""Which frames of a tracklet a network sees: at training, and at test.

Every published choice is a pure function of the tracklet's length and a generator. It returns a `Clip`:
frame numbers int64 [T] and a mask bool [T] that is False on padding. What happens to a tracklet that is
too short for the clip is never a side effect but a parameter, `short`:

    loop          its frames are repeated from the start, as real frames          (GLTR, COSAM, M3D)
    repeat-last   its last frame is repeated, as a real frame                      (torchreid, CSA)
    pad           its last frame is repeated, but masked: the network ignores it
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from files.errors import did_you_mean

Short = Literal["loop", "repeat-last", "pad"]
Starts = Literal["all", "all-but-last"]
Pick = Literal["middle", "first"]


class Clip(NamedTuple):
    """Frames of one clip ([T]) or of several ([S,T]).

    Attributes:
        indices: frame numbers from 0, int64.
        mask: True on frames that count, same shape.
    """

    indices: NDArray[np.int64]
    mask: NDArray[np.bool_]


def consecutive(
    length: int, clip: int, rng: np.random.Generator, *, starts: Starts = "all", short: Short = "loop"
) -> Clip:
    """T adjacent frames from a random start.

    Args:
        length: frames of the tracklet, n.
        clip: frames of the clip, T.
        rng: draws the start.
        starts: `all` draws from the n-T+1 starts that exist. `all-but-last` never draws the last one: the off
            by one of the released GLTR, COSAM and Video-Person-ReID code, so that the last frame of a
            tracklet longer than T is never trained on.
        short: what to do where n < T; the start is 0 then.

    Raises:
        DataError: no frame, a clip of none, or an unknown word for `starts` or `short`.
    """
    _check(length, clip, short)
    if starts not in get_args(Starts):
        raise DataError(f"starts={starts!r} is unknown; take one of {', '.join(get_args(Starts))}")
    choices = max(1, length - clip + (starts == "all"))
    return _fit(int(rng.random() * choices) + np.arange(clip), length, short)


def gltr(length: int, clip: int, rng: np.random.Generator) -> Clip:
    """GLTR (ICCV 2019), released code: start = int(u * (n - T)), 0 where n < T; frames modulo n; T is 16."""
    return consecutive(length, clip, rng, starts="all-but-last", short="loop")


def jg(length: int, clip: int, rng: np.random.Generator) -> Clip:
    """Gao and Nevatia (2018) and COSAM, released code: start in 0..max(0, n-T-1), looped; T is 4 there."""
    return consecutive(length, clip, rng, starts="all-but-last", short="loop")


def strided(
    length: int,
    clip: int,
    stride: int,
    rng: np.random.Generator,
    *,
    short: Short | Literal["random-sorted"] = "loop",
) -> Clip:
    """T frames, `stride` apart, from a random start (TKP, ICCV 2019: 4 frames, stride 8).

    Args:
        length: frames of the tracklet, n.
        clip: frames of the clip, T.
        stride: distance between neighbours.
        rng: draws the start.
        short: what to do where n < T * stride. `loop` is the TKP paper: the tracklet is duplicated until it
            has T * stride frames. `random-sorted` is the TKP code: T random frames in order, distinct where
            there are enough. `repeat-last` and `pad` start at frame 0.

    Raises:
        DataError: no frame, a clip or stride of none, or an unknown word for `short`.
    """
    _check(length, clip, "loop" if short == "random-sorted" else short)
    if stride < 1:
        raise DataError(f"stride={stride} is not possible; take 1 or more")
    span = (clip - 1) * stride + 1
    steps = np.arange(clip) * stride
    if length >= clip * stride:
        return _fit(rng.integers(length - span + 1) + steps, length, "loop")
    if short == "random-sorted":
        drawn = np.sort(rng.choice(length, size=clip, replace=length < clip))
        return Clip(drawn.astype(np.int64), np.ones(clip, dtype=bool))
    if short == "loop":
        duplicated = length * -(-clip * stride // length)
        return _fit(rng.integers(duplicated - span + 1) + steps, length, "loop")
    return _fit(steps, length, short)


def chunked(
    length: int,
    clip: int,
    rng: np.random.Generator | None,
    *,
    pick: Pick = "middle",
    short: Short = "loop",
) -> Clip:
    """One frame from each of T equal parts (ADFD, CVPR 2019; STE-NVAN).

    Args:
        length: frames of the tracklet, n.
        clip: number of parts, T; part t covers frames floor(t*n/T) up to floor((t+1)*n/T).
        rng: draws the frame of each part; None takes a fixed one, for test.
        pick: the fixed one: the `middle` of the part, or its `first` frame (STE-NVAN at test).
        short: what to do where n < T.

    Raises:
        DataError: no frame, a clip of none, or an unknown word for `pick` or `short`.
    """
    _check(length, clip, short)
    if pick not in get_args(Pick):
        raise DataError(f"pick={pick!r} is unknown; take one of {', '.join(get_args(Pick))}")
    if length < clip:
        return _fit(np.arange(clip), length, short)
    borders = np.arange(clip + 1) * length // clip
    sizes = np.diff(borders)
    fixed = (sizes - 1) // 2 if pick == "middle" else np.zeros_like(sizes)
    inside = fixed if rng is None else rng.integers(sizes)
    return _fit(borders[:-1] + inside, length, short)


def evenly(
    length: int,
    clip: int,
    *,
    rule: Literal["ends", "torchreid"] = "ends",
    short: Short = "repeat-last",
) -> Clip:
    """T frames spread evenly, without chance.

    Args:
        length: frames of the tracklet, n.
        clip: frames of the clip, T.
        rule: `ends` spreads from the first to the last frame. `torchreid` takes every floor(n/T)-th frame
            from the first, so that the tail of up to T-1 + floor(n/T)-1 frames is never seen.
        short: what to do where n < T.

    Raises:
        DataError: no frame, a clip of none, or an unknown word for `rule` or `short`.
    """
    _check(length, clip, short)
    if rule not in ("ends", "torchreid"):
        raise DataError(f"rule={rule!r} is unknown; take ends or torchreid")
    if length < clip:
        return _fit(np.arange(clip), length, short)
    if rule == "torchreid":
        return _fit(np.arange(clip) * (length // clip), length, short)
    if clip == 1:
        return _fit(np.array([(length - 1) // 2]), length, short)
    # whole-number rounding to the nearest frame: no float, so no platform decides a tie
    return _fit((2 * np.arange(clip) * (length - 1) + clip - 1) // (2 * (clip - 1)), length, short)


def leading(length: int, clip: int, stride: int, *, short: Short = "loop") -> Clip:
    """T frames from the first one, as far apart as fits: stride, stride/2, ..., 1 (TKP's quick test).

    Args:
        length: frames of the tracklet, n.
        clip: frames of the clip, T.
        stride: the largest distance between neighbours, in frames; halved until T frames fit.
        short: what to do where n < T.

    Raises:
        DataError: no frame, a clip of none, or an unknown word for `short`.
    """
    _check(length, clip, short)
    while stride > 1 and (clip - 1) * stride + 1 > length:
        stride //= 2
    return _fit(np.arange(clip) * max(stride, 1), length, short)


def every(length: int) -> Clip:
    """All frames, in order (GLTR's test)."""
    _check(length, 1, "loop")
    return _fit(np.arange(length), length, "loop")


def shuffled(clip: Clip, rng: np.random.Generator) -> Clip:
    """The same frames in random order: the control for every claim about time. Padding stays at the end."""
    real = np.flatnonzero(clip.mask)
    indices = clip.indices.copy()
    indices[real] = clip.indices[rng.permutation(real)]
    return Clip(indices, clip.mask)


Rule = Callable[[int, int, np.random.Generator], Clip]

RULES: MappingProxyType[str, Rule] = MappingProxyType(
    {
        "consecutive": consecutive,
        "gltr": gltr,
        "jg": jg,
        "tkp": lambda n, t, rng: strided(n, t, 8, rng, short="random-sorted"),
        "tkp-paper": lambda n, t, rng: strided(n, t, 8, rng, short="loop"),
        "chunked": chunked,
        "chunk-middles": lambda n, t, rng: chunked(n, t, None),
        "evenly": lambda n, t, rng: evenly(n, t),
        "torchreid": lambda n, t, rng: evenly(n, t, rule="torchreid"),
        "every": lambda n, t, rng: every(n),
    }
)


def rule(name: str) -> Rule:
    """A sampling rule by the name that recipes use: `rule("gltr")(length, clip, rng) -> Clip`.

    Raises:
        DataError: for an unknown name, with near matches.
    """
    if name not in RULES:
        hint = did_you_mean(name, RULES, cutoff=0.5) or f"known: {', '.join(RULES)}"
        raise DataError(f"there is no frame sampling called {name!r}; {hint}")
    return RULES[name]


def _check(length: int, clip: int, short: str) -> None:
    if length < 1:
        raise DataError(f"a tracklet of {length} frames cannot be sampled; leave empty tracklets out")
    if clip < 1:
        raise DataError(f"a clip of {clip} frames is not possible; take 1 or more")
    if short not in get_args(Short):
        raise DataError(f"short={short!r} is unknown; take one of {', '.join(get_args(Short))}")


def _fit(positions: NDArray[np.int64], length: int, short: str) -> Clip:
    """Fold positions that lie beyond the tracklet back into it."""
    inside = positions < length
    if short == "loop":
        return Clip((positions % length).astype(np.int64), np.ones(len(positions), dtype=bool))
    mask = inside if short == "pad" else np.ones(len(positions), dtype=bool)
    return Clip(np.where(inside, positions, length - 1).astype(np.int64), mask)
