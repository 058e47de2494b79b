"""Is a pack what was written? Every byte is read again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from datasets import progress as progress_bars
from datasets.checks import Problem
from datasets.errors import DataError
from datasets.pack import layout
from datasets.pack.layout import Contents, Shard
from datasets.pack.reading import Pack, open_pack

_THREADS = 4
_BLOCK = 256  # frames read at once where a shard is damaged
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
    bar = progress_bars.bar(
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
        return layout.checksum(path) == wanted
    except OSError:
        return False


def _is_sized(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
