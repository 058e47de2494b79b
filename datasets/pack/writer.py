"""Writing a pack: shard by shard, so that what was killed goes on, and finished by one last file."""

import hashlib
import json
import os
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files import content_digest, disk
from datasets.files.paths import names_array
from datasets.fingerprint import fingerprint as hash_of
from datasets.images.encoded import Content, FrameBytes
from datasets.pack import file_format, index
from datasets.pack.file_format import (
    FORMAT,
    FRAME,
    INDEX,
    LOCK,
    PACK,
    TRACKLET,
    WRITING,
    Contents,
    Division,
    PackReport,
    Shard,
)
from datasets.pack.frame_queue import blocks
from datasets.pack.read import bytes_of, open_pack
from datasets.tracklet import Split, Tracklet
from datasets.tracklet import lengths as frame_counts
from files import digest, lock
from files.formats import json as files_json
from files.progress import progress_bar

SHARD_BYTES = 256 * 1024 * 1024
"""A new shard begins before a frame that would make the last one larger."""


def write(
    split: Split | Sequence[Split],
    folder: Path | str,
    *,
    shard_bytes: int = SHARD_BYTES,
    accept: Collection[str] = (),
    progress: bool = True,
) -> PackReport:
    """Write the image files of a data set as a pack, or finish one that was begun.

    Killed at any moment and called again, it goes on behind the last finished shard, and the pack has the bytes that it
    would have had anyway. Nobody reads a pack that is not finished.

    Args:
        split: of one data set; several divisions of it (all ten of iLIDS-VID) share each frame.
        folder: of the pack, made if absent; `pack` in the data set's own folder is found by itself.
        shard_bytes: see `SHARD_BYTES`. A pack that was begun with another value is begun anew.
        accept: faults of images that are packed as they are, out of `image_header.FAULTS`.
        progress: show a bar with the remaining time, on a terminal.

    Raises:
        DataError: a frame is missing, empty, or no whole image of a kind that is read; the folder holds something else
            or cannot be written, the disk is full, or another process is writing there. What was finished is kept for
            the next call.
    """
    began = time.monotonic()
    splits = (split,) if isinstance(split, Split) else tuple(split)
    folder = Path(folder)
    plan = _Plan.of(splits, shard_bytes)
    with _on_disk(folder), _alone(folder):
        if (folder / PACK).is_file():
            written, accepted = _already(folder, plan), 0
            resumed = len(written.shards)
        else:
            source = bytes_of(plan.tracklets, splits[0].root)  # never a pack beside them, which may be an old one
            shards = _finished(plan, folder)
            resumed = len(shards)
            accepted = _write_shards(plan, source, folder, shards, accept, progress)
            written = _finish(plan, shards, folder)
        _remove_notes(folder, len(written.shards))
    seconds = time.monotonic() - began
    return PackReport(written.frames, written.size, seconds, resumed, len(written.shards), accepted)


@dataclass(frozen=True, eq=False)
class _Plan:
    """What goes into the pack, in order."""

    tracklets: tuple[Tracklet, ...]
    splits: tuple[Split, ...]
    rows: tuple[NDArray[np.int64], ...]  # of each split: train, test, query, gallery, as rows of `tracklets`
    shard_bytes: int
    digest: str

    @classmethod
    def of(cls, splits: Sequence[Split], shard_bytes: int) -> "_Plan":
        if shard_bytes < 1:
            raise DataError(f"shards of {shard_bytes} bytes are not possible; leave shard_bytes out for 256 MB")
        if not splits or any(one.root != splits[0].root for one in splits):
            raise DataError("a pack needs the divisions of one data set in one folder; give its split, or all of them")
        if len({one.number for one in splits}) < len(splits):
            raise DataError("a division is there twice; give each division of the data set once")
        numbers: dict[str, int] = {}
        kept: list[Tracklet] = []
        rows = []
        for one in splits:
            for tracklet in (*one.train, *one.test):
                if numbers.setdefault(tracklet.key, len(kept)) == len(kept):
                    kept.append(tracklet)
            train, test = ([numbers[each.key] for each in part] for part in (one.train, one.test))
            rows.append(np.array([*train, *test, *one.query_index, *one.gallery_index], dtype=np.int64))
            if len(set(train) | set(test)) < len(train) + len(test):
                raise DataError(f"{one.root}: a tracklet's key stands twice in one division; the reader is wrong")
        if not frame_counts(kept).sum():
            raise DataError(f"{splits[0].root}: {len(kept)} tracklets hold no frame to pack; check the data set")
        digest = hash_of("pack", FORMAT, shard_bytes, *(one.fingerprint for one in splits), *rows)
        return cls(tuple(kept), tuple(splits), tuple(rows), shard_bytes, digest)


