"""Frame names of DukeMTMC-VideoReID, in both forms that are about, parsed all at once.

    0001_C6_F0099_X30823.jpg      the newer release
    0001C6F0099X30823.jpg         the older one

Person; camera from 1 to 8; number of the frame inside its tracklet; frame of the camera's video. Distractors have D in
place of X. Half a million names are one byte matrix, never Python objects.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SUFFIX = b".jpg"


class _Form(NamedTuple):
    """Where things stand in a name: fixed letters by column, and the first column of each number."""

    letters: dict[int, bytes]
    camera: int
    frame: int
    clock: int  # column of the X or D; the digits after it run to the suffix


_PERSON = slice(0, 4)
_FRAME_DIGITS = 4
_FORMS = (
    _Form({4: b"_", 5: b"C", 7: b"_", 8: b"F", 13: b"_"}, camera=6, frame=9, clock=14),
    _Form({4: b"C", 6: b"F"}, camera=5, frame=7, clock=11),
)
_WIDTH = 24  # a shorter array is widened, so that every column that is looked at is there


class Parsed(NamedTuple):
    """What names say, int64 [F] each; 0 where a name is of neither form."""

    valid: NDArray[np.bool_]
    person: NDArray[np.int64]
    camera: NDArray[np.int64]
    frame: NDArray[np.int64]


def parse(names: NDArray[np.bytes_]) -> Parsed:
    """Take names apart.

    Args:
        names: bytes [F], dtype `S`.
    """
    width = max(names.dtype.itemsize, _WIDTH)
    table = np.ascontiguousarray(names, dtype=f"S{width}").view(np.uint8).reshape(len(names), width)
    lengths = (table != 0).sum(axis=1)
    digit = (table >= ord("0")) & (table <= ord("9"))
    ends = _ends_with_suffix(table, lengths)
    valid = np.zeros(len(names), dtype=bool)
    numbers = np.zeros((3, len(names)), dtype=np.int64)
    for form in _FORMS:
        good = ends & _fits(table, digit, lengths, form)
        valid |= good
        rows = table[good]
        numbers[:, good] = (
            _number(rows[:, _PERSON]),
            _number(rows[:, form.camera : form.camera + 1]),
            _number(rows[:, form.frame : form.frame + _FRAME_DIGITS]),
        )
    return Parsed(valid, *numbers)


def _ends_with_suffix(table: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    columns = lengths[:, None] - len(_SUFFIX) + np.arange(len(_SUFFIX))  # [F, 4]
    tail = np.take_along_axis(table, np.maximum(columns, 0), axis=1)
    return (lengths > len(_SUFFIX)) & (tail == np.frombuffer(_SUFFIX, dtype=np.uint8)).all(axis=1)


def _fits(
    table: NDArray[np.uint8], digit: NDArray[np.bool_], lengths: NDArray[np.int64], form: _Form
) -> NDArray[np.bool_]:
    good = digit[:, _PERSON].all(axis=1)
    good &= digit[:, form.camera] & (table[:, form.camera] != ord("0"))  # cameras count from 1
    good &= digit[:, form.frame : form.frame + _FRAME_DIGITS].all(axis=1)
    for column, letter in form.letters.items():
        good &= table[:, column] == ord(letter)
    good &= (table[:, form.clock] == ord("X")) | (table[:, form.clock] == ord("D"))
    columns = np.arange(form.clock + 1, table.shape[1])
    end = lengths - len(_SUFFIX)
    good &= end > form.clock + 1
    good &= (digit[:, form.clock + 1 :] | (columns >= end[:, None])).all(axis=1)
    return good


def _number(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Decimal numbers from digit columns [F,D]."""
    total = np.zeros(len(digits), dtype=np.int64)
    for column in range(digits.shape[1]):
        total = total * 10 + (digits[:, column].astype(np.int64) - ord("0"))
    return total
