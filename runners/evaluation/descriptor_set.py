"""Descriptors on disk, the unit of exchange: a folder that can be written in pieces, read in blocks and checked.

A set ``NAME.descriptors`` holds ``features.npy`` ``[N, D]`` float32, ``tracklets.npz`` (who, where, how long, and
which rows are queries and which the gallery) and ``descriptors.json`` (what they are of, and a digest of both files).
While it is being made it is called ``NAME.descriptors.partial`` and notes which rows are done, with a checksum of each;
a run that was killed goes on there with the rows that are still what it wrote, and nobody reads it as whole. The move
to its name is one rename.
"""

import hashlib
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import Split
from files.formats import arrays
from runners.errors import RunError
from runners.plan.step_store import canonical_json, read_json, write_bytes, write_json
from runners.progress import note

FORMAT, VERSION = "reproid-descriptors", 1
SUFFIX, PARTIAL = ".descriptors", ".partial"
HEADLINE, IMAGE = (
    f"descriptors{SUFFIX}",
    f"image{SUFFIX}",
)  # in an arm's judge step, see `runners.evaluation.saved_descriptors`
FEATURES, TRACKLETS, RECORD = "features.npy", "tracklets.npz", "descriptors.json"
_DONE = "done.npy"
_BLOCK_BYTES = 1 << 24
_NOTE_SECONDS = 5.0

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tracklets:
    """Who is in a set, row by row.

    Attributes:
        key: ``[N]`` unique names.
        person, camera, length: ``[N]`` int64; person -1 is junk, 0 a distractor.
        query, gallery: ``[N]`` bool; a row can be both.
    """

    key: NDArray[np.str_]
    person: Ints
    camera: Ints
    length: Ints
    query: NDArray[np.bool_]
    gallery: NDArray[np.bool_]

    @classmethod
    def of(cls, split: Split, lengths: Ints) -> "Tracklets":
        """The test half of a data set; ``lengths`` ``[N]`` in frames."""
        roles = np.zeros((2, len(split.test)), dtype=bool)
        roles[0, split.query_index] = True
        roles[1, split.gallery_index] = True
        return cls(
            np.array([t.key for t in split.test]),
            np.array([t.person_id for t in split.test], dtype=np.int64),
            np.array([t.camera_id for t in split.test], dtype=np.int64),
            np.asarray(lengths, dtype=np.int64),
            roles[0],
            roles[1],
        )

    def __len__(self) -> int:
        return len(self.key)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as they are stored."""
        return {name: getattr(self, name) for name in _KINDS}

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over all of it."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in self.arrays().items():
            digest.update(canonical_json([name, array.tolist()]).encode())
        return digest.hexdigest()


_KINDS = {"key": "U", "person": "i", "camera": "i", "length": "i", "query": "b", "gallery": "b"}


@dataclass(frozen=True, eq=False)
class DescriptorSet:
    """A whole set, its features mapped, not loaded.

    Attributes:
        folder: where it lies.
        features: ``[N, D]`` float32, read-only.
        tracklets: ``[N]``.
        about: what was written with it: dataset, method, arm, seed, fed ...
        fingerprint: of all that decided the values, as the writer gave it.
    """

    folder: Path
    features: Floats
    tracklets: Tracklets
    about: Mapping[str, Any]
    fingerprint: str


class Writer:
    """A set in the making; rows may come in any order and several times.

    Attributes:
        features: ``[N, D]`` float32 of the partial set, mapped and writable.
        done: ``[N]`` bool, the rows that are there, from an earlier run too.
    """

    def __init__(self, folder: Path, rows: int, dim: int, fingerprint: str) -> None:
        """Open the partial set of ``folder``; what another fingerprint or shape left there is thrown away.

        Raises:
            RunError: the folder's name has not the right ending, or no row or no column.
        """
        if folder.suffix != SUFFIX:
            raise RunError(f"{folder}: a set of descriptors is a folder whose name ends in {SUFFIX}.")
        if rows < 1 or dim < 1:
            raise RunError(f"{folder}: descriptors must be [N, D] with at least one of each, got [{rows}, {dim}].")
        self._final, self._partial = folder, partial_of(folder)
        self._state = {"format": FORMAT, "version": VERSION, "fingerprint": fingerprint, "rows": rows, "dim": dim}
        self._said = time.monotonic()
        file, notes = self._partial / FEATURES, self._partial / _DONE
        if not self._goes_on():
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(rows, dim)).flush()
            write_bytes(notes, _npy(np.zeros(rows, dtype=np.uint64)))
            write_json(self._partial / RECORD, self._state)
        self._map: Any = np.load(file, mmap_mode="r+")
        self.features: Floats = self._map
        self._sums: NDArray[np.uint64] = arrays.load_npy(notes, error=RunError)
        self.done: NDArray[np.bool_] = self._sums > 0
        self._check_rows()

    def put(self, rows: Ints, values: NDArray[np.floating[Any]]) -> None:
        """Write rows ``[K]`` with values ``[K, D]``; what is done is noted every few seconds."""
        self.features[rows] = values
        self.done[rows] = True
        self._sums[rows] = _sums_of(self.features, rows)
        if time.monotonic() - self._said > _NOTE_SECONDS:
            self.note()

    def note(self) -> None:
        """Write down what is done, after the rows themselves."""
        self._map.flush()
        write_bytes(self._partial / _DONE, _npy(self._sums))
        self._said = time.monotonic()

    def finish(self, tracklets: Tracklets, about: Mapping[str, Any]) -> Path:
        """Check all rows, write who they are, and give the set its name.

        Raises:
            RunError: rows are missing or not finite, or there are not as many tracklets.
        """
        rows = len(self.done)
        if not self.done.all():
            raise RunError(f"{self._final}: {int((~self.done).sum())} of {rows} descriptors are missing.")
        if len(tracklets) != rows:
            raise RunError(f"{self._final}: {rows} descriptors, but {len(tracklets)} tracklets.")
        self.note()
        digest = digest_of(self.features, str(self._final))
        write_bytes(self._partial / TRACKLETS, _npz(tracklets.arrays()))
        record = {**self._state, "done": rows, "features": digest, "tracklets": tracklets.digest, "about": dict(about)}
        write_json(self._partial / RECORD, record)
        if self._final.exists():
            shutil.rmtree(self._final)
        self._partial.replace(self._final)
        (self._final / _DONE).unlink()
        return self._final

    def _check_rows(self) -> None:
        """Count rows that are not what an earlier run wrote as missing."""
        there = np.flatnonzero(self.done)
        lost = there[_sums_of(self.features, there) != self._sums[there]]
        if len(lost):
            self.done[lost], self._sums[lost] = False, 0
            note(f"{self._partial}: {len(lost)} of {len(there)} descriptors are not what was written; made again")

    def _goes_on(self) -> bool:
        """Whether an earlier run of the same left something that can be continued."""
        record, notes, file = (self._partial / name for name in (RECORD, _DONE, FEATURES))
        if not (record.is_file() and notes.is_file() and file.is_file()):
            return False
        shape = (self._state["rows"], self._state["dim"])
        try:
            there = read_json(record)
            same = isinstance(there, dict) and all(there.get(key) == value for key, value in self._state.items())
            sums, rows = arrays.load_npy(notes, error=RunError), arrays.load_npy(file, mmap=True, error=RunError)
            kinds = sums.dtype == np.uint64 and rows.dtype == np.float32
            return same and kinds and sums.shape == shape[:1] and rows.shape == shape
        except RunError as error:
            note(f"what an interrupted run left is damaged ({error}); it is made anew")
            return False


def write(folder: Path, features: Floats, tracklets: Tracklets, about: Mapping[str, Any], fingerprint: str) -> Path:
    """Write a set that is at hand as a whole.

    Raises:
        RunError: as of `Writer`.

    Args:
        folder: ``NAME.descriptors``.
        features: ``[N, D]``.
        tracklets: who they are, ``[N]``.
        about: what is known of where they are from.
        fingerprint: of what they were made of.
    """
    if features.ndim != 2:
        raise RunError(f"{folder}: descriptors must be [N, D], got an array of shape {features.shape}.")
    writer = Writer(folder, len(features), features.shape[1], fingerprint)
    for rows in _blocks(*features.shape):
        writer.put(np.arange(rows.start, rows.stop), features[rows])
    return writer.finish(tracklets, about)


def partial_of(folder: Path) -> Path:
    """Where a set lies while it is being made."""
    return folder.with_name(folder.name + PARTIAL)


def read(folder: Path, *, fingerprint: str | None = None, whole: bool = True) -> DescriptorSet:
    """Open a set and check all of it, block by block.

    Args:
        folder: ``NAME.descriptors``.
        fingerprint: what it must have been made from; ``None`` takes any.
        whole: whether the features are read and compared with their digest; where several processes read a part of
            the set each, one of them does that for all.

    Raises:
        RunError: it is not there or not finished, its files are damaged, disagree, or hold a number that is not finite,
            or it was made from something else.
    """
    _is_whole(folder)
    again = f"make the set again, or restore {folder} from a copy."
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.get("version") != VERSION:
        found = record.get("version") if isinstance(record, dict) else None
        raise RunError(f"{folder / RECORD}: expected {FORMAT} version {VERSION}, found version {found}; {again}")
    lacking = {"fingerprint", "rows", "dim", "done", "features", "tracklets", "about"} - record.keys()
    if lacking or record["done"] != record["rows"]:
        raise RunError(f"{folder / RECORD}: lacks {', '.join(sorted(lacking)) or 'rows'}; {again}")
    if not isinstance(record["about"], dict):
        raise RunError(f"{folder / RECORD}: about is no JSON object; {again}")
    if fingerprint is not None and record["fingerprint"] != fingerprint:
        raise RunError(
            f"{folder} was made from {record['fingerprint']}, but {fingerprint} is wanted: data, weights or code "
            "differ; remove the folder and run again."
        )
    features = _features(folder / FEATURES, (record["rows"], record["dim"]), again)
    tracklets = _tracklets(folder / TRACKLETS, record["rows"], again)
    if tracklets.digest != record["tracklets"]:
        raise RunError(f"{folder / TRACKLETS}: is not what was written with the set; {again}")
    if whole and digest_of(features, str(folder)) != record["features"]:
        raise RunError(f"{folder / FEATURES}: some bytes are not what was written; {again}")
    return DescriptorSet(folder, features, tracklets, record["about"], str(record["fingerprint"]))


def digest_of(features: Floats, name: str) -> str:
    """Digest of ``[N, D]`` descriptors, which must be finite; a block in memory at a time.

    Raises:
        RunError: naming the first row that holds NaN or an infinity.
    """
    digest = hashlib.blake2b(f"{features.shape}".encode(), digest_size=16)
    for rows in _blocks(*features.shape):
        block = np.ascontiguousarray(features[rows])
        if not np.isfinite(block).all():
            row = rows.start + int(np.argwhere(~np.isfinite(block))[0, 0])
            raise RunError(f"{name}: the descriptor of row {row} is not finite; look for a network that diverged.")
        digest.update(block.tobytes())
    return digest.hexdigest()


def _is_whole(folder: Path) -> None:
    if folder.name.endswith(PARTIAL) and folder.is_dir():
        raise RunError(f"{folder} is a set that was never finished; run again what was writing it: it goes on there.")
    if not (folder / RECORD).is_file():
        if partial_of(folder).is_dir():
            raise RunError(
                f"{folder} was never finished ({partial_of(folder).name} lies beside it); run again what was writing "
                "it: it goes on there."
            )
        raise RunError(f"{folder} is no set of descriptors: it holds no {RECORD}.")
    missing = [name for name in (FEATURES, TRACKLETS) if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder} lacks {' and '.join(missing)}; restore it from a copy, or make the set again.")


def _features(file: Path, shape: tuple[int, int], again: str) -> Floats:
    features: Floats = arrays.load_npy(file, mmap=True, error=RunError, remedy=again)
    if features.shape != shape or features.dtype != np.float32:
        raise RunError(
            f"{file}: expected float32 of shape {shape}, found {features.dtype} of shape {features.shape}; {again}"
        )
    return features


def _tracklets(file: Path, rows: int, again: str) -> Tracklets:
    stored = arrays.load_npz(file, error=RunError, remedy=again)
    for name, kind in _KINDS.items():
        if name not in stored or stored[name].shape != (rows,) or stored[name].dtype.kind != kind:
            found = f"shape {stored[name].shape}, {stored[name].dtype}" if name in stored else "none"
            raise RunError(f"{file}: expected {rows} values of {name}, found {found}; {again}")
    return Tracklets(**{name: stored[name] for name in _KINDS})


def _sums_of(features: Floats, rows: Ints) -> NDArray[np.uint64]:
    """A checksum of each of some rows, never 0: CRC-32 notices every change of up to 32 neighbouring bits."""
    sums = (zlib.crc32(np.ascontiguousarray(features[row]).data) for row in rows.tolist())
    return np.fromiter(sums, np.uint64, len(rows)) + np.uint64(1)


def _blocks(rows: int, dim: int) -> Iterator[slice]:
    step = max(1, _BLOCK_BYTES // (4 * dim))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _npy(array: NDArray[Any]) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
