"""Numbers of people, cameras and rows as others write them: what is a whole number, what is a name, what is neither.

A table that once had an empty cell comes back from a spreadsheet or from pandas with `0.0`, `1.0` and `-1.0` in place
of 0, 1 and -1. Taken for names these would make a person of a distractor. So a text is one of three things here: a
whole number (`12`, `-1`, `007`, and `12.0`, which is 12); a name, which no way of writing numbers fits; or in doubt
(`1e3`, `1.5`, `1,000`, `nan`, digits of other scripts), and then it is refused, with the file and the line.
"""

import re
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError

DIGITS = 18
"""Of a whole number, at most: more do not fit int64."""

_WHOLE = re.compile(r"([-+]?[0-9]{1,18})(?:\.0+)?")
_PERHAPS_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}\.000")
_FLOAT = re.compile(r"[-+]?(?:\d+[.,]\d*|[.,]\d+)(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+", re.IGNORECASE)
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:(?:[,'’]\d{3})+|(?:\.\d{3}){2})(?:[.,]\d+)?")
_PLAIN = re.compile(r"[-+]?\d+")
_EMPTY = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "inf", "infinity", "#value!", "#ref!"})
_MINUS = str.maketrans(dict.fromkeys("−–—‒﹣－", "-"))
_SHOWN = 40  # characters of a text that a message repeats
_LARGEST = 2**63


def number_of(text: str) -> int | None:
    """The whole number that a text is, or None where it is a name.

    Args:
        text: without the spaces around it.

    Raises:
        ValueError: it is in doubt; the message is the rest of a sentence that begins with the text.
    """
    match = _WHOLE.fullmatch(text)
    if match is not None and not _PERHAPS_THOUSANDS.fullmatch(text):
        return int(match[1])
    doubt = _doubt(text)
    if doubt:
        raise ValueError(doubt)
    return None


def whole(text: str) -> int:
    """The whole number that a text is.

    Raises:
        ValueError: it is none; the message is the rest of a sentence that begins with the text.
    """
    number = number_of(text)
    if number is None:
        raise ValueError("is no whole number")
    return number


def label(where: str, what: str, text: str) -> str:
    """The text of a person, camera or tracklet in one way of writing: `1.0` becomes `1`, all else stays as it is.

    Args:
        where: file and line, or the folder.
        what: ``person``, ``camera`` ...
        text: as it is written there, without the spaces around it.

    Raises:
        DataError: it is neither a whole number nor a name.
    """
    try:
        number = number_of(text)
    except ValueError as error:
        raise DataError(
            f"{where}: {what} {shown(text)} {error}; write whole numbers such as 12, or names with a letter in them"
        ) from error
    return text if number is None else text.partition(".")[0]


def tracklet_label(where: str, text: str) -> str:
    """The text of a tracklet in one way of writing: `1.0` becomes `1`. A tracklet may be called anything (`12.5`).

    Raises:
        DataError: it stands for an empty cell, so that all such tracklets would become one.
    """
    if text.lower() in _EMPTY:
        raise DataError(f"{where}: tracklet {text!r} stands for an empty cell; give each tracklet a label")
    match = _WHOLE.fullmatch(text)
    return text if match is None else match[1]


def shown(text: str) -> str:
    """A text in quotes for a message, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def printable(text: str) -> str:
    """Text of file names for any terminal, table or page: bytes that are no characters are shown as numbers."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def whole_numbers(values: NDArray[Any], where: str, remedy: str) -> NDArray[np.int64]:
    """An array of numbers, or of texts of numbers, as int64 of the same shape.

    Args:
        values: whole numbers of any type; floats that are whole; texts (`U` or `S`) such as "12" and "12.0".
        where: the file and what is read of it, as the beginning of a sentence.
        remedy: what to do.

    Raises:
        DataError: naming the first entry (from 1, row by row) that is no whole number of at most 18 digits.
    """
    if values.dtype.kind in "US":
        return _from_texts(values, where, remedy)
    if values.dtype.kind not in "iuf":
        raise DataError(f"{where} must be whole numbers, not {values.dtype}; {remedy}")
    flat = values.reshape(-1)
    if values.dtype.kind == "f":
        good = np.isfinite(flat) & (np.abs(flat) < _LARGEST)
        good[good] = flat[good] == np.rint(flat[good])
    elif values.dtype.kind == "u":
        good = flat < np.uint64(_LARGEST)
    else:
        good = np.ones(len(flat), dtype=bool)
    if not good.all():
        entry = int(np.flatnonzero(~good)[0])
        raise DataError(f"{where} must be whole numbers, but {_place(entry, values)} is {flat[entry]}; {remedy}")
    return values.astype(np.int64)


def _from_texts(values: NDArray[Any], where: str, remedy: str) -> NDArray[np.int64]:
    found = np.zeros(values.size, dtype=np.int64)
    for entry, cell in enumerate(values.reshape(-1).tolist()):
        text = cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell)
        try:
            found[entry] = whole(text.strip())
        except ValueError as error:
            told = f"{_place(entry, values)}, {shown(text)}, {error}"
            raise DataError(f"{where} must be whole numbers, but {told}; {remedy}") from error
    return found.reshape(values.shape)


def _place(entry: int, values: NDArray[Any]) -> str:
    """Where an entry stands, from 1; entries are counted row by row."""
    if values.ndim < 2:
        return f"entry {entry + 1}"
    place = [int(index) + 1 for index in np.unravel_index(entry, values.shape)]
    return f"row {place[0]}, column {place[1]}"


def _doubt(text: str) -> str:
    """Why a text is neither a whole number nor a name, as the rest of a sentence; empty for a name."""
    folded = unicodedata.normalize("NFKC", text).translate(_MINUS)
    visible = "".join(one for one in folded if unicodedata.category(one) not in ("Cc", "Cf", "Zs", "Zl", "Zp"))
    if not visible or visible.lower().lstrip("-+") in _EMPTY:
        return "stands for an empty cell or for no number"
    if _PLAIN.fullmatch(visible):
        if not text.isascii() or text != visible:
            return "is written with other signs than the digits 0 to 9"
        return f"has more than {DIGITS} digits"
    if _PERHAPS_THOUSANDS.fullmatch(visible) or _GROUPED.fullmatch(visible):
        return "may have a point for thousands or for decimals"
    if _FLOAT.fullmatch(visible):
        return "is a number, but not a whole one in plain digits"
    return ""
