"""`datasets.synthwalk.renderer.frames` in plain NumPy: the reference of the kernels, and for where Numba is missing.

The arithmetic and its order are those of the kernels, so that frames agree; NumPy's own sine and exponential may
differ from the compiler's in the last bit, which a rounded pixel shows hardly ever. Four
to ten times slower, by the size of the frame.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.renderer.frames import OVERSAMPLING, Actor, Sensor, Thing
from datasets.synthwalk.renderer.rasteriser import STRETCH
from runners.gpu_evidence.stand_ins.plain_renderer.rasteriser import place, see, shade

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_STEP: Final = 0x9E3779B97F4A7C15
_WRAP: Final = 2**64


def render_frames(
    scene: Bytes, window: Floats, person: Actor, behind: Actor, front: Actor, thing: Thing, sensor: Sensor,
    folds: Floats, front_kind: int, height: int, width: int,
) -> tuple[Bytes, Bytes, Bytes, Bytes, NDArray[np.bool_]]:  # fmt: skip
    """Render one tracklet; arguments and results as those of the compiled `render_frames`."""
    count = len(window)
    shape = (OVERSAMPLING * height, OVERSAMPLING * width)
    frames, twins = (np.empty((count, height, width, 3), np.uint8) for _ in range(2))
    labels = np.empty((count, height, width), np.uint8)
    occluders = np.zeros((count, height, width), np.uint8)
    touched = np.zeros(count, np.bool_)
    for t in range(count):
        rgb = _street(scene, window[t], shape)
        label = np.zeros(shape, np.uint8)
        for actor in (behind, person):
            label[:] = 0
            if actor.present[t]:
                _shadow(actor.sight[t], sensor, rgb)
                _draw(actor, t, sensor, folds, rgb, label)
        labels[t] = _vote(label)
        twins[t] = _develop(rgb, sensor, t)
        mark = np.zeros(shape, np.uint8)
        if front.present[t]:
            _shadow(front.sight[t], sensor, rgb)
            _draw(front, t, sensor, folds, rgb, mark)
            touched[t] = bool(mark.any())
            mark[mark != 0] = front_kind
        if thing.kind != 0 and _stand(thing, t, sensor, rgb, mark):
            touched[t] = True
        if touched[t]:
            occluders[t] = _vote(mark)
        frames[t] = _develop(rgb, sensor, t) if touched[t] else twins[t]
    return frames, twins, labels, occluders, touched


def _draw(actor: Actor, t: int, sensor: Sensor, folds: Floats, rgb: Floats, label: Bytes) -> None:
    yaw, elevation, ppm, foot_col, foot_row = (float(x) for x in actor.sight[t])
    placed = place(actor.parts, actor.joints[t], actor.frames[t], yaw, elevation)
    depth, owner = see(placed, ppm, foot_col, foot_row, label.shape)
    sight = (ppm, foot_col, foot_row)
    shade(placed, sight, depth, owner, actor.dress, actor.palette, sensor.light, folds, rgb, label)


def _street(scene: Bytes, window: Floats, shape: tuple[int, int]) -> Floats:
    """The piece of the scene behind the box (bilinear)."""
    rows, columns = scene.shape[:2]
    y = np.minimum(np.maximum(window[1] + (np.arange(shape[0]) + 0.5) * window[2] - 0.5, 0.0), rows - 1.001)
    x = np.maximum(window[0] + (np.arange(shape[1]) + 0.5) * window[2] / STRETCH - 0.5, 0.0)
    x = np.minimum(x, columns - 1.001)
    y0, x0 = y.astype(np.int64), x.astype(np.int64)
    fy, fx = (y - y0)[:, None, None], (x - x0)[None, :, None]
    first = int(y0.min())
    piece = scene[first : int(y0.max()) + 2].astype(np.float64)
    mixed = piece[:, x0] * (1.0 - fx) + piece[:, x0 + 1] * fx
    out: Floats = (mixed[y0 - first] * (1.0 - fy) + mixed[y0 - first + 1] * fy) / 255.0
    return out


def _shadow(sight: Floats, sensor: Sensor, rgb: Floats) -> None:
    """A soft shadow on the ground, drawn out away from the light."""
    h, w = rgb.shape[:2]
    ppm, flat = sight[2], max(0.12, exact_math.sin(sight[1]))
    a, b = 0.36 * STRETCH * ppm, 0.36 * ppm * flat + 0.02 * ppm
    lean = -1.1 * sensor.light[0] * STRETCH * ppm
    strength = 0.25 + 0.35 * sensor.light[4]
    c0, c1 = sight[3] + 0.35 * lean, sight[4] - 0.02 * ppm
    reach = a + abs(lean)
    r0, r1 = max(0, int(c1 - 2.2 * b)), min(h, int(c1 + 2.2 * b) + 1)
    left, right = max(0, int(c0 - 2.2 * reach)), min(w, int(c0 + 2.2 * reach) + 1)
    if r0 >= r1 or left >= right:
        return
    y = ((np.arange(r0, r1) + 0.5 - c1) / b)[:, None]
    x = ((np.arange(left, right) + 0.5 - c0) / (a + 0.5 * abs(lean)))[None]
    rgb[r0:r1, left:right] *= (1.0 - strength * exact_math.exp(-1.2 * (x * x + y * y)))[..., None]


def _stand(thing: Thing, t: int, sensor: Sensor, rgb: Floats, mark: Bytes) -> bool:
    """Draw a flat thing in front; returns whether any of it is in the picture."""
    h, w = mark.shape
    ppm, middle, ground = thing.sight[t]
    wide, tall = thing.size[0] * STRETCH * ppm, thing.size[1] * ppm
    left, top = middle - 0.5 * wide, ground - tall
    rows, columns = thing.rgba.shape[:2]
    r = np.arange(max(0, int(top)), min(h, int(ground) + 1))
    c = np.arange(max(0, int(left)), min(w, int(left + wide) + 1))
    y = ((r + 0.5 - top) / tall * rows).astype(np.int64)
    x = ((c + 0.5 - left) / wide * columns).astype(np.int64)
    r, y = r[(y >= 0) & (y < rows)], y[(y >= 0) & (y < rows)]
    c, x = c[(x >= 0) & (x < columns)], x[(x >= 0) & (x < columns)]
    seen = thing.rgba[y[:, None], x[None]]  # [rows, columns, 4]
    there = np.nonzero(seen[..., 3] >= 0.5)
    bright = sensor.light[3] + 0.75 * sensor.light[4]
    rgb[r[there[0]], c[there[1]]] = seen[there][:, :3] * bright
    mark[r[there[0]], c[there[1]]] = thing.kind
    return len(there[0]) > 0


def _vote(samples: Bytes) -> Bytes:
    """A pixel carries the commonest mark of its samples if at least half of them carry one."""
    four = np.stack([samples[i::2, j::2] for i in range(OVERSAMPLING) for j in range(OVERSAMPLING)])
    same = (four[:, None] == four[None]).sum(axis=1) * (four != 0)  # [4, H, W]
    best = np.take_along_axis(four, same.argmax(axis=0)[None], axis=0)[0]
    return np.where(2 * (four != 0).sum(axis=0) >= len(four), best, 0).astype(np.uint8)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _develop(rgb: Floats, sensor: Sensor, t: int) -> Bytes:
    """Average the samples of each pixel, blur, apply the tone curve, add noise, round."""
    small = 0.25 * ((rgb[::2, ::2] + rgb[::2, 1::2]) + (rgb[1::2, ::2] + rgb[1::2, 1::2]))
    total = _blurred(_blurred(small, sensor.taps, 1), sensor.taps, 0)
    level = (np.minimum(np.maximum(total, 0.0), 1.0) * 1023.0 + 0.5).astype(np.int64)
    tone = np.stack([sensor.curve[k][level[..., k]] for k in range(3)], axis=-1)
    start = _mix(np.array([(int(sensor.key) + t * _STEP) % _WRAP], dtype=np.uint64))
    counter = start + np.arange(1, tone.size + 1, dtype=np.uint64) * np.uint64(_STEP)
    bits = _mix(counter).reshape(tone.shape)
    high = (bits >> np.uint64(32)).astype(np.float64)
    low = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64)
    root = np.sqrt(6.0) * sensor.noise / 4294967296.0
    tone += root * (high + low - 4294967295.0)
    out: Bytes = (np.minimum(np.maximum(tone, 0.0), 255.0) + 0.5).astype(np.uint8)
    return out


def _blurred(picture: Floats, taps: Floats, axis: int) -> Floats:
    reach, length = len(taps) - 1, picture.shape[axis]
    wide = np.pad(picture, [(reach, reach) if a == axis else (0, 0) for a in range(3)], mode="edge")
    part = [slice(None)] * 3
    out: Floats = taps[0] * picture
    for i in range(1, reach + 1):
        sides = []
        for begin in (reach - i, reach + i):
            part[axis] = slice(begin, begin + length)
            sides.append(wide[tuple(part)])
        out += taps[i] * (sides[0] + sides[1])
    return out
