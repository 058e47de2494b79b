"""SynthWalk in the layout of PRID-2011: people of one camera above those of both, and a list that leaves some out."""

import json
from pathlib import Path

import numpy as np

from datasets.errors import DataError
from datasets.readers.two_cameras import prid
from datasets.readers.two_cameras.splits import DIVISIONS, counts_of
from datasets.seeding import generator
from datasets.synthwalk.layouts import png_sequences
from datasets.tracklet import Split

_SINGLE = 0.3  # of the people: seen by one camera alone (more than half of those under cam_b in the release)
_LEFT_OUT = 0.11  # of the people of both cameras: 22 of 200 in the literature
_FEWEST = 4  # people of both cameras: two to train on and two to test

fit = png_sequences.two_cameras


def arrange(split: Split, folder: Path, seed: int) -> dict[str, int]:
    """Write the frames and both split files below an empty folder; returns what the reader must find.

    Raises:
        DataError: there are too few people.
    """
    people = png_sequences.by_person(split)
    shuffled = generator(seed, "prid", "people").permutation(sorted(people)).tolist()
    count = round((1 - _SINGLE) * len(shuffled))
    both, single = sorted(shuffled[:count]), shuffled[count:]
    if count < _FEWEST:
        raise DataError(
            f"{count} of the {len(people)} people of this world would be seen by both cameras, expected {_FEWEST} at "
            "least in the layout of PRID-2011; render more people (train_ids, test_ids)"
        )
    targets: list[png_sequences.Target] = []
    for camera, place in enumerate(prid.LAYOUT.cameras, start=1):
        # Above the common people each camera counts for itself: a number is somebody else under the other one.
        for number, person in enumerate(both + sorted(single[camera - 1 :: 2]), start=1):
            tracklet = people[person][camera]
            files = [f"{frame:04d}.png" for frame in range(1, len(tracklet) + 1)]
            targets.append((tracklet, f"{prid.LAYOUT.sequences}/{place}/person_{number:04d}", files))
    png_sequences.write_frames(split.root, folder, targets)

    lengths = {number: sum(map(len, people[person].values())) for number, person in enumerate(both, start=1)}
    chosen = _choose(lengths)
    orders = png_sequences.orders(seed, "prid", len(chosen))
    _write_splits(folder, chosen, orders)
    return {
        **counts_of(len(chosen)),
        "people": len(chosen),
        "frames": sum(lengths[number] for number in chosen),
        "common": len(both),
        "common_frames": sum(lengths.values()),
    }


def _choose(lengths: dict[int, int]) -> list[int]:
    """The list: an even number of people, without those who were seen most briefly."""
    left_out = round(_LEFT_OUT * len(lengths))
    left_out += (len(lengths) - left_out) % 2
    briefest = sorted(lengths, key=lambda number: (lengths[number], number))[:left_out]
    return sorted(set(lengths) - set(briefest))


def _write_splits(folder: Path, chosen: list[int], orders: np.ndarray) -> None:
    half = len(chosen) // 2
    listed = np.array([chosen], dtype=np.uint16)
    png_sequences.write_variables(folder / prid.MAT_FILE, {"select_idx": listed, "ls_set": orders})
    names = [[f"person_{chosen[position - 1]:04d}" for position in order] for order in orders.tolist()]
    splits = [{"test": sorted(names[row][:half]), "train": sorted(names[row][half:])} for row in range(DIVISIONS)]
    (folder / prid.JSON_FILE).write_text(json.dumps(splits) + "\n", encoding="utf-8")
