"""What iLIDS-VID and PRID-2011 share: two cameras, one tracklet a person and camera, ten divisions into halves.

    <root>/<sequences>/<camera>/<person>/<frame>.png

Camera 1 asks and camera 2 answers; each query has one match. Half of the people are trained on, the other half is
tested, and accuracies are averaged over the ten divisions. Nothing on disk lists the frames, so what a folder holds is
the tracklet: names, numbers and sizes are checked, and the number of people, but a lost frame cannot be told from one
that never was.
"""

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import progress
from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.fingerprint import fingerprint
from datasets.frames_of_folder import ListedFrames, names_array
from datasets.readers.image_files import name_some
from datasets.readers.manifest import Counts, Manifest, spoken
from datasets.tracklet import Split, Tracklet

DIVISIONS = 10

_THREADS = 4  # listing waits for the disk, most of all for a network disk
_UNKNOWN = -1
_KINDS = {
    "missing": "folders without a frame",
    "empty": "images empty",
    "order": "images without a place in the order",
    "camera": "images of another camera",
    "person": "images of another person",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How one of the two releases lies on disk.

    Attributes:
        title: what messages call the data set.
        sequences: folder of the image sequences.
        cameras: folders of camera 1, which asks, and of camera 2.
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
    """

    root: Path
    layout: Layout
    folders: tuple[dict[int, str], dict[int, str]]
    strange: tuple[str, ...]

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


@dataclass(frozen=True, slots=True)
class Division:
    """Who is trained on and who is tested.

    Attributes:
        train, test: person numbers, rising.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]

    def reversed(self) -> "Division":
        """The halves exchanged."""
        return Division(self.test, self.train)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a release is to be read, and what its counts are compared with.

    Attributes:
        name: of the data set where it is the recorded one.
        version: of its content.
        number: of the division, from 0.
        expectation: what counts are compared with.
        people: how many are divided, or None where any number will do.
        frames: how many frames they have together, or None where any number will do.
        frames_named: what the check of it is called.
        remedy: what to do where the counts do not fit.
        check_images: ask for the size of every file.
        manifest: of a rendered set.
        checks: further ones, of the reader.
    """

    name: str
    version: str
    number: int
    expectation: Counts
    people: int | None
    frames: int | None
    frames_named: str
    remedy: str
    check_images: bool
    manifest: Manifest | None
    checks: tuple[Check, ...]


@dataclass(eq=False)
class _Folder:
    """What was found in one person's folder."""

    tracklet: Tracklet
    sizes: NDArray[np.int64]
    problems: list[Problem] = field(default_factory=list)
    others: int = 0
    gaps: int = 0


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
    return Release(root, layout, (listed[0], listed[1]), tuple(strange))


def find_beside(root: Path, names: Sequence[str], folders: Sequence[str] = ()) -> Path | None:
    """A file that comes with a release: in its root, in one of some folders there, or the same in the parent folder.

    Args:
        root: where the sequences lie. What lies there comes before what lies in the parent folder.
        names: it may have any of these.
        folders: below root or its parent.

    Raises:
        DataError: it is there twice with different content.
    """
    for place in (root, root.parent):
        candidates = [place / folder / name for folder in ("", *folders) for name in names]
        there = [path for path in candidates if path.is_file()]
        for path in there[1:]:
            if path.read_bytes() != there[0].read_bytes():
                raise DataError(f"{there[0]} and {path} differ; remove the one that is not of the release")
        if there:
            return there[0]
    return None


