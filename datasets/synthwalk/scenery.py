"""The street behind the people: one picture for each camera, drawn in true perspective.

Ground and facade are planes that the camera looks at askew, so that paving, kerbs, walls and windows run
towards vanishing points; trees, lamps, hedges and parked cars stand between the last walker and the wall.
A frame's background is the piece of this picture behind the detected box.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import noise, sprites
from datasets.synthwalk.cameras import BEYOND, Camera, project
from datasets.synthwalk.presets import World
from datasets.synthwalk.streams import stream

Floats = NDArray[np.float64]

WALLS = ("brick", "plaster", "panels", "shops", "hedge")
GROUNDS = ("slabs", "asphalt", "cobbles")


def build_scene(world: World, camera: Camera) -> Floats:
    """The empty street as one camera sees it, [rows, columns, 3] in 0..1 before the sensor."""
    rng = stream(world.seed, "scene", camera.number)
    order = stream(world.seed, "walls").permutation(len(WALLS))
    wall = WALLS[int(order[(camera.number - 1) % len(WALLS)])]
    rows, columns = camera.scene
    x = (np.arange(columns) + 0.5 - 0.5 * columns)[None, :] / camera.focal
    y = (0.5 * rows - np.arange(rows) - 0.5)[:, None] / camera.focal
    cp, sp = math.cos(camera.pitch), math.sin(camera.pitch)
    ray_depth, ray_up = cp + y * sp, y * cp - sp  # the ray's depth and rise; across it moves by x
    ck, sk = math.cos(camera.skew), math.sin(camera.skew)
    along_rate, into_rate = x * ck + ray_depth * sk, ray_depth * ck - x * sk

    facade = float(rng.uniform(BEYOND + 2.5, BEYOND + 6.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        to_ground = np.where(ray_up < -1e-6, camera.height / -ray_up, np.inf)
        to_wall = np.where(into_rate > 1e-6, facade / into_rate, np.inf)
    on_wall = to_wall < to_ground
    reach = np.minimum(np.minimum(to_wall, to_ground), 200.0)
    along, into = reach * along_rate, reach * into_rate
    above = camera.height + reach * ray_up
    tiles = {name: noise.tile(rng, 256, cells) for name, cells in (("fine", 60), ("mid", 16), ("broad", 4))}
    ground = _ground(rng, along, into, facade, tiles)
    behind = _WALL_PAINTERS[wall](rng, along, above, tiles)
    behind *= (0.80 + 0.20 * np.clip(above / 0.5, 0.0, 1.0))[..., None]  # dirt and shade at the foot
    picture = np.where(on_wall[..., None], behind, ground)
    picture[above > 7.5] = (0.72, 0.75, 0.78)
    _furnish(rng, world, camera, picture, facade)
    return np.ascontiguousarray(np.clip(picture, 0.0, 1.0))


def _grain(tiles: dict[str, Floats], a: Floats, b: Floats) -> Floats:
    """Stains and grain at positions in metres, around 0."""
    broad = noise.look_up(tiles["broad"], a * 16, b * 16)
    mid = noise.look_up(tiles["mid"], a * 40, b * 40)
    return 0.05 * broad + 0.04 * mid + 0.03 * noise.look_up(tiles["fine"], a * 90, b * 90)


def _lines(position: Floats, period: float, thick: float) -> NDArray[np.bool_]:
    """Where a joint runs."""
    return np.mod(position, period) < thick


def _shade(colour: tuple[float, float, float] | Floats, bright: Floats) -> Floats:
    return np.asarray(colour) * bright[..., None]


def _ground(
    rng: np.random.Generator, along: Floats, into: Floats, facade: float, tiles: dict[str, Floats]
) -> Floats:
    """Pavement, sometimes with a road or a lawn before the facade."""
    kind = GROUNDS[int(rng.integers(len(GROUNDS)))]
    base = np.array((0.53, 0.52, 0.50)) * rng.uniform(0.8, 1.12)
    bright = 1.0 + _grain(tiles, along, into)
    if kind == "slabs":
        size = float(rng.uniform(0.5, 0.9))
        row = np.floor(into / size)
        joint = _lines(into, size, 0.035) | _lines(along + 0.5 * size * np.mod(row, 2.0), 1.4 * size, 0.035)
        stone = noise.look_up(tiles["fine"], 7.0 * row, 7.0 * np.floor((along + 0.5 * size * np.mod(row, 2)) / (1.4 * size)))
        bright = bright + 0.05 * stone - 0.16 * joint
    elif kind == "cobbles":
        row = np.floor(into / 0.16)
        shift = along + 0.11 * np.mod(row, 2.0)
        stone = noise.look_up(tiles["fine"], 5.0 * row, 5.0 * np.floor(shift / 0.22))
        fade = np.clip(1.5 - into / 14.0, 0.2, 1.0)
        bright = bright + fade * (0.09 * stone - 0.15 * (_lines(into, 0.16, 0.03) | _lines(shift, 0.22, 0.03)))
    else:
        base = base * 0.74
        bright = bright + 0.04 * noise.look_up(tiles["fine"], along * 140, into * 140)
    out = _shade(base, bright)
    strip = rng.integers(3)
    if strip == 0:  # a road with kerbs and a worn line
        start = float(rng.uniform(BEYOND - 1.0, BEYOND + 0.5))
        road = (into > start) & (into < facade - 1.4)
        out = np.where(road[..., None], _shade((0.34, 0.34, 0.35), bright), out)
        kerb = (np.abs(into - start) < 0.09) | (np.abs(into - facade + 1.4) < 0.09)
        out = np.where(kerb[..., None], _shade((0.66, 0.65, 0.63), bright), out)
        mark = (np.abs(into - 0.5 * (start + facade - 1.4)) < 0.06) & (np.mod(along, 3.2) < 1.5)
        out = np.where(mark[..., None], _shade((0.72, 0.71, 0.68), bright), out)
    elif strip == 1:  # a lawn
        start = float(rng.uniform(BEYOND - 0.5, BEYOND + 1.0))
        lawn = (into > start) & (into < facade - 0.8)
        blades = 1.0 + 3.0 * _grain(tiles, 2.0 * along, 2.0 * into)
        out = np.where(lawn[..., None], _shade((0.33, 0.40, 0.24), blades), out)
        kerb = np.abs(into - start) < 0.07
        out = np.where(kerb[..., None], _shade((0.62, 0.61, 0.58), bright), out)
    return out


def _openings(
    rng: np.random.Generator, along: Floats, above: Floats, wall: Floats, tiles: dict[str, Floats]
) -> Floats:
    """Doors and windows with frames, sills and reflections, set into a wall."""
    bay = float(rng.uniform(2.6, 3.8))
    number = np.floor(along / bay)
    x = np.mod(along, bay) - 0.5 * bay
    is_door = noise.look_up(tiles["fine"], 11.0 * number, 3.0 + 0.0 * number) > 0.15
    half_door, half_window = 0.52, float(rng.uniform(0.45, 0.75))
    sill = float(rng.uniform(0.8, 1.1))
    door_paint = np.array(((0.27, 0.21, 0.17), (0.20, 0.25, 0.28), (0.34, 0.34, 0.33), (0.25, 0.28, 0.22))[int(rng.integers(4))])
    trim = np.array((0.64, 0.63, 0.60)) * rng.uniform(0.7, 1.1)
    glass = 0.30 + 0.12 * np.clip(above - 1.0, 0, 1.2) + 0.10 * (np.mod(x + 0.5 * above, 1.3) < 0.35)
    out = wall
    for low, high, half, where in (
        (0.0, 2.15, half_door, is_door), (sill, sill + 1.35, half_window, ~is_door), (3.6, 5.0, half_window, is_door | ~is_door)
    ):  # fmt: skip
        frame = where & (np.abs(x) < half + 0.09) & (above > low - 0.06) & (above < high + 0.09)
        out = np.where(frame[..., None], _shade(trim, 1.0 + _grain(tiles, along, above)), out)
        inside = where & (np.abs(x) < half) & (above > low) & (above < high)
        if low == 0.0:
            panel = (np.abs(np.abs(x) - 0.26) < 0.17) & ((np.abs(above - 0.55) < 0.38) | (np.abs(above - 1.45) < 0.42))
            leaf = _shade(door_paint, 1.0 - 0.2 * panel + _grain(tiles, along, above))
            out = np.where(inside[..., None], leaf, out)
            knob = inside & (np.abs(x - 0.40) < 0.035) & (np.abs(above - 1.02) < 0.05)
            out = np.where(knob[..., None], np.array((0.7, 0.66, 0.5)), out)
        else:
            pane = _shade((0.86, 0.94, 1.0), glass)
            bar = (np.abs(x) < 0.03) | (np.abs(above - 0.5 * (low + high)) < 0.025)
            out = np.where(inside[..., None], np.where(bar[..., None], trim, pane), out)
            ledge = where & (np.abs(x) < half + 0.14) & (np.abs(above - low + 0.05) < 0.05)
            out = np.where(ledge[..., None], 1.08 * trim, out)
    return out


def _brick(rng: np.random.Generator, along: Floats, above: Floats, tiles: dict[str, Floats]) -> Floats:
    row = np.floor(above / 0.085)
    shift = along + 0.13 * np.mod(row, 2.0)
    brick = noise.look_up(tiles["fine"], 5.0 * row, 5.0 * np.floor(shift / 0.26))
    mortar = _lines(above, 0.085, 0.014) | _lines(shift, 0.26, 0.016)
    base = np.array(((0.46, 0.31, 0.26), (0.50, 0.41, 0.34), (0.43, 0.36, 0.33))[int(rng.integers(3))])
    wall = _shade(base, 1.0 + 0.14 * brick + _grain(tiles, along, above))
    wall = np.where(mortar[..., None], 0.5 * wall + 0.5 * np.array((0.55, 0.53, 0.50)), wall)
    return _openings(rng, along, above, wall, tiles)


def _plaster(rng: np.random.Generator, along: Floats, above: Floats, tiles: dict[str, Floats]) -> Floats:
    base = np.array(((0.70, 0.66, 0.57), (0.66, 0.66, 0.64), (0.62, 0.55, 0.49), (0.60, 0.63, 0.62))[int(rng.integers(4))])
    wall = _shade(base, 1.0 + 1.2 * _grain(tiles, along, above))
    plinth = above < 0.55
    wall = np.where(plinth[..., None], _shade((0.42, 0.41, 0.40), 1.0 + _grain(tiles, along, above)), wall)
    return _openings(rng, along, above, wall, tiles)


def _panels(rng: np.random.Generator, along: Floats, above: Floats, tiles: dict[str, Floats]) -> Floats:
    joint = _lines(along, 1.5, 0.03) | _lines(above + 0.3, 1.15, 0.03)
    slab = noise.look_up(tiles["fine"], 9.0 * np.floor((above + 0.3) / 1.15), 9.0 * np.floor(along / 1.5))
    wall = _shade((0.57, 0.57, 0.565), 1.0 + 0.06 * slab + 1.3 * _grain(tiles, along, above) - 0.22 * joint)
    poster = (np.mod(along, 6.0) > 1.75) & (np.mod(along, 6.0) < 2.75) & (above > 0.9) & (above < 2.2)
    hue = noise.look_up(tiles["fine"], np.floor(along / 6.0) * 13.0, 0.0 * along)
    ink = np.stack([0.55 + 0.15 * hue, 0.53 - 0.1 * hue, 0.5 - 0.18 * hue], axis=-1)
    text = poster & _lines(above, 0.22, 0.07) & (np.mod(along, 6.0) > 1.9) & (np.mod(along, 6.0) < 2.5)
    wall = np.where(poster[..., None], ink, wall)
    return np.where(text[..., None], 0.5 * ink, wall)


def _shops(rng: np.random.Generator, along: Floats, above: Floats, tiles: dict[str, Floats]) -> Floats:
    bay = 4.2
    number = np.floor(along / bay)
    x = np.mod(along, bay) - 0.5 * bay
    tint = noise.look_up(tiles["fine"], 17.0 * number, 5.0 + 0.0 * number)
    front = np.stack([0.34 + 0.12 * tint, 0.33 + 0.02 * tint, 0.33 - 0.10 * tint], axis=-1)
    wall = front * (1.0 + _grain(tiles, along, above))[..., None]
    window = (np.abs(x) < 1.75) & (above > 0.5) & (above < 2.5)
    depth = noise.look_up(tiles["mid"], above * 24, along * 16)
    wall = np.where(window[..., None], _shade((0.40, 0.40, 0.38), 0.85 + 0.38 * depth + 0.18 * (np.mod(x + above, 1.7) < 0.3)), wall)
    bar = window & ((np.abs(np.abs(x) - 0.6) < 0.035) | (np.abs(above - 2.1) < 0.03))
    wall = np.where(bar[..., None], np.array((0.28, 0.28, 0.29)), wall)
    awning = (above > 2.55) & (above < 3.05)
    cloth = np.stack([0.48 + 0.2 * tint, 0.42 + 0.0 * tint, 0.38 - 0.1 * tint], axis=-1)
    return np.where(awning[..., None], np.where(_lines(along, 0.5, 0.25)[..., None], cloth, np.array((0.66, 0.64, 0.6))), wall)


def _hedge(rng: np.random.Generator, along: Floats, above: Floats, tiles: dict[str, Floats]) -> Floats:
    fine = noise.look_up(tiles["fine"], above * 60, along * 60)
    mid = noise.look_up(tiles["mid"], above * 34, along * 34)
    top = 2.0 + 0.12 * noise.look_up(tiles["mid"], along * 20, 0.0 * along)
    leaves = _shade((0.25, 0.33, 0.19), 0.85 + 0.32 * fine + 0.30 * mid + 0.10 * above)
    crowns = _shade((0.33, 0.40, 0.27), 0.9 + 0.25 * fine + 0.45 * noise.look_up(tiles["broad"], above * 14, along * 12))
    return np.where((above < top)[..., None], leaves, crowns)


_WALL_PAINTERS = {"brick": _brick, "plaster": _plaster, "panels": _panels, "shops": _shops, "hedge": _hedge}


def _furnish(rng: np.random.Generator, world: World, camera: Camera, picture: Floats, facade: float) -> None:
    """Stand trees, lamps, hedges and parked cars before the facade, the farthest first."""
    choice = ("trunk", "pole", "bush", "car", "bin", "sign", "planter", "fence")
    count = int(rng.integers(9, 15))
    places = sorted(((float(rng.uniform(BEYOND + 0.8, facade - 0.4)), float(rng.uniform(-14, 14))) for _ in range(count)), reverse=True)
    for into, along in places:
        kind = choice[int(rng.choice(len(choice), p=(0.22, 0.14, 0.17, 0.17, 0.07, 0.06, 0.09, 0.08)))]
        x = along * math.cos(camera.skew) - into * math.sin(camera.skew)
        depth = along * math.sin(camera.skew) + into * math.cos(camera.skew)
        if depth < BEYOND:
            continue
        column, row, scale = project(camera, np.float64(x), np.float64(depth), 0.0)
        sprite = sprites.draw(kind, rng, float(scale))
        h, w = sprite.rgba.shape[:2]
        top, left = round(float(row)) - h, round(float(column) - 0.5 * w)
        _ground_shadow(picture, float(column), float(row), 0.5 * w, 0.10 * min(h, w))
        r0, r1 = max(0, top), min(picture.shape[0], top + h)
        c0, c1 = max(0, left), min(picture.shape[1], left + w)
        if r0 < r1 and c0 < c1:
            piece = sprite.rgba[r0 - top : r1 - top, c0 - left : c1 - left]
            under = picture[r0:r1, c0:c1]
            picture[r0:r1, c0:c1] = under + piece[..., 3:] * (piece[..., :3] - under)


def _ground_shadow(picture: Floats, column: float, row: float, half: float, depth: float) -> None:
    """A soft dark ellipse where something stands."""
    r0, r1 = max(0, int(row - 2 * depth)), min(picture.shape[0], int(row + 2 * depth) + 1)
    c0, c1 = max(0, int(column - 1.4 * half)), min(picture.shape[1], int(column + 1.4 * half) + 1)
    if r0 >= r1 or c0 >= c1:
        return
    y = (np.arange(r0, r1) - row)[:, None] / max(depth, 1.0)
    x = (np.arange(c0, c1) - column)[None] / max(half, 1.0)
    picture[r0:r1, c0:c1] *= (1.0 - 0.45 * np.exp(-1.4 * (x * x + y * y)))[..., None]
