"""Things that stand about: flat pictures with a size in metres, drawn once for each world. Here those of the street.

They serve twice: as part of the scenery behind people, and as occluders in front of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.scenes import hall_props, noise
from datasets.synthwalk.scenes.canvas import Canvas, Sprite, rounded
from datasets.synthwalk.world import styles
from datasets.synthwalk.world.styles import RenderingStyle

Floats = NDArray[np.float64]

OCCLUDERS: Final = (
    "none", "pole", "sign", "trunk", "bush", "bin", "fence", "car", "planter", "pedestrian", *hall_props.DRAW,
)  # fmt: skip
"""Occluder kinds of the masks; a pixel's value is the index here."""
VARIANTS: Final = 4
_PAINT: Final = ((0.30, 0.33, 0.38), (0.66, 0.66, 0.65), (0.24, 0.24, 0.26), (0.48, 0.22, 0.20),
                 (0.40, 0.46, 0.54), (0.60, 0.57, 0.51))  # fmt: skip


def _pole(rng: np.random.Generator, resolution: float) -> Sprite:
    thick = float(rng.uniform(0.12, 0.26))
    c = Canvas(thick, 3.4, resolution)
    grey = float(rng.uniform(0.35, 0.7))
    c.fill(c.x > -9, (grey, grey, 0.97 * grey), rounded(2 * c.x / thick))
    c.darken(c.y < 0.5, 0.8)
    band = float(rng.uniform(1.1, 2.1))
    if rng.random() < 0.6:
        c.fill(np.abs(c.y - band) < 0.16, (0.7, 0.68, 0.62), rounded(2 * c.x / thick))
    return c.done()


def _sign(rng: np.random.Generator, resolution: float) -> Sprite:
    c = Canvas(0.62, 2.3, resolution)
    c.fill(np.abs(c.x) < 0.04, (0.5, 0.51, 0.52), rounded(c.x / 0.04))
    centre = 1.9
    if rng.random() < 0.5:
        plate = np.hypot(c.x, c.y - centre) < 0.30
        inner = np.hypot(c.x, c.y - centre) < 0.21
    else:
        plate = (np.abs(c.x) < 0.29) & (np.abs(c.y - centre) < 0.36)
        inner = (np.abs(c.x) < 0.25) & (np.abs(c.y - centre) < 0.32)
    c.fill(plate, ((0.55, 0.16, 0.15), (0.15, 0.24, 0.45), (0.7, 0.7, 0.68))[int(rng.integers(3))])
    c.fill(inner, (0.74, 0.73, 0.7))
    c.fill(inner & (np.abs(c.y - centre) < 0.05), (0.16, 0.16, 0.18))
    return c.done()


def _trunk(rng: np.random.Generator, resolution: float) -> Sprite:
    c = Canvas(0.8, 3.4, resolution)
    bark = noise.tile(rng, 128, 5, 26)
    lean = 0.05 * exact_math.sin(1.3 * c.y + rng.uniform(0, 6))
    half = float(rng.uniform(0.11, 0.19)) * (1.0 + 0.35 * exact_math.exp(-4.0 * c.y))
    across = (c.x - lean) / half
    rough = 0.2 * noise.look_up(bark, c.y * 30, c.x * 128)
    where = np.abs(across + 0.3 * rough) < 1.0
    c.fill(where, (0.40, 0.34, 0.27), rounded(across) + rough)
    return c.done()


def _bush(rng: np.random.Generator, resolution: float) -> Sprite:
    wide, tall = float(rng.uniform(0.9, 1.7)), float(rng.uniform(0.6, 1.05))
    c = Canvas(wide, tall, resolution)
    leaves, clumps = noise.tile(rng, 128, 30), noise.tile(rng, 128, 9)
    fine = noise.look_up(leaves, c.y * 64, c.x * 64)
    rough = noise.look_up(clumps, c.y * 40, c.x * 40)
    bow = np.sqrt(np.clip(1.0 - np.abs(2 * c.x / wide) ** 2.6, 0.0, 1.0)) * tall * 0.93
    where = c.y < bow * (0.90 + 0.10 * rough) - 0.04 * (1.0 + fine)
    tint = rng.uniform(0.85, 1.15, size=3)
    colour = (0.27 * tint[0], 0.36 * tint[1], 0.19 * tint[2])
    c.fill(where, colour, 0.62 + 0.45 * c.y / tall + 0.28 * fine + 0.25 * rough - 0.2 * c.x / wide)
    return c.done()


def _bin(rng: np.random.Generator, resolution: float) -> Sprite:
    c = Canvas(0.62, float(rng.uniform(0.85, 1.15)), resolution)
    half = 0.23 + 0.05 * c.y / c.tall
    colour = ((0.20, 0.28, 0.22), (0.30, 0.31, 0.33), (0.24, 0.28, 0.36))[int(rng.integers(3))]
    c.fill((np.abs(c.x) < half) & (c.y < 0.88 * c.tall), colour, 1.15 * rounded(c.x / half))
    c.darken((np.abs(c.x) < half) & ((c.x * 14.0) % 1.0 < 0.15) & (c.y < 0.8 * c.tall), 0.8)
    c.fill((np.abs(c.x) < 0.30) & (c.y > 0.86 * c.tall), colour, 0.8 * rounded(c.x / 0.3))
    return c.done()


def _fence(rng: np.random.Generator, resolution: float) -> Sprite:
    wide = float(rng.uniform(1.8, 3.2))
    c = Canvas(wide, 1.05, resolution)
    grey = float(rng.uniform(0.25, 0.5))
    colour = (grey, grey, 1.04 * grey)
    gap = float(rng.uniform(0.13, 0.2))
    c.fill(np.abs((c.x / gap) % 1.0 - 0.5) < 0.10, colour, 0.9)
    for height, thick in ((1.0, 0.04), (0.14, 0.025)):
        c.fill(np.abs(c.y - height) < thick, colour, 1.2)
    c.fill(np.abs(np.abs(c.x) - 0.5 * wide + 0.06) < 0.05, colour, 1.1)
    return c.done()


