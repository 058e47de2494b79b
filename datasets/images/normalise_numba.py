"""The compiled loops of `transforms.to_tensor`; imported for many pixels only, because numba takes time to load.

One pass over the memory where single operations take four. Division is division here, not multiplication by an inverse,
so that the bits are those of the operations one by one.
"""

import numpy as np
from numpy.typing import NDArray

from files.numba_cache import compiled

Colours = tuple[float, float, float]


def normalised(
    pixels: NDArray[np.uint8], divisor: float, centre: Colours, spread: Colours, *, channels_last: bool
) -> NDArray[np.float32]:
    """`(pixels / divisor - centre) / spread`, in float32 at every step.

    Args:
        pixels: contiguous uint8 [...,H,W,3].
        divisor: of all colours.
        centre, spread: of each colour.
        channels_last: leave the colours of a pixel beside each other in memory.

    Returns:
        Contiguous float32 [...,H,W,3], or [...,3,H,W] where the colours were parted.
    """
    *ahead, height, width, _ = pixels.shape
    middle, scale = np.array(centre, dtype=np.float32), np.array(spread, dtype=np.float32)
    if channels_last:
        found = np.empty(pixels.shape, dtype=np.float32)
        lines = (pixels.reshape(-1, 3 * width), np.float32(divisor), np.tile(middle, width), np.tile(scale, width))
        _computed(*lines, found.reshape(-1, 3 * width))
        return found
    # A colour has 256 values. Parting the colours stands in the way of computing many at once, not of looking them up.
    table = (np.arange(256, dtype=np.float32) / np.float32(divisor) - middle[:, None]) / scale[:, None]
    found = np.empty((*ahead, 3, height, width), dtype=np.float32)
    _looked_up(pixels.reshape(-1, height * width, 3), table, found.reshape(-1, 3, height * width))
    return found


@compiled
def _computed(
    lines: NDArray[np.uint8],
    divisor: np.float32,
    centre: NDArray[np.float32],
    spread: NDArray[np.float32],
    found: NDArray[np.float32],
) -> None:
    for line in range(lines.shape[0]):
        for place in range(lines.shape[1]):
            found[line, place] = (np.float32(lines[line, place]) / divisor - centre[place]) / spread[place]


@compiled
def _looked_up(images: NDArray[np.uint8], table: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    first, second, third = table[0], table[1], table[2]
    for image in range(images.shape[0]):
        for place in range(images.shape[1]):
            found[image, 0, place] = first[images[image, place, 0]]
            found[image, 1, place] = second[images[image, place, 1]]
            found[image, 2, place] = third[images[image, place, 2]]
