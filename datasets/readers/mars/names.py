"""Names and track tables of the MARS layout: read, parsed and compared row by row.

An image is called `0002C1T0012F001.jpg`: person, camera, tracklet number within the person, frame number.
A table row is (first line, last line, person, camera) over the lines of the name file, from 1, inclusive.
All 1.2 million names are handled as one byte matrix [F,19], never as Python objects.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.listing import list_folders
from datasets.files.matlab import read_variable
from datasets.files.system_files import folders_in
from datasets.tracklet import JUNK

Names = NDArray[np.uint8]  # [F,19]
Rows = NDArray[np.int64]  # [N,4]

WIDTH = len("0002C1T0012F001.jpg")
PREFIX = len("0002C1T0012")
PERSON = slice(0, 4)
_CAMERA = 5
_FRAME = slice(12, 15)
_DIGITS = (5, 7, 8, 9, 10, 12, 13, 14)
_FIXED = {4: b"C", 6: b"T", 11: b"F", 15: b".", 16: b"j", 17: b"p", 18: b"g"}
_JUNK_FOLDER = b"00-1"
_COLUMNS = 4
_KIND_OF = {"person": "person", "camera": "camera", "tracklet": "name", "frame": "order"}  # rule -> `Problem.kind`
_ONE_COPY = "the two belong to different copies, or the images were renamed: take both from one copy"


def read_matrix(path: Path, variable: str) -> NDArray[np.int64]:
    """Read one whole-number matrix from a MATLAB file.

    Raises:
        DataError: if the file is missing or unreadable, or the variable is absent or not numeric.
    """
    matrix = read_variable(path, variable, "a MARS layout needs it: copy it from the official release")
    return identifiers.whole_numbers(matrix, f"{path}: the entries of {variable!r}", "copy it again")


def read_names(path: Path) -> Names:
    """Read a name file, whatever its line ends.

    Returns:
        The names as bytes [F,19].

    Raises:
        DataError: naming the first line that is not an image name.
    """
    data = path.read_bytes().rstrip(b"\r\n")
    end = b"\r\n" if b"\r\n" in data[: WIDTH + 2] else b"\n"
    step = WIDTH + len(end)
    table = np.frombuffer(data + end, dtype=np.uint8)
    if data and table.size % step == 0:
        table = table.reshape(-1, step)
        if (table[:, WIDTH:] == np.frombuffer(end, dtype=np.uint8)).all():
            return table[:, :WIDTH]
    return pack(data.split(b"\n") if data else [], str(path))


def names_from_folders(folder: Path) -> Names:
    """Rebuild the name file of `bbox_train` or `bbox_test` from what lies there.

    Sorted by folder, then by file, as plain text: so "00-1" stands before "0000".

    Raises:
        DataError: if the folder is missing or empty, or a file name does not fit.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; without it the name files cannot be rebuilt: copy both")
    people = [entry.name for entry in folders_in(folder)]
    listing = list_folders(folder.parent, [f"{folder.name}/{person}" for person in people], "listing", sizes=False)
    if not len(listing.names) and listing.hint:
        raise DataError(f"the images under {folder}: no image name found; {listing.hint}")
    return pack(listing.names.tolist(), f"the images under {folder}")


def pack(lines: list[bytes], source: str) -> Names:
    """Put names into one byte matrix [F,19].

    Raises:
        DataError: naming the first name of a wrong length, or if there is none at all.
    """
    stripped = [line.rstrip(b"\r") for line in lines]
    for number, line in enumerate(stripped, start=1):
        if len(line) != WIDTH:
            shown = line[:60].decode(errors="replace")
            raise DataError(
                f"{source}: entry {number} is {shown!r}, expected a name like 0002C1T0012F001.jpg; "
                "copy the original again"
            )
    if not stripped:
        raise DataError(f"{source}: no image name found; copy the original again")
    return np.frombuffer(b"".join(stripped), dtype=np.uint8).reshape(-1, WIDTH)


