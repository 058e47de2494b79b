"""What iLIDS-VID and PRID-2011 share: two cameras, one tracklet a person and camera, ten divisions into halves.

    <root>/<sequences>/<camera>/<person>/<frame>.png

Camera 1 asks and camera 2 answers; each query has one match. Half of the people are trained on, the other half is
tested, and accuracies are averaged over the ten divisions. Nothing on disk lists the frames, so what a folder holds is
the tracklet: names, numbers and sizes are checked, and the number of people, but a lost frame cannot be told from one
that never was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.files import system_files
from datasets.files.image_files import name_some
from datasets.files.manifest import Counts, Manifest, spoken
from datasets.files.paths import ListedFrames
from datasets.fingerprint import fingerprint
from datasets.readers.two_cameras.folders import PersonFolder, Release, read_folders
from datasets.tracklet import Split

DIVISIONS = 10

_KINDS = {
    "missing": "folders without a frame and links to nowhere",
    "empty": "images empty",
    "order": "images without a place in the order",
    "camera": "images of another camera",
    "person": "images of another person",
}


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
        name: of the data set; a rendered one is called ``synthwalk-`` and that.
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
    places = identifiers.whole_numbers(orders, f"{source}: the entries of 'ls_set'", "copy it again")
    for row, order in enumerate(places, start=1):
        if not np.array_equal(np.sort(order), np.arange(1, count + 1)):
            raise DataError(
                f"{source}: row {row} of 'ls_set' is no order of the numbers 1 to {count}, expected each of them "
                "once; copy it again"
            )
    numbers = np.array(people, dtype=np.int64)[places - 1]
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
    folders, listing = read_folders(release, train + test, reading.check_images)
    half = len(divided.test)
    rows = np.arange(len(test), dtype=np.int64)
    manifest = reading.manifest
    split = Split(
        name=reading.name if manifest is None else f"synthwalk-{reading.name}",
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
        Check("files that are no frames", None, listing.others),
        *system_files.checks(release.companions + listing.companions),
        *(
            [Check("images with an ending in capitals", 0, len(listing.capitals), listing.hint, "name")]
            if listing.capitals
            else []
        ),
        Check("gaps in the frame numbers", None, sum(folder.gaps for folder in folders)),
    )
    return Examination(split, checks, spoken(reading.expectation, release.layout.title), problems)


def _check_kinds(root: Path, problems: Sequence[Problem]) -> list[Check]:
    found = []
    for kind, what in _KINDS.items():
        some = [problem.file for problem in problems if problem.kind == kind]
        detail = f"{what} under {root}: {name_some(some)}; copy them again" if some else ""
        found.append(Check(what, 0, len(some), detail, kind))
    return found


def _fingerprint(folders: Sequence[PersonFolder], train: int, half: int, divided: Division, reading: Reading) -> str:
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
