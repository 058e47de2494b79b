"""Two frame stores used as one: training on two domains at once."""

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.frames.subset import Frames
from datasets.images.resize import Pixels


class FramePair:
    """The tracklets of one store, followed by those of another, without a copy of either.

    Attributes:
        first: its tracklets have the lower numbers.
        second: the others.
        lengths: frames of each tracklet, int64 [N].
        offsets: first row of each among all frames, int64 [N+1].
        size: (height, width) of every frame.
        resize: see `FrameStore`.
    """

    def __init__(self, first: FrameStore, second: FrameStore) -> None:
        """Join two stores.

        Raises:
            DataError: their frames have different sizes.
        """
        if (first.size, first.resize) != (second.size, second.resize):
            raise DataError(
                f"frames of {first.size} and of {second.size} pixels (height, width), resized by {first.resize} and by "
                f"{second.resize}, form no batch; decode both at one size with one filter"
            )
        self.first, self.second, self.size, self.resize = first, second, first.size, first.resize
        self.lengths: NDArray[np.int64] = np.concatenate([first.lengths, second.lengths])
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    def __len__(self) -> int:
        """Number of tracklets of both."""
        return len(self.lengths)

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A copy of some frames by their row among all frames: int64 [...] -> uint8 [...,H,W,3].

        Raises:
            IndexError: if a frame does not exist.
        """
        rows = np.asarray(rows)
        ours = int(self.first.offsets[-1])
        found = np.empty((*rows.shape, *self.size, 3), dtype=np.uint8)
        for store, chosen, shift in ((self.first, rows < ours, 0), (self.second, rows >= ours, ours)):
            found[chosen] = store.gather(rows[chosen] - shift)
        return found

    def original(self, row: int) -> Pixels | None:
        """See `FrameStore.original`; by row among all frames."""
        ours = int(self.first.offsets[-1])
        return self.first.original(row) if row < ours else self.second.original(row - ours)

    def clip(self, tracklet: int, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some frames of one tracklet, numbered from 0: int64 [...] -> uint8 [...,H,W,3].

        Raises:
            IndexError: if a frame does not exist.
        """
        if tracklet < len(self.first):
            return self.first.clip(tracklet, frames)
        return self.second.clip(tracklet - len(self.first), frames)


TrainingFrames = Frames | FramePair
"""What training reads frames from."""
