"""What the frames of a data set hold: one digest over all their bytes, which enters its fingerprint.

Names and sizes alone do not tell: a BMP, a PPM or a plain TIFF keeps its size whatever its pixels become, and a JPEG or
PNG may. So every frame is read once. What was found is remembered (`contents_memory`) with the size and the times of
the files, so that the next time a million files are asked for these only. Time alone never enters a fingerprint: the
same files copied elsewhere have the same.

    of a tracklet    BLAKE2b (16 bytes) over the sizes and the CRC-32 of its frames, which a pack's index knows too
    of a set         `fingerprint` of these, in the order of the division: training half first

A rendered or repaired set in the layout of MARS says in its manifest what it holds (`sealed`): SHA-256 over each
tracklet's frames and its truth or changes. As long as this is so its fingerprint is that of the manifest.
"""

import hashlib
import os
import stat
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Examination, Problem
from datasets.files import content_digest_cache
from datasets.files.content_digest_cache import Memory
from datasets.files.manifest import MANIFEST, REPAIRED
from datasets.fingerprint import fingerprint as hash_of
from datasets.tracklet import Split, Tracklet
from files.errors import FileError
from files.formats import json as files_json
from files.progress import progress_bar

Content = Literal["known", "read", "no"]
"""How closely to look: read what is not remembered, read every byte again, or leave the frames alone."""

CHANGED: Final = "content unlike its manifest"
"""Name of the check that a rendered or repaired set holds what was written."""
KIND: Final = "content"
"""Of the problem that it counts."""

_REMEDY = "it was changed after it was written: write it again into an empty folder"
_LOADED: WeakValueDictionary[tuple[str, str], Split] = WeakValueDictionary()
_THREADS = 8  # reading waits for the disk, most of all for a network disk
_AHEAD = 4  # tracklets in flight for each thread
_PIECE = 1 << 24  # bytes that are read at once
_MISSING = (-1, 0, 0)
_SHOWN = 2_000  # frames to look at from which on a bar is shown


def with_content(examined: Examination, content: Content, *, progress: bool = True) -> Examination:
    """A data set whose fingerprint covers the bytes of its frames.

    Args:
        examined: as its reader gave it; problems with single files are known already.
        content: how closely to look.
        progress: show a bar on a terminal.

    Returns:
        The same with another fingerprint, and for a set with a manifest that tells its content one check more.
    """
    if content == "no":
        return examined
    found = _with_content(examined, content, progress)
    _LOADED[str(found.split.root), found.split.fingerprint] = found.split
    return found


def _with_content(examined: Examination, content: Content, progress: bool) -> Examination:
    split = examined.split
    tracklets = (*split.train, *split.test)
    sealed = sealed_by(split.root)
    beside = None if sealed is None else sealed[1]
    held = digests(tracklets, split.root, beside=beside, again=content == "read", progress=progress)
    if sealed is None:
        return replace(examined, split=replace(split, fingerprint=mixed(split.fingerprint, held), content=digest(held)))
    unlike = _sealed(held)[: len(sealed[0])] != sealed[0]
    problems = []
    if unlike:
        split = replace(split, fingerprint=mixed(split.fingerprint, held))
        problem = Problem(KIND, str(sealed[2]), "tells of other frames, truth or changes than are there", _REMEDY)
        problems = [problem] if examined.expectation == "its manifest" else []
    check = Check(CHANGED, 0, len(problems), str(problems[0]) if problems else "", KIND)
    return replace(
        examined,
        split=replace(split, content=digest(held)),
        checks=(*examined.checks, check),
        problems=(*examined.problems, *problems),
    )


def mixed(named: str, held: Sequence[bytes]) -> str:
    """The fingerprint of a data set, from that of its names, sizes and roles and from what its tracklets hold."""
    return hash_of("with content 1", named, digest(held))


def digest(held: Sequence[bytes]) -> str:
    """What all tracklets hold together: 32 hexadecimal digits."""
    return hash_of("content 1", b"".join(held))


def of_frames(sizes: NDArray[np.generic], crcs: NDArray[np.generic]) -> bytes:
    """What a tracklet holds, from the size and the CRC-32 of each of its frames [T]: 16 bytes."""
    told = np.stack([np.asarray(sizes, dtype="<i8"), np.asarray(crcs, dtype="<i8")])
    return hashlib.blake2b(told.tobytes(), digest_size=16).digest()


def sealed_by(root: Path) -> tuple[str, Callable[[Tracklet], str], Path] | None:
    """The content that a set's manifest tells, which further file of each tracklet is part of it, and the manifest.

    Returns:
        None for a set that was neither rendered nor repaired, or whose manifest does not tell (as older ones do not).
    """
    repaired = (root / REPAIRED).is_file()
    path = root / (REPAIRED if repaired else MANIFEST)
    if not path.is_file():
        return None
    try:
        told = files_json.read_object(path).get("content")
    except FileError:
        return None  # the reader says so
    if not isinstance(told, str) or not told:
        return None
    return told, _changes if repaired else _truth, path.relative_to(root)


def _truth(tracklet: Tracklet) -> str:
    return f"truth/tracklets/{tracklet.key[:4]}/{tracklet.key}.npz"


def _changes(tracklet: Tracklet) -> str:
    return f"changes/{tracklet.key[:4]}/{tracklet.key}.npz"


def changed_since_loading(root: Path, fingerprint: str) -> bool:
    """Whether frames of a data set that this process loaded have changed since; False for one that it did not load."""
    split = _LOADED.get((str(root), fingerprint))
    return split is not None and not is_still(split)


