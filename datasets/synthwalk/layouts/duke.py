"""SynthWalk in the layout of DukeMTMC-VideoReID: what `datasets.readers.duke.reader` explains.

Like the release, an arranged set has one query a person, which lies in the gallery too; distractors that are ordinary
people with one tracklet each, whose names hold a D for the X; never two tracklets of one person and camera in a half;
tracklet numbers that run through both halves; and some tracklets without an F0001.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from datasets.errors import DataError
from datasets.seeding import generator
from datasets.synthwalk.layouts import place_frame
from datasets.synthwalk.presets import World
from datasets.tracklet import Split, Tracklet

Form = Literal["new", "old"]

CAMERAS = 8
_HIGHEST = 9_999  # four digits stand in a name
_LATE = 0.1  # share of the tracklets that start at F0002
_FRAME_STEP = 12  # a frame was kept of every twelve of the video
_CLOCK = 30_000, 300_000  # where in the video a tracklet may start


@dataclass(frozen=True, slots=True)
class _Placed:
    """A tracklet and the names it gets."""

    source: Tracklet
    person: int
    number: int
    distractor: bool


def fit(world: World) -> World:
    """No junk, one tracklet of a person under a camera, at least two cameras a person, eight cameras at most.

    Raises:
        DataError: the people and distractors are more than four digits can number.
    """
    people = 2 * max(world.train_ids, world.test_ids)
    if people + world.distractors > _HIGHEST:
        raise DataError(
            f"the layout of Duke numbers people and distractors with four digits, but {world.train_ids:,} and "
            f"{world.test_ids:,} people and {world.distractors:,} distractors were asked for; ask for fewer"
        )
    cameras = min(world.cameras, CAMERAS)
    shares: dict[int, float] = {}
    for number, share in world.cameras_per_person:
        fitted = min(max(number, 2), cameras)
        shares[fitted] = shares.get(fitted, 0.0) + share
    return replace(
        world,
        junk=0,
        cameras=cameras,
        cameras_per_person=tuple(shares.items()),
        train_cameras_per_person=None,
        second_tracklet=0.0,
        train_tracklets=None,
        test_tracklets=None,
        shape="drawn",
    )


def arrange(split: Split, folder: Path, seed: int, *, form: Form = "new") -> dict[str, int]:
    """Link the frames of a rendered world into the layout.

    Args:
        split: the world, in the layout of MARS.
        folder: where to; empty, on the same disk.
        seed: of the queries, of the distractors' numbers and of the frame numbers.
        form: of the image names.

    Returns:
        The counts that a reader must find.
    """
    rng = generator(seed, "layout of duke")
    taken = {one.person_id for one in (*split.train, *split.test)}
    free = np.setdiff1d(np.arange(1, _HIGHEST + 1), sorted(taken))
    strangers = [one for one in split.test if one.person_id == 0]
    numbers = rng.choice(free, size=len(strangers), replace=False).tolist()
    train = [(one, one.person_id) for one in split.train]
    test = [(one, one.person_id) for one in split.test if one.person_id > 0] + list(
        zip(strangers, numbers, strict=True)
    )
    parts = {"train": _number(train, 1), "gallery": _number(test, 1 + len(train))}
    parts["query"] = _draw_queries(parts["gallery"], rng)
    queries = {one.number for one in parts["query"]}
    for part in ("train", "gallery"):
        for placed in parts[part]:
            names = _names(placed, rng, form)
            _link(split.root, placed, names, folder / part)
            if part == "gallery" and placed.number in queries:
                _link(split.root, placed, names, folder / "query")
    return _counts(parts)


def _number(tracklets: Sequence[tuple[Tracklet, int]], first: int) -> list[_Placed]:
    """Number tracklets on, by person and camera."""
    ranked = sorted(tracklets, key=lambda pair: (pair[1], pair[0].camera_id))
    return [
        _Placed(one, person, number, distractor=one.person_id == 0)
        for number, (one, person) in enumerate(ranked, start=first)
    ]


def _draw_queries(gallery: Sequence[_Placed], rng: np.random.Generator) -> list[_Placed]:
    """One tracklet of every person who is no distractor."""
    seen: dict[int, list[_Placed]] = {}
    for placed in gallery:
        if not placed.distractor:
            seen.setdefault(placed.person, []).append(placed)
    return [tracklets[int(rng.integers(len(tracklets)))] for _, tracklets in sorted(seen.items())]


def _names(placed: _Placed, rng: np.random.Generator, form: Form) -> list[str]:
    first = 2 if rng.random() < _LATE else 1
    clock = int(rng.integers(*_CLOCK))
    between = "_" if form == "new" else ""
    letter = "D" if placed.distractor else "X"
    return [
        between.join(
            (
                f"{placed.person:04d}",
                f"C{placed.source.camera_id}",
                f"F{first + place:04d}",
                f"{letter}{clock + _FRAME_STEP * place}.jpg",
            )
        )
        for place in range(len(placed.source))
    ]


def _link(root: Path, placed: _Placed, names: Sequence[str], part: Path) -> None:
    folder = part / f"{placed.person:04d}" / f"{placed.number:04d}"
    folder.mkdir(parents=True)
    for frame, name in zip(placed.source.frames, names, strict=True):
        place_frame(root / frame, folder / name)


def _counts(parts: dict[str, list[_Placed]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part, tracklets in parts.items():
        counts[f"{part}_tracklets"] = len(tracklets)
        counts[f"{part}_frames"] = sum(len(one.source) for one in tracklets)
    people = {part: {one.person for one in tracklets} for part, tracklets in parts.items()}
    cameras = {one.source.camera_id for tracklets in parts.values() for one in tracklets}
    return counts | {
        "train_ids": len(people["train"]),
        "test_ids": len(people["gallery"]),
        "query_ids": len(people["query"]),
        "test_tracklets": counts["gallery_tracklets"],
        "test_frames": counts["gallery_frames"],
        **dict.fromkeys(("distractor_tracklets", "distractor_frames", "junk_tracklets", "junk_frames"), 0),
        "cameras": len(cameras),
        "unmatched_queries": 0,
        "unmatched_queries_removed": 0,
    }