def halves(orders: NDArray[np.generic], people: Sequence[int], source: Path) -> list[Division]:
    """Ten divisions from ten orders of the people; the first half of an order is TEST.

    So read torchreid, TKP, STMP, AP3D and others (CSA: the reverse).

    Args:
        orders: [10,N], each row a permutation of 1..N: positions in `people`.
        people: person numbers [N].
        source: the file that the orders are from.

    Raises:
        DataError: for any other table.
    """
    count = len(people)
    if orders.dtype.kind not in "iuf" or orders.ndim != 2 or orders.shape[0] != DIVISIONS:
        raise DataError(
            f"{source}: 'ls_set' is an array {list(orders.shape)} of {orders.dtype}, expected {DIVISIONS} rows of "
            "whole numbers; copy it again"
        )
    if orders.shape[1] != count:
        raise DataError(
            f"{source}: 'ls_set' orders {orders.shape[1]} people, but {count} are there to be divided; the file and "
            "the folders belong to different copies: take both from one"
        )
    for row, order in enumerate(orders, start=1):
        if not np.array_equal(np.sort(order), np.arange(1, count + 1)):
            raise DataError(
                f"{source}: row {row} of 'ls_set' is no order of the numbers 1 to {count}, expected each of them "
                "once; copy it again"
            )
    numbers = np.array(people, dtype=np.int64)[orders.astype(np.int64) - 1]
    return [division(order[count // 2 :].tolist(), order[: count // 2].tolist()) for order in numbers]


def division(train: Iterable[int], test: Iterable[int]) -> Division:
    """A division in the order of the person numbers."""
    return Division(tuple(sorted(train)), tuple(sorted(test)))


def counts_of(people: int) -> dict[str, int]:
    """The sizes that hold in every division, under the names of `Split.counts`; frames differ from one to the next."""
    test = people // 2
    train = people - test
    return {
        "train_ids": train,
        "train_tracklets": 2 * train,
        "test_ids": test,
        "test_tracklets": 2 * test,
        "query_ids": test,
        "query_tracklets": test,
        "gallery_tracklets": test,
        "distractor_tracklets": 0,
        "distractor_frames": 0,
        "junk_tracklets": 0,
        "junk_frames": 0,
        "cameras": 2,
        "unmatched_queries": 0,
        "unmatched_queries_removed": 0,
    }


def told_by(manifest: Manifest | None, count: str) -> int | None:
    """A count of the manifest of a rendered set; None without a manifest.

    Raises:
        DataError: the manifest does not say it.
    """
    if manifest is None:
        return None
    if count not in manifest.counts:
        raise DataError(
            f"the manifest of {manifest.name} (fingerprint {manifest.fingerprint}) does not say the count {count!r}; "
            f"{manifest.remedy}"
        )
    return manifest.counts[count]


def examine_division(release: Release, divided: Division, reading: Reading) -> Examination:
    """Read the frames of one division and check them.

    Args:
        release: the folders.
        divided: people under both cameras.
        reading: how to read them.
    """
    train = [(camera, person) for person in divided.train for camera in (1, 2)]
    test = [(camera, person) for camera in (1, 2) for person in divided.test]
    folders = _read_folders(release, train + test, reading.check_images)
    half = len(divided.test)
    rows = np.arange(len(test), dtype=np.int64)
    manifest = reading.manifest
    split = Split(
        name=reading.name if manifest is None else manifest.name,
        root=release.root,
        train=tuple(folder.tracklet for folder in folders[: len(train)]),
        test=tuple(folder.tracklet for folder in folders[len(train) :]),
        query_index=rows[:half],
        gallery_index=rows[half:],
        fingerprint=_fingerprint(folders, len(train), half, divided, reading),
        version=reading.version if manifest is None else manifest.version,
        synthetic=manifest is not None and manifest.synthetic,
        number=reading.number,
        divisions=DIVISIONS,
    )
    problems = tuple(problem for folder in folders for problem in folder.problems)
    checks = (
        *compare_counts(split.counts(), None if reading.people is None else counts_of(reading.people), reading.remedy),
        Check(reading.frames_named, reading.frames, sum(len(folder.sizes) for folder in folders), reading.remedy),
        *reading.checks,
        *_check_kinds(release.root, problems),
        Check("things that are no folders of people", None, len(release.strange)),
        Check("files that are no frames", None, sum(folder.others for folder in folders)),
        Check("gaps in the frame numbers", None, sum(folder.gaps for folder in folders)),
    )
    return Examination(split, checks, spoken(reading.expectation, release.layout.title), problems)


def _find_root(root: Path, layout: Layout) -> Path:
    wanted = f"{layout.sequences}/{layout.cameras[0]} and {layout.sequences}/{layout.cameras[1]}"
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder of {layout.title} that holds {wanted}")
    if _holds(root, layout):
        return root
    if root.name == layout.sequences and _holds(root.parent, layout):
        return root.parent
    inside = sorted(child for child in root.iterdir() if _holds(child, layout))
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
    with os.scandir(folder) as entries:
        listed = sorted((entry.name, entry.is_dir()) for entry in entries)
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


def _read_folders(release: Release, wanted: Sequence[tuple[int, int]], sizes: bool) -> list[_Folder]:
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda one: _read_folder(release, one[0], one[1], sizes), wanted)
        bar = progress.bar(found, total=len(wanted), desc="listing frames", unit="folder", disable=None, leave=False)
        return list(bar)


def _read_folder(release: Release, camera: int, person: int, sizes: bool) -> _Folder:
    """The frames of one folder in the order of their numbers; a file whose place is in doubt is left out and told."""
    path = release.path(camera, person)
    with os.scandir(release.root / path) as entries:
        listed = sorted((e.name, e.stat().st_size if sizes else _UNKNOWN) for e in entries if e.is_file())
    problems: list[Problem] = []
    frames: dict[int, tuple[str, int]] = {}
    others = 0
    for name, size in listed:
        if name.startswith(".") or not name.lower().endswith(".png"):
            others += 1  # what a system leaves behind: Thumbs.db, .DS_Store, ._*
            continue
        match = release.layout.frame.fullmatch(name)
        fault = _fault(f"{path}/{name}", match, camera, person, release.layout) or _twin(
            f"{path}/{name}", match, frames
        )
        if match is None or fault is not None:
            problems += [fault] if fault is not None else []
            continue
        if size == 0:
            problems.append(Problem("empty", f"{path}/{name}", "has 0 bytes", "copy it again"))
        frames[int(match["number"])] = (name, size)
    if not frames:
        held = f", but {others} other files" if others else ""
        problems.append(
            Problem("missing", path, f"holds no frame{held}", f"expected names like {release.layout.example}: copy it")
        )
    numbers = sorted(frames)
    return _Folder(
        Tracklet(
            f"{release.layout.cameras[camera - 1]}_{release.folders[camera - 1][person]}",
            person,
            camera,
            ListedFrames(f"{path}/", names_array([frames[number][0] for number in numbers])),
        ),
        np.array([frames[number][1] for number in numbers], dtype=np.int64),
        problems,
        others,
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


def _twin(file: str, match: re.Match[str] | None, frames: dict[int, tuple[str, int]]) -> Problem | None:
    """Is there a frame of the same number already?"""
    there = frames.get(int(match["number"])) if match is not None else None
    if there is None:
        return None
    return Problem("order", file, f"has the frame number of {there[0]}", "remove the one that is not of the release")


def _check_kinds(root: Path, problems: Sequence[Problem]) -> list[Check]:
    found = []
    for kind, what in _KINDS.items():
        some = [problem.file for problem in problems if problem.kind == kind]
        found.append(
            Check(what, 0, len(some), f"{what} under {root}: {name_some(some)}; copy them again" if some else "")
        )
    return found


def _fingerprint(folders: Sequence[_Folder], train: int, half: int, divided: Division, reading: Reading) -> str:
    """Of all that decides the content; of a rendered set, of what it was rendered from and who is trained on."""
    trained = np.array(divided.train, dtype=np.int64)
    if reading.manifest is not None:
        return fingerprint("two cameras, rendered 1", reading.manifest.fingerprint, reading.number, trained)
    roles = ["train"] * train + ["query"] * half + ["gallery"] * half
    parts: list[str | NDArray[np.generic]] = ["two cameras 1"]
    for role, folder in zip(roles, folders, strict=True):
        frames = folder.tracklet.frames
        assert isinstance(frames, ListedFrames)  # made so above
        parts += [f"{role} {folder.tracklet.person_id} {folder.tracklet.camera_id} {frames.prefix}", frames.names]
        parts.append(folder.sizes if reading.check_images else "sizes unknown")
    return fingerprint(*parts)
