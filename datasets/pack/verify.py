"""Is a pack what was written, and do the images beside it hold the same? Every byte is read again."""

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from datasets.checks import Problem
from datasets.errors import DataError
from datasets.images.encoded import FileBytes
from datasets.pack.file_format import Contents, Shard
from datasets.pack.read import Pack, open_pack
from datasets.tracklet import Split, Tracklet
from files import digest
from files.progress import progress_bar

_THREADS = 4
_BLOCK = 256  # frames read at once where a shard is damaged
_UNLIKE = "copy the image again if it is the wrong one, else remove the pack and write it again"
_REMEDY = "remove the pack and write it again (`python -m runners.data pack`)"


def verify(folder: Path | str, *, progress: bool = False) -> list[Problem]:
    """Compare all files of a pack with their checksums.

    Args:
        folder: of the pack.
        progress: show a bar on a terminal.

    Returns:
        One problem for every file of the index that differs and for every damaged frame, in order; none if all is well.

    Raises:
        DataError: there is no finished pack, or what it says about itself cannot be read.
    """
    folder = Path(folder)
    contents = Contents.read(folder)
    found = [
        Problem("damaged", file, "is missing or differs from its checksum", _REMEDY)
        for file, wanted in sorted(contents.index.items())
        if not _is(folder / file, wanted)
    ]
    bar = progress_bar(
        total=contents.size, desc="checking the pack", unit="B", unit_scale=True, leave=False,
        disable=None if progress else True,
    )  # fmt: skip
    damaged: list[int] = []
    with ThreadPoolExecutor(_THREADS) as pool, bar:
        good = pool.map(lambda shard: _is(folder / shard.file, shard.sha256), contents.shards)
        for number, (shard, fine) in enumerate(zip(contents.shards, good, strict=True)):
            bar.update(shard.bytes)
            if not fine:
                damaged.append(number)
    named = not found  # without a sound index a damaged frame cannot be named
    for number in damaged:
        shard = contents.shards[number]
        if not named or not _is_sized(folder / shard.file, shard.bytes):
            found.append(Problem(*_of_shard(folder, shard), _REMEDY))
        else:
            frames = [Problem("damaged", name, f"differs in {shard.file}", _REMEDY) for name in _bad(folder, number)]
            found += frames or [Problem("damaged", shard.file, "differs from its checksum", _REMEDY)]
    return found


def differences(folder: Path | str, splits: Sequence[Split], *, progress: bool = False) -> list[Problem]:
    """Compare a sound pack with the image files that it lies beside.

    Args:
        folder: of the pack.
        splits: divisions of the data set beside it, as its reader gave them.
        progress: show a bar on a terminal.

    Returns:
        One problem for every image that is not in the pack, or there with other bytes, in order.

    Raises:
        DataError: the pack cannot be opened.
    """
    opened = open_pack(folder)
    rows = opened.rows_by_name()
    tracklets = {tracklet.key: tracklet for split in splits for tracklet in (*split.train, *split.test)}
    root = splits[0].root
    found: list[Problem] = []
    bar = progress_bar(
        total=len(tracklets), desc="comparing with the pack", unit="tracklet", leave=False,
        disable=None if progress else True,
    )  # fmt: skip
    with ThreadPoolExecutor(_THREADS) as pool, bar:
        for some in pool.map(lambda each: _unlike(each, root, opened, rows), tracklets.values()):
            found += some
            bar.update(1)
    return found


def _unlike(tracklet: Tracklet, root: Path, opened: Pack, rows: dict[str, int]) -> list[Problem]:
    found: list[Problem] = []
    frames = np.arange(len(tracklet), dtype=np.int64)
    for name, content in zip(tracklet.frames, FileBytes([tracklet], root).read(frames), strict=True):
        row = rows.get(name)
        if row is None:
            found.append(Problem("pack", name, "is not in the pack beside it", _UNLIKE))
        elif not isinstance(content, DataError):  # one that cannot be read is told otherwise
            size, crc = int(opened.frames["size"][row]), int(opened.frames["crc32"][row])
            if len(content) != size:
                told = f"has {len(content):,} bytes, but {size:,} in the pack beside it"
                found.append(Problem("pack", name, told, _UNLIKE))
            elif zlib.crc32(content) != crc:
                found.append(Problem("pack", name, "holds other bytes than in the pack beside it", _UNLIKE))
    return found


def _of_shard(folder: Path, shard: Shard) -> tuple[str, str, str]:
    path = folder / shard.file
    if not path.is_file():
        return "missing", shard.file, "is not there"
    size = path.stat().st_size
    if size != shard.bytes:
        return "truncated", shard.file, f"has {size:,} bytes, expected {shard.bytes:,}"
    return "damaged", shard.file, "differs from its checksum"


def _bad(folder: Path, number: int) -> Iterator[str]:
    """Names of the frames of a shard whose bytes differ."""
    try:
        pack: Pack = open_pack(folder)
    except DataError:
        return  # another shard is cut short; the shard itself is named then
    rows = np.flatnonzero(pack.frames["shard"] == number)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        for row, content in zip(some.tolist(), pack.read(some), strict=True):
            if isinstance(content, DataError):
                yield pack.name(row)


def _is(path: Path, wanted: str) -> bool:
    try:
        return digest.sha256(path) == wanted
    except OSError:
        return False


def _is_sized(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
