"""DukeMTMC-VideoReID: one folder a tracklet, and no list of names.

    DukeMTMC-VideoReID/{train,query,gallery}/<person>/<tracklet>/<image>.jpg

Image names are explained in `duke_names`. A tracklet's number is unique in the whole data set. Frames are sorted by the
number in their names: some tracklets start at F0002, and loaders that count from F0001 lose the last frame of those.
Every tracklet of `query` lies in `gallery` too. It is one tracklet, read from there once; the copy is only compared.
Distractors are 408 ordinary people with one tracklet each, so there is no person 0 and no junk.

Source: Y. Wu et al., "Exploit the Unknown Gradually: One-Shot Video-Based Person Re-Identification by Stepwise
Learning", CVPR 2018. The counts of the test half were taken from the released index and those of both halves from
Duke-Attribute; the number of training frames alone is a published one that no file confirms. DukeMTMC was withdrawn by
its owners in 2019; it shows real people who were not asked.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.listing import FolderListing, list_folders, subfolders
from datasets.files.manifest import Counts, Manifest, expectation_of, read_manifest, spoken
from datasets.files.paths import ListedFrames, names_array
from datasets.files.system_files import checks as companion_checks
from datasets.files.system_files import folders_in
from datasets.fingerprint import fingerprint
from datasets.readers.duke import frames
from datasets.readers.duke.frames import FrameRun
from datasets.tracklet import Split, Tracklet, camera_ids, person_ids

OFFICIAL_COUNTS = {
    "train_ids": 702,
    "train_tracklets": 2_196,
    "train_frames": 369_656,
    "test_ids": 1_110,
    "test_tracklets": 2_636,
    "test_frames": 445_764,
    "query_ids": 702,
    "query_tracklets": 702,
    "query_frames": 111_848,
    "gallery_tracklets": 2_636,
    "gallery_frames": 445_764,
    "distractor_tracklets": 0,
    "distractor_frames": 0,
    "junk_tracklets": 0,
    "junk_frames": 0,
    "cameras": 8,
    "unmatched_queries": 0,
    "unmatched_queries_removed": 0,
}
OFFICIAL_CAMERAS = {
    "train": (404, 378, 201, 165, 218, 348, 217, 265),
    "query": (135, 117, 49, 41, 61, 110, 81, 108),
    "gallery": (432, 411, 191, 157, 216, 378, 239, 612),
}
"""Tracklets of cameras 1 to 8."""
OFFICIAL_DISTRACTORS = 408
OFFICIAL_VERSION = "2018"

PARTS = ("train", "query", "gallery")
_UNCONFIRMED = "train_frames"
_PUBLISHED = (
    "this figure is a published one that no released file confirms: where all other counts are met, take the copy as "
    "it is with counts='any' (--counts any); otherwise copy it again"
)
_INCOMPLETE = (
    "this is not a complete official DukeMTMC-VideoReID: copy it again, or read your own data in this layout with "
    "counts='any' (--counts any)"
)


@dataclass(frozen=True, eq=False)
class Listing:
    """All that a folder tells by its names: what `read` makes a data set of.

    Attributes:
        root: the data set's folder.
        parts: `train`, `query` and `gallery`; one folder a tracklet, named `part/person/tracklet`.
        misplaced: images outside the folder of a tracklet.
        companions: what a system left outside of these folders.
    """

    root: Path
    parts: dict[str, FolderListing]
    misplaced: int = 0
    companions: int = 0


class _Query(NamedTuple):
    rows: NDArray[np.int64]  # of the gallery
    checks: list[Check]
    problems: list[Problem]


def examine(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """Read a folder in the layout of DukeMTMC-VideoReID, and check it.

    Args:
        root: the folder that holds `train`, `query` and `gallery`, or its parent.
        split: must be 0, the data set has one division.
        counts: what to compare with: the `official` figures, the `manifest` of a rendered set, or `any`. None takes the
            manifest where there is one and the official figures otherwise.
        check_images: ask for the size of every file, to find empty ones and copies of queries that differ. Without it
            the names are listed all the same, but sizes do not enter the fingerprint.

    Raises:
        DataError: if a part is missing, or its folders are not those of tracklets. What can be read but is not as
            expected is a failed check instead.
    """
    if split:
        raise DataError(f"DukeMTMC-VideoReID has one division, so split {split} does not exist; ask for split 0")
    expectation_of(counts, None)  # an unknown word is told before anything is read
    root = _find_root(Path(root))
    manifest = read_manifest(root, counts, "duke")
    return read(list_root(root, sizes=check_images), counts=counts, manifest=manifest)


def list_root(root: Path, *, sizes: bool = True) -> Listing:
    """List the folders of all tracklets.

    Args:
        root: the data set's folder.
        sizes: ask for the size of every file too.

    Raises:
        DataError: a folder cannot be listed, or a part holds no folder of a tracklet.
    """
    parts: dict[str, FolderListing] = {}
    misplaced = companions = 0
    for part in PARTS:
        people = subfolders(root, part, _is_image)
        misplaced += people.images
        companions += people.companions
        folders: list[str] = []
        for person in people.folders:
            inside = subfolders(root, f"{part}/{person}", _is_image)
            misplaced += inside.images
            companions += inside.companions
            folders += [f"{part}/{person}/{tracklet}" for tracklet in inside.folders]
        if not folders:
            raise DataError(
                f"{root / part} holds no folder of a tracklet, expected {part}/<person>/<tracklet>/<image>.jpg; "
                "copy the original again"
            )
        parts[part] = list_folders(root, folders, f"listing {part}", sizes=sizes)
    return Listing(root, parts, misplaced, companions)


def read(listing: Listing, *, counts: Counts | None = None, manifest: Manifest | None = None) -> Examination:
    """Make a data set of a listing, and check it; no file is touched.

    Args:
        listing: names and sizes.
        counts: as for `examine`.
        manifest: of a rendered set.

    Raises:
        DataError: names that are not those of this data set throughout.
    """
    expectation = expectation_of(counts, manifest)
    parts = {part: frames.part_of(listing.parts[part], part) for part in PARTS}
    query = _match_queries(parts["query"], parts["gallery"])
    result = Split(
        name="duke" if manifest is None else manifest.name,
        root=listing.root,
        train=_tracklets(parts["train"]),
        test=_tracklets(parts["gallery"]),
        query_index=query.rows,
        gallery_index=np.arange(len(parts["gallery"]), dtype=np.int64),
        fingerprint=_fingerprint(parts, query.rows) if manifest is None else fingerprint(manifest.fingerprint, 0),
        version=OFFICIAL_VERSION if manifest is None else manifest.version,
        synthetic=manifest is not None and manifest.synthetic,
    )
    expected = {"official": OFFICIAL_COUNTS, "any": None, "manifest": manifest.counts if manifest else None}
    remedy = _INCOMPLETE if expectation == "official" or manifest is None else manifest.remedy
    found = [
        *_counted(result, expected[expectation], expectation, remedy),
        *_check_people(result, expectation),
        Check("images outside the folder of a tracklet", 0, listing.misplaced, "move them where they belong"),
        *companion_checks(listing.companions),
    ]
    problems: list[Problem] = []
    for part in PARTS:
        files = listing.parts[part]
        # Where every frame of the release is there, gaps in the numbers are the release's own.
        whole = expectation == "official" and len(parts[part].names) == OFFICIAL_COUNTS[f"{part}_frames"]
        found += files.checks(listing.root, part)
        found += frames.checks(parts[part], part, gaps_are_faults=expectation != "any" and not whole)
        found.append(Check(f"{part} files that are no images", None, files.others))
        problems += [*files.problems(), *frames.problems(parts[part])]
    found += query.checks
    return Examination(result, tuple(found), spoken(expectation, "DukeMTMC-VideoReID"), (*problems, *query.problems))


def _counted(split: Split, expected: dict[str, int] | None, expectation: Counts, remedy: str) -> tuple[Check, ...]:
    checks = compare_counts(split.counts(), expected, remedy)
    if expectation != "official":
        return checks
    return tuple(replace(check, detail=_PUBLISHED) if check.what == _UNCONFIRMED else check for check in checks)


def _is_image(name: str) -> bool:
    return name.endswith(".jpg")


def _find_root(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder that holds train, query and gallery")
    there = [part for part in PARTS if (root / part).is_dir()]
    if len(there) == len(PARTS):
        return root
    inside = [child for child in folders_in(root) if all((child / part).is_dir() for part in PARTS)]
    if len(inside) == 1:
        return inside[0]
    if inside:
        hint = f"it holds several such folders: name one of {', '.join(map(str, inside))}"
    elif there:
        hint = f"{' and '.join(part for part in PARTS if part not in there)} cannot be found: copy the original again"
    else:
        hint = "give the folder that holds them"
    raise DataError(
        f"{root} is not in the layout of DukeMTMC-VideoReID, expected the folders train, query and gallery; {hint}"
    )


def _tracklets(part: FrameRun) -> tuple[Tracklet, ...]:
    rows = zip(part.people.tolist(), part.numbers.tolist(), part.cameras.tolist(), strict=True)
    return tuple(
        # The key that Duke-Attribute is joined by: person, camera, number of the tracklet.
        Tracklet(
            f"{person:04d}C{camera}T{number:04d}",
            person,
            camera,
            ListedFrames(f"{folder}/", part.names[start:end]),
        )
        for (person, number, camera), folder, start, end in zip(
            rows, part.folders, part.starts[:-1].tolist(), part.starts[1:].tolist(), strict=True
        )
    )


def _match_queries(query: FrameRun, gallery: FrameRun) -> _Query:
    """Rows of the gallery that the queries are, and where the copies of their frames differ."""
    rows = {key: row for row, key in enumerate(zip(gallery.people.tolist(), gallery.numbers.tolist(), strict=True))}
    index: list[int] = []
    absent: list[Problem] = []
    unlike: list[Problem] = []
    for place, key in enumerate(zip(query.people.tolist(), query.numbers.tolist(), strict=True)):
        row = rows.get(key)
        if row is None:
            told = "has no copy in gallery, which must hold the queries too"
            absent.append(Problem("copy", query.folders[place], told, "copy the original gallery again"))
            continue
        index.append(row)
        difference = frames.difference(query, place, gallery, row)
        if difference:
            unlike.append(Problem("copy", query.folders[place], difference, "copy both folders again"))
    checks = [
        Check("queries without a copy in the gallery", 0, len(absent), _named(absent), "copy"),
        Check("queries unlike their copy in the gallery", 0, len(unlike), _named(unlike), "copy"),
    ]
    return _Query(np.array(index, dtype=np.int64), checks, absent + unlike)


def _named(problems: list[Problem]) -> str:
    return f"{name_some([one.file for one in problems])}: a query and its gallery tracklet must be one; copy them again"


def _check_people(split: Split, expectation: Counts) -> list[Check]:
    train, test = person_ids(split.train), person_ids(split.test)
    shared = np.intersect1d(train, test)
    detail = f"identities must not be shared, but {name_some([str(i) for i in shared])} stand in train and gallery"
    found = [Check("people in train and test", 0, len(shared), f"{detail}: move them to one")]
    keys = [tracklet.key.rpartition("T")[2] for tracklet in (*split.train, *split.test)]
    strict = expectation != "any"
    found.append(Check("tracklet numbers used twice", 0 if strict else None, len(keys) - len(set(keys)), _INCOMPLETE))
    if expectation != "official":
        return found
    parts = {"train": split.train, "query": split.query, "gallery": split.gallery}
    for part, tracklets in parts.items():
        cameras = np.bincount(camera_ids(tracklets), minlength=len(OFFICIAL_CAMERAS[part]) + 1)
        for camera, count in enumerate(OFFICIAL_CAMERAS[part], start=1):
            found.append(Check(f"{part} tracklets of camera {camera}", count, int(cameras[camera]), _INCOMPLETE))
        if part != "query":
            pairs = [(one.person_id, one.camera_id) for one in tracklets]
            twice = len(pairs) - len(set(pairs))
            found.append(Check(f"{part} tracklets of one person and camera twice", 0, twice, _INCOMPLETE))
    people, tracklets_of = np.unique(test, return_counts=True)
    alone = np.setdiff1d(people[tracklets_of == 1], person_ids(split.query))
    found.append(Check("distractors", OFFICIAL_DISTRACTORS, len(alone), _INCOMPLETE))
    return found


def _fingerprint(parts: dict[str, FrameRun], query: NDArray[np.int64]) -> str:
    told: list[Any] = ["duke layout 1", query]
    for name in ("train", "gallery"):
        part = parts[name]
        told += [name, part.people, part.cameras, part.starts, names_array(part.folders), part.names]
        told.append("sizes unknown" if part.sizes is None else part.sizes)
    return fingerprint(*told)