def _already(folder: Path, plan: _Plan) -> Contents:
    pack = open_pack(folder)
    wanted = tuple(one.fingerprint for one in plan.splits)
    if pack.fingerprints != wanted:
        raise DataError(
            f"{folder} holds a pack of other data (fingerprint {pack.fingerprint}, expected {wanted[0]}); remove it, "
            "or name another folder"
        )
    return pack.contents


def _write_shards(
    plan: _Plan, source: FrameBytes, folder: Path, shards: list[Shard], accept: Collection[str], progress: bool
) -> int:
    """Add the shards that are not there yet; returns how many images have a fault that is accepted."""
    accepted = 0
    done = sum(shard.frames for shard in shards)
    bar = progress_bar(
        total=len(source), initial=done, desc="packing frames", unit="frame", disable=None if progress else True,
        leave=False,
    )  # fmt: skip
    with bar:
        shard = _OpenShard(plan, folder, len(shards), done)
        try:
            for block in blocks(source, done, accept):
                accepted += block.accepted
                for content in block.frames:
                    if shard.rows and shard.bytes + len(content) > plan.shard_bytes:
                        shards.append(shard.close())
                        shard = _OpenShard(plan, folder, len(shards), sum(one.frames for one in shards))
                    shard.add(content)
                bar.update(len(block.frames))
            if shard.rows:
                shards.append(shard.close())
        finally:
            shard.drop()
    return accepted


class _OpenShard:
    """A shard while it is being written, under a name that nobody reads."""

    def __init__(self, plan: _Plan, folder: Path, number: int, first: int) -> None:
        self.plan, self.folder, self.number, self.first = plan, folder, number, first
        self.file = file_format.shard_name(number)
        self.rows: list[tuple[int, int, int, int]] = []
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._partial = folder / f"{self.file}.partial"
        self._handle = self._partial.open("wb", buffering=1 << 20)

    def add(self, content: Content) -> None:
        """Write one frame."""
        self._handle.write(content)
        self._digest.update(content)
        self.rows.append((self.number, len(content), self.bytes, zlib.crc32(content)))
        self.bytes += len(content)

    def close(self) -> Shard:
        """Give it its name, and write beside it what it holds and its checksum: from then on it is finished."""
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()
        self._partial.replace(self.folder / self.file)
        shard = Shard(self.file, len(self.rows), self.bytes, self._digest.hexdigest())
        rows = file_format.npy(np.array(self.rows, dtype=FRAME))
        sums = {"plan": self.plan.digest, "first": self.first, "rows": hashlib.sha256(rows).hexdigest()}
        note = (json.dumps({**sums, **asdict(shard)}) + "\n").encode()
        # Checked against their sums before they are used: nothing is lost if the disk does not have them yet.
        file_format.put_whole(_rows_file(self.folder, self.number), rows, lasting=False)
        file_format.put_whole(_note_file(self.folder, self.number), note, lasting=False)
        return shard

    def drop(self) -> None:
        """Leave nothing half-written behind."""
        self._handle.close()
        self._partial.unlink(missing_ok=True)


def _finished(plan: _Plan, folder: Path) -> list[Shard]:
    """The shards from the first on that an earlier call finished, and that are still what they were."""
    found: list[Shard] = []
    done = 0
    while True:
        number = len(found)
        try:
            note = files_json.read_object(_note_file(folder, number))
            ours = note.pop("plan") == plan.digest and note.pop("first") == done
            rows, shard = note.pop("rows"), Shard(**note)
            path = folder / file_format.shard_name(number)
            sums = (digest.sha256(_rows_file(folder, number)), digest.sha256(path)) if ours else None
            if shard.file != path.name or sums != (rows, shard.sha256):
                return found
        except (OSError, ValueError, KeyError, TypeError):
            return found
        found.append(shard)
        done += shard.frames


