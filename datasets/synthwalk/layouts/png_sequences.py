"""What the arrangements of iLIDS-VID and PRID-2011 share: two cameras, PNG frames, random orders in a split file."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.images import decode
from datasets.readers.two_cameras.splits import DIVISIONS
from datasets.seeding import generator
from datasets.synthwalk.presets import World
from datasets.synthwalk.write import put
from datasets.tracklet import Split, Tracklet
from files.cores import usable_cores
from files.formats import matlab_write

_HEADER = b"MATLAB 5.0 MAT-file, written by SynthWalk"
_THREADS = 16  # at most
_COMPRESSION = 3  # of zlib: nearly as small as 9, in a fraction of the time

Target = tuple[Tracklet, str, list[str]]
"""A rendered tracklet, the folder its frames go to, and their names there."""


def two_cameras(world: World) -> World:
    """The same people under two cameras, once each, and nobody else: distractors and junk have no place there."""
    return replace(
        world,
        cameras=2,
        cameras_per_person=((2, 1.0),),
        train_cameras_per_person=None,
        second_tracklet=0.0,
        distractors=0,
        junk=0,
        train_tracklets=None,
        test_tracklets=None,
        shape="drawn",
    )


def by_person(split: Split) -> dict[int, dict[int, Tracklet]]:
    """Person and camera of every tracklet of both halves, which these layouts do not keep."""
    found: dict[int, dict[int, Tracklet]] = {}
    for tracklet in sorted((*split.train, *split.test), key=lambda one: (one.person_id, one.camera_id)):
        found.setdefault(tracklet.person_id, {})[tracklet.camera_id] = tracklet
    return found


def write_frames(root: Path, folder: Path, targets: Sequence[Target]) -> None:
    """Write rendered frames as PNG: the pixels of the JPEG, bit for bit.

    Args:
        root: that the tracklets' frame paths are relative to.
        folder: that the folders of the targets are relative to.
        targets: what goes where.
    """

    def write(target: Target) -> None:
        tracklet, place, names = target
        (folder / place).mkdir(parents=True)
        for frame, name in zip(tracklet.frames, names, strict=True):
            pixels = decode.decode((root / frame).read_bytes())
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG", compress_level=_COMPRESSION)
            put(str(folder / place / name), buffer.getvalue())

    with ThreadPoolExecutor(min(_THREADS, usable_cores())) as pool:
        list(pool.map(write, targets))


def orders(seed: int, layout: str, people: int) -> NDArray[np.uint16]:
    """Ten random orders of the positions 1..N, uint16 [10,N]: the first half of each is tested."""
    drawn = [generator(seed, layout, row).permutation(people) + 1 for row in range(DIVISIONS)]
    return np.array(drawn, dtype=np.uint16)


def write_variables(path: Path, variables: dict[str, NDArray[np.uint16]]) -> None:
    """A MATLAB 5 file of some matrices [rows, columns], the same bytes whenever it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(matlab_write.encode(variables, _HEADER))
