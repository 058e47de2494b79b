"""Frames at the size that their files have, for what must be resampled once and not twice: enlarged random crops."""

import numpy as np

from datasets.images import decode
from datasets.images.encoded import Content, FrameBytes, decoded
from datasets.images.header import read_header
from datasets.images.resize import Pixels

_UNKNOWN, _SAME, _OTHER = range(3)


class Originals:
    """The frames behind a store of one size, as far as they have another size themselves."""

    def __init__(self, source: FrameBytes, size: tuple[int, int]) -> None:
        """Nothing is read yet.

        Args:
            source: where the encoded frames are, in the store's order.
            size: (height, width) of the store's frames.
        """
        self._source, self._size = source, size
        self._seen = np.zeros(len(source), dtype=np.uint8)  # what a header said is not asked again

    def of(self, row: int) -> Pixels | None:
        """A frame as its file has it, uint8 [H,W,3], or None where it has the store's size.

        Raises:
            DataError: naming the file, if it is missing, damaged or cut short.
        """
        if self._seen[row] == _SAME:
            return None
        content = self._source.read(np.array([row], dtype=np.int64))[0]
        return decoded(self._source, row, content, self._unlike, row)

    def _unlike(self, content: Content, row: int) -> Pixels | None:
        if self._seen[row] == _UNKNOWN:
            self._seen[row] = _SAME if read_header(bytes(content)).size == self._size else _OTHER
        return None if self._seen[row] == _SAME else decode.decode(content)
