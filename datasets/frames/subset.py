"""Some frames of a frame store, used like a store of their own: training on frames that nothing hides."""

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.images.resize import Pixels


class FrameSelection:
    """The kept frames of a store, without a copy of them; tracklets that keep none are gone.

    Attributes:
        base: the store that holds the pixels.
        rows: row of `base.flat()` of each kept frame, int64 [F'].
        tracklets: number in `base` of each tracklet that keeps a frame, int64 [N'].
        lengths: kept frames of each such tracklet, int64 [N'].
        offsets: first row of each among the kept frames, int64 [N'+1].
        size: (height, width) of every frame.
        resize: see `FrameStore`.
    """

    def __init__(self, base: FrameStore, keep: NDArray[np.bool_]) -> None:
        """Select frames.

        Args:
            base: the store.
            keep: bool [F], true for each frame of `base.flat()` that is kept.

        Raises:
            DataError: if `keep` does not fit the store, or keeps nothing.
        """
        if keep.dtype != np.bool_ or keep.shape != (int(base.offsets[-1]),):
            raise DataError(
                f"the selection is {keep.dtype} {list(keep.shape)}, expected bool [{base.offsets[-1]}]: one entry for "
                "each frame of the store; make it from the frames of this very store"
            )
        if not keep.any():
            raise DataError(f"none of the {len(keep):,} frames is selected, so nothing is left; select less strictly")
        owner = np.repeat(np.arange(len(base)), base.lengths)
        kept = np.bincount(owner[keep], minlength=len(base)).astype(np.int64)
        self.base = base
        self.rows = np.flatnonzero(keep).astype(np.int64)
        self.tracklets = np.flatnonzero(kept).astype(np.int64)
        self.lengths: NDArray[np.int64] = kept[self.tracklets]
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self.size, self.resize = base.size, base.resize

    def __len__(self) -> int:
        """Number of tracklets that keep a frame."""
        return len(self.lengths)

    def flat(self) -> NDArray[np.uint8]:
        """A copy of all kept frames, uint8 [F',H,W,3] RGB; `gather` reads only those that are wanted."""
        return np.asarray(self.base.flat()[self.rows])

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A copy of some kept frames by their number among all kept ones: int64 [...] -> uint8 [...,H,W,3].

        Raises:
            IndexError: if a frame does not exist.
        """
        return np.asarray(self.base.flat()[self.rows[rows]])

    def original(self, row: int) -> Pixels | None:
        """See `FrameStore.original`; by number among all kept frames."""
        return self.base.original(int(self.rows[row]))

    def clip(self, tracklet: int, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some kept frames of one tracklet.

        Args:
            tracklet: number of the tracklet among those that keep a frame.
            frames: numbers from 0 among the tracklet's kept frames, int64 of any shape [...].

        Returns:
            A copy, uint8 [...,H,W,3] RGB.

        Raises:
            IndexError: if a frame does not exist or was not kept.
        """
        chosen = np.asarray(frames)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= self.lengths[tracklet]):
            raise IndexError(
                f"tracklet {tracklet} keeps {self.lengths[tracklet]} frames, "
                f"but frames {chosen.min()} to {chosen.max()} were asked for"
            )
        return self.gather(self.offsets[tracklet] + chosen)


Frames = FrameStore | FrameSelection
"""What training and extraction read frames from."""
