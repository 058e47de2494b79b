"""Released annotations with a row a tracklet: whole-number codes, keyed by person, camera and tracklet number."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.attributes.attribute import YES_NO, Attribute
from datasets.attributes.csv_sheet import Sheet
from datasets.attributes.model import Annotation


class Format(NamedTuple):
    """A released file.

    Attributes:
        name: of the annotation.
        keys: columns of person, camera (from 1) and tracklet number.
        attributes: column in the file -> attribute.
        rows: how many rows the released file has.
    """

    name: str
    keys: tuple[str, str, str]
    attributes: Mapping[str, Attribute]
    rows: int

    @property
    def header(self) -> tuple[str, ...]:
        """All columns of the file."""
        return (*self.keys, *self.attributes)


class Rows(NamedTuple):
    """Who the rows are about, and their codes int16 [N, A]."""

    people: NDArray[np.int64]
    keys: list[str]
    codes: NDArray[np.int16]


def binary(name: str, group: str = "") -> Attribute:
    """A yes/no attribute of a tracklet; the repositories do not say which code is yes."""
    return Attribute(name, "binary", YES_NO, group, "tracklet", "undocumented")


def tracklet_key(person: int, camera: int, number: int) -> str:
    """Key of a tracklet as in the image names of MARS, e.g. 0002C1T0012."""
    return f"{person:04d}C{camera}T{number:04d}"


def read_rows(sheet: Sheet, form: Format) -> Rows:
    """Read all rows, in the order of the file.

    Raises:
        DataError: for another header, a code out of range, or a tracklet twice.
    """
    sheet.require_header(form.header, form.name)
    person, camera, number = (
        sheet.integers(column, 1, highest) for column, highest in zip(form.keys, (9999, 9, 9999), strict=True)
    )
    keys = [tracklet_key(*key) for key in zip(person.tolist(), camera.tolist(), number.tolist(), strict=True)]
    sheet.require_different(keys, "tracklet")
    codes = [sheet.integers(column, 0, len(a.values) - 1) for column, a in form.attributes.items()]
    return Rows(person, keys, np.stack(codes, axis=1).astype(np.int16))


def annotation(sheet: Sheet, form: Format, notices: Sequence[str] = ()) -> Annotation:
    """The annotation in a released file, or in a part of one; another number of rows is said in a notice.

    Raises:
        DataError: as `read_rows`.
    """
    rows = read_rows(sheet, form)
    told = list(notices)
    if len(rows.keys) != form.rows:
        told.insert(0, f"{sheet.path.name} has {len(rows.keys):,} rows, the released {form.name} has {form.rows:,}")
    return Annotation.of(form.name, tuple(form.attributes.values()), *rows, notices=told)
