"""The truth of a rendered SynthWalk: what the renderer knows about every identity, and about every tracklet.

From `truth/identities.csv`: all six groups of ADFD, exact, once for an identity. From `truth/attributes.csv`: pose,
occlusion and multi-person, once for a tracklet. Values have a fixed vocabulary, that of the renderer, so any two worlds
have the same yes/no columns: what is learned on one can be asked on the other.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.attributes.attribute import YES_NO, Attribute
from datasets.attributes.csv_sheet import Sheet, read_sheet
from datasets.attributes.mars import AGES, POSES, V2
from datasets.attributes.model import Annotation
from datasets.attributes.released import read_rows
from datasets.errors import DataError
from datasets.synthwalk.truth import IDENTITY_COLUMNS
from datasets.synthwalk.world import people

NAME: Final = "SynthWalk truth"
TRACKLETS: Final = Path("truth") / "attributes.csv"
IDENTITIES: Final = Path("truth") / "identities.csv"
_REMEDY: Final = "render SynthWalk again into an empty folder"
_TOP_COLORS: Final = tuple(name for name, _ in people.TOPS)
_BOTTOM_COLORS: Final = tuple(name for name, _ in people.BOTTOMS)
_FLAG: Final = ("0", "1")


class _Told(NamedTuple):
    """An attribute, the column of identities.csv that tells it, the words there, and the code of each word."""

    attribute: Attribute
    column: str
    words: tuple[str, ...]
    codes: tuple[int, ...]


def _choice(name: str, group: str, column: str, words: tuple[str, ...]) -> _Told:
    return _Told(Attribute(name, "choice", words, group, "identity"), column, words, tuple(range(len(words))))


def _binary(name: str, group: str, column: str, words: tuple[str, ...] = _FLAG, yes: tuple[str, ...] = ("1",)) -> _Told:
    attribute = Attribute(name, "binary", YES_NO, group, "identity")
    return _Told(attribute, column, words, tuple(int(word in yes) for word in words))


_TOLD: Final = (
    _binary("woman", "gender and age", "woman"),
    _choice("age", "gender and age", "age", AGES),
    _binary("long hair", "head and shoulders", "hair", people.HAIR_KINDS, ("long", "tail", "bun")),
    _choice("hair kind", "head and shoulders", "hair", people.HAIR_KINDS),
    _choice("hair color", "head and shoulders", "hair_colour", ("black", "brown", "fair", "gray")),
    _binary("hat", "head and shoulders", "hat"),
    _binary("glasses", "head and shoulders", "glasses"),
    _binary("beard", "head and shoulders", "beard"),
    _choice("top", "upper body", "top", people.TOP_KINDS),
    _choice("top color", "upper body", "top_colour", _TOP_COLORS),
    _choice("pattern", "upper body", "pattern", people.PATTERN_KINDS),
    _binary("long sleeves", "upper body", "top", people.TOP_KINDS, ("shirt", "jacket", "hoodie", "coat")),
    _choice("bottom", "lower body", "bottom", people.BOTTOM_KINDS),
    _choice("bottom color", "lower body", "bottom_colour", _BOTTOM_COLORS),
    _binary("long legs", "lower body", "bottom", people.BOTTOM_KINDS, ("trousers",)),
    _choice("shoe color", "shoes", "shoe_colour", ("dark", "light", "brown")),
    _binary("backpack", "attachments", "backpack"),
    _binary("shoulder bag", "attachments", "shoulder_bag"),
    _binary("hand bag", "attachments", "hand_bag"),
)
PEOPLE: Final = tuple(told.attribute for told in _TOLD)
"""Attributes of identities."""

SEEN: Final = (
    Attribute("pose", "choice", POSES, "", "tracklet"),
    Attribute("occlusion", "binary", YES_NO, "", "tracklet"),
    Attribute("multi-person", "binary", YES_NO, "", "tracklet"),
)
"""Attributes of tracklets."""

_SAID_TWICE: Final = {
    "gender": "woman", "age": "age", "hair": "long hair", "hat": "hat", "top length": "long sleeves",
    "bottom length": "long legs", "backpack": "backpack", "shoulder bag": "shoulder bag", "hand bag": "hand bag",
}  # fmt: skip
"""Column of attributes.csv -> the attribute of identities.csv that says the same."""

_LEFT_OUT: Final = (
    "left out of identities.csv: measures of the body and what nobody names (skin, second colour, bag colour, logo); "
    "left out of attributes.csv: columns that are always 0 here, and those that identities.csv tells more exactly"
)


def is_here(root: Path) -> bool:
    """Whether a folder holds the truth of a rendered SynthWalk."""
    return (root / TRACKLETS).is_file()


def read(root: Path) -> Annotation:
    """Read both files; a row is a tracklet of a real person.

    Raises:
        DataError: where a file is missing or damaged, or the two are not of one world.
    """
    if not (root / IDENTITIES).is_file():
        raise DataError(f"{root / IDENTITIES} is missing, expected it beside {TRACKLETS.name}: {_REMEDY}")
    seen = read_sheet(root / TRACKLETS)
    rows = read_rows(seen, V2)
    known, by_person = _identities(read_sheet(root / IDENTITIES))
    place = np.minimum(np.searchsorted(known, rows.people), len(known) - 1)
    strangers = np.flatnonzero(known[place] != rows.people)
    if strangers.size:
        raise DataError(
            f"{seen.at(int(strangers[0]), 'person_id')}: person {rows.people[strangers[0]]} is not in "
            f"{IDENTITIES.name}, so the two files are of two worlds: {_REMEDY}"
        )
    of_people = by_person[place]
    in_v2 = [attribute.name for attribute in V2.attributes.values()]
    for column, name in _SAID_TWICE.items():
        other = of_people[:, [a.name for a in PEOPLE].index(name)]
        differ = np.flatnonzero(rows.codes[:, in_v2.index(column)] != other)
        if differ.size:
            raise DataError(
                f"{seen.at(int(differ[0]), column)}: {IDENTITIES.name} says otherwise, so the two files are of two "
                f"worlds: {_REMEDY}"
            )
    of_tracklets = rows.codes[:, [in_v2.index(a.name) for a in SEEN]]
    codes = np.concatenate([of_people, of_tracklets], axis=1)
    return Annotation.of(NAME, (*PEOPLE, *SEEN), rows.people, rows.keys, codes, [_LEFT_OUT])


def _identities(sheet: Sheet) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Person ids, sorted [P], and their codes [P, A]."""
    sheet.require_header(IDENTITY_COLUMNS, "SynthWalk's identities.csv")
    ids = sheet.integers("person_id", 1, 9999)
    sheet.require_different(ids.tolist(), "person")
    codes = np.zeros((len(ids), len(_TOLD)), dtype=np.int16)
    for place, told in enumerate(_TOLD):
        code_of = dict(zip(told.words, told.codes, strict=True))
        for row, word in enumerate(sheet.column(told.column)):
            if word not in code_of:
                raise DataError(
                    f"{sheet.at(row, told.column)}: found {word!r}, expected one of {', '.join(told.words)}: {_REMEDY}"
                )
            codes[row, place] = code_of[word]
    order = np.argsort(ids)
    return ids[order], codes[order]
