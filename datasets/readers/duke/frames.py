"""One part of DukeMTMC-VideoReID: its frames in time order, and what their names say that their folders do not."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Problem
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.listing import FolderListing
from datasets.readers.duke.names import Parsed, parse

_LATEST_START = 2  # some tracklets of the release have no F0001
_MARS = re.compile(r"(?:[0-9]{4}|00-1)C[0-9]T[0-9]{4}F[0-9]{3}\.jpg")
_DIGITS = 9  # of a person or tracklet, at most
_AGAIN = "copy the folder again from the original"
_KINDS = {
    "name": "files that are not named like an image of this data set",
    "person": "tracklets with an image of another person",
    "camera": "tracklets with images of several cameras",
    "order": "tracklets with two images of one number",
    "gap": "tracklets with gaps in the numbers of their images",
    "folder": "folders that are not a tracklet of at least one image",
}


@dataclass(frozen=True, eq=False)
class FrameRun:
    """N tracklets with F frames in time order.

    Attributes:
        folders: `part/person/tracklet`.
        people, numbers, cameras: of each tracklet, int64 [N].
        starts: int64 [N + 1]; tracklet n has the rows `starts[n]:starts[n + 1]`.
        names: bytes [F] in time order.
        sizes: bytes of each file, int64 [F]; None where no file was asked.
        found: what is wrong with single folders and names, by kind.
    """

    folders: tuple[str, ...]
    people: NDArray[np.int64]
    numbers: NDArray[np.int64]
    cameras: NDArray[np.int64]
    starts: NDArray[np.int64]
    names: NDArray[np.bytes_]
    sizes: NDArray[np.int64] | None
    found: dict[str, tuple[Problem, ...]]

    def __len__(self) -> int:
        return len(self.folders)


def part_of(listing: FolderListing, part: str) -> FrameRun:
    """Sort the frames of every tracklet by their numbers, and compare names with folders.

    Raises:
        DataError: there are images, but none has a name of this data set.
    """
    told = parse(listing.names)
    if not told.valid.any():
        wanted = "0001_C6_F0099_X30823.jpg or 0001C6F0099X30823.jpg"
        if not len(listing.names):
            raise DataError(
                f"{part}/<person>/<tracklet> holds no image, expected names like {wanted}; "
                f"{listing.hint or 'copy the original again'}"
            )
        first = listing.path(0)
        remedy = "this is no copy of DukeMTMC-VideoReID: copy the original again"
        if _MARS.fullmatch(first.rpartition("/")[2]):
            remedy = (
                "this is a name of MARS: read the original folders bbox_train, bbox_test and info as 'mars', or write "
                "a CSV of the tracklets and read it as 'own'"
            )
        raise DataError(f"{first} is the first of the images, expected names like {wanted}; {remedy}")
    folder_of = listing.folder_of
    found: dict[str, list[Problem]] = {kind: [] for kind in _KINDS}
    for row in np.flatnonzero(~told.valid):
        found["name"].append(
            Problem("name", listing.path(int(row)), "is not named like an image", "remove it, or copy it again")
        )
    # Images of a folder stay together and are sorted by their number; names decide between equal numbers.
    order = np.lexsort((told.frame, folder_of))
    order = order[told.valid[order]]
    ids, usable = _ids(listing.folders)
    counts = np.bincount(folder_of[order], minlength=len(usable))
    for row in np.flatnonzero(~usable | (counts == 0)):
        what = "holds no image" if usable[row] else "is not named <person>/<tracklet> by numbers"
        found["folder"].append(Problem("folder", listing.folders[row], what, _AGAIN))
    usable &= counts > 0
    order = order[usable[folder_of[order]]]
    kept = np.flatnonzero(usable)
    starts = np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64)
    frames = Parsed(told.valid[order], told.person[order], told.camera[order], told.frame[order])
    result = FrameRun(
        folders=tuple(listing.folders[row] for row in kept),
        people=ids[kept, 0],
        numbers=ids[kept, 1],
        cameras=_most_frequent(frames.camera, starts),
        starts=starts,
        names=listing.names[order],
        sizes=None if listing.sizes is None else listing.sizes[order],
        found={},
    )
    for kind, problem in _contradictions(result, frames):
        found[kind].append(problem)
    return replace(result, found={kind: tuple(problems) for kind, problems in found.items()})


def checks(part: FrameRun, name: str, *, gaps_are_faults: bool) -> list[Check]:
    """A check for every kind of problem.

    Args:
        part: the tracklets.
        name: of the part.
        gaps_are_faults: frames are missing where their numbers have gaps.
    """
    return [
        Check(
            f"{name} {what}",
            0 if kind != "gap" or gaps_are_faults else None,
            len(part.found[kind]),
            f"{name_some([one.file for one in part.found[kind]])}: {_AGAIN}",
            "order" if kind == "gap" else kind,
        )
        for kind, what in _KINDS.items()
    ]


def problems(part: FrameRun) -> list[Problem]:
    """Everything that is wrong with single folders and names."""
    return [one for found in part.found.values() for one in found]


def difference(copy: FrameRun, place: int, original: FrameRun, row: int) -> str:
    """How the folder of a query differs from its copy in the gallery, as the rest of a sentence; empty if not.

    Args:
        copy: the queries.
        place: which of them, from 0.
        original: the gallery.
        row: which of its tracklets, from 0.
    """
    ours = slice(int(copy.starts[place]), int(copy.starts[place + 1]))
    theirs = slice(int(original.starts[row]), int(original.starts[row + 1]))
    here, there = copy.names[ours], original.names[theirs]
    if len(here) != len(there):
        return f"holds {len(here)} images, but {original.folders[row]} holds {len(there)}"
    other = np.flatnonzero(here != there)
    if other.size:
        return f"holds {_text(here[other[0]])}, but {original.folders[row]} holds {_text(there[other[0]])} in its place"
    if copy.sizes is not None and original.sizes is not None:
        sizes = copy.sizes[ours], original.sizes[theirs]
        other = np.flatnonzero(sizes[0] != sizes[1])
        if other.size:
            first = int(other[0])
            return (
                f"holds {_text(here[first])} with {sizes[0][first]:,} bytes, but in {original.folders[row]} it has "
                f"{sizes[1][first]:,}"
            )
    return ""


def _ids(folders: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Person and tracklet number of each folder, int64 [N,2], and which folders are named by such numbers."""
    ids = np.zeros((len(folders), 2), dtype=np.int64)
    usable = np.zeros(len(folders), dtype=bool)
    for row, folder in enumerate(folders):
        words = folder.split("/")[-2:]
        usable[row] = all(word.isascii() and word.isdecimal() and len(word) <= _DIGITS for word in words)
        if usable[row]:
            ids[row] = [int(word) for word in words]
    return ids, usable


