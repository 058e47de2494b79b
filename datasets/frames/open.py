"""The frames of some tracklets in the form that suits their number: decoded once, or when asked for."""

from collections.abc import Sequence
from pathlib import Path

from datasets.frames.decoded import FrameStore, counted
from datasets.frames.on_demand import PackedFrames
from datasets.images.resize import Filter
from datasets.tracklet import Tracklet
from files.progress import say

DECODED_LIMIT = 8_000_000_000
"""Bytes of pixels up to which frames are decoded once and kept: MARS at 64x32, but not at 256x128 (63 GB)."""


def open_frames(
    tracklets: Sequence[Tracklet],
    root: Path,
    cache: Path,
    size: tuple[int, int],
    *,
    fingerprint: str,
    crop: float = 1.0,
    resize: Filter = "bilinear",
    decoded_limit: int = DECODED_LIMIT,
    progress: bool = True,
) -> FrameStore:
    """Open the frames of tracklets; the pixels are the same in either form, bit for bit.

    Args:
        tracklets: whose frames, in this order.
        root: folder that their frame paths are relative to; a fresh pack in it is read in their place.
        cache: folder for decoded frames. Those that lie there already are used, however many they are.
        size: (height, width).
        fingerprint: of the data set.
        crop, resize: see `FrameStore.build`.
        decoded_limit: bytes; frames that take more when decoded are decoded when asked for, each time.
        progress: show a bar on a terminal while frames are decoded.

    Raises:
        DataError: as `FrameStore.build`.
    """
    needed = int(counted(tracklets, root, size).sum()) * size[0] * size[1] * 3
    if needed <= decoded_limit:
        return FrameStore.build(
            tracklets, root, cache, size, fingerprint=fingerprint, crop=crop, resize=resize, progress=progress
        )
    there = FrameStore.cached(tracklets, root, cache, size, fingerprint=fingerprint, crop=crop, resize=resize)
    if there is not None:
        return there
    say(
        f"frames are decoded when asked for: decoded ones would take {needed / 1e9:.1f} GB, more than the limit of "
        f"{decoded_limit / 1e9:g} GB (--decoded-limit)"
    )
    return PackedFrames.of(tracklets, root, size, fingerprint=fingerprint, crop=crop, resize=resize)
