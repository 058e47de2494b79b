"""Data of your own, in folders or in a CSV; nothing about their numbers is expected.

    <root>/<part>/<person>/<camera>/<tracklet>/<frame>         the parts: train, query and gallery; or train and test
    <root>/tracklets.csv, or any CSV                           person,camera,tracklet,path[,part][,frame]

Persons and cameras are whole numbers, or names, which are then numbered from 1 in natural order over all parts. Person
0 is a distractor, a wrong answer to every query; -1 is junk, which evaluation leaves out. Frames stand in the order of
the column `frame`, else in the natural order of their names (2 before 10).

`train` may be absent: such a set can be evaluated on and not trained on. With `query` and `gallery` those are what they
say; in a CSV a tracklet that stands under both with the same frames is one tracklet. With `test`, or a CSV without a
column `part`, all tracklets are gallery, and of each (person, camera) the first one is a query, in the natural order of
its label, if another camera has seen the person: the rule of MARS, which takes one query of each such pair too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets import identifiers
from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.manifest import Counts, spoken
from datasets.files.natural_sort import natural_key
from datasets.files.system_files import folders_in
from datasets.fingerprint import fingerprint
from datasets.readers.own import csv_table, folders
from datasets.readers.own.tracklets import GALLERY, QUERY, TEST, TRAIN, Found, Written, numbers_of
from datasets.tracklet import DISTRACTOR, Split, Tracklet, camera_ids, person_ids

TABLE = "tracklets.csv"

_KINDS = {
    "missing": "images or folders missing",
    "empty": "images empty",
    "order": "images without a place in the order",
    "place": "folders with images that belong deeper",
    "duplicate": "images listed twice",
}
_VERSION = 8  # digits of the fingerprint: the content is its own version


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """A tracklet with its numbers."""

    written: Written
    tracklet: Tracklet

    @property
    def place(self) -> tuple[object, ...]:
        """Sorts by person, camera and label."""
        label = self.written.tracklet
        return self.tracklet.person_id, self.tracklet.camera_id, natural_key(label), label


def examine(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """Read tracklets of your own, and check them.

    Args:
        root: a folder with the parts in it, a folder with `tracklets.csv`, the folder around one of these, or a CSV.
        split: must be 0, there is one division.
        counts: nothing, or `any`: there are no figures to compare with.
        check_images: ask for the size of every image, and for those of a CSV whether they are there. Without it sizes
            do not enter the fingerprint.

    Raises:
        DataError: for labels, rows or parts that contradict each other, and where nothing can be asked. What can be
            read but should not be so is a failed check instead.
    """
    if split:
        raise DataError(f"your own data have one division, so split {split} does not exist; ask for split 0")
    if counts not in (None, "any"):
        raise DataError(f"your own data have no {counts} counts to compare with; leave counts={counts!r} out")
    found = _read(Path(root), check_images)
    numbered = _number(found)
    train = sorted((one for one in numbered if one.written.part == TRAIN), key=lambda one: one.place)
    test, query, gallery = _roles(found, numbered)
    result = Split(
        name="own",
        root=found.root,
        train=tuple(one.tracklet for one in train),
        test=tuple(one.tracklet for one in test),
        query_index=query,
        gallery_index=gallery,
        fingerprint=(digest := _fingerprint(train, test, query, gallery)),
        version=digest[:_VERSION],
        synthetic=False,
    )
    problems = (*found.problems, *_shared_frames([*train, *test]))
    checks = (
        *compare_counts(result.counts(), None),
        *_check_people(result, found),
        *_check_kinds(found, problems),
        *found.checks,
    )
    return Examination(result, checks, spoken("any", ""), problems, tuple(_notes(result)))


def _read(root: Path, sizes: bool) -> Found:
    if root.is_file():
        return csv_table.read(root, sizes)
    if (root / TABLE).is_file():
        return csv_table.read(root / TABLE, sizes)
    if root.is_dir():
        tables = [child / TABLE for child in folders_in(root) if (child / TABLE).is_file()]
        if len(tables) == 1:
            return csv_table.read(tables[0], sizes)
    return folders.read(root, sizes)


def _number(found: Found) -> list[_Numbered]:
    """Tracklets under the numbers of their labels."""
    # The first place of each label: a dictionary keeps the last.
    people = numbers_of({one.person: one.where for one in reversed(found.tracklets)}, "person", found.source)
    cameras = numbers_of({one.camera: one.where for one in reversed(found.tracklets)}, "camera", found.source)
    return [
        _Numbered(
            one,
            Tracklet(
                identifiers.printable(f"{one.part}/{one.person}/{one.camera}/{one.tracklet}"),
                people[one.person],
                cameras[one.camera],
                one.frames,
            ),
        )
        for one in found.tracklets
    ]


def _roles(found: Found, numbered: list[_Numbered]) -> tuple[list[_Numbered], NDArray[np.int64], NDArray[np.int64]]:
    """The test tracklets, and which of them ask and answer."""
    parts = {one.written.part for one in numbered}
    named = " and ".join(sorted(parts))
    if TEST in parts and parts & {QUERY, GALLERY}:
        raise DataError(f"{found.source} has {named}, expected either test, or query and gallery; rename the parts")
    if TEST in parts:
        test = sorted((one for one in numbered if one.written.part == TEST), key=lambda one: one.place)
        query = _first_of_each(test)
        if not query:
            raise DataError(
                f"{found.source}: no person was seen by two cameras, so nothing can be asked; correct the cameras of "
                f"the {len(test)} test tracklets, or name queries of your own (the parts query and gallery)"
            )
        return test, np.array(query, dtype=np.int64), np.arange(len(test), dtype=np.int64)
    if not {QUERY, GALLERY} <= parts:
        raise DataError(
            f"{found.source} has {named or 'no tracklet'}, expected query and gallery, or test, to judge on; add them"
        )
    return _ask_and_answer(found, numbered)


def _first_of_each(test: list[_Numbered]) -> list[int]:
    """Rows of the first tracklet of each (person, camera) whose person another camera has seen."""
    first: dict[tuple[int, int], int] = {}
    for row, one in enumerate(test):
        if one.tracklet.person_id > 0:
            first.setdefault((one.tracklet.person_id, one.tracklet.camera_id), row)
    cameras = Counter(person for person, _ in first)
    return [row for (person, _), row in first.items() if cameras[person] > 1]


def _ask_and_answer(
    found: Found, numbered: list[_Numbered]
) -> tuple[list[_Numbered], NDArray[np.int64], NDArray[np.int64]]:
    """Queries first, then the gallery; a tracklet that is both stands once."""
    queries = sorted((one for one in numbered if one.written.part == QUERY), key=lambda one: one.place)
    nobody = [one for one in queries if one.tracklet.person_id <= 0]
    if nobody:
        raise DataError(
            f"{nobody[0].written.where}: a query is person {nobody[0].tracklet.person_id} (a distractor or junk), "
            "expected a real person; move it to the gallery"
        )
    answers = sorted((one for one in numbered if one.written.part == GALLERY), key=lambda one: one.place)
    rows = {(one.place, one.tracklet.frames): row for row, one in enumerate(queries)}
    test, gallery = list(queries), []
    for one in answers:
        row = rows.get((one.place, one.tracklet.frames), len(test))
        if row == len(test):
            test.append(one)
        gallery.append(row)
    return test, np.arange(len(queries), dtype=np.int64), np.array(gallery, dtype=np.int64)


def _shared_frames(tracklets: Sequence[_Numbered]) -> list[Problem]:
    """Files that are frames of two tracklets."""
    every = (hash(path) for one in tracklets for path in one.tracklet.frames)
    hashes = np.sort(np.fromiter(every, dtype=np.int64))
    again = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())  # few, so that few names are kept
    owners: dict[str, str] = {}
    found = []
    for one in tracklets if again else ():
        for path in one.tracklet.frames:
            if hash(path) not in again:
                continue
            first = owners.setdefault(path, one.tracklet.key)
            if first != one.tracklet.key:
                told = f"is a frame of two tracklets, {first} and {one.tracklet.key}"
                found.append(Problem("duplicate", path, told, "remove the rows of one of them"))
    return found


def _check_people(split: Split, found: Found) -> list[Check]:
    train, test = person_ids(split.train), person_ids(split.test)
    shared = np.intersect1d(train[train > 0], test)
    nobody = int((train <= 0).sum())
    names = name_some([str(person) for person in shared])
    both = f"persons must not be trained on and tested, but {names} are; move them to one part" if shared.size else ""
    alone = (
        "distractors and junk (persons 0 and -1) have no place among the training tracklets; move them to the gallery, "
        "or number the people from 1 if 0 is one of them"
    )
    return [
        Check("people in train and test", 0, len(shared), both),
        Check("training tracklets of nobody", 0, nobody, alone if nobody else ""),
        Check("people with names in place of numbers", None, _named(found)),
    ]


def _notes(split: Split) -> list[str]:
    """Whether person 0, a distractor by the numbering of MARS, looks like a person."""
    people, cameras = person_ids(split.test), camera_ids(split.test)
    own, others = people == DISTRACTOR, people > 0
    seen_by = len(np.unique(cameras[own]))
    most = max(np.unique(people[others], return_counts=True)[1].tolist(), default=0)
    if seen_by < 2 or int(own.sum()) > most:
        return []
    return [
        f"person {DISTRACTOR} has {int(own.sum())} test tracklets under {seen_by} cameras, as other people have, but "
        f"{DISTRACTOR} stands for distractors (wrong answers to every query) and asks nothing; if it is a person, "
        "number the people from 1."
    ]


def _named(found: Found) -> int:
    return len({one.person for one in found.tracklets if identifiers.number_of(one.person) is None})


def _check_kinds(found: Found, problems: Sequence[Problem]) -> list[Check]:
    checks = []
    for kind, what in _KINDS.items():
        some = [problem for problem in problems if problem.kind == kind]
        detail = f"{name_some([one.file for one in some])}: {some[0].found}; {some[0].remedy}" if some else ""
        checks.append(Check(what, 0, len(some), detail, kind))
    return checks


def _fingerprint(
    train: list[_Numbered], test: list[_Numbered], query: NDArray[np.int64], gallery: NDArray[np.int64]
) -> str:
    """Of labels, roles, names and sizes; the folder they lie in does not count."""
    parts: list[str | NDArray[np.generic]] = ["own 1", query, gallery]
    for part, tracklets in ((TRAIN, train), (TEST, test)):
        for one in tracklets:
            frames = one.written.frames
            parts += [f"{part} {one.tracklet.person_id} {one.tracklet.camera_id} {frames.prefix}", frames.names]
            parts.append("sizes unknown" if one.written.sizes is None else one.written.sizes)
    return fingerprint(*parts)
