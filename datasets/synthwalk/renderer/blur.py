"""A Gaussian blur of pictures, in plain NumPy: what `scipy.ndimage.gaussian_filter` gives, bit by bit (tested)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math

Floats = NDArray[np.float64]

_TRUNCATE = 4.0  # standard deviations after which the kernel ends
_STRIP = 1 << 15  # numbers that are summed at once, so that they stay in the processor's cache


def gaussian_blur(picture: Floats, sigmas: Sequence[float]) -> Floats:
    """Blur along each axis; beyond its border a picture goes on with its last row or column.

    Args:
        picture: any shape.
        sigmas: standard deviation along each axis, in pixels; 0 leaves an axis as it is.
    """
    out = picture
    for axis, sigma in enumerate(sigmas):
        if sigma > 0:
            out = _along(out, axis, _kernel(sigma))
    return out


def _kernel(sigma: float) -> Floats:
    """Half of the symmetric kernel, its middle first."""
    radius = int(_TRUNCATE * sigma + 0.5)
    places = np.arange(-radius, radius + 1)
    weights = exact_math.exp(-0.5 / (sigma * sigma) * places**2)
    half: Floats = (weights / weights.sum())[radius:]
    return half


def _along(picture: Floats, axis: int, half: Floats) -> Floats:
    """Sums run from the farthest neighbours inwards: another order would give other last bits."""
    reach, length = len(half) - 1, picture.shape[axis]
    margins = [(reach, reach) if a == axis else (0, 0) for a in range(picture.ndim)]
    wide = np.moveaxis(np.pad(picture, margins, mode="edge"), axis, 0)
    flat = np.ascontiguousarray(wide).reshape(len(wide), -1)  # [length + 2 reach, others]
    out = np.empty((length, flat.shape[1]))
    for low in range(0, flat.shape[1], max(1, _STRIP // length)):
        strip = np.ascontiguousarray(flat[:, low : low + max(1, _STRIP // length)])
        total = strip[reach : reach + length] * half[0]
        for j in range(reach, 0, -1):
            total += (strip[reach - j : reach - j + length] + strip[reach + j : reach + j + length]) * half[j]
        out[:, low : low + strip.shape[1]] = total
    return np.ascontiguousarray(np.moveaxis(out.reshape(length, *np.moveaxis(picture, axis, 0).shape[1:]), 0, axis))
