"""Frames with the same bytes: which of them spoil an accuracy, and which are a property of the recording.

A frame in two tracklets of different people, of different cameras or of both halves is in a wrong place: what is asked
answers itself, or was trained on. So is one that stands in a query and in a gallery tracklet. But trackers cut a walk
into tracklets that overlap: the official release of MARS itself has tracklets of one person under one camera whose
frames are partly the same (39 of 5,572 frames that were looked at, between neighbouring tracklets). A protocol with
cameras leaves these out of the answers to each other, so they spoil nothing, and are counted.

Query and gallery are roles, not places: on MARS and Duke every query stands in the gallery too. Two tracklets are apart
as query and gallery only where they share no role, as where the queries of own data lie in a folder of their own.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Problem
from datasets.tracklet import Split, Tracklet, lengths

_ONE_WRONG = "one of the two is in the wrong place: copy both tracklets again"


class Equals(NamedTuple):
    """What was found.

    Attributes:
        problems: of the kinds ``duplicate`` and ``repeated``, in the order of the frames.
        overlaps: frames that an earlier tracklet of the same person, camera and role has too.
        overlapping: pairs of such tracklets.
    """

    problems: list[Problem]
    overlaps: int
    overlapping: int


class _Place(NamedTuple):
    """A frame and the tracklet that it is of."""

    row: int
    tracklet: Tracklet
    name: str
    roles: frozenset[str]


def find(digests: NDArray[np.uint64], split: Split) -> Equals:
    """Compare frames by digests of their bytes.

    Args:
        digests: of the frames of `train` and `test` [F,2]; zero for those that are not compared.
        split: the data set.
    """
    problems: dict[int, Problem] = {}
    pairs: set[tuple[int, int]] = set()
    overlaps = 0
    places = _Places(split)
    for run in _runs(digests):
        seen: dict[int, _Place] = {}  # row of the tracklet -> its first frame
        for frame in run:
            here = places.of(frame)
            found, other = _compare(here, seen)
            if found is not None:
                problems[frame] = found
            elif other is not None:
                overlaps += 1
                pairs.add((other.row, here.row))
            seen.setdefault(here.row, here)
    return Equals([problems[frame] for frame in sorted(problems)], overlaps, len(pairs))


def _runs(digests: NDArray[np.uint64]) -> Iterator[list[int]]:
    """Frames of the same bytes, two or more, in their order."""
    read = np.flatnonzero(digests.any(axis=1))
    order = read[np.lexsort((read, digests[read, 0], digests[read, 1]))]
    same = np.flatnonzero((digests[order[1:]] == digests[order[:-1]]).all(axis=1)) + 1
    if not same.size:
        return
    begins = np.setdiff1d(same - 1, same)  # a run begins before its first repetition
    lasts = np.setdiff1d(same, same - 1)
    for first, last in zip(begins.tolist(), lasts.tolist(), strict=True):
        yield order[first : last + 1].tolist()


class _Places:
    """Where frames stand, by their number over all tracklets."""

    def __init__(self, split: Split) -> None:
        self._tracklets = (*split.train, *split.test)
        self._ends = np.cumsum(lengths(self._tracklets))
        self._training = len(split.train)
        self._asks, self._answers = set(split.query_index.tolist()), set(split.gallery_index.tolist())

    def of(self, frame: int) -> _Place:
        row = int(np.searchsorted(self._ends, frame, side="right"))
        tracklet = self._tracklets[row]
        return _Place(row, tracklet, tracklet.frames[frame - int(self._ends[row]) + len(tracklet)], self._roles(row))

    def _roles(self, row: int) -> frozenset[str]:
        if row < self._training:
            return frozenset({"train"})
        test = row - self._training
        roles = {"query": test in self._asks, "gallery": test in self._answers}
        return frozenset(role for role, has in roles.items() if has) or frozenset({"gallery"})


def _compare(here: _Place, seen: dict[int, _Place]) -> tuple[Problem | None, _Place | None]:
    """What is wrong with a frame, or else the first tracklet that it overlaps with; neither for the first of a run."""
    if not seen:
        return None, None
    first = next(iter(seen.values()))
    told = _apart(here, first)
    if first.row == here.row or (not told and here.row in seen):
        return _repeated(here, seen[here.row]), None
    if not told:
        # Alike with the first, it may still be apart from another: one that asks from one that answers.
        first, told = next(((one, why) for one in seen.values() if (why := _apart(here, one))), (first, ""))
    if not told:
        return None, first
    if here.name == first.name:
        found = f"is a frame of two tracklets, {first.tracklet.key} and {here.tracklet.key}"
    else:
        found = f"has the same bytes as {first.name} of tracklet {first.tracklet.key}"
    return Problem("duplicate", here.name, f"{found}, {told}", _ONE_WRONG), None


def _apart(here: _Place, other: _Place) -> str:
    """Why the frame must not stand in both tracklets, as the end of a sentence; empty where it may."""
    if ("train" in here.roles) != ("train" in other.roles):
        return "and one is trained on and the other tested on"
    if here.tracklet.person_id != other.tracklet.person_id:
        return "of another person"
    if here.tracklet.camera_id != other.tracklet.camera_id:
        return "of the same person under another camera"
    if not here.roles & other.roles:
        return "of the same person and camera, and one asks where the other answers"
    return ""


def _repeated(here: _Place, first: _Place) -> Problem:
    return Problem(
        "repeated",
        here.name,
        f"has the same bytes as {first.name} of the same tracklet",
        "copy it again, or accept it (--accept repeated) if the recording stands still there",
    )
