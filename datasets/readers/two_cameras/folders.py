"""Folders of iLIDS-VID and PRID-2011: who was seen by which camera, and the frames in the order of their numbers.

<root>/<sequences>/<camera>/<person>/<frame>.png
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Problem
from datasets.errors import DataError
from datasets.files.image_files import MISSING, strays
from datasets.files.listing import FolderListing, list_folders
from datasets.files.paths import ListedFrames, names_array
from datasets.files.system_files import folders_in, is_companion
from datasets.tracklet import Tracklet

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """How one of the two releases lies on disk.

    Attributes:
        title: what messages call the data set.
        sequences: folder of the image sequences.
        cameras: folders of camera 1, the queries, and of camera 2.
        person: name of a person's folder; its group is the person's number.
        frame: name of a frame, with a group ``number`` and, where the name repeats them, ``camera`` and ``person``.
        example: path of a frame, for messages.
    """

    title: str
    sequences: str
    cameras: tuple[str, str]
    person: re.Pattern[str]
    frame: re.Pattern[str]
    example: str


@dataclass(frozen=True, slots=True)
class Release:
    """The folders of a release.

    Attributes:
        root: folder that holds the sequences.
        layout: how it lies there.
        folders: for each camera, person number -> folder name, in the order of the names.
        strange: further things that lie among the folders of people.
        companions: how many files and folders a system left among them.
    """

    root: Path
    layout: Layout
    folders: tuple[dict[int, str], dict[int, str]]
    strange: tuple[str, ...]
    companions: int = 0

    @property
    def common(self) -> list[int]:
        """People under both cameras, in the order of their folders' names."""
        return [person for person in self.folders[0] if person in self.folders[1]]

    @property
    def single(self) -> tuple[list[int], list[int]]:
        """People under camera 1 alone, and under camera 2 alone."""
        first, second = self.folders
        return [person for person in first if person not in second], [one for one in second if one not in first]

    def path(self, camera: int, person: int) -> str:
        """A person's folder under camera 1 or 2, relative to root."""
        layout = self.layout
        return f"{layout.sequences}/{layout.cameras[camera - 1]}/{self.folders[camera - 1][person]}"


@dataclass(frozen=True, eq=False)
class PersonFolder:
    """What was found in the folder of one person under one camera.

    Attributes:
        tracklet: its frames in the order of their numbers.
        sizes: bytes of each frame, int64 [F]; -1 where no file was asked.
        problems: of single files; one whose place in the order is in doubt is no frame of the tracklet.
        gaps: how often the numbers leave one out.
    """

    tracklet: Tracklet
    sizes: NDArray[np.int64]
    problems: tuple[Problem, ...]
    gaps: int


class PersonFolders(NamedTuple):
    """Several folders, and all that lies in them."""

    folders: list[PersonFolder]
    listing: FolderListing


def open_release(root: Path, layout: Layout) -> Release:
    """Find a release and list the folders of its people.

    Args:
        root: the folder that holds the sequences, the sequences themselves, or a folder with one such folder in it.
        layout: of the release.

    Raises:
        DataError: it is not there, a camera is missing, or two folders have the number of one person.
    """
    root = _find_root(root, layout)
    strange: list[str] = []
    listed = []
    for camera in layout.cameras:
        folder = root / layout.sequences / camera
        if not folder.is_dir():
            raise DataError(
                f"{folder} is missing, expected both {' and '.join(layout.cameras)} beside each other; "
                f"copy {layout.title} again"
            )
        listed.append(_people(folder, layout, strange))
    kept = [one for one in strange if not is_companion(one.rpartition("/")[2])]
    return Release(root, layout, (listed[0], listed[1]), tuple(kept), len(strange) - len(kept))


def _find_root(root: Path, layout: Layout) -> Path:
    wanted = f"{layout.sequences}/{layout.cameras[0]} and {layout.sequences}/{layout.cameras[1]}"
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder of {layout.title} that holds {wanted}")
    if _holds(root, layout):
        return root
    if root.name == layout.sequences and _holds(root.parent, layout):
        return root.parent
    inside = [child for child in folders_in(root) if _holds(child, layout)]
    if len(inside) == 1:
        return inside[0]
    hint = f"; it holds several: name one of {', '.join(str(path) for path in inside)}" if inside else ""
    raise DataError(
        f"{root} is not in the layout of {layout.title}, expected {wanted} in it"
        f"{hint or f' (frames like {layout.example}); give the folder that holds them'}"
    )


