"""Reading a pack: its tracklets without the images, and the bytes of any frame."""

import os
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files import content_digest
from datasets.files.paths import ListedFrames
from datasets.images.encoded import Content, FileBytes, FrameBytes
from datasets.pack import index
from datasets.pack.file_format import FRAME, TRACKLET, Contents, Division, is_pack
from datasets.tracklet import Split, Tracklet
from files.progress import say

BESIDE = "pack"
"""Name of a pack that lies in the folder of the very data it holds."""

_GAP = 1 << 16  # bytes between two frames that are read along rather than skipped


class Pack:
    """A finished pack, open for reading; any number of threads and processes share it.

    Attributes:
        folder: where it lies.
        contents: what it says about itself.
        frames: structured [F] (`layout.FRAME`): where each frame is.
        tracklets: structured [N] (`layout.TRACKLET`).
    """

    def __init__(self, folder: Path) -> None:
        """Open a pack; only its index is read, and held against its checksums.

        Raises:
            DataError: there is none, it is unfinished, a file of its index is damaged, or shards are absent or cut.
        """
        self.folder = Path(folder)
        self.contents = told = Contents.read(self.folder)
        for shard in told.shards:
            index.expect_size(self.folder / shard.file, shard.bytes)
        self.frames: NDArray[Any] = index.array(self.folder, told, "frames.npy", told.frames, FRAME)
        self.tracklets: NDArray[Any] = index.array(self.folder, told, "tracklets.npy", told.tracklets, TRACKLET)
        index.check_places(self.folder, told, self.frames, self.tracklets)
        self._files: dict[int, int] = {}  # number of a shard -> open file
        self._opening = Lock()

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the divisions that it holds."""
        return tuple(self._fingerprint(division) for division in self.contents.divisions)

    @property
    def fingerprint(self) -> str:
        """That of the first division."""
        return self.fingerprints[0]

    @property
    def bytes(self) -> int:
        """Size of all image files in it."""
        return self.contents.size

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    def split(self, number: int | None = None) -> Split:
        """The tracklets of a division, as the reader of the original folder gave them.

        Args:
            number: of the division; None for the first that is there.

        Raises:
            DataError: the pack does not hold that division, or its index is damaged.
        """
        held = {division.number: division for division in self.contents.divisions}
        wanted = next(iter(held)) if number is None else number
        if wanted not in held:
            raise DataError(
                f"{self.folder} holds {_spoken(sorted(held))}, not division {wanted}; load one that is there, or pack "
                "all divisions of the data set"
            )
        return self._split(held[wanted])

    def read_index(self) -> None:
        """Read all of the index now, which else is read when it is asked for.

        Raises:
            DataError: a file of it is damaged.
        """
        for division in self.contents.divisions:
            self._split(division)

    def name(self, row: int) -> str:
        """Path of a frame in the original folder."""
        owner = int(np.searchsorted(self.tracklets["start"], row, side="right")) - 1
        first = int(self.tracklets["start"][owner])
        return self._all[owner].frames[row - first]

    def read(self, rows: NDArray[np.int64]) -> "list[Content | DataError]":
        """The bytes of some frames, checked against their CRC-32.

        Args:
            rows: numbers of frames in the pack, int64 [n].

        Returns:
            The content of each file, or the error that says why it cannot be had.

        Raises:
            IndexError: if a frame does not exist.
        """
        wanted = self.frames[rows]
        found: list[Content | DataError] = []
        for first, end in _runs(wanted):
            found += self._read_run(wanted[first:end], rows[first:end])
        return found

    def rows_of(self, tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
        """Numbers of all frames of some tracklets, int64 [F].

        Raises:
            DataError: a tracklet is not in the pack, or not with these frames.
        """
        each: list[NDArray[np.int64]] = []
        for tracklet in tracklets:
            own = self._numbers.get(tracklet.key)
            mine = None if own is None else self._all[own]
            if own is None or mine is None or len(mine) != len(tracklet) or mine.frames[0] != tracklet.frames[0]:
                raise DataError(
                    f"{self.folder} does not hold the tracklet {tracklet.key} with its {len(tracklet)} frames; pack "
                    "the data again"
                )
            start = int(self.tracklets["start"][own])
            each.append(np.arange(start, start + len(mine), dtype=np.int64))
        return np.concatenate(each) if each else np.empty(0, dtype=np.int64)

    def rows_by_name(self) -> dict[str, int]:
        """Number of each frame under its path in the original folder; of several with one path the first."""
        names = [name for tracklet in self._all for name in tracklet.frames]
        return {name: row for row, name in reversed(list(enumerate(names)))}

    def __reduce__(self) -> "tuple[Callable[[Path], Pack], tuple[Path]]":
        """Send the folder's name to a worker process, not the index."""
        return (type(self), (self.folder,))

    def __del__(self) -> None:
        for handle in getattr(self, "_files", {}).values():
            os.close(handle)

    @cached_property
    def _all(self) -> tuple[Tracklet, ...]:
        """Every tracklet of the pack."""
        keys = index.array(self.folder, self.contents, "keys.npy", self.contents.tracklets).tolist()
        prefixes = index.array(self.folder, self.contents, "prefixes.npy", self.contents.tracklets).tolist()
        names = index.array(self.folder, self.contents, "names.npy", self.contents.frames)
        starts = self.tracklets["start"].tolist()
        ends = [*starts[1:], self.contents.frames]
        people, cameras = self.tracklets["person"].tolist(), self.tracklets["camera"].tolist()
        return tuple(
            Tracklet(os.fsdecode(key), person, camera, ListedFrames(os.fsdecode(prefix), names[start:end]))
            for key, person, camera, prefix, start, end in zip(
                keys, people, cameras, prefixes, starts, ends, strict=True
            )
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {tracklet.key: number for number, tracklet in enumerate(self._all)}

    def _fingerprint(self, division: Division) -> str:
        """As `pack.json` tells it; a pack of format 1 told that of names and sizes, to which its content is added."""
        whole = division.name == "synthwalk" or ", repaired by " in division.version  # their manifest covers content
        if self.contents.format > 1 or whole:
            return division.fingerprint
        train, test, _, _ = index.rows_of(self.folder, self.contents, division)
        every = index.held(self.frames, self.tracklets)
        held = [every[row] for row in (*train.tolist(), *test.tolist())]
        return content_digest.mixed(division.fingerprint, held)

    def _split(self, division: Division) -> Split:
        train, test, query, gallery = index.rows_of(self.folder, self.contents, division)
        return Split(
            name=division.name,
            root=self.folder,
            train=tuple(self._all[row] for row in train),
            test=tuple(self._all[row] for row in test),
            query_index=query.astype(np.int64),
            gallery_index=gallery.astype(np.int64),
            fingerprint=self._fingerprint(division),
            version=division.version,
            synthetic=division.synthetic,
            number=division.number,
            divisions=division.divisions,
        )

    def _read_run(self, wanted: NDArray[Any], rows: NDArray[np.int64]) -> "list[Content | DataError]":
        shard, begin = int(wanted["shard"][0]), int(wanted["offset"][0])
        end = int(wanted["offset"][-1]) + int(wanted["size"][-1])
        file = self.contents.shards[shard].file
        try:
            data = memoryview(self._pread(shard, begin, end - begin))
        except OSError as error:
            return [self._refused(file, row, error.strerror or "read error") for row in rows.tolist()]
        found: list[Content | DataError] = []
        for row, offset, size, crc in zip(
            rows.tolist(), wanted["offset"].tolist(), wanted["size"].tolist(), wanted["crc32"].tolist(), strict=True
        ):
            content = data[offset - begin : offset - begin + size]
            good = len(content) == size and zlib.crc32(content) == crc
            found.append(content if good else self._refused(file, row, "its checksum differs"))
        return found

    def _refused(self, file: str, row: int, why: str) -> DataError:
        return DataError(f"{self.folder / file}: the frame {self.name(row)} cannot be read ({why}); {index.DAMAGED}")

    def _pread(self, shard: int, begin: int, count: int) -> Content:
        handle = self._file(shard)
        if hasattr(os, "pread"):
            return os.pread(handle, count, begin)
        with self._opening:  # Windows: the place in a file is all threads' own
            os.lseek(handle, begin, os.SEEK_SET)
            return os.read(handle, count)

    def _file(self, shard: int) -> int:
        handle = self._files.get(shard)
        if handle is None:
            opened = os.open(self.folder / self.contents.shards[shard].file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            handle = self._files.setdefault(shard, opened)
            if handle != opened:  # another thread was quicker
                os.close(opened)
        return handle


class PackedBytes:
    """Frames of some tracklets that lie in a pack."""

    def __init__(self, pack: Pack, rows: NDArray[np.int64]) -> None:
        """Take rows of a pack, int64 [F]."""
        self.pack = pack
        self.rows = rows

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.rows)

    def read(self, rows: NDArray[np.int64]) -> list[Content | DataError]:
        """See `FrameBytes.read`."""
        return self.pack.read(self.rows[rows])

    def name(self, row: int) -> str:
        """The frame's path in the original folder, behind that of the pack."""
        return f"{self.pack.folder}/{self.pack.name(int(self.rows[row]))}"


def open_pack(folder: Path | str) -> Pack:
    """Open a finished pack.

    Args:
        folder: the one that holds `pack.json`.

    Raises:
        DataError: there is none, it is unfinished, or its files do not fit together.
    """
    return Pack(Path(folder))


def beside(split: Split) -> Pack | None:
    """The pack that holds a split's frames; None where there is none that is fresh.

    Fresh is a pack whose fingerprint is the split's. Of another one a note on stderr tells the remedy.
    """
    return _fresh(split.root, split.fingerprint)


def bytes_of(tracklets: Sequence[Tracklet], root: Path, fingerprint: str | None = None) -> FrameBytes:
    """Where the bytes of tracklets' frames come from: the pack beside the data, or else their files.

    Args:
        tracklets: whose frames, in this order.
        root: folder that their frame paths are relative to, or that of a pack.
        fingerprint: of the data set; None takes no pack beside it.

    Raises:
        DataError: root is a pack, and it cannot be read or holds other tracklets.
    """
    root = Path(root)
    if is_pack(root):
        pack = open_pack(root)
        return PackedBytes(pack, pack.rows_of(tracklets))
    found = None if fingerprint is None else _fresh(root, fingerprint)
    if found is not None:
        return PackedBytes(found, found.rows_of(tracklets))
    return FileBytes(tracklets, root)


def _fresh(root: Path, fingerprint: str) -> Pack | None:
    folder = root if is_pack(root) else root / BESIDE
    if not is_pack(folder):
        return None
    try:
        pack = open_pack(folder)
        pack.read_index()
    except DataError as error:
        say(f"the image files are read, as the pack beside them cannot be used: {error}")
        return None
    if fingerprint in pack.fingerprints:
        return pack
    say(
        f"the image files are read, as {folder} was made of other data (fingerprint {pack.fingerprint}, expected "
        f"{fingerprint}); remove it and pack again"
    )
    return None


def _runs(wanted: NDArray[Any]) -> list[tuple[int, int]]:
    """Frames that follow each other in one shard, so that they are read in one go: first and end of each run."""
    if not len(wanted):
        return []
    ends = wanted["offset"].astype(np.int64) + wanted["size"]
    ahead = wanted["offset"][1:].astype(np.int64) - ends[:-1]
    breaks = (ahead < 0) | (ahead > _GAP) | (wanted["shard"][1:] != wanted["shard"][:-1])
    borders = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(wanted)]
    return list(pairwise(borders))


def _spoken(numbers: list[int]) -> str:
    return f"division {numbers[0]}" if len(numbers) == 1 else f"divisions {', '.join(map(str, numbers))}"
