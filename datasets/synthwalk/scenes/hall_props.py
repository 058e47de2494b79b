"""Things that stand in a shopping hall; `props` holds those of the street and what both share: planter and bin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from datasets.synthwalk import exact_math
from datasets.synthwalk.scenes import noise
from datasets.synthwalk.scenes.canvas import Canvas, Sprite, rounded

_GOODS: Final = np.array(
    ((0.72, 0.30, 0.28), (0.30, 0.42, 0.62), (0.82, 0.76, 0.62), (0.30, 0.30, 0.32), (0.42, 0.56, 0.40),
     (0.80, 0.62, 0.34), (0.62, 0.42, 0.58), (0.88, 0.86, 0.82))
)  # fmt: skip
"""Colours of what is for sale."""


def _column(rng: np.random.Generator, resolution: float) -> Sprite:
    thick = float(rng.uniform(0.4, 0.62))
    c = Canvas(thick, 3.6, resolution)
    tint = rng.uniform(0.92, 1.04)
    c.fill(c.x > -9, (0.80 * tint, 0.77 * tint, 0.71 * tint), 0.25 + 0.8 * rounded(0.6 * c.x / thick))
    if rng.random() < 0.6:  # steel or dark stone up to the waist
        shade = 0.42 if rng.random() < 0.5 else 0.62
        c.fill(c.y < rng.uniform(0.12, 1.1), (shade, shade, 1.02 * shade), 0.2 + 0.9 * rounded(1.6 * c.x / thick))
    c.darken(np.abs(c.y - 0.11) < 0.02, 0.7)
    return c.done()


def _board(rng: np.random.Generator, resolution: float) -> Sprite:
    """A lit advertisement on a stand."""
    wide, tall = float(rng.uniform(0.65, 0.95)), float(rng.uniform(1.6, 2.0))
    c = Canvas(wide, tall, resolution)
    c.fill(c.y > 0.08, (0.34, 0.34, 0.36))
    c.fill(c.y <= 0.08, (0.22, 0.22, 0.23))
    panel = (np.abs(c.x) < 0.5 * wide - 0.05) & (c.y > 0.28) & (c.y < tall - 0.06)
    ground, ink = rng.choice(len(_GOODS), size=2, replace=False)
    c.fill(panel, tuple(0.35 + 0.6 * _GOODS[ground]), 0.9 + 0.12 * c.y / tall)
    centre = rng.uniform(0.55, 0.68) * tall
    shape = np.hypot(c.x / (0.3 * wide), (c.y - centre) / (0.2 * tall)) < 1.0
    c.fill(panel & shape, tuple(_GOODS[ink]))
    text = panel & (c.y < 0.38 * tall) & (np.mod(c.y, 0.11) < 0.05) & (np.abs(c.x) < 0.32 * wide)
    c.fill(text, tuple(0.6 * _GOODS[ink]))
    return c.done()


def _bench(rng: np.random.Generator, resolution: float) -> Sprite:
    wide = float(rng.uniform(1.4, 2.1))
    back = bool(rng.random() < 0.5)
    c = Canvas(wide, 0.86 if back else 0.46, resolution)
    wood = (0.58, 0.42, 0.27) if rng.random() < 0.6 else (0.38, 0.34, 0.31)
    legs = (np.abs(np.abs(c.x) - 0.5 * wide + 0.2) < 0.045) & (c.y < 0.4)
    c.fill(legs, (0.50, 0.50, 0.52))
    c.fill((c.y > 0.34) & (c.y < 0.46), wood, 0.85 + 0.25 * (c.y > 0.40))
    if back:
        slats = (c.y > 0.52) & (np.mod(c.y - 0.52, 0.12) < 0.085)
        c.fill(slats, wood, 0.95)
        c.fill((np.abs(np.abs(c.x) - 0.5 * wide + 0.2) < 0.03) & (c.y > 0.44), (0.50, 0.50, 0.52))
    return c.done()


def _kiosk(rng: np.random.Generator, resolution: float) -> Sprite:
    """A counter with goods on it and a roof on two posts."""
    wide = float(rng.uniform(1.6, 2.4))
    c = Canvas(wide, 2.35, resolution)
    front = _GOODS[int(rng.integers(len(_GOODS)))]
    c.fill(c.y < 1.02, tuple(0.3 + 0.45 * front), 0.95 - 0.1 * (np.mod(c.x, 0.42) < 0.02))
    c.fill((c.y > 0.96) & (c.y < 1.04), (0.78, 0.74, 0.68))
    c.fill(c.y < 0.09, (0.25, 0.24, 0.24))
    number = np.floor((c.x + 9.0) / 0.15).astype(np.int64)
    heights, kinds = rng.uniform(0.08, 0.34, size=256), rng.integers(len(_GOODS), size=256)
    goods = (c.y > 1.04) & (c.y < 1.04 + heights[number % 256]) & (np.mod(c.x + 9.0, 0.15) < 0.125)
    for kind in np.unique(kinds[np.unique(number % 256)]):
        c.fill(goods & (kinds[number % 256] == kind), tuple(_GOODS[kind]))
    c.fill((np.abs(np.abs(c.x) - 0.5 * wide + 0.07) < 0.035) & (c.y > 1.0), (0.55, 0.55, 0.57))
    c.fill(c.y > 2.08, tuple(0.25 + 0.7 * front), 1.0)
    c.fill((np.abs(c.y - 2.21) < 0.05) & (np.abs(c.x) < 0.3 * wide) & (np.mod(c.x, 0.16) < 0.11), (0.93, 0.91, 0.86))
    return c.done()


def _rack(rng: np.random.Generator, resolution: float) -> Sprite:
    """A rail with garments in front of a shop."""
    wide = float(rng.uniform(1.1, 1.7))
    c = Canvas(wide, 1.5, resolution)
    steel = (0.62, 0.62, 0.64)
    c.fill(np.abs(c.y - 1.46) < 0.03, steel)
    c.fill(np.abs(np.abs(c.x) - 0.5 * wide + 0.04) < 0.022, steel)
    c.fill(c.y < 0.05, steel, 0.8)
    number = np.floor((c.x + 9.0) / 0.11).astype(np.int64) % 64
    length, kinds = rng.uniform(0.55, 1.0, size=64), rng.integers(len(_GOODS), size=64)
    hung = (np.abs(c.x) < 0.5 * wide - 0.1) & (c.y < 1.42) & (c.y > 1.42 - length[number])
    fold = 0.78 + 0.3 * exact_math.sin(np.pi * np.mod(c.x + 9.0, 0.11) / 0.11)
    for kind in np.unique(kinds[np.unique(number)]):
        c.fill(hung & (kinds[number] == kind), tuple(_GOODS[kind]), fold)
    return c.done()


def _barrier(rng: np.random.Generator, resolution: float) -> Sprite:
    """Posts with a belt between them."""
    wide = float(rng.uniform(1.7, 2.6))
    c = Canvas(wide, 0.98, resolution)
    posts = np.abs(np.abs(c.x) - 0.5 * wide + 0.16)
    sag = 0.82 - 0.06 * (1.0 - (2.0 * c.x / wide) ** 2)
    belt = _GOODS[int(rng.integers(4))]
    c.fill((np.abs(c.y - sag) < 0.035) & (np.abs(c.x) < 0.5 * wide - 0.16), tuple(belt))
    c.fill(posts < 0.035, (0.66, 0.66, 0.68), 0.9)
    c.fill((posts < 0.155) & (c.y < 0.04), (0.40, 0.40, 0.41))
    return c.done()


def _trolley(rng: np.random.Generator, resolution: float) -> Sprite:
    """A shopping trolley, half full."""
    c = Canvas(1.0, 1.02, resolution)
    slope = 0.42 + 0.06 * (c.x + 0.5)
    basket = (c.y > slope) & (c.y < 0.86 + 0.06 * c.x) & (c.x > -0.42 + 0.1 * (0.86 - c.y)) & (c.x < 0.47)
    patch = noise.look_up(noise.tile(rng, 64, 10), c.y * 90, c.x * 90)
    kinds = np.floor(4.0 * (patch + 1.0)).astype(np.int64) % len(_GOODS)
    goods = basket & (c.y < slope + rng.uniform(0.15, 0.32))
    for kind in np.unique(kinds):
        c.fill(goods & (kinds == kind), tuple(_GOODS[kind]), 0.85)
    wire = basket & ((np.mod(c.x, 0.07) < 0.02) | (np.mod(c.y, 0.07) < 0.02))
    c.fill(wire, (0.70, 0.71, 0.73))
    c.fill((np.abs(c.y - 0.95) < 0.03) & (c.x < -0.3), (0.68, 0.26, 0.24))
    c.fill((np.abs(c.x + 0.42 - 0.15 * (0.95 - c.y)) < 0.022) & (c.y > 0.16), (0.66, 0.67, 0.69))
    c.fill((np.abs(c.y - 0.2) < 0.022) & (np.abs(c.x) < 0.4), (0.66, 0.67, 0.69))
    for wheel in (-0.3, 0.36):
        c.fill(np.hypot(c.x - wheel, c.y - 0.07) < 0.065, (0.18, 0.18, 0.19))
    return c.done()


DRAW: Final[dict[str, Callable[[np.random.Generator, float], Sprite]]] = {
    "column": _column, "board": _board, "bench": _bench, "kiosk": _kiosk, "rack": _rack, "barrier": _barrier,
    "trolley": _trolley,
}  # fmt: skip
"""Painters by kind; the order is that of the codes in the masks, so new ones go to the end."""
