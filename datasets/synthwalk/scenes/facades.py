"""Houses along the street: brick, plaster, concrete, shop fronts and hedges, side by side.

Painters take positions in metres (along the street and above the ground, arrays of any shape) and return
colours with one more axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.scenes import noise

Floats = NDArray[np.float64]
Tiles = dict[str, Floats]


class Sight(NamedTuple):
    """What each pixel of a scene looks at; positions in metres, all arrays [rows, columns].

    Attributes:
        along, into, above: where its ray ends: along the wall, towards it, and above the ground.
        on_wall: whether it ends on the wall; else on the ground.
        along_rate, into_rate, up_rate: how the ray runs there, per unit of reach.
        facade: distance of the wall; beyond: where the last people walk.
    """

    along: Floats
    into: Floats
    above: Floats
    on_wall: NDArray[np.bool_]
    along_rate: Floats
    into_rate: Floats
    up_rate: NDArray[np.floating[Any]]
    facade: float
    beyond: float


NARROW, BROAD = 3.5, 9.0  # metres of street that a house takes


def build_houses(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    """A row of different houses.

    Every camera sees several, so that a background tells the place but hardly the camera: with one wall a
    camera the mean colour of a tracklet was a camera detector before it was a description of clothes.

    Args:
        rng: draws the houses.
        along: metres along the wall, of any shape.
        above: metres above the ground, of the same shape.
        tiles: name -> smooth noise, see `noise.tile`.

    Returns:
        Colours [*shape, 3].
    """
    out = np.zeros((*along.shape, 3))
    ends = np.cumsum(rng.uniform(NARROW, BROAD, size=60))
    house = np.searchsorted(ends - ends[29], along)
    for number in np.unique(house):
        inside = house == number
        painter = _PAINTERS[int(rng.choice(len(_PAINTERS), p=_ODDS))]
        out[inside] = painter(rng, along[inside], above[inside], tiles)
    return out


def grain(tiles: Tiles, a: Floats, b: Floats) -> Floats:
    """Stains and grain at positions in metres, around 0."""
    broad = noise.look_up(tiles["broad"], a * 16, b * 16)
    mid = noise.look_up(tiles["mid"], a * 40, b * 40)
    return 0.05 * broad + 0.04 * mid + 0.03 * noise.look_up(tiles["fine"], a * 90, b * 90)


def joints(position: Floats, period: float, thick: float) -> NDArray[np.bool_]:
    """Where a joint runs."""
    return np.mod(position, period) < thick


def lit(colour: tuple[float, float, float] | Floats, bright: Floats) -> Floats:
    return np.asarray(colour) * bright[..., None]


def _openings(rng: np.random.Generator, along: Floats, above: Floats, wall: Floats, tiles: Tiles) -> Floats:
    """Doors and windows with frames, sills and reflections, set into a wall."""
    bay = float(rng.uniform(2.6, 3.8))
    number = np.floor(along / bay)
    x = np.mod(along, bay) - 0.5 * bay
    is_door = noise.look_up(tiles["fine"], 11.0 * number, 3.0 + 0.0 * number) > 0.15
    half_door, half_window = 0.52, float(rng.uniform(0.45, 0.75))
    sill = float(rng.uniform(0.8, 1.1))
    door_paint = np.array(
        ((0.27, 0.21, 0.17), (0.20, 0.25, 0.28), (0.34, 0.34, 0.33), (0.25, 0.28, 0.22))[int(rng.integers(4))]
    )
    trim = np.array((0.64, 0.63, 0.60)) * rng.uniform(0.7, 1.1)
    glass = 0.30 + 0.12 * np.clip(above - 1.0, 0, 1.2) + 0.10 * (np.mod(x + 0.5 * above, 1.3) < 0.35)
    out = wall
    for low, high, half, where in (
        (0.0, 2.15, half_door, is_door),
        (sill, sill + 1.35, half_window, ~is_door),
        (3.6, 5.0, half_window, is_door | ~is_door),
    ):
        frame = where & (np.abs(x) < half + 0.09) & (above > low - 0.06) & (above < high + 0.09)
        out = np.where(frame[..., None], lit(trim, 1.0 + grain(tiles, along, above)), out)
        inside = where & (np.abs(x) < half) & (above > low) & (above < high)
        if low == 0.0:
            panel = (np.abs(np.abs(x) - 0.26) < 0.17) & ((np.abs(above - 0.55) < 0.38) | (np.abs(above - 1.45) < 0.42))
            leaf = lit(door_paint, 1.0 - 0.2 * panel + grain(tiles, along, above))
            out = np.where(inside[..., None], leaf, out)
            knob = inside & (np.abs(x - 0.40) < 0.035) & (np.abs(above - 1.02) < 0.05)
            out = np.where(knob[..., None], np.array((0.7, 0.66, 0.5)), out)
        else:
            pane = lit((0.86, 0.94, 1.0), glass)
            bar = (np.abs(x) < 0.03) | (np.abs(above - 0.5 * (low + high)) < 0.025)
            out = np.where(inside[..., None], np.where(bar[..., None], trim, pane), out)
            ledge = where & (np.abs(x) < half + 0.14) & (np.abs(above - low + 0.05) < 0.05)
            out = np.where(ledge[..., None], 1.08 * trim, out)
    return out


def _brick(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    row = np.floor(above / 0.085)
    shift = along + 0.13 * np.mod(row, 2.0)
    brick = noise.look_up(tiles["fine"], 5.0 * row, 5.0 * np.floor(shift / 0.26))
    mortar = joints(above, 0.085, 0.014) | joints(shift, 0.26, 0.016)
    base = np.array(((0.46, 0.31, 0.26), (0.50, 0.41, 0.34), (0.43, 0.36, 0.33))[int(rng.integers(3))])
    wall = lit(base, 1.0 + 0.14 * brick + grain(tiles, along, above))
    wall = np.where(mortar[..., None], 0.5 * wall + 0.5 * np.array((0.55, 0.53, 0.50)), wall)
    return _openings(rng, along, above, wall, tiles)


def _plaster(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    base = np.array(
        ((0.70, 0.66, 0.57), (0.66, 0.66, 0.64), (0.62, 0.55, 0.49), (0.60, 0.63, 0.62))[int(rng.integers(4))]
    )
    wall = lit(base, 1.0 + 1.2 * grain(tiles, along, above))
    plinth = above < 0.55
    wall = np.where(plinth[..., None], lit((0.42, 0.41, 0.40), 1.0 + grain(tiles, along, above)), wall)
    return _openings(rng, along, above, wall, tiles)


def _panels(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    joint = joints(along, 1.5, 0.03) | joints(above + 0.3, 1.15, 0.03)
    slab = noise.look_up(tiles["fine"], 9.0 * np.floor((above + 0.3) / 1.15), 9.0 * np.floor(along / 1.5))
    wall = lit((0.57, 0.57, 0.565), 1.0 + 0.06 * slab + 1.3 * grain(tiles, along, above) - 0.22 * joint)
    poster = (np.mod(along, 6.0) > 1.75) & (np.mod(along, 6.0) < 2.75) & (above > 0.9) & (above < 2.2)
    hue = noise.look_up(tiles["fine"], np.floor(along / 6.0) * 13.0, 0.0 * along)
    ink = np.stack([0.55 + 0.15 * hue, 0.53 - 0.1 * hue, 0.5 - 0.18 * hue], axis=-1)
    text = poster & joints(above, 0.22, 0.07) & (np.mod(along, 6.0) > 1.9) & (np.mod(along, 6.0) < 2.5)
    wall = np.where(poster[..., None], ink, wall)
    return np.where(text[..., None], 0.5 * ink, wall)


def _shops(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    bay = 4.2
    number = np.floor(along / bay)
    x = np.mod(along, bay) - 0.5 * bay
    tint = noise.look_up(tiles["fine"], 17.0 * number, 5.0 + 0.0 * number)
    front = np.stack([0.34 + 0.12 * tint, 0.33 + 0.02 * tint, 0.33 - 0.10 * tint], axis=-1)
    wall = front * (1.0 + grain(tiles, along, above))[..., None]
    window = (np.abs(x) < 1.75) & (above > 0.5) & (above < 2.5)
    depth = noise.look_up(tiles["mid"], above * 24, along * 16)
    wall = np.where(
        window[..., None], lit((0.40, 0.40, 0.38), 0.85 + 0.38 * depth + 0.18 * (np.mod(x + above, 1.7) < 0.3)), wall
    )
    bar = window & ((np.abs(np.abs(x) - 0.6) < 0.035) | (np.abs(above - 2.1) < 0.03))
    wall = np.where(bar[..., None], np.array((0.28, 0.28, 0.29)), wall)
    awning = (above > 2.55) & (above < 3.05)
    cloth = np.stack([0.48 + 0.2 * tint, 0.42 + 0.0 * tint, 0.38 - 0.1 * tint], axis=-1)
    return np.where(
        awning[..., None], np.where(joints(along, 0.5, 0.25)[..., None], cloth, np.array((0.66, 0.64, 0.6))), wall
    )


def _hedge(rng: np.random.Generator, along: Floats, above: Floats, tiles: Tiles) -> Floats:
    fine = noise.look_up(tiles["fine"], above * 60, along * 60)
    mid = noise.look_up(tiles["mid"], above * 34, along * 34)
    top = 2.0 + 0.12 * noise.look_up(tiles["mid"], along * 20, 0.0 * along)
    leaves = lit((0.25, 0.33, 0.19), 0.85 + 0.32 * fine + 0.30 * mid + 0.10 * above)
    crowns = lit((0.33, 0.40, 0.27), 0.9 + 0.25 * fine + 0.45 * noise.look_up(tiles["broad"], above * 14, along * 12))
    return np.where((above < top)[..., None], leaves, crowns)


_PAINTERS: Final[tuple[Callable[..., Floats], ...]] = (_brick, _plaster, _panels, _shops, _hedge)
_ODDS: Final = (0.25, 0.3, 0.15, 0.15, 0.15)
