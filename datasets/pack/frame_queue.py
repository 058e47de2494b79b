"""The frames that go into a pack, in order: read ahead by threads, each looked at while its bytes are in hand.

What a look at the header shows is refused here, as a copy would carry it on without a word; damage in the middle of a
JPEG shows when its pixels are decoded alone, which takes as long as a run and is not done.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files.prefetch import ahead
from datasets.images.encoded import Content, FrameBytes
from datasets.images.header import read_header

_THREADS = 4  # reading waits for the disk, most of all for a network disk
_BLOCK = 64  # frames that a thread reads at once
_LISTED = "`python -m runners.data verify` lists all such files"


@dataclass(frozen=True, slots=True)
class Block:
    """Some frames.

    Attributes:
        frames: what their files hold.
        accepted: how many of them have a fault that is accepted.
    """

    frames: list[Content]
    accepted: int


def blocks(source: FrameBytes, begin: int, accept: Collection[str]) -> Iterator[Block]:
    """All frames from one on.

    Args:
        source: of all frames.
        begin: the first.
        accept: faults of images that are let through, out of `image_header.FAULTS`.

    Raises:
        DataError: a frame cannot be read, or is no whole image of a kind that is read.
    """
    starts = range(begin, len(source), _BLOCK)
    rows = (np.arange(start, min(start + _BLOCK, len(source)), dtype=np.int64) for start in starts)
    return ahead(partial(_read, source, accept), rows, _THREADS)


def _read(source: FrameBytes, accept: Collection[str], rows: NDArray[np.int64]) -> Block:
    frames: list[Content] = []
    accepted = 0
    for row, content in zip(rows.tolist(), source.read(rows), strict=True):
        if isinstance(content, DataError):
            raise DataError(f"{content}; {_LISTED}") from content
        header = read_header(bytes(content))
        if header.fault and header.fault not in accept:
            raise DataError(
                f"{source.name(row)} {header.found}; {header.remedy}; {_LISTED}, and `--accept {header.fault}` packs "
                "them as they are"
            )
        accepted += bool(header.fault)
        frames.append(content)
    return Block(frames, accepted)
