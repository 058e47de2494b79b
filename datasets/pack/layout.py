"""What the files of a pack are called and hold."""

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError

FORMAT = 1  # raise when the files' layout changes
PACK = "pack.json"
WRITING = "packing.json"  # lies there for as long as a pack is unfinished
LOCK = "packing.lock"  # held by the process that writes; stays, and holds nothing
INDEX = ("frames.npy", "tracklets.npy", "keys.npy", "prefixes.npy", "names.npy")

FRAME = np.dtype([("shard", "<u4"), ("size", "<u4"), ("offset", "<u8"), ("crc32", "<u4")])
TRACKLET = np.dtype([("start", "<i8"), ("person", "<i4"), ("camera", "<i4")])

_READ = 1 << 22  # bytes at once


@dataclass(frozen=True, slots=True)
class PackReport:
    """What writing a pack did.

    Attributes:
        frames: in the whole pack.
        bytes: of image files in it.
        seconds: this call took.
        resumed_shards: shards that an earlier call had finished.
        shards: of the whole pack.
    """

    frames: int
    bytes: int
    seconds: float
    resumed_shards: int
    shards: int


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of frames.

    Attributes:
        file: its name.
        frames: how many.
        bytes: its size.
        sha256: its checksum.
    """

    file: str
    frames: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Division:
    """One division of the packed data, as `Split` has it; the four sizes say how `division-N.npy` is cut."""

    name: str
    version: str
    fingerprint: str
    synthetic: bool
    number: int
    divisions: int
    train: int
    test: int
    query: int
    gallery: int

    @property
    def file(self) -> str:
        """Where its rows are."""
        return f"division-{self.number}.npy"

    @property
    def rows(self) -> int:
        """How many rows that file has."""
        return self.train + self.test + self.query + self.gallery


@dataclass(frozen=True, slots=True)
class Contents:
    """What `pack.json` says.

    Attributes:
        frames: number of frames.
        tracklets: number of tracklets.
        shards: the files that hold them.
        index: other files, with their checksums.
        divisions: of the data set; most have one.
    """

    frames: int
    tracklets: int
    shards: tuple[Shard, ...]
    index: dict[str, str]
    divisions: tuple[Division, ...]

    @property
    def size(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def as_json(self) -> bytes:
        """The content of the file."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `pack.json`.

        Raises:
            DataError: it is absent, damaged, or of another format.
        """
        path = folder / PACK
        try:
            stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if stored["format"] != FORMAT:
                raise DataError(
                    f"{path} is of format {stored['format']}, this version reads format {FORMAT}; pack the data again"
                )
            return cls(
                int(stored["frames"]),
                int(stored["tracklets"]),
                tuple(Shard(**each) for each in stored["shards"]),
                dict(stored["index"]),
                tuple(Division(**each) for each in stored["divisions"]),
            )
        except FileNotFoundError as error:
            unfinished = (folder / WRITING).is_file()
            raise DataError(
                f"{folder} holds an unfinished pack; run the same `python -m runners.data pack` again to finish it"
                if unfinished
                else f"{path} is missing, so {folder} holds no pack; make one with `python -m runners.data pack`"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error}); remove {folder} and pack the data again") from error


def is_pack(folder: Path) -> bool:
    """Whether a folder holds a finished pack, sound or not; a `pack.json` of something else is none."""
    return (folder / PACK).is_file() and any((folder / name).is_file() for name in (*INDEX, shard_name(0)))


def shard_name(number: int) -> str:
    """Name of a file of frames."""
    return f"shard-{number:05d}.bin"


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_READ):
            digest.update(block)
    return digest.hexdigest()


def put_whole(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Write a file that is either absent or complete when the process is killed.

    Args:
        path: the file.
        content: what it holds.
        lasting: wait until the disk has it, so that this is so even when the power fails.
    """
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    partial.replace(path)


def npy(array: NDArray[Any]) -> bytes:
    """An array as the bytes of an `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()
