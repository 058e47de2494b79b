"""What flat things are drawn on: a picture with coordinates in metres."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]


class Sprite(NamedTuple):
    """A flat picture: rgba [h, w, 4] in 0..1 whose lowest row stands on the ground, and its size in metres."""

    rgba: Floats
    wide: float
    tall: float


class Canvas:
    """Coordinates in metres (x from the middle, y above the ground) and what was drawn so far."""

    def __init__(self, wide: float, tall: float, resolution: float) -> None:
        """An empty picture of so many metres, at `resolution` pixels per metre."""
        h, w = max(2, round(tall * resolution)), max(2, round(wide * resolution))
        self.wide, self.tall = wide, tall
        self.x = np.broadcast_to((np.arange(w) + 0.5) / w * wide - 0.5 * wide, (h, w))
        self.y = np.broadcast_to((tall - (np.arange(h) + 0.5) / h * tall)[:, None], (h, w))
        self.rgba = np.zeros((h, w, 4))

    def fill(self, where: NDArray[np.bool_], colour: tuple[float, ...], bright: Numbers | float = 1.0) -> None:
        """Paint where the mask holds."""
        shaded = np.clip(np.array(colour) * np.broadcast_to(np.asarray(bright), where.shape)[..., None], 0.0, 1.0)
        self.rgba[where, :3] = shaded[where]
        self.rgba[where, 3] = 1.0

    def darken(self, where: NDArray[np.bool_], factor: Floats | float) -> None:
        """Multiply what was drawn."""
        factor = np.broadcast_to(np.asarray(factor), where.shape)
        self.rgba[where, :3] *= factor[where][:, None]

    def done(self) -> Sprite:
        """The finished picture."""
        return Sprite(np.ascontiguousarray(self.rgba), self.wide, self.tall)


def rounded(across: Floats) -> Floats:
    """Brightness over a cylinder lit from the left; `across` runs from -1 to 1."""
    inside = np.sqrt(np.clip(1.0 - across**2, 0.0, 1.0))
    return 0.45 + 0.4 * inside - 0.25 * across
