"""Where a person can truly be seen in the frames of the test half, as a frame or a network's map of any size has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.synthwalk.truth import Truth
from datasets.tracklet import Split
from runners.evaluation.encode import TestInputs
from runners.ground_truth.scenes import BAGS
from runners.oracles.interface import Mask, truth_of
from runners.training.frame_pass import FramePass

Floats64 = NDArray[np.float64]
_FRAMES_AT_ONCE = 4096


def seen_mask(truth: Truth, mask: Mask) -> NDArray[np.bool_]:
    """What can be seen of the person, or of the person with what is carried: ``[T, H, W]``."""
    seen = (truth.labels > 0) & (truth.occluders == 0)
    return seen & ~np.isin(truth.labels, BAGS) if mask == "person" else seen


def pass_of(inputs: TestInputs, split: Split) -> FramePass:
    """The test half of a split as a network's inputs have it, frame by frame."""
    assert isinstance(inputs.store, FrameStore)  # the raw test half
    return FramePass(split, "test", inputs.store, inputs.normalise, inputs.device, inputs.precision)


@dataclass(frozen=True)
class VisibleMasks:
    """The masks of all test frames, eight pixels a byte.

    Attributes:
        bits: uint8 ``[F, ceil(H W / 8)]``.
        size: H and W.
    """

    bits: NDArray[np.uint8]
    size: tuple[int, int]

    @classmethod
    def of(cls, split: Split, mask: Mask) -> Self:
        """Those of a split's test half.

        Raises:
            DataError: the truth of a tracklet is missing or damaged.
            RunError: it is of another number of frames.
        """
        sizes: set[tuple[int, int]] = set()

        def packed() -> Iterator[NDArray[np.uint8]]:
            for tracklet in split.test:
                seen = seen_mask(truth_of(split, tracklet), mask)
                sizes.add((seen.shape[1], seen.shape[2]))
                yield np.packbits(seen.reshape(len(seen), -1), axis=1)

        bits = np.concatenate(list(packed()))
        (size,) = sizes  # a data set is rendered at one size
        return cls(bits, size)

    def shares(self, rows: NDArray[np.int64], size: tuple[int, int], crop: float = 1.0) -> NDArray[np.float32]:
        """Which share of each place is the person, by row of the frame store: ``[n]`` -> ``[n, h, w]``.

        Args:
            rows: of frames.
            size, crop: as in `area_average`.
        """
        whole = np.unpackbits(self.bits[rows], axis=1, count=self.size[0] * self.size[1])
        return area_average(whole.reshape(len(rows), *self.size), size, crop)

    def shown(self, crop: float = 1.0) -> NDArray[np.bool_]:
        """Whether anything of the person can be seen in each frame, as far as it is not cut off: ``[F]``."""
        total = len(self.bits)
        rows = (np.arange(first, min(first + _FRAMES_AT_ONCE, total)) for first in range(0, total, _FRAMES_AT_ONCE))
        return np.concatenate([self.shares(some, (1, 1), crop)[:, 0, 0] > 0 for some in rows])


def area_average(masks: NDArray[np.generic], size: tuple[int, int], crop: float = 1.0) -> NDArray[np.float32]:
    """Masks as a network's map sees them: the mean of a mask over the area of each place.

    Args:
        masks: ``[..., H, W]`` bool or numbers, of whole frames.
        size: height and width of the map; its places are rectangles of one size that may cut pixels.
        crop: frames are enlarged by this before the centre is cut out, see `FrameStore`.

    Returns:
        ``[..., h, w]``.
    """
    height, width = masks.shape[-2:]
    rows, columns = _shares(size[0], height, crop), _shares(size[1], width, crop)
    return np.asarray(rows @ masks.astype(np.float64) @ columns.T, dtype=np.float32)


def _shares(places: int, pixels: int, crop: float) -> Floats64:
    """``[places, pixels]``: which share of a place along one axis each pixel is; rows sum to 1."""
    begin = pixels * (1 - 1 / crop) / 2
    edges = begin + np.arange(places + 1) * (pixels - 2 * begin) / places
    numbers = np.arange(pixels)
    low = np.maximum(edges[:-1, None], numbers)
    high = np.minimum(edges[1:, None], numbers + 1)
    overlaps = np.maximum(high - low, 0.0)
    found: Floats64 = overlaps / overlaps.sum(axis=1, keepdims=True)
    return found