def _most_frequent(cameras: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The camera that most frames of each tracklet name, int64 [N]; the lower one where two do."""
    row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    votes = np.zeros((len(starts) - 1, 10), dtype=np.int64)
    np.add.at(votes, (row, cameras), 1)
    return votes.argmax(axis=1).astype(np.int64)


def _contradictions(part: FrameRun, frames: Parsed) -> Iterator[tuple[str, Problem]]:
    """What the names of a tracklet say against its folder and against each other, one problem a kind and folder."""
    row = np.repeat(np.arange(len(part)), np.diff(part.starts))
    for kind, column, own in (("person", frames.person, part.people), ("camera", frames.camera, part.cameras)):
        for folder, first in _firsts(row, np.flatnonzero(column != own[row])):
            told = f"holds {_text(part.names[first])}, but its {kind} is {own[folder]}"
            yield (
                kind,
                Problem(kind, part.folders[folder], told, "move the image to its own tracklet, or copy it again"),
            )
    step = np.diff(frames.frame)
    inside = row[1:] == row[:-1]
    for folder, first in _firsts(row, np.flatnonzero(inside & (step == 0)) + 1):
        told = f"holds {_text(part.names[first - 1])} and {_text(part.names[first])}, which bear the same number"
        yield "order", Problem("order", part.folders[folder], told, "remove the one that does not belong there")
    late = part.starts[:-1][(frames.frame[part.starts[:-1]] > _LATEST_START) | (frames.frame[part.starts[:-1]] < 1)]
    gaps = np.union1d(np.flatnonzero(inside & (step > 1)) + 1, late)
    for folder, first in _firsts(row, gaps):
        number = int(frames.frame[first])
        if first == part.starts[folder]:
            told = f"starts at frame F{number:04d}, expected F0001 or F0002"
        else:
            told = f"jumps from frame F{frames.frame[first - 1]:04d} to F{number:04d}"
        yield "gap", Problem("order", part.folders[folder], told, _AGAIN)


def _firsts(row: NDArray[np.int64], places: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """The first place in each tracklet: pairs (tracklet, place)."""
    folders, first = np.unique(row[places], return_index=True)
    return zip(folders.tolist(), places[first].tolist(), strict=True)


def _text(name: bytes | np.bytes_) -> str:
    return os.fsdecode(bytes(name))
