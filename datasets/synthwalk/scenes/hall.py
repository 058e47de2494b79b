"""The shopping hall: a polished floor that mirrors what is above it, shops, a gallery, lamps in the ceiling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.renderer.blur import gaussian_blur
from datasets.synthwalk.scenes import noise
from datasets.synthwalk.scenes.facades import Sight, grain, joints, lit

Floats = NDArray[np.float64]
Tiles = dict[str, Floats]

CEILING = 5.6  # metres
SIGNS, GALLERY = 2.75, 3.45  # lower edge of the shops' signs, and of the gallery
_POLISH: Final = (0.010, 0.004)  # blur of what the floor mirrors, up and across, in heights of the scene
_STONES: Final = ((0.66, 0.62, 0.56), (0.60, 0.60, 0.59), (0.70, 0.67, 0.62))
_INLAYS: Final = ((0.44, 0.34, 0.28), (0.36, 0.38, 0.40), (0.54, 0.44, 0.34))
_GOODS: Final = np.array(
    ((0.70, 0.32, 0.30), (0.32, 0.44, 0.62), (0.80, 0.74, 0.60), (0.34, 0.34, 0.36), (0.46, 0.58, 0.42),
     (0.78, 0.60, 0.36), (0.62, 0.44, 0.58), (0.86, 0.84, 0.80))
)  # fmt: skip


def paint(rng: np.random.Generator, sight: Sight, tiles: Tiles) -> Floats:
    """The empty hall [rows, columns, 3] in 0..1."""
    key = int(rng.integers(2**32))
    wall = sight.on_wall
    picture = np.empty((*wall.shape, 3))
    foot = 0.88 + 0.12 * np.clip(sight.above[wall] / 0.3, 0.0, 1.0)
    picture[wall] = foot[:, None] * _above(key, sight.along[wall], sight.into[wall], sight.above[wall], tiles)
    along, into = sight.along[~wall], sight.into[~wall]
    up = -np.broadcast_to(sight.up_rate, wall.shape)[~wall]
    stone = _floor(rng, along, into, tiles)
    # A ray that meets the floor goes on upwards, to the wall or to the ceiling.
    into_rate = np.broadcast_to(sight.into_rate, wall.shape)[~wall]
    with np.errstate(divide="ignore", invalid="ignore"):
        onwards = np.where(into_rate > 1e-6, (sight.facade - into) / into_rate, 200.0)
    onwards = np.clip(np.minimum(onwards, CEILING / np.maximum(up, 1e-3)), 0.0, 200.0)
    across = along + onwards * np.broadcast_to(sight.along_rate, wall.shape)[~wall]
    picture[~wall] = _above(key, across, into + onwards * into_rate, onwards * up, tiles)
    polish = np.array(_POLISH) * wall.shape[0]
    mirrored = gaussian_blur(picture, (*polish, 0.0))[~wall]
    grazing = 1.0 - up / np.hypot(1.0, up)  # such rays are mirrored more
    share = (float(rng.uniform(0.18, 0.34)) * (0.35 + grazing))[:, None]
    picture[~wall] = (1.0 - share) * stone + share * mirrored
    return picture


def _floor(rng: np.random.Generator, along: Floats, into: Floats, tiles: Tiles) -> Floats:
    """Large stone tiles with inlays: squares, bands along the walk, or a chequer."""
    size = float(rng.choice((0.5, 0.6, 0.8)))
    stone, inlay = np.array(_STONES[int(rng.integers(3))]), np.array(_INLAYS[int(rng.integers(3))])
    column, row = np.floor(along / size), np.floor(into / size)
    vein = noise.look_up(tiles["mid"], 90.0 * along, 90.0 * into)
    vein = vein + 0.6 * noise.look_up(tiles["fine"], 140.0 * along, 140.0 * into)
    each = noise.look_up(tiles["fine"], 7.0 * row, 7.0 * column)
    kind = int(rng.integers(3))
    if kind == 0:
        dark = (np.mod(column, 4.0) == 0) & (np.mod(row, 4.0) == 0)
    elif kind == 1:
        dark = np.mod(row, 6.0) == 0
    else:
        dark = np.mod(column + row, 2.0) == 0
        inlay = 0.72 * stone + 0.28 * inlay
    base = np.where(dark[..., None], inlay, stone)
    seams = joints(along, size, 0.016) | joints(into, size, 0.016)
    return base * (1.0 + 0.035 * vein + 0.04 * each - 0.14 * seams)[..., None]


def _above(seed: int, along: Floats, into: Floats, height: Floats, tiles: Tiles) -> Floats:
    """Colour of the wall at a height, or of the ceiling where that is reached; the same at every call."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    shops = _shops(rng, along, height, tiles)
    rail = (height > GALLERY) & (height < GALLERY + 1.15)
    glass = np.where(joints(along, 1.4, 0.05)[..., None], (0.50, 0.50, 0.52), (0.60, 0.64, 0.65))
    shops = np.where(rail[..., None], glass, shops)
    slab = (height > GALLERY - 0.02) & (height < GALLERY + 0.32)
    shops = np.where(slab[..., None], lit((0.80, 0.79, 0.76), 1.0 + grain(tiles, along, height)), shops)
    dim = (height >= GALLERY + 1.15) & (height < CEILING - 0.16)
    shops = np.where(dim[..., None], lit((0.46, 0.45, 0.43), 1.0 + 2.0 * grain(tiles, along, height)), shops)
    top = height >= CEILING - 0.16
    pitch, row = float(rng.uniform(2.2, 3.2)), float(rng.uniform(1.8, 2.6))
    lamp = (np.mod(along, pitch) < 0.62) & (np.mod(into, row) < 0.62)
    return np.where(top[..., None], np.where(lamp[..., None], (1.5, 1.46, 1.36), (0.72, 0.71, 0.69)), shops)


