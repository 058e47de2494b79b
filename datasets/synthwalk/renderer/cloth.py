"""What is drawn on the body: clothes with stripes, folds and logos, faces, shoes and bags.

Patterns live in each part's own axes (forward, left, up along the part), so that they turn with the body.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
# (kernels: the compiler infers their types; shapes and units stand in the docstrings)

from __future__ import annotations

import math

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.renderer.numba_cache import compiled


@compiled
def paint(part, px, py, pz, dress, folds, found):  # noqa: PLR0912 - one branch a pattern
    """Material, dimming and relief at a point of a part.

    Args:
        part: one placed part.
        px, py, pz: the point in the part's axes (px, py squeezed to a circle).
        dress: `materials.Dress`.
        folds: [128, 128] smooth noise in [-1, 1].
        found: [3], filled with the material, a factor for the brightness and a change of the light's
            angle (relief). A negative material marks a strap that belongs to the bag's label.
    """
    drawn = int(part[m.DRAWN])
    found[0], found[1], found[2] = part[m.MADE_OF], 1.0, 0.0
    if drawn == m.P_PLAIN:
        return
    length = part[m.LENGTH]
    along = min(max(pz / length, 0.0), 1.0)
    radius = part[m.LOW] + (part[m.HIGH] - part[m.LOW]) * along
    front, across = px / radius, py / radius  # 1 is the front, the walker's left
    if drawn == m.P_TRUNK:
        _trunk(part[m.AT] + pz, front, across, py, dress, found)
        _fold(part[m.AT] + pz, across + (1.7 if front < 0.0 else 0.0), dress, folds, found, 1.0)
    elif drawn == m.P_SLEEVE:
        height = part[m.AT] + pz
        if part[m.AT] == 0.0 and dress.cuff > 0.0 and along < dress.cuff:
            found[1] = 0.82
        if dress.stripes in (1.0, 4.0):
            _stripes(height, dress, found)
        _fold(1.3 * height, across + front, dress, folds, found, 1.2)
    elif drawn == m.P_LEG:
        _fold(0.7 * (part[m.AT] + pz), across + 0.7 * front, dress, folds, found, 1.0)
        if abs(front) < 0.10 and abs(across) > 0.9:  # the seam on the outside of the leg
            found[1] *= 0.86
        if part[m.AT] == 0.0 and along < 0.05:
            found[1] *= 0.78
    elif drawn == m.P_FLAP:
        folded = math.sin(9.0 * across + 3.0 * front + dress.fold_a)
        found[1] = 1.0 + 0.09 * folded
        if part[m.MADE_OF] == m.M_TOP and front > 0.0 and abs(across) < 0.07 + 0.25 * dress.open:
            found[0], found[1] = m.M_BOTTOM, 0.8
    elif drawn == m.P_HEAD:
        _face(front, across, pz / length, dress, found)
    elif drawn == m.P_SHOE:
        if front < -0.62 or (abs(across) > 0.4 and front < -0.5):
            found[0] = m.M_SOLE
        elif front > 0.7 and 0.25 < along < 0.7 and (pz * 60.0) % 1.0 < 0.4:
            found[0] = m.M_SOLE  # laces
    elif drawn == m.P_BAG:
        if abs(along - 0.72) < 0.03:
            found[1] = 0.6
        elif along > 0.9 or along < 0.06:
            found[1] = 0.85
    elif drawn == m.P_HAND and along < 0.55 and (3.4 * (front + 1.0)) % 1.0 < 0.16:
        found[1] = 0.78  # between the fingers


@compiled
def _fold(height, around, dress, folds, found, strength):
    """Soft folds: brighter ridges and darker valleys from a table of smooth noise."""
    row = int(220.0 * height + dress.fold_a + 1024.0) & 127
    column = int(26.0 * around + dress.fold_b + 1024.0) & 127
    value = folds[row, column] * dress.fold * strength
    found[1] *= 1.0 + value
    found[2] += 0.6 * value


@compiled
def _stripes(height, dress, found):
    """Stripes across the cloth."""
    phase = height / dress.period
    if phase - math.floor(phase) < 0.5 * dress.share * (1.6 if dress.stripes == 1.0 else 1.0):
        found[0] = m.M_SECOND


@compiled
def _trunk(height, front, across, side, dress, found):  # noqa: PLR0912 - one branch a garment
    """The top: hem, pattern, collar, opening, logo, straps; `side` is across in metres."""
    if height < dress.hem:
        found[0] = m.M_BELT if height > dress.hem - 0.03 else m.M_BOTTOM
    else:
        if dress.stripes in (1.0, 4.0):
            _stripes(height, dress, found)
        if dress.stripes in (2.0, 4.0):
            phase = side / (0.55 * dress.period)
            if phase - math.floor(phase) < 0.35:
                found[0] = m.M_SECOND
        elif dress.stripes == 3.0 and height > 0.62 * dress.trunk:
            found[0] = m.M_SECOND
        below_neck = (dress.trunk - height) / 0.14
        if front > 0.0:
            if dress.open > 0.0 and abs(across) < dress.open * (1.15 - 0.5 * min(1.0, height / dress.trunk)):
                found[0] = m.M_SECOND
            elif dress.open > 0.0 and abs(across) < 0.05 + dress.open:
                found[1] = 0.78  # the edge of the jacket
            if below_neck < 1.0 and abs(across) < dress.collar * (1.0 - below_neck) + 0.05:
                found[0] = m.M_SKIN
            elif dress.zip > 0.0 and abs(across) < 0.035:
                found[1] = 0.66
    if dress.logo > 0.0 and front * dress.logo_side > 0.15:
        du, dv = across - dress.logo_across, (height - dress.logo_height) / dress.logo_size
        du *= 0.16 / dress.logo_size
        near = du * du + dv * dv
        if (
            (dress.logo == 1.0 and near < 1.0)
            or (dress.logo == 2.0 and abs(du) < 1.5 and abs(dv) < 0.5)
            or (dress.logo == 3.0 and min(abs(du), abs(dv)) < 0.33 and max(abs(du), abs(dv)) < 1.1)
            or (dress.logo == 4.0 and 0.4 < near < 1.2)
            or (dress.logo == 5.0 and dv > -0.8 and abs(du) < 0.55 * (1.0 - dv))
        ):
            found[0], found[1] = m.M_LOGO, 1.0
    if dress.straps == 1.0 and front > -0.4 and abs(abs(across) - 0.52) < 0.10 and height > 0.3 * dress.trunk:
        found[0], found[1] = -m.M_BAG, 0.95
    elif dress.straps == 2.0:
        slope = 0.5 * dress.trunk + 0.42 * dress.trunk * (-across)
        if abs(height - slope) < 0.028:
            found[0], found[1] = -m.M_TRIM, 1.0


@compiled
def _face(front, across, along, dress, found):
    """Hair, brows, eyes, mouth, beard and glasses on a head; `along` runs from the chin to the crown."""
    hairline = dress.hairline + 0.10 * abs(across)
    temple = dress.sides - (0.55 * (1.0 - min(along, 1.0)) if dress.sides < 0.2 else 0.0)
    if (along > hairline or front < temple) and along > 0.05 and dress.hairline < 1.5:
        found[0] = m.M_HAIR
        return
    if dress.beard > 0.0 and along < 0.02 + 0.18 * (1.0 - front) and front > -0.1:
        found[0], found[1] = m.M_HAIR, 1.2
    if front < 0.25:
        if abs(across) > 0.93 and 0.15 < along < 0.5:
            found[1] = 0.8  # ear
        return
    eye = abs(abs(across) - 0.36)
    if abs(along - 0.40) < 0.055 and eye < 0.15:
        found[0] = m.M_EYE
    elif abs(along - 0.53) < 0.035 and eye < 0.2:
        found[0] = m.M_HAIR
    elif abs(along + 0.12) < 0.045 and abs(across) < 0.27:
        found[0] = m.M_LIPS
    elif abs(along - 0.42) < 0.16 and eye < 0.24:
        found[1] = 0.86  # the sockets lie in shadow
    if dress.glasses > 0.0 and abs(along - 0.40) < 0.15 and (abs(eye - 0.22) < 0.05 or abs(across) < 0.12):
        found[0] = m.M_INK
