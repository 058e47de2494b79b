"""A CSV file as a header and rows of text; every message names file, line and column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.errors import DataError
from files.errors import did_you_mean
from files.formats import csv


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file.

    Attributes:
        path: the file.
        header: names of the columns, without the spaces around them.
        rows: cells of each row, without the spaces around them; empty lines are left out.
        lines: line of each row in the file, from 1.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """All cells of a column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def at(self, row: int, column: str) -> str:
        """Where a cell stands, for messages."""
        return f"{self.path}: line {self.lines[row]}, column {column!r}"

    def integers(self, name: str, low: int, high: int) -> NDArray[np.int64]:
        """A column of whole numbers, int64 [N].

        Raises:
            DataError: naming the first cell that is none, or lies outside of low to high.
        """
        cells = self.column(name)
        values = np.zeros(len(cells), dtype=np.int64)
        for row, cell in enumerate(cells):
            try:
                values[row] = number = identifiers.whole(cell)
            except ValueError:
                number = low - 1
            if not low <= number <= high:
                raise DataError(
                    f"{self.at(row, name)}: found {identifiers.shown(cell)}, expected a whole number from {low} to "
                    f"{high}; correct it, or take the released file"
                )
        return values

    def require_header(self, expected: Sequence[str], what: str) -> None:
        """Insist on exactly these columns, in any order.

        Raises:
            DataError: naming what is missing and what is unknown, with near matches.
        """
        missing = [name for name in expected if name not in self.header]
        unknown = [name for name in self.header if name not in expected]
        if not missing and not unknown:
            return
        told = []
        for name in unknown:
            near = did_you_mean(name, missing or expected, most=1, quoted=True)
            told.append(f"{name!r} is unknown{near and f' ({near})'}")
        if missing:
            told.append(f"missing: {', '.join(missing)}")
        raise DataError(
            f"{self.path}: the header is not that of {what}: {'; '.join(told)}; take the released file, or write a "
            "table of your own with the column person_id or tracklet"
        )

    def require_different(self, keys: Sequence[object], what: str) -> None:
        """Insist that no two rows have the same key.

        Raises:
            DataError: naming both lines of the first pair.
        """
        seen: dict[object, int] = {}
        for row, key in enumerate(keys):
            if key in seen:
                raise DataError(
                    f"{self.path}: lines {self.lines[seen[key]]} and {self.lines[row]} are both of {what} {key}, "
                    "expected one row each; remove one"
                )
            seen[key] = row


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file with a header: commas, UTF-8, with or without a byte order mark.

    Raises:
        DataError: if it cannot be read, has no rows, a column twice, or a row of another width.
    """
    table = csv.rows(path, error=DataError, remedy="save it as UTF-8 with commas", separators=",")
    numbered = [(line, tuple(cells)) for line, cells in table]
    if len(numbered) < 2:
        raise DataError(f"{path} has {len(numbered)} lines with content, expected a header and at least one row")
    header, body = numbered[0][1], numbered[1:]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "" in header:
        raise DataError(
            f"{path}: the header has {f'{twice[0]!r} twice' if twice and twice[0] else 'an empty name'}; name "
            "each column once"
        )
    if len(header) == 1:
        raise DataError(f"{path} has the one column {header[0]!r}, expected several, separated by commas")
    for line, row in body:
        if len(row) != len(header):
            raise DataError(f"{path}: line {line} has {len(row)} cells, expected {len(header)} as in the header")
    return Sheet(path, header, tuple(row for _, row in body), tuple(line for line, _ in body))
