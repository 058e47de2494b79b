"""One tracklet from description to pixels and truth: who stands where, and what passes in front."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.presets import World
from datasets.synthwalk.renderer import frames as kernels
from datasets.synthwalk.renderer.frames import OVERSAMPLING, Actor, Sensor, Thing
from datasets.synthwalk.renderer.rasteriser import STRETCH
from datasets.synthwalk.scenes import background, noise, props
from datasets.synthwalk.scenes.cameras import Camera, Walk, build_camera, walk
from datasets.synthwalk.scenes.canvas import Sprite
from datasets.synthwalk.scenes.props import OCCLUDERS, VARIANTS
from datasets.synthwalk.seeding import stream
from datasets.synthwalk.world import gait, people, skeleton
from datasets.synthwalk.world.body import Figure, build_figure
from datasets.synthwalk.world.population import Track, true_cycles
from datasets.synthwalk.world.styles import STYLES, RenderingStyle

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Studio:
    """What all tracklets of a world share; made once, read by all workers."""

    world: World
    style: RenderingStyle
    cameras: tuple[Camera, ...]
    scenes: tuple[Bytes, ...]
    sprites: dict[str, tuple[Sprite, ...]]
    folds: Floats


class Shot(NamedTuple):
    """A rendered tracklet with its truth.

    Attributes:
        frames, twins: uint8 [T, H, W, 3]; a twin is the frame without what stands in front.
        labels: uint8 [T, H, W], parts of the whole person, hidden ones too (`materials.LABELS`).
        occluders: uint8 [T, H, W], what stands in front (`props.OCCLUDERS`).
        touched: bool [T], whether anything stands in front; frame and twin are equal where not.
        walk: yaw, elevation and box of each frame.
        quality: of the JPEG encoder for this tracklet.
        crowded: whether another pedestrian walks behind.
    """

    frames: Bytes
    twins: Bytes
    labels: Bytes
    occluders: Bytes
    touched: NDArray[np.bool_]
    walk: Walk
    quality: int
    crowded: bool


def open_studio(world: World, workers: int = 1) -> Studio:
    """Build cameras, scenes, things and cloth of a world."""
    style = STYLES[world.style]
    cameras = tuple(build_camera(world, number + 1) for number in range(world.cameras))
    with ThreadPoolExecutor(workers) as pool:
        scenes = tuple(pool.map(lambda camera: _to_bytes(background.build_scene(world, camera)), cameras))
    resolution = OVERSAMPLING * world.height / 1.7
    things = {
        kind: tuple(
            props.draw(kind, stream(world.seed, f"thing {kind}", variant), resolution, style.saturation)
            for variant in range(VARIANTS)
        )
        for kind, _ in style.in_front
        if kind != "pedestrian"
    }
    folds = noise.tile(stream(world.seed, "folds"), 128, 7, 6)
    return Studio(world, style, cameras, scenes, things, folds)


def _to_bytes(picture: Floats) -> Bytes:
    return np.rint(255.0 * picture).astype(np.uint8)


def render_tracklet(studio: Studio, track: Track) -> Shot:
    """Render one tracklet."""
    world, camera, who = studio.world, studio.cameras[track.camera - 1], track.who
    place = (who.person, track.camera, track.number, len(track.role))
    rng = stream(world.seed, "tracklet", *place)
    cycles = true_cycles(world, track)
    figure = build_figure(who.look, studio.style)
    path = walk(world, camera, track, figure.bones, who.style, cycles)
    height, width = OVERSAMPLING * world.height, OVERSAMPLING * world.width
    ppm = height / path.box
    foot_column = 0.5 * width + path.shift[:, 0] * height
    foot_row = height * (1.0 - studio.style.foot_room) + path.shift[:, 1] * height
    view = np.stack([path.yaw, path.elevation, ppm, foot_column, foot_row], axis=1)
    step = path.scale / ppm
    window = np.stack([path.foot[:, 0] - foot_column * step / STRETCH, path.foot[:, 1] - foot_row * step, step], axis=1)
    person = _actor(figure, gait.joint_angles(who.style, cycles), view, not track.empty)
    sensor, quality = _sensor(world, camera, rng)
    behind, front, thing = _company(studio, path, view, stream(world.seed, "company", *place), figure)
    frames, twins, labels, occluders, touched = kernels.render_frames(
        studio.scenes[track.camera - 1], window, person, behind, front, thing, sensor, studio.folds,
        OCCLUDERS.index("pedestrian"), world.height, world.width,
    )  # fmt: skip
    return Shot(frames, twins, labels, occluders, touched, path, quality, bool(behind.present.any()))


def _actor(figure: Figure, angles: Floats, view: Floats, present: bool) -> Actor:
    joints, frames = skeleton.pose(angles, figure.bones)
    return Actor(figure.parts, figure.palette, figure.dress, joints, frames, np.ascontiguousarray(view),
                 np.full(len(view), present))  # fmt: skip


def _sensor(world: World, camera: Camera, rng: np.random.Generator) -> tuple[Sensor, int]:
    """The camera's sensor with the small changes of one tracklet: sun, cloud, focus."""
    sun = float(exact_math.exp(0.03 * world.camera_spread * rng.standard_normal()))
    level = np.linspace(0.0, 1.0, 1024)
    style = STYLES[world.style]
    tones = [
        exact_math.power(np.clip(level * camera.gain * sun * cast, 0.0, 1.0), camera.gamma) for cast in camera.cast
    ]
    tones = [style.black + (style.white - style.black) * tone for tone in tones]
    blur = camera.blur * world.height * float(exact_math.exp(0.2 * rng.standard_normal()))
    reach = max(1, min(math.ceil(2.5 * blur), 8))
    taps = exact_math.exp(-0.5 * (np.arange(reach + 1) / max(blur, 0.15)) ** 2)
    taps /= taps[0] + 2.0 * taps[1:].sum()
    light = np.array([*camera.light, camera.ambient, camera.diffuse])
    key = np.uint64(rng.integers(2**63))
    low, high = camera.quality
    return Sensor(light, 255.0 * np.array(tones), taps, 255.0 * camera.noise, key), int(rng.integers(low, high + 1))


