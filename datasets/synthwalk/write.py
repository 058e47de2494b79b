"""Render a world to disk in the MARS layout, whole or not at all."""

from __future__ import annotations

import csv
import errno
import glob
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datasets.errors import DataError
from datasets.files import disk
from datasets.files.manifest import MANIFEST
from datasets.images import jpeg
from datasets.synthwalk import presets, truth
from datasets.synthwalk.presets import World
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.renderer.tracklet import Studio, open_studio, render_tracklet, truth_of
from datasets.synthwalk.scenes import props
from datasets.synthwalk.world.population import Population, Track, populate, start_phases
from files import lock
from files.cores import usable_cores
from files.formats import json as files_json
from files.formats import matlab_write
from files.progress import progress_bar, say

_MAT_HEADER = b"MATLAB 5.0 MAT-file, written by SynthWalk"
_AHEAD = 8  # tracklets in flight per worker, so that memory stays bounded


class _Record(NamedTuple):
    """What is kept of a tracklet after its files are written."""

    attributes: list[int] | None
    digest: bytes
    visible: np.ndarray


def render(world: World, root: Path, *, workers: int | None = None, progress: bool = True) -> Path:
    """Render a world to `root` and return it.

    The data set is written into a folder beside `root` and moved there at the end, so whatever stands at
    `root` is complete. A root that already holds this very world is returned as it is.

    Args:
        world: what to render.
        root: folder of the data set; it must be absent, empty, or hold the same world.
        workers: threads; None takes one for each CPU core that this process may use. The bytes do not
            depend on it.
        progress: show a bar on a terminal.

    Raises:
        DataError: for parameters out of range, a root that holds something else, and a folder that
            cannot be written.
    """
    world.check()
    if workers is not None and workers < 1:
        raise DataError(f"workers is {workers}, but at least one thread has to render; leave it out to use all cores.")
    root = Path(root)
    cores = workers or usable_cores()
    place(root, presets.fingerprint(world), MANIFEST, lambda partial: _write(world, partial, cores, progress))
    return root


