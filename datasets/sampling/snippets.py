"""Cutting a whole tracklet into clips of one length, for test (and for CSA's training)."""

from typing import Literal, get_args

import numpy as np

from datasets.errors import DataError
from datasets.sampling.clips import Clip

Rest = Literal["loop", "wrap", "repeat-last", "pad", "drop"]


def snippets(length: int, clip: int, rest: Rest = "loop") -> Clip:
    """Cut n frames into neighbouring clips of T frames.

    Args:
        length: frames of the tracklet, n.
        clip: frames of a clip, T.
        rest: what becomes of the last n mod T frames. `loop`: they are repeated among themselves until the
            clip is full (Gao and Nevatia, COSAM: n=10, T=4 ends with 8 9 8 9). `wrap`: the clip goes on with
            the tracklet's first frames (8 9 0 1). `repeat-last`: 8 9 9 9. `pad`: 8 9 and two masked frames
            (TKP's chunks of 32, whose last one is short). `drop`: left out, unless there is nothing else.

    Returns:
        Indices and mask of shape [S,T]; S is ceil(n/T), or max(1, floor(n/T)) for `drop`.

    Raises:
        DataError: no frame, a clip of none, or an unknown word for `rest`.
    """
    _check(length, clip)
    if rest not in get_args(Rest):
        raise DataError(f"rest={rest!r} is unknown; take one of {', '.join(get_args(Rest))}")
    if rest == "drop" and length >= clip:
        return snippets(length - length % clip, clip, "loop")
    number = -(-length // clip)
    positions = np.arange(number * clip)
    inside = positions < length
    mask = np.ones(len(positions), dtype=bool)
    if rest == "wrap":
        positions = positions % length
    elif rest in ("loop", "drop"):
        start = (number - 1) * clip
        positions = np.where(inside, positions, start + (positions - start) % (length - start))
    else:
        positions = np.minimum(positions, length - 1)
        mask = inside if rest == "pad" else mask
    return Clip(positions.reshape(number, clip).astype(np.int64), mask.reshape(number, clip))


def windows(length: int, clip: int, stride: int) -> Clip:
    """All windows of T frames at starts 0, stride, 2*stride, ... below n-T (CSA, CVPR 2018, released code).

    The window that would end at the last frame is left out there, and kept out here. A tracklet without any
    window gives one, filled with its last frame.

    Returns:
        Indices and mask of shape [S,T].

    Raises:
        DataError: no frame, or a clip or stride of none.
    """
    _check(length, clip)
    if stride < 1:
        raise DataError(f"stride={stride} is not possible; take 1 or more")
    starts = np.arange(0, max(length - clip, 1), stride)
    indices = np.minimum(starts[:, None] + np.arange(clip), length - 1)
    return Clip(indices.astype(np.int64), np.ones(indices.shape, dtype=bool))


def overlapping(length: int, clip: int, stride: int, rest: Rest = "loop") -> Clip:
    """Windows of T frames at starts 0, stride, 2*stride, ..., and one more that ends at the last frame if none does.

    Every frame is seen. A tracklet of fewer than T frames gives one clip, filled as in `snippets`.

    Args:
        length: frames of the tracklet, n.
        clip: frames of a window, T.
        stride: frames between two starts.
        rest: how one of fewer than T frames is filled, see `snippets`.

    Returns:
        Indices and mask of shape [S,T].

    Raises:
        DataError: no frame, a clip or stride of none, or, of a short tracklet, an unknown word for `rest`.
    """
    _check(length, clip)
    if stride < 1:
        raise DataError(f"stride={stride} is not possible; take 1 or more")
    if length <= clip:
        return snippets(length, clip, rest)
    starts = np.unique(np.append(np.arange(0, length - clip, stride), length - clip))
    indices = starts[:, None] + np.arange(clip)
    return Clip(indices.astype(np.int64), np.ones(indices.shape, dtype=bool))


def wrapping(length: int, clip: int) -> Clip:
    """A window of T frames from every frame, going on at the first one: n clips, each frame T times in all (M3D).

    Returns:
        Indices and mask of shape [n,T].
    """
    _check(length, clip)
    indices = (np.arange(length)[:, None] + np.arange(clip)) % length
    return Clip(indices.astype(np.int64), np.ones(indices.shape, dtype=bool))


def strided_clips(length: int, clip: int, stride: int) -> Clip:
    """Clips of T frames that lie ``stride`` apart, which together cover the tracklet (BiCnet's training clip, at test).

    The tracklet is looped to a multiple of T*stride frames; each block of so many gives ``stride`` clips that
    interleave, from its first ``stride`` frames on.

    Returns:
        Indices and mask of shape [S,T].

    Raises:
        DataError: no frame, or a clip or stride of none.
    """
    _check(length, clip)
    if stride < 1:
        raise DataError(f"stride={stride} is not possible; take 1 or more")
    blocks = -(-length // (clip * stride))
    starts = (np.arange(blocks)[:, None] * clip * stride + np.arange(stride)).reshape(-1, 1)
    indices = (starts + np.arange(clip) * stride) % length
    return Clip(indices.astype(np.int64), np.ones(indices.shape, dtype=bool))


def _check(length: int, clip: int) -> None:
    if length < 1 or clip < 1:
        raise DataError(
            f"{length} frames cannot be cut into clips of {clip}; both must be 1 or more: leave empty tracklets out"
        )
