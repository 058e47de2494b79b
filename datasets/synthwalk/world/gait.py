"""How people walk: a closed curve of poses (style) and the way the phase moves along it (tempo).

The split is what makes motion-only twins possible. `Style` holds all that a single frame can show: the
joint angles at each phase of the cycle. `Tempo` holds all that only time can show: how quickly and how
evenly the phase advances. The start phase is drawn uniformly and independently of the tempo's own
wobble, so at any frame the phase is uniform on the cycle whatever the tempo is, and the distribution of
a single pose is the same for all tempos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math

Floats = NDArray[np.float64]

BASE_CADENCE: Final = 1.0 / 12.0
"""Cycles (two steps) per frame of an average walker."""

ANGLES: Final = (
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "pelvis_twist", "chest_twist", "lean", "sway", "nod",
)  # fmt: skip
"""Order of the joint angles, all in radians; flexion forward is positive."""


@dataclass(frozen=True, slots=True)
class Style:
    """The set of poses of one walker. Angles in radians, limp as a share of the amplitude."""

    hip: float = 0.40  # amplitude of the thigh
    knee: float = 1.0  # peak flexion in swing
    arm_left: float = 0.4  # amplitude of the upper arms
    arm_right: float = 0.4
    elbow_left: float = 0.35  # mean flexion of the elbows
    elbow_right: float = 0.35
    twist: float = 0.12  # of the chest against the pelvis
    lean: float = 0.04  # of the trunk, forward
    stoop: float = 0.1  # of the head, forward
    sway: float = 0.03  # of the trunk, sideways
    limp: float = 0.0  # how much less the left leg moves


@dataclass(frozen=True, slots=True)
class Tempo:
    """How the phase of one walker advances. Nothing of it can be seen in a single frame.

    Attributes:
        cadence: cycles per frame.
        halting: strength of the hesitation in [0, 1): the pace swings by this share.
        rhythm: frames from one hesitation to the next.
    """

    cadence: float = BASE_CADENCE
    halting: float = 0.0
    rhythm: float = 11.0


def phases(tempo: Tempo, start: float, wobble: float, frames: int) -> Floats:
    """Phase of the gait cycle at each frame, in cycles, not reduced modulo 1.

    Args:
        tempo: of the walker.
        start: phase at frame 0, in cycles; uniform on [0, 1) for a fair tracklet.
        wobble: where in its hesitation the walker starts, in cycles; uniform and independent of `start`.
        frames: how many.

    Returns:
        float64 [frames].
    """
    time = np.arange(frames, dtype=np.float64)
    turn = 2.0 * np.pi * (time / tempo.rhythm + wobble)
    swing = tempo.halting * tempo.rhythm / (2.0 * np.pi)
    return start + tempo.cadence * (time + swing * (exact_math.cos(2.0 * np.pi * wobble) - exact_math.cos(turn)))


def joint_angles(style: Style, phase: Floats) -> Floats:
    """Joint angles at the given phases: the closed curve of poses of a style.

    The curves are smooth stand-ins for normal gait: heel strike of the left foot at phase 0, a small
    knee flexion while the leg is loaded, a large one in mid-swing, push-off of the ankle before it.

    Args:
        style: of the walker.
        phase: in cycles, [frames].

    Returns:
        float64 [frames, 15] in the order of `ANGLES`, radians.
    """
    out = np.empty((phase.shape[0], len(ANGLES)))
    for side, shift, size in ((0, 0.0, 1.0 - style.limp), (1, 0.5, 1.0)):
        leg = phase + shift
        cycle = 2.0 * np.pi * leg
        out[:, side] = size * style.hip * (0.92 * exact_math.cos(cycle) + 0.10 * exact_math.cos(2 * cycle + 2.6)) + 0.10
        out[:, 2 + side] = 0.07 + size * style.knee * (0.22 * _bump(leg, 0.13, 5.0) + _bump(leg, 0.72, 4.0))
        out[:, 4 + side] = size * (0.16 * _bump(leg, 0.44, 5.0) - 0.34 * _bump(leg, 0.62, 9.0))
    body = 2.0 * np.pi * phase
    for side, swing, bend, sign in (
        (6, style.arm_left, style.elbow_left, -1.0),
        (7, style.arm_right, style.elbow_right, 1.0),
    ):
        out[:, side] = swing * (sign * exact_math.cos(body - 0.25) - 0.1)
        out[:, side + 2] = bend + 0.45 * swing * (1.0 + sign * exact_math.cos(body - 0.45))
    out[:, 10] = 0.55 * style.twist * exact_math.cos(body)
    out[:, 11] = -style.twist * exact_math.cos(body - 0.2)
    out[:, 12] = style.lean + 0.02 * exact_math.cos(2 * body + 0.6)
    out[:, 13] = style.sway * exact_math.sin(body)
    out[:, 14] = style.stoop + 0.03 * exact_math.cos(2 * body)
    return out


def _bump(phase: Floats, centre: float, sharpness: float) -> Floats:
    """A smooth periodic bump of height 1 at `centre` (cycles)."""
    return exact_math.exp(sharpness * (exact_math.cos(2.0 * np.pi * (phase - centre)) - 1.0))


def stride_length(style: Style, leg: float) -> float:
    """Metres of ground covered in a full cycle by a walker with legs of `leg` metres."""
    return 4.0 * leg * float(exact_math.sin(0.92 * style.hip)) * (1.0 - 0.5 * style.limp)
