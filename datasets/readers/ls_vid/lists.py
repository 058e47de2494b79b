"""Lists of LS-VID: a line a tracklet, and the images whose names begin with it.

    tracklet_train/0001/0001_0001_03 1            beginning of the paths of a tracklet's images, person

The base names of images are four words with underscores between them; the third is the camera, from 1. That is what
published loaders rely on. No real list could be seen: what the other words mean is not known and not used.
"""

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Problem
from datasets.errors import DataError
from datasets.files.listing import FolderListing
from datasets.files.natural_sort import natural_key

_WORDS = 4
_CAMERA_WORD = 2  # from 0
_CAMERA_DIGITS = 3  # at most; there are 15 cameras
_AGAIN = "copy the list and the images from one release"
_LAST = b"\xff"  # after every letter of a file name


@dataclass(frozen=True, eq=False)
class SequenceList:
    """The N lines of a list.

    Attributes:
        path: the file.
        prefixes: beginning of the image paths, relative to the data set's folder.
        people: as they are numbered there, int64 [N].
    """

    path: Path
    prefixes: tuple[str, ...]
    people: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.prefixes)

    @property
    def folders(self) -> list[str]:
        """The folders that hold the images, sorted."""
        return sorted({prefix.rpartition("/")[0] for prefix in self.prefixes})

    def mixed(self) -> tuple[list[str], list[int]]:
        """Folders of a person that hold several people by the list, and people who lie in several such folders."""
        people_in: dict[str, set[int]] = defaultdict(set)
        folders_of: dict[int, set[str]] = defaultdict(set)
        for prefix, person in zip(self.prefixes, self.people.tolist(), strict=True):
            folder = "/".join(prefix.split("/")[:2])
            people_in[folder].add(person)
            folders_of[person].add(folder)
        return (
            sorted(folder for folder, people in people_in.items() if len(people) > 1),
            sorted(person for person, folders in folders_of.items() if len(folders) > 1),
        )


class Gathered(NamedTuple):
    """The images of N tracklets.

    Attributes:
        starts: int64 [N + 1]; tracklet n has the rows `starts[n]:starts[n + 1]`.
        names: base names in time order, bytes [F].
        sizes: bytes of each file, int64 [F]; None where no file was asked.
        cameras: of each tracklet, int64 [N]; 0 where no name tells.
        problems: tracklets without images, of several cameras or none, or with two images of one number.
        unlisted: images that no line of the list fits.
        shared: images that the lines of two tracklets fit; they belong to the longer one.
    """

    starts: NDArray[np.int64]
    names: NDArray[np.bytes_]
    sizes: NDArray[np.int64] | None
    cameras: NDArray[np.int64]
    problems: list[Problem]
    unlisted: int
    shared: int


