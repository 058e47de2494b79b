"""The compiled inner loop: from placed people, things and a street to the bytes of a tracklet's frames.

Everything is drawn at twice the size of a frame. One frame: street, shadow, pedestrian behind, the
person (the twin is developed here), then whatever passes in front (the frame is developed here). The
sensor's noise depends on tracklet, frame and pixel alone, so a frame equals its twin bit by bit wherever
nothing stands in front within reach of the blur.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# (kernels: the compiler infers their types; shapes and units stand in the docstrings)

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.renderer.numba_cache import compiled
from datasets.synthwalk.renderer.rasteriser import STRETCH, place, see, shade

OVERSAMPLING = 2


class Actor(NamedTuple):
    """Somebody in the picture, frame by frame."""

    parts: np.ndarray  # [P, PART_COLUMNS]
    palette: np.ndarray  # [materials, 3]
    dress: m.Dress
    joints: np.ndarray  # [T, J, 3]
    frames: np.ndarray  # [T, F, 3, 3]
    sight: np.ndarray  # [T, 5]: yaw, elevation, samples per metre, column and row of the foot
    present: np.ndarray  # bool [T]


class Thing(NamedTuple):
    """A flat thing in front, frame by frame."""

    rgba: np.ndarray  # [h, w, 4]
    size: np.ndarray  # [2]: metres across and up
    sight: np.ndarray  # [T, 3]: samples per metre, column of its middle, row of its ground
    kind: int  # index into `props.OCCLUDERS`; 0 for no thing


class Sensor(NamedTuple):
    """How the camera sees."""

    light: np.ndarray  # [5]: direction to the light in camera space, ambient, diffuse
    curve: np.ndarray  # [3, 1024]: tone curve of each channel, 0..255
    taps: np.ndarray  # [K]: half of the symmetric blur kernel, the middle first
    noise: float  # standard deviation, of 255
    key: np.uint64  # of the noise


@compiled
def render_frames(scene, window, person, behind, front, thing, sensor, folds, front_kind, height, width):
    """Render one tracklet.

    Args:
        scene: uint8 [rows, columns, 3].
        window: [T, 3], scene column and row of the first sample and scene pixels per sample upwards.
        person, behind, front: `Actor`.
        thing: `Thing`.
        sensor: `Sensor`.
        folds: [128, 128] smooth noise in [-1, 1].
        front_kind: mark of a pedestrian in front in the occluder mask.
        height, width: of a frame, in pixels.

    Returns:
        frames, twins uint8 [T, H, W, 3]; labels, occluders uint8 [T, H, W]; touched bool [T], whether
        anything stands in front anywhere in the frame.
    """
    count = window.shape[0]
    h, w = OVERSAMPLING * height, OVERSAMPLING * width
    frames = np.empty((count, height, width, 3), np.uint8)
    twins = np.empty((count, height, width, 3), np.uint8)
    labels = np.empty((count, height, width), np.uint8)
    occluders = np.zeros((count, height, width), np.uint8)
    touched = np.zeros(count, np.bool_)
    rgb, depth = np.empty((h, w, 3)), np.empty((h, w))
    owner, label, mark = np.empty((h, w), np.int16), np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)
    small, blurred = np.empty((height, width, 3)), np.empty((height, width, 3))
    placed = np.empty((max(person.parts.shape[0], behind.parts.shape[0], front.parts.shape[0]), m.PLACED_COLUMNS))
    for t in range(count):
        _street(scene, window[t], rgb)
        if behind.present[t]:
            _shadow(behind.sight[t], sensor, rgb)
            label[:] = 0
            _draw(behind, t, sensor, folds, placed, depth, owner, rgb, label)
        label[:] = 0
        if person.present[t]:
            _shadow(person.sight[t], sensor, rgb)
            _draw(person, t, sensor, folds, placed, depth, owner, rgb, label)
        _vote(label, labels[t])
        _develop(rgb, sensor, t, small, blurred, twins[t])
        mark[:] = 0
        if front.present[t]:
            _shadow(front.sight[t], sensor, rgb)
            _draw(front, t, sensor, folds, placed, depth, owner, rgb, mark)
            for r in range(h):
                for c in range(w):
                    if mark[r, c] != 0:
                        mark[r, c] = front_kind
                        touched[t] = True
        if thing.kind != 0 and _stand(thing, t, sensor, rgb, mark):
            touched[t] = True
        if touched[t]:
            _vote(mark, occluders[t])
            _develop(rgb, sensor, t, small, blurred, frames[t])
        else:
            frames[t] = twins[t]
    return frames, twins, labels, occluders, touched


@compiled
def _draw(actor, t, sensor, folds, placed, depth, owner, rgb, label):
    sight = actor.sight[t]
    mine = placed[: actor.parts.shape[0]]
    place(actor.parts, actor.joints[t], actor.frames[t], sight[0], sight[1], mine)
    seen = see(mine, sight[2], sight[3], sight[4], depth, owner)
    shade(mine, sight[2], sight[3], sight[4], seen, depth, owner, actor.dress, actor.palette, sensor.light, folds,
          rgb, label)  # fmt: skip


@compiled
def _street(scene, window, rgb):
    """Fill the picture with the piece of the scene behind the box (bilinear)."""
    h, w = rgb.shape[0], rgb.shape[1]
    rows, columns = scene.shape[0], scene.shape[1]
    for r in range(h):
        y = min(max(window[1] + (r + 0.5) * window[2] - 0.5, 0.0), rows - 1.001)
        y0 = int(y)
        fy = y - y0
        for c in range(w):
            x = min(max(window[0] + (c + 0.5) * window[2] / STRETCH - 0.5, 0.0), columns - 1.001)
            x0 = int(x)
            fx = x - x0
            for k in range(3):
                top = scene[y0, x0, k] * (1.0 - fx) + scene[y0, x0 + 1, k] * fx
                low = scene[y0 + 1, x0, k] * (1.0 - fx) + scene[y0 + 1, x0 + 1, k] * fx
                rgb[r, c, k] = (top * (1.0 - fy) + low * fy) / 255.0


@compiled
def _shadow(sight, sensor, rgb):
    """A soft shadow on the ground, drawn out away from the light."""
    h, w = rgb.shape[0], rgb.shape[1]
    ppm, flat = sight[2], max(0.12, np.sin(sight[1]))
    a, b = 0.36 * STRETCH * ppm, 0.36 * ppm * flat + 0.02 * ppm
    lean = -1.1 * sensor.light[0] * STRETCH * ppm
    strength = 0.25 + 0.35 * sensor.light[4]
    c0, c1 = sight[3] + 0.35 * lean, sight[4] - 0.02 * ppm
    reach = a + abs(lean)
    for r in range(max(0, int(c1 - 2.2 * b)), min(h, int(c1 + 2.2 * b) + 1)):
        y = (r + 0.5 - c1) / b
        for c in range(max(0, int(c0 - 2.2 * reach)), min(w, int(c0 + 2.2 * reach) + 1)):
            x = (c + 0.5 - c0) / (a + 0.5 * abs(lean))
            dark = 1.0 - strength * np.exp(-1.2 * (x * x + y * y))
            for k in range(3):
                rgb[r, c, k] *= dark


@compiled
def _stand(thing, t, sensor, rgb, mark):
    """Draw a flat thing in front; returns whether any of it is in the picture."""
    h, w = rgb.shape[0], rgb.shape[1]
    ppm, middle, ground = thing.sight[t, 0], thing.sight[t, 1], thing.sight[t, 2]
    wide, tall = thing.size[0] * STRETCH * ppm, thing.size[1] * ppm
    left, top = middle - 0.5 * wide, ground - tall
    rows, columns = thing.rgba.shape[0], thing.rgba.shape[1]
    bright = sensor.light[3] + 0.75 * sensor.light[4]
    drawn = False
    for r in range(max(0, int(top)), min(h, int(ground) + 1)):
        y = int((r + 0.5 - top) / tall * rows)
        if y < 0 or y >= rows:
            continue
        for c in range(max(0, int(left)), min(w, int(left + wide) + 1)):
            x = int((c + 0.5 - left) / wide * columns)
            if x < 0 or x >= columns or thing.rgba[y, x, 3] < 0.5:
                continue
            for k in range(3):
                rgb[r, c, k] = thing.rgba[y, x, k] * bright
            mark[r, c] = thing.kind
            drawn = True
    return drawn


@compiled
def _vote(samples, pixels):
    """A pixel carries the commonest mark of its samples if at least half of them carry one."""
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            best, votes, filled = 0, 0, 0
            for i in range(OVERSAMPLING * OVERSAMPLING):
                value = samples[OVERSAMPLING * r + i // OVERSAMPLING, OVERSAMPLING * c + i % OVERSAMPLING]
                if value == 0:
                    continue
                filled += 1
                same = 0
                for j in range(OVERSAMPLING * OVERSAMPLING):
                    if samples[OVERSAMPLING * r + j // OVERSAMPLING, OVERSAMPLING * c + j % OVERSAMPLING] == value:
                        same += 1
                if same > votes:
                    best, votes = value, same
            pixels[r, c] = best if 2 * filled >= OVERSAMPLING * OVERSAMPLING else 0


@compiled
def _mix(value):
    """One step of a 64-bit counter-based generator: two rounds of xor-shift and multiply."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def _develop(rgb, sensor, t, small, blurred, out):
    """Average the samples of each pixel, blur, apply the tone curve, add noise, round."""
    height, width = out.shape[0], out.shape[1]
    taps, reach = sensor.taps, sensor.taps.shape[0] - 1
    for r in range(height):
        for c in range(width):
            for k in range(3):
                small[r, c, k] = 0.25 * (
                    (rgb[2 * r, 2 * c, k] + rgb[2 * r, 2 * c + 1, k])
                    + (rgb[2 * r + 1, 2 * c, k] + rgb[2 * r + 1, 2 * c + 1, k])
                )
    for r in range(height):
        for c in range(width):
            for k in range(3):
                total = taps[0] * small[r, c, k]
                for i in range(1, reach + 1):
                    total += taps[i] * (small[r, max(c - i, 0), k] + small[r, min(c + i, width - 1), k])
                blurred[r, c, k] = total
    root = np.sqrt(6.0) * sensor.noise / 4294967296.0
    counter = _mix(sensor.key + np.uint64(t) * np.uint64(0x9E3779B97F4A7C15))
    for r in range(height):
        for c in range(width):
            for k in range(3):
                total = taps[0] * blurred[r, c, k]
                for i in range(1, reach + 1):
                    total += taps[i] * (blurred[max(r - i, 0), c, k] + blurred[min(r + i, height - 1), c, k])
                tone = sensor.curve[k, int(min(max(total, 0.0), 1.0) * 1023.0 + 0.5)]
                counter += np.uint64(0x9E3779B97F4A7C15)
                bits = _mix(counter)
                high = float(np.int64(bits >> np.uint64(32)))
                low = float(np.int64(bits & np.uint64(0xFFFFFFFF)))
                tone += root * (high + low - 4294967295.0)
                out[r, c, k] = np.uint8(min(max(tone, 0.0), 255.0) + 0.5)
