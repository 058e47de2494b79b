"""Bringing a frame to another size as a published code did; the filters differ most on frames that are made smaller.

``bilinear`` and ``bicubic`` are Pillow's: they average over all pixels that an output pixel covers (antialiasing), as
torchvision's ``Resize`` on images does too; bicubic goes across first, as Pillow did before it chose the cheaper order.
``opencv-linear`` is ``cv2.resize`` with its default ``INTER_LINEAR`` on bytes: four neighbours of the output pixel's
centre, whatever the factor, in fixed point. It is computed here, bit for bit as OpenCV's C++ does it
(``modules/imgproc/src/resize.cpp``: ``HResizeLinear``, ``VResizeLinear``).
"""

from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.errors import DataError

Pixels = NDArray[np.uint8]  # [H,W,3] RGB
Filter = Literal["bilinear", "bicubic", "opencv-linear"]
FILTERS: tuple[Filter, ...] = get_args(Filter)

_PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_BITS = 11  # of OpenCV's weights: 1 is 2048


def resize(pixels: Pixels, size: tuple[int, int], filter_: Filter = "bilinear") -> Pixels:
    """Resize an image; one of the right size is returned untouched.

    Args:
        pixels: uint8 [H,W,3].
        size: (height, width) wanted.
        filter_: see the module.

    Raises:
        DataError: there is no such filter.
    """
    if filter_ not in FILTERS:
        raise DataError(f"resize={filter_!r} is unknown; take one of {', '.join(FILTERS)}")
    if pixels.shape[:2] == size:
        return pixels
    if filter_ == "opencv-linear":
        return _opencv_linear(pixels, size)
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if filter_ == "bicubic":  # overshoots and is clipped between the two passes, so their order counts
        image = image.resize((width, image.height), _PILLOW[filter_])
    return np.asarray(image.resize((width, height), _PILLOW[filter_]))


def _opencv_linear(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """``cv2.resize(pixels, (width, height))``: rows of 11-bit weights across, then down, rounded as OpenCV rounds."""
    (tall, wide), (height, width) = pixels.shape[:2], size
    left, right = _columns(wide, width)
    first, share = _places(tall, height)
    rows = np.unique(np.clip(np.stack([first, first + 1]), 0, tall - 1))  # only what is read
    place = np.zeros(tall, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    band = pixels[rows].astype(np.int32)  # [R,W,3]
    across = band[:, left[0]] * left[1][:, None] + band[:, right[0]] * right[1][:, None]  # [R,width,3], times 2048
    above = across[place[np.clip(first, 0, tall - 1)]] >> 4  # [height,width,3]
    below = across[place[np.clip(first + 1, 0, tall - 1)]] >> 4
    upper, lower = (weight[:, None, None] for weight in _weights(share))
    mixed = (((upper * above) >> 16) + ((lower * below) >> 16) + 2) >> 2
    return mixed.astype(np.uint8)


@cache
def _places(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Along one side: the pixel before each new one's centre, int64 [new], and how far behind it that lies, [new]."""
    factor = 1.0 / (new / old)  # as OpenCV has it
    centre = ((np.arange(new) + 0.5) * factor - 0.5).astype(np.float32)
    before = np.floor(centre)
    return before.astype(np.int64), centre - before


@cache
def _columns(old: int, new: int) -> tuple[tuple[NDArray[np.int64], NDArray[np.int32]], ...]:
    """Both neighbours of each new column with their weights; beyond an edge the pixel on the edge counts alone."""
    before, share = _places(old, new)
    outside = (before < 0) | (before >= old - 1)
    before = np.clip(before, 0, old - 1)
    first, second = _weights(np.where(outside, np.float32(0), share))
    return (before, first), (np.minimum(before + 1, old - 1), second)


def _weights(share: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Weights of the first and the second neighbour in units of 1/2048, halves to even."""
    scale = np.float32(1 << _BITS)
    return np.rint((np.float32(1) - share) * scale).astype(np.int32), np.rint(share * scale).astype(np.int32)
