"""SynthWalk in the layout of LS-VID: what `datasets.readers.ls_vid.reader` explains.

An arranged set holds the files of both releases: the lists, the MATLAB 7.3 file of queries, and the NumPy files. A
fifth of the training people are for validation, about as many as in the release (200 of 1,042). Image names are
`<person>_<tracklet>_<camera>_<frame>.jpg`: the camera stands where loaders look for it, the rest is made up.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.seeding import generator
from datasets.synthwalk.layouts import place_frame
from datasets.synthwalk.presets import World
from datasets.tracklet import Split, Tracklet, camera_ids, lengths, person_ids

_VALIDATION = 0.2  # share of the training people
_CLOCK = 100_000, 900_000  # where in the video a tracklet may start: six digits, and so no name is longer than another
_FRAME_STEP = 4
_MATLAB_HEADER = b"MATLAB 7.3 MAT-file, written by SynthWalk"
_USER_BLOCK = 512


def fit(world: World) -> World:
    """No junk and no distractors, and two training people at least: one is for validation.

    Raises:
        DataError: there is one training person only, or h5py, which writes a MATLAB 7.3 file, is not installed.
    """
    _hdf5()  # told before hours are rendered
    if world.train_ids < 2:
        raise DataError(
            f"the layout of LS-VID takes some training people for validation, but train_ids is {world.train_ids}; ask "
            "for two or more"
        )
    return replace(world, junk=0, distractors=0, shape="drawn")


def arrange(split: Split, folder: Path, seed: int) -> dict[str, int]:
    """Link the frames of a rendered world into the layout, and write lists and queries.

    Args:
        split: the world, in the layout of MARS.
        folder: where to; empty, on the same disk.
        seed: of the people for validation and of the frame numbers.

    Returns:
        The counts that a reader must find.
    """
    rng = generator(seed, "layout of ls-vid")
    people = np.unique(person_ids(split.train))
    held = set(rng.choice(people, size=max(1, round(_VALIDATION * len(people))), replace=False).tolist())
    parts = {
        "train": [one for one in split.train if one.person_id not in held],
        "val": [one for one in split.train if one.person_id in held],
        "test": list(split.test),
    }
    (folder / "list_sequence").mkdir()
    for part, tracklets in parts.items():
        lines = [f"{_place(split.root, one, folder, part, rng)} {one.person_id}\n" for one in tracklets]
        (folder / "list_sequence" / f"list_seq_{part}.txt").write_text("".join(lines), encoding="utf-8")
    query = np.asarray(split.query_index, dtype=np.int64)
    _write_queries(folder / "test", query, parts["test"])
    return _counts(parts, [split.test[row] for row in query], split)


def _place(root: Path, tracklet: Tracklet, folder: Path, part: str, rng: np.random.Generator) -> str:
    """Link the frames of a tracklet; returns the beginning of their paths."""
    number = int(tracklet.key.rpartition("T")[2])
    person = f"{tracklet.person_id:04d}"
    prefix = f"tracklet_{part}/{person}/{person}_{number:04d}_{tracklet.camera_id:02d}"
    (folder / f"tracklet_{part}" / person).mkdir(parents=True, exist_ok=True)
    clock = int(rng.integers(*_CLOCK))
    for place, frame in enumerate(tracklet.frames):
        place_frame(root / frame, folder / f"{prefix}_{clock + _FRAME_STEP * place:06d}.jpg")
    return prefix


def _write_queries(folder: Path, query: NDArray[np.int64], test: Sequence[Tracklet]) -> None:
    """The files of both releases; line numbers count from 1."""
    (folder / "data").mkdir(parents=True)
    _write_matlab(folder / "data" / "info_test.mat", query + 1)
    np.save(folder / "query.npy", query + 1)
    ends = np.cumsum(lengths(test))
    table = np.stack([ends - lengths(test) + 1, ends, person_ids(test), camera_ids(test)], axis=1)
    np.save(folder / "info_test.npy", table)


def _write_matlab(path: Path, query: NDArray[np.int64]) -> None:
    """A column of numbers as MATLAB 7.3 stores it: HDF5 behind a block that says so."""
    hdf5 = _hdf5()
    with hdf5.File(path, "w", userblock_size=_USER_BLOCK) as file:
        made = file.create_dataset("query", data=query[None].astype(np.float64))
        made.attrs["MATLAB_class"] = np.bytes_(b"double")
    with path.open("r+b") as stream:
        stream.write(_MATLAB_HEADER.ljust(124) + b"\x00\x02IM")


def _hdf5() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            "SynthWalk in the layout of LS-VID has a MATLAB 7.3 file, which the package h5py writes: install it with "
            "`pip install h5py`"
        ) from error
    return h5py


def _counts(parts: dict[str, list[Tracklet]], query: Sequence[Tracklet], split: Split) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part, tracklets in (*parts.items(), ("query", query)):
        counts[f"{part}_ids"] = len({one.person_id for one in tracklets})
        counts[f"{part}_tracklets"] = len(tracklets)
        counts[f"{part}_frames"] = sum(len(one) for one in tracklets)
    rendered = split.counts()  # of the same tracklets in another layout
    same = ("unmatched_queries", "unmatched_queries_removed")
    return counts | {
        "gallery_tracklets": counts["test_tracklets"],
        "gallery_frames": counts["test_frames"],
        **dict.fromkeys(("distractor_tracklets", "distractor_frames", "junk_tracklets", "junk_frames"), 0),
        "cameras": len({one.camera_id for part in ("train", "test") for one in parts[part]}),
        **{name: rendered[name] for name in same},
    }
