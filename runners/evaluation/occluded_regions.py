"""Which regions of a frame are called occluded by their scores, and which pixels these are."""

import numpy as np
from numpy.typing import NDArray

Rows = tuple[tuple[int, int], ...]


def occluded_regions(scores: NDArray[np.float32], tau: float) -> NDArray[np.bool_]:
    """Which regions are called occluded: those below the threshold."""
    return scores < tau


def hidden_pixels(calls: NDArray[np.bool_], rows: Rows, height: int, width: int) -> NDArray[np.bool_]:
    """Calls ``[T, K]`` as pixels ``[T, H, W]``: all rows of a called region.

    Args:
        calls: ``[T, K]`` bool.
        rows: first and last one of each region.
        height: of a frame.
        width: of a frame.
    """
    hidden = np.zeros((len(calls), height, width), dtype=bool)
    for region, (top, end) in enumerate(rows):
        hidden[:, top:end] |= calls[:, region, None, None]
    return hidden