def _company(
    studio: Studio, path: Walk, view: Floats, rng: np.random.Generator, figure: Figure
) -> tuple[Actor, Actor, Thing]:
    """A pedestrian behind, and a pedestrian or a thing in front, for the tracklets that have one."""
    world, count = studio.world, len(view)
    kinds, odds = zip(*studio.style.in_front, strict=True)
    crowded, occluded = rng.random() < world.crowd_share, rng.random() < world.occluded_share
    kind: str = kinds[int(rng.choice(len(kinds), p=odds))]
    nobody = Actor(figure.parts, figure.palette, figure.dress, np.zeros((count, skeleton.JOINTS, 3)),
                   np.zeros((count, skeleton.FRAMES, 3, 3)), view, np.zeros(count, np.bool_))  # fmt: skip
    nothing = Thing(np.zeros((1, 1, 4)), np.ones(2), np.zeros((count, 3)), 0)
    behind = _pedestrian(world, path, view, rng, nearer=-float(rng.uniform(1.5, 5.0))) if crowded else nobody
    if not occluded:
        return behind, nobody, nothing
    nearer = float(rng.uniform(1.2, 2.4) if kind == "car" else rng.uniform(0.4, 1.4))
    if kind == "pedestrian":
        return behind, _pedestrian(world, path, view, rng, nearer), nothing
    sprite = studio.sprites[kind][int(rng.integers(VARIANTS))]
    speed = None
    if kind == "car" and rng.random() < 0.35:  # a car that drives by
        speed = float(rng.uniform(0.15, 0.4) * rng.choice((-1.0, 1.0)))
    seen = _passing(path, view, rng, nearer, speed)
    return behind, nobody, Thing(sprite.rgba, np.array([sprite.wide, sprite.tall]), seen, OCCLUDERS.index(kind))


def _passing(path: Walk, view: Floats, rng: np.random.Generator, nearer: float, speed: float | None) -> Floats:
    """Where something is seen that passes `nearer` metres before (or behind) the person [T, 3].

    What stands still slides by at the pace of an average walker, whatever this walker's own pace is, so
    that the share of occluded frames gives no hint of it.
    """
    count = len(view)
    distance = path.distance
    zoom = distance / (distance - nearer)
    relative = -path.slide * zoom + (0.0 if speed is None else speed)
    if abs(relative) < 0.06:  # nothing stays in front for a whole tracklet
        relative = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.06, 0.1))
    middle = rng.uniform(0, count) if count > 1 else 0.5
    across = relative * (np.arange(count) - middle) + rng.normal(0.0, 0.15)
    ppm = view[:, 2]
    row = view[:, 4] + ppm * nearer * exact_math.sin(view[:, 1])
    return np.ascontiguousarray(np.stack([ppm * zoom, view[:, 3] + STRETCH * ppm * across, row], axis=1))


def _pedestrian(world: World, path: Walk, view: Floats, rng: np.random.Generator, nearer: float) -> Actor:
    """A passer-by in front of the person or, for negative `nearer`, behind."""
    outfit = people.draw_outfit(rng, world.top_colours, world.bottom_colours)
    build = people.draw_build(rng, outfit.bottom == "skirt")
    figure = build_figure(people.Appearance(build, outfit, people.draw_details(rng, build)), STYLES[world.style])
    style, tempo = people.draw_style(rng, build), people.draw_tempo(rng)
    side = float(rng.choice((-1.0, 1.0)))
    yaw = side * (0.5 * math.pi + rng.normal(0.0, 0.35))
    speed = math.sin(yaw) * gait.stride_length(style, figure.bones.leg) * tempo.cadence
    seen = _passing(path, view, rng, nearer, speed)
    angles = gait.joint_angles(style, gait.phases(tempo, float(rng.random()), 0.0, len(view)))
    own = np.stack([np.full(len(view), yaw), view[:, 1], seen[:, 0], seen[:, 1], seen[:, 2]], axis=1)
    return _actor(figure, angles, own, True)


def truth_of(shot: Shot) -> dict[str, Any]:
    """Shares of the person that can be seen, from the masks alone.

    Returns:
        visible [T] and visible_thirds [T, 3] (top, middle, bottom third of the frame) as float32; NaN
        where the person has no pixel there.
    """
    person, hidden = shot.labels > 0, (shot.labels > 0) & (shot.occluders > 0)
    edges = [round(part * person.shape[1] / 3) for part in range(4)]
    with np.errstate(invalid="ignore"):
        whole = 1.0 - hidden.sum(axis=(1, 2)) / person.sum(axis=(1, 2))
        thirds = [
            1.0 - hidden[:, low:high].sum(axis=(1, 2)) / person[:, low:high].sum(axis=(1, 2))
            for low, high in pairwise(edges)
        ]
    return {"visible": whole.astype(np.float32), "visible_thirds": np.stack(thirds, axis=1).astype(np.float32)}
