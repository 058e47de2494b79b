"""From joint angles to joints in space: forward kinematics, whole tracklets at once.

Axes of the walker: x forward, y to the walker's left, z up, in metres; the origin lies on the ground
below the pelvis.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math

Floats = NDArray[np.float64]

PELVIS, WAIST, NECK, HEAD, CROWN = 0, 1, 2, 3, 4
SHOULDER, ELBOW, WRIST, KNUCKLES = (5, 9), (6, 10), (7, 11), (8, 12)
HIP, KNEE, ANKLE, TOE = (13, 17), (14, 18), (15, 19), (16, 20)
JOINTS: Final = 21

OF_PELVIS, OF_CHEST, OF_HEAD, OF_GROUND = 0, 1, 2, 3
OF_FOOT, OF_ARM = (4, 5), (6, 7)
FRAMES: Final = 8


class Bones:
    """Bone lengths in metres of a body of a given height (shares of body height after Winter's tables)."""

    __slots__ = ("ankle", "foot", "forearm", "hand", "head", "hip", "neck", "shank", "shoulder", "thigh",
                 "trunk", "upper_arm", "waist")  # fmt: skip

    def __init__(self, height: float, build: float, legs: float, shoulders: float) -> None:
        """`build` is 1 for an average body; `legs` and `shoulders` are proportions around 1."""
        self.thigh, self.shank, self.ankle = 0.245 * height * legs, 0.246 * height * legs, 0.045 * height
        left = height - self.thigh - self.shank - self.ankle
        self.waist, self.trunk = 0.21 * left, 0.655 * left
        self.neck, self.head = 0.075 * left, 0.155 * left
        self.upper_arm, self.forearm, self.hand = 0.172 * height, 0.150 * height, 0.055 * height
        self.foot = 0.105 * height
        self.shoulder = 0.108 * height * shoulders * (0.6 + 0.4 * build)
        self.hip = 0.050 * height * (0.6 + 0.4 * build)

    @property
    def leg(self) -> float:
        """From the hip to the ground."""
        return self.thigh + self.shank + self.ankle


def pose(angles: Floats, bones: Bones) -> tuple[Floats, Floats]:
    """Joints and local frames of a walker at each frame.

    Args:
        angles: [T, 15] radians, in the order of `gait.ANGLES`.
        bones: lengths of this walker.

    Returns:
        joints [T, 21, 3] in metres, frames [T, 8, 3, 3] whose rows are forward, left and up.
    """
    count = angles.shape[0]
    joints = np.zeros((count, JOINTS, 3))
    frames = np.zeros((count, FRAMES, 3, 3))
    zero = np.zeros(count)
    frames[:, OF_GROUND] = np.eye(3)
    frames[:, OF_PELVIS] = _frame(angles[:, 10], zero, 0.5 * angles[:, 13])
    frames[:, OF_CHEST] = _frame(angles[:, 11], angles[:, 12], angles[:, 13])
    frames[:, OF_HEAD] = _frame(0.3 * angles[:, 11], angles[:, 14], zero)

    for side, sign in ((0, 1.0), (1, -1.0)):
        joints[:, HIP[side]] = sign * bones.hip * frames[:, OF_PELVIS, 1]
        thigh, knee, ankle = angles[:, side], angles[:, 2 + side], angles[:, 4 + side]
        down = _sagittal(thigh)
        joints[:, KNEE[side]] = joints[:, HIP[side]] + bones.thigh * down
        down = _sagittal(thigh - knee)
        joints[:, ANKLE[side]] = joints[:, KNEE[side]] + bones.shank * down
        point = thigh - knee + ankle
        frames[:, OF_FOOT[side]] = _frame(np.full(count, 0.12 * sign), -np.maximum(point, -0.75), zero)
        joints[:, TOE[side]] = joints[:, ANKLE[side]] + bones.foot * frames[:, OF_FOOT[side], 0]
        joints[:, TOE[side]] -= 0.6 * bones.ankle * frames[:, OF_FOOT[side], 2]

    # The lower foot stands on the ground: the pelvis rises and falls with the legs under it.
    lowest = np.minimum(joints[:, list(ANKLE), 2], joints[:, list(TOE), 2] + 0.6 * bones.ankle)
    height = bones.ankle - lowest.min(axis=1)
    joints[:, :, 2] += height[:, None]

    trunk = frames[:, OF_CHEST, 2]
    joints[:, WAIST] = joints[:, PELVIS] + bones.waist * (0.5 * trunk + 0.5 * frames[:, OF_GROUND, 2])
    joints[:, NECK] = joints[:, WAIST] + (bones.trunk - bones.waist) * trunk
    up = frames[:, OF_HEAD, 2]
    joints[:, HEAD] = joints[:, NECK] + (bones.neck + 0.3 * bones.head) * up
    joints[:, CROWN] = joints[:, HEAD] + bones.head * up
    for side, sign in ((0, 1.0), (1, -1.0)):
        across = frames[:, OF_CHEST, 1]
        joints[:, SHOULDER[side]] = joints[:, NECK] + sign * bones.shoulder * across - 0.13 * bones.trunk * trunk
        upper, bend = angles[:, 6 + side], angles[:, 8 + side]
        spread = sign * (0.10 + 0.05 * np.abs(upper))
        down = _arm(upper + angles[:, 12], spread)
        joints[:, ELBOW[side]] = joints[:, SHOULDER[side]] + bones.upper_arm * down
        down = _arm(upper + bend + angles[:, 12], 0.3 * spread)
        joints[:, WRIST[side]] = joints[:, ELBOW[side]] + bones.forearm * down
        joints[:, KNUCKLES[side]] = joints[:, WRIST[side]] + bones.hand * down
        forward = np.stack([-down[:, 2], zero, down[:, 0]], axis=1)
        frames[:, OF_ARM[side], 0] = forward
        frames[:, OF_ARM[side], 2] = -down
        frames[:, OF_ARM[side], 1] = np.cross(-down, forward)
    return joints, frames


def _sagittal(angle: Floats) -> Floats:
    """Unit vectors [T, 3] that hang down and swing forward by the angle."""
    return np.stack([exact_math.sin(angle), np.zeros_like(angle), -exact_math.cos(angle)], axis=1)


def _arm(angle: Floats, spread: Floats) -> Floats:
    """As `_sagittal`, turned outwards by a small angle."""
    out = exact_math.cos(spread)
    return np.stack([exact_math.sin(angle) * out, exact_math.sin(spread), -exact_math.cos(angle) * out], axis=1)


def _frame(twist: Floats, lean: Floats, roll: Floats) -> Floats:
    """Rows forward, left, up [T, 3, 3] after a twist about z, a lean forward and a roll to the right."""
    ct, st = exact_math.cos(twist), exact_math.sin(twist)
    cl, sl = exact_math.cos(lean), exact_math.sin(lean)
    forward = np.stack([ct * cl, st * cl, -sl], axis=1)
    level = np.stack([-st, ct, np.zeros_like(twist)], axis=1)
    rise = np.cross(forward, level)
    cr, sr = exact_math.cos(roll)[:, None], exact_math.sin(roll)[:, None]
    return np.stack([forward, cr * level + sr * rise, cr * rise - sr * level], axis=1)
