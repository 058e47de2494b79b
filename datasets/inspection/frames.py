"""Every frame of a data set, opened and looked at: is it there, whole, of the right size, and there only once?

Names and listings are the readers' business; here the files themselves are read, each once, by threads. A frame costs
its read, a look at its header and a hash of its bytes; its pixels are decoded only when that is asked for.
"""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import pack
from datasets.checks import Check, Problem
from datasets.detect_layout import PACK
from datasets.errors import DataError
from datasets.images import decode
from datasets.images.encoded import read_whole
from datasets.images.header import read_header
from datasets.images.open import ImageFault
from datasets.inspection import duplicate_frames
from datasets.tracklet import Split, Tracklet, lengths
from files.progress import progress_bar

KINDS = {
    "missing": "frames missing",
    "empty": "frames of zero bytes",
    "unreadable": "frames that may not be read",
    "truncated": "frames cut short",
    "damaged": "frames damaged",
    "unsupported": "frames of a kind that is not read",
    "size": "frames of a wrong size",
    "duplicate": "frames of one tracklet in another",
    "repeated": "frames repeated in their tracklet",
}
"""Kind of problem -> what the check that counts it is called."""
_LISTED = ("missing", "empty", "unreadable", "unsupported")
_FEW_PIXELS = 512  # frames with fewer, such as 16x8, come out the same twice where somebody hardly moves

_AGAIN = "copy it again"
_BLOCK = 256  # frames that one task reads
_AHEAD = 4  # tasks in flight for each thread
_THREADS = 16  # reading waits for the disk, most of all for a network disk
_DIGEST = 16  # bytes of a content hash: among 10^7 frames two different ones meet with a chance of 10^-25

