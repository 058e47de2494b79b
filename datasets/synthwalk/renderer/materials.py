"""Numbers that the figure builder and the rasteriser agree on: labels, materials, patterns, columns."""

from __future__ import annotations

from typing import Final, NamedTuple

LABELS: Final = (
    "background", "hair", "face", "neck", "top", "arms", "bottom", "legs", "shoes",
    "backpack", "shoulder_bag", "hand_bag", "hat",
)  # fmt: skip
"""Part labels of the masks; a pixel's value is the index here."""
(NOTHING, HAIR, FACE, THROAT, TOP, ARMS, BOTTOM, LEGS, SHOES, BACKPACK, SHOULDER_BAG, HAND_BAG, HAT) = range(13)

MATERIALS: Final = (
    "skin", "hair", "top", "second", "bottom", "shoe", "sole", "bag", "bag_trim", "hat", "logo", "ink", "belt",
    "lips", "eye",
)  # fmt: skip
"""Rows of a palette."""
(M_SKIN, M_HAIR, M_TOP, M_SECOND, M_BOTTOM, M_SHOE, M_SOLE, M_BAG, M_TRIM, M_HAT, M_LOGO, M_INK, M_BELT,
 M_LIPS, M_EYE) = range(15)  # fmt: skip

(P_PLAIN, P_TRUNK, P_HEAD, P_SLEEVE, P_LEG, P_SHOE, P_BAG, P_HAND, P_FLAP) = range(9)

# Columns of a part: two anchors (joint, frame, offset in that frame), frame of reference, radii, squeeze
# in depth and across, box half sizes (0: a tapered capsule), pattern, material, label, height of its
# lower end on the cloth, all in metres; and whether the lower end is open like that of a skirt.
(A_JOINT, A_FRAME, A_X, A_Y, A_Z, B_JOINT, B_FRAME, B_X, B_Y, B_Z, REFERENCE, R_LOW, R_HIGH, DEEP, WIDE,
 BOX_X, BOX_Y, PATTERN, MATERIAL, LABEL, CLOTH, OPEN) = range(22)  # fmt: skip
PART_COLUMNS: Final = 22

# Columns of a placed part: origin, steps and ray in its own axes, its axes seen from the camera, shape,
# pattern, and the window of the picture that it can touch, in metres.
ORIGIN, STEP_U, STEP_V, RAY, AXES = 0, 3, 6, 9, 12
(LENGTH, LOW, HIGH, HALF_X, HALF_Y, DRAWN, MADE_OF, PART_OF, AT, U_LOW, U_HIGH, V_LOW, V_HIGH, CUT) = range(21, 35)
PLACED_COLUMNS: Final = 35


class Dress(NamedTuple):
    """What is drawn on the parts; lengths in metres, positions across as a share of the radius."""

    stripes: float = 0.0  # 0 none, 1 across, 2 upright, 3 a panel over the chest, 4 checks
    period: float = 0.08
    share: float = 0.5
    hem: float = 0.0  # height on the trunk where the top ends
    trunk: float = 0.6  # height on the trunk where the neck begins
    collar: float = 0.2
    open: float = 0.0  # half width of the opening of a jacket
    zip: float = 0.0
    logo: float = 0.0  # 0 none, 1 disc, 2 bar, 3 cross, 4 ring, 5 triangle
    logo_side: float = 1.0  # 1 chest, -1 back
    logo_height: float = 0.4
    logo_across: float = 0.0
    logo_size: float = 0.06
    straps: float = 0.0  # 1 both shoulders, 2 and 3 across the trunk
    cuff: float = 0.0  # share of the forearm that a lighter cuff covers
    hairline: float = 0.45  # height on the head where the hair begins in front
    sides: float = 0.1  # how far the hair comes forward
    beard: float = 0.0
    glasses: float = 0.0
    fold: float = 0.1  # strength of the folds of the cloth
    fold_a: float = 0.0
    fold_b: float = 0.0
