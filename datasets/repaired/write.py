"""A repaired data set on disk, in the layout of its source, whole or not at all.

    bbox_train, bbox_test, info     as MARS has them; frames that are left out leave no gap in the numbers
    changes/<person>/<key>.npz      which pixels were painted anew, which frames of the source are there
    repaired.json                   the manifest: source, repairer, calls, counts, totals

The readers of MARS and SynthWalk take the manifest for the official counts, so that every method reads such a
folder like any other. Truth is not copied: it is not true of repaired frames.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.files import content_digest
from datasets.files.manifest import REPAIRED
from datasets.fingerprint import fingerprint as hash_of
from datasets.images import decode, jpeg
from datasets.pack.file_format import is_pack
from datasets.repaired import staging
from datasets.repaired.interface import Footage, Frames, Repaired, Repairer
from datasets.repaired.mars_metadata import write_info
from datasets.repaired.masks import changes_path, load_changes, pack, read_changes
from datasets.tracklet import NumberedFrames, Split, Tracklet
from files.progress import progress_bar

__all__ = ["FORMAT", "MANIFEST", "Hidden", "encoder", "fingerprint_of", "read_changes", "write"]

Hidden = Callable[[Tracklet, int, int], NDArray[np.bool_]]
"""(tracklet, height, width) -> bool [T,H,W]: which pixels of its frames are said to be hidden."""

MANIFEST = REPAIRED
"""Name of the manifest inside a repaired set."""

FORMAT = 1
"""Raise it when what is written changes, or the outcome of a repairer without learning."""

QUALITY = 100
_Halves = tuple[tuple[str, tuple[Tracklet, ...]], ...]  # ("train", ...), ("test", ...)
_AHEAD = 8  # tracklets waiting for each thread; their frames are read when their turn comes


def encoder() -> str:
    """Name, version and settings of the JPEG encoder, which decide the bytes of changed frames."""
    return f"{jpeg.library()}, quality {QUALITY}, 4:4:4"


def fingerprint_of(
    source_fingerprint: str, repairer_name: str, options: Mapping[str, Any], calls: Mapping[str, Any]
) -> str:
    """The fingerprint of a repaired set, before there is one.

    Args:
        source_fingerprint: `Split.fingerprint` of the source.
        repairer_name: `Repairer.name`.
        options: `Repairer.options`.
        calls: how hidden pixels were called: JSON values that decide them.

    Returns:
        32 hexadecimal digits, which change with each of these, with the JPEG encoder and with `FORMAT`.

    Raises:
        DataError: if options or calls are no JSON.
    """
    named = {"options": options, "calls": calls}
    texts = [_json(value, f"{name} of the repairer {repairer_name!r}") for name, value in named.items()]
    return hash_of("repaired set", FORMAT, encoder(), source_fingerprint, repairer_name, *texts)


@dataclass(frozen=True, slots=True)
class _Job:
    """What the threads share."""

    source: Split
    repairer: Repairer
    hidden: Hidden
    folder: Path  # where the set is being written
    root: Path  # where it is going to lie, for messages


class _Done(NamedTuple):
    """What is kept of a tracklet after its files are written."""

    source_frames: int
    frames: int
    changed_frames: int
    pixels: int
    changed_pixels: int
    kept_whole: bool


def write(
    source: Split,
    repairer: Repairer,
    hidden: Hidden,
    root: str | Path,
    *,
    calls: Mapping[str, Any],
    workers: int = 1,
    progress: bool = True,
) -> Path:
    """Repair all tracklets of a data set, write them to root, and return root.

    The set is written into a folder beside root and moved there at the end, so whatever stands at root is
    complete. Killed and started again, it continues with the tracklet where it stopped, and ends with the same
    bytes. Frames that nothing changed are copies of the source's files. Changed ones are encoded anew, as
    closely as JPEG can; outside of the changed pixels they hold the source's decoded pixels.

    Args:
        source: read from the MARS layout (MARS, SynthWalk, or a repaired set of either).
        repairer: called tracklet by tracklet, from as many threads as there are workers.
        hidden: the same for the hidden pixels; its result is fully decided by `calls` and the source.
        root: folder of the repaired set; it must be absent, empty, or hold this very set.
        calls: how hidden pixels were called, as JSON values; part of the fingerprint and of the manifest.
        workers: threads. The bytes do not depend on it. Each holds one decoded tracklet at a time.
        progress: show a bar with the remaining time, on a terminal.

    Raises:
        DataError: if the source is not of the MARS layout or damaged, the repairer or `hidden` gives something
            that does not fit, root holds something else, another process writes it, or the disk refuses.
    """
    if workers < 1:
        raise DataError(f"workers is {workers}, but at least one thread has to write; leave it out for one")
    if is_pack(source.root):
        raise DataError(
            f"{source.root} is a pack, but a repaired set is made of image files: read the folder that was packed"
        )
    given, root = Path(root), Path(root).resolve()
    fingerprint = fingerprint_of(source.fingerprint, repairer.name, repairer.options, calls)
    halves = (("train", source.train), ("test", source.test))
    for half, tracklets in halves:
        for tracklet in tracklets:
            _check_layout(source, half, tracklet)
    if staging.holds(root, fingerprint):
        staging.sweep(root)
        return given
    with staging.locked(root):
        if not staging.holds(root, fingerprint):  # otherwise another process finished it a moment ago
            folder = staging.unfinished(root, fingerprint)
            _write(_Job(source, repairer, hidden, folder, root), halves, fingerprint, calls, workers, progress)
            staging.move(folder, root)
        staging.sweep(root)
    return given


def _write(
    job: _Job, halves: _Halves, fingerprint: str, calls: Mapping[str, Any], workers: int, progress: bool
) -> None:
    """Write the whole set into the job's folder."""
    source, repairer = job.source, job.repairer
    done = _write_tracklets(job, halves, workers, progress)
    written = _written(job, done, fingerprint)
    manifest = {
        "name": written.name,
        "version": written.version,
        "synthetic": written.synthetic,
        "fingerprint": fingerprint,
        "counts": written.counts(),
        "source": {"name": source.name, "version": source.version, "fingerprint": source.fingerprint},
        "repairer": {"name": repairer.name, "options": dict(repairer.options)},
        "calls": dict(calls),
        "encoder": encoder(),
        "format": FORMAT,
        "totals": {half: _totals(records) for half, records in done.items()},
        "content": content_digest.seal((*written.train, *written.test), job.folder, progress=progress),
    }
    with staging.writing_to(job.root):
        staging.put_whole(job.folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
        # info/ comes last and at once: no reader takes a folder without it for a data set
        shutil.rmtree(job.folder / "info", ignore_errors=True)
        partial = job.folder / "info.partial"
        partial.mkdir(exist_ok=True)
        write_info(written, partial)
        partial.replace(job.folder / "info")


def _check_layout(source: Split, half: str, tracklet: Tracklet) -> None:
    """Raise DataError unless the frames are named as MARS names them."""
    stem = _stem(half, tracklet.key)
    frames = tracklet.frames
    if not len(frames) or (frames[0], frames[-1]) != (f"{stem}001.jpg", f"{stem}{len(frames):03d}.jpg"):
        first = frames[0] if len(frames) else "nothing"
        raise DataError(
            f"{source.name}: tracklet {tracklet.key} starts with {first}, expected {stem}001.jpg; only data sets in "
            "the MARS layout can be written repaired: convert this one to it"
        )


def _stem(half: str, key: str) -> str:
    return f"bbox_{half}/{key[:4]}/{key}F"


def _write_tracklets(job: _Job, halves: _Halves, workers: int, progress: bool) -> dict[str, list[_Done]]:
    """Repair and write all tracklets in threads; what became of them, in order, by half."""
    with staging.writing_to(job.root):
        for half, tracklets in halves:
            for person in sorted({tracklet.key[:4] for tracklet in tracklets}):
                for parent in (f"bbox_{half}", "changes"):
                    (job.folder / parent / person).mkdir(parents=True, exist_ok=True)
    tasks = [(half, tracklet) for half, tracklets in halves for tracklet in tracklets]
    total = sum(len(tracklet) for _, tracklet in tasks)
    done: dict[str, list[_Done]] = {half: [] for half, _ in halves}
    title = f"repairing {job.source.name} ({job.repairer.name})"
    with progress_bar(total=total, desc=title, unit="frame", disable=None if progress else True) as bar:
        for (half, _), record in zip(tasks, _in_threads(job, tasks, workers), strict=True):
            done[half].append(record)
            bar.update(record.source_frames)
    return done


def _in_threads(job: _Job, tasks: list[tuple[str, Tracklet]], workers: int) -> Iterator[_Done]:
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Done]] = deque()
        try:
            for half, tracklet in tasks:
                waiting.append(pool.submit(_tracklet, job, half, tracklet))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _tracklet(job: _Job, half: str, tracklet: Tracklet) -> _Done:
    """Repair and write one tracklet, unless an earlier run finished it."""
    before = _done_before(job, half, tracklet)
    if before is not None:
        return before
    pixels = _read(job.source, tracklet)
    said = job.hidden(tracklet, *pixels.shape[1:3])
    if not isinstance(said, np.ndarray) or said.dtype != np.bool_ or said.shape != pixels.shape[:3]:
        raise DataError(
            f"the hidden pixels of tracklet {tracklet.key} are {_form(said)}, expected bool {list(pixels.shape[:3])}: "
            "correct the function that calls them"
        )
    repaired = job.repairer.repair(Footage(tracklet.key, pixels, said))
    _check(job.repairer, tracklet.key, repaired, pixels)
    stem = _stem(half, tracklet.key)
    with staging.writing_to(job.root):
        for number, (kept, changed) in enumerate(zip(repaired.kept.tolist(), repaired.changed, strict=True)):
            target = job.folder / f"{stem}{number + 1:03d}.jpg"
            if changed.any():
                frame = np.where(changed[..., None], repaired.frames[number], pixels[kept])
                staging.put(str(target), jpeg.encode(frame, QUALITY))
            else:
                shutil.copyfile(job.source.root / tracklet.frames[kept], target)
        # the changes come last and at once: a tracklet that has them is finished
        staging.put_whole(changes_path(job.folder, tracklet.key), pack(repaired, len(pixels)))
    return _record(repaired.changed, len(pixels), repaired.kept_whole)


