"""Which columns of RAP are the 66 attributes that ADFD learns, and in which group.

Names and groups: Y. Zhao et al., CVPR 2019, table 1 and figure 4 (the text speaks of 68 attributes; 66 are named).
RAP's English names bear prefixes that differ between its lists: hs-BaldHead, ub-Shirt, up-Black or ub-ColorBlack.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from datasets.attributes.attribute import GROUPS
from datasets.errors import DataError

_COLORS: Final = (
    "Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Brown", "Purple", "Pink", "Orange", "Mixture"
)  # fmt: skip
_LOWER_COLORS: Final = ("Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Mixture")
_SHOE_COLORS: Final = ("Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Brown")
_PLAIN: Final = {
    "gender and age": ("Female", "AgeLess16", "Age17-30", "Age31-45"),
    "head and shoulders": ("BaldHead", "LongHair", "BlackHair", "Hat", "Glasses", "Muffler"),
    "upper body": ("Shirt", "Sweater", "Vest", "TShirt", "Cotton", "Jacket", "SuitUp", "Tight", "ShortSleeve"),
    "lower body": ("LongTrousers", "Skirt", "ShortSkirt", "Dress", "Jeans", "TightTrousers"),
    "shoes": ("Leather", "Sport", "Boots", "Cloth", "Casual"),
    "attachments": (
        "Backpack", "SingleShoulderBag", "HandBag", "Box", "PlasticBag", "PaperBag", "HandTrunk", "Other"
    ),
}  # fmt: skip
_COLORED: Final = {"upper body": _COLORS, "lower body": _LOWER_COLORS, "shoes": _SHOE_COLORS}
_GARMENT: Final = {"upper body": "top", "lower body": "bottom", "shoes": "shoe"}
_PREFIXES: Final = {
    "hs": "head and shoulders", "head": "head and shoulders",
    "ub": "upper body", "up": "upper body", "upper": "upper body",
    "lb": "lower body", "low": "lower body", "lower": "lower body",
    "shoes": "shoes", "shoe": "shoes",
    "attach": "attachments", "attachment": "attachments",
}  # fmt: skip
_PREFIX = re.compile(rf"({'|'.join(sorted(_PREFIXES, key=len, reverse=True))})[-_ ]+(.+)", re.IGNORECASE)


class Wanted(NamedTuple):
    """One of the 66: its name here (a colour says of what), its group, and its bare name in the paper."""

    name: str
    group: str
    bare: str


class MatchedColumns(NamedTuple):
    """Which columns are taken as which of the 66, and what was not found.

    Attributes:
        columns: (position in RAP's list, attribute), in the order of the paper.
        missing: names of the 66 without a column.
        left_out: RAP's names that are not among the 66.
    """

    columns: tuple[tuple[int, Wanted], ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]


def _wanted() -> tuple[Wanted, ...]:
    found = []
    for group in GROUPS:
        found += [Wanted(name, group, name) for name in _PLAIN[group]]
        colors = _COLORED.get(group, ())
        found += [Wanted(f"{_GARMENT[group]} color: {color.lower()}", group, color) for color in colors]
    return tuple(found)


WANTED: Final = _wanted()
"""The 66, in the order of the paper."""


def match_columns(names: Sequence[str]) -> MatchedColumns:
    """Find the 66 among RAP's English names, whatever the case, hyphens, prefixes, and the word colour.

    A name without prefix is found where only one group has it, so a bare "Black" is none.

    Raises:
        DataError: where two names stand for the same attribute, or none for any.
    """
    places: dict[Wanted, int] = {}
    by_group = {(wanted.group, _plain(wanted.bare)): wanted for wanted in WANTED}
    left_out = []
    for place, name in enumerate(names):
        match = _PREFIX.fullmatch(name.strip())
        if match:
            found = by_group.get((_PREFIXES[match[1].lower()], _plain(match[2])))
        else:
            several = [wanted for (_, bare), wanted in by_group.items() if bare == _plain(name)]
            found = several[0] if len(several) == 1 else None
        if found is None:
            left_out.append(name)
        elif found in places:
            raise DataError(
                f"RAP's attributes {names[places[found]]!r} and {name!r} both stand for {found.name!r} of ADFD, "
                "expected one of them; take the released RAP_annotation.mat"
            )
        else:
            places[found] = place
    if not places:
        raise DataError(
            f"none of RAP's {len(names)} attribute names ({', '.join(names[:5])}, ...) is one of ADFD's {len(WANTED)}, "
            "such as Female or hs-Hat; is this the list of English names? Take the released RAP_annotation.mat"
        )
    columns = tuple((places[wanted], wanted) for wanted in WANTED if wanted in places)
    return MatchedColumns(columns, tuple(w.name for w in WANTED if w not in places), tuple(left_out))


def _plain(name: str) -> str:
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"^colou?r(?=.)", "", bare)
