"""Which test tracklets of LS-VID ask: the MATLAB file of one release, or the NumPy files of another.

    test/data/info_test.mat     version 7.3; the first column of `query` holds line numbers of list_seq_test.txt, from 1
    test/query.npy              line numbers of list_seq_test.txt
    test/info_test.npy          a row a test tracklet; column 4 is its camera

Whether query.npy counts from 0 or from 1 is not documented, and no real file could be seen. It is found out: from the
numbers themselves where they decide (a 0, or the last line), else by which reading makes queries of them (each of
another person and camera, and each with an answer under another camera).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.matlab import read_variable
from files.formats import arrays

MATLAB = Path("test") / "data" / "info_test.mat"
NUMPY = Path("test") / "query.npy"
TABLE = Path("test") / "info_test.npy"
_CAMERA_COLUMN = 3  # from 0
_COLUMNS = 4
_REMEDY = "copy it again"
_AGAIN = "take the lists and the files of queries from one release"


class Queries(NamedTuple):
    """Rows of the test list, int64 [Q], and what can be said of them."""

    rows: NDArray[np.int64]
    checks: list[Check]
    problems: list[Problem]


def read_queries(root: Path, people: NDArray[np.int64], cameras: NDArray[np.int64], prefixes: Sequence[str]) -> Queries:
    """Read the queries of whichever release is there; two must agree.

    Args:
        root: the data set's folder.
        people, cameras: of the test tracklets, int64 [N].
        prefixes: of the test tracklets, for messages.

    Raises:
        DataError: no file of queries is there, or it is unreadable, contradicts the list, or contradicts the other.
    """
    found: dict[Path, NDArray[np.int64]] = {}
    if (root / MATLAB).is_file():
        found[MATLAB] = _rows(root / MATLAB, _whole(root / MATLAB, _matlab(root / MATLAB)), len(people), first=1)
    if (root / NUMPY).is_file():
        numbers = _whole(root / NUMPY, _numpy(root / NUMPY))
        first = _first_number(root / NUMPY, numbers, people, cameras)
        found[NUMPY] = _rows(root / NUMPY, numbers, len(people), first=first)
    if not found:
        raise DataError(
            f"{root / MATLAB} and {root / NUMPY} are both missing, so it is not known which tracklets ask; "
            "copy either from your release of LS-VID"
        )
    rows = next(iter(found.values()))
    if any(not np.array_equal(np.sort(rows), np.sort(other)) for other in found.values()):
        raise DataError(f"{root / MATLAB} and {root / NUMPY} name different queries; {_AGAIN}")
    pairs = np.stack([people, cameras], axis=1)[rows]
    repeated = len(pairs) - len(np.unique(pairs, axis=0))
    checks = [Check("queries of one person and camera twice (unverified)", None, repeated)]
    problems: list[Problem] = []
    if (root / TABLE).is_file():
        problems = _compare_cameras(root / TABLE, cameras, prefixes)
        detail = f"{name_some([one.file for one in problems])}: {_AGAIN}"
        checks.append(Check("test tracklets of another camera in info_test.npy", 0, len(problems), detail, "camera"))
    return Queries(rows, checks, problems)


def _rows(path: Path, numbers: NDArray[np.int64], tracklets: int, *, first: int) -> NDArray[np.int64]:
    """Rows from 0 out of line numbers that begin with `first`."""
    rows = numbers - first
    outside = np.flatnonzero((rows < 0) | (rows >= tracklets))
    if outside.size:
        entry = int(outside[0])
        raise DataError(
            f"{path}: entry {entry + 1} is {rows[entry] + first}, expected {first} to {tracklets - 1 + first} (lines "
            f"of list_seq_test.txt); {_AGAIN}"
        )
    if not rows.size or len(np.unique(rows)) != len(rows):
        raise DataError(f"{path}: expected at least one query and no line twice; {_AGAIN}")
    return rows


def _whole(path: Path, values: NDArray[Any], what: str = "the queries") -> NDArray[np.int64]:
    """Values as whole numbers; those written as text (a table with names in another column) will do."""
    return identifiers.whole_numbers(values, f"{path}: {what}", _REMEDY)


def _matlab(path: Path) -> NDArray[Any]:
    values = read_variable(path, "query", "copy it from your release of LS-VID")
    if values.ndim != 2:
        raise DataError(f"{path}: 'query' has {values.ndim} dimensions, expected a row of line numbers; {_REMEDY}")
    return values.reshape(-1) if 1 in values.shape else values[:, 0]


def _numpy(path: Path) -> NDArray[Any]:
    values = arrays.load_npy(path, error=DataError, remedy=_REMEDY)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise DataError(f"{path} has the shape {list(values.shape)}, expected one line number a query; {_REMEDY}")
    return values


def _first_number(path: Path, numbers: NDArray[np.int64], people: NDArray[np.int64], cameras: NDArray[np.int64]) -> int:
    """What query.npy calls the first line: 0 or 1."""
    zero, last = bool((numbers == 0).any()), bool((numbers == len(people)).any())
    if zero and last:
        raise DataError(
            f"{path} holds both 0 and {len(people)}, so it counts the {len(people)} lines of list_seq_test.txt neither "
            f"from 0 nor from 1; {_AGAIN}"
        )
    if zero or last:
        return 0 if zero else 1
    faults = [_faults(numbers - first, people, cameras) for first in (1, 0)]
    return 1 if faults[0] <= faults[1] else 0  # from 1 where both will do, as the other release counts


def _faults(rows: NDArray[np.int64], people: NDArray[np.int64], cameras: NDArray[np.int64]) -> int:
    """Queries that are none: outside the list, of a person and camera that ask already, or without an answer."""
    inside = rows[(rows >= 0) & (rows < len(people))]
    asked = np.stack([people[inside], cameras[inside]], axis=1)
    seen = np.unique(np.stack([people, cameras], axis=1), axis=0)  # [pairs, 2]
    several = np.unique(seen[:, 0], return_counts=True)
    answered = np.isin(asked[:, 0], several[0][several[1] > 1])
    return len(rows) - len(inside) + len(asked) - len(np.unique(asked, axis=0)) + int((~answered).sum())


def _compare_cameras(path: Path, cameras: NDArray[np.int64], prefixes: Sequence[str]) -> list[Problem]:
    """The test tracklets whose names and table tell different cameras."""
    table = arrays.load_npy(path, error=DataError, remedy=_REMEDY)
    if table.ndim != 2 or table.shape[1] < _COLUMNS or len(table) != len(cameras):
        raise DataError(
            f"{path} has the shape {list(table.shape)}, expected {len(cameras):,} rows (lines of list_seq_test.txt) of "
            f"{_COLUMNS} columns or more, the fourth the camera; {_AGAIN}"
        )
    told = _whole(path, table[:, _CAMERA_COLUMN], "the cameras in column 4")
    return [
        Problem(
            "camera", prefixes[row], f"is of camera {cameras[row]} by its names and {told[row]} by {path.name}", _AGAIN
        )
        for row in np.flatnonzero(told != cameras).tolist()
    ]
