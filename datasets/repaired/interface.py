"""What a repairer is given, what it gives back, and how it is called by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]  # [T,H,W,3] RGB
Mask = NDArray[np.bool_]  # [T,H,W]
Numbers = NDArray[np.int64]  # [T]


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """One tracklet, and which of its pixels are said to be hidden.

    Attributes:
        key: of the tracklet, such as `"0002C1T0012"`.
        frames: uint8 [T,H,W,3] RGB, all frames in time order.
        hidden: bool [T,H,W], true where something is said to stand in front.
    """

    key: str
    frames: Frames
    hidden: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """What became of a tracklet.

    Attributes:
        frames: uint8 [T',H,W,3] RGB, at least one. What stands outside of `changed` is not looked at: the
            source's pixels stay there.
        changed: bool [T',H,W], which pixels were painted anew.
        kept: int64 [T'], the rising numbers (from 0) of the source's frames that these are.
        kept_whole: the repairer would have left out every frame, so all of them were kept.
    """

    frames: Frames
    changed: Mask
    kept: Numbers
    kept_whole: bool = False


@runtime_checkable
class Repairer(Protocol):
    """Makes something else of a tracklet with hidden pixels.

    `repair` is called from several threads at once where a set is written by several workers, and gives the
    same result for the same footage, always.
    """

    @property
    def name(self) -> str:
        """Its name, such as `"inpaint"`."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """JSON values that decide the outcome, beside the footage."""
        ...

    def repair(self, footage: Footage) -> Repaired:
        """Repair one tracklet; the footage is not written to."""
        ...


def untouched(footage: Footage, *, kept_whole: bool = False) -> Repaired:
    """The footage as it is, all frames and no pixel changed."""
    return Repaired(
        footage.frames, np.zeros_like(footage.hidden), np.arange(len(footage.frames), dtype=np.int64), kept_whole
    )
