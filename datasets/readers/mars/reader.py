"""MARS, and every data set that is written in its layout (SynthWalk is).

    mars/bbox_train/<person>/<image>.jpg      mars/bbox_test/<person>/<image>.jpg  (also 00-1 and 0000)
    mars/info/{train_name.txt, test_name.txt, tracks_train_info.mat, tracks_test_info.mat, query_IDX.mat}

Source: L. Zheng et al., "MARS: A Video Benchmark for Large-Scale Person Re-Identification", ECCV 2016, and
the official evaluation's metadata files. The counts below were taken from those files; the paper's own
figures (20,715 tracklets, 1,261 identities) do not fit what was released.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.checks import Check, Examination, Problem, compare_counts
from datasets.errors import DataError
from datasets.files.image_files import ImageFiles, check_listing, list_images, name_some
from datasets.files.manifest import REPAIRED, UNFINISHED, Counts, expectation_of, read_manifest, spoken
from datasets.files.system_files import folders_in
from datasets.fingerprint import fingerprint
from datasets.readers.mars import names as mars_names
from datasets.tracklet import NumberedFrames, Split, Tracklet, camera_ids, person_ids

OFFICIAL_COUNTS = {
    "train_ids": 625,
    "train_tracklets": 8_298,
    "train_frames": 509_914,
    "test_ids": 634,
    "test_tracklets": 12_180,
    "test_frames": 681_089,
    "query_ids": 626,
    "query_tracklets": 1_980,
    "query_frames": 114_493,
    "gallery_tracklets": 12_180,
    "gallery_frames": 681_089,
    "distractor_tracklets": 3_248,
    "distractor_frames": 147_743,
    "junk_tracklets": 870,
    "junk_frames": 23_380,
    "cameras": 6,
    "unmatched_queries": 0,
    "unmatched_queries_removed": 140,
}
OFFICIAL_VERSION = "2016"

_FOLDERS = {"train": "bbox_train", "test": "bbox_test"}
_INCOMPLETE = (
    "this is not a complete official MARS: copy it again, or read your own data in this layout with "
    "counts='any' (--counts any)"
)


def examine(root: Path, *, split: int = 0, counts: Counts | None = None, check_images: bool = True) -> Examination:
    """Read a folder in the MARS layout, and check it.

    Args:
        root: the folder that holds `bbox_train`, `bbox_test` and `info`, or its parent.
        split: must be 0, MARS has one division.
        counts: what to compare with: the `official` figures, the `manifest` of a rendered or repaired set, or `any`.
            None takes the manifest where there is one and the official figures otherwise.
        check_images: list the image folders and check that every frame is there and not empty (some seconds
            for the 1.2 million of MARS). Without it file sizes do not enter the fingerprint.

    Raises:
        DataError: if a file is missing, unreadable or contradicts another one. What can be read but is not
            as expected is a failed check instead.
    """
    if split:
        raise DataError(f"MARS has one division, so split {split} does not exist; ask for split 0")
    expectation_of(counts, None)  # an unknown word is told before anything is read
    root = _find_root(Path(root))
    manifest = read_manifest(root, counts)
    expectation = expectation_of(counts, manifest)

    rows: dict[str, mars_names.Rows] = {}
    names: dict[str, mars_names.Names] = {}
    checks: list[Check] = []
    problems: list[Problem] = []
    for part, folder in _FOLDERS.items():
        table = root / "info" / f"tracks_{part}_info.mat"
        name_file = root / "info" / f"{part}_name.txt"
        matrix = mars_names.read_matrix(table, f"track_{part}_info")
        if name_file.is_file():
            source, names[part] = str(name_file), mars_names.read_names(name_file)
        else:
            source = f"the images under {root / folder}"
            names[part] = mars_names.names_from_folders(root / folder)
        rows[part] = mars_names.check_rows(matrix, len(names[part]), table)
        mars_names.check_form(names[part], source)
        named, unlike = mars_names.contradictions(names[part], rows[part], part, folder, source, table)
        checks += named
        problems += unlike
    query = _read_query(root / "info" / "query_IDX.mat", rows["test"])

    images: dict[str, ImageFiles] = {}
    if check_images:
        for part, folder in _FOLDERS.items():
            if not (root / folder).is_dir():
                raise DataError(f"{root / folder} is missing; copy the images of MARS there")
            images[part] = list_images(root, _by_folder(folder, names[part]), f"listing {folder}")

    result = Split(
        name="mars" if manifest is None else manifest.name,
        root=root,
        train=_tracklets(names["train"], rows["train"], _FOLDERS["train"]),
        test=_tracklets(names["test"], rows["test"], _FOLDERS["test"]),
        query_index=query,
        gallery_index=np.arange(len(rows["test"]), dtype=np.int64),
        fingerprint=_fingerprint(rows, names, query, images) if manifest is None else manifest.fingerprint,
        version=OFFICIAL_VERSION if manifest is None else manifest.version,
        synthetic=manifest is not None and manifest.synthetic,
    )
    expected = {"official": OFFICIAL_COUNTS, "any": None, "manifest": manifest.counts if manifest else None}
    remedy = _INCOMPLETE if expectation == "official" or manifest is None else manifest.remedy
    found = (
        *compare_counts(result.counts(), expected[expectation], remedy),
        *_check_people(result, expectation),
        *checks,
        *(check for part, listed in images.items() for check in check_listing(root, part, listed)),
    )
    problems += [one for listed in images.values() for one in listed.problems()]
    return Examination(result, found, spoken(expectation, "MARS"), tuple(problems))


def examine_synthwalk(root: Path, **options: Any) -> Examination:
    """Read a SynthWalk set, rendered or repaired: the MARS layout with a manifest beside it.

    Raises:
        DataError: as `examine`, and where the manifest is missing or is of a repaired set of other recordings.
    """
    result = examine(root, **{"counts": "manifest", **options})
    if not result.split.synthetic and (result.split.root / REPAIRED).is_file():
        raise DataError(f"{result.split.root} holds repaired {result.split.name}, not SynthWalk: read it as 'mars'")
    return result


def _check_people(split: Split, expectation: Counts) -> list[Check]:
    train, test = person_ids(split.train), person_ids(split.test)
    shared = np.intersect1d(train, test)
    found = [
        Check(
            "people in train and test",
            0,
            len(shared),
            f"identities must not be shared, but {name_some([str(i) for i in shared])} stand in both halves: "
            "correct the track tables",
        )
    ]
    if expectation == "official":
        pairs = np.stack([test, camera_ids(split.test)], axis=1)[split.query_index]
        repeated = len(pairs) - len(np.unique(pairs, axis=0))
        found += [
            Check("train people with an even number", 0, int((train % 2 == 0).sum()), _INCOMPLETE),
            Check("test people with an odd number", 0, int((test[test > 0] % 2 == 1).sum()), _INCOMPLETE),
            Check("queries of one person and camera twice", 0, repeated, _INCOMPLETE),
        ]
    return found


def _find_root(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder that holds bbox_train, bbox_test and info")
    for folder in (root, root.parent):
        if (folder / UNFINISHED).is_file():
            raise DataError(
                f"{root} is a repaired data set that is being written or was cut off half-way ({folder / UNFINISHED} "
                "says so): start the same job again to finish it, then read the folder that it names"
            )
    if (root / "info").is_dir():
        return root
    inside = [child for child in folders_in(root) if (child / "info" / "query_IDX.mat").is_file()]
    if len(inside) == 1:
        return inside[0]
    hint = f"; it holds several: name one of {', '.join(str(path) for path in inside)}" if inside else ""
    if (root / "train_split").is_dir() or ((root / "query").is_dir() and (root / "gallery").is_dir()):
        hint = (
            "; it holds query and gallery, as MARS reorganised for other code does: take the original folders, or "
            "write a CSV of the tracklets and read it as 'own'"
        )
    raise DataError(
        f"{root} is not in the MARS layout, expected the folders bbox_train, bbox_test and info in it"
        f"{hint or '; give the folder that holds them'}"
    )


def _read_query(path: Path, rows: mars_names.Rows) -> NDArray[np.int64]:
    query = mars_names.read_matrix(path, "query_IDX").reshape(-1) - 1
    outside = np.flatnonzero((query < 0) | (query >= len(rows)))
    if outside.size:
        entry = int(outside[0])
        raise DataError(
            f"{path}: entry {entry + 1} points to row {query[entry] + 1}, expected 1 to {len(rows)} "
            "(rows of tracks_test_info.mat); take both files from one copy"
        )
    if not query.size or len(np.unique(query)) != len(query):
        raise DataError(f"{path}: expected at least one query and no row twice; copy it again")
    nobody = np.flatnonzero(rows[query, 2] <= 0)
    if nobody.size:
        entry = int(nobody[0])
        raise DataError(
            f"{path}: entry {entry + 1} points to row {query[entry] + 1}, which is person "
            f"{rows[query[entry], 2]} (junk or distractor), expected a real person; "
            "take query_IDX.mat and tracks_test_info.mat from one copy"
        )
    return query


def _tracklets(names: mars_names.Names, rows: mars_names.Rows, folder: str) -> tuple[Tracklet, ...]:
    result = []
    firsts = names[rows[:, 0] - 1]
    for first, (start, end, person, camera) in zip(firsts, rows.tolist(), strict=True):
        key = mars_names.text(first[: mars_names.PREFIX])
        frames = NumberedFrames(f"{folder}/{key[mars_names.PERSON]}/{key}F", end - start + 1)
        result.append(Tracklet(key, person, camera, frames))
    return tuple(result)


def _by_folder(folder: str, names: mars_names.Names) -> dict[str, list[bytes]]:
    people = names[:, mars_names.PERSON]
    border = np.flatnonzero((people[1:] != people[:-1]).any(axis=1)) + 1
    listed: list[bytes] = np.ascontiguousarray(names).view(f"S{mars_names.WIDTH}").reshape(-1).tolist()
    result: dict[str, list[bytes]] = {}
    for start, end in zip([0, *border.tolist()], [*border.tolist(), len(names)], strict=True):
        key = f"{folder}/{mars_names.text(people[start])}"
        result.setdefault(key, []).extend(listed[start:end])
    return result


def _fingerprint(
    rows: dict[str, mars_names.Rows],
    names: dict[str, mars_names.Names],
    query: NDArray[np.int64],
    images: dict[str, ImageFiles],
) -> str:
    parts: list[Any] = ["mars layout 1", query]
    for part in _FOLDERS:
        parts += [part, rows[part], names[part]]
        parts.append(images[part].sizes if part in images else "sizes unknown")
    return fingerprint(*parts)
