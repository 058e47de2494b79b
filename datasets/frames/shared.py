"""Frames that the divisions of a data set share: decoded once for all of them, not once for each.

iLIDS-VID holds the same 600 tracklets in each of its ten divisions, in other halves. Every division's halves are views
of one store here; at 256x128 that is 4 GB of decoded pixels in place of 42.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.frames.open import DECODED_LIMIT, open_frames
from datasets.images.resize import Filter, Pixels
from datasets.tracklet import Split, Tracklet


class SharedFrames(FrameStore):
    """Some tracklets of a store in an order of their own, used like a store, without a copy of their frames.

    Attributes:
        base: the store that holds the frames.
        tracklets: number in `base` of each tracklet, int64 [N].
    """

    def __init__(self, base: FrameStore, tracklets: NDArray[np.int64]) -> None:
        """View some tracklets of a store.

        Args:
            base: the store.
            tracklets: numbers of its tracklets, [N], in the order wanted here.
        """
        super().__init__(base.lengths[tracklets], base.size, crop=base.crop, resize=base.resize)
        self.base = base
        self.tracklets = tracklets
        self.readers, self.on_demand = base.readers, base.on_demand
        first = np.repeat(base.offsets[tracklets] - self.offsets[:-1], self.lengths)
        self._rows: NDArray[np.int64] = first + np.arange(int(self.offsets[-1]), dtype=np.int64)

    def flat(self) -> Any:
        """All frames, uint8 [F,H,W,3], as something that is indexed like an array and reads what is asked for."""
        return _View(self.base, self._rows)

    def original(self, row: int) -> Pixels | None:
        """See `FrameStore.original`."""
        return self.base.original(int(self._rows[row]))

    def _block(self, first: int, end: int) -> NDArray[np.uint8]:
        return np.asarray(self.flat()[first:end])  # which is a copy already

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Send a worker process the store's own way to its frames."""
        return (type(self), (self.base, self.tracklets))


class _View:
    """What an array of some frames of a store would be, read as far as it is indexed.

    Attributes:
        shape: (F, H, W, 3).
        dtype: uint8.
    """

    def __init__(self, base: FrameStore, rows: NDArray[np.int64]) -> None:
        self._base, self._rows = base, rows
        self.shape = (len(rows), *base.size, 3)
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._rows)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        """Frames by number, slice, or array of numbers or booleans, as of an array; a copy.

        Raises:
            IndexError: if a frame does not exist.
        """
        return np.asarray(self._base.flat()[np.asarray(self._rows[index])])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything: for small sets."""
        return self[:] if dtype is None else self[:].astype(dtype)


def open_shared(
    tracklets: Sequence[Tracklet],
    whole: Split,
    cache: Path,
    size: tuple[int, int],
    *,
    crop: float = 1.0,
    resize: Filter = "bilinear",
    decoded_limit: int = DECODED_LIMIT,
) -> FrameStore | None:
    """Open the frames of tracklets of one division as a view of those of another that holds them too.

    Args:
        tracklets: whose frames, in this order.
        whole: the division under whose name the frames of all its tracklets are kept.
        cache: as in `datasets.frames.open.open_frames`.
        size: (height, width).
        crop, resize: see `FrameStore.build`.
        decoded_limit: bytes; of all tracklets of `whole` together.

    Returns:
        None where `whole` lacks a tracklet, or holds it with other frames: then there is nothing to share.

    Raises:
        DataError: as `FrameStore.build`.
    """
    everybody = sorted((*whole.train, *whole.test), key=lambda one: one.key)
    number = {_named(one): place for place, one in enumerate(everybody)}
    if len(number) < len(everybody) or any(_named(one) not in number for one in tracklets):
        return None
    base = open_frames(
        everybody,
        whole.root,
        cache,
        size,
        fingerprint=whole.fingerprint,
        crop=crop,
        resize=resize,
        decoded_limit=decoded_limit,
    )
    return SharedFrames(base, np.array([number[_named(one)] for one in tracklets], dtype=np.int64))


def _named(tracklet: Tracklet) -> tuple[str, int, str]:
    """The tracklet, how many frames it has, and where they are."""
    return tracklet.key, len(tracklet), tracklet.frames[0] if len(tracklet) else ""
