"""A table of your own, and the tables that attribute transfer writes.

    person_id,upper body/red top,backpack,mood            tracklet,pose
    2,1,0,cheerful                                        0002C1T0001,front
    4,,1,grumpy                                           0002C3T0002,back

One column says who a row is about: `person_id`, or `tracklet` (the key), or both. Every other column is an attribute:
0/1 or no/yes is a yes/no attribute, words are a choice, an empty cell is unknown. `group/name` says which group an
attribute belongs to, `/name` that it belongs to none; a plain name that a known annotation uses gets that one's group.
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.attributes import duke, mars, synthwalk
from datasets.attributes.attribute import UNKNOWN, YES_NO, Attribute, Level
from datasets.attributes.csv_sheet import Sheet
from datasets.attributes.groups import place_in_group
from datasets.attributes.model import Annotation
from datasets.errors import DataError
from datasets.identifiers import shown
from files import atomic

PERSON: Final = "person_id"
TRACKLET: Final = "tracklet"
_MOST_WORDS = 64  # more different words than this are names or remarks, not a choice
_KEY = re.compile(r"([0-9]{4})C[0-9]T[0-9]{4}")
_KNOWN_GROUPS: Final = {
    attribute.name: attribute.group
    for attributes in (duke.DUKE.attributes.values(), mars.V2.attributes.values(), synthwalk.PEOPLE)
    for attribute in attributes
}


def read(sheet: Sheet) -> Annotation:
    """Read a table.

    Raises:
        DataError: without a column that says who a row is about, for a row that stands twice, and for a cell that is
            neither 0/1 nor a word: with file, line and column.
    """
    people, keys = _whose(sheet)
    level: Level = "tracklet" if keys[0] else "identity"
    attributes: list[Attribute] = []
    codes: list[NDArray[np.int16]] = []
    told: list[str] = []
    for column in sheet.header:
        if column in (PERSON, TRACKLET):
            continue
        name, group, remark = place_in_group(column, _KNOWN_GROUPS)
        if not name:
            raise DataError(f"{sheet.path}: the column {column!r} has no name behind the group; write group/name")
        told += [remark] if remark else []
        values, of_rows = _codes(sheet, column)
        if (of_rows == UNKNOWN).all():
            told.append(f"{name!r} is unknown in every row")
        attributes.append(Attribute(name, "binary" if values == YES_NO else "choice", values, group, level))
        codes.append(of_rows)
    if not attributes:
        raise DataError(f"{sheet.path} has no column but {', '.join(sheet.header)}; add one column for each attribute")
    return Annotation.of(sheet.path.stem, attributes, people, keys, np.stack(codes, axis=1), list(dict.fromkeys(told)))


def write(
    path: Path, people: NDArray[np.int64], columns: Sequence[str], groups: Sequence[str], values: NDArray[np.floating]
) -> Path:
    """Write yes/no attributes of identities.

    Arguments as in `datasets.attributes.write_table`.

    Raises:
        DataError: where shapes do not fit, a value is none of 0, 1 and NaN, or a name cannot stand in a header.
    """
    ids, table = np.asarray(people), np.asarray(values, dtype=np.float64)
    if table.shape != (len(ids), len(columns)) or len(groups) != len(columns) or not table.size:
        raise DataError(
            f"a table of {len(ids)} people, {len(columns)} columns and {len(groups)} groups was given values of shape "
            f"{table.shape}, expected {(len(ids), len(columns))} and at least one; one group for each column"
        )
    if ids.dtype.kind not in "iu" or ids.min() < 1 or len(np.unique(ids)) != len(ids):
        raise DataError("the people of a table must be whole numbers above 0, each once; correct the list")
    wrong = np.argwhere(~(np.isnan(table) | (table == 0) | (table == 1)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DataError(
            f"person {ids[row]} has {table[row, column]} for {columns[column]!r}, expected 0, 1 or NaN; apply a "
            "threshold first"
        )
    header = [_head(name, group) for name, group in zip(columns, groups, strict=True)]
    if len(set(columns)) != len(columns):
        raise DataError(f"two of the columns {', '.join(columns)} share a name; name each once")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([PERSON, *header])
    for person, answers in zip(ids.tolist(), table, strict=True):
        writer.writerow([person, *("" if np.isnan(answer) else int(answer) for answer in answers)])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, buffer.getvalue())
    return path


def _head(name: str, group: str) -> str:
    """What stands in the header."""
    if not name or name != name.strip() or group != group.strip() or "/" in group or not (name + group).isprintable():
        raise DataError(
            f"the column {name!r} of group {group!r} cannot stand in a header, expected printable names without spaces "
            "around them and a group without a slash; rename it"
        )
    return f"{group}/{name}"


def _whose(sheet: Sheet) -> tuple[NDArray[np.int64], list[str]]:
    if PERSON not in sheet.header and TRACKLET not in sheet.header:
        raise DataError(
            f"{sheet.path}: the header ({', '.join(sheet.header[:8])}) has neither a column {PERSON!r} nor "
            f"{TRACKLET!r}, so nobody knows who a row is about; name one of its columns so"
        )
    if TRACKLET not in sheet.header:
        people = sheet.integers(PERSON, 1, 999_999_999)
        sheet.require_different(people.tolist(), "person")
        return people, [""] * len(people)
    keys = sheet.column(TRACKLET)
    for row, key in enumerate(keys):
        if not key:
            raise DataError(f"{sheet.at(row, TRACKLET)}: the cell is empty, expected the key of a tracklet; fill it in")
    sheet.require_different(keys, "tracklet")
    if PERSON in sheet.header:
        return sheet.integers(PERSON, 1, 999_999_999), keys
    found = [_KEY.fullmatch(key) for key in keys]
    for row, match in enumerate(found):
        if match is None:
            raise DataError(
                f"{sheet.at(row, TRACKLET)}: {keys[row]!r} does not say whose tracklet it is as 0002C1T0012 does; add "
                f"the column {PERSON!r}"
            )
    return np.array([int(match[1]) for match in found if match is not None], dtype=np.int64), keys


def _codes(sheet: Sheet, column: str) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    """Names of a column's values, and the code of each row."""
    cells = [_plain(cell) for cell in sheet.column(column)]
    filled = {cell for cell in cells if cell}
    folded = {cell.lower() for cell in filled}
    if folded <= set(YES_NO):
        code_of = {cell: YES_NO.index(cell.lower()) for cell in filled}
        values: tuple[str, ...] = YES_NO
    elif filled <= {"0", "1"}:
        code_of, values = {cell: int(cell) for cell in filled}, YES_NO
    else:
        words = any(not _is_number(cell) for cell in filled)
        for row, cell in enumerate(cells):
            if cell and _is_number(cell) and (words or cell not in {"0", "1"}):
                raise DataError(
                    f"{sheet.at(row, column)}: found {shown(cell)}, expected 0 or 1 in all rows (yes/no), words in all "
                    "rows (a choice), or nothing (unknown); correct it"
                )
        if len(folded) < len(filled):
            twice = next(cell for cell in sorted(filled) for other in filled if cell < other and _same(cell, other))
            raise DataError(f"{sheet.path}: column {column!r} spells {twice!r} in two ways; settle on one")
        if len(filled) > _MOST_WORDS:
            raise DataError(
                f"{sheet.path}: column {column!r} has {len(filled)} different words, expected at most {_MOST_WORDS} "
                "values of a choice; leave the column out if it is no attribute"
            )
        values = tuple(sorted(filled))
        code_of = {value: code for code, value in enumerate(values)}
    return values, np.array([code_of.get(cell, UNKNOWN) for cell in cells], dtype=np.int16)


def _plain(cell: str) -> str:
    """A cell as it was meant: a program that reads a column with unknown values writes 1.0 and 0.0."""
    return cell[0] if cell in ("0.0", "1.0") else cell


def _same(cell: str, other: str) -> bool:
    return cell.lower() == other.lower()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