def _planter(rng: np.random.Generator, resolution: float) -> Sprite:
    wide, tall = float(rng.uniform(0.9, 1.5)), 1.2
    c = Canvas(wide, tall, resolution)
    leaves = noise.tile(rng, 128, 24)
    fine = noise.look_up(leaves, c.y * 64, c.x * 64)
    bow = 0.5 + 0.6 * np.sqrt(np.clip(1.0 - (2.1 * c.x / wide) ** 2, 0.0, 1.0))
    c.fill((c.y < bow - 0.08 * (1 + fine)) & (c.y > 0.4), (0.27, 0.36, 0.20), 0.7 + 0.3 * c.y + 0.35 * fine)
    grey = float(rng.uniform(0.4, 0.6))
    c.fill(c.y < 0.52, (grey, 0.98 * grey, 0.94 * grey), 0.92 - 0.22 * c.x / wide)
    c.fill((c.y < 0.52) & (c.y > 0.46), (1.1 * grey, 1.08 * grey, 1.03 * grey))
    return c.done()


def _car(rng: np.random.Generator, resolution: float) -> Sprite:
    estate = bool(rng.random() < 0.4)
    c = Canvas(4.4, 1.56, resolution)
    nodes_x = np.array([-2.2, -2.12, -1.9, -1.0, -0.28, 0.1, 0.95, 1.45 if not estate else 1.9, 2.08, 2.2])
    nodes_y = np.array([0.52, 0.74, 0.83, 0.94, 1.42, 1.50, 1.48, 1.18 if not estate else 1.30, 0.98, 0.55])
    roof = sum(np.interp(c.x + step, nodes_x, nodes_y) for step in (-0.08, -0.04, 0.0, 0.04, 0.08)) / 5.0
    ends = np.clip((2.2 - np.abs(c.x)) * 6.0, 0.0, 1.0) ** 0.5
    body = (c.y < roof) & (c.y > 0.24 + 0.16 * (1.0 - ends)) & (np.abs(c.x) < 2.19)
    paint = _PAINT[int(rng.integers(len(_PAINT)))]
    flank = 0.86 + 0.30 * exact_math.exp(-(((c.y - 0.78) / 0.10) ** 2)) - 0.35 * np.clip(0.45 - c.y, 0.0, 1.0)
    c.fill(body, paint, flank + 0.35 * np.clip((c.y - roof + 0.08) / 0.08, 0.0, 1.0) * (c.y > 0.8))
    glass = body & (c.y > 0.95) & (c.y < roof - 0.075) & (c.x > -0.92) & (c.x < (1.85 if estate else 1.42))
    c.fill(glass, (0.13, 0.15, 0.17), 0.8 + 0.9 * np.clip(c.y - 0.95, 0, 1) + 0.35 * (((c.x + 0.6 * c.y) % 1.1) < 0.25))
    for pillar in (-0.30 + 0.12, 0.62, 1.35):
        c.fill(glass & (np.abs(c.x - pillar) < 0.045), paint, 0.75)
    for seam in (-0.95, 0.55, 1.30):
        c.darken(body & (np.abs(c.x - seam) < 0.014) & (c.y < 0.93) & (c.y > 0.32), 0.55)
    for handle in (0.32, 1.08):
        c.darken(body & (np.abs(c.x - handle) < 0.09) & (np.abs(c.y - 0.82) < 0.02), 0.6)
    c.fill(body & (c.x < -2.0) & (np.abs(c.y - 0.70) < 0.07), (0.85, 0.84, 0.78))
    c.fill(body & (c.x > 2.02) & (np.abs(c.y - 0.80) < 0.09), (0.52, 0.10, 0.10))
    c.fill(body & (c.y < 0.36), (0.10, 0.10, 0.11))
    for axle in (-1.36, 1.34):
        r = np.hypot(c.x - axle, c.y - 0.33)
        c.fill((r < 0.40) & body, (0.05, 0.05, 0.05))
        c.fill(r < 0.33, (0.08, 0.08, 0.085))
        turn = exact_math.arctan2(c.y - 0.33, c.x - axle)
        c.fill(r < 0.21, (0.50, 0.51, 0.52), 0.8 + 0.3 * exact_math.cos(5.0 * turn))
        c.fill(r < 0.05, (0.25, 0.25, 0.26))
    return c.done()


_DRAW: Final[dict[str, Callable[[np.random.Generator, float], Sprite]]] = {
    "pole": _pole, "sign": _sign, "trunk": _trunk, "bush": _bush, "bin": _bin, "fence": _fence, "car": _car,
    "planter": _planter,
}  # fmt: skip


def draw(kind: str, rng: np.random.Generator, resolution: float, saturation: float = 1.0) -> Sprite:
    """Draw one thing at `resolution` pixels per metre, as a sensor of that saturation sees it.

    Args:
        kind: of the thing.
        rng: draws its looks.
        resolution: pixels per metre.
        saturation: of the sensor; 1 leaves colours as they are.
    """
    sprite = (_DRAW | hall_props.DRAW)[kind](rng, resolution)
    sprite.rgba[..., :3] = styles.faded(sprite.rgba[..., :3], saturation)
    return sprite


def codes(style: RenderingStyle) -> tuple[str, ...]:
    """Names of the occluder codes up to the last one that a world of this style can show."""
    return OCCLUDERS[: 1 + max(OCCLUDERS.index(kind) for kind, _ in style.in_front)]
