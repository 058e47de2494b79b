"""Smooth noise for folds, walls, leaves and bark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math

Floats = NDArray[np.float64]


def tile(rng: np.random.Generator, size: int, cells: float, across: float | None = None) -> Floats:
    """A periodic field of smooth noise in [-1, 1] with about `cells` bumps a side [size, size].

    Args:
        rng: draws the field.
        size: pixels a side.
        cells: bumps from top to bottom; from left to right too, without `across`.
        across: bumps from left to right.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    rows = np.fft.fftfreq(size)[:, None] * size / cells
    columns = np.fft.rfftfreq(size)[None] * size / (cells if across is None else across)
    field = np.fft.irfft2(spectrum * exact_math.exp(-(rows**2) - columns**2), s=(size, size))
    return np.clip(field / (2.0 * field.std()), -1.0, 1.0)


def look_up(field: Floats, rows: Floats, columns: Floats) -> Floats:
    """The field at any position, periodic, nearest entry."""
    size = field.shape[0]
    return field[np.floor(rows).astype(np.int64) % size, np.floor(columns).astype(np.int64) % size]
