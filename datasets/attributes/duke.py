"""Duke-Attribute: the 4,832 distinct tracklets of DukeMTMC-VideoReID (2,196 for training, 2,636 in the gallery).

Source: the repository aichemistry/video_pedestrian_attributes_recognition. A tracklet's number is unique in the whole
data set. Keys are written as for MARS: 0005C2T2200 is tracklet 2200, of person 5 under camera 2.
"""

from typing import Final

from datasets.attributes.attribute import Attribute
from datasets.attributes.csv_sheet import Sheet
from datasets.attributes.mars import MOTION, POSE, QUALITY, UNVERIFIED
from datasets.attributes.model import Annotation
from datasets.attributes.released import Format, annotation, binary

ROWS: Final = 4_832
_CODES: Final = tuple(str(code) for code in range(9))
_PEOPLE: Final = (
    binary("backpack", "attachments"),
    binary("bag", "attachments"),
    binary("hand bag", "attachments"),
    binary("boots", "shoes"),
    binary("gender", "gender and age"),
    binary("hat", "head and shoulders"),
    binary("shoes", "shoes"),
    binary("top", "upper body"),
    Attribute("bottom color", "choice", _CODES[:8], "lower body", "tracklet", "undocumented"),
    Attribute("top color", "choice", _CODES, "upper body", "tracklet", "undocumented"),
)
_SPELLED: Final = {"multi-person": "muti-person", "hand bag": "handbag"}
"""Our name of an attribute -> its column in the released file, where they differ."""

DUKE: Final = Format(
    "Duke-Attribute",
    ("person_id", "camera_id", "tracklets_id"),
    {_SPELLED.get(a.name, a.name): a for a in (MOTION, POSE, *QUALITY, *_PEOPLE)},
    ROWS,
)
COLOURS: Final = "which colours the codes of top color and bottom color stand for is not documented: they bear numbers"
_LENGTHS: Final = "what code 1 of top and shoes stands for (length, lightness) is not documented"


def read(sheet: Sheet) -> Annotation:
    """The released file.

    Raises:
        DataError: for another header, a code out of range, or a tracklet twice.
    """
    return annotation(sheet, DUKE, [UNVERIFIED, COLOURS, _LENGTHS])
