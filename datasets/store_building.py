"""Decoding many frames with threads, and writing them to a file that is whole or absent."""

import errno
import os
import shutil
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import decoding
from datasets import progress as progress_bars
from datasets.errors import DataError
from datasets.tracklet import Tracklet

Block = NDArray[np.uint8]  # [n,H,W,3]

_BLOCK = 64  # frames that one task decodes
_AHEAD = 4  # tasks in flight for each thread: enough to keep them busy, few enough to bound the memory
_NAMED = 3  # damaged files that a message names


def decode_frames(
    tracklets: Sequence[Tracklet], root: Path, size: tuple[int, int], *, crop: float = 1.0, progress: bool = True
) -> Iterator[Block]:
    """Decode all frames of all tracklets, in order, in blocks.

    Args:
        tracklets: whose frames.
        root: folder that the frame paths are relative to.
        size: (height, width) of the result.
        crop: frames are enlarged by this before the centre of that size is cut out.
        progress: show a bar on a terminal.

    Yields:
        uint8 [n,H,W,3].

    Raises:
        DataError: at the end, if any file was missing or damaged: how many, and the first of them.
    """
    total = sum(len(tracklet.frames) for tracklet in tracklets)
    damaged: list[str] = []
    bar = progress_bars.bar(
        total=total, desc="decoding frames", unit="frame", disable=None if progress else True, leave=False
    )
    threads = _threads()
    with ThreadPoolExecutor(threads) as pool, bar:
        waiting: deque[Future[tuple[Block, list[str]]]] = deque()

        def finish_first() -> Block:
            block, problems = waiting.popleft().result()
            damaged.extend(problems)
            bar.update(len(block))
            return block

        for names in _blocks(tracklets):
            waiting.append(pool.submit(_decode_block, names, root, size, crop))
            if len(waiting) >= threads * _AHEAD:
                yield finish_first()
        while waiting:
            yield finish_first()
    if damaged:
        more = f" and {len(damaged) - _NAMED:,} more" if len(damaged) > _NAMED else ""
        raise DataError(f"{len(damaged):,} of {total:,} frames cannot be used: {'; '.join(damaged[:_NAMED])}{more}")


def find_damaged(tracklets: Sequence[Tracklet], root: Path, *, progress: bool = True) -> list[str]:
    """Decode every frame and keep none.

    Args:
        tracklets: whose frames.
        root: folder that the frame paths are relative to.
        progress: show a bar on a terminal.

    Returns:
        One sentence for each frame that is missing, damaged or cut short.
    """
    total = sum(len(tracklet.frames) for tracklet in tracklets)
    bar = progress_bars.bar(
        total=total, desc="decoding frames", unit="frame", disable=None if progress else True, leave=False
    )
    found: list[str] = []
    with ThreadPoolExecutor(_threads()) as pool, bar:
        for names, problems in pool.map(lambda names: (names, _damaged(names, root)), _blocks(tracklets)):
            found.extend(problems)
            bar.update(len(names))
    return found


def write_whole(path: Path, shape: tuple[int, ...], blocks: Callable[[], Iterator[Block]]) -> None:
    """Write blocks as one .npy file, under its final name only when it is complete.

    The bytes are written, not mapped: on a full disk a mapped write kills the process, a plain one reports.

    Args:
        path: the file.
        shape: of the whole array [F,H,W,3].
        blocks: gives the blocks, in order.

    Raises:
        DataError: if the folder cannot be written or the disk is full.
    """
    size = int(np.prod(shape))
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        free = shutil.disk_usage(path.parent).free
        if free < size:
            raise OSError(errno.ENOSPC, f"{size / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
        try:
            with partial.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for block in blocks():
                    file.write(block.data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be written ({reason}); make room, or name another cache folder") from error


def _blocks(tracklets: Sequence[Tracklet]) -> Iterator[list[str]]:
    names: list[str] = []
    for tracklet in tracklets:
        for name in tracklet.frames:
            names.append(name)
            if len(names) == _BLOCK:
                yield names
                names = []
    if names:
        yield names


def _decode_block(names: list[str], root: Path, size: tuple[int, int], crop: float) -> tuple[Block, list[str]]:
    block = np.zeros((len(names), *size, 3), dtype=np.uint8)
    problems: list[str] = []
    for row, name in enumerate(names):
        try:
            block[row] = decoding.read(root / name, size, crop)
        except DataError as error:
            problems.append(str(error))
    return block, problems


def _damaged(names: list[str], root: Path) -> list[str]:
    problems: list[str] = []
    for name in names:
        try:
            decoding.read(root / name)
        except DataError as error:
            problems.append(str(error))
    return problems


def _remove_abandoned(path: Path) -> None:
    """Delete what killed processes of this machine left behind for the same file."""
    host = socket.gethostname()
    for partial in path.parent.glob(f".{path.name}.{host}.*.partial"):
        owner = partial.name.split(".")[-2]
        if owner.isdigit() and not _is_running(int(owner)):
            partial.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(len(os.sched_getaffinity(0)), 16))
    return max(1, min(os.cpu_count() or 1, 16))