def _finish(plan: _Plan, shards: list[Shard], folder: Path) -> Contents:
    """Write the index, and last of all the file that makes it a pack."""
    frames = np.concatenate([np.load(_rows_file(folder, number)) for number in range(len(shards))])
    counts = frame_counts(plan.tracklets)
    tracklets = np.empty(len(plan.tracklets), dtype=TRACKLET)
    tracklets["start"] = np.cumsum(counts) - counts
    tracklets["person"] = [tracklet.person_id for tracklet in plan.tracklets]
    tracklets["camera"] = [tracklet.camera_id for tracklet in plan.tracklets]
    _expect_what_was_loaded(plan, index.held(frames, tracklets), folder)
    prefixes = [_prefix(list(tracklet.frames)) for tracklet in plan.tracklets]
    names = [
        names_array([name[len(prefix) :] for name in tracklet.frames])
        for tracklet, prefix in zip(plan.tracklets, prefixes, strict=True)
    ]
    keys = names_array([tracklet.key for tracklet in plan.tracklets])
    arrays: list[NDArray[Any]] = [frames, tracklets, keys, names_array(prefixes), np.concatenate(names)]
    divisions = [_division(one) for one in plan.splits]
    files = dict(zip(INDEX, arrays, strict=True)) | {
        division.file: rows for division, rows in zip(divisions, plan.rows, strict=True)
    }
    for file, array in files.items():
        file_format.put_whole(folder / file, file_format.npy(array))
    sums = {file: digest.sha256(folder / file) for file in files}
    written = Contents(len(frames), len(tracklets), tuple(shards), sums, tuple(divisions))
    file_format.put_whole(folder / PACK, written.as_json())
    return written


def _expect_what_was_loaded(plan: _Plan, held: list[bytes], folder: Path) -> None:
    """The frames that were packed are those whose content entered the fingerprint; else the pack is begun anew."""
    for split, rows in zip(plan.splits, plan.rows, strict=True):
        if not split.content:
            continue  # a pack, or a data set whose frames nobody looked at
        if content_digest.sealed_by(split.root) is not None:  # its digest covers more than the frames
            same = content_digest.is_still(split)
        else:
            same = (
                content_digest.digest([held[row] for row in rows[: len(split.train) + len(split.test)]])
                == split.content
            )
        if not same:
            _remove_notes(folder, 0)
            raise DataError(f"{split.root}: frames were changed while they were packed; run the same command again")


def _prefix(names: list[str]) -> str:
    """What all names begin with: what the first and the last of them in the alphabet begin with."""
    first, last = min(names, default=""), max(names, default="")
    differ = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(differ, len(first))]


def _division(split: Split) -> Division:
    return Division(
        name=split.name,
        version=split.version,
        fingerprint=split.fingerprint,
        synthetic=split.synthetic,
        number=split.number,
        divisions=split.divisions,
        train=len(split.train),
        test=len(split.test),
        query=len(split.query_index),
        gallery=len(split.gallery_index),
    )


def _rows_file(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.npy"


def _note_file(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.json"


def _remove_notes(folder: Path, shards: int) -> None:
    """Remove what only an unfinished pack needs, and shards of an earlier beginning."""
    for path in folder.glob("shard-*"):
        number = path.name[len("shard-") :].partition(".")[0]
        if path.suffix != ".bin" or (number.isdigit() and int(number) >= shards):
            path.unlink(missing_ok=True)
    for path in folder.glob("*.partial"):
        path.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other writers of the same pack away, and mark it as unfinished meanwhile.

    Raises:
        DataError: another writer is at work there, or the folder holds something that is no pack.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / WRITING
    there = any(path.name not in (WRITING, PACK) and not path.name.startswith(LOCK) for path in folder.iterdir())
    if there and not marker.is_file() and not (folder / PACK).is_file():
        raise DataError(f"{folder} is not empty and holds no pack; name another folder")

    def busy(owner: str) -> DataError:
        who = f" ({owner})" if owner else ""
        return DataError(f"another process{who} is writing the pack {folder} right now; wait until it is done")

    with lock.held(folder / LOCK, busy=busy):
        marker.write_text(f"this pack is unfinished; process {os.getpid()} is or was writing it\n", encoding="utf-8")
        try:
            yield
        finally:
            if (folder / PACK).is_file():
                marker.unlink(missing_ok=True)


def _on_disk(folder: Path) -> AbstractContextManager[None]:
    """Turn what goes wrong on the disk into one sentence."""
    return disk.one_sentence(
        f"the disk is full while the pack {folder} is written; free some space and run the same command again, "
        "it goes on behind the last finished shard",
        lambda reason: f"the pack {folder} cannot be written ({reason}); name a folder that you may write to",
    )