def place(root: Path, fingerprint: str, manifest: Path, write: Callable[[Path], None]) -> None:
    """Write a data set beside its place and move it there when it is whole; one that is there already is left alone.

    Args:
        root: the place.
        fingerprint: of what is written.
        manifest: the file under root that holds the fingerprint; it is written last.
        write: writes the data set into the empty folder that it is given.

    Raises:
        DataError: where root holds something else, or cannot be written.
    """
    if _is_rendered(fingerprint, root, manifest):
        return
    partial = root.parent / f".{root.name}.partial-{os.getpid()}"
    busy = lock.held(root.parent / f".{root.name}.rendering.lock", waiting=lambda owner: _wait_for(owner, root))
    try:
        with _on_disk(root):
            root.parent.mkdir(parents=True, exist_ok=True)
            with busy:
                if _is_rendered(fingerprint, root, manifest):
                    return  # another process rendered the same world meanwhile
                _sweep(root)
                partial.mkdir()
                write(partial)
                partial.replace(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _on_disk(root: Path) -> AbstractContextManager[None]:
    """Turn what goes wrong on the disk into one sentence."""
    return disk.one_sentence(
        f"The disk is full while SynthWalk is rendered to {root}: free some space or choose another folder.",
        lambda reason: f"SynthWalk cannot be written to {root} ({reason}): choose a folder that you may write to.",
    )


def _wait_for(owner: str, root: Path) -> None:
    say(f"another process{f' ({owner})' if owner else ''} is writing {root}; waiting for it ...")


def _is_rendered(fingerprint: str, root: Path, manifest: Path) -> bool:
    """Whether root holds the data set of this fingerprint; False where nothing stands in the way.

    Raises:
        DataError: where root holds anything else.
    """
    if not root.exists():
        return False
    if not root.is_dir():
        raise DataError(f"{root} is a file, but SynthWalk is a folder: choose another place for it.")
    path = root / manifest
    if not path.exists():
        if any(root.iterdir()):
            raise DataError(
                f"{root} is not empty and holds no complete SynthWalk ({path.relative_to(root)} is missing): "
                "remove the folder or choose another one."
            )
        return False
    found = files_json.read_object(path, error=DataError, remedy=f"remove the folder {root} and render it again").get(
        "fingerprint"
    )
    if found != fingerprint:
        raise DataError(
            f"{root} holds another SynthWalk (fingerprint {found}, expected {fingerprint}: other "
            "parameters, renderer or JPEG encoder): remove the folder or choose another one."
        )
    return True


def _sweep(root: Path) -> None:
    """Remove what renderings that were killed left beside root: none is under way while its lock is held here."""
    for left in root.parent.glob(f".{glob.escape(root.name)}.partial-*"):
        shutil.rmtree(left, ignore_errors=True)


def _write(world: World, root: Path, workers: int, progress: bool) -> None:
    """Write all files of a world below root."""
    population = populate(world)
    for track in population.tracks:
        (root / _image_folder(track)).mkdir(parents=True, exist_ok=True)
        (root / "truth" / "tracklets" / track.folder).mkdir(parents=True, exist_ok=True)
    studio = open_studio(world, workers)
    total = sum(track.length for track in population.tracks)
    records: list[_Record] = []
    with progress_bar(total=total, desc="rendering SynthWalk", unit="frame", disable=None if progress else True) as bar:
        for track, record in zip(population.tracks, _write_all(studio, population.tracks, root, workers), strict=True):
            records.append(record)
            bar.update(track.length)
    _write_info(population, root / "info")
    _write_truth(world, population, studio, records, root)


def _write_all(studio: Studio, tracks: Iterable[Track], root: Path, workers: int) -> Iterator[_Record]:
    """Render and write tracklets in parallel; the records come in order.

    Compiled kernels release the interpreter's lock, so threads will do.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[_Record]] = []
        try:
            for track in tracks:
                waiting.append(pool.submit(write_tracklet, studio, track, root))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _image_folder(track: Track) -> Path:
    return Path(f"bbox_{track.half}") / track.folder


def write_tracklet(studio: Studio, track: Track, root: Path) -> _Record:
    """Render one tracklet and write its frames and its truth."""
    shot = render_tracklet(studio, track)
    folder = str(root / _image_folder(track) / track.key)
    digest = hashlib.sha256()
    for number, frame in enumerate(shot.frames, 1):
        jpeg = encode(frame, shot.quality)
        digest.update(jpeg)
        put(f"{folder}F{number:03d}.jpg", jpeg)
    twins = tuple(
        encode(twin, shot.quality) if touched else None for twin, touched in zip(shot.twins, shot.touched, strict=True)
    )
    shares = truth_of(shot)
    told = truth.Truth(
        shot.labels, shot.occluders, shares["visible"], shares["visible_thirds"], shot.walk.yaw.astype(np.float32),
        shot.walk.elevation.astype(np.float32), twins,
    )  # fmt: skip
    packed = truth.pack(told)
    digest.update(packed)
    put(str(truth.truth_path(root, track.key)), packed)
    attributes = truth.attribute_row(track, told, shot.crowded) if track.role == "person" else None
    return _Record(attributes, digest.digest(), told.visible)


def encode(frame: np.ndarray, quality: int) -> bytes:
    return jpeg.encode(frame, quality, "420")


def put(path: str, data: bytes) -> None:
    """Write a file with as few calls as possible: there are very many.

    Raises:
        OSError: it cannot be opened or written; a short write counts as a full disk.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        written = os.write(handle, data)
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(handle)


def _write_info(population: Population, folder: Path) -> None:
    """The metadata of MARS: names of all frames, rows of all tracklets, rows of the queries."""
    folder.mkdir()
    for half, tracks in (("train", population.train), ("test", population.test)):
        names = [f"{track.key}F{number:03d}.jpg\r\n" for track in tracks for number in range(1, track.length + 1)]
        (folder / f"{half}_name.txt").write_bytes("".join(names).encode("ascii"))
        ends = np.cumsum([track.length for track in tracks])
        starts = ends - [track.length for track in tracks] + 1
        persons, cameras = [track.person for track in tracks], [track.camera for track in tracks]
        rows = np.array([starts, ends, persons, cameras], dtype=np.int32).T
        _write_mat(folder / f"tracks_{half}_info.mat", f"track_{half}_info", rows)
    queries = np.array([row + 1 for row in population.queries], dtype=np.uint16)[None]
    _write_mat(folder / "query_IDX.mat", "query_IDX", queries)


def _write_mat(path: Path, name: str, values: np.ndarray) -> None:
    path.write_bytes(matlab_write.encode({name: values}, _MAT_HEADER))


def _counts(population: Population) -> dict[str, int]:
    """Sizes of all parts under the names that `Split.counts` uses."""
    train, test = population.train, population.test
    query = [test[row] for row in population.queries]
    persons = {track.person for track in test if track.role == "person"}
    frames = {role: sum(t.length for t in test if t.role == role) for role in ("distractor", "junk")}
    rows = set(population.queries)
    unmatched = sum(
        not any(
            other.person == asked.person and other.camera != asked.camera
            for row, other in enumerate(test)
            if row not in rows
        )
        for asked in query
    )
    return {
        "train_ids": len({track.person for track in train}),
        "train_tracklets": len(train),
        "train_frames": sum(track.length for track in train),
        "test_ids": len(persons),
        "test_tracklets": len(test),
        "test_frames": sum(track.length for track in test),
        "query_ids": len({track.person for track in query}),
        "query_tracklets": len(query),
        "query_frames": sum(track.length for track in query),
        "gallery_tracklets": len(test),
        "gallery_frames": sum(track.length for track in test),
        "distractor_tracklets": sum(track.role == "distractor" for track in test),
        "distractor_frames": frames["distractor"],
        "junk_tracklets": sum(track.role == "junk" for track in test),
        "junk_frames": frames["junk"],
        "cameras": len({track.camera for track in population.tracks}),
        "unmatched_queries": 0,
        "unmatched_queries_removed": unmatched,
    }


def _write_truth(world: World, population: Population, studio: Studio, records: list[_Record], root: Path) -> None:
    """Everything under truth/ that is not of one tracklet; the manifest last."""
    folder = root / "truth"
    starts = {track.key: start_phases(world, track) for track in population.tracks}
    rows = [record.attributes for record in records if record.attributes is not None]
    _write_csv(folder / "attributes.csv", truth.ATTRIBUTE_COLUMNS, rows)
    _write_csv(folder / "identities.csv", truth.IDENTITY_COLUMNS, map(truth.identity_row, population.identities))
    _write_json(folder / "gait.json", truth.gait_json(population, starts))
    _write_json(folder / "cameras.json", truth.cameras_json(studio.cameras))
    _write_json(folder / "groups.json", truth.groups_json(population))
    visible = np.concatenate([record.visible for record in records])
    manifest: dict[str, Any] = {
        "name": "synthwalk",
        "version": world.version,
        "seed": world.seed,
        "fingerprint": presets.fingerprint(world),
        "content": hashlib.sha256(b"".join(record.digest for record in records)).hexdigest()[:32],
        "encoder": presets.encoder(),
        "parameters": presets.parameters(world),
        "counts": _counts(population),
        "share_of_frames_with_over_0.3_hidden": round(float(np.nanmean(visible < truth.HIDDEN)), 4),
        "labels": list(materials.LABELS),
        "occluders": list(props.codes(studio.style)),
    }
    _write_json(folder / "manifest.json", manifest)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[list[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_text(buffer.getvalue(), encoding="utf-8")
