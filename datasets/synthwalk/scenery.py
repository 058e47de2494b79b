"""The street behind the people: one picture for each camera, drawn in true perspective.

Ground and facade are planes that the camera looks at askew, so that paving, kerbs, walls and windows run
towards vanishing points; trees, lamps, hedges and parked cars stand between the last walker and the wall.
A frame's background is the piece of this picture behind the detected box.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datasets.synthwalk import noise, sprites
from datasets.synthwalk.cameras import BEYOND, Camera, project
from datasets.synthwalk.presets import World
from datasets.synthwalk.streams import stream
from datasets.synthwalk.walls import build_houses, grain, joints, lit

Floats = NDArray[np.float64]

LEVEL = 0.50  # brightness that exposure aims at
HAZE = 0.7  # how much of the contrast of the houses the air takes
EVENNESS = 0.97  # how much of the slow changes of brightness the camera's tone mapping takes out
GROUNDS = ("slabs", "asphalt", "cobbles")


def build_scene(world: World, camera: Camera) -> Floats:
    """The empty street as one camera sees it, [rows, columns, 3] in 0..1 before the sensor."""
    rng = stream(world.seed, "scene", camera.number)
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
    behind = build_houses(rng, np.where(on_wall, along, 0.0), np.where(on_wall, above, 0.0), tiles)
    behind *= (0.80 + 0.20 * np.clip(above / 0.5, 0.0, 1.0))[..., None]  # dirt and shade at the foot
    picture = np.where(on_wall[..., None], behind, ground)
    picture[above > 7.5] = (0.72, 0.75, 0.78)
    _furnish(rng, world, camera, picture, facade)
    picture = _even_out(picture, camera.focal)
    haze = HAZE * np.clip((reach - BEYOND) / (facade - BEYOND), 0.0, 1.0)[..., None]
    picture = haze * LEVEL + (1.0 - haze) * picture
    return np.ascontiguousarray(np.clip(picture, 0.0, 1.0))


def _ground(rng: np.random.Generator, along: Floats, into: Floats, facade: float, tiles: dict[str, Floats]) -> Floats:
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
    verge = float(rng.uniform(BEYOND - 1.5, BEYOND + 0.5))
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
    return out * (1.0 - 0.17 / (1.0 + np.exp(-7.0 * (shade + 0.35 * dapple))))[..., None]


def _furnish(rng: np.random.Generator, world: World, camera: Camera, picture: Floats, facade: float) -> None:
    """Stand trees, lamps, hedges and parked cars before the facade, the farthest first."""
    choice = ("trunk", "pole", "bush", "car", "bin", "sign", "planter", "fence")
    count = int(rng.integers(9, 15))
    drawn = [(float(rng.uniform(BEYOND + 0.8, facade - 0.4)), float(rng.uniform(-14, 14))) for _ in range(count)]
    places = sorted(drawn, reverse=True)
    for into, along in places:
        kind = choice[int(rng.choice(len(choice), p=(0.19, 0.14, 0.18, 0.13, 0.07, 0.07, 0.12, 0.10)))]
        x = along * math.cos(camera.skew) - into * math.sin(camera.skew)
        depth = along * math.sin(camera.skew) + into * math.cos(camera.skew)
        if depth < BEYOND:
            continue
        column, row, scale = project(camera, np.array(x), np.array(depth), 0.0)
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


def _even_out(picture: Floats, focal: float) -> Floats:
    """Local tone mapping, as surveillance cameras do against glare: slow changes are mostly taken out.

    It also keeps backgrounds from telling the cameras apart better than clothes tell people apart.
    """
    block = max(1, int(0.03 * focal))
    rows, columns = picture.shape[0] // block, picture.shape[1] // block
    coarse = picture[: rows * block, : columns * block].mean(axis=2)
    coarse = coarse.reshape(rows, block, columns, block).mean(axis=(1, 3))
    slow = ndimage.gaussian_filter(coarse, sigma=1.6, mode="nearest")
    at_row = (np.arange(picture.shape[0]) + 0.5) / block - 0.5
    at_column = (np.arange(picture.shape[1]) + 0.5) / block - 0.5
    wide = np.stack([np.interp(at_column, np.arange(columns), line) for line in slow])
    full = np.stack([np.interp(at_row, np.arange(rows), line) for line in wide.T], axis=1)
    return picture * ((LEVEL / full) ** EVENNESS)[..., None] / (picture.mean(axis=(0, 1)) / picture.mean()) ** 0.35


def _ground_shadow(picture: Floats, column: float, row: float, half: float, depth: float) -> None:
    """A soft dark ellipse where something stands."""
    r0, r1 = max(0, int(row - 2 * depth)), min(picture.shape[0], int(row + 2 * depth) + 1)
    c0, c1 = max(0, int(column - 1.4 * half)), min(picture.shape[1], int(column + 1.4 * half) + 1)
    if r0 >= r1 or c0 >= c1:
        return
    y = (np.arange(r0, r1) - row)[:, None] / max(depth, 1.0)
    x = (np.arange(c0, c1) - column)[None] / max(half, 1.0)
    picture[r0:r1, c0:c1] *= (1.0 - 0.45 * np.exp(-1.4 * (x * x + y * y)))[..., None]