def _shops(rng: np.random.Generator, along: Floats, height: Floats, tiles: Tiles) -> Floats:
    """A row of different shops between pillars, each with its sign."""
    out = np.zeros((*along.shape, 3))
    ends = np.cumsum(rng.uniform(2.8, 6.5, size=80))
    ends -= ends[39]
    shop = np.searchsorted(ends, along)
    starts = np.concatenate([[ends[0] - 5.0], ends])
    choices = rng.choice(len(_PAINTERS), size=len(ends) + 1, p=_ODDS)
    keys = rng.integers(2**32, size=len(ends) + 1)
    for number in np.unique(shop):
        inside = shop == number
        own = np.random.Generator(np.random.Philox(key=int(keys[number])))
        x, y = along[inside] - starts[number], height[inside]
        front = _PAINTERS[int(choices[number])](own, x, y, tiles)
        out[inside] = _sign(own, x, y, front)
    edge = np.take(np.concatenate([ends, [ends[-1] + 5.0]]), shop) - along
    pillar = np.minimum(edge, along - np.take(starts, shop)) < 0.14
    stone = lit((0.76, 0.74, 0.70), 1.0 + grain(tiles, along, height))
    return np.where((pillar & (height < GALLERY))[..., None], stone, out)


def _sign(rng: np.random.Generator, x: Floats, y: Floats, front: Floats) -> Floats:
    """A lit sign over a shop, with letters that nobody can read."""
    ground, ink = rng.choice(len(_GOODS), size=2, replace=False)
    low = rng.uniform(0.5, 1.2)
    board = (y > SIGNS) & (y < GALLERY)
    letters = (y > SIGNS + 0.18) & (y < SIGNS + 0.5) & (x > low) & (x < low + 1.7) & (np.mod(x - low, 0.3) < 0.2)
    plate = np.where(letters[..., None], np.clip(0.25 + 0.95 * _GOODS[ink], 0.0, 1.1), 0.2 + 0.55 * _GOODS[ground])
    return np.where(board[..., None], plate, front)