def _done_before(job: _Job, half: str, tracklet: Tracklet) -> _Done | None:
    """What an earlier, killed run wrote of a tracklet; None unless all of it is there."""
    if not changes_path(job.folder, tracklet.key).is_file():
        return None
    try:
        found = load_changes(job.folder, tracklet.key)
        for number in range(1, len(found.kept) + 1):
            if not (job.folder / f"{_stem(half, tracklet.key)}{number:03d}.jpg").stat().st_size:
                return None  # the machine went down before the disk had it
    except (DataError, OSError):
        return None
    return _record(found.changed, found.source_frames, found.kept_whole)


def _record(changed: NDArray[np.bool_], source_frames: int, kept_whole: bool) -> _Done:
    return _Done(
        source_frames, len(changed), int(changed.any(axis=(1, 2)).sum()), changed.size, int(changed.sum()), kept_whole
    )


def _read(source: Split, tracklet: Tracklet) -> Frames:
    """All frames of a tracklet, uint8 [T,H,W,3]."""
    frames = [decode.read(source.root / name) for name in tracklet.frames]
    shapes = sorted({frame.shape[:2] for frame in frames})
    if len(shapes) > 1:
        (a, b), (c, d) = shapes[0], shapes[-1]
        raise DataError(
            f"{source.root}: frames of tracklet {tracklet.key} have {a}x{b} and {c}x{d} pixels, expected one size "
            "within a tracklet; copy the data set again, or resize them"
        )
    return np.stack(frames)