def read_list(path: Path) -> SequenceList:
    """Read a list.

    Raises:
        DataError: the file is missing, or naming the first line that is not a path and a person, or that stands twice.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; it belongs to the release of LS-VID: copy it from there")
    prefixes: list[str] = []
    people: list[int] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().decode("utf-8", errors="surrogateescape").splitlines(), start=1):
        if not line.strip():
            continue
        prefix, person = _line(path, number, line.strip())
        if prefix in seen:
            raise DataError(
                f"{path}: line {number} names {prefix!r}, as line {seen[prefix]} does; a tracklet must stand there "
                "once: copy the original again"
            )
        seen[prefix] = number
        prefixes.append(prefix)
        people.append(person)
    if not prefixes:
        raise DataError(f"{path} is empty, expected a line a tracklet; copy the original again")
    return SequenceList(path, tuple(prefixes), np.array(people, dtype=np.int64))


def _line(path: Path, number: int, line: str) -> tuple[str, int]:
    words = line.rsplit(maxsplit=1)
    if len(words) != 2 or not re.fullmatch(r"[0-9]{1,9}", words[1]):
        raise DataError(
            f"{path}: line {number} is {line[:80]!r}, expected the beginning of image paths and a person, such as "
            "'tracklet_train/0001/0001_0001_03 1'; copy the original again"
        )
    place = PurePosixPath(words[0].replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or len(place.parts) < 2:
        raise DataError(
            f"{path}: line {number} names {words[0]!r}, expected a path inside the data set's folder such as "
            "tracklet_train/0001/0001_0001_03; copy the original again"
        )
    return str(place), int(words[1])


def gather(listed: SequenceList, listing: FolderListing) -> Gathered:
    """Find the images of every line, in time order.

    Where the beginning of one tracklet is that of another too (`..._1` and `..._10`), an image belongs to the longer
    one that fits; loaders that look for every file that begins so give it to both.

    Args:
        listed: the list.
        listing: of all its folders that there are.
    """
    owner, shared = _owners(listed, listing)
    order = np.argsort(owner, kind="stable")  # names are sorted inside a folder, and so inside a tracklet
    order = order[np.searchsorted(owner[order], 0) :]
    counts = np.bincount(owner[order], minlength=len(listed))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    problems: list[Problem] = []
    cameras = np.zeros(len(listed), dtype=np.int64)
    for place, prefix in enumerate(listed.prefixes):
        rows = order[starts[place] : starts[place + 1]]
        if not len(rows):
            told = f"has no image: no file begins so, but {listed.path.name} lists it"
            problems.append(Problem("missing", prefix, told, _AGAIN))
            continue
        rows = _in_time_order(prefix, rows, listing, problems)
        order[starts[place] : starts[place + 1]] = rows
        cameras[place] = _camera(prefix, listing.names[rows], problems)
    return Gathered(
        starts,
        listing.names[order],
        None if listing.sizes is None else listing.sizes[order],
        cameras,
        problems,
        int((owner < 0).sum()),
        shared,
    )


def _owners(listed: SequenceList, listing: FolderListing) -> tuple[NDArray[np.int64], int]:
    """Row of the list that each image belongs to, int64 [F], -1 for none; how many images two rows fit."""
    stems: dict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for row, prefix in enumerate(listed.prefixes):
        folder, _, stem = prefix.rpartition("/")
        stems[folder].append((os.fsencode(stem), row))
    owner = np.full(len(listing.names), -1, dtype=np.int64)
    shared = 0
    for place, folder in enumerate(listing.folders):
        start, end = listing.starts[place], listing.starts[place + 1]
        names, mine = listing.names[start:end], owner[start:end]
        for beginning, row in sorted(stems[folder], key=lambda pair: len(pair[0])):
            first, last = (int(np.searchsorted(names, edge)) for edge in (beginning, beginning + _LAST))
            shared += int((mine[first:last] >= 0).sum())
            mine[first:last] = row
    return owner, shared


def _in_time_order(
    prefix: str, rows: NDArray[np.int64], listing: FolderListing, problems: list[Problem]
) -> NDArray[np.int64]:
    """Rows by the numbers in their names; names of one length are in that order already."""
    names = listing.names[rows]
    lengths = np.char.str_len(names)
    if lengths.min() == lengths.max():
        return rows
    keys = [natural_key(_text(name)) for name in names.tolist()]
    ranked = sorted(range(len(rows)), key=lambda place: keys[place])
    for one, other in itertools.pairwise(ranked):
        if keys[one] == keys[other]:
            told = f"has the images {_text(names[one])} and {_text(names[other])}, which bear the same number"
            problems.append(Problem("order", prefix, told, "remove the one that does not belong there"))
            break
    return rows[ranked]


def _camera(prefix: str, names: NDArray[np.bytes_], problems: list[Problem]) -> int:
    """The camera of a tracklet: the third word of its first image's name; 0 where that is no number."""
    first = bytes(names[0])
    camera = _camera_of(first)
    if not camera:
        told = f"has the image {_text(first)}, whose name has no camera as the third of four words"
        problems.append(Problem("camera", prefix, told, _AGAIN))
        return 0
    head = b"_".join(first.split(b"_")[: _CAMERA_WORD + 1]) + b"_"
    for other in _unlike(names, head):
        if _camera_of(other) != camera:
            told = f"has images of several cameras: {_text(first)} and {_text(other)}"
            problems.append(Problem("camera", prefix, told, "take the images that do not belong there away"))
            break
    return camera


def _unlike(names: NDArray[np.bytes_], head: bytes) -> list[bytes]:
    """The names that do not begin with the words of the first."""
    table = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), -1)[:, : len(head)]
    return names[(table != np.frombuffer(head, dtype=np.uint8)).any(axis=1)].tolist()


def _camera_of(name: bytes) -> int:
    """The camera in a name; 0 where the third of its words is none."""
    words = name.split(b"_")
    told = words[_CAMERA_WORD] if len(words) >= _WORDS else b""
    return int(told) if told.isdigit() and len(told) <= _CAMERA_DIGITS else 0  # bytes: the digits 0 to 9 alone


def _text(name: bytes | np.bytes_) -> str:
    return os.fsdecode(bytes(name))


def from_zero(lists: Sequence[SequenceList]) -> bool:
    """Whether people are numbered from 0, which would make the first of them distractors in this suite."""
    return any(bool((one.people == 0).any()) for one in lists)
