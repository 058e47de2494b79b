"""The metadata files of the MARS layout: names of all frames, rows of all tracklets, rows of the queries."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.repaired.staging import put
from datasets.tracklet import Split, Tracklet, camera_ids, lengths, person_ids
from files.formats import matlab_write

_MAT_HEADER = b"MATLAB 5.0 MAT-file, written by Reproid"


def write_info(split: Split, folder: Path) -> None:
    """Write the five files of `info/`.

    Args:
        split: whose tracklets have frames `<key>F001.jpg` and so on.
        folder: an existing one.
    """
    for half, tracklets in (("train", split.train), ("test", split.test)):
        names = [f"{name.rpartition('/')[2]}\r\n" for tracklet in tracklets for name in tracklet.frames]
        put(str(folder / f"{half}_name.txt"), "".join(names).encode("ascii"))
        _write_mat(folder / f"tracks_{half}_info.mat", f"track_{half}_info", _rows(tracklets))
    _write_mat(folder / "query_IDX.mat", "query_IDX", (split.query_index + 1).astype(np.int32)[None])


def _rows(tracklets: tuple[Tracklet, ...]) -> NDArray[np.int32]:
    """First line, last line (both from 1), person and camera of each tracklet, [N,4]."""
    counts = lengths(tracklets)
    ends = np.cumsum(counts)
    columns = [ends - counts + 1, ends, person_ids(tracklets), camera_ids(tracklets)]
    return np.stack(columns, axis=1).astype(np.int32)


def _write_mat(path: Path, name: str, values: NDArray[np.int32]) -> None:
    """A MATLAB file without the date that SciPy puts into its header: same content, same bytes."""
    put(str(path), matlab_write.encode({name: values}, _MAT_HEADER))
