"""MARS-Attribute, versions 1 and 2: 16,360 tracklets of 1,259 people; distractors and junk have no rows.

Version 1: 15 columns, the repository yuange250/MARS-Attribute, 2019. Version 2: 24 columns, with motion, pose and the
quality of the tracklet, the repository aichemistry/video_pedestrian_attributes_recognition. The twelve attributes of
version 1 are the same in both, cell by cell; they bear the names of version 2 here. Names of the colours and ages are
those of the two READMEs; the order of colours differs between top and bottom.
"""

from typing import Final

from datasets.attributes.attribute import Attribute
from datasets.attributes.csv_sheet import Sheet
from datasets.attributes.model import Annotation
from datasets.attributes.released import Format, annotation, binary

TOP_COLORS: Final = ("black", "purple", "green", "blue", "gray", "white", "yellow", "red", "complex")
BOTTOM_COLORS: Final = ("white", "purple", "black", "green", "gray", "pink", "yellow", "blue", "brown", "complex")
AGES: Final = ("young", "teenager", "adult", "old")
MOTIONS: Final = ("walking", "standing", "running", "riding", "various")
POSES: Final = ("frontal", "lateral-frontal", "lateral", "lateral-back", "back", "various")
ROWS: Final = 16_360

MOTION: Final = Attribute("motion", "choice", MOTIONS, "", "tracklet", "undocumented")
POSE: Final = Attribute("pose", "choice", POSES, "", "tracklet", "undocumented")
QUALITY: Final = tuple(
    binary(name)
    for name in (
        "occlusion", "cut-out", "multi-person", "background-dominant", "target-change", "target-miss", "wrong-target"
    )
)  # fmt: skip
UNVERIFIED: Final = "the names of the values of motion and pose are unverified: no README gives them"

_PEOPLE: Final = (
    Attribute("top color", "choice", TOP_COLORS, "upper body", "tracklet"),
    Attribute("bottom color", "choice", BOTTOM_COLORS, "lower body", "tracklet"),
    Attribute("age", "choice", AGES, "gender and age", "tracklet"),
    binary("top length", "upper body"),
    binary("bottom length", "lower body"),
    binary("shoulder bag", "attachments"),
    binary("backpack", "attachments"),
    binary("hat", "head and shoulders"),
    binary("hand bag", "attachments"),
    binary("hair", "head and shoulders"),
    binary("gender", "gender and age"),
    binary("bottom type", "lower body"),
)
_V1_COLUMNS: Final = (
    "Tops.c", "Bottoms.c", "Age", "Tops.l", "Bottoms.l", "shoulder bag", "backpack", "hat", "handbag", "hair", "gender",
    "Bottoms.t",
)  # fmt: skip

V1: Final = Format(
    "MARS-Attribute v1", ("person-id", "camera", "tracklet"), dict(zip(_V1_COLUMNS, _PEOPLE, strict=True)), ROWS
)
V2: Final = Format(
    "MARS-Attribute v2",
    ("person_id", "camera_id", "tracklets_id"),
    {attribute.name: attribute for attribute in (MOTION, POSE, *QUALITY, *_PEOPLE)},
    ROWS,
)


def read_v1(sheet: Sheet) -> Annotation:
    """Version 1.

    Raises:
        DataError: for another header, a code out of range, or a tracklet twice.
    """
    return annotation(sheet, V1)


def read_v2(sheet: Sheet) -> Annotation:
    """Version 2; errors as `read_v1`."""
    return annotation(sheet, V2, [UNVERIFIED])
