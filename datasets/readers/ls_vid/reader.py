"""LS-VID in either of its releases: lists of tracklets, and the images that begin with their lines.

    LS-VID/tracklet_{train,val,test}/<person>/<image>.jpg
    LS-VID/list_sequence/list_seq_{train,val,test}.txt     explained in `ls_vid_lists`
    LS-VID/test/...                                        which tracklets ask, explained in `ls_vid_queries`

Source: J. Li et al., "Global-Local Temporal Representations for Video Person Re-Identification", ICCV 2019, whose
Table 1 has the counts below, and the loaders that were published with later methods. **No real file of LS-VID could be
obtained** (it is lent out against a signed agreement), so nothing here was tried on one, and checks that rest on a
guess say "unverified". These are the guesses:

- The number in a line is the person. Published loaders read it so; in a list of MARS by the same authors it is the
  camera. Were it that here, folders would hold several people: a check of its own.
- Where people are numbered from 0, all numbers are raised by one, since 0 is a distractor in this suite. LS-VID has no
  distractors and no junk.
- Whether train and test number their people in one row or each from the start is not known. Nothing depends on it.
- Queries stay in the gallery: all 11,333 test tracklets, as the authors' MARS-style protocol has it.

The validation people (200, 779 tracklets) are read by none of the published loaders. They are left out, or join the
training people with `val=True`; they are never part of the test half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.files.image_files import name_some
from datasets.files.listing import FolderListing, list_folders
from datasets.files.manifest import Counts, Manifest, expectation_of, read_manifest, spoken
from datasets.files.paths import ListedFrames, names_array
from datasets.files.system_files import folders_in
from datasets.fingerprint import fingerprint
from datasets.identifiers import printable
from datasets.readers.ls_vid.lists import Gathered, SequenceList, from_zero, gather, read_list
from datasets.readers.ls_vid.queries import read_queries
from datasets.tracklet import Split, Tracklet, person_ids

OFFICIAL_COUNTS = {
    "train_ids": 842,
    "train_tracklets": 2_831,
    "train_frames": 550_419,
    "test_ids": 2_730,
    "test_tracklets": 11_333,
    "test_frames": 2_277_075,
    "query_tracklets": 3_504,
    "gallery_tracklets": 11_333,
    "gallery_frames": 2_277_075,
    "distractor_tracklets": 0,
    "distractor_frames": 0,
    "junk_tracklets": 0,
    "junk_frames": 0,
    "cameras": 15,
    "val_ids": 200,
    "val_tracklets": 779,
    "val_frames": 155_191,
}
OFFICIAL_VERSION = "2019"

_LISTS = Path("list_sequence")
_INCOMPLETE = (
    "this is not a complete official LS-VID (or the published figures do not fit what was released: no real copy could "
    "be seen): copy it again, or take it as it is with counts='any' (--counts any)"
)
_KINDS = {
    "missing": "tracklets without an image",
    "camera": "tracklets of several cameras or none",
    "order": "tracklets with two images of one number",
}


@dataclass(frozen=True, eq=False)
class Partition:
    """One list, the listing of its folders and what came of them.

    Attributes:
        name: `train`, `val` or `test`.
        listed: the lines.
        listing: of all their folders that there are.
        images: of each line.
    """

    name: str
    listed: SequenceList
    listing: FolderListing
    images: Gathered

    @classmethod
    def of(cls, name: str, listed: SequenceList, listing: FolderListing) -> Self:
        """Find the images of every line."""
        return cls(name, listed, listing, gather(listed, listing))

    def tracklets(self, people: NDArray[np.int64]) -> tuple[Tracklet, ...]:
        """The lines as tracklets of these people, int64 [N]."""
        starts, names = self.images.starts.tolist(), self.images.names
        rows = zip(self.listed.prefixes, people.tolist(), self.images.cameras.tolist(), strict=True)
        return tuple(
            Tracklet(printable(prefix), person, camera, ListedFrames(f"{_folder(prefix)}/", names[start:end]))
            for (prefix, person, camera), start, end in zip(rows, starts[:-1], starts[1:], strict=True)
        )


def examine(
    root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True, val: bool = False
) -> Examination:
    """Read a folder of LS-VID, and check it.

    Args:
        root: the folder that holds `list_sequence`, or its parent.
        split: must be 0, the data set has one division.
        counts: what to compare with: the `official` figures, the `manifest` of a rendered set, or `any`. None takes the
            manifest where there is one and the official figures otherwise.
        check_images: ask for the size of every file, to find empty ones. Without it the folders are listed all the same
            (a list does not say how many images a tracklet has), but sizes do not enter the fingerprint.
        val: train on the validation people too, as no published loader does.

    Raises:
        DataError: if a list or the queries are missing, unreadable or contradict each other. What can be read but is
            not as expected is a failed check instead.
    """
    if split:
        raise DataError(f"LS-VID has one division, so split {split} does not exist; ask for split 0")
    expectation_of(counts, None)  # an unknown word is told before anything is read
    root = _find_root(Path(root))
    manifest = read_manifest(root, counts, "ls-vid")
    names = ("train", "val", "test") if val or _has_validation(root) else ("train", "test")
    parts = {name: _read_part(root, name, sizes=check_images) for name in names}
    return read(root, parts, counts=counts, manifest=manifest, val=val)


def read(
    root: Path,
    parts: dict[str, Partition],
    *,
    counts: Counts | None = None,
    manifest: Manifest | None = None,
    val: bool = False,
) -> Examination:
    """Make a data set of lists and listings, and check it; of the files only those of queries are touched.

    Args:
        root: the data set's folder.
        parts: `train`, `test`, and `val` where it is there.
        counts, val: as for `examine`.
        manifest: of a rendered set.

    Raises:
        DataError: the queries are missing, unreadable or contradict the test list.
    """
    expectation = expectation_of(counts, manifest)
    raised = int(from_zero([part.listed for part in parts.values()]))
    people = {name: part.listed.people + raised for name, part in parts.items()}
    test = parts["test"]
    queries = read_queries(root, people["test"], test.images.cameras, test.listed.prefixes)
    train = [name for name in parts if name != "test" and (val or name == "train")]
    result = Split(
        name="ls-vid" if manifest is None else manifest.name,
        root=root,
        train=tuple(one for name in train for one in parts[name].tracklets(people[name])),
        test=test.tracklets(people["test"]),
        query_index=queries.rows,
        gallery_index=np.arange(len(test.listed), dtype=np.int64),
        fingerprint=_fingerprint([parts[name] for name in (*train, "test")], people, queries.rows, manifest, val),
        version=OFFICIAL_VERSION if manifest is None else manifest.version,
        synthetic=manifest is not None and manifest.synthetic,
    )
    problems: list[Problem] = []
    found: list[Check] = []
    for part in parts.values():
        found += _check_part(root, part, expectation)
        problems += [*part.listing.problems(), *part.images.problems]
    counted = {**result.counts(), **_val_counts(parts.get("val"))}
    remedy = _INCOMPLETE if expectation == "official" or manifest is None else manifest.remedy
    checks = (
        *compare_counts(counted, _expected(expectation, manifest, val=val), remedy),
        *_check_people(result, expectation, raised),
        *found,
        Check("validation people that are there", None, counted.get("val_ids", 0)),
        *queries.checks,
    )
    return Examination(result, checks, spoken(expectation, "LS-VID"), (*problems, *queries.problems))


def _find_root(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder that holds list_sequence and tracklet_train")
    if (root / _LISTS).is_dir():
        return root
    inside = [child for child in folders_in(root) if (child / _LISTS / "list_seq_test.txt").is_file()]
    if len(inside) == 1:
        return inside[0]
    hint = f"it holds several: name one of {', '.join(map(str, inside))}" if inside else "give the folder of LS-VID"
    raise DataError(f"{root} is not in the layout of LS-VID, expected the folder {_LISTS} in it; {hint}")


def _list_path(root: Path, name: str) -> Path:
    return root / _LISTS / f"list_seq_{name}.txt"


def _has_validation(root: Path) -> bool:
    """Whether the validation half is there: a copy may do without, unless it is to be trained on."""
    path = _list_path(root, "val")
    return path.is_file() and all((root / folder.split("/")[0]).is_dir() for folder in read_list(path).folders)


def _folder(prefix: str) -> str:
    return prefix.rpartition("/")[0]


def _read_part(root: Path, name: str, *, sizes: bool) -> Partition:
    listed = read_list(_list_path(root, name))
    for folder in sorted({folder.split("/")[0] for folder in listed.folders}):
        if not (root / folder).is_dir():
            raise DataError(f"{root / folder} is missing, but {listed.path} lists images in it; copy them there")
    there = [folder for folder in listed.folders if (root / folder).is_dir()]
    return Partition.of(name, listed, list_folders(root, there, f"listing {name}", sizes=sizes))


def _expected(expectation: Counts, manifest: Manifest | None, *, val: bool) -> dict[str, int] | None:
    if expectation == "any":
        return None
    expected = dict(OFFICIAL_COUNTS if expectation == "official" or manifest is None else manifest.counts)
    if val:
        for what in ("ids", "tracklets", "frames"):
            expected[f"train_{what}"] += expected[f"val_{what}"]
    return expected


def _val_counts(part: Partition | None) -> dict[str, int]:
    if part is None:
        return {}
    return {
        "val_ids": len(np.unique(part.listed.people)),
        "val_tracklets": len(part.listed),
        "val_frames": len(part.images.names),
    }


def _check_part(root: Path, part: Partition, expectation: Counts) -> list[Check]:
    found = part.listing.checks(root, part.name)
    for kind, what in _KINDS.items():
        files = [one.file for one in part.images.problems if one.kind == kind]
        detail = f"{name_some(files)}: copy the lists and the images from one release"
        found.append(Check(f"{part.name} {what}", 0, len(files), detail, kind))
    expected = None if expectation == "any" else 0
    folders, people = part.listed.mixed()
    told = f"the number in a line of {part.listed.path} is taken for the person, and then"
    found += [
        Check(
            f"{part.name} folders of several people",
            expected,
            len(folders),
            f"{told} {name_some(folders)} hold several people; is it the camera? Take the list of another release",
        ),
        Check(
            f"{part.name} people of several folders",
            expected,
            len(people),
            f"{told} {name_some([str(i) for i in people])} lie in several folders; take both from one release",
        ),
        Check(f"{part.name} images not listed", None, part.images.unlisted),
        Check(f"{part.name} images that two lines fit", None, part.images.shared),
    ]
    return found


def _check_people(split: Split, expectation: Counts, raised: int) -> list[Check]:
    shared = np.intersect1d(person_ids(split.train), person_ids(split.test))
    rendered = expectation == "manifest"
    return [
        Check(
            f"person numbers in train and test{'' if rendered else ' (unverified: they may be numbered apart)'}",
            0 if rendered else None,
            len(shared),
            f"{name_some([str(i) for i in shared])} stand in both halves: render the set again",
        ),
        Check("by how much person numbers were raised", None, raised),
    ]


def _fingerprint(
    parts: Sequence[Partition],
    people: dict[str, NDArray[np.int64]],
    query: NDArray[np.int64],
    manifest: Manifest | None,
    val: bool,
) -> str:
    if manifest is not None:
        return fingerprint(manifest.fingerprint, "with val" if val else 0)
    told: list[Any] = ["ls-vid layout 1", query]
    for part in parts:
        images = part.images
        told += [part.name, people[part.name], images.cameras, images.starts]
        told += [names_array(part.listed.prefixes), images.names]
        told.append("sizes unknown" if images.sizes is None else images.sizes)
    return fingerprint(*told)
