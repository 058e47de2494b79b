"""Write a small data set in the layout of LS-VID, by hand, for tests of the reader."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from tests.datasets.mars_folder import hash_of, picture

Row = tuple[int, int, int, int]  # person, tracklet of the person, camera, images

TRAIN: tuple[Row, ...] = ((1, 1, 1, 3), (1, 2, 15, 2), (7, 1, 4, 2))
VAL: tuple[Row, ...] = ((8, 1, 2, 2), (8, 2, 3, 1))
TEST: tuple[Row, ...] = ((2, 1, 1, 3), (2, 2, 12, 2), (9, 1, 3, 4), (9, 2, 5, 1), (9, 3, 5, 2))
QUERY = (1, 2, 3, 4)  # lines of the test list, from 1


def prefix(part: str, row: Row) -> str:
    """A line's path."""
    person, tracklet, camera, _ = row
    return f"tracklet_{part}/{person:04d}/{person:04d}_{tracklet:02d}_{camera:02d}"


def write(
    root: Path,
    *,
    train: Sequence[Row] = TRAIN,
    val: Sequence[Row] | None = VAL,
    test: Sequence[Row] = TEST,
    query: Sequence[int] = QUERY,
    release: str = "a",
    from_zero: bool = False,
) -> Path:
    """Write images, lists and the queries of a release (`a` or `b`); returns root."""
    (root / "list_sequence").mkdir(parents=True)
    for part, rows in (("train", train), ("val", val), ("test", test)):
        if rows is None:
            continue
        for row in rows:
            stem = prefix(part, row)
            (root / stem).parent.mkdir(parents=True, exist_ok=True)
            for image in range(row[3]):
                (root / f"{stem}_{1_000 + 4 * image:06d}.jpg").write_bytes(picture(hash_of(f"{stem}{image}")))
        lines = "".join(f"{prefix(part, row)} {row[0]}\n" for row in rows)
        (root / "list_sequence" / f"list_seq_{part}.txt").write_text(lines)
    if release == "a":
        write_matlab(root, query)
    else:
        write_numpy(root, [line - from_zero for line in query], test)
    return root


def write_matlab(root: Path, query: Sequence[float], name: str = "query") -> Path:
    """The file of release (a): a column in MATLAB, so a row in HDF5."""
    path = root / "test" / "data" / "info_test.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        file[name] = np.array([query], dtype=np.float64)
    return path


def write_numpy(root: Path, query: Sequence[int], test: Sequence[Row] = TEST) -> None:
    """The files of release (b)."""
    (root / "test").mkdir(exist_ok=True)
    np.save(root / "test" / "query.npy", np.array(query))
    ends = np.cumsum([row[3] for row in test])
    table = [(end - row[3] + 1, end, row[0], row[2]) for end, row in zip(ends.tolist(), test, strict=True)]
    np.save(root / "test" / "info_test.npy", np.array(table))
