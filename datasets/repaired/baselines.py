"""Repairers without learning: what a learned one has to be better than."""

from collections.abc import Mapping
from importlib.metadata import version as installed_version
from typing import Any

import numpy as np

from datasets.repaired.interface import Footage, Frames, Mask, Repaired, untouched

_NOTHING: Mapping[str, Any] = {}
_AT_ONCE = 1 << 22  # values that a median sorts in one piece, so that memory stays bounded on long tracklets
_LAST = np.uint16(256)  # sorts behind every pixel value


class NoRepair:
    """Everything stays as it is: a set written by it holds the source's bytes."""

    name = "none"
    options = _NOTHING

    def repair(self, footage: Footage) -> Repaired:
        """The footage itself."""
        return untouched(footage)


class Drop:
    """Leave out every frame with a hidden pixel; a tracklet that would become empty is kept whole.

    This is what VRSTC's table 2 does at test time.
    """

    name = "drop"
    options = _NOTHING

    def repair(self, footage: Footage) -> Repaired:
        """The frames in which nothing is hidden."""
        kept = np.flatnonzero(~footage.hidden.any(axis=(1, 2))).astype(np.int64)
        if not len(kept):
            return untouched(footage, kept_whole=True)
        return Repaired(footage.frames[kept], np.zeros_like(footage.hidden[kept]), kept)


class TemporalMedian:
    """Fill a hidden pixel with the median, by channel, of the tracklet's frames that show it.

    The median of an even number is the mean of the middle two, a half rounded up. A pixel that is hidden in
    every frame stays.
    """

    name = "temporal-median"
    options = _NOTHING

    def repair(self, footage: Footage) -> Repaired:
        """All frames; changed is what is hidden here and seen elsewhere in the tracklet."""
        hidden = footage.hidden
        wanted = hidden.any(axis=0) & ~hidden.all(axis=0)  # [H,W]
        frames, changed = footage.frames.copy(), hidden & wanted
        rows, columns = np.nonzero(wanted)
        step = max(1, _AT_ONCE // (3 * len(frames)))
        for start in range(0, len(rows), step):
            y, x = rows[start : start + step], columns[start : start + step]
            frames[:, y, x] = _filled(footage.frames[:, y, x], hidden[:, y, x])
        return Repaired(frames, changed, np.arange(len(frames), dtype=np.int64))


class Inpaint:
    """Continue a frame's own seen pixels smoothly into what is hidden (biharmonic equation).

    Frames with nothing hidden, or with nothing seen, stay. Source: S. B. Damelin and N. S. Hoang, "On Surface
    Completion and Image Inpainting by Biharmonic Functions: Numerical Aspects", 2018, as scikit-image solves it.
    """

    name = "inpaint"

    @property
    def options(self) -> Mapping[str, Any]:
        """The library that solves the equation."""
        return {"scikit-image": installed_version("scikit-image")}

    def repair(self, footage: Footage) -> Repaired:
        """All frames; changed is what is hidden in frames that show something."""
        from skimage.restoration import inpaint_biharmonic  # half a second to import, so not at the top

        hidden = footage.hidden
        frames, changed = footage.frames.copy(), np.zeros_like(hidden)
        for number in np.flatnonzero(hidden.any(axis=(1, 2)) & ~hidden.all(axis=(1, 2))):
            mask = hidden[number].copy()  # the library refuses a read-only one
            painted = inpaint_biharmonic(frames[number], mask, channel_axis=-1)  # 0..1
            frames[number][mask] = np.rint(painted[mask] * 255.0).clip(0, 255).astype(np.uint8)
            changed[number] = mask
        return Repaired(frames, changed, np.arange(len(frames), dtype=np.int64))


def _filled(pixels: Frames, hidden: Mask) -> Frames:
    """Some pixels of all frames [T,P,3], hidden ones [T,P] replaced; each is seen at least once."""
    ordered = np.sort(np.where(hidden[..., None], _LAST, pixels), axis=0)  # the hidden ones come last
    seen = (~hidden).sum(axis=0)  # [P]
    place = np.arange(len(seen))
    low, high = ordered[(seen - 1) // 2, place], ordered[seen // 2, place]  # [P,3]
    return np.where(hidden[..., None], ((low + high + 1) // 2).astype(np.uint8), pixels)