def is_still(split: Split) -> bool:
    """Whether the frames of a data set are what they were when it was loaded; True where nobody looked then."""
    if not split.content:
        return True
    sealed = sealed_by(split.root)
    held = digests((*split.train, *split.test), split.root, beside=sealed and sealed[1], progress=False)
    return digest(held) == split.content


def seal(tracklets: Sequence[Tracklet], root: Path, *, progress: bool = True) -> str:
    """What the manifest of a repaired set that lies in a folder has to tell: 32 hexadecimal digits."""
    return _sealed(digests(tracklets, root, beside=_changes, again=True, remember=False, progress=progress))[:32]


def _sealed(held: Sequence[bytes]) -> str:
    """What all tracklets hold together, as manifests tell it, whole or by its beginning."""
    return hashlib.sha256(b"".join(held)).hexdigest()


def digests(
    tracklets: Sequence[Tracklet],
    root: Path,
    *,
    beside: Callable[[Tracklet], str] | None = None,
    again: bool = False,
    remember: bool = True,
    progress: bool = True,
) -> list[bytes]:
    """What each tracklet holds; a frame that cannot be read counts as such.

    Args:
        tracklets: whose frames.
        root: folder that their paths are relative to.
        beside: path of a further file of each tracklet; with it a digest is the SHA-256 over all its bytes.
        again: read every byte, whatever is remembered.
        remember: what is found, for the next time.
        progress: show a bar on a terminal, where there is much to look at.
    """
    memory = content_digest_cache.load(root) if remember or not again else Memory({})
    known = Memory({}) if again else memory
    total = sum(len(tracklet) for tracklet in tracklets)
    bar = progress_bar(
        total=total, desc="looking at the frames' content", unit="frame", leave=False,
        disable=None if progress and total >= _SHOWN else True,
    )  # fmt: skip
    found: list[bytes] = []
    learned: dict[bytes, tuple[bytes, bytes]] = {}
    with ThreadPoolExecutor(_THREADS) as pool, bar:
        waiting: deque[_Files | tuple[_Files, Future[bytes]]] = deque()

        def finish_first() -> None:
            first = waiting.popleft()
            if isinstance(first, _Files):
                files, held = first, first.known
            else:
                files, held = first[0], first[1].result()
                if files.lasting:
                    learned[files.key] = (files.stamp, held)
            found.append(held)
            bar.update(files.frames)

        for tracklet in tracklets:
            # Asked for by one thread: a listing has just been made, and more threads would only be in each other's way.
            files = _files(tracklet, root, beside, known)
            waiting.append(files if files.known else (files, pool.submit(_read_all, files, beside is not None)))
            if len(waiting) >= _THREADS * _AHEAD:
                finish_first()
        while waiting:
            finish_first()
    if learned and remember:
        content_digest_cache.keep(root, memory, learned)
    return found


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one tracklet: under which key and stamp they are remembered, and what was if they are."""

    paths: list[str]  # empty for one that is not there, or no file
    frames: int
    key: bytes
    stamp: bytes
    known: bytes  # empty where they have to be read
    lasting: bool  # a further change will show in the stamp


def _files(tracklet: Tracklet, root: Path, beside: Callable[[Tracklet], str] | None, memory: Memory) -> _Files:
    names = list(tracklet.frames)
    frames = len(names)
    if beside is not None:
        names.append(beside(tracklet))
    key = content_digest_cache.key([*names, "" if beside is None else "with the last"])
    now = time.time_ns()
    paths = [f"{root}/{name}" for name in names]
    told = [_stat(path) for path in paths]
    stamp = content_digest_cache.stamp(told)
    lasting = _MISSING not in told and content_digest_cache.is_settled(told, now)
    paths = [path if one != _MISSING else "" for path, one in zip(paths, told, strict=True)]
    return _Files(paths, frames, key, stamp, memory.held(key, stamp) or b"", lasting)


def _read_all(files: _Files, whole: bool) -> bytes:
    """What a tracklet holds: over sizes and CRC-32 of its frames, or over all bytes of them and of what is beside."""
    everything, told = hashlib.sha256(), []
    for path in files.paths:
        size, crc = 0, 0
        try:
            for data in _pieces(path):
                size, crc = size + len(data), zlib.crc32(data, crc)
                if whole:
                    everything.update(data)
        except (OSError, ValueError):
            size, crc = _MISSING[:2]
            everything.update(b"missing")
        told.append((size, crc))
    if whole:
        return everything.digest()
    return of_frames(np.array([size for size, _ in told]), np.array([crc for _, crc in told]))


def _stat(path: str) -> tuple[int, int, int]:
    """Size, and when content and inode were changed last, in nanoseconds."""
    try:
        found = os.stat(path)  # noqa: PTH116 - 3 µs a frame; by way of a Path 9, and there are a million
    except (OSError, ValueError):
        return _MISSING
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns) if stat.S_ISREG(found.st_mode) else _MISSING


def _pieces(path: str) -> Iterator[bytes]:
    """All bytes of a file with as few calls as possible: there are very many.

    Raises:
        OSError: it cannot be read, or is no file (a pipe would be waited for without end).
    """
    if not path:
        raise FileNotFoundError
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        most = min(os.fstat(handle).st_size + 1, _PIECE)
        while data := os.read(handle, most):
            yield data
    finally:
        os.close(handle)
