"""All frames of a data set, decoded once to uint8 at one size.

Reading a frame from the decoded store is 20 times cheaper than decoding it. With a cache folder the pixels
live in a memory-mapped file that any number of processes share; without one they live in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files import content_digest
from datasets.files.prefetch import ahead
from datasets.fingerprint import fingerprint as hash_of
from datasets.frames.decode_pool import decode_frames
from datasets.frames.decoded_file import is_whole, mapped, write_whole
from datasets.frames.original_size import Originals
from datasets.images import decode
from datasets.images.encoded import FrameBytes
from datasets.images.resize import Filter, Pixels
from datasets.pack.read import bytes_of
from datasets.tracklet import Tracklet
from datasets.tracklet import lengths as frame_counts

_FORMAT = 2  # raise when the file's layout, what a pixel means (`datasets.images.open`) or the resizing changes


class FrameStore:
    """Decoded frames of a list of tracklets.

    Attributes:
        lengths: frames of each tracklet, int64 [N].
        offsets: first row of each tracklet in `flat()`, int64 [N+1]; the last entry is the number of frames.
        size: (height, width) of every frame.
        crop: by how much frames were enlarged before their centre was cut out; 1 where they are whole.
        resize: the filter that brought frames of another size to this one, see `datasets.images.resize`.
        path: the cache file, or None where the pixels are in memory.
    """

    readers = 1  # threads that have the next blocks ready
    on_demand = False  # whether frames are decoded when asked for

    def __init__(
        self,
        lengths: NDArray[np.int64],
        size: tuple[int, int],
        *,
        frames: NDArray[np.uint8] | None = None,
        path: Path | None = None,
        crop: float = 1.0,
        resize: Filter = "bilinear",
        source: Callable[[], FrameBytes] | None = None,
    ) -> None:
        """Wrap decoded frames; use `build` to make them.

        Args:
            lengths: frames of each tracklet, [N].
            size: (height, width).
            frames: uint8 [F,H,W,3], or None to map `path`.
            path: the cache file.
            crop, resize: see the attributes.
            source: opens the encoded frames; None where there are none, and `original` has nothing to tell.
        """
        self.lengths = lengths
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.size = size
        self.path = path
        self.crop = crop
        self.resize: Filter = resize
        self._frames = frames
        self._source = source
        self._originals: Originals | None = None

    @classmethod
    def build(
        cls,
        tracklets: Sequence[Tracklet],
        root: Path,
        cache: Path | None,
        size: tuple[int, int],
        *,
        fingerprint: str,
        crop: float = 1.0,
        resize: Filter = "bilinear",
        progress: bool = True,
    ) -> Self:
        """Decode all frames, or take them from the cache.

        Args:
            tracklets: whose frames, in this order.
            root: folder that their frame paths are relative to; a fresh pack in it is read in their place.
            cache: folder for the decoded file, made if absent; None decodes into memory. 63 GB for the test
                half of MARS at 256x128, 4 GB at 64x32.
            size: (height, width); frames of another size are resized.
            fingerprint: of the data set. The cached file is named after it, the size, the filter, the tracklets and the
                versions of the decoders, so that it is never taken for another one.
            crop: frames are enlarged by this and their centre cut out, in one resize from the file's own pixels
                (ADFD tests on the centre of frames enlarged by 1.125); 1 takes them whole.
            resize: the filter, see `datasets.images.resize`.
            progress: show a bar with the remaining time, on a terminal.

        Raises:
            DataError: if there is no frame, if frames are missing or damaged (counted, the first ones named),
                or if the disk is full. No half-written file is left.
        """
        counts = counted(tracklets, root, size)
        shape = (int(counts.sum()), *size, 3)

        source = partial(bytes_of, tracklets, root, fingerprint)

        def blocks() -> Iterator[NDArray[np.uint8]]:
            yield from decode_frames(source(), size, crop=crop, resize=resize, progress=progress)
            _refuse_changed(root, fingerprint)

        if cache is None:
            try:
                frames = np.empty(shape, dtype=np.uint8)
            except MemoryError as error:
                raise DataError(
                    f"{shape[0]:,} frames of {size[0]}x{size[1]} need {np.prod(shape) / 1e9:.1f} GB of memory; "
                    "give a cache folder, so that they are kept on disk"
                ) from error
            filled = 0
            for block in blocks():
                frames[filled : filled + len(block)] = block
                filled += len(block)
            return cls(counts, size, frames=frames, crop=crop, resize=resize, source=source)
        place = _place(tracklets, cache, size, fingerprint, crop, resize)
        store = cls(counts, size, path=place, crop=crop, resize=resize, source=source)
        if not is_whole(place, shape):
            write_whole(place, shape, blocks)
        return store

    @classmethod
    def cached(
        cls,
        tracklets: Sequence[Tracklet],
        root: Path,
        cache: Path,
        size: tuple[int, int],
        *,
        fingerprint: str,
        crop: float = 1.0,
        resize: Filter = "bilinear",
    ) -> Self | None:
        """The store that `build` made with the same words before; None where it did not.

        Args:
            tracklets, root, size, fingerprint, crop, resize: as in `build`.
            cache: folder of the decoded file.
        """
        counts = frame_counts(tracklets)
        place = _place(tracklets, cache, size, fingerprint, crop, resize)
        source = partial(bytes_of, tracklets, root, fingerprint)
        store = cls(counts, size, path=place, crop=crop, resize=resize, source=source)
        return store if is_whole(place, (int(counts.sum()), *size, 3)) else None

    def __len__(self) -> int:
        """Number of tracklets."""
        return len(self.lengths)

    def blocks(self, step: int, begin: int = 0) -> Iterator[NDArray[np.uint8]]:
        """Copies of all frames from one on, so many at once, in order; threads have the next ones ready.

        Args:
            step: frames of a block; the last may be smaller.
            begin: row of the first.

        Returns:
            Blocks, each uint8 [n,H,W,3].
        """
        total = int(self.offsets[-1])
        spans = ((first, min(first + step, total)) for first in range(begin, total, step))
        return ahead(lambda span: self._block(*span), spans, self.readers)

    def flat(self) -> NDArray[np.uint8]:
        """All frames, uint8 [F,H,W,3] RGB, read-only where they are mapped from a file."""
        if self._frames is None:
            assert self.path is not None  # one of the two is always there
            self._frames = mapped(self.path)
        return self._frames

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """A copy of some frames by their row in `flat()`: int64 [...] -> uint8 [...,H,W,3]."""
        return np.asarray(self.flat()[rows])

    def clip(self, tracklet: int, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some frames of one tracklet.

        Args:
            tracklet: number of the tracklet.
            frames: frame numbers from 0, int64 of any shape [...].

        Returns:
            A copy, uint8 [...,H,W,3] RGB.

        Raises:
            IndexError: if a frame does not exist.
        """
        chosen = np.asarray(frames)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= self.lengths[tracklet]):
            raise IndexError(
                f"tracklet {tracklet} has {self.lengths[tracklet]} frames, "
                f"but frames {chosen.min()} to {chosen.max()} were asked for"
            )
        return np.asarray(self.flat()[self.offsets[tracklet] + chosen])

    def original(self, row: int) -> Pixels | None:
        """A frame as its file has it, uint8 [H,W,3], by its row in `flat()`.

        None where it has this store's size, and is what `flat()` holds, or where no file is known: a store that wraps
        pixels, or was sent to another process, knows none.

        Raises:
            DataError: naming the file, if it is missing, damaged or cut short.
        """
        if self._originals is None:
            if self._source is None:
                return None
            self._originals = Originals(self._source(), self.size)
        return self._originals.of(row)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Send the file's name to a worker process, not its content."""
        frames = self._frames if self.path is None else None
        return (_restore, (type(self), self.lengths, self.size, frames, self.path, self.crop, self.resize))

    def _block(self, first: int, end: int) -> NDArray[np.uint8]:
        """A copy of the frames of some neighbouring rows."""
        return np.array(self.flat()[first:end])


