"""The reader of LS-VID at the published size: made-up lists with the published counts, and 2,982,685 made-up names."""

from pathlib import Path

import numpy as np
import pytest

from datasets.files.listing import FolderListing
from datasets.files.paths import names_array
from datasets.readers.ls_vid import reader
from datasets.readers.ls_vid.lists import SequenceList
from datasets.tracklet import lengths

SIZES = {"train": (842, 2_831, 550_419), "val": (200, 779, 155_191), "test": (2_730, 11_333, 2_277_075)}
QUERIES = 3_504
CAMERAS = 15


def part_of(name: str, first_person: int) -> reader.Partition:
    """A person a folder; tracklets are dealt out evenly, and so are images."""
    people, tracklets, frames = SIZES[name]
    owners = np.sort(first_person + np.arange(tracklets) % people)
    counts = np.full(tracklets, frames // tracklets)
    counts[: frames % tracklets] += 1
    stems = [f"{person:04d}_{row:05d}_{1 + row % CAMERAS:02d}" for row, person in enumerate(owners.tolist())]
    folders = [f"tracklet_{name}/{person:04d}" for person in owners.tolist()]
    listed = SequenceList(
        Path(f"list_seq_{name}.txt"), tuple(f"{f}/{s}" for f, s in zip(folders, stems, strict=True)), owners
    )
    blocks = [names_array([f"{stem}_{k:04d}.jpg" for k in range(n)]) for stem, n in zip(stems, counts, strict=True)]
    per_person = np.bincount(owners - first_person, weights=counts).astype(np.int64)
    listing = FolderListing(
        folders=tuple(dict.fromkeys(folders)),
        starts=np.concatenate([[0], np.cumsum(per_person)]),
        names=np.concatenate(blocks),
        sizes=None,
    )
    return reader.Partition.of(name, listed, listing)


@pytest.fixture(scope="module")
def parts() -> dict[str, reader.Partition]:
    return {name: part_of(name, first) for name, first in (("train", 1), ("val", 1_001), ("test", 2_001))}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ls-vid")
    (folder / "test").mkdir()
    np.save(folder / "test" / "query.npy", 1 + np.arange(SIZES["test"][1])[-QUERIES:])
    return folder


def test_every_published_count_is_met(parts: dict[str, reader.Partition], root: Path) -> None:
    found = reader.read(root, parts)
    assert not found.failed
    assert not found.problems
    split = found.require()
    counts = split.counts()
    assert (counts["train_tracklets"], counts["query_tracklets"], counts["gallery_tracklets"]) == (2_831, 3_504, 11_333)
    assert (counts["train_frames"], counts["test_frames"], counts["cameras"]) == (550_419, 2_277_075, 15)
    assert set(lengths(split.test).tolist()) == {200, 201}
    assert split.test[-1].frames[-1] == "tracklet_test/4730/4730_11332_08_0199.jpg"


def test_the_validation_people_are_added_as_published(parts: dict[str, reader.Partition], root: Path) -> None:
    found = reader.read(root, parts, val=True)
    assert not found.failed
    counts = found.split.counts()
    assert (counts["train_ids"], counts["train_tracklets"], counts["train_frames"]) == (1_042, 3_610, 705_610)


def test_one_lost_image_is_noticed(parts: dict[str, reader.Partition], root: Path) -> None:
    train = parts["train"]
    starts = train.listing.starts.copy()
    starts[100:] -= 1
    names = np.delete(train.listing.names, int(starts[100]))
    changed = reader.Partition.of("train", train.listed, FolderListing(train.listing.folders, starts, names, None))
    failed = reader.read(root, {**parts, "train": changed}).failed
    assert [(check.what, check.found) for check in failed] == [("train_frames", 550_418)]
