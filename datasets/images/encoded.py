"""The bytes of image files, wherever they lie: as files of a folder here, in a pack in `datasets.pack`.

Whoever decodes frames asks one of these for rows: numbers of frames, counted over a list of tracklets.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.images.open import ImageFault
from datasets.tracklet import Tracklet
from datasets.tracklet import lengths as frame_counts

P = ParamSpec("P")
T = TypeVar("T")
Content = bytes | memoryview
"""What an image file holds."""


class FrameBytes(Protocol):
    """The files of all frames of some tracklets; safe to be asked by many threads at once."""

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def read(self, rows: NDArray[np.int64]) -> list[Content | DataError]:
        """Content of some frames, int64 [n]; in place of one that cannot be read, the error that says why."""
        ...

    def name(self, row: int) -> str:
        """What to call a frame in a message."""
        ...


def decoded(
    source: FrameBytes,
    row: int,
    content: Content | DataError,
    decode: Callable[Concatenate[Content, P], T],
    *given: P.args,
    **named: P.kwargs,
) -> T:
    """What becomes of a frame's bytes.

    Args:
        source: where they are from.
        row: of the frame there.
        content: as `FrameBytes.read` gave it.
        decode: what is done with it.
        given, named: what else `decode` takes.

    Raises:
        DataError: naming the frame, if its bytes cannot be had or decoded.
    """
    if isinstance(content, DataError):
        raise content
    try:
        return decode(content, *given, **named)
    except ImageFault as error:
        raise DataError(error.sentence(source.name(row))) from error


class FileBytes:
    """Frames that are files of a folder."""

    def __init__(self, tracklets: Sequence[Tracklet], root: Path) -> None:
        """Name the files; none is opened.

        Args:
            tracklets: whose frames, in this order.
            root: folder that their frame paths are relative to.
        """
        self._tracklets = tracklets
        self._root = str(root)
        self._offsets = np.concatenate([[0], np.cumsum(frame_counts(tracklets))]).astype(np.int64)

    def __len__(self) -> int:
        """Number of frames."""
        return int(self._offsets[-1])

    def read(self, rows: NDArray[np.int64]) -> list[Content | DataError]:
        """See `FrameBytes.read`."""
        owners = np.searchsorted(self._offsets, rows, side="right") - 1
        frames = rows - self._offsets[owners]
        return [
            _read(f"{self._root}/{self._tracklets[owner].frames[frame]}")
            for owner, frame in zip(owners.tolist(), frames.tolist(), strict=True)
        ]

    def name(self, row: int) -> str:
        """The path of the file."""
        owner = int(np.searchsorted(self._offsets, row, side="right")) - 1
        return f"{self._root}/{self._tracklets[owner].frames[int(row - self._offsets[owner])]}"


def read_whole(path: str) -> bytes:
    """A file with as few calls as possible: there are very many, and a `Path` takes as long as the reading itself.

    Raises:
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(handle).st_size
        data = os.read(handle, size + 1)
        while more := os.read(handle, size + 1):  # rarely: a file may come in pieces
            data += more
    finally:
        os.close(handle)
    return data


def _read(path: str) -> Content | DataError:
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return DataError(f"{path} is missing; copy it again")
    except OSError as error:
        return DataError(f"{path} cannot be read ({error.strerror}); copy it again")
    return data if data else DataError(f"{path} has 0 bytes; copy it again")
