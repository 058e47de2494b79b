"""What the files of a pack are called and hold."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from files.formats import json as files_json

FORMAT = 2  # raise when the files' layout changes
READ = (1, 2)  # formats that can be read
PACK = "pack.json"
WRITING = "packing.json"  # lies there for as long as a pack is unfinished
LOCK = "packing.lock"  # held by the process that writes; stays, and holds nothing
INDEX = ("frames.npy", "tracklets.npy", "keys.npy", "prefixes.npy", "names.npy")

FRAME = np.dtype([("shard", "<u4"), ("size", "<u4"), ("offset", "<u8"), ("crc32", "<u4")])
TRACKLET = np.dtype([("start", "<i8"), ("person", "<i4"), ("camera", "<i4")])


@dataclass(frozen=True, slots=True)
class PackReport:
    """What writing a pack did.

    Attributes:
        frames: in the whole pack.
        bytes: of image files in it.
        seconds: this call took.
        resumed_shards: shards that an earlier call had finished.
        shards: of the whole pack.
        accepted: images that this call packed although they have a fault.
    """

    frames: int
    bytes: int
    seconds: float
    resumed_shards: int
    shards: int
    accepted: int = 0


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
        format: of the files that it was read from; those of format 1 had fingerprints of names and sizes alone, and
            no checksum of `pack.json` itself.
    """

    frames: int
    tracklets: int
    shards: tuple[Shard, ...]
    index: dict[str, str]
    divisions: tuple[Division, ...]
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def as_json(self) -> bytes:
        """The content of the file; it ends with a checksum of all the rest."""
        told = asdict(self)
        return (json.dumps({**told, "sha256": _sum_of(told)}, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `pack.json`, and hold every field against what it may be.

        Raises:
            DataError: it is absent, damaged, or of another format.
        """
        path = folder / PACK
        remedy = f"remove {folder} and pack the data again"
        if not path.is_file():
            unfinished = (folder / WRITING).is_file()
            raise DataError(
                f"{folder} holds an unfinished pack; run the same `python -m runners.data pack` again to finish it"
                if unfinished
                else f"{path} is missing, so {folder} holds no pack; make one with `python -m runners.data pack`"
            )
        told = files_json.read_object(path, error=DataError, remedy=remedy)
        number = told.get("format")
        if type(number) is not int or number not in READ:
            raise DataError(
                f"{path} is of format {number!r}, this version reads formats {' and '.join(map(str, READ))}; pack the "
                "data again"
            )
        try:
            if number > 1 and told.pop("sha256", None) != _sum_of(told):
                raise ValueError("its checksum differs")
            return cls(**_checked(told), format=number)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is damaged ({_said(error)}); {remedy}") from error


def _sum_of(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Contents`.

    Raises:
        KeyError, ValueError: one is missing, is not of its kind, or contradicts another.
    """
    frames, tracklets = _count(told["frames"], "frames"), _count(told["tracklets"], "tracklets")
    shards = tuple(_record(Shard, each) for each in _list(told["shards"], "shards"))
    divisions = tuple(_record(Division, each) for each in _list(told["divisions"], "divisions"))
    for place, shard in enumerate(shards):
        if shard.file != shard_name(place):
            raise ValueError(f"shard {place} is called {shard.file!r}, expected {shard_name(place)}")
    if sum(shard.frames for shard in shards) != frames:
        raise ValueError(f"its shards hold {sum(shard.frames for shard in shards):,} frames, expected {frames:,}")
    if not divisions or len({one.number for one in divisions}) < len(divisions):
        raise ValueError("it has no division, or one twice")
    for one in divisions:
        if one.test > tracklets or one.train > tracklets or one.number >= max(one.divisions, 1):
            raise ValueError(f"division {one.number} of {one.divisions} has more tracklets than there are, or no place")
    index = told["index"]
    wanted = {*INDEX, *(one.file for one in divisions)}
    if not isinstance(index, dict) or set(index) != wanted:
        raise ValueError(f"its index names other files than {', '.join(sorted(wanted))}")
    for file, checksum in index.items():
        _digits(checksum, f"the checksum of {file}", 64)
    return {"frames": frames, "tracklets": tracklets, "shards": shards, "index": index, "divisions": divisions}


def _record(kind: type[Any], told: Any) -> Any:
    """A shard or a division; each field is of the type that its class names, and numbers are none below 0."""
    if not isinstance(told, dict) or set(told) != set(kind.__dataclass_fields__):
        raise ValueError(f"a {kind.__name__.lower()} has not the fields {', '.join(kind.__dataclass_fields__)}")
    for name, field in kind.__dataclass_fields__.items():
        value, wanted = told[name], field.type if isinstance(field.type, type) else _TYPES[field.type]
        if type(value) is not wanted:
            raise ValueError(f"{name} of a {kind.__name__.lower()} is {value!r}, expected {wanted.__name__}")
        if wanted is int:
            _count(value, name)
    if kind is Shard:
        _digits(told["sha256"], "the checksum of a shard", 64)
    return kind(**told)


_TYPES: dict[str, type] = {"str": str, "int": int, "bool": bool}


def _count(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value < 2**48:
        raise ValueError(f"{name} is {value!r}, expected a number from 0")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {files_json.kind(value)}, expected a list")
    return value


def _digits(value: Any, what: str, digits: int) -> None:
    if not isinstance(value, str) or len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{what} is {value!r}, expected {digits} hexadecimal digits")


def is_pack(folder: Path) -> bool:
    """Whether a folder holds a finished pack, sound or not; a `pack.json` of something else is none."""
    try:
        return (folder / PACK).is_file() and any((folder / name).is_file() for name in (*INDEX, shard_name(0)))
    except OSError:
        return False  # a folder that may not be entered: its reader says so


def shard_name(number: int) -> str:
    """Name of a file of frames."""
    return f"shard-{number:05d}.bin"


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