def _holds(folder: Path, layout: Layout) -> bool:
    return any((folder / layout.sequences / camera).is_dir() for camera in layout.cameras)


def _people(folder: Path, layout: Layout, strange: list[str]) -> dict[int, str]:
    """Folders of people by number, in the order of their names; whatever else lies there joins `strange`."""
    found: dict[int, str] = {}
    try:
        with os.scandir(folder) as entries:
            listed = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError as error:
        raise DataError(f"{folder} cannot be listed ({error.strerror}); make it readable") from error
    for name, is_folder in listed:
        match = layout.person.fullmatch(name)
        if match is None or not is_folder:
            strange.append(f"{layout.sequences}/{folder.name}/{name}")
            continue
        person = int(match[1])
        if person in found:
            raise DataError(
                f"{folder} holds {found[person]} and {name}, two folders of person {person}; remove the one that is "
                "not of the release"
            )
        found[person] = name
    return found


def read_folders(release: Release, wanted: Sequence[tuple[int, int]], sizes: bool) -> PersonFolders:
    """The tracklets of some people.

    Args:
        release: the folders.
        wanted: camera (1 or 2) and person of each.
        sizes: ask for the size of every frame.

    Raises:
        DataError: a folder may not be read.
    """
    paths = [release.path(camera, person) for camera, person in wanted]
    listing = list_folders(release.root, paths, "listing frames", suffix=b".png", sizes=sizes)
    found = []
    for row, (camera, person) in enumerate(wanted):
        part = slice(listing.starts[row], listing.starts[row + 1])
        names = [os.fsdecode(name) for name in listing.names[part].tolist()]
        told = [None] * len(names) if listing.sizes is None else listing.sizes[part].tolist()
        deeper = [one for one in listing.deeper if one.startswith(f"{paths[row]}/")]
        capitals = [one for one in listing.capitals if one.startswith(f"{paths[row]}/")]
        hint = strays(capitals, deeper)
        found.append(_read_folder(release, camera, person, dict(zip(names, told, strict=True)), hint))
    return PersonFolders(found, listing)


def _read_folder(release: Release, camera: int, person: int, listed: dict[str, int | None], hint: str) -> PersonFolder:
    path = release.path(camera, person)
    problems: list[Problem] = []
    frames: dict[int, str] = {}
    for name, size in listed.items():
        file = f"{path}/{name}"
        if size == 0:
            problems.append(Problem("empty", file, "has 0 bytes", "copy it again"))
        elif size == MISSING:
            problems.append(Problem("missing", file, "is a link that leads nowhere", "copy it again"))
        match = release.layout.frame.fullmatch(name)
        fault = _fault(file, match, camera, person, release.layout) or _twin(file, match, frames)
        if fault is not None:
            problems.append(fault)
        elif match is not None:
            frames[int(match["number"])] = name
    if not frames:
        example = release.layout.example.rpartition("/")[2]
        problems.append(Problem("missing", path, f"holds no frame with a name like {example}", hint or "copy it again"))
    numbers = sorted(frames)
    names = [frames[number] for number in numbers]
    sizes = [listed[name] for name in names]
    tracklet = Tracklet(
        f"{release.layout.cameras[camera - 1]}_{release.folders[camera - 1][person]}",
        person,
        camera,
        ListedFrames(f"{path}/", names_array(names)),
    )
    return PersonFolder(
        tracklet,
        np.array([_UNKNOWN if size is None else size for size in sizes], dtype=np.int64),
        tuple(problems),
        int((np.diff(numbers) > 1).sum()),
    )


def _fault(file: str, match: re.Match[str] | None, camera: int, person: int, layout: Layout) -> Problem | None:
    """What is wrong with the name of a frame, if anything."""
    if match is None:
        expected = layout.example.rpartition("/")[2]
        return Problem("order", file, f"has no frame number, expected a name like {expected}", "rename or remove it")
    for what, number in (("camera", camera), ("person", person)):
        if int(match.groupdict().get(what, number)) != number:
            return Problem(what, file, f"is of another {what}, expected {what} {number} there", "copy the folder again")
    return None


def _twin(file: str, match: re.Match[str] | None, frames: dict[int, str]) -> Problem | None:
    """Is there a frame of the same number already?"""
    there = frames.get(int(match["number"])) if match is not None else None
    if there is None:
        return None
    return Problem("order", file, f"has the frame number of {there}", "remove the one that is not of the release")
