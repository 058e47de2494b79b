"""`cloth` in plain NumPy: all points of one pattern at once, with the same arithmetic in the same order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.renderer import materials as m

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """Points on parts that share one pattern, [N] each.

    Attributes:
        part: [N, PLACED_COLUMNS] the placed part of each.
        py, pz: place across and along, in the part's own axes.
        front, across: the same as a share of the radius; 1 is the front, the walker's left.
        along: 0 at the lower end of the part, 1 at the upper one; beyond the ends clipped.
        material, dim, relief: what is found out, see `cloth.paint`.
    """

    part: Floats
    py: Floats
    pz: Floats
    front: Floats
    across: Floats
    along: Floats
    material: Floats
    dim: Floats
    relief: Floats

    def put(self, where: Bools, material: float | None = None, dim: float | Floats | None = None) -> None:
        """Another material, another dimming, or both, where a mask holds."""
        if material is not None:
            self.material[where] = material
        if dim is not None:
            self.dim[where] = np.broadcast_to(dim, where.shape)[where]


def paint(part: Floats, px: Floats, py: Floats, pz: Floats, dress: m.Dress, folds: Floats) -> Points:
    """Material, dimming and relief of points ``[N]``, each on its placed part ``[N, PLACED_COLUMNS]``."""
    along = np.minimum(np.maximum(pz / part[:, m.LENGTH], 0.0), 1.0)
    radius = part[:, m.LOW] + (part[:, m.HIGH] - part[:, m.LOW]) * along
    with np.errstate(divide="ignore", invalid="ignore"):  # boxes have no radius, and no pattern that asks for it
        front, across = px / radius, py / radius
    count = len(part)
    found = Points(part, py, pz, front, across, along, part[:, m.MADE_OF].copy(), np.ones(count), np.zeros(count))
    drawn = part[:, m.DRAWN].astype(np.int64)
    for pattern in np.unique(drawn):
        draw = _DRAW.get(int(pattern))
        if draw is None:
            continue
        at = np.flatnonzero(drawn == pattern)
        some = Points(**{name: getattr(found, name)[at] for name in Points.__dataclass_fields__})
        draw(some, dress, folds)
        found.material[at], found.dim[at], found.relief[at] = some.material, some.dim, some.relief
    return found


def _trunk(p: Points, dress: m.Dress, folds: Floats) -> None:
    height = p.part[:, m.AT] + p.pz
    below = height < dress.hem
    p.put(below, m.M_BOTTOM)
    p.put(below & (height > dress.hem - 0.03), m.M_BELT)
    top = ~below
    if dress.stripes in (1.0, 4.0):
        _stripes(p, height, dress, top)
    if dress.stripes in (2.0, 4.0):
        phase = p.py / (0.55 * dress.period)
        p.put(top & (phase - np.floor(phase) < 0.35), m.M_SECOND)
    elif dress.stripes == 3.0:
        p.put(top & (height > 0.62 * dress.trunk), m.M_SECOND)
    wide = np.abs(p.across)
    chest = top & (p.front > 0.0)
    if dress.open > 0.0:
        opening = chest & (wide < dress.open * (1.15 - 0.5 * np.minimum(1.0, height / dress.trunk)))
        p.put(chest & ~opening & (wide < 0.05 + dress.open), dim=0.78)
        p.put(opening, m.M_SECOND)
    below_neck = (dress.trunk - height) / 0.14
    neck = chest & (below_neck < 1.0) & (wide < dress.collar * (1.0 - below_neck) + 0.05)
    p.put(neck, m.M_SKIN)
    if dress.zip > 0.0:
        p.put(chest & ~neck & (wide < 0.035), dim=0.66)
    _logo(p, height, dress)
    if dress.straps == 1.0:
        straps = (p.front > -0.4) & (np.abs(wide - 0.52) < 0.10) & (height > 0.3 * dress.trunk)
        p.put(straps, -m.M_BAG, 0.95)
    elif dress.straps == 2.0:
        slope = 0.5 * dress.trunk + 0.42 * dress.trunk * (-p.across)
        p.put(np.abs(height - slope) < 0.028, -m.M_TRIM, 1.0)
    _fold(p, height, p.across + np.where(p.front < 0.0, 1.7, 0.0), dress, folds, 1.0)


def _logo(p: Points, height: Floats, dress: m.Dress) -> None:
    if not dress.logo > 0.0:
        return
    du, dv = p.across - dress.logo_across, (height - dress.logo_height) / dress.logo_size
    du = du * (0.16 / dress.logo_size)
    near = du * du + dv * dv
    au, av = np.abs(du), np.abs(dv)
    shapes: dict[float, Bools] = {
        1.0: near < 1.0,
        2.0: (au < 1.5) & (av < 0.5),
        3.0: (np.minimum(au, av) < 0.33) & (np.maximum(au, av) < 1.1),
        4.0: (near > 0.4) & (near < 1.2),
        5.0: (dv > -0.8) & (au < 0.55 * (1.0 - dv)),
    }
    p.put((p.front * dress.logo_side > 0.15) & shapes[dress.logo], m.M_LOGO, 1.0)


def _sleeve(p: Points, dress: m.Dress, folds: Floats) -> None:
    height = p.part[:, m.AT] + p.pz
    if dress.cuff > 0.0:
        p.put((p.part[:, m.AT] == 0.0) & (p.along < dress.cuff), dim=0.82)
    if dress.stripes in (1.0, 4.0):
        _stripes(p, height, dress, np.ones(len(height), dtype=bool))
    _fold(p, 1.3 * height, p.across + p.front, dress, folds, 1.2)


def _leg(p: Points, dress: m.Dress, folds: Floats) -> None:
    _fold(p, 0.7 * (p.part[:, m.AT] + p.pz), p.across + 0.7 * p.front, dress, folds, 1.0)
    p.put((np.abs(p.front) < 0.10) & (np.abs(p.across) > 0.9), dim=p.dim * 0.86)
    p.put((p.part[:, m.AT] == 0.0) & (p.along < 0.05), dim=p.dim * 0.78)


def _flap(p: Points, dress: m.Dress, folds: Floats) -> None:
    p.dim[:] = 1.0 + 0.09 * exact_math.sin(9.0 * p.across + 3.0 * p.front + dress.fold_a)
    coat = (p.part[:, m.MADE_OF] == m.M_TOP) & (p.front > 0.0)
    p.put(coat & (np.abs(p.across) < 0.07 + 0.25 * dress.open), m.M_BOTTOM, 0.8)


def _shoe(p: Points, dress: m.Dress, folds: Floats) -> None:
    sole = (p.front < -0.62) | ((np.abs(p.across) > 0.4) & (p.front < -0.5))
    laces = (p.front > 0.7) & (p.along > 0.25) & (p.along < 0.7) & (np.mod(p.pz * 60.0, 1.0) < 0.4)
    p.put(sole | laces, m.M_SOLE)


def _bag(p: Points, dress: m.Dress, folds: Floats) -> None:
    p.put((p.along > 0.9) | (p.along < 0.06), dim=0.85)
    p.put(np.abs(p.along - 0.72) < 0.03, dim=0.6)


def _hand(p: Points, dress: m.Dress, folds: Floats) -> None:
    p.put((p.along < 0.55) & (np.mod(3.4 * (p.front + 1.0), 1.0) < 0.16), dim=0.78)


def _head(p: Points, dress: m.Dress, folds: Floats) -> None:
    along, wide = p.pz / p.part[:, m.LENGTH], np.abs(p.across)
    hairline = dress.hairline + 0.10 * wide
    if dress.sides < 0.2:
        temple = dress.sides - 0.55 * (1.0 - np.minimum(along, 1.0))
    else:
        temple = np.full(len(along), dress.sides - 0.0)
    hair = np.zeros(len(along), dtype=bool)
    if dress.hairline < 1.5:
        hair = ((along > hairline) | (p.front < temple)) & (along > 0.05)
    p.put(hair, m.M_HAIR)
    if dress.beard > 0.0:
        p.put(~hair & (along < 0.02 + 0.18 * (1.0 - p.front)) & (p.front > -0.1), m.M_HAIR, 1.2)
    side = ~hair & (p.front < 0.25)
    p.put(side & (wide > 0.93) & (along > 0.15) & (along < 0.5), dim=0.8)
    face = ~hair & ~side
    eye = np.abs(wide - 0.36)
    eyes = (np.abs(along - 0.40) < 0.055) & (eye < 0.15)
    brows = (np.abs(along - 0.53) < 0.035) & (eye < 0.2)
    mouth = (np.abs(along + 0.12) < 0.045) & (wide < 0.27)
    sockets = (np.abs(along - 0.42) < 0.16) & (eye < 0.24)
    p.put(face & sockets & ~eyes & ~brows & ~mouth, dim=0.86)
    p.put(face & mouth & ~eyes & ~brows, m.M_LIPS)
    p.put(face & brows & ~eyes, m.M_HAIR)
    p.put(face & eyes, m.M_EYE)
    if dress.glasses > 0.0:
        p.put(face & (np.abs(along - 0.40) < 0.15) & ((np.abs(eye - 0.22) < 0.05) | (wide < 0.12)), m.M_INK)


def _fold(p: Points, height: Floats, around: Floats, dress: m.Dress, folds: Floats, strength: float) -> None:
    row = (220.0 * height + dress.fold_a + 1024.0).astype(np.int64) & 127
    column = (26.0 * around + dress.fold_b + 1024.0).astype(np.int64) & 127
    value = folds[row, column] * dress.fold * strength
    p.dim[:] = p.dim * (1.0 + value)
    p.relief[:] = p.relief + 0.6 * value


def _stripes(p: Points, height: Floats, dress: m.Dress, where: Bools) -> None:
    phase = height / dress.period
    share = 0.5 * dress.share * (1.6 if dress.stripes == 1.0 else 1.0)
    p.put(where & (phase - np.floor(phase) < share), m.M_SECOND)


_DRAW: Final[dict[int, Callable[[Points, m.Dress, Any], None]]] = {
    m.P_TRUNK: _trunk, m.P_HEAD: _head, m.P_SLEEVE: _sleeve, m.P_LEG: _leg, m.P_SHOE: _shoe, m.P_BAG: _bag,
    m.P_HAND: _hand, m.P_FLAP: _flap,
}  # fmt: skip
