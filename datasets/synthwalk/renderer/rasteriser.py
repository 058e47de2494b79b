"""The compiled rasteriser: places parts before the camera, finds what each sample sees, and shades it.

The camera of a person is orthographic: u runs to the right, v up, w towards the viewer, in metres, with
the origin on the ground below the pelvis. Every part is met exactly, by solving a ray against a tapered
capsule with an elliptic section or against a box, so silhouettes are smooth at any size.

Arithmetic is float64 without fast-math, so the bytes do not depend on vector width or thread count.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# (kernels: the compiler infers their types; shapes and units stand in the docstrings)

from __future__ import annotations

import math

import numpy as np

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.renderer.cloth import paint
from datasets.synthwalk.renderer.numba_cache import compiled

FAR = 1e9
STRETCH = 1.22  # boxes are narrower than the frames they are resized to, as in MARS: people look broader
EYE = 4.0  # rays start this many metres before the pelvis


@compiled
def place(parts, joints, frames, yaw, elevation, placed):
    """Turn the parts of a posed person into camera space; returns nothing, fills `placed`.

    Args:
        parts: [P, PART_COLUMNS].
        joints: [J, 3] of one frame, in metres.
        frames: [F, 3, 3] of one frame.
        yaw: of the walker against the camera, radians, 0 faces the viewer, positive turns to the right.
        elevation: of the camera above the horizon, radians.
        placed: [P, PLACED_COLUMNS], filled.
    """
    cy, sy = math.cos(yaw), math.sin(yaw)
    ce, se = math.cos(elevation), math.sin(elevation)
    turn = np.empty((3, 3))  # rows u, v, w in the walker's axes
    turn[0, 0], turn[0, 1], turn[0, 2] = sy, cy, 0.0
    turn[1, 0], turn[1, 1], turn[1, 2] = -cy * se, sy * se, ce
    turn[2, 0], turn[2, 1], turn[2, 2] = cy * ce, -sy * ce, se
    low, high, axes = np.empty(3), np.empty(3), np.empty((3, 3))
    start, end, forward = np.empty(3), np.empty(3), np.empty(3)
    for i in range(parts.shape[0]):
        part, out = parts[i], placed[i]
        fa, fb = frames[int(part[m.A_FRAME])], frames[int(part[m.B_FRAME])]
        ja, jb = joints[int(part[m.A_JOINT])], joints[int(part[m.B_JOINT])]
        ref = frames[int(part[m.REFERENCE])]
        for k in range(3):
            low[k] = ja[k] + part[m.A_X] * fa[0, k] + part[m.A_Y] * fa[1, k] + part[m.A_Z] * fa[2, k]
            high[k] = jb[k] + part[m.B_X] * fb[0, k] + part[m.B_Y] * fb[1, k] + part[m.B_Z] * fb[2, k]
        for k in range(3):
            start[k] = turn[k, 0] * low[0] + turn[k, 1] * low[1] + turn[k, 2] * low[2]
            end[k] = turn[k, 0] * high[0] + turn[k, 1] * high[1] + turn[k, 2] * high[2]
            forward[k] = turn[k, 0] * ref[0, 0] + turn[k, 1] * ref[0, 1] + turn[k, 2] * ref[0, 2]
            axes[2, k] = end[k] - start[k]
        length = math.sqrt(axes[2, 0] ** 2 + axes[2, 1] ** 2 + axes[2, 2] ** 2)
        axes[2] /= length
        along = forward[0] * axes[2, 0] + forward[1] * axes[2, 1] + forward[2] * axes[2, 2]
        if abs(along) > 0.98:  # the part lies along "forward": take "up" for its front instead
            for k in range(3):
                forward[k] = turn[k, 0] * ref[2, 0] + turn[k, 1] * ref[2, 1] + turn[k, 2] * ref[2, 2]
            along = forward[0] * axes[2, 0] + forward[1] * axes[2, 1] + forward[2] * axes[2, 2]
        for k in range(3):
            axes[0, k] = forward[k] - along * axes[2, k]
        axes[0] /= math.sqrt(axes[0, 0] ** 2 + axes[0, 1] ** 2 + axes[0, 2] ** 2)
        axes[1, 0] = axes[2, 1] * axes[0, 2] - axes[2, 2] * axes[0, 1]
        axes[1, 1] = axes[2, 2] * axes[0, 0] - axes[2, 0] * axes[0, 2]
        axes[1, 2] = axes[2, 0] * axes[0, 1] - axes[2, 1] * axes[0, 0]
        axes[0] /= part[m.DEEP]
        axes[1] /= part[m.WIDE]
        for k in range(3):
            out[m.ORIGIN + k] = -start[0] * axes[k, 0] - start[1] * axes[k, 1] + (EYE - start[2]) * axes[k, 2]
            out[m.STEP_U + k], out[m.STEP_V + k], out[m.RAY + k] = axes[k, 0], axes[k, 1], -axes[k, 2]
            for j in range(3):
                out[m.AXES + 3 * k + j] = axes[k, j]
        out[m.LENGTH], out[m.LOW], out[m.HIGH] = length, part[m.R_LOW], part[m.R_HIGH]
        out[m.HALF_X], out[m.HALF_Y] = part[m.BOX_X], part[m.BOX_Y]
        out[m.DRAWN], out[m.MADE_OF], out[m.PART_OF] = part[m.PATTERN], part[m.MATERIAL], part[m.LABEL]
        out[m.AT], out[m.CUT] = part[m.CLOTH], part[m.OPEN]
        stretch = max(part[m.DEEP], part[m.WIDE], 1.0)
        ra, rb = part[m.R_LOW] * stretch, part[m.R_HIGH] * stretch
        if part[m.BOX_X] > 0.0:
            ra = rb = math.sqrt(part[m.BOX_X] ** 2 + part[m.BOX_Y] ** 2)
        out[m.U_LOW], out[m.U_HIGH] = min(start[0] - ra, end[0] - rb), max(start[0] + ra, end[0] + rb)
        out[m.V_LOW], out[m.V_HIGH] = min(start[1] - ra, end[1] - rb), max(start[1] + ra, end[1] + rb)


@compiled
def _capsule(part, px, py, pz):
    """Distance along the ray to a tapered capsule whose section is a circle in its own axes, or FAR."""
    dx, dy, dz = part[m.RAY], part[m.RAY + 1], part[m.RAY + 2]
    length, low, high = part[m.LENGTH], part[m.LOW], part[m.HIGH]
    slope = (high - low) / length
    best = FAR
    at = low + slope * pz
    a = dx * dx + dy * dy - slope * slope * dz * dz
    b = px * dx + py * dy - at * slope * dz
    c = px * px + py * py - at * at
    inside = b * b - a * c
    if inside >= 0.0 and abs(a) > 1e-12:
        t = (-b - math.sqrt(inside)) / a
        z = pz + t * dz
        if 0.0 <= z <= length and low + slope * z >= 0.0:
            return t  # the side is always met before the caps when it is met between them
    a = dx * dx + dy * dy + dz * dz
    for cap in range(1 if part[m.CUT] > 0.0 else 0, 2):
        z0, r = (0.0, low) if cap == 0 else (length, high)
        qz = pz - z0
        b = px * dx + py * dy + qz * dz
        c = px * px + py * py + qz * qz - r * r
        inside = b * b - a * c
        if inside >= 0.0:
            t = (-b - math.sqrt(inside)) / a
            z = pz + t * dz
            if (cap == 0 and z <= 0.0) or (cap == 1 and z >= length):
                best = min(best, t)
    return best


@compiled
def _box(part, px, py, pz):
    """Distance along the ray to a box, or FAR."""
    near, far = -FAR, FAR
    for axis in range(3):
        if axis == 0:
            p, d, low, high = px, part[m.RAY], -part[m.HALF_X], part[m.HALF_X]
        elif axis == 1:
            p, d, low, high = py, part[m.RAY + 1], -part[m.HALF_Y], part[m.HALF_Y]
        else:
            p, d, low, high = pz, part[m.RAY + 2], 0.0, part[m.LENGTH]
        if abs(d) < 1e-12:
            if p < low or p > high:
                return FAR
            continue
        t0, t1 = (low - p) / d, (high - p) / d
        near, far = max(near, min(t0, t1)), min(far, max(t0, t1))
    return near if near <= far else FAR


@compiled
def see(placed, ppm, foot_col, foot_row, depth, owner):
    """Find the nearest part at each sample.

    Args:
        placed: [P, PLACED_COLUMNS].
        ppm: samples per metre up the picture; across it there are `STRETCH` times as many.
        foot_col, foot_row: sample position of the ground below the pelvis.
        depth: float64 [h, w], filled with the distance or FAR.
        owner: int16 [h, w], filled with the part or -1.

    Returns:
        The window of rows and columns outside which nobody was seen: top, bottom, left, right.
    """
    h, w = depth.shape
    wide = STRETCH * ppm
    depth[:] = FAR
    owner[:] = -1
    top, bottom, left, right = h, 0, w, 0
    for i in range(placed.shape[0]):
        part = placed[i]
        c0 = max(0, math.floor(foot_col + part[m.U_LOW] * wide))
        c1 = min(w, math.ceil(foot_col + part[m.U_HIGH] * wide) + 1)
        r0 = max(0, math.floor(foot_row - part[m.V_HIGH] * ppm))
        r1 = min(h, math.ceil(foot_row - part[m.V_LOW] * ppm) + 1)
        if c0 >= c1 or r0 >= r1:
            continue
        top, bottom, left, right = min(top, r0), max(bottom, r1), min(left, c0), max(right, c1)
        is_box = part[m.HALF_X] > 0.0
        for r in range(r0, r1):
            v = (foot_row - r - 0.5) / ppm
            for c in range(c0, c1):
                u = (c + 0.5 - foot_col) / wide
                px = part[m.ORIGIN] + u * part[m.STEP_U] + v * part[m.STEP_V]
                py = part[m.ORIGIN + 1] + u * part[m.STEP_U + 1] + v * part[m.STEP_V + 1]
                pz = part[m.ORIGIN + 2] + u * part[m.STEP_U + 2] + v * part[m.STEP_V + 2]
                t = _box(part, px, py, pz) if is_box else _capsule(part, px, py, pz)
                if t < depth[r, c]:
                    depth[r, c] = t
                    owner[r, c] = i
    return top, bottom, left, right


@compiled
def _normal(part, px, py, pz, out):
    """Unit normal in camera space at a point on a part, given in the part's own axes."""
    length, low, high = part[m.LENGTH], part[m.LOW], part[m.HIGH]
    if part[m.HALF_X] > 0.0:
        ex, ey = abs(px) / part[m.HALF_X], abs(py) / part[m.HALF_Y]
        ez = abs(2.0 * pz / length - 1.0)
        nx, ny, nz = 0.0, 0.0, 0.0
        if ex >= ey and ex >= ez:
            nx = math.copysign(1.0, px)
        elif ey >= ez:
            ny = math.copysign(1.0, py)
        else:
            nz = math.copysign(1.0, pz - 0.5 * length)
    elif pz <= 0.0:
        nx, ny, nz = px, py, pz
    elif pz >= length:
        nx, ny, nz = px, py, pz - length
    else:
        slope = (high - low) / length
        nx, ny, nz = px, py, -slope * (low + slope * pz)
    size = 0.0
    for k in range(3):
        out[k] = nx * part[m.AXES + k] + ny * part[m.AXES + 3 + k] + nz * part[m.AXES + 6 + k]
        size += out[k] * out[k]
    size = 1.0 / math.sqrt(size + 1e-18)
    for k in range(3):
        out[k] *= size


