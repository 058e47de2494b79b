"""Cameras: where they hang, how they see colour, and the paths on which people cross their view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.presets import World
from datasets.synthwalk.seeding import stream
from datasets.synthwalk.world.gait import Style, stride_length
from datasets.synthwalk.world.population import Track
from datasets.synthwalk.world.skeleton import Bones
from datasets.synthwalk.world.styles import STYLES

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera. Angles in radians, lengths in metres, the photometric values around 1 or 0.

    Attributes:
        number: from 1.
        height: above the ground; pitch: of the optical axis below the horizon.
        focal: pixels of the scene picture per unit of tangent; scene: its height and width in pixels.
        skew: angle between the picture plane and the facade behind the street.
        headings: the directions on the ground that people take here.
        gain, gamma, cast: of the sensor, cast one factor per channel.
        blur: standard deviation as a share of the frame's height; noise: of 1.
        quality: of the JPEG encoder, lowest and highest.
        light: direction to the light in camera space; ambient, diffuse: its strengths.
    """

    number: int
    height: float
    pitch: float
    focal: float
    scene: tuple[int, int]
    skew: float
    headings: tuple[float, ...]
    gain: float
    gamma: float
    cast: tuple[float, float, float]
    blur: float
    noise: float
    quality: tuple[int, int]
    light: tuple[float, float, float]
    ambient: float
    diffuse: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A tracklet seen from the camera, one entry a frame.

    Attributes:
        yaw: of the walker against the camera, 0 towards it, positive turns to the picture's right [T].
        elevation: of the line of sight above the horizon [T].
        scale: scene pixels per metre at the walker [T].
        foot: scene column and row of the ground below the pelvis [T, 2].
        box: height of the detected box in metres at the walker [T].
        shift: of the box against the person, right and up, in shares of its height [T, 2].
        slide: metres that the person moves to the right of the picture per frame at an average pace.
        distance: from the camera along the ground, the mean over the tracklet, in metres.
    """

    yaw: Floats
    elevation: Floats
    scale: Floats
    foot: Floats
    box: Floats
    shift: Floats
    slide: float
    distance: float


def build_camera(world: World, number: int) -> Camera:
    """Draw one camera of the world."""
    rng = stream(world.seed, "camera", number)
    spread, style = world.camera_spread, STYLES[world.style]
    samples = 2.0 * world.height / 1.87  # samples per metre of the supersampled frame
    focal = 0.8 * samples * style.distance
    height = float(rng.uniform(*style.height))
    pitch = math.atan2(height - 0.9, style.aim)
    along = float(rng.uniform(-0.5, 0.5))
    skew = float(rng.uniform(0.12, 0.45) * rng.choice((-1.0, 1.0)))
    # Along the street in both directions, slanting to and fro, straight towards the camera and away.
    base = np.array([skew, skew + math.pi, -1.2 + along, 1.9 + along, -math.pi / 2, math.pi / 2])
    chosen = [0, 1, *(2 + rng.choice(4, size=2, replace=False))]
    cast = (1.0 + spread * 0.012 * rng.standard_normal(3)) * style.cast
    sun = float(rng.uniform(-1.1, 1.1))
    worst, best, vary = style.quality
    low = int(rng.integers(worst, best + 1))
    light = np.array(
        [style.light_side * math.sin(sun), rng.uniform(*style.light_up), style.light_front * math.cos(sun)]
    )
    light /= np.linalg.norm(light)
    diffuse = float(rng.uniform(*style.diffuse))
    return Camera(
        number=number,
        height=height,
        pitch=pitch,
        focal=focal,
        scene=(int(style.view[0] * focal), int(style.view[1] * focal)),
        skew=skew,
        headings=tuple(float(base[i]) for i in chosen),
        gain=style.gain * float(exact_math.exp(spread * 0.016 * rng.standard_normal())),
        gamma=style.gamma * float(exact_math.exp(spread * 0.016 * rng.standard_normal())),
        cast=(float(cast[0]), float(cast[1]), float(cast[2])),
        blur=float(rng.uniform(*style.blur)),
        noise=float(rng.uniform(*style.noise)),
        quality=(low, min(low + vary, 92)),
        light=(float(light[0]), float(light[1]), float(light[2])),
        ambient=float(style.ambient[0] - style.ambient[1] * diffuse),
        diffuse=diffuse,
    )


def project(camera: Camera, across: Floats, depth: Floats, height: float) -> tuple[Floats, Floats, Floats]:
    """Scene column, row and pixels per metre of points `depth` metres before the camera.

    Args:
        camera: its height and focal length, pitch (radians) and scene size.
        across: metres to the right of the line of sight, of any shape.
        depth: metres before the camera along the ground, of the same shape.
        height: metres above the ground, of all points.
    """
    cp, sp = math.cos(camera.pitch), math.sin(camera.pitch)
    drop = camera.height - height
    away = depth * cp + drop * sp
    up = depth * sp - drop * cp
    rows, columns = camera.scene
    scale = camera.focal / away
    return 0.5 * columns + scale * across, 0.5 * rows - scale * up, scale


def walk(world: World, camera: Camera, track: Track, bones: Bones, style: Style, cycles: Floats) -> Walk:
    """The path of one tracklet and how the detector followed it.

    Args:
        world: its seed and style.
        camera: that sees it.
        track: the tracklet, T frames.
        bones: of the walker, in metres.
        style: of the gait.
        cycles: phase of the gait at each frame in cycles [T]; the ground covered follows from it.
    """
    rng = stream(world.seed, "path", track.who.person, track.camera, track.number, len(track.role))
    place, count = STYLES[world.style], track.length
    heading = camera.headings[int(rng.integers(len(camera.headings)))] + 0.22 * rng.standard_normal()
    bend = 0.012 * rng.standard_normal()
    stride = stride_length(style, bones.leg)
    walked = (cycles - cycles[0]) * stride
    walked = walked - 0.5 * walked[-1]
    direction = heading + bend * walked
    across = float(rng.uniform(-0.24, 0.24)) * place.distance + walked * exact_math.cos(heading)
    depth = float(rng.uniform(place.near + 1.5, place.beyond - 1.5)) + walked * exact_math.sin(heading)
    depth = np.clip(depth, place.near - 1.0, place.beyond + 2.0)
    bearing = exact_math.arctan2(across, depth)
    yaw = exact_math.arctan2(
        exact_math.cos(direction) * exact_math.cos(bearing) - exact_math.sin(direction) * exact_math.sin(bearing),
        -exact_math.cos(direction) * exact_math.sin(bearing) - exact_math.sin(direction) * exact_math.cos(bearing),
    )
    distance = np.hypot(across, depth)
    column, row, scale = project(camera, across, depth, 0.0)
    tall = bones.leg + bones.trunk + bones.neck + 1.3 * bones.head
    drift = _wander(rng, count, 0.02)
    junk = track.role == "junk"
    size = float(exact_math.exp(rng.normal(0.0, 0.32 if junk else 0.035)))
    offset = rng.normal(0.0, (0.22, 0.2) if junk else (0.015, 0.012))
    if world.loose_boxes:
        looser, aside = _loosened(world, track)
        size, offset = size * looser, offset + aside
    elevation = exact_math.arctan2(camera.height - 0.9, distance)
    return Walk(
        yaw=yaw,
        elevation=elevation,
        scale=scale,
        foot=np.stack([column, row], axis=1),
        box=place.margin * tall * exact_math.cos(elevation) * size * exact_math.exp(drift[:, 0]),
        shift=offset + drift[:, 1:] * (0.6, 0.5),
        slide=float(exact_math.cos(heading)) * stride / 12.0,
        distance=float(distance.mean()),
    )


def _loosened(world: World, track: Track) -> tuple[float, Floats]:
    """By how much a tracklet's boxes are larger than the person asks for, and where the person stands in them [2]."""
    rng = stream(world.seed, "loose box", track.who.person, track.camera, track.number, len(track.role))
    looser = float(exact_math.exp(world.loose_boxes * abs(rng.standard_normal())))
    room = 1.0 - 1.0 / looser  # share of the box that is not the person's own
    return looser, np.array([rng.uniform(-0.25, 0.25) * room, -rng.uniform(0.0, 1.0) * room])


def _wander(rng: np.random.Generator, count: int, size: float) -> Floats:
    """Three slow random walks pulled back to zero [count, 3]: the jitter of a tracked box."""
    steps = rng.standard_normal((count, 3)) * size * 0.45
    out = np.zeros((count, 3))
    state = rng.standard_normal(3) * size
    for frame in range(count):
        state = 0.9 * state + steps[frame]
        out[frame] = state
    return out