def _check(repairer: Repairer, key: str, repaired: Repaired, source: Frames) -> None:
    """Raise DataError unless what a repairer gave back fits the tracklet that it was given."""
    frames, changed, kept = repaired.frames, repaired.changed, repaired.kept
    number = len(kept) if isinstance(kept, np.ndarray) and kept.ndim else 0
    shape = (number, *source.shape[1:])
    problem = ""
    if not isinstance(kept, np.ndarray) or kept.dtype != np.int64 or kept.ndim != 1 or not number:
        problem = f"kept is {_form(kept)}, expected int64 [T'] with at least one frame"
    elif kept[0] < 0 or kept[-1] >= len(source) or (np.diff(kept) <= 0).any():
        problem = f"kept is {kept.tolist()[:10]}, expected rising frame numbers from 0 to {len(source) - 1}"
    elif not isinstance(frames, np.ndarray) or frames.dtype != np.uint8 or frames.shape != shape:
        problem = f"frames are {_form(frames)}, expected uint8 {list(shape)}"
    elif not isinstance(changed, np.ndarray) or changed.dtype != np.bool_ or changed.shape != shape[:3]:
        problem = f"changed is {_form(changed)}, expected bool {list(shape[:3])}"
    if problem:
        raise DataError(f"the repairer {repairer.name!r} gave tracklet {key} back wrongly: {problem}; correct it")


def _form(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return type(value).__name__


def _written(job: _Job, done: dict[str, list[_Done]], fingerprint: str) -> Split:
    """The repaired set, as a reader is going to see it."""
    source = job.source

    def half(name: str, tracklets: tuple[Tracklet, ...]) -> tuple[Tracklet, ...]:
        return tuple(
            replace(tracklet, frames=NumberedFrames(_stem(name, tracklet.key), record.frames))
            for tracklet, record in zip(tracklets, done[name], strict=True)
        )

    return replace(
        source,
        train=half("train", source.train),
        test=half("test", source.test),
        root=job.root,
        fingerprint=fingerprint,
        version=f"{source.version}, repaired by {job.repairer.name}",
        content="",
    )


def _totals(records: list[_Done]) -> dict[str, Any]:
    """What happened to one half; the share is of the pixels of the frames that are there."""
    frames, pixels = (sum(getattr(record, name) for record in records) for name in ("frames", "pixels"))
    return {
        "frames": frames,
        "changed_frames": sum(record.changed_frames for record in records),
        "changed_pixel_share": round(sum(record.changed_pixels for record in records) / max(pixels, 1), 6),
        "frames_left_out": sum(record.source_frames for record in records) - frames,
        "tracklets_kept_whole": sum(record.kept_whole for record in records),
    }


def _json(value: Mapping[str, Any], what: str) -> str:
    try:
        return json.dumps(dict(value), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} cannot be written as JSON ({error}): give plain numbers, texts, lists") from error