Size = tuple[int, int]
_Reading = Callable[[int, list[str]], Iterable[bytes | Problem]]


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was found.

    Attributes:
        frames: how many were asked for.
        size_on_disk: bytes that were read.
        seconds: that it took.
        sizes: (height, width) -> frames, most frequent first.
        decoded: whether the pixels were decoded too.
        problems: one for each frame and fault, by kind in the order of `KINDS`, then in the order of the data set.
        alike: frames that are the same as an earlier one of their tracklet and no problem, as they have few pixels.
        overlaps: frames that an earlier tracklet of the same person, camera and role has too (`equal_frames`).
        overlapping: pairs of such tracklets.
    """

    frames: int
    size_on_disk: int
    seconds: float
    sizes: dict[Size, int]
    decoded: bool
    problems: tuple[Problem, ...]
    alike: int = 0
    overlaps: int = 0
    overlapping: int = 0

    def checks(self) -> tuple[Check, ...]:
        """How many frames have each fault; those that are rare or that a listing finds too only where there are any."""
        counted = Counter(problem.kind for problem in self.problems)
        found = [
            Check(what, 0, counted[kind], _first(self.problems, kind), kind)
            for kind, what in KINDS.items()
            if counted[kind] or kind not in _LISTED
        ]
        more = {
            "tiny frames like an earlier one": self.alike,
            "frames of a tracklet in another of its person and camera": self.overlaps,
        }
        return (*found, *(Check(what, None, count) for what, count in more.items() if count))


@dataclass(frozen=True, eq=False)
class _Block:
    digests: NDArray[np.uint64]  # [n,2], zero where a file could not be read
    sizes: Counter[Size]
    size_on_disk: int
    problems: list[Problem]


def inspect(
    split: Split,
    *,
    size: Size | None = None,
    pixels: bool = False,
    skip: Collection[str] = (),
    progress: bool = True,
) -> Inspection:
    """Open every frame of a data set, each once; out of its pack, where a pack stands in for the files.

    Args:
        split: the data set; a tracklet that is query and gallery stands in it once, so its frames are no duplicates.
        size: (height, width) that every frame must have; None takes any.
        pixels: decode every frame too, which finds what is damaged in the middle of a JPEG.
        skip: frames that are known to be missing, empty or damaged.
        progress: show a bar on a terminal.
    """
    began = time.monotonic()
    tracklets = (*split.train, *split.test)
    known = frozenset(skip)
    total = int(lengths(tracklets).sum())
    digests = np.zeros((total, _DIGEST // 8), dtype=np.uint64)
    sizes: Counter[Size] = Counter()
    problems: list[Problem] = []
    size_on_disk = done = 0

    read = _read_packed(tracklets, split.root) if (split.root / PACK).is_file() else _read_files(split.root, known)

    def look(start: int, names: list[str]) -> _Block:
        return _look_at(names, read(start, names), known, size, pixels)

    bar = progress_bar(
        total=total, desc="opening frames", unit="frame", disable=None if progress else True, leave=False
    )
    with ThreadPoolExecutor(_THREADS) as pool, bar:
        for block in _in_order(pool, look, _blocks(tracklets)):
            digests[done : done + len(block.digests)] = block.digests
            done += len(block.digests)
            sizes += block.sizes
            size_on_disk += block.size_on_disk
            problems += block.problems
            bar.update(len(block.digests))
    twice, overlaps, overlapping = duplicate_frames.find(digests, split)
    common = sizes.most_common(1)
    tiny = bool(common) and common[0][0][0] * common[0][0][1] < _FEW_PIXELS
    alike = sum(problem.kind == "repeated" for problem in twice) if tiny else 0
    problems += [problem for problem in twice if not (tiny and problem.kind == "repeated")]
    order = {kind: place for place, kind in enumerate(KINDS)}
    problems.sort(key=lambda problem: order[problem.kind])  # stable
    return Inspection(
        total,
        size_on_disk,
        time.monotonic() - began,
        dict(sizes.most_common()),
        pixels,
        tuple(problems),
        alike,
        overlaps,
        overlapping,
    )


def _first(problems: Sequence[Problem], kind: str) -> str:
    return next((str(problem) for problem in problems if problem.kind == kind), "")


def _in_order(
    pool: ThreadPoolExecutor, look: Callable[[int, list[str]], _Block], blocks: Iterator[tuple[int, list[str]]]
) -> Iterator[_Block]:
    """As `pool.map`, but with few blocks waiting: a million names need not be in memory at once."""
    waiting: deque[Future[_Block]] = deque()
    for start, names in blocks:
        waiting.append(pool.submit(look, start, names))
        if len(waiting) >= _THREADS * _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _blocks(tracklets: Sequence[Tracklet]) -> Iterator[tuple[int, list[str]]]:
    """Number of the first frame and names of every block."""
    names = itertools.chain.from_iterable(tracklet.frames for tracklet in tracklets)
    for start in itertools.count(0, _BLOCK):
        block = list(itertools.islice(names, _BLOCK))
        if not block:
            return
        yield start, block


def _look_at(
    names: list[str], contents: Iterable[bytes | Problem], known: frozenset[str], size: Size | None, pixels: bool
) -> _Block:
    digests = bytearray(len(names) * _DIGEST)
    sizes: Counter[Size] = Counter()
    problems: list[Problem] = []
    size_on_disk = 0
    for row, (name, data) in enumerate(zip(names, contents, strict=True)):
        if name in known:
            continue
        if isinstance(data, Problem):
            problems.append(data)
            continue
        size_on_disk += len(data)
        digests[row * _DIGEST : (row + 1) * _DIGEST] = blake2b(data, digest_size=_DIGEST).digest()
        problems += _faults(name, data, size, pixels, sizes)
    return _Block(np.frombuffer(digests, dtype=np.uint64).reshape(-1, _DIGEST // 8), sizes, size_on_disk, problems)


def _read_files(root: Path, known: frozenset[str]) -> _Reading:
    """Frames that are files; those that are known to be at fault are not opened."""

    def read(start: int, names: list[str]) -> Iterator[bytes | Problem]:
        for name in names:
            yield b"" if name in known else _file(f"{root}/{name}", name)

    return read


def _read_packed(tracklets: Sequence[Tracklet], root: Path) -> _Reading:
    """Frames in a pack that is the data set's folder."""
    packed = pack.bytes_of(tracklets, root)

    def read(start: int, names: list[str]) -> Iterator[bytes | Problem]:
        rows = np.arange(start, start + len(names), dtype=np.int64)
        for name, content in zip(names, packed.read(rows), strict=True):
            if isinstance(content, DataError):
                yield Problem("damaged", name, "cannot be read from the pack", "write the pack again")
            else:
                yield bytes(content)

    return read


def _file(path: str, name: str) -> bytes | Problem:
    """All bytes of a file, or why there are none."""
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return Problem("missing", name, "is listed but not there", _AGAIN)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Problem("unreadable", name, f"cannot be read ({reason})", "allow it, or copy it again")
    return data or Problem("empty", name, "has 0 bytes", _AGAIN)


def _faults(name: str, data: bytes, size: Size | None, pixels: bool, sizes: Counter[Size]) -> list[Problem]:
    header = read_header(data)
    found: list[Problem] = []
    if header.size is not None:
        sizes[header.size] += 1
        if size is not None and header.size != size:
            is_, wanted = (f"{height}x{width}" for height, width in (header.size, size))
            found.append(Problem("size", name, f"is {is_}, expected {wanted}", "take the original, not a resized copy"))
    if header.fault:
        found.append(Problem(header.fault, name, header.found, header.remedy))
    elif pixels:
        try:
            decode.decode(data)
        except ImageFault as fault:
            found.append(Problem(fault.kind, name, str(fault), fault.remedy))
    return found
