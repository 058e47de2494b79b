"""The street: paving, a road or lawns, and a row of houses under the sky."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.scenes import noise
from datasets.synthwalk.scenes.facades import Sight, build_houses, grain, joints, lit

Floats = NDArray[np.float64]

GROUNDS: Final = ("slabs", "asphalt", "cobbles")


def paint(rng: np.random.Generator, sight: Sight, tiles: dict[str, Floats]) -> Floats:
    """The empty street [rows, columns, 3] in 0..1."""
    ground = _ground(rng, sight.along, sight.into, sight.facade, sight.beyond, tiles)
    wall = sight.on_wall
    behind = build_houses(rng, np.where(wall, sight.along, 0.0), np.where(wall, sight.above, 0.0), tiles)
    behind *= (0.80 + 0.20 * np.clip(sight.above / 0.5, 0.0, 1.0))[..., None]  # dirt and shade at the foot
    picture = np.where(wall[..., None], behind, ground)
    picture[sight.above > 7.5] = (0.72, 0.75, 0.78)
    return picture


def _ground(
    rng: np.random.Generator, along: Floats, into: Floats, facade: float, beyond: float, tiles: dict[str, Floats]
) -> Floats:
    """Pavement in patches of sun and shade, with lawns or a road before the facade."""
    kind = GROUNDS[int(rng.integers(len(GROUNDS)))]
    base = np.array((0.50, 0.49, 0.47)) * rng.uniform(0.95, 1.05)
    bright = 1.0 + grain(tiles, along, into)
    if kind == "slabs":
        size = float(rng.uniform(0.5, 0.9))
        row = np.floor(into / size)
        shift = along + 0.5 * size * np.mod(row, 2.0)
        stone = noise.look_up(tiles["fine"], 7.0 * row, 7.0 * np.floor(shift / (1.4 * size)))
        bright = bright + 0.05 * stone - 0.16 * (joints(into, size, 0.035) | joints(shift, 1.4 * size, 0.035))
    elif kind == "cobbles":
        row = np.floor(into / 0.16)
        shift = along + 0.11 * np.mod(row, 2.0)
        stone = noise.look_up(tiles["fine"], 5.0 * row, 5.0 * np.floor(shift / 0.22))
        fade = np.clip(1.5 - into / 14.0, 0.2, 1.0)
        bright = bright + fade * (0.09 * stone - 0.15 * (joints(into, 0.16, 0.03) | joints(shift, 0.22, 0.03)))
    else:
        bright = 0.9 * bright + 0.04 * noise.look_up(tiles["fine"], along * 140, into * 140)
    out = lit(base, bright)
    verge = float(rng.uniform(beyond - 1.5, beyond + 0.5))
    if rng.random() < 0.4:  # a road with kerbs and a worn line
        road = (into > verge) & (into < facade - 1.4)
        out = np.where(road[..., None], lit((0.40, 0.40, 0.405), bright), out)
        kerb = (np.abs(into - verge) < 0.09) | (np.abs(into - facade + 1.4) < 0.09)
        out = np.where(kerb[..., None], lit((0.64, 0.63, 0.61), bright), out)
        mark = (np.abs(into - 0.5 * (verge + facade - 1.4)) < 0.06) & (np.mod(along, 3.2) < 1.5)
        out = np.where(mark[..., None], lit((0.68, 0.67, 0.64), bright), out)
    else:  # lawns with paths between them
        plot = np.mod(along + rng.uniform(0, 9), 9.0)
        lawn = (into > verge) & (into < facade - 0.8) & (plot > 2.8)
        out = np.where(lawn[..., None], lit((0.36, 0.41, 0.27), 1.0 + 3.0 * grain(tiles, 2 * along, 2 * into)), out)
        kerb = (np.abs(into - verge) < 0.07) & (plot > 2.8)
        out = np.where(kerb[..., None], lit((0.60, 0.59, 0.56), bright), out)
    shade = noise.look_up(tiles["broad"], 6.0 * along + 40.0, 9.0 * into)
    dapple = noise.look_up(tiles["mid"], 22.0 * along, 30.0 * into)
    return out * (1.0 - 0.17 / (1.0 + exact_math.exp(-7.0 * (shade + 0.35 * dapple))))[..., None]
