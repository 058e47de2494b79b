"""Frames that stay encoded and are decoded when asked for: full-size frames of a big data set without 63 GB of pixels.

The pixels are those of `FrameStore`, bit for bit; what changes is when they are made. The encoded bytes come from the
pack beside the data, or from the image files where there is none.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decode_pool import decode_block, decoding_threads, refuse_damaged
from datasets.frames.decoded import FrameStore, counted
from datasets.images.encoded import FrameBytes
from datasets.images.resize import Filter
from datasets.pack.read import bytes_of
from datasets.tracklet import Tracklet

_BLOCK = 32  # frames that one thread decodes; fewer are not worth another thread


class PackedFrames(FrameStore):
    """A frame store whose frames are decoded each time that they are asked for.

    Attributes:
        source: where the encoded frames are.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        size: tuple[int, int],
        source: FrameBytes,
        *,
        crop: float = 1.0,
        resize: Filter = "bilinear",
    ) -> None:
        """Wrap encoded frames; use `of` for those of tracklets.

        Args:
            lengths: frames of each tracklet, [N].
            size: (height, width) of the decoded frames.
            source: of all their frames, in this order.
            crop, resize: see `FrameStore`.
        """
        super().__init__(lengths, size, crop=crop, resize=resize, source=lambda: source)
        self.source, self.on_demand = source, True
        self.readers = decoding_threads()

    @classmethod
    def of(
        cls,
        tracklets: Sequence[Tracklet],
        root: Path,
        size: tuple[int, int],
        *,
        fingerprint: str,
        crop: float = 1.0,
        resize: Filter = "bilinear",
    ) -> "PackedFrames":
        """Frames of tracklets; nothing is read yet.

        Args:
            tracklets: whose frames, in this order.
            root: folder that their frame paths are relative to; a fresh pack in it is read in their place.
            size: (height, width); frames of another size are resized.
            fingerprint: of the data set.
            crop, resize: see `FrameStore.build`.

        Raises:
            DataError: if there is no frame, or the pack cannot be read.
        """
        source = bytes_of(tracklets, root, fingerprint)
        return cls(counted(tracklets, root, size), size, source, crop=crop, resize=resize)

    def flat(self) -> Any:
        """All frames, uint8 [F,H,W,3], as something that is indexed like an array and decodes what is asked for."""
        return FramesOnDemand(self)

    def decode(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames by row, int64 [...] -> uint8 [...,H,W,3]; one that is asked for several times is decoded once.

        Raises:
            DataError: frames are missing or damaged: how many, and the first of them.
        """
        wanted, places = np.unique(rows, return_inverse=True)  # sorted, so that neighbours are read in one go
        if len(wanted) <= _BLOCK:
            pixels, problems = self._decoded(wanted)
        else:
            parts = [wanted[start : start + _BLOCK] for start in range(0, len(wanted), _BLOCK)]
            with ThreadPoolExecutor(min(self.readers, len(parts))) as pool:
                done = list(pool.map(self._decoded, parts))
            pixels = np.concatenate([block for block, _ in done])
            problems = [problem for _, several in done for problem in several]
        refuse_damaged(problems, len(wanted))
        straight = len(wanted) == rows.size and bool((rows.ravel() == wanted).all())
        return (pixels if straight else pixels[places.ravel()]).reshape(*rows.shape, *self.size, 3)

    def _block(self, first: int, end: int) -> NDArray[np.uint8]:
        """One thread decodes one block: others are at work on the next ones."""
        rows = np.arange(first, end, dtype=np.int64)
        pixels, problems = self._decoded(rows)
        refuse_damaged(problems, len(rows))
        return pixels

    def _decoded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], list[str]]:
        return decode_block(self.source, rows, self.size, self.crop, self.resize)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Send where the frames are to a worker process, not the frames."""
        return (_restore, (type(self), self.lengths, self.size, self.source, self.crop, self.resize))


class FramesOnDemand:
    """What an array of all frames would be, decoded as far as it is indexed.

    Attributes:
        shape: (F, H, W, 3).
        dtype: uint8.
    """

    def __init__(self, store: PackedFrames) -> None:
        self._store = store
        self.shape = (int(store.offsets[-1]), *store.size, 3)
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        """Number of frames."""
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        """Frames by number, slice, or array of numbers or booleans, as of an array.

        Raises:
            IndexError: if a frame does not exist.
        """
        rows = np.arange(len(self), dtype=np.int64)[index]
        return self._store.decode(np.asarray(rows))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Decode everything: for small sets."""
        return self[:] if dtype is None else self[:].astype(dtype)


def _restore(
    kind: type[PackedFrames],
    lengths: NDArray[np.int64],
    size: tuple[int, int],
    source: FrameBytes,
    crop: float,
    resize: Filter,
) -> PackedFrames:
    return kind(lengths, size, source, crop=crop, resize=resize)
