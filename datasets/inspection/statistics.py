"""What a data set is made of: tracklet lengths, people, cameras and answers, counted for each of its parts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import DISTRACTOR, JUNK, Split, camera_ids, lengths, person_ids

SHORTER_THAN = (4, 8, 16, 32, 64)
"""Clips of these many frames are usual; a shorter tracklet fills them by repeating frames."""

Histogram = dict[int, int]  # value -> how many have it, by rising value
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """One part of a data set.

    Attributes:
        name: ``train``; ``test``, all of it; ``test_real`` persons; ``distractors``; ``junk``; ``query``; ``gallery``
            without junk, and ``gallery_without_queries`` as a family of published code takes it.
        tracklets, frames: how many.
        people: real persons among them; distractors and junk count as none.
        lengths: frames -> tracklets.
        cameras: camera -> tracklets.
        camera_frames: camera -> frames.
        tracklets_per_person: tracklets of a real person -> persons.
        cameras_per_person: cameras that a real person is seen by -> persons.
    """

    name: str
    tracklets: int
    frames: int
    people: int
    lengths: Histogram
    cameras: Histogram
    camera_frames: Histogram
    tracklets_per_person: Histogram
    cameras_per_person: Histogram

    @property
    def shortest(self) -> int:
        """Frames of the shortest tracklet."""
        return min(self.lengths)

    @property
    def longest(self) -> int:
        """Frames of the longest tracklet."""
        return max(self.lengths)

    @property
    def median(self) -> float:
        """Median length; the mean of the two in the middle where their number is even."""
        return median(self.lengths)

    @property
    def mean(self) -> float:
        """Mean length."""
        return self.frames / self.tracklets

    def below(self, frames: int) -> int:
        """How many tracklets have fewer frames."""
        return sum(count for length, count in self.lengths.items() if length < frames)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, the derived numbers included."""
        derived = {"shortest": self.shortest, "median": self.median, "mean": self.mean, "longest": self.longest}
        return asdict(self) | derived | {"below": {frames: self.below(frames) for frames in SHORTER_THAN}}


@dataclass(frozen=True, slots=True)
class Census:
    """All parts of one division of a data set.

    Attributes:
        parts: those that hold a tracklet; ``test_real`` and ``gallery_without_queries`` only where they are fewer than
            ``test`` and ``gallery``.
        answers: right answers of a query (gallery tracklets of its person from another camera) -> queries.
        answers_without_queries: the same where the query tracklets are taken out of the gallery.
    """

    parts: tuple[SplitStatistics, ...]
    answers: Histogram
    answers_without_queries: Histogram

    def part(self, name: str) -> SplitStatistics | None:
        """The part of that name, if there is one."""
        return next((part for part in self.parts if part.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "parts": [part.as_dict() for part in self.parts],
            "answers": self.answers,
            "answers_without_queries": self.answers_without_queries,
        }


def census(split: Split) -> Census:
    """Count one division of a data set."""
    train = _Rows(person_ids(split.train), camera_ids(split.train), lengths(split.train))
    test = _Rows(person_ids(split.test), camera_ids(split.test), lengths(split.test))
    everything = np.arange(len(split.test), dtype=np.int64)
    gallery = split.gallery_index[test.people[split.gallery_index] != JUNK]
    alone = np.setdiff1d(gallery, split.query_index)
    rows = {
        "test": everything,
        "test_real": everything[test.people > 0],
        "distractors": everything[test.people == DISTRACTOR],
        "junk": everything[test.people == JUNK],
        "query": split.query_index,
        "gallery": gallery,
        "gallery_without_queries": alone,
    }
    parts = [_part("train", train, np.arange(len(split.train), dtype=np.int64))] if split.train else []
    for name, chosen in rows.items():
        same = {"test_real": "test", "gallery_without_queries": "gallery"}.get(name)
        if chosen.size and (same is None or len(chosen) < len(rows[same])):
            parts.append(_part(name, test, chosen))
    return Census(
        tuple(parts),
        _answers(test, split.query_index, gallery),
        _answers(test, split.query_index, alone),
    )


def median(histogram: Histogram) -> float:
    """The median of the values of a histogram that is not empty."""
    values, counts = np.array(sorted(histogram.items()), dtype=np.int64).T
    ends = np.cumsum(counts)
    total = int(ends[-1])
    low, high = np.searchsorted(ends, [(total - 1) // 2, total // 2], side="right")
    return float(values[low] + values[high]) / 2


@dataclass(frozen=True, slots=True)
class _Rows:
    people: Numbers
    cameras: Numbers
    lengths: Numbers


def _part(name: str, rows: _Rows, chosen: Numbers) -> SplitStatistics:
    people, cameras, frames = rows.people[chosen], rows.cameras[chosen], rows.lengths[chosen]
    real = people > 0
    pairs = np.unique(np.stack([people[real], cameras[real]], axis=1), axis=0)
    return SplitStatistics(
        name=name,
        tracklets=len(chosen),
        frames=int(frames.sum()),
        people=len(np.unique(people[real])),
        lengths=_histogram(frames),
        cameras=_histogram(cameras),
        camera_frames={int(camera): int(frames[cameras == camera].sum()) for camera in np.unique(cameras)},
        tracklets_per_person=_histogram(_counts(people[real])),
        cameras_per_person=_histogram(_counts(pairs[:, 0])),
    )


def _answers(rows: _Rows, query: Numbers, gallery: Numbers) -> Histogram:
    seen: dict[int, dict[int, int]] = {}
    for person, camera in zip(rows.people[gallery].tolist(), rows.cameras[gallery].tolist(), strict=True):
        by_camera = seen.setdefault(person, {})
        by_camera[camera] = by_camera.get(camera, 0) + 1
    found = []
    for person, camera in zip(rows.people[query].tolist(), rows.cameras[query].tolist(), strict=True):
        by_camera = seen.get(person, {})
        found.append(sum(by_camera.values()) - by_camera.get(camera, 0))
    return _histogram(found)


def _histogram(values: Numbers | Iterable[int]) -> Histogram:
    found, counts = np.unique(np.asarray(values, dtype=np.int64), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _counts(values: Numbers) -> Numbers:
    return np.unique(values, return_counts=True)[1].astype(np.int64)
