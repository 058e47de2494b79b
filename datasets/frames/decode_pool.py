"""Decoding many frames with threads."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.images import decode
from datasets.images.encoded import FrameBytes, decoded
from datasets.images.resize import Filter
from files.cores import usable_cores
from files.progress import progress_bar

Block = NDArray[np.uint8]  # [n,H,W,3]

_BLOCK = 64  # frames that one task decodes
_AHEAD = 4  # tasks in flight for each thread: enough to keep them busy, few enough to bound the memory
_NAMED = 3  # damaged files that a message names


def decode_frames(
    source: FrameBytes,
    size: tuple[int, int],
    *,
    crop: float = 1.0,
    resize: Filter = "bilinear",
    progress: bool = True,
) -> Iterator[Block]:
    """Decode all frames, in order, in blocks.

    Args:
        source: where their bytes are.
        size: (height, width) of the result.
        crop: frames are enlarged by this before the centre of that size is cut out.
        resize: the filter, see `datasets.images.resize`.
        progress: show a bar on a terminal.

    Yields:
        uint8 [n,H,W,3].

    Raises:
        DataError: at the end, if any file was missing or damaged: how many, and the first of them.
    """
    total = len(source)
    damaged: list[str] = []
    bar = progress_bar(
        total=total, desc="decoding frames", unit="frame", disable=None if progress else True, leave=False
    )
    threads = decoding_threads()
    with ThreadPoolExecutor(threads) as pool, bar:
        waiting: deque[Future[tuple[Block, list[str]]]] = deque()

        def finish_first() -> Block:
            block, problems = waiting.popleft().result()
            damaged.extend(problems)
            bar.update(len(block))
            return block

        for rows in _blocks(total):
            waiting.append(pool.submit(decode_block, source, rows, size, crop, resize))
            if len(waiting) >= threads * _AHEAD:
                yield finish_first()
        while waiting:
            yield finish_first()
    refuse_damaged(damaged, total)


def decode_block(
    source: FrameBytes, rows: NDArray[np.int64], size: tuple[int, int], crop: float, resize: Filter = "bilinear"
) -> tuple[Block, list[str]]:
    """Decode some frames: uint8 [n,H,W,3], and a sentence for each that cannot be used.

    Args:
        source: where the bytes of the frames are.
        rows: int64 [n], which frames, in this order.
        size: (height, width) of the result, in pixels.
        crop: frames are enlarged by this before the centre of that size is cut out.
        resize: the filter, see `datasets.images.resize`.
    """
    block: Block = np.empty((len(rows), *size, 3), dtype=np.uint8)
    problems: list[str] = []
    for row, content, place in zip(rows.tolist(), source.read(rows), block, strict=True):
        try:
            decoded(source, row, content, decode.decode_into, place, crop, resize)
        except DataError as error:
            problems.append(str(error))
    return block, problems


def refuse_damaged(damaged: list[str], total: int) -> None:
    """Raise for frames that cannot be used: how many of so many, and the first of them.

    Raises:
        DataError: if there is any.
    """
    if damaged:
        more = f" and {len(damaged) - _NAMED:,} more" if len(damaged) > _NAMED else ""
        raise DataError(f"{len(damaged):,} of {total:,} frames cannot be used: {'; '.join(damaged[:_NAMED])}{more}")


def decoding_threads() -> int:
    """How many threads decode at once: one for each core that this process may use, and 16 at most."""
    return min(usable_cores(), 16)


def _blocks(total: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, total, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, total), dtype=np.int64)