def _restore(
    kind: type[FrameStore],
    lengths: NDArray[np.int64],
    size: tuple[int, int],
    frames: NDArray[np.uint8] | None,
    path: Path | None,
    crop: float,
    resize: Filter,
) -> FrameStore:
    return kind(lengths, size, frames=frames, path=path, crop=crop, resize=resize)


def _refuse_changed(root: Path, fingerprint: str) -> None:
    """Decoded frames are kept under a fingerprint, so they have to be those that it was made of; DataError if not."""
    if content_digest.changed_since_loading(root, fingerprint):
        raise DataError(f"{root}: frames were changed after the data set was loaded; start the same command again")


def counted(tracklets: Sequence[Tracklet], root: Path, size: tuple[int, int]) -> NDArray[np.int64]:
    """Frames of each tracklet, int64 [N].

    Raises:
        DataError: there is no frame at all, or the size is none.
    """
    height, width = size
    if height < 1 or width < 1:
        raise DataError(f"frames of {height}x{width} pixels are not possible; give height and width")
    counts = frame_counts(tracklets)
    if not counts.sum():
        raise DataError(f"{root}: {len(counts)} tracklets hold no frame to decode; check the data set")
    return counts


def _place(
    tracklets: Sequence[Tracklet], cache: Path, size: tuple[int, int], fingerprint: str, crop: float, resize: Filter
) -> Path:
    cut = ("" if resize == "bilinear" else f"-{resize}") + ("" if crop == 1 else f"-centre-of-{crop:g}")
    return Path(cache) / f"frames-{size[0]}x{size[1]}{cut}-{_key(tracklets, size, fingerprint)}.npy"


def _key(tracklets: Sequence[Tracklet], size: tuple[int, int], fingerprint: str) -> str:
    listed = "\n".join(f"{t.key} {len(t.frames)} {t.frames[0] if len(t.frames) else ''}" for t in tracklets)
    return hash_of(_FORMAT, fingerprint, *size, decode.version(), listed)