def _window(rng: np.random.Generator, x: Floats, y: Floats, tiles: Tiles) -> Floats:
    """Glass before a bright shop: garments on figures, shelves behind, a door."""
    back = lit((0.74, 0.68, 0.58), 0.85 + 0.12 * y + 0.5 * grain(tiles, 2.0 * x, y))
    shelf = np.floor(y / 0.42)
    item = np.floor(x / 0.21)
    pick = np.mod(np.floor(3.0 * item + 7.0 * shelf + 40.0 * noise.look_up(tiles["fine"], 9.0 * item, 9.0 * shelf)), 8)
    goods = (np.mod(y, 0.42) < 0.27) & (np.mod(x, 0.21) < 0.17) & (y > 0.4) & (y < 2.1)
    out = np.where(goods[..., None], 0.15 + 0.75 * _GOODS[pick.astype(np.int64)], back)
    out = np.where(((np.mod(y, 0.42) > 0.38) & (y < 2.2))[..., None], (0.62, 0.58, 0.52), out)
    step, colours = float(rng.uniform(1.0, 1.5)), rng.integers(len(_GOODS), size=16)
    at = np.mod(x, step) - 0.5 * step
    dress = _GOODS[colours[np.mod(np.floor(x / step), 16).astype(np.int64)]]
    body = (np.abs(at) < 0.17 + 0.05 * (y < 1.0)) & (y > 0.55) & (y < 1.5)
    head = np.hypot(at, y - 1.66) < 0.1
    out = np.where(body[..., None], dress, out)
    out = np.where((head | ((np.abs(at) < 0.06) & (y > 0.2) & (y < 0.56)))[..., None], (0.84, 0.80, 0.74), out)
    frame = joints(x, step, 0.05) | (y < 0.18) | (np.abs(y - 2.5) < 0.04)
    out = np.where(frame[..., None], (0.36, 0.35, 0.35), out)
    glare = 0.10 * (np.mod(x + 0.7 * y, 2.3) < 0.5)
    return out + glare[..., None]


def _counter(rng: np.random.Generator, x: Floats, y: Floats, tiles: Tiles) -> Floats:
    """A cafe: wooden counter, bright boards above, shelves with cups and bottles."""
    plank = noise.look_up(tiles["fine"], 5.0 * np.floor(x / 0.19), 3.0 * y)
    wood = np.array((0.52, 0.36, 0.23)) * rng.uniform(0.85, 1.15)
    out = lit((0.50, 0.42, 0.34), 0.9 + 1.2 * grain(tiles, x, y))
    cups = (np.mod(y, 0.38) < 0.2) & (np.mod(x, 0.13) < 0.09) & (y > 1.2) & (y < 2.0)
    out = np.where(cups[..., None], (0.82, 0.78, 0.70), out)
    menu = (y > 2.05) & (y < 2.65) & (np.mod(x, 1.3) < 1.2)
    script = menu & (np.mod(y, 0.12) < 0.05) & (np.mod(x, 1.3) > 0.15) & (np.mod(x, 1.3) < 0.95)
    out = np.where(menu[..., None], (0.30, 0.27, 0.25), out)
    out = np.where(script[..., None], (0.88, 0.84, 0.74), out)
    counter = y < 1.08
    out = np.where(counter[..., None], lit(wood, 1.0 + 0.12 * plank - 0.25 * joints(x, 0.19, 0.012)), out)
    return np.where((np.abs(y - 1.08) < 0.05)[..., None], (0.72, 0.69, 0.64), out)


def _shutter(rng: np.random.Generator, x: Floats, y: Floats, tiles: Tiles) -> Floats:
    """A closed shop."""
    grey = float(rng.uniform(0.5, 0.66))
    slats = 0.92 + 0.14 * exact_math.sin(2.0 * np.pi * y / 0.11)
    return lit((grey, grey, 1.02 * grey), slats + grain(tiles, x, y))


def _posters(rng: np.random.Generator, x: Floats, y: Floats, tiles: Tiles) -> Floats:
    """A plastered wall with lit posters."""
    out = lit((0.76, 0.74, 0.70), 1.0 + 0.8 * grain(tiles, x, y))
    out = np.where((y < 0.16)[..., None], (0.42, 0.40, 0.38), out)
    step = float(rng.uniform(1.7, 2.4))
    at, number = np.mod(x, step) - 0.5 * step, np.mod(np.floor(x / step), 16).astype(np.int64)
    grounds, inks = rng.integers(len(_GOODS), size=16), rng.integers(len(_GOODS), size=16)
    box = (np.abs(at) < 0.62) & (y > 0.7) & (y < 2.4)
    sheet = (np.abs(at) < 0.56) & (y > 0.76) & (y < 2.34)
    out = np.where(box[..., None], (0.36, 0.36, 0.37), out)
    out = np.where(sheet[..., None], 0.3 + 0.7 * _GOODS[grounds[number]], out)
    blob = sheet & (np.hypot(at / 0.36, (y - 1.75) / 0.42) < 1.0)
    text = sheet & (y < 1.2) & (np.mod(y, 0.14) < 0.06) & (np.abs(at) < 0.42)
    return np.where((blob | text)[..., None], 0.9 * _GOODS[inks[number]], out)


_PAINTERS: Final[tuple[Callable[..., Floats], ...]] = (_window, _counter, _shutter, _posters)
_ODDS: Final = (0.5, 0.2, 0.1, 0.2)
