"""How far a pass over many rows is, and whether the rows behind it are still what it wrote.

Rows are written in order into an ``.npy`` file; now and then a note beside it says up to where, with a digest of the
rows since the last note.  A run that goes on compares them: what was cut, lost or changed meanwhile is made again.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.atomic import write_json
from files.formats import arrays
from files.formats import json as json_files
from runners.errors import RunError
from runners.progress import note

_BLOCK_BYTES = 1 << 24


class Spans:
    """Spans of finished rows, one after the other from the first row on.

    Attributes:
        done: rows that are finished and sound.
        trunk_frames: frames that entered a network for them; None where that was not counted.
    """

    def __init__(self, file: Path, target: Path, shape: tuple[int, ...]) -> None:
        """Take up what an earlier run noted of an array of float32.

        Args:
            file: of the notes.
            target: of the rows, ``.npy``.
            shape: that it has to have.
        """
        self._file, self._target = file, target
        self._spans: list[dict[str, Any]] = []
        if not file.is_file() or not target.is_file():
            return
        try:
            noted = _checked(json_files.read(file, error=RunError), shape[0])
            rows = arrays.load_npy(target, mmap=True, error=RunError)
            if rows.shape != shape or rows.dtype != np.float32:
                raise RunError(f"{target} holds {rows.dtype} {list(rows.shape)}, expected float32 {list(shape)}")
        except RunError as error:
            note(f"what an interrupted run left is damaged ({error}); it is made anew")
            return
        for span in noted:
            if _digest(rows[self.done : span["end"]]) != span["sha256"]:
                note(f"{target}: rows from {self.done} on are not what an interrupted run wrote; they are made again")
                return
            self._spans.append(span)

    @property
    def done(self) -> int:
        return self._spans[-1]["end"] if self._spans else 0

    @property
    def trunk_frames(self) -> int | None:
        return self._spans[-1]["trunk_frames"] if self._spans else 0

    def add(self, rows: NDArray[np.float32], end: int, trunk_frames: int | None = None) -> None:
        """Note that rows ``[done, end)`` of the whole array are written, and on the disk.

        Args:
            rows: the whole array.
            end: row behind the last one.
            trunk_frames: see the attributes; for all rows up to this one.
        """
        self._spans.append({"end": end, "sha256": _digest(rows[self.done : end]), "trunk_frames": trunk_frames})
        write_json(self._file, self._spans)


def _checked(noted: object, total: int) -> list[dict[str, Any]]:
    """Spans as they were written.

    Raises:
        RunError: they are anything else.
    """
    last = 0
    found: list[dict[str, Any]] = []
    for span in noted if isinstance(noted, list) else [noted]:
        if not isinstance(span, dict) or span.keys() != {"end", "sha256", "trunk_frames"}:
            raise RunError("its notes are no notes of a pass")
        if type(span["end"]) is not int or not last < span["end"] <= total:
            raise RunError("its notes are not those of a pass over so many rows")
        if span["trunk_frames"] is not None and type(span["trunk_frames"]) is not int:
            raise RunError("its notes count frames by something that is no number")
        last = span["end"]
        found.append(span)
    return found


def _digest(rows: NDArray[np.float32]) -> str:
    digest = hashlib.sha256()
    step = max(1, _BLOCK_BYTES // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), step):
        digest.update(np.ascontiguousarray(rows[start : start + step]).data)
    return digest.hexdigest()
