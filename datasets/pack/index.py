"""The arrays of a pack's index: what was written, byte for byte, and pointing to nothing that is not there."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files.content_digest import of_frames
from datasets.pack import file_format
from datasets.pack.file_format import Contents, Division
from files import digest
from files.formats import arrays

DAMAGED: Final = "run `python -m runners.data verify` on the pack, then pack the data again"
"""What to do about a damaged pack."""


def expect_size(path: Path, size: int) -> None:
    """A file is there, with so many bytes.

    Raises:
        DataError: it is not.
    """
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {DAMAGED}") from error
    if found != size:
        raise DataError(f"{path} has {found:,} bytes, expected {size:,}; {DAMAGED}")


def array(folder: Path, contents: Contents, file: str, rows: int, kind: "np.dtype[Any] | None" = None) -> NDArray[Any]:
    """An array of the index, mapped.

    Args:
        folder: of the pack.
        contents: its `pack.json`, which tells the checksum.
        file: name of the array's file.
        rows: how many it has to have.
        kind: type of a row; None for bytes of any width.

    Raises:
        DataError: it is absent, has another form, or differs from its checksum.
    """
    path = folder / file
    found = arrays.load_npy(path, mmap=True, error=DataError, remedy=DAMAGED)
    fits = found.dtype == kind if kind is not None else found.dtype.kind == "S"
    if found.shape != (rows,) or not fits:
        raise DataError(f"{path} holds {found.dtype} {list(found.shape)}, expected {rows} rows; {DAMAGED}")
    try:
        sound = digest.sha256(path) == contents.index[file]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {DAMAGED}") from error
    if not sound:
        raise DataError(f"{path} differs from its checksum in {file_format.PACK}; {DAMAGED}")
    return found.view(np.ndarray)


def check_places(folder: Path, contents: Contents, frames: NDArray[Any], tracklets: NDArray[Any]) -> None:
    """Every frame lies within its shard, and every tracklet within the frames.

    Args:
        folder: of the pack.
        contents: its `pack.json`.
        frames: structured [F] (`layout.FRAME`).
        tracklets: structured [N] (`layout.TRACKLET`).

    Raises:
        DataError: one does not.
    """
    shards = contents.shards
    right = len(frames) == 0 or int(frames["shard"].max()) < len(shards)
    if right and len(frames):
        held = np.bincount(frames["shard"], minlength=len(shards)).tolist()
        room = np.array([shard.bytes for shard in shards], dtype=np.uint64)[frames["shard"]]
        inside = (frames["offset"] <= room) & (frames["size"] <= room - np.minimum(frames["offset"], room))
        right = held == [shard.frames for shard in shards] and bool(inside.all())
    if not right:
        raise DataError(f"{folder / 'frames.npy'} points outside of the {len(shards)} shards; {DAMAGED}")
    starts = [*tracklets["start"].tolist(), len(frames)]
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise DataError(f"{folder / 'tracklets.npy'} points outside of the {len(frames)} frames; {DAMAGED}")


def held(frames: NDArray[Any], tracklets: NDArray[Any]) -> list[bytes]:
    """What each tracklet of the index holds, as `datasets.files.content_digest` finds it in the image files."""
    starts = [*tracklets["start"].tolist(), len(frames)]
    return [of_frames(frames["size"][a:b], frames["crc32"][a:b]) for a, b in pairwise(starts)]


def rows_of(folder: Path, contents: Contents, division: Division) -> list[NDArray[Any]]:
    """Which tracklets train and test, and which test tracklets are query and gallery: four arrays int64.

    Raises:
        DataError: the file is damaged, or points to something that is not there.
    """
    rows = array(folder, contents, division.file, division.rows, np.dtype("<i8"))
    sizes = (division.train, division.test, division.query, division.gallery)
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    for part, most in zip(parts, (*(2 * [contents.tracklets]), *(2 * [division.test])), strict=True):
        if part.size and not 0 <= int(part.min()) <= int(part.max()) < most:
            raise DataError(
                f"{folder / division.file} points to rows {part.min()} to {part.max()}, expected 0 to {most - 1}; "
                f"{DAMAGED}"
            )
    return parts
