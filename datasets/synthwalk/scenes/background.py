"""What is behind the people: one picture for each camera, drawn in true perspective.

Ground and facade are planes that the camera looks at askew, so that paving, kerbs, walls and windows run
towards vanishing points; trees and parked cars, or kiosks and columns, stand between the last walker and the wall.
A frame's background is the piece of this picture behind the detected box.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.presets import World
from datasets.synthwalk.renderer.blur import gaussian_blur
from datasets.synthwalk.scenes import hall, noise, props, street
from datasets.synthwalk.scenes.cameras import Camera, project
from datasets.synthwalk.scenes.facades import Sight
from datasets.synthwalk.seeding import stream
from datasets.synthwalk.world.styles import STYLES, RenderingStyle, faded

Floats = NDArray[np.float64]

_PLACES: Final = {"street": street.paint, "hall": hall.paint}


def build_scene(world: World, camera: Camera) -> Floats:
    """The empty street or hall as one camera sees it, [rows, columns, 3] in 0..1 before the sensor."""
    style = STYLES[world.style]
    rng = stream(world.seed, "scene", camera.number)
    rows, columns = camera.scene
    x = (np.arange(columns) + 0.5 - 0.5 * columns)[None, :] / camera.focal
    y = (0.5 * rows - np.arange(rows) - 0.5)[:, None] / camera.focal
    cp, sp = math.cos(camera.pitch), math.sin(camera.pitch)
    ray_depth = cp + y * sp
    ray_up = y * cp - sp  # the ray's depth and rise; across it moves by x
    ck, sk = math.cos(camera.skew), math.sin(camera.skew)
    along_rate, into_rate = x * ck + ray_depth * sk, ray_depth * ck - x * sk

    low, high = style.wall
    facade = float(rng.uniform(style.beyond + low, style.beyond + high))
    with np.errstate(divide="ignore", invalid="ignore"):
        to_ground = np.where(ray_up < -1e-6, camera.height / -ray_up, np.inf)
        to_wall = np.where(into_rate > 1e-6, facade / into_rate, np.inf)
    reach = np.minimum(np.minimum(to_wall, to_ground), 200.0)
    sight = Sight(
        reach * along_rate, reach * into_rate, camera.height + reach * ray_up, to_wall < to_ground,
        along_rate, into_rate, ray_up, facade, style.beyond,
    )  # fmt: skip
    tiles = {name: noise.tile(rng, 256, cells) for name, cells in (("fine", 60), ("mid", 16), ("broad", 4))}
    picture = _PLACES[world.style](rng, sight, tiles)
    _furnish(rng, style, camera, picture, facade)
    picture = _even_out(picture, camera.focal, style)
    haze = style.haze * np.clip((reach - style.beyond) / (facade - style.beyond), 0.0, 1.0)[..., None]
    picture = faded(haze * style.level + (1.0 - haze) * picture, style.saturation)
    return np.ascontiguousarray(np.clip(picture, 0.0, 1.0))


def _furnish(rng: np.random.Generator, style: RenderingStyle, camera: Camera, picture: Floats, facade: float) -> None:
    """Stand the style's furniture before the facade, the farthest first."""
    kinds, odds = zip(*style.furniture, strict=True)
    count = int(rng.integers(*style.pieces))
    drawn = [(float(rng.uniform(style.beyond + 0.8, facade - 0.4)), float(rng.uniform(-14, 14))) for _ in range(count)]
    places = sorted(drawn, reverse=True)
    for into, along in places:
        kind: str = kinds[int(rng.choice(len(kinds), p=odds))]
        x = along * math.cos(camera.skew) - into * math.sin(camera.skew)
        depth = along * math.sin(camera.skew) + into * math.cos(camera.skew)
        if depth < style.beyond:
            continue
        column, row, scale = project(camera, np.array(x), np.array(depth), 0.0)
        sprite = props.draw(kind, rng, float(scale))
        h, w = sprite.rgba.shape[:2]
        top, left = round(float(row)) - h, round(float(column) - 0.5 * w)
        _ground_shadow(picture, float(column), float(row), 0.5 * w, 0.10 * min(h, w))
        r0, r1 = max(0, top), min(picture.shape[0], top + h)
        c0, c1 = max(0, left), min(picture.shape[1], left + w)
        if r0 < r1 and c0 < c1:
            piece = sprite.rgba[r0 - top : r1 - top, c0 - left : c1 - left]
            under = picture[r0:r1, c0:c1]
            picture[r0:r1, c0:c1] = under + piece[..., 3:] * (piece[..., :3] - under)


def _even_out(picture: Floats, focal: float, style: RenderingStyle) -> Floats:
    """Local tone mapping, as surveillance cameras do against glare: slow changes are mostly taken out.

    It also keeps backgrounds from telling the cameras apart better than clothes tell people apart.
    """
    block = max(1, int(0.03 * focal))
    rows, columns = picture.shape[0] // block, picture.shape[1] // block
    coarse = picture[: rows * block, : columns * block].mean(axis=2)
    coarse = coarse.reshape(rows, block, columns, block).mean(axis=(1, 3))
    slow = gaussian_blur(coarse, (1.6, 1.6))
    at_row = (np.arange(picture.shape[0]) + 0.5) / block - 0.5
    at_column = (np.arange(picture.shape[1]) + 0.5) / block - 0.5
    wide = np.stack([np.interp(at_column, np.arange(columns), line) for line in slow])
    full = np.stack([np.interp(at_row, np.arange(rows), line) for line in wide.T], axis=1)
    return (
        picture
        * exact_math.power(style.level / full, style.evenness)[..., None]
        / exact_math.power(picture.mean(axis=(0, 1)) / picture.mean(), 0.35)
    )


def _ground_shadow(picture: Floats, column: float, row: float, half: float, depth: float) -> None:
    """A soft dark ellipse where something stands."""
    r0, r1 = max(0, int(row - 2 * depth)), min(picture.shape[0], int(row + 2 * depth) + 1)
    c0, c1 = max(0, int(column - 1.4 * half)), min(picture.shape[1], int(column + 1.4 * half) + 1)
    if r0 >= r1 or c0 >= c1:
        return
    y = (np.arange(r0, r1) - row)[:, None] / max(depth, 1.0)
    x = (np.arange(c0, c1) - column)[None] / max(half, 1.0)
    picture[r0:r1, c0:c1] *= (1.0 - 0.45 * exact_math.exp(-1.4 * (x * x + y * y)))[..., None]
