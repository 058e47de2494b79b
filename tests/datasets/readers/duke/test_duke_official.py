"""The reader of DukeMTMC-VideoReID at full size, fed a listing instead of files.

The test half is the released index (`info_test.txt` and its list of tracklets). The training half is Duke-Attribute's:
people, cameras and numbers are official, while lengths are made up to the published sum.
"""

import csv
import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from datasets.attributes import duke as attributes
from datasets.attributes.csv_sheet import read_sheet
from datasets.checks import Examination
from datasets.errors import DataError
from datasets.files.listing import FolderListing
from datasets.files.paths import names_array
from datasets.readers.duke import reader
from datasets.tracklet import Split, camera_ids, lengths, person_ids

Row = tuple[int, int, int, int]  # person, tracklet, camera, frames


@pytest.fixture(scope="module")
def rows(official_metadata: Path) -> dict[str, list[Row]]:
    source = official_metadata / "duke"
    index = [[int(word) for word in line.split()] for line in (source / "info_test.txt").read_text().splitlines()]
    listed = [line.split()[0].split("/") for line in (source / "list_duke_query_gallery.txt").read_text().splitlines()]
    found: dict[str, list[Row]] = {"train": [], "query": [], "gallery": []}
    for (first, last, person, camera), (part, folder, tracklet) in zip(index, listed, strict=True):
        assert int(folder) == person
        found[part].append((person, int(tracklet), camera, last - first + 1))
    with (official_metadata / "duke_attributes" / "duke_attributes.csv").open(newline="") as file:
        table = [tuple(map(int, row[:3])) for row in list(csv.reader(file))[1:]]
    train = [row for row in table if row[2] <= 2_196]
    frames = np.full(len(train), 369_656 // len(train))
    frames[: 369_656 % len(train)] += 1
    found["train"] = [(p, t, c, int(n)) for (p, c, t), n in zip(train, frames, strict=True)]
    return found


def listing_of(part: str, rows: Sequence[Row], *, old: Sequence[int] = ()) -> FolderListing:
    """The folders of tracklets; every ninth starts at F0002; those of `old` bear names of the older release."""
    names: list[str] = []
    for person, tracklet, camera, frames in rows:
        first = 2 if tracklet % 9 == 0 else 1
        pattern = "%04dC%dF%04dX%d.jpg" if tracklet in old else "%04d_C%d_F%04d_X%d.jpg"
        names += [pattern % (person, camera, frame, 99_000 + 12 * frame) for frame in range(first, first + frames)]
    counts = [row[3] for row in rows]
    return FolderListing(
        folders=tuple(f"{part}/{person:04d}/{tracklet:04d}" for person, tracklet, _, _ in rows),
        starts=np.concatenate([[0], np.cumsum(counts)]),
        names=names_array(names),
        sizes=np.concatenate([1_000 + (tracklet + np.arange(frames)) % 5_000 for _, tracklet, _, frames in rows]),
    )


@pytest.fixture(scope="module")
def listing(rows: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory) -> reader.Listing:
    root = tmp_path_factory.mktemp("duke")
    return reader.Listing(root, {part: listing_of(part, rows[part]) for part in reader.PARTS})


@pytest.fixture(scope="module")
def examination(listing: reader.Listing) -> Examination:
    return reader.read(listing)


@pytest.fixture(scope="module")
def split(examination: Examination) -> Split:
    return examination.require()


def test_every_official_count_is_met(examination: Examination, split: Split) -> None:
    assert examination.expectation == "official DukeMTMC-VideoReID"
    assert not examination.problems
    counts = split.counts()
    assert (counts["train_tracklets"], counts["query_tracklets"], counts["gallery_tracklets"]) == (2_196, 702, 2_636)
    assert (counts["train_frames"], counts["query_frames"], counts["gallery_frames"]) == (369_656, 111_848, 445_764)
    assert (counts["train_ids"], counts["query_ids"], counts["test_ids"]) == (702, 702, 702 + 408)
    assert (counts["unmatched_queries"], counts["unmatched_queries_removed"], counts["cameras"]) == (0, 0, 8)
    assert len(split.train) + len(split.test) == 4_832
    checked = {check.what: check.expected for check in examination.checks}
    assert checked["gallery tracklets of camera 8"] == 612
    assert checked["train tracklets of camera 4"] == 165
    assert checked["distractors"] == 408


def test_lengths_of_the_test_half(split: Split) -> None:
    query, gallery = lengths(split.query), lengths(split.gallery)
    assert (query.min(), np.median(query), query.max(), round(query.mean(), 1)) == (6, 144, 3_147, 159.3)
    assert (gallery.min(), np.median(gallery), gallery.max(), round(gallery.mean(), 1)) == (1, 140.5, 9_324, 169.1)
    assert [round(100 * (query < n).mean(), 2) for n in (4, 8, 16, 32)] == [0, 0.28, 0.57, 1.28]
    assert [round(100 * (gallery < n).mean(), 2) for n in (4, 8, 16)] == [0.04, 0.23, 0.42]


def test_a_query_is_the_one_gallery_tracklet_of_its_person_and_camera(split: Split) -> None:
    pairs = Counter((t.person_id, t.camera_id) for t in split.gallery)
    assert set(pairs.values()) == {1}
    people = Counter(person_ids(split.gallery).tolist())
    matches = [people[t.person_id] - 1 for t in split.query]
    assert (min(matches), max(matches), round(float(np.mean(matches)), 2)) == (1, 4, 2.17)
    assert len({t.person_id for t in split.query}) == 702
    assert sum(1 for count in people.values() if count == 1) == 408
    train = Counter((t.person_id, t.camera_id) for t in split.train)
    assert set(train.values()) == {1}
    assert np.bincount(camera_ids(split.train))[1:].tolist() == [404, 378, 201, 165, 218, 348, 217, 265]


def test_rows_stand_in_the_order_of_the_released_index(split: Split, rows: dict[str, list[Row]]) -> None:
    for part, tracklets in (("query", split.query), ("gallery", split.gallery)):
        found = [(t.person_id, int(t.key[7:]), t.camera_id, len(t)) for t in tracklets]
        assert found == rows[part]
        assert found == sorted(found)  # the order of the folders on disk
    assert (split.query[0].key, len(split.query[0])) == ("0005C2T2200", 144)


def test_tracklets_that_start_late_keep_their_last_frame(split: Split) -> None:
    late = next(t for t in split.test if t.key.endswith("T2205"))
    assert "_F0002_" in late.frames[0]
    assert f"_F{len(late) + 1:04d}_" in late.frames[-1]


def test_all_4832_tracklets_join_duke_attribute(split: Split, official_metadata: Path) -> None:
    table = attributes.read(read_sheet(official_metadata / "duke_attributes" / "duke_attributes.csv"))
    joined = table.require_join([*split.train, *split.test])
    assert (joined.joined, joined.tracklets, joined.unused) == (4_832, 4_832, 0)


def with_part(listing: reader.Listing, part: str, changed: FolderListing) -> reader.Listing:
    return dataclasses.replace(listing, parts={**listing.parts, part: changed})


def test_the_older_names_give_the_same_tracklets(
    listing: reader.Listing, rows: dict[str, list[Row]], split: Split
) -> None:
    old = reader.Listing(
        listing.root, {part: listing_of(part, rows[part], old=range(1, 4_833)) for part in reader.PARTS}
    )
    found = reader.read(old).require()
    assert [(t.key, len(t)) for t in found.test] == [(t.key, len(t)) for t in split.test]
    assert np.array_equal(found.query_index, split.query_index)


def test_a_gallery_without_the_queries_is_refused(listing: reader.Listing, rows: dict[str, list[Row]]) -> None:
    """As in ATTR's lists: 1,934 tracklets, whose mAP compares with no other."""
    asked = {row[1] for row in rows["query"]}
    rest = listing_of("gallery", [row for row in rows["gallery"] if row[1] not in asked])
    found = reader.read(with_part(listing, "gallery", rest))
    failed = {check.what: check.found for check in found.failed}
    assert failed["queries without a copy in the gallery"] == 702
    assert failed["gallery_tracklets"] == 1_934
    with pytest.raises(DataError, match="expected"):
        found.require()


def test_one_lost_frame_is_noticed_thrice(listing: reader.Listing, rows: dict[str, list[Row]]) -> None:
    """By the sum, by the gap, and by the copy of the query."""
    lost = rows["query"][7]
    row = rows["gallery"].index(lost)
    part = listing.parts["gallery"]
    place = int(part.starts[row]) + 4
    starts = part.starts.copy()
    starts[row + 1 :] -= 1
    keep = np.arange(len(part.names)) != place
    assert part.sizes is not None
    changed = FolderListing(part.folders, starts, part.names[keep], part.sizes[keep])
    found = reader.read(with_part(listing, "gallery", changed))
    failed = {check.what: check.found for check in found.failed}
    assert failed["gallery_frames"] == 445_763
    assert failed["gallery tracklets with gaps in the numbers of their images"] == 1
    assert failed["queries unlike their copy in the gallery"] == 1
    assert {one.file for one in found.problems} == {part.folders[row], f"query/{lost[0]:04d}/{lost[1]:04d}"}


def test_a_tracklet_under_another_camera_is_noticed(listing: reader.Listing, rows: dict[str, list[Row]]) -> None:
    person, tracklet, camera, frames = rows["train"][3]
    other = [*rows["train"][:3], (person, tracklet, camera % 8 + 1, frames), *rows["train"][4:]]
    found = reader.read(with_part(listing, "train", listing_of("train", other)))
    failed = [check.what for check in found.failed]
    assert f"train tracklets of camera {camera}" in failed
    assert f"train tracklets of camera {camera % 8 + 1}" in failed


def test_gaps_of_the_release_itself_are_no_fault(listing: reader.Listing) -> None:
    """Where all 445,764 frames are there, a number left out was never given."""
    part = listing.parts["gallery"]
    names = part.names.copy()
    first = int(np.flatnonzero(np.char.startswith(names, b"7138_"))[-1])  # a distractor's, so that no query differs
    names[first] = names[first].replace(b"_F", b"_F9", 1).replace(b"_F90", b"_F9", 1)
    found = reader.read(with_part(listing, "gallery", dataclasses.replace(part, names=names)))
    counted = {check.what: check.found for check in found.checks}
    assert counted["gallery tracklets with gaps in the numbers of their images"] == 1
    assert not found.failed
    assert [(one.kind, one.file) for one in found.problems] == [("order", "gallery/7138/4830")]  # told all the same