def check_rows(rows: NDArray[np.int64], lines: int, source: Path) -> Rows:
    """Check that a track table is [N,4], contiguous and complete.

    Args:
        rows: the table.
        lines: how many names it has to cover.
        source: the file, for messages.

    Raises:
        DataError: naming the first row (counted from 1) that breaks a rule.
    """
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS or not len(rows):
        raise DataError(
            f"{source}: the table has shape {rows.shape}, expected [tracklets, 4] "
            "(first line, last line, person, camera); copy it again"
        )
    first, last = rows[:, 0], rows[:, 1]
    expected_first = np.concatenate([[1], last[:-1] + 1])
    wrong = np.flatnonzero((first != expected_first) | (last < first))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"{source}: row {row + 1} covers lines {first[row]} to {last[row]}, expected it to start at line "
            f"{expected_first[row]} and to hold at least one; the rows must be contiguous: copy it again"
        )
    if last[-1] != lines:
        raise DataError(
            f"{source}: the last row ({len(rows)}) ends at line {last[-1]:,} but there are {lines:,} image "
            "names; the table and the name file (or the image folders) belong to different copies: "
            "take both from one"
        )
    return rows


def check_form(names: Names, source: str) -> None:
    """Check that every name has the form of a name.

    Raises:
        DataError: naming the first line that has not.
    """
    good = np.ones(len(names), dtype=bool)
    for column, letter in _FIXED.items():
        good &= names[:, column] == letter[0]
    for column in _DIGITS:
        good &= _is_digit(names[:, column])
    good &= _is_junk(names) | _is_digit(names[:, PERSON]).all(axis=1)
    if not good.all():
        line = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"{source}: line {line + 1} is {text(names[line])!r}, expected a name like "
            "0002C1T0012F001.jpg; copy the original again"
        )


def contradictions(
    names: Names, rows: Rows, part: str, folder: str, source: str, table: Path
) -> tuple[list[Check], list[Problem]]:
    """Hold every name against its row.

    All names of a row share person, camera and tracklet number with each other, person and camera with the
    row, and are numbered F001, F002, ... without a gap.

    Args:
        names: of a form that `check_form` lets pass.
        rows: the track table, checked.
        part: ``train`` or ``test``.
        folder: of its images.
        source: where the names are from, for messages.
        table: the track table's file, for messages.

    Returns:
        A check for each rule, which counts rows, and a problem for each row that breaks one.
    """
    counts = rows[:, 1] - rows[:, 0] + 1
    row_of = np.repeat(np.arange(len(rows)), counts)
    starts = rows[:, 0] - 1
    person = np.where(_is_junk(names), JUNK, _number(names[:, PERSON]))
    position = np.arange(len(names)) - starts[row_of] + 1
    prefix = names[starts[row_of], :PREFIX]
    rules = {
        "person": person == rows[row_of, 2],
        "camera": names[:, _CAMERA].astype(np.int64) - ord("0") == rows[row_of, 3],
        "tracklet": (names[:, :PREFIX] == prefix).all(axis=1),
        "frame": _number(names[:, _FRAME]) == position,
    }
    checks, problems = [], []
    for what, fits in rules.items():
        lines = np.flatnonzero(~fits)
        broken, firsts, lost = np.unique(row_of[lines], return_index=True, return_counts=True)
        told = []
        for row, line, number in zip(broken.tolist(), lines[firsts].tolist(), lost.tolist(), strict=True):
            expected = {
                "person": str(rows[row, 2]),
                "camera": str(rows[row, 3]),
                "tracklet": text(prefix[line]),
                "frame": f"F{position[line]:03d}",
            }[what]
            more = f" ({number} names of that row)" if number > 1 else ""
            name = text(names[line])
            words = f"row {row + 1} of {table.name} expects {what} {expected} there{more}"
            told.append(f"{source}: line {line + 1} is {name!r}, but {words}")
            image = f"{folder}/{text(names[line, PERSON])}/{name}"
            problems.append(Problem(_KIND_OF[what], image, f"is line {line + 1} of the names, but {words}", _ONE_COPY))
        detail = f"{told[0]}; {_ONE_COPY}" if told else ""
        checks.append(Check(f"{part} tracklets with names of another {what}", 0, len(told), detail, _KIND_OF[what]))
    return checks, problems


def text(name: NDArray[np.uint8]) -> str:
    """One name as text."""
    return name.tobytes().decode("ascii", errors="replace")


def _is_junk(names: Names) -> NDArray[np.bool_]:
    return (names[:, PERSON] == np.frombuffer(_JUNK_FOLDER, dtype=np.uint8)).all(axis=1)


def _is_digit(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (characters >= ord("0")) & (characters <= ord("9"))


def _number(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Decimal numbers from digit columns [F,D]."""
    total = np.zeros(len(characters), dtype=np.int64)
    for column in range(characters.shape[1]):
        total = total * 10 + (characters[:, column].astype(np.int64) - ord("0"))
    return total
