"""A descriptor without learning, to see how much of a data set is solved by the colour of clothes alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .errors import ProtocolError

STRIPES = 8


def stripe_colours(frames: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Mean colour of eight horizontal stripes, averaged over the frames.

    Rows are shared out as evenly as whole rows allow: stripe s holds rows floor(s H / 8) to floor((s+1) H / 8).

    Args:
        frames: [T, H, W, 3] uint8 RGB, H at least 8.
        mask: [T] true for real frames; all by default.

    Returns:
        [24] in [0, 255]: red, green, blue of the top stripe first.

    Raises:
        ProtocolError: wrong shape or type, or no real frame.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise ProtocolError(f"frames must be [T, H, W, 3] uint8, got {frames.shape} {frames.dtype}")
    if mask is not None:
        if np.shape(mask) != frames.shape[:1]:
            raise ProtocolError(f"mask must have {len(frames)} entries, got shape {np.shape(mask)}")
        frames = frames[np.asarray(mask, dtype=bool)]
    height = frames.shape[1]
    if len(frames) == 0 or height < STRIPES:
        raise ProtocolError(f"need at least one frame of {STRIPES} rows, got shape {frames.shape}")
    edges = np.arange(STRIPES + 1) * height // STRIPES
    rows = frames.mean(axis=(0, 2))  # [H, 3]
    return np.concatenate([rows[a:b].mean(axis=0) for a, b in pairwise(edges)])
