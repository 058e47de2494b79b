"""`raster` in plain NumPy: a part's whole window at once, with the same arithmetic in the same order."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.renderer.rasteriser import EYE, FAR, STRETCH
from runners.gpu_evidence.stand_ins.plain_renderer.cloth import paint

Floats = NDArray[np.float64]
Marks = NDArray[np.uint8]


def place(parts: Floats, joints: Floats, frames: Floats, yaw: float, elevation: float) -> Floats:
    """Parts ``[P, PART_COLUMNS]`` of a posed person in camera space, ``[P, PLACED_COLUMNS]``; see `raster.place`."""
    cy, sy, ce, se = math.cos(yaw), math.sin(yaw), math.cos(elevation), math.sin(elevation)
    turn = np.array([[sy, cy, 0.0], [-cy * se, sy * se, ce], [cy * ce, -sy * ce, se]])
    frame_a, frame_b, reference = (frames[parts[:, c].astype(np.int64)] for c in (m.A_FRAME, m.B_FRAME, m.REFERENCE))
    joint_a, joint_b = (joints[parts[:, c].astype(np.int64)] for c in (m.A_JOINT, m.B_JOINT))
    start = _turned(turn, _anchored(joint_a, frame_a, parts[:, m.A_X : m.A_Z + 1]))
    end = _turned(turn, _anchored(joint_b, frame_b, parts[:, m.B_X : m.B_Z + 1]))
    axes = np.empty((len(parts), 3, 3))
    axes[:, 2] = end - start
    length = _length(axes[:, 2])
    axes[:, 2] /= length[:, None]
    forward = _turned(turn, reference[:, 0])
    lies = np.abs(_dot(forward, axes[:, 2])) > 0.98  # the part lies along "forward": take "up" for its front instead
    forward = np.where(lies[:, None], _turned(turn, reference[:, 2]), forward)
    along = _dot(forward, axes[:, 2])
    axes[:, 0] = forward - along[:, None] * axes[:, 2]
    axes[:, 0] /= _length(axes[:, 0])[:, None]
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        axes[:, 1, k] = axes[:, 2, a] * axes[:, 0, b] - axes[:, 2, b] * axes[:, 0, a]
    axes[:, 0] /= parts[:, m.DEEP, None]
    axes[:, 1] /= parts[:, m.WIDE, None]

    out = np.empty((len(parts), m.PLACED_COLUMNS))
    across, up, near = (axes[:, :, k] for k in range(3))
    out[:, m.ORIGIN : m.ORIGIN + 3] = -start[:, :1] * across - start[:, 1:2] * up + (EYE - start[:, 2:]) * near
    out[:, m.STEP_U : m.STEP_U + 3], out[:, m.STEP_V : m.STEP_V + 3], out[:, m.RAY : m.RAY + 3] = across, up, -near
    out[:, m.AXES : m.AXES + 9] = axes.reshape(-1, 9)
    columns = {
        m.LOW: m.R_LOW, m.HIGH: m.R_HIGH, m.HALF_X: m.BOX_X, m.HALF_Y: m.BOX_Y, m.DRAWN: m.PATTERN,
        m.MADE_OF: m.MATERIAL, m.PART_OF: m.LABEL, m.AT: m.CLOTH, m.CUT: m.OPEN,
    }  # fmt: skip
    for to, source in columns.items():
        out[:, to] = parts[:, source]
    out[:, m.LENGTH] = length
    stretch = np.maximum(np.maximum(parts[:, m.DEEP], parts[:, m.WIDE]), 1.0)
    box = np.sqrt(parts[:, m.BOX_X] ** 2 + parts[:, m.BOX_Y] ** 2)
    is_box = parts[:, m.BOX_X] > 0.0
    ra = np.where(is_box, box, parts[:, m.R_LOW] * stretch)
    rb = np.where(is_box, box, parts[:, m.R_HIGH] * stretch)
    for axis, low, high in ((0, m.U_LOW, m.U_HIGH), (1, m.V_LOW, m.V_HIGH)):
        out[:, low] = np.minimum(start[:, axis] - ra, end[:, axis] - rb)
        out[:, high] = np.maximum(start[:, axis] + ra, end[:, axis] + rb)
    return out


def _anchored(joint: Floats, frame: Floats, offset: Floats) -> Floats:
    return joint + offset[:, :1] * frame[:, 0] + offset[:, 1:2] * frame[:, 1] + offset[:, 2:] * frame[:, 2]


def _turned(turn: Floats, points: Floats) -> Floats:
    return np.stack([row[0] * points[:, 0] + row[1] * points[:, 1] + row[2] * points[:, 2] for row in turn], axis=1)


def _dot(a: Floats, b: Floats) -> Floats:
    out: Floats = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
    return out


def _length(a: Floats) -> Floats:
    return np.sqrt(a[:, 0] ** 2 + a[:, 1] ** 2 + a[:, 2] ** 2)


def see(
    placed: Floats, ppm: float, foot_col: float, foot_row: float, shape: tuple[int, int]
) -> tuple[Floats, NDArray[np.int16]]:
    """Distance ``[h, w]`` to the nearest part, and which part that is, or -1; see `raster.see`."""
    h, w = shape
    wide = STRETCH * ppm
    depth = np.full(shape, FAR)
    owner = np.full(shape, -1, dtype=np.int16)
    for i, part in enumerate(placed):
        c0 = max(0, math.floor(foot_col + part[m.U_LOW] * wide))
        c1 = min(w, math.ceil(foot_col + part[m.U_HIGH] * wide) + 1)
        r0 = max(0, math.floor(foot_row - part[m.V_HIGH] * ppm))
        r1 = min(h, math.ceil(foot_row - part[m.V_LOW] * ppm) + 1)
        if c0 >= c1 or r0 >= r1:
            continue
        v = ((foot_row - np.arange(r0, r1) - 0.5) / ppm)[:, None]
        u = ((np.arange(c0, c1) + 0.5 - foot_col) / wide)[None]
        where = [part[m.ORIGIN + k] + u * part[m.STEP_U + k] + v * part[m.STEP_V + k] for k in range(3)]
        t = _box(part, *where) if part[m.HALF_X] > 0.0 else _capsule(part, *where)
        window = depth[r0:r1, c0:c1]
        nearer = t < window
        window[nearer] = t[nearer]
        owner[r0:r1, c0:c1][nearer] = i
    return depth, owner


def _capsule(part: Floats, px: Floats, py: Floats, pz: Floats) -> Floats:
    dx, dy, dz = (float(x) for x in part[m.RAY : m.RAY + 3])
    length, low, high = float(part[m.LENGTH]), float(part[m.LOW]), float(part[m.HIGH])
    slope = (high - low) / length
    best = np.full(px.shape, FAR)
    around = px * px + py * py
    a = dx * dx + dy * dy + dz * dz
    for cap in range(1 if part[m.CUT] > 0.0 else 0, 2):
        z0, r = (0.0, low) if cap == 0 else (length, high)
        qz = pz - z0
        b = px * dx + py * dy + qz * dz
        inside = b * b - a * (around + qz * qz - r * r)
        t = (-b - np.sqrt(np.maximum(inside, 0.0))) / a
        z = pz + t * dz
        met = (inside >= 0.0) & ((z <= 0.0) if cap == 0 else (z >= length))
        best = np.where(met, np.minimum(best, t), best)
    at = low + slope * pz
    a = dx * dx + dy * dy - slope * slope * dz * dz
    if abs(a) > 1e-12:
        b = px * dx + py * dy - at * slope * dz
        inside = b * b - a * (around - at * at)
        t = (-b - np.sqrt(np.maximum(inside, 0.0))) / a
        z = pz + t * dz
        met = (inside >= 0.0) & (z >= 0.0) & (z <= length) & (low + slope * z >= 0.0)
        best = np.where(met, t, best)  # the side is always met before the caps when it is met between them
    return best


def _box(part: Floats, px: Floats, py: Floats, pz: Floats) -> Floats:
    near, far = np.full(px.shape, -FAR), np.full(px.shape, FAR)
    missed = np.zeros(px.shape, dtype=bool)
    limits = ((-part[m.HALF_X], part[m.HALF_X]), (-part[m.HALF_Y], part[m.HALF_Y]), (0.0, part[m.LENGTH]))
    for p, d, (low, high) in zip((px, py, pz), part[m.RAY : m.RAY + 3], limits, strict=True):
        if abs(d) < 1e-12:
            missed |= (p < low) | (p > high)
            continue
        t0, t1 = (low - p) / d, (high - p) / d
        near, far = np.maximum(near, np.minimum(t0, t1)), np.minimum(far, np.maximum(t0, t1))
    return np.where(missed | (near > far), FAR, near)


def shade(
    placed: Floats, sight: tuple[float, float, float], depth: Floats, owner: NDArray[np.int16], dress: m.Dress,
    palette: Floats, light: Floats, folds: Floats, rgb: Floats, label: Marks,
) -> None:  # fmt: skip
    """Colour every sample of `rgb` ``[h, w, 3]`` and `label` ``[h, w]`` that sees a part; see `raster.shade`.

    Args:
        placed, depth, owner: as of `place` and `see`.
        sight: samples per metre, column and row of the foot.
        dress, palette, light, folds: as for `raster.shade`.
        rgb, label: changed.
    """
    ppm, foot_col, foot_row = sight
    rows, columns = np.nonzero(owner >= 0)
    if not len(rows):
        return
    part, t = placed[owner[rows, columns]], depth[rows, columns]
    v, u = (foot_row - rows - 0.5) / ppm, (columns + 0.5 - foot_col) / (STRETCH * ppm)
    px, py, pz = (
        part[:, m.ORIGIN + k] + u * part[:, m.STEP_U + k] + v * part[:, m.STEP_V + k] + t * part[:, m.RAY + k]
        for k in range(3)
    )
    normal = _normals(part, px, py, pz)
    found = paint(part, px, py, pz, dress, folds)
    facing = normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]
    bright = light[3] * (0.82 + 0.18 * normal[1]) + light[4] * np.maximum(0.0, facing + found.relief)
    bright = bright * ((0.72 + 0.28 * normal[2]) * found.dim)
    made_of = found.material.astype(np.int64)
    label[rows, columns] = np.where(made_of >= 0, part[:, m.PART_OF], m.BACKPACK).astype(np.uint8)
    rgb[rows, columns] = palette[np.abs(made_of)] * bright[:, None]


def _normals(part: Floats, px: Floats, py: Floats, pz: Floats) -> list[Floats]:
    """Unit normals in camera space, [N] each."""
    length, low, high = part[:, m.LENGTH], part[:, m.LOW], part[:, m.HIGH]
    slope = (high - low) / length
    nz = np.where(pz <= 0.0, pz, np.where(pz >= length, pz - length, -slope * (low + slope * pz)))
    nx, ny = px.copy(), py.copy()
    at = np.flatnonzero(part[:, m.HALF_X] > 0.0)
    if len(at):
        box = part[at]
        ex, ey = np.abs(px[at]) / box[:, m.HALF_X], np.abs(py[at]) / box[:, m.HALF_Y]
        ez = np.abs(2.0 * pz[at] / box[:, m.LENGTH] - 1.0)
        on_x = (ex >= ey) & (ex >= ez)
        on_y = ~on_x & (ey >= ez)
        nx[at] = np.where(on_x, np.copysign(1.0, px[at]), 0.0)
        ny[at] = np.where(on_y, np.copysign(1.0, py[at]), 0.0)
        nz[at] = np.where(~on_x & ~on_y, np.copysign(1.0, pz[at] - 0.5 * box[:, m.LENGTH]), 0.0)
    out = [nx * part[:, m.AXES + k] + ny * part[:, m.AXES + 3 + k] + nz * part[:, m.AXES + 6 + k] for k in range(3)]
    size = 1.0 / np.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2] + 1e-18)
    return [each * size for each in out]
