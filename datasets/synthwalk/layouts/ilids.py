"""SynthWalk in the layout of iLIDS-VID: person numbers with gaps, source frame numbers, a split file beside all."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.readers.two_cameras import ilids
from datasets.readers.two_cameras.splits import counts_of
from datasets.seeding import generator
from datasets.synthwalk.layouts import png_sequences
from datasets.synthwalk.presets import World
from datasets.tracklet import Split

_SKIPPED = 0.06  # share of numbers without a person: 300 people are numbered up to 319 in the release
_LOST = 0.02  # share of frames after which the source video goes on without one
_FIRST = 60_000  # frames at most before the first one of a tracklet, of five digits


def fit(world: World) -> World:
    """Two cameras that see everybody once; the halves of the world are one crowd, of an even number."""
    odd = (world.train_ids + world.test_ids) % 2
    return png_sequences.two_cameras(replace(world, train_ids=world.train_ids + odd))


def arrange(split: Split, folder: Path, seed: int) -> dict[str, int]:
    """Write the frames and the ten divisions below an empty folder; returns what the reader must find."""
    people = png_sequences.by_person(split)
    rng = generator(seed, "ilids", "people")
    numbers = np.cumsum(1 + (rng.random(len(people)) < _SKIPPED)).tolist()
    digits = max(3, len(str(numbers[-1])))
    targets: list[png_sequences.Target] = []
    for number, (person, cameras) in zip(numbers, people.items(), strict=True):
        name = f"person{number:0{digits}d}"
        for camera, tracklet in cameras.items():
            rng = generator(seed, "ilids", "frames", person, camera)
            steps = 1 + (rng.random(len(tracklet)) < _LOST)
            sources = (int(rng.integers(_FIRST)) + np.cumsum(steps)).tolist()
            files = [f"cam{camera}_{name}_{source:05d}.png" for source in sources]
            targets.append((tracklet, f"{ilids.LAYOUT.sequences}/cam{camera}/{name}", files))
    png_sequences.write_frames(split.root, folder, targets)
    orders = png_sequences.orders(seed, "ilids", len(people))
    png_sequences.write_variables(folder / ilids.SPLIT_FOLDER / ilids.SPLIT_FILE, {"ls_set": orders})
    frames = sum(len(tracklet) for tracklet, *_ in targets)
    return {**counts_of(len(people)), "people": len(people), "frames": frames}
