"""What is remembered of files that were read before: a digest under their names, sizes and times.

One small file a data set, in the user's own cache folder (`REPROID_CACHE` names another): 64 bytes a tracklet, 1.3 MB
for MARS. It is a memory and no record: absent, damaged or without a place to lie in, the frames are read again.
"""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from files import atomic

PLACE: Final = "REPROID_CACHE"
"""Environment variable that names the cache folder."""
SETTLED: Final = 2_000_000_000
"""Nanoseconds that a file must be older than its reading: within less a second change need not show in its times."""

_HEAD = b"reproid contents 1\n"
_ROW = np.dtype([("key", "V16"), ("stamp", "V16"), ("held", "V32")])
_LARGEST = 2**28  # bytes: four million tracklets
_FOREIGN = 4  # times as many rows as were asked for may be kept of other divisions


class Memory:
    """Digests of tracklets under the names of their files."""

    def __init__(self, rows: Mapping[bytes, tuple[bytes, bytes]]) -> None:
        """Rows: key -> (stamp, digest)."""
        self.rows = rows

    def held(self, key: bytes, stamp: bytes) -> bytes | None:
        """What was found; None where nothing was, or the files have changed since."""
        known = self.rows.get(key)
        return known[1] if known is not None and known[0] == stamp else None


def key(names: Sequence[str]) -> bytes:
    """Under which the files of a tracklet are remembered: 16 bytes."""
    return hashlib.blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def stamp(told: Sequence[tuple[int, int, int]]) -> bytes:
    """What changes when one of the files does, from the size and the times of each: 16 bytes."""
    return hashlib.blake2b(np.array(told, dtype=np.int64).tobytes(), digest_size=16).digest()


def is_settled(told: Sequence[tuple[int, int, int]], now: int) -> bool:
    """Whether files were changed last so long before now (nanoseconds) that a further change will show."""
    return all(max(changed, touched) < now - SETTLED for _, changed, touched in told)


def folder() -> Path:
    """Where the memory lies."""
    named = os.environ.get(PLACE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "reproid"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "reproid"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reproid"


def load(root: Path) -> Memory:
    """What is remembered of the data set in a folder."""
    try:
        path = _place(root)
        if path.stat().st_size > _LARGEST:
            return Memory({})
        content = path.read_bytes()
    except (OSError, RuntimeError, ValueError):  # RuntimeError: nobody knows the home folder
        return Memory({})
    head, sums, body = content[: len(_HEAD)], content[len(_HEAD) : len(_HEAD) + 32], content[len(_HEAD) + 32 :]
    if head != _HEAD or len(body) % _ROW.itemsize or hashlib.sha256(body).digest() != sums:
        return Memory({})
    size, parts = _ROW.itemsize, range(0, len(body), _ROW.itemsize)
    rows = {body[at : at + 16]: (body[at + 16 : at + 32], _stripped(body[at + 32 : at + size])) for at in parts}
    return Memory(rows)


def keep(root: Path, before: Memory, learned: Mapping[bytes, tuple[bytes, bytes]]) -> bool:
    """Remember more of a data set; whether that was possible."""
    rows = dict(before.rows) if len(before.rows) <= _FOREIGN * len(learned) + 100_000 else {}
    rows |= learned
    body = b"".join(name + when + held.ljust(32, b"\0") for name, (when, held) in rows.items())
    try:
        path = _place(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, _HEAD + hashlib.sha256(body).digest() + body)
    except (OSError, RuntimeError, ValueError):
        return False
    return True


def _place(root: Path) -> Path:
    name = hashlib.blake2b(os.fsencode(Path(root).resolve()), digest_size=16).hexdigest()
    return folder() / "contents" / f"{name}.bin"


def _stripped(held: bytes) -> bytes:
    """A digest of 16 bytes is kept with as many zeros behind it."""
    return held if any(held[16:]) else held[:16]