@compiled
def shade(placed, ppm, foot_col, foot_row, window, depth, owner, dress, palette, light, folds, rgb, label):
    """Colour every sample that sees a part.

    Args:
        placed, ppm, foot_col, foot_row, depth, owner: as for `see`.
        window: what `see` returned.
        dress: `materials.Dress`.
        palette: [materials, 3].
        light: [5], direction to the light in camera space, ambient and diffuse strength.
        folds: [128, 128] smooth noise in [-1, 1].
        rgb: float64 [h, w, 3], changed where a part is seen.
        label: uint8 [h, w], likewise.
    """
    normal, found = np.empty(3), np.empty(3)
    wide = STRETCH * ppm
    top, bottom, left, right = window
    for r in range(top, bottom):
        v = (foot_row - r - 0.5) / ppm
        for c in range(left, right):
            i = owner[r, c]
            if i < 0:
                continue
            part, t, u = placed[i], depth[r, c], (c + 0.5 - foot_col) / wide
            px = part[m.ORIGIN] + u * part[m.STEP_U] + v * part[m.STEP_V] + t * part[m.RAY]
            py = part[m.ORIGIN + 1] + u * part[m.STEP_U + 1] + v * part[m.STEP_V + 1] + t * part[m.RAY + 1]
            pz = part[m.ORIGIN + 2] + u * part[m.STEP_U + 2] + v * part[m.STEP_V + 2] + t * part[m.RAY + 2]
            _normal(part, px, py, pz, normal)
            paint(part, px, py, pz, dress, folds, found)
            made_of, dim = int(found[0]), found[1]
            facing = normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]
            bright = light[3] * (0.82 + 0.18 * normal[1]) + light[4] * max(0.0, facing + found[2])
            bright *= (0.72 + 0.28 * normal[2]) * dim
            label[r, c] = int(part[m.PART_OF]) if made_of >= 0 else m.BACKPACK
            made_of = abs(made_of)
            for k in range(3):
                rgb[r, c, k] = palette[made_of, k] * bright
