"""The file of decoded frames: written whole, with a digest in a record beside it, and checked when it is opened."""

import errno
import glob
import io
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from files import atomic, inventory, lock
from files.formats import arrays, json
from files.progress import say

Block = NDArray[np.uint8]  # [n,H,W,3]

_SAID = 2 << 30  # bytes from which a check is told: it takes seconds
_checked: dict[Path, tuple[int, ...]] = {}
"""Files that this process found sound, as the disk named them then."""


def record_of(path: Path) -> Path:
    """Where the size and the digest of a file of frames stand."""
    return path.with_suffix(".json")


def is_whole(path: Path, shape: tuple[int, ...], *, quiet: bool = False) -> bool:
    """Whether a file holds the frames that were written; each is read once in a process.

    A file that is there and is not what was written is named on stderr; who asks makes it again.

    Args:
        path: the file.
        shape: of the whole array [F,H,W,3].
        quiet: say nothing of damage: it was said before.
    """
    try:
        now = _named_by_disk(path)
        if _checked.get(path.absolute()) == now:
            return True
        record = record_of(path)
        if not record.is_file():
            return False  # cut off between the two, or written before there were records
        found = _damage(path, json.read(record, error=DataError), shape)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (DataError, OSError) as error:
        found = str(error)
    if found is not None:
        if not quiet:
            say(f"decoded frames are damaged: {found}; they are decoded anew")
        return False
    _checked[path.absolute()] = now
    return True


def mapped(path: Path) -> Block:
    """The frames of a file, uint8 [F,H,W,3], mapped and read-only.

    Raises:
        DataError: it is absent or damaged.
    """
    return arrays.load_npy(path, mmap=True, error=DataError, remedy="run again: frames are decoded again")


def write_whole(path: Path, shape: tuple[int, ...], blocks: Callable[[], Iterator[Block]]) -> None:
    """Write blocks as one .npy file, under its final name only when it is complete; nothing if another process did.

    The bytes are written, not mapped: on a full disk a mapped write kills the process, a plain one reports.

    Args:
        path: the file.
        shape: of the whole array [F,H,W,3].
        blocks: gives the blocks, in order.

    Raises:
        DataError: if the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock.held(path.parent / "locks" / f"{path.stem}.lock", waiting=lambda owner: _wait_for(owner, path)):
            if not is_whole(path, shape, quiet=True):
                _write(path, shape, blocks)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be written ({reason}); make room, or name another cache folder") from error


def _write(path: Path, shape: tuple[int, ...], blocks: Callable[[], Iterator[Block]]) -> None:
    """Write both files; asked with the lock held, so that whatever else is half-written was left by the dead."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*partial"):
        left.unlink(missing_ok=True)
    size = int(np.prod(shape))
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{size / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
    partial = path.with_name(f".{path.name}.partial")
    try:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        sums = sha256(header.getvalue())
        with partial.open("wb") as file:
            file.write(header.getvalue())
            for block in blocks():
                file.write(block.data)
                sums.update(block.data)
        record_of(path).unlink(missing_ok=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    atomic.write_json(record_of(path), {"bytes": path.stat().st_size, "sha256": sums.hexdigest()})
    _checked[path.absolute()] = _named_by_disk(path)


def _damage(path: Path, record: object, shape: tuple[int, ...]) -> str | None:
    """What differs from what was written, or None."""
    size = path.stat().st_size
    if size > _SAID:
        say(f"checking {size / 1e9:.1f} GB of decoded frames ...")
    found = inventory.damage(path.parent, {path.name: record})
    if found is not None:
        return f"in {path.parent}, {found}"
    there = mapped(path)
    if there.shape != shape or there.dtype != np.uint8:
        return f"{path} holds {there.dtype} {list(there.shape)}, expected uint8 {list(shape)}"
    return None


def _wait_for(owner: str, path: Path) -> None:
    say(f"another process{f' ({owner})' if owner else ''} is decoding {path.name}; waiting for it ...")


def _named_by_disk(path: Path) -> tuple[int, ...]:
    """What changes when a file is written."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
