"""From a person's description to drawable parts: tapered capsules and boxes hung on the skeleton."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.world import skeleton
from datasets.synthwalk.world.outfit import build_dress, build_palette
from datasets.synthwalk.world.people import Appearance
from datasets.synthwalk.world.skeleton import OF_ARM, OF_CHEST, OF_FOOT, OF_GROUND, OF_HEAD, OF_PELVIS, Bones
from datasets.synthwalk.world.styles import RenderingStyle

Floats = NDArray[np.float64]
Offset = tuple[float, float, float]
Anchor = tuple[int, int, Offset]

BARE_SLEEVES: Final = ("t-shirt",)


class Figure(NamedTuple):
    """A person ready to be posed and drawn."""

    parts: Floats  # [P, PART_COLUMNS]
    palette: Floats  # [len(MATERIALS), 3], 0..1
    dress: m.Dress
    bones: Bones


def build_figure(look: Appearance, style: RenderingStyle) -> Figure:
    """The drawable form of a person, in the dyes of a style."""
    bones = Bones(look.build.height, look.build.girth, look.build.legs, look.build.shoulders)
    rows = [*_trunk(look, bones), *_head(look, bones), *_arms(look, bones), *_legs(look, bones),
            *_carried(look, bones)]  # fmt: skip
    return Figure(np.array(rows), build_palette(look, style), build_dress(look, bones), bones)


def _row(
    low: Anchor, high: Anchor, reference: int, r_low: float, r_high: float, made_of: int, label: int, *,
    deep: float = 1.0, wide: float = 1.0, box: tuple[float, float] = (0.0, 0.0), pattern: int = m.P_PLAIN,
    cloth: float = 0.0, is_open: bool = False,
) -> list[float]:  # fmt: skip
    """One part, from its lower to its upper end."""
    return [low[0], low[1], *low[2], high[0], high[1], *high[2], reference, r_low, r_high, deep, wide, *box,
            pattern, made_of, label, cloth, float(is_open)]  # fmt: skip


def _at(joint: int, frame: int = OF_GROUND, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Anchor:
    return joint, frame, (x, y, z)


def _trunk(look: Appearance, bones: Bones) -> Iterator[list[float]]:
    h, girth, woman = look.build.height, look.build.girth, look.build.woman
    bulk = {"jacket": 1.10, "hoodie": 1.12, "coat": 1.12}.get(look.outfit.top, 1.0)
    hips = h * (0.092 if woman else 0.085) * girth**0.65
    waist = h * (0.072 if woman else 0.080) * girth * bulk
    chest = h * 0.088 * girth**0.6 * bulk * look.build.shoulders**0.5
    below = 0.02 * h
    yield _row(
        _at(skeleton.PELVIS, OF_PELVIS, z=-below), _at(skeleton.WAIST, OF_CHEST), OF_CHEST, hips, waist,
        m.M_TOP, m.TOP, deep=0.70 + 0.12 * (girth - 1), pattern=m.P_TRUNK, cloth=-below,
    )  # fmt: skip
    yield _row(
        _at(skeleton.WAIST, OF_CHEST), _at(skeleton.NECK, OF_CHEST, z=-0.085 * h), OF_CHEST, waist, chest,
        m.M_TOP, m.TOP, deep=0.66, pattern=m.P_TRUNK, cloth=bones.waist,
    )  # fmt: skip
    yield _row(  # the slope from the neck to the shoulders
        _at(skeleton.NECK, OF_CHEST, z=-0.06 * h), _at(skeleton.NECK, OF_CHEST, x=-0.004 * h, z=-0.012 * h),
        OF_CHEST, chest * 0.98, 0.035 * h, m.M_TOP, m.TOP, deep=0.6, pattern=m.P_TRUNK,
        cloth=bones.trunk - 0.06 * h,
    )  # fmt: skip
    if woman:
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=0.036 * h, z=-0.125 * h),
            _at(skeleton.NECK, OF_CHEST, x=0.036 * h, z=-0.105 * h),
            OF_CHEST, 0.062 * h * girth**0.5, 0.055 * h * girth**0.5, m.M_TOP, m.TOP, deep=0.62,
            pattern=m.P_TRUNK, cloth=bones.trunk - 0.125 * h,
        )  # fmt: skip
    if look.outfit.top == "hoodie":
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=-0.05 * h, z=-0.03 * h), _at(skeleton.NECK, OF_CHEST, x=-0.03 * h),
            OF_CHEST, 0.05 * h, 0.052 * h, m.M_TOP, m.TOP, deep=0.7, wide=1.15,
        )  # fmt: skip
    yield _row(
        _at(skeleton.NECK, OF_CHEST, z=-0.03 * h), _at(skeleton.HEAD, OF_HEAD), OF_CHEST, 0.034 * h, 0.031 * h,
        m.M_SKIN, m.THROAT,
    )  # fmt: skip


def _head(look: Appearance, bones: Bones) -> Iterator[list[float]]:
    h, details = look.build.height, look.details
    r = 0.047 * h * look.build.head
    yield _row(
        _at(skeleton.HEAD, OF_HEAD, x=0.012 * h, z=0.004 * h), _at(skeleton.CROWN, OF_HEAD, z=-0.040 * h),
        OF_HEAD, 0.80 * r, r, m.M_SKIN, m.FACE, deep=1.16, pattern=m.P_HEAD,
    )  # fmt: skip
    yield _row(  # nose
        _at(skeleton.HEAD, OF_HEAD, x=0.058 * h, z=0.026 * h), _at(skeleton.HEAD, OF_HEAD, x=0.052 * h, z=0.046 * h),
        OF_HEAD, 0.008 * h, 0.005 * h, m.M_SKIN, m.FACE,
    )  # fmt: skip
    if details.hair in ("long", "tail", "bun") or (details.hair == "short" and not details.hat):
        puff = 1.04 if details.hair != "short" else 0.99
        yield _row(
            _at(skeleton.HEAD, OF_HEAD, x=-0.014 * h, z=0.045 * h),
            _at(skeleton.CROWN, OF_HEAD, x=-0.010 * h, z=-0.036 * h),
            OF_HEAD, 0.88 * r, puff * r, m.M_HAIR, m.HAIR, deep=1.08,
        )  # fmt: skip
    if details.hair == "long":
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=-0.042 * h, z=-0.03 * h),
            _at(skeleton.HEAD, OF_HEAD, x=-0.026 * h, z=0.05 * h),
            OF_HEAD, 0.72 * r, 0.98 * r, m.M_HAIR, m.HAIR, deep=0.6,
        )  # fmt: skip
    elif details.hair == "tail":
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=-0.075 * h, z=-0.02 * h),
            _at(skeleton.HEAD, OF_HEAD, x=-0.062 * h, z=0.075 * h),
            OF_HEAD, 0.012 * h, 0.022 * h, m.M_HAIR, m.HAIR,
        )  # fmt: skip
    elif details.hair == "bun":
        yield _row(
            _at(skeleton.CROWN, OF_HEAD, x=-0.055 * h, z=-0.01 * h), _at(skeleton.CROWN, OF_HEAD, x=-0.052 * h),
            OF_HEAD, 0.026 * h, 0.024 * h, m.M_HAIR, m.HAIR,
        )  # fmt: skip
    if details.hat:
        yield _row(
            _at(skeleton.CROWN, OF_HEAD, x=-0.004 * h, z=-0.028 * h),
            _at(skeleton.CROWN, OF_HEAD, x=-0.006 * h, z=-0.016 * h),
            OF_HEAD, 1.06 * r, 0.94 * r, m.M_HAT, m.HAT, deep=1.14,
        )  # fmt: skip
        yield _row(
            _at(skeleton.CROWN, OF_HEAD, x=0.060 * h, z=-0.040 * h),
            _at(skeleton.CROWN, OF_HEAD, x=0.054 * h, z=-0.033 * h),
            OF_HEAD, 0.036 * h, 0.034 * h, m.M_HAT, m.HAT, deep=1.1, box=(0.036 * h, 0.036 * h),
        )  # fmt: skip


def _arms(look: Appearance, bones: Bones) -> Iterator[list[float]]:
    h, thick = look.build.height, look.build.girth**0.6 * (0.9 if look.build.woman else 1.0)
    bare = look.outfit.top in BARE_SLEEVES
    loose = {"jacket": 1.2, "hoodie": 1.24, "coat": 1.26, "shirt": 1.1}.get(look.outfit.top, 1.0)
    for side, sign in ((0, 1.0), (1, -1.0)):
        shoulder, elbow = skeleton.SHOULDER[side], skeleton.ELBOW[side]
        wrist, knuckles = skeleton.WRIST[side], skeleton.KNUCKLES[side]
        of_arm = OF_ARM[side]
        cap = 0.031 * h * thick * (0.6 + 0.4 * loose)
        yield _row(  # shoulder
            _at(shoulder, OF_CHEST, z=-0.006 * h),
            _at(shoulder, OF_CHEST, y=-0.055 * h * sign, z=0.020 * h), OF_CHEST,
            cap, cap * 0.95, m.M_TOP, m.TOP, pattern=m.P_SLEEVE, cloth=0.5,
        )  # fmt: skip
        if bare:
            yield _row(_at(elbow), _at(shoulder), OF_CHEST, 0.022 * h * thick, 0.029 * h * thick, m.M_SKIN, m.ARMS)
            yield _row(  # the short sleeve
                _at(shoulder, of_arm, z=-0.085 * h), _at(shoulder), OF_CHEST, 0.034 * h * thick, 0.031 * h * thick,
                m.M_TOP, m.TOP, pattern=m.P_SLEEVE, cloth=0.25,
            )  # fmt: skip
            yield _row(_at(wrist), _at(elbow), of_arm, 0.015 * h * thick, 0.023 * h * thick, m.M_SKIN, m.ARMS)
        else:
            yield _row(
                _at(elbow), _at(shoulder), OF_CHEST, 0.026 * h * thick * loose, 0.029 * h * thick * loose,
                m.M_TOP, m.TOP, pattern=m.P_SLEEVE, cloth=0.25,
            )  # fmt: skip
            yield _row(
                _at(wrist), _at(elbow), of_arm, 0.021 * h * thick * loose, 0.025 * h * thick * loose,
                m.M_TOP, m.TOP, pattern=m.P_SLEEVE, cloth=0.0,
            )  # fmt: skip
        yield _row(
            _at(knuckles), _at(wrist), of_arm, 0.020 * h, 0.016 * h, m.M_SKIN, m.ARMS, deep=1.0, wide=0.6,
            pattern=m.P_HAND,
        )  # fmt: skip
        yield _row(  # thumb
            _at(knuckles, of_arm, x=0.018 * h, z=0.006 * h), _at(wrist, of_arm, x=0.008 * h, z=-0.012 * h), of_arm,
            0.007 * h, 0.007 * h, m.M_SKIN, m.ARMS,
        )  # fmt: skip


def _legs(look: Appearance, bones: Bones) -> Iterator[list[float]]:
    h, thick = look.build.height, look.build.girth**0.6
    kind = look.outfit.bottom
    for side in (0, 1):
        hip, knee, ankle, toe = (pair[side] for pair in (skeleton.HIP, skeleton.KNEE, skeleton.ANKLE, skeleton.TOE))
        foot = OF_FOOT[side]
        bare_thigh, bare_shank = kind == "skirt", kind in ("skirt", "shorts")
        thigh = 1.0 if bare_thigh else 1.12
        yield _row(
            _at(knee),
            _at(hip, OF_GROUND, z=-0.035 * h), OF_PELVIS, 0.035 * h * thick * thigh, 0.044 * h * thick * thigh,
            m.M_SKIN if bare_thigh else m.M_BOTTOM, m.LEGS if bare_thigh else m.BOTTOM,
            pattern=m.P_PLAIN if bare_thigh else m.P_LEG, cloth=0.4,
        )  # fmt: skip
        if kind == "shorts":
            yield _row(  # the hem stands off the knee
                _at(knee, z=0.02 * h),
                _at(hip, z=-0.035 * h), OF_PELVIS, 0.049 * h * thick, 0.048 * h * thick, m.M_BOTTOM, m.BOTTOM,
                pattern=m.P_LEG, cloth=0.4,
            )  # fmt: skip
        if bare_shank:
            yield _row(_at(ankle), _at(knee), OF_GROUND, 0.018 * h * thick, 0.031 * h * thick, m.M_SKIN, m.LEGS)
            yield _row(  # calf
                _at(knee, x=-0.012 * h, z=-0.10 * h),
                _at(knee, x=-0.010 * h, z=-0.05 * h), OF_GROUND, 0.027 * h * thick,
                0.028 * h * thick, m.M_SKIN, m.LEGS,
            )  # fmt: skip
        else:
            yield _row(
                _at(ankle, z=0.005 * h),
                _at(knee), OF_GROUND, 0.031 * h * thick, 0.037 * h * thick, m.M_BOTTOM, m.BOTTOM,
                pattern=m.P_LEG, cloth=0.0,
            )  # fmt: skip
        yield _row(
            _at(ankle, foot, x=-0.022 * h, z=-0.020 * h),
            _at(toe, foot, x=-0.012 * h, z=0.004 * h), foot, 0.025 * h, 0.021 * h,
            m.M_SHOE, m.SHOES, wide=0.95, deep=0.95, pattern=m.P_SHOE,
        )  # fmt: skip
        yield _row(
            _at(ankle, foot, z=-0.02 * h), _at(ankle, foot, z=0.012 * h), foot, 0.027 * h, 0.024 * h, m.M_SHOE, m.SHOES
        )
    length = {"skirt": 0.22, "coat": 0.17}
    for name, is_worn, made_of, label in (
        ("skirt", kind == "skirt", m.M_BOTTOM, m.BOTTOM),
        ("coat", look.outfit.top == "coat", m.M_TOP, m.TOP),
    ):
        if is_worn:
            yield _row(
                _at(skeleton.PELVIS, OF_GROUND, z=-length[name] * h), _at(skeleton.PELVIS, OF_PELVIS, z=0.02 * h),
                OF_PELVIS, 0.124 * h * thick**0.7, 0.096 * h * thick, made_of, label, deep=0.84, pattern=m.P_FLAP,
                cloth=-length[name] * h, is_open=True,
            )  # fmt: skip


def _carried(look: Appearance, bones: Bones) -> Iterator[list[float]]:
    h, d = look.build.height, look.details
    if d.backpack:
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=-0.105 * h, z=-0.245 * h),
            _at(skeleton.NECK, OF_CHEST, x=-0.095 * h, z=-0.07 * h),
            OF_CHEST, 0.088 * h, 0.078 * h, m.M_BAG, m.BACKPACK, deep=0.62, pattern=m.P_BAG,
        )  # fmt: skip
        yield _row(
            _at(skeleton.NECK, OF_CHEST, x=-0.155 * h, z=-0.235 * h),
            _at(skeleton.NECK, OF_CHEST, x=-0.15 * h, z=-0.17 * h),
            OF_CHEST, 0.058 * h, 0.052 * h, m.M_TRIM, m.BACKPACK, deep=0.42, pattern=m.P_BAG,
        )  # fmt: skip
    if d.shoulder_bag:
        yield _row(
            _at(skeleton.PELVIS, OF_PELVIS, x=-0.01 * h, y=0.115 * h, z=-0.075 * h),
            _at(skeleton.PELVIS, OF_PELVIS, x=-0.01 * h, y=0.11 * h, z=0.055 * h),
            OF_PELVIS, 0.09 * h, 0.09 * h, m.M_BAG, m.SHOULDER_BAG, box=(0.088 * h, 0.034 * h), pattern=m.P_BAG,
        )  # fmt: skip
    if d.hand_bag:
        hand = skeleton.KNUCKLES[1]
        yield _row(
            _at(hand, z=-0.17 * h), _at(hand, z=-0.055 * h), OF_GROUND, 0.09 * h, 0.09 * h, m.M_BAG, m.HAND_BAG,
            box=(0.085 * h, 0.03 * h), pattern=m.P_BAG,
        )  # fmt: skip
        for x in (-0.04, 0.04):
            yield _row(
                _at(hand, x=x * h, z=-0.06 * h),
                _at(hand, z=-0.005 * h),
                OF_GROUND,
                0.006 * h,
                0.006 * h,
                m.M_TRIM,
                m.HAND_BAG,
            )
